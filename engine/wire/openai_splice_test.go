package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// textsOf are the texts of a frame, in order.
func textsOf(f *engine.Frame) []string {
	out := []string{}
	for _, e := range f.Events {
		switch e.Kind {
		case engine.EventText, engine.EventReasoning, engine.EventRefusal, engine.EventToolArgs:
			out = append(out, e.Text)
		}
	}
	return out
}

// checkSplice puts other texts into each frame of a reply and reads them again.
func checkSplice(t testing.TB, req *engine.Request, body []byte) {
	t.Helper()
	frames, _ := readAll(OpenAI{}.NewReader(req, &Upstream{}), body, len(body))
	for i := range frames {
		f := &frames[i]
		was := textsOf(f)
		if len(was) == 0 || len(f.Raw) == 0 {
			continue
		}
		same, ok := spliceOpenAI(f.Raw, was)
		if !ok {
			t.Fatalf("%q is not found in %s", was, f.Raw)
		}
		if d := cmp.Diff(canonicalJSON(t, f.Raw), canonicalJSON(t, same)); d != "" {
			t.Fatalf("the same texts change a frame (-was +now):\n%s", d)
		}
		now := make([]string, len(was))
		for k := range was {
			now[k] = strings.Repeat("é\"\n", k+1)
		}
		other, ok := spliceOpenAI(f.Raw, now)
		if !ok {
			t.Fatalf("no place for %q in %s", now, f.Raw)
		}
		back, ok := spliceOpenAI(other, was)
		if !ok || canonicalJSON(t, back) != canonicalJSON(t, f.Raw) {
			t.Fatalf("%s is not what it was: %s", back, f.Raw)
		}
		if _, ok := spliceOpenAI(f.Raw, append(now, "x")); ok {
			t.Fatal("a text too many has a place")
		}
		if _, ok := spliceOpenAI(f.Raw, now[1:]); ok {
			t.Fatal("a text that is missing is not missed")
		}
	}
}

func canonicalJSON(t testing.TB, raw []byte) string {
	v := jsontext.Value(append([]byte{}, raw...))
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

func TestSplice(t *testing.T) {
	for _, file := range append(glob(t, "replies/*.openai.sse"), glob(t, "replies/*.openai.json")...) {
		if strings.HasPrefix(filepath.Base(file), "parts.") {
			continue // several parts become one
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkSplice(t, asked(t, strings.HasSuffix(file, ".sse"), false), body)
	}
	was := `{"choices":[{"index":0,"message":{"reasoning":"a","reasoning_content":"a","content":[{"type":"text","text":"b"},{"type":"x"},{"type":"text","text":"c"}],"x":1},"finish_reason":"stop"}]}`
	want := `{"choices":[{"index":0,"message":{"reasoning":"A","reasoning_content":"A","content":[{"type":"text","text":"BC"},{"type":"x"},{"type":"text","text":""}],"x":1},"finish_reason":"stop"}]}`
	if got, ok := spliceOpenAI([]byte(was), []string{"A", "BC"}); !ok || string(got) != want {
		t.Errorf("%v %s", ok, got)
	}
}

// TestChangedTextKeepsTheRest: what an upstream says beside a text that was changed
// reaches the client, in a stream and in a whole reply.
func TestChangedTextKeepsTheRest(t *testing.T) {
	whole := `{"id":"r","object":"chat.completion","created":7,"model":"m","system_fingerprint":"fp","choices":[{"index":0,"message":{"role":"assistant","content":"to <X>","tool_calls":[{"id":"c","type":"custom","custom":{"name":"n","input":"<X>"}}]},"logprobs":{"content":[]},"finish_reason":"stop"}],"service_tier":"flex"}`
	frames, err := readAll(OpenAI{}.NewReader(asked(t, false, false), &Upstream{}), []byte(whole), 9)
	if err != nil || len(frames) != 1 {
		t.Fatal(err, frames)
	}
	frames[0].Was, frames[0].Now, frames[0].Raw = frames[0].Raw, []string{"to Ann", "Ann"}, nil
	want := strings.ReplaceAll(strings.ReplaceAll(whole, "<X>", "Ann"), `"finish_reason":"stop"`, `"finish_reason":"tool_calls"`)
	if got := write(t, OpenAIChat{}.NewReply(asked(t, false, false)), frames); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	chunk := `{"id":"r","object":"chat.completion.chunk","created":7,"model":"m","obfuscation":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"to <X>"},"logprobs":null,"finish_reason":null}]}`
	end := `{"id":"r","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	frames, err = readAll(OpenAI{}.NewReader(asked(t, true, false), &Upstream{}), []byte("data: "+chunk+"\n\ndata: "+end+"\n\ndata: [DONE]\n\n"), 9)
	if err != nil {
		t.Fatal(err)
	}
	frames[0].Was, frames[0].Now, frames[0].Raw = frames[0].Raw, []string{"to Ann"}, nil
	got := write(t, OpenAIChat{}.NewReply(asked(t, true, false)), frames)
	if want := "data: " + strings.ReplaceAll(chunk, "<X>", "Ann") + "\n\ndata: " + end + "\n\ndata: [DONE]\n\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzSplice: whatever is read of a reply can be put back into it.
func FuzzSplice(f *testing.F) {
	for _, file := range glob(f, "replies/*.openai.json") {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"choices":[{"text":"a","delta":{"content":"b","function_call":{"arguments":"c"}},"message":{"reasoning":"d","refusal":"e"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req := asked(t, false, false)
		frames, _ := readAll(OpenAI{}.NewReader(req, &Upstream{}), body, len(body))
		for i := range frames {
			was := textsOf(&frames[i])
			now := make([]string, len(was))
			for k := range was {
				now[k] = strings.Repeat("é", k+1)
			}
			if len(was) == 0 {
				continue
			}
			other, ok := spliceOpenAI(frames[i].Raw, now)
			if !ok {
				t.Fatalf("no place for %d texts in %s", len(now), body)
			}
			again, err := readAll(OpenAI{}.NewReader(req, &Upstream{}), other, len(other))
			if len(again) != 1 || cmp.Diff(now, textsOf(&again[0])) != "" {
				t.Fatalf("%v: %q is not read again in %s", err, now, other)
			}
		}
	})
}
