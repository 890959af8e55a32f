package wire

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// geminiReader reads replies of generateContent. A stream has no end marker: it
// is whole when every candidate that was asked for has said why it finished.
type geminiReader struct {
	frames
	req     *engine.Request
	started bool
	blocked bool // the prompt was
	choices map[int]*geminiChoice
}

type geminiChoice struct {
	calls    int
	text     int // bytes so far
	finished bool
	cited    map[engine.Citation]bool
}

// geminiPayload is a reply, or a frame of one.
type geminiPayload struct {
	Candidates     []geminiCandidateIn `json:"candidates"`
	PromptFeedback *struct {
		BlockReason string `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage *struct {
		Prompt     int              `json:"promptTokenCount"`
		Cached     int              `json:"cachedContentTokenCount"`
		Candidates int              `json:"candidatesTokenCount"`
		Thoughts   int              `json:"thoughtsTokenCount"`
		ToolPrompt int              `json:"toolUsePromptTokenCount"`
		ByPrompt   []geminiModality `json:"promptTokensDetails"`
		ByAnswer   []geminiModality `json:"candidatesTokensDetails"`
	} `json:"usageMetadata"`
	ModelVersion string         `json:"modelVersion"`
	ResponseID   string         `json:"responseId"`
	Error        jsontext.Value `json:"error"`
}

type geminiModality struct {
	Modality string `json:"modality"`
	Tokens   int    `json:"tokenCount"`
}

type geminiCandidateIn struct {
	Index   int `json:"index"`
	Content *struct {
		Parts []geminiReplyPart `json:"parts"`
	} `json:"content"`
	FinishReason string           `json:"finishReason"`
	Grounding    *geminiGrounding `json:"groundingMetadata"`
	Citation     *geminiCitations `json:"citationMetadata"`
	Logprobs     *geminiLogprobs  `json:"logprobsResult"`
}

// geminiCitations are what a candidate repeats: the list has another name in
// Vertex.
type geminiCitations struct {
	Sources   []geminiCited `json:"citationSources"`
	Citations []geminiCited `json:"citations"`
}

type geminiCited struct {
	Start int    `json:"startIndex"`
	End   int    `json:"endIndex"`
	URI   string `json:"uri"`
	Title string `json:"title"`
}

type geminiReplyPart struct {
	Text             string         `json:"text"`
	Thought          bool           `json:"thought"`
	ThoughtSignature string         `json:"thoughtSignature"`
	InlineData       *geminiBlob    `json:"inlineData"`
	FileData         jsontext.Value `json:"fileData"`
	ExecutableCode   jsontext.Value `json:"executableCode"`
	CodeResult       jsontext.Value `json:"codeExecutionResult"`
	ToolCall         jsontext.Value `json:"toolCall"`
	ToolResponse     jsontext.Value `json:"toolResponse"`
	FunctionCall     *struct {
		ID   string         `json:"id"`
		Name string         `json:"name"`
		Args jsontext.Value `json:"args"`
	} `json:"functionCall"`
}

func newGeminiReader(req *engine.Request) *geminiReader {
	r := &geminiReader{req: req, choices: map[int]*geminiChoice{}}
	r.frames = frames{dialect: geminiAPI(req), decode: r.read, ended: r.complete}
	switch {
	case req.Operation == engine.OpEmbeddings:
		r.decode = r.embeddings
	case req.Operation == engine.OpCountTokens:
		r.decode = r.count
	case req.Stream:
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
	if r.req.Stream && !r.blocked && len(r.choices) < r.req.Sampling.N {
		return false // a whole body says all there is
	}
	return len(r.choices) > 0
}

func (r *geminiReader) read(payload []byte) error {
	var p geminiPayload
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
		if err := r.candidate(&p.Candidates[i]); err != nil {
			return err
		}
	}
	if f := p.PromptFeedback; f != nil && f.BlockReason != "" && len(p.Candidates) == 0 {
		r.blocked = true
		r.finish(0, "SAFETY", r.choice(0))
	}
	if u := p.Usage; u != nil {
		// Cached tokens are counted within the prompt, thoughts beside the candidates,
		// and what tools gave the model to read beside the prompt.
		r.addUsage(engine.Usage{
			Input: u.Prompt + u.ToolPrompt, CachedInput: u.Cached, Output: u.Candidates + u.Thoughts, Reasoning: u.Thoughts,
			AudioInput: audioTokens(u.ByPrompt), AudioOutput: audioTokens(u.ByAnswer)})
	}
	return nil
}

func audioTokens(list []geminiModality) int {
	n := 0
	for _, m := range list {
		if m.Modality == "AUDIO" {
			n += m.Tokens
		}
	}
	return n
}

func (r *geminiReader) candidate(c *geminiCandidateIn) error {
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
	if tokens := c.Logprobs.tokens(); len(tokens) > 0 {
		r.add(engine.Event{Kind: engine.EventLogprobs, Choice: c.Index, Logprobs: tokens})
	}
	r.cite(c, state)
	if c.FinishReason != "" && c.FinishReason != "FINISH_REASON_UNSPECIFIED" {
		r.finish(c.Index, c.FinishReason, state)
	}
	return nil
}

// cite adds what a candidate cites. A stream may say again what it has said.
func (r *geminiReader) cite(c *geminiCandidateIn, state *geminiChoice) {
	var found []engine.Citation
	if g := c.Grounding; g != nil {
		used := make([]bool, len(g.Chunks))
		for _, s := range g.Supports {
			for _, at := range s.Chunks {
				if at < 0 || at >= len(g.Chunks) || g.Chunks[at].Web == nil {
					continue
				}
				used[at] = true
				w := g.Chunks[at].Web
				found = append(found, engine.Citation{Kind: "search", URL: w.URI, Title: w.Title,
					Out: engine.Span{Start: s.Segment.Start, End: s.Segment.End}})
			}
		}
		for i, chunk := range g.Chunks {
			if chunk.Web != nil && !used[i] {
				found = append(found, engine.Citation{Kind: "search", URL: chunk.Web.URI, Title: chunk.Web.Title})
			}
		}
	}
	if m := c.Citation; m != nil {
		for _, s := range append(m.Sources, m.Citations...) {
			found = append(found, engine.Citation{Kind: "url", URL: s.URI, Title: s.Title, Out: engine.Span{Start: s.Start, End: s.End}})
		}
	}
	for _, f := range found {
		if f.Out.Start < 0 || f.Out.Start > f.Out.End || f.Out.End > state.text {
			f.Out = engine.Span{} // not of the text that came
		}
		if f.URL == "" || state.cited[f] || len(state.cited) >= maxCalls {
			continue
		}
		if state.cited == nil {
			state.cited = map[engine.Citation]bool{}
		}
		state.cited[f] = true
		cited := f
		r.add(engine.Event{Kind: engine.EventCitation, Choice: c.Index, Citation: &cited})
	}
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
	} else {
		state.text += len(p.Text)
	}
	r.addText(kind, choice, p.Text)
	seal := (*engine.Opaque)(nil)
	if p.ThoughtSignature != "" {
		seal = &engine.Opaque{Origin: engine.DialectGemini, Data: p.ThoughtSignature}
	}
	if d := p.InlineData; d != nil {
		if strings.HasPrefix(d.MIMEType, "image/") {
			r.add(engine.Event{Kind: engine.EventImage, Choice: choice, Name: d.MIMEType, Data: []byte(d.Data)})
		} else {
			r.add(engine.Event{Kind: engine.EventOther, Choice: choice, Name: "inlineData"})
		}
	}
	for _, other := range [...]struct {
		name  string
		value jsontext.Value
	}{{"fileData", p.FileData}, {"executableCode", p.ExecutableCode}, {"codeExecutionResult", p.CodeResult}, {"toolCall", p.ToolCall}, {"toolResponse", p.ToolResponse}} {
		if present(other.value) {
			r.add(engine.Event{Kind: engine.EventOther, Choice: choice, Name: other.name})
		}
	}
	f := p.FunctionCall
	if f == nil {
		if seal != nil && p.Thought {
			r.add(engine.Event{Kind: engine.EventSignature, Choice: choice, Tool: -1, Seal: seal})
		}
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
	if seal != nil {
		r.add(engine.Event{Kind: engine.EventSignature, Choice: choice, Tool: state.calls, Seal: seal})
	}
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
	case "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE":
		r.add(engine.Event{Kind: engine.EventError, Choice: choice, Code: native, Text: "the model could not answer"})
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
