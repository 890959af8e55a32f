package wire

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// GeminiEmbed is the client's side of Google's embedContent and
// batchEmbedContents, version v1beta: one request, or a list of such.
type GeminiEmbed struct{}

// ReadRequest implements Ingress. Each content is a user's message.
func (GeminiEmbed) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectGeminiEmbed, Operation: engine.OpEmbeddings}
	g := geminiBody{}
	first := true
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		g.body = b
		return g.known(0, i, func(name string, i int) bool {
			if name != "requests" {
				return g.embedded(name, i, true)
			}
			g.list(i, func(c int) {
				before := len(b.req.Messages)
				g.each(c, engine.RoleUser, engine.KindText, -1, func(name string, i int) bool { return g.embedded(name, i, first) })
				if first = false; len(b.req.Messages) != before+1 {
					b.missing(c, "content", "send what is to be embedded, as text")
				}
			})
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	_, batch := req.Field("requests")
	_, single := req.Field("content")
	switch {
	case batch && single:
		return nil, malformed("requests", "and \"content\" cannot both be given: use \"requests\"")
	case in.Verb == "embedContent" && batch:
		return nil, malformed("requests", "are for batchEmbedContents: send \"content\"")
	case in.Verb == "batchEmbedContents" && !batch, batch && len(req.Messages) == 0:
		return nil, malformed("requests", "is missing: send an array of requests")
	case len(req.Messages) == 0 || single && len(req.Messages) != 1:
		return nil, malformed("content", "is missing: send what is to be embedded, as text")
	}
	return req, nil
}

// embedded reads a member of one request for an embedding. All of a list are of the
// same kind as the first where they can go to a target of another API.
func (b *geminiBody) embedded(name string, i int, first bool) bool {
	e := &b.req.Embedding
	same := func(ok bool) {
		if !ok {
			b.notPortable(name)
		}
	}
	switch name {
	case "model":
		b.modelOf(i)
	case "content":
		b.content(i)
	case "taskType":
		w := b.word(i)
		same(first || w == e.Task)
		e.Task = w
	case "title":
		if b.optional(i, '"') {
			t := b.text(i, engine.RoleUser, engine.KindText, -1)
			same(first)
			e.Title = t
		}
	case "outputDimensionality":
		v, ok := b.whole(i, 1, 1<<16)
		same(first || int(v) == e.Dimensions)
		if ok {
			e.Dimensions = int(v)
		}
	default:
		return false
	}
	return true
}

// NewReply implements Ingress.
func (GeminiEmbed) NewReply(req *engine.Request) Reply { return &geminiVectors{req: req} }

// Error implements Ingress.
func (GeminiEmbed) Error(o *engine.Outcome) []byte { return geminiError(o) }

// geminiVectors writes embeddings, which are never streamed.
type geminiVectors struct {
	req     *engine.Request
	raw     []byte
	vectors [][]float32
}

// ContentType implements Reply.
func (r *geminiVectors) ContentType() string { return "application/json" }

// KeepAlive implements Reply.
func (r *geminiVectors) KeepAlive(dst []byte) []byte { return dst }

// Losses implements Reply.
func (r *geminiVectors) Losses() []engine.Loss { return nil }

// Fail implements Reply.
func (r *geminiVectors) Fail(dst []byte, o *engine.Outcome) []byte {
	return append(dst, geminiError(o)...)
}

// errBadEmbeddings says that a reply has not one embedding for each input.
var errBadEmbeddings = errors.New("the reply has not one embedding for each input")

// Frame implements Reply.
func (r *geminiVectors) Frame(dst []byte, f *engine.Frame) ([]byte, error) {
	if f.Raw != nil && f.Dialect == r.req.Dialect {
		r.raw = append(r.raw[:0], f.Raw...)
		return dst, nil
	}
	for i := range f.Events {
		e := &f.Events[i]
		if e.Kind != engine.EventVector {
			continue
		}
		if e.Choice < 0 || e.Choice >= len(r.req.Messages) {
			return dst, errBadEmbeddings
		}
		if r.vectors == nil {
			r.vectors = make([][]float32, len(r.req.Messages))
		}
		r.vectors[e.Choice] = e.Vector
	}
	return dst, nil
}

type geminiValues struct {
	Values []float32 `json:"values"`
}

// End implements Reply.
func (r *geminiVectors) End(dst []byte) ([]byte, error) {
	if r.raw != nil {
		return append(dst, r.raw...), nil
	}
	if r.vectors == nil {
		return dst, errNothingToRelay
	}
	var out struct {
		Embedding  *geminiValues  `json:"embedding,omitzero"`
		Embeddings []geminiValues `json:"embeddings,omitzero"`
	}
	for _, v := range r.vectors {
		if v == nil {
			return dst, errBadEmbeddings
		}
		out.Embeddings = append(out.Embeddings, geminiValues{v})
	}
	if _, batch := r.req.Field("requests"); !batch {
		out.Embedding, out.Embeddings = &out.Embeddings[0], nil
	}
	b, err := json.Marshal(&out, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return dst, fmt.Errorf("write a gemini reply: %w", err)
	}
	return append(dst, b...), nil
}

// geminiEmbedding is a request for one embedding.
type geminiEmbedding struct {
	Model      string        `json:"model"`
	Content    geminiContent `json:"content"`
	Task       string        `json:"taskType,omitzero"`
	Title      string        `json:"title,omitzero"`
	Dimensions int           `json:"outputDimensionality,omitzero"`
}

// embeddings writes a request for embeddings: one, or several at once.
func (b *geminiBuild) embeddings() (verb string, body []byte, err error) {
	const d = engine.DialectGemini
	if len(b.req.NotPortable) > 0 {
		return "", nil, inexpressible(d, b.req.NotPortable[0], "only a target of the client's own API knows it")
	}
	e := &b.req.Embedding
	if e.Truncate != nil {
		b.losses.drop("truncate")
	}
	var list []geminiEmbedding
	for i := range b.req.Messages {
		m := &b.req.Messages[i]
		one := geminiEmbedding{Model: geminiModelName(b.up.Model), Task: e.Task, Dimensions: e.Dimensions}
		if e.Title != nil {
			one.Title = value(e.Title)
		}
		for k := range m.Parts {
			text, err := turnPart{req: b.req, part: &m.Parts[k]}.text(d)
			if err != nil {
				return "", nil, err
			}
			one.Content.Parts = append(one.Content.Parts, geminiPart{Text: &text})
		}
		list = append(list, one)
	}
	if len(list) == 1 {
		body, err = build(&list[0])
		return "embedContent", body, err
	}
	body, err = build(&struct {
		Requests []geminiEmbedding `json:"requests"`
	}{list})
	return "batchEmbedContents", body, err
}

// geminiModelName is a model's name within a body.
func geminiModelName(model string) string {
	if strings.Contains(model, "/") {
		return model
	}
	return "models/" + model
}

// relayEmbeddings makes the changes that a request for embeddings needs on its way
// to a target of its own API, whose every part names the model.
func relayEmbeddings(req *engine.Request, up *Upstream) (verb string, body []byte, err error) {
	r, err := new(relayForm).relay(req, up)
	if err != nil {
		return "", nil, err
	}
	name := engine.Quote(geminiModelName(up.Model))
	r.replace("model", name)
	verb = "embedContent"
	if list, batch := req.Field("requests"); batch {
		verb = "batchEmbedContents"
		t, err := r.parse(list.Value)
		if err != nil {
			return "", nil, err
		}
		each := func(i int) {
			if m := t.member(i, "model"); m >= 0 {
				s := t.span(m)
				r.edits = append(r.edits, engine.Edit{Span: engine.Span{Start: list.Value.Start + s.Start, End: list.Value.Start + s.End}, With: name})
			}
		}
		if t.kind(0) == '{' {
			each(0)
		} else {
			for c := range t.children(0) {
				each(c)
			}
		}
	}
	return verb, r.body(), nil
}

// embeddings reads a reply to a request for embeddings.
func (r *geminiReader) embeddings(payload []byte) error {
	var p struct {
		Embedding  *geminiValues  `json:"embedding"`
		Embeddings []geminiValues `json:"embeddings"`
		Usage      *struct {
			Prompt int `json:"promptTokenCount"`
		} `json:"usageMetadata"`
		Error jsontext.Value `json:"error"`
	}
	if err := unmarshal(payload, &p); err != nil {
		return err
	}
	if present(p.Error) {
		r.addError(p.Error)
		return nil
	}
	if p.Embedding != nil {
		p.Embeddings = append(p.Embeddings, *p.Embedding)
	}
	if len(p.Embeddings) != len(r.req.Messages) {
		return errBadEmbeddings
	}
	r.add(engine.Event{Kind: engine.EventStart})
	for i, v := range p.Embeddings {
		if len(v.Values) == 0 {
			return errBadEmbeddings
		}
		if r.req.Dialect != r.dialect { // else the client gets the reply as it is
			r.add(engine.Event{Kind: engine.EventVector, Choice: i, Vector: v.Values})
		}
	}
	if p.Usage != nil {
		r.addUsage(engine.Usage{Input: p.Usage.Prompt})
	}
	r.add(engine.Event{Kind: engine.EventEnd})
	return nil
}

// count reads a reply to countTokens.
func (r *geminiReader) count(payload []byte) error {
	var p struct {
		Total  *int           `json:"totalTokens"`
		Cached int            `json:"cachedContentTokenCount"`
		Error  jsontext.Value `json:"error"`
	}
	if err := unmarshal(payload, &p); err != nil {
		return err
	}
	if present(p.Error) {
		r.addError(p.Error)
		return nil
	}
	if p.Total == nil {
		return errNoAnswer
	}
	r.add(engine.Event{Kind: engine.EventStart})
	r.addUsage(engine.Usage{Input: *p.Total, CachedInput: p.Cached})
	r.add(engine.Event{Kind: engine.EventEnd})
	return nil
}
