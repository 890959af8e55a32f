package engine

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

var errBudget = errors.New("the budget is spent")

// forward tries the plan's attempts in order until one has begun to answer. The
// next one starts only while nothing has reached the client.
func (x *exchange) forward(ctx context.Context, sink Sink) {
	deadline := x.deadline()
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline, errBudget)
		defer cancel()
	}
	for i := range x.out.Plan.Attempts {
		a := x.out.Plan.Attempts[i]
		a.Number, a.Request, a.MaxOutputTokens, a.Deadline = i+1, x.req, x.maxOutput, deadline
		a.Lossless = x.out.Decision.Obligations.Lossy == LossyDeny
		if x.req.Stream && x.budget.OnMiss == OnMissCancel && x.budget.TTFT > 0 {
			a.FirstByteBy = x.start.Add(x.budget.TTFT)
		}
		if ctx.Err() != nil {
			break
		}
		if again := x.attempt(ctx, &a, sink); !again {
			break
		}
	}
	x.out.Timings.Total = time.Since(x.start)
	x.answer(ctx)
}

// deadline is the absolute end of the request: its total budget where a miss is
// to be cancelled, the configured maximum in any case.
func (x *exchange) deadline() time.Time {
	total := x.snap.Budgets.MaxTotal
	if x.budget.OnMiss == OnMissCancel {
		total = least(total, x.budget.Total)
	}
	if total == 0 {
		return time.Time{}
	}
	return x.start.Add(total)
}

// attempt makes one try and says whether the next may follow.
func (x *exchange) attempt(ctx context.Context, a *Attempt, sink Sink) (again bool) {
	c := &a.Candidate
	started := time.Now()
	x.e.scheduler.Begin(c.Target, c.Model, x.req.PromptTokens, started)
	relay := &relay{sink: sink, x: x, attempt: a}
	if x.out.Decision.Obligations.Restore && x.placeholders != nil {
		relay.restorer = newRestorer(x.placeholders.values())
		relay.restorer.signed = signsReasoning(Dialect(c.Facts.Dialect))
	}
	if len(x.completion) > 0 && x.req.Operation != OpEmbeddings { // whose replies have no text
		relay.inspector = newInspector(ctx, x)
	}
	usage, err := x.snap.Forwarder.Forward(ctx, a, relay)
	if err == nil {
		err = relay.finish()
	}
	if err == nil && !relay.started {
		// A whole reply without text, as of embeddings, has been held until here.
		err = relay.begin()
	}
	if end, ok := sink.(Finisher); ok && err == nil {
		x.out.Losses, relay.err = end.Finish()
		err = relay.err
	}
	now := time.Now()

	result := AttemptResult{Target: c.Target, Model: c.Model, Posture: c.Facts.Posture, Started: FormatTime(started),
		Losses: c.Losses}
	sample := Sample{Target: c.Target, Model: c.Model, PromptTokens: x.req.PromptTokens, Total: now.Sub(started), Unary: !x.req.Stream}
	if !relay.first.IsZero() {
		sample.TTFT = relay.first.Sub(started)
		result.TTFTMs = milliseconds(sample.TTFT)
	}
	if relay.started {
		x.out.Timings.TTFT = relay.begun.Sub(x.start)
	}
	x.out.Sent = x.out.Sent || relay.started
	x.out.Timings.Upstream = now.Sub(started)
	upstream, _ := errors.AsType[*UpstreamError](err)
	switch {
	case err == nil:
	case relay.refused != nil:
		sample.Cancelled, result.Error = true, "reply_refused"
	case ctx.Err() != nil:
		sample.Cancelled, result.Error = true, "cancelled"
	case relay.err != nil:
		sample.Cancelled, result.Error = true, "client_gone"
	case upstream != nil && upstream.Code == UpstreamUnsupported:
		sample.Cancelled = true
	case upstream != nil:
		sample.Failed, sample.RetryAfter, result.Error = true, upstream.RetryAfter, upstream.Code
		result.Unsent = upstream.Unsent
	default:
		sample.Failed, result.Error = true, "internal"
	}
	sample.OutputTokens = usage.Output
	x.e.scheduler.End(sample, now)
	if upstream != nil && upstream.Code == UpstreamUnsupported {
		// No try: nothing could be sent. Fit has said otherwise, so this is rare.
		x.out.Upstream = upstream
		return true
	}
	x.out.Attempts = append(x.out.Attempts, result)
	x.out.Target, x.out.Usage = *c, usage
	if err == nil || relay.started || relay.refused != nil {
		x.out.CostUSD = c.Price.Cost(usage)
		x.e.ledger.Spend(x.req.Principal.Tenant, x.out.CostUSD, now)
	}
	if relay.inspector != nil {
		defer func() { x.out.Completion = relay.inspector.result() }()
	}
	if err == nil {
		x.out.Status, x.out.Code, x.out.Message, x.out.Upstream = http.StatusOK, "", "", nil
		x.out.Met = x.met(usage)
		return false
	}
	if relay.refused != nil {
		x.refuseReply(relay.refused)
		return false
	}
	if upstream == nil {
		upstream = &UpstreamError{Target: c.Target, Code: result.Error, Err: err}
	}
	x.out.Upstream = upstream
	if relay.err != nil {
		x.out.Code, x.out.Status = CodeClientGone, 499
		return false
	}
	x.out.Code, x.out.Status = CodeUpstreamError, http.StatusBadGateway
	return !relay.started && upstream.Retryable && ctx.Err() == nil
}

// answer settles what the client is told about a request that was not answered
// in full.
func (x *exchange) answer(ctx context.Context) {
	if x.out.Status == http.StatusOK || x.out.Action == ActionDeny {
		return
	}
	o := &x.out
	// Who ended the request may have said why.
	cause, _ := errors.AsType[*RequestError](context.Cause(ctx))
	switch {
	case ctx.Err() == nil && o.Code != CodeClientGone && x.overdue(),
		ctx.Err() != nil && (errors.Is(context.Cause(ctx), errBudget) || errors.Is(ctx.Err(), context.DeadlineExceeded)):
		o.Status, o.Code, o.Message = http.StatusGatewayTimeout, CodeBudgetSpent, "the budget was spent before the reply was complete"
	case ctx.Err() != nil && cause != nil:
		o.Status, o.Code, o.Message = cause.Status, cause.Code, cause.Message
	case ctx.Err() != nil || o.Code == CodeClientGone:
		o.Status, o.Code, o.Message = 499, CodeClientGone, "the client closed the connection"
	case o.Upstream == nil:
		o.Status, o.Code, o.Message = http.StatusBadGateway, CodeUpstreamError, "no target was tried"
	case o.Upstream.Code == UpstreamUnsupported && len(o.Attempts) == 0:
		why, _ := errors.AsType[*RequestError](o.Upstream.Err)
		x.unsupported(&misfit{key: o.Upstream.Target, why: why})
	case o.Upstream.Code == "first_byte_timeout":
		o.Status, o.Code, o.Message = http.StatusGatewayTimeout, CodeBudgetSpent, "no target began to answer within the budget"
	default:
		o.Code, o.Message, o.RetryAfter = CodeUpstreamError, "the target failed to answer", o.Upstream.RetryAfter
		o.Status = http.StatusBadGateway
		// What the target refused as the client's mistake is the client's to see.
		if s := o.Upstream.Status; o.Disclose && slices.Contains(passThrough, s) {
			o.Status = s
		}
		if o.Disclose && o.Upstream.Message != "" && o.Upstream.Status != http.StatusUnauthorized && o.Upstream.Status != http.StatusForbidden {
			o.Message = o.Upstream.Message
		}
	}
}

// overdue says whether the request's deadline has passed. A target gives up at the
// same instant, and may be heard before the context is.
func (x *exchange) overdue() bool {
	d := x.deadline()
	return !d.IsZero() && !time.Now().Before(d)
}

// passThrough are the upstream statuses that say something about the client's
// request; 401 and 403 are about our own credentials, stay a 502 and keep their
// message, which may quote a part of them.
var passThrough = []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge,
	http.StatusUnprocessableEntity, http.StatusTooManyRequests}

// met says whether the reply kept every stated budget.
func (x *exchange) met(u Usage) bool {
	t, b := x.out.Timings.TTFT, x.budget
	total := time.Since(x.start)
	if b.TTFT > 0 && x.req.Stream && t > b.TTFT || b.Total > 0 && total > b.Total {
		return false
	}
	return b.TPOT == 0 || u.Output < 2 || (total-t)/time.Duration(u.Output-1) <= b.TPOT
}

// relay stands between a target and the client. It starts the client's reply
// with the first frame that has content: what comes before it (an identifier, a
// role) is held back, so that a target which fails after such a frame can still
// be replaced by the next.
type relay struct {
	sink      Sink
	x         *exchange
	attempt   *Attempt
	held      []Frame
	heldBytes int        // of their payloads
	inspector *inspector // nil: policy does not oblige to read the reply
	restorer  *restorer  // nil: nothing to restore
	started   bool
	first     time.Time     // first content of the target
	begun     time.Time     // first content for the client
	err       error         // of the sink: the client is gone
	refused   *refusedReply // the inspector let the reply go no further
}

// Start is the engine's to call; a target does not.
func (r *relay) Start(ReplyHead) error { return nil }

func (r *relay) Frame(f *Frame) error {
	if r.refused != nil {
		return r.refused
	}
	if r.err != nil {
		return r.err
	}
	if r.inspector != nil {
		if r.first.IsZero() && content(f) {
			r.first = time.Now()
		}
		var err error
		if f, err = r.inspector.frame(f); err != nil || f == nil {
			return r.stopped(err)
		}
	}
	return r.pass(f)
}

// stopped notes where it was the inspector that stopped the reply.
func (r *relay) stopped(err error) error {
	r.refused, _ = errors.AsType[*refusedReply](err)
	return err
}

// finish lets go of what the inspector holds of a reply that is complete.
func (r *relay) finish() error {
	if r.inspector == nil {
		return nil
	}
	f, err := r.inspector.finish()
	if err != nil || f == nil {
		return r.stopped(err)
	}
	return r.pass(f)
}

// pass hands on what has been inspected.
func (r *relay) pass(f *Frame) error {
	if !r.started {
		if !content(f) && len(r.held) < maxHeld && r.heldBytes+len(f.Raw) <= maxHeldBytes {
			r.heldBytes += len(f.Raw)
			r.held = append(r.held, f.Clone())
			return nil
		}
		if err := r.begin(); err != nil {
			return err
		}
	}
	if r.restorer != nil {
		if f = r.restorer.frame(f); f == nil {
			return nil // all of it is held
		}
	}
	r.err = r.sink.Frame(f)
	return r.err
}

func (r *relay) begin() error {
	r.started, r.begun = true, time.Now()
	if r.first.IsZero() {
		r.first = r.begun
	}
	x := r.x
	h := ReplyHead{DecisionID: x.out.DecisionID, Attempt: *r.attempt, Disclose: x.out.Disclose, Timings: x.out.Timings, BudgetLeft: -1,
		Losses: r.attempt.Candidate.Losses}
	h.Timings.TTFT = r.begun.Sub(x.start)
	if x.budget.Total > 0 {
		h.BudgetLeft = max(0, (x.budget.Total - r.begun.Sub(x.start)).Milliseconds())
	}
	r.err = r.sink.Start(h)
	for i := range r.held {
		if r.err == nil {
			r.err = r.sink.Frame(&r.held[i])
		}
	}
	r.held = nil
	return r.err
}

// maxHeld and maxHeldBytes bound the frames held back from a target that sends
// nothing else. Real ones are some hundred bytes; a hostile one may be megabytes.
const (
	maxHeld      = 64
	maxHeldBytes = 256 << 10
)

// content says whether a frame holds anything of the answer, its end included.
func content(f *Frame) bool {
	for i := range f.Events {
		if f.Events[i].Content() {
			return true
		}
	}
	return false
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
