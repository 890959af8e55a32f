package gateway

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestLossy(t *testing.T) {
	request := []engine.Loss{{Field: "seed", How: engine.LossDropped}, {Field: "messages[3].role", How: engine.LossApproximated}}
	reply := []engine.Loss{{Field: "choices[0].message.annotations", How: engine.LossDropped}}
	if got, want := lossy(request, reply), `seed, "messages[3].role", "choices[0].message.annotations"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := lossy(nil, nil); got != "" {
		t.Errorf("got %s", got)
	}
}

func TestInferenceStatus(t *testing.T) {
	with := func(change func(*engine.ReplyHead)) *engine.ReplyHead {
		h := head()
		change(&h)
		return &h
	}
	tests := []struct {
		name string
		head *engine.ReplyHead
		want string
	}{
		{"plain", with(func(*engine.ReplyHead) {}), `vllm;model="small";pred-ttft=420;p-meet=0.97;attempt=1`},
		{"names hidden", with(func(h *engine.ReplyHead) { h.Disclose = false }), `gpu_cluster;model="small";pred-ttft=420;p-meet=0.97;attempt=1`},
		{"budget", with(func(h *engine.ReplyHead) { h.BudgetLeft, h.Attempt.Number = 0, 2 }), `vllm;model="small";pred-ttft=420;p-meet=0.97;attempt=2;budget-left=0`},
		{"no token", with(func(h *engine.ReplyHead) { h.Attempt.Candidate.Target = "8b cluster" }), `"8b cluster";model="small";pred-ttft=420;p-meet=0.97;attempt=1`},
		{"quotes", with(func(h *engine.ReplyHead) { h.Attempt.Candidate.Model = `a"b\c` }), `vllm;model="a\"b\\c";pred-ttft=420;p-meet=0.97;attempt=1`},
		{"line break", with(func(h *engine.ReplyHead) { h.Attempt.Candidate.Target = "a\r\nSet-Cookie: x" }), `%"a%0d%0aSet-Cookie: x";model="small";pred-ttft=420;p-meet=0.97;attempt=1`},
		{"not ASCII", with(func(h *engine.ReplyHead) { h.Attempt.Candidate.Model = `é"%` }), `vllm;model=%"%c3%a9%22%25";pred-ttft=420;p-meet=0.97;attempt=1`},
		{"nothing predicted", with(func(h *engine.ReplyHead) { h.Attempt.PredictedTTFT, h.Attempt.PMeet = 0, math.NaN() }), `vllm;model="small";attempt=1`},
		{"rounded", with(func(h *engine.ReplyHead) { h.Attempt.PMeet = 0.99996 }), `vllm;model="small";pred-ttft=420;p-meet=1;attempt=1`},
		{"empty", with(func(h *engine.ReplyHead) { h.Attempt.Candidate.Target = "" }), `"";model="small";pred-ttft=420;p-meet=0.97;attempt=1`},
	}
	for _, tt := range tests {
		if got := inferenceStatus(tt.head); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestServerTiming(t *testing.T) {
	if got := serverTiming(&engine.Timings{}); got != "" {
		t.Errorf("nothing took time: %q", got)
	}
	got := serverTiming(&engine.Timings{Policy: 40 * time.Microsecond, Upstream: 1234567 * time.Microsecond, Total: time.Hour})
	if want := "policy;dur=0.04, upstream;dur=1234.567"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A name that holds a line break does not become a header.
func TestNamesDoNotInjectHeaders(t *testing.T) {
	h := &fakeHandler{handle: func(_ context.Context, _ *engine.Request, sink engine.Sink) engine.Outcome {
		r := head()
		r.DecisionID = "d\r\nX-Injected: 1"
		r.Attempt.Candidate.Target, r.Attempt.Candidate.Model = "t\r\nX-Injected: 2", "m\nX-Injected: 3"
		_ = sink.Start(r)
		_ = sink.Frame(text("hello"))
		return engine.Outcome{DecisionID: r.DecisionID, Status: 200, Sent: true}
	}}
	ts := start(t, h)
	c := dial(t, ts.addr)
	for _, body := range []string{chatBody, streamBody} {
		c.send(post(chatPath, body))
		resp, _ := c.read()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Injected") != "" || strings.ContainsAny(resp.Header.Get("Inference-Status"), "\r\n") {
			t.Errorf("%v", resp.Header)
		}
	}
}
