package wire

import (
	"slices"

	"github.com/sallyport-ai/sallyport/engine"
)

// OllamaGenerate is the client's side of Ollama's POST /api/generate: a chat of one
// message where the model's own template makes the prompt, a completion where the
// client wrote all of it ("raw", or "suffix" for a text in the middle).
type OllamaGenerate struct{}

// ReadRequest implements Ingress.
func (OllamaGenerate) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectOllamaGenerate, Operation: engine.OpChat, Stream: true, IncludeUsage: true}
	var system, prompt engine.Message
	prompted := false
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		switch name {
		case "prompt":
			if b.optional(i, '"') {
				prompted = b.str(i) != ""
				b.modality("text")
				at := b.span(i).Start
				prompt = engine.Message{Role: engine.RoleUser, Native: "user", At: at, Parts: append([]engine.Part{
					{Kind: engine.PartText, Text: b.text(i, engine.RoleUser, engine.KindText, 0), At: at}}, prompt.Parts...)}
			}
		case "system":
			if b.optional(i, '"') && b.str(i) != "" {
				at := b.span(i).Start
				system = engine.Message{Role: engine.RoleSystem, Native: "system", At: at,
					Parts: []engine.Part{{Kind: engine.PartText, Text: b.text(i, engine.RoleSystem, engine.KindText, 0), At: at}}}
			}
		case "images":
			prompt.Parts = append(prompt.Parts, b.ollamaImages(i, engine.RoleUser, 0)...)
		case "suffix":
			if b.optional(i, '"') && b.str(i) != "" {
				b.req.Operation = engine.OpCompletion
				b.notPortable(name)
				b.text(i, engine.RoleUser, engine.KindText, -1)
			}
		case "raw":
			if b.bool(i) {
				b.req.Operation = engine.OpCompletion
			}
		case "template":
			if b.optional(i, '"') && b.str(i) != "" {
				b.notPortable(name)
				b.text(i, engine.RoleSystem, engine.KindText, -1)
			}
		case "context":
			if b.optional(i, '[') && int(b.nodes[i].end) > i+1 {
				b.fail(i, "holds token numbers, which cannot be inspected: send the conversation to /api/chat")
			}
		default:
			return b.ollamaField(name, i)
		}
		return true
	}, ollamaNames...)
	if err != nil {
		return nil, err
	}
	if !prompted {
		return nil, malformed("prompt", "is missing: models are loaded and unloaded at the target itself")
	}
	if req.Operation == engine.OpCompletion {
		if err := ollamaCompletion(req, len(system.Parts) > 0); err != nil {
			return nil, err
		}
	}
	if len(system.Parts) > 0 {
		req.Messages = append(req.Messages, system)
	}
	req.Messages = append(req.Messages, prompt)
	for i, m := range req.Messages {
		for _, p := range m.Parts {
			if p.Text != nil {
				p.Text.Message = i
			}
		}
	}
	return req, nil
}

// ollamaCompletion looks at what only a template has a place for. Ollama itself
// refuses a raw prompt beside a system text or a template; what it takes, no other
// completion API has.
func ollamaCompletion(req *engine.Request, system bool) error {
	if f, ok := req.Field("raw"); ok && string(req.Body.Raw[f.Value.Start:f.Value.End]) == "true" {
		if system {
			return malformed("system", "cannot stand beside a raw prompt: write it into the prompt")
		}
		if slices.Contains(req.NotPortable, "template") {
			return malformed("template", "cannot stand beside a raw prompt: write it into the prompt")
		}
	} else if system {
		req.NotPortable = append(req.NotPortable, "system")
	}
	if req.Format.Type != "" {
		req.NotPortable = append(req.NotPortable, "format")
	}
	if req.Reasoning != (engine.Reasoning{}) {
		req.Hints = append(req.Hints, "think")
	}
	return nil
}

// NewReply implements Ingress.
func (OllamaGenerate) NewReply(req *engine.Request) Reply { return newOllamaReply(req) }

// Error implements Ingress.
func (OllamaGenerate) Error(o *engine.Outcome) []byte { return ollamaError(o) }

// OllamaEmbed is the client's side of Ollama's POST /api/embed and of its older
// form, /api/embeddings, which has one "prompt" in place of "input".
type OllamaEmbed struct{}

// ReadRequest implements Ingress. Each input is a user's message.
func (OllamaEmbed) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectOllamaEmbed, Operation: engine.OpEmbeddings}
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		switch name {
		case "model":
			b.model(i)
		case "input":
			b.prompts(i)
		case "prompt":
			if b.want(i, '"') {
				b.prompts(i)
			}
		case "dimensions":
			if b.kind(i) != 'n' {
				b.req.Embedding.Dimensions, _ = b.positive(i)
			}
		case "truncate":
			b.req.Embedding.Truncate = b.boolPtr(i)
		case "options":
			b.ollamaOptions(i)
			b.hint(i)
		case "keep_alive":
			b.keepAlive(i)
		default:
			return false
		}
		return true
	}, ollamaNames...)
	if err != nil {
		return nil, err
	}
	if len(req.Messages) == 0 {
		return nil, malformed("input", "is missing: send a string or an array of strings")
	}
	if oneEmbedding(req) && slices.ContainsFunc(req.Fields, func(f engine.Field) bool { return f.Name == "input" }) {
		return nil, malformed("prompt", "and \"input\" cannot both be given: use \"input\"")
	}
	return req, nil
}

// oneEmbedding says whether the client asked in the older form.
func oneEmbedding(req *engine.Request) bool {
	_, old := req.Field("prompt")
	return old
}

// NewReply implements Ingress.
func (OllamaEmbed) NewReply(req *engine.Request) Reply { return newOllamaReply(req) }

// Error implements Ingress.
func (OllamaEmbed) Error(o *engine.Outcome) []byte { return ollamaError(o) }
