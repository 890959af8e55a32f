package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// server is the server of a name that there is.
func server(t testing.TB, name string) Server {
	t.Helper()
	s, ok := ServerFor(name)
	if !ok {
		t.Fatalf("no server %q", name)
	}
	return s
}

func TestServerNames(t *testing.T) {
	for _, name := range ServerNames() {
		if s := server(t, name); s.Name != name {
			t.Errorf("%q is %q", name, s.Name)
		}
	}
	if s := server(t, ""); s.Name != "generic" {
		t.Errorf("no name is %q", s.Name)
	}
	if _, ok := ServerFor("vLLM"); ok {
		t.Error("a name that is spelt otherwise is one")
	}
}

// TestServersEndOfStream: the streams of real servers end in [DONE], and one of
// theirs that does not has been cut, also after its finish reason. Versions of TGI
// before 2.2 send none.
func TestServersEndOfStream(t *testing.T) {
	for name, captured := range map[string]string{
		"llama.cpp": "llamacpp.chat.stream.usage", "ollama": "ollama.v1.chat.stream",
		// In the words of OpenAI's schema, which the others imitate.
		"openai": "llamacpp.chat.stream.usage", "azure": "llamacpp.chat.stream.usage", "vllm": "llamacpp.chat.stream.usage", "sglang": "llamacpp.chat.stream.usage",
	} {
		whole := readCapture(t, captured).body
		cut, _, ok := bytes.Cut(whole, []byte("data: [DONE]"))
		if !ok {
			t.Fatalf("%s does not end in [DONE]", captured)
		}
		req := chatRequest(t, replyRequest(true))
		up := &Upstream{Server: server(t, name)}
		if _, err := readAll(OpenAI{}.NewReader(req, up), whole, 100); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := readAll(OpenAI{}.NewReader(req, up), cut, 100); !errors.Is(err, errCut) {
			t.Errorf("%s: a stream without its end is %v", name, err)
		}
		for _, lenient := range []string{"tgi", "generic"} {
			if _, err := readAll(OpenAI{}.NewReader(req, &Upstream{Server: server(t, lenient)}), cut, 100); err != nil {
				t.Errorf("%s: %v", lenient, err)
			}
			early := cut[:bytes.Index(cut, []byte(`"finish_reason":"`))]
			early = early[:bytes.LastIndex(early, []byte("\n\n"))+2]
			if _, err := readAll(OpenAI{}.NewReader(req, &Upstream{Server: server(t, lenient)}), early, 100); !errors.Is(err, errCut) {
				t.Errorf("%s: a stream without a finish reason is %v", lenient, err)
			}
		}
	}
}

// TestServersLimit: OpenAI's schema has max_tokens as deprecated, and its reasoning
// models refuse it; the others know nothing newer, or both.
func TestServersLimit(t *testing.T) {
	for _, name := range ServerNames() {
		want := `"max_tokens":5`
		if name == "openai" || name == "azure" {
			want = `"max_completion_tokens":5`
		}
		up := &Upstream{Model: "m", MaxOutputTokens: 5, Server: server(t, name)}
		req := chatRequest(t, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`)
		relayed, err := OpenAI{}.WriteRequest(req, up)
		if err != nil {
			t.Fatal(err)
		}
		req.Dialect = engine.DialectGeminiContent
		built, err := OpenAI{}.WriteRequest(req, up)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range [][]byte{relayed.Body, built.Body} {
			if !strings.Contains(string(body), want) || strings.Count(string(body), "tokens") != 1 {
				t.Errorf("%s: %s", name, body)
			}
		}
	}
}

// TestServersTakeThinkingBack: what a server gave as an assistant's thinking it is
// given back under the same name, by whatever API the client sends it: in the words
// of vLLM's and Ollama's message types ("reasoning"), and of llama.cpp's and
// SGLang's ("reasoning_content").
func TestServersTakeThinkingBack(t *testing.T) {
	for _, name := range ServerNames() {
		s := server(t, name)
		want := map[string]string{"vllm": "reasoning", "ollama": "reasoning", "llama.cpp": "reasoning_content", "sglang": "reasoning_content"}[name]
		if s.ReasoningField != want {
			t.Errorf("%s takes it back as %q", name, s.ReasoningField)
		}
		if want == "" {
			continue
		}
		frames, err := readAll(OpenAI{}.NewReader(chatRequest(t, replyRequest(false)), &Upstream{Server: s}),
			[]byte(`{"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"so","`+want+`":"hm"},"finish_reason":"stop"}]}`), 100)
		if err != nil || !strings.Contains(fold(frames), "reasoning 0: hm") {
			t.Errorf("%s: %v %s", name, err, fold(frames))
		}
		req := chatRequest(t, `{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"so","reasoning_content":"hm"},{"role":"user","content":"go on"}]}`)
		req.Dialect = engine.DialectAnthropicMessages
		up, err := OpenAI{}.WriteRequest(req, &Upstream{Model: "m", Server: s})
		if err != nil || !strings.Contains(string(up.Body), `"content":"so","`+want+`":"hm"`) {
			t.Errorf("%s: %v %s", name, err, up.Body)
		}
	}
}

// TestOllamaIsNotAskedInVain: what Ollama's page on compatibility does not tick is
// refused where a client of another API asks for it, or met in another way.
func TestOllamaIsNotAskedInVain(t *testing.T) {
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	const tools = `,"tools":[{"type":"function","function":{"name":"f"}}]`
	for body, refused := range map[string]string{
		hi + `,"n":2`:                            "n",
		hi + `,"logprobs":true`:                  "logprobs",
		hi + tools:                               "",
		hi + tools + `,"tool_choice":"required"`: "tool_choice",
		hi + tools + `,"tool_choice":"auto"`:     "",
		hi + tools + `,"tool_choice":"none"`:     "",
		`"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x.example/a.png"}}]}]`: "messages[0].content[0]",
	} {
		req := chatRequest(t, `{"model":"m",`+body+`}`)
		req.Dialect = engine.DialectAnthropicMessages
		up, err := OpenAI{}.WriteRequest(req, &Upstream{Model: "m", Server: server(t, "ollama")})
		if refused != "" {
			if re := requestError(t, err); re.Field != refused {
				t.Errorf("%s: %v", body, re)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if none := strings.Contains(body, "none"); strings.Contains(string(up.Body), "tools") == none {
			t.Errorf("%s: %s", body, up.Body)
		}
	}
}

// TestLimitThatIsNotRead: Ollama's message types and TGI's first ones have max_tokens
// alone. A limit that stands elsewhere is moved there, and so is a cap on it.
func TestLimitThatIsNotRead(t *testing.T) {
	for body, want := range map[string]string{
		`"max_completion_tokens":9`:                     `{"model":"m",MESSAGES,"max_tokens":5}`,
		`"max_completion_tokens":3`:                     `{"model":"m",MESSAGES,"max_tokens":3}`,
		`"max_completion_tokens":null`:                  `{"model":"m",MESSAGES,"max_tokens":5}`,
		`"max_tokens":9,"max_completion_tokens":9`:      `{"model":"m",MESSAGES,"max_tokens":5,"max_completion_tokens":5}`,
		`"max_tokens":9`:                                `{"model":"m",MESSAGES,"max_tokens":5}`,
		`"max_completion_tokens":9,"slo":{"ttft_ms":5}`: `{"model":"m",MESSAGES,"max_tokens":5}`,
	} {
		const messages = `"messages":[{"role":"user","content":"hi"}]`
		for _, name := range []string{"ollama", "tgi"} {
			req := chatRequest(t, `{"model":"m",`+messages+`,`+body+`}`)
			up, err := OpenAI{}.WriteRequest(req, &Upstream{Model: "m", MaxOutputTokens: 5, Server: server(t, name)})
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.ReplaceAll(want, "MESSAGES", messages); string(up.Body) != want {
				t.Errorf("%s: %s, want %s", name, up.Body, want)
			}
		}
	}
}
