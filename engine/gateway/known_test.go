package gateway

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// lasting is a handler with one snapshot until it is given another.
type lasting struct {
	*fakeHandler
	snap atomic.Pointer[engine.Snapshot]
}

func (l *lasting) Snapshot() *engine.Snapshot { return l.snap.Load() }

// A request that comes again brings the answer that was given to it, and its input
// all the same, as long as the snapshot lasts.
func TestDataKnown(t *testing.T) {
	o := result(`{"a":[1]}`)
	o.Answer = &engine.KnownAnswer{QueryAnswer: engine.QueryAnswer{Result: o.Result}}
	fake, got := answering(o)
	h := &lasting{fakeHandler: fake}
	h.snap.Store(fake.Snapshot())
	c := dial(t, start(t, h).addr)
	ask := func(path, body string) (engine.DocumentQuery, string) {
		t.Helper()
		c.send(post(path, body))
		resp, answer := c.read()
		if resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
		return got.get(), answer
	}
	const body = `{ "other":1, "input" : {"user":"alice"} }`
	for i, known := range []bool{false, false, true, true} {
		q, answer := ask("/v1/data/app/allow", body)
		if (q.Known == o.Answer) != known || string(q.Input) != `{"user":"alice"}` || q.Path != "app/allow" || answer != `{"decision_id":"q-1","result":{"a":[1]}}` {
			t.Errorf("request %d: known %v, input %s, %s", i, q.Known, q.Input, answer)
		}
	}
	for _, other := range [][2]string{{"/v1/data/app/allowed", body}, {"/v1/data/app/allow", strings.Replace(body, "alice", "alicf", 1)}, {"/v1/data/app/allow", strings.Replace(body, " ", "", 1)}} {
		if q, _ := ask(other[0], other[1]); q.Known != nil {
			t.Errorf("%v: the answer of another request", other)
		}
	}
	if q, answer := ask("/v1/data/app/allow?pretty", body); q.Known != o.Answer || !strings.Contains(answer, "\n") {
		t.Errorf("%v, %s", q.Known, answer)
	}
	for range 3 {
		if q, answer := ask("/v1/data/app/none", `{"input":null}`); q.Input != nil || !strings.Contains(answer, "api_usage_warning") {
			t.Errorf("%s: %s", q.Input, answer)
		}
	}
	h.snap.Store(fake.Snapshot())
	if q, _ := ask("/v1/data/app/allow", body); q.Known != nil {
		t.Error("an answer outlived its snapshot")
	}
}

// An input document that comes again is read once, unless its time is the present.
func TestDecisionInputKnown(t *testing.T) {
	var got box[*engine.Input]
	h := &fakeHandler{decideInput: func(_ context.Context, in *engine.Input) engine.Outcome {
		got.set(in)
		return engine.Outcome{DecisionID: "d", Verdict: engine.Allow, Action: engine.ActionAnswer}
	}}
	c := dial(t, start(t, h).addr)
	ask := func(body string) *engine.Input {
		t.Helper()
		c.send(post("/v1/decisions", body))
		if resp, answer := c.read(); resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
		return got.get()
	}
	const timed = `{"time":"2026-11-23T16:00:00Z","principal":{"id":"a"}}`
	var read [4]*engine.Input
	for i := range read {
		read[i] = ask(timed)
	}
	if read[0] == read[1] || read[1] != read[2] || read[2] != read[3] || read[1].Form == nil || read[0].Form != nil {
		t.Errorf("read as %p %p %p %p", read[0], read[1], read[2], read[3])
	}
	if other := ask(strings.Replace(timed, `"a"`, `"b"`, 1)); other == read[1] || other.Principal.ID != "b" {
		t.Error("another document's input")
	}
	seen := map[*engine.Input]bool{}
	for range 4 {
		if in := ask(`{"principal":{"id":"a"}}`); in.Form != nil || seen[in] {
			t.Error("a document without a time was remembered")
		} else {
			seen[in] = true
		}
	}
	c.send(post("/v1/decisions", `{"time":"2026-11-23T16:00:00Z","principal":{"id":"a"},"nope":1}`))
	if resp, answer := c.read(); resp.StatusCode != 400 || !strings.Contains(answer, "nope") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}
