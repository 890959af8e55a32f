package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestReadRequestNeutralForm(t *testing.T) {
	body := `{"messages":[
		{"content":"Be brief.","role":"developer","name":"ops"},
		{"role":"user","content":[{"type":"text","text":"caf\u00e9"},{"type":"image_url","image_url":{"url":"data:image/PNG;base64,iVBORw0KGgo=","detail":"low"}},{"type":"image_url","image_url":{"url":"https://x.example/a"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERi0xLjQ=","filename":"ann.pdf"}}]},
		{"role":"assistant","content":null,"refusal":"no","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"to\":{\"n\":\"Ann\"},\"card\":4111111111111111,\"k\":3}"}}]},
		{"role":"tool","tool_call_id":"c1","content":"[\"\\u0041nn\"]"}],
		"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],
		"tool_choice":{"type":"function","function":{"name":"f"}},
		"stop":["END"],"metadata":{"team":"x"},"user":"ann","n":2,"seed":-1,"temperature":0.5,
		"stream":true,"stream_options":{"include_usage":true},"max_tokens":9,"max_completion_tokens":7,
		"slo":{"ttft_ms":100,"tpot_ms":20,"total_ms":5000,"on_miss":"cancel"},"model":"small","extra":{"a key":["v",12345678,1234567,123456,true]}}`
	req := chatRequest(t, body)
	var got []string
	for _, x := range req.Texts {
		got = append(got, fmt.Sprintf("%s %s %d %q", x.Role, x.Kind, x.Message, x.Value))
	}
	want := []string{
		`system text 0 "Be brief."`, `system name 0 "ops"`,
		`user text 1 "café"`, `user text 1 "https://x.example/a"`, `user name 1 "ann.pdf"`,
		`assistant text 2 "no"`, `assistant name 2 "f"`,
		`assistant tool_arguments 2 "to"`, `assistant tool_arguments 2 "n"`, `assistant tool_arguments 2 "Ann"`,
		`assistant tool_arguments 2 "card"`, `assistant tool_arguments 2 "4111111111111111"`, `assistant tool_arguments 2 "k"`,
		`tool tool_result 3 "Ann"`,
		`system name -1 "f"`, `system tool_definition -1 "d"`, `system tool_definition -1 "type"`, `system tool_definition -1 "object"`,
		`system name -1 "f"`,
		`user text -1 "END"`, `user text -1 "team"`, `user text -1 "x"`, `user name -1 "ann"`,
		`user text -1 "extra"`, `user text -1 "a key"`, `user text -1 "v"`, `user text -1 "12345678"`, `user text -1 "1234567"`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("texts (-want +got):\n%s", d)
	}
	type summary struct {
		Model, User               string
		Stream, Usage             bool
		Max, N                    int
		Budget                    engine.Budget
		Stop                      []string
		Metadata                  map[string]string
		Choice                    engine.ToolChoice
		Roles                     []string
		Modalities                []string
		Image, Detail, ResultName string
		Priority                  int
	}
	s := summary{Model: req.Model, Stream: req.Stream, Usage: req.IncludeUsage, Max: req.MaxOutputTokens, N: req.Sampling.N, Budget: req.Budget,
		Stop: req.Sampling.Stop, Metadata: req.Metadata, Choice: req.ToolChoice, Modalities: req.Modalities, Priority: req.Priority,
		Image: req.Messages[1].Parts[1].MediaType + " " + req.Messages[1].Parts[1].Data, Detail: req.Messages[1].Parts[1].Detail, ResultName: req.Messages[3].ToolName}
	for _, m := range req.Messages {
		s.Roles = append(s.Roles, m.Role.String()+"/"+m.Native)
	}
	wantSummary := summary{Model: "small", Stream: true, Usage: true, Max: 7, N: 2,
		Budget: engine.Budget{TTFT: 100 * time.Millisecond, TPOT: 20 * time.Millisecond, Total: 5 * time.Second, OnMiss: engine.OnMissCancel},
		Stop:   []string{"END"}, Metadata: map[string]string{"team": "x"}, Choice: engine.ToolChoice{Mode: "tool", Name: "f"},
		Roles:      []string{"system/developer", "user/user", "assistant/assistant", "tool/tool"},
		Modalities: []string{"text", "image", "file"}, Image: "image/png iVBORw0KGgo=", Detail: "low", ResultName: "f", Priority: 3}
	if d := cmp.Diff(wantSummary, s); d != "" {
		t.Errorf("request (-want +got):\n%s", d)
	}
	if req.PromptTokens == 0 || req.PromptBytes == 0 {
		t.Errorf("prompt: %d tokens, %d bytes", req.PromptTokens, req.PromptBytes)
	}
}

func TestReadRequestMistakes(t *testing.T) {
	chat := func(rest string) string {
		return `{"model":"m","messages":[{"role":"user","content":"hi"}]` + rest + `}`
	}
	message := func(m string) string { return `{"model":"m","messages":[{"role":"user","content":"hi"},` + m + `]}` }
	tests := []struct {
		name    string
		dialect engine.Dialect
		body    string
		field   string
		says    string
	}{
		{"nothing", "", ``, "", "empty"},
		{"white space", "", "  \n", "", "empty"},
		{"not JSON", "", `hello`, "", "not valid JSON"},
		{"cut short", "", `{"model":"m","messages":[{"role":"us`, "messages[0].role", "ends before"},
		{"trailing data", "", chat("") + `{}`, "", "after its JSON value"},
		{"an array", "", `[]`, "", "must be a JSON object, not an array"},
		{"comments", "", `{"model":"m", // x` + "\n" + `"messages":[]}`, "", "not valid JSON"},
		{"duplicate name", "", chat(`,"model":"other"`), "model", "twice"},
		{"duplicate name inside", "", message(`{"role":"user","role":"system","content":"x"}`), "messages[1].role", "twice"},
		{"duplicate name by escape", "", chat(`,"mod\u0065l":"other"`), "model", "twice"},
		{"invalid UTF-8", "", message("{\"role\":\"user\",\"content\":\"\xff\"}"), "messages[1].content", "UTF-8"},
		{"lone surrogate", "", message(`{"role":"user","content":"\ud800"}`), "messages[1].content", "not valid JSON"},
		{"control character", "", message("{\"role\":\"user\",\"content\":\"a\nb\"}"), "messages[1].content", "not valid JSON"},
		{"too deep", "", chat(`,"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200)), "", "too deep"},
		{"too deep inside a string", "", message(`{"role":"tool","tool_call_id":"c","content":"` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `"}`), "messages[1].content", "too deep"},
		{"no model", "", `{"messages":[{"role":"user","content":"hi"}]}`, "model", "missing"},
		{"other case", "", `{"MODEL":"m","messages":[{"role":"user","content":"hi"}]}`, "MODEL", "spelt \"model\""},
		{"both cases", "", chat(`,"Model":"other"`), "Model", "spelt"},
		{"long s for s", "", chat(`,"tool\u017f":[]`), "?", "spelt \"tools\""},
		{"other case in a message", "", message(`{"role":"user","content":"a","Content":"b"}`), "messages[1].Content", "spelt"},
		{"other case in a tool", "", chat(`,"tools":[{"type":"function","function":{"name":"f","NAME":"shell"}}]`), "tools[0].function.NAME", "spelt"},
		{"empty model", "", `{"model":"","messages":[{"role":"user","content":"hi"}]}`, "model", "empty"},
		{"null model", "", `{"model":null,"messages":[{"role":"user","content":"hi"}]}`, "model", "must be a string, not null"},
		{"no messages", "", `{"model":"m"}`, "messages", "missing"},
		{"empty messages", "", `{"model":"m","messages":[]}`, "messages", "at least one"},
		{"messages as object", "", `{"model":"m","messages":{}}`, "messages", "must be an array, not an object"},
		{"message as string", "", message(`"hi"`), "messages[1]", "must be an object, not a string"},
		{"no role", "", message(`{"content":"x"}`), "messages[1].role", "missing"},
		{"unknown role", "", message(`{"role":"root","content":"x"}`), "messages[1].role", "known role"},
		{"role in capitals", "", message(`{"role":"User","content":"x"}`), "messages[1].role", "known role"},
		{"no content", "", message(`{"role":"user"}`), "messages[1].content", "missing"},
		{"null content", "", message(`{"role":"user","content":null}`), "messages[1].content", "missing"},
		{"number content", "", message(`{"role":"user","content":5}`), "messages[1].content", "not a number"},
		{"text part without text", "", message(`{"role":"user","content":[{"type":"text"}]}`), "messages[1].content[0].text", "missing"},
		{"text part of the wrong type", "", message(`{"role":"user","content":[{"type":"text","text":{}}]}`), "messages[1].content[0].text", "must be a string, not an object"},
		{"part without type", "", message(`{"role":"user","content":[{"text":"x"}]}`), "messages[1].content[0].type", "missing"},
		{"image as string", "", message(`{"role":"user","content":[{"type":"image_url","image_url":"https://x.example"}]}`), "messages[1].content[0].image_url", "must be an object"},
		{"image of a file", "", message(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]}`), "messages[1].content[0].image_url.url", "data URL"},
		{"image that is text", "", message(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:text/plain,hello"}}]}`), "messages[1].content[0].image_url.url", "data URL"},
		{"arguments as object", "", message(`{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":{}}}]}`), "messages[1].tool_calls[0].function.arguments", "must be a string"},
		{"tool call without function", "", message(`{"role":"assistant","tool_calls":[{"id":"c"}]}`), "messages[1].tool_calls[0].function", "missing"},
		{"tool without type", "", chat(`,"tools":[{}]`), "tools[0].type", "missing"},
		{"tool without name", "", chat(`,"tools":[{"type":"function","function":{}}]`), "tools[0].function.name", "missing"},
		{"tools and functions", "", chat(`,"tools":[],"functions":[]`), "tools", "cannot both"},
		{"unknown tool choice", "", chat(`,"tool_choice":"maybe"`), "tool_choice", "none, auto"},
		{"n of zero", "", chat(`,"n":0`), "n", "from 1"},
		{"n of thousands", "", chat(`,"n":5000`), "n", "from 1 to 128"},
		{"n in words", "", chat(`,"n":"two"`), "n", "must be a number, not a string"},
		{"half a token", "", chat(`,"max_tokens":1.5`), "max_tokens", "whole number"},
		{"no tokens", "", chat(`,"max_completion_tokens":0`), "max_completion_tokens", "from 1"},
		{"huge number", "", chat(`,"temperature":1e999`), "temperature", "out of range"},
		{"stream in words", "", chat(`,"stream":"yes"`), "stream", "must be true or false, not a string"},
		{"metadata of numbers", "", chat(`,"metadata":{"k":1}`), "metadata.k", "must be a string"},
		{"stop of numbers", "", chat(`,"stop":["a",2]`), "stop[1]", "must be a string"},
		{"slo in words", "", chat(`,"slo":{"ttft_ms":"fast"}`), "slo.ttft_ms", "must be a number"},
		{"negative slo", "", chat(`,"slo":{"total_ms":-1}`), "slo.total_ms", "from 1 to 86400000"},
		{"slo of two days", "", chat(`,"slo":{"total_ms":172800000}`), "slo.total_ms", "from 1 to 86400000"},
		{"unknown slo", "", chat(`,"slo":{"ttft":1}`), "slo.ttft", "not known"},
		{"slo with another end", "", chat(`,"slo":{"on_miss":"explode"}`), "slo.on_miss", "finish"},
		{"a user's text as a name is not repeated", "", chat(`,"slo":{"Ann's secret":1}`), "slo.?", "not known"},
		{"prompt of tokens", engine.DialectOpenAICompletions, `{"model":"m","prompt":[1,2]}`, "prompt[0]", "cannot be inspected"},
		{"prompts of tokens", engine.DialectOpenAICompletions, `{"model":"m","prompt":[[1,2]]}`, "prompt[0]", "cannot be inspected"},
		{"no prompt", engine.DialectOpenAICompletions, `{"model":"m"}`, "prompt", "missing"},
		{"no prompts", engine.DialectOpenAICompletions, `{"model":"m","prompt":[]}`, "prompt", "at least one"},
		{"input of tokens", engine.DialectOpenAIEmbeddings, `{"model":"m","input":["a",5]}`, "input[1]", "cannot be inspected"},
		{"no input", engine.DialectOpenAIEmbeddings, `{"model":"m"}`, "input", "missing"},
		{"negative dimensions", engine.DialectOpenAIEmbeddings, `{"model":"m","input":"x","dimensions":-1}`, "dimensions", "from 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.dialect == "" {
				tt.dialect = engine.DialectOpenAIChat
			}
			in, ok := IngressFor(tt.dialect)
			if !ok {
				t.Fatal("no such dialect")
			}
			_, err := in.ReadRequest(&Inbound{Body: []byte(tt.body)}, Limits{})
			if err == nil {
				t.Fatal("accepted")
			}
			re := requestError(t, err)
			if re.Field != tt.field || !strings.Contains(re.Error(), tt.says) {
				t.Errorf("got %q: %q, want field %q and %q", re.Field, re.Message, tt.field, tt.says)
			}
		})
	}
}

func TestReadCompletionsAndEmbeddings(t *testing.T) {
	for _, tt := range []struct {
		dialect engine.Dialect
		body    string
		path    string
		want    string // what goes to the target
		texts   []string
	}{
		{engine.DialectOpenAICompletions, `{"model":"m","prompt":["a","b"],"suffix":"c","stream":true,"logprobs":3,"echo":false,"stop":"d"}`, "/completions",
			`{"model":"u","prompt":["a","b"],"suffix":"c","stream":true,"logprobs":3,"echo":false,"stop":"d","max_tokens":5,"stream_options":{"include_usage":true}}`,
			[]string{"a", "b", "c", "d"}},
		{engine.DialectOpenAIEmbeddings, `{"input":"a","model":"m","encoding_format":"base64","dimensions":256,"user":"ann"}`, "/embeddings",
			`{"input":"a","model":"u","encoding_format":"base64","dimensions":256,"user":"ann"}`, []string{"a", "ann"}},
	} {
		in, _ := IngressFor(tt.dialect)
		req, err := in.ReadRequest(&Inbound{Body: []byte(tt.body)}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, x := range req.Texts {
			texts = append(texts, x.Value)
		}
		if d := cmp.Diff(tt.texts, texts); d != "" {
			t.Errorf("%s: texts (-want +got):\n%s", tt.dialect, d)
		}
		up, err := OpenAI{}.WriteRequest(req, &Upstream{Model: "u", MaxOutputTokens: 5})
		if err != nil {
			t.Fatal(err)
		}
		if up.Path != tt.path || string(up.Body) != tt.want {
			t.Errorf("%s %s, want %s %s", up.Path, up.Body, tt.path, tt.want)
		}
		for _, d := range egressDialects[1:] {
			e, _ := EgressFor(d)
			if d == engine.DialectOllama || d == engine.DialectGemini && req.Operation == engine.OpEmbeddings {
				continue // which have them
			}
			if _, err := e.WriteRequest(req, &Upstream{Model: "u"}); err == nil || e.Supports(req.Operation) {
				t.Errorf("%s takes operation %s", d, req.Operation)
			}
		}
	}
}

func TestNumbersAndEnumsThatHoldTextAreInspected(t *testing.T) {
	req := chatRequest(t, `{"model":"m","messages":[{"role":"user","content":[{"type":"strange kind","strange kind":"x"}]}],"service_tier":"call me at 555 0100","reasoning_effort":"4111111111111111","logit_bias":{"50256":-100,"Ann":1},"modalities":["text","smell"]}`)
	var got []string
	for _, x := range req.Texts {
		got = append(got, x.Value)
	}
	if d := cmp.Diff([]string{"strange kind", "strange kind", "x", "call me at 555 0100", "4111111111111111", "Ann"}, got); d != "" {
		t.Errorf("texts (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"logit_bias", "modalities"}, req.NotPortable); d != "" {
		t.Errorf("not portable (-want +got):\n%s", d)
	}
}
