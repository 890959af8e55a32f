package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

// The official client of the chat API, with a target of each dialect, Azure's
// included.
func TestChatWithTheOfficialClient(t *testing.T) {
	for name, dialect := range map[string]string{"openai": "\"openai\"\n  server = \"openai\"", "azure": "\"azure-openai\"\n  api_version = \"2024-10-21\"",
		"anthropic": `"anthropic"`, "gemini": `"gemini"`, "ollama": `"ollama"`} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "policies", "words.rego"), denyByWish)
			config := strings.NewReplacer(`"gemini"`, dialect, `"anthropic"`, dialect).Replace(twoTargets)
			s := serveConfig(t, dir, config, environment("TEAM_KEY", "team-secret"))
			c := client(s, "team-secret")

			whole, err := c.Chat.Completions.New(t.Context(), ask("m", "What is the capital of France?"))
			if err != nil {
				t.Fatal(err)
			}
			if m := whole.Choices[0]; !strings.Contains(m.Message.Content, "capital of France") || m.FinishReason != "stop" || whole.Usage.TotalTokens == 0 {
				t.Errorf("unary: %s", whole.RawJSON())
			}
			if got := accumulated(t, c, ask("m", "What is the capital of France?")); got.Choices[0].Message.Content != whole.Choices[0].Message.Content || got.Choices[0].FinishReason != "stop" {
				t.Errorf("stream: %+v", got.Choices)
			}

			secret := ask("m", "write to ann@example.org and <no one>")
			secret.Metadata = shared.Metadata{"wish": "redact"}
			if r, err := c.Chat.Completions.New(t.Context(), secret); err != nil || !strings.Contains(r.Choices[0].Message.Content, "ann@example.org and <no one>") || strings.Contains(r.RawJSON(), "<EMAIL") {
				t.Errorf("restored: %v %s", err, r.RawJSON())
			}
			if r := accumulated(t, c, secret); !strings.Contains(r.Choices[0].Message.Content, "ann@example.org and <no one>") {
				t.Errorf("restored in a stream: %q", r.Choices[0].Message.Content)
			}

			tools := ask("m", "look it up [[tool]]")
			tools.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "look_up",
				Parameters: shared.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}})}
			called, err := c.Chat.Completions.New(t.Context(), tools)
			if err != nil || len(called.Choices[0].Message.ToolCalls) != 1 || called.Choices[0].FinishReason != "tool_calls" {
				t.Fatalf("tool: %v %+v", err, called)
			}
			call := called.Choices[0].Message.ToolCalls[0]
			if call.Function.Name != "look_up" || call.Function.Arguments != `{"city":"Paris"}` {
				t.Errorf("tool: %s", call.RawJSON())
			}
			if r := accumulated(t, c, tools); len(r.Choices[0].Message.ToolCalls) != 1 || r.Choices[0].Message.ToolCalls[0].Function.Arguments != `{"city":"Paris"}` {
				t.Errorf("tool in a stream: %+v", r.Choices[0].Message)
			}
			tools.Messages = append(tools.Messages, called.Choices[0].Message.ToParam(), openai.ToolMessage("sunny", call.ID))
			if r, err := c.Chat.Completions.New(t.Context(), tools); err != nil || !strings.Contains(r.Choices[0].Message.Content, "sunny") {
				t.Errorf("result: %v", err)
			}
		})
	}
}

// accumulated is a streamed completion, as the SDK puts it together.
func accumulated(t *testing.T, c openai.Client, params openai.ChatCompletionNewParams) *openai.ChatCompletion {
	t.Helper()
	stream := c.Chat.Completions.NewStreaming(t.Context(), params)
	acc := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			t.Fatalf("out of place: %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if len(acc.Choices) == 0 {
		t.Fatal("a stream without an answer")
	}
	return &acc.ChatCompletion
}

// Clients that were made for Azure name the deployment in the path, and send the key
// under another name; logprobs and vectors come as they are asked for.
func TestAzureClientAndDetails(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "words.rego"), denyByWish)
	config := strings.NewReplacer(`"gemini"`, `"openai"`, `"anthropic"`, `"openai"`).Replace(twoTargets)
	s := serveConfig(t, dir, config, environment("TEAM_KEY", "team-secret"))
	azure := openai.NewClient(option.WithBaseURL(s.data+"/openai/deployments/m/"), option.WithQuery("api-version", "2024-10-21"),
		option.WithHeaderDel("Authorization"), option.WithHeader("api-key", "team-secret"), option.WithMaxRetries(0))
	r, err := azure.Chat.Completions.New(t.Context(), ask("another name", "hi"))
	if err != nil || !strings.Contains(r.Choices[0].Message.Content, "hi") {
		t.Errorf("azure: %v", err)
	}

	c := client(s, "team-secret")
	likely := ask("m", "one two")
	likely.Logprobs = openai.Bool(true)
	whole, err := c.Chat.Completions.New(t.Context(), likely)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*openai.ChatCompletion{accumulated(t, c, likely), whole} {
		var tokens strings.Builder
		for _, l := range r.Choices[0].Logprobs.Content {
			tokens.WriteString(l.Token)
		}
		if tokens.String() != r.Choices[0].Message.Content || tokens.Len() == 0 {
			t.Errorf("logprobs of %q for %q", tokens.String(), r.Choices[0].Message.Content)
		}
	}
	input := openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}
	numbers, err := c.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: "m", Input: input})
	if err != nil {
		t.Fatal(err)
	}
	if len(numbers.Data) != 2 || len(numbers.Data[1].Embedding) != 8 || numbers.Usage.TotalTokens == 0 {
		t.Errorf("embeddings: %s", numbers.RawJSON())
	}
}
