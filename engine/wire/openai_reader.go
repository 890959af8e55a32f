package wire

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// openAIPayload is a chunk or a whole reply of any of OpenAI's operations, as far
// as it has a neutral meaning.
type openAIPayload struct {
	ID      string         `json:"id"`
	Model   string         `json:"model"`
	Choices []openAIChoice `json:"choices"`
	Usage   *openAIUsage   `json:"usage"`
	Error   jsontext.Value `json:"error"`
	Data    jsontext.Value `json:"data"` // of embeddings
}

type openAIChoice struct {
	Index        int            `json:"index"`
	Delta        *openAIMessage `json:"delta"`
	Message      *openAIMessage `json:"message"`
	Text         string         `json:"text"` // of legacy completions
	FinishReason string         `json:"finish_reason"`
	Logprobs     jsontext.Value `json:"logprobs"`
}

type openAIMessage struct {
	Content          jsontext.Value   `json:"content"`
	Refusal          string           `json:"refusal"`
	Reasoning        string           `json:"reasoning"`         // vLLM
	ReasoningContent string           `json:"reasoning_content"` // DeepSeek, llama.cpp, SGLang
	ToolCalls        []openAIToolCall `json:"tool_calls"`
	FunctionCall     *openAIFunction  `json:"function_call"`
	Annotations      jsontext.Value   `json:"annotations"`
	Images           jsontext.Value   `json:"images"` // OpenRouter, LiteLLM
	Audio            jsontext.Value   `json:"audio"`
}

type openAIToolCall struct {
	Index    *int           `json:"index"`
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	Function openAIFunction `json:"function"`
	Custom   *openAICustom  `json:"custom"`
}

type openAIFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type openAIUsage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	PromptDetails    *struct {
		CachedTokens     int `json:"cached_tokens"`
		CacheWriteTokens int `json:"cache_write_tokens"`
		AudioTokens      int `json:"audio_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails *struct {
		ReasoningTokens int `json:"reasoning_tokens"`
		AudioTokens     int `json:"audio_tokens"`
	} `json:"completion_tokens_details"`
}

func (u *openAIUsage) neutral() engine.Usage {
	n := engine.Usage{Input: u.PromptTokens, Output: u.CompletionTokens}
	if d := u.PromptDetails; d != nil {
		n.CachedInput, n.CacheWrite, n.AudioInput = d.CachedTokens, d.CacheWriteTokens, d.AudioTokens
	}
	if d := u.CompletionDetails; d != nil {
		n.Reasoning, n.AudioOutput = d.ReasoningTokens, d.AudioTokens
	}
	return n
}

// openAIReader reads replies of OpenAI's API and its imitators.
type openAIReader struct {
	frames
	req          *engine.Request
	payload      openAIPayload
	started      bool
	done         bool // the end marker, or a whole unary body
	doneRequired bool // a trait of the server
	choices      map[int]*readChoice
	// keepsText: citations have to be told in bytes, which needs the text.
	keepsText bool
	scanner   textScanner
}

// readChoice is what has been read of a choice.
type readChoice struct {
	calls    []readCall
	finished bool
	text     strings.Builder // kept for a client of another API only
}

// readCall is a tool call that has begun. Its ordinal is its place in the list:
// an upstream's own indices need not be dense.
type readCall struct {
	index  int
	id     string
	custom bool // its arguments are no JSON
}

// call is the ordinal of the call that a delta belongs to, or that it begins. Some
// imitators give every call the index 0 and tell them apart by id alone.
func (c *readChoice) call(index int, id string) (ordinal int, begins bool) {
	for i := len(c.calls) - 1; i >= 0; i-- {
		if k := c.calls[i]; k.index == index && (id == "" || id == k.id) {
			return i, false
		}
	}
	c.calls = append(c.calls, readCall{index: index, id: id})
	return len(c.calls) - 1, true
}

func newOpenAIReader(req *engine.Request, api engine.Dialect, server Server) *openAIReader {
	r := &openAIReader{req: req, doneRequired: server.DoneRequired, choices: map[int]*readChoice{}, keepsText: req.Dialect != api}
	r.frames = frames{dialect: api, decode: r.read, ended: r.complete}
	if req.Stream && req.Operation != engine.OpEmbeddings {
		r.framing = framedSSE
	}
	return r
}

// complete accepts a stream without its [DONE] where every choice has said why it
// ended: some imitators leave the marker out.
func (r *openAIReader) complete() bool {
	if r.doneRequired {
		return r.done
	}
	for _, c := range r.choices {
		if !c.finished {
			return r.done
		}
	}
	return r.done || len(r.choices) >= max(1, r.req.Sampling.N)
}

func (r *openAIReader) read(payload []byte) error {
	if r.framing == framedSSE && string(payload) == "[DONE]" {
		r.done = true
		r.add(engine.Event{Kind: engine.EventEnd})
		return nil
	}
	if r.plain(payload) {
		return nil
	}
	p := &r.payload
	*p = openAIPayload{Choices: p.Choices[:0]}
	if err := unmarshal(payload, p); err != nil {
		return err
	}
	if present(p.Error) {
		r.addError(p.Error)
		return nil
	}
	if !r.started && (p.ID != "" || p.Model != "") {
		r.started = true
		r.add(engine.Event{Kind: engine.EventStart, ID: p.ID, Model: p.Model})
	}
	for i := range p.Choices {
		if !goodChoice(p.Choices[i].Index) {
			return errBadChoice
		}
		if err := r.choice(&p.Choices[i]); err != nil {
			return err
		}
	}
	if r.req.Operation == engine.OpEmbeddings && r.req.Dialect != engine.DialectOpenAIEmbeddings {
		if err := r.vectors(p.Data); err != nil {
			return err
		}
	}
	if p.Usage != nil {
		r.addUsage(p.Usage.neutral())
	}
	if r.framing == framedUnary {
		if len(p.Choices) == 0 && r.req.Operation != engine.OpEmbeddings {
			return errNoAnswer
		}
		r.done = true
		r.add(engine.Event{Kind: engine.EventEnd})
	}
	return nil
}

// plain reads a chunk that does nothing but go on with a choice's text; false: it is
// another one.
func (r *openAIReader) plain(payload []byte) bool {
	if r.framing != framedSSE || !r.started || r.req.Operation != engine.OpChat {
		return false
	}
	choice, text, err := r.scanner.openAI(payload)
	if err != nil {
		return false
	}
	state := r.choices[choice]
	if state == nil {
		return false
	}
	if r.keepsText {
		state.text.WriteString(text)
	}
	r.add(engine.Event{Kind: engine.EventText, Choice: choice, Text: text})
	return true
}

func (r *openAIReader) choice(c *openAIChoice) error {
	state := r.choices[c.Index]
	if state == nil {
		state = &readChoice{}
		r.choices[c.Index] = state
	}
	r.addText(engine.EventText, c.Index, c.Text)
	for _, m := range []*openAIMessage{c.Delta, c.Message} {
		if m != nil {
			if err := r.message(c.Index, m, state, c.Logprobs); err != nil {
				return err
			}
		}
	}
	if c.FinishReason != "" && !state.finished {
		state.finished = true
		reason := c.FinishReason
		if reason == "function_call" {
			reason = engine.FinishTools
		}
		r.add(engine.Event{Kind: engine.EventFinish, Choice: c.Index, Finish: finishReason(reason, len(state.calls) > 0)})
	}
	return nil
}

func (r *openAIReader) message(choice int, m *openAIMessage, state *readChoice, logprobs jsontext.Value) error {
	r.addText(engine.EventReasoning, choice, m.ReasoningContent)
	if m.ReasoningContent == "" { // a server that sends both sends the same
		r.addText(engine.EventReasoning, choice, m.Reasoning)
	}
	content := contentText(m.Content)
	r.addText(engine.EventText, choice, content)
	r.addText(engine.EventRefusal, choice, m.Refusal)
	r.addLogprobs(choice, logprobs)
	if r.keepsText {
		state.text.WriteString(content)
	}
	r.addAnnotations(choice, state, m.Annotations)
	r.addImages(choice, m.Images)
	if present(m.Audio) {
		r.add(engine.Event{Kind: engine.EventOther, Choice: choice, Name: "audio"})
	}
	calls := m.ToolCalls
	if f := m.FunctionCall; f != nil {
		calls = append(calls, openAIToolCall{Function: *f})
	}
	for i, call := range calls {
		index := i
		if call.Index != nil {
			index = *call.Index
		}
		if index < 0 || index >= maxCalls {
			return errTooManyCalls // clients make room for as many
		}
		tool, begins := state.call(index, call.ID)
		name, arguments := call.Function.Name, call.Function.Arguments
		if call.Custom != nil {
			name, arguments, state.calls[tool].custom = call.Custom.Name, call.Custom.Input, true
		}
		e := engine.Event{Kind: engine.EventToolCall, Choice: choice, Tool: tool, ID: call.ID, Name: name, Custom: state.calls[tool].custom}
		if begins {
			if err := r.addCall(e); err != nil {
				return err
			}
		}
		if arguments != "" {
			r.add(engine.Event{Kind: engine.EventToolArgs, Choice: choice, Tool: tool, Text: arguments})
		}
	}
	return nil
}

// contentText is the text of a content that is a string or, with some servers,
// an array of parts.
func contentText(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		return text(v)
	case '[':
		var parts []struct {
			Text string `json:"text"`
		}
		if json.Unmarshal(v, &parts) != nil {
			return ""
		}
		var s strings.Builder
		for _, p := range parts {
			s.WriteString(p.Text)
		}
		return s.String()
	}
	return ""
}
