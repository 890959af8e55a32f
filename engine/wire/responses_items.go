package wire

import (
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// input reads what the model is to answer: a text of the user, or items.
func (b *body) input(i int) {
	switch b.kind(i) {
	case '"':
		msg := len(b.req.Messages)
		at := b.span(i).Start
		b.req.Messages = append(b.req.Messages, engine.Message{Role: engine.RoleUser, Native: "user", At: at,
			Parts: []engine.Part{{Kind: engine.PartText, Text: b.text(i, engine.RoleUser, engine.KindText, msg), At: at}}})
		b.modality("text")
	case '[':
		n := 0
		for c := range b.children(i) {
			if n++; b.want(c, '{') {
				b.item(c)
			}
		}
		if n == 0 {
			b.fail(i, "must hold at least one item")
		}
	default:
		b.fail(i, "must be a string or an array of items, not %s", kindName(b.kind(i)))
	}
}

// item reads one item of the input.
func (b *body) item(i int) {
	at, native := b.member(i, "type"), "message"
	switch {
	case at >= 0 && b.kind(at) != 'n':
		native = b.string(at)
	case b.member(i, "role") < 0:
		b.missing(i, "type", "use message, function_call or function_call_output")
		return
	}
	switch native {
	case "message":
		b.itemMessage(i)
	case "function_call", "custom_tool_call":
		b.itemCall(i, native)
	case "function_call_output", "custom_tool_call_output":
		b.itemOutput(i, native)
	case "reasoning":
		b.itemReasoning(i)
	case "image_generation_call":
		b.itemImage(i)
	case "item_reference":
		b.fail(i, "names what only the provider holds and nobody here has read: send the item itself")
	case "additional_tools", "tool_search_output":
		b.fail(i, "declares tools where no policy looks for them: send them in \"tools\"")
	default:
		b.itemOther(i, native)
	}
}

// speaker is the ordinal of the assistant's message that an item at byte at belongs
// to: what it thought, said and called in a row is one turn of other APIs.
func (b *body) speaker(at int) int {
	n := len(b.req.Messages)
	if n > 0 && b.req.Messages[n-1].Role == engine.RoleAssistant {
		return n - 1
	}
	b.req.Messages = append(b.req.Messages, engine.Message{Role: engine.RoleAssistant, Native: "assistant", At: at})
	return n
}

// add appends a part to message msg.
func (b *body) add(msg int, p engine.Part) {
	m := &b.req.Messages[msg]
	m.Parts = append(m.Parts, p)
}

// common consumes the members that items of all types have, and says whether c is
// one of them.
func (b *body) common(c, msg int) bool {
	switch b.name(c) {
	case "type", "status", "phase":
		b.enum(c)
	case "id":
		b.id(c, msg)
	default:
		return false
	}
	return true
}

func (b *body) itemMessage(i int) {
	r := b.member(i, "role")
	if r < 0 {
		b.missing(i, "role", "use system, developer, user or assistant")
		return
	}
	native := b.string(r)
	role, ok := roleOf(native)
	if !ok || role == engine.RoleTool {
		b.fail(r, "is not a known role: use system, developer, user or assistant")
		return
	}
	msg := len(b.req.Messages)
	if role == engine.RoleAssistant {
		msg = b.speaker(b.span(i).Start)
	} else {
		b.req.Messages = append(b.req.Messages, engine.Message{Role: role, Native: native, At: b.span(i).Start})
	}
	found := false
	for c := range b.children(i) {
		switch {
		case c == r:
		case b.name(c) == "content":
			found = true
			b.itemContent(c, role, msg)
		case !b.common(c, msg):
			b.unknown(c, role, engine.KindText, msg)
		}
	}
	if !found {
		b.missing(i, "content", "send a string or an array of parts")
	}
}

// itemContent reads the content of a message, or the output of a tool, into message
// msg.
func (b *body) itemContent(i int, role engine.Role, msg int) {
	switch b.kind(i) {
	case '"':
		b.add(msg, engine.Part{Kind: engine.PartText, Text: b.messageText(i, role, msg), At: b.span(i).Start})
		b.modality("text")
	case '[':
		for c := range b.children(i) {
			if b.want(c, '{') {
				b.itemPart(c, role, msg)
			}
		}
	default:
		b.fail(i, "must be a string or an array of parts, not %s", kindName(b.kind(i)))
	}
}

// itemPart reads one part of a content, whose members are flat in this API.
func (b *body) itemPart(i int, role engine.Role, msg int) {
	at := b.member(i, "type")
	if at < 0 {
		b.missing(i, "type", "use input_text, output_text, input_image or input_file")
		return
	}
	p := engine.Part{Kind: engine.PartOther, Native: b.string(at), At: b.span(i).Start}
	payload, modality := "", "other"
	switch p.Native {
	case "input_text", "output_text", "text", "summary_text":
		p.Kind, payload, modality = engine.PartText, "text", "text"
	case "refusal":
		p.Kind, payload, modality = engine.PartRefusal, "refusal", "text"
	case "input_image":
		p.Kind, modality = engine.PartImage, "image"
	case "input_file":
		p.Kind, modality = engine.PartFile, "file"
	case "input_audio":
		p.Kind, payload, modality = engine.PartAudio, "input_audio", "audio"
	}
	b.modality(modality)
	found := payload == ""
	for c := range b.children(i) {
		name := b.name(c)
		switch {
		case c == at:
			if p.Kind == engine.PartOther {
				b.enum(c)
			}
		case name == payload:
			found = true
			b.itemPayload(c, &p, role, msg)
		case p.Native == "input_image" && b.imageMember(c, &p, role, msg):
		case p.Native == "input_file" && b.kind(c) == '"' && b.fileMember(c, &p, role, msg):
		case p.Native == "input_file" && name == "file_url" && b.kind(c) == '"':
			p.URL = b.text(c, role, engine.KindText, msg)
		case name == "annotations" || name == "logprobs":
			// Said by a model some turns ago: no other API takes them back.
			if b.kind(c) == '[' && int(b.nodes[c].end) > c+1 {
				b.hint(c)
			}
			b.inspect(c, role, engine.KindText, msg)
		default:
			b.unknown(c, role, engine.KindText, msg)
		}
	}
	switch {
	case !found:
		b.missing(i, payload, "a part of this type needs it")
	case p.Kind == engine.PartImage && p.Data == "" && p.URL == nil && p.FileID == nil:
		b.missing(i, "image_url", "a part of this type needs it")
	case p.Kind == engine.PartFile && p.FileID == nil && p.URL == nil && (p.Data == "" || p.MediaType == ""):
		p.Kind, p.Data = engine.PartOther, "" // for a server of this API to judge
	}
	b.add(msg, p)
}

func (b *body) itemPayload(i int, p *engine.Part, role engine.Role, msg int) {
	switch p.Kind {
	case engine.PartText:
		if b.want(i, '"') {
			p.Text = b.messageText(i, role, msg)
		}
	case engine.PartRefusal:
		if b.want(i, '"') {
			p.Text = b.text(i, role, engine.KindText, msg)
		}
	case engine.PartAudio:
		if b.want(i, '{') {
			b.audio(i, p, role, msg)
		}
	}
}

// imageMember reads a member of an image, and says whether it knows it.
func (b *body) imageMember(i int, p *engine.Part, role engine.Role, msg int) bool {
	switch b.name(i) {
	case "image_url":
		if b.kind(i) != 'n' {
			b.located(i, p, "image", role, msg)
		}
	case "file_id":
		if b.optional(i, '"') {
			p.FileID = b.fileID(i, msg)
		}
	case "detail":
		p.Detail = b.enum(i)
	default:
		return false
	}
	return true
}

// itemCall reads the call of a function or of a custom tool.
func (b *body) itemCall(i int, native string) {
	at := b.span(i).Start
	msg := b.speaker(at)
	call := engine.ToolCall{At: at, Arguments: emptyObject()}
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "call_id":
			call.ID = b.id(c, msg)
		case name == "name" && b.want(c, '"'):
			call.Name = b.fixed(c, engine.RoleAssistant, engine.KindName, msg)
		case name == "arguments" && native == "function_call":
			if b.optional(c, '"') && b.str(c) != "" {
				call.Arguments = b.arguments(c, msg)
			}
		case name == "input" && native == "custom_tool_call" && b.want(c, '"'):
			call.Input = b.text(c, engine.RoleAssistant, engine.KindToolArguments, msg)
		case !b.common(c, msg):
			b.unknown(c, engine.RoleAssistant, engine.KindToolArguments, msg)
		}
	}
	switch {
	case call.Name == "":
		b.missing(i, "name", "a tool call needs the name of its tool")
	case call.ID == "":
		b.missing(i, "call_id", "a tool call needs it")
	case native == "custom_tool_call" && call.Input == nil:
		b.missing(i, "input", "a call of a custom tool needs it")
	}
	m := &b.req.Messages[msg]
	m.Parts = append(m.Parts, engine.Part{Kind: engine.PartToolCall, Call: len(m.ToolCalls), Native: native, At: at})
	m.ToolCalls = append(m.ToolCalls, call)
}

// itemOutput reads a tool's result.
func (b *body) itemOutput(i int, native string) {
	msg := len(b.req.Messages)
	b.req.Messages = append(b.req.Messages, engine.Message{Role: engine.RoleTool, Native: native, At: b.span(i).Start})
	found := false
	for c := range b.children(i) {
		switch {
		case b.name(c) == "call_id":
			b.req.Messages[msg].ToolCallID = b.id(c, msg)
		case b.name(c) == "output":
			found = true
			b.itemContent(c, engine.RoleTool, msg)
		case !b.common(c, msg):
			b.unknown(c, engine.RoleTool, engine.KindToolResult, msg)
		}
	}
	switch {
	case b.req.Messages[msg].ToolCallID == "":
		b.missing(i, "call_id", "a tool's output needs the id of its call")
	case !found:
		b.missing(i, "output", "send a string or an array of parts")
	}
}

// itemReasoning reads what the model has thought: its own words where they are
// there, else their summary, and the seal that its maker put on them.
func (b *body) itemReasoning(i int) {
	at := b.span(i).Start
	msg := b.speaker(at)
	var seal *engine.Opaque
	var call bool
	var words, summary []*engine.Text
	id := ""
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "encrypted_content":
			seal, call = b.seal(c, msg)
		case name == "content":
			words = b.thoughts(c, msg)
		case name == "summary":
			summary = b.thoughts(c, msg)
		case name == "id":
			id = b.id(c, msg)
		case !b.common(c, msg):
			b.unknown(c, engine.RoleAssistant, engine.KindText, msg)
		}
	}
	m := &b.req.Messages[msg]
	if call {
		if n := len(m.ToolCalls); n > 0 && m.ToolCalls[n-1].Seal == nil {
			m.ToolCalls[n-1].Seal = seal
			return
		}
	}
	if seal != nil {
		seal.ID = id
	}
	if words == nil {
		words = summary
	}
	for n, t := range words {
		p := engine.Part{Kind: engine.PartReasoning, Native: "reasoning", Text: t, At: at}
		if n == len(words)-1 {
			p.Seal = seal
		}
		if seal != nil && seal.Kind == engine.OpaqueSignature {
			t.Fixed = true // the signature is of these very words
		}
		m.Parts = append(m.Parts, p)
	}
	if len(words) == 0 && seal != nil {
		m.Parts = append(m.Parts, engine.Part{Kind: engine.PartReasoning, Native: "reasoning", Seal: seal, At: at})
	}
}

// thoughts reads a list of texts of a reasoning item; empty ones are left out.
func (b *body) thoughts(i, msg int) (out []*engine.Text) {
	if !b.optional(i, '[') {
		return nil
	}
	for c := range b.children(i) {
		if !b.want(c, '{') {
			continue
		}
		for f := range b.children(c) {
			switch name := b.name(f); {
			case name == "type":
				b.enum(f)
			case name == "text" && b.kind(f) == '"':
				if t := b.text(f, engine.RoleAssistant, engine.KindText, msg); t.Value != "" {
					out = append(out, t)
				}
			default:
				b.unknown(f, engine.RoleAssistant, engine.KindText, msg)
			}
		}
	}
	return out
}

// itemImage reads an image that the model made.
func (b *body) itemImage(i int) {
	at := b.span(i).Start
	msg := b.speaker(at)
	p := engine.Part{Kind: engine.PartOther, Native: "image_generation_call", At: at}
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "result" && b.kind(c) == '"':
			s := b.str(c)
			if media := imageMedia(s); media != "" && isBase64(s) && isBinary(s) {
				p.Kind, p.MediaType, p.Data = engine.PartImage, media, s
			} else {
				b.text(c, engine.RoleAssistant, engine.KindText, msg)
			}
		case !b.common(c, msg):
			b.unknown(c, engine.RoleAssistant, engine.KindText, msg)
		}
	}
	b.modality("image")
	b.add(msg, p)
}

// imageMedia is the media type of an image in base64 by its first bytes, "" where
// it is none that models make.
func imageMedia(data string) string {
	switch {
	case strings.HasPrefix(data, "iVBORw0KGgo"):
		return "image/png"
	case strings.HasPrefix(data, "/9j/"):
		return "image/jpeg"
	case strings.HasPrefix(data, "UklGR"):
		return "image/webp"
	}
	return ""
}

// itemOther reads an item of a type that only a server of this API knows, such as a
// search that it has made.
func (b *body) itemOther(i int, native string) {
	at := b.span(i).Start
	msg := b.speaker(at)
	for c := range b.children(i) {
		if !b.common(c, msg) {
			b.unknown(c, engine.RoleAssistant, engine.KindText, msg)
		}
	}
	b.add(msg, engine.Part{Kind: engine.PartOther, Native: native, At: at})
}
