package wire

import (
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// GeminiContent is the client's side of Google's generateContent,
// streamGenerateContent and countTokens, version v1beta. The path names the model
// and what is asked for.
//
// Members are read under both of their names, the one in camel case and the
// protocol buffer's with underscores, as Google's servers do.
type GeminiContent struct{}

// ReadRequest implements Ingress.
func (GeminiContent) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectGeminiContent, Operation: engine.OpChat, IncludeUsage: true}
	switch in.Verb {
	case "streamGenerateContent":
		req.Stream = true
	case "countTokens":
		req.Operation = engine.OpCountTokens
	}
	if err := streamForm(in, req); err != nil {
		return nil, err
	}
	g := geminiBody{}
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		g.body = b
		return g.known(0, i, g.field)
	})
	if err != nil {
		return nil, err
	}
	if !g.contents {
		return nil, malformed("contents", "is missing: send an array of contents")
	}
	systemFirst(req)
	pairCalls(req.Messages)
	return req, nil
}

// streamForm reads how the query asks for the reply: a stream is a JSON array
// unless it asks for server-sent events.
func streamForm(in *Inbound, req *engine.Request) error {
	q, err := url.ParseQuery(in.Query)
	if err != nil {
		return malformed("alt", "the query cannot be read")
	}
	req.Array = req.Stream
	for _, name := range []string{"alt", "$alt"} {
		for _, alt := range q[name] {
			switch alt {
			case "sse":
				req.Array = false
			case "json", "":
			default:
				return malformed("alt", "must be json or sse")
			}
		}
	}
	return nil
}

// NewReply implements Ingress.
func (GeminiContent) NewReply(req *engine.Request) Reply { return newGeminiReply(req) }

// Error implements Ingress.
func (GeminiContent) Error(o *engine.Outcome) []byte { return geminiError(o) }

// geminiNames are the members that readers of Gemini's bodies know, at any depth.
// A member that differs from one in its case or its underscores alone is refused.
var geminiNames = [...]string{
	"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent", "labels", "serviceTier",
	"generateContentRequest", "role", "parts", "text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse",
	"mimeType", "data", "fileUri", "displayName", "id", "name", "args", "response", "functionDeclarations", "description", "parameters",
	"parametersJsonSchema", "functionCallingConfig", "mode", "allowedFunctionNames", "temperature", "topP", "topK", "candidateCount",
	"maxOutputTokens", "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "presencePenalty", "frequencyPenalty",
	"seed", "responseLogprobs", "logprobs", "thinkingConfig", "includeThoughts", "thinkingBudget", "thinkingLevel", "responseModalities",
	"content", "requests", "taskType", "title", "outputDimensionality", "model",
}

// geminiBody reads a client's body of Gemini's API.
type geminiBody struct {
	*body
	contents bool
}

// known calls field for member c of object i under its name in camel case, and
// says whether that knows it. Names are compared as Google's parser does, in two
// spellings; another spelling that somebody's parser might take is refused, and so
// are both at once.
func (b *geminiBody) known(i, c int, field func(name string, i int) bool) bool {
	name := b.name(c)
	camel := camelCase(name)
	if !field(camel, c) {
		folded := strings.ReplaceAll(name, "_", "")
		for _, k := range geminiNames {
			if k != name && strings.EqualFold(k, folded) && (k != camel) {
				b.fail(c, "must be spelt %q", k)
			}
		}
		return false
	}
	if camel != name && b.member(i, camel) >= 0 {
		b.fail(c, "and %q are the same: send one of them", camel)
	}
	return true
}

// each calls field for every member of object i, and inspects those it does not
// know as texts of that role and kind.
func (b *geminiBody) each(i int, role engine.Role, kind engine.TextKind, msg int, field func(name string, i int) bool) {
	if !b.want(i, '{') {
		return
	}
	for c := range b.children(i) {
		if !b.known(i, c, field) {
			b.unknown(c, role, kind, msg)
		}
	}
}

// list calls each for the elements of array i. Google's parser takes one element
// for a list of it.
func (b *geminiBody) list(i int, each func(i int)) {
	switch b.kind(i) {
	case 'n':
	case '[':
		for c := range b.children(i) {
			each(c)
		}
	case '{':
		each(i)
	default:
		b.fail(i, "must be an array, not %s", kindName(b.kind(i)))
	}
}

// camelCase is the name in camel case of a protocol buffer's field, and any other
// name as it is.
func camelCase(name string) string {
	if strings.IndexByte(name, '_') <= 0 {
		return name
	}
	camel := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			return name
		}
		if c != '_' {
			camel = append(camel, c)
			continue
		}
		if i++; i == len(name) || name[i] < 'a' || name[i] > 'z' {
			return name
		}
		camel = append(camel, name[i]-'a'+'A')
	}
	return string(camel)
}

// field reads a member of the body.
func (b *geminiBody) field(name string, i int) bool {
	switch name {
	case "model":
		b.modelOf(i)
	case "contents":
		b.contents = true
		b.list(i, b.content)
		if len(b.req.Messages) == 0 {
			b.fail(i, "must hold at least one content")
		}
	case "systemInstruction":
		if b.kind(i) != 'n' {
			b.system(i)
		}
	case "tools":
		b.list(i, b.tool)
	case "toolConfig":
		b.toolConfig(i)
	case "generationConfig":
		if b.optional(i, '{') {
			b.each(i, engine.RoleUser, engine.KindText, -1, func(name string, c int) bool {
				if !b.generation(name, c) {
					b.hint(c)
					return false
				}
				return true
			})
		}
	case "safetySettings":
		b.hint(i)
		b.list(i, func(c int) {
			b.each(c, engine.RoleUser, engine.KindText, -1, func(name string, c int) bool {
				if name != "category" && name != "threshold" && name != "method" {
					return false
				}
				b.word(c)
				return true
			})
		})
	case "cachedContent":
		// What stands in it was inspected by nobody here.
		if b.optional(i, '"') && b.str(i) != "" {
			b.fail(i, "is not supported: send the content itself")
		}
	case "labels":
		b.metadata(i)
	case "serviceTier":
		b.hint(i)
		b.word(i)
	case "generateContentRequest":
		if b.req.Operation != engine.OpCountTokens {
			return false
		}
		b.each(i, engine.RoleUser, engine.KindText, -1, func(name string, c int) bool {
			if name == "generateContentRequest" || !b.field(name, c) {
				b.hint(c)
				return false
			}
			return true
		})
	default:
		return false
	}
	return true
}

// modelOf reads the model that a body names beside the path, or in its place.
func (b *geminiBody) modelOf(i int) {
	if b.req.Model == "" {
		b.model(i)
		b.req.Model = strings.TrimPrefix(b.req.Model, "models/")
		return
	}
	if !b.want(i, '"') {
		return
	}
	if strings.TrimPrefix(b.str(i), "models/") != b.req.Model {
		b.fail(i, "must be the model that the path names")
	}
}

// word consumes a string of a closed vocabulary as protocol buffers have it, or a
// number of one. What cannot belong to one is inspected.
func (b *geminiBody) word(i int) string {
	if b.kind(i) == '0' {
		b.setting(i)
		return ""
	}
	if !b.optional(i, '"') {
		return ""
	}
	s := b.str(i)
	if s != "" && (!plain(s, 64) || digits(s) > 0 || strings.ContainsAny(s, "-.:") || s != strings.ToUpper(s) && s != strings.ToLower(s)) {
		b.text(i, engine.RoleUser, engine.KindText, -1)
	}
	return strings.ToUpper(s)
}

// whole is a number that stands for a whole one, however it is written: as
// protocol buffers in JSON may, in quotes or with a fraction of nothing.
func (b *geminiBody) whole(i int, least, most float64) (int64, bool) {
	if b.kind(i) == '"' {
		s := b.str(i)
		if s == "" || len(s) >= longNumber || digits(s) != len(s) {
			b.fail(i, "must be a whole number")
			return 0, false
		}
	}
	var v float64
	if b.kind(i) == '"' {
		for _, c := range b.str(i) {
			v = v*10 + float64(c-'0')
		}
	} else {
		f := b.float(i)
		if f == nil {
			return 0, false
		}
		v = *f
	}
	if v != math.Trunc(v) || v < least || v > most {
		b.fail(i, "must be a whole number from %.0f to %.0f", least, most)
		return 0, false
	}
	return int64(v), true
}

// generation reads a member of generationConfig.
func (b *geminiBody) generation(name string, i int) bool {
	s := &b.req.Sampling
	switch name {
	case "temperature":
		s.Temperature = b.float(i)
	case "topP":
		s.TopP = b.float(i)
	case "topK":
		if v, ok := b.whole(i, 0, math.MaxInt32); ok && v > 0 {
			k := int(v)
			s.TopK = &k
		}
	case "candidateCount":
		v, ok := b.whole(i, 0, maxChoices)
		if ok {
			s.N = int(v)
		}
	case "maxOutputTokens":
		if v, ok := b.whole(i, 0, math.MaxInt32); ok {
			b.req.MaxOutputTokens = int(v)
		}
	case "stopSequences":
		b.stop(i)
	case "presencePenalty":
		s.PresencePenalty = b.float(i)
	case "frequencyPenalty":
		s.FrequencyPenalty = b.float(i)
	case "seed":
		if v, ok := b.whole(i, math.MinInt32, math.MaxInt32); ok {
			s.Seed = &v
		}
	case "responseLogprobs":
		if b.bool(i) && b.req.Logprobs == nil {
			b.req.Logprobs = new(int)
		}
	case "logprobs":
		if v, ok := b.whole(i, 0, maxTopLogprobs); ok {
			n := int(v)
			b.req.Logprobs = &n
		}
	case "responseMimeType":
		b.responseType(i)
	case "responseSchema", "responseJsonSchema":
		if b.optional(i, '{') {
			if b.req.Format.Schema != nil {
				b.fail(i, "cannot be given beside another schema of the reply")
			}
			b.req.Format.Schema = b.inspect(i, engine.RoleSystem, engine.KindToolDefinition, -1)
			b.req.Format.Type = "json_schema"
		}
	case "responseModalities":
		b.list(i, func(c int) {
			if w := b.word(c); w != "TEXT" {
				b.notPortable("generationConfig.responseModalities")
			}
		})
	case "thinkingConfig":
		if b.optional(i, '{') {
			b.each(i, engine.RoleUser, engine.KindText, -1, b.thinking)
		}
	default:
		return false
	}
	return true
}

func (b *geminiBody) thinking(name string, i int) bool {
	r := &b.req.Reasoning
	switch name {
	case "includeThoughts":
		r.Show = b.bool(i)
	case "thinkingBudget":
		v, ok := b.whole(i, -1, math.MaxInt32)
		if r.Budget = int(v); ok && v == 0 {
			r.Off = true
		}
	case "thinkingLevel":
		if w := b.word(i); w != "THINKING_LEVEL_UNSPECIFIED" {
			r.Effort = strings.ToLower(w)
		}
	default:
		return false
	}
	return true
}

// responseType reads the media type of the answer.
func (b *geminiBody) responseType(i int) {
	if !b.optional(i, '"') {
		return
	}
	switch s := b.mediaType(i, engine.RoleUser, -1); s {
	case "", "text/plain":
	case "application/json":
		if b.req.Format.Type == "" {
			b.req.Format.Type = "json_object"
		}
	default:
		b.notPortable("generationConfig.responseMimeType") // text/x.enum: one of a list
	}
}

// mediaType consumes a media type. What is not spelt as one is inspected.
func (b *geminiBody) mediaType(i int, role engine.Role, msg int) string {
	if !b.optional(i, '"') {
		return ""
	}
	s := b.str(i)
	bare, _, _ := strings.Cut(s, ";")
	typ, subtype, ok := strings.Cut(bare, "/")
	known := slices.Contains([]string{"image", "audio", "video", "application", "text"}, typ)
	if s != "" && (!ok || !known || bare != s || s != strings.ToLower(s) || !plain(strings.ReplaceAll(subtype, "+", "-"), 96) || digits(s) >= longNumber) {
		b.fixed(i, role, engine.KindText, msg)
	}
	return strings.ToLower(strings.TrimSpace(bare))
}

// tool reads an element of the list of tools: functions, and tools that Google's
// servers run themselves, each under a name of its own.
func (b *geminiBody) tool(i int) {
	if !b.want(i, '{') {
		return
	}
	for c := range b.children(i) {
		if b.known(i, c, func(name string, c int) bool {
			if name != "functionDeclarations" {
				return false
			}
			b.list(c, func(f int) {
				if b.want(f, '{') {
					b.declaration(f)
				}
			})
			return true
		}) {
			continue
		}
		name := b.name(c)
		b.req.Tools = append(b.req.Tools, engine.Tool{Kind: engine.ToolServer, Name: name, Native: name, Span: b.span(c)})
		b.unknown(c, engine.RoleSystem, engine.KindToolDefinition, -1)
	}
}

// declaration reads a function.
func (b *geminiBody) declaration(i int) {
	t := engine.Tool{Kind: engine.ToolFunction, Native: "function", Span: b.span(i)}
	b.each(i, engine.RoleSystem, engine.KindToolDefinition, -1, func(name string, c int) bool {
		switch name {
		case "name":
			if b.want(c, '"') {
				t.Name = b.fixed(c, engine.RoleSystem, engine.KindName, -1)
			}
		case "description":
			if b.optional(c, '"') {
				t.Description = b.text(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		case "parameters", "parametersJsonSchema":
			if b.optional(c, '{') {
				if t.Parameters != nil {
					b.fail(c, "cannot be given beside another schema of the parameters")
				}
				t.Parameters = b.inspect(c, engine.RoleSystem, engine.KindToolDefinition, -1)
			}
		default:
			return false
		}
		return true
	})
	if t.Name == "" {
		b.missing(i, "name", "a function needs it")
	}
	b.req.Tools = append(b.req.Tools, t)
}

// toolConfig reads the choice among the tools.
func (b *geminiBody) toolConfig(i int) {
	if !b.optional(i, '{') {
		return
	}
	b.each(i, engine.RoleSystem, engine.KindToolDefinition, -1, func(name string, c int) bool {
		if name != "functionCallingConfig" {
			b.hint(c)
			return false
		}
		if b.optional(c, '{') {
			b.calling(c)
		}
		return true
	})
}

func (b *geminiBody) calling(i int) {
	choice := &b.req.ToolChoice
	b.each(i, engine.RoleSystem, engine.KindToolDefinition, -1, func(name string, c int) bool {
		switch name {
		case "mode":
			switch b.word(c) {
			case "", "MODE_UNSPECIFIED":
			case "AUTO", "VALIDATED": // whose calls are certain to fit their schemas
				choice.Mode = "auto"
			case "ANY":
				choice.Mode = "required"
			case "NONE":
				choice.Mode = "none"
			default:
				choice.Mode = "native"
				b.notPortable("toolConfig.functionCallingConfig.mode")
			}
		case "allowedFunctionNames":
			b.list(c, func(n int) {
				if b.want(n, '"') {
					choice.Names = append(choice.Names, b.fixed(n, engine.RoleSystem, engine.KindName, -1))
				}
			})
		default:
			return false
		}
		return true
	})
	switch {
	case choice.Names == nil || choice.Mode == "native" || choice.Mode == "none":
		choice.Names = nil
	case choice.Mode == "":
		choice.Mode = "auto"
	case choice.Mode == "required" && len(choice.Names) == 1:
		*choice = engine.ToolChoice{Mode: "tool", Name: choice.Names[0]}
	}
}
