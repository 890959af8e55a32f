package gateway

import (
	stdjson "encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// decisionAnswer is the reply of /v1/decisions: the decision, its id and the
// revision it was made on. Allow, Deny and Exclude are what this program would
// have done, which is stricter than policy's answer where a rule of the engine
// fails closed.
type decisionAnswer struct {
	DecisionID  string                     `json:"decision_id"`
	Verdict     string                     `json:"verdict"`
	Allow       bool                       `json:"allow"`
	Deny        []engine.Reason            `json:"deny"`
	Exclude     map[string][]engine.Reason `json:"exclude"`
	Prefer      map[string]float64         `json:"prefer"`
	Obligations stdjson.RawMessage         `json:"obligations"`
	Permitted   []string                   `json:"permitted"` // candidates without an exclusion, sorted
	Revision    string                     `json:"revision"`
	Findings    []decisionFinding          `json:"findings,omitempty"`
}

// decisionFinding says where a classifier hit, by the number of the text in the
// request, and not what it hit.
type decisionFinding struct {
	Classifier string  `json:"classifier"`
	Kind       string  `json:"kind"`
	Score      float64 `json:"score"`
	Text       int     `json:"text"`
	Start      int     `json:"start"`
	End        int     `json:"end"`
}

// decide answers /v1/decisions: a decision and nothing else. A deny is an answer
// as good as an allow, so both are 200.
func (s *Server) decide(ctx *fasthttp.RequestCtx, e *endpoint, start time.Time, snap *engine.Snapshot, p engine.Principal) {
	raw, rerr := body(ctx)
	if rerr != nil {
		s.refuse(ctx, e, start, rerr)
		return
	}
	req, in, rerr := s.readDecision(raw, start)
	if rerr == nil && req != nil {
		rerr = addHeaders(req, &ctx.Request.Header, snap, p)
	}
	if rerr != nil {
		s.refuse(ctx, e, start, rerr)
		return
	}
	var o engine.Outcome
	trace, candidates := "", map[string]string{} // target by candidate
	if req != nil {
		o, trace = s.handler.Decide(s.base, req), req.TraceID
		for _, c := range o.Candidates {
			candidates[c.Key] = c.Target
		}
	} else {
		o = s.handler.DecideInputFor(s.base, &p, in)
		for key, t := range in.Targets {
			candidates[key] = t.Target
		}
	}
	switch o.Code {
	case "", engine.CodePolicyDenied, engine.CodeNoPermittedTarget:
		o.Status, o.Code = fasthttp.StatusOK, ""
		s.answerDecision(ctx, &o, candidates)
	default:
		s.answerError(ctx, e, &o)
	}
	s.finish(e, trace, start, &o)
}

// readDecision reads a decision input document, or the request of a dialect that
// is to be classified first. Exactly one of both is returned.
func (s *Server) readDecision(raw []byte, now time.Time) (*engine.Request, *engine.Input, *engine.RequestError) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, nil, wire.DocumentError(err)
	}
	if _, ok := members["dialect"]; !ok {
		if len(raw) > engine.MaxInputBytes {
			return nil, nil, &engine.RequestError{Status: fasthttp.StatusRequestEntityTooLarge, Code: engine.CodeTooLarge,
				Message: fmt.Sprintf("a decision input document has at most %d bytes", engine.MaxInputBytes)}
		}
		in, rerr := wire.ReadInput(raw, now)
		return nil, in, rerr
	}
	var wrapped struct {
		Dialect engine.Dialect `json:"dialect"`
		Request jsontext.Value `json:"request"`
	}
	if err := json.Unmarshal(raw, &wrapped, json.RejectUnknownMembers(true)); err != nil {
		return nil, nil, wire.DocumentError(err)
	}
	ingress, ok := s.ingress(wrapped.Dialect)
	if !ok {
		return nil, nil, malformed("dialect", "is not a dialect that requests can be read in, such as openai-chat")
	}
	if wrapped.Request == nil {
		return nil, nil, malformed("request", "is missing: the body of a request in that dialect")
	}
	req, rerr := parse(ingress, wrapped.Request)
	if rerr != nil && rerr.Field != "" {
		inner := *rerr
		inner.Field = "request." + rerr.Field
		rerr = &inner
	}
	return req, nil, rerr
}

func malformed(field, why string) *engine.RequestError {
	return &engine.RequestError{Status: fasthttp.StatusBadRequest, Code: engine.CodeMalformed, Field: field, Message: why}
}

func (s *Server) answerDecision(ctx *fasthttp.RequestCtx, o *engine.Outcome, candidates map[string]string) {
	a := decisionAnswer{
		DecisionID: o.DecisionID, Verdict: o.Verdict.String(), Allow: o.Verdict == engine.Allow && o.Action == engine.ActionAnswer,
		Deny: []engine.Reason{}, Exclude: map[string][]engine.Reason{}, Prefer: map[string]float64{},
		Obligations: stdjson.RawMessage("{}"),
	}
	if d := o.Decision; d != nil {
		a.Revision, a.Deny = d.Revision, append(a.Deny, d.Deny...)
		if d.Prefer != nil {
			a.Prefer = d.Prefer
		}
		a.Obligations = obligations(d)
	}
	for _, r := range o.Reasons {
		if !slices.Contains(a.Deny, r) {
			a.Deny = append(a.Deny, r)
		}
	}
	if !a.Allow {
		a.Verdict = engine.Deny.String()
	}
	if o.Excluded != nil {
		a.Exclude = o.Excluded
	}
	a.Permitted = permitted(a.Exclude, candidates)
	for _, f := range o.Findings {
		a.Findings = append(a.Findings, decisionFinding{f.Classifier, f.Kind, f.Score, f.Text, f.Span.Start, f.Span.End})
	}
	h := &ctx.Response.Header
	h.Set("Sallyport-Decision-Id", o.DecisionID)
	if t := serverTiming(&o.Timings); t != "" {
		h.Set("Server-Timing", t)
	}
	writeJSON(ctx, fasthttp.StatusOK, a)
}

// permitted are the candidates without an exclusion, sorted; candidates are the
// targets by candidate.
func permitted(excluded map[string][]engine.Reason, candidates map[string]string) []string {
	open := []string{}
	for key, target := range candidates {
		if len(excluded[key]) == 0 && len(excluded[target]) == 0 {
			open = append(open, key)
		}
	}
	slices.Sort(open)
	return open
}

// obligations are policy's own words, with those that only another enforcement
// point may know.
func obligations(d *engine.Decision) stdjson.RawMessage {
	var raw struct {
		Obligations stdjson.RawMessage `json:"obligations"`
	}
	if stdjson.Unmarshal(d.Raw, &raw) == nil && len(raw.Obligations) > 0 {
		return raw.Obligations
	}
	b, err := stdjson.Marshal(d.Obligations)
	if err != nil {
		panic(err) // plain fields only
	}
	return b
}

// writeJSON answers with v, which must be made of plain fields.
func writeJSON(ctx *fasthttp.RequestCtx, status int, v any) { answerJSON(ctx, status, marshal(v)) }

// marshal is v, which must be made of plain fields, as JSON.
func marshal(v any) []byte {
	b, err := stdjson.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("encode answer: %w", err))
	}
	return b
}

// answerJSON answers with JSON that is the response's from here on.
func answerJSON(ctx *fasthttp.RequestCtx, status int, b []byte) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(b)
}
