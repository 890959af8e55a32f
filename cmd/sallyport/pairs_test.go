package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// speaker is how the clients of a dialect ask and what they read of an answer,
// written down from the API's own documents and not with our packages.
type speaker struct {
	dialect engine.Dialect
	path    func(model string, stream bool) string
	header  map[string]string
	// body asks model about text, and offers the tool get_weather.
	body func(model, text string, stream bool) string
	// text and call are where a piece of text and the name of a called tool stand in
	// an event or a whole reply. A step "*" is every element.
	text, call []string
	// wholeText and wholeCall are the same of a reply that is not streamed, where
	// that is otherwise.
	wholeText, wholeCall []string
	deltas               string // type of the stream's events whose text counts; "": all
	end                  string // in the last event of a stream
	// message is where the message of an error stands.
	message []string
}

const weather = `"parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`

var speakers = []speaker{
	{
		dialect: engine.DialectOpenAIChat,
		path:    func(string, bool) string { return "/v1/chat/completions" },
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":%q}],"tools":[{"type":"function","function":{"name":"get_weather",%s}}]}`, model, stream, text, weather)
		},
		text: []string{"choices", "*", "delta", "content"}, wholeText: []string{"choices", "*", "message", "content"},
		call: []string{"choices", "*", "delta", "tool_calls", "*", "function", "name"}, wholeCall: []string{"choices", "*", "message", "tool_calls", "*", "function", "name"},
		end: "[DONE]", message: []string{"error", "message"},
	},
	{
		dialect: engine.DialectAnthropicMessages,
		path:    func(string, bool) string { return "/v1/messages" },
		header:  map[string]string{"anthropic-version": "2023-06-01"},
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"max_tokens":200,"stream":%v,"system":"be brief","messages":[{"role":"user","content":%q}],"tools":[{"name":"get_weather",%s}]}`,
				model, stream, text, strings.Replace(weather, "parameters", "input_schema", 1))
		},
		text: []string{"delta", "text"}, wholeText: []string{"content", "*", "text"},
		call: []string{"content_block", "name"}, wholeCall: []string{"content", "*", "name"},
		end: "message_stop", message: []string{"error", "message"},
	},
	{
		dialect: engine.DialectGeminiContent,
		path: func(model string, stream bool) string {
			if stream {
				return "/v1beta/models/" + model + ":streamGenerateContent?alt=sse"
			}
			return "/v1beta/models/" + model + ":generateContent"
		},
		body: func(_, text string, _ bool) string {
			return fmt.Sprintf(`{"systemInstruction":{"parts":[{"text":"be brief"}]},"contents":[{"role":"user","parts":[{"text":%q}]}],"tools":[{"functionDeclarations":[{"name":"get_weather",%s}]}]}`,
				text, strings.Replace(weather, "parameters", "parametersJsonSchema", 1))
		},
		text: []string{"candidates", "*", "content", "parts", "*", "text"},
		call: []string{"candidates", "*", "content", "parts", "*", "functionCall", "name"},
		end:  "finishReason", message: []string{"error", "message"},
	},
	{
		dialect: engine.DialectOllamaChat,
		path:    func(string, bool) string { return "/api/chat" },
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":%q}],"tools":[{"type":"function","function":{"name":"get_weather",%s}}]}`, model, stream, text, weather)
		},
		text: []string{"message", "content"},
		call: []string{"message", "tool_calls", "*", "function", "name"},
		end:  `"done":true`, message: []string{"error"},
	},
	{
		dialect: engine.DialectOpenAIResponses,
		path:    func(string, bool) string { return "/v1/responses" },
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"store":false,"instructions":"be brief","input":%q,"tools":[{"type":"function","name":"get_weather",%s}]}`, model, stream, text, weather)
		},
		text: []string{"delta"}, wholeText: []string{"output", "*", "content", "*", "text"}, deltas: "response.output_text.delta",
		call: []string{"response", "output", "*", "name"}, wholeCall: []string{"output", "*", "name"},
		end: "response.completed", message: []string{"error", "message"},
	},
}

// at joins the strings at a path of a JSON value.
func at(v any, path []string) string {
	if len(path) == 0 {
		s, _ := v.(string)
		return s
	}
	switch v := v.(type) {
	case map[string]any:
		return at(v[path[0]], path[1:])
	case []any:
		var b strings.Builder
		for _, e := range v {
			b.WriteString(at(e, path[1:]))
		}
		return b.String()
	}
	return ""
}

// heard is the text of a reply and the names of the tools that it calls.
func (s *speaker) heard(t *testing.T, body []byte, stream bool) (text, calls string) {
	t.Helper()
	textAt, callAt := s.text, s.call
	if !stream {
		if s.wholeText != nil {
			textAt, callAt = s.wholeText, s.wholeCall
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		return at(v, textAt), at(v, callAt)
	}
	last := ""
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		data, isData := strings.CutPrefix(lines.Text(), "data: ")
		if data == "" || !isData && !strings.HasPrefix(data, "{") {
			continue
		}
		if last = data; data == "[DONE]" {
			continue
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if s.deltas == "" || v["type"] == s.deltas {
			text += at(v, textAt)
		}
		if c := at(v, callAt); c != "" && !strings.Contains(calls, c) {
			calls += c
		}
	}
	if !strings.Contains(last, s.end) {
		t.Errorf("the stream ends in %s, without %q", last, s.end)
	}
	return text, calls
}

// send posts a body and returns the whole reply.
func send(t *testing.T, url string, header map[string]string, body string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, v := range header {
		req.Header.Set(name, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, out
}

const everyTarget = `
server {
  listen = "127.0.0.1:0"
  admin  = "127.0.0.1:0"
}
auth { anonymous = true }
%s
decision_log { path = "log" }
`

var families = []engine.Dialect{engine.DialectOpenAI, engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama}

// serveEvery is a service with a stand-in of every dialect of a target, which
// serves the model "m-" and its dialect.
func serveEvery(t *testing.T) *runningService {
	var targets strings.Builder
	for _, d := range families {
		fmt.Fprintf(&targets, "target \"edge\" %q {\n  dialect = %q\n  stand_in {}\n  model \"m-%s\" {}\n}\n", d, d, d)
	}
	return serveConfig(t, t.TempDir(), fmt.Sprintf(everyTarget, &targets), environment())
}

// TestEveryPair asks a target of every dialect in every dialect of a client, for
// text and for a tool, streamed and not.
func TestEveryPair(t *testing.T) {
	service := serveEvery(t)
	ask := func(s *speaker, model, text string, stream bool) (*http.Response, []byte) {
		return send(t, service.data+s.path(model, stream), s.header, s.body(model, text, stream))
	}
	for i := range speakers {
		s := &speakers[i]
		for _, d := range families {
			for _, stream := range []bool{false, true} {
				for _, tool := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%s/stream=%v/tool=%v", s.dialect, d, stream, tool), func(t *testing.T) {
						text := "name a prime"
						if tool {
							text += " [[tool]]"
						}
						res, body := ask(s, "m-"+string(d), text, stream)
						if res.StatusCode != http.StatusOK {
							t.Fatalf("status %d: %s", res.StatusCode, body)
						}
						got, calls := s.heard(t, body, stream)
						if tool && calls != "get_weather" || !tool && (calls != "" || !strings.Contains(got, "name a prime")) {
							t.Errorf("text %q, calls %q in %s", got, calls, body)
						}
						if lost := res.Header.Get("Sallyport-Lossy"); lost != "" {
							t.Errorf("lossy: %s", lost)
						}
					})
				}
			}
		}
		t.Run(string(s.dialect)+"/no such model", func(t *testing.T) {
			res, body := ask(s, "nobody-has-this", "hi", true)
			var v any
			if err := json.Unmarshal(body, &v); err != nil || res.StatusCode != http.StatusNotFound || at(v, s.message) == "" {
				t.Errorf("status %d, %v: %s", res.StatusCode, err, body)
			}
		})
	}
}

// What the target's API cannot carry is left out, and the client is told.
func TestLossesAreTold(t *testing.T) {
	service := serveEvery(t)
	for _, d := range families {
		body := fmt.Sprintf(`{"model":"m-%s","user":"u1","messages":[{"role":"user","name":"ann","content":"hi"}]}`, d)
		want := `user, "messages[0].name"`
		if d == engine.DialectOpenAI {
			want = ""
		}
		res, out := send(t, service.data+"/v1/chat/completions", nil, body)
		if got := res.Header.Get("Sallyport-Lossy"); res.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: status %d, lossy %q, want %q: %s", d, res.StatusCode, got, want, out)
		}
	}
	// What would change the answer is the client's to mend.
	res, out := send(t, service.data+"/v1/chat/completions", nil, `{"model":"m-ollama","n":2,"messages":[{"role":"user","content":"hi"}]}`)
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(string(out), `"param":"n"`) {
		t.Errorf("two answers of Ollama: %d %s", res.StatusCode, out)
	}
}
