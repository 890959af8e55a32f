package wire

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// statedFields are members of a body of OpenAI's chat API, each of which is added
// to a small request alone. Those with "messages" or "tools" take the place of the
// small request's. What is sent is compared with what is sent of base, where that
// is not "": a value that is sent as if it were that one has been approximated.
var statedFields = []struct{ name, members, base string }{
	{"temperature", `"temperature":0.5`, ""},
	{"temperature 1.7", `"temperature":1.7`, `"temperature":1`},
	{"top_p", `"top_p":0.5`, ""},
	{"top_k", `"top_k":20`, ""},
	{"presence_penalty", `"presence_penalty":0.5`, ""},
	{"frequency_penalty", `"frequency_penalty":0.5`, ""},
	{"seed", `"seed":7`, ""},
	{"seed of 64 bits", `"seed":123456789012345`, ""},
	{"n", `"n":2`, ""},
	{"stop", `"stop":["END"]`, ""},
	{"six stops", `"stop":["A","B","C","D","E","F"]`, `"stop":["A","B","C","D","E"]`},
	{"max_tokens", `"max_tokens":50`, ""},
	{"logprobs", `"logprobs":true,"top_logprobs":2`, ""},
	{"logit_bias", `"logit_bias":{"50256":-100}`, ""},
	{"user", `"user":"u1"`, ""},
	{"safety_identifier", `"safety_identifier":"s1"`, ""},
	{"prompt_cache_key", `"prompt_cache_key":"k1"`, ""},
	{"metadata", `"metadata":{"a":"b"}`, ""},
	{"store", `"store":true`, ""},
	{"service_tier", `"service_tier":"flex"`, ""},
	{"verbosity", `"verbosity":"low"`, ""},
	{"prediction", `"prediction":{"type":"content","content":"x"}`, ""},
	{"an unknown field", `"min_p":0.1`, ""},
	{"reasoning_effort minimal", `"reasoning_effort":"minimal"`, `"reasoning_effort":"low"`},
	{"reasoning_effort low", `"reasoning_effort":"low"`, ""},
	{"reasoning_effort high", `"reasoning_effort":"high"`, ""},
	{"reasoning_effort none", `"reasoning_effort":"none"`, ""},
	{"response_format json_object", `"response_format":{"type":"json_object"}`, ""},
	{"response_format json_schema", `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}`, ""},
	{"response_format strict", `"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":false,"schema":{"type":"object"}}}`, `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}`},
	{"audio out", `"modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"}`, ""},
	{"web_search_options", `"web_search_options":{}`, ""},
	{"message name", `"messages":[{"role":"user","name":"ann","content":"hi"}]`, ""},
	{"late system message", `"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"},{"role":"system","content":"be brief"},{"role":"user","content":"go"}]`, `"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"},{"role":"assistant","content":"ho"},{"role":"user","content":"go"}]`},
	{"image", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAAA"}}]}]`, ""},
	{"image detail", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAAA","detail":"high"}}]}]`, `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAAA"}}]}]`},
	{"image by URL", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}]}]`, ""},
	{"audio in", `"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"UklGRiQAAABXQVZF","format":"wav"}}]}]`, ""},
	{"PDF", `"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0xLjQKJcOkw7zDtsOf"}}]}]`, ""},
	{"file id", `"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-abc"}}]}]`, ""},
	{"reasoning in history", `"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho","reasoning_content":"hm"},{"role":"user","content":"go"}]`, `"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"},{"role":"user","content":"go"}]`},
	{"prefill", `"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]`, ""},
	{"tools", aTool, ""},
	{"strict tool", `"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{}}}}]`, aTool},
	{"reasoning_effort xhigh", `"reasoning_effort":"xhigh"`, `"reasoning_effort":"high"`},
	{"custom tool", `"tools":[{"type":"custom","custom":{"name":"f"}}]`, ""},
	{"server tool", `"tools":[{"type":"web_search"}]`, ""},
	{"tool_choice none", aTool + `,"tool_choice":"none"`, aTool},
	{"tool_choice required", aTool + `,"tool_choice":"required"`, aTool},
	{"tool_choice named", aTool + `,"tool_choice":{"type":"function","function":{"name":"f"}}`, aTool},
	{"tool_choice allowed", twoTools + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}`, twoTools},
	{"parallel_tool_calls false", aTool + `,"parallel_tool_calls":false`, aTool},
}

const aTool = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]`

const twoTools = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}},{"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{}}}}]`

// TestFields says what becomes of each field for each dialect of a target, in
// testdata/fields: kept, kept with a loss, dropped or refused. A field that changes
// nothing of what is sent and is no loss is dropped in silence.
func TestFields(t *testing.T) {
	body := func(members string) string {
		out := `{"model":"m"`
		if !strings.Contains(members, `"messages":`) {
			out += `,"messages":[{"role":"user","content":"hi"}]`
		}
		if members != "" {
			out += "," + members
		}
		return out + "}"
	}
	for _, d := range egressDialects {
		t.Run(string(d), func(t *testing.T) {
			var out strings.Builder
			for _, f := range statedFields {
				fmt.Fprintf(&out, "%-30s %s\n", f.name, becomes(t, d, body(f.base), body(f.members)))
			}
			golden(t, filepath.Join("testdata", "fields", string(d)+".golden"), out.String())
			if strings.Contains(out.String(), inSilence) {
				t.Errorf("a field is dropped in silence: drop or approximate it:\n%s", &out)
			}
		})
	}
}

const inSilence = "DROPPED IN SILENCE"

// becomes says what becomes of that in which stated differs from base.
func becomes(t *testing.T, d engine.Dialect, base, stated string) string {
	t.Helper()
	e, _ := EgressFor(d)
	write := func(body string) (any, []engine.Loss, *engine.RequestError) {
		up, err := e.WriteRequest(chatRequest(t, body), &Upstream{Model: "m"})
		if err != nil {
			re, ok := errors.AsType[*engine.RequestError](err)
			if !ok {
				t.Fatalf("error is %T, not an *engine.RequestError", err)
			}
			return nil, nil, re
		}
		var v any
		if err := json.Unmarshal(up.Body, &v); err != nil {
			t.Fatal(err)
		}
		return v, up.Losses, nil
	}
	without, usual, _ := write(base)
	with, lost, refused := write(stated)
	if refused != nil {
		return "refused: " + refused.Error()
	}
	var said []string
	for _, l := range lost {
		if !containsLoss(usual, l) {
			s := fmt.Sprintf("%s %s", l.How, l.Field)
			if l.To != "" {
				s += " to " + l.To
			}
			said = append(said, s)
		}
	}
	changed := !cmp.Equal(without, with)
	switch {
	case len(said) > 0:
		return strings.Join(said, ", ")
	case changed:
		return "kept"
	}
	return inSilence
}

func containsLoss(list []engine.Loss, l engine.Loss) bool {
	for _, o := range list {
		if o == l {
			return true
		}
	}
	return false
}
