package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// ollamaReader reads replies of /api/chat: lines of JSON, or one object. The last
// says done.
type ollamaReader struct {
	frames
	req     *engine.Request
	started bool
}

type ollamaReply struct {
	Model   string `json:"model"`
	Message *struct {
		Content   string `json:"content"`
		Thinking  string `json:"thinking"`
		ToolCalls []struct {
			ID       string `json:"id"`
			Function struct {
				Name      string         `json:"name"`
				Arguments jsontext.Value `json:"arguments"`
			} `json:"function"`
		} `json:"tool_calls"`
	} `json:"message"`
	Done            bool           `json:"done"`
	DoneReason      string         `json:"done_reason"`
	PromptEvalCount *int           `json:"prompt_eval_count"`
	EvalCount       *int           `json:"eval_count"`
	Error           jsontext.Value `json:"error"`
}

func newOllamaReader(req *engine.Request) *ollamaReader {
	r := &ollamaReader{req: req}
	r.frames = frames{dialect: engine.DialectOllamaChat, decode: r.read, ended: func() bool { return false }}
	if req.Stream {
		r.framing = framedNDJSON
	}
	return r
}

func (r *ollamaReader) read(payload []byte) error {
	var p ollamaReply
	if err := unmarshal(payload, &p); err != nil {
		return err
	}
	if present(p.Error) {
		r.addError(p.Error)
		return nil
	}
	if !r.started {
		r.started = true
		r.add(engine.Event{Kind: engine.EventStart, Model: p.Model})
	}
	if m := p.Message; m != nil {
		r.addText(engine.EventReasoning, 0, m.Thinking)
		r.addText(engine.EventText, 0, m.Content)
		for _, c := range m.ToolCalls {
			id := c.ID
			if id == "" {
				id = callID(r.req, 0, r.calls)
			}
			args := "{}"
			if present(c.Function.Arguments) {
				args = compact(c.Function.Arguments)
			}
			tool := r.calls
			if err := r.addCall(engine.Event{Kind: engine.EventToolCall, Tool: tool, ID: id, Name: c.Function.Name}); err != nil {
				return err
			}
			r.add(engine.Event{Kind: engine.EventToolArgs, Tool: tool, Text: args})
		}
	}
	if !p.Done {
		return nil
	}
	reason := engine.FinishStop
	if p.DoneReason == "length" {
		reason = engine.FinishLength
	}
	r.add(engine.Event{Kind: engine.EventFinish, Finish: finishReason(reason, r.calls > 0)})
	if p.PromptEvalCount != nil || p.EvalCount != nil {
		u := engine.Usage{Input: r.req.PromptTokens, Estimated: true}
		if p.PromptEvalCount != nil { // left out where the prompt was cached
			u = engine.Usage{Input: *p.PromptEvalCount}
		}
		if p.EvalCount != nil {
			u.Output = *p.EvalCount
		}
		r.addUsage(u)
	}
	r.add(engine.Event{Kind: engine.EventEnd})
	return nil
}
