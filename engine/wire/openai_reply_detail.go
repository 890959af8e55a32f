package wire

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// errPaused says that the target stopped in the middle, to be sent its own reply
// back: a client of OpenAI's API would take it for an answer.
var errPaused = errors.New("the target paused its reply, which this API cannot say")

// maxReplyLosses bounds the losses of a reply.
const maxReplyLosses = 32

// lose notes that something of a choice could not be written.
func (r *openAIReply) lose(choice int, field string) {
	l := engine.Loss{Field: fmt.Sprintf("choices[%d].%s", choice, field), How: engine.LossDropped}
	for _, known := range r.losses {
		if known == l {
			return
		}
	}
	if len(r.losses) < maxReplyLosses {
		r.losses = append(r.losses, l)
	}
}

// Losses implements Reply.
func (r *openAIReply) Losses() []engine.Loss { return r.losses }

// encoded is v as JSON.
func encoded(v any) []byte {
	b, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return []byte("null") // a logprob that is no number JSON has
	}
	return b
}

type openAILogprobs struct {
	Content []openAILogprob `json:"content"`
	Refusal []openAILogprob `json:"refusal"`
}

func choiceLogprobs(tokens []engine.TokenLogprob) *openAILogprobs {
	return &openAILogprobs{Content: logprobsOf(tokens, true)}
}

// annotation is a citation as OpenAI tells it: of characters of the answer.
func (c *replyChoice) annotation(from *engine.Citation) openAIAnnotation {
	said := c.text.String()
	out := from.Out
	if out.End == 0 {
		out = engine.Span{Start: len(said), End: len(said)}
	}
	return openAIAnnotation{Type: "url_citation", URL: openAIURLCitation{
		Start: characters(said, out.Start), End: characters(said, out.End), Title: from.Title, URL: from.URL}}
}

// openAIImage is an image of an answer.
type openAIImage struct {
	Index    int             `json:"index"`
	Type     string          `json:"type"`
	ImageURL openAIReference `json:"image_url"`
}

func (c *replyChoice) image(e *engine.Event) openAIImage {
	i := openAIImage{Index: c.images, Type: "image_url", ImageURL: openAIReference{URL: "data:" + e.Name + ";base64," + string(e.Data)}}
	c.images++
	return i
}

// vector keeps an embedding.
func (r *openAIReply) vector(e *engine.Event) error {
	if e.Choice < 0 || e.Choice >= len(r.req.Messages) {
		return errBadVector
	}
	if r.vectors == nil {
		r.vectors = make([][]float32, len(r.req.Messages))
	}
	r.vectors[e.Choice] = e.Vector
	return nil
}

// embeddings appends the reply to a request for embeddings, as numbers or in
// base64, as the client asked.
func (r *openAIReply) embeddings(dst []byte) ([]byte, error) {
	if r.vectors == nil {
		return dst, errNothingToRelay
	}
	r.name()
	type embedding struct {
		Object    string `json:"object"`
		Index     int    `json:"index"`
		Embedding any    `json:"embedding"`
	}
	type usage struct {
		Prompt int `json:"prompt_tokens"`
		Total  int `json:"total_tokens"`
	}
	out := struct {
		Object string      `json:"object"`
		Model  string      `json:"model"`
		Data   []embedding `json:"data"`
		Usage  usage       `json:"usage"`
	}{Object: "list", Model: r.model}
	for i, v := range r.vectors {
		if v == nil {
			return dst, errBadVector
		}
		e := embedding{Object: "embedding", Index: i, Embedding: v}
		if r.req.Embedding.Encoding == "base64" {
			e.Embedding = base64Vector(v)
		}
		out.Data = append(out.Data, e)
	}
	if r.usage != nil {
		out.Usage = usage{r.usage.Input, r.usage.Input}
	}
	b, err := json.Marshal(&out, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return dst, fmt.Errorf("write an openai reply: %w", err)
	}
	return append(dst, b...), nil
}

// usageObject is the usage as OpenAI tells it; what is nothing and seldom anything
// is left out.
func usageObject(u engine.Usage) []byte {
	b := fmt.Appendf(nil, `{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d`,
		u.Input, u.Output, u.Input+u.Output, u.CachedInput)
	if u.CacheWrite > 0 {
		b = fmt.Appendf(b, `,"cache_write_tokens":%d`, u.CacheWrite)
	}
	if u.AudioInput > 0 {
		b = fmt.Appendf(b, `,"audio_tokens":%d`, u.AudioInput)
	}
	b = fmt.Appendf(b, `},"completion_tokens_details":{"reasoning_tokens":%d`, u.Reasoning)
	if u.AudioOutput > 0 {
		b = fmt.Appendf(b, `,"audio_tokens":%d`, u.AudioOutput)
	}
	return append(b, `}}`...)
}
