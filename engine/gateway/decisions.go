package gateway

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

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

// knownInputBytes bounds the input documents that are remembered.
const knownInputBytes = 8 << 20

// readDecision reads a decision input document, or the request of a dialect that
// is to be classified first. Exactly one of both is returned.
func (s *Server) readDecision(raw []byte, now time.Time) (*engine.Request, *engine.Input, *engine.RequestError) {
	known, ok, question := s.inputs.Find(raw)
	if ok {
		return nil, known, nil
	}
	in, rerr := wire.ReadInput(raw, now)
	if rerr != nil {
		// What names a dialect is no input document, and wrong as one.
		var members map[string]jsontext.Value
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, nil, wire.DocumentError(err)
		}
		if _, ok := members["dialect"]; ok {
			req, rerr := s.readWrapped(raw)
			return req, nil, rerr
		}
	}
	if len(raw) > engine.MaxInputBytes {
		return nil, nil, &engine.RequestError{Status: fasthttp.StatusRequestEntityTooLarge, Code: engine.CodeTooLarge,
			Message: fmt.Sprintf("a decision input document has at most %d bytes", engine.MaxInputBytes)}
	}
	// One that states no time has now's, and will have another the next time.
	if rerr == nil && question.Again() && in.Time != now.UTC().Format(time.RFC3339) {
		in.Form = &engine.InputForm{}
		s.inputs.Keep(question, raw, in, 3*len(raw))
	}
	return nil, in, rerr
}

// readWrapped reads the request of a dialect.
func (s *Server) readWrapped(raw []byte) (*engine.Request, *engine.RequestError) {
	var wrapped struct {
		Dialect engine.Dialect `json:"dialect"`
		Request jsontext.Value `json:"request"`
	}
	if err := json.Unmarshal(raw, &wrapped, json.RejectUnknownMembers(true)); err != nil {
		return nil, wire.DocumentError(err)
	}
	ingress, ok := s.ingress(wrapped.Dialect)
	if !ok {
		return nil, malformed("dialect", fmt.Sprintf("is not a dialect that requests can be read in; use one of %v", wire.IngressDialects()))
	}
	if wrapped.Request == nil {
		return nil, malformed("request", "is missing: the body of a request in that dialect")
	}
	req, rerr := parse(ingress, &wire.Inbound{Body: wrapped.Request})
	if rerr != nil && rerr.Field != "" {
		inner := *rerr
		inner.Field = "request." + rerr.Field
		rerr = &inner
	}
	return req, rerr
}

func malformed(field, why string) *engine.RequestError {
	return &engine.RequestError{Status: fasthttp.StatusBadRequest, Code: engine.CodeMalformed, Field: field, Message: why}
}

// answerDecision writes the reply of /v1/decisions: the decision, its id and the
// revision it was made on. allow, deny and exclude are what this program would have
// done, which is stricter than policy's answer where a rule of the engine fails
// closed. permitted are the candidates without an exclusion, sorted. A finding says
// where a classifier hit, by the number of the text in the request, and not what.
func (s *Server) answerDecision(ctx *fasthttp.RequestCtx, o *engine.Outcome, candidates map[string]string) {
	allow := o.Verdict == engine.Allow && o.Action == engine.ActionAnswer
	verdict, revision, obliged := engine.Deny, "", stdjson.RawMessage("{}")
	if allow {
		verdict = engine.Allow
	}
	var deny []engine.Reason
	var prefer map[string]float64
	if d := o.Decision; d != nil {
		revision, deny, prefer, obliged = d.Revision, d.Deny, d.Prefer, obligations(d)
	}
	for _, r := range o.Reasons {
		if !slices.Contains(deny, r) {
			deny = append(deny[:len(deny):len(deny)], r)
		}
	}
	b := append(make([]byte, 0, 1024), `{"decision_id":"`...)
	b = append(append(b, o.DecisionID...), `","verdict":"`...)
	b = append(append(b, verdict.String()...), `","allow":`...)
	b = append(strconv.AppendBool(b, allow), `,"deny":`...)
	b = append(appendReasons(b, deny), `,"exclude":{`...)
	for i, key := range slices.Sorted(maps.Keys(o.Excluded)) {
		b = appendReasons(appendMember(b, i, key), o.Excluded[key])
	}
	b = append(b, `},"prefer":{`...)
	for i, key := range slices.Sorted(maps.Keys(prefer)) {
		b = strconv.AppendFloat(appendMember(b, i, key), prefer[key], 'g', -1, 64)
	}
	b = append(append(append(b, `},"obligations":`...), obliged...), `,"permitted":[`...)
	for i, key := range permitted(o.Excluded, candidates) {
		b = appendQuoted(appendComma(b, i), key)
	}
	b = append(appendQuoted(append(b, `],"revision":`...), revision), findings(o)...)
	h := &ctx.Response.Header
	h.Set("Sallyport-Decision-Id", o.DecisionID)
	if t := serverTiming(&o.Timings); t != "" {
		h.Set("Server-Timing", t)
	}
	answerJSON(ctx, fasthttp.StatusOK, append(b, '}'))
}

func appendReasons(b []byte, reasons []engine.Reason) []byte {
	b = append(b, '[')
	for i, r := range reasons {
		b = append(appendQuoted(append(appendComma(b, i), `{"code":`...), r.Code), `,"message":`...)
		b = appendQuoted(b, r.Message)
		if r.Rule != "" {
			b = appendQuoted(append(b, `,"rule":`...), r.Rule)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendMember begins the i-th member of an object.
func appendMember(b []byte, i int, name string) []byte {
	return append(appendQuoted(appendComma(b, i), name), ':')
}

func appendComma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

func appendQuoted(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // the error says that bytes which are not UTF-8 were replaced
	return b
}

// findings are the member "findings" of a reply, nothing where there are none.
func findings(o *engine.Outcome) []byte {
	if len(o.Findings) == 0 {
		return nil
	}
	type finding struct {
		Classifier string  `json:"classifier"`
		Kind       string  `json:"kind"`
		Score      float64 `json:"score"`
		Text       int     `json:"text"`
		Start      int     `json:"start"`
		End        int     `json:"end"`
	}
	all := make([]finding, len(o.Findings))
	for i, f := range o.Findings {
		all[i] = finding{f.Classifier, f.Kind, f.Score, f.Text, f.Span.Start, f.Span.End}
	}
	return append([]byte(`,"findings":`), marshal(all)...)
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
	if bytes.Contains(d.Raw, []byte(`"obligations":{}`)) { // no other member can be so
		return stdjson.RawMessage("{}")
	}
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
