package wire

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func geminiRequestOf(t testing.TB, in *Inbound) *engine.Request {
	t.Helper()
	if in.Model == "" {
		in.Model = "small"
	}
	req, err := GeminiContent{}.ReadRequest(in, Limits{})
	if err != nil {
		t.Fatalf("%v\n%s", err, in.Body)
	}
	return req
}

func geminiChat(t testing.TB, body string) *engine.Request {
	return geminiRequestOf(t, &Inbound{Body: []byte(body), Verb: "generateContent"})
}

// Both spellings of a name are read, and two of one are not.
func TestGeminiSpellings(t *testing.T) {
	camel := geminiChat(t, `{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}],"generationConfig":{"maxOutputTokens":7,"topP":0.5}}`)
	snake := geminiChat(t, `{"system_instruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"inline_data":{"mime_type":"image/png","data":"AAAA"}}]}],"generation_config":{"max_output_tokens":7,"top_p":0.5}}`)
	for _, req := range []*engine.Request{camel, snake} {
		if req.MaxOutputTokens != 7 || *req.Sampling.TopP != 0.5 || len(req.Messages) != 2 || req.Messages[1].Parts[0].Data != "AAAA" {
			t.Errorf("read %+v", req)
		}
	}
	for _, test := range []struct{ body, field string }{
		{`{"contents":[],"contents":[]}`, "contents"},
		{`{"contents":[]}`, "contents"},
		{`{}`, "contents"},
		{`{"contents":[{"parts":[]}],"generationConfig":{},"generation_config":{}}`, "generation_config"},
		{`{"contents":[{"parts":[]}],"generation_config":{},"generationConfig":{}}`, "generation_config"},
		{`{"contents":[{"parts":[{"text":"a","thoughtSignature":"b","thought_signature":"c"}]}]}`, "contents[0].parts[0].thought_signature"},
		{`{"contents":[{"parts":[{"functionResponse":{"name":"f"},"function_response":{"name":"g"}}]}]}`, "contents[0].parts[0].function_response"},
		{`{"contents":[{"parts":[{"Text":"a"}]}]}`, "contents[0].parts[0].Text"},
		{`{"contents":[{"parts":[{"inline_Data":{}}]}]}`, "contents[0].parts[0].inline_Data"},
		{`{"Contents":[{"parts":[{"text":"a"}]}]}`, "Contents"},
		{`{"contents":[{"parts":[]}],"generationConfig":{"maxoutputtokens":3}}`, "generationConfig.maxoutputtokens"},
		{`{"contents":[{"parts":[{"text":"a","inlineData":{"data":"AAAA"}}]}]}`, "contents[0].parts[0]"},
		{`{"contents":[{"role":"system","parts":[{"text":"a"}]}]}`, "contents[0].role"},
		{`{"contents":[{"role":"user","parts":[{"functionCall":{"name":"f"}}]}]}`, "contents[0].parts[0]"},
		{`{"contents":[{"parts":[{"text":"a"}]}],"cachedContent":"cachedContents/1"}`, "cachedContent"},
		{`{"contents":[{"parts":[{"text":"a"}]}],"model":"models/other"}`, "model"},
		{`{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"maxOutputTokens":1.5}}`, "generationConfig.maxOutputTokens"},
		{`{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseSchema":{},"responseJsonSchema":{}}}`, "generationConfig.responseJsonSchema"},
	} {
		_, err := GeminiContent{}.ReadRequest(&Inbound{Body: []byte(test.body), Model: "small"}, Limits{})
		if err == nil {
			t.Errorf("%s: read", test.body)
		} else if re := requestError(t, err); re.Field != test.field {
			t.Errorf("%s: refused for %q: %v", test.body, re.Field, re)
		}
	}
}

// What can hold somebody's number or key is read by classifiers, also where a
// field is meant for something else.
func TestGeminiInspectsSettings(t *testing.T) {
	key := "AKIA" + "IOSFODNN7ABCDEFG"
	said := func(part string) string { return `{"contents":[{"role":"model","parts":[` + part + `]}]}` }
	with := func(more string) string { return `{"contents":[{"parts":[{"text":"hi"}]}],` + more + `}` }
	for _, body := range []string{
		said(`{"text":"a","thoughtSignature":"` + key + `"}`),
		said(`{"text":"a","thoughtSignature":"` + base64.StdEncoding.EncodeToString([]byte("card "+key)) + `"}`),
		said(`{"inlineData":{"mimeType":"` + key + `","data":"AAAA"}}`),
		said(`{"inlineData":{"mimeType":"image/` + key + `","data":"AAAA"}}`),
		said(`{"inlineData":{"mimeType":"image/png","data":"` + key + `"}}`),
		said(`{"functionCall":{"id":"` + key + `","name":"f"}}`),
		said(`{"functionCall":{"name":"` + key + `"}}`),
		with(`"generationConfig":{"seed":4111111,"stopSequences":["` + key + `"]}`),
		with(`"generationConfig":{"responseMimeType":"` + key + `"}`),
		with(`"generationConfig":{"thinkingConfig":{"thinkingLevel":"` + key + `"}}`),
		with(`"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["` + key + `"]}}`),
		with(`"safetySettings":[{"category":"` + key + `"}]`),
		with(`"tools":[{"` + key + `":{}}]`),
	} {
		req := geminiChat(t, body)
		if !slices.ContainsFunc(req.Texts, func(x *engine.Text) bool {
			raw, _ := base64.StdEncoding.DecodeString(x.Value)
			return strings.Contains(x.Value, key) || strings.Contains(string(raw), key)
		}) {
			t.Errorf("not inspected: %s", body)
		}
	}
	if req := geminiChat(t, with(`"generationConfig":{"seed":41111111}`)); !slices.ContainsFunc(req.Texts, func(x *engine.Text) bool { return x.Value == "41111111" }) {
		t.Error("a long seed is not inspected")
	}
}

// A result is given to the call it names, else to the first of its name that has
// none, wherever the system's instruction stands.
func TestGeminiPairsCallsAndResults(t *testing.T) {
	req := geminiChat(t, `{"contents":[{"parts":[{"text":"go"}]},
		{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}},{"functionCall":{"id":"own","name":"f"}},{"functionCall":{"name":"g"}}]},
		{"parts":[{"functionResponse":{"name":"g","response":{}}},{"functionResponse":{"id":"own","name":"f","response":{}}},{"functionResponse":{"name":"f","response":{"error":"x"}}},
		 {"functionResponse":{"name":"f","response":{}}},{"text":"and"}]}],
		"systemInstruction":{"parts":[{"text":"s"}]}}`)
	var got []string
	for _, m := range req.Messages {
		got = append(got, fmt.Sprintf("%s %q %q %d %v", m.Role, m.ToolCallID, m.ToolName, len(m.Parts), m.IsError))
	}
	want := []string{`system "" "" 1 false`, `user "" "" 1 false`, `assistant "" "" 3 false`, `tool "call_2_2" "g" 1 false`,
		`tool "own" "f" 1 false`, `tool "call_2_0" "f" 1 true`, `tool "" "f" 1 false`, `user "" "" 1 false`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, x := range req.Texts {
		m := req.Messages[x.Message]
		if x.Value == "s" && m.Role != engine.RoleSystem || x.Value == "and" && m.Role != engine.RoleUser || x.Value == "go" && x.Message != 1 {
			t.Errorf("text %q is of message %d", x.Value, x.Message)
		}
	}
	checkLeaves(nil, &req.Body)
}

// What another vendor has sealed comes back from a client of this API, and only in
// one piece with what it seals.
func TestGeminiCarriesForeignSeals(t *testing.T) {
	data := strings.Repeat("aB3/", 40)
	req := geminiChat(t, geminiSide.body)
	rep := newGeminiReply(req)
	events := []engine.Event{
		{Kind: engine.EventReasoning, Text: "first "},
		{Kind: engine.EventReasoning, Text: "second"},
		{Kind: engine.EventSignature, Tool: -1, Seal: &engine.Opaque{Origin: engine.DialectAnthropic, Data: data}},
		{Kind: engine.EventRedacted, Seal: &engine.Opaque{Origin: engine.DialectAnthropic, Kind: engine.OpaqueRedacted, Data: data}},
		{Kind: engine.EventToolCall, ID: "toolu_1", Name: "f"},
		{Kind: engine.EventToolArgs, Text: "{}"},
		{Kind: engine.EventFinish, Finish: engine.FinishTools},
	}
	out := write(t, rep, []engine.Frame{{Dialect: engine.DialectAnthropicMessages, Events: events}})
	checkGemini(t, req, out, false)
	_, parts, _ := strings.Cut(out, `"parts":`)
	parts, _, _ = strings.Cut(parts, `},"finishReason"`)
	back := geminiChat(t, `{"contents":[{"parts":[{"text":"hi"}]},{"role":"model","parts":`+parts+`}]}`)
	m := back.Messages[1]
	if len(m.Parts) != 3 || len(m.ToolCalls) != 1 || m.ToolCalls[0].ID != "toolu_1" {
		t.Fatalf("%s\ncame back as %+v", out, m)
	}
	thought, redacted := m.Parts[0], m.Parts[1]
	if thought.Text.Value != "first second" || !thought.Text.Fixed || thought.Seal.Origin != engine.DialectAnthropic || thought.Seal.Data != data {
		t.Errorf("thinking came back as %+v", thought)
	}
	if redacted.Text != nil || redacted.Seal.Kind != engine.OpaqueRedacted {
		t.Errorf("redacted thinking came back as %+v", redacted)
	}
	// Google's servers are not sent it.
	up, err := Gemini{}.WriteRequest(back, &Upstream{Model: "m"})
	if err != nil || strings.Contains(string(up.Body), data) || strings.Count(string(up.Body), anySeal) != 2 || len(up.Losses) != 2 {
		t.Errorf("%v: %s, losses %v", err, up.Body, up.Losses)
	}
}

// A stream without alt=sse is one JSON array, also where it fails.
func TestGeminiArrayStream(t *testing.T) {
	for _, query := range []string{"", "alt=json", "%24alt=json&key=k"} {
		req := geminiRequestOf(t, &Inbound{Body: []byte(geminiSide.body), Verb: "streamGenerateContent", Query: query})
		if !req.Stream || !req.Array {
			t.Fatalf("%q: stream %v, array %v", query, req.Stream, req.Array)
		}
		frames := []engine.Frame{
			{Events: []engine.Event{{Kind: engine.EventStart, ID: "r", Model: "m"}, {Kind: engine.EventText, Text: "a"}}},
			{Dialect: engine.DialectGeminiContent, Raw: []byte("{\n\"candidates\":[]}")},
			{Events: []engine.Event{{Kind: engine.EventText, Text: "b"}, {Kind: engine.EventFinish, Finish: engine.FinishStop}}},
		}
		rep := newGeminiReply(req)
		if got := rep.ContentType(); got != "application/json" {
			t.Errorf("content type %q", got)
		}
		checkGemini(t, req, write(t, rep, frames), false)
		for n := range frames {
			rep := newGeminiReply(req)
			var dst []byte
			for i := range n {
				dst, _ = rep.Frame(dst, &frames[i])
			}
			checkGemini(t, req, string(rep.Fail(rep.KeepAlive(dst), &engine.Outcome{Status: 502, Code: engine.CodeUpstreamError})), true)
		}
	}
	if _, err := (GeminiContent{}).ReadRequest(&Inbound{Body: []byte(geminiSide.body), Model: "m", Verb: "streamGenerateContent", Query: "alt=proto"}, Limits{}); err == nil {
		t.Error("alt=proto is accepted")
	}
}

func TestGeminiError(t *testing.T) {
	for _, o := range []engine.Outcome{
		{Status: 400, Code: engine.CodeMalformed, Field: "contents[0]", Message: "must be an object"},
		{Status: 403, Code: engine.CodePolicyDenied, Message: "policy denies the request", DecisionID: "d1", Reasons: []engine.Reason{{Code: "secret", Message: "a key"}}},
		{Status: 403, Code: engine.CodeNoPermittedTarget, Message: "no target", DecisionID: "d1", Excluded: map[string][]engine.Reason{"cloud": {{Code: "eu"}}, "edge": {{Code: "eu"}, {Code: "card"}}}},
		{Status: 403, Code: engine.CodeNoPermittedTarget, Message: "no target", DecisionID: "d1", Disclose: true, Excluded: map[string][]engine.Reason{"edge": {{Code: "eu"}, {Code: "card"}}}},
		{Status: 503, Code: engine.CodeShed, Message: "too busy", RetryAfter: 1500e6},
	} {
		golden(t, fmt.Sprintf("testdata/gemini-errors/%d-%s-%v.golden", o.Status, o.Code, o.Disclose), string(geminiError(&o))+"\n")
	}
}

// What many members and parts cost grows with their number and not with its
// square, which would be half a minute for each of these.
func TestReadingGrowsWithTheBody(t *testing.T) {
	var strange strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&strange, `,"é%d":0`, i)
	}
	calls := strings.Repeat(`,{"functionCall":{"name":"f"}}`, 50_000)[1:]
	results := strings.Repeat(`,{"functionResponse":{"name":"g"}}`, 50_000)[1:]
	for _, body := range []string{
		`{"contents":[{"parts":[{"text":"x"}]}]` + strange.String() + `}`,
		`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"a":0` + strange.String() + `}}`,
		`{"contents":[{"role":"model","parts":[` + calls + `]},{"parts":[` + results + `]}]}`,
	} {
		if req := geminiChat(t, body); len(req.Messages) == 0 || len(req.Hints) > maxHints {
			t.Errorf("%d messages, %d hints", len(req.Messages), len(req.Hints))
		}
	}
}
