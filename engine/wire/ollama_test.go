package wire

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/sallyport-ai/sallyport/engine"
)

func ollamaAsk(t testing.TB, d engine.Dialect, body string) (*engine.Request, error) {
	t.Helper()
	in, ok := IngressFor(d)
	if !ok {
		t.Fatalf("no reader of %s", d)
	}
	return in.ReadRequest(&Inbound{Body: []byte(body)}, Limits{})
}

// TestOllamaRelay: what a real server said to its client is what a client of ours
// gets, byte for byte; and where frames are written anew, it says the same.
func TestOllamaRelay(t *testing.T) {
	for _, file := range glob(t, "captures/ollama.api.*.txt") {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		c := readCapture(t, name)
		if c.status != 200 || strings.HasSuffix(name, ".load") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			req, err := ollamaAsk(t, engine.DialectOllamaChat, string(bytes.TrimSpace(c.request)))
			if err != nil {
				t.Fatal(err)
			}
			frames, err := readAll(Ollama{}.NewReader(req, &Upstream{}), c.body, 7)
			if err != nil {
				t.Fatal(err)
			}
			if got := write(t, OllamaChat{}.NewReply(req), frames); strings.TrimSuffix(got, "\n") != strings.TrimSuffix(string(c.body), "\n") {
				t.Errorf("got  %s\nwant %s", got, c.body)
			}
			for i := range frames {
				frames[i].Raw = nil
			}
			got := write(t, OllamaChat{}.NewReply(req), frames)
			checkOllama(t, req, got, false)
			if got, want := ollamaSum(t, got), ollamaSum(t, string(c.body)); got != want {
				t.Errorf("anew: %s\nwant: %s", got, want)
			}
		})
	}
}

// ollamaSum is what the lines of a reply say together.
func ollamaSum(t *testing.T, lines string) string {
	t.Helper()
	type call struct {
		Function struct {
			Name      string         `json:"name"`
			Arguments map[string]any `json:"arguments"`
		} `json:"function"`
	}
	var sum struct {
		Model, Content, Thinking, Reason string
		Calls                            []call
		Input, Output                    int
		Tokens                           []string
	}
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		var l struct {
			Model   string `json:"model"`
			Message struct {
				Content   string `json:"content"`
				Thinking  string `json:"thinking"`
				ToolCalls []call `json:"tool_calls"`
			} `json:"message"`
			Logprobs []struct {
				Token string `json:"token"`
			} `json:"logprobs"`
			DoneReason      string `json:"done_reason"`
			PromptEvalCount int    `json:"prompt_eval_count"`
			EvalCount       int    `json:"eval_count"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		sum.Model, sum.Reason = l.Model, l.DoneReason
		sum.Content += l.Message.Content
		sum.Thinking += l.Message.Thinking
		sum.Calls = append(sum.Calls, l.Message.ToolCalls...)
		sum.Input += l.PromptEvalCount
		sum.Output += l.EvalCount
		for _, p := range l.Logprobs {
			sum.Tokens = append(sum.Tokens, p.Token)
		}
	}
	b, err := json.Marshal(&sum, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOllamaEmbed: a real server's vectors reach its own clients as they are, and
// those of OpenAI's API as numbers.
func TestOllamaEmbed(t *testing.T) {
	c := readCapture(t, "../ollama/embed")
	req, err := ollamaAsk(t, engine.DialectOllamaEmbed, string(bytes.TrimSpace(c.request)))
	if err != nil {
		t.Fatal(err)
	}
	frames, err := readAll(Ollama{}.NewReader(req, &Upstream{}), c.body, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, OllamaEmbed{}.NewReply(req), frames); got != string(bytes.TrimSuffix(c.body, []byte("\n"))) && got != string(c.body) {
		t.Errorf("got  %s\nwant %s", got, c.body)
	}
	var said struct {
		Embeddings [][]float32 `json:"embeddings"`
	}
	if err := json.Unmarshal(c.body, &said); err != nil || len(said.Embeddings) != 2 {
		t.Fatal(err)
	}
	other, err := OpenAIEmbeddings{}.ReadRequest(&Inbound{Body: []byte(`{"model":"m","input":["a","b"]}`)}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if frames, err = readAll(Ollama{}.NewReader(other, &Upstream{}), c.body, 100); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
		Usage struct {
			PromptTokens int `json:"prompt_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal([]byte(write(t, OpenAIEmbeddings{}.NewReply(other), frames)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Data) != 2 || got.Usage.PromptTokens == 0 {
		t.Fatalf("%d vectors, %d tokens", len(got.Data), got.Usage.PromptTokens)
	}
	for i, d := range got.Data {
		if d.Index != i || len(d.Embedding) != len(said.Embeddings[i]) {
			t.Fatalf("vector %d has index %d and %d numbers", i, d.Index, len(d.Embedding))
		}
		for k, x := range d.Embedding {
			if x != said.Embeddings[i][k] {
				t.Fatalf("vector %d: number %d is %v, not %v", i, k, x, said.Embeddings[i][k])
			}
		}
	}
}

// TestOllamaRefuses: what cannot be read is refused, by the name of its field.
func TestOllamaRefuses(t *testing.T) {
	const hi = `"model":"m","messages":[{"role":"user","content":"hi"}]`
	for _, test := range []struct {
		dialect     engine.Dialect
		body, field string
	}{
		{engine.DialectOllamaChat, `{"messages":[{"role":"user","content":"hi"}]}`, "model"},
		{engine.DialectOllamaChat, `{"model":"m"}`, "messages"},
		{engine.DialectOllamaChat, `{"model":"m","messages":[]}`, "messages"},
		{engine.DialectOllamaChat, `{"model":"m","messages":[{"content":"hi"}]}`, "messages[0].role"},
		{engine.DialectOllamaChat, `{"model":"m","messages":[{"role":"robot","content":"hi"}]}`, "messages[0].role"},
		{engine.DialectOllamaChat, `{"model":"m","messages":[{"role":"user","content":["hi"]}]}`, "messages[0].content"},
		{engine.DialectOllamaChat, `{"model":"m","messages":[{"role":"user","content":"hi","images":["not base64!"]}]}`, "messages[0].images[0]"},
		{engine.DialectOllamaChat, `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]}`, "messages[0].tool_calls[0].function.arguments"},
		{engine.DialectOllamaChat, `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c"}]}]}`, "messages[0].tool_calls[0].function"},
		{engine.DialectOllamaChat, `{` + hi + `,"stream":"yes"}`, "stream"},
		{engine.DialectOllamaChat, `{` + hi + `,"format":7}`, "format"},
		{engine.DialectOllamaChat, `{` + hi + `,"format":"xml"}`, "format"},
		{engine.DialectOllamaChat, `{` + hi + `,"think":1}`, "think"},
		{engine.DialectOllamaChat, `{` + hi + `,"options":[]}`, "options"},
		{engine.DialectOllamaChat, `{` + hi + `,"options":{"temperature":"hot"}}`, "options.temperature"},
		{engine.DialectOllamaChat, `{` + hi + `,"top_logprobs":21}`, "top_logprobs"},
		{engine.DialectOllamaChat, `{` + hi + `,"Messages":[]}`, ""},
		{engine.DialectOllamaChat, `{` + hi + `,"OPTIONS":{"num_predict":9}}`, ""},
		{engine.DialectOllamaChat, `{` + hi + `,"Tools":[]}`, ""},
		{engine.DialectOllamaGenerate, `{"model":"m"}`, "prompt"},
		{engine.DialectOllamaGenerate, `{"model":"m","prompt":""}`, "prompt"},
		{engine.DialectOllamaGenerate, `{"model":"m","prompt":"hi","context":[1,2]}`, "context"},
		{engine.DialectOllamaGenerate, `{"model":"m","prompt":"hi","raw":true,"system":"be brief"}`, "system"},
		{engine.DialectOllamaGenerate, `{"raw":true,"model":"m","prompt":"hi","template":"{{ .Prompt }}"}`, "template"},
		{engine.DialectOllamaGenerate, `{"model":"m","prompt":"hi","Suffix":"there"}`, ""},
		{engine.DialectOllamaEmbed, `{"model":"m"}`, "input"},
		{engine.DialectOllamaEmbed, `{"model":"m","input":[[1,2]]}`, "input[0]"},
		{engine.DialectOllamaEmbed, `{"model":"m","input":"a","prompt":"b"}`, "prompt"},
		{engine.DialectOllamaEmbed, `{"model":"m","input":"a","dimensions":-1}`, "dimensions"},
	} {
		_, err := ollamaAsk(t, test.dialect, test.body)
		re, ok := errors.AsType[*engine.RequestError](err)
		if !ok || re.Status != 400 || test.field != "" && re.Field != test.field {
			t.Errorf("%s %s: %v (want %q)", test.dialect, test.body, err, test.field)
		}
	}
}

// TestOllamaRawPrompt: what a raw prompt has beside it is carried, refused or noted
// as lost.
func TestOllamaRawPrompt(t *testing.T) {
	for _, test := range []struct{ more, refused, lost string }{
		{``, "", "[]"},
		{`,"system":""`, "", "[]"},
		{`,"options":{"num_ctx":9}`, "", "[{options.num_ctx dropped }]"},
		{`,"think":true`, "", "[{think dropped }]"},
		{`,"format":"json"`, "format", ""},
		{`,"format":{"type":"object"}`, "format", ""},
		{`,"images":["iVBORw0KGgoAAAAA"]`, "prompt", ""},
	} {
		body := `{"model":"m","prompt":"hi","raw":true` + test.more + `}`
		req, err := ollamaAsk(t, engine.DialectOllamaGenerate, body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (Ollama{}).WriteRequest(req, &Upstream{Model: "u"}); err != nil {
			t.Errorf("%s: its own API: %v", body, err)
		}
		up, err := OpenAI{}.WriteRequest(req, &Upstream{Model: "u"})
		re, _ := errors.AsType[*engine.RequestError](err)
		if test.refused != "" {
			if re == nil || re.Field != test.refused {
				t.Errorf("%s: %v", body, err)
			}
			continue
		}
		if err != nil || up.Path != "/completions" || fmt.Sprint(up.Losses) != test.lost {
			t.Errorf("%s: %v, %+v", body, err, up)
		}
	}
}
