package standin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
)

// openAI speaks as OpenAI, vLLM and llama.cpp do: chat, responses, completions,
// embeddings and the list of models.
type openAI struct{}

// created is the time that replies carry: the same for the same request.
const created = 1_700_000_000

func (openAI) base() string { return "/v1" }

func (o openAI) handle(r *http.Request, body []byte, cfg *Config) (answer, error) {
	switch path := r.URL.Path; {
	case r.Method == http.MethodGet && strings.HasSuffix(path, "/models"):
		return o.models(cfg), nil
	case r.Method != http.MethodPost:
		return answer{}, errUnknownPath
	case strings.HasSuffix(path, "/chat/completions"):
		return o.chat(body, cfg)
	case strings.HasSuffix(path, "/completions"):
		return o.completion(body, cfg)
	case strings.HasSuffix(path, "/embeddings"):
		return o.embeddings(body)
	case strings.HasSuffix(path, "/responses"):
		return o.responses(body, cfg)
	}
	return answer{}, errUnknownPath
}

func (openAI) models(cfg *Config) answer {
	list := []any{}
	for _, m := range cfg.Models {
		list = append(list, map[string]any{"id": m, "object": "model", "created": created, "owned_by": "stand-in"})
	}
	return answer{"application/json", []frame{{data: encode(map[string]any{"object": "list", "data": list})}}}
}

type openAIOptions struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	MaxTokens           int `json:"max_tokens"`
	MaxCompletionTokens int `json:"max_completion_tokens"`
}

func (o openAI) chat(body []byte, cfg *Config) (answer, error) {
	var q struct {
		openAIOptions
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Tools []struct {
			Function offered `json:"function"`
		} `json:"tools"`
		Logprobs bool `json:"logprobs"`
	}
	if err := decode(body, &q); err != nil {
		return answer{}, err
	}
	if len(q.Messages) == 0 {
		return answer{}, errors.New("messages must hold at least one message")
	}
	a := ask{model: q.Model, stream: q.Stream, maxTokens: max(q.MaxTokens, q.MaxCompletionTokens)}
	for _, m := range q.Messages {
		a.turns = append(a.turns, turn{m.Role, content(m.Content)})
	}
	for _, t := range q.Tools {
		a.tools = append(a.tools, t.Function)
	}
	r := a.answerTo(cfg)
	if q.Stream {
		return o.chatStream(&r, q.StreamOptions.IncludeUsage, q.Logprobs), nil
	}
	message := map[string]any{"role": "assistant", "content": r.text(), "refusal": nil}
	if r.tool != "" {
		message["content"] = nil
		message["tool_calls"] = []any{map[string]any{"id": "call_" + r.id, "type": "function",
			"function": map[string]any{"name": r.tool, "arguments": string(encode(r.args))}}}
	}
	v := o.envelope(&r, "chatcmpl-", "chat.completion")
	v["choices"] = []any{map[string]any{"index": 0, "message": message, "logprobs": o.logprobs(q.Logprobs, r.pieces...), "finish_reason": o.finish(&r)}}
	v["usage"] = o.usage(&r)
	return answer{"application/json", []frame{{encode(v), max(1, r.output)}}}, nil
}

// logprobs are those of pieces of text, where they are asked for: each as likely as
// the next.
func (openAI) logprobs(asked bool, pieces ...string) any {
	if !asked {
		return nil
	}
	content := []any{}
	for _, p := range pieces {
		bytes := []int{}
		for _, b := range []byte(p) {
			bytes = append(bytes, int(b))
		}
		content = append(content, map[string]any{"token": p, "logprob": -0.5, "bytes": bytes, "top_logprobs": []any{}})
	}
	return map[string]any{"content": content, "refusal": nil}
}

func (o openAI) chatStream(r *reply, includeUsage, logprobs bool) answer {
	a := answer{contentType: "text/event-stream"}
	chunk := func(tokens int, delta map[string]any, finish any) {
		v := o.envelope(r, "chatcmpl-", "chat.completion.chunk")
		var likely any
		if text, ok := delta["content"].(string); ok && text != "" {
			likely = o.logprobs(logprobs, text)
		}
		v["choices"] = []any{map[string]any{"index": 0, "delta": delta, "logprobs": likely, "finish_reason": finish}}
		if includeUsage {
			v["usage"] = nil
		}
		a.frames = append(a.frames, frame{sse(v), tokens})
	}
	chunk(0, map[string]any{"role": "assistant", "content": ""}, nil)
	for _, p := range r.pieces {
		chunk(1, map[string]any{"content": p}, nil)
	}
	if r.tool != "" {
		chunk(1, map[string]any{"tool_calls": []any{map[string]any{"index": 0, "id": "call_" + r.id, "type": "function",
			"function": map[string]any{"name": r.tool, "arguments": ""}}}}, nil)
		for _, p := range halves(string(encode(r.args))) {
			chunk(1, map[string]any{"tool_calls": []any{map[string]any{"index": 0, "function": map[string]any{"arguments": p}}}}, nil)
		}
	}
	chunk(0, map[string]any{}, o.finish(r))
	if includeUsage {
		v := o.envelope(r, "chatcmpl-", "chat.completion.chunk")
		v["choices"], v["usage"] = []any{}, o.usage(r)
		a.frames = append(a.frames, frame{data: sse(v)})
	}
	a.frames = append(a.frames, frame{data: []byte("data: [DONE]\n\n")})
	return a
}

func (o openAI) completion(body []byte, cfg *Config) (answer, error) {
	var q struct {
		openAIOptions
		Prompt json.RawMessage `json:"prompt"`
	}
	if err := decode(body, &q); err != nil {
		return answer{}, err
	}
	a := ask{model: q.Model, stream: q.Stream, maxTokens: q.MaxTokens}
	for _, p := range stringOrList(q.Prompt) {
		a.turns = append(a.turns, turn{"user", p})
	}
	if len(a.turns) == 0 {
		return answer{}, errors.New("prompt must be a string or an array of strings")
	}
	r := a.answerTo(cfg)
	choice := func(text string, finish any) map[string]any {
		v := o.envelope(&r, "cmpl-", "text_completion")
		v["choices"] = []any{map[string]any{"index": 0, "text": text, "logprobs": nil, "finish_reason": finish}}
		return v
	}
	if !q.Stream {
		v := choice(r.text(), o.finish(&r))
		v["usage"] = o.usage(&r)
		return answer{"application/json", []frame{{encode(v), max(1, r.output)}}}, nil
	}
	out := answer{contentType: "text/event-stream"}
	for _, p := range r.pieces {
		out.frames = append(out.frames, frame{sse(choice(p, nil)), 1})
	}
	out.frames = append(out.frames, frame{data: sse(choice("", o.finish(&r)))})
	if q.StreamOptions.IncludeUsage {
		v := o.envelope(&r, "cmpl-", "text_completion")
		v["choices"], v["usage"] = []any{}, o.usage(&r)
		out.frames = append(out.frames, frame{data: sse(v)})
	}
	out.frames = append(out.frames, frame{data: []byte("data: [DONE]\n\n")})
	return out, nil
}

// embeddings answers with vectors of eight numbers, unit length, made from a
// hash of the text: equal texts have equal vectors and nothing else is promised.
func (o openAI) embeddings(body []byte) (answer, error) {
	var q struct {
		Model          string          `json:"model"`
		Input          json.RawMessage `json:"input"`
		EncodingFormat string          `json:"encoding_format"`
	}
	if err := decode(body, &q); err != nil {
		return answer{}, err
	}
	inputs := stringOrList(q.Input)
	if len(inputs) == 0 {
		return answer{}, errors.New("input must be a string or an array of strings")
	}
	data, tokens := []any{}, 0
	for i, s := range inputs {
		tokens += len(pieces(s))
		vector := embed(s)
		var e any = vector
		if q.EncodingFormat == "base64" {
			raw := make([]byte, 0, 4*len(vector))
			for _, x := range vector {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
			e = base64.StdEncoding.EncodeToString(raw)
		}
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": e})
	}
	v := map[string]any{"object": "list", "model": q.Model, "data": data,
		"usage": map[string]any{"prompt_tokens": tokens, "total_tokens": tokens}}
	return answer{"application/json", []frame{{encode(v), 1}}}, nil
}

func embed(s string) []float32 {
	sum := sha256.Sum256([]byte(s))
	vector := make([]float32, 8)
	var square float64
	for i := range vector {
		x := float64(int32(binary.LittleEndian.Uint32(sum[4*i:]))) / math.MaxInt32
		vector[i] = float32(x)
		square += x * x
	}
	for i := range vector {
		vector[i] /= float32(math.Sqrt(square))
	}
	return vector
}

func (openAI) envelope(r *reply, prefix, object string) map[string]any {
	return map[string]any{"id": prefix + r.id, "object": object, "created": created, "model": r.model, "system_fingerprint": "stand-in"}
}

func (openAI) finish(r *reply) string {
	switch {
	case r.tool != "":
		return "tool_calls"
	case r.cut:
		return "length"
	}
	return "stop"
}

func (openAI) usage(r *reply) map[string]any {
	return map[string]any{"prompt_tokens": r.input, "completion_tokens": r.output, "total_tokens": r.input + r.output,
		"prompt_tokens_details": map[string]any{"cached_tokens": 0}}
}

func (openAI) fail(status int, message string) []byte {
	kind, code := "invalid_request_error", any(nil)
	switch {
	case status == http.StatusTooManyRequests:
		kind, code = "requests", "rate_limit_exceeded"
	case status >= http.StatusInternalServerError:
		kind = "server_error"
	}
	return encode(map[string]any{"error": map[string]any{"message": message, "type": kind, "param": nil, "code": code}})
}

func (openAI) inBand(message string) []byte {
	return sse(map[string]any{"error": map[string]any{"message": message, "type": "server_error", "param": nil, "code": nil}})
}

func (openAI) broken() []byte { return []byte("data: {\"choices\":[{\"index\":0,\n\n") }

// stringOrList reads a string or an array of strings; nil where it is neither.
func stringOrList(raw json.RawMessage) []string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return []string{s}
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

// halves cuts a text in two, as servers stream the arguments of a tool call.
func halves(s string) []string {
	m := len(s) / 2
	for m > 0 && s[m]&0xC0 == 0x80 { // not inside a character
		m--
	}
	return []string{s[:m], s[m:]}
}
