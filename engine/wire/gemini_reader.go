package wire

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// geminiReader reads replies of generateContent. A stream has no end marker: it
// is whole when every candidate has said why it finished.
type geminiReader struct {
	frames
	req     *engine.Request
	started bool
	choices map[int]*geminiChoice
}

type geminiChoice struct {
	calls    int
	finished bool
}

type geminiReply struct {
	Candidates []struct {
		Index   int `json:"index"`
		Content *struct {
			Parts []geminiReplyPart `json:"parts"`
		} `json:"content"`
		FinishReason string `json:"finishReason"`
	} `json:"candidates"`
	PromptFeedback *struct {
		BlockReason string `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage *struct {
		Prompt     int `json:"promptTokenCount"`
		Cached     int `json:"cachedContentTokenCount"`
		Candidates int `json:"candidatesTokenCount"`
		Thoughts   int `json:"thoughtsTokenCount"`
		ToolPrompt int `json:"toolUsePromptTokenCount"`
	} `json:"usageMetadata"`
	ModelVersion string         `json:"modelVersion"`
	ResponseID   string         `json:"responseId"`
	Error        jsontext.Value `json:"error"`
}

type geminiReplyPart struct {
	Text         string `json:"text"`
	Thought      bool   `json:"thought"`
	FunctionCall *struct {
		ID   string         `json:"id"`
		Name string         `json:"name"`
		Args jsontext.Value `json:"args"`
	} `json:"functionCall"`
}

func newGeminiReader(req *engine.Request) *geminiReader {
	r := &geminiReader{req: req, choices: map[int]*geminiChoice{}}
	r.frames = frames{dialect: engine.DialectGeminiContent, decode: r.read, ended: r.complete}
	if req.Stream {
		r.framing = framedSSE
	}
	return r
}

func (r *geminiReader) complete() bool {
	for _, c := range r.choices {
		if !c.finished {
			return false
		}
	}
	return len(r.choices) > 0
}

func (r *geminiReader) read(payload []byte) error {
	var p geminiReply
	if err := unmarshal(payload, &p); err != nil {
		return err
	}
	if present(p.Error) {
		r.addError(p.Error)
		return nil
	}
	if !r.started {
		r.started = true
		r.add(engine.Event{Kind: engine.EventStart, ID: p.ResponseID, Model: p.ModelVersion})
	}
	for i := range p.Candidates {
		c := &p.Candidates[i]
		if !goodChoice(c.Index) {
			return errBadChoice
		}
		state := r.choice(c.Index)
		if c.Content != nil {
			for k := range c.Content.Parts {
				if err := r.part(c.Index, &c.Content.Parts[k], state); err != nil {
					return err
				}
			}
		}
		if c.FinishReason != "" && c.FinishReason != "FINISH_REASON_UNSPECIFIED" {
			r.finish(c.Index, c.FinishReason, state)
		}
	}
	if f := p.PromptFeedback; f != nil && f.BlockReason != "" && len(p.Candidates) == 0 {
		r.finish(0, "SAFETY", r.choice(0))
	}
	if u := p.Usage; u != nil {
		// Cached tokens are counted within the prompt, thoughts beside the candidates.
		r.addUsage(engine.Usage{
			Input: u.Prompt + u.ToolPrompt, CachedInput: u.Cached, Output: u.Candidates + u.Thoughts, Reasoning: u.Thoughts})
	}
	return nil
}

func (r *geminiReader) choice(i int) *geminiChoice {
	c := r.choices[i]
	if c == nil {
		c = &geminiChoice{}
		r.choices[i] = c
	}
	return c
}

func (r *geminiReader) part(choice int, p *geminiReplyPart, state *geminiChoice) error {
	kind := engine.EventText
	if p.Thought {
		kind = engine.EventReasoning
	}
	r.addText(kind, choice, p.Text)
	f := p.FunctionCall
	if f == nil {
		return nil
	}
	id := f.ID
	if id == "" {
		id = callID(r.req, choice, state.calls)
	}
	args := "{}"
	if present(f.Args) {
		args = compact(f.Args)
	}
	if err := r.addCall(engine.Event{Kind: engine.EventToolCall, Choice: choice, Tool: state.calls, ID: id, Name: f.Name}); err != nil {
		return err
	}
	r.add(engine.Event{Kind: engine.EventToolArgs, Choice: choice, Tool: state.calls, Text: args})
	state.calls++
	return nil
}

func (r *geminiReader) finish(choice int, native string, state *geminiChoice) {
	if state.finished {
		return
	}
	state.finished = true
	// A reason that is not known stopped the answer before its natural end.
	reason := engine.FinishFilter
	switch native {
	case "STOP":
		reason = engine.FinishStop
	case "MAX_TOKENS":
		reason = engine.FinishLength
	case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS":
		r.add(engine.Event{Kind: engine.EventError, Choice: choice, Code: native, Text: "the model made a tool call that is not valid"})
		return
	}
	r.add(engine.Event{Kind: engine.EventFinish, Choice: choice, Finish: finishReason(reason, state.calls > 0)})
}

// callID is an id for a tool call of a dialect that gives none. It follows from
// the call's place in the conversation, so no two calls of one have the same.
func callID(req *engine.Request, choice, call int) string {
	id := fmt.Sprintf("call_%d_%d", len(req.Messages), call)
	if choice > 0 {
		id += fmt.Sprintf("_%d", choice)
	}
	return id
}

// compact is v, which is valid JSON, without white space.
func compact(v jsontext.Value) string {
	if v.Compact() != nil {
		return ""
	}
	return string(v)
}
