package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/sallyport-ai/sallyport/benchmarks/realserver"
	"github.com/sallyport-ai/sallyport/engine/record"
)

const realConfig = `
server {
  listen = "127.0.0.1:0"
  admin  = "127.0.0.1:0"
}
auth {
  key "team" {
    secret = env("TEAM_KEY")
    tenant = "acme"
  }
}
classifier "pii" { module = "builtin:pii" }
classifier "secrets" { module = "builtin:secrets" }
classifier "complexity" { module = "builtin:complexity" }
target "gpu_cluster" "llama" {
  dialect   = "openai"
  endpoints = ["LLAMA/v1"]
  model "tiny" {
    quality       = 50
    cost_per_mtok = { input = 0.01, output = 0.01 }
    ttft_hint     = "50ms"
    tpot_hint     = "2ms"
  }
}
target "air_gapped" "vault" {
  dialect       = "openai"
  allowed_cidrs = ["127.0.0.0/8"]
  stand_in {}
  model "tiny" {
    cost_per_mtok = { input = 1, output = 1 }
    ttft_hint     = "500ms"
  }
}
decision_log { path = "log" }
`

// TestReal runs the official client through a service whose cluster is a real
// llama-server. make test-real fetches the server and sets SALLYPORT_LLAMA_ROOT.
func TestReal(t *testing.T) {
	root := os.Getenv("SALLYPORT_LLAMA_ROOT")
	if root == "" {
		t.Skip("SALLYPORT_LLAMA_ROOT is not set: make test-real runs this against a real llama-server")
	}
	llama, err := realserver.Start(t.Context(), root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(llama.Stop)
	dir := t.TempDir()
	s := serveConfig(t, dir, strings.Replace(realConfig, "LLAMA", llama.URL, 1), environment("TEAM_KEY", "team-secret"))
	c := client(s, "team-secret")
	log := filepath.Join(dir, "log")

	t.Run("unary", func(t *testing.T) {
		var res *http.Response
		reply, err := c.Chat.Completions.New(t.Context(), ask("tiny", "hi "+realserver.Hello), option.WithResponseInto(&res))
		if err != nil || reply.Choices[0].Message.Content != realserver.Greeting {
			t.Fatalf("%v: got %+v", err, reply)
		}
		if !strings.HasPrefix(res.Header.Get("Inference-Status"), "llama;") || reply.Usage.CompletionTokens == 0 {
			t.Errorf("status %q, usage %+v", res.Header.Get("Inference-Status"), reply.Usage)
		}
	})

	t.Run("streams", func(t *testing.T) {
		for trigger, want := range map[string]string{
			realserver.Hello: realserver.Greeting,
			realserver.UTF8:  realserver.UTF8Answer,
			realserver.SSE:   "data: [DONE]\n\ndata: {}\nevent: x\r\nend",
		} {
			stream := c.Chat.Completions.NewStreaming(t.Context(), ask("tiny", "hi "+trigger))
			var acc openai.ChatCompletionAccumulator
			for stream.Next() {
				acc.AddChunk(stream.Current())
			}
			if err := stream.Err(); err != nil {
				t.Errorf("%s: %v", trigger, err)
				continue
			}
			if got := acc.Choices[0].Message.Content; got != want {
				t.Errorf("%s: got %q, want %q", trigger, got, want)
			}
			if acc.Usage.TotalTokens != 0 {
				t.Errorf("%s: usage was streamed to a client that did not ask for it", trigger)
			}
		}
	})

	t.Run("tool call round trip", func(t *testing.T) {
		params := ask("tiny", "weather? "+realserver.Tool)
		params.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: "get_weather", Description: openai.String("the weather of a city"),
			Parameters: shared.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}},
		})}
		reply, err := c.Chat.Completions.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		calls := reply.Choices[0].Message.ToolCalls
		if len(calls) != 1 || calls[0].Function.Name != "get_weather" || reply.Choices[0].FinishReason != "tool_calls" {
			t.Fatalf("got %+v", reply.Choices[0])
		}
		var args struct{ City string }
		if err := json.Unmarshal([]byte(calls[0].Function.Arguments), &args); err != nil || args.City != "Paris" {
			t.Errorf("arguments %q: %v", calls[0].Function.Arguments, err)
		}
		params.Messages = append(params.Messages, reply.Choices[0].Message.ToParam(), openai.ToolMessage("18 degrees "+realserver.Hello, calls[0].ID))
		reply, err = c.Chat.Completions.New(t.Context(), params)
		if err != nil || reply.Choices[0].Message.Content != realserver.Greeting {
			t.Errorf("after the tool's result: %v: %+v", err, reply)
		}
	})

	t.Run("streamed tool call", func(t *testing.T) {
		params := ask("tiny", "weather? "+realserver.Tool)
		params.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: "get_weather", Parameters: shared.FunctionParameters{"type": "object"},
		})}
		stream := c.Chat.Completions.NewStreaming(t.Context(), params)
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		if err := stream.Err(); err != nil || len(acc.Choices) != 1 || len(acc.Choices[0].Message.ToolCalls) != 1 ||
			acc.Choices[0].FinishReason != "tool_calls" {
			t.Errorf("%v: got %+v", err, acc.Choices)
		}
	})

	t.Run("cancelled stream frees the slot", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var res *http.Response
		stream := c.Chat.Completions.NewStreaming(ctx, ask("tiny", "go "+realserver.Loop), option.WithResponseInto(&res))
		for range 5 {
			if !stream.Next() {
				t.Fatalf("the stream ended: %v", stream.Err())
			}
		}
		if busy, err := busySlots(t.Context(), llama); err != nil || busy != 1 {
			t.Fatalf("%d slots are busy while streaming, want 1: %v", busy, err)
		}
		cancelled := time.Now()
		cancel()
		_ = stream.Close() // of a cancelled request
		if err := await(func() (bool, error) {
			busy, err := busySlots(t.Context(), llama)
			return busy == 0, err
		}); err != nil {
			t.Fatal(err)
		}
		took := time.Since(cancelled)
		t.Logf("the slot was free %v after the client went away", took.Round(time.Millisecond))
		if took > 2*time.Second {
			t.Errorf("the slot was free only after %v, want at most 2 s", took)
		}
		id := res.Header.Get("Sallyport-Decision-Id")
		if err := await(func() (bool, error) {
			gone := false
			err := queryFor(t, log, record.Filter{DecisionID: id}, func(line string) {
				gone = strings.Contains(line, `"code":"client_closed_request"`)
			})
			return gone, err
		}); err != nil {
			t.Errorf("the outcome is not recorded: %v", err)
		}
	})

	t.Run("denied prompt", func(t *testing.T) {
		key := "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA" + strings.Repeat("x7Zq", 12) + "\n-----END RSA " + "PRIVATE KEY-----"
		_, err := c.Chat.Completions.New(t.Context(), ask("tiny", "explain this: "+key))
		var apiErr *openai.Error
		if !errors.As(err, &apiErr) || apiErr.StatusCode != http.StatusForbidden || apiErr.Code != "policy_denied" {
			t.Errorf("got %v", err)
		}
	})

	t.Run("card number goes to the air gap", func(t *testing.T) {
		var res *http.Response
		reply, err := c.Chat.Completions.New(t.Context(), ask("tiny", "charge 4111 1111 1111 1111 "+realserver.Hello), option.WithResponseInto(&res))
		if err != nil || !strings.HasPrefix(res.Header.Get("Inference-Status"), "vault;") {
			t.Fatalf("%v: served by %q", err, res.Header.Get("Inference-Status"))
		}
		if !strings.Contains(reply.Choices[0].Message.Content, "stand-in") {
			t.Errorf("got %q", reply.Choices[0].Message.Content)
		}
		id := res.Header.Get("Sallyport-Decision-Id")
		if err := queryFor(t, log, record.Filter{DecisionID: id}, func(line string) {
			for _, want := range []string{`"posture":"air_gapped"`, `"CREDIT_CARD"`, `"llama":[{`} {
				if !strings.Contains(line, want) {
					t.Errorf("the record lacks %s: %s", want, line)
				}
			}
			if strings.Contains(line, "4111") {
				t.Error("the card number is in the log")
			}
		}); err != nil {
			t.Error(err)
		}
	})
}

// busySlots counts the slots of the server that are working.
func busySlots(ctx context.Context, s *realserver.Server) (int, error) {
	body, err := s.Get(ctx, "/slots")
	if err != nil {
		return 0, err
	}
	var slots []struct {
		Busy bool `json:"is_processing"`
	}
	if err := json.Unmarshal(body, &slots); err != nil {
		return 0, err
	}
	busy := 0
	for _, s := range slots {
		if s.Busy {
			busy++
		}
	}
	return busy, nil
}
