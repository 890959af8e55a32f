package wire

import (
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

const plainChunk = `{"choices":[{"finish_reason":null,"index":0,"delta":{"content":" model"}}],"created":1795451175,"id":"chatcmpl-X","model":"m","usage":null,"object":"chat.completion.chunk"}`

// chunks are texts that the scanner may take for a chunk of text alone, and whether
// it does.
var chunks = map[string]bool{
	plainChunk: true,
	`{"choices":[{"index":0,"delta":{"role":"assistant","content":"a\n\u00e9\"","refusal":null},"logprobs":null}]}`: true,
	` { "choices" : [ { "index" : 12 , "delta" : { "content" : "é" } } ] , "timings" : {"a":[1,{}]} } `:             true,

	`{"choices":[{"index":0,"delta":{"content":""}}]}`:                                      false,
	`{"choices":[{"index":0,"delta":{"content":null}}]}`:                                    false,
	`{"choices":[{"index":0,"delta":{"content":[{"text":"a"}]}}]}`:                          false,
	`{"choices":[{"index":0,"delta":{"content":"a","reasoning":"b"}}]}`:                     false,
	`{"choices":[{"index":0,"delta":{"content":"a","tool_calls":[]}}]}`:                     false,
	`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`:              false,
	`{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{}}]}`:                       false,
	`{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}`: false,
	`{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}`:         false,
	`{"choices":[{"index":0,"delta":{"content":"a"}}],"error":null}`:                        false,
	`{"choices":[{"index":0,"delta":{"content":"a","content":"b"}}]}`:                       false,
	`{"choices":[{"index":0,"delta":{"content":"a"}}],"choices":[]}`:                        false,
	`{"choices":[{"index":0,"delta":{"content":"a"}}],"choi\u0063es":[]}`:                   false,
	`{"choices":[{"index":0,"delta":{"content":"a"},"finish_r\u0065ason":"stop"}]}`:         false,
	`{"choices":[{"index":0,"delta":{"content":"a"}}],"\u0065rror":{}}`:                     false,
	`{"choices":[{"index":0,"delta":{"content":"\ud800"}}]}`:                                false,
	"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xff\"}}]}":                        false,
	`{"choices":[{"index":-1,"delta":{"content":"a"}}]}`:                                    false,
	`{"choices":[{"index":0.0,"delta":{"content":"a"}}]}`:                                   false,
	`{"choices":[{"index":128,"delta":{"content":"a"}}]}`:                                   false,
	`{"choices":[{"index":0,"delta":{"content":"a"}}]} {}`:                                  false,
	`{"choices":[{"index":0,"delta":{"content":"a"}}]`:                                      false,
	`{"choices":[{"index":0,"text":"b","delta":{"content":"a"}}]}`:                          false,
	`{"choices":[{"index":0,"message":{"content":"b"},"delta":{"content":"a"}}]}`:           false,
	`[]`: false, ``: false, `[DONE]`: false, `{}`: false, `null`: false, `{"choices":[]}`: false, `{"choices":[{}]}`: false,
}

// checkChunk: what the scanner takes, the decoder takes for the same and for no more.
func checkChunk(t *testing.T, payload []byte) bool {
	choice, text, err := new(chunkScanner).scan(payload)
	if err != nil {
		return false
	}
	req, rerr := OpenAIChat{}.ReadRequest(&Inbound{Body: []byte(replyRequest(true))}, Limits{})
	if rerr != nil {
		t.Fatal(rerr)
	}
	r := newOpenAIReader(req, engine.DialectOpenAIChat, Server{})
	var p openAIPayload
	if err := unmarshal(payload, &p); err != nil || len(p.Choices) != 1 || p.Choices[0].Index != choice {
		t.Fatalf("%q was scanned as %q of choice %d; decoded: %v, %+v", payload, text, choice, err, p)
	}
	// Not started: the decoder reads it.
	if err := r.read(payload); err != nil {
		t.Fatalf("%q: %v", payload, err)
	}
	var events []engine.Event
	for _, e := range r.events {
		if e.Kind != engine.EventStart {
			events = append(events, e)
		}
	}
	if len(events) != 1 || events[0].Kind != engine.EventText || events[0].Choice != choice || events[0].Text != text {
		t.Fatalf("%q was scanned as %q of choice %d; decoded: %+v", payload, text, choice, events)
	}
	return true
}

func TestChunkScanner(t *testing.T) {
	for payload, want := range chunks {
		if got := checkChunk(t, []byte(payload)); got != want {
			t.Errorf("%q: scanned %v", payload, got)
		}
	}
}

func FuzzChunkScanner(f *testing.F) {
	for payload := range chunks {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) { checkChunk(t, payload) })
}

// A chunk that goes to a client of the same dialect costs no allocation.
func TestRelayAllocatesNothing(t *testing.T) {
	req, err := OpenAIChat{}.ReadRequest(&Inbound{Body: []byte(replyRequest(true))}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	reader, reply := newOpenAIReader(req, engine.DialectOpenAIChat, Server{}), OpenAIChat{}.NewReply(req)
	dst := make([]byte, 0, 1024)
	emit := func(f *engine.Frame) (err error) {
		dst, err = reply.Frame(dst[:0], f)
		return err
	}
	chunk := []byte("data: " + strings.Replace(plainChunk, " model", ` m\u00f6del`, 1) + "\n\n")
	read := func() {
		if err := reader.Read(chunk, emit); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if n := testing.AllocsPerRun(100, read); n != 0 || string(dst) != string(chunk) {
		t.Errorf("%v allocations, relayed %s", n, dst)
	}
}
