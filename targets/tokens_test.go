package targets

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// The counts are those of OpenAI's own tokenizer, tiktoken.
func TestCount(t *testing.T) {
	v := newVocabularies()
	for _, tt := range []struct {
		text          string
		o200k, cl100k int
	}{
		{"", 0, 0},
		{"hello world", 2, 2},
		{"tiktoken is great!", 6, 6},
		{"antidisestablishmentarianism", 6, 6},
		{"2 + 2 = 4", 7, 7},
		{"お誕生日おめでとう", 8, 9},
		{"The quick brown fox jumps over the lazy dog.", 10, 10},
	} {
		if got := count(v.of("gpt-4.1"), tt.text); got != tt.o200k {
			t.Errorf("o200k: %q has %d tokens, want %d", tt.text, got, tt.o200k)
		}
		if got := count(v.of("gpt-4-turbo"), tt.text); got != tt.cl100k {
			t.Errorf("cl100k: %q has %d tokens, want %d", tt.text, got, tt.cl100k)
		}
	}
}

func TestVocabularyOf(t *testing.T) {
	v := newVocabularies()
	for model, want := range map[string]string{
		"gpt-4": "cl100k_base", "gpt-4-0613": "cl100k_base", "gpt-4-turbo": "cl100k_base", "gpt-3.5-turbo": "cl100k_base", "gpt-35-turbo": "cl100k_base",
		"text-embedding-3-small": "cl100k_base",
		"gpt-4o":                 "o200k_base", "gpt-4.1-mini": "o200k_base", "gpt-5": "o200k_base", "o3": "o200k_base", "claude-opus-4-5": "o200k_base", "": "o200k_base",
	} {
		if got := v.of(model).GetName(); got != want {
			t.Errorf("%q is counted with %s, want %s", model, got, want)
		}
	}
}

// A text counted in pieces has as many tokens as it has as a whole, for it is cut
// where words are.
func TestCountInPieces(t *testing.T) {
	c := newVocabularies().of("")
	words := strings.Fields("the quick brown fox, jumps over 12345 lazy dogs; été 漢字 naïve-ish func(x) { return }")
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < 5*countedAtOnce {
		b.WriteString(words[rng.IntN(len(words))] + " ")
	}
	whole, err := c.Count(b.String())
	if err != nil {
		t.Fatal(err)
	}
	if got := count(c, b.String()); got != whole {
		t.Errorf("%d tokens in pieces, %d as a whole", got, whole)
	}
}

// Pieces are small, none is empty, and together they are the text.
func FuzzNextPiece(f *testing.F) {
	for _, s := range []string{"", "a b", "word\n\n\n", "漢漢", "\xff\xe6\xbc \xe6", " \n\t\u3000\u2028"} {
		for _, n := range []int{1, 3, longestSpace, countedAtOnce} {
			f.Add(s, n)
		}
	}
	f.Fuzz(func(t *testing.T, part string, times int) {
		if times < 0 || times > 1<<13 || len(part) > 64 {
			return
		}
		s := strings.Repeat(part, times)
		rest := s
		for rest != "" {
			piece, space := nextPiece(rest)
			if piece == "" || !strings.HasPrefix(rest, piece) {
				t.Fatalf("a piece of %d bytes of %d", len(piece), len(rest))
			}
			if !space && len(piece) > countedAtOnce || space && strings.TrimSpace(piece) != "" {
				t.Fatalf("a piece of %d bytes, space %v", len(piece), space)
			}
			rest = rest[len(piece):]
		}
	})
}

func TestMeter(t *testing.T) {
	v := newVocabularies()
	a := &engine.Attempt{Candidate: engine.Candidate{Upstream: "gpt-4.1"}, Request: chat(t, unaryBody)}
	text := func(s string) engine.Event { return engine.Event{Kind: engine.EventText, Text: s} }
	usage := func(u engine.Usage) engine.Event { return engine.Event{Kind: engine.EventUsage, Usage: u} }
	for _, tt := range []struct {
		name     string
		events   []engine.Event
		content  bool
		complete bool
		want     engine.Usage
	}{
		{"nothing came", nil, false, false, engine.Usage{}},
		{"no usage", []engine.Event{text("hello "), text("world")}, true, true, engine.Usage{Input: 15, Output: 2, Estimated: true}},
		{"no usage, cut", []engine.Event{text("hello "), text("world")}, true, false, engine.Usage{Input: 15, Output: 2, Estimated: true}},
		{"usage at the end", []engine.Event{text("hello world"), usage(engine.Usage{Input: 100, CachedInput: 60, Output: 7})}, true, true,
			engine.Usage{Input: 100, CachedInput: 60, Output: 7}},
		{"usage so far in each chunk", []engine.Event{text("hello"), usage(engine.Usage{Input: 100, Output: 1}), text(" world"), usage(engine.Usage{Input: 100, Output: 2})}, true, true,
			engine.Usage{Input: 100, Output: 2}},
		{"cut before the first text", []engine.Event{usage(engine.Usage{Input: 100, CachedInput: 60})}, false, false,
			engine.Usage{Input: 100, CachedInput: 60}},
		{"cut after the input was told", []engine.Event{usage(engine.Usage{Input: 100, CachedInput: 60, CacheWrite: 20, Output: 1}), text("hello world")}, true, false,
			engine.Usage{Input: 100, CachedInput: 60, CacheWrite: 20, Output: 3, Estimated: true}},
		{"nothing was said of the output", []engine.Event{usage(engine.Usage{Input: 100}), text("hello world")}, true, true,
			engine.Usage{Input: 100, Output: 2, Estimated: true}},
		{"more than is kept", []engine.Event{text("hello world"), text(strings.Repeat("a", maxCounted)), text("hello")}, true, true,
			engine.Usage{Input: 15, Output: 2 + maxCounted/4 + 1, Estimated: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m meter
			for i := range tt.events {
				m.add(&tt.events[i])
			}
			if m.text.Len() > maxCounted {
				t.Errorf("%d bytes are kept", m.text.Len())
			}
			got := m.usage(v, a, tt.content, tt.complete)
			if tt.name == "more than is kept" { // "helloworld…hello" is one text to the tokenizer
				if d := got.Output - tt.want.Output; d < -1 || d > 1 {
					t.Errorf("output %d, want about %d", got.Output, tt.want.Output)
				}
				got.Output = tt.want.Output
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
		})
	}
}

// A stream that tells no usage is counted, one that is cut after it told some
// keeps that, and one that tells it again and again is metered once.
func TestForwardStreamUsage(t *testing.T) {
	const (
		said = `data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"hello world"}}]}` + "\n\n"
		stop = `data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
		some = `data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":40,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":30}}}` + "\n\n"
		all  = `data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":40,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":30}}}` + "\n\n"
		done = "data: [DONE]\n\n"
	)
	const (
		start = "event: message_start\n" + `data: {"type":"message_start","message":{"id":"x","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":10,"cache_read_input_tokens":30,"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":4},"output_tokens":1}}}` + "\n\n"
		delta = "event: content_block_start\n" + `data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n" +
			"event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello world"}}` + "\n\n"
		finish = "event: content_block_stop\n" + `data: {"type":"content_block_stop","index":0}` + "\n\n" +
			"event: message_delta\n" + `data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}` + "\n\n" +
			"event: message_stop\n" + `data: {"type":"message_stop"}` + "\n\n"
	)
	for _, tt := range []struct {
		name, body string
		cut        bool
		want       engine.Usage
	}{
		{"Anthropic's", start + delta + finish, false, engine.Usage{Input: 45, CachedInput: 30, CacheWrite: 5, CacheWriteLong: 4, Output: 7}},
		{"Anthropic's, cut", start + delta, true, engine.Usage{Input: 45, CachedInput: 30, CacheWrite: 5, CacheWriteLong: 4, Output: 3, Estimated: true}},
		{"none told", said + stop + done, false, engine.Usage{Input: 15, Output: 2, Estimated: true}},
		{"told again and again", some + said + stop + all + all + done, false, engine.Usage{Input: 40, CachedInput: 30, Output: 9}},
		{"cut after some", some + said, true, engine.Usage{Input: 40, CachedInput: 30, Output: 2, Estimated: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				io.WriteString(w, tt.body)
			}))
			defer srv.Close()
			dialect := engine.DialectOpenAI
			if strings.HasPrefix(tt.body, "event:") {
				dialect = engine.DialectAnthropic
			}
			s := newSet(t, declare("demo", PostureCloud, dialect, srv.URL))
			_, usage, err := forward(t, s, chat(t, streamBody))
			if (err != nil) != tt.cut {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, usage); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
		})
	}
}

// The worst of these once took minutes for a megabyte.
func BenchmarkCount(b *testing.B) {
	c := newVocabularies().of("")
	for name, part := range map[string]string{"prose": "The quick brown fox jumps over the lazy dog. ", "letters": "abcxyz", "spaces": " \n", "wide": "\u3000\n", "mixed": "A\u0301' \t9\n"} {
		text := strings.Repeat(part, (64<<10)/len(part))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				count(c, text)
			}
		})
	}
}
