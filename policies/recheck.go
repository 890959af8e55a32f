package policies

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/sallyport-ai/sallyport/engine"
)

// Mismatch is a decision that the compiled policy and OPA's own evaluator make
// differently: a fault of this program.
type Mismatch struct {
	Revision  string
	Input     *engine.Input    // must not be changed
	Compiled  *engine.Decision // nil: CompiledError says why
	Reference *engine.Decision // nil: ReferenceError says why, or it was not asked
	// ReferenceError and CompiledError name rules and lines and hold no values of the
	// input but what a policy puts into its reasons.
	ReferenceError, CompiledError string
	// Document is what differs where that is no decision; nil: it is the decision.
	Document *DocumentMismatch
}

// DocumentMismatch is a document that was asked for and has two values. Hashes are
// hex SHA-256; of values, "": undefined.
type DocumentMismatch struct {
	Path                string // as of engine.Querier
	InputSHA256         string // of the input as it was given
	Compiled, Reference string // hashes of the values
}

// A fresh policy has all its decisions made again for a while, then one in some.
const (
	recheckAll   = time.Minute
	recheckEvery = 1000
	recheckQueue = 1024 // decisions that wait; more are not made again
	// recheckAnswers is how many answers of a document that was compiled just now are
	// all checked, whenever that is.
	recheckAnswers = 256
)

// rechecker makes decisions again on OPA's own evaluator, off the way of requests,
// one at a time.
type rechecker struct {
	set     *Set
	report  func(Mismatch)
	begun   time.Time // when the set was loaded
	count   atomic.Uint64
	queue   chan recheck
	working atomic.Bool

	checked, dropped, mismatches atomic.Uint64
}

// recheck is a decision, or a document where query has a path.
type recheck struct {
	in       *engine.Input
	decision *engine.Decision

	query  preparedQuery
	input  []byte // nil: none
	result []byte // nil: undefined
}

func newRechecker(s *Set, report func(Mismatch)) *rechecker {
	return &rechecker{set: s, report: report, begun: time.Now(), queue: make(chan recheck, recheckQueue)}
}

// offer may have a decision made again. It does not wait.
func (r *rechecker) offer(in *engine.Input, d *engine.Decision) {
	if r.count.Add(1)%recheckEvery == 0 || time.Since(r.begun) <= recheckAll {
		r.put(recheck{in: in, decision: d})
	}
}

// offerDocument may have a document evaluated again. It does not wait, and copies
// the input.
func (r *rechecker) offerDocument(q preparedQuery, input []byte, a engine.QueryAnswer) {
	if r.count.Add(1)%recheckEvery == 0 || time.Since(r.begun) <= recheckAll || q.compiled.answers.Add(1) <= recheckAnswers {
		r.put(recheck{query: q, input: bytes.Clone(input), result: a.Result})
	}
}

func (r *rechecker) put(c recheck) {
	select {
	case r.queue <- c:
	default:
		r.dropped.Add(1)
		return
	}
	if r.working.CompareAndSwap(false, true) {
		go r.work()
	}
}

// work ends when nothing waits. Each of its decisions ends in the set's own time.
func (r *rechecker) work() {
	for {
		select {
		case c := <-r.queue:
			if c.decision != nil {
				r.check(c)
			} else {
				r.checkDocument(c)
			}
			continue
		default:
		}
		r.working.Store(false)
		// Something may have come in between; then whoever is first goes on.
		if len(r.queue) == 0 || !r.working.CompareAndSwap(false, true) {
			return
		}
	}
}

func (r *rechecker) check(c recheck) {
	want, err := r.set.reference(context.Background(), c.in)
	if errors.Is(err, context.DeadlineExceeded) {
		return // the machine is busy, which says nothing
	}
	r.checked.Add(1)
	if err == nil && sameDecision(want, c.decision) {
		return
	}
	m := Mismatch{Revision: r.set.revision, Input: c.in, Compiled: c.decision, Reference: want}
	if err != nil {
		m.Reference, m.ReferenceError = nil, err.Error()
	}
	r.mismatch(m)
}

func (r *rechecker) checkDocument(c recheck) {
	want, err := r.set.queryReference(context.Background(), c.query, c.input)
	if q, ok := errors.AsType[*engine.QueryError](err); ok && q.Code == topdown.CancelErr {
		return // the machine is busy, which says nothing
	}
	r.checked.Add(1)
	if err == nil && bytes.Equal(want, c.result) && (want == nil) == (c.result == nil) {
		return
	}
	c.query.compiled.program.Store(nil)
	m := Mismatch{Revision: r.set.revision, Document: &DocumentMismatch{
		Path: c.query.path, InputSHA256: hashOf(c.input), Compiled: hashOf(c.result), Reference: hashOf(want)}}
	if q, ok := errors.AsType[*engine.QueryError](err); ok {
		m.ReferenceError = q.Code // its message may quote the input
	} else if err != nil {
		m.ReferenceError = "the document could not be evaluated"
	}
	r.mismatch(m)
}

// hashOf is the hex SHA-256 of b, "" of nothing.
func hashOf(b []byte) string {
	if b == nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// mismatch turns the compiled policy off for good and says so.
func (r *rechecker) mismatch(m Mismatch) {
	r.mismatches.Add(1)
	r.set.fast.off.Store(true)
	r.report(m)
}

// DecideTwice decides on the compiled policy and on OPA's own evaluator, whose
// decision or error it returns. same is false where the compiled policy decides
// otherwise: a fault of this program, after which OPA's evaluator makes all decisions
// of the set.
func (s *Set) DecideTwice(ctx context.Context, in *engine.Input) (d *engine.Decision, same bool, err error) {
	d, err = s.reference(ctx, in)
	if s.fast == nil || s.fast.off.Load() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return d, true, err
	}
	made, failed := s.fast.decide(ctx, in, s.revision)
	same = failed != nil && !errors.Is(failed, errFault) || // what is left to the reference is the reference's
		failed == nil && err == nil && sameDecision(d, made)
	if !same {
		s.fast.off.Store(true)
	}
	return d, same, err
}

func sameDecision(a, b *engine.Decision) bool {
	return bytes.Equal(a.Raw, b.Raw) && a.Allow == b.Allow && reflect.DeepEqual(a.Controls, b.Controls) &&
		reflect.DeepEqual(a.Deny, b.Deny) && reflect.DeepEqual(a.Exclude, b.Exclude) && reflect.DeepEqual(a.Prefer, b.Prefer) &&
		reflect.DeepEqual(a.Obligations, b.Obligations)
}

// Evaluation says how a set's decisions are made.
type Evaluation struct {
	Compiled   bool   // by compiled closures; otherwise by OPA's own evaluator
	Cacheable  bool   // decisions do not depend on the whole input
	Looked     uint64 // decisions that were looked up
	Hits       uint64 // of those, found
	Rechecked  uint64 // decisions that were made again on OPA's own evaluator
	Unchecked  uint64 // that were to be and were not, for want of time
	Mismatches uint64 // of those made again, that differed
}

// Evaluation is how decisions are made at this moment.
func (s *Set) Evaluation() Evaluation {
	e := Evaluation{}
	if f := s.fast; f != nil {
		e.Compiled = !f.off.Load()
		if c := f.cache; c != nil {
			e.Cacheable = true
			e.Looked, e.Hits = c.kept.Stats()
		}
	}
	if r := s.recheck; r != nil {
		e.Rechecked, e.Unchecked, e.Mismatches = r.checked.Load(), r.dropped.Load(), r.mismatches.Load()
	}
	return e
}
