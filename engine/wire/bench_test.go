package wire

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// benchmarkClients are requests for a streamed chat, by the client's API.
var benchmarkClients = map[engine.Dialect]*Inbound{
	engine.DialectOpenAIChat:        {Body: []byte(replyRequest(true))},
	engine.DialectOpenAIResponses:   {Body: []byte(`{"model":"m","stream":true,"input":"hi"}`)},
	engine.DialectAnthropicMessages: {Body: []byte(`{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`)},
	engine.DialectOllamaChat:        {Body: []byte(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`)},
	engine.DialectGeminiContent: {Model: "m", Verb: "streamGenerateContent", Query: "alt=sse",
		Body: []byte(`{"contents":[{"parts":[{"text":"hi"}]}]}`)},
}

// benchmarkTargets are the beginning of a stream and a piece of its text, by the
// target's dialect, and the API that the target speaks.
var benchmarkTargets = map[engine.Dialect]struct {
	api         engine.Dialect
	head, chunk string
}{
	engine.DialectOpenAI: {engine.DialectOpenAIChat,
		`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":""}}],"created":1795451175,"id":"chatcmpl-Xz65FZnkELmub4ndRabnM4MsBc8YiD5C","model":"m","object":"chat.completion.chunk"}` + "\n\n",
		`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" model"}}],"created":1795451175,"id":"chatcmpl-Xz65FZnkELmub4ndRabnM4MsBc8YiD5C","model":"m","system_fingerprint":"b1","object":"chat.completion.chunk"}` + "\n\n"},
	engine.DialectAnthropic: {engine.DialectAnthropicMessages,
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n" +
			"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" model\"}}\n\n"},
	engine.DialectGemini: {engine.DialectGeminiContent, "",
		`data: {"candidates":[{"content":{"role":"model","parts":[{"text":" model"}]}}],"modelVersion":"g","responseId":"r"}` + "\r\n\r\n"},
	engine.DialectOllama: {engine.DialectOllamaChat, "",
		`{"model":"tiny","created_at":"2026-11-23T16:34:24.382199014Z","message":{"role":"assistant","content":" model"},"done":false}` + "\n"},
}

// BenchmarkChunk runs a piece of a stream's text from the target's bytes to the
// client's. A chunk in the client's own dialect is to cost 2 µs at most and no
// allocation, one in another dialect 10 µs.
func BenchmarkChunk(b *testing.B) {
	for _, client := range slices.Sorted(maps.Keys(benchmarkClients)) {
		for _, target := range slices.Sorted(maps.Keys(benchmarkTargets)) {
			b.Run(string(client)+"/"+string(target), func(b *testing.B) { benchmarkChunks(b, client, target) })
		}
	}
}

func benchmarkChunks(b *testing.B, client, target engine.Dialect) {
	in, ok := IngressFor(client)
	if !ok {
		b.Fatal("no such client")
	}
	req, err := in.ReadRequest(benchmarkClients[client], Limits{})
	if err != nil {
		b.Fatal(err)
	}
	e, _ := EgressFor(target)
	reader, reply := e.NewReader(req, &Upstream{}), in.NewReply(req)
	dst := make([]byte, 0, 4096)
	written := 0
	emit := func(f *engine.Frame) (err error) {
		dst, err = reply.Frame(dst[:0], f)
		written += len(dst)
		return err
	}
	t := benchmarkTargets[target]
	if err := reader.Read([]byte(t.head+t.chunk), emit); err != nil {
		b.Fatal(err)
	}
	p := []byte(t.chunk)
	written = 0
	n := 0
	allocs := testing.AllocsPerRun(1000, func() {
		if err := reader.Read(p, emit); err != nil {
			b.Fatal(err)
		}
	})
	b.SetBytes(int64(len(p)))
	before := processorTime(b)
	for b.Loop() {
		n++
		if err := reader.Read(p, emit); err != nil {
			b.Fatal(err)
		}
	}
	spent := processorTime(b) - before
	if written == 0 {
		b.Fatal("nothing was written")
	}
	took, most, mostAllocs := float64(spent.Nanoseconds())/float64(n)/1000, 10.0, -1.0
	if t.api == client {
		most, mostAllocs = 2, 0
	}
	verdict := "met"
	if took > most || mostAllocs >= 0 && allocs > mostAllocs {
		verdict = "MISSED"
	}
	b.ReportMetric(allocs, "allocs/chunk")
	fmt.Printf("BENCH | %s from %s | %.2f µs, %.0f allocations | <= %v µs | %s\n", client, target, took, allocs, most, verdict)
}

// processorTime is what this process has used: other programs do not count.
func processorTime(b *testing.B) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
