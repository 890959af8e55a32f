package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// keep adds an event to a choice of a unary reply.
func (c *replyChoice) keep(e *engine.Event) {
	switch e.Kind {
	case engine.EventText:
		c.hasText = true
	case engine.EventReasoning:
		c.reasoning.WriteString(e.Text)
	case engine.EventRefusal:
		c.hasRefusal = true
		c.refusal.WriteString(e.Text)
	case engine.EventToolCall:
		c.calls = append(c.calls, replyCall{id: e.ID, name: e.Name, custom: e.Custom})
	case engine.EventToolArgs:
		if e.Tool >= 0 && e.Tool < len(c.calls) {
			c.calls[e.Tool].arguments = append(c.calls[e.Tool].arguments, e.Text...)
		}
	case engine.EventCitation:
		c.annotations = append(c.annotations, c.annotation(e.Citation))
	case engine.EventImage:
		c.pictures = append(c.pictures, c.image(e))
	}
}

// openAIUnary is a chat completion, or a legacy one.
type openAIUnary struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created jsontext.Value     `json:"created"`
	Model   string             `json:"model"`
	Choices []openAIUnaryReply `json:"choices"`
	Usage   jsontext.Value     `json:"usage,omitzero"`
}

type openAIUnaryReply struct {
	Index        int                 `json:"index"`
	Text         *string             `json:"text,omitzero"`
	Message      *openAIUnaryMessage `json:"message,omitzero"`
	Logprobs     *openAILogprobs     `json:"logprobs"` // the schema demands it, null where there are none
	FinishReason string              `json:"finish_reason"`
}

type openAIUnaryMessage struct {
	Role             string             `json:"role"`
	Content          *string            `json:"content"`
	Refusal          *string            `json:"refusal"`
	ReasoningContent string             `json:"reasoning_content,omitzero"`
	ToolCalls        []openAICall       `json:"tool_calls,omitzero"`
	Annotations      []openAIAnnotation `json:"annotations,omitzero"`
	Images           []openAIImage      `json:"images,omitzero"`
}

// unary appends the whole reply.
func (r *openAIReply) unary(dst []byte) ([]byte, error) {
	switch {
	case r.raw != nil && r.tooled:
		raw, err := repairWhole(r.raw)
		return append(dst, raw...), err
	case r.raw != nil:
		return append(dst, r.raw...), nil
	case r.req.Operation == engine.OpEmbeddings:
		return r.embeddings(dst)
	case len(r.choices) == 0:
		return dst, errNothingToRelay
	}
	r.name()
	out := openAIUnary{ID: r.id, Object: "chat.completion", Created: jsontext.Value(r.created), Model: r.model}
	if r.req.Operation == engine.OpCompletion {
		out.Object = "text_completion"
	}
	for i, c := range r.choices {
		reply := openAIUnaryReply{Index: i, FinishReason: c.reason()}
		content := c.text.String()
		if r.req.Operation == engine.OpCompletion {
			reply.Text = &content
		} else {
			reply.Message = c.message(&content)
			if len(c.logprobs) > 0 {
				reply.Logprobs = choiceLogprobs(c.logprobs)
			}
		}
		out.Choices = append(out.Choices, reply)
	}
	if r.usage != nil {
		out.Usage = usageObject(*r.usage)
	}
	b, err := json.Marshal(&out, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return dst, fmt.Errorf("write an openai reply: %w", err)
	}
	return append(dst, b...), nil
}

// repairWhole lets a choice that calls tools end in that, in an upstream's own
// reply that is not streamed.
func repairWhole(raw []byte) ([]byte, error) {
	t, err := parse(raw, maxReplyDepth)
	if err != nil {
		return nil, fmt.Errorf("write an openai reply: %w", err)
	}
	at := t.member(0, "choices")
	if at < 0 {
		return raw, nil
	}
	var edits []engine.Edit
	for c := range t.children(at) {
		finish, message := t.member(c, "finish_reason"), t.member(c, "message")
		if finish < 0 || message < 0 || t.lit(finish) != `"`+engine.FinishStop+`"` {
			continue
		}
		if calls := t.member(message, "tool_calls"); calls >= 0 && int(t.nodes[calls].end) > calls+1 {
			edits = append(edits, engine.Edit{Span: t.span(finish), With: []byte(`"` + engine.FinishTools + `"`)})
		}
	}
	return engine.Splice(raw, edits), nil
}

func (c *replyChoice) message(content *string) *openAIUnaryMessage {
	m := &openAIUnaryMessage{Role: "assistant", ReasoningContent: c.reasoning.String()}
	if c.hasText || len(c.calls) == 0 && !c.hasRefusal {
		m.Content = content
	}
	if c.hasRefusal {
		s := c.refusal.String()
		m.Refusal = &s
	}
	for i := range c.calls {
		k := &c.calls[i]
		call := openAICall{ID: k.id, Type: "function"}
		if k.custom {
			call.Type, call.Custom = "custom", &openAICustom{Name: k.name, Input: string(k.arguments)}
		} else {
			call.Function = &openAIFunction{Name: k.name, Arguments: string(k.arguments)}
		}
		m.ToolCalls = append(m.ToolCalls, call)
	}
	m.Annotations, m.Images = c.annotations, c.pictures
	return m
}
