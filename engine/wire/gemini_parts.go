package wire

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// system reads the system's instruction, which is a content.
func (b *geminiBody) system(i int) {
	m := engine.Message{Role: engine.RoleSystem, Native: "system", At: b.span(i).Start}
	msg := len(b.req.Messages)
	if b.kind(i) == '"' { // as some SDKs send it
		m.Parts = append(m.Parts, engine.Part{Kind: engine.PartText, Text: b.text(i, m.Role, engine.KindText, msg), At: m.At})
		b.modality("text")
	} else {
		b.each(i, m.Role, engine.KindText, msg, func(name string, c int) bool {
			switch name {
			case "role":
				b.role(c, msg)
			case "parts":
				b.list(c, func(p int) { b.part(p, &m, msg) })
			default:
				return false
			}
			return true
		})
	}
	b.req.Messages = append(b.req.Messages, m)
}

// role consumes the role of a content.
func (b *geminiBody) role(i, msg int) string {
	if !b.optional(i, '"') {
		return ""
	}
	switch s := b.str(i); s {
	case "", "user", "model", "function", "system":
		return s
	}
	b.text(i, engine.RoleUser, engine.KindText, msg)
	return "?"
}

// systemFirst puts the system's instruction before the conversation, wherever it
// stands in the body.
func systemFirst(req *engine.Request) {
	at := slices.IndexFunc(req.Messages, func(m engine.Message) bool { return m.Role == engine.RoleSystem })
	if at <= 0 {
		return
	}
	system := req.Messages[at]
	req.Messages = slices.Insert(slices.Delete(req.Messages, at, at+1), 0, system)
	for _, t := range req.Body.Leaves {
		switch {
		case t.Message == at:
			t.Message = 0
		case t.Message >= 0 && t.Message < at:
			t.Message++
		}
	}
}

// content reads a turn. What a tool has answered becomes a message of its own,
// between those of what else the turn says.
func (b *geminiBody) content(i int) {
	if !b.want(i, '{') {
		return
	}
	m := engine.Message{Role: engine.RoleUser, Native: "user", At: b.span(i).Start}
	// The role may stand after the parts, and their texts need it.
	if r := b.member(i, "role"); r >= 0 && b.kind(r) == '"' {
		switch s := b.str(r); s {
		case "", "user", "function":
		case "model":
			m.Role, m.Native = engine.RoleAssistant, s
		default:
			b.fail(r, "is not a known role: use user or model")
		}
	}
	said := false
	flush := func() {
		if len(m.Parts) > 0 {
			said = true
			b.req.Messages = append(b.req.Messages, m)
			m.Parts, m.ToolCalls = nil, nil
		}
	}
	first := len(b.req.Messages)
	b.each(i, m.Role, engine.KindText, first, func(name string, c int) bool {
		switch name {
		case "role":
			b.role(c, first)
		case "parts":
			b.list(c, func(p int) {
				if r := b.response(p); r >= 0 {
					flush()
					b.result(p, r)
					said = true
					return
				}
				b.part(p, &m, len(b.req.Messages))
			})
		default:
			return false
		}
		return true
	})
	if flush(); !said {
		b.req.Messages = append(b.req.Messages, m)
	}
}

// response is the member of part i that is a function's response, or -1.
func (b *geminiBody) response(i int) int {
	if r := b.member(i, "functionResponse"); r >= 0 {
		return r
	}
	return b.member(i, "function_response")
}

// result reads what a function has answered: part i, whose member r it is.
func (b *geminiBody) result(i, r int) {
	msg := len(b.req.Messages)
	m := engine.Message{Role: engine.RoleTool, Native: "function", At: b.span(i).Start}
	b.each(i, m.Role, engine.KindToolResult, msg, func(name string, c int) bool {
		switch name {
		case "functionResponse":
		case "thoughtSignature":
			b.opaque(c, m.Role, msg)
			return true
		default:
			return false
		}
		b.each(c, m.Role, engine.KindToolResult, msg, func(name string, c int) bool {
			switch name {
			case "id":
				m.ToolCallID = b.id(c, msg)
			case "name":
				if b.want(c, '"') {
					m.ToolName = b.fixed(c, m.Role, engine.KindName, msg)
				}
			case "response":
				if b.optional(c, '{') {
					// As Google's SDKs tell a failure.
					m.IsError = b.member(c, "error") >= 0 && b.member(c, "output") < 0
					m.Parts = append(m.Parts, engine.Part{Kind: engine.PartJSON, At: b.span(c).Start, JSON: b.inspect(c, m.Role, engine.KindToolResult, msg)})
				}
			case "parts":
				b.list(c, func(p int) { b.part(p, &m, msg) })
			case "willContinue":
				b.bool(c)
			case "scheduling":
				b.word(c)
			default:
				return false
			}
			return true
		})
		return true
	})
	b.modality("text")
	b.req.Messages = append(b.req.Messages, m)
}

// part reads one part of what m says.
func (b *geminiBody) part(i int, m *engine.Message, msg int) {
	if !b.want(i, '{') {
		return
	}
	p := engine.Part{Kind: engine.PartOther, At: b.span(i).Start}
	call := engine.ToolCall{At: p.At}
	thought, kinds := false, 0
	var seal *engine.Opaque
	b.each(i, m.Role, engine.KindText, msg, func(name string, c int) bool {
		switch name {
		case "text":
			if b.want(c, '"') {
				kinds++
				p.Kind, p.Native, p.Text = engine.PartText, name, b.text(c, m.Role, engine.KindText, msg)
			}
		case "thought":
			thought = b.bool(c)
		case "thoughtSignature":
			seal = b.sealed(c, m.Role, msg)
		case "inlineData":
			kinds++
			p.Native = name
			b.blob(c, &p, m.Role, msg)
		case "fileData":
			kinds++
			p.Native = name
			b.file(c, &p, m.Role, msg)
		case "functionCall":
			kinds++
			p.Kind, p.Native = engine.PartToolCall, name
			b.call(c, &call, m.Role, msg)
		default:
			if p.Native == "" {
				p.Native = name
			}
			return false
		}
		return true
	})
	if kinds > 1 {
		b.fail(i, "must be of one kind: a part holds one of text, inlineData, fileData, functionCall and functionResponse")
	}
	switch p.Kind {
	case engine.PartToolCall:
		if m.Role != engine.RoleAssistant {
			b.fail(i, "is a function call, which only the role \"model\" can make")
			return
		}
		call.Seal, p.Call = seal, len(m.ToolCalls)
		m.ToolCalls = append(m.ToolCalls, call)
	case engine.PartText:
		b.modality("text")
		if thought && m.Role == engine.RoleAssistant {
			p.Kind, p.Seal = engine.PartReasoning, seal
			b.thoughts(m, p)
			return
		}
	case engine.PartOther:
		if kinds == 0 && p.Native == "" {
			// Nothing: an empty text that an SDK has left out, or a signature, which
			// belongs to what is before it.
			return
		}
		b.modality("other")
	}
	m.Parts = append(m.Parts, p)
}

// thoughts adds a piece of thinking. A stream gives thinking in pieces, the last of
// which is signed; where another vendor's model made it, the signature is of the
// whole.
func (b *geminiBody) thoughts(m *engine.Message, p engine.Part) {
	if p.Seal == nil || p.Seal.Origin == engine.DialectGemini {
		m.Parts = append(m.Parts, p)
		return
	}
	first := len(m.Parts)
	for first > 0 && m.Parts[first-1].Kind == engine.PartReasoning && m.Parts[first-1].Seal == nil {
		first--
	}
	pieces := append(slices.Clone(m.Parts[first:]), p)
	p.At = pieces[0].At
	var whole strings.Builder
	for i := range pieces {
		pieces[i].Text.Fixed = true
		whole.WriteString(pieces[i].Text.Value)
	}
	switch {
	case whole.Len() == 0:
		p.Text = nil
	case len(pieces) > 1:
		p.Text = &engine.Text{Role: m.Role, Message: p.Text.Message, Value: whole.String(), Fixed: true}
	}
	m.Parts = append(m.Parts[:first], p)
}

// sealed reads a signature: Google's own, or one of another vendor that a reply
// was given in its place.
func (b *geminiBody) sealed(i int, role engine.Role, msg int) *engine.Opaque {
	s := b.opaque(i, role, msg)
	if s == "" {
		return nil
	}
	if o := foreignSeal(s); o != nil {
		return o
	}
	return &engine.Opaque{Origin: engine.DialectGemini, Data: s}
}

// sealMark begins what stands in the place of Google's signature where another
// vendor made one: clients give it back as they got it.
const sealMark = "sallyport1"

// wrapSeal is a signature as base64, as a client of Gemini's API takes one.
func wrapSeal(o *engine.Opaque) string {
	if o.Origin == engine.DialectGemini {
		return o.Data
	}
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %s %d %s %s", sealMark, o.Origin, o.Kind, o.ID, o.Data))
}

// foreignSeal takes another vendor's signature out of what wrapSeal made, nil
// where s is none such. What it takes out is sealed by its form, as all that is
// not inspected must be.
func foreignSeal(s string) *engine.Opaque {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	f := strings.SplitN(string(raw), " ", 5)
	if len(f) != 5 || f[0] != sealMark || len(f[2]) != 1 || f[2][0] > '0'+byte(engine.OpaqueEncrypted) || f[2][0] < '0' {
		return nil
	}
	o := &engine.Opaque{Origin: engine.Dialect(f[1]), Kind: engine.OpaqueKind(f[2][0] - '0'), ID: f[3], Data: f[4]}
	if !plain(f[1], 32) || o.ID != "" && !plain(o.ID, 128) || !isSealed(o.Data) {
		return nil
	}
	return o
}

// call reads a function call.
func (b *geminiBody) call(i int, call *engine.ToolCall, role engine.Role, msg int) {
	b.each(i, role, engine.KindToolArguments, msg, func(name string, c int) bool {
		switch name {
		case "id":
			call.ID = b.id(c, msg)
		case "name":
			if b.want(c, '"') {
				call.Name = b.fixed(c, role, engine.KindName, msg)
			}
		case "args":
			if b.optional(c, '{') {
				call.Arguments = b.inspect(c, role, engine.KindToolArguments, msg)
			}
		default:
			return false
		}
		return true
	})
	if call.Name == "" {
		b.missing(i, "name", "a function call needs it")
	}
	if call.Arguments == nil {
		call.Arguments = &engine.Document{Raw: []byte("{}")}
	}
}

// blob reads inline data.
func (b *geminiBody) blob(i int, p *engine.Part, role engine.Role, msg int) {
	data := -1
	b.each(i, role, engine.KindText, msg, func(name string, c int) bool {
		switch name {
		case "mimeType":
			p.MediaType = b.mediaType(c, role, msg)
		case "data":
			if b.want(c, '"') {
				data = c
				if p.Data = b.str(c); !isBase64(p.Data) || !isBinary(p.Data) {
					b.fixed(c, role, engine.KindText, msg)
				}
			}
		case "displayName":
			if b.optional(c, '"') {
				p.Filename = b.text(c, role, engine.KindName, msg)
			}
		default:
			return false
		}
		return true
	})
	if data < 0 {
		b.missing(i, "data", "inline data needs it")
		return
	}
	kind, modality := mediaKind(p.MediaType)
	b.modality(modality)
	if kind == engine.PartOther || !isBase64(p.Data) {
		p.Data = "" // for a server of this API to judge
		return
	}
	// One alphabet and its padding is what all others take.
	std := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(p.Data), "=")
	if pad := len(std) % 4; pad != 0 {
		std += "===="[pad:]
	}
	p.Kind, p.Data = kind, std
}

// mediaKind is the kind of part, and the modality, of a media type.
func mediaKind(media string) (engine.PartKind, string) {
	typ, _, _ := strings.Cut(media, "/")
	switch {
	case typ == "image":
		return engine.PartImage, "image"
	case typ == "audio":
		return engine.PartAudio, "audio"
	case typ == "video":
		return engine.PartVideo, "video"
	case media == "application/pdf":
		return engine.PartFile, "file"
	}
	return engine.PartOther, "file"
}

// file reads data by reference: a web page's address, or the one under which
// Google has a file.
func (b *geminiBody) file(i int, p *engine.Part, role engine.Role, msg int) {
	var uri *engine.Text
	b.each(i, role, engine.KindText, msg, func(name string, c int) bool {
		switch name {
		case "mimeType":
			p.MediaType = b.mediaType(c, role, msg)
		case "fileUri":
			if b.want(c, '"') {
				uri = b.text(c, role, engine.KindText, msg)
			}
		case "displayName":
			if b.optional(c, '"') {
				p.Filename = b.text(c, role, engine.KindName, msg)
			}
		default:
			return false
		}
		return true
	})
	if uri == nil {
		b.missing(i, "fileUri", "a file needs it")
		return
	}
	kind, modality := mediaKind(p.MediaType)
	b.modality(modality)
	scheme, rest, _ := strings.Cut(uri.Value, "://")
	if web := scheme == "https" || scheme == "http"; !web || strings.HasPrefix(rest, "generativelanguage.googleapis.com/") {
		uri.Fixed = true
		p.FileID = uri
	} else {
		p.URL = uri
	}
	p.Kind = kind
}

// pairCalls gives each call that has no id one, and each result the id and the
// name of the call it answers: the one it names, else the first of that name that
// nothing has answered yet.
func pairCalls(msgs []engine.Message) {
	// Calls that nothing has answered, by id and by name, the first first. Those
	// answered under the other are still in both.
	byID, byName := map[string][]*engine.ToolCall{}, map[string][]*engine.ToolCall{}
	answered := map[*engine.ToolCall]bool{}
	next := func(open map[string][]*engine.ToolCall, key string) *engine.ToolCall {
		for len(open[key]) > 0 {
			c := open[key][0]
			if open[key] = open[key][1:]; !answered[c] {
				answered[c] = true
				return c
			}
		}
		return nil
	}
	for i := range msgs {
		m := &msgs[i]
		for k := range m.ToolCalls {
			c := &m.ToolCalls[k]
			if c.ID == "" {
				c.ID = fmt.Sprintf("call_%d_%d", i, k)
			}
			byID[c.ID], byName[c.Name] = append(byID[c.ID], c), append(byName[c.Name], c)
		}
		if m.Role != engine.RoleTool {
			continue
		}
		var c *engine.ToolCall
		if m.ToolCallID != "" {
			c = next(byID, m.ToolCallID)
		}
		if c == nil {
			c = next(byName, m.ToolName)
		}
		if c == nil {
			m.ToolCallID = "" // it answers no call
			continue
		}
		if m.ToolCallID = c.ID; m.ToolName == "" {
			m.ToolName = c.Name
		}
	}
}
