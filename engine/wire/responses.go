package wire

import (
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// OpenAIResponses is the client's side of POST /v1/responses, and of
// /v1/responses/input_tokens where the path's verb is "input_tokens". What the API would
// have its provider remember is refused: a conversation that nobody here has read
// cannot be judged. Replies are never stored, and say so.
type OpenAIResponses struct{}

// ReadRequest implements Ingress.
func (OpenAIResponses) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectOpenAIResponses, Operation: engine.OpChat, IncludeUsage: true}
	if in.Verb == "input_tokens" {
		req.Operation = engine.OpCountTokens
	}
	seen := false
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		seen = seen || name == "input"
		return b.responsesField(name, i)
	}, "instructions", "previous_response_id", "conversation", "background", "store", "include", "max_output_tokens", "max_tool_calls",
		"reasoning", "effort", "summary", "encrypted_content", "format", "schema", "top_logprobs", "truncation", "call_id", "output",
		"file_data", "file_id", "file_url", "filename", "result", "context_management")
	if err != nil {
		return nil, err
	}
	if !seen {
		return nil, malformed("input", "is missing: send a string or an array of items")
	}
	nameToolResults(req.Messages)
	req.Stream = req.Stream && req.Operation == engine.OpChat
	return req, nil
}

// NewReply implements Ingress.
func (OpenAIResponses) NewReply(req *engine.Request) Reply { return newResponsesReply(req) }

// Error implements Ingress.
func (OpenAIResponses) Error(o *engine.Outcome) []byte { return openAIError(o) }

// responsesField reads a member of a body.
func (b *body) responsesField(name string, i int) bool {
	switch name {
	case "model", "stream", "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty",
		"user", "safety_identifier", "prompt_cache_key", "metadata":
		return b.openAIField(name, i)
	case "instructions":
		if b.optional(i, '"') && b.instructed() {
			b.req.Messages[0].At = b.span(i).Start
			b.req.Messages[0].Parts = []engine.Part{{Kind: engine.PartText, Text: b.text(i, engine.RoleSystem, engine.KindText, 0), At: b.span(i).Start}}
			b.modality("text")
		}
	case "input":
		b.instructed()
		b.input(i)
	case "max_output_tokens":
		b.req.MaxOutputTokens, _ = b.positive(i)
	case "max_tool_calls": // of the server's own tools
		if _, ok := b.positive(i); ok {
			b.hint(i)
		}
	case "previous_response_id", "conversation", "prompt":
		if b.kind(i) != 'n' {
			b.fail(i, "names what only the provider holds and nobody here has read: send all of it in \"input\"")
		}
	case "background":
		if b.bool(i) {
			b.fail(i, "must be false: replies are not kept here, so that nobody could fetch one later")
		}
	case "store":
		if b.bool(i) { // never done
			b.hint(i)
		}
	case "include":
		b.include(i)
	case "text":
		b.responseText(i)
	case "reasoning":
		b.reasoning(i)
	case "tools":
		if b.optional(i, '[') {
			for c := range b.children(i) {
				b.responseTool(c)
			}
		}
	case "tool_choice":
		b.responseToolChoice(i)
	case "parallel_tool_calls":
		b.req.ParallelTools = b.boolPtr(i)
	case "top_logprobs":
		if v, ok := b.integer(i); ok && v > 0 && v <= maxTopLogprobs {
			n := int(v)
			b.req.Logprobs = &n
		} else if ok && v != 0 {
			b.notPortable(name)
		}
	case "service_tier", "prompt_cache_retention":
		if b.enum(i) != "" {
			b.hint(i)
		}
	case "truncation":
		if t := b.enum(i); t != "" && t != "disabled" {
			b.hint(i)
		}
	case "stream_options":
		if b.optional(i, '{') {
			for c := range b.children(i) {
				if b.name(c) == "include_obfuscation" {
					b.bool(c)
				} else {
					b.unknown(c, engine.RoleUser, engine.KindText, -1)
				}
			}
		}
	default:
		return false
	}
	return true
}

// instructed makes the first message that of the instructions, and says whether
// there are any. They come first wherever they stand in the body.
func (b *body) instructed() bool {
	at := b.member(0, "instructions")
	if at < 0 || b.kind(at) != '"' || b.str(at) == "" {
		return false
	}
	if len(b.req.Messages) == 0 {
		b.req.Messages = append(b.req.Messages, engine.Message{Role: engine.RoleSystem, Native: "system"})
	}
	return true
}

// include reads what more the reply shall hold. Encrypted reasoning always is in
// it, for replies are not stored; of the rest only logprobs have a neutral form.
func (b *body) include(i int) {
	if !b.optional(i, '[') {
		return
	}
	for c := range b.children(i) {
		switch b.enum(c) {
		case "reasoning.encrypted_content":
		case "message.output_text.logprobs":
			if b.req.Logprobs == nil {
				b.req.Logprobs = new(int)
			}
		default:
			b.hint(c)
		}
	}
}

// responseText reads how the answer's text shall be.
func (b *body) responseText(i int) {
	if !b.optional(i, '{') {
		return
	}
	for c := range b.children(i) {
		switch b.name(c) {
		case "format":
			if b.optional(c, '{') {
				b.textFormat(c)
			}
		case "verbosity":
			if b.enum(c) != "" {
				b.hint(c)
			}
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
}

// textFormat reads text.format.
func (b *body) textFormat(i int) {
	f := &b.req.Format
	for c := range b.children(i) {
		switch b.name(c) {
		case "type":
			switch f.Type = b.enum(c); f.Type {
			case "text", "json_object", "json_schema":
			default:
				b.notPortable("text.format")
			}
		case "name":
			if b.want(c, '"') {
				f.Name = b.fixed(c, engine.RoleSystem, engine.KindName, -1)
			}
		case "schema":
			if b.optional(c, '{') {
				f.Schema = b.inspect(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		case "strict":
			f.Strict = b.boolPtr(c)
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
}

// reasoning reads how hard the model shall think and whether that is shown.
func (b *body) reasoning(i int) {
	if !b.optional(i, '{') {
		return
	}
	for c := range b.children(i) {
		switch b.name(c) {
		case "effort":
			b.req.Reasoning.Effort = b.enum(c)
			b.req.Reasoning.Off = b.req.Reasoning.Effort == "none"
		case "summary", "generate_summary": // the latter is the older name
			if b.enum(c) != "" {
				b.req.Reasoning.Show = true
			}
		default:
			b.hint(c)
			b.unknown(c, engine.RoleUser, engine.KindText, -1)
		}
	}
}

// responseTool reads one element of tools, which are flat in this API.
func (b *body) responseTool(i int) {
	if !b.want(i, '{') {
		return
	}
	at := b.member(i, "type")
	if at < 0 {
		b.missing(i, "type", "use \"function\"")
		return
	}
	t := engine.Tool{Native: b.string(at), Span: b.span(i)}
	parameters := "parameters"
	switch t.Native {
	case "function":
	case "custom":
		t.Kind, parameters = engine.ToolCustom, "format"
	case "file_search":
		b.fail(i, "searches files that only the provider holds and nobody here has read")
		return
	default:
		t.Kind, parameters = engine.ToolServer, ""
	}
	for c := range b.children(i) {
		switch name := b.name(c); {
		case c == at:
			b.enum(c)
		case name == "name" && b.kind(c) == '"':
			t.Name = b.fixed(c, engine.RoleSystem, engine.KindName, -1)
		case name == "description" && b.kind(c) == '"':
			t.Description = b.text(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		case name == parameters:
			if b.optional(c, '{') {
				t.Parameters = b.inspect(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		case name == "strict" && t.Kind == engine.ToolFunction:
			t.Strict = b.boolPtr(c)
		case name == "tools" && t.Native == "namespace" && b.kind(c) == '[':
			// Policy judges each of them. Calls name the namespace, too, which other
			// APIs do not have.
			from := len(b.req.Tools)
			for n := range b.children(c) {
				b.responseTool(n)
			}
			for n := range b.req.Tools[from:] {
				b.req.Tools[from+n].Kind = engine.ToolServer
			}
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if t.Native == "namespace" {
		return
	}
	if t.Name == "" && t.Kind == engine.ToolServer {
		t.Name = t.Native // policy knows it by its type
	}
	if t.Name == "" {
		b.missing(i, "name", "a tool of this type needs it")
	}
	b.req.Tools = append(b.req.Tools, t)
}

// responseToolChoice reads tool_choice.
func (b *body) responseToolChoice(i int) {
	choice := &b.req.ToolChoice
	if b.kind(i) != '{' {
		b.toolChoice(i, "tool_choice")
		return
	}
	choice.Mode = "tool"
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "type":
			switch b.enum(c) {
			case "function", "custom":
			case "allowed_tools":
				choice.Mode = "auto"
			default:
				choice.Mode = "native"
				b.notPortable("tool_choice")
			}
		case name == "name" && b.kind(c) == '"':
			choice.Name = b.fixed(c, engine.RoleSystem, engine.KindName, -1)
		case name == "mode" && b.kind(c) == '"' && b.member(i, "tools") >= 0:
			if m := b.enum(c); m != "auto" && m != "required" {
				b.fail(c, "must be auto or required")
			}
		case name == "tools" && b.kind(c) == '[':
			choice.Names = []string{}
			for t := range b.children(c) {
				if b.want(t, '{') {
					b.allowedFlat(t, choice)
				}
			}
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if m := b.member(i, "mode"); choice.Mode == "auto" && m >= 0 && b.kind(m) == '"' {
		choice.Mode = b.str(m)
	}
	switch {
	case choice.Mode == "tool" && choice.Name == "":
		b.fail(i, "must name a function")
	case (choice.Mode == "auto" || choice.Mode == "required") && choice.Names == nil:
		b.missing(i, "tools", "a choice among tools needs it")
	}
}

// allowedFlat reads one of the tools among which the model may choose.
func (b *body) allowedFlat(i int, choice *engine.ToolChoice) {
	name := ""
	for c := range b.children(i) {
		switch n := b.name(c); {
		case n == "type":
			b.enum(c)
		case n == "name" && b.kind(c) == '"':
			name = b.fixed(c, engine.RoleSystem, engine.KindName, -1)
		default:
			b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
		}
	}
	if name == "" { // a server's own tool
		if at := b.member(i, "type"); at >= 0 && b.kind(at) == '"' {
			name = b.str(at)
		}
		b.notPortable("tool_choice")
	}
	choice.Names = append(choice.Names, name)
}

// Reasoning that another API's vendor has sealed is carried to the client and back
// as encrypted_content of this form: the prefix, the family that made it, what it
// is, and its data, joined by dots.
const sealPrefix = "sp1."

// Kinds of seals within that form.
const (
	sealSignature = "signature"
	sealRedacted  = "redacted"
	sealEncrypted = "encrypted"
	sealCall      = "call" // the signature of the tool call before it
)

// sealedFor is what a client of this API is given of a seal.
func sealedFor(s *engine.Opaque, call bool) string {
	kind := sealSignature
	switch {
	case call:
		kind = sealCall
	case s.Kind == engine.OpaqueRedacted:
		kind = sealRedacted
	case s.Kind == engine.OpaqueEncrypted && s.Origin == engine.DialectOpenAI:
		return s.Data
	case s.Kind == engine.OpaqueEncrypted:
		kind = sealEncrypted
	}
	return sealPrefix + string(s.Origin) + "." + kind + "." + s.Data
}

// seal reads encrypted_content: the seal, and whether it is a tool call's.
func (b *body) seal(i, msg int) (s *engine.Opaque, call bool) {
	if !b.optional(i, '"') || b.str(i) == "" {
		return nil, false
	}
	rest, foreign := strings.CutPrefix(b.str(i), sealPrefix)
	family, rest, _ := strings.Cut(rest, ".")
	kind, data, ok := strings.Cut(rest, ".")
	if foreign && ok {
		s = &engine.Opaque{Data: data}
		for _, d := range []engine.Dialect{engine.DialectAnthropic, engine.DialectGemini, engine.DialectVertex, engine.DialectBedrock,
			engine.DialectOllama, engine.DialectAzureOpenAI, engine.DialectOpenAI} {
			if family == string(d) {
				s.Origin = d
			}
		}
		switch kind {
		case sealSignature, sealCall:
			s.Kind = engine.OpaqueSignature
		case sealRedacted:
			s.Kind = engine.OpaqueRedacted
		case sealEncrypted:
			s.Kind = engine.OpaqueEncrypted
		default:
			s.Origin = ""
		}
		if s.Origin != "" {
			if !isSealed(data) {
				b.fixed(i, engine.RoleAssistant, engine.KindText, msg)
			}
			return s, kind == sealCall
		}
	}
	return &engine.Opaque{Origin: engine.DialectOpenAI, Kind: engine.OpaqueEncrypted, Data: b.opaque(i, engine.RoleAssistant, msg)}, false
}
