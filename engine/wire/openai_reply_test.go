package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestOpenAIErrors(t *testing.T) {
	excluded := map[string][]engine.Reason{
		"openai": {{Code: "eu_personal_data", Message: "stays"}, {Code: "secret"}, {Code: "secret"}},
		"vault":  {{Code: "eu_personal_data"}},
	}
	tests := []struct {
		name string
		o    engine.Outcome
		want string
	}{
		{"malformed", engine.Outcome{Status: 400, Code: engine.CodeMalformed, Message: "n: must be", Field: "n"},
			`{"error":{"message":"n: must be","type":"invalid_request_error","param":"n","code":"malformed_request"}}`},
		{"denied", engine.Outcome{Status: 403, Code: engine.CodePolicyDenied, Message: "policy", DecisionID: "d", Reasons: []engine.Reason{{Code: "c", Message: "say \"<no>\"", Rule: "r"}}},
			`{"error":{"message":"policy","type":"permission_error","param":null,"code":"policy_denied","decision_id":"d","reasons":[{"code":"c","message":"say \"<no>\""}]}}`},
		{"no target, undisclosed", engine.Outcome{Status: 403, Code: engine.CodeNoPermittedTarget, Message: "none", Excluded: excluded},
			`{"error":{"message":"none","type":"permission_error","param":null,"code":"no_permitted_target","codes":["eu_personal_data","secret"]}}`},
		{"no target, disclosed", engine.Outcome{Status: 403, Code: engine.CodeNoPermittedTarget, Message: "none", Excluded: excluded, Disclose: true},
			`{"error":{"message":"none","type":"permission_error","param":null,"code":"no_permitted_target","targets":{"openai":["eu_personal_data","secret"],"vault":["eu_personal_data"]}}}`},
	}
	for _, tt := range tests {
		for _, in := range []Ingress{OpenAIChat{}, OpenAICompletions{}, OpenAIEmbeddings{}} {
			if d := cmp.Diff(tt.want, string(in.Error(&tt.o))); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, d)
			}
		}
	}
	for status, want := range map[int]string{400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 405: "invalid_request_error",
		413: "invalid_request_error", 422: "invalid_request_error", 429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "api_error", 504: "timeout_error"} {
		if got := openAIErrorType(status); got != want {
			t.Errorf("status %d: type %q, want %q", status, got, want)
		}
	}
}

func TestOllamaModels(t *testing.T) {
	list, _ := Models(engine.DialectOllamaChat, []string{"a"}, time.Unix(5, 0))
	want := `{"models":[{"name":"a","model":"a","modified_at":"1970-01-01T00:00:05Z","size":0,"digest":"","details":{"format":"","family":"","families":[]}}]}`
	if string(list) != want {
		t.Errorf("got %s", list)
	}
	if m, err := ShownModel([]byte(`{"name":"a"}`)); m != "a" || err != nil {
		t.Errorf("got %q, %v", m, err)
	}
	for _, bad := range []string{`{}`, `[]`, `{"model":"a","model":"b"}`} {
		if _, err := ShownModel([]byte(bad)); err == nil || err.Status != 400 {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

func TestModels(t *testing.T) {
	models := func(names ...string) string {
		b, ok := Models(engine.DialectOpenAIChat, names, time.Unix(5, 0))
		if !ok {
			t.Fatal("no list")
		}
		return string(b)
	}
	want := `{"object":"list","data":[{"id":"a","object":"model","created":5,"owned_by":"sallyport"}]}`
	if got := models("a"); got != want {
		t.Errorf("got %s", got)
	}
	if got := models(); got != `{"object":"list","data":[]}` {
		t.Errorf("got %s", got)
	}
}

// TestEditedFramesAreBuilt relays some frames and builds others, as when a text
// was changed on its way: they are of one reply all the same.
func TestEditedFramesAreBuilt(t *testing.T) {
	c := readCapture(t, "llamacpp.chat.stream.usage")
	req := chatRequest(t, string(c.request))
	frames, err := readAll(OpenAI{}.NewReader(req, &Upstream{}), c.body, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		if i%2 == 1 {
			frames[i].Raw = nil
		}
	}
	got := write(t, OpenAIChat{}.NewReply(req), frames)
	checkChatStream(t, got, true, false)
	again, err := readAll(OpenAI{}.NewReader(req, &Upstream{}), []byte(got), 100)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fold(frames), fold(again)); d != "" {
		t.Errorf("events (-sent +got):\n%s", d)
	}
}

func TestUnaryRepliesAreRelayedByteForByte(t *testing.T) {
	for _, name := range []string{"llamacpp.chat.nonstream", "llamacpp.chat.n2", "llamacpp.chat.logprobs"} {
		c := readCapture(t, name)
		req := chatRequest(t, string(c.request))
		frames, err := readAll(OpenAI{}.NewReader(req, &Upstream{}), c.body, 11)
		if err != nil {
			t.Fatal(err)
		}
		rep := OpenAIChat{}.NewReply(req)
		// An estimate of the gateway's own must not replace the reply.
		frames = append(frames, engine.Frame{Events: []engine.Event{{Kind: engine.EventUsage}}})
		if got := write(t, rep, frames); got != string(c.body) || rep.ContentType() != "application/json" || len(rep.KeepAlive(nil)) != 0 {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestCompletionAndEmbeddingReplies(t *testing.T) {
	completion, err := OpenAICompletions{}.ReadRequest(&Inbound{Body: []byte(`{"model":"m","prompt":"x","stream":true}`)}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	stream := "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\n" +
		"data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"b\",\"finish_reason\":\"stop\"}]}\n\n"
	frames, err := readAll(OpenAI{}.NewReader(completion, &Upstream{}), []byte(stream+"data: [DONE]\n\n"), 9)
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, OpenAICompletions{}.NewReply(completion), frames); got != stream+"data: [DONE]\n\n" {
		t.Errorf("relayed:\n%s", got)
	}
	for i := range frames {
		frames[i].Raw = nil
	}
	synctest.Test(t, func(t *testing.T) {
		want := `data: {"id":"c","object":"text_completion","created":946684800,"model":"m","choices":[{"index":0,"text":"a","finish_reason":null}]}

data: {"id":"c","object":"text_completion","created":946684800,"model":"m","choices":[{"index":0,"text":"b","finish_reason":null}]}

data: {"id":"c","object":"text_completion","created":946684800,"model":"m","choices":[{"index":0,"text":"","finish_reason":"stop"}]}

data: [DONE]

`
		if d := cmp.Diff(want, write(t, OpenAICompletions{}.NewReply(completion), frames)); d != "" {
			t.Errorf("built (-want +got):\n%s", d)
		}
		completion.Stream = false
		want = `{"id":"c","object":"text_completion","created":946684800,"model":"m","choices":[{"index":0,"text":"ab","logprobs":null,"finish_reason":"stop"}]}`
		if d := cmp.Diff(want, write(t, OpenAICompletions{}.NewReply(completion), frames)); d != "" {
			t.Errorf("built at once (-want +got):\n%s", d)
		}
	})

	embeddings, err := OpenAIEmbeddings{}.ReadRequest(&Inbound{Body: []byte(`{"model":"m","input":"x","stream":true}`)}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[0.5, -1]}],"usage":{"prompt_tokens":3,"total_tokens":3}}`
	if frames, err = readAll(OpenAI{}.NewReader(embeddings, &Upstream{}), []byte(body), 9); err != nil {
		t.Fatal(err)
	}
	if got := fold(frames); got != "start:  m\nusage: {Input:3 Output:0 CachedInput:0 Reasoning:0 Estimated:false}\nend: \n" {
		t.Errorf("events: %s", got)
	}
	if got := write(t, OpenAIEmbeddings{}.NewReply(embeddings), frames); got != body {
		t.Errorf("relayed: %s", got)
	}
	// Nothing can be built of vectors: better no reply than an empty one.
	if _, err := (OpenAIEmbeddings{}).NewReply(embeddings).End(nil); err == nil {
		t.Error("an embeddings reply was made of nothing")
	}
}

func TestFramesHaveABound(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 1<<20)
	nothing := func([]byte) error { return nil }
	for name, feed := range map[string]func() error{
		"one line": func() func() error { var s sse; return func() error { return s.feed(big, nothing) } }(),
		"many lines": func() func() error {
			var s sse
			return func() error { return s.feed(append([]byte("data: "), append(big, '\n')...), nothing) }
		}(),
		"ndjson": func() func() error { var n ndjson; return func() error { return n.feed(big, nothing) } }(),
	} {
		var err error
		for i := 0; i < 20 && err == nil; i++ {
			err = feed()
		}
		if !errors.Is(err, errFrameTooLarge) {
			t.Errorf("%s: %v after 20 MiB", name, err)
		}
	}
}

func TestReadersDoNotRepeatTheReply(t *testing.T) {
	const secret = "the patient's name"
	for _, body := range []string{
		`{"choices":[{"index":0,"message":{"content":"` + secret + `"`,
		`{"choices":[{"index":0,"message":{"content":"` + secret + `","content":""}}]}`,
		`{"choices":"` + secret + `"}`, secret, `{"` + secret + `":1,"` + secret + `":2}`,
	} {
		for _, d := range egressDialects {
			e, _ := EgressFor(d)
			_, err := readAll(e.NewReader(chatRequest(t, replyRequest(false)), &Upstream{}), []byte(body), 10)
			if err == nil || strings.Contains(err.Error(), "patient") {
				t.Errorf("%s: %v", d, err)
			}
		}
	}
}

func TestReadErrorOfForeignShapes(t *testing.T) {
	long := strings.Repeat("é", 2000)
	for body, want := range map[string][2]string{
		`{"error":{"message":"m","type":"t","code":"c"}}`:                      {"c", "m"},
		`{"error":{"message":"m","type":"t","code":null}}`:                     {"t", "m"},
		`{"type":"error","error":{"type":"overloaded_error","message":"m"}}`:   {"overloaded_error", "m"},
		`[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]`: {"RESOURCE_EXHAUSTED", "m"},
		`{"error":"m"}`:                    {"", "m"},
		`{"object":"error","message":"m"}`: {"", "m"},
		`{"detail":"m"}`:                   {"", "m"},
		`{"detail":[{"msg":"x"}]}`:         {"", ""},
		`<html>Bad gateway</html>`:         {"", ""},
		``:                                 {"", ""},
		`{"error":{"message":"m","code":"two words"}}`: {"", "m"},
		`{"error":"` + long + `"}`:                     {"", long[:1024] + "…"},
	} {
		for _, d := range egressDialects {
			e, _ := EgressFor(d)
			if code, message := e.ReadError(500, []byte(body)); code != want[0] || message != want[1] {
				t.Errorf("%s: %s gives %q, %q", d, body, code, message)
			}
		}
	}
}

func TestTextCannotBreakTheFraming(t *testing.T) {
	req := chatRequest(t, replyRequest(true))
	attack := "x\n\ndata: [DONE]\n\ndata: {\"a\":1}\r\n\u2028\x00\\"
	frames := []engine.Frame{{Events: []engine.Event{{Kind: engine.EventText, Text: attack}, {Kind: engine.EventToolCall, ID: attack, Name: attack},
		{Kind: engine.EventToolArgs, Text: "{}"}, {Kind: engine.EventFinish, Finish: "stop"}}}}
	got := write(t, OpenAIChat{}.NewReply(req), frames)
	checkChatStream(t, got, true, false)
	again, err := readAll(OpenAI{}.NewReader(req, &Upstream{}), []byte(got), 5)
	if err != nil || !strings.Contains(fold(again), "text 0: "+attack) || !strings.Contains(fold(again), "finish 0: tool_calls") {
		t.Errorf("%v:\n%s", err, fold(again))
	}
	failed := string(OpenAIChat{}.NewReply(req).Fail(nil, &engine.Outcome{Status: 502, Message: attack}))
	if data, ok := strings.CutPrefix(strings.TrimSuffix(failed, "\n\n"), "data: "); !ok || strings.ContainsAny(data, "\r\n") || !jsontext.Value(data).IsValid() {
		t.Errorf("failure: %q", failed)
	}
}
