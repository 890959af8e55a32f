package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Anthropic is a target's side of Anthropic's Messages API, version 2023-06-01.
type Anthropic struct{}

// anthropicVersion is the version of the API that requests are written in.
const anthropicVersion = "2023-06-01"

// anthropicMaxTokens is sent where neither the client nor policy limits the
// output: the API has no default, and this is what every model of it can give.
const anthropicMaxTokens = 4096

type anthropicRequest struct {
	Model         string                 `json:"model"`
	MaxTokens     int                    `json:"max_tokens"`
	System        []anthropicBlock       `json:"system,omitzero"`
	Messages      []anthropicMessage     `json:"messages"`
	Tools         []anthropicTool        `json:"tools,omitzero"`
	ToolChoice    *anthropicToolChoice   `json:"tool_choice,omitzero"`
	StopSequences []string               `json:"stop_sequences,omitzero"`
	Temperature   *float64               `json:"temperature,omitzero"`
	TopP          *float64               `json:"top_p,omitzero"`
	TopK          *int                   `json:"top_k,omitzero"`
	OutputConfig  *anthropicOutputConfig `json:"output_config,omitzero"`
	Stream        bool                   `json:"stream,omitzero"`
}

type anthropicMessage struct {
	Role    string           `json:"role"`
	Content []anthropicBlock `json:"content"`
}

// anthropicBlock is a content block of any type.
type anthropicBlock struct {
	Type      string           `json:"type"`
	Text      string           `json:"text,omitzero"`
	Source    *anthropicSource `json:"source,omitzero"`
	ID        string           `json:"id,omitzero"`
	Name      string           `json:"name,omitzero"`
	Input     jsontext.Value   `json:"input,omitzero"`
	ToolUseID string           `json:"tool_use_id,omitzero"`
	Content   string           `json:"content,omitzero"`
	IsError   bool             `json:"is_error,omitzero"`
}

type anthropicSource struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type,omitzero"`
	Data      string `json:"data,omitzero"`
	URL       string `json:"url,omitzero"`
}

type anthropicTool struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	InputSchema jsontext.Value `json:"input_schema"`
	Strict      *bool          `json:"strict,omitzero"`
}

type anthropicToolChoice struct {
	Type            string `json:"type"`
	Name            string `json:"name,omitzero"`
	DisableParallel bool   `json:"disable_parallel_tool_use,omitzero"`
}

type anthropicOutputConfig struct {
	Effort string           `json:"effort,omitzero"`
	Format *anthropicFormat `json:"format,omitzero"`
}

type anthropicFormat struct {
	Type   string         `json:"type"`
	Schema jsontext.Value `json:"schema"`
}

// Supports implements Egress.
func (Anthropic) Supports(op engine.Operation) bool { return op == engine.OpChat }

// API implements Egress.
func (Anthropic) API(*engine.Request, *Upstream) engine.Dialect {
	return engine.DialectAnthropicMessages
}

// NewReader implements Egress.
func (Anthropic) NewReader(req *engine.Request, _ *Upstream) ReplyReader {
	return newAnthropicReader(req)
}

// ReadError implements Egress.
func (Anthropic) ReadError(_ int, body []byte) (code, message string) { return readError(body) }

// WriteRequest implements Egress.
func (Anthropic) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	const d = engine.DialectAnthropic
	if req.Dialect == engine.DialectAnthropicMessages && (up.Version == "" || req.Version == "" || up.Version == req.Version) {
		return relayAnthropic(req, up)
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
	out := anthropicRequest{Model: up.Model, MaxTokens: maxTokens(req, up), StopSequences: s.Stop,
		Temperature: least(s.Temperature, 1), TopP: s.TopP, TopK: s.TopK, Stream: req.Stream}
	if out.MaxTokens == 0 {
		out.MaxTokens = anthropicMaxTokens
	}
	system, conversation := turns(req, l)
	for _, p := range system {
		text, err := p.text(d)
		if err != nil {
			return nil, err
		}
		if text != "" { // empty blocks are refused
			out.System = append(out.System, anthropicBlock{Type: "text", Text: text})
		}
	}
	for _, t := range conversation {
		m := anthropicMessage{Role: t.role.String()}
		for _, p := range t.parts {
			if p.part != nil && p.part.Kind == engine.PartReasoning {
				l.drop(p.path("")) // of another vendor, unsigned
				continue
			}
			b, err := anthropicPart(p)
			if err != nil {
				return nil, err
			}
			if b.Type != "text" || b.Text != "" {
				m.Content = append(m.Content, b)
			}
		}
		if len(m.Content) > 0 {
			out.Messages = append(out.Messages, m)
		}
	}
	if len(out.Messages) == 0 {
		return nil, inexpressible(d, "messages", "it needs a message of the user that is not empty")
	}
	if err := out.tools(req); err != nil {
		return nil, err
	}
	if err := out.output(req); err != nil {
		return nil, err
	}
	body, err := build(&out)
	if err != nil {
		return nil, err
	}
	return &UpstreamRequest{Path: "/messages", Header: [][2]string{{"Anthropic-Version", anthropicVersion}}, Body: body, Stream: req.Stream, Losses: l.list}, nil
}

func anthropicPart(p turnPart) (anthropicBlock, error) {
	const d = engine.DialectAnthropic
	switch {
	case p.call != nil:
		input, err := p.arguments(d)
		if err != nil {
			return anthropicBlock{}, err
		}
		if why := badName(p.call.Name, 128, ""); why != "" {
			return anthropicBlock{}, inexpressible(d, p.path(".function.name"), why)
		}
		return anthropicBlock{Type: "tool_use", ID: toolID(p.call.ID), Name: p.call.Name, Input: input}, nil
	case p.result != nil:
		text, err := p.resultText(d)
		return anthropicBlock{Type: "tool_result", ToolUseID: toolID(p.result.ToolCallID), Content: text, IsError: p.result.IsError}, err
	case p.part.Kind == engine.PartImage && p.part.URL != nil:
		return anthropicBlock{Type: "image", Source: &anthropicSource{Type: "url", URL: value(p.part.URL)}}, nil
	case p.part.Kind == engine.PartImage:
		return anthropicBlock{Type: "image", Source: &anthropicSource{Type: "base64", MediaType: p.part.MediaType, Data: p.part.Data}}, nil
	case p.part.Kind == engine.PartOther:
		return anthropicBlock{}, inexpressible(d, p.path(""), "it has no such part")
	}
	text, err := p.text(d)
	return anthropicBlock{Type: "text", Text: text}, err
}

// tools writes the tools and the choice among them.
func (out *anthropicRequest) tools(req *engine.Request) error {
	for i := range req.Tools {
		t := &req.Tools[i]
		if why := badName(t.Name, 128, ""); why != "" {
			return inexpressible(engine.DialectAnthropic, toolPath(req, i, ".function.name"), why)
		}
		parameters, err := schema(req, i, engine.DialectAnthropic)
		if err != nil {
			return err
		}
		out.Tools = append(out.Tools, anthropicTool{Name: t.Name, Description: description(t), InputSchema: parameters, Strict: t.Strict})
	}
	if len(out.Tools) == 0 {
		return nil
	}
	choice := anthropicToolChoice{DisableParallel: req.ParallelTools != nil && !*req.ParallelTools}
	switch c := chosenTool(req); c.Mode {
	case "none":
		choice = anthropicToolChoice{Type: "none"}
	case "required":
		choice.Type = "any"
	case "tool":
		choice.Type, choice.Name = "tool", c.Name
	case "auto":
		choice.Type = "auto"
	case "":
		if !choice.DisableParallel {
			return nil
		}
		choice.Type = "auto"
	default:
		return inexpressible(engine.DialectAnthropic, "tool_choice", "it has no such choice")
	}
	out.ToolChoice = &choice
	return nil
}

// output writes the response format and the reasoning effort.
func (out *anthropicRequest) output(req *engine.Request) error {
	if req.Format.Type == "json_object" {
		return inexpressible(engine.DialectAnthropic, "response_format", "it has JSON output by a schema only: use json_schema")
	}
	v, ok, err := formatSchema(req, engine.DialectAnthropic)
	if err != nil {
		return err
	}
	var c anthropicOutputConfig
	if ok {
		c.Format = &anthropicFormat{Type: "json_schema", Schema: v}
	}
	switch req.Reasoning.Effort {
	case "", "none": // thinking is off unless it is asked for
	case "minimal":
		c.Effort = "low"
	default:
		c.Effort = req.Reasoning.Effort
	}
	if c != (anthropicOutputConfig{}) {
		out.OutputConfig = &c
	}
	return nil
}
