package standin

import (
	"net/http"
	"strings"
)

// ollama speaks /api/chat and /api/tags.
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
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/api/chat") {
		return answer{}, errUnknownPath
	}
	var q struct {
		Model    string `json:"model"`
		Stream   *bool  `json:"stream"`
		Messages []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"messages"`
		Tools []struct {
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
	for _, m := range q.Messages {
		a.turns = append(a.turns, turn{m.Role, m.Content})
	}
	for _, t := range q.Tools {
		a.tools = append(a.tools, t.Function)
	}
	rep := a.answerTo(cfg)
	if !a.stream {
		v := o.done(&rep)
		v["message"] = o.message(&rep, rep.text())
		return answer{"application/json", []frame{{encode(v), max(1, rep.output)}}}, nil
	}
	out := answer{contentType: "application/x-ndjson"}
	line := func(tokens int, v map[string]any) {
		out.frames = append(out.frames, frame{append(encode(v), '\n'), tokens})
	}
	for _, p := range rep.pieces {
		line(1, map[string]any{"model": rep.model, "created_at": ollamaTime, "message": map[string]any{"role": "assistant", "content": p}, "done": false})
	}
	if rep.tool != "" {
		line(max(1, rep.output), map[string]any{"model": rep.model, "created_at": ollamaTime, "message": o.message(&rep, ""), "done": false})
	}
	last := o.done(&rep)
	last["message"] = map[string]any{"role": "assistant", "content": ""}
	line(0, last)
	return out, nil
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
