package wire

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// responsesPayload is an event of a stream, as far as it has a neutral meaning.
type responsesPayload struct {
	Type        string         `json:"type"`
	OutputIndex *int           `json:"output_index"`
	ItemID      string         `json:"item_id"`
	Delta       jsontext.Value `json:"delta"`
	Logprobs    jsontext.Value `json:"logprobs"`
	Item        jsontext.Value `json:"item"`
	Annotation  jsontext.Value `json:"annotation"`
	Response    responsesWhole `json:"response"`
	Message     string         `json:"message"`
	Error       jsontext.Value `json:"error"`
}

// responsesWhole is a response: of a unary reply, or in an event.
type responsesWhole struct {
	ID         string           `json:"id"`
	Model      string           `json:"model"`
	Status     string           `json:"status"`
	Output     []jsontext.Value `json:"output"`
	Error      jsontext.Value   `json:"error"`
	Incomplete *struct {
		Reason string `json:"reason"`
	} `json:"incomplete_details"`
	Usage *struct {
		Input        int `json:"input_tokens"`
		Output       int `json:"output_tokens"`
		InputDetails *struct {
			Cached int `json:"cached_tokens"`
			Write  int `json:"cache_write_tokens"`
		} `json:"input_tokens_details"`
		OutputDetails *struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
	} `json:"usage"`
}

// responsesOutput is an item of the output.
type responsesOutput struct {
	ID        string         `json:"id"`
	Type      string         `json:"type"`
	Phase     string         `json:"phase"`
	Content   jsontext.Value `json:"content"`
	Summary   jsontext.Value `json:"summary"`
	Encrypted string         `json:"encrypted_content"`
	CallID    string         `json:"call_id"`
	Name      string         `json:"name"`
	Arguments jsontext.Value `json:"arguments"`
	Input     jsontext.Value `json:"input"`
}

// responsesContent is a part of an item.
type responsesContent struct {
	Type        string           `json:"type"`
	Text        string           `json:"text"`
	Refusal     string           `json:"refusal"`
	Annotations []jsontext.Value `json:"annotations"`
	Logprobs    []openAILogprob  `json:"logprobs"`
}

// responsesReader reads replies of the Responses API. It is strict in JSON and in
// how a reply ends, and lenient in all that servers of open models leave out:
// numbers, indices and the events that say that something has begun or is done.
type responsesReader struct {
	frames
	req     *engine.Request
	started bool
	done    bool
	items   []*readItem
	called  int // tool calls that have begun
}

// readItem is an item of the output that has begun.
type readItem struct {
	id    string
	index int    // as the upstream counts; -1: it does not
	kind  string // its type
	phase string
	tool  int             // ordinal of the call, -1: none
	told  bool            // some of its content has been told
	said  strings.Builder // text of its parts: a citation counts its characters
}

// The event's Name of reasoning that is the model's own words, not their summary.
const reasoningWords = "reasoning_text"

func newResponsesReader(req *engine.Request) *responsesReader {
	r := &responsesReader{req: req}
	r.frames = frames{dialect: engine.DialectOpenAIResponses, decode: r.read, ended: func() bool { return r.done }}
	if req.Stream {
		r.framing = framedSSE
	}
	return r
}

func (r *responsesReader) read(payload []byte) error {
	if r.framing != framedSSE {
		var w responsesWhole
		if err := unmarshal(payload, &w); err != nil {
			return err
		}
		if present(w.Error) {
			r.addError(w.Error)
			return nil
		}
		if w.Output == nil {
			return errNoAnswer
		}
		r.start(&w)
		for i, raw := range w.Output {
			if err := r.whole(raw, i); err != nil {
				return err
			}
		}
		return r.end(w.Status, &w)
	}
	var p responsesPayload
	if err := unmarshal(payload, &p); err != nil {
		return err
	}
	r.start(&p.Response)
	switch p.Type {
	case "response.created", "response.in_progress", "response.queued":
	case "response.completed", "response.incomplete", "response.failed":
		return r.end(strings.TrimPrefix(p.Type, "response."), &p.Response)
	case "error":
		if !present(p.Error) {
			p.Error = payload
		}
		r.addError(p.Error)
	case "response.output_item.added":
		return r.added(p.Item, p.OutputIndex)
	case "response.output_item.done":
		return r.whole(p.Item, index(p.OutputIndex))
	default:
		return r.piece(&p)
	}
	return nil
}

func index(i *int) int {
	if i == nil {
		return -1
	}
	return *i
}

func (r *responsesReader) start(w *responsesWhole) {
	if !r.started && (w.ID != "" || w.Model != "") {
		r.started = true
		r.add(engine.Event{Kind: engine.EventStart, ID: w.ID, Model: w.Model})
	}
}

// find is the item with that id or, where the upstream gives none, that index.
func (r *responsesReader) find(id string, index int) *readItem {
	for i := len(r.items) - 1; i >= 0; i-- {
		if it := r.items[i]; id != "" && it.id == id || id == "" && index >= 0 && it.index == index {
			return it
		}
	}
	return nil
}

// begin notes an item.
func (r *responsesReader) begin(o *responsesOutput, index int) (*readItem, error) {
	if len(r.items) >= maxCalls {
		return nil, errTooManyCalls
	}
	it := &readItem{id: o.ID, index: index, kind: o.Type, tool: -1}
	if plain(o.Phase, 32) {
		it.phase = o.Phase
	}
	r.items = append(r.items, it)
	return it, nil
}

// call adds the begin of a tool call.
func (r *responsesReader) call(it *readItem, o *responsesOutput) error {
	it.tool = r.called
	r.called++
	return r.addCall(engine.Event{Kind: engine.EventToolCall, Tool: it.tool, ID: o.CallID, Name: o.Name, Custom: o.Type == itemCustom})
}

func (r *responsesReader) added(raw jsontext.Value, at *int) error {
	var o responsesOutput
	if err := unmarshal(raw, &o); err != nil {
		return err
	}
	it, err := r.begin(&o, index(at))
	if err != nil {
		return err
	}
	switch o.Type {
	case itemMessage, itemReasoning:
	case itemFunction, itemCustom:
		if o.Name != "" {
			return r.call(it, &o)
		}
	default:
		r.other(o.Type, index(at))
	}
	return nil
}

// other adds what has no neutral form; at is the item's place in a unary reply.
func (r *responsesReader) other(kind string, at int) {
	r.add(engine.Event{Kind: engine.EventOther, Name: kind, Tool: at})
}

// whole adds what of an item that is done has not been told, which of a unary
// reply is all of it.
func (r *responsesReader) whole(raw jsontext.Value, at int) error {
	var o responsesOutput
	if err := unmarshal(raw, &o); err != nil {
		return err
	}
	it := r.find(o.ID, at)
	if it == nil {
		var err error
		if it, err = r.begin(&o, at); err != nil {
			return err
		}
	}
	switch o.Type {
	case itemMessage:
		return r.message(it, &o)
	case itemReasoning:
		return r.reasoning(it, &o)
	case itemFunction, itemCustom:
		if it.tool < 0 {
			if err := r.call(it, &o); err != nil {
				return err
			}
		}
		arguments := o.Arguments
		if o.Type == itemCustom {
			arguments = o.Input
		}
		if s := callArguments(arguments); s != "" && !it.told {
			r.add(engine.Event{Kind: engine.EventToolArgs, Tool: it.tool, Text: s})
		}
	default:
		r.other(o.Type, at)
	}
	it.told = true
	return nil
}

// callArguments are arguments as a string, or, with some servers, as the object.
func callArguments(v jsontext.Value) string {
	if v.Kind() == '{' {
		return string(v)
	}
	return text(v)
}

func (r *responsesReader) message(it *readItem, o *responsesOutput) error {
	var parts []responsesContent
	if it.told || !present(o.Content) {
		return nil
	}
	if err := unmarshal(o.Content, &parts); err != nil {
		return err
	}
	for i := range parts {
		p := &parts[i]
		switch p.Type {
		case partText:
			r.say(it, p.Text)
			r.logprobs(p.Logprobs)
			for _, a := range p.Annotations {
				r.annotation(it, a)
			}
		case partRefusal:
			r.tell(it, engine.EventRefusal, p.Refusal)
		default:
			r.other("content", -1)
		}
	}
	return nil
}

// say adds a piece of a message's text.
func (r *responsesReader) say(it *readItem, text string) {
	it.said.WriteString(text)
	r.tell(it, engine.EventText, text)
}

// tell adds a piece of an item. A writer of the same API is told which item it is
// of.
func (r *responsesReader) tell(it *readItem, kind engine.EventKind, text string) {
	if it.told = true; text != "" {
		r.add(engine.Event{Kind: kind, Text: text, ID: it.id, Name: it.phase})
	}
}

func (r *responsesReader) reasoning(it *readItem, o *responsesOutput) error {
	if !it.told {
		name, list := reasoningWords, o.Content
		var parts []responsesContent
		if present(list) {
			if err := unmarshal(list, &parts); err != nil {
				return err
			}
		}
		if len(parts) == 0 && present(o.Summary) {
			name = ""
			if err := unmarshal(o.Summary, &parts); err != nil {
				return err
			}
		}
		for i := range parts {
			if parts[i].Text != "" {
				it.told = true
				r.add(engine.Event{Kind: engine.EventReasoning, Text: parts[i].Text, ID: it.id, Name: name})
			}
		}
	}
	if o.Encrypted == "" || strings.HasPrefix(o.Encrypted, sealPrefix) { // the prefix is ours
		return nil
	}
	e := engine.Event{Kind: engine.EventSignature, Tool: -1, ID: it.id,
		Seal: &engine.Opaque{Origin: engine.DialectOpenAI, Kind: engine.OpaqueEncrypted, ID: it.id, Data: o.Encrypted}}
	if !it.told {
		e.Kind = engine.EventRedacted
	}
	r.add(e)
	return nil
}

// piece adds an event that is of a part of an item.
func (r *responsesReader) piece(p *responsesPayload) error {
	it := r.find(p.ItemID, index(p.OutputIndex))
	kind, delta := strings.CutSuffix(strings.TrimPrefix(p.Type, "response."), ".delta")
	if it == nil {
		if !delta && p.Type != "response.output_text.annotation.added" {
			return nil
		}
		o := responsesOutput{ID: p.ItemID}
		switch kind { // of an item that nobody has announced
		case "reasoning_summary_text", "reasoning_text":
			o.Type = itemReasoning
		default:
			o.Type = itemMessage
		}
		var err error
		if it, err = r.begin(&o, index(p.OutputIndex)); err != nil {
			return err
		}
	}
	switch p.Type {
	case "response.output_text.delta":
		r.say(it, text(p.Delta))
		var tokens []openAILogprob
		if r.req.Logprobs != nil && p.Logprobs.Kind() == '[' && json.Unmarshal(p.Logprobs, &tokens) == nil {
			r.logprobs(tokens)
		}
	case "response.refusal.delta":
		r.tell(it, engine.EventRefusal, text(p.Delta))
	case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
		e := engine.Event{Kind: engine.EventReasoning, Text: text(p.Delta), ID: it.id}
		if kind == reasoningWords {
			e.Name = reasoningWords
		}
		if e.Text != "" {
			it.told = true
			r.add(e)
		}
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		if s := text(p.Delta); it.tool >= 0 && s != "" {
			it.told = true
			r.add(engine.Event{Kind: engine.EventToolArgs, Tool: it.tool, Text: s})
		}
	case "response.output_text.annotation.added":
		r.annotation(it, p.Annotation)
	default:
		if !it.neutral() && !slices.ContainsFunc(neutralEvents[:], func(prefix string) bool { return strings.HasPrefix(p.Type, prefix) }) {
			r.other(p.Type, -1)
		}
	}
	return nil
}

// neutralEvents are the events of items that have a neutral form, by how their
// types begin. Those of them that are no deltas repeat what has been told.
var neutralEvents = [...]string{"response.output_text.", "response.content_part.", "response.refusal.", "response.reasoning_",
	"response.function_call_arguments.", "response.custom_tool_call_input."}

// neutral says whether events tell all of the item.
func (it *readItem) neutral() bool {
	switch it.kind {
	case itemMessage, itemReasoning, itemFunction, itemCustom:
		return true
	}
	return false
}

func (r *responsesReader) logprobs(tokens []openAILogprob) {
	if r.req.Logprobs == nil || len(tokens) == 0 {
		return
	}
	e := engine.Event{Kind: engine.EventLogprobs}
	for i := range tokens {
		e.Logprobs = append(e.Logprobs, tokens[i].neutral())
	}
	r.add(e)
}

// annotation adds a citation of an item's text.
func (r *responsesReader) annotation(it *readItem, raw jsontext.Value) {
	var a responseAnnotation
	if raw.Kind() != '{' || json.Unmarshal(raw, &a) != nil || a.Type != "url_citation" {
		r.other("annotation", -1)
		return
	}
	c := &engine.Citation{Kind: "url", URL: a.URL, Title: a.Title}
	said := it.said.String()
	before := 0 // bytes of the answer that stand before this item
	for _, o := range r.items {
		if o == it {
			break
		}
		before += o.said.Len()
	}
	if from, to := byteAt(said, a.Start), byteAt(said, a.End); 0 <= from && from <= to {
		c.Out = engine.Span{Start: before + from, End: before + to}
	}
	r.add(engine.Event{Kind: engine.EventCitation, Citation: c})
}

// end adds how a response ended.
func (r *responsesReader) end(status string, w *responsesWhole) error {
	finish := engine.FinishStop
	switch status {
	case statusFailed:
		if !present(w.Error) {
			w.Error = jsontext.Value(`{}`)
		}
		r.addError(w.Error)
		return nil
	case statusNotWhole:
		if finish = engine.FinishLength; w.Incomplete != nil && w.Incomplete.Reason == "content_filter" {
			finish = engine.FinishFilter
		}
	case statusDone:
	default: // queued, cancelled
		return errNoAnswer
	}
	if u := w.Usage; u != nil {
		n := engine.Usage{Input: u.Input, Output: u.Output}
		if d := u.InputDetails; d != nil {
			n.CachedInput, n.CacheWrite = d.Cached, d.Write
		}
		if d := u.OutputDetails; d != nil {
			n.Reasoning = d.Reasoning
		}
		r.addUsage(n)
	}
	r.done = true
	r.add(engine.Event{Kind: engine.EventFinish, Finish: finishReason(finish, r.called > 0)})
	r.add(engine.Event{Kind: engine.EventEnd})
	return nil
}
