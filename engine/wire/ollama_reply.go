package wire

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// ollamaReply writes replies of Ollama's chat, generate and embed. A stream is a
// line of JSON for each piece of text, and a last one that says done. Lines of a
// target that speaks the same API go through as they are; what stands in the last
// one, durations included, is then the target's.
//
// Tool calls are told whole, at the end: the API has no pieces of arguments.
type ollamaReply struct {
	req     *engine.Request
	model   string
	start   time.Time
	first   time.Time // of the first piece
	raw     []byte    // of a unary reply that is relayed
	done    bool      // a last line has been relayed
	finish  string
	usage   engine.Usage
	calls   []replyCall
	told    int // calls that have been written
	vectors [][]float32
	losses  []engine.Loss
	err     error // the reply cannot be told in this API

	// Of a unary reply.
	text, thinking strings.Builder
	images         []string
	logprobs       []ollamaLogprob
}

// ollamaLine is a line of a stream, or a whole reply.
type ollamaLine struct {
	Model      string          `json:"model"`
	CreatedAt  string          `json:"created_at"`
	Message    *ollamaSaid     `json:"message,omitzero"`  // of chat
	Response   *string         `json:"response,omitzero"` // of generate
	Thinking   string          `json:"thinking,omitzero"` // of generate
	Logprobs   []ollamaLogprob `json:"logprobs,omitzero"`
	Done       bool            `json:"done"`
	DoneReason string          `json:"done_reason,omitzero"`
	*ollamaFigures
}

// ollamaFigures are what the last line counts. Durations are nanoseconds; the
// gateway knows when a reply began and when its first piece came.
type ollamaFigures struct {
	TotalDuration      int64 `json:"total_duration"`
	LoadDuration       int64 `json:"load_duration"`
	PromptEvalCount    int   `json:"prompt_eval_count"`
	PromptEvalDuration int64 `json:"prompt_eval_duration"`
	EvalCount          int   `json:"eval_count"`
	EvalDuration       int64 `json:"eval_duration"`
}

type ollamaSaid struct {
	Role      string       `json:"role"`
	Content   string       `json:"content"`
	Thinking  string       `json:"thinking,omitzero"`
	Images    []string     `json:"images,omitzero"`
	ToolCalls []ollamaTold `json:"tool_calls,omitzero"`
}

type ollamaTold struct {
	ID       string `json:"id,omitzero"`
	Function struct {
		Index     int            `json:"index"`
		Name      string         `json:"name"`
		Arguments jsontext.Value `json:"arguments"`
	} `json:"function"`
}

type ollamaLogprob struct {
	Token   string          `json:"token"`
	Logprob float64         `json:"logprob"`
	Bytes   []int           `json:"bytes,omitzero"`
	Top     []ollamaLogprob `json:"top_logprobs,omitzero"`
}

func newOllamaReply(req *engine.Request) *ollamaReply {
	return &ollamaReply{req: req, model: req.Model, start: time.Now()}
}

func (r *ollamaReply) streams() bool {
	return r.req.Stream && r.req.Operation != engine.OpEmbeddings
}

// ContentType implements Reply.
func (r *ollamaReply) ContentType() string {
	if r.streams() {
		return "application/x-ndjson"
	}
	return "application/json"
}

// KeepAlive implements Reply. The API has nothing that clients would skip: those
// of Ollama take a blank line for JSON.
func (r *ollamaReply) KeepAlive(dst []byte) []byte { return dst }

// Losses implements Reply.
func (r *ollamaReply) Losses() []engine.Loss { return r.losses }

func (r *ollamaReply) lose(field string, how engine.LossKind) {
	l := engine.Loss{Field: field, How: how}
	if !slices.Contains(r.losses, l) && len(r.losses) < maxLosses {
		r.losses = append(r.losses, l)
	}
}

// Fail implements Reply.
func (r *ollamaReply) Fail(dst []byte, o *engine.Outcome) []byte {
	dst = append(dst, ollamaError(o)...)
	if r.streams() {
		dst = append(dst, '\n')
	}
	return dst
}

// Frame implements Reply. A frame that reports the upstream's failure adds
// nothing; Fail follows it.
func (r *ollamaReply) Frame(dst []byte, f *engine.Frame) ([]byte, error) {
	for i := range f.Events {
		switch e := &f.Events[i]; e.Kind {
		case engine.EventError:
			return dst, nil
		case engine.EventStart:
			if e.Model != "" {
				r.model = e.Model
			}
		case engine.EventUsage:
			r.usage = e.Usage
		case engine.EventEnd:
			r.done = r.done || f.Raw != nil && f.Dialect == r.req.Dialect
		}
	}
	if f.Raw != nil && f.Dialect == r.req.Dialect {
		if !r.streams() {
			r.raw = append(r.raw[:0], f.Raw...)
			return dst, nil
		}
		if r.done {
			dst = r.tell(dst) // of calls whose frames were changed
		}
		return append(append(dst, f.Raw...), '\n'), r.err
	}
	for i := range f.Events {
		dst = r.event(dst, &f.Events[i])
	}
	return dst, r.err
}

// event appends the line for one event, or keeps it for the unary reply.
func (r *ollamaReply) event(dst []byte, e *engine.Event) []byte {
	if r.first.IsZero() && e.Content() {
		r.first = time.Now()
	}
	if e.Choice != 0 && e.Kind != engine.EventVector {
		r.err = errBadChoice // one answer is all that can be asked for
		return dst
	}
	switch e.Kind {
	case engine.EventText, engine.EventRefusal:
		if !r.streams() {
			r.text.WriteString(e.Text)
			return dst
		}
		return r.said(dst, &ollamaSaid{Content: e.Text})
	case engine.EventReasoning:
		if !r.streams() {
			r.thinking.WriteString(e.Text)
			return dst
		}
		return r.said(dst, &ollamaSaid{Thinking: e.Text})
	case engine.EventImage:
		if r.req.Dialect != engine.DialectOllamaChat {
			r.lose("images", engine.LossDropped)
		} else if !r.streams() {
			r.images = append(r.images, string(e.Data))
		} else {
			return r.said(dst, &ollamaSaid{Images: []string{string(e.Data)}})
		}
	case engine.EventLogprobs:
		if r.req.Logprobs == nil {
			return dst
		}
		list := ollamaLogprobs(e.Logprobs)
		if !r.streams() {
			r.logprobs = append(r.logprobs, list...)
			return dst
		}
		l := r.line(&ollamaSaid{})
		l.Logprobs = list
		return r.append(dst, &l)
	case engine.EventToolCall:
		if r.req.Dialect != engine.DialectOllamaChat {
			r.err = errNoTools
		}
		r.calls = append(r.calls, replyCall{id: e.ID, name: e.Name})
	case engine.EventToolArgs:
		if e.Tool >= 0 && e.Tool < len(r.calls) {
			r.calls[e.Tool].arguments = append(r.calls[e.Tool].arguments, e.Text...)
		}
	case engine.EventFinish:
		if r.finish = e.Finish; e.Finish == engine.FinishPause {
			r.err = errPaused
		}
		if e.Finish == engine.FinishFilter {
			r.lose("done_reason", engine.LossApproximated)
		}
	case engine.EventCitation:
		r.lose("message.citations", engine.LossDropped)
	case engine.EventRedacted:
		r.lose("message.thinking", engine.LossDropped)
	case engine.EventOther:
		r.lose("message.content", engine.LossDropped)
	case engine.EventVector:
		r.vector(e)
	}
	return dst
}

// errNoTools says that a model called a tool in a text that has no place for it.
var errNoTools = errors.New("write an ollama reply: the reply calls a tool, of which generate cannot tell")

// vector keeps an embedding, in the order of the inputs.
func (r *ollamaReply) vector(e *engine.Event) {
	if e.Choice < 0 || e.Choice >= len(r.req.Messages) {
		r.err = errBadChoice
		return
	}
	for len(r.vectors) <= e.Choice {
		r.vectors = append(r.vectors, nil)
	}
	r.vectors[e.Choice] = e.Vector
}

// line is a line that says something.
func (r *ollamaReply) line(s *ollamaSaid) ollamaLine {
	l := ollamaLine{Model: r.model, CreatedAt: time.Now().UTC().Format(time.RFC3339Nano)}
	if r.req.Dialect == engine.DialectOllamaGenerate {
		l.Response, l.Thinking = &s.Content, s.Thinking
		return l
	}
	s.Role, l.Message = "assistant", s
	return l
}

func (r *ollamaReply) said(dst []byte, s *ollamaSaid) []byte {
	l := r.line(s)
	return r.append(dst, &l)
}

func (r *ollamaReply) append(dst []byte, l *ollamaLine) []byte {
	b, err := json.Marshal(l, jsontext.AllowInvalidUTF8(true))
	if err != nil { // a logprob that is no number
		r.err = errBadFigure
		return dst
	}
	return append(append(dst, b...), '\n')
}

var errBadFigure = errors.New("write an ollama reply: the reply holds a figure that is no number")

// tell appends a line with the calls that have not been told.
func (r *ollamaReply) tell(dst []byte) []byte {
	if told := r.toolCalls(); len(told) > 0 {
		return r.said(dst, &ollamaSaid{ToolCalls: told})
	}
	return dst
}

// toolCalls are the calls that have not been told yet.
func (r *ollamaReply) toolCalls() (told []ollamaTold) {
	for ; r.told < len(r.calls); r.told++ {
		c := &r.calls[r.told]
		t := ollamaTold{ID: c.id}
		t.Function.Index, t.Function.Name = r.told, c.name
		args := string(c.arguments)
		switch v := jsontext.Value(args); {
		case strings.TrimSpace(args) == "":
			t.Function.Arguments = jsontext.Value("{}")
		case v.Kind() == '{' && v.IsValid():
			t.Function.Arguments = v
		default: // only an object can stand there
			r.lose("message.tool_calls["+strconv.Itoa(r.told)+"].function.arguments", engine.LossApproximated)
			t.Function.Arguments = append(quoted(nil, `{"arguments":`, args), '}')
		}
		told = append(told, t)
	}
	return told
}

// End implements Reply.
func (r *ollamaReply) End(dst []byte) ([]byte, error) {
	if r.err != nil {
		return dst, r.err
	}
	switch {
	case r.streams():
		if r.done {
			return dst, nil
		}
		dst = r.tell(dst)
		l := r.last(&ollamaSaid{})
		dst = r.append(dst, &l)
		return dst, r.err
	case r.raw != nil:
		return append(dst, r.raw...), nil
	case r.req.Operation == engine.OpEmbeddings:
		return r.embeddings(dst)
	}
	said := ollamaSaid{Content: r.text.String(), Thinking: r.thinking.String(), Images: r.images, ToolCalls: r.toolCalls()}
	l := r.last(&said)
	l.Logprobs = r.logprobs
	dst = r.append(dst, &l)
	return dst, r.err
}

// last is the line that says done.
func (r *ollamaReply) last(s *ollamaSaid) ollamaLine {
	now := time.Now()
	if r.first.IsZero() {
		r.first = now
	}
	l := r.line(s)
	l.Done, l.DoneReason = true, "stop"
	if r.finish == engine.FinishLength {
		l.DoneReason = "length"
	}
	l.ollamaFigures = &ollamaFigures{
		TotalDuration: now.Sub(r.start).Nanoseconds(), PromptEvalDuration: r.first.Sub(r.start).Nanoseconds(), EvalDuration: now.Sub(r.first).Nanoseconds(),
		PromptEvalCount: r.usage.Input, EvalCount: r.usage.Output,
	}
	return l
}

// embeddings appends a whole reply of embeddings.
func (r *ollamaReply) embeddings(dst []byte) ([]byte, error) {
	if len(r.vectors) != len(r.req.Messages) || slices.ContainsFunc(r.vectors, func(v []float32) bool { return v == nil }) {
		return dst, errNothingToRelay
	}
	var out any = struct {
		Model           string      `json:"model"`
		Embeddings      [][]float32 `json:"embeddings"`
		TotalDuration   int64       `json:"total_duration"`
		LoadDuration    int64       `json:"load_duration"`
		PromptEvalCount int         `json:"prompt_eval_count"`
	}{r.model, r.vectors, time.Since(r.start).Nanoseconds(), 0, r.usage.Input}
	if oneEmbedding(r.req) {
		out = struct {
			Embedding []float32 `json:"embedding"`
		}{r.vectors[0]}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return dst, errBadFigure
	}
	return append(dst, b...), nil
}

func ollamaLogprobs(tokens []engine.TokenLogprob) []ollamaLogprob {
	var out []ollamaLogprob
	for _, t := range tokens {
		l := ollamaLogprob{Token: t.Token, Logprob: t.Logprob, Top: ollamaLogprobs(t.Top)}
		b := t.Bytes
		if b == nil {
			b = []byte(t.Token)
		}
		for _, c := range b {
			l.Bytes = append(l.Bytes, int(c))
		}
		out = append(out, l)
	}
	return out
}

// ollamaErrorBody is Ollama's error, a string, with our additions beside it.
type ollamaErrorBody struct {
	Error       string `json:"error"`
	Code        string `json:"code"`
	Field       string `json:"field,omitzero"`
	DecisionID  string `json:"decision_id,omitzero"`
	errorDetail `json:",inline"`
}

// ollamaError is the envelope for an outcome. The field and the policy's reasons
// stand in the text as well: it is all that Ollama's own clients show.
func ollamaError(o *engine.Outcome) []byte {
	body := ollamaErrorBody{Error: o.Message, Code: o.Code, Field: o.Field, DecisionID: o.DecisionID, errorDetail: detailOf(o)}
	if o.Field != "" {
		body.Error = o.Field + ": " + body.Error
	}
	for i, r := range body.Reasons {
		if i == 0 {
			body.Error += ": "
		} else {
			body.Error += ", "
		}
		body.Error += r.Message + " (" + r.Code + ")"
	}
	b, err := json.Marshal(&body, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // strings and maps of strings always marshal
		panic(err)
	}
	return b
}
