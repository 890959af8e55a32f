package gateway

import (
	stdjson "encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
)

// maxPathBytes bounds the path of a document: it stands in the decision log.
const maxPathBytes = 2 << 10

// dataAnswer is the reply of OPA's Data API (REST API reference, "Data API").
// Metrics are nanoseconds.
type dataAnswer struct {
	DecisionID string             `json:"decision_id"`
	Provenance *dataProvenance    `json:"provenance,omitempty"`
	Metrics    map[string]int64   `json:"metrics,omitempty"`
	Result     stdjson.RawMessage `json:"result,omitempty"`
	Warning    *dataWarning       `json:"warning,omitempty"`
}

// dataProvenance says what answered. Version is this program's, not OPA's.
type dataProvenance struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
}

type dataWarning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// document answers OPA's Data API: a document of the policies in force. There is
// nothing to be written through it, and nothing to be read but those documents.
func (s *Server) document(ctx *fasthttp.RequestCtx, e *endpoint, start time.Time, snap *engine.Snapshot, p engine.Principal) {
	q := &engine.DocumentQuery{API: engine.APIData, Client: &p, TraceID: traceID(joined(&ctx.Request.Header, "Traceparent"))}
	rerr := readDataRequest(ctx, e, q)
	if rerr == nil && !offered(snap.Documents, q.Path) {
		rerr = &engine.RequestError{Status: fasthttp.StatusForbidden, Code: engine.CodeForbidden, Message: "the configuration does not offer this document"}
	}
	if rerr != nil {
		s.refuse(ctx, e, start, rerr)
		return
	}
	o := s.handler.Query(s.base, q)
	if o.Code != "" {
		s.answerError(ctx, e, &o.Outcome)
		if o.Err != nil {
			ctx.Response.SetBodyRaw(opaEvaluationError(o.Err))
		}
	} else {
		s.answerData(ctx, q, &o, start)
	}
	// A document is no verdict, whatever it says.
	counted := o.Outcome
	counted.Action = ""
	s.finish(e, q.TraceID, start, &counted)
}

// readDataRequest takes path and input out of a request.
func readDataRequest(ctx *fasthttp.RequestCtx, e *endpoint, q *engine.DocumentQuery) *engine.RequestError {
	// The path as it was sent: an escaped slash is part of a step. The router has
	// seen it decoded and without dots, so a path with dots is another one for it.
	path, ok := strings.CutPrefix(string(ctx.URI().PathOriginal()), e.Paths[0])
	if !ok || path != "" && path[0] != '/' || strings.Contains(string(ctx.Path()), "\x00") {
		return malformed("path", "must begin with "+e.Paths[0]+" literally")
	}
	if len(path) > maxPathBytes {
		return malformed("path", "is too long")
	}
	if q.Path = strings.Trim(path, "/"); dotted(q.Path) {
		return malformed("path", "must not hold the steps . and ..")
	}
	for _, mode := range ctx.QueryArgs().PeekMulti("explain") {
		switch string(mode) {
		case "notes", "fails", "full", "debug":
			return malformed("explain", "is not offered by this service; use sallyport eval --explain")
		}
	}
	if e.Method == "GET" {
		inputs := ctx.QueryArgs().PeekMulti("input")
		if len(inputs) == 0 {
			return nil
		}
		q.Input = append([]byte(nil), inputs[len(inputs)-1]...) // OPA takes the last, too
		if rerr := checkDocument(q.Input); rerr != nil {
			rerr.Field = "input"
			return rerr
		}
		return nil
	}
	raw, rerr := body(ctx)
	if rerr != nil || len(raw) == 0 {
		return rerr
	}
	members, rerr := readDocument(raw)
	if rerr != nil {
		return rerr
	}
	// As in OPA, a null input is none, and members of other names are let be.
	if input := members["input"]; input != nil && input.Kind() != 'n' {
		q.Input = stdjson.RawMessage(input)
	}
	return nil
}

// offered says whether a path is one of documents or below one; nil: all are.
func offered(documents []string, path string) bool {
	if documents == nil {
		return true
	}
	asked := steps(path)
	return slices.ContainsFunc(documents, func(d string) bool {
		have := steps(d)
		return len(have) <= len(asked) && slices.Equal(have, asked[:len(have)])
	})
}

// steps are those of a path, decoded.
func steps(path string) []string {
	var all []string
	for step := range strings.SplitSeq(path, "/") {
		if step == "" {
			continue // as policy reads it
		}
		if decoded, err := url.PathUnescape(step); err == nil {
			step = decoded
		}
		all = append(all, step)
	}
	return all
}

// dotted says whether a path has a step that is a dot or two, escaped or not.
func dotted(path string) bool {
	for step := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(step), "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}

func (s *Server) answerData(ctx *fasthttp.RequestCtx, q *engine.DocumentQuery, o *engine.DocumentOutcome, start time.Time) {
	a := dataAnswer{DecisionID: o.DecisionID, Result: o.Result}
	if q.Input == nil && ctx.IsPost() {
		a.Warning = &dataWarning{"api_usage_warning", "'input' key missing from the request"}
	}
	if flag(ctx, "provenance") {
		a.Provenance = &dataProvenance{Version: s.version, Revision: o.Revision}
	}
	if flag(ctx, "metrics") || flag(ctx, "instrument") {
		a.Metrics = map[string]int64{
			"timer_rego_query_eval_ns": o.Timings.Policy.Nanoseconds(),
			"timer_server_handler_ns":  time.Since(start).Nanoseconds(),
		}
	}
	ctx.Response.Header.Set("Sallyport-Decision-Id", o.DecisionID)
	if t := serverTiming(&o.Timings); t != "" {
		ctx.Response.Header.Set("Server-Timing", t)
	}
	writeJSON(ctx, fasthttp.StatusOK, a)
	if flag(ctx, "pretty") {
		pretty := jsontext.Value(ctx.Response.Body())
		if pretty.Indent(jsontext.WithIndent("  ")) == nil {
			ctx.Response.SetBodyRaw(pretty)
		}
	}
}

// opaError is OPA's error envelope. What has a code of OPA's bears that.
func opaError(o *engine.Outcome) []byte {
	code, message := o.Code, o.Message
	switch o.Code {
	case engine.CodeMalformed, engine.CodeMethodNotAllowed:
		code = "invalid_parameter"
		if o.Field != "" {
			message = o.Field + " " + message
		}
	case engine.CodeUnauthenticated, engine.CodeForbidden:
		code = "unauthorized"
	case engine.CodeUnknownRoute:
		code = "resource_not_found"
	case engine.CodePolicyError:
		code = "internal_error"
	}
	return opaEnvelope(code, message, nil)
}

// opaEvaluationError is the envelope of an evaluation that failed.
func opaEvaluationError(q *engine.QueryError) []byte {
	if q.Code == engine.QueryInvalidPath {
		return opaEnvelope("invalid_parameter", "invalid path: "+q.Message, nil)
	}
	type location struct {
		File string `json:"file"`
		Row  int    `json:"row"`
		Col  int    `json:"col"`
	}
	one := struct {
		Code     string    `json:"code"`
		Message  string    `json:"message"`
		Location *location `json:"location,omitempty"`
	}{Code: q.Code, Message: q.Message}
	if q.Row > 0 {
		one.Location = &location{q.File, q.Row, q.Col}
	}
	return opaEnvelope("internal_error", "error(s) occurred while evaluating query", []any{one})
}

func opaEnvelope(code, message string, errs []any) []byte {
	b, err := stdjson.Marshal(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Errors  []any  `json:"errors,omitempty"`
	}{code, message, errs})
	if err != nil {
		panic(err) // plain fields only
	}
	return append(b, '\n')
}
