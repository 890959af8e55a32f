package wire

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Ollama is a target's side of Ollama's own API: /api/chat, /api/generate and
// /api/embed.
type Ollama struct{}

type ollamaRequest struct {
	Model       string          `json:"model"`
	Messages    []ollamaMessage `json:"messages"`
	Tools       []ollamaTool    `json:"tools,omitzero"`
	Format      jsontext.Value  `json:"format,omitzero"`
	Think       jsontext.Value  `json:"think,omitzero"`
	Stream      bool            `json:"stream"` // true where it is missing
	Logprobs    bool            `json:"logprobs,omitzero"`
	TopLogprobs int             `json:"top_logprobs,omitzero"`
	Options     ollamaOptions   `json:"options,omitzero"`
}

// ollamaPrompt is a completion.
type ollamaPrompt struct {
	Model       string        `json:"model"`
	Prompt      string        `json:"prompt"`
	Raw         bool          `json:"raw"`
	Stream      bool          `json:"stream"`
	Logprobs    bool          `json:"logprobs,omitzero"`
	TopLogprobs int           `json:"top_logprobs,omitzero"`
	Options     ollamaOptions `json:"options,omitzero"`
}

type ollamaInput struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Dimensions int      `json:"dimensions,omitzero"`
	Truncate   *bool    `json:"truncate,omitzero"`
}

type ollamaMessage struct {
	Role       string       `json:"role"`
	Content    string       `json:"content"`
	Thinking   string       `json:"thinking,omitzero"`
	Images     []string     `json:"images,omitzero"` // base64
	ToolCalls  []ollamaCall `json:"tool_calls,omitzero"`
	ToolName   string       `json:"tool_name,omitzero"`
	ToolCallID string       `json:"tool_call_id,omitzero"`
}

type ollamaCall struct {
	ID       string `json:"id,omitzero"`
	Function struct {
		Name      string         `json:"name"`
		Arguments jsontext.Value `json:"arguments"` // an object
	} `json:"function"`
}

type ollamaTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string         `json:"name"`
		Description string         `json:"description,omitzero"`
		Parameters  jsontext.Value `json:"parameters"`
	} `json:"function"`
}

type ollamaOptions struct {
	NumPredict       int      `json:"num_predict,omitzero"`
	Temperature      *float64 `json:"temperature,omitzero"`
	TopP             *float64 `json:"top_p,omitzero"`
	TopK             *int     `json:"top_k,omitzero"`
	Seed             *int64   `json:"seed,omitzero"`
	Stop             []string `json:"stop,omitzero"`
	PresencePenalty  *float64 `json:"presence_penalty,omitzero"`
	FrequencyPenalty *float64 `json:"frequency_penalty,omitzero"`
}

// Supports implements Egress.
func (Ollama) Supports(op engine.Operation) bool {
	switch op {
	case engine.OpChat, engine.OpCompletion, engine.OpEmbeddings, engine.OpCountTokens:
		return true
	}
	return false
}

// API implements Egress.
func (Ollama) API(req *engine.Request, _ *Upstream) engine.Dialect {
	switch {
	case req.Operation == engine.OpEmbeddings:
		return engine.DialectOllamaEmbed
	case req.Operation == engine.OpCompletion, req.Dialect == engine.DialectOllamaGenerate:
		return engine.DialectOllamaGenerate
	}
	return engine.DialectOllamaChat
}

// NewReader implements Egress.
func (e Ollama) NewReader(req *engine.Request, up *Upstream) ReplyReader {
	return newOllamaReader(req, e.API(req, up))
}

// ReadError implements Egress.
func (Ollama) ReadError(_ int, body []byte) (code, message string) { return readError(body) }

// ollamaForm is how Ollama's bodies are relayed.
var ollamaForm = relayForm{model: "model", limits: []string{"options.num_predict"}, tools: []string{"tools"}}

// WriteRequest implements Egress.
func (e Ollama) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	if req.Operation == engine.OpCountTokens {
		return &UpstreamRequest{Local: true}, nil
	}
	api := e.API(req, up)
	post := &UpstreamRequest{Path: "/api/chat", Stream: req.Stream}
	switch api {
	case engine.DialectOllamaGenerate:
		post.Path = "/api/generate"
	case engine.DialectOllamaEmbed:
		post.Path, post.Stream = "/api/embed", false
		if req.Dialect == api && oneEmbedding(req) {
			post.Path = "/api/embeddings"
		}
	}
	if post.Stream {
		post.Accept = "application/x-ndjson"
	}
	if req.Dialect == api {
		form := ollamaForm
		if api == engine.DialectOllamaEmbed {
			form = relayForm{model: "model"}
		}
		r, err := form.relay(req, up)
		if err != nil {
			return nil, err
		}
		post.Body = r.body()
		return post, nil
	}
	l := crossing(req)
	v, err := ollamaBody(req, up, l)
	if err != nil {
		return nil, err
	}
	post.Losses = l.list
	post.Body, err = build(v)
	return post, err
}

// ollamaBody is the body of a request of another API.
func ollamaBody(req *engine.Request, up *Upstream, l *losses) (any, error) {
	const d = engine.DialectOllama
	if len(req.NotPortable) > 0 {
		return nil, inexpressible(d, req.NotPortable[0], "only a target of the client's own dialect knows it")
	}
	s := req.Sampling
	if s.N > 1 {
		return nil, inexpressible(d, "n", "it gives one answer")
	}
	options := ollamaOptions{NumPredict: maxTokens(req, up), Temperature: s.Temperature,
		TopP: s.TopP, TopK: s.TopK, Seed: s.Seed, Stop: s.Stop, PresencePenalty: s.PresencePenalty, FrequencyPenalty: s.FrequencyPenalty}
	top := 0
	if req.Logprobs != nil {
		if top = *req.Logprobs; top > ollamaTopLogprobs {
			return nil, inexpressible(d, "top_logprobs", fmt.Sprintf("it gives at most %d", ollamaTopLogprobs))
		}
	}
	switch req.Operation {
	case engine.OpCompletion:
		if len(req.Messages) != 1 {
			return nil, inexpressible(d, "prompt", "it takes one at a time")
		}
		prompt, err := turnPart{req: req, part: &req.Messages[0].Parts[0]}.text(d)
		return &ollamaPrompt{Model: up.Model, Prompt: prompt, Raw: true, Stream: req.Stream, Options: options, Logprobs: req.Logprobs != nil, TopLogprobs: top}, err
	case engine.OpEmbeddings:
		return ollamaInputs(req, up, l)
	}
	for i := range req.Tools {
		if req.Tools[i].Kind != engine.ToolFunction {
			return nil, inexpressible(d, toolPath(req, i, ""), "only functions exist there")
		}
	}
	out := ollamaRequest{Model: up.Model, Stream: req.Stream, Options: options, Logprobs: req.Logprobs != nil, TopLogprobs: top}
	for i := range req.Messages {
		m, err := ollamaMessageOf(req, &req.Messages[i], l)
		if err != nil {
			return nil, err
		}
		out.Messages = append(out.Messages, m)
	}
	if err := out.tools(req, l); err != nil {
		return nil, err
	}
	v, ok, err := formatSchema(req, d)
	if err != nil {
		return nil, err
	}
	if ok {
		if out.Format = v; req.Format.Strict != nil && !*req.Format.Strict {
			l.approximate("response_format.json_schema.strict", "true") // it holds the model to it
		}
	} else if req.Format.Type == "json_object" {
		out.Format = jsontext.Value(`"json"`)
	}
	if up.NoReasoning {
		out.dontThink(req, l)
	} else {
		out.think(req, l)
	}
	return &out, nil
}

// ollamaTopLogprobs is the most alternatives of a token that Ollama gives.
const ollamaTopLogprobs = 20

// ollamaInputs is a request for embeddings.
func ollamaInputs(req *engine.Request, up *Upstream, l *losses) (any, error) {
	const d = engine.DialectOllama
	e := &req.Embedding
	out := ollamaInput{Model: up.Model, Dimensions: e.Dimensions, Truncate: e.Truncate}
	for i := range req.Messages {
		if len(req.Messages[i].Parts) != 1 {
			return nil, inexpressible(d, pathAt(req, req.Messages[i].At, ""), "an input is one text there")
		}
		s, err := turnPart{req: req, part: &req.Messages[i].Parts[0]}.text(d)
		if err != nil {
			return nil, err
		}
		out.Input = append(out.Input, s)
	}
	if e.Task != "" {
		l.drop("taskType")
	}
	if e.Title != nil {
		l.drop("title")
	}
	return &out, nil
}

// RefusedReasoning says whether an error of Ollama means that the model does not
// reason and that it would have answered, had it not been asked to.
func (Ollama) RefusedReasoning(status int, message string) bool {
	return status == http.StatusBadRequest && strings.HasSuffix(message, "does not support thinking")
}

// dontThink asks a model for nothing that it cannot do.
func (out *ollamaRequest) dontThink(req *engine.Request, l *losses) {
	if r := &req.Reasoning; !r.Off && (r.Effort != "" && r.Effort != "none" || r.Budget != 0 || r.Show) {
		l.drop("reasoning_effort")
	}
}

// think writes whether and how hard the model thinks.
func (out *ollamaRequest) think(req *engine.Request, l *losses) {
	r := &req.Reasoning
	switch {
	case r.Off || r.Effort == "none":
		out.Think = jsontext.Value("false")
	case r.Effort == "minimal":
		l.approximate("reasoning_effort", "low")
		out.Think = jsontext.Value(`"low"`)
	case r.Effort == "xhigh":
		l.approximate("reasoning_effort", "high")
		out.Think = jsontext.Value(`"high"`)
	case r.Effort != "":
		out.Think = quoted(nil, "", r.Effort)
	case r.Budget != 0:
		l.approximate("reasoning_effort", "true")
		out.Think = jsontext.Value("true")
	case r.Show:
		out.Think = jsontext.Value("true")
	}
}

// ollamaMessageOf writes one message. Its content is a single string: parts are
// joined by line breaks, as the chat templates of local models do it, and images
// stand beside it.
func ollamaMessageOf(req *engine.Request, m *engine.Message, l *losses) (ollamaMessage, error) {
	const d = engine.DialectOllama
	out := ollamaMessage{Role: m.Role.String()}
	var texts []string
	for i := range m.Parts {
		p := turnPart{req: req, part: &m.Parts[i]}
		switch {
		case p.part.Kind == engine.PartImage && p.part.Data != "":
			out.Images = append(out.Images, p.part.Data)
		case p.part.Kind == engine.PartImage && p.part.URL != nil:
			return out, inexpressible(d, p.path(".image_url.url"), "it does not fetch images: send a data URL")
		case p.part.Kind == engine.PartToolCall: // its place is lost
		case p.part.Kind == engine.PartReasoning && p.part.Text == nil:
			l.drop(p.path(""))
		case p.part.Kind == engine.PartReasoning:
			if out.Thinking != "" {
				out.Thinking += "\n"
			}
			if out.Thinking += value(p.part.Text); p.part.Seal != nil {
				l.drop(p.path("") + ".signature")
			}
		case p.part.Kind == engine.PartJSON:
			texts = append(texts, string(p.part.JSON.Bytes()))
		default:
			text, err := p.text(d)
			if err != nil {
				return out, err
			}
			texts = append(texts, text)
		}
	}
	if out.Content = strings.Join(texts, "\n"); len(texts) > 1 {
		l.approximate(pathAt(req, m.At, ".content"), "joined")
	}
	for i := range m.ToolCalls {
		p := turnPart{req: req, call: &m.ToolCalls[i]}
		args, err := p.arguments(d)
		if err != nil {
			return out, err
		}
		if p.call.Seal != nil {
			l.drop(p.path("") + ".signature")
		}
		call := ollamaCall{ID: p.call.ID}
		call.Function.Name, call.Function.Arguments = p.call.Name, args
		out.ToolCalls = append(out.ToolCalls, call)
	}
	if m.Role == engine.RoleTool {
		if m.ToolName == "" {
			return out, inexpressible(d, pathAt(req, m.At, ".tool_call_id"), "it names no tool call of an earlier message")
		}
		if out.ToolName, out.ToolCallID = m.ToolName, m.ToolCallID; m.IsError {
			l.drop(pathAt(req, m.At, ".is_error"))
		}
	}
	return out, nil
}

// tools writes the tools. The dialect has no choice among them: "none" is met by
// sending none, and a choice of some by sending those.
func (out *ollamaRequest) tools(req *engine.Request, l *losses) error {
	const d = engine.DialectOllama
	if len(req.Tools) == 0 {
		return nil
	}
	choice := chosenTool(req)
	switch choice.Mode {
	case "none":
		return nil
	case "", "auto":
	default:
		return inexpressible(d, "tool_choice", "it cannot be made to call a tool")
	}
	if req.ParallelTools != nil && !*req.ParallelTools {
		l.drop("parallel_tool_calls")
	}
	for i := range req.Tools {
		from := &req.Tools[i]
		if choice.Names != nil && !slices.Contains(choice.Names, from.Name) {
			continue
		}
		v, err := schema(req, i, d)
		if err != nil {
			return err
		}
		if from.Strict != nil && *from.Strict {
			l.drop(toolPath(req, i, ".function.strict"))
		}
		t := ollamaTool{Type: "function"}
		t.Function.Name, t.Function.Description, t.Function.Parameters = from.Name, description(from), v
		out.Tools = append(out.Tools, t)
	}
	return nil
}
