package engine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// Config is what an Engine is made of.
type Config struct {
	Snapshot  *Snapshot
	Scheduler Scheduler
	Recorder  Recorder
}

// Engine takes requests through the snapshot in force. It is safe for concurrent
// use.
type Engine struct {
	snapshot  atomic.Pointer[Snapshot]
	scheduler Scheduler
	recorder  Recorder
	ledger    *Ledger
}

// New returns an engine that serves the given snapshot.
func New(c Config) *Engine {
	e := &Engine{scheduler: c.Scheduler, recorder: c.Recorder, ledger: NewLedger()}
	e.snapshot.Store(c.Snapshot)
	return e
}

// Snapshot is the one in force. It stays readable after it was replaced, but may
// be closed then: requests use Handle.
func (e *Engine) Snapshot() *Snapshot { return e.snapshot.Load() }

// Swap puts a new snapshot in force. Requests under way end under the old one,
// which is closed when the last of them has ended.
func (e *Engine) Swap(s *Snapshot) {
	if old := e.snapshot.Swap(s); old != nil && old != s {
		old.retire()
	}
}

// Close closes the snapshot in force as soon as no request uses it.
func (e *Engine) Close() { e.snapshot.Load().retire() }

// acquire returns the snapshot in force, kept open until it is released. A
// snapshot that was retired between the load and the retain is let go again, so
// nobody uses one that may have been closed. Close leaves the last one in place:
// who asks then gets it retired, after the listeners are down.
func (e *Engine) acquire() *Snapshot {
	for {
		s := e.snapshot.Load()
		s.retain()
		if !s.retired.Load() || e.snapshot.Load() == s {
			return s
		}
		s.release()
	}
}

// Handle takes one request from classification to the last byte of its reply,
// which goes to sink. It returns when all of that is done and recorded. ctx ends
// when the client is gone.
func (e *Engine) Handle(ctx context.Context, req *Request, sink Sink) Outcome {
	x := e.begin(req)
	defer x.snap.release()
	if x.decide(ctx) && x.oblige() && x.permit() && x.plan() {
		x.out.Action = ActionForward
	}
	if x.recordDecision(ctx) && x.out.Action == ActionForward {
		x.forward(ctx, sink)
	}
	if x.out.Seq != 0 {
		x.recordOutcome()
	}
	return x.out
}

// Decide classifies and decides a request and forwards nothing.
func (e *Engine) Decide(ctx context.Context, req *Request) Outcome {
	x := e.begin(req)
	defer x.snap.release()
	if x.decide(ctx) && x.oblige() && x.permit() {
		x.out.Action = ActionAnswer
	}
	x.recordDecision(ctx)
	return x.out
}

// DecideInput evaluates policy on a decision input document that the operator
// made. It forwards nothing.
func (e *Engine) DecideInput(ctx context.Context, in *Input) Outcome {
	return e.DecideInputFor(ctx, &in.Principal, in)
}

// DecideInputFor is DecideInput for a client, who may state any principal in the
// document. The record names the client.
func (e *Engine) DecideInputFor(ctx context.Context, client *Principal, in *Input) Outcome {
	x := e.begin(nil)
	defer x.snap.release()
	x.in, x.client = in, client
	if x.evaluate(ctx) {
		x.out.Action = ActionAnswer
	}
	x.recordDecision(ctx)
	return x.out
}

// exchange is one request on its way through the engine. Each step returns
// whether the next one may run; a step that returns false has set the outcome.
type exchange struct {
	e      *Engine
	snap   *Snapshot
	start  time.Time
	req    *Request // nil where only an input document was given
	in     *Input
	client *Principal // where it is not the one of the input
	out    Outcome

	classified   []ClassifierInfo
	truncated    bool
	masks        map[string]string // what the input has for a text with findings
	originals    []RecordText      // texts before obligations, where they are to be logged
	redacted     map[int]bool      // findings that were redacted, by index
	budget       Budget            // in force
	stated       Budget            // what of it the client or policy stated
	maxOutput    int               // 0: none
	placeholders *placeholders     // nil: nothing was redacted
	completion   []Classifier      // that read the reply
	permitted    []Candidate
	logLevel     LogLevel
}

func (e *Engine) begin(req *Request) *exchange {
	x := &exchange{e: e, snap: e.acquire(), start: time.Now(), req: req, logLevel: LogMetadata}
	x.out.DecisionID = NewID(x.start)
	x.out.Action = ActionDeny
	return x
}

// refuse sets the outcome of a request that goes no further.
func (x *exchange) refuse(action Action, status int, code, message string, reasons ...Reason) bool {
	x.out.Action, x.out.Status, x.out.Code, x.out.Message = action, status, code, message
	x.out.Reasons = append(x.out.Reasons, reasons...)
	return false
}

// NewID returns a UUID of version 7 (RFC 9562): its order is that of time, to
// the millisecond, the rest is random.
func NewID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:]) // never fails, see crypto/rand
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
