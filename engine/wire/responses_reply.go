package wire

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// responsesReply writes replies of OpenAI's Responses API. A stream and a unary
// reply are one: events fill items, and a stream tells of it as it happens.
//
// Every reply is built, also one of a target that speaks the same API: servers of
// open models leave out what OpenAI's SDKs need, and an event at the end repeats
// all that was said, which policy may have had changed. What no event stands for,
// such as a search that the target made, goes in as the target wrote it.
//
// One message or reasoning is open at a time, and closed by what follows it. Tool
// calls stay open to the end, for some targets give several of them in turns.
type responsesReply struct {
	req      *engine.Request
	stream   bool
	id       string
	model    string
	created  int64
	sequence int64
	begun    bool
	echo     []byte          // members of the response that repeat the request
	items    []*responseItem // in the order of output_index
	open     *responseItem   // the message or reasoning that goes on, or nil
	calls    []*responseItem // by ordinal
	text     strings.Builder // all of it: citations count in it
	finish   string
	usage    *engine.Usage
	more     []byte // members of the response that only its upstream knows
	losses   []engine.Loss
	err      error // the reply cannot be told in this API
}

// responseItem is an item of the output.
type responseItem struct {
	index int
	id    string
	kind  string         // its type
	parts []responsePart // of a message its content, of reasoning its summary and its words
	// content and summary are how many parts are in each of these lists.
	content, summary int
	callID           string
	name             string
	body             []byte // a call's arguments or input, or an image in base64
	seal             string // of reasoning
	phase            string // of a message: what it is for; "": not said
	native           []byte // the item as the target wrote it, of a type that has no neutral form
	origin           string // its id with the target, where that speaks the same API
	status           string // "in_progress" until it is closed
}

// responsePart is a part of a message, or of the summary of reasoning.
type responsePart struct {
	kind        string // output_text, refusal, summary_text or reasoning_text
	index       int    // in its list: reasoning has one of its summary and one of its words
	from        int    // where in the reply's text it begins, in bytes
	text        []byte
	annotations []responseAnnotation
	logprobs    []engine.TokenLogprob
}

// Types of items.
const (
	itemMessage    = "message"
	itemReasoning  = "reasoning"
	itemFunction   = "function_call"
	itemCustom     = "custom_tool_call"
	itemImage      = "image_generation_call"
	partText       = "output_text"
	partRefusal    = "refusal"
	partSummary    = "summary_text"
	partWords      = reasoningWords
	statusOpen     = "in_progress"
	statusDone     = "completed"
	statusNotWhole = "incomplete"
	statusFailed   = "failed"
)

func newResponsesReply(req *engine.Request) *responsesReply {
	return &responsesReply{req: req, stream: req.Stream, created: time.Now().Unix()}
}

// ContentType implements Reply.
func (r *responsesReply) ContentType() string {
	if r.stream {
		return "text/event-stream"
	}
	return "application/json"
}

// KeepAlive implements Reply. OpenAI's SDKs skip comments.
func (r *responsesReply) KeepAlive(dst []byte) []byte {
	if !r.stream {
		return dst
	}
	return append(dst, ": keepalive\n\n"...)
}

// Losses implements Reply.
func (r *responsesReply) Losses() []engine.Loss { return r.losses }

// lose notes that something of the reply could not be written.
func (r *responsesReply) lose(field string) {
	l := engine.Loss{Field: field, How: engine.LossDropped}
	if !slices.Contains(r.losses, l) && len(r.losses) < maxReplyLosses {
		r.losses = append(r.losses, l)
	}
}

// Frame implements Reply. A frame that reports the upstream's failure adds
// nothing; Fail follows it.
func (r *responsesReply) Frame(dst []byte, f *engine.Frame) ([]byte, error) {
	for i := range f.Events {
		switch e := &f.Events[i]; e.Kind {
		case engine.EventError:
			return dst, nil
		case engine.EventStart:
			r.start(e)
		case engine.EventUsage:
			u := e.Usage
			r.usage = &u
		}
	}
	own := f.Raw // what the target wrote, where that is of this API and nobody changed more than texts
	if own == nil {
		own = f.Was
	}
	if f.Dialect != engine.DialectOpenAIResponses {
		own = nil
	}
	for i := range f.Events {
		e := &f.Events[i]
		switch e.Kind {
		case engine.EventStart, engine.EventUsage, engine.EventLogprobs:
			continue
		case engine.EventEnd:
			r.keep(own)
			continue
		case engine.EventOther:
			dst = r.other(r.begin(dst), e, own)
			continue
		}
		if e.Choice != 0 { // nobody can ask for another answer in this API
			r.lose("output")
			continue
		}
		var logprobs []engine.TokenLogprob
		if i+1 < len(f.Events) && f.Events[i+1].Kind == engine.EventLogprobs && f.Events[i+1].Choice == e.Choice {
			logprobs = f.Events[i+1].Logprobs
		}
		dst = r.event(r.begin(dst), e, logprobs)
	}
	return dst, nil
}

// start takes the reply's name from its upstream. An id of another API is told
// apart by what stands before its first dash.
func (r *responsesReply) start(e *engine.Event) {
	if r.begun {
		return
	}
	r.model = e.Model
	if r.id = e.ID; r.id != "" && !strings.HasPrefix(r.id, "resp_") {
		if at := strings.IndexAny(r.id, "-_"); at >= 0 && at+1 < len(r.id) {
			r.id = r.id[at+1:]
		}
		r.id = "resp_" + toolID(r.id)
	}
}

// begin appends the events that a stream begins with.
func (r *responsesReply) begin(dst []byte) []byte {
	if r.begun {
		return dst
	}
	r.begun = true
	if r.id == "" {
		r.id = "resp_" + rand.Text()
	}
	if r.model == "" {
		r.model = r.req.Model
	}
	r.echo = r.echoed()
	if r.stream {
		dst = r.whole(dst, "response.created", statusOpen, nil)
		dst = r.whole(dst, "response.in_progress", statusOpen, nil)
	}
	return dst
}

// event adds an event to the items. The logprobs are those of its text.
func (r *responsesReply) event(dst []byte, e *engine.Event, logprobs []engine.TokenLogprob) []byte {
	switch e.Kind {
	case engine.EventText:
		dst = r.into(dst, itemMessage, partText, e)
		p := r.part()
		p.text, p.logprobs = append(p.text, e.Text...), append(p.logprobs, logprobs...)
		r.text.WriteString(e.Text)
		return r.delta(dst, "response.output_text.delta", e.Text, logprobs)
	case engine.EventRefusal:
		dst = r.into(dst, itemMessage, partRefusal, e)
		p := r.part()
		p.text = append(p.text, e.Text...)
		return r.delta(dst, "response.refusal.delta", e.Text, nil)
	case engine.EventReasoning:
		part, delta := partSummary, "response.reasoning_summary_text.delta"
		if e.Name == reasoningWords {
			part, delta = partWords, "response.reasoning_text.delta"
		}
		dst = r.into(dst, itemReasoning, part, e)
		p := r.part()
		p.text = append(p.text, e.Text...)
		return r.delta(dst, delta, e.Text, nil)
	case engine.EventToolCall:
		dst = r.close(dst, r.open, statusDone)
		kind := itemFunction
		if e.Custom {
			kind = itemCustom
		}
		it := r.item(kind, "")
		it.callID, it.name = e.ID, e.Name
		if it.callID == "" {
			it.callID = r.named("call", it.index)
		}
		r.calls = append(r.calls, it)
		return r.added(dst, it)
	case engine.EventToolArgs:
		if e.Tool < 0 || e.Tool >= len(r.calls) {
			return dst
		}
		it := r.calls[e.Tool]
		it.body = append(it.body, e.Text...)
		return r.argued(dst, it, e.Text)
	case engine.EventSignature, engine.EventRedacted:
		return r.sealed(dst, e)
	case engine.EventCitation:
		return r.cited(dst, e.Citation)
	case engine.EventImage:
		dst = r.close(dst, r.open, statusDone)
		it := r.item(itemImage, "")
		dst = r.added(dst, it)
		it.body = append(it.body, e.Data...)
		return r.close(dst, it, statusDone)
	case engine.EventFinish:
		if e.Finish == engine.FinishPause {
			r.err = errPaused
		}
		r.finish = e.Finish // told by End: usage comes after it
	}
	return dst
}

// item makes a new item of the output. origin is its id with a target of the same
// API, or "".
func (r *responsesReply) item(kind, origin string) *responseItem {
	it := &responseItem{index: len(r.items), kind: kind, origin: origin, status: statusOpen}
	prefix := "msg"
	switch kind {
	case itemReasoning:
		prefix = "rs"
	case itemFunction:
		prefix = "fc"
	case itemCustom:
		prefix = "ctc"
	case itemImage:
		prefix = "ig"
	}
	it.id = r.named(prefix, it.index)
	if plain(origin, 256) && !slices.ContainsFunc(r.items, func(o *responseItem) bool { return o.id == origin }) {
		it.id = origin
	}
	r.items = append(r.items, it)
	return it
}

// named is the id of an item: the same for the same reply.
func (r *responsesReply) named(prefix string, index int) string {
	return prefix + "_" + strings.TrimPrefix(r.id, "resp_") + "_" + strconv.Itoa(index)
}

// part is the part that goes on.
func (r *responsesReply) part() *responsePart { return &r.open.parts[len(r.open.parts)-1] }

// into makes the open item one of the kind that the event is of, and its last part
// one of the other kind. An event without an id, such as one that was held back,
// goes on with the item that is open.
func (r *responsesReply) into(dst []byte, kind, part string, e *engine.Event) []byte {
	if r.open == nil || r.open.kind != kind || e.ID != "" && r.open.origin != "" && r.open.origin != e.ID {
		dst = r.close(dst, r.open, statusDone)
		r.open = r.item(kind, e.ID)
		if kind == itemMessage {
			r.open.phase = e.Name
		}
		dst = r.added(dst, r.open)
	}
	if n := len(r.open.parts); n == 0 || r.open.parts[n-1].kind != part {
		if n > 0 {
			dst = r.partDone(dst, r.open)
		}
		n := &r.open.content
		if part == partSummary {
			n = &r.open.summary
		}
		r.open.parts = append(r.open.parts, responsePart{kind: part, index: *n, from: r.text.Len()})
		*n++
		dst = r.partEvent(dst, "added", r.open, &responsePart{kind: part})
	}
	return dst
}

// sealed adds what its maker sealed: reasoning, or the signature of a call. The
// client is given it as encrypted reasoning and sends it back as that.
func (r *responsesReply) sealed(dst []byte, e *engine.Event) []byte {
	if e.Seal == nil {
		return dst
	}
	call := e.Kind == engine.EventSignature && e.Tool >= 0
	if call {
		// It is known by the call that it comes after.
		if e.Tool != len(r.calls)-1 || r.items[len(r.items)-1] != r.calls[e.Tool] {
			r.lose("output.encrypted_content")
			return dst
		}
	}
	if call || e.Kind == engine.EventRedacted || r.open == nil || r.open.kind != itemReasoning || r.open.seal != "" {
		dst = r.close(dst, r.open, statusDone)
		r.open = r.item(itemReasoning, e.ID)
		dst = r.added(dst, r.open)
	}
	r.open.seal = sealedFor(e.Seal, call)
	return r.close(dst, r.open, statusDone)
}

// cited adds a citation to the text that is being said.
func (r *responsesReply) cited(dst []byte, c *engine.Citation) []byte {
	if c.URL == "" || r.open == nil || r.open.kind != itemMessage || len(r.open.parts) == 0 || r.part().kind != partText {
		r.lose("output.content.annotations") // of a document in the request, say
		return dst
	}
	p, out := r.part(), c.Out
	if out.End == 0 {
		out = engine.Span{Start: r.text.Len(), End: r.text.Len()}
	}
	said := string(p.text)
	a := responseAnnotation{Type: "url_citation", URL: c.URL, Title: c.Title,
		Start: characters(said, out.Start-p.from), End: characters(said, out.End-p.from)}
	p.annotations = append(p.annotations, a)
	if !r.stream {
		return dst
	}
	dst = r.place(r.tell(dst, "response.output_text.annotation.added"), r.open, "content_index")
	dst = strconv.AppendInt(append(dst, `,"annotation_index":`...), int64(len(p.annotations)-1), 10)
	return end(append(append(dst, `,"annotation":`...), encoded(a)...))
}

// close completes an item.
func (r *responsesReply) close(dst []byte, it *responseItem, status string) []byte {
	if it == nil || it.status != statusOpen {
		return dst
	}
	if r.open == it {
		r.open = nil
	}
	switch it.kind {
	case itemMessage, itemReasoning:
		if len(it.parts) > 0 {
			dst = r.partDone(dst, it)
		}
	case itemFunction:
		if len(it.body) == 0 {
			it.body = append(it.body, "{}"...)
			dst = r.argued(dst, it, "{}")
		}
		if r.stream {
			dst = r.place(r.tell(dst, "response.function_call_arguments.done"), it, "")
			dst = end(quoted(quoted(dst, `,"name":`, it.name), `,"arguments":`, string(it.body)))
		}
	case itemCustom:
		if r.stream {
			dst = r.place(r.tell(dst, "response.custom_tool_call_input.done"), it, "")
			dst = end(quoted(dst, `,"input":`, string(it.body)))
		}
	case itemImage:
		if r.stream {
			dst = end(r.place(r.tell(dst, "response.image_generation_call.completed"), it, ""))
		}
	}
	if it.status = status; it.native != nil {
		it.native = settled(it.native, status)
	}
	return r.itemEvent(dst, "response.output_item.done", it)
}

// closeAll closes the items that are open.
func (r *responsesReply) closeAll(dst []byte, status string) []byte {
	for _, it := range r.items {
		dst = r.close(dst, it, status)
	}
	return dst
}

// End implements Reply.
func (r *responsesReply) End(dst []byte) ([]byte, error) {
	switch {
	case r.err != nil:
		return dst, r.err
	case r.req.Operation == engine.OpCountTokens:
		if r.usage == nil {
			return dst, errNothingToRelay
		}
		return fmt.Appendf(dst, `{"object":"response.input_tokens","input_tokens":%d}`, r.usage.Input), nil
	case !r.begun && !r.stream:
		return dst, errNothingToRelay
	}
	dst = r.begin(dst)
	status, of, reason := statusDone, statusDone, ""
	switch r.finish {
	case engine.FinishLength:
		status, of, reason = statusNotWhole, statusNotWhole, "max_output_tokens"
	case engine.FinishFilter:
		status, of, reason = statusNotWhole, statusNotWhole, "content_filter"
	}
	dst = r.closeAll(dst, of)
	how := &responseEnd{incomplete: reason}
	if !r.stream {
		return r.response(dst, status, how), nil
	}
	return r.whole(dst, "response."+status, status, how), nil
}

// Fail implements Reply. The SDKs raise an exception for an event with a member
// "error"; the event after it is the one that the API's documents promise.
func (r *responsesReply) Fail(dst []byte, o *engine.Outcome) []byte {
	if !r.stream {
		return append(dst, openAIError(o)...)
	}
	dst = r.closeAll(r.begin(dst), statusNotWhole)
	envelope := openAIError(o)
	dst = r.tell(dst, "error")
	dst = quoted(quoted(dst, `,"code":`, o.Code), `,"message":`, o.Message)
	if o.Field != "" {
		dst = quoted(dst, `,"param":`, o.Field)
	} else {
		dst = append(dst, `,"param":null`...)
	}
	// The envelope is an object with the one member "error".
	dst = append(append(append(dst, ','), envelope[1:len(envelope)-1]...), "}\n\n"...)
	return r.whole(dst, "response.failed", statusFailed, &responseEnd{code: failureCode(o.Status), message: o.Message})
}

// failureCode is the code of a response that failed: of the few that the API knows.
func failureCode(status int) string {
	if status == 429 {
		return "rate_limit_exceeded"
	}
	return "server_error"
}
