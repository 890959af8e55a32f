package gateway

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// A reply ends once, whether or not the sink is told of its end, and what is lost of
// the request is in its header.
func TestReplyEndsOnce(t *testing.T) {
	for name, test := range map[string]struct {
		told   int
		panics bool
	}{
		"told": {told: 1}, "told twice": {told: 2}, "not told": {}, "a panic afterwards": {told: 1, panics: true},
	} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, &fakeHandler{handle: func(_ context.Context, _ *engine.Request, sink engine.Sink) engine.Outcome {
				h := head()
				h.Losses = []engine.Loss{{Field: "seed", How: engine.LossDropped}}
				_ = sink.Start(h)
				_ = sink.Frame(text("hello"))
				_ = sink.Frame(&engine.Frame{Events: []engine.Event{{Kind: engine.EventFinish, Finish: engine.FinishStop}, {Kind: engine.EventEnd}}})
				for range test.told {
					if _, err := sink.(engine.Finisher).Finish(); err != nil {
						t.Error(err)
					}
				}
				if test.panics {
					panic("of whoever records")
				}
				return engine.Outcome{DecisionID: "decision-1", Status: 200, Sent: true}
			}})
			for _, request := range []string{chatBody, streamBody} {
				c := dial(t, ts.addr)
				c.send(post(chatPath, request))
				resp := c.response()
				b, err := io.ReadAll(resp.Body)
				body := string(b)
				if request == chatBody && test.panics {
					if resp.StatusCode != 500 || strings.Contains(body, "hello") {
						t.Errorf("%d %s", resp.StatusCode, body)
					}
					continue
				}
				if resp.StatusCode != 200 || resp.Header.Get("Sallyport-Lossy") != "seed" || strings.Count(body, "hello") != 1 || strings.Contains(body, `"error"`) {
					t.Errorf("%d, lossy %q: %s", resp.StatusCode, resp.Header.Get("Sallyport-Lossy"), body)
				}
				if request == streamBody && (strings.Count(body, "[DONE]") != 1 || (err != nil) != test.panics) {
					t.Errorf("the stream ends in %v: %s", err, body)
				}
			}
		})
	}
}
