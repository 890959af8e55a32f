package wire

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func responsesRequest(t testing.TB, body string) *engine.Request {
	t.Helper()
	req, err := OpenAIResponses{}.ReadRequest(&Inbound{Body: []byte(body)}, Limits{})
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return req
}

// What a provider would have to remember is refused by name, and so is what would
// slip past policy; what means nothing is not.
func TestResponsesRefusals(t *testing.T) {
	for _, test := range []struct{ body, field string }{
		{`{"model":"m"}`, "input"},
		{`{"model":"m","input":[]}`, "input"},
		{`{"model":"m","input":7}`, "input"},
		{`{"model":"m","input":"x","previous_response_id":"resp_1"}`, "previous_response_id"},
		{`{"model":"m","input":"x","conversation":{"id":"conv_1"}}`, "conversation"},
		{`{"model":"m","input":"x","prompt":{"id":"pmpt_1"}}`, "prompt"},
		{`{"model":"m","input":"x","background":true}`, "background"},
		{`{"model":"m","input":"x","Previous_Response_ID":"resp_1"}`, "Previous_Response_ID"},
		{`{"model":"m","input":"x","Instructions":"do"}`, "Instructions"},
		{`{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}`, "input[0]"},
		{`{"model":"m","input":[{"id":"msg_1"}]}`, "input[0].type"},
		{`{"model":"m","input":[{"type":"additional_tools","tools":[]}]}`, "input[0]"},
		{`{"model":"m","input":[{"type":"message","role":"tool","content":"x"}]}`, "input[0].role"},
		{`{"model":"m","input":[{"type":"function_call","call_id":"c","arguments":"{}"}]}`, "input[0].name"},
		{`{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}`, "input[0].call_id"},
		{`{"model":"m","input":[{"type":"function_call_output","output":"x"}]}`, "input[0].call_id"},
		{`{"model":"m","input":[{"type":"function_call_output","call_id":"c"}]}`, "input[0].output"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"input_image","detail":"auto"}]}]}`, "input[0].content[0].image_url"},
		{`{"model":"m","input":"x","tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]}`, "tools[0]"},
		{`{"model":"m","input":"x","tools":[{"type":"function"}]}`, "tools[0].name"},
		{`{"model":"m","input":"x","tool_choice":{"type":"allowed_tools","mode":"auto"}}`, "tool_choice.tools"},
		{`{"model":"m","input":"x","tool_choice":{"type":"allowed_tools","mode":"none","tools":[]}}`, "tool_choice.mode"},
		{`{"model":"m","input":"x","max_output_tokens":0}`, "max_output_tokens"},
		{`{"model":"m","input":"x","previous_response_id":null,"conversation":null,"prompt":null,"background":false,"store":null}`, ""},
	} {
		_, err := OpenAIResponses{}.ReadRequest(&Inbound{Body: []byte(test.body)}, Limits{})
		if test.field == "" {
			if err != nil {
				t.Errorf("%s: %v", test.body, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: not refused", test.body)
		} else if e := requestError(t, err); e.Field != test.field {
			t.Errorf("%s: the field is %q, want %q", test.body, e.Field, test.field)
		}
	}
}

// What the assistant thought, said and called in a row is one message, in order,
// and instructions come first wherever they stand.
func TestResponsesItems(t *testing.T) {
	body, err := os.ReadFile("testdata/pairs/openai-responses/sealed.json")
	if err != nil {
		t.Fatal(err)
	}
	req := responsesRequest(t, strings.TrimSuffix(strings.TrimSpace(string(body)), "}")+`,"instructions":"first"}`)
	var roles []string
	for _, m := range req.Messages {
		roles = append(roles, m.Role.String())
	}
	if d := cmp.Diff([]string{"system", "user", "assistant", "tool"}, roles); d != "" {
		t.Fatal(d)
	}
	if m := req.Messages[3]; m.ToolName != "now" {
		t.Errorf("the result is of %q", m.ToolName)
	}
	m := req.Messages[2]
	if len(m.Parts) != 3 || m.Parts[0].Kind != engine.PartReasoning || m.Parts[1].Kind != engine.PartReasoning || m.Parts[2].Kind != engine.PartToolCall {
		t.Fatalf("%+v", m.Parts)
	}
	type seal struct {
		origin engine.Dialect
		kind   engine.OpaqueKind
		id     string
	}
	got := []seal{}
	for _, s := range []*engine.Opaque{m.Parts[0].Seal, m.Parts[1].Seal, m.ToolCalls[0].Seal} {
		got = append(got, seal{s.Origin, s.Kind, s.ID})
		if strings.HasPrefix(s.Data, sealPrefix) || !strings.Contains(string(body), s.Data+`"`) {
			t.Errorf("data %q", s.Data)
		}
	}
	want := []seal{{engine.DialectAnthropic, engine.OpaqueSignature, "rs_1"}, {engine.DialectOpenAI, engine.OpaqueEncrypted, "rs_2"}, {engine.DialectGemini, engine.OpaqueSignature, ""}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("seals %+v, want %+v", got, want)
	}
	if !m.Parts[0].Text.Fixed || m.Parts[1].Text != nil {
		t.Error("a signed text can be changed, or one that is sealed has a text")
	}
	for _, x := range req.Texts {
		if isSealed(strings.TrimPrefix(x.Value, sealPrefix)) || strings.HasPrefix(x.Value, sealPrefix) {
			t.Errorf("a seal is inspected: %q", x.Value)
		}
	}
}

// What does not look sealed is read.
func TestResponsesUnsealed(t *testing.T) {
	for _, content := range []string{"write to ann@example.org", "sp1.anthropic.signature.ann@example.org", "sp1.nobody.signature.x", "sp1.", "4111111111111111",
		strings.Repeat("a", 80), "sp1.gemini.call." + strings.Repeat("4", 70)} {
		req := responsesRequest(t, `{"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"`+content+`"},{"role":"user","content":"x"}]}`)
		if !slices.ContainsFunc(req.Texts, func(x *engine.Text) bool { return x.Value == content && x.Fixed }) {
			t.Errorf("%q is not inspected, or can be changed", content)
		}
	}
}

// thoughtEvents is a reply with all that this API can say.
func thoughtEvents() []engine.Event {
	signature := &engine.Opaque{Origin: engine.DialectAnthropic, Kind: engine.OpaqueSignature, Data: strings.Repeat("Sig1", 20)}
	redacted := &engine.Opaque{Origin: engine.DialectAnthropic, Kind: engine.OpaqueRedacted, Data: strings.Repeat("Red1", 20)}
	call := &engine.Opaque{Origin: engine.DialectGemini, Kind: engine.OpaqueSignature, Data: strings.Repeat("Call1", 20)}
	return []engine.Event{
		{Kind: engine.EventStart, ID: "chatcmpl-1", Model: "up"},
		{Kind: engine.EventReasoning, Text: "Hm"}, {Kind: engine.EventReasoning, Text: "."},
		{Kind: engine.EventSignature, Tool: -1, Seal: signature},
		{Kind: engine.EventRedacted, Seal: redacted},
		{Kind: engine.EventText, Text: "Gr"}, {Kind: engine.EventText, Text: "üße"},
		{Kind: engine.EventLogprobs, Logprobs: []engine.TokenLogprob{{Token: "üße", Logprob: -0.5, Top: []engine.TokenLogprob{{Token: "x", Logprob: -2}}}}},
		{Kind: engine.EventCitation, Citation: &engine.Citation{Kind: "url", URL: "https://x.example", Title: "X", Out: engine.Span{Start: 2, End: 7}}},
		{Kind: engine.EventCitation, Citation: &engine.Citation{Kind: "page"}},
		{Kind: engine.EventRefusal, Text: "No more."},
		{Kind: engine.EventToolCall, Tool: 0, ID: "c0", Name: "f"}, {Kind: engine.EventToolArgs, Tool: 0, Text: `{"a":`}, {Kind: engine.EventToolArgs, Tool: 0, Text: `1}`},
		{Kind: engine.EventSignature, Tool: 0, Seal: call},
		{Kind: engine.EventToolCall, Tool: 1, ID: "c1", Name: "g"},
		{Kind: engine.EventToolCall, Tool: 2, ID: "c2", Name: "code", Custom: true}, {Kind: engine.EventToolArgs, Tool: 2, Text: "print()"},
		{Kind: engine.EventToolArgs, Tool: 1, Text: "{}"},
		{Kind: engine.EventSignature, Tool: 0, Seal: call}, // too late: it cannot be told which call it is of
		{Kind: engine.EventImage, Name: "image/png", Data: []byte("iVBORw0KGgoAAAAN")},
		{Kind: engine.EventText, Text: "Bye."},
		{Kind: engine.EventOther, Name: "audio"},
		{Kind: engine.EventText, Choice: 1, Text: "Another answer."},
		{Kind: engine.EventUsage, Usage: engine.Usage{Input: 9, Output: 8, CachedInput: 3, CacheWrite: 2, Reasoning: 4}},
		{Kind: engine.EventFinish, Finish: engine.FinishTools}, {Kind: engine.EventEnd},
	}
}

// framesOf gives each event a frame of its own, logprobs excepted, which stand with
// their text.
func framesOf(events []engine.Event) (out []engine.Frame) {
	for _, e := range events {
		if n := len(out); e.Kind == engine.EventLogprobs {
			out[n-1].Events = append(out[n-1].Events, e)
			continue
		}
		out = append(out, engine.Frame{Dialect: engine.DialectAnthropicMessages, Events: []engine.Event{e}})
	}
	return out
}

// A stream tells everything, and ends in what a unary reply is; what the client
// sends back of it is what its maker sealed.
func TestResponsesTellEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := responsesRequest(t, `{"model":"m","input":"x","stream":true}`)
		rep := OpenAIResponses{}.NewReply(stream)
		out := write(t, rep, framesOf(thoughtEvents()))
		checkResponses(t, stream, out, false)
		golden(t, "testdata/responses/everything.golden", out)
		want := []engine.Loss{{Field: "output.content.annotations", How: engine.LossDropped}, {Field: "output.encrypted_content", How: engine.LossDropped}, {Field: "output", How: engine.LossDropped}}
		if d := cmp.Diff(want, rep.Losses()); d != "" {
			t.Error(d)
		}
		unary := write(t, OpenAIResponses{}.NewReply(responsesRequest(t, `{"model":"m","input":"x"}`)), framesOf(thoughtEvents()))
		if !strings.HasSuffix(strings.TrimSpace(out), `"response":`+unary+"}") {
			t.Errorf("the stream does not end in the unary reply\n%s", unary)
		}
		_, items, _ := strings.Cut(unary, `"output":[`)
		items, _, _ = strings.Cut(items, `],"usage"`)
		back := responsesRequest(t, `{"model":"m","input":[`+items+`]}`).Messages[0]
		var seals []string
		for _, p := range back.Parts {
			if p.Seal != nil {
				seals = append(seals, sealText(p.Seal))
			}
		}
		if s := back.ToolCalls[0].Seal; s != nil {
			seals = append(seals, sealText(s))
		}
		wantSeals := []string{}
		for i, e := range thoughtEvents() {
			if e.Seal != nil && i < 15 {
				s := *e.Seal
				switch e.Kind {
				case engine.EventRedacted:
					s.ID = "rs_1_1"
				default:
					if e.Tool < 0 {
						s.ID = "rs_1_0"
					}
				}
				wantSeals = append(wantSeals, sealText(&s))
			}
		}
		if d := cmp.Diff(wantSeals, seals); d != "" {
			t.Error(d)
		}
	})
}

// However far a reply has come, its failure is told in a whole event, and a pause
// is none that this API can say.
func TestResponsesFail(t *testing.T) {
	req := responsesRequest(t, `{"model":"m","input":"x","stream":true}`)
	frames := framesOf(thoughtEvents())
	o := &engine.Outcome{Status: 502, Code: engine.CodeUpstreamError, Message: "the target failed", DecisionID: "d1"}
	for n := range frames {
		rep := OpenAIResponses{}.NewReply(req)
		var dst []byte
		for i := range frames[:n] {
			var err error
			if dst, err = rep.Frame(dst, &frames[i]); err != nil {
				t.Fatal(err)
			}
		}
		checkResponses(t, req, string(rep.Fail(dst, o)), true)
	}
	rep := OpenAIResponses{}.NewReply(req)
	if _, err := rep.Frame(nil, &engine.Frame{Events: []engine.Event{{Kind: engine.EventFinish, Finish: engine.FinishPause}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := rep.End(nil); err == nil {
		t.Error("a pause is told as an end")
	}
}

// FuzzResponsesReply: whatever a target of any dialect sends, however it is cut, a
// client of the Responses API gets a well-formed stream, or a failure.
func FuzzResponsesReply(f *testing.F) {
	for _, file := range replyFiles(f) {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, 3)
	}
	for _, file := range glob(f, "captures/*.txt") {
		f.Add(readCapture(f, strings.TrimSuffix(strings.TrimPrefix(file, "testdata/captures/"), ".txt")).body, 5)
	}
	o := &engine.Outcome{Status: 502, Code: engine.CodeUpstreamError, Message: "failed"}
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		for _, stream := range []string{"true", "false"} {
			req := responsesRequest(t, `{"model":"m","input":"x","stream":`+stream+`}`)
			for _, d := range egressDialects {
				e, _ := EgressFor(d)
				frames, failed := readAll(e.NewReader(req, &Upstream{}), body, 1+abs(size)%64)
				rep := OpenAIResponses{}.NewReply(req)
				var dst []byte
				var err error
				for i := range frames {
					if dst, err = rep.Frame(dst, &frames[i]); err != nil {
						t.Fatal(err) // would be taken for the client's leaving
					}
				}
				if failed == nil {
					if dst, failed = rep.End(dst); failed != nil && !req.Stream {
						continue
					}
				}
				if failed != nil {
					dst = rep.Fail(dst, o)
				}
				if req.Stream {
					checkResponsesStream(t, string(dst), failed != nil)
				} else if failed == nil {
					checkResponse(t, dst)
				}
			}
		}
	})
}
