package wire

import (
	"crypto/rand"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// anthropicReply writes replies of the Messages API. Events of a target of the same
// API are relayed as they are, save for what would break a client; all others are
// built. Both can happen in one reply.
//
// Blocks come one after the other in this API. Where a target interleaves them, as
// OpenAI's may with parallel calls, the first is written as it comes and the others
// wait for its end.
type anthropicReply struct {
	req *engine.Request

	id, model string
	raw       []byte // of a unary reply that is relayed
	begun     bool   // message_start is written
	ended     bool   // message_delta is written
	usage     *engine.Usage
	finish    string
	refused   bool
	called    bool // a tool
	said      int  // bytes of the answer, for an estimate

	open    *replyBlock   // of the blocks that are being written
	pending []*replyBlock // those behind it; all of a unary reply
	waiting int           // bytes of them
	next    int           // index of the next block
	losses  losses
}

// replyBlock is a content block of a reply.
type replyBlock struct {
	kind     string // text, thinking, redacted_thinking, tool_use, or one of a server's tools
	index    int
	upstream int // its index in the reply that is relayed; -1: it is built
	tool     int // ordinal of the call; -1: none
	id, name string
	text     strings.Builder // that is not written yet
	seal     string          // signature, or redacted thinking
	cites    []jsontext.Value
	args     jsonScan
}

// Bounds of a reply's state: what waits for the end of a call, in bytes.
const maxInterleaved = 1 << 20

// What the target says that this API cannot.
var (
	errInterleaved  = errors.New("write an anthropic reply: the target interleaves more than 1 MiB of tool calls")
	errBadArguments = errors.New("write an anthropic reply: the target calls a tool with arguments that are no JSON object")
)

func newAnthropicReply(req *engine.Request) *anthropicReply {
	return &anthropicReply{req: req, losses: losses{dialect: req.Dialect}}
}

// ContentType implements Reply.
func (r *anthropicReply) ContentType() string {
	if r.req.Stream {
		return "text/event-stream"
	}
	return "application/json"
}

// Losses implements Reply.
func (r *anthropicReply) Losses() []engine.Loss { return r.losses.list }

// KeepAlive implements Reply. A ping may stand anywhere behind the first event.
func (r *anthropicReply) KeepAlive(dst []byte) []byte {
	if !r.req.Stream || !r.begun {
		return dst
	}
	return append(dst, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
}

// Fail implements Reply.
func (r *anthropicReply) Fail(dst []byte, o *engine.Outcome) []byte {
	if !r.req.Stream {
		return append(dst, anthropicError(o)...)
	}
	return append(append(append(dst, "event: error\ndata: "...), anthropicError(o)...), "\n\n"...)
}

// Frame implements Reply. A frame that reports the upstream's failure adds nothing;
// Fail follows it.
func (r *anthropicReply) Frame(dst []byte, f *engine.Frame) ([]byte, error) {
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
	if f.Raw != nil && f.Dialect == engine.DialectAnthropicMessages {
		for i := range f.Events {
			r.called = r.called || f.Events[i].Kind == engine.EventToolCall
			r.said += len(f.Events[i].Text)
		}
		if !r.req.Stream {
			r.raw = append(r.raw[:0], f.Raw...)
			return dst, nil
		}
		return r.relay(dst, f)
	}
	return r.build(dst, f)
}

// build appends what the events of a frame add.
func (r *anthropicReply) build(dst []byte, f *engine.Frame) ([]byte, error) {
	for i := range f.Events {
		var err error
		if dst, err = r.event(dst, &f.Events[i]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// event appends what one event adds.
func (r *anthropicReply) event(dst []byte, e *engine.Event) ([]byte, error) {
	if e.Choice != 0 {
		return dst, errBadChoice
	}
	switch e.Kind {
	case engine.EventText:
		return r.text(dst, "text", e.Text)
	case engine.EventRefusal:
		r.refused = true
		return r.text(dst, "text", e.Text)
	case engine.EventReasoning:
		return r.text(dst, "thinking", e.Text)
	case engine.EventSignature:
		if b := r.last(); e.Tool < 0 && e.Seal != nil {
			if b == nil || b.kind != "thinking" {
				b = r.add(&replyBlock{kind: "thinking", tool: -1})
			}
			b.seal = carried(e.Seal)
			return r.advance(dst), nil
		}
		r.losses.drop("content")
	case engine.EventRedacted:
		if e.Seal != nil {
			r.add(&replyBlock{kind: "redacted_thinking", tool: -1, seal: carried(e.Seal)})
			return r.advance(dst), nil
		}
	case engine.EventToolCall:
		if e.Custom { // called with a text, which nobody here can have offered
			r.losses.drop("content")
			return dst, nil
		}
		r.called = true
		b := r.add(&replyBlock{kind: "tool_use", tool: e.Tool, id: e.ID, name: e.Name})
		if b.id = toolID(e.ID); e.ID == "" {
			b.id = "toolu_" + rand.Text()
		}
		return r.advance(dst), nil
	case engine.EventToolArgs:
		return r.arguments(dst, e)
	case engine.EventCitation:
		v := anthropicCitation(e.Citation)
		b := r.last()
		if v == nil || b == nil || b.kind != "text" {
			r.losses.drop("content.citations")
			return dst, nil
		}
		b.cites = append(b.cites, v)
		return r.advance(dst), nil
	case engine.EventImage, engine.EventOther, engine.EventVector:
		r.losses.drop("content")
	case engine.EventFinish:
		r.finish = e.Finish
	}
	return dst, nil
}

// carried is a seal as a client of this API carries it.
func carried(s *engine.Opaque) string {
	if s.Origin == engine.DialectAnthropic {
		return s.Data
	}
	return sealPrefix + string(s.Origin) + "." + s.Data
}

// last is the block that is added to at the end.
func (r *anthropicReply) last() *replyBlock {
	if n := len(r.pending); n > 0 {
		return r.pending[n-1]
	}
	return r.open
}

func (r *anthropicReply) add(b *replyBlock) *replyBlock {
	b.upstream = -1
	r.pending = append(r.pending, b)
	return b
}

// text appends a piece of an answer or of thinking.
func (r *anthropicReply) text(dst []byte, kind, s string) ([]byte, error) {
	b := r.last()
	// What has been signed, and what has been cited, is complete.
	if b == nil || b.kind != kind || kind == "thinking" && b.seal != "" {
		b = r.add(&replyBlock{kind: kind, tool: -1})
	}
	return r.piece(dst, b, s)
}

// arguments appends a piece of a call's arguments.
func (r *anthropicReply) arguments(dst []byte, e *engine.Event) ([]byte, error) {
	b := r.open
	if b == nil || b.tool != e.Tool {
		b = nil
		for _, p := range r.pending {
			if p.tool == e.Tool {
				b = p
			}
		}
	}
	if b == nil { // of a call that never began
		r.losses.drop("content")
		return dst, nil
	}
	b.args.feed(e.Text)
	return r.piece(dst, b, e.Text)
}

func (r *anthropicReply) piece(dst []byte, b *replyBlock, s string) ([]byte, error) {
	b.text.WriteString(s)
	r.said += len(s)
	if b != r.open {
		r.waiting += len(s)
	}
	dst = r.advance(dst)
	if r.waiting > maxInterleaved && r.req.Stream {
		return dst, errInterleaved
	}
	return dst, nil
}

// advance writes what can be written: all of the open block, and the others as soon
// as each before has ended. A call has ended once its arguments are complete and
// something follows.
func (r *anthropicReply) advance(dst []byte) []byte {
	if !r.req.Stream {
		return dst
	}
	for {
		if r.open != nil {
			dst = r.deltas(dst, r.open)
			if len(r.pending) == 0 || r.open.kind == "tool_use" && r.open.upstream < 0 && !r.open.args.complete() {
				return dst
			}
			dst = r.shut(dst)
		}
		if len(r.pending) == 0 {
			return dst
		}
		dst = r.begin(dst)
		r.open, r.pending = r.pending[0], r.pending[1:]
		r.open.index = r.next
		r.next++
		r.waiting -= min(r.waiting, r.open.text.Len())
		dst = r.openBlock(dst, r.open)
	}
}

// flush writes all that waits, and ends the last block.
func (r *anthropicReply) flush(dst []byte) []byte {
	if !r.req.Stream {
		return dst
	}
	for r.open != nil || len(r.pending) > 0 {
		if dst = r.advance(dst); r.open != nil {
			dst = r.shut(dst)
		}
	}
	return dst
}

// start appends an event up to its own members.
func startEvent(dst []byte, name string) []byte {
	dst = append(append(dst, "event: "...), name...)
	dst = append(append(dst, "\ndata: {\"type\":\""...), name...)
	return append(dst, '"')
}

const endEvent = "}\n\n"

// begin appends message_start, once.
func (r *anthropicReply) begin(dst []byte) []byte {
	if r.begun {
		return dst
	}
	r.begun = true
	r.name()
	u := engine.Usage{Input: r.req.PromptTokens}
	if r.usage != nil {
		u = *r.usage
	}
	dst = quoted(startEvent(dst, "message_start"), `,"message":{"id":`, r.id)
	dst = quoted(dst, `,"type":"message","role":"assistant","model":`, r.model)
	dst = append(dst, `,"content":[],"stop_reason":null,"stop_sequence":null,"usage":`...)
	u.Output, u.Reasoning = min(u.Output, 1), 0
	return append(append(append(dst, anthropicUsageObject(u)...), '}'), endEvent...)
}

// name gives the reply what its upstream did not say, and its id the form that they
// have in this API.
func (r *anthropicReply) name() {
	r.id = messageID(r.id)
	if r.model == "" {
		r.model = r.req.Model
	}
}

func messageID(id string) string {
	switch {
	case strings.HasPrefix(id, "msg_"):
		return id
	case id == "":
		return "msg_" + rand.Text()
	}
	return "msg_" + toolID(strings.TrimPrefix(id, "chatcmpl-"))
}

// blockEvent appends an event of a block up to its own members.
func blockEvent(dst []byte, name string, index int) []byte {
	return strconv.AppendInt(append(startEvent(dst, name), `,"index":`...), int64(index), 10)
}

func (r *anthropicReply) openBlock(dst []byte, b *replyBlock) []byte {
	dst = append(blockEvent(dst, "content_block_start", b.index), `,"content_block":`...)
	switch b.kind {
	case "text":
		dst = append(dst, `{"type":"text","text":""}`...)
	case "thinking":
		dst = append(dst, `{"type":"thinking","thinking":"","signature":""}`...)
	case "redacted_thinking":
		dst = append(quoted(dst, `{"type":"redacted_thinking","data":`, b.seal), '}')
	case "tool_use":
		dst = quoted(dst, `{"type":"tool_use","id":`, b.id)
		dst = append(quoted(dst, `,"name":`, b.name), `,"input":{}}`...)
	}
	return append(dst, endEvent...)
}

// deltas appends what of a block is not written yet.
func (r *anthropicReply) deltas(dst []byte, b *replyBlock) []byte {
	if b.text.Len() > 0 {
		dst = append(blockEvent(dst, "content_block_delta", b.index), `,"delta":`...)
		switch b.kind {
		case "thinking":
			dst = quoted(dst, `{"type":"thinking_delta","thinking":`, b.text.String())
		case "tool_use":
			dst = quoted(dst, `{"type":"input_json_delta","partial_json":`, b.text.String())
		default:
			dst = quoted(dst, `{"type":"text_delta","text":`, b.text.String())
		}
		dst = append(append(dst, '}'), endEvent...)
		b.text.Reset()
	}
	for _, c := range b.cites {
		dst = append(blockEvent(dst, "content_block_delta", b.index), `,"delta":{"type":"citations_delta","citation":`...)
		dst = append(append(append(dst, c...), '}'), endEvent...)
	}
	b.cites = nil
	return dst
}

// shut ends the open block.
func (r *anthropicReply) shut(dst []byte) []byte {
	b := r.open
	if b.kind == "thinking" && b.seal != "" {
		dst = quoted(append(blockEvent(dst, "content_block_delta", b.index), `,"delta":{"type":"signature_delta"`...), `,"signature":`, b.seal)
		dst = append(append(dst, '}'), endEvent...)
	}
	r.open = nil
	return append(blockEvent(dst, "content_block_stop", b.index), endEvent...)
}

// End implements Reply.
func (r *anthropicReply) End(dst []byte) ([]byte, error) {
	if r.req.Operation == engine.OpCountTokens {
		return r.count(dst), nil
	}
	if !r.req.Stream {
		return r.unary(dst)
	}
	dst = r.flush(r.begin(dst))
	if !r.ended {
		r.ended = true
		dst = quoted(startEvent(dst, "message_delta"), `,"delta":{"stop_reason":`, r.reason())
		dst = append(append(dst, `,"stop_sequence":null},"usage":`...), anthropicUsageObject(r.total())...)
		dst = append(dst, endEvent...)
	}
	return append(startEvent(dst, "message_stop"), endEvent...), nil
}

// total is the usage, an estimate where the upstream said nothing of it.
func (r *anthropicReply) total() engine.Usage {
	if r.usage != nil {
		return *r.usage
	}
	return engine.Usage{Input: r.req.PromptTokens, Output: (r.said + 3) / 4}
}

// reason is why the reply ended, in Anthropic's words.
func (r *anthropicReply) reason() string {
	reason := "end_turn"
	switch r.finish {
	case engine.FinishLength:
		reason = "max_tokens"
	case engine.FinishTools:
		reason = "tool_use"
	case engine.FinishFilter:
		reason = "refusal"
	case engine.FinishPause:
		reason = "pause_turn"
	}
	switch {
	case r.refused:
		return "refusal"
	case reason == "end_turn" && r.called:
		return "tool_use"
	}
	return reason
}

// jsonScan follows a JSON object that comes in pieces.
type jsonScan struct {
	depth            int
	begun, str, skip bool
}

func (s *jsonScan) feed(p string) {
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case s.skip:
			s.skip = false
		case s.str && c == '\\':
			s.skip = true
		case c == '"':
			s.str = !s.str
		case s.str:
		case c == '{' || c == '[':
			s.begun = true
			s.depth++
		case c == '}' || c == ']':
			s.depth--
		}
	}
}

// complete says whether the object has come to its end.
func (s *jsonScan) complete() bool { return s.begun && s.depth == 0 }
