package gateway

import (
	stdjson "encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/recall"
)

// maxPathBytes bounds the path of a document: it stands in the decision log.
const maxPathBytes = 2 << 10

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
	rerr := readDataPath(ctx, e, q)
	if rerr == nil && !offered(snap.Documents, q.Path) {
		rerr = &engine.RequestError{Status: fasthttp.StatusForbidden, Code: engine.CodeForbidden, Message: "the configuration does not offer this document"}
	}
	keep := func(*engine.KnownAnswer) {}
	if rerr == nil {
		keep, rerr = s.readDataInput(ctx, e, snap, q)
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
		keep(o.Answer)
		s.answerData(ctx, q, &o, start)
	}
	// A document is no verdict, whatever it says.
	counted := o.Outcome
	counted.Action = ""
	s.finish(e, q.TraceID, start, &counted)
}

// readDataPath takes the path out of a request.
func readDataPath(ctx *fasthttp.RequestCtx, e *endpoint, q *engine.DocumentQuery) *engine.RequestError {
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
	return nil
}

// readDataInput takes the input out of a request, and with it what was answered to
// the very same request before. What it returns keeps the answer for the next time.
func (s *Server) readDataInput(ctx *fasthttp.RequestCtx, e *endpoint, snap *engine.Snapshot, q *engine.DocumentQuery) (func(*engine.KnownAnswer), *engine.RequestError) {
	never := func(*engine.KnownAnswer) {}
	if e.Method == "GET" {
		inputs := ctx.QueryArgs().PeekMulti("input")
		if len(inputs) == 0 {
			return never, nil
		}
		q.Input = inputs[len(inputs)-1] // OPA takes the last, too
		if rerr := checkDocument(q.Input); rerr != nil {
			rerr.Field = "input"
			return never, rerr
		}
		return never, nil
	}
	raw, rerr := bodyInPlace(ctx)
	if rerr != nil || len(raw) == 0 {
		return never, rerr
	}
	kept := s.documents.of(snap)
	key := append(append(make([]byte, 0, len(q.Path)+1+len(raw)), q.Path...), 0) // no path holds a zero
	key = append(key, raw...)
	known, ok, question := kept.Find(key)
	if ok {
		q.Known = known.answer
		if known.to > 0 {
			q.Input = raw[known.from:known.to]
		}
		return never, nil
	}
	all, rerr := readDocument(raw)
	if rerr != nil {
		return never, rerr
	}
	fresh := &knownDocument{}
	// As in OPA, a null input is none, and members of other names are let be.
	if input := all.find("input"); input.value != nil && input.value.Kind() != 'n' {
		q.Input = stdjson.RawMessage(input.value)
		fresh.from, fresh.to = input.at, input.at+len(input.value)
	}
	return func(a *engine.KnownAnswer) {
		if a != nil {
			fresh.answer = a
			kept.Keep(question, key, fresh, len(a.Result))
		}
	}, nil
}

// knownDocument is the answer to a request, and where in its body the input stands;
// to is 0 where there is none.
type knownDocument struct {
	answer   *engine.KnownAnswer
	from, to int
}

// knownDocumentBytes bounds the answers that are remembered.
const knownDocumentBytes = 8 << 20

// knownDocuments remembers answers by path and body: the answers of one snapshot,
// for those of another may differ.
type knownDocuments struct {
	mu   sync.Mutex
	snap *engine.Snapshot
	kept *recall.Cache[*knownDocument]
}

func (k *knownDocuments) of(snap *engine.Snapshot) *recall.Cache[*knownDocument] {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.snap != snap {
		k.snap, k.kept = snap, recall.New[*knownDocument](knownDocumentBytes)
	}
	return k.kept
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

// answerData writes the reply of OPA's Data API (REST API reference, "Data API").
// Metrics are nanoseconds.
func (s *Server) answerData(ctx *fasthttp.RequestCtx, q *engine.DocumentQuery, o *engine.DocumentOutcome, start time.Time) {
	b := append(make([]byte, 0, 256+len(o.Result)), `{"decision_id":"`...)
	b = append(append(b, o.DecisionID...), '"')
	add := func(name string, v any) {
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = append(b, marshal(v)...)
	}
	if flag(ctx, "provenance") {
		add("provenance", dataProvenance{Version: s.version, Revision: o.Revision})
	}
	if flag(ctx, "metrics") || flag(ctx, "instrument") {
		add("metrics", map[string]int64{
			"timer_rego_query_eval_ns": o.Timings.Policy.Nanoseconds(),
			"timer_server_handler_ns":  time.Since(start).Nanoseconds(),
		})
	}
	if o.Result != nil {
		b = append(append(b, `,"result":`...), o.Result...)
	}
	if q.Input == nil && ctx.IsPost() {
		add("warning", dataWarning{"api_usage_warning", "'input' key missing from the request"})
	}
	answer := jsontext.Value(append(b, '}'))
	if flag(ctx, "pretty") {
		if pretty := slices.Clone(answer); pretty.Indent(jsontext.WithIndent("  ")) == nil {
			answer = pretty
		}
	}
	ctx.Response.Header.Set("Sallyport-Decision-Id", o.DecisionID)
	if t := serverTiming(&o.Timings); t != "" {
		ctx.Response.Header.Set("Server-Timing", t)
	}
	answerJSON(ctx, fasthttp.StatusOK, answer)
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
	return append(marshal(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Errors  []any  `json:"errors,omitempty"`
	}{code, message, errs}), '\n')
}
