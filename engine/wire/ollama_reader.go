package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// ollamaReader reads replies of Ollama's API: lines of JSON, or one object. The
// last says done.
type ollamaReader struct {
	frames
	scanner textScanner
	req     *engine.Request
	started bool
}

type ollamaPayload struct {
	Model    string `json:"model"`
	Response string `json:"response"` // of generate
	Thinking string `json:"thinking"` // of generate
	Message  *struct {
		Content   string   `json:"content"`
		Thinking  string   `json:"thinking"`
		Images    []string `json:"images"`
		ToolCalls []struct {
			ID       string `json:"id"`
			Function struct {
				Name      string         `json:"name"`
				Arguments jsontext.Value `json:"arguments"`
			} `json:"function"`
		} `json:"tool_calls"`
	} `json:"message"`
	Logprobs        jsontext.Value `json:"logprobs"`
	Done            bool           `json:"done"`
	DoneReason      string         `json:"done_reason"`
	PromptEvalCount *int           `json:"prompt_eval_count"`
	EvalCount       *int           `json:"eval_count"`
	Error           jsontext.Value `json:"error"`
}

func newOllamaReader(req *engine.Request, api engine.Dialect) *ollamaReader {
	r := &ollamaReader{req: req}
	r.frames = frames{dialect: api, decode: r.read, ended: func() bool { return false }}
	if api == engine.DialectOllamaEmbed {
		r.decode = r.embeddings
	} else if req.Stream {
		r.framing = framedNDJSON
	}
	return r
}

// embeddings reads a whole reply of embeddings, in either form.
func (r *ollamaReader) embeddings(payload []byte) error {
	var p struct {
		Model           string         `json:"model"`
		Embeddings      jsontext.Value `json:"embeddings"`
		Embedding       jsontext.Value `json:"embedding"`
		PromptEvalCount *int           `json:"prompt_eval_count"`
		Error           jsontext.Value `json:"error"`
	}
	if err := unmarshal(payload, &p); err != nil {
		return err
	}
	if present(p.Error) {
		r.addError(p.Error)
		return nil
	}
	if !present(p.Embeddings) && !present(p.Embedding) {
		return errNoAnswer
	}
	r.add(engine.Event{Kind: engine.EventStart, Model: p.Model})
	if r.req.Dialect != r.dialect { // else the client gets the reply as it is
		var vectors [][]float32
		if err := unmarshal(p.Embeddings, &vectors); err != nil {
			return err
		}
		for i, v := range vectors {
			r.add(engine.Event{Kind: engine.EventVector, Choice: i, Vector: v})
		}
	}
	if p.PromptEvalCount != nil {
		r.addUsage(engine.Usage{Input: *p.PromptEvalCount})
	}
	r.add(engine.Event{Kind: engine.EventEnd})
	return nil
}

func (r *ollamaReader) read(payload []byte) error {
	if r.framing == framedNDJSON && r.started {
		if text, err := r.scanner.ollama(payload); err == nil {
			r.add(engine.Event{Kind: engine.EventText, Text: text})
			return nil
		}
	}
	var p ollamaPayload
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
	r.addText(engine.EventReasoning, 0, p.Thinking)
	r.addText(engine.EventText, 0, p.Response)
	if m := p.Message; m != nil {
		r.addText(engine.EventReasoning, 0, m.Thinking)
		r.addText(engine.EventText, 0, m.Content)
		for _, data := range m.Images {
			r.add(engine.Event{Kind: engine.EventImage, Name: mediaType(data), Data: []byte(data)})
		}
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
	if err := r.addLogprobs(p.Logprobs); err != nil {
		return err
	}
	if !p.Done {
		return nil
	}
	if (p.DoneReason == "load" || p.DoneReason == "unload") && r.req.Dialect != r.dialect {
		// Nothing was generated, which no other API can say.
		r.add(engine.Event{Kind: engine.EventError, Code: "model_" + p.DoneReason, Text: "the model was " + p.DoneReason + "ed, and nothing was generated"})
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

// addLogprobs adds the logprobs of the text before them, where the client asked.
func (r *ollamaReader) addLogprobs(raw jsontext.Value) error {
	if !present(raw) || r.req.Logprobs == nil {
		return nil
	}
	var list []ollamaLogprob
	if err := unmarshal(raw, &list); err != nil {
		return err
	}
	var tokens []engine.TokenLogprob
	for i := range list {
		tokens = append(tokens, list[i].neutral(true))
	}
	r.add(engine.Event{Kind: engine.EventLogprobs, Logprobs: tokens})
	return nil
}

func (l *ollamaLogprob) neutral(top bool) engine.TokenLogprob {
	out := engine.TokenLogprob{Token: l.Token, Logprob: l.Logprob}
	for _, b := range l.Bytes {
		out.Bytes = append(out.Bytes, byte(b))
	}
	for i := 0; top && i < len(l.Top); i++ {
		out.Top = append(out.Top, l.Top[i].neutral(false))
	}
	return out
}
