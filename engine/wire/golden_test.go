package wire

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", path, d)
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files for %s: %v", pattern, err)
	}
	return files
}

var egressDialects = []engine.Dialect{engine.DialectOpenAI, engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama}

// TestRequests writes each request of testdata/requests for each dialect.
func TestRequests(t *testing.T) {
	for _, file := range glob(t, "requests/*.json") {
		for _, d := range egressDialects {
			name := strings.TrimSuffix(file, ".json") + "." + string(d)
			t.Run(filepath.Base(name), func(t *testing.T) {
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				e, _ := EgressFor(d)
				up, err := e.WriteRequest(chatRequest(t, string(body)), &Upstream{Model: "upstream-model"})
				if err != nil {
					re, ok := errors.AsType[*engine.RequestError](err)
					if !ok {
						t.Fatalf("error is %T, not an *engine.RequestError", err)
					}
					golden(t, name+".golden", fmt.Sprintf("%d %s\n%s\n", re.Status, re.Code, re))
					return
				}
				v := jsontext.Value(up.Body)
				if err := v.Indent(jsontext.WithIndent(" ")); err != nil {
					t.Fatal(err)
				}
				path := up.Path
				if up.Query != "" {
					path += "?" + up.Query
				}
				golden(t, name+".golden", fmt.Sprintf("%s stream=%v\n%s\n", path, up.Stream, v))
			})
		}
	}
}

// TestReplies reads each upstream reply of testdata/replies, and writes it for a
// client of OpenAI's chat API.
func TestReplies(t *testing.T) {
	for _, file := range glob(t, "replies/*.*.*") {
		base := filepath.Base(file)
		name, ext := strings.TrimSuffix(base, filepath.Ext(base)), filepath.Ext(base)
		if ext == ".golden" {
			continue
		}
		t.Run(base, func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, dialect, _ := strings.Cut(name, ".")
			golden(t, file+".golden", reply(t, engine.Dialect(dialect), chatRequest(t, replyRequest(ext != ".json")), body))
		})
	}
}

func replyRequest(stream bool) string {
	if stream {
		return `{"model":"small","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`
	}
	return `{"model":"small","messages":[{"role":"user","content":"hi"}]}`
}

// reply is what a reader makes of body, wherever that is cut, and what the client
// gets of it.
func reply(t *testing.T, d engine.Dialect, req *engine.Request, body []byte) string {
	t.Helper()
	e, ok := EgressFor(d)
	if !ok {
		t.Fatalf("no dialect %q", d)
	}
	frames, err := readAll(e.NewReader(req, &Upstream{}), body, len(body))
	same := func(how string, again []engine.Frame, errAgain error) {
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(frames, again) {
			t.Fatalf("%s: error %v, not %v; frames:\n%s", how, errAgain, err, cmp.Diff(frames, again))
		}
	}
	for size := 1; size < 16; size++ {
		again, errAgain := readAll(e.NewReader(req, &Upstream{}), body, size)
		same(fmt.Sprintf("cut every %d bytes", size), again, errAgain)
	}
	for at := 1; at < len(body); at++ {
		again, errAgain := readPieces(e.NewReader(req, &Upstream{}), body[:at], body[at:])
		same(fmt.Sprintf("cut at byte %d", at), again, errAgain)
	}
	var out strings.Builder
	out.WriteString(fold(frames))
	if err != nil {
		fmt.Fprintf(&out, "reader: %v\n", err)
	}
	out.WriteString("\n--- client\n")
	synctest.Test(t, func(t *testing.T) {
		rep := OpenAIChat{}.NewReply(req)
		var dst []byte
		failed := err != nil
		for i := range frames {
			failed = failed || slices.ContainsFunc(frames[i].Events, func(e engine.Event) bool { return e.Kind == engine.EventError })
			if dst, err = rep.Frame(dst, &frames[i]); err != nil {
				t.Fatal(err)
			}
		}
		if !failed {
			if dst, err = rep.End(dst); err != nil {
				fmt.Fprintf(&out, "writer: %v\n", err)
				failed = true
			}
		}
		if failed {
			dst = rep.Fail(dst, &engine.Outcome{Status: 502, Code: engine.CodeUpstreamError, Message: "the target failed", DecisionID: "d1"})
		}
		if req.Stream {
			checkChatStream(t, string(dst), req.IncludeUsage, failed)
		} else if !jsontext.Value(dst).IsValid() {
			t.Errorf("not valid JSON: %s", dst)
		}
		out.WriteString(randomID.ReplaceAllString(string(bytes.TrimRight(dst, "\n")), "RANDOM"))
		out.WriteString("\n")
	})
	return out.String()
}

// TestCaptures reads the replies of real servers.
func TestCaptures(t *testing.T) {
	for _, file := range glob(t, "captures/*.txt") {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			c := readCapture(t, name)
			var d engine.Dialect
			switch {
			case strings.Contains(name, ".api."):
				d = engine.DialectOllama
			case strings.Contains(name, ".messages."):
				d = engine.DialectAnthropic
			default:
				d = engine.DialectOpenAI
			}
			path := strings.TrimSuffix(file, ".txt") + ".golden"
			if c.status != 200 {
				e, _ := EgressFor(d)
				code, message := e.ReadError(c.status, c.body)
				golden(t, path, fmt.Sprintf("code %q\nmessage %q\n", code, message))
				return
			}
			var asked struct {
				Stream *bool `json:"stream"`
				N      int   `json:"n"`
			}
			if err := json.Unmarshal(bytes.TrimSpace(c.request), &asked); err != nil {
				t.Fatal(err)
			}
			req := chatRequest(t, replyRequest(asked.Stream != nil && *asked.Stream || asked.Stream == nil && d == engine.DialectOllama))
			req.Sampling.N = asked.N
			req.IncludeUsage = strings.Contains(string(c.request), "include_usage") || d != engine.DialectOpenAI
			golden(t, path, reply(t, d, req, c.body))
		})
	}
}

// checkChatStream checks a stream of chat completion chunks against the grammar
// that OpenAI's SDKs rely on.
func checkChatStream(t testing.TB, out string, includeUsage, failed bool) {
	t.Helper()
	type chunk struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		Choices []struct {
			Index int `json:"index"`
			Delta struct {
				Role      string `json:"role"`
				ToolCalls []struct {
					Index    *int   `json:"index"`
					ID       string `json:"id"`
					Function struct {
						Name      string `json:"name"`
						Arguments string `json:"arguments"`
					} `json:"function"`
					Custom *openAICustom `json:"custom"`
				} `json:"tool_calls"`
			} `json:"delta"`
			FinishReason *string `json:"finish_reason"`
		} `json:"choices"`
		Usage jsontext.Value `json:"usage"`
		Error jsontext.Value `json:"error"`
	}
	var first *chunk
	begun, finished := map[int]bool{}, map[int]bool{}
	args, custom := map[[2]int]string{}, map[[2]int]bool{}
	usages, done, errorsSeen := 0, 0, 0
	for event := range strings.SplitSeq(strings.TrimSuffix(out, "\n\n"), "\n\n") {
		if event == "" || strings.HasPrefix(event, ":") {
			continue
		}
		data, ok := strings.CutPrefix(event, "data: ")
		if !ok || strings.ContainsAny(data, "\r\n") || done > 0 || errorsSeen > 0 {
			t.Fatalf("bad event %q after %d ends and %d errors", event, done, errorsSeen)
		}
		if data == "[DONE]" {
			done++
			continue
		}
		var c chunk
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			t.Fatalf("%v in %q", err, data)
		}
		if len(c.Error) > 0 {
			errorsSeen++
			continue
		}
		if c.ID == "" && len(c.Choices) == 0 && !present(c.Usage) {
			continue // Azure's, which only tells of content filters
		}
		if first == nil {
			first = &c
		}
		if c.ID != first.ID || c.Created != first.Created || c.Object != first.Object {
			t.Errorf("chunk has another id, object or created: %s", data)
		}
		if present(c.Usage) {
			if usages++; len(c.Choices) == 0 && len(finished) < len(begun) {
				t.Error("usage before the end of all choices")
			}
		}
		for _, ch := range c.Choices {
			if finished[ch.Index] {
				t.Errorf("a delta after the finish reason: %s", data)
			}
			if !begun[ch.Index] && ch.Delta.Role == "" && c.Object == "chat.completion.chunk" {
				t.Errorf("the first delta has no role: %s", data)
			}
			begun[ch.Index] = true
			if ch.FinishReason != nil {
				finished[ch.Index] = true
			}
			for _, call := range ch.Delta.ToolCalls {
				if call.Index == nil {
					t.Fatalf("a tool call without index: %s", data)
				}
				key := [2]int{ch.Index, *call.Index}
				if call.Custom != nil {
					if !custom[key] && call.Custom.Name == "" {
						t.Errorf("the first delta of a custom tool's call has no name: %s", data)
					}
					custom[key] = true
					continue
				}
				if _, ok := args[key]; !ok && call.Function.Name == "" {
					t.Errorf("the first delta of a tool call has no name: %s", data)
				}
				args[key] += call.Function.Arguments
			}
		}
	}
	if failed {
		if done != 0 || errorsSeen != 1 {
			t.Errorf("a failed stream has %d ends and %d errors", done, errorsSeen)
		}
		return
	}
	if done != 1 || errorsSeen != 0 || len(finished) != len(begun) {
		t.Errorf("%d ends, %d errors, %d choices of which %d finished", done, errorsSeen, len(begun), len(finished))
	}
	if !includeUsage && usages > 0 {
		t.Error("usage is shown to a client that did not ask for it")
	}
	if usages > 1 {
		t.Errorf("usage is shown %d times", usages)
	}
	for key, s := range args {
		if !jsontext.Value(s).IsValid() {
			t.Errorf("arguments of call %v are not JSON: %q", key, s)
		}
	}
}
