package wire

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// anthropicReader reads replies of the Messages API and its imitators.
type anthropicReader struct {
	frames
	scanner textScanner
	blocks  map[int]*anthropicOpen // by the upstream's index
	usage   anthropicUsage
	stopped bool // a stop reason has been emitted
	counts  bool // the reply is a number of tokens
}

// anthropicOpen is a content block whose deltas are being read.
type anthropicOpen struct {
	tool  int            // ordinal of its call; -1: it is none
	input jsontext.Value // what the block began with
	args  bool           // a piece of arguments has been emitted
}

type anthropicUsage struct {
	Input         *int `json:"input_tokens"`
	CacheRead     *int `json:"cache_read_input_tokens"`
	CacheCreation *int `json:"cache_creation_input_tokens"`
	Creation      *struct {
		Long int `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Output        *int `json:"output_tokens"`
	OutputDetails *struct {
		Thinking int `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
}

// anthropicEvent is a stream event of any type, or a whole message.
type anthropicEvent struct {
	Type         string              `json:"type"`
	Message      *anthropicEvent     `json:"message"`
	ID           string              `json:"id"`
	Model        string              `json:"model"`
	Content      []anthropicContent  `json:"content"`
	StopReason   string              `json:"stop_reason"`
	Usage        *anthropicUsage     `json:"usage"`
	Index        int                 `json:"index"`
	ContentBlock *anthropicContent   `json:"content_block"`
	Delta        *anthropicDeltaBody `json:"delta"`
	Error        jsontext.Value      `json:"error"`
}

// anthropicContent is a content block of a reply.
type anthropicContent struct {
	Type      string           `json:"type"`
	Text      string           `json:"text"`
	Citations []jsontext.Value `json:"citations"`
	Thinking  string           `json:"thinking"`
	Signature string           `json:"signature"`
	Data      jsontext.Value   `json:"data"` // redacted thinking
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Input     jsontext.Value   `json:"input"`
}

type anthropicDeltaBody struct {
	Type        string         `json:"type"`
	Text        string         `json:"text"`
	Thinking    string         `json:"thinking"`
	Signature   string         `json:"signature"`
	Citation    jsontext.Value `json:"citation"`
	PartialJSON string         `json:"partial_json"`
	StopReason  string         `json:"stop_reason"`
}

func newAnthropicReader(req *engine.Request) *anthropicReader {
	r := &anthropicReader{counts: req.Operation == engine.OpCountTokens, blocks: map[int]*anthropicOpen{}}
	// A stream ends in message_stop and a whole message ends itself; nothing else
	// is an end.
	r.frames = frames{dialect: engine.DialectAnthropicMessages, decode: r.read, ended: func() bool { return false }}
	if req.Stream {
		r.framing = framedSSE
	}
	return r
}

var (
	errNoBlock    = errors.New("a delta belongs to no content block")
	errManyBlocks = errors.New("the reply leaves too many content blocks open")
)

func (r *anthropicReader) read(payload []byte) error {
	if r.framing == framedSSE {
		if block, text, err := r.scanner.anthropic(payload); err == nil && r.blocks[block] != nil {
			r.add(engine.Event{Kind: engine.EventText, Text: text})
			return nil
		}
	}
	var e anthropicEvent
	if err := unmarshal(payload, &e); err != nil {
		return err
	}
	if present(e.Error) {
		r.addError(e.Error)
		return nil
	}
	if r.counts {
		return r.readCount(payload)
	}
	switch e.Type {
	case "message_start":
		if e.Message != nil {
			r.add(engine.Event{Kind: engine.EventStart, ID: e.Message.ID, Model: e.Message.Model})
			r.meter(e.Message.Usage)
		}
	case "content_block_start":
		if e.ContentBlock != nil {
			return r.open(e.Index, e.ContentBlock)
		}
	case "content_block_delta":
		return r.delta(e.Index, e.Delta)
	case "content_block_stop":
		r.shut(e.Index)
	case "message_delta":
		r.meter(e.Usage)
		if e.Delta != nil && e.Delta.StopReason != "" {
			r.finish(e.Delta.StopReason)
		}
	case "message_stop":
		r.add(engine.Event{Kind: engine.EventEnd})
	case "message":
		if r.framing == framedUnary {
			return r.message(&e)
		}
	}
	if r.framing == framedUnary {
		return errNoAnswer
	}
	return nil // ping, and events that are yet to be invented
}

// message reads a whole message.
func (r *anthropicReader) message(e *anthropicEvent) error {
	r.add(engine.Event{Kind: engine.EventStart, ID: e.ID, Model: e.Model})
	for i := range e.Content {
		if err := r.open(i, &e.Content[i]); err != nil {
			return err
		}
		r.shut(i)
	}
	r.meter(e.Usage)
	r.finish(e.StopReason)
	r.add(engine.Event{Kind: engine.EventEnd})
	return nil
}

// maxBlocks bounds the content blocks that are open at one time: a real server
// has one.
const maxBlocks = 64

func (r *anthropicReader) open(index int, b *anthropicContent) error {
	if len(r.blocks) >= maxBlocks {
		return errManyBlocks
	}
	o := &anthropicOpen{tool: -1}
	r.blocks[index] = o
	switch b.Type {
	case "text":
		r.addText(engine.EventText, 0, b.Text)
		for _, c := range b.Citations {
			r.cite(c)
		}
	case "thinking":
		r.addText(engine.EventReasoning, 0, b.Thinking)
		r.sign(b.Signature)
	case "redacted_thinking":
		r.add(engine.Event{Kind: engine.EventRedacted, Seal: &engine.Opaque{Origin: engine.DialectAnthropic, Kind: engine.OpaqueRedacted, Data: text(b.Data)}})
	case "tool_use":
		o.tool, o.input = r.calls, b.Input
		return r.addCall(engine.Event{Kind: engine.EventToolCall, Tool: o.tool, ID: b.ID, Name: b.Name})
	default: // a tool that the server ran, or what it gave
		name := b.Type
		if !plain(name, 64) {
			name = ""
		}
		r.add(engine.Event{Kind: engine.EventOther, Name: name})
	}
	return nil
}

func (r *anthropicReader) delta(index int, d *anthropicDeltaBody) error {
	o := r.blocks[index]
	if o == nil || d == nil {
		return errNoBlock
	}
	switch d.Type {
	case "text_delta":
		r.addText(engine.EventText, 0, d.Text)
	case "thinking_delta":
		r.addText(engine.EventReasoning, 0, d.Thinking)
	case "signature_delta":
		r.sign(d.Signature)
	case "citations_delta":
		r.cite(d.Citation)
	case "input_json_delta":
		if o.tool >= 0 && d.PartialJSON != "" {
			o.args = true
			r.add(engine.Event{Kind: engine.EventToolArgs, Tool: o.tool, Text: d.PartialJSON})
		}
	}
	return nil
}

// sign emits the signature of the thinking that it ends.
func (r *anthropicReader) sign(signature string) {
	if signature != "" {
		r.add(engine.Event{Kind: engine.EventSignature, Tool: -1,
			Seal: &engine.Opaque{Origin: engine.DialectAnthropic, Kind: engine.OpaqueSignature, Data: signature}})
	}
}

// citationKinds are the neutral kinds of Anthropic's citations.
var citationKinds = map[string]string{"char_location": "char", "page_location": "page", "content_block_location": "block",
	"search_result_location": "search", "web_search_result_location": "url"}

// cite emits a citation of the text so far.
func (r *anthropicReader) cite(raw jsontext.Value) {
	var c struct {
		Type          string         `json:"type"`
		CitedText     string         `json:"cited_text"`
		URL           string         `json:"url"`
		Source        string         `json:"source"`
		Title         jsontext.Value `json:"title"`
		DocumentTitle jsontext.Value `json:"document_title"`
		Document      int            `json:"document_index"`
		Result        int            `json:"search_result_index"`
		StartChar     int            `json:"start_char_index"`
		EndChar       int            `json:"end_char_index"`
		StartPage     int            `json:"start_page_number"`
		EndPage       int            `json:"end_page_number"`
		StartBlock    int            `json:"start_block_index"`
		EndBlock      int            `json:"end_block_index"`
	}
	if !present(raw) || unmarshal(raw, &c) != nil || citationKinds[c.Type] == "" {
		r.add(engine.Event{Kind: engine.EventOther, Name: "citation"})
		return
	}
	out := &engine.Citation{Kind: citationKinds[c.Type], URL: c.URL, Title: text(c.Title), CitedText: c.CitedText, DocIndex: c.Document}
	switch out.Kind {
	case "char":
		out.Source = engine.Span{Start: c.StartChar, End: c.EndChar}
	case "page":
		out.Source = engine.Span{Start: c.StartPage, End: c.EndPage}
	case "block":
		out.Source = engine.Span{Start: c.StartBlock, End: c.EndBlock}
	case "search":
		out.URL, out.DocIndex, out.Source = c.Source, c.Result, engine.Span{Start: c.StartBlock, End: c.EndBlock}
	}
	if out.Title == "" {
		out.Title = text(c.DocumentTitle)
	}
	r.add(engine.Event{Kind: engine.EventCitation, Citation: out})
}

// shut ends a block. A call without a delta has the arguments that its block
// began with.
func (r *anthropicReader) shut(index int) {
	o := r.blocks[index]
	if o == nil {
		return
	}
	delete(r.blocks, index)
	if o.tool < 0 || o.args {
		return
	}
	input := "{}"
	if present(o.input) {
		input = string(o.input)
	}
	r.add(engine.Event{Kind: engine.EventToolArgs, Tool: o.tool, Text: input})
}

// meter takes what a usage object states, and emits it: its figures are totals so
// far, and those that it leaves out stand. Input tokens are counted by this dialect
// without those that were read from the cache or written to it. Ollama's first ones
// are a guess, which its last mend.
func (r *anthropicReader) meter(u *anthropicUsage) {
	if u == nil {
		return
	}
	for _, v := range []struct{ to, from **int }{
		{&r.usage.Input, &u.Input}, {&r.usage.CacheRead, &u.CacheRead},
		{&r.usage.CacheCreation, &u.CacheCreation}, {&r.usage.Output, &u.Output},
	} {
		if *v.from != nil {
			*v.to = *v.from
		}
	}
	if u.OutputDetails != nil {
		r.usage.OutputDetails = u.OutputDetails
	}
	if u.Creation != nil {
		r.usage.Creation = u.Creation
	}
	n := func(p *int) int {
		if p == nil {
			return 0
		}
		return *p
	}
	out := engine.Usage{CachedInput: n(r.usage.CacheRead), CacheWrite: n(r.usage.CacheCreation), Output: n(r.usage.Output)}
	out.Input = n(r.usage.Input) + out.CachedInput + out.CacheWrite
	if r.usage.OutputDetails != nil {
		out.Reasoning = r.usage.OutputDetails.Thinking
	}
	if r.usage.Creation != nil {
		out.CacheWriteLong = r.usage.Creation.Long
	}
	r.addUsage(out)
}

func (r *anthropicReader) finish(stop string) {
	if r.stopped {
		return
	}
	r.stopped = true
	reason := engine.FinishStop
	switch stop {
	case "max_tokens", "model_context_window_exceeded":
		reason = engine.FinishLength
	case "tool_use":
		reason = engine.FinishTools
	case "refusal":
		reason = engine.FinishFilter
	case "pause_turn":
		reason = engine.FinishPause
	}
	r.add(engine.Event{Kind: engine.EventFinish, Finish: finishReason(reason, r.calls > 0)})
}
