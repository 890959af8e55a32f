package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// messagesRequest parses a body of the Messages API that must be good.
func messagesRequest(t testing.TB, body string, header ...string) *engine.Request {
	t.Helper()
	req, err := AnthropicMessages{}.ReadRequest(&Inbound{Body: []byte(body), Header: func(name string) string {
		if i := slices.Index(header, name); i >= 0 {
			return header[i+1]
		}
		return ""
	}}, Limits{})
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return req
}

func TestAnthropicHeaders(t *testing.T) {
	const body = `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`
	req := messagesRequest(t, body, "anthropic-version", anthropic2026, "anthropic-beta", "context-1m-2025-08-07, claude-code-20250219,,")
	up, err := Anthropic{}.WriteRequest(req, &Upstream{Model: "m"})
	want := [][2]string{{"Anthropic-Version", anthropic2026}, {"Anthropic-Beta", "context-1m-2025-08-07,claude-code-20250219"}}
	if err != nil || !cmp.Equal(up.Header, want) || string(up.Body) != body {
		t.Errorf("%v: %v %s", err, up.Header, up.Body)
	}
	for name, v := range map[string]string{"anthropic-version": "2019-01-01", "anthropic-beta": "sk-ant-" + strings.Repeat("4111", 4)} {
		_, err := AnthropicMessages{}.ReadRequest(&Inbound{Body: []byte(body), Header: func(n string) string {
			if n == name {
				return v
			}
			return ""
		}}, Limits{})
		if err == nil || requestError(t, err).Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnthropicNeutralForm: a turn's results are messages in front of the rest of it,
// calls stand in their place, and what is signed is fixed.
func TestAnthropicNeutralForm(t *testing.T) {
	req := messagesRequest(t, `{"messages":[
		{"role":"user","content":"go"},
		{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"`+aSignature+`"},{"type":"text","text":"a"},{"type":"tool_use","id":"t1","name":"f","input":{"k":"v"}},{"type":"text","text":"b"}]},
		{"role":"user","content":[{"type":"text","text":"x"},{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"{\"e\":\"no\"}"},{"type":"text","text":"y"}]}],
		"system":"s","model":"m","thinking":{"type":"adaptive","display":"omitted"},"stop_sequences":["E"],"tool_choice":{"type":"any"}}`)
	var got []string
	for _, x := range req.Texts {
		got = append(got, fmt.Sprintf("%s %s %d %q fixed=%v", x.Role, x.Kind, x.Message, x.Value, x.Fixed))
	}
	want := []string{
		`user text 1 "go" fixed=false`, `assistant text 2 "hm" fixed=true`, `assistant text 2 "a" fixed=false`, `assistant name 2 "f" fixed=true`,
		`assistant tool_arguments 2 "k" fixed=false`, `assistant tool_arguments 2 "v" fixed=false`, `assistant text 2 "b" fixed=false`,
		`user text 4 "x" fixed=false`, `tool tool_result 3 "e" fixed=false`, `tool tool_result 3 "no" fixed=false`, `user text 4 "y" fixed=false`,
		`system text 0 "s" fixed=false`, `user text -1 "E" fixed=true`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("texts (-want +got):\n%s", d)
	}
	var parts []string
	for _, m := range req.Messages {
		line := m.Role.String()
		for _, p := range m.Parts {
			line += fmt.Sprintf(" %d", p.Kind)
		}
		parts = append(parts, line)
	}
	if d := cmp.Diff([]string{"system 0", "user 0", fmt.Sprintf("assistant %d 0 %d 0", engine.PartReasoning, engine.PartToolCall), "tool 0", "user 0 0"}, parts); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	if r := req.Messages[3]; r.ToolCallID != "t1" || r.ToolName != "f" || !r.IsError {
		t.Errorf("result %+v", r)
	}
	if r := req.Reasoning; r.Budget != -1 || r.Show || r.Off || req.ToolChoice.Mode != "required" {
		t.Errorf("reasoning %+v, choice %+v", r, req.ToolChoice)
	}
}

func TestAnthropicMistakes(t *testing.T) {
	message := func(m string) string { return `{"model":"m","max_tokens":5,"messages":[` + m + `]}` }
	for _, tt := range []struct{ name, body, field, says string }{
		{"no messages", `{"model":"m"}`, "messages", "missing"},
		{"empty messages", message(``), "messages", "at least one"},
		{"role of another API", message(`{"role":"developer","content":"x"}`), "messages[0].role", "known role"},
		{"no content", message(`{"role":"user"}`), "messages[0].content", "missing"},
		{"content of a number", message(`{"role":"user","content":5}`), "messages[0].content", "not a number"},
		{"block without type", message(`{"role":"user","content":[{"text":"x"}]}`), "messages[0].content[0].type", "missing"},
		{"text without text", message(`{"role":"user","content":[{"type":"text"}]}`), "messages[0].content[0].text", "missing"},
		{"image without source", message(`{"role":"user","content":[{"type":"image"}]}`), "messages[0].content[0].source", "missing"},
		{"call without name", message(`{"role":"assistant","content":[{"type":"tool_use","id":"x","input":{}}]}`), "messages[0].content[0].name", "missing"},
		{"result of nothing", message(`{"role":"user","content":[{"type":"tool_result","content":"x"}]}`), "messages[0].content[0].tool_use_id", "missing"},
		{"other case", message(`{"role":"user","content":[{"type":"text","text":"a","Text":"b"}]}`), "messages[0].content[0].Text", "spelt"},
		{"other case of its own", strings.Replace(message(`{"role":"user","content":"x"}`), "{", `{"System":"x",`, 1), "System", "spelt"},
		{"twice", strings.Replace(message(`{"role":"user","content":"x"}`), "{", `{"system":"x","system":"y",`, 1), "system", "twice"},
		{"unknown choice", strings.Replace(message(`{"role":"user","content":"x"}`), "{", `{"tool_choice":{"type":"maybe"},`, 1), "tool_choice.type", "auto, any"},
	} {
		_, err := AnthropicMessages{}.ReadRequest(&Inbound{Body: []byte(tt.body)}, Limits{})
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
		} else if re := requestError(t, err); re.Field != tt.field || !strings.Contains(re.Error(), tt.says) {
			t.Errorf("%s: %q: %q", tt.name, re.Field, re.Message)
		}
	}
}

// TestAnthropicBuild: what the API's own rules make of a request of another API, or
// of another version of this one.
func TestAnthropicBuild(t *testing.T) {
	read := func(body string) *engine.Request { return messagesRequest(t, body, "anthropic-version", anthropic2026) }
	const user = `{"role":"user","content":"hi"}`
	call := `{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}`
	tool := `"tools":[{"name":"f","input_schema":{"type":"object"}}],`
	for _, tt := range []struct {
		name   string
		req    *engine.Request
		up     Upstream
		want   string // in the body, or of the error
		not    string // of the body
		losses string
	}{
		{"limit of the target", chatRequest(t, `{"model":"m","messages":[`+user+`]}`), Upstream{DefaultMaxTokens: 900}, `"max_tokens":900,`, "", ""},
		{"limit of our own", chatRequest(t, `{"model":"m","messages":[`+user+`]}`), Upstream{}, `"max_tokens":4096,`, "", ""},
		{"sampling of a version without", chatRequest(t, `{"model":"m","temperature":1.5,"top_p":0.5,"top_k":3,"messages":[`+user+`]}`), Upstream{Version: anthropic2026}, `"max_tokens"`, `"top_`, "dropped temperature, dropped top_k, dropped top_p"},
		{"white space", chatRequest(t, `{"model":"m","stop":[" ","E"],"messages":[{"role":"user","content":[{"type":"text","text":" \n"},{"type":"text","text":"hi"}]},{"role":"assistant","content":"so "}]}`), Upstream{},
			`{"role":"assistant","content":[{"type":"text","text":"so"}]}],"stop_sequences":["E"]`, `\n`, "dropped messages[0].content[0], approximated messages[1] to prefill, dropped stop"},
		{"assistant first", chatRequest(t, `{"model":"m","messages":[{"role":"assistant","content":"welcome"},`+user+`]}`), Upstream{}, "messages[0]: cannot", "", ""},
		{"late system, early version", read(`{"model":"m","max_tokens":9,"messages":[` + user + `,{"role":"system","content":"s"},` + user + `]}`), Upstream{Version: anthropic2023},
			`"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":"hi"}]}]`, "", "approximated messages[1] to first"},
		{"late system, later version", chatRequest(t, `{"model":"m","messages":[`+user+`,{"role":"system","content":"s"},`+user+`]}`), Upstream{Version: anthropic2026},
			`[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"system","content":[{"type":"text","text":"s"}]},{"role":"user"`, `"system":[`, ""},
		{"budget", read(`{"model":"m","max_tokens":3000,"temperature":0.5,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[` + user + `]}`), Upstream{Version: anthropic2023},
			`"thinking":{"type":"enabled","budget_tokens":2000}`, "temperature", "dropped temperature"},
		{"budget above a cap", read(`{"model":"m","max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[` + user + `]}`), Upstream{Version: anthropic2023, MaxOutputTokens: 1500},
			`"thinking":{"type":"enabled","budget_tokens":1499}`, "", "approximated output_config.effort to 1499"},
		{"budget and a choice", read(`{"model":"m","max_tokens":3000,` + tool + `"tool_choice":{"type":"any"},"thinking":{"type":"enabled","budget_tokens":2000},"messages":[` + user + `]}`), Upstream{Version: anthropic2023},
			`"tool_choice":{"type":"any"}`, "thinking", "approximated output_config.effort to none"},
		{"budget and unsigned calls", read(`{"model":"m","max_tokens":3000,` + tool + `"thinking":{"type":"enabled","budget_tokens":2000},"messages":[` + user + `,` + call + `]}`), Upstream{Version: anthropic2023},
			`"tool_use_id":"t"`, "thinking", "approximated output_config.effort to none"},
		{"relay above a cap", read(`{"model":"m","max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[` + user + `]}`), Upstream{MaxOutputTokens: 1500},
			`"max_tokens":1500,"thinking":{"type":"enabled","budget_tokens":1499}`, "", "approximated thinking.budget_tokens to 1499"},
		{"relay far above a cap", read(`{"model":"m","max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[` + user + `]}`), Upstream{MaxOutputTokens: 500},
			`"max_tokens":500,"thinking":{"type":"disabled"}`, "", "approximated thinking to disabled"},
		{"Ollama's choice", read(`{"model":"m","max_tokens":9,` + tool + `"tool_choice":{"type":"any"},"messages":[` + user + `]}`), Upstream{Server: Server{NoToolChoice: true}}, "tool_choice: cannot", "", ""},
		{"Ollama's choice of none", read(`{"model":"m","max_tokens":9,` + tool + `"tool_choice":{"type":"none"},"messages":[` + user + `]}`), Upstream{Server: Server{NoToolChoice: true}}, `{"model":"u","max_tokens":9,"messages"`, "tool", ""},
		{"llama.cpp's own thinking", read(`{"model":"m","max_tokens":9,"messages":[` + user + `,{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"a"}]},` + user + `]}`),
			Upstream{Server: Server{UnsignedThinking: true}}, `"thinking":"hm"`, "", ""},
	} {
		tt.up.Model = "u"
		up, err := Anthropic{}.WriteRequest(tt.req, &tt.up)
		if err != nil {
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		var losses []string
		for _, l := range up.Losses {
			losses = append(losses, strings.TrimSuffix(fmt.Sprintf("%s %s to %s", l.How, l.Field, l.To), " to "))
		}
		if body := string(up.Body); !strings.Contains(body, tt.want) || tt.not != "" && strings.Contains(body, tt.not) || strings.Join(losses, ", ") != tt.losses || !jsontext.Value(up.Body).IsValid() {
			t.Errorf("%s: %s\n%s", tt.name, body, losses)
		}
	}
}

// TestAnthropicCaptures relays what real servers of the API answer: what they leave
// out is there for the client.
func TestAnthropicCaptures(t *testing.T) {
	for name, want := range map[string]string{
		"llamacpp.messages.stream.tool":  `"content_block":{"input":{},"type":"tool_use"`,
		"llamacpp.messages.stream":       `"id":"msg_`,
		"ollama.v1.messages.tool.stream": `"delta":{"stop_sequence":null,"stop_reason":"tool_use"}`,
		"ollama.v1.messages.stream":      `"stop_reason":null,"stop_sequence":null`,
	} {
		c := readCapture(t, name)
		req := messagesRequest(t, `{"model":"m","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"hi"}]}`)
		for size := range 40 {
			frames, err := readAll(Anthropic{}.NewReader(req, &Upstream{}), c.body, size)
			if err != nil {
				t.Fatal(err)
			}
			out := write(t, AnthropicMessages{}.NewReply(req), frames)
			if checkAnthropicStream(t, req, out, false); !strings.Contains(out, want) {
				t.Fatalf("%s: no %s in %s", name, want, out)
			}
		}
	}
}

// TestAnthropicMixedFrames relays some frames of a stream and builds others, as when
// texts are held back and restored: the grammar holds, and nothing is lost.
func TestAnthropicMixedFrames(t *testing.T) {
	req := messagesRequest(t, `{"model":"m","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"hi"}]}`)
	for _, name := range []string{"ollama.v1.messages.tool.stream", "ollama.v1.messages.stream", "llamacpp.messages.stream.tool"} {
		whole, err := readAll(Anthropic{}.NewReader(req, &Upstream{}), readCapture(t, name).body, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for mask := range 1 << 12 {
			frames := slices.Clone(whole)
			for i := range frames {
				// A frame with a text may have been rebuilt: then it is its events.
				if mask>>(i%12)&1 == 1 && slices.ContainsFunc(frames[i].Events, func(e engine.Event) bool { return e.Text != "" }) {
					frames[i].Raw = nil
				}
			}
			out := write(t, AnthropicMessages{}.NewReply(req), frames)
			checkAnthropicStream(t, req, out, false)
			again, err := readAll(Anthropic{}.NewReader(req, &Upstream{}), []byte(out), 1<<20)
			if err != nil || saidIn(again) != saidIn(whole) {
				t.Fatalf("%s, %b: %v\n%s", name, mask, err, out)
			}
		}
	}
}

func saidIn(frames []engine.Frame) string {
	var b strings.Builder
	for _, f := range frames {
		for _, e := range f.Events {
			b.WriteString(e.Text)
		}
	}
	return b.String()
}

func TestAnthropicKeepAlive(t *testing.T) {
	req := messagesRequest(t, `{"model":"m","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"hi"}]}`)
	r := AnthropicMessages{}.NewReply(req)
	if got := r.KeepAlive(nil); len(got) > 0 {
		t.Errorf("before the beginning: %s", got)
	}
	dst, err := r.Frame(nil, &engine.Frame{Events: []engine.Event{{Kind: engine.EventText, Text: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	dst = r.KeepAlive(dst)
	if dst, err = r.End(dst); err != nil {
		t.Fatal(err)
	}
	if checkAnthropicStream(t, req, string(dst), false); !strings.Contains(string(dst), "event: ping\ndata: {\"type\":\"ping\"}\n\n") {
		t.Errorf("no ping in %s", dst)
	}
}

func TestAnthropicErrors(t *testing.T) {
	o := engine.Outcome{Status: 403, Code: engine.CodePolicyDenied, Message: "policy", DecisionID: "d", Reasons: []engine.Reason{{Code: "c", Message: "no"}}}
	want := `{"type":"error","error":{"type":"permission_error","message":"policy","code":"policy_denied","decision_id":"d","reasons":[{"code":"c","message":"no"}]},"request_id":"d"}`
	if got := string(AnthropicMessages{}.Error(&o)); got != want {
		t.Errorf("got %s", got)
	}
	for status, want := range map[int]string{400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 404: "not_found_error", 405: "invalid_request_error",
		413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "overloaded_error", 504: "timeout_error", 529: "overloaded_error"} {
		if got := anthropicErrorType(status); got != want {
			t.Errorf("status %d: type %q, want %q", status, got, want)
		}
	}
}

func TestAnthropicModels(t *testing.T) {
	created := time.Unix(5, 0)
	got, _ := Models(engine.DialectAnthropicMessages, []string{"a", "b"}, created)
	if want := `{"data":[{"type":"model","id":"a","display_name":"a","created_at":"1970-01-01T00:00:05Z","lifecycle":"active","capabilities":null,"deprecated_at":null,"line":null,"max_input_tokens":null,"max_tokens":null,"retires_at":null},{"type":"model","id":"b","display_name":"b","created_at":"1970-01-01T00:00:05Z","lifecycle":"active","capabilities":null,"deprecated_at":null,"line":null,"max_input_tokens":null,"max_tokens":null,"retires_at":null}],"first_id":"a","has_more":false,"last_id":"b"}`; string(got) != want {
		t.Errorf("got %s", got)
	}
	got, _ = Models(engine.DialectAnthropicMessages, nil, created)
	if want := `{"data":[],"first_id":null,"has_more":false,"last_id":null}`; string(got) != want {
		t.Errorf("got %s", got)
	}
	got, _ = Model(engine.DialectAnthropicMessages, "a", created)
	if want := `{"type":"model","id":"a","display_name":"a","created_at":"1970-01-01T00:00:05Z","lifecycle":"active","capabilities":null,"deprecated_at":null,"line":null,"max_input_tokens":null,"max_tokens":null,"retires_at":null}`; string(got) != want {
		t.Errorf("got %s", got)
	}
}
