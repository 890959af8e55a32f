package wire

import (
	"fmt"
	"slices"

	"github.com/sallyport-ai/sallyport/engine"
)

// OpenAIChat is the client's side of POST /v1/chat/completions.
type OpenAIChat struct{}

// ReadRequest implements Ingress.
func (OpenAIChat) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectOpenAIChat, Operation: engine.OpChat}
	seen := false
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		seen = seen || name == "messages"
		return b.openAIField(name, i) || b.chatField(name, i)
	})
	if err != nil {
		return nil, err
	}
	if !seen {
		return nil, malformed("messages", "is missing: send an array of messages")
	}
	return req, nil
}

// NewReply implements Ingress.
func (OpenAIChat) NewReply(req *engine.Request) Reply { return newOpenAIReply(req) }

// Error implements Ingress.
func (OpenAIChat) Error(o *engine.Outcome) []byte { return openAIError(o) }

// openAIField reads a member that all OpenAI bodies have in common.
func (b *body) openAIField(name string, i int) bool {
	s := &b.req.Sampling
	switch name {
	case "model":
		b.model(i)
	case "stream":
		b.req.Stream = b.bool(i)
	case "stream_options":
		if b.optional(i, '{') {
			for c := range b.children(i) {
				if b.name(c) == "include_usage" {
					b.req.IncludeUsage = b.bool(c)
				} else {
					b.unknown(c, engine.RoleUser, engine.KindText, -1)
				}
			}
		}
	case "temperature":
		s.Temperature = b.float(i)
	case "top_p":
		s.TopP = b.float(i)
	case "presence_penalty":
		s.PresencePenalty = b.float(i)
	case "frequency_penalty":
		s.FrequencyPenalty = b.float(i)
	case "top_k":
		// vLLM's -1 and 0 turn it off.
		if v, ok := b.integer(i); ok && v > 0 {
			k := int(v)
			s.TopK = &k
		}
	case "seed":
		if v, ok := b.integer(i); ok {
			s.Seed = &v
		}
	case "n":
		v, ok := b.positive(i)
		if ok && v > maxChoices {
			b.fail(i, "must be a whole number from 1 to %d", maxChoices)
		}
		s.N = v
	case "stop":
		b.stop(i)
	case "max_tokens", "max_completion_tokens":
		if v, ok := b.positive(i); ok && (b.req.MaxOutputTokens == 0 || v < b.req.MaxOutputTokens) {
			b.req.MaxOutputTokens = v
		}
	case "logit_bias":
		b.logitBias(i)
	case "user", "safety_identifier", "prompt_cache_key":
		if b.optional(i, '"') {
			b.hint(i)
			b.text(i, engine.RoleUser, engine.KindName, -1)
		}
	case "metadata":
		b.metadata(i)
	default:
		return false
	}
	return true
}

// chatField reads a member of a chat completion body.
func (b *body) chatField(name string, i int) bool {
	switch name {
	case "messages":
		b.messages(i)
	case "tools":
		if b.optional(i, '[') {
			for c := range b.children(i) {
				b.tool(c)
			}
			b.onlyOneOf(i, "tools", "functions")
		}
	case "functions":
		if b.optional(i, '[') {
			for c := range b.children(i) {
				if b.want(c, '{') {
					b.req.Tools = append(b.req.Tools, b.function(c, engine.Tool{Kind: engine.ToolFunction, Native: "function", Span: b.span(c)}))
				}
			}
		}
	case "tool_choice", "function_call":
		b.toolChoice(i, name)
	case "parallel_tool_calls":
		b.req.ParallelTools = b.boolPtr(i)
	case "response_format":
		b.responseFormat(i)
	case "reasoning_effort":
		b.req.Reasoning.Effort = b.enum(i)
	case "logprobs":
		if b.bool(i) && b.req.Logprobs == nil {
			b.req.Logprobs = new(int)
		}
	case "top_logprobs":
		if v, ok := b.integer(i); ok && v > 0 && v <= maxTopLogprobs {
			n := int(v)
			b.req.Logprobs = &n
		} else if ok && v != 0 {
			b.notPortable(name) // for a server of this API to judge
		}
	case "modalities":
		if b.optional(i, '[') {
			for c := range b.children(i) {
				if b.enum(c) != "text" {
					b.notPortable(name)
				}
			}
		}
	case "audio", "web_search_options":
		if b.optional(i, '{') {
			b.notPortable(name)
			b.inspect(i, engine.RoleUser, engine.KindText, -1)
		}
	case "service_tier", "verbosity", "prompt_cache_retention":
		if b.enum(i) != "" {
			b.hint(i)
		}
	case "store":
		if b.bool(i) {
			b.hint(i)
		}
	default:
		return false
	}
	return true
}

// maxTopLogprobs bounds the alternatives of a token. OpenAI's own limit is 20;
// servers of open models can be set to give more.
const maxTopLogprobs = 1000

// onlyOneOf refuses a body with both members: two lists of tools would have to be
// stripped and chosen from together.
func (b *body) onlyOneOf(i int, name, other string) {
	if _, both := b.req.Field(other); both {
		b.fail(i, "and %q cannot both be given: use %q", other, name)
	}
}

// roleOf is the neutral role of an OpenAI role.
func roleOf(native string) (engine.Role, bool) {
	switch native {
	case "system", "developer":
		return engine.RoleSystem, true
	case "user":
		return engine.RoleUser, true
	case "assistant":
		return engine.RoleAssistant, true
	case "tool", "function":
		return engine.RoleTool, true
	}
	return 0, false
}

func (b *body) messages(i int) {
	if !b.want(i, '[') {
		return
	}
	for c := range b.children(i) {
		if b.want(c, '{') {
			b.message(c)
		}
	}
	if len(b.req.Messages) == 0 {
		b.fail(i, "must hold at least one message")
	}
	nameToolResults(b.req.Messages)
}

// nameToolResults gives each tool result the name of the call it answers, and
// each result of the old function interface, which has no ids, the id of the
// last call of that name.
func nameToolResults(msgs []engine.Message) {
	names, ids := map[string]string{}, map[string]string{}
	for i := range msgs {
		m := &msgs[i]
		for _, c := range m.ToolCalls {
			names[c.ID], ids[c.Name] = c.Name, c.ID
		}
		if m.Native == "function" {
			m.ToolCallID = ids[m.ToolName]
		} else if m.Role == engine.RoleTool {
			m.ToolName = names[m.ToolCallID]
		}
	}
}

func (b *body) message(i int) {
	msg := len(b.req.Messages)
	// The role may stand after the content, and the content's texts need it.
	r := b.member(i, "role")
	if r < 0 {
		b.missing(i, "role", "use system, developer, user, assistant or tool")
		return
	}
	native := b.string(r)
	role, ok := roleOf(native)
	if !ok {
		b.fail(r, "is not a known role: use system, developer, user, assistant or tool")
		return
	}
	m := engine.Message{Role: role, Native: native, At: b.span(i).Start}
	hasContent := false
	for c := range b.children(i) {
		switch b.name(c) {
		case "role":
		case "content":
			hasContent = b.kind(c) != 'n'
			b.content(c, &m, msg)
		case "refusal":
			if b.optional(c, '"') {
				m.Parts = append(m.Parts, engine.Part{Kind: engine.PartRefusal, Text: b.text(c, role, engine.KindText, msg), At: b.span(c).Start})
			}
		case "reasoning_content", "reasoning":
			b.thinking(c, &m, msg)
		case "name":
			if !b.optional(c, '"') {
				break
			}
			if t := b.text(c, role, engine.KindName, msg); native == "function" {
				m.ToolName, t.Fixed = t.Value, true
			} else {
				b.hint(c)
			}
		case "tool_call_id":
			m.ToolCallID = b.id(c, msg)
		case "tool_calls":
			if b.optional(c, '[') {
				for call := range b.children(c) {
					b.toolCall(call, &m, msg)
				}
			}
		case "function_call":
			if b.optional(c, '{') {
				m.ToolCalls = append(m.ToolCalls, b.calledFunction(c, engine.ToolCall{ID: fmt.Sprintf("call_%d_0", msg), At: b.span(c).Start}, msg))
			}
		case "audio":
			if b.optional(c, '{') {
				b.inspect(c, role, engine.KindText, msg)
				b.modality("audio")
				m.Parts = append(m.Parts, engine.Part{Kind: engine.PartOther, Native: "audio", At: b.span(c).Start})
			}
		default:
			b.unknown(c, role, engine.KindText, msg)
		}
	}
	if !hasContent && role != engine.RoleAssistant {
		b.missing(i, "content", "send a string or an array of parts")
	}
	b.req.Messages = append(b.req.Messages, m)
}

// thinking reads what an assistant has thought, which servers of open models give
// and take back in a member of its own: it comes before all it said. A server that
// gives two such members says the same in both.
func (b *body) thinking(i int, m *engine.Message, msg int) {
	if b.kind(i) != '"' || m.Role != engine.RoleAssistant {
		b.inspectMember(i, m.Role, engine.KindText, msg)
		return
	}
	t := b.text(i, m.Role, engine.KindText, msg)
	if len(m.Parts) > 0 && m.Parts[0].Kind == engine.PartReasoning || t.Value == "" {
		return
	}
	m.Parts = slices.Insert(m.Parts, 0, engine.Part{Kind: engine.PartReasoning, Native: b.name(i), At: b.span(i).Start, Text: t})
}

// content reads a message's content: a string, or an array of parts.
func (b *body) content(i int, m *engine.Message, msg int) {
	switch b.kind(i) {
	case 'n':
	case '"':
		m.Parts = append(m.Parts, engine.Part{Kind: engine.PartText, Text: b.messageText(i, m.Role, msg), At: b.span(i).Start})
		b.modality("text")
	case '[':
		for c := range b.children(i) {
			if b.want(c, '{') {
				m.Parts = append(m.Parts, b.part(c, m.Role, msg))
			}
		}
	default:
		b.fail(i, "must be a string or an array of parts, not %s", kindName(b.kind(i)))
	}
}

func (b *body) messageText(i int, role engine.Role, msg int) *engine.Text {
	if role == engine.RoleTool {
		return b.inner(i, role, engine.KindToolResult, msg, structured)
	}
	return b.text(i, role, engine.KindText, msg)
}

// part reads one part of a message's content.
func (b *body) part(i int, role engine.Role, msg int) engine.Part {
	at := b.member(i, "type")
	if at < 0 {
		b.missing(i, "type", "use text, image_url, input_audio or file")
		return engine.Part{}
	}
	p := engine.Part{Kind: engine.PartOther, Native: b.string(at), At: b.span(i).Start}
	payload := p.Native // the member that holds the content
	switch p.Native {
	case "text":
		p.Kind = engine.PartText
	case "refusal":
		p.Kind = engine.PartRefusal
	case "image_url":
		p.Kind = engine.PartImage
	case "input_audio", "audio_url":
		p.Kind = engine.PartAudio
	case "video_url":
		p.Kind = engine.PartVideo
	case "file":
		p.Kind = engine.PartFile
	}
	found := false
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "type":
			switch p.Native {
			case "text", "refusal", "image_url", "input_audio", "audio_url", "video_url", "file":
			default:
				b.enum(c)
			}
		case name != payload:
			b.unknown(c, role, engine.KindText, msg)
		default:
			found = true
			b.payload(c, &p, role, msg)
		}
	}
	if !found && p.Kind != engine.PartOther {
		b.missing(i, payload, "a part of this type needs it")
	}
	switch p.Native {
	case "text", "refusal":
		b.modality("text")
	case "image_url":
		b.modality("image")
	case "input_audio", "audio_url":
		b.modality("audio")
	case "file":
		b.modality("file")
	case "video_url":
		b.modality("video")
	default:
		b.modality("other")
	}
	return p
}

// payload reads the member of a part that is named after the part's type.
func (b *body) payload(i int, p *engine.Part, role engine.Role, msg int) {
	switch p.Native {
	case "text":
		if b.want(i, '"') {
			p.Text = b.messageText(i, role, msg)
		}
	case "refusal":
		if b.want(i, '"') {
			p.Text = b.text(i, role, engine.KindText, msg)
		}
	case "image_url":
		b.reference(i, p, "image", role, msg)
	case "audio_url": // vLLM
		b.reference(i, p, "audio", role, msg)
	case "video_url": // vLLM
		b.reference(i, p, "video", role, msg)
	case "input_audio":
		if b.want(i, '{') {
			b.audio(i, p, role, msg)
		}
	case "file":
		if b.want(i, '{') {
			b.file(i, p, role, msg)
		}
	default:
		b.inspectMember(i, role, engine.KindText, msg)
	}
}
