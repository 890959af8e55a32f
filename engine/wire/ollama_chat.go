package wire

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// OllamaChat is the client's side of Ollama's POST /api/chat.
type OllamaChat struct{}

// ollamaNames are members of Ollama's bodies beside those that unknown lists.
// Ollama's server is written in Go: it reads names whatever their case.
var ollamaNames = []string{"system", "template", "context", "raw", "images", "thinking", "tool_name", "format", "think", "keep_alive",
	"options", "num_predict", "temperature", "top_p", "top_k", "seed", "stop", "presence_penalty", "frequency_penalty", "logprobs",
	"top_logprobs", "truncate", "dimensions", "suffix"}

// ReadRequest implements Ingress. A reply is a stream unless the client says
// otherwise.
func (OllamaChat) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectOllamaChat, Operation: engine.OpChat, Stream: true, IncludeUsage: true}
	seen := false
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		switch name {
		case "messages":
			seen = true
			b.ollamaMessages(i)
		case "tools":
			if b.optional(i, '[') {
				for c := range b.children(i) {
					b.tool(c)
				}
			}
		default:
			return b.ollamaField(name, i)
		}
		return true
	}, ollamaNames...)
	if err != nil {
		return nil, err
	}
	if !seen {
		return nil, malformed("messages", "is missing: send an array of messages")
	}
	return req, nil
}

// NewReply implements Ingress.
func (OllamaChat) NewReply(req *engine.Request) Reply { return newOllamaReply(req) }

// Error implements Ingress.
func (OllamaChat) Error(o *engine.Outcome) []byte { return ollamaError(o) }

// ollamaField reads a member that Ollama's chat and generate have in common.
func (b *body) ollamaField(name string, i int) bool {
	switch name {
	case "model":
		b.model(i)
	case "stream":
		if b.optional(i, 't') {
			b.req.Stream = b.kind(i) == 't'
		}
	case "options":
		b.ollamaOptions(i)
	case "format":
		b.ollamaFormat(i)
	case "think":
		b.ollamaThink(i)
	case "keep_alive":
		b.keepAlive(i)
	case "logprobs":
		if b.bool(i) && b.req.Logprobs == nil {
			b.req.Logprobs = new(int)
		}
	case "top_logprobs":
		if v, ok := b.integer(i); ok && v > 0 {
			if v > ollamaTopLogprobs {
				b.fail(i, "must be a whole number from 0 to %d", ollamaTopLogprobs)
			}
			n := int(v)
			b.req.Logprobs = &n
		}
	case "truncate", "shift":
		b.boolPtr(i)
		b.hint(i)
	default:
		return false
	}
	return true
}

// keepAlive consumes how long a model stays loaded: seconds, or a duration such as
// "5m".
func (b *body) keepAlive(i int) {
	if b.kind(i) == 'n' {
		return
	}
	b.hint(i)
	if b.kind(i) == '"' {
		b.enum(i)
		return
	}
	b.float(i)
}

// ollamaOptions reads the sampling parameters. Those of the model's runtime, such
// as num_ctx, have no neutral form.
func (b *body) ollamaOptions(i int) {
	if !b.optional(i, '{') {
		return
	}
	s := &b.req.Sampling
	for c := range b.children(i) {
		switch b.name(c) {
		case "temperature":
			s.Temperature = b.float(c)
		case "top_p":
			s.TopP = b.float(c)
		case "top_k":
			if v, ok := b.integer(c); ok && v > 0 {
				k := int(min(v, 1<<31-1))
				s.TopK = &k
			}
		case "seed":
			if v, ok := b.integer(c); ok {
				s.Seed = &v
			}
		case "presence_penalty":
			s.PresencePenalty = b.float(c)
		case "frequency_penalty":
			s.FrequencyPenalty = b.float(c)
		case "num_predict":
			// -1 and -2 are no limit.
			if v, ok := b.integer(c); ok && v > 0 {
				b.req.MaxOutputTokens = int(min(v, 1<<31-1))
			}
		case "stop":
			b.stop(c)
		default:
			b.hint(c)
			b.unknown(c, engine.RoleUser, engine.KindText, -1)
		}
	}
}

// ollamaFormat reads "json" or a schema.
func (b *body) ollamaFormat(i int) {
	f := &b.req.Format
	switch b.kind(i) {
	case 'n':
	case '"':
		switch b.enum(i) {
		case "json":
			f.Type = "json_object"
		case "":
		default:
			b.fail(i, "must be \"json\" or a JSON schema")
		}
	case '{':
		f.Type = "json_schema"
		f.Schema = b.inspect(i, engine.RoleSystem, engine.KindToolDefinition, -1)
	default:
		b.fail(i, "must be \"json\" or a JSON schema, not %s", kindName(b.kind(i)))
	}
}

// ollamaThink reads true, false or how hard to think.
func (b *body) ollamaThink(i int) {
	r := &b.req.Reasoning
	switch b.kind(i) {
	case 'n':
	case 't':
		r.Show = true
	case 'f':
		r.Off = true
	case '"':
		if r.Effort = b.enum(i); r.Effort != "" {
			r.Show = true
		}
	default:
		b.fail(i, "must be true, false, \"low\", \"medium\", \"high\" or \"max\"")
	}
}

func (b *body) ollamaMessages(i int) {
	if !b.want(i, '[') {
		return
	}
	for c := range b.children(i) {
		if b.want(c, '{') {
			b.ollamaMessage(c)
		}
	}
	if len(b.req.Messages) == 0 {
		b.fail(i, "must hold at least one message")
	}
	answerCalls(b.req.Messages)
}

// answerCalls gives each result of a tool the id and the name of the call that it
// answers: by its id, or else the earliest call of its name, or of any, that has no
// answer yet.
func answerCalls(msgs []engine.Message) {
	type open struct{ id, name string }
	names := map[string]string{}
	var waiting []open
	for i := range msgs {
		m := &msgs[i]
		for _, c := range m.ToolCalls {
			names[c.ID] = c.Name
			waiting = append(waiting, open{c.ID, c.Name})
		}
		if m.Role != engine.RoleTool {
			continue
		}
		for w, o := range waiting {
			if m.ToolCallID == "" && (m.ToolName == "" || m.ToolName == o.name) || m.ToolCallID != "" && m.ToolCallID == o.id {
				m.ToolCallID = o.id
				waiting = append(waiting[:w], waiting[w+1:]...)
				break
			}
		}
		if m.ToolName == "" {
			m.ToolName = names[m.ToolCallID]
		}
	}
}

func (b *body) ollamaMessage(i int) {
	msg := len(b.req.Messages)
	at := b.member(i, "role")
	if at < 0 {
		b.missing(i, "role", "use system, user, assistant or tool")
		return
	}
	native := b.string(at)
	role, ok := roleOf(native)
	if !ok {
		b.fail(at, "is not a known role: use system, user, assistant or tool")
		return
	}
	m := engine.Message{Role: role, Native: native, At: b.span(i).Start}
	var thinking []engine.Part // comes first, wherever it stands
	for c := range b.children(i) {
		switch b.name(c) {
		case "role":
		case "content":
			if b.optional(c, '"') {
				b.modality("text")
				t := b.messageText(c, role, msg)
				if t.Value != "" || role != engine.RoleAssistant {
					m.Parts = append(m.Parts, engine.Part{Kind: engine.PartText, Text: t, At: b.span(c).Start})
				}
			}
		case "thinking":
			if b.optional(c, '"') {
				if t := b.text(c, role, engine.KindText, msg); t.Value != "" {
					thinking = append(thinking, engine.Part{Kind: engine.PartReasoning, Text: t, Native: "thinking", At: b.span(c).Start})
				}
			}
		case "images":
			m.Parts = append(m.Parts, b.ollamaImages(c, role, msg)...)
		case "tool_calls":
			if b.optional(c, '[') {
				for call := range b.children(c) {
					b.ollamaCall(call, &m, msg)
				}
			}
		case "tool_name":
			if b.optional(c, '"') {
				m.ToolName = b.fixed(c, role, engine.KindName, msg)
			}
		case "tool_call_id":
			m.ToolCallID = b.id(c, msg)
		default:
			b.hint(c)
			b.unknown(c, role, engine.KindText, msg)
		}
	}
	m.Parts = append(thinking, m.Parts...)
	b.req.Messages = append(b.req.Messages, m)
}

// ollamaImages reads images in base64.
func (b *body) ollamaImages(i int, role engine.Role, msg int) (parts []engine.Part) {
	if !b.optional(i, '[') {
		return nil
	}
	for c := range b.children(i) {
		if !b.want(c, '"') {
			return nil
		}
		data := b.str(c)
		if !isBase64(data) {
			b.fail(c, "must be an image in base64")
			return nil
		}
		if !isBinary(data) {
			b.fixed(c, role, engine.KindText, msg)
		}
		b.modality("image")
		parts = append(parts, engine.Part{Kind: engine.PartImage, MediaType: mediaType(data), Data: data, At: b.span(c).Start})
	}
	return parts
}

// mediaType is the media type of a file in base64, by its first bytes.
func mediaType(data string) string {
	head := strings.TrimRight(data[:min(len(data), 684)], "=")
	head = strings.NewReplacer("-", "+", "_", "/").Replace(head[:len(head)&^3])
	b, err := base64.StdEncoding.DecodeString(head)
	if err != nil {
		return "application/octet-stream"
	}
	media, _, _ := strings.Cut(http.DetectContentType(b), ";")
	return media
}

// ollamaCall reads one element of an assistant's tool_calls. A call without an id
// gets one that says where it stands.
func (b *body) ollamaCall(i int, m *engine.Message, msg int) {
	if !b.want(i, '{') {
		return
	}
	call := engine.ToolCall{Arguments: emptyObject(), At: b.span(i).Start}
	for c := range b.children(i) {
		switch b.name(c) {
		case "id":
			call.ID = b.id(c, msg)
		case "type":
			b.enum(c)
		case "function":
			if !b.want(c, '{') {
				break
			}
			for f := range b.children(c) {
				switch b.name(f) {
				case "name":
					if b.want(f, '"') {
						call.Name = b.fixed(f, m.Role, engine.KindName, msg)
					}
				case "arguments":
					if b.optional(f, '{') {
						call.Arguments = b.inspect(f, m.Role, engine.KindToolArguments, msg)
					}
				case "index":
					b.integer(f)
				default:
					b.unknown(f, m.Role, engine.KindToolArguments, msg)
				}
			}
		default:
			b.unknown(c, m.Role, engine.KindToolArguments, msg)
		}
	}
	if call.Name == "" {
		b.missing(i, "function", "a tool call needs the name of its tool")
		return
	}
	if call.ID == "" {
		call.ID = fmt.Sprintf("call_%d_%d", msg, len(m.ToolCalls))
	}
	m.ToolCalls = append(m.ToolCalls, call)
}
