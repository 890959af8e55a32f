package wire

import (
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// responseEnd is how a response ended; the zero value is that it is complete.
type responseEnd struct {
	incomplete    string // why it is not
	code, message string // of a failure
}

// responseAnnotation is a citation in a text.
type responseAnnotation struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Title string `json:"title"`
	Start int    `json:"start_index"` // in characters of the part
	End   int    `json:"end_index"`
}

// response appends the object that the API is named after; how is nil for one that
// goes on.
func (r *responsesReply) response(dst []byte, status string, how *responseEnd) []byte {
	dst = quoted(dst, `{"id":`, r.id)
	dst = strconv.AppendInt(append(dst, `,"object":"response","created_at":`...), r.created, 10)
	dst = quoted(dst, `,"status":`, status)
	dst = append(dst, `,"completed_at":`...)
	if status == statusDone {
		dst = strconv.AppendInt(dst, time.Now().Unix(), 10)
	} else {
		dst = append(dst, `null`...)
	}
	dst = append(dst, `,"error":`...)
	if how != nil && how.code != "" {
		dst = append(quoted(quoted(dst, `{"code":`, how.code), `,"message":`, how.message), '}')
	} else {
		dst = append(dst, `null`...)
	}
	dst = append(dst, `,"incomplete_details":`...)
	if how != nil && how.incomplete != "" {
		dst = append(quoted(dst, `{"reason":`, how.incomplete), '}')
	} else {
		dst = append(dst, `null`...)
	}
	dst = quoted(append(dst, r.echo...), `,"model":`, r.model)
	if how != nil {
		dst = append(dst, r.more...)
	}
	dst = append(dst, `,"output":[`...)
	if how != nil {
		for i, it := range r.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = it.append(dst)
		}
	}
	dst = append(dst, `],"usage":`...)
	if how == nil || r.usage == nil {
		return append(dst, `null}`...)
	}
	return append(responsesUsage(dst, r.usage), '}')
}

// responsesUsage appends the usage as the API tells it.
func responsesUsage(dst []byte, u *engine.Usage) []byte {
	number := func(name string, n int) {
		dst = strconv.AppendInt(append(dst, name...), int64(n), 10)
	}
	number(`{"input_tokens":`, u.Input)
	number(`,"input_tokens_details":{"cached_tokens":`, u.CachedInput)
	number(`,"cache_write_tokens":`, u.CacheWrite)
	number(`},"output_tokens":`, u.Output)
	number(`,"output_tokens_details":{"reasoning_tokens":`, u.Reasoning)
	number(`},"total_tokens":`, u.Input+u.Output)
	return append(dst, '}')
}

type echo struct{ name, otherwise string }

// echoes are the members of a response that repeat the request, with what they are
// where the client did not say.
var echoes = [...]echo{
	{"instructions", "null"}, {"max_output_tokens", "null"}, {"max_tool_calls", "null"}, {"metadata", "{}"},
	{"parallel_tool_calls", "true"}, {"reasoning", `{"effort":null,"summary":null}`}, {"safety_identifier", "null"},
	{"prompt_cache_key", "null"}, {"temperature", "1"}, {"text", `{"format":{"type":"text"}}`}, {"tool_choice", `"auto"`},
	{"tools", "[]"}, {"top_logprobs", "0"}, {"top_p", "1"}, {"truncation", `"disabled"`},
}

// echoed is the members of a response that repeat the request, as the client wrote
// it, each with a comma before it.
func (r *responsesReply) echoed() []byte {
	b := []byte(`,"background":false,"previous_response_id":null,"store":false`)
	for _, e := range echoes {
		value := []byte(e.otherwise)
		if f, ok := r.req.Field(e.name); ok {
			if v := r.req.Body.Raw[f.Value.Start:f.Value.End]; string(v) != "null" {
				value = oneLine(v)
			}
		}
		b = append(append(append(append(b, `,"`...), e.name...), `":`...), value...)
	}
	return b
}

// append appends the item as it now is.
func (it *responseItem) append(dst []byte) []byte {
	if it.native != nil {
		return append(dst, it.native...)
	}
	dst = quoted(quoted(dst, `{"id":`, it.id), `,"type":`, it.kind)
	dst = quoted(dst, `,"status":`, it.status)
	done := it.status != statusOpen
	switch it.kind {
	case itemMessage:
		if it.phase != "" {
			dst = quoted(dst, `,"phase":`, it.phase)
		}
		dst = append(dst, `,"role":"assistant","content":[`...)
		dst = append(it.appendParts(dst, done, false), ']')
	case itemReasoning:
		dst = append(dst, `,"summary":[`...)
		dst = append(it.appendParts(dst, done, true), ']')
		if len(it.parts) > 0 && it.parts[0].kind == partWords {
			dst = append(dst, `,"content":[`...)
			dst = append(it.appendParts(dst, done, false), ']')
		}
		if it.seal != "" {
			dst = quoted(dst, `,"encrypted_content":`, it.seal)
		}
	case itemFunction, itemCustom:
		dst = quoted(quoted(dst, `,"call_id":`, it.callID), `,"name":`, it.name)
		name, body := `,"arguments":`, ""
		if it.kind == itemCustom {
			name = `,"input":`
		}
		if done {
			body = string(it.body)
		}
		dst = quoted(dst, name, body)
	case itemImage:
		if done {
			dst = quoted(dst, `,"result":`, string(it.body))
		} else {
			dst = append(dst, `,"result":null`...)
		}
	}
	return append(dst, '}')
}

// appendParts appends those of an item's parts that are of a summary, or the others.
func (it *responseItem) appendParts(dst []byte, done, summary bool) []byte {
	n := 0
	for i := range it.parts {
		if !done || (it.parts[i].kind == partSummary) != summary {
			continue
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		n++
		dst = it.parts[i].append(dst)
	}
	return dst
}

// append appends the part as it now is.
func (p *responsePart) append(dst []byte) []byte {
	dst = quoted(dst, `{"type":`, p.kind)
	if p.kind == partRefusal {
		return append(quoted(dst, `,"refusal":`, string(p.text)), '}')
	}
	dst = quoted(dst, `,"text":`, string(p.text))
	if p.kind == partText {
		dst = append(dst, `,"annotations":`...)
		if len(p.annotations) == 0 {
			dst = append(dst, `[]`...)
		} else {
			dst = append(dst, encoded(p.annotations)...)
		}
		dst = appendLogprobs(append(dst, `,"logprobs":`...), p.logprobs)
	}
	return append(dst, '}')
}

// appendLogprobs appends the logprobs of a piece of text.
func appendLogprobs(dst []byte, tokens []engine.TokenLogprob) []byte {
	if len(tokens) == 0 {
		return append(dst, `[]`...)
	}
	return append(dst, encoded(logprobsOf(tokens, true))...)
}
