package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// relay appends an upstream's own event. Only those that begin something, or end
// the message, are taken apart: what servers other than Anthropic's leave out of
// them is put in.
//
//   - llama.cpp begins a call without its input, and names its messages as OpenAI's
//     chat completions.
//   - Ollama begins and ends a message without stop_reason and stop_sequence.
//   - Both may end a message that calls tools in end_turn.
//
// Blocks are numbered anew where some before them were built.
func (r *anthropicReply) relay(dst []byte, f *engine.Frame) ([]byte, error) {
	name, index := eventHead(f.Raw)
	raw := f.Raw
	switch name {
	case "message_start":
		if r.begun {
			return dst, nil
		}
		r.begun = true
		fix, err := repairOf(raw)
		if err != nil {
			return dst, err
		}
		if m := fix.member(0, "message"); m >= 0 && fix.kind(m) == '{' {
			fix.message(m)
		}
		raw = fix.bytes()
	case "content_block_start":
		dst = r.flush(r.begin(dst))
		fix, err := repairOf(raw)
		if err != nil {
			return dst, err
		}
		b := &replyBlock{index: r.next, upstream: index, tool: -1}
		if c := fix.member(0, "content_block"); c >= 0 {
			b.kind = fix.block(c)
		}
		for i := range f.Events {
			if e := &f.Events[i]; e.Kind == engine.EventToolCall {
				b.tool = e.Tool
			}
		}
		fix.number(index, b.index)
		r.open, raw = b, fix.bytes()
		r.next++
	case "content_block_delta", "content_block_stop":
		if r.open == nil || r.open.upstream != index {
			return r.build(dst, f) // of a block whose begin was built, or was held back
		}
		if r.open.index != index {
			fix, err := repairOf(raw)
			if err != nil {
				return dst, err
			}
			fix.number(index, r.open.index)
			raw = fix.bytes()
		}
		if name == "content_block_stop" {
			r.open = nil
		}
	case "message_delta":
		dst = r.flush(r.begin(dst))
		fix, err := repairOf(raw)
		if err != nil {
			return dst, err
		}
		if r.ended || !fix.ending(r) {
			return dst, nil // End writes the usage with the end
		}
		r.ended, raw = true, fix.bytes()
	case "message_stop":
		return dst, nil // ours is written by End
	default: // ping, and what is yet to be invented
		if !r.begun || !plain(name, 64) {
			return dst, nil
		}
	}
	if bytes.ContainsAny(raw, "\r\n") {
		// Line breaks are white space here, but would end the event's data.
		v := jsontext.Value(bytes.Clone(raw))
		if err := v.Compact(); err != nil {
			return dst, fmt.Errorf("write an anthropic reply: %w", errNothingToRelay)
		}
		raw = v
	}
	dst = append(append(append(dst, "event: "...), name...), "\ndata: "...)
	return append(append(dst, raw...), "\n\n"...), nil
}

// eventHead is an event's type and index: -1 where it has none. Servers write them
// first, in this order; any other event is parsed for them.
func eventHead(raw []byte) (name string, index int) {
	if rest, ok := bytes.CutPrefix(raw, []byte(`{"type":"`)); ok {
		if value, rest, ok := bytes.Cut(rest, []byte(`"`)); ok {
			name = eventName(value)
			if rest, ok := bytes.CutPrefix(rest, []byte(`,"index":`)); ok {
				n := bytes.IndexAny(rest, ",}")
				if i, err := strconv.Atoi(string(rest[:max(0, n)])); err == nil && name != "" {
					return name, i
				}
			} else if name == "ping" || name == "message_stop" {
				return name, -1
			}
		}
	}
	t, err := parse(raw, maxReplyDepth)
	if err != nil {
		return "", -1
	}
	index = -1
	if at := t.member(0, "type"); at >= 0 && t.kind(at) == '"' {
		name = t.str(at)
	}
	if at := t.member(0, "index"); at >= 0 && t.kind(at) == '0' {
		index, _ = strconv.Atoi(t.lit(at)) // the reader has read it as an int
	}
	if at := t.member(0, "index"); at < 0 && strings.HasPrefix(name, "content_block_") {
		index = 0 // as the reader takes it
	}
	return name, index
}

// eventName is the name of an event without a copy of it, "" of others.
func eventName(b []byte) string {
	switch string(b) {
	case "content_block_delta":
		return "content_block_delta"
	case "content_block_start":
		return "content_block_start"
	case "content_block_stop":
		return "content_block_stop"
	case "message_stop":
		return "message_stop"
	case "ping":
		return "ping"
	}
	return ""
}

// repair is an upstream's JSON with what has to change in it.
type repair struct {
	*tree
	edits []engine.Edit
}

func repairOf(raw []byte) (*repair, error) {
	t, err := parse(raw, maxReplyDepth)
	if err != nil {
		return nil, fmt.Errorf("write an anthropic reply: %w", err)
	}
	return &repair{tree: t}, nil
}

func (r *repair) bytes() []byte { return engine.Splice(r.raw, r.edits) }

// set gives node i another value.
func (r *repair) set(i int, value string) {
	r.edits = append(r.edits, engine.Edit{Span: r.span(i), With: []byte(value)})
}

// give adds the members that object i lacks: names and values by turns.
func (r *repair) give(i int, members ...string) {
	with := ""
	for k := 0; k < len(members); k += 2 {
		if r.member(i, members[k]) < 0 {
			with += `"` + members[k] + `":` + members[k+1] + ","
		}
	}
	if with == "" {
		return
	}
	if int(r.nodes[i].end) == i+1 {
		with = strings.TrimSuffix(with, ",")
	}
	at := r.span(i).Start + 1
	r.edits = append(r.edits, engine.Edit{Span: engine.Span{Start: at, End: at}, With: []byte(with)})
}

// number gives an event's block another index.
func (r *repair) number(from, to int) {
	if at := r.member(0, "index"); at < 0 {
		r.give(0, "index", strconv.Itoa(to))
	} else if from != to {
		r.set(at, strconv.Itoa(to))
	}
}

// message repairs a message, or the beginning of one.
func (r *repair) message(i int) {
	r.give(i, "type", `"message"`, "role", `"assistant"`, "content", "[]", "stop_reason", "null", "stop_sequence", "null",
		"usage", `{"input_tokens":0,"output_tokens":0}`)
	if id := r.member(i, "id"); id >= 0 && r.kind(id) == '"' && !strings.HasPrefix(r.str(id), "msg_") {
		r.set(id, string(engine.Quote(messageID(r.str(id)))))
	} else if id < 0 {
		r.give(i, "id", string(engine.Quote(messageID(""))))
	}
	if u := r.member(i, "usage"); u >= 0 && r.kind(u) == '{' {
		r.give(u, "input_tokens", "0", "output_tokens", "0")
	}
}

// block repairs the beginning of a block, or a whole one, and returns its type.
func (r *repair) block(i int) string {
	at := r.member(i, "type")
	if at < 0 || r.kind(at) != '"' {
		return ""
	}
	kind := r.str(at)
	switch kind {
	case "text":
		r.give(i, "text", `""`)
	case "thinking":
		r.give(i, "thinking", `""`, "signature", `""`)
	case "tool_use":
		r.give(i, "input", "{}")
	}
	return kind
}

// ending repairs the end of a message, and says whether it is one.
func (r *repair) ending(reply *anthropicReply) bool {
	d := r.member(0, "delta")
	if d < 0 || r.kind(d) != '{' {
		return false
	}
	stop := r.member(d, "stop_reason")
	if stop < 0 || r.kind(stop) != '"' {
		return false
	}
	if r.str(stop) == "end_turn" && reply.called {
		r.set(stop, `"tool_use"`)
	}
	r.give(d, "stop_sequence", "null")
	usage := string(anthropicUsageObject(reply.total()))
	if u := r.member(0, "usage"); u >= 0 && r.kind(u) == '{' {
		r.give(u, "output_tokens", strconv.Itoa(reply.total().Output))
	} else if u >= 0 {
		r.set(u, usage)
	} else {
		r.give(0, "usage", usage)
	}
	return true
}
