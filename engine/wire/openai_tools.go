package wire

import (
	"github.com/sallyport-ai/sallyport/engine"
)

// toolCall reads one element of an assistant's tool_calls.
func (b *body) toolCall(i int, m *engine.Message, msg int) {
	if !b.want(i, '{') {
		return
	}
	call, found := engine.ToolCall{At: b.span(i).Start}, false
	for c := range b.children(i) {
		switch b.name(c) {
		case "id":
			call.ID = b.id(c, msg)
		case "type":
			// One is enough to say so; a path for each would take quadratic time.
			if t := b.enum(c); t != "function" && t != "custom" && t != "" && len(b.req.NotPortable) == 0 {
				b.notPortable(b.path(i))
			}
		case "index":
			b.integer(c)
		case "function":
			found = true
			if b.want(c, '{') {
				call = b.calledFunction(c, call, msg)
			}
		case "custom": // free text instead of JSON arguments
			found = true
			if b.want(c, '{') {
				call = b.calledCustom(c, call, msg)
			}
		default:
			b.unknown(c, m.Role, engine.KindToolArguments, msg)
		}
	}
	if !found {
		b.missing(i, "function", "a tool call needs its name and arguments")
	}
	m.ToolCalls = append(m.ToolCalls, call)
}

// calledFunction reads the name and arguments of a call into c.
func (b *body) calledFunction(i int, c engine.ToolCall, msg int) engine.ToolCall {
	c.Arguments = emptyObject()
	for f := range b.children(i) {
		switch b.name(f) {
		case "name":
			if b.want(f, '"') {
				c.Name = b.fixed(f, engine.RoleAssistant, engine.KindName, msg)
			}
		case "arguments":
			if b.optional(f, '"') && b.str(f) != "" {
				c.Arguments = b.arguments(f, msg)
			}
		default:
			b.unknown(f, engine.RoleAssistant, engine.KindToolArguments, msg)
		}
	}
	if c.Name == "" {
		b.missing(i, "name", "a tool call needs the name of its tool")
	}
	return c
}

// calledCustom reads the name and input of a custom tool's call into c.
func (b *body) calledCustom(i int, c engine.ToolCall, msg int) engine.ToolCall {
	c.Arguments = emptyObject()
	for f := range b.children(i) {
		switch b.name(f) {
		case "name":
			if b.want(f, '"') {
				c.Name = b.fixed(f, engine.RoleAssistant, engine.KindName, msg)
			}
		case "input":
			if b.want(f, '"') {
				c.Input = b.text(f, engine.RoleAssistant, engine.KindToolArguments, msg)
			}
		default:
			b.unknown(f, engine.RoleAssistant, engine.KindToolArguments, msg)
		}
	}
	if c.Name == "" {
		b.missing(i, "name", "a tool call needs the name of its tool")
	}
	if c.Input == nil {
		b.missing(i, "input", "a call of a custom tool needs it")
	}
	return c
}

// arguments is the document in string node i. A string that is not JSON becomes
// a document that is that string.
func (b *body) arguments(i int, msg int) *engine.Document {
	t := b.inner(i, engine.RoleAssistant, engine.KindToolArguments, msg, anyJSON)
	if t.Inner != nil {
		return t.Inner
	}
	return &engine.Document{Raw: b.raw[t.Span.Start:t.Span.End], Base: t.Span.Start, Leaves: []*engine.Text{t}}
}

func emptyObject() *engine.Document { return &engine.Document{Raw: []byte("{}")} }

// tool reads one element of tools.
func (b *body) tool(i int) {
	if !b.want(i, '{') {
		return
	}
	at := b.member(i, "type")
	if at < 0 {
		b.missing(i, "type", "use \"function\"")
		return
	}
	t := engine.Tool{Native: b.string(at), Span: b.span(i)}
	switch t.Native {
	case "function":
	case "custom":
		t.Kind = engine.ToolCustom
	default:
		t.Kind = engine.ToolServer
	}
	payload := b.member(i, t.Native)
	if t.Kind != engine.ToolServer && payload < 0 {
		b.missing(i, t.Native, "a tool of this type needs it")
		return
	}
	for c := range b.children(i) {
		switch {
		case c == at:
			b.enum(c)
		case c == payload && t.Kind != engine.ToolServer:
			if b.want(c, '{') {
				t = b.function(c, t)
			}
		case c == payload && b.kind(c) == '{':
			t.Name = b.nameOf(c)
			b.inspect(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if t.Name == "" { // a server's own tool: policy knows it by its type
		if t.Name = b.nameOf(i); t.Name == "" {
			t.Name = t.Native
		}
	}
	b.req.Tools = append(b.req.Tools, t)
}

// nameOf is the string member "name" of object i, or "".
func (b *body) nameOf(i int) string {
	if n := b.member(i, "name"); n >= 0 && b.kind(n) == '"' {
		return b.str(n)
	}
	return ""
}

// function reads a function's definition into t, or that of a custom tool, which
// has a format in the place of parameters.
func (b *body) function(i int, t engine.Tool) engine.Tool {
	parameters := "parameters"
	if t.Kind == engine.ToolCustom {
		parameters = "format"
	}
	for c := range b.children(i) {
		switch b.name(c) {
		case "name":
			if b.want(c, '"') {
				t.Name = b.fixed(c, engine.RoleSystem, engine.KindName, -1)
			}
		case "description":
			if b.optional(c, '"') {
				t.Description = b.text(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		case parameters:
			if b.optional(c, '{') {
				t.Parameters = b.inspect(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		case "strict":
			t.Strict = b.boolPtr(c)
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if t.Name == "" {
		b.missing(i, "name", "a function needs it")
	}
	return t
}

// toolChoice reads tool_choice, or function_call of the old interface.
func (b *body) toolChoice(i int, field string) {
	choice := &b.req.ToolChoice
	switch b.kind(i) {
	case 'n':
	case '"':
		switch v := b.str(i); v {
		case "none", "auto", "required":
			choice.Mode = v
		default:
			b.fail(i, "must be none, auto, required or an object that names a tool")
		}
	case '{':
		choice.Mode = "tool"
		for c := range b.children(i) {
			switch name := b.name(c); {
			case field == "function_call":
				b.choiceName(c, choice)
			case name == "type":
				switch b.enum(c) {
				case "function", "custom", "allowed_tools":
				default:
					choice.Mode = "native"
					b.notPortable(field)
				}
			case (name == "function" || name == "custom") && b.kind(c) == '{':
				for f := range b.children(c) {
					b.choiceName(f, choice)
				}
			case name == "allowed_tools" && b.kind(c) == '{':
				b.allowedTools(c, choice)
			default:
				b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		}
		if choice.Mode == "tool" && choice.Name == "" {
			b.fail(i, "must name a function")
		}
	default:
		b.fail(i, "must be a string or an object, not %s", kindName(b.kind(i)))
	}
}

// allowedTools reads the choice among some of the tools: OpenAI names them within
// a member "function" or "custom".
func (b *body) allowedTools(i int, choice *engine.ToolChoice) {
	choice.Names = []string{}
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "mode":
			switch choice.Mode = b.string(c); choice.Mode {
			case "auto", "required":
			default:
				b.fail(c, "must be auto or required")
			}
		case name == "tools" && b.want(c, '['):
			for t := range b.children(c) {
				if b.want(t, '{') {
					b.allowedTool(t, choice)
				}
			}
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if choice.Mode == "tool" {
		b.missing(i, "mode", "use auto or required")
	}
}

func (b *body) allowedTool(i int, choice *engine.ToolChoice) {
	one := engine.ToolChoice{}
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "type":
			b.enum(c)
		case (name == "function" || name == "custom") && b.kind(c) == '{':
			for f := range b.children(c) {
				b.choiceName(f, &one)
			}
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if one.Name == "" { // a server's own tool
		choice.Mode = "native"
		b.notPortable("tool_choice")
		return
	}
	choice.Names = append(choice.Names, one.Name)
}

func (b *body) choiceName(i int, choice *engine.ToolChoice) {
	if b.name(i) == "name" && b.want(i, '"') {
		choice.Name = b.fixed(i, engine.RoleSystem, engine.KindName, -1)
		return
	}
	b.unknown(i, engine.RoleSystem, engine.KindToolDefinition, -1)
}

// responseFormat reads response_format.
func (b *body) responseFormat(i int) {
	if !b.optional(i, '{') {
		return
	}
	f := &b.req.Format
	for c := range b.children(i) {
		switch b.name(c) {
		case "type":
			switch f.Type = b.enum(c); f.Type {
			case "text", "json_object", "json_schema":
			default:
				b.notPortable("response_format")
			}
		case "json_schema":
			if !b.optional(c, '{') {
				break
			}
			for s := range b.children(c) {
				switch b.name(s) {
				case "name":
					if b.want(s, '"') {
						f.Name = b.fixed(s, engine.RoleSystem, engine.KindName, -1)
					}
				case "schema":
					if b.optional(s, '{') {
						f.Schema = b.inspect(s, engine.RoleSystem, engine.KindToolDefinition, -1)
					}
				case "strict":
					f.Strict = b.boolPtr(s)
				default:
					b.unknown(s, engine.RoleSystem, engine.KindToolDefinition, -1)
				}
			}
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
}
