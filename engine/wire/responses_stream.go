package wire

import (
	"strconv"

	"github.com/sallyport-ai/sallyport/engine"
)

// tell begins an event of a stream, up to the member after its sequence number.
func (r *responsesReply) tell(dst []byte, kind string) []byte {
	dst = append(append(dst, "event: "...), kind...)
	dst = append(append(dst, "\ndata: {\"type\":\""...), kind...)
	dst = strconv.AppendInt(append(dst, `","sequence_number":`...), r.sequence, 10)
	r.sequence++
	return dst
}

// end ends the event that tell began.
func end(dst []byte) []byte { return append(dst, "}\n\n"...) }

// place appends where something is: in which item and, where index names that, in
// which part of it.
func (r *responsesReply) place(dst []byte, it *responseItem, index string) []byte {
	dst = quoted(dst, `,"item_id":`, it.id)
	dst = strconv.AppendInt(append(dst, `,"output_index":`...), int64(it.index), 10)
	if index != "" {
		dst = append(append(append(dst, `,"`...), index...), `":`...)
		dst = strconv.AppendInt(dst, int64(it.parts[len(it.parts)-1].index), 10)
	}
	return dst
}

// indexOf names the index of the parts of an item.
func indexOf(it *responseItem) string {
	if n := len(it.parts); n > 0 && it.parts[n-1].kind == partSummary {
		return "summary_index"
	}
	return "content_index"
}

// delta appends a piece of the text that goes on.
func (r *responsesReply) delta(dst []byte, kind, text string, logprobs []engine.TokenLogprob) []byte {
	if !r.stream {
		return dst
	}
	dst = r.place(r.tell(dst, kind), r.open, indexOf(r.open))
	dst = quoted(dst, `,"delta":`, text)
	if kind == "response.output_text.delta" {
		dst = appendLogprobs(append(dst, `,"logprobs":`...), logprobs)
	}
	return end(dst)
}

// argued appends a piece of a call's arguments.
func (r *responsesReply) argued(dst []byte, it *responseItem, piece string) []byte {
	if !r.stream {
		return dst
	}
	kind := "response.function_call_arguments.delta"
	if it.kind == itemCustom {
		kind = "response.custom_tool_call_input.delta"
	}
	return end(quoted(r.place(r.tell(dst, kind), it, ""), `,"delta":`, piece))
}

// added says that an item has begun.
func (r *responsesReply) added(dst []byte, it *responseItem) []byte {
	return r.itemEvent(dst, "response.output_item.added", it)
}

func (r *responsesReply) itemEvent(dst []byte, kind string, it *responseItem) []byte {
	if !r.stream {
		return dst
	}
	dst = strconv.AppendInt(append(r.tell(dst, kind), `,"output_index":`...), int64(it.index), 10)
	return end(it.append(append(dst, `,"item":`...)))
}

// partEvent says that the last part of an item has been added or is done.
func (r *responsesReply) partEvent(dst []byte, what string, it *responseItem, p *responsePart) []byte {
	if !r.stream {
		return dst
	}
	kind := "response.content_part."
	if p.kind == partSummary {
		kind = "response.reasoning_summary_part."
	}
	dst = r.place(r.tell(dst, kind+what), it, indexOf(it))
	return end(p.append(append(dst, `,"part":`...)))
}

// partDone completes the last part of an item.
func (r *responsesReply) partDone(dst []byte, it *responseItem) []byte {
	if !r.stream {
		return dst
	}
	p := &it.parts[len(it.parts)-1]
	switch p.kind {
	case partText:
		dst = r.place(r.tell(dst, "response.output_text.done"), it, indexOf(it))
		dst = quoted(dst, `,"text":`, string(p.text))
		dst = end(appendLogprobs(append(dst, `,"logprobs":`...), p.logprobs))
	case partRefusal:
		dst = r.place(r.tell(dst, "response.refusal.done"), it, indexOf(it))
		dst = end(quoted(dst, `,"refusal":`, string(p.text)))
	case partSummary, partWords:
		kind := "response.reasoning_summary_text.done"
		if p.kind == partWords {
			kind = "response.reasoning_text.done"
		}
		dst = r.place(r.tell(dst, kind), it, indexOf(it))
		dst = end(quoted(dst, `,"text":`, string(p.text)))
	}
	return r.partEvent(dst, "done", it, p)
}

// whole appends an event that holds the whole response.
func (r *responsesReply) whole(dst []byte, kind, status string, how *responseEnd) []byte {
	return end(r.response(append(r.tell(dst, kind), `,"response":`...), status, how))
}
