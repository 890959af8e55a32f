package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

func anthropicClient(s *runningService, options ...anthropicoption.RequestOption) anthropic.Client {
	return anthropic.NewClient(append([]anthropicoption.RequestOption{anthropicoption.WithoutEnvironmentDefaults(),
		anthropicoption.WithBaseURL(s.data), anthropicoption.WithMaxRetries(0)}, options...)...)
}

// accumulate reads a stream to its end as the SDK's users do.
func accumulate(t *testing.T, c anthropic.Client, params anthropic.MessageNewParams) (m anthropic.Message, err error) {
	t.Helper()
	stream := c.Messages.NewStreaming(t.Context(), params)
	for stream.Next() {
		if err := m.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	return m, stream.Err()
}

func anthropicText(m *anthropic.Message) string {
	var b strings.Builder
	for _, c := range m.Content {
		b.WriteString(c.Text)
	}
	return b.String()
}

// TestAnthropicSDK has Anthropic's own client converse with targets of every
// dialect: whole, streamed, with a tool and its result, and with a text that is
// redacted on its way there and restored on its way back.
func TestAnthropicSDK(t *testing.T) {
	rules := onlyNear + "\nobligation[\"restore\"] := true\n"
	for _, dialect := range []string{"anthropic", "openai", "gemini", "ollama"} {
		t.Run(dialect, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "policies", "place.rego"), rules)
			s := serveConfig(t, dir, strings.Replace(twoTargets, `"gemini"`, `"`+dialect+`"`, 1), environment("TEAM_KEY", "team-secret"))
			// The key goes in the header of either version of the API.
			for _, c := range []anthropic.Client{
				anthropicClient(s, anthropicoption.WithAPIKey("team-secret")),
				anthropicClient(s, anthropicoption.WithAuthToken("team-secret"), anthropicoption.WithHeader("anthropic-version", "2026-10-21")),
			} {
				anthropicTalk(t, c)
				models, err := c.Models.List(t.Context(), anthropic.ModelListParams{})
				if err != nil || len(models.Data) != 2 || models.Data[1].ID != "m" || models.HasMore {
					t.Errorf("models: %v: %+v", err, models)
				}
				if e, _ := wire.EgressFor(engine.Dialect(dialect)); e.Supports(engine.OpCountTokens) {
					n, err := c.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{Model: "m",
						Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("count the tokens of this"))}})
					if err != nil || n.InputTokens < 3 || n.InputTokens > 30 {
						t.Errorf("count: %v: %v", err, n)
					}
				}
			}
		})
	}
}

func anthropicTalk(t *testing.T, c anthropic.Client) {
	t.Helper()
	const words = "write to ann@example.org, and to bob@example.org"
	params := anthropic.MessageNewParams{Model: "m", MaxTokens: 200, System: []anthropic.TextBlockParam{{Text: "Be brief."}},
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(words))}}
	check := func(how string, m *anthropic.Message, err error) {
		t.Helper()
		if err != nil || !strings.HasPrefix(m.ID, "msg_") || m.Role != "assistant" || m.StopReason != "end_turn" || !strings.Contains(anthropicText(m), words) ||
			m.Usage.InputTokens == 0 || m.Usage.OutputTokens == 0 {
			t.Fatalf("%s: %v: %s", how, err, m.RawJSON())
		}
	}
	m, err := c.Messages.New(t.Context(), params)
	check("whole", m, err)
	streamed, err := accumulate(t, c, params)
	check("streamed", &streamed, err)

	params.MaxTokens = 3
	if streamed, err = accumulate(t, c, params); err != nil || streamed.StopReason != "max_tokens" {
		t.Errorf("three tokens: %v: %s", err, streamed.RawJSON())
	}

	params.MaxTokens = 200
	params.Messages = []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("the weather, please [[tool]]"))}
	params.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "get_weather", Description: anthropic.String("of a city"),
		InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{"city": map[string]string{"type": "string"}}}}}}
	m, err = c.Messages.New(t.Context(), params)
	anthropicCall(t, "whole", m, err)
	streamed, err = accumulate(t, c, params)
	call := anthropicCall(t, "streamed", &streamed, err)

	params.Messages = append(params.Messages, streamed.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(call.ID, "sunny, says ann@example.org", false)))
	if m, err = c.Messages.New(t.Context(), params); err != nil || !strings.Contains(anthropicText(m), "sunny, says ann@example.org") {
		t.Errorf("after the tool: %v: %s", err, m.RawJSON())
	}
}

// anthropicCall is the one call that a message makes.
func anthropicCall(t *testing.T, how string, m *anthropic.Message, err error) anthropic.ContentBlockUnion {
	t.Helper()
	var input map[string]string
	if err != nil || len(m.Content) != 1 || m.Content[0].Type != "tool_use" || m.Content[0].Name != "get_weather" || m.StopReason != "tool_use" {
		t.Fatalf("%s: %v: %s", how, err, m.RawJSON())
	}
	if err := json.Unmarshal(m.Content[0].Input, &input); err != nil || input["city"] != "Paris" {
		t.Errorf("%s: %v: %s", how, err, m.Content[0].Input)
	}
	return m.Content[0]
}

// TestAnthropicSDKErrors: errors come in the shape that the client takes apart, in
// the head of a reply and in a stream.
func TestAnthropicSDKErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear+"\ndeny contains {\"code\": \"no_thanks\", \"message\": \"not today\"} if input.request.stream\n")
	s := serveConfig(t, dir, twoTargets, environment("TEAM_KEY", "team-secret"))
	params := anthropic.MessageNewParams{Model: "m", MaxTokens: 9, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))}}
	check := func(how string, err error, status int, kind anthropic.ErrorType, code string) {
		t.Helper()
		var apiErr *anthropic.Error
		if !errors.As(err, &apiErr) || apiErr.StatusCode != status || apiErr.Type() != kind || !strings.Contains(apiErr.RawJSON(), `"code":"`+code+`"`) {
			t.Errorf("%s: %v", how, err)
		}
	}
	stranger := anthropicClient(s, anthropicoption.WithAPIKey("wrong"))
	_, err := stranger.Messages.New(t.Context(), params)
	check("wrong key", err, http.StatusUnauthorized, "authentication_error", "unauthenticated")
	c := anthropicClient(s, anthropicoption.WithAPIKey("team-secret"))
	_, err = accumulate(t, c, params)
	check("denied", err, http.StatusForbidden, "permission_error", "policy_denied")
	if !strings.Contains(err.Error(), "no_thanks") {
		t.Errorf("denied: %v", err)
	}
	params.Model = "nobody-has-this"
	_, err = c.Messages.New(t.Context(), params)
	check("no such model", err, http.StatusNotFound, "not_found_error", "model_not_found")
	_, err = c.Messages.New(t.Context(), anthropic.MessageNewParams{Model: "m", MaxTokens: 9})
	check("no messages", err, http.StatusBadRequest, "invalid_request_error", "malformed_request")
	old := anthropicClient(s, anthropicoption.WithAPIKey("team-secret"), anthropicoption.WithHeader("anthropic-version", "2019-01-01"))
	_, err = old.Messages.New(t.Context(), params)
	check("an old version", err, http.StatusBadRequest, "invalid_request_error", "malformed_request")
}
