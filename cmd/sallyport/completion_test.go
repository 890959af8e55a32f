package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"

	"github.com/sallyport-ai/sallyport/engine/record"
)

const readReplies = `package sallyport.rules.replies

obligation.inspect_completion contains "pii"

obligation.on_completion_finding := input.request.metadata.reply
`

// readingService is a service whose replies pii reads, from a target that speaks
// the dialect and repeats what it was given.
func readingService(t *testing.T, dialect string) (s *runningService, log string) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "replies.rego"), readReplies)
	config := strings.NewReplacer(`"gemini"`, `"`+dialect+`"`, `"anthropic"`, `"`+dialect+`"`,
		`classifier "pii" { module = "builtin:pii" }`, "classifier \"pii\" {\n  module = \"builtin:pii\"\n  inspect = [\"prompt\", \"tools\", \"completion\"]\n}").Replace(twoTargets)
	return serveConfig(t, dir, config, environment("TEAM_KEY", "team-secret")), filepath.Join(dir, "log")
}

// asked is the raw answer to a request of which policy wants what mode says.
func asked(t *testing.T, s *runningService, path, mode, text string, stream bool, more string) (status int, body, id string) {
	t.Helper()
	prompt, _ := json.Marshal(text)
	b := `{"model":"m","metadata":{"reply":"` + mode + `"},"messages":[{"role":"user","content":` + string(prompt) + `}]` + more
	if path == "/v1/completions" {
		b = `{"model":"m","metadata":{"reply":"` + mode + `"},"prompt":` + string(prompt) + more
	}
	if stream {
		b += `,"stream":true,"stream_options":{"include_usage":true}`
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.data+path, strings.NewReader(b+"}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer team-secret")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil && !(stream && errors.Is(err, io.ErrUnexpectedEOF)) {
		t.Fatal(err)
	}
	return res.StatusCode, string(got), res.Header.Get("Sallyport-Decision-Id")
}

// said is the text of a reply, streamed or not, and whether it has usage and an end.
func said(t *testing.T, body string, stream bool) (text string, output int, ended bool) {
	t.Helper()
	payloads := []string{body}
	if stream {
		payloads = nil
		for line := range strings.Lines(body) {
			if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
				payloads = append(payloads, data)
			}
		}
	}
	for _, p := range payloads {
		if p == "[DONE]" {
			ended = true
			continue
		}
		var v struct {
			Choices []struct {
				Text           string
				Message, Delta struct{ Content string }
			}
			Usage struct {
				Output int `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(p), &v); err != nil {
			t.Fatalf("%v: %s", err, p)
		}
		output += v.Usage.Output
		for _, c := range v.Choices {
			text += c.Text + c.Message.Content + c.Delta.Content
		}
	}
	return text, output, ended || !stream
}

// Replies are read whatever the target speaks, whatever the client asked for, and
// policy's word is kept: in what the client gets, in the log and in the metrics.
func TestCompletionInspection(t *testing.T) {
	const value = "ann@example.org"
	words := strings.Repeat("and so the story goes on ", 40)
	short, long := "write to "+value+" now", words+"write to "+value+", to <EMAIL_ADDRESS_1> and bob@example.org now. "+words
	for _, dialect := range []string{"openai", "anthropic", "gemini", "ollama"} {
		t.Run(dialect, func(t *testing.T) {
			s, log := readingService(t, dialect)
			paths := []string{"/v1/chat/completions"}
			if dialect == "openai" { // the others cannot carry it
				paths = append(paths, "/v1/completions")
			}
			for _, path := range paths {
				for _, stream := range []bool{false, true} {
					// redact
					status, body, id := asked(t, s, path, "redact", long, stream, "")
					text, output, ended := said(t, body, stream)
					if status != 200 || !strings.Contains(text, "write to <EMAIL_ADDRESS_2>, to <EMAIL_ADDRESS_1> and <EMAIL_ADDRESS_3> now") ||
						strings.Contains(body, "@example") || !strings.HasSuffix(text, words) || output == 0 || !ended {
						t.Errorf("%s, stream %t: redact: %d, output %d, %s", path, stream, status, output, body)
					}
					recorded(t, log, id, `"completion":{"action":"redact","findings":[{"classifier":"pii","count":2,"kind":"EMAIL_ADDRESS","max_score":`)

					// deny, before and after text has gone out
					status, body, id = asked(t, s, path, "deny", short, stream, "")
					if status != 403 || !strings.Contains(body, `"code":"policy_denied"`) || !strings.Contains(body, `"completion_finding"`) || strings.Contains(body, value) {
						t.Errorf("%s, stream %t: deny: %d %s", path, stream, status, body)
					}
					recorded(t, log, id, `"action":"deny"`, `"completion":{"action":"deny"`, `"code":"completion_finding"`)
					status, body, id = asked(t, s, path, "deny", long, stream, "")
					if stream {
						before, after, failed := strings.Cut(body, `data: {"error":{"message":"policy denies replies`)
						if text, _, ended = said(t, before, true); status != 200 || !failed || !strings.Contains(text, "and so the story") || ended ||
							strings.Contains(body, value) || strings.Contains(body, "[DONE]") || !strings.Contains(after, "completion_finding") {
							t.Errorf("%s: deny in the middle: %d %s", path, status, body)
						}
					} else if status != 403 {
						t.Errorf("%s: deny: %d %s", path, status, body)
					}
					recorded(t, log, id, `"completion":{"action":"deny"`, `"error":"reply_refused"`)

					// report
					status, body, id = asked(t, s, path, "report", long, stream, "")
					if text, _, ended = said(t, body, stream); status != 200 || !strings.Contains(text, long) || !ended {
						t.Errorf("%s, stream %t: report: %d %s", path, stream, status, body)
					}
					recorded(t, log, id, `"completion":{"action":"report","findings":[{"classifier":"pii","count":2`)

					// nothing to find
					status, body, id = asked(t, s, path, "deny", words, stream, "")
					if text, _, ended = said(t, body, stream); status != 200 || !strings.Contains(text, words) || !ended {
						t.Errorf("%s, stream %t: pass: %d %s", path, stream, status, body)
					}
					recorded(t, log, id, `"completion":{"action":"pass","on_finding":"deny"}`)
				}
			}
			metrics := body(t, s.admin+"/metrics")
			for action, each := range map[string]int{"redact": 2, "deny": 4, "report": 2, "pass": 2} {
				if want := fmt.Sprintf("sallyport_completions_inspected_total{action=%q} %d\n", action, each*len(paths)); !strings.Contains(metrics, want) {
					t.Errorf("the metrics lack %s", want)
				}
			}
			for _, want := range []string{
				`sallyport_completion_findings_total{classifier="pii",kind="EMAIL_ADDRESS"}`, `sallyport_attempts_total{result="reply_refused",target="`,
				`sallyport_stage_duration_seconds_count{stage="inspect"}`,
			} {
				if !strings.Contains(metrics, want) {
					t.Errorf("the metrics lack %s", want)
				}
			}
		})
	}
}

// What a model gives a tool is read, too, and stays JSON; the official client
// understands a redacted reply and one that is cut off.
func TestCompletionInspectionOfTools(t *testing.T) {
	for _, dialect := range []string{"openai", "anthropic", "gemini", "ollama"} {
		s, _ := readingService(t, dialect)
		c := client(s, "team-secret")
		for _, mode := range []string{"redact", "deny"} {
			params := ask("m", "look it up [[tool]]")
			params.Metadata = shared.Metadata{"reply": mode}
			params.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
				Name: "look_up", Parameters: shared.FunctionParameters{"type": "object", "properties": map[string]any{"ann@example.org": map[string]string{"type": "string"}}},
			})}
			check := func(calls []openai.ChatCompletionMessageToolCallUnion, finish string) {
				t.Helper()
				var args map[string]string
				if len(calls) != 1 || calls[0].Function.Name != "look_up" || finish != "tool_calls" {
					t.Fatalf("%s: %+v, %s", dialect, calls, finish)
				}
				if err := json.Unmarshal([]byte(calls[0].Function.Arguments), &args); err != nil || args["<EMAIL_ADDRESS_1>"] != "Paris" || len(args) != 1 {
					t.Errorf("%s: %v: %s", dialect, err, calls[0].Function.Arguments)
				}
			}
			denied := func(err error) {
				t.Helper()
				var apiErr *openai.Error
				if !errors.As(err, &apiErr) || apiErr.StatusCode != http.StatusForbidden || !strings.Contains(apiErr.RawJSON(), "completion_finding") {
					t.Errorf("%s: %v", dialect, err)
				}
			}
			reply, err := c.Chat.Completions.New(t.Context(), params)
			if mode == "deny" {
				denied(err)
			} else if err != nil {
				t.Errorf("%s: %v", dialect, err)
			} else {
				check(reply.Choices[0].Message.ToolCalls, reply.Choices[0].FinishReason)
			}
			stream := c.Chat.Completions.NewStreaming(t.Context(), params)
			var acc openai.ChatCompletionAccumulator
			for stream.Next() {
				acc.AddChunk(stream.Current())
			}
			if mode == "redact" {
				if stream.Err() != nil || len(acc.Choices) != 1 {
					t.Fatalf("%s: %v", dialect, stream.Err())
				}
				check(acc.Choices[0].Message.ToolCalls, acc.Choices[0].FinishReason)
			} else if dialect == "gemini" {
				denied(stream.Err()) // it sends a call whole, so nothing has gone out
			} else if err := stream.Err(); err == nil || !strings.Contains(err.Error(), "policy denies replies") {
				t.Errorf("%s: a refused stream ends in %v", dialect, err)
			}
		}
	}
}

func recorded(t *testing.T, log, id string, wants ...string) {
	t.Helper()
	if err := queryFor(t, log, record.Filter{DecisionID: id}, func(line string) {
		for _, want := range wants {
			if !strings.Contains(line, want) {
				t.Errorf("the log lacks %s: %s", want, line)
			}
		}
		if strings.Contains(line, "example.org") {
			t.Errorf("the log has a text: %s", line)
		}
	}); err != nil {
		t.Error(err)
	}
}
