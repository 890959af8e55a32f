package wire

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// maxUnary bounds the body of a reply that is not a stream. A full batch of
// embeddings is the largest real one.
const maxUnary = 128 << 20

// Errors of a reader. None of them repeats what the upstream sent.
var (
	errUnaryTooLarge = errors.New("the reply is larger than 128 MiB")
	errCut           = errors.New("the reply ended without its end marker")
	errEmptyReply    = errors.New("the reply is empty")
	errReported      = errors.New("the upstream reported a failure in its reply")
	errBadChoice     = errors.New("the reply has a choice that was not asked for")
	errNoAnswer      = errors.New("the reply holds no answer")
	errTooManyCalls  = errors.New("the reply makes more tool calls than any model would")
)

// maxCalls bounds the tool calls of a reply, each of which is kept to its end.
const maxCalls = 1024

// maxUsage bounds each figure of an upstream's usage: tenants are charged by it.
const maxUsage = 1 << 31

// maxChoices bounds the alternative answers of a request and of its reply: it is
// OpenAI's own limit.
const maxChoices = 128

func goodChoice(i int) bool { return i >= 0 && i < maxChoices }

// frames is what the readers of all dialects share: it cuts a reply into frames
// as its framing says and hands each payload to the dialect's decoder.
type frames struct {
	dialect engine.Dialect
	framing framing
	// decode appends the events of one payload with add.
	decode func(payload []byte) error
	// ended says whether the reply has come to its proper end.
	ended func() bool

	sse    sse
	ndjson ndjson
	unary  []byte
	events []engine.Event
	out    engine.Frame // the one that is emitted
	emit   func(*engine.Frame) error
	each   func(payload []byte) error // frame, made once
	count  int                        // frames so far
	calls  int                        // tool calls so far
	closed bool                       // EventEnd or EventError has been emitted
	failed bool                       // it was EventError
}

type framing uint8

const (
	framedUnary framing = iota
	framedSSE
	framedNDJSON
)

// Read implements ReplyReader.
func (f *frames) Read(p []byte, emit func(*engine.Frame) error) error {
	f.emit = emit
	if f.each == nil {
		f.each = f.frame
	}
	switch f.framing {
	case framedSSE:
		return f.sse.feed(p, f.each)
	case framedNDJSON:
		return f.ndjson.feed(p, f.each)
	}
	if len(f.unary)+len(p) > maxUnary {
		return errUnaryTooLarge
	}
	f.unary = append(f.unary, p...)
	return nil
}

// Close implements ReplyReader.
func (f *frames) Close(emit func(*engine.Frame) error) error {
	f.emit = emit
	var err error
	switch f.framing {
	case framedSSE:
		err = f.sse.close(f.frame)
	case framedNDJSON:
		err = f.ndjson.close(f.frame)
	default:
		if len(bytes.TrimSpace(f.unary)) > 0 {
			err = f.frame(f.unary)
		}
	}
	if err != nil {
		return err
	}
	if f.failed {
		return errReported
	}
	if f.closed {
		return nil
	}
	if f.count == 0 {
		return errEmptyReply
	}
	if !f.ended() {
		return errCut
	}
	f.closed = true
	return emit(&engine.Frame{Dialect: f.dialect, Events: []engine.Event{{Kind: engine.EventEnd}}})
}

// frame decodes one payload and emits it. What follows the end marker, or the
// report of a failure, is no part of the reply.
func (f *frames) frame(payload []byte) error {
	if f.closed {
		return nil
	}
	f.count++
	f.events = f.events[:0]
	if err := f.decode(payload); err != nil {
		return fmt.Errorf("frame %d of the reply: %w", f.count, err)
	}
	for _, e := range f.events {
		f.failed = f.failed || e.Kind == engine.EventError
		f.closed = f.closed || f.failed || e.Kind == engine.EventEnd
	}
	f.out = engine.Frame{Dialect: f.dialect, Raw: payload, Events: f.events}
	return f.emit(&f.out)
}

func (f *frames) add(e engine.Event) { f.events = append(f.events, e) }

// addUsage adds what an upstream says it used, unless that cannot be: a negative
// figure would pay a tenant's spend back. The tokens are then estimated.
func (f *frames) addUsage(u engine.Usage) {
	for _, n := range []int{u.Input, u.Output, u.CachedInput, u.CacheWrite, u.CacheWriteLong, u.Reasoning, u.AudioInput, u.AudioOutput} {
		if n < 0 || n > maxUsage {
			return
		}
	}
	u.CachedInput = min(u.CachedInput, u.Input)
	u.CacheWrite = min(u.CacheWrite, u.Input-u.CachedInput)
	u.CacheWriteLong = min(u.CacheWriteLong, u.CacheWrite)
	u.AudioInput, u.AudioOutput = min(u.AudioInput, u.Input), min(u.AudioOutput, u.Output)
	f.add(engine.Event{Kind: engine.EventUsage, Usage: u})
}

// addCall adds the begin of a tool call, unless there are too many.
func (f *frames) addCall(e engine.Event) error {
	if f.calls++; f.calls > maxCalls {
		return errTooManyCalls
	}
	f.add(e)
	return nil
}

// addText adds an event that carries a piece of text, unless it is empty.
func (f *frames) addText(kind engine.EventKind, choice int, text string) {
	if text != "" {
		f.add(engine.Event{Kind: kind, Choice: choice, Text: text})
	}
}

// addError adds the failure that an upstream reports in an error object.
func (f *frames) addError(raw jsontext.Value) {
	code, message := errorObject(raw)
	f.add(engine.Event{Kind: engine.EventError, Code: code, Text: message})
}

// unmarshal decodes an upstream's JSON as strictly as a client's: a payload that
// two parsers could read differently is not relayed. The error does not repeat
// any of it.
func unmarshal(payload []byte, v any) error {
	err := json.Unmarshal(payload, v)
	if err == nil {
		return nil
	}
	if se := (*jsontext.SyntacticError)(nil); errors.As(err, &se) {
		return fmt.Errorf("not valid JSON at byte %d", se.ByteOffset)
	}
	if se := (*json.SemanticError)(nil); errors.As(err, &se) {
		return fmt.Errorf("a value at byte %d has the wrong type", se.ByteOffset)
	}
	return errors.New("not valid JSON")
}

// present says whether an optional value is there and not null.
func present(v jsontext.Value) bool { return len(v) > 0 && v.Kind() != 'n' }

// finishReason is the reason in OpenAI's words: a reply that calls tools ends in
// tool_calls, also where the upstream says stop.
func finishReason(reason string, calledTools bool) string {
	if reason == engine.FinishStop && calledTools {
		return engine.FinishTools
	}
	return reason
}

// maxErrorMessage bounds what is kept of an upstream's error message, in bytes.
const maxErrorMessage = 1024

// readError takes code and message out of an error body. All dialects and their
// imitators are read alike, for servers answer in each other's shapes:
// {"error":{…}}, {"error":"…"}, [{"error":{…}}], {"message":"…"}, {"detail":"…"}.
func readError(body []byte) (code, message string) {
	var list []jsontext.Value
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		body = list[0]
	}
	var e struct {
		Error   jsontext.Value `json:"error"`
		Message jsontext.Value `json:"message"`
		Detail  jsontext.Value `json:"detail"`
	}
	if json.Unmarshal(body, &e) != nil {
		return "", ""
	}
	if present(e.Error) {
		return errorObject(e.Error)
	}
	if message = text(e.Message); message == "" {
		message = text(e.Detail)
	}
	return "", clip(message)
}

// errorObject reads an error: an object, or a string that is the message. The
// code is the most telling of its names: code where that is one (llama.cpp and
// Gemini put the HTTP status there), else status, else type.
func errorObject(raw jsontext.Value) (code, message string) {
	if raw.Kind() == '"' {
		return "", clip(text(raw))
	}
	var e struct {
		Code    jsontext.Value `json:"code"`
		Status  jsontext.Value `json:"status"`
		Type    jsontext.Value `json:"type"`
		Message jsontext.Value `json:"message"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return "", ""
	}
	for _, v := range []jsontext.Value{e.Code, e.Status, e.Type} {
		if code = text(v); code != "" {
			break
		}
	}
	if !plain(code, 128) {
		code = ""
	}
	return code, clip(text(e.Message))
}

// text is the string in v, or "".
func text(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	b, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(b)
}

// clip bounds an error message, on a rune's boundary.
func clip(s string) string {
	if len(s) <= maxErrorMessage {
		return s
	}
	n := maxErrorMessage
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
