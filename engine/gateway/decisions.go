package gateway

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
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
		o = s.handler.DecideInput(s.base, in)
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
		return nil, nil, badDocument(err)
	}
	if _, ok := members["dialect"]; !ok {
		in, rerr := readInput(raw, now)
		return nil, in, rerr
	}
	var wrapped struct {
		Dialect engine.Dialect `json:"dialect"`
		Request jsontext.Value `json:"request"`
	}
	if err := json.Unmarshal(raw, &wrapped, json.RejectUnknownMembers(true)); err != nil {
		return nil, nil, badDocument(err)
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

// readInput reads a decision input document. What it leaves out is empty rather
// than null, as it is in the documents this program makes, so that one policy
// reads both.
func readInput(raw []byte, now time.Time) (*engine.Input, *engine.RequestError) {
	in := &engine.Input{}
	if err := json.Unmarshal(raw, in, json.RejectUnknownMembers(true)); err != nil {
		return nil, badDocument(err)
	}
	if in.Time == "" {
		in.Time = now.UTC().Format(time.RFC3339)
	}
	if _, err := time.Parse(time.RFC3339, in.Time); err != nil {
		return nil, malformed("time", "must be a time of RFC 3339, such as 2026-11-23T16:00:00Z")
	}
	emptyList(&in.Request.Tools)
	emptyList(&in.Request.Modalities)
	emptyList(&in.Principal.Roles)
	emptyMap(&in.Request.Metadata)
	emptyMap(&in.Request.Headers)
	emptyMap(&in.Principal.Attributes)
	emptyMap(&in.Classifiers)
	emptyMap(&in.Targets)
	for key, t := range in.Targets {
		emptyMap(&t.Attributes)
		if t.Target == "" {
			t.Target = key
		}
		in.Targets[key] = t
	}
	return in, nil
}

func emptyList(l *[]string) {
	if *l == nil {
		*l = []string{}
	}
}

func emptyMap[V any](m *map[string]V) {
	if *m == nil {
		*m = map[string]V{}
	}
}

func malformed(field, why string) *engine.RequestError {
	return &engine.RequestError{Status: fasthttp.StatusBadRequest, Code: engine.CodeMalformed, Field: field, Message: why}
}

// badDocument says where a document is wrong. The error's own text may quote
// values, so it is left out.
func badDocument(err error) *engine.RequestError {
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return malformed(dotted(s.JSONPointer), "is given twice")
		}
		return malformed(dotted(s.JSONPointer), fmt.Sprintf("is not valid JSON at byte %d", s.ByteOffset))
	}
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		if errors.Is(err, json.ErrUnknownName) {
			return malformed(dotted(s.JSONPointer), "is not a member of this document")
		}
		return malformed(dotted(s.JSONPointer), "is of the wrong type")
	}
	return malformed("", "the body is not a decision input document")
}

// dotted writes a JSON pointer the way fields are named in errors.
func dotted(p jsontext.Pointer) string {
	return strings.Join(slices.Collect(p.Tokens()), ".")
}

func (s *Server) answerDecision(ctx *fasthttp.RequestCtx, o *engine.Outcome, candidates map[string]string) {
	a := decisionAnswer{
		DecisionID: o.DecisionID, Verdict: o.Verdict.String(), Allow: o.Verdict == engine.Allow && o.Action == engine.ActionAnswer,
		Deny: []engine.Reason{}, Exclude: map[string][]engine.Reason{}, Prefer: map[string]float64{},
		Obligations: stdjson.RawMessage("{}"), Permitted: []string{},
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
	for key, target := range candidates {
		if len(a.Exclude[key]) == 0 && len(a.Exclude[target]) == 0 {
			a.Permitted = append(a.Permitted, key)
		}
	}
	slices.Sort(a.Permitted)
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
func writeJSON(ctx *fasthttp.RequestCtx, status int, v any) {
	b, err := stdjson.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("encode answer: %w", err))
	}
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(b)
}
