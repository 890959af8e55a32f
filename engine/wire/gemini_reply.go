package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// geminiReply writes replies of Gemini's API. Frames of a Gemini upstream are
// relayed as they are, all others built from their events. Both can happen in one
// reply.
//
// A stream is of server-sent events with data alone, for Google's own Go SDK fails
// on everything else, or one JSON array. A function call is written when it is
// whole, and why a candidate ended with the usage, at the end.
type geminiReply struct {
	req     *engine.Request
	id      string
	model   string
	raw     []byte // of a unary reply that is relayed
	choices []*geminiCandidate
	usage   *engine.Usage
	usedRaw bool // a frame with the usage has been relayed
	frames  int  // written so far
	losses  losses
	err     error // the reply cannot be told in this API
}

// geminiCandidate is what is known of a choice.
type geminiCandidate struct {
	parts    []geminiPart // of a unary reply, or of the frame that is being written
	text     int          // bytes of text so far
	calls    []*geminiPending
	finish   string
	finished bool // why it ended has been written
	cited    []engine.Citation
	logprobs *geminiLogprobs
}

// geminiPending is a function call that may not be whole yet.
type geminiPending struct {
	id, name  string
	arguments strings.Builder
	seal      *engine.Opaque
	custom    bool
	written   bool
}

func newGeminiReply(req *engine.Request) *geminiReply {
	return &geminiReply{req: req, losses: losses{dialect: req.Dialect}}
}

// ContentType implements Reply.
func (r *geminiReply) ContentType() string {
	if r.req.Stream && !r.req.Array {
		return "text/event-stream"
	}
	return "application/json"
}

// KeepAlive implements Reply: there is nothing that all clients skip.
func (r *geminiReply) KeepAlive(dst []byte) []byte { return dst }

// Losses implements Reply.
func (r *geminiReply) Losses() []engine.Loss { return r.losses.list }

// Fail implements Reply.
func (r *geminiReply) Fail(dst []byte, o *engine.Outcome) []byte {
	if !r.req.Stream {
		return append(dst, geminiError(o)...)
	}
	return r.close(r.frame(dst, geminiError(o)))
}

// frame appends one frame of a stream.
func (r *geminiReply) frame(dst, payload []byte) []byte {
	r.frames++
	switch {
	case !r.req.Array:
		return append(append(append(dst, "data: "...), payload...), "\n\n"...)
	case r.frames == 1:
		return append(append(dst, '['), payload...)
	}
	return append(append(dst, ",\r\n"...), payload...)
}

// close ends a stream.
func (r *geminiReply) close(dst []byte) []byte {
	if !r.req.Array {
		return dst
	}
	if r.frames == 0 {
		dst = append(dst, '[')
	}
	return append(dst, ']')
}

func (r *geminiReply) choice(i int) (*geminiCandidate, error) {
	if !goodChoice(i) {
		return nil, errBadChoice
	}
	for len(r.choices) <= i {
		r.choices = append(r.choices, &geminiCandidate{})
	}
	return r.choices[i], nil
}

// Frame implements Reply. A frame that reports the upstream's failure adds
// nothing; Fail follows it.
func (r *geminiReply) Frame(dst []byte, f *engine.Frame) ([]byte, error) {
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
	if f.Raw != nil && f.Dialect == r.req.Dialect {
		return r.relay(dst, f)
	}
	for i := range f.Events {
		if f.Events[i].Kind == engine.EventUsage {
			r.usedRaw = false // what was relayed is no longer the last of it
		}
		if err := r.event(&f.Events[i]); err != nil {
			return dst, err
		}
	}
	if !r.req.Stream {
		return dst, nil
	}
	return r.flush(dst, false)
}

// relay passes an upstream's frame on.
func (r *geminiReply) relay(dst []byte, f *engine.Frame) ([]byte, error) {
	if !r.req.Stream {
		r.raw = append(r.raw[:0], f.Raw...)
		return dst, nil
	}
	for i := range f.Events {
		switch e := &f.Events[i]; e.Kind {
		case engine.EventFinish:
			c, err := r.choice(e.Choice)
			if err != nil {
				return dst, err
			}
			c.finished = true
		case engine.EventUsage:
			r.usedRaw = true
		}
	}
	raw := f.Raw
	if !r.req.Array && bytes.ContainsAny(raw, "\r\n") {
		// Line breaks are white space here, but would end the event's data.
		v := jsontext.Value(bytes.Clone(raw))
		if err := v.Compact(); err != nil {
			return dst, fmt.Errorf("write a gemini reply: %w", errNothingToRelay)
		}
		raw = v
	}
	return r.frame(dst, raw), nil
}

// event adds an event to its choice.
func (r *geminiReply) event(e *engine.Event) error {
	switch e.Kind {
	case engine.EventStart, engine.EventUsage, engine.EventError, engine.EventEnd, engine.EventVector:
		return nil
	}
	c, err := r.choice(e.Choice)
	if err != nil {
		return err
	}
	switch e.Kind {
	case engine.EventText, engine.EventRefusal:
		if e.Kind == engine.EventRefusal {
			r.losses.approximate(fmt.Sprintf("candidates[%d].content", e.Choice), "text")
		}
		r.calls(c, false)
		c.text += len(e.Text)
		c.say(geminiPart{}, e.Text)
	case engine.EventReasoning:
		r.calls(c, false)
		c.say(geminiPart{Thought: true}, e.Text)
	case engine.EventSignature:
		if e.Tool >= 0 {
			if e.Tool < len(c.calls) {
				c.calls[e.Tool].seal = e.Seal
			}
			return nil
		}
		none := ""
		c.parts = append(c.parts, geminiPart{Text: &none, Thought: true, ThoughtSignature: wrapSeal(e.Seal)})
	case engine.EventRedacted:
		none := ""
		c.parts = append(c.parts, geminiPart{Text: &none, Thought: true, ThoughtSignature: wrapSeal(e.Seal)})
	case engine.EventToolCall:
		r.calls(c, false)
		c.calls = append(c.calls, &geminiPending{id: e.ID, name: e.Name, custom: e.Custom})
	case engine.EventToolArgs:
		if e.Tool >= 0 && e.Tool < len(c.calls) {
			c.calls[e.Tool].arguments.WriteString(e.Text)
		}
	case engine.EventImage:
		r.calls(c, false)
		c.parts = append(c.parts, geminiPart{InlineData: &geminiBlob{MIMEType: e.Name, Data: string(e.Data)}})
	case engine.EventCitation:
		if e.Citation.URL == "" {
			r.losses.drop(fmt.Sprintf("candidates[%d].groundingMetadata", e.Choice)) // of a document in the request
			return nil
		}
		cited := *e.Citation
		if cited.Out.End == 0 {
			cited.Out = engine.Span{Start: c.text, End: c.text}
		}
		c.cited = append(c.cited, cited)
	case engine.EventLogprobs:
		c.logprobs = c.logprobs.add(e.Logprobs)
	case engine.EventOther:
		r.losses.drop(fmt.Sprintf("candidates[%d].content", e.Choice))
	case engine.EventFinish:
		if e.Finish == engine.FinishPause {
			r.err = errPaused
		}
		r.calls(c, false)
		c.finish = e.Finish
	}
	return nil
}

// say adds a text to the part before it where that is of the same kind.
func (c *geminiCandidate) say(as geminiPart, text string) {
	text = strings.Clone(text)
	if n := len(c.parts); n > 0 && c.parts[n-1].Text != nil && c.parts[n-1].Thought == as.Thought && c.parts[n-1].ThoughtSignature == "" {
		*c.parts[n-1].Text += text
		return
	}
	as.Text = &text
	c.parts = append(c.parts, as)
}

// calls makes parts of the function calls that are whole: of all of them at the
// end, which must be then.
func (r *geminiReply) calls(c *geminiCandidate, end bool) error {
	for _, p := range c.calls {
		if p.written {
			continue
		}
		args := jsontext.Value(strings.TrimSpace(p.arguments.String()))
		switch {
		case p.custom:
			args = append(quoted(nil, `{"input":`, p.arguments.String()), '}')
			if !end {
				return nil
			}
		case end && len(args) == 0:
			args = jsontext.Value("{}")
		case !args.IsValid() || args.Kind() != '{':
			if end {
				return errNoObject
			}
			return nil // and what follows waits for it
		}
		call := &geminiCall{ID: p.id, Name: p.name, Args: args}
		part := geminiPart{FunctionCall: call}
		if p.seal != nil {
			part.ThoughtSignature = wrapSeal(p.seal)
		}
		p.written = true
		c.parts = append(c.parts, part)
	}
	return nil
}

// errNoObject says that a tool call's arguments are no JSON object.
var errNoObject = errors.New("the reply calls a tool with arguments that are no JSON object")

// geminiAnswer is a reply, or a frame of one.
type geminiAnswer struct {
	Candidates []geminiAnswered `json:"candidates,omitzero"`
	Usage      *geminiUsage     `json:"usageMetadata,omitzero"`
	Model      string           `json:"modelVersion,omitzero"`
	ID         string           `json:"responseId,omitzero"`
}

type geminiAnswered struct {
	Content   *geminiContent   `json:"content,omitzero"`
	Finish    string           `json:"finishReason,omitzero"`
	Index     int              `json:"index"`
	Grounding *geminiGrounding `json:"groundingMetadata,omitzero"`
	Logprobs  *geminiLogprobs  `json:"logprobsResult,omitzero"`
}

type geminiUsage struct {
	Prompt     int `json:"promptTokenCount"`
	Cached     int `json:"cachedContentTokenCount,omitzero"`
	Candidates int `json:"candidatesTokenCount"`
	Thoughts   int `json:"thoughtsTokenCount,omitzero"`
	Total      int `json:"totalTokenCount"`
}

// flush appends a frame with what is said and not yet written; at the end, why the
// candidates ended as well, and the usage.
func (r *geminiReply) flush(dst []byte, end bool) ([]byte, error) {
	a, err := r.answer(end)
	if err != nil || len(a.Candidates) == 0 && a.Usage == nil {
		return dst, err
	}
	b, err := json.Marshal(a, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return dst, fmt.Errorf("write a gemini reply: %w", err)
	}
	return r.frame(dst, b), nil
}

func (r *geminiReply) answer(end bool) (*geminiAnswer, error) {
	if r.model == "" {
		r.model = r.req.Model
	}
	a := &geminiAnswer{Model: r.model, ID: r.id}
	for i, c := range r.choices {
		if end {
			if err := r.calls(c, true); err != nil {
				return nil, err
			}
		}
		last := end && !c.finished
		if len(c.parts) == 0 && c.logprobs == nil && !last {
			continue
		}
		out := geminiAnswered{Index: i, Logprobs: c.logprobs}
		switch none := ""; {
		case len(c.parts) > 0:
			out.Content = &geminiContent{Role: "model", Parts: c.parts}
		case last && !r.req.Stream && c.finish != engine.FinishFilter:
			// Clients look at the first part of what is not blocked.
			out.Content = &geminiContent{Role: "model", Parts: []geminiPart{{Text: &none}}}
		}
		if last {
			out.Finish, out.Grounding, c.finished = geminiFinish(c.finish), c.grounding(), true
		}
		a.Candidates = append(a.Candidates, out)
		c.parts, c.logprobs = nil, nil
	}
	if end && r.usage != nil && !r.usedRaw {
		u := r.usage
		a.Usage = &geminiUsage{Prompt: u.Input, Cached: u.CachedInput, Candidates: max(0, u.Output-u.Reasoning), Thoughts: u.Reasoning, Total: u.Input + u.Output}
	}
	return a, nil
}

// geminiFinish is Google's word for why a reply ended. A reply that calls tools
// just stops.
func geminiFinish(reason string) string {
	switch reason {
	case engine.FinishLength:
		return "MAX_TOKENS"
	case engine.FinishFilter:
		return "SAFETY"
	}
	return "STOP"
}

// End implements Reply.
func (r *geminiReply) End(dst []byte) ([]byte, error) {
	switch {
	case r.err != nil:
		return dst, r.err
	case !r.req.Stream && r.raw != nil:
		return append(dst, r.raw...), nil
	case r.req.Operation == engine.OpCountTokens && r.usage != nil:
		return fmt.Appendf(dst, `{"totalTokens":%d}`, r.usage.Input), nil
	case len(r.choices) == 0 && r.frames == 0:
		return dst, errNothingToRelay
	}
	if r.req.Stream {
		dst, err := r.flush(dst, true)
		if err != nil {
			return dst, err
		}
		return r.close(dst), nil
	}
	a, err := r.answer(true)
	if err != nil {
		return dst, err
	}
	b, err := json.Marshal(a, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return dst, fmt.Errorf("write a gemini reply: %w", err)
	}
	return append(dst, b...), nil
}
