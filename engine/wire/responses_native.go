package wire

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// other adds what a target of the same API tells and no event stands for: an item
// such as a search that it has made, as the target wrote it. own is the frame's
// bytes; nil where policy had the reply written anew, for these nobody has read.
func (r *responsesReply) other(dst []byte, e *engine.Event, own []byte) []byte {
	if own == nil {
		r.lose("output")
		return dst
	}
	t, err := parse(own, maxReplyDepth)
	if err != nil {
		r.lose("output")
		return dst
	}
	item := t.member(0, "item")
	if !r.stream {
		item = elementOf(t, t.member(0, "output"), e.Tool)
	}
	if item >= 0 && t.kind(item) == '{' {
		return r.nativeItem(dst, t, item, !r.stream || textOf(t, 0, "type") == "response.output_item.done")
	}
	kind, id := textOf(t, 0, "type"), textOf(t, 0, "item_id")
	at := slices.IndexFunc(r.items, func(it *responseItem) bool { return it.native != nil && it.id == id && it.status == statusOpen })
	if at < 0 || !r.stream || !strings.HasPrefix(kind, "response.") || !plain(kind, 96) {
		r.lose("output")
		return dst
	}
	dst = strconv.AppendInt(append(r.tell(dst, kind), `,"output_index":`...), int64(at), 10)
	for c := range t.children(0) {
		switch name := t.name(c); name {
		case "type", "sequence_number", "output_index":
		default:
			dst = quoted(append(dst, ','), "", name)
			dst = append(append(dst, ':'), oneLine(t.raw[t.span(c).Start:t.span(c).End])...)
		}
	}
	return end(dst)
}

// nativeItem adds an item of a type that has no neutral form.
func (r *responsesReply) nativeItem(dst []byte, t *tree, i int, done bool) []byte {
	id, kind := textOf(t, i, "id"), textOf(t, i, "type")
	raw := oneLine(t.raw[t.span(i).Start:t.span(i).End])
	at := slices.IndexFunc(r.items, func(it *responseItem) bool { return it.native != nil && it.id == id && it.status == statusOpen })
	switch {
	case at < 0 && (!plain(id, 256) || !plain(kind, 64) || slices.ContainsFunc(r.items, func(it *responseItem) bool { return it.id == id })):
		r.lose("output")
		return dst
	case at < 0:
		dst = r.close(dst, r.open, statusDone)
		at = len(r.items)
		r.item(kind, id).native = raw
		dst = r.added(dst, r.items[at])
	}
	it := r.items[at]
	if it.native = raw; !done {
		return dst
	}
	return r.close(dst, it, statusDone)
}

// settled is an item that no longer goes on, whatever its target has last said.
func settled(native []byte, status string) []byte {
	t, err := parse(native, maxReplyDepth)
	if err != nil || textOf(t, 0, "status") != statusOpen {
		return native
	}
	return engine.Splice(native, []engine.Edit{{Span: t.span(t.member(0, "status")), With: engine.Quote(status)}})
}

// elementOf is element n of array i, or -1.
func elementOf(t *tree, i, n int) int {
	if i < 0 || t.kind(i) != '[' {
		return -1
	}
	for c := range t.children(i) {
		if n == 0 {
			return c
		}
		n--
	}
	return -1
}

// textOf is the string member of object i with that name, or "".
func textOf(t *tree, i int, name string) string {
	if n := t.member(i, name); n >= 0 && t.kind(n) == '"' {
		return t.str(n)
	}
	return ""
}

// told are the members of a response that are this program's to tell. Beside them
// stands output_text, which repeats the output.
var told = []string{"id", "object", "created_at", "status", "completed_at", "error", "incomplete_details", "background", "previous_response_id",
	"store", "model", "output", "usage", "output_text", "conversation", "user"}

// keep keeps the members of a response that only its upstream knows, such as the
// tier that served it. own is the frame that ends the reply.
func (r *responsesReply) keep(own []byte) {
	if own == nil {
		return
	}
	t, err := parse(own, maxReplyDepth)
	if err != nil {
		return
	}
	i := 0
	if r.stream {
		if i = t.member(0, "response"); i < 0 || t.kind(i) != '{' {
			return
		}
	}
	for c := range t.children(i) {
		name := t.name(c)
		if slices.Contains(told, name) || slices.ContainsFunc(echoes[:], func(e echo) bool { return e.name == name }) {
			continue
		}
		r.more = quoted(append(r.more, ','), "", name)
		r.more = append(append(r.more, ':'), oneLine(t.raw[t.span(c).Start:t.span(c).End])...)
	}
}

// oneLine is JSON in one line: line breaks would end the data of an event.
func oneLine(raw []byte) []byte {
	v := jsontext.Value(slices.Clone(raw))
	if v.Compact() != nil {
		return []byte("null") // it has been parsed once
	}
	return v
}
