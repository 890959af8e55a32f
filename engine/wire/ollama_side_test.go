package wire

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Requests of Ollama's clients, as of markedRequest.
const (
	markedOllamaChat = `{"model":"m","stream":false,"messages":[
	{"role":"system","content":"MARK"},
	{"role":"user","content":"MARK","images":["iVBORw0KGgoAAAAA"],"extra":{"MARK":"MARK"}},
	{"role":"assistant","content":"MARK","thinking":"MARK","tool_calls":[{"function":{"name":"f","arguments":{"MARK":"MARK","n":NUMBER}}}]},
	{"role":"tool","tool_name":"f","content":"{\"MARK\":[\"MARK\",{\"k\":NUMBER}]}"},
	{"role":"user","content":"MARK"}],
	"tools":[{"type":"function","function":{"name":"f","description":"MARK","parameters":{"type":"object","MARK":{"enum":["MARK",NUMBER]}}}}],
	"format":{"type":"object","title":"MARK"},"options":{"temperature":0.5,"num_ctx":NUMBER,"MARK":"MARK"},"keep_alive":"5m"}`
	markedOllamaGenerate = `{"model":"m","stream":false,"system":"MARK","prompt":"MARK","images":["iVBORw0KGgoAAAAA"],"format":{"title":"MARK"},"options":{"MARK":["MARK"]}}`
)

var ollamaSides = []side{
	{
		dialect: engine.DialectOllamaChat, marked: []markedBody{{body: markedOllamaChat}},
		body:  `{"model":"small","stream":STREAM,"messages":[{"role":"user","content":"hi"}]}`,
		check: checkOllama,
	},
	{
		dialect: engine.DialectOllamaGenerate, foreign: engine.DialectOllama, marked: []markedBody{{body: markedOllamaGenerate}},
		body:  `{"model":"small","stream":STREAM,"prompt":"hi"}`,
		check: checkOllama,
	},
}

// checkOllama checks a reply against what Ollama's own clients rely on: every line
// has a model and its message or response; the last one alone is done, and
// says why and how much; a failure is the last line.
func checkOllama(t testing.TB, req *engine.Request, out string, failed bool) {
	t.Helper()
	type line struct {
		Model   string `json:"model"`
		Message *struct {
			Role      string  `json:"role"`
			Content   *string `json:"content"`
			ToolCalls []struct {
				Function struct {
					Name      string         `json:"name"`
					Arguments jsontext.Value `json:"arguments"`
				} `json:"function"`
			} `json:"tool_calls"`
		} `json:"message"`
		Response        *string `json:"response"`
		Done            *bool   `json:"done"`
		DoneReason      string  `json:"done_reason"`
		EvalCount       *int    `json:"eval_count"`
		PromptEvalCount *int    `json:"prompt_eval_count"`
		Error           string  `json:"error"`
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if !req.Stream && len(lines) != 1 {
		t.Errorf("%d lines in a whole reply", len(lines))
	}
	for i, raw := range lines {
		var l line
		if err := json.Unmarshal([]byte(raw), &l); err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
		last := i == len(lines)-1
		if l.Error != "" {
			if !failed || !last {
				t.Errorf("an error in line %d of %d: %s", i, len(lines), raw)
			}
			continue
		}
		if l.Model == "" || l.Done == nil {
			t.Errorf("a line without model or done: %s", raw)
			continue
		}
		if chat := req.Dialect == engine.DialectOllamaChat; chat && (l.Message == nil || l.Message.Role != "assistant" || l.Message.Content == nil) || !chat && l.Response == nil {
			t.Errorf("a line that says nothing: %s", raw)
			continue
		}
		if l.Message != nil {
			for _, c := range l.Message.ToolCalls {
				if c.Function.Name == "" || c.Function.Arguments.Kind() != '{' {
					t.Errorf("a call without a name or an object: %s", raw)
				}
			}
		}
		if *l.Done != (last && !failed) && !(failed && *l.Done) {
			t.Errorf("line %d of %d: done is %v", i, len(lines), *l.Done)
		}
		if *l.Done && l.DoneReason == "" {
			t.Errorf("no reason: %s", raw)
		}
	}
	if failed != strings.Contains(lines[len(lines)-1], `"error":`) {
		t.Errorf("failed %v: the last line is %s", failed, lines[len(lines)-1])
	}
}
