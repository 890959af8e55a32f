package main

import (
	"cmp"
	"context"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies"
)

// mismatch is a fault of this program: a decision that OPA's own evaluator makes
// otherwise. From now on that one makes the policy's decisions, which is slow and
// right. What was decided stands in the log, and what should have been.
func (s *service) mismatch(m policies.Mismatch) {
	s.log.Error().Str("revision", m.Revision).Str("reference_error", m.ReferenceError).Str("compiled_error", m.CompiledError).
		Msg("OPA's own evaluator decides an input otherwise than the compiled policy, which is a fault of this program; decisions are OPA's from now on; the log has a record of kind mismatch")
	r := &engine.Record{
		Kind: engine.RecordMismatch, Time: engine.FormatTime(time.Now()), Policy: &engine.RecordPolicy{Revision: m.Revision}, Document: m.Input,
	}
	if d := m.Document; d != nil { // whose input and value may hold anything
		r.InputSHA256 = d.InputSHA256
		r.Query = &engine.RecordQueried{API: engine.APIData, Path: d.Path, ResultSHA256: d.Compiled, Error: m.ReferenceError}
		r.Reasons = []engine.Reason{{Code: engine.ReasonPolicyError, Message: "OPA's evaluator gives the document the SHA-256 " + cmp.Or(d.Reference, "of nothing"), Rule: "engine"}}
	}
	if m.Compiled != nil {
		r.Decision = m.Compiled.Raw
		if m.Compiled.Obligations.Log == engine.LogNone {
			r.Log = engine.LogNone
		}
	}
	if m.Reference != nil {
		r.Reference = m.Reference.Raw
		if m.Reference.Obligations.Log == engine.LogNone {
			r.Log = engine.LogNone
		}
	}
	for _, message := range []string{m.ReferenceError, m.CompiledError} {
		if message != "" {
			r.Reasons = append(r.Reasons, engine.Reason{Code: engine.ReasonPolicyError, Message: message, Rule: "engine"})
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := s.records.Record(ctx, r); err != nil {
		s.log.Error().Err(err).Msg("the mismatch could not be recorded")
	}
}
