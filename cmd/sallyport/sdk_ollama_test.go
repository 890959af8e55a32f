package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ollama "github.com/ollama/ollama/api"
)

// bearer adds the key that Ollama's client has no option for.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func ollamaClient(t *testing.T, s *runningService, key string) *ollama.Client {
	t.Helper()
	base, err := url.Parse(s.data)
	if err != nil {
		t.Fatal(err)
	}
	return ollama.NewClient(base, &http.Client{Transport: bearer(key)})
}

// ollamaChat is a whole chat, put together from its lines.
func ollamaChat(t *testing.T, c *ollama.Client, req *ollama.ChatRequest) (whole ollama.ChatResponse, lines int, err error) {
	t.Helper()
	err = c.Chat(t.Context(), req, func(r ollama.ChatResponse) error {
		if whole.Done {
			t.Error("a line after the last")
		}
		if r.Message.Role != "assistant" || r.Model == "" || r.CreatedAt.IsZero() {
			t.Errorf("a line without role, model or time: %+v", r)
		}
		r.Message.Content = whole.Message.Content + r.Message.Content
		r.Message.ToolCalls = append(whole.Message.ToolCalls, r.Message.ToolCalls...)
		whole = r
		lines++
		return nil
	})
	return whole, lines, err
}

// TestOllamaSDK has Ollama's own client converse with targets of every dialect. Its
// requests are streams unless it says otherwise. Texts are redacted on their way to
// the target and restored on their way back.
func TestOllamaSDK(t *testing.T) {
	rules := onlyNear + "\nobligation[\"restore\"] := true\n"
	for _, dialect := range []string{"ollama", "openai", "anthropic", "gemini"} {
		t.Run(dialect, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "policies", "place.rego"), rules)
			s := serveConfig(t, dir, strings.Replace(twoTargets, `"gemini"`, `"`+dialect+`"`, 1), environment("TEAM_KEY", "team-secret"))
			c := ollamaClient(t, s, "team-secret")
			ollamaTalk(t, c)
			ollamaTools(t, c)
			ollamaGenerate(t, c)
		})
	}
}

func ollamaTalk(t *testing.T, c *ollama.Client) {
	t.Helper()
	const words = "write to ann@example.org, and to bob@example.org"
	whole := new(bool)
	req := &ollama.ChatRequest{Model: "m", Options: map[string]any{"temperature": 0.5, "num_predict": 200},
		Messages: []ollama.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: words}}}
	for _, req.Stream = range []*bool{nil, whole} {
		r, lines, err := ollamaChat(t, c, req)
		if err != nil || !r.Done || r.DoneReason != "stop" || !strings.Contains(r.Message.Content, words) || r.PromptEvalCount == 0 || r.EvalCount == 0 ||
			r.TotalDuration == 0 || (lines == 1) != (req.Stream == whole) {
			t.Errorf("%d lines, %v: %+v", lines, err, r)
		}
	}
	req.Options["num_predict"] = 3
	for _, req.Stream = range []*bool{nil, whole} {
		if r, _, err := ollamaChat(t, c, req); err != nil || r.DoneReason != "length" {
			t.Errorf("three tokens: %v: %+v", err, r)
		}
	}
	req = &ollama.ChatRequest{Model: "m", Format: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`),
		Messages: []ollama.Message{{Role: "user", Content: "Paris", Images: []ollama.ImageData{ollama.ImageData("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")}}}}
	if r, _, err := ollamaChat(t, c, req); err != nil || !strings.Contains(r.Message.Content, "Paris") {
		t.Errorf("an image, and an answer of a form: %v: %+v", err, r)
	}
}

func ollamaTools(t *testing.T, c *ollama.Client) {
	t.Helper()
	city := ollama.NewToolPropertiesMap()
	city.Set("city", ollama.ToolProperty{Type: ollama.PropertyType{"string"}})
	req := &ollama.ChatRequest{Model: "m", Messages: []ollama.Message{{Role: "user", Content: "the weather, please [[tool]]"}},
		Tools: ollama.Tools{{Type: "function", Function: ollama.ToolFunction{Name: "get_weather", Description: "of a city",
			Parameters: ollama.ToolFunctionParameters{Type: "object", Required: []string{"city"}, Properties: city}}}}}
	var said ollama.Message
	for _, req.Stream = range []*bool{new(bool), nil} {
		r, _, err := ollamaChat(t, c, req)
		if err != nil || len(r.Message.ToolCalls) != 1 || r.Message.ToolCalls[0].Function.Name != "get_weather" || !r.Done {
			t.Fatalf("%v: %+v", err, r)
		}
		args := r.Message.ToolCalls[0].Function.Arguments
		if v, _ := args.Get("city"); v != "Paris" {
			t.Errorf("arguments %v", args)
		}
		said = r.Message
	}
	// Older clients name the tool that answers, others its call.
	for _, result := range []ollama.Message{
		{Role: "tool", Content: "sunny, says ann@example.org", ToolName: "get_weather"},
		{Role: "tool", Content: "sunny, says ann@example.org", ToolCallID: said.ToolCalls[0].ID},
	} {
		next := *req
		next.Messages = append(slices.Clone(req.Messages), said, result)
		if r, _, err := ollamaChat(t, c, &next); err != nil || !strings.Contains(r.Message.Content, "sunny, says ann@example.org") {
			t.Errorf("after the tool: %v: %+v", err, r)
		}
	}
}

func ollamaGenerate(t *testing.T, c *ollama.Client) {
	t.Helper()
	const words = "write to ann@example.org"
	for _, stream := range []*bool{nil, new(bool)} {
		var text string
		var last ollama.GenerateResponse
		err := c.Generate(t.Context(), &ollama.GenerateRequest{Model: "m", System: "Be brief.", Prompt: words, Stream: stream}, func(r ollama.GenerateResponse) error {
			text += r.Response
			last = r
			return nil
		})
		if err != nil || !strings.Contains(text, words) || !last.Done || last.DoneReason != "stop" || last.PromptEvalCount == 0 || last.EvalCount == 0 {
			t.Errorf("generate: %v: %q, at last %+v", err, text, last)
		}
	}
}

// TestOllamaSDKErrors: an error is the text that the client shows, whether the reply
// would have been a stream or not.
func TestOllamaSDKErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear+"\ndeny contains {\"code\": \"no_thanks\", \"message\": \"not today\"} if input.request.stream\n")
	s := serveConfig(t, dir, twoTargets, environment("TEAM_KEY", "team-secret"))
	c := ollamaClient(t, s, "team-secret")
	hi := []ollama.Message{{Role: "user", Content: "hi"}}
	check := func(how string, err error, status int, says string) {
		t.Helper()
		var said ollama.StatusError
		if !errors.As(err, &said) || said.StatusCode != status || !strings.Contains(said.ErrorMessage, says) {
			t.Errorf("%s: %v", how, err)
		}
	}
	var stranger ollama.AuthorizationError
	if _, _, err := ollamaChat(t, ollamaClient(t, s, "wrong"), &ollama.ChatRequest{Model: "m", Messages: hi}); !errors.As(err, &stranger) || stranger.StatusCode != http.StatusUnauthorized {
		t.Errorf("wrong key: %v", err)
	}
	_, _, err := ollamaChat(t, c, &ollama.ChatRequest{Model: "m", Messages: hi})
	check("denied", err, http.StatusForbidden, "not today (no_thanks)")
	_, _, err = ollamaChat(t, c, &ollama.ChatRequest{Model: "nobody-has-this", Messages: hi})
	check("no such model", err, http.StatusNotFound, "no target declares a model or alias")
	_, _, err = ollamaChat(t, c, &ollama.ChatRequest{Model: "m"})
	check("no messages", err, http.StatusBadRequest, "messages: must be an array")
	err = c.Generate(t.Context(), &ollama.GenerateRequest{Model: "m", Prompt: "hi", Context: []int{1, 2}}, func(ollama.GenerateResponse) error { return nil })
	check("tokens that nobody can inspect", err, http.StatusBadRequest, "context: holds token numbers")
	_, err = c.Show(t.Context(), &ollama.ShowRequest{Model: "nobody-has-this"})
	check("nothing to show", err, http.StatusNotFound, "model: no target serves")
}

// TestOllamaSDKModels: what is declared is what the client lists, and nothing else
// of the configuration.
func TestOllamaSDKModels(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear)
	s := serveConfig(t, dir, twoTargets, environment("TEAM_KEY", "team-secret"))
	c := ollamaClient(t, s, "team-secret")
	list, err := c.List(t.Context())
	if err != nil || len(list.Models) != 2 || list.Models[0].Name != "auto" || list.Models[1].Name != "m" || list.Models[1].Model != "m" || list.Models[1].ModifiedAt.IsZero() {
		t.Errorf("%v: %+v", err, list)
	}
	shown, err := c.Show(t.Context(), &ollama.ShowRequest{Model: "m"})
	if err != nil || len(shown.Capabilities) == 0 {
		t.Errorf("%v: %+v", err, shown)
	}
	if v, err := c.Version(t.Context()); err != nil || v == "" {
		t.Errorf("version %q: %v", v, err)
	}
	if _, err := ollamaClient(t, s, "wrong").List(t.Context()); err == nil {
		t.Error("a stranger sees the list")
	}
}

// TestOllamaSDKEmbeddings asks targets that embed, in either form of the API.
func TestOllamaSDKEmbeddings(t *testing.T) {
	for _, dialect := range []string{"ollama", "openai", "gemini"} {
		t.Run(dialect, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear)
			s := serveConfig(t, dir, strings.Replace(twoTargets, `"gemini"`, `"`+dialect+`"`, 1), environment("TEAM_KEY", "team-secret"))
			c := ollamaClient(t, s, "team-secret")
			both, err := c.Embed(t.Context(), &ollama.EmbedRequest{Model: "m", Input: []string{"one", "two"}})
			if err != nil || len(both.Embeddings) != 2 || len(both.Embeddings[0]) == 0 || slices.Equal(both.Embeddings[0], both.Embeddings[1]) {
				t.Fatalf("%v: %+v", err, both)
			}
			one, err := c.Embeddings(t.Context(), &ollama.EmbeddingRequest{Model: "m", Prompt: "one"})
			if err != nil || len(one.Embedding) != len(both.Embeddings[0]) || float32(one.Embedding[0]) != both.Embeddings[0][0] {
				t.Errorf("%v: %+v, was %v", err, one, both.Embeddings[0])
			}
		})
	}
}
