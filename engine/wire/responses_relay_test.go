package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// responsesServer is an upstream that speaks the Responses API.
func responsesServer(t testing.TB, name string) *Upstream {
	t.Helper()
	s, ok := ServerFor(name)
	if !ok || !s.Responses {
		t.Fatalf("server %q does not speak it", name)
	}
	return &Upstream{Model: "upstream-model", Server: s}
}

// relayResponsesReply is what a client is sent of a target's reply in the same API.
func relayResponsesReply(t testing.TB, req *engine.Request, frames []engine.Frame, failed bool) (string, []engine.Loss) {
	t.Helper()
	rep := OpenAIResponses{}.NewReply(req)
	var dst []byte
	var err error
	for i := range frames {
		failed = failed || slices.ContainsFunc(frames[i].Events, func(e engine.Event) bool { return e.Kind == engine.EventError })
		if dst, err = rep.Frame(dst, &frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	if failed {
		dst = rep.Fail(dst, &engine.Outcome{Status: 502, Code: engine.CodeUpstreamError, Message: "the target failed", DecisionID: "d1"})
	} else if dst, err = rep.End(dst); err != nil {
		t.Fatal(err)
	}
	checkResponses(t, req, string(dst), failed)
	return string(dst), rep.Losses()
}

// The replies of real servers, which lack much of what the SDKs need, and one that
// lacks nothing: whatever is cut where, the client gets all of it in good order.
func TestResponsesReplies(t *testing.T) {
	for _, file := range glob(t, "responses/*.txt") {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			c := readCapture(t, filepath.Join("..", "responses", name))
			server, _, _ := strings.Cut(name, ".")
			up := responsesServer(t, map[string]string{"llamacpp": "llama.cpp", "ollama": "ollama", "native": "openai", "failed": "openai"}[server])
			req := responsesRequest(t, string(bytes.TrimSpace(c.request)))
			frames, err := readAll(OpenAI{}.NewReader(req, up), c.body, len(c.body))
			for at := 1; at < len(c.body); at += 1 + at/200 {
				again, errAgain := readPieces(OpenAI{}.NewReader(req, up), c.body[:at], c.body[at:])
				if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(frames, again) {
					t.Fatalf("cut at byte %d: %v, not %v", at, errAgain, err)
				}
			}
			for _, size := range []int{1, 2, 3, 7, 64} {
				if again, _ := readAll(OpenAI{}.NewReader(req, up), c.body, size); !reflect.DeepEqual(frames, again) {
					t.Fatalf("cut every %d bytes", size)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				out, losses := relayResponsesReply(t, req, frames, err != nil)
				golden(t, strings.TrimSuffix(file, ".txt")+".golden", fmt.Sprintf("%s\n--- client\n%s\nlosses %v\n", fold(frames), strings.TrimRight(randomID.ReplaceAllString(out, "RANDOM"), "\n"), losses))

				// Written anew, as policy may want it: nothing that nobody has read gets out.
				for i := range frames {
					frames[i].Raw = nil
				}
				out, _ = relayResponsesReply(t, req, frames, err != nil)
				for _, unread := range []string{"web_search", "service_tier", "timings"} {
					if strings.Contains(strings.Replace(out, `"tools":[{"type":"web_search"}]`, "", -1), unread) {
						t.Errorf("%q gets out unread", unread)
					}
				}
			})
		})
	}
}

// A stream that ends without its last event has been cut; a body that is none is
// no answer.
func TestResponsesCut(t *testing.T) {
	up := responsesServer(t, "openai")
	c := readCapture(t, "../responses/native.stream")
	req := responsesRequest(t, `{"model":"m","input":"x","stream":true}`)
	whole := bytes.LastIndex(c.body, []byte("event: response.completed"))
	if _, err := readAll(OpenAI{}.NewReader(req, up), c.body[:whole], 100); err != errCut {
		t.Errorf("cut: %v", err)
	}
	for _, body := range []string{`{"id":"resp_1","status":"queued","output":[]}`, `{"id":"resp_1"}`} {
		if _, err := readAll(OpenAI{}.NewReader(responsesRequest(t, `{"model":"m","input":"x"}`), up), []byte(body), 100); err == nil {
			t.Errorf("%s is read as an answer", body)
		}
	}
}

// What goes to a server of the same API is the client's body, save for what is
// never asked of it.
func TestResponsesRelay(t *testing.T) {
	sealed := "gAAAAAB" + strings.Repeat("aB3dE5gH", 12)
	foreign := "sp1.anthropic.signature." + strings.Repeat("aB3dE5gH", 12)
	for _, test := range []struct{ name, server, body, want, losses string }{
		{"store", "openai", `{"model":"m","input":"x","store":true,"unknown":1}`, `{"model":"upstream-model","input":"x","store":false,"unknown":1}`, "store dropped"},
		{"reasoning", "openai", `{"model":"m","input":"x","reasoning":{"effort":"low"}}`,
			`{"model":"upstream-model","input":"x","reasoning":{"effort":"low"},"store":false,"include":["reasoning.encrypted_content"]}`, ""},
		{"include", "openai", `{"model":"m","reasoning":{},"include":["a.b"],"input":"x","slo":{"ttft_ms":1}}`,
			`{"model":"upstream-model","reasoning":{},"include":["a.b","reasoning.encrypted_content"],"input":"x","store":false}`, ""},
		{"reasoning elsewhere", "llama.cpp", `{"model":"m","input":"x","reasoning":{"effort":"low"}}`, `{"model":"upstream-model","input":"x","reasoning":{"effort":"low"},"store":false}`, ""},
		{"cap", "openai", `{"model":"m","max_output_tokens":900,"input":"x"}`, `{"model":"upstream-model","max_output_tokens":100,"input":"x","store":false}`, ""},
		{"no cap stated", "openai", `{"model":"m","input":"x"}`, `{"model":"upstream-model","input":"x","max_output_tokens":100,"store":false}`, ""},
		{"seals", "openai", `{"model":"m","input":[{"role":"user","content":"x"},{"type":"reasoning","summary":[],"encrypted_content":"` + foreign + `"},{"type":"reasoning","summary":[],"encrypted_content":"` + sealed + `"},{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}]},{"role":"assistant","content":"y"}]}`,
			`{"model":"upstream-model","input":[{"role":"user","content":"x"},{"type":"reasoning","summary":[],"encrypted_content":"` + sealed + `"},{"role":"assistant","content":"y"}],"store":false}`, "input[1] dropped, input[3] dropped"},
		{"words", "llama.cpp", `{"model":"m","input":[{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}]},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"w"}]},{"role":"user","content":"x"}]}`,
			`{"model":"upstream-model","input":[{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"w"}]},{"role":"user","content":"x"}],"store":false}`, "input[0] dropped"},
	} {
		req := responsesRequest(t, test.body)
		up := responsesServer(t, test.server)
		if strings.Contains(test.name, "cap") {
			up.MaxOutputTokens = 100
		}
		out, err := OpenAI{}.WriteRequest(req, up)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var losses []string
		for _, l := range out.Losses {
			losses = append(losses, l.Field+" "+string(l.How))
		}
		want, got := jsontext.Value(test.want), jsontext.Value(slices.Clone(out.Body))
		if want.Canonicalize() != nil || got.Canonicalize() != nil || string(want) != string(got) {
			t.Errorf("%s: got  %s\nwant %s", test.name, got, want)
		}
		if l := strings.Join(losses, ", "); l != test.losses || out.Path != "/responses" {
			t.Errorf("%s: path %s, losses %q", test.name, out.Path, l)
		}
	}
	// A stripped tool is gone, and so is the choice of it.
	req := responsesRequest(t, `{"model":"m","input":"x","tools":[{"type":"web_search"},{"type":"function","name":"f"},{"type":"namespace","name":"n","tools":[{"type":"function","name":"g"}]}],"tool_choice":{"type":"web_search"},"parallel_tool_calls":true}`)
	var names []string
	for _, tool := range req.Tools {
		names = append(names, tool.Name)
	}
	if !slices.Equal(names, []string{"web_search", "f", "g"}) {
		t.Fatalf("tools %v", names)
	}
	req.Tools, req.ToolChoice = req.Tools[1:2], engine.ToolChoice{}
	out, err := OpenAI{}.WriteRequest(req, responsesServer(t, "openai"))
	if err != nil || bytes.Contains(out.Body, []byte("web_search")) || bytes.Contains(out.Body, []byte("namespace")) || !bytes.Contains(out.Body, []byte(`"name":"f"`)) {
		t.Errorf("%v: %s", err, out.Body)
	}
}

// TestResponsesRelayIsInspected is TestNothingTravelsUninspected for the relay in
// the same API, which the generic server does not speak.
func TestResponsesRelayIsInspected(t *testing.T) {
	const seed = 12
	r := rand.New(rand.NewPCG(seed, seed))
	for round := range 200 {
		m := &marker{}
		marked := []string{markedResponses, markedForItsOwn}[round%2]
		var v any
		if err := json.Unmarshal([]byte(m.fill(marked)), &v); err != nil {
			t.Fatal(err)
		}
		m.inject(r, v)
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		up := responsesServer(t, []string{"openai", "llama.cpp", "ollama"}[round%3])
		req := responsesRequest(t, string(body))
		for i, x := range req.Texts {
			if !x.Fixed {
				x.Set(fmt.Sprintf("<X_%d>", i))
			}
		}
		out, err := OpenAI{}.WriteRequest(req, up)
		if err != nil {
			t.Fatalf("seed %d round %d: %v", seed, round, err)
		}
		if !jsontext.Value(out.Body).IsValid() {
			t.Fatalf("seed %d round %d: not JSON: %s", seed, round, out.Body)
		}
		if left := anyMark.FindString(string(out.Body)); left != "" {
			t.Fatalf("seed %d round %d: the server is sent %s: %s", seed, round, left, out.Body)
		}
	}
}

// FuzzResponsesReader: no reply makes the reader panic, any cut gives the same
// frames, and what the client gets of them is well formed.
func FuzzResponsesReader(f *testing.F) {
	for _, file := range glob(f, "responses/*.txt") {
		f.Add(readCapture(f, filepath.Join("..", "responses", strings.TrimSuffix(filepath.Base(file), ".txt"))).body, 5)
	}
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		up := responsesServer(t, "openai")
		for _, stream := range []string{"true", "false"} {
			req := responsesRequest(t, `{"model":"m","input":"x","stream":`+stream+`}`)
			frames, err := readAll(OpenAI{}.NewReader(req, up), body, len(body))
			again, errAgain := readAll(OpenAI{}.NewReader(req, up), body, 1+abs(size)%64)
			if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(frames, again) {
				t.Fatalf("%v and %v from one reply, cut in two ways", err, errAgain)
			}
			rep := OpenAIResponses{}.NewReply(req)
			var dst []byte
			for i := range frames {
				if dst, errAgain = rep.Frame(dst, &frames[i]); errAgain != nil {
					t.Fatal(errAgain) // would be taken for the client's leaving
				}
			}
			if err == nil {
				if dst, err = rep.End(dst); err == nil && !req.Stream {
					checkResponse(t, dst)
				}
			}
			if err != nil {
				dst = rep.Fail(dst, &engine.Outcome{Status: 502, Code: engine.CodeUpstreamError})
			}
			if req.Stream {
				checkResponsesStream(t, string(dst), err != nil)
			}
		}
	})
}
