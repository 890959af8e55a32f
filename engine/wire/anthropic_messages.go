package wire

import (
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// AnthropicMessages is the client's side of POST /v1/messages, and of
// /v1/messages/count_tokens where the path's verb is "count_tokens", in the versions
// 2023-06-01 and 2026-10-21 of Anthropic's API. One reader serves both: what only
// one of them has is read where it is met.
type AnthropicMessages struct{}

// Versions of Anthropic's API. The later one has no sampling parameters, and system
// messages anywhere in the conversation.
const (
	anthropic2023 = "2023-06-01"
	anthropic2026 = "2026-10-21"
)

// anthropicNames are members of Anthropic's bodies, see body.unknown.
var anthropicNames = []string{
	"system", "max_tokens", "stop_sequences", "thinking", "output_config", "output_format", "container", "mcp_servers",
	"context_management", "betas", "budget_tokens", "effort", "format", "schema", "source", "media_type", "data", "file_id",
	"tool_use_id", "is_error", "input", "input_schema", "signature", "cache_control", "citations", "title", "context",
}

// ReadRequest implements Ingress.
func (AnthropicMessages) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectAnthropicMessages, Operation: engine.OpChat, IncludeUsage: true}
	if in.Verb == countVerb {
		req.Operation = engine.OpCountTokens
	}
	if err := anthropicHeaders(in, req); err != nil {
		return nil, err
	}
	seen := false
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		seen = seen || name == "messages"
		return b.anthropicField(name, i)
	}, anthropicNames...)
	if err != nil {
		return nil, err
	}
	if !seen {
		return nil, malformed("messages", "is missing: send an array of messages")
	}
	req.Stream = req.Stream && req.Operation == engine.OpChat
	return req, nil
}

// NewReply implements Ingress.
func (AnthropicMessages) NewReply(req *engine.Request) Reply { return newAnthropicReply(req) }

// Error implements Ingress.
func (AnthropicMessages) Error(o *engine.Outcome) []byte { return anthropicError(o) }

// anthropicHeaders reads the version and the betas. They go on to a target of the
// same API unread by any classifier, so they are held to the form that such names
// have.
func anthropicHeaders(in *Inbound, req *engine.Request) error {
	switch req.Version = in.header("anthropic-version"); req.Version {
	case "", anthropic2023, anthropic2026:
	default:
		return malformed("anthropic-version", "must be %s or %s", anthropic2023, anthropic2026)
	}
	for beta := range strings.SplitSeq(in.header("anthropic-beta"), ",") {
		if beta = strings.TrimSpace(beta); beta == "" {
			continue
		}
		if !isBeta(beta) {
			return malformed("anthropic-beta", "must be a list of names such as context-1m-2025-08-07")
		}
		req.Betas = append(req.Betas, beta)
	}
	return nil
}

// isBeta says whether s is like the names of betas: words of lower case and a date,
// which has eight digits and more than once was written without its dashes.
func isBeta(s string) bool {
	if len(s) > 64 || digits(s) > 12 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// anthropicField reads a member of the body.
func (b *body) anthropicField(name string, i int) bool {
	s := &b.req.Sampling
	switch name {
	case "model":
		b.model(i)
	case "stream":
		b.req.Stream = b.bool(i)
	case "max_tokens":
		if v, ok := b.positive(i); ok {
			b.req.MaxOutputTokens = v
		}
	case "temperature":
		s.Temperature = b.float(i)
	case "top_p":
		s.TopP = b.float(i)
	case "top_k":
		if v, ok := b.positive(i); ok {
			s.TopK = &v
		}
	case "stop_sequences":
		b.stop(i)
	case "system":
		b.anthropicSystem(i)
	case "messages":
		b.anthropicMessages(i)
	case "tools":
		if b.optional(i, '[') {
			for c := range b.children(i) {
				b.anthropicTool(c)
			}
		}
	case "tool_choice":
		b.anthropicChoice(i)
	case "thinking":
		b.anthropicThinking(i)
	case "output_config":
		if b.optional(i, '{') {
			for c := range b.children(i) {
				switch b.name(c) {
				case "effort":
					b.req.Reasoning.Effort = b.enum(c)
				case "format":
					b.anthropicFormat(c)
				default:
					b.hint(c)
					b.unknown(c, engine.RoleUser, engine.KindText, -1)
				}
			}
		}
	case "output_format": // what output_config.format was as a beta
		b.anthropicFormat(i)
	case "metadata":
		if b.optional(i, '{') {
			b.hint(i)
			for c := range b.children(i) {
				if b.name(c) == "user_id" && b.optional(c, '"') {
					b.req.Metadata = map[string]string{"user_id": b.str(c)}
					b.text(c, engine.RoleUser, engine.KindName, -1)
				} else if b.kind(c) != 'n' {
					b.unknown(c, engine.RoleUser, engine.KindText, -1)
				}
			}
		}
	case "container", "mcp_servers":
		// Files and tools that the target fetches by itself.
		if b.kind(i) != 'n' {
			b.notPortable(name)
			b.inspect(i, engine.RoleUser, engine.KindText, -1)
		}
	case "service_tier", "speed", "inference_geo":
		if b.enum(i) != "" {
			b.hint(i)
		}
	case "cache_control":
		b.cacheControl(i, engine.RoleUser, -1)
	default:
		return false
	}
	return true
}

// cacheControl reads the mark of what the target shall cache.
func (b *body) cacheControl(i int, role engine.Role, msg int) {
	if !b.optional(i, '{') {
		return
	}
	b.hint(i)
	for c := range b.children(i) {
		switch b.name(c) {
		case "type", "ttl":
			b.enum(c)
		default:
			b.unknown(c, role, engine.KindText, msg)
		}
	}
}

// anthropicSystem reads the system prompt, which is the first message.
func (b *body) anthropicSystem(i int) {
	if b.kind(i) == 'n' {
		return
	}
	m := engine.Message{Role: engine.RoleSystem, Native: "system", At: b.span(i).Start}
	// It stands before all messages, also where the member stands after theirs: the
	// texts of those that were read are moved by one.
	moved(b.req.Body.Leaves)
	b.anthropicContent(i, &m, 0)
	b.req.Messages = append([]engine.Message{m}, b.req.Messages...)
}

// moved counts a message more before those that leaves are of.
func moved(leaves []*engine.Text) {
	for _, l := range leaves {
		if l.Message >= 0 {
			l.Message++
		}
		if l.Inner != nil {
			moved(l.Inner.Leaves)
		}
	}
}

// anthropicThinking reads how the model shall think.
func (b *body) anthropicThinking(i int) {
	if !b.optional(i, '{') {
		return
	}
	r := &b.req.Reasoning
	for c := range b.children(i) {
		switch b.name(c) {
		case "type":
			switch b.enum(c) {
			case "disabled":
				r.Off = true
			case "enabled", "adaptive":
				r.Show = true
			default: // between_tools, and what is yet to be invented
				b.hint(i)
			}
			if r.Budget == 0 && !r.Off {
				r.Budget = -1
			}
		case "budget_tokens":
			if v, ok := b.positive(c); ok {
				r.Budget = v
			}
		case "display":
			if b.enum(c) == "omitted" {
				defer func() { r.Show = false }()
			}
		default:
			b.unknown(c, engine.RoleUser, engine.KindText, -1)
		}
	}
}

// anthropicFormat reads the form of the answer.
func (b *body) anthropicFormat(i int) {
	if !b.optional(i, '{') {
		return
	}
	f := &b.req.Format
	for c := range b.children(i) {
		switch b.name(c) {
		case "type":
			if f.Type = b.enum(c); f.Type != "json_schema" {
				b.notPortable("response_format")
			}
		case "schema":
			if b.optional(c, '{') {
				f.Schema = b.inspect(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
}

// anthropicTool reads one element of tools. One of a type of Anthropic's own is run
// by the target, or has a form that only its models know.
func (b *body) anthropicTool(i int) {
	if !b.want(i, '{') {
		return
	}
	t := engine.Tool{Native: "custom", Span: b.span(i)}
	if native := b.blockType(i); native != "" && native != t.Native {
		t.Native, t.Kind = native, engine.ToolServer
	}
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "type":
			b.enum(c)
		case name == "name" && b.want(c, '"'):
			t.Name = b.fixed(c, engine.RoleSystem, engine.KindName, -1)
		case name == "cache_control":
			b.cacheControl(c, engine.RoleSystem, -1)
		case t.Kind == engine.ToolServer:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		case name == "description":
			if b.optional(c, '"') {
				t.Description = b.text(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		case name == "input_schema":
			if b.optional(c, '{') {
				t.Parameters = b.inspect(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		case name == "strict":
			t.Strict = b.boolPtr(c)
		default: // defer_loading, input_examples, allowed_callers
			b.hint(c)
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if t.Name == "" {
		if t.Kind != engine.ToolServer {
			b.missing(i, "name", "a tool needs it")
		}
		t.Name = t.Native // policy knows it by its type
	}
	b.req.Tools = append(b.req.Tools, t)
}

// anthropicChoice reads tool_choice.
func (b *body) anthropicChoice(i int) {
	if !b.optional(i, '{') {
		return
	}
	choice := &b.req.ToolChoice
	for c := range b.children(i) {
		switch b.name(c) {
		case "type":
			switch v := b.enum(c); v {
			case "auto", "none", "tool":
				choice.Mode = v
			case "any":
				choice.Mode = "required"
			default:
				b.fail(c, "must be auto, any, tool or none")
			}
		case "disable_parallel_tool_use":
			if v := b.boolPtr(c); v != nil && *v {
				no := false
				b.req.ParallelTools = &no
			}
		case "name":
			b.choiceName(c, choice)
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if choice.Mode == "tool" && choice.Name == "" {
		b.missing(i, "name", "a choice of this type needs it")
	}
}
