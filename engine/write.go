package engine

import (
	"context"
	"net/http"
	"time"
)

// recordDecision writes the decision's record. Without it nothing leaves.
func (x *exchange) recordDecision(ctx context.Context) bool {
	if x.in == nil {
		return false // refused before there was anything to decide
	}
	begun := time.Now()
	var err error
	x.out.Seq, err = x.e.recorder.Record(ctx, x.decisionRecord())
	x.out.Timings.Record = time.Since(begun)
	if err != nil {
		x.out.RecordErr = err
		x.out.Seq = 0
		return x.refuse(ActionDeny, http.StatusServiceUnavailable, CodeLogUnavailable,
			"the decision could not be recorded, so the request is refused")
	}
	x.shadowed()
	return true
}

func (x *exchange) decisionRecord() *Record {
	d := x.out.Decision
	r := &Record{
		Kind: RecordDecision, Time: FormatTime(x.start), DecisionID: x.out.DecisionID,
		Principal: &x.in.Principal, Policy: &RecordPolicy{Revision: x.snap.Decider.Revision()},
		Classifiers: x.classified, ConfigSHA256: x.snap.ConfigSHA256,
		Verdict: x.out.Verdict.String(), Action: x.out.Action, Reasons: x.out.Reasons,
		Excluded: x.out.Excluded, Plan: x.out.Plan.Considered, Log: x.logLevel, Texts: x.originals,
	}
	if x.client != nil {
		r.Principal = x.client
	}
	if x.snap.Shadow != nil && x.req != nil {
		r.Policy.Candidate = x.snap.Shadow.Revision()
	}
	if x.req != nil {
		r.TraceID = x.req.TraceID
	}
	if d != nil {
		r.Decision, r.Canonical, r.Controls = d.Raw, true, d.Controls
		if d.Cached {
			r.Cache = "hit"
		}
		if d.Revision != "" {
			r.Policy.Revision = d.Revision
		}
	}
	// The log writes the input in canonical form and hashes that; where policy
	// obliged log = "none" it keeps the hash alone.
	r.Document = x.in
	if x.logLevel == LogNone {
		r.Plan, r.Excluded = nil, nil
		return r
	}
	r.Request = &x.in.Request
	for i, f := range x.out.Findings {
		t := x.req.Texts[f.Text]
		r.Findings = append(r.Findings, RecordFinding{Classifier: f.Classifier, Kind: f.Kind, Score: f.Score,
			Text: f.Text, Role: t.Role.String(), Part: t.Kind.String(), Message: t.Message, Span: f.Span, Redacted: x.redacted[i]})
	}
	return r
}

// recordOutcome writes what came of the decision. The reply is out by then, so a
// failure cannot take it back; it is reported in the outcome.
func (x *exchange) recordOutcome() {
	o := &x.out
	if o.Timings.Total == 0 {
		o.Timings.Total = time.Since(x.start)
	}
	r := &Record{
		Kind: RecordOutcome, Time: FormatTime(time.Now()), DecisionID: o.DecisionID, Decided: o.Seq,
		Action: o.Action, Attempts: o.Attempts,
		Outcome: &RecordOutcomes{
			Status: o.Status, Code: o.Code, Tokens: o.Usage, CostUSD: o.CostUSD,
			TTFTMs: milliseconds(o.Timings.TTFT), TotalMs: milliseconds(o.Timings.Total), Met: o.Met, Losses: o.Losses,
		},
	}
	if c := o.Completion; c != nil {
		kept := *c
		if x.logLevel == LogNone {
			kept.Findings = nil
		}
		if r.Completion = &kept; o.Action == ActionDeny {
			r.Reasons = o.Reasons // the decision's record had none of them
		}
	}
	if len(o.Attempts) > 0 {
		r.Target, r.Model, r.Posture = o.Target.Target, o.Target.Model, o.Target.Facts.Posture
	}
	// The client may be gone by now; its record is written all the same.
	if _, err := x.e.recorder.Record(context.Background(), r); err != nil {
		o.RecordErr = err
	}
}
