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
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// This file is the Access Evaluation and Access Evaluations APIs of OpenID
// AuthZEN's Authorization API 1.0 (sections 6, 7 and 10.1).

// Limits on one message of many evaluations.
const (
	maxEvaluations  = 256
	evaluationsTime = 10 * time.Second // after which those that are left are not evaluated
)

// inputMember of a request's context holds a decision input document. With it the
// rules decide; without it the document Snapshot.AuthZEN does.
const inputMember = "sallyport_input"

// targetType is the resource type that asks about one target of that document.
const targetType = "target"

// accessRequest is one evaluation's question, its members as they were sent.
type accessRequest struct {
	Subject  jsontext.Value `json:"subject,omitzero"`
	Action   jsontext.Value `json:"action,omitzero"`
	Resource jsontext.Value `json:"resource,omitzero"`
	Context  jsontext.Value `json:"context,omitzero"`
}

// accessAnswer is one evaluation's answer.
type accessAnswer struct {
	Decision bool           `json:"decision"`
	Context  map[string]any `json:"context,omitempty"`
}

// access answers /access/v1/evaluation and /access/v1/evaluations.
func (s *Server) access(ctx *fasthttp.RequestCtx, e *endpoint, start time.Time, snap *engine.Snapshot, p engine.Principal) {
	raw, rerr := body(ctx)
	var all members
	if rerr == nil {
		all, rerr = readDocument(raw)
	}
	if rerr != nil {
		s.refuse(ctx, e, start, rerr)
		return
	}
	x := accessExchange{s: s, e: e, snap: snap, client: &p, trace: traceID(joined(&ctx.Request.Header, "Traceparent"))}
	whole := accessRequest{all.get("subject"), all.get("action"), all.get("resource"), all.get("context")}
	var items []jsontext.Value
	if many := all.get("evaluations"); many != nil && e.Kind == RouteEvaluations {
		if err := json.Unmarshal(many, &items); err != nil {
			s.refuse(ctx, e, start, malformed("evaluations", "must be an array of objects"))
			return
		}
	}
	if len(items) == 0 {
		answer, o := x.evaluate(&whole, start)
		if o.Code != "" {
			s.answerError(ctx, e, &o)
		} else {
			ctx.Response.Header.Set("Sallyport-Decision-Id", o.DecisionID)
			writeJSON(ctx, fasthttp.StatusOK, answer)
		}
		s.finish(e, x.trace, start, &o)
		return
	}
	stop, rerr := semantic(all.get("options"))
	if rerr == nil && len(items) > maxEvaluations {
		rerr = malformed("evaluations", fmt.Sprintf("must hold at most %d", maxEvaluations))
	}
	if rerr != nil {
		s.refuse(ctx, e, start, rerr)
		return
	}
	x.evaluateAll(ctx, &whole, items, stop, start)
}

// semantic reads options.evaluations_semantic: after which answer there are to be
// no more, nil for none.
func semantic(options jsontext.Value) (stop *bool, rerr *engine.RequestError) {
	var o struct {
		Semantic string `json:"evaluations_semantic"`
	}
	if options != nil {
		if err := json.Unmarshal(options, &o); err != nil {
			return nil, malformed("options", "must be an object with evaluations_semantic a string")
		}
	}
	switch o.Semantic {
	case "", "execute_all":
		return nil, nil
	case "deny_on_first_deny":
		return new(bool), nil
	case "permit_on_first_permit":
		permit := true
		return &permit, nil
	}
	return nil, malformed("options.evaluations_semantic", "must be execute_all, deny_on_first_deny or permit_on_first_permit")
}

// accessExchange is one message and who sent it.
type accessExchange struct {
	s      *Server
	e      *endpoint
	snap   *engine.Snapshot
	client *engine.Principal
	trace  string
}

// evaluateAll answers many evaluations, one after the other. What is wrong with
// one of them stands in its answer; only a log that cannot be written fails all,
// for then none of the answers may leave.
func (x *accessExchange) evaluateAll(ctx *fasthttp.RequestCtx, whole *accessRequest, items []jsontext.Value, stop *bool, start time.Time) {
	answers := make([]accessAnswer, 0, len(items))
	for _, item := range items {
		begun := time.Now()
		var a accessAnswer
		one, rerr := whole.with(item)
		switch {
		case rerr != nil:
			a = failed(rerr.Status, rerr.Error())
		case begun.Sub(start) > evaluationsTime:
			a = failed(fasthttp.StatusServiceUnavailable, "the time for this message is spent")
		default:
			var o engine.Outcome
			a, o = x.evaluate(one, begun)
			if o.Code == engine.CodeLogUnavailable {
				x.s.answerError(ctx, x.e, &o)
				x.s.finish(x.e, x.trace, start, &o)
				return
			}
			if o.Code != "" {
				text := o.Message
				if o.Field != "" {
					text = o.Field + " " + text
				}
				a = failed(o.Status, text)
			}
			x.s.finish(x.e, x.trace, begun, &o)
		}
		answers = append(answers, a)
		if stop != nil && a.Decision == *stop {
			break
		}
	}
	writeJSON(ctx, fasthttp.StatusOK, map[string]any{"evaluations": answers})
}

func failed(status int, message string) accessAnswer {
	return accessAnswer{Context: map[string]any{"error": map[string]any{"status": status, "message": message}}}
}

// with is an item of evaluations, completed by the message's defaults.
func (r *accessRequest) with(item jsontext.Value) (*accessRequest, *engine.RequestError) {
	var one accessRequest // read into bytes of its own
	if item.Kind() != '{' {
		return nil, malformed("evaluations", "must be an array of objects")
	}
	if err := json.Unmarshal(item, &one); err != nil {
		return nil, wire.DocumentError(err)
	}
	for member, def := range map[*jsontext.Value]jsontext.Value{
		&one.Subject: r.Subject, &one.Action: r.Action, &one.Resource: r.Resource, &one.Context: r.Context,
	} {
		if *member == nil {
			*member = def
		}
	}
	return &one, nil
}

// check holds a request against the information model (section 5) and returns
// the ids of subject and resource.
func (r *accessRequest) check() (subject, resourceType, resource string, rerr *engine.RequestError) {
	entity := func(name string, v jsontext.Value, required ...string) map[string]string {
		var members map[string]jsontext.Value
		texts := map[string]string{}
		if rerr != nil {
			return texts
		}
		if v == nil || v.Kind() != '{' || json.Unmarshal(v, &members) != nil {
			rerr = malformed(name, "is required and must be an object")
			return texts
		}
		for _, m := range required {
			var text string
			if members[m] == nil || json.Unmarshal(members[m], &text) != nil || text == "" {
				rerr = malformed(name+"."+m, "is required and must be a string")
				return texts
			}
			texts[m] = text
		}
		if p := members["properties"]; p != nil && p.Kind() != '{' {
			rerr = malformed(name+".properties", "must be an object")
		}
		return texts
	}
	subject = entity("subject", r.Subject, "type", "id")["id"]
	entity("action", r.Action, "name")
	of := entity("resource", r.Resource, "type", "id")
	if rerr == nil && r.Context != nil && r.Context.Kind() != '{' {
		rerr = malformed("context", "must be an object")
	}
	return subject, of["type"], of["id"], rerr
}

// evaluate answers one evaluation. Where the outcome has a code there is no
// answer.
func (x *accessExchange) evaluate(r *accessRequest, start time.Time) (accessAnswer, engine.Outcome) {
	subject, resourceType, resource, rerr := r.check()
	if rerr != nil {
		return accessAnswer{}, refusal(rerr, start)
	}
	var members map[string]jsontext.Value
	if r.Context != nil {
		if err := json.Unmarshal(r.Context, &members); err != nil {
			return accessAnswer{}, refusal(malformed("context", "must be an object"), start)
		}
	}
	if input := members[inputMember]; input != nil {
		return x.byRules(input, subject, resourceType, resource, start)
	}
	return x.byDocument(r)
}

// byRules decides on a decision input document, as /v1/decisions does.
func (x *accessExchange) byRules(raw jsontext.Value, subject, resourceType, resource string, start time.Time) (accessAnswer, engine.Outcome) {
	refuse := func(rerr *engine.RequestError) (accessAnswer, engine.Outcome) {
		rerr.Field = strings.TrimSuffix("context."+inputMember+"."+rerr.Field, ".")
		return accessAnswer{}, refusal(rerr, start)
	}
	if len(raw) > engine.MaxInputBytes {
		return refuse(&engine.RequestError{Status: fasthttp.StatusRequestEntityTooLarge, Code: engine.CodeTooLarge,
			Message: fmt.Sprintf("has more than %d bytes", engine.MaxInputBytes)})
	}
	in, rerr := wire.ReadInput(raw, start)
	if rerr != nil {
		return refuse(rerr)
	}
	// Two names for who asks would be one too many: rules read one of them, whoever
	// enforces the answer the other.
	if in.Principal.ID != subject {
		return refuse(malformed("principal.id", "must be the subject's id"))
	}
	o := x.s.handler.DecideInputFor(x.s.base, x.client, in)
	switch o.Code {
	case "", engine.CodePolicyDenied, engine.CodeNoPermittedTarget:
	default:
		return accessAnswer{}, o
	}
	if o.Decision == nil {
		o.Status, o.Code, o.Message = fasthttp.StatusInternalServerError, engine.CodePolicyError, "the policy could not be evaluated"
		return accessAnswer{}, o
	}
	candidates := map[string]string{}
	for key, t := range in.Targets {
		candidates[key] = t.Target
	}
	open := permitted(o.Excluded, candidates)
	a := accessAnswer{Decision: o.Verdict == engine.Allow && o.Action == engine.ActionAnswer}
	reasons := append([]engine.Reason{}, o.Decision.Deny...)
	for _, r := range o.Reasons {
		if !slices.Contains(reasons, r) {
			reasons = append(reasons, r)
		}
	}
	if resourceType == targetType && !slices.Contains(open, resource) {
		a.Decision = false
		excluded, known := in.Targets[resource]
		reasons = append(reasons, o.Excluded[resource]...)
		if !known || excluded.Target == "" {
			reasons = append(reasons, engine.Reason{Code: "unknown_target", Message: "the input document has no such target", Rule: "engine"})
		}
	}
	a.Context = map[string]any{"decision_id": o.DecisionID, "reasons": reasons, "permitted": open, "obligations": obligations(o.Decision)}
	if !a.Decision && o.Verdict == engine.Allow {
		o.Verdict, o.Action = engine.Deny, engine.ActionDeny // for the metrics: what was answered
	}
	o.Status, o.Code = fasthttp.StatusOK, ""
	return a, o
}

// byDocument evaluates the snapshot's document on the request itself. It is a
// boolean, or an object whose decision is one and whose context, where it has
// one, is an object that is passed on. Undefined is false.
func (x *accessExchange) byDocument(r *accessRequest) (accessAnswer, engine.Outcome) {
	input, err := json.Marshal(r)
	if err != nil {
		panic(err) // made of values that were read
	}
	var a accessAnswer
	o := x.s.handler.Query(x.s.base, &engine.DocumentQuery{
		API: engine.APIAuthZEN, Path: x.snap.AuthZENPath(), Input: input, Client: x.client, TraceID: x.trace,
		Judge: func(result stdjson.RawMessage) (engine.Verdict, error) {
			var err error
			if a, err = accessResult(result); err == nil && a.Decision {
				return engine.Allow, nil
			}
			return engine.Deny, err
		},
	})
	if o.Code != "" {
		if o.Code == engine.CodeMalformed { // a path of the configuration's, not the client's
			o.Status, o.Code = fasthttp.StatusInternalServerError, engine.CodePolicyError
		}
		return accessAnswer{}, o.Outcome
	}
	if a.Context == nil {
		a.Context = map[string]any{}
	}
	if _, taken := a.Context["decision_id"]; !taken {
		a.Context["decision_id"] = o.DecisionID
	}
	if o.Result == nil {
		a.Context["reasons"] = []engine.Reason{{Code: "undefined", Message: "no rule of the policy applies", Rule: "engine"}}
	}
	return a, o.Outcome
}

var errAccessResult = errors.New("the policy's answer must be a boolean, or an object with a boolean decision and, if any, an object context")

// accessResult reads a document as an answer.
func accessResult(result stdjson.RawMessage) (accessAnswer, error) {
	switch string(result) {
	case "", "false":
		return accessAnswer{}, nil
	case "true":
		return accessAnswer{Decision: true}, nil
	}
	var members struct {
		Decision *bool          `json:"decision"`
		Context  map[string]any `json:"context"`
	}
	if result[0] != '{' || json.Unmarshal(result, &members) != nil || members.Decision == nil {
		return accessAnswer{}, errAccessResult
	}
	return accessAnswer{Decision: *members.Decision, Context: members.Context}, nil
}

// accessError is the body of an error: a message string (section 10.1.2), with
// its stable code before it.
func accessError(o *engine.Outcome) []byte {
	text := o.Code + ": "
	if o.Field != "" {
		text += o.Field + " "
	}
	return []byte(text + o.Message + "\n")
}

// echoRequestID gives a client its request's identifier back (section 10.1.3).
func echoRequestID(ctx *fasthttp.RequestCtx) {
	if id := string(ctx.Request.Header.Peek("X-Request-ID")); id != "" && len(id) <= 256 && printable(id) {
		ctx.Response.Header.Set("X-Request-ID", id)
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
