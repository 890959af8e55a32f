package wire

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Ollama is a target's side of Ollama's own POST /api/chat.
type Ollama struct{}

type ollamaRequest struct {
	Model    string          `json:"model"`
	Messages []ollamaMessage `json:"messages"`
	Tools    []ollamaTool    `json:"tools,omitzero"`
	Format   jsontext.Value  `json:"format,omitzero"`
	Think    jsontext.Value  `json:"think,omitzero"`
	Stream   bool            `json:"stream"` // true where it is missing
	Options  ollamaOptions   `json:"options,omitzero"`
}

type ollamaMessage struct {
	Role       string       `json:"role"`
	Content    string       `json:"content"`
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
	return op == engine.OpChat || op == engine.OpCountTokens
}

// API implements Egress.
func (Ollama) API(*engine.Request, *Upstream) engine.Dialect { return engine.DialectOllamaChat }

// NewReader implements Egress.
func (Ollama) NewReader(req *engine.Request, _ *Upstream) ReplyReader { return newOllamaReader(req) }

// ReadError implements Egress.
func (Ollama) ReadError(_ int, body []byte) (code, message string) { return readError(body) }

// WriteRequest implements Egress.
func (Ollama) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	const d = engine.DialectOllama
	if req.Operation == engine.OpCountTokens {
		return &UpstreamRequest{Local: true}, nil
	}
	if err := checkPortable(req, d); err != nil {
		return nil, err
	}
	if req.Logprobs != nil {
		return nil, inexpressible(d, "logprobs", "it is not asked for any there")
	}
	l := crossing(req)
	s := req.Sampling
	if s.N > 1 {
		return nil, inexpressible(d, "n", "it gives one answer")
	}
	out := ollamaRequest{Model: up.Model, Stream: req.Stream, Options: ollamaOptions{NumPredict: maxTokens(req, up), Temperature: s.Temperature,
		TopP: s.TopP, TopK: s.TopK, Seed: s.Seed, Stop: s.Stop, PresencePenalty: s.PresencePenalty, FrequencyPenalty: s.FrequencyPenalty}}
	for i := range req.Messages {
		m, err := ollamaMessageOf(req, &req.Messages[i])
		if err != nil {
			return nil, err
		}
		out.Messages = append(out.Messages, m)
	}
	if err := out.tools(req); err != nil {
		return nil, err
	}
	v, ok, err := formatSchema(req, d)
	if err != nil {
		return nil, err
	}
	if ok {
		out.Format = v
	} else if req.Format.Type == "json_object" {
		out.Format = jsontext.Value(`"json"`)
	}
	switch req.Reasoning.Effort {
	case "": // the model's own default
	case "none":
		out.Think = jsontext.Value("false")
	case "minimal":
		out.Think = jsontext.Value(`"low"`)
	case "xhigh", "max":
		out.Think = jsontext.Value(`"high"`)
	default:
		out.Think = quoted(nil, "", req.Reasoning.Effort)
	}
	body, err := build(&out)
	if err != nil {
		return nil, err
	}
	post := &UpstreamRequest{Path: "/api/chat", Body: body, Stream: req.Stream, Losses: l.list}
	if req.Stream {
		post.Accept = "application/x-ndjson"
	}
	return post, nil
}

// ollamaMessageOf writes one message. Its content is a single string: parts are
// joined by line breaks, as the chat templates of local models do it, and images
// stand beside it.
func ollamaMessageOf(req *engine.Request, m *engine.Message) (ollamaMessage, error) {
	const d = engine.DialectOllama
	out := ollamaMessage{Role: m.Role.String()}
	var texts []string
	for i := range m.Parts {
		p := turnPart{req: req, part: &m.Parts[i]}
		switch {
		case p.part.Kind == engine.PartImage && p.part.URL != nil:
			return out, inexpressible(d, p.path(".image_url.url"), "it does not fetch images: send a data URL")
		case p.part.Kind == engine.PartImage:
			out.Images = append(out.Images, p.part.Data)
		case p.part.Kind == engine.PartOther:
			return out, inexpressible(d, p.path(""), "it has no such part")
		case p.part.Kind == engine.PartToolCall: // its place is lost
		case p.part.Kind == engine.PartReasoning:
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
	out.Content = strings.Join(texts, "\n")
	for i := range m.ToolCalls {
		p := turnPart{req: req, call: &m.ToolCalls[i]}
		args, err := p.arguments(d)
		if err != nil {
			return out, err
		}
		call := ollamaCall{ID: p.call.ID}
		call.Function.Name, call.Function.Arguments = p.call.Name, args
		out.ToolCalls = append(out.ToolCalls, call)
	}
	if m.Role == engine.RoleTool {
		if m.ToolName == "" {
			return out, inexpressible(d, pathAt(req, m.At, ".tool_call_id"), "it names no tool call of an earlier message")
		}
		out.ToolName, out.ToolCallID = m.ToolName, m.ToolCallID
	}
	return out, nil
}

// tools writes the tools. The dialect has no choice among them: "none" is met by
// sending none.
func (out *ollamaRequest) tools(req *engine.Request) error {
	const d = engine.DialectOllama
	if len(req.Tools) == 0 {
		return nil
	}
	switch c := chosenTool(req); c.Mode {
	case "none":
		return nil
	case "", "auto":
	default:
		return inexpressible(d, "tool_choice", "it cannot be made to call a tool")
	}
	if req.ParallelTools != nil && !*req.ParallelTools {
		return inexpressible(d, "parallel_tool_calls", "it cannot promise one call at a time")
	}
	for i := range req.Tools {
		v, err := schema(req, i, d)
		if err != nil {
			return err
		}
		t := ollamaTool{Type: "function"}
		t.Function.Name, t.Function.Description, t.Function.Parameters = req.Tools[i].Name, description(&req.Tools[i]), v
		out.Tools = append(out.Tools, t)
	}
	return nil
}
