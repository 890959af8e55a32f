package wire

import (
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Gemini is a target's side of Google's generateContent, version v1beta.
type Gemini struct{}

type geminiRequest struct {
	Model             string            `json:"model,omitzero"` // within a request to count its tokens
	SystemInstruction *geminiContent    `json:"systemInstruction,omitzero"`
	Contents          []geminiContent   `json:"contents"`
	Tools             []geminiTools     `json:"tools,omitzero"`
	ToolConfig        *geminiToolConfig `json:"toolConfig,omitzero"`
	GenerationConfig  geminiGeneration  `json:"generationConfig,omitzero"`
}

type geminiContent struct {
	Role  string       `json:"role,omitzero"`
	Parts []geminiPart `json:"parts"`
}

// geminiPart is a part of any type, of a request or a reply.
type geminiPart struct {
	Text             *string         `json:"text,omitzero"`
	Thought          bool            `json:"thought,omitzero"`
	InlineData       *geminiBlob     `json:"inlineData,omitzero"`
	FunctionCall     *geminiCall     `json:"functionCall,omitzero"`
	FunctionResponse *geminiResponse `json:"functionResponse,omitzero"`
	ThoughtSignature string          `json:"thoughtSignature,omitzero"`
}

type geminiBlob struct {
	MIMEType string `json:"mimeType"`
	Data     string `json:"data"`
}

type geminiCall struct {
	ID   string         `json:"id,omitzero"`
	Name string         `json:"name"`
	Args jsontext.Value `json:"args"`
}

type geminiResponse struct {
	ID       string         `json:"id,omitzero"`
	Name     string         `json:"name"`
	Response jsontext.Value `json:"response"`
}

// Supports implements Egress.
func (Gemini) Supports(op engine.Operation) bool {
	return op == engine.OpChat || op == engine.OpEmbeddings || op == engine.OpCountTokens
}

// API implements Egress.
func (Gemini) API(req *engine.Request, _ *Upstream) engine.Dialect { return geminiAPI(req) }

func geminiAPI(req *engine.Request) engine.Dialect {
	if req.Operation == engine.OpEmbeddings {
		return engine.DialectGeminiEmbed
	}
	return engine.DialectGeminiContent
}

// NewReader implements Egress.
func (Gemini) NewReader(req *engine.Request, _ *Upstream) ReplyReader { return newGeminiReader(req) }

// ReadError implements Egress.
func (Gemini) ReadError(_ int, body []byte) (code, message string) { return readError(body) }

// WriteRequest implements Egress. Of a client of Gemini's API it relays the bytes.
func (Gemini) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	var out UpstreamRequest
	var verb string
	var err error
	relayed := geminiAPI(req) == req.Dialect
	b := &geminiBuild{req: req, up: up, losses: crossing(req)}
	switch _, nested := fieldOf(req, "generateContentRequest"); {
	case req.Operation == engine.OpEmbeddings && relayed:
		verb, out.Body, err = relayEmbeddings(req, up)
	case req.Operation == engine.OpEmbeddings:
		verb, out.Body, err = b.embeddings()
		out.Losses = b.losses.list
	case relayed && !nested: // the tools within that are not where a relay looks for them
		verb = geminiVerb(req)
		out.Body, out.Losses, err = relayGemini(req, up)
	default:
		verb = geminiVerb(req)
		out.Body, err = b.chat()
		out.Losses = b.losses.list
	}
	if err != nil {
		return nil, err
	}
	if out.Path = geminiPath(up.Model, verb); verb == "streamGenerateContent" {
		out.Stream, out.Query = true, "alt=sse" // it is a JSON array otherwise
	}
	return &out, nil
}

// geminiVerb is what a chat asks the model for.
func geminiVerb(req *engine.Request) string {
	switch {
	case req.Operation == engine.OpCountTokens:
		return "countTokens"
	case req.Stream:
		return "streamGenerateContent"
	}
	return "generateContent"
}

// fieldOf is a member of the body under either of its names.
func fieldOf(req *engine.Request, camel string) (engine.Field, bool) {
	for _, f := range req.Fields {
		if camelCase(f.Name) == camel {
			return f, true
		}
	}
	return engine.Field{}, false
}

// geminiPath is the path of a verb of a model.
func geminiPath(model, verb string) string {
	parts := strings.Split(model, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	if len(parts) == 1 {
		parts = []string{"models", parts[0]}
	}
	return "/" + strings.Join(parts, "/") + ":" + verb
}

// relayGemini makes the changes that a body needs on its way to a target of its own
// API. A member may stand under either of its names.
func relayGemini(req *engine.Request, up *Upstream) ([]byte, []engine.Loss, error) {
	form := relayForm{tools: []string{"tools"}, choices: []string{"toolConfig", "tool_config"}}
	config := "generationConfig"
	if _, ok := req.Field("generation_config"); ok {
		config = "generation_config"
	}
	if req.Operation == engine.OpChat {
		form.limits = []string{config + ".maxOutputTokens", config + ".max_output_tokens"}
	}
	r, err := form.relay(req, up)
	if err != nil {
		return nil, nil, err
	}
	r.replace("model", engine.Quote(geminiModelName(up.Model)))
	l := &losses{dialect: req.Dialect, req: req}
	if err := r.unsealed(l); err != nil {
		return nil, nil, err
	}
	return r.body(), l.list, nil
}

// anySeal is what Google's servers take in the place of a signature that they did
// not make, which they demand of the first call of a step.
const anySeal = "skip_thought_signature_validator"

// unsealed replaces the signatures of other vendors' models: Google's servers would
// refuse the whole request.
func (r *relay) unsealed(l *losses) error {
	foreign := func(o *engine.Opaque) bool { return o != nil && o.Origin != engine.DialectGemini }
	var at []int
	for i := range r.req.Messages {
		m := &r.req.Messages[i]
		for k := range m.Parts {
			if foreign(m.Parts[k].Seal) {
				at = append(at, m.Parts[k].At)
			}
		}
		for k := range m.ToolCalls {
			if foreign(m.ToolCalls[k].Seal) {
				at = append(at, m.ToolCalls[k].At)
			}
		}
	}
	if len(at) == 0 {
		return nil
	}
	t, err := r.parse(engine.Span{End: len(r.req.Body.Raw)})
	if err != nil {
		return err
	}
	for i := range t.nodes {
		if t.kind(i) != '"' || camelCase(memberName(t, i)) != "thoughtSignature" || foreignSeal(t.str(i)) == nil {
			continue
		}
		r.edits = append(r.edits, engine.Edit{Span: t.span(i), With: engine.Quote(anySeal)})
		l.dropAt(t.span(i).Start, "")
	}
	return nil
}

// memberName is the name of node i, "" where it is no member.
func memberName(t *tree, i int) string {
	if t.keySpan(i).Len() == 0 {
		return ""
	}
	return t.name(i)
}

// geminiBuild writes a request of another API than Gemini's.
type geminiBuild struct {
	req    *engine.Request
	up     *Upstream
	out    geminiRequest
	losses *losses
}

func (b *geminiBuild) chat() ([]byte, error) {
	chat := *b.req
	if chat.Operation == engine.OpCountTokens { // of what a chat would be
		chat.Operation = engine.OpChat
	}
	if err := checkPortable(&chat, engine.DialectGemini); err != nil {
		return nil, err
	}
	if err := b.contents(); err != nil {
		return nil, err
	}
	if err := b.tools(); err != nil {
		return nil, err
	}
	if err := b.generation(); err != nil {
		return nil, err
	}
	if b.req.Operation == engine.OpCountTokens {
		b.out.Model, b.out.GenerationConfig.MaxOutputTokens = geminiModelName(b.up.Model), 0
		return build(&struct {
			Request *geminiRequest `json:"generateContentRequest"`
		}{&b.out})
	}
	return build(&b.out)
}

// contents writes the conversation.
func (b *geminiBuild) contents() error {
	const d = engine.DialectGemini
	system, conversation := turns(b.req, b.losses)
	for _, p := range system {
		text, err := p.text(d)
		if err != nil {
			return err
		}
		if b.out.SystemInstruction == nil {
			b.out.SystemInstruction = &geminiContent{}
		}
		b.out.SystemInstruction.Parts = append(b.out.SystemInstruction.Parts, geminiPart{Text: &text})
	}
	var calls []string // of the turn before
	for _, t := range conversation {
		c := geminiContent{Role: "user"}
		if t.role == engine.RoleAssistant {
			c.Role, calls = "model", nil
		} else {
			inCallOrder(t.parts, calls)
		}
		for _, p := range t.parts {
			parts, err := b.part(p, len(calls) == 0)
			if err != nil {
				return err
			}
			if p.call != nil {
				calls = append(calls, p.call.ID)
			}
			c.Parts = append(c.Parts, parts...)
		}
		if len(c.Parts) > 0 {
			b.out.Contents = append(b.out.Contents, c)
		}
	}
	if len(b.out.Contents) == 0 {
		return inexpressible(d, "messages", "it needs a message of the user")
	}
	return nil
}

// inCallOrder sorts the results at the beginning of a turn into the order of the
// calls they answer: models that are not told ids go by it.
func inCallOrder(parts []turnPart, calls []string) {
	n := 0
	for n < len(parts) && parts[n].result != nil {
		n++
	}
	order := func(p turnPart) int {
		if at := slices.Index(calls, p.result.ToolCallID); at >= 0 {
			return at
		}
		return len(calls)
	}
	slices.SortStableFunc(parts[:n], func(a, b turnPart) int { return order(a) - order(b) })
}

// part writes one thing said, which a result with images makes several of. first:
// a call would be the first of its turn.
func (b *geminiBuild) part(p turnPart, first bool) ([]geminiPart, error) {
	switch {
	case p.call != nil:
		part, err := b.call(p, first)
		return []geminiPart{part}, err
	case p.result != nil:
		return b.result(p)
	}
	switch p.part.Kind {
	case engine.PartReasoning:
		if s := p.part.Seal; s != nil && s.Origin == engine.DialectGemini && p.part.Text != nil {
			text := value(p.part.Text)
			return []geminiPart{{Text: &text, Thought: true, ThoughtSignature: s.Data}}, nil
		}
		b.losses.drop(p.path("")) // of another vendor, or unsigned
		return nil, nil
	case engine.PartJSON:
		text := string(p.part.JSON.Bytes())
		return []geminiPart{{Text: &text}}, nil
	case engine.PartImage, engine.PartAudio, engine.PartVideo, engine.PartFile:
		return b.media(p)
	case engine.PartOther:
		return nil, inexpressible(engine.DialectGemini, p.path(""), "it has no such part")
	}
	text, err := p.text(engine.DialectGemini)
	if err != nil || text == "" { // an empty text is refused
		return nil, err
	}
	return []geminiPart{{Text: &text}}, nil
}

// media writes an image, a sound, a film or a document.
func (b *geminiBuild) media(p turnPart) ([]geminiPart, error) {
	const d = engine.DialectGemini
	switch m := p.part; {
	case m.Text != nil:
		b.losses.approximate(p.path(""), "text")
		text := value(m.Text)
		return []geminiPart{{Text: &text}}, nil
	case m.URL != nil:
		return nil, inexpressible(d, p.path(".image_url.url"), "it does not fetch by URL: send a data URL")
	case m.FileID != nil:
		return nil, inexpressible(d, p.path(""), "it has no file of another vendor: send the data")
	case m.Data == "" || m.MediaType == "":
		return nil, inexpressible(d, p.path(""), "it needs the data and its media type")
	}
	if d := p.part.Detail; d != "" && d != "auto" {
		b.losses.drop(p.path(".image_url.detail"))
	}
	return []geminiPart{{InlineData: &geminiBlob{MIMEType: p.part.MediaType, Data: p.part.Data}}}, nil
}

func (b *geminiBuild) call(p turnPart, first bool) (geminiPart, error) {
	const d = engine.DialectGemini
	args, err := p.arguments(d)
	if err != nil {
		return geminiPart{}, err
	}
	if why := badName(p.call.Name, 64, ".:"); why != "" {
		return geminiPart{}, inexpressible(d, p.path(".function.name"), why)
	}
	out := geminiPart{FunctionCall: &geminiCall{ID: p.call.ID, Name: p.call.Name, Args: args}}
	switch s := p.call.Seal; {
	case s != nil && s.Origin == d:
		out.ThoughtSignature = s.Data
	case first && strings.Contains(b.up.Model, "gemini-3"): // which refuse a call without one
		out.ThoughtSignature = anySeal
	}
	if s := p.call.Seal; s != nil && s.Origin != d {
		b.losses.approximate(p.path(""), "")
	}
	return out, nil
}

// result writes a tool's result: an object as it is, all else as the member that
// Google's SDKs put it in. Images stand beside it.
func (b *geminiBuild) result(p turnPart) ([]geminiPart, error) {
	m := *p.result
	m.Parts = nil
	var more []geminiPart
	for i := range p.result.Parts {
		switch part := &p.result.Parts[i]; part.Kind {
		case engine.PartImage, engine.PartAudio, engine.PartVideo, engine.PartFile:
			beside := turnPart{req: p.req, part: part}
			parts, err := b.media(beside)
			if err != nil {
				return nil, err
			}
			b.losses.approximate(beside.path(""), "user")
			more = append(more, parts...)
		default:
			m.Parts = append(m.Parts, *part)
		}
	}
	p.result = &m
	text, err := p.resultText(engine.DialectGemini)
	if err != nil {
		return nil, err
	}
	response := jsontext.Value(text)
	object := response.Kind() == '{' && response.IsValid()
	asIs := object && (!m.IsError || len(m.Parts) == 1 && m.Parts[0].Kind == engine.PartJSON)
	if !asIs {
		name := `{"result":`
		if m.IsError {
			name = `{"error":`
		}
		response = append(quoted(nil, name, text), '}')
	}
	return append([]geminiPart{{FunctionResponse: &geminiResponse{ID: m.ToolCallID, Name: m.ToolName, Response: response}}}, more...), nil
}
