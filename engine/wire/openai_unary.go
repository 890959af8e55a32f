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
		c.text.WriteString(e.Text)
	case engine.EventReasoning:
		c.reasoning.WriteString(e.Text)
	case engine.EventRefusal:
		c.hasRefusal = true
		c.refusal.WriteString(e.Text)
	case engine.EventToolCall:
		c.calls = append(c.calls, replyCall{id: e.ID, name: e.Name})
	case engine.EventToolArgs:
		if e.Tool >= 0 && e.Tool < len(c.calls) {
			c.calls[e.Tool].arguments.WriteString(e.Text)
		}
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
	FinishReason string              `json:"finish_reason"`
}

type openAIUnaryMessage struct {
	Role             string            `json:"role"`
	Content          *string           `json:"content"`
	Refusal          *string           `json:"refusal"`
	ReasoningContent string            `json:"reasoning_content,omitzero"`
	ToolCalls        []openAIUnaryCall `json:"tool_calls,omitzero"`
}

type openAIUnaryCall struct {
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	Function openAIFunction `json:"function"`
}

// unary appends the whole reply.
func (r *openAIReply) unary(dst []byte) ([]byte, error) {
	if r.raw != nil {
		return append(dst, r.raw...), nil
	}
	if len(r.choices) == 0 || r.req.Operation == engine.OpEmbeddings {
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
		m.ToolCalls = append(m.ToolCalls, openAIUnaryCall{ID: c.calls[i].id, Type: "function",
			Function: openAIFunction{Name: c.calls[i].name, Arguments: c.calls[i].arguments.String()}})
	}
	return m
}
