package wire

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// buildOpenAI writes a request of another API for a server of OpenAI's.
func buildOpenAI(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	if len(req.NotPortable) > 0 {
		return nil, inexpressible(engine.DialectOpenAI, req.NotPortable[0], "only a target of the client's own API knows it")
	}
	b := &openAIBuild{req: req, up: up, server: up.Server, losses: crossing(req)}
	// The detail of images is a hint that this API has, too.
	b.losses.list = slices.DeleteFunc(b.losses.list, func(l engine.Loss) bool { return strings.HasSuffix(l.Field, ".detail") })
	out := &UpstreamRequest{Stream: req.Stream}
	var err error
	switch req.Operation {
	case engine.OpChat:
		out.Path = "/chat/completions"
		out.Body, err = b.chat()
	case engine.OpCompletion:
		out.Path = "/completions"
		out.Body, err = b.completion()
	case engine.OpEmbeddings:
		out.Path, out.Stream = "/embeddings", false
		out.Body, err = b.embeddings()
	default:
		err = inexpressible(engine.DialectOpenAI, "", "it serves no operation "+string(req.Operation))
	}
	if err != nil {
		return nil, err
	}
	out.Losses = b.losses.list
	return out, nil
}

// chat is the body of a chat completion.
func (b *openAIBuild) chat() ([]byte, error) {
	b.out.Model = b.up.Model
	if err := b.messages(); err != nil {
		return nil, err
	}
	if err := b.tools(); err != nil {
		return nil, err
	}
	if err := b.format(); err != nil {
		return nil, err
	}
	if err := b.sampling(); err != nil {
		return nil, err
	}
	b.reasoning()
	if b.out.Stream = b.req.Stream; b.out.Stream {
		b.out.StreamOptions = &openAIStreamOptions{IncludeUsage: true}
	}
	return build(&b.out)
}

// completion is the body of a legacy completion, whose prompt is what the
// messages say.
func (b *openAIBuild) completion() ([]byte, error) {
	prompts, err := b.texts()
	if err != nil {
		return nil, err
	}
	if err := b.sampling(); err != nil {
		return nil, err
	}
	c := &b.out
	out := struct {
		Model            string               `json:"model"`
		Prompt           any                  `json:"prompt"`
		MaxTokens        int                  `json:"max_tokens,omitzero"`
		Temperature      *float64             `json:"temperature,omitzero"`
		TopP             *float64             `json:"top_p,omitzero"`
		TopK             *int                 `json:"top_k,omitzero"`
		PresencePenalty  *float64             `json:"presence_penalty,omitzero"`
		FrequencyPenalty *float64             `json:"frequency_penalty,omitzero"`
		Seed             *int64               `json:"seed,omitzero"`
		N                int                  `json:"n,omitzero"`
		Stop             []string             `json:"stop,omitzero"`
		Logprobs         *int                 `json:"logprobs,omitzero"`
		Stream           bool                 `json:"stream,omitzero"`
		StreamOptions    *openAIStreamOptions `json:"stream_options,omitzero"`
	}{b.up.Model, prompts, max(c.MaxTokens, c.MaxCompletionTokens), c.Temperature, c.TopP, c.TopK, c.PresencePenalty, c.FrequencyPenalty,
		c.Seed, c.N, c.Stop, b.req.Logprobs, b.req.Stream, nil}
	if len(prompts) == 1 {
		out.Prompt = prompts[0]
	}
	if out.Stream {
		out.StreamOptions = &openAIStreamOptions{IncludeUsage: true}
	}
	return build(&out)
}

// embeddings is the body of an embeddings request. The values are asked for as
// numbers, whatever the client wants of them.
func (b *openAIBuild) embeddings() ([]byte, error) {
	inputs, err := b.texts()
	if err != nil {
		return nil, err
	}
	e := &b.req.Embedding
	if e.Task != "" {
		b.losses.drop("taskType")
	}
	if e.Title != nil {
		b.losses.drop("title")
	}
	if e.Truncate != nil {
		b.losses.drop("truncate")
	}
	return build(&struct {
		Model          string   `json:"model"`
		Input          []string `json:"input"`
		Dimensions     int      `json:"dimensions,omitzero"`
		EncodingFormat string   `json:"encoding_format"`
	}{b.up.Model, inputs, e.Dimensions, "float"})
}

// texts are the texts of messages that hold one each.
func (b *openAIBuild) texts() ([]string, error) {
	out := []string{}
	for i := range b.req.Messages {
		m := &b.req.Messages[i]
		if len(m.Parts) != 1 || m.Parts[0].Kind != engine.PartText || len(m.ToolCalls) > 0 {
			return nil, b.refuse(m.At, "only one text can stand here")
		}
		out = append(out, value(m.Parts[0].Text))
	}
	return out, nil
}
