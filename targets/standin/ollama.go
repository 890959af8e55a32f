package standin

import (
	"encoding/json"
	"net/http"
	"strings"
)

// ollama speaks /api/chat, /api/generate, /api/embed, its older /api/embeddings and
// /api/tags.
type ollama struct{}

func (ollama) base() string { return "" }

func (o ollama) handle(r *http.Request, body []byte, cfg *Config) (answer, error) {
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/api/tags") {
		list := []any{}
		for _, m := range cfg.Models {
			list = append(list, map[string]any{"name": m, "model": m})
		}
		return answer{"application/json", []frame{{data: encode(map[string]any{"models": list})}}}, nil
	}
	if r.Method != http.MethodPost {
		return answer{}, errUnknownPath
	}
	chat := false
	switch {
	case strings.HasSuffix(r.URL.Path, "/api/chat"):
		chat = true
	case strings.HasSuffix(r.URL.Path, "/api/generate"):
	case strings.HasSuffix(r.URL.Path, "/api/embed"), strings.HasSuffix(r.URL.Path, "/api/embeddings"):
		return o.embeddings(body)
	default:
		return answer{}, errUnknownPath
	}
	var q struct {
		Model    string `json:"model"`
		Stream   *bool  `json:"stream"`
		Messages []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"messages"`
		System string `json:"system"` // of generate
		Prompt string `json:"prompt"` // of generate
		Tools  []struct {
			Function offered `json:"function"`
		} `json:"tools"`
		Options struct {
			NumPredict int `json:"num_predict"`
		} `json:"options"`
	}
	if err := decode(body, &q); err != nil {
		return answer{}, err
	}
	a := ask{model: q.Model, stream: q.Stream == nil || *q.Stream, maxTokens: max(0, q.Options.NumPredict)}
	if !chat && q.System != "" {
		a.turns = append(a.turns, turn{"system", q.System})
	}
	if !chat && q.Prompt != "" {
		a.turns = append(a.turns, turn{"user", q.Prompt})
	}
	for _, m := range q.Messages {
		a.turns = append(a.turns, turn{m.Role, m.Content})
	}
	for _, t := range q.Tools {
		a.tools = append(a.tools, t.Function)
	}
	if len(a.turns) == 0 { // the real server loads the model
		v := map[string]any{"model": q.Model, "created_at": ollamaTime, "done": true, "done_reason": "load"}
		o.say(v, chat, &reply{}, "")
		return answer{"application/json", []frame{{encode(v), 1}}}, nil
	}
	rep := a.answerTo(cfg)
	if !a.stream {
		v := o.done(&rep)
		o.say(v, chat, &rep, rep.text())
		return answer{"application/json", []frame{{encode(v), max(1, rep.output)}}}, nil
	}
	out := answer{contentType: "application/x-ndjson"}
	line := func(tokens int, v map[string]any, r *reply, text string) {
		o.say(v, chat, r, text)
		out.frames = append(out.frames, frame{append(encode(v), '\n'), tokens})
	}
	piece := func() map[string]any {
		return map[string]any{"model": rep.model, "created_at": ollamaTime, "done": false}
	}
	for _, p := range rep.pieces {
		line(1, piece(), &reply{}, p)
	}
	if rep.tool != "" {
		line(max(1, rep.output), piece(), &rep, "")
	}
	line(0, o.done(&rep), &reply{}, "")
	return out, nil
}

// say adds what a line says, in the form of chat or of generate.
func (o ollama) say(v map[string]any, chat bool, r *reply, text string) {
	if chat {
		v["message"] = o.message(r, text)
		return
	}
	v["response"] = text
}

// embeddings answers both forms of the API: a list for "input", one vector for
// "prompt".
func (ollama) embeddings(body []byte) (answer, error) {
	var q struct {
		Model  string          `json:"model"`
		Input  json.RawMessage `json:"input"`
		Prompt string          `json:"prompt"`
	}
	if err := decode(body, &q); err != nil {
		return answer{}, err
	}
	if len(q.Input) == 0 {
		return answer{"application/json", []frame{{encode(map[string]any{"embedding": embed(q.Prompt)}), 1}}}, nil
	}
	list, tokens := []any{}, 0
	for _, s := range stringOrList(q.Input) {
		list = append(list, embed(s))
		tokens += len(pieces(s))
	}
	v := map[string]any{"model": q.Model, "embeddings": list, "total_duration": 1, "load_duration": 1, "prompt_eval_count": tokens}
	return answer{"application/json", []frame{{encode(v), 1}}}, nil
}

const ollamaTime = "2023-11-14T22:13:20Z"

func (ollama) message(r *reply, text string) map[string]any {
	m := map[string]any{"role": "assistant", "content": text}
	if r.tool != "" {
		m["tool_calls"] = []any{map[string]any{"id": "call_" + r.id, "function": map[string]any{"index": 0, "name": r.tool, "arguments": r.args}}}
	}
	return m
}

// done is the last line. As the real server does, it says "stop" after a tool
// call too.
func (ollama) done(r *reply) map[string]any {
	reason := "stop"
	if r.cut {
		reason = "length"
	}
	return map[string]any{"model": r.model, "created_at": ollamaTime, "done": true, "done_reason": reason,
		"total_duration": 1, "load_duration": 1, "prompt_eval_count": r.input, "prompt_eval_duration": 1,
		"eval_count": r.output, "eval_duration": 1}
}

func (ollama) fail(_ int, message string) []byte {
	return encode(map[string]any{"error": message})
}

func (o ollama) inBand(message string) []byte { return append(o.fail(0, message), '\n') }

func (ollama) broken() []byte { return []byte("{\"model\":\"stand-in\",\n") }
