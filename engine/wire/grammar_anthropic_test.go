package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// anthropicMarked is what is marked in a request of the Messages API that every
// dialect carries.
const anthropicMarked = `{"model":"m","max_tokens":100,"system":[{"type":"text","text":"MARK","cache_control":{"type":"ephemeral","ttl":"5m"}}],"messages":[
	{"role":"user","content":[{"type":"text","text":"MARK"}]},
	{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"` + aSignature + `"},{"type":"text","text":"MARK","citations":[{"type":"char_location","cited_text":"MARK","document_title":"MARK"}]},
		{"type":"tool_use","id":"c1","name":"f","input":{"MARK":"MARK","n":NUMBER,"l":["a \u005aMARK"]}}]},
	{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"{\"MARK\":[\"MARK\",{\"k\":NUMBER}]}"}]},{"type":"text","text":"MARK"}]},
	{"role":"assistant","content":[{"type":"tool_use","id":"c2","name":"f","input":{}}]},
	{"role":"user","content":[{"type":"tool_result","tool_use_id":"c2","content":"MARK","is_error":false}]},
	{"role":"assistant","content":"MARK"},{"role":"user","content":"MARK"}],
	"tools":[{"name":"f","description":"MARK","input_schema":{"type":"object","MARK":{"enum":["MARK",NUMBER]}},"input_examples":[{"k":"MARK"}]}],
	"output_config":{"format":{"type":"json_schema","schema":{"type":"object","title":"MARK"}}},
	"metadata":{"user_id":"MARK"},"user_profile_id":"MARK"}`

// aSignature has the form of Anthropic's signatures.
const aSignature = "EqQBCkgIARABGAIiQL9vT2c0bXhXZ1NKb3BzZk5oVjJhd3R6UkxqQ3NkRmdIOWtQb1l1VHI2NTRFcw"

// anthropicMarkedNative is one with what only this API has.
const anthropicMarkedNative = `{"model":"m","max_tokens":100,"system":"MARK","messages":[
	{"role":"user","content":[{"type":"document","title":"MARK","context":"MARK","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"MARK"}},
		{"type":"document","source":{"type":"content","content":[{"type":"text","text":"MARK"}]}},
		{"type":"image","source":{"type":"url","url":"https://x.example/MARK"}},
		{"type":"search_result","source":"MARK","title":"MARK","content":[{"type":"text","text":"MARK"}]}]},
	{"role":"assistant","content":[{"type":"server_tool_use","id":"s1","name":"web_search","input":{"query":"MARK"}},
		{"type":"web_search_tool_result","tool_use_id":"s1","content":[{"type":"web_search_result","title":"MARK","url":"MARK","encrypted_content":"` + aSignature + `","page_age":"MARK"}]},
		{"type":"redacted_thinking","data":"` + aSignature + `"},{"type":"invented","text":"MARK","MARK":["MARK"]}]},
	{"role":"system","content":[{"type":"text","text":"MARK"}]},
	{"role":"user","content":"MARK"}],
	"tools":[{"type":"web_search_20260901","name":"web_search","allowed_domains":["MARK"],"user_location":{"city":"MARK"}}],
	"mcp_servers":[{"url":"MARK","authorization_token":"MARK"}],"container":{"skills":[{"skill_id":"MARK"}]}}`

// notAnthropic are the dialects that do not carry it.
var notAnthropic = slices.DeleteFunc(slices.Clone(egressDialects), func(d engine.Dialect) bool { return d == engine.DialectAnthropic })

// checkAnthropicStream checks a stream against the grammar of the Messages API:
// message_start, blocks one after the other from index 0 on with deltas of their own
// kind, one message_delta, message_stop. Each event is named as its data says.
func checkAnthropicStream(t testing.TB, _ *engine.Request, out string, failed bool) {
	t.Helper()
	deltas := map[string]string{"text_delta": "text", "citations_delta": "text", "input_json_delta": "tool_use server_tool_use",
		"thinking_delta": "thinking", "signature_delta": "thinking"}
	var (
		begun, ended, stopped, erred bool
		open                         = "" // the type of the open block
		next                         = 0
		args                         string
	)
	for event := range strings.SplitSeq(strings.TrimSuffix(out, "\n\n"), "\n\n") {
		if event == "" {
			continue
		}
		if stopped || erred {
			t.Fatalf("an event after the end: %q", event)
		}
		head, data, ok := strings.Cut(event, "\ndata: ")
		name, named := strings.CutPrefix(head, "event: ")
		if !ok || !named || strings.ContainsAny(name+data, "\r\n") {
			t.Fatalf("bad event %q", event)
		}
		var e struct {
			Type    string `json:"type"`
			Index   *int   `json:"index"`
			Message *struct {
				ID           string           `json:"id"`
				Type         string           `json:"type"`
				Role         string           `json:"role"`
				Content      []jsontext.Value `json:"content"`
				StopReason   jsontext.Value   `json:"stop_reason"`
				StopSequence jsontext.Value   `json:"stop_sequence"`
				Usage        *struct {
					Input  *int `json:"input_tokens"`
					Output *int `json:"output_tokens"`
				} `json:"usage"`
			} `json:"message"`
			Block *struct {
				Type      string         `json:"type"`
				Text      *string        `json:"text"`
				Thinking  *string        `json:"thinking"`
				Signature *string        `json:"signature"`
				Data      string         `json:"data"`
				ID        string         `json:"id"`
				Name      string         `json:"name"`
				Input     jsontext.Value `json:"input"`
			} `json:"content_block"`
			Delta *struct {
				Type         string         `json:"type"`
				PartialJSON  string         `json:"partial_json"`
				StopReason   string         `json:"stop_reason"`
				StopSequence jsontext.Value `json:"stop_sequence"`
			} `json:"delta"`
			Usage *struct {
				Output *int `json:"output_tokens"`
			} `json:"usage"`
			Error *struct {
				Type    string `json:"type"`
				Message string `json:"message"`
			} `json:"error"`
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v in %q", err, data)
		}
		if e.Type != name {
			t.Errorf("event %q holds %q", name, e.Type)
		}
		if (name == "message_start") == begun && name != "error" {
			t.Fatalf("message_start is not the first event, or not the only one: %q", event)
		}
		switch name {
		case "message_start":
			begun = true
			m := e.Message
			if m == nil || m.Type != "message" || m.Role != "assistant" || !strings.HasPrefix(m.ID, "msg_") || m.Content == nil ||
				m.StopReason.Kind() != 'n' || m.StopSequence.Kind() != 'n' || m.Usage == nil || m.Usage.Input == nil || m.Usage.Output == nil {
				t.Errorf("incomplete beginning %s", data)
			}
		case "content_block_start":
			if open != "" || e.Index == nil || *e.Index != next || e.Block == nil || ended {
				t.Fatalf("block out of order: %s", data)
			}
			open, args = e.Block.Type, ""
			switch b := e.Block; {
			case open == "text" && b.Text == nil, open == "thinking" && (b.Thinking == nil || b.Signature == nil),
				open == "redacted_thinking" && b.Data == "", open == "tool_use" && (b.ID == "" || b.Input.Kind() != '{'):
				t.Errorf("incomplete block %s", data)
			}
		case "content_block_delta":
			if open == "" || e.Index == nil || *e.Index != next || e.Delta == nil || !strings.Contains(deltas[e.Delta.Type], open) {
				t.Fatalf("delta of no open block: %s", data)
			}
			args += e.Delta.PartialJSON
		case "content_block_stop":
			if open == "" || e.Index == nil || *e.Index != next {
				t.Fatalf("end of no open block: %s", data)
			}
			if open == "tool_use" && args != "" && !jsontext.Value(args).IsValid() {
				t.Errorf("arguments are not JSON: %q", args)
			}
			open, next = "", next+1
		case "message_delta":
			if ended || open != "" || e.Delta == nil || e.Delta.StopReason == "" || len(e.Delta.StopSequence) == 0 || e.Usage == nil || e.Usage.Output == nil {
				t.Fatalf("a second end, or an incomplete one: %s", data)
			}
			ended = true
		case "message_stop":
			if !ended {
				t.Fatal("message_stop before message_delta")
			}
			stopped = true
		case "error":
			if erred = true; e.Error == nil || e.Error.Type == "" || e.Error.Message == "" {
				t.Errorf("incomplete error %s", data)
			}
		}
	}
	if failed != erred || failed == stopped {
		t.Errorf("failed %v: the stream has an error %v, and an end %v", failed, erred, stopped)
	}
}

// checkAnthropic checks a whole reply, or a stream.
func checkAnthropic(t testing.TB, req *engine.Request, out string, failed bool) {
	t.Helper()
	if req.Stream {
		checkAnthropicStream(t, req, out, failed)
		return
	}
	var m struct {
		Type    string `json:"type"`
		ID      string `json:"id"`
		Content []struct {
			Type  string         `json:"type"`
			Input jsontext.Value `json:"input"`
		} `json:"content"`
		StopReason   string         `json:"stop_reason"`
		StopSequence jsontext.Value `json:"stop_sequence"`
		Usage        jsontext.Value `json:"usage"`
	}
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if failed {
		if m.Type != "error" {
			t.Errorf("not an error: %s", out)
		}
		return
	}
	if m.Type != "message" || !strings.HasPrefix(m.ID, "msg_") || m.StopReason == "" || len(m.StopSequence) == 0 || m.Usage.Kind() != '{' {
		t.Errorf("incomplete message %s", out)
	}
	for _, b := range m.Content {
		if b.Type == "tool_use" && b.Input.Kind() != '{' {
			t.Errorf("a call without input: %s", out)
		}
	}
}
