package standin

import (
	"encoding/json"
	"errors"
)

// responses answers in OpenAI's Responses API. It stores nothing, and refuses to
// be asked to.
func (o openAI) responses(body []byte, cfg *Config) (answer, error) {
	var q struct {
		Model           string            `json:"model"`
		Stream          bool              `json:"stream"`
		Store           *bool             `json:"store"`
		Instructions    string            `json:"instructions"`
		MaxOutputTokens int               `json:"max_output_tokens"`
		Input           json.RawMessage   `json:"input"`
		Tools           []json.RawMessage `json:"tools"`
		Text            json.RawMessage   `json:"text"`
	}
	if err := decode(body, &q); err != nil {
		return answer{}, err
	}
	if q.Store == nil || *q.Store {
		return answer{}, errors.New("store must be false: this server keeps nothing")
	}
	a := ask{model: q.Model, stream: q.Stream, maxTokens: q.MaxOutputTokens}
	if q.Instructions != "" {
		a.turns = append(a.turns, turn{"system", q.Instructions})
	}
	turns, err := inputTurns(q.Input)
	if err != nil {
		return answer{}, err
	}
	a.turns = append(a.turns, turns...)
	for _, raw := range q.Tools {
		var t struct {
			Type string `json:"type"`
			offered
		}
		if json.Unmarshal(raw, &t) == nil && t.Type == "function" {
			a.tools = append(a.tools, t.offered)
		}
	}
	r := responded{reply: a.answerTo(cfg), echo: map[string]any{"instructions": nil, "metadata": map[string]any{}, "parallel_tool_calls": true,
		"temperature": 1, "top_p": 1, "tool_choice": "auto", "tools": []any{}, "store": false, "service_tier": "default"}}
	if q.Text != nil {
		r.echo["text"] = q.Text
	}
	if !q.Stream {
		return answer{"application/json", []frame{{encode(r.whole(true)), max(1, r.output)}}}, nil
	}
	return r.stream(), nil
}

// inputTurns reads the input: a text of the user, or items.
func inputTurns(raw json.RawMessage) ([]turn, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return []turn{{"user", s}}, nil
	}
	var items []struct {
		Type    string          `json:"type"`
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
		Output  json.RawMessage `json:"output"`
	}
	if json.Unmarshal(raw, &items) != nil || len(items) == 0 {
		return nil, errors.New("input must be a string or an array of items")
	}
	var turns []turn
	for _, it := range items {
		switch it.Type {
		case "", "message":
			turns = append(turns, turn{it.Role, content(it.Content)})
		case "function_call_output":
			turns = append(turns, turn{"tool", content(it.Output)})
		case "function_call":
			turns = append(turns, turn{"assistant", ""})
		}
	}
	return turns, nil
}

// responded is a reply as a response.
type responded struct {
	reply
	echo     map[string]any
	sequence int
	frames   []frame
}

// item is the one item of the output.
func (r *responded) item(done bool) map[string]any {
	status, text, args := "in_progress", "", ""
	if done {
		status, text, args = r.status(), r.text(), string(encode(r.args))
	}
	if r.tool != "" {
		return map[string]any{"id": "fc_" + r.id, "type": "function_call", "status": status, "call_id": "call_" + r.id, "name": r.tool, "arguments": args}
	}
	parts := []any{}
	if done {
		parts = append(parts, r.part(text))
	}
	return map[string]any{"id": "msg_" + r.id, "type": "message", "status": status, "role": "assistant", "content": parts}
}

func (r *responded) part(text string) map[string]any {
	return map[string]any{"type": "output_text", "text": text, "annotations": []any{}, "logprobs": []any{}}
}

func (r *responded) status() string {
	if r.cut {
		return "incomplete"
	}
	return "completed"
}

// whole is the response, before anything has been said or when all has.
func (r *responded) whole(done bool) map[string]any {
	v := map[string]any{"id": "resp_" + r.id, "object": "response", "created_at": created, "model": r.model, "status": "in_progress",
		"error": nil, "incomplete_details": nil, "output": []any{}, "usage": nil}
	for name, value := range r.echo {
		v[name] = value
	}
	if done {
		v["status"], v["output"] = r.status(), []any{r.item(true)}
		v["usage"] = map[string]any{"input_tokens": r.input, "output_tokens": r.output, "total_tokens": r.input + r.reply.output,
			"input_tokens_details":  map[string]any{"cached_tokens": 0, "cache_write_tokens": 0},
			"output_tokens_details": map[string]any{"reasoning_tokens": 0}}
		if r.cut {
			v["incomplete_details"] = map[string]any{"reason": "max_output_tokens"}
		}
	}
	return v
}

// tell adds an event.
func (r *responded) tell(tokens int, kind string, members map[string]any) {
	v := map[string]any{"type": kind, "sequence_number": r.sequence}
	r.sequence++
	for name, value := range members {
		v[name] = value
	}
	r.frames = append(r.frames, frame{append([]byte("event: "+kind+"\n"), sse(v)...), tokens})
}

func (r *responded) stream() answer {
	r.tell(0, "response.created", map[string]any{"response": r.whole(false)})
	r.tell(0, "response.in_progress", map[string]any{"response": r.whole(false)})
	r.tell(0, "response.output_item.added", map[string]any{"output_index": 0, "item": r.item(false)})
	if r.tool != "" {
		id := "fc_" + r.id
		for _, p := range halves(string(encode(r.args))) {
			r.tell(1, "response.function_call_arguments.delta", map[string]any{"output_index": 0, "item_id": id, "delta": p})
		}
		r.tell(0, "response.function_call_arguments.done", map[string]any{"output_index": 0, "item_id": id, "name": r.tool, "arguments": string(encode(r.args))})
	} else {
		at := func(name string, value any) map[string]any {
			return map[string]any{"output_index": 0, "content_index": 0, "item_id": "msg_" + r.id, name: value}
		}
		r.tell(0, "response.content_part.added", at("part", r.part("")))
		for _, p := range r.pieces {
			m := at("delta", p)
			m["logprobs"] = []any{}
			r.tell(1, "response.output_text.delta", m)
		}
		m := at("text", r.text())
		m["logprobs"] = []any{}
		r.tell(0, "response.output_text.done", m)
		r.tell(0, "response.content_part.done", at("part", r.part(r.text())))
	}
	r.tell(0, "response.output_item.done", map[string]any{"output_index": 0, "item": r.item(true)})
	r.tell(0, "response."+r.status(), map[string]any{"response": r.whole(true)})
	return answer{"text/event-stream", r.frames}
}
