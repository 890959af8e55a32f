package wire

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// openAIReply writes replies of OpenAI's API. Frames of an OpenAI upstream are
// relayed as they are, save for what would break a client; all others are built
// from their events. Both can happen in one reply.
type openAIReply struct {
	req     *engine.Request
	id      string
	model   string
	created string // Unix seconds
	raw     []byte // of a unary reply that is relayed
	tooled  bool   // it calls tools
	choices []*replyChoice
	usage   *engine.Usage
	usedRaw bool   // a chunk with the usage has been relayed
	prefix  []byte // of every chunk that is built, up to its choices
	delta   []byte // scratch
	vectors [][]float32
	losses  []engine.Loss
	err     error // the reply cannot be told in this API
}

// replyChoice is what has been written of a choice.
type replyChoice struct {
	begun    bool // its role has been written
	finish   string
	finished bool // its finish reason has been written
	calls    []replyCall
	// text is what has been said, of a built reply: a citation counts its
	// characters.
	text   strings.Builder
	images int

	// Of a unary reply.
	reasoning, refusal  strings.Builder
	hasText, hasRefusal bool
	annotations         []openAIAnnotation
	pictures            []openAIImage
	logprobs            []engine.TokenLogprob
}

type replyCall struct {
	id, name  string
	custom    bool // its arguments are a text
	arguments []byte
}

func newOpenAIReply(req *engine.Request) *openAIReply {
	return &openAIReply{req: req, created: strconv.FormatInt(time.Now().Unix(), 10)}
}

func (r *openAIReply) streams() bool {
	return r.req.Stream && r.req.Operation != engine.OpEmbeddings
}

// ContentType implements Reply.
func (r *openAIReply) ContentType() string {
	if r.streams() {
		return "text/event-stream"
	}
	return "application/json"
}

// KeepAlive implements Reply. OpenAI's SDKs skip comments.
func (r *openAIReply) KeepAlive(dst []byte) []byte {
	if !r.streams() {
		return dst
	}
	return append(dst, ": keepalive\n\n"...)
}

// Fail implements Reply.
func (r *openAIReply) Fail(dst []byte, o *engine.Outcome) []byte {
	if !r.streams() {
		return append(dst, openAIError(o)...)
	}
	return append(append(append(dst, "data: "...), openAIError(o)...), "\n\n"...)
}

var errNothingToRelay = errors.New("write an openai reply: the upstream's reply is missing")

func (r *openAIReply) choice(i int) (*replyChoice, error) {
	if !goodChoice(i) {
		return nil, errBadChoice
	}
	for len(r.choices) <= i {
		r.choices = append(r.choices, &replyChoice{})
	}
	return r.choices[i], nil
}

// Frame implements Reply. A frame that reports the upstream's failure adds
// nothing; Fail follows it.
func (r *openAIReply) Frame(dst []byte, f *engine.Frame) ([]byte, error) {
	for i := range f.Events {
		switch e := &f.Events[i]; e.Kind {
		case engine.EventError:
			return dst, nil
		case engine.EventStart:
			r.id, r.model = e.ID, e.Model
		case engine.EventUsage:
			u := e.Usage
			r.usage = &u
		}
	}
	if f.Raw == nil && f.Was != nil && f.Dialect == r.req.Dialect {
		if raw, ok := spliceOpenAI(f.Was, f.Now); ok {
			f = &engine.Frame{Dialect: f.Dialect, Raw: raw, Events: f.Events}
		}
	}
	relayed := f.Raw != nil && f.Dialect == r.req.Dialect
	if relayed && !r.streams() {
		r.raw = append(r.raw[:0], f.Raw...)
		for i := range f.Events {
			r.tooled = r.tooled || f.Events[i].Kind == engine.EventToolCall
		}
		return dst, nil
	}
	if relayed {
		return r.relay(dst, f)
	}
	for i := 0; i < len(f.Events); i++ {
		e := &f.Events[i]
		var logprobs []engine.TokenLogprob
		if e.Kind == engine.EventText || e.Kind == engine.EventRefusal {
			if i+1 < len(f.Events) && f.Events[i+1].Kind == engine.EventLogprobs && f.Events[i+1].Choice == e.Choice {
				i++
				logprobs = f.Events[i].Logprobs
			}
		} else if e.Kind == engine.EventLogprobs {
			logprobs = e.Logprobs
		}
		var err error
		if dst, err = r.event(dst, e, logprobs); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// relay appends an upstream's own chunk. Most go through as they are. A chunk is
// taken apart only where something in it may have to change: the first of each
// choice, usage, a finish reason, an "error" member.
func (r *openAIReply) relay(dst []byte, f *engine.Frame) ([]byte, error) {
	raw, look := f.Raw, len(r.choices) < max(1, r.req.Sampling.N)
	for i := range f.Events {
		e := &f.Events[i]
		switch e.Kind {
		case engine.EventEnd:
			return dst, nil // ours is written by End
		case engine.EventToolCall:
			c, err := r.choice(e.Choice)
			if err != nil {
				return dst, err
			}
			look = look || !c.begun
			c.calls = append(c.calls, replyCall{})
		case engine.EventText, engine.EventReasoning, engine.EventRefusal, engine.EventToolArgs:
			look = look || e.Choice >= len(r.choices) || !r.choices[e.Choice].begun
		case engine.EventUsage, engine.EventFinish:
			look = true
		}
	}
	if look || bytes.Contains(raw, []byte(`"error"`)) {
		var err error
		metered := r.usedRaw
		if raw, err = r.repair(raw); err != nil {
			return dst, err
		}
		if r.usedRaw && !metered {
			dst = r.finish(dst, false) // usage comes after every finish reason
		}
	}
	if len(raw) == 0 {
		return dst, nil
	}
	if bytes.ContainsAny(raw, "\r\n") {
		// Line breaks are white space here, but would end the event's data.
		v := jsontext.Value(bytes.Clone(raw))
		if err := v.Compact(); err != nil {
			return dst, fmt.Errorf("write an openai reply: %w", errNothingToRelay)
		}
		raw = v
	}
	return append(append(append(dst, "data: "...), raw...), "\n\n"...), nil
}

// repair makes the changes to an upstream's chunk that the client's SDK needs, and
// returns nothing where the chunk is not for the client.
//
//   - "error": null is left out: SDKs that look for the name alone end the stream.
//   - The first delta of a choice names its role.
//   - A choice that called tools does not end in "stop".
//   - Usage is shown only to a client that asked for it, and once: beside a choice
//     it is left out, for End writes it in the chunk of its own that belongs to it.
//     Some clients add up what they are shown twice. One that asked a server for
//     usage in every chunk gets that.
func (r *openAIReply) repair(raw []byte) ([]byte, error) {
	t, err := parse(raw, maxReplyDepth)
	if err != nil {
		return nil, fmt.Errorf("write an openai reply: %w", err)
	}
	fields := t.fields(0)
	out := engine.Request{Body: engine.Document{Raw: raw}, Fields: fields}
	edit := relay{req: &out, drop: map[string]bool{}}
	choices := 0
	if at := t.member(0, "choices"); at >= 0 {
		for c := range t.children(at) {
			choices++
			if err := r.repairChoice(t, c, &edit); err != nil {
				return nil, err
			}
		}
	}
	if at := t.member(0, "error"); at >= 0 {
		edit.drop["error"] = true
	}
	// Azure's first chunk, which only tells of content filters, is not of the reply.
	if at := t.member(0, "created"); at >= 0 && t.kind(at) == '0' && t.lit(at) != "0" {
		r.created = t.lit(at)
	}
	if at := t.member(0, "usage"); at >= 0 {
		only := t.kind(at) != 'n' && choices == 0
		if only && !r.req.IncludeUsage {
			return nil, nil
		}
		edit.drop["usage"] = !r.req.IncludeUsage || choices > 0 && t.kind(at) != 'n' && !r.asksAlways()
		r.usedRaw = r.usedRaw || only
	}
	edit.dropped()
	return engine.Splice(raw, edit.edits), nil
}

// asksAlways says whether the client asked for usage in every chunk, as vLLM lets
// it.
func (r *openAIReply) asksAlways() bool {
	f, ok := r.req.Field("stream_options")
	return ok && bytes.Contains(r.req.Body.Raw[f.Value.Start:f.Value.End], []byte(`"continuous_usage_stats"`))
}

// maxReplyDepth bounds the nesting of a chunk; it has been parsed once already.
const maxReplyDepth = 10000

// repairChoice repairs a choice of a chunk.
func (r *openAIReply) repairChoice(t *tree, i int, edit *relay) error {
	index := 0
	if at := t.member(i, "index"); at >= 0 && t.kind(at) == '0' {
		index, _ = strconv.Atoi(t.lit(at)) // the reader has read it as an int
	}
	c, err := r.choice(index)
	if err != nil {
		return err
	}
	if at := t.member(i, "delta"); at >= 0 && t.kind(at) == '{' && !c.begun {
		c.begun = true
		with := `"role":"assistant"`
		if role := t.member(at, "role"); role < 0 {
			if int(t.nodes[at].end) > at+1 {
				with += ","
			}
			s := t.span(at).Start + 1
			edit.edits = append(edit.edits, engine.Edit{Span: engine.Span{Start: s, End: s}, With: []byte(with)})
		} else if t.kind(role) == 'n' {
			edit.edits = append(edit.edits, engine.Edit{Span: t.span(role), With: []byte(`"assistant"`)})
		}
	}
	if at := t.member(i, "text"); at >= 0 {
		c.begun = true
	}
	if at := t.member(i, "finish_reason"); at >= 0 && t.kind(at) == '"' && t.str(at) != "" {
		c.finished = true
		if t.str(at) == engine.FinishStop && len(c.calls) > 0 {
			edit.edits = append(edit.edits, engine.Edit{Span: t.span(at), With: []byte(`"` + engine.FinishTools + `"`)})
		}
	}
	return nil
}

// firstDelta begins a choice.
const firstDelta = `"role":"assistant","content":""`

// event appends the chunk for one event, or keeps it for the unary reply. The
// logprobs are those of its text.
func (r *openAIReply) event(dst []byte, e *engine.Event, logprobs []engine.TokenLogprob) ([]byte, error) {
	switch e.Kind {
	case engine.EventStart, engine.EventUsage, engine.EventError, engine.EventEnd:
		return dst, nil
	case engine.EventVector:
		return dst, r.vector(e)
	}
	c, err := r.choice(e.Choice)
	if err != nil {
		return dst, err
	}
	switch e.Kind {
	case engine.EventFinish:
		if e.Finish == engine.FinishPause {
			r.err = errPaused
		}
		// Written by End: nothing of a choice may follow its finish reason.
		c.finish = e.Finish
		return dst, nil
	case engine.EventSignature:
		return dst, nil // of use only beside the whole turn, which is kept by its calls' ids
	case engine.EventRedacted:
		r.lose(e.Choice, "message.reasoning_content")
		return dst, nil
	case engine.EventOther:
		r.lose(e.Choice, "message.content")
		return dst, nil
	case engine.EventCitation:
		if e.Citation.URL == "" { // of a document in the request, say
			r.lose(e.Choice, "message.annotations")
			return dst, nil
		}
	case engine.EventText:
		c.text.WriteString(e.Text)
	}
	if r.req.Operation == engine.OpCompletion && e.Kind != engine.EventText {
		r.lose(e.Choice, "text")
		return dst, nil // legacy completions know nothing else
	}
	if !r.streams() {
		c.keep(e)
		c.logprobs = append(c.logprobs, logprobs...)
		return dst, nil
	}
	if !c.begun {
		c.begun = true
		if r.req.Operation == engine.OpChat {
			dst = r.chunk(dst, e.Choice, []byte(firstDelta), nil, "")
		}
	}
	return r.chunk(dst, e.Choice, r.deltaOf(e, c), logprobs, ""), nil
}

// deltaOf is the members of an event's delta, valid until the next one.
func (r *openAIReply) deltaOf(e *engine.Event, c *replyChoice) []byte {
	delta := r.delta[:0]
	switch e.Kind {
	case engine.EventText:
		name := `"content":`
		if r.req.Operation == engine.OpCompletion {
			name = `"text":`
		}
		delta = quoted(delta, name, e.Text)
	case engine.EventReasoning:
		delta = quoted(delta, `"reasoning_content":`, e.Text)
	case engine.EventRefusal:
		delta = quoted(delta, `"refusal":`, e.Text)
	case engine.EventToolCall:
		c.calls = append(c.calls, replyCall{custom: e.Custom})
		kind, input := "function", `,"arguments":""}}]`
		if e.Custom {
			kind, input = "custom", `,"input":""}}]`
		}
		delta = strconv.AppendInt(append(delta, `"tool_calls":[{"index":`...), int64(e.Tool), 10)
		delta = quoted(delta, `,"id":`, e.ID)
		delta = quoted(delta, `,"type":"`+kind+`","`+kind+`":{"name":`, e.Name)
		delta = append(delta, input...)
	case engine.EventToolArgs:
		name := `,"function":{"arguments":`
		if e.Tool >= 0 && e.Tool < len(c.calls) && c.calls[e.Tool].custom {
			name = `,"custom":{"input":`
		}
		delta = strconv.AppendInt(append(delta, `"tool_calls":[{"index":`...), int64(e.Tool), 10)
		delta = append(quoted(delta, name, e.Text), `}}]`...)
	case engine.EventCitation:
		delta = append(delta, `"annotations":[`...)
		delta = append(append(delta, encoded(c.annotation(e.Citation))...), ']')
	case engine.EventImage:
		delta = append(delta, `"images":[`...)
		delta = append(append(delta, encoded(c.image(e))...), ']')
	}
	r.delta = delta
	return delta
}

// quoted appends prefix and s as a JSON string.
func quoted(dst []byte, prefix, s string) []byte {
	// The error only says that invalid UTF-8 was replaced.
	dst, _ = jsontext.AppendQuote(append(dst, prefix...), s)
	return dst
}

// chunk appends a chunk with one choice. delta holds the members of the delta, or
// those of the choice of a legacy completion; finish "" is null.
func (r *openAIReply) chunk(dst []byte, choice int, delta []byte, logprobs []engine.TokenLogprob, finish string) []byte {
	dst = r.begin(dst)
	dst = strconv.AppendInt(append(dst, `{"index":`...), int64(choice), 10)
	if r.req.Operation == engine.OpCompletion {
		dst = append(append(dst, ','), delta...)
	} else {
		dst = append(append(append(dst, `,"delta":{`...), delta...), '}')
	}
	if len(logprobs) > 0 && r.req.Operation == engine.OpChat {
		dst = append(append(dst, `,"logprobs":`...), encoded(choiceLogprobs(logprobs))...)
	}
	if finish == "" {
		dst = append(dst, `,"finish_reason":null}]}`...)
	} else {
		dst, _ = jsontext.AppendQuote(append(dst, `,"finish_reason":`...), finish)
		dst = append(dst, `}]}`...)
	}
	return append(dst, "\n\n"...)
}

// begin appends a chunk up to the first byte within its choices.
func (r *openAIReply) begin(dst []byte) []byte {
	if r.prefix == nil {
		r.name()
		object := "chat.completion.chunk"
		if r.req.Operation == engine.OpCompletion {
			object = "text_completion"
		}
		p := quoted(nil, `data: {"id":`, r.id)
		p = quoted(p, `,"object":"`+object+`","created":`+r.created+`,"model":`, r.model)
		r.prefix = append(p, `,"choices":[`...)
	}
	return append(dst, r.prefix...)
}

// name gives the reply what its upstream did not say.
func (r *openAIReply) name() {
	if r.id == "" {
		r.id = "chatcmpl-" + rand.Text()
	}
	if r.model == "" {
		r.model = r.req.Model
	}
}

// End implements Reply.
func (r *openAIReply) End(dst []byte) ([]byte, error) {
	if r.err != nil {
		return dst, r.err
	}
	if !r.streams() {
		return r.unary(dst)
	}
	dst = r.finish(dst, true)
	if r.req.IncludeUsage && r.usage != nil && !r.usedRaw {
		dst = append(r.begin(dst), `],"usage":`...)
		dst = append(append(dst, usageObject(*r.usage)...), "}\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...), nil
}

// finish appends the last chunk of every choice that has none yet: of all of them,
// or of those whose upstream has said why they ended.
func (r *openAIReply) finish(dst []byte, all bool) []byte {
	for i, c := range r.choices {
		if c.finished || !all && c.finish == "" {
			continue
		}
		c.finished = true
		if !c.begun && r.req.Operation == engine.OpChat {
			dst = r.chunk(dst, i, []byte(firstDelta), nil, "")
		}
		var delta []byte
		if r.req.Operation == engine.OpCompletion {
			delta = []byte(`"text":""`)
		}
		dst = r.chunk(dst, i, delta, nil, c.reason())
	}
	return dst
}

func (c *replyChoice) reason() string {
	reason := c.finish
	if reason == "" {
		reason = engine.FinishStop
	}
	return finishReason(reason, len(c.calls) > 0)
}
