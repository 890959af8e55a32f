package standin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// anthropic speaks the Messages API, version 2023-06-01.
type anthropic struct{}

func (anthropic) base() string { return "/v1" }

func (n anthropic) handle(r *http.Request, body []byte, cfg *Config) (answer, error) {
	counts := strings.HasSuffix(r.URL.Path, "/messages/count_tokens")
	if r.Method != http.MethodPost || !counts && !strings.HasSuffix(r.URL.Path, "/messages") {
		return answer{}, errUnknownPath
	}
	if r.Header.Get("Anthropic-Version") == "" {
		return answer{}, errors.New("anthropic-version: header is required")
	}
	var q struct {
		Model     string          `json:"model"`
		Stream    bool            `json:"stream"`
		MaxTokens int             `json:"max_tokens"`
		System    json.RawMessage `json:"system"`
		Messages  []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Tools []struct {
			Name   string          `json:"name"`
			Schema json.RawMessage `json:"input_schema"`
		} `json:"tools"`
	}
	if err := decode(body, &q); err != nil {
		return answer{}, err
	}
	if q.MaxTokens <= 0 && !counts {
		return answer{}, errors.New("max_tokens: field required")
	}
	if len(q.Messages) == 0 {
		return answer{}, errors.New("messages: at least one message is required")
	}
	a := ask{model: q.Model, stream: q.Stream, maxTokens: q.MaxTokens}
	if s := content(q.System); s != "" {
		a.turns = append(a.turns, turn{"system", s})
	}
	for _, m := range q.Messages {
		var blocks []struct {
			Type    string          `json:"type"`
			Content json.RawMessage `json:"content"`
		}
		if json.Unmarshal(m.Content, &blocks) == nil {
			for _, b := range blocks {
				if b.Type == "tool_result" {
					a.turns = append(a.turns, turn{"tool", content(b.Content)})
				}
			}
		}
		if s := content(m.Content); s != "" {
			a.turns = append(a.turns, turn{m.Role, s})
		}
	}
	for _, t := range q.Tools {
		a.tools = append(a.tools, offered{t.Name, t.Schema})
	}
	rep := a.answerTo(cfg)
	if counts {
		return answer{"application/json", []frame{{encode(map[string]any{"input_tokens": rep.input}), 1}}}, nil
	}
	if q.Stream {
		return n.stream(&rep), nil
	}
	v := n.message(&rep)
	v["content"] = []any{map[string]any{"type": "text", "text": rep.text()}}
	if rep.tool != "" {
		v["content"] = []any{map[string]any{"type": "tool_use", "id": "toolu_" + rep.id, "name": rep.tool, "input": rep.args}}
	}
	v["stop_reason"] = n.stop(&rep)
	v["usage"] = map[string]any{"input_tokens": rep.input, "output_tokens": rep.output}
	return answer{"application/json", []frame{{encode(v), max(1, rep.output)}}}, nil
}

func (n anthropic) stream(r *reply) answer {
	a := answer{contentType: "text/event-stream"}
	event := func(tokens int, name string, v map[string]any) {
		v["type"] = name
		a.frames = append(a.frames, frame{append([]byte("event: "+name+"\n"), sse(v)...), tokens})
	}
	m := n.message(r)
	m["usage"] = map[string]any{"input_tokens": r.input, "output_tokens": 1}
	event(0, "message_start", map[string]any{"message": m})
	event(0, "ping", map[string]any{})
	if r.tool != "" {
		event(1, "content_block_start", map[string]any{"index": 0, "content_block": map[string]any{"type": "tool_use", "id": "toolu_" + r.id, "name": r.tool, "input": map[string]any{}}})
		for _, p := range halves(string(encode(r.args))) {
			event(1, "content_block_delta", map[string]any{"index": 0, "delta": map[string]any{"type": "input_json_delta", "partial_json": p}})
		}
	} else {
		event(0, "content_block_start", map[string]any{"index": 0, "content_block": map[string]any{"type": "text", "text": ""}})
		for _, p := range r.pieces {
			event(1, "content_block_delta", map[string]any{"index": 0, "delta": map[string]any{"type": "text_delta", "text": p}})
		}
	}
	event(0, "content_block_stop", map[string]any{"index": 0})
	event(0, "message_delta", map[string]any{"delta": map[string]any{"stop_reason": n.stop(r), "stop_sequence": nil},
		"usage": map[string]any{"output_tokens": r.output}})
	event(0, "message_stop", map[string]any{})
	return a
}

func (anthropic) message(r *reply) map[string]any {
	return map[string]any{"id": "msg_" + r.id, "type": "message", "role": "assistant", "model": r.model,
		"content": []any{}, "stop_reason": nil, "stop_sequence": nil}
}

func (anthropic) stop(r *reply) string {
	switch {
	case r.tool != "":
		return "tool_use"
	case r.cut:
		return "max_tokens"
	}
	return "end_turn"
}

func (anthropic) fail(status int, message string) []byte {
	kind := "invalid_request_error"
	switch {
	case status == http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case status == 529:
		kind = "overloaded_error"
	case status >= http.StatusInternalServerError:
		kind = "api_error"
	case status == http.StatusNotFound:
		kind = "not_found_error"
	}
	return encode(map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": message}})
}

func (anthropic) inBand(message string) []byte {
	return append([]byte("event: error\n"), sse(map[string]any{"type": "error",
		"error": map[string]any{"type": "overloaded_error", "message": message}})...)
}

func (anthropic) broken() []byte {
	return []byte("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\n\n")
}
