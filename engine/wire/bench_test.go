package wire

import (
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// benchmarkRequest is a chat of about 8 KB: a system prompt, a history with a
// tool call, three tools.
func benchmarkRequest() []byte {
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog while seven wizards watch. ", 7)
	tool := `{"type":"function","function":{"name":"get_weather","description":"Weather of a city","parameters":{"type":"object","properties":{"city":{"type":"string","description":"Its name"},"unit":{"type":"string","enum":["c","f"]}},"required":["city"]}}}`
	return []byte(`{"model":"small","stream":true,"messages":[{"role":"system","content":"` + prose + `"},` +
		strings.Repeat(`{"role":"user","content":"`+prose+`"},{"role":"assistant","content":"`+prose+`\n\u00e9"},`, 6) +
		`{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]},` +
		`{"role":"tool","tool_call_id":"call_1","content":"{\"celsius\":21}"},{"role":"user","content":"Thanks."}],` +
		`"tools":[` + tool + "," + tool + "," + tool + `],"temperature":0.2,"max_tokens":256}`)
}

func BenchmarkReadRequest(b *testing.B) {
	body := benchmarkRequest()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (OpenAIChat{}).ReadRequest(&Inbound{Body: body}, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteRequest(b *testing.B) {
	for _, d := range egressDialects {
		b.Run(string(d), func(b *testing.B) {
			req, err := OpenAIChat{}.ReadRequest(&Inbound{Body: benchmarkRequest()}, Limits{})
			if err != nil {
				b.Fatal(err)
			}
			e, _ := EgressFor(d)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.WriteRequest(req, &Upstream{Model: "m"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchmarkChunks runs a chunk from an upstream's bytes to the client's.
func benchmarkChunks(b *testing.B, d engine.Dialect, head, chunk string) {
	req, err := OpenAIChat{}.ReadRequest(&Inbound{Body: []byte(replyRequest(true))}, Limits{})
	if err != nil {
		b.Fatal(err)
	}
	e, _ := EgressFor(d)
	reader, rep := e.NewReader(req, &Upstream{}), OpenAIChat{}.NewReply(req)
	var dst []byte
	emit := func(f *engine.Frame) (err error) {
		dst, err = rep.Frame(dst[:0], f)
		return err
	}
	if err := reader.Read([]byte(head), emit); err != nil {
		b.Fatal(err)
	}
	p := []byte(chunk)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if err := reader.Read(p, emit); err != nil {
			b.Fatal(err)
		}
	}
	if len(dst) == 0 {
		b.Fatal("nothing was written")
	}
}

func BenchmarkRelayChunk(b *testing.B) {
	const chunk = `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" model"}}],"created":1795451175,"id":"chatcmpl-Xz65FZnkELmub4ndRabnM4MsBc8YiD5C","model":"m","system_fingerprint":"b1","object":"chat.completion.chunk"}` + "\n\n"
	benchmarkChunks(b, engine.DialectOpenAI, chunk, chunk)
}

func BenchmarkCrossChunk(b *testing.B) {
	b.Run("anthropic", func(b *testing.B) {
		benchmarkChunks(b, engine.DialectAnthropic,
			"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
			"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" model\"}}\n\n")
	})
	b.Run("gemini", func(b *testing.B) {
		benchmarkChunks(b, engine.DialectGemini, "", `data: {"candidates":[{"content":{"role":"model","parts":[{"text":" model"}]}}],"modelVersion":"g","responseId":"r"}`+"\r\n\r\n")
	})
	b.Run("ollama", func(b *testing.B) {
		benchmarkChunks(b, engine.DialectOllama, "", `{"model":"tiny","created_at":"2026-11-23T16:34:24.382199014Z","message":{"role":"assistant","content":" model"},"done":false}`+"\n")
	})
}
