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
	`{"choices":[{"index":0,"delta":{"content":"a"}}],"id":7}`:                              false,
	`[]`: false, ``: false, `[DONE]`: false, `{}`: false, `null`: false, `{"choices":[]}`: false, `{"choices":[{}]}`: false,
}

// checkChunk: what the scanner takes, the decoder takes for the same and for no more.
func checkChunk(t *testing.T, payload []byte) bool {
	choice, text, err := new(textScanner).openAI(payload)
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

func TestTextScanner(t *testing.T) {
	for payload, want := range chunks {
		if got := checkChunk(t, []byte(payload)); got != want {
			t.Errorf("%q: scanned %v", payload, got)
		}
	}
}

func FuzzTextScanner(f *testing.F) {
	for payload := range chunks {
		f.Add([]byte(payload))
	}
	for _, payload := range texts {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		checkChunk(t, payload)
		checkTexts(t, payload)
	})
}

// texts are what the scanner may take for a piece of text in the other dialects.
var texts = []string{
	`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" model"}}`,
	`{"index":3,"delta":{"text":"a\n\u00e9","type":"text_delta"},"type":"content_block_delta","more":[1]}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","partial_json":"b"}}`,
	`{"type":"content_block_delta","index":0,"delta":{"text":"a"}}`, `{"index":0,"delta":{"type":"text_delta","text":"a"}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","text":"b"}}`,
	`{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"},"error":{"type":"x"}}`,
	`{"type":"content_block_stop","index":0,"delta":{"type":"text_delta","text":"a"}}`,
	`{"model":"tiny","created_at":"x","message":{"role":"assistant","content":" model"},"done":false}`,
	`{"message":{"content":"é","thinking":null,"images":null},"done":false}`,
	`{"message":{"content":"a"},"done":false,"done_reason":7}`, `{"message":{"content":"a"},"model":7}`,
	`{"message":{"content":"a"},"done":true}`, `{"message":{"content":"a"},"done":false,"done":true}`, `{"message":{"content":"a","thinking":"b"}}`,
	`{"message":{"content":"a"},"error":"x"}`, `{"message":{"content":"a"},"response":"b"}`, `{"message":{"content":"a"},"logprobs":[]}`,
	`{"message":{"content":"a","tool_calls":[]}}`, `{"message":{"content":""}}`, `{"message":null}`, `{"m\u0065ssage":{"content":"a"}}`,
}

func checkTexts(t *testing.T, payload []byte) (scanned int) {
	if block, text, err := new(textScanner).anthropic(payload); err == nil {
		var e anthropicEvent
		if err := unmarshal(payload, &e); err != nil || e.Type != "content_block_delta" || e.Index != block || e.Delta == nil || present(e.Error) ||
			e.Delta.Type != "text_delta" || e.Delta.Text != text {
			t.Fatalf("%q was scanned as %q of block %d; decoded: %v, %+v", payload, text, block, err, e)
		}
		scanned++
	}
	if text, err := new(textScanner).ollama(payload); err == nil {
		var p ollamaPayload
		if err := unmarshal(payload, &p); err != nil || present(p.Error) || p.Response+p.Thinking != "" || present(p.Logprobs) || p.Done || p.Message == nil ||
			p.Message.Content != text || p.Message.Thinking != "" || len(p.Message.Images)+len(p.Message.ToolCalls) > 0 {
			t.Fatalf("%q was scanned as %q; decoded: %v, %+v", payload, text, err, p)
		}
		scanned++
	}
	return scanned
}

func TestTextScannerOfOtherDialects(t *testing.T) {
	scanned := 0
	for _, payload := range texts {
		scanned += checkTexts(t, []byte(payload))
	}
	if scanned != 4 {
		t.Errorf("%d of %d were scanned, want 4", scanned, len(texts))
	}
}

// A chunk that goes to a client of the same dialect costs no allocation. Gemini's are
// not scanned: each tells the usage, too.
func TestRelayAllocatesNothing(t *testing.T) {
	for client, in := range benchmarkClients {
		for target, of := range benchmarkTargets {
			if of.api != client || client == engine.DialectGeminiContent {
				continue
			}
			ingress, _ := IngressFor(client)
			egress, _ := EgressFor(target)
			req, err := ingress.ReadRequest(in, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			reader, reply := egress.NewReader(req, &Upstream{}), ingress.NewReply(req)
			dst := make([]byte, 0, 4096)
			emit := func(f *engine.Frame) (err error) {
				dst, err = reply.Frame(dst[:0], f)
				return err
			}
			if err := reader.Read([]byte(of.head+of.chunk), emit); err != nil {
				t.Fatal(err)
			}
			chunk := []byte(strings.Replace(of.chunk, " model", ` m\u00f6del`, 1))
			if n := testing.AllocsPerRun(100, func() {
				if err := reader.Read(chunk, emit); err != nil {
					t.Fatal(err)
				}
			}); n != 0 || !strings.Contains(string(dst), `m\u00f6del`) {
				t.Errorf("%s: %v allocations, relayed %s", client, n, dst)
			}
		}
	}
}
