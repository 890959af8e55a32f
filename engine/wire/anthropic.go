package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Anthropic is a target's side of Anthropic's Messages API, version 2023-06-01.
type Anthropic struct{}

// anthropicMaxTokens is sent where neither the client nor policy nor the target's
// declaration limits the output: the API has no default, and this is what every
// model of it can give.
const anthropicMaxTokens = 4096

type anthropicRequest struct {
	Model         string                 `json:"model"`
	MaxTokens     int                    `json:"max_tokens,omitzero"` // not of a count of tokens
	System        []anthropicBlock       `json:"system,omitzero"`
	Messages      []anthropicMessage     `json:"messages"`
	Tools         []anthropicTool        `json:"tools,omitzero"`
	ToolChoice    *anthropicToolChoice   `json:"tool_choice,omitzero"`
	StopSequences []string               `json:"stop_sequences,omitzero"`
	Temperature   *float64               `json:"temperature,omitzero"`
	TopP          *float64               `json:"top_p,omitzero"`
	TopK          *int                   `json:"top_k,omitzero"`
	Thinking      *anthropicThinking     `json:"thinking,omitzero"`
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
	Content   any              `json:"content,omitzero"` // of a tool's result: a string or blocks
	IsError   bool             `json:"is_error,omitzero"`
	Title     string           `json:"title,omitzero"`
	Thinking  *string          `json:"thinking,omitzero"`
	Signature string           `json:"signature,omitzero"`
	Data      string           `json:"data,omitzero"` // redacted thinking
}

type anthropicThinking struct {
	Type   string `json:"type"`
	Budget int    `json:"budget_tokens,omitzero"`
}

type anthropicSource struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type,omitzero"`
	Data      string `json:"data,omitzero"`
	URL       string `json:"url,omitzero"`
	FileID    string `json:"file_id,omitzero"`
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
func (Anthropic) Supports(op engine.Operation) bool {
	return op == engine.OpChat || op == engine.OpCountTokens
}

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

// WriteRequest implements Egress. A request of the same API is relayed, unless the
// target is declared to have another version of it than the client.
func (Anthropic) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	if req.Operation == engine.OpCountTokens && up.Server.NoCount {
		return &UpstreamRequest{Local: true}, nil
	}
	if req.Dialect == engine.DialectAnthropicMessages && (up.Version == "" || req.Version == "" || up.Version == req.Version) {
		return relayAnthropic(req, up)
	}
	b := anthropicBuild{req: req, up: up, version: up.Version, losses: crossing(req)}
	if b.version == "" {
		b.version = anthropic2023
	}
	return b.request()
}
