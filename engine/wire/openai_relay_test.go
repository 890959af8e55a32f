package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestRelayChangesOnlyWhatItMust(t *testing.T) {
	five := Upstream{Model: "up/stream", MaxOutputTokens: 5}
	plain := Upstream{Model: "m"}
	tests := []struct {
		name string
		body string
		up   Upstream
		edit func(*engine.Request)
		want string
	}{
		{"white space and unknown fields stay", ` {"z":[1, 2 ], "model" : "m","messages":[ {"role":"user","content":"h\u00e9" , "x":null}] } `, plain, nil,
			` {"z":[1, 2 ], "model" : "m","messages":[ {"role":"user","content":"h\u00e9" , "x":null}] } `},
		{"model", `{"model":"small","messages":[{"role":"user","content":"hi"}]}`, Upstream{Model: `a"b`}, nil,
			`{"model":"a\"b","messages":[{"role":"user","content":"hi"}]}`},
		{"slo first", `{"slo":{"ttft_ms":5},"model":"m","messages":[{"role":"user","content":"hi"}]}`, plain, nil,
			`{"model":"m","messages":[{"role":"user","content":"hi"}]}`},
		{"slo last, with a cap", `{"model":"m","messages":[{"role":"user","content":"hi"}], "slo":{"on_miss":"cancel"}}`, five, nil,
			`{"model":"up/stream","messages":[{"role":"user","content":"hi"}],"max_tokens":5}`},
		{"cap on the stated field", `{"model":"m","max_completion_tokens":9,"messages":[{"role":"user","content":"hi"}]}`, five, nil,
			`{"model":"up/stream","max_completion_tokens":5,"messages":[{"role":"user","content":"hi"}]}`},
		{"cap on both", `{"model":"m","max_completion_tokens":9,"max_tokens":3,"messages":[{"role":"user","content":"hi"}]}`, five, nil,
			`{"model":"up/stream","max_completion_tokens":5,"max_tokens":3,"messages":[{"role":"user","content":"hi"}]}`},
		{"cap on null", `{"model":"m","max_tokens":null,"messages":[{"role":"user","content":"hi"}]}`, five, nil,
			`{"model":"up/stream","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`},
		{"cap on llama.cpp's own field", `{"model":"m","n_predict":-1,"messages":[{"role":"user","content":"hi"}]}`, five, nil,
			`{"model":"up/stream","n_predict":5,"messages":[{"role":"user","content":"hi"}],"max_tokens":5}`},
		{"usage in a stream", `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`, plain, nil,
			`{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}],"stream_options":{"include_usage":true}}`},
		{"usage beside another option", `{"model":"m","stream":true,"stream_options":{"x":1},"messages":[{"role":"user","content":"hi"}]}`, plain, nil,
			`{"model":"m","stream":true,"stream_options":{"x":1,"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`},
		{"usage refused by the client", `{"model":"m","stream":true,"stream_options":{"include_usage":false},"messages":[{"role":"user","content":"hi"}]}`, plain, nil,
			`{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`},
		{"usage with null options", `{"model":"m","stream":true,"stream_options":null,"messages":[{"role":"user","content":"hi"}]}`, plain, nil,
			`{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`},
		{"an edited text and an edited unknown option", `{"model":"m","stream":true,"stream_options":{"a@b.example":1},"messages":[{"role":"user","content":"I am Ann"}]}`, plain,
			func(r *engine.Request) { r.Texts[0].Set("<E>"); r.Texts[1].Set("I am <P> \"x\"") },
			`{"model":"m","stream":true,"stream_options":{"<E>":1,"include_usage":true},"messages":[{"role":"user","content":"I am <P> \"x\""}]}`},
		{"a tool is stripped", `{"model":"m","tools":[{"type":"function","function":{"name":"a"}}, {"type":"function","function":{"name":"b","description":"d"}}],"tool_choice":{"type":"function","function":{"name":"a"}},"messages":[{"role":"user","content":"hi"}]}`, plain,
			func(r *engine.Request) {
				r.Tools = r.Tools[1:]
				r.ToolChoice = engine.ToolChoice{}
				r.Texts[2].Set("D")
			},
			`{"model":"m","tools":[{"type":"function","function":{"name":"b","description":"D"}}],"messages":[{"role":"user","content":"hi"}]}`},
		{"all tools are stripped", `{"model":"m","tools":[{"type":"web_search"}],"parallel_tool_calls":true,"messages":[{"role":"user","content":"hi"}],"tool_choice":"auto"}`, plain,
			func(r *engine.Request) { r.Tools = nil },
			`{"model":"m","messages":[{"role":"user","content":"hi"}]}`},
		{"all old functions are stripped", `{"functions":[{"name":"f"}],"function_call":{"name":"f"},"model":"m","messages":[{"role":"user","content":"hi"}]}`, plain,
			func(r *engine.Request) { r.Tools = nil },
			`{"model":"m","messages":[{"role":"user","content":"hi"}]}`},
		{"arguments and results are edited inside", `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"to\": \"a\\u0040b.example\", \"n\":4111111111111111}"}}]},{"role":"tool","tool_call_id":"c1","content":" {\"k\":[\"v\"]}"}]}`, plain,
			func(r *engine.Request) {
				set(r, "a@b.example", "<E>")
				set(r, "4111111111111111", "<C>")
				set(r, "v", "<V>")
			},
			`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"to\": \"<E>\", \"n\":\"<C>\"}"}}]},{"role":"tool","tool_call_id":"c1","content":" {\"k\":[\"<V>\"]}"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := chatRequest(t, tt.body)
			if tt.edit != nil {
				tt.edit(req)
			}
			got, err := OpenAI{}.WriteRequest(req, &tt.up)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(got.Body)); d != "" {
				t.Errorf("body (-want +got):\n%s", d)
			}
			if got.Path != "/chat/completions" || got.Stream != req.Stream {
				t.Errorf("path %q, stream %v", got.Path, got.Stream)
			}
		})
	}
}

// set edits the first text with that value.
func set(r *engine.Request, old, to string) {
	for _, x := range r.Texts {
		if x.Value == old {
			x.Set(to)
			return
		}
	}
	panic("no text " + old)
}

func TestStreamsAreRelayed(t *testing.T) {
	for _, name := range []string{"llamacpp.chat.stream.tool", "llamacpp.chat.stream.usage", "llamacpp.chat.stream.utf8", "ollama.v1.chat.stream", "ollama.v1.chat.tool.stream"} {
		t.Run(name, func(t *testing.T) {
			c := readCapture(t, name)
			req := chatRequest(t, string(c.request))
			frames, err := readAll(OpenAI{}.NewReader(req, &Upstream{}), c.body, 7)
			if err != nil {
				t.Fatal(err)
			}
			rep := OpenAIChat{}.NewReply(req)
			if d := cmp.Diff(string(c.body), write(t, rep, frames)); d != "" {
				t.Errorf("relayed (-want +got):\n%s", d)
			}
			// A client that did not ask for usage does not see it.
			req.IncludeUsage = false
			if got := write(t, OpenAIChat{}.NewReply(req), frames); strings.Contains(got, `"usage"`) {
				t.Errorf("usage is shown:\n%s", got)
			}
		})
	}
}
