package wire

import (
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

func (b *body) anthropicMessages(i int) {
	if !b.want(i, '[') {
		return
	}
	before := len(b.req.Messages)
	for c := range b.children(i) {
		if b.want(c, '{') {
			b.anthropicMessage(c)
		}
	}
	if len(b.req.Messages) == before {
		b.fail(i, "must hold at least one message")
	}
	nameToolResults(b.req.Messages)
}

// anthropicMessage reads one turn. Its tool results are messages of their own.
func (b *body) anthropicMessage(i int) {
	r := b.member(i, "role")
	if r < 0 {
		b.missing(i, "role", "use user or assistant")
		return
	}
	m := engine.Message{Native: b.string(r), At: b.span(i).Start}
	switch m.Native {
	case "user":
		m.Role = engine.RoleUser
	case "assistant":
		m.Role = engine.RoleAssistant
	case "system":
		m.Role = engine.RoleSystem
	default:
		b.fail(r, "is not a known role: use user, assistant or system")
		return
	}
	found := false
	for c := range b.children(i) {
		switch b.name(c) {
		case "role":
		case "content":
			found = true
			b.turn(c, m)
		default:
			b.unknown(c, m.Role, engine.KindText, max(0, len(b.req.Messages)-1))
		}
	}
	if !found {
		b.missing(i, "content", "send a string or an array of blocks")
	}
}

// turn reads the content of a turn that m begins.
func (b *body) turn(i int, m engine.Message) {
	if b.kind(i) != '[' {
		b.anthropicContent(i, &m, len(b.req.Messages))
		b.req.Messages = append(b.req.Messages, m)
		return
	}
	// Results come first, wherever they stand: all dialects want them right behind the
	// calls.
	results := 0
	for c := range b.children(i) {
		if b.isResult(c, &m) {
			results++
		}
	}
	first := len(b.req.Messages)
	b.req.Messages = append(b.req.Messages, make([]engine.Message, results)...)
	next := first
	for c := range b.children(i) {
		switch {
		case !b.want(c, '{'):
			return
		case b.isResult(c, &m):
			b.req.Messages[next] = b.toolResult(c, next)
			next++
		default:
			b.block(c, &m, first+results)
		}
	}
	if len(m.Parts) > 0 || results == 0 {
		b.req.Messages = append(b.req.Messages, m)
	}
}

// isResult says whether block i of a turn is the result of a tool.
func (b *body) isResult(i int, m *engine.Message) bool {
	return m.Role == engine.RoleUser && b.kind(i) == '{' && b.blockType(i) == "tool_result"
}

// anthropicContent reads a content: a string, or an array of blocks.
func (b *body) anthropicContent(i int, m *engine.Message, msg int) {
	switch b.kind(i) {
	case '"':
		m.Parts = append(m.Parts, engine.Part{Kind: engine.PartText, Native: "text", Text: b.messageText(i, m.Role, msg), At: b.span(i).Start})
		b.modality("text")
	case '[':
		for c := range b.children(i) {
			if b.want(c, '{') {
				b.block(c, m, msg)
			}
		}
	default:
		b.fail(i, "must be a string or an array of blocks, not %s", kindName(b.kind(i)))
	}
}

// blockType is the type of block i, "" where it states none.
func (b *body) blockType(i int) string {
	if at := b.member(i, "type"); at >= 0 && b.kind(at) == '"' {
		return b.str(at)
	}
	return ""
}

// toolResult reads a tool_result block as the message that it is.
func (b *body) toolResult(i, msg int) engine.Message {
	m := engine.Message{Role: engine.RoleTool, Native: "user", At: b.span(i).Start}
	for c := range b.children(i) {
		switch b.name(c) {
		case "type":
		case "tool_use_id":
			m.ToolCallID = b.id(c, msg)
		case "is_error":
			m.IsError = b.bool(c)
		case "cache_control":
			b.cacheControl(c, m.Role, msg)
		case "content":
			if b.kind(c) != 'n' {
				b.anthropicContent(c, &m, msg)
			}
		default:
			b.unknown(c, m.Role, engine.KindToolResult, msg)
		}
	}
	if m.ToolCallID == "" {
		b.missing(i, "tool_use_id", "a result names the call that it answers")
	}
	return m
}

// block reads one block of a message into its parts.
func (b *body) block(i int, m *engine.Message, msg int) {
	at := b.member(i, "type")
	if at < 0 {
		b.missing(i, "type", "use text, image, document, tool_use or tool_result")
		return
	}
	p := engine.Part{Kind: engine.PartOther, Native: b.string(at), At: b.span(i).Start}
	switch p.Native {
	case "text":
		p.Kind = engine.PartText
	case "image":
		p.Kind = engine.PartImage
	case "document":
		p.Kind = engine.PartFile
	case "thinking", "redacted_thinking":
		p.Kind = engine.PartReasoning
	case "tool_use":
		p.Kind, p.Call = engine.PartToolCall, len(m.ToolCalls)
	default:
		// A server's tool and its results, and what is yet to be invented: it stays in
		// this API. What is sealed in it is not read.
		b.modality("other")
		for c := range b.children(i) {
			switch {
			case c == at:
				b.enum(c)
			case b.name(c) == "cache_control":
				b.cacheControl(c, m.Role, msg)
			default:
				b.sealedMember(c, m.Role, msg)
			}
		}
		m.Parts = append(m.Parts, p)
		return
	}
	var call engine.ToolCall
	if p.Kind == engine.PartToolCall {
		call = engine.ToolCall{Arguments: emptyObject(), At: p.At}
	}
	found := false
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "type":
		case name == "cache_control":
			b.cacheControl(c, m.Role, msg)
		case p.Kind == engine.PartToolCall:
			found = b.toolUse(c, &call, msg) || found
		default:
			found = b.blockField(c, &p, m.Role, msg) || found
		}
	}
	if !found {
		b.missing(i, map[engine.PartKind]string{engine.PartText: "text", engine.PartImage: "source", engine.PartFile: "source",
			engine.PartReasoning: strings.TrimPrefix(p.Native, "redacted_"), engine.PartToolCall: "name"}[p.Kind], "a block of this type needs it")
	}
	if p.Kind == engine.PartToolCall {
		m.ToolCalls = append(m.ToolCalls, call)
	}
	if p.Kind == engine.PartReasoning && p.Text != nil {
		p.Text.Fixed = p.Seal != nil // it is what was signed
	}
	m.Parts = append(m.Parts, p)
}

// toolUse reads a member of a call, and says whether it is the name.
func (b *body) toolUse(i int, call *engine.ToolCall, msg int) bool {
	switch b.name(i) {
	case "id":
		call.ID = b.id(i, msg)
	case "name":
		if b.want(i, '"') {
			call.Name = b.fixed(i, engine.RoleAssistant, engine.KindName, msg)
		}
		return call.Name != ""
	case "input":
		if b.kind(i) != 'n' {
			call.Arguments = b.inspect(i, engine.RoleAssistant, engine.KindToolArguments, msg)
		}
	default:
		b.unknown(i, engine.RoleAssistant, engine.KindToolArguments, msg)
	}
	return false
}

// blockField reads a member of a block of text, image, document or thinking, and
// says whether it is the one that holds the content.
func (b *body) blockField(i int, p *engine.Part, role engine.Role, msg int) bool {
	name := b.name(i)
	switch {
	case name == "text" && p.Kind == engine.PartText:
		if b.want(i, '"') {
			p.Text = b.messageText(i, role, msg)
			b.modality("text")
		}
	case name == "source" && (p.Kind == engine.PartImage || p.Kind == engine.PartFile):
		if b.want(i, '{') {
			b.source(i, p, role, msg)
		}
	case name == "thinking" && p.Native == "thinking":
		if b.want(i, '"') {
			p.Text = b.text(i, role, engine.KindText, msg)
		}
	case name == "signature" && p.Native == "thinking":
		p.Seal = b.anthropicSeal(i, engine.OpaqueSignature, role, msg)
		return false
	case name == "data" && p.Native == "redacted_thinking":
		p.Seal = b.anthropicSeal(i, engine.OpaqueRedacted, role, msg)
	case name == "title" && p.Kind == engine.PartFile:
		if b.optional(i, '"') {
			p.Filename = b.text(i, role, engine.KindName, msg)
		}
		return false
	case name == "citations":
		// Of a text in history, or whether a document shall be cited.
		if b.kind(i) != 'n' {
			b.hint(i)
			b.sealedMember(i, role, msg)
		}
		return false
	default:
		if b.kind(i) != 'n' {
			b.hint(i)
		}
		b.unknown(i, role, engine.KindText, msg)
		return false
	}
	return true
}

// source reads where an image or a document comes from.
func (b *body) source(i int, p *engine.Part, role engine.Role, msg int) {
	kind := b.blockType(i)
	b.modality(map[engine.PartKind]string{engine.PartImage: "image", engine.PartFile: "file"}[p.Kind])
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "type":
			b.enum(c)
		case name == "media_type":
			if b.optional(c, '"') {
				p.MediaType = b.str(c)
				if main, sub, ok := strings.Cut(p.MediaType, "/"); !ok || !plain(main, 16) || !plain(strings.ReplaceAll(sub, "+", "-"), 64) ||
					p.MediaType != strings.ToLower(p.MediaType) || digits(p.MediaType) >= longNumber {
					b.fixed(c, role, engine.KindText, msg)
				}
			}
		case name == "data" && kind == "base64":
			if b.want(c, '"') {
				if p.Data = b.str(c); !isBase64(p.Data) || !isBinary(p.Data) {
					b.fixed(c, role, engine.KindText, msg)
				}
			}
		case name == "data" && kind == "text", name == "content" && kind == "content" && b.kind(c) == '"':
			if b.want(c, '"') {
				p.Text = b.text(c, role, engine.KindText, msg)
			}
		case name == "url" && kind == "url":
			if b.want(c, '"') {
				p.URL = b.text(c, role, engine.KindText, msg)
			}
		case name == "file_id" && kind == "file":
			if b.want(c, '"') {
				p.FileID = b.text(c, role, engine.KindName, msg)
				p.FileID.Fixed = true
			}
		default: // a document of blocks, which are read as a whole
			b.unknown(c, role, engine.KindText, msg)
		}
	}
	if p.Data == "" && p.Text == nil && p.URL == nil && p.FileID == nil {
		p.Kind = engine.PartOther
	}
}

// anthropicSeal reads a signature or redacted thinking; nil where it is empty.
func (b *body) anthropicSeal(i int, kind engine.OpaqueKind, role engine.Role, msg int) *engine.Opaque {
	if !b.optional(i, '"') {
		return nil
	}
	s := b.str(i)
	if rest, ok := strings.CutPrefix(s, sealPrefix); ok {
		family, data, _ := strings.Cut(rest, ".")
		switch d := engine.Dialect(family); d {
		case engine.DialectOpenAI, engine.DialectGemini, engine.DialectVertex, engine.DialectBedrock:
			if isSealed(data) {
				return &engine.Opaque{Origin: d, Kind: kind, Data: data}
			}
		}
	}
	if b.opaque(i, role, msg); s == "" {
		return nil
	}
	return &engine.Opaque{Origin: engine.DialectAnthropic, Kind: kind, Data: s}
}

// sealedMember is inspectMember, but for the strings in it that Anthropic encrypts.
func (b *body) sealedMember(i int, role engine.Role, msg int) {
	name := ""
	if b.keySpan(i).Len() > 0 {
		name = b.name(i)
	}
	switch {
	case b.kind(i) == '"' && (name == "encrypted_content" || name == "encrypted_index" || name == "encrypted_stdout"):
		b.opaque(i, role, msg)
	case b.kind(i) == '[' || b.kind(i) == '{':
		if s := b.keySpan(i); s.Len() > 0 {
			b.req.Texts = append(b.req.Texts, b.leaf(s, name, role, engine.KindText, msg))
		}
		for c := range b.children(i) {
			b.sealedMember(c, role, msg)
		}
	default:
		b.inspectMember(i, role, engine.KindText, msg)
	}
}
