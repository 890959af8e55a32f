package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// responsesEvent is an event of a stream of the Responses API.
type responsesEvent struct {
	Type         string           `json:"type"`
	Sequence     *int             `json:"sequence_number"`
	OutputIndex  *int             `json:"output_index"`
	ContentIndex *int             `json:"content_index"`
	SummaryIndex *int             `json:"summary_index"`
	ItemID       string           `json:"item_id"`
	Item         *responsesItem   `json:"item"`
	Delta        *string          `json:"delta"`
	Text         *string          `json:"text"`
	Refusal      *string          `json:"refusal"`
	Arguments    *string          `json:"arguments"`
	Input        *string          `json:"input"`
	Part         jsontext.Value   `json:"part"`
	Response     *responsesObject `json:"response"`
	Error        jsontext.Value   `json:"error"`
}

type responsesObject struct {
	ID        string           `json:"id"`
	Object    string           `json:"object"`
	Status    string           `json:"status"`
	CreatedAt int64            `json:"created_at"`
	Model     string           `json:"model"`
	Output    []jsontext.Value `json:"output"`
	Store     *bool            `json:"store"`
	Usage     *struct {
		Input        int `json:"input_tokens"`
		Output       int `json:"output_tokens"`
		Total        int `json:"total_tokens"`
		InputDetails *struct {
			Cached *int `json:"cached_tokens"`
			Write  *int `json:"cache_write_tokens"`
		} `json:"input_tokens_details"`
		OutputDetails *struct {
			Reasoning *int `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
	} `json:"usage"`
	Error *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Incomplete *struct {
		Reason string `json:"reason"`
	} `json:"incomplete_details"`
}

type responsesItem struct {
	ID        string           `json:"id"`
	Type      string           `json:"type"`
	Status    string           `json:"status"`
	Content   []jsontext.Value `json:"content"`
	Summary   []jsontext.Value `json:"summary"`
	Arguments *string          `json:"arguments"`
	Input     *string          `json:"input"`
	CallID    string           `json:"call_id"`
	Name      string           `json:"name"`
}

// requiredOfResponse are the members that the published schema of a response
// demands.
var requiredOfResponse = []string{"id", "object", "created_at", "error", "incomplete_details", "instructions", "model", "tools", "output",
	"parallel_tool_calls", "metadata", "tool_choice", "temperature", "top_p"}

func checkResponse(t testing.TB, raw []byte) *responsesObject {
	t.Helper()
	var all map[string]jsontext.Value
	var o responsesObject
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	for _, name := range requiredOfResponse {
		if _, ok := all[name]; !ok {
			t.Errorf("the response lacks %q: %s", name, raw)
		}
	}
	if o.Object != "response" || o.ID == "" || o.Output == nil || o.Store == nil || *o.Store {
		t.Errorf("bad response: %s", raw)
	}
	if u := o.Usage; u != nil && (u.Total != u.Input+u.Output || u.InputDetails == nil || u.OutputDetails == nil ||
		u.InputDetails.Cached == nil || u.InputDetails.Write == nil || u.OutputDetails.Reasoning == nil) {
		t.Errorf("bad usage: %s", all["usage"])
	}
	return &o
}

// openItem is what the checker knows of an item.
type openItem struct {
	responsesItem
	done  jsontext.Value // nil: not yet
	said  map[int]string // deltas by index of the part
	parts map[int]bool   // true: done
	args  string
	ended bool // its arguments are done
}

// checkResponsesStream checks a stream against the grammar that OpenAI's SDKs rely
// on, and returns the arguments of the calls in it.
func checkResponsesStream(t testing.TB, out string, failed bool) (arguments []string) {
	t.Helper()
	var items []*openItem
	next, id, terminal, errorsSeen := 0, "", "", 0
	for event := range strings.SplitSeq(strings.TrimSuffix(out, "\n\n"), "\n\n") {
		if strings.HasPrefix(event, ":") {
			continue
		}
		head, data, ok := strings.Cut(event, "\ndata: ")
		if !ok || strings.ContainsAny(data, "\r\n") {
			t.Fatalf("not an event: %q", event)
		}
		var e responsesEvent
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if head != "event: "+e.Type || terminal != "" {
			t.Fatalf("event %q, after %q: %s", head, terminal, data)
		}
		if e.Sequence == nil || *e.Sequence != next {
			t.Fatalf("the sequence number should be %d: %s", next, data)
		}
		next++
		if e.Response != nil {
			var raw struct {
				Response jsontext.Value `json:"response"`
			}
			if err := json.Unmarshal([]byte(data), &raw); err != nil {
				t.Fatal(err)
			}
			checkResponse(t, raw.Response)
			if id == "" {
				id = e.Response.ID
			}
			if e.Response.ID != id {
				t.Errorf("the id changes from %q: %s", id, data)
			}
		}
		switch {
		case next == 1 && e.Type != "response.created", next == 2 && e.Type != "response.in_progress":
			t.Fatalf("event %d is %s", next, data)
		case next <= 2:
			if e.Response == nil || e.Response.Status != "in_progress" || len(e.Response.Output) > 0 {
				t.Errorf("bad begin: %s", data)
			}
			continue
		}
		var it *openItem
		if e.ItemID != "" || e.Type == "response.output_item.done" {
			if e.OutputIndex == nil || *e.OutputIndex < 0 || *e.OutputIndex >= len(items) {
				t.Fatalf("of no item: %s", data)
			}
			it = items[*e.OutputIndex]
			if of := e.ItemID; of == "" && e.Item.ID != it.ID || of != "" && of != it.ID || it.done != nil {
				t.Fatalf("of another item, or one that is done: %s", data)
			}
		}
		part := -1
		if e.ContentIndex != nil {
			part = *e.ContentIndex
		} else if e.SummaryIndex != nil {
			part = *e.SummaryIndex
		}
		switch e.Type {
		case "response.output_item.added":
			if e.OutputIndex == nil || *e.OutputIndex != len(items) || e.Item == nil || e.Item.ID == "" ||
				slices.ContainsFunc(items, func(o *openItem) bool { return o.ID == e.Item.ID }) {
				t.Fatalf("bad item: %s", data)
			}
			if e.Item.Type == "function_call" && (e.Item.Name == "" || e.Item.CallID == "") {
				t.Errorf("a call without a name or an id: %s", data)
			}
			items = append(items, &openItem{responsesItem: *e.Item, said: map[int]string{}, parts: map[int]bool{}})
		case "response.output_item.done":
			for n, done := range it.parts {
				if !done {
					t.Errorf("part %d is not done: %s", n, data)
				}
			}
			call := it.Type == "function_call" || it.Type == "custom_tool_call"
			if e.Item.Status == "in_progress" || call && !it.ended {
				t.Errorf("not done: %s", data)
			}
			if call && (e.Item.Arguments != nil && *e.Item.Arguments != it.args || e.Item.Input != nil && *e.Item.Input != it.args) {
				t.Errorf("other arguments than %q: %s", it.args, data)
			}
			if (it.Type == "message" || it.Type == "reasoning") && len(e.Item.Content)+len(e.Item.Summary) != len(it.parts) {
				t.Errorf("other parts: %s", data)
			}
			var raw struct {
				Item jsontext.Value `json:"item"`
			}
			if err := json.Unmarshal([]byte(data), &raw); err != nil {
				t.Fatal(err)
			}
			it.done = raw.Item
		case "response.content_part.added", "response.reasoning_summary_part.added":
			if part != len(it.parts) {
				t.Fatalf("bad part: %s", data)
			}
			it.parts[part] = false
		case "response.content_part.done", "response.reasoning_summary_part.done":
			if _, ok := it.parts[part]; !ok {
				t.Fatalf("no such part: %s", data)
			}
			var p struct {
				Text    string `json:"text"`
				Refusal string `json:"refusal"`
			}
			if err := json.Unmarshal(e.Part, &p); err != nil || p.Text+p.Refusal != it.said[part] {
				t.Errorf("not what was said, %q: %s", it.said[part], data)
			}
			it.parts[part] = true
		case "response.output_text.delta", "response.refusal.delta", "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
			if done, ok := it.parts[part]; !ok || done || e.Delta == nil {
				t.Fatalf("of no part that goes on: %s", data)
			}
			it.said[part] += *e.Delta
		case "response.output_text.done", "response.reasoning_summary_text.done", "response.reasoning_text.done":
			if e.Text == nil || *e.Text != it.said[part] {
				t.Errorf("not what was said, %q: %s", it.said[part], data)
			}
		case "response.refusal.done":
			if e.Refusal == nil || *e.Refusal != it.said[part] {
				t.Errorf("not what was said, %q: %s", it.said[part], data)
			}
		case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
			it.args += *e.Delta
		case "response.function_call_arguments.done":
			if it.ended = true; e.Arguments == nil || *e.Arguments != it.args {
				t.Errorf("other arguments than %q: %s", it.args, data)
			}
			arguments = append(arguments, it.args)
		case "response.custom_tool_call_input.done":
			if it.ended = true; e.Input == nil || *e.Input != it.args {
				t.Errorf("other input than %q: %s", it.args, data)
			}
		case "response.output_text.annotation.added":
			if done, ok := it.parts[part]; !ok || done {
				t.Errorf("of no part that goes on: %s", data)
			}
		case "error":
			if errorsSeen++; e.Error == nil {
				t.Errorf("no error: %s", data)
			}
		case "response.completed", "response.incomplete", "response.failed":
			terminal = e.Type
			if e.Response == nil || "response."+e.Response.Status != e.Type {
				t.Fatalf("bad end: %s", data)
			}
			var want []jsontext.Value
			for _, it := range items {
				if it.done == nil {
					t.Errorf("item %s is not done", it.ID)
				}
				want = append(want, it.done)
			}
			if d := cmp.Diff(len(want), len(e.Response.Output)); d != "" {
				t.Fatalf("items (-done +output): %s\n%s", d, data)
			}
			for i := range want {
				if string(want[i]) != string(e.Response.Output[i]) {
					t.Errorf("item %d is done as\n%s\nand is at the end\n%s", i, want[i], e.Response.Output[i])
				}
			}
			if (e.Type == "response.failed") != (e.Response.Error != nil) || (e.Type == "response.incomplete") != (e.Response.Incomplete != nil) {
				t.Errorf("the end does not say why: %s", data)
			}
		default:
			if it == nil || !strings.HasPrefix(e.Type, "response.") {
				t.Errorf("unknown event: %s", data)
			}
		}
	}
	if failed != (terminal == "response.failed") || failed != (errorsSeen == 1) || terminal == "" {
		t.Errorf("failed %v, %d errors, ends in %q", failed, errorsSeen, terminal)
	}
	return arguments
}

func checkResponses(t testing.TB, req *engine.Request, out string, failed bool) {
	t.Helper()
	switch {
	case req.Stream:
		for _, args := range checkResponsesStream(t, out, failed) {
			if !failed && !jsontext.Value(args).IsValid() {
				t.Errorf("arguments are not JSON: %q", args)
			}
		}
	case failed:
		if !jsontext.Value(out).IsValid() {
			t.Errorf("not valid JSON: %s", out)
		}
	default:
		o := checkResponse(t, []byte(out))
		if o.Status != "completed" && o.Status != "incomplete" {
			t.Errorf("status %q", o.Status)
		}
	}
}

// markedResponses is markedRequest for this API.
const markedResponses = `{"model":"m","instructions":"MARK","input":[
	{"role":"developer","content":"MARK"},
	{"type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":"MARK","prompt_cache_breakpoint":{"mode":"MARK"}},{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,iVBORw0KGgoAAAAN"}]},
	{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"MARK"}]},
	{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"MARK","annotations":[{"type":"url_citation","url":"MARK","title":"MARK","start_index":0,"end_index":1}],"logprobs":[{"token":"MARK","logprob":-1,"bytes":[1],"top_logprobs":[]}]},{"type":"refusal","refusal":"MARK"}]},
	{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"MARK\":\"MARK\",\"n\":NUMBER,\"l\":[\"a \\u005aMARK\"]}","status":"completed"},
	{"type":"function_call","call_id":"c2","name":"f","arguments":""},
	{"type":"function_call_output","call_id":"c1","output":"{\"MARK\":[\"MARK\",{\"k\":NUMBER}]}"},
	{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"MARK"}]},
	{"role":"assistant","content":"MARK"},
	{"role":"user","content":"MARK"}],
	"tools":[{"type":"function","name":"f","description":"MARK","parameters":{"type":"object","MARK":{"enum":["MARK",NUMBER]}},"strict":true}],
	"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]},
	"text":{"format":{"type":"json_schema","name":"n","description":"MARK","schema":{"type":"object","title":"MARK"}},"verbosity":"low"},
	"reasoning":{"summary":"auto","context":"MARK"},"truncation":"disabled","store":false,"include":["reasoning.encrypted_content"],
	"user":"MARK","metadata":{"MARK":"MARK"},"safety_identifier":"MARK","prompt_cache_key":"MARK","context_management":[{"type":"MARK"}]}`

// markedForItsOwn has what only servers of the API know.
const markedForItsOwn = `{"model":"m","input":[
	{"role":"user","content":[{"type":"input_text","text":"MARK"},{"type":"input_file","filename":"MARK","file_data":"MARK"},{"type":"input_new","thing":{"MARK":"MARK"}}]},
	{"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"MARK"}]},
	{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"MARK"}},
	{"type":"image_generation_call","id":"ig_1","status":"completed","result":"MARK"},
	{"type":"custom_tool_call","id":"ctc_1","call_id":"c1","name":"f","input":"MARK"},
	{"type":"custom_tool_call_output","call_id":"c1","output":"MARK"},
	{"type":"mcp_approval_response","approval_request_id":"a1","approve":true,"reason":"MARK"}],
	"tools":[{"type":"custom","name":"f","description":"MARK","format":{"type":"grammar","syntax":"regex","definition":"MARK"}},
		{"type":"web_search","user_location":{"type":"approximate","city":"MARK"}},{"type":"mcp","server_label":"MARK","authorization":"MARK"},
		{"type":"namespace","name":"s","description":"MARK","tools":[{"type":"function","name":"g","description":"MARK","parameters":{"MARK":1}}]}]}`
