package wire

import (
	"github.com/sallyport-ai/sallyport/engine"
)

// OpenAICompletions is the client's side of the legacy POST /v1/completions.
type OpenAICompletions struct{}

// ReadRequest implements Ingress. Each prompt is a user's message.
func (OpenAICompletions) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectOpenAICompletions, Operation: engine.OpCompletion}
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		switch name {
		case "prompt":
			b.prompts(i)
		case "suffix":
			if b.optional(i, '"') && b.text(i, engine.RoleUser, engine.KindText, -1).Value != "" {
				b.notPortable(name)
			}
		case "echo":
			if b.bool(i) {
				b.notPortable(name)
			}
		case "best_of":
			if v, ok := b.integer(i); ok && v > 1 {
				b.notPortable(name)
			}
		case "logprobs": // in a form that only this API has
			if _, ok := b.integer(i); ok {
				b.notPortable(name)
			}
		default:
			return b.openAIField(name, i)
		}
		return true
	})
	if err == nil && len(req.Messages) == 0 {
		return nil, malformed("prompt", "is missing: send a string or an array of strings")
	}
	if err != nil {
		return nil, err
	}
	return req, nil
}

// NewReply implements Ingress.
func (OpenAICompletions) NewReply(req *engine.Request) Reply { return newOpenAIReply(req) }

// Error implements Ingress.
func (OpenAICompletions) Error(o *engine.Outcome) []byte { return openAIError(o) }

// OpenAIEmbeddings is the client's side of POST /v1/embeddings.
type OpenAIEmbeddings struct{}

// ReadRequest implements Ingress. Each input is a user's message.
func (OpenAIEmbeddings) ReadRequest(in *Inbound, lim Limits) (*engine.Request, error) {
	req := &engine.Request{Dialect: engine.DialectOpenAIEmbeddings, Operation: engine.OpEmbeddings}
	req, err := readBody(in, lim, req, func(b *body, name string, i int) bool {
		switch name {
		case "input":
			b.prompts(i)
		case "encoding_format":
			req.Embedding.Encoding = b.enum(i)
		case "dimensions":
			req.Embedding.Dimensions, _ = b.positive(i)
		default:
			return b.openAIField(name, i)
		}
		return true
	})
	if err == nil && len(req.Messages) == 0 {
		return nil, malformed("input", "is missing: send a string or an array of strings")
	}
	if err != nil {
		return nil, err
	}
	return req, nil
}

// NewReply implements Ingress.
func (OpenAIEmbeddings) NewReply(req *engine.Request) Reply { return newOpenAIReply(req) }

// Error implements Ingress.
func (OpenAIEmbeddings) Error(o *engine.Outcome) []byte { return openAIError(o) }

// prompts reads a string or an array of strings. OpenAI takes arrays of token
// numbers too; nobody could inspect those.
func (b *body) prompts(i int) {
	b.modality("text")
	switch b.kind(i) {
	case '"':
		b.prompt(i)
	case '[':
		for c := range b.children(i) {
			switch b.kind(c) {
			case '"':
				b.prompt(c)
			case '0', '[':
				b.fail(c, "holds token numbers, which cannot be inspected: send strings")
				return
			default:
				b.want(c, '"')
			}
		}
		if len(b.req.Messages) == 0 {
			b.fail(i, "must hold at least one string")
		}
	default:
		b.fail(i, "must be a string or an array of strings, not %s", kindName(b.kind(i)))
	}
}

func (b *body) prompt(i int) {
	t := b.text(i, engine.RoleUser, engine.KindText, len(b.req.Messages))
	b.req.Messages = append(b.req.Messages, engine.Message{Role: engine.RoleUser, Native: "user",
		Parts: []engine.Part{{Kind: engine.PartText, Text: t, At: b.span(i).Start}}, At: b.span(i).Start})
}
