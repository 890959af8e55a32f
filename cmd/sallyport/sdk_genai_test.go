package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genai"
)

func genaiClient(t *testing.T, s *runningService) *genai.Client {
	t.Helper()
	c, err := genai.NewClient(t.Context(), &genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "team-secret",
		HTTPOptions: genai.HTTPOptions{BaseURL: s.data}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var genaiWeather = []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: "get_weather", Description: "of a city",
	Parameters: &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"city": {Type: genai.TypeString}}, Required: []string{"city"}}}}}}

// TestGenaiSDK has Google's own client converse with targets of every dialect:
// whole, streamed, with a tool and its result, and with a text that is redacted on
// its way there and restored on its way back.
func TestGenaiSDK(t *testing.T) {
	rules := onlyNear + "\nobligation[\"restore\"] := true\n"
	for _, dialect := range []string{"gemini", "anthropic", "openai", "ollama"} {
		t.Run(dialect, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "policies", "place.rego"), rules)
			s := serveConfig(t, dir, strings.Replace(twoTargets, `"gemini"`, `"`+dialect+`"`, 1), environment("TEAM_KEY", "team-secret"))
			genaiTalk(t, genaiClient(t, s))
		})
	}
}

// genaiStream reads a stream to its end and joins its parts.
func genaiStream(t *testing.T, c *genai.Client, contents []*genai.Content, config *genai.GenerateContentConfig) (whole *genai.GenerateContentResponse, err error) {
	t.Helper()
	whole = &genai.GenerateContentResponse{Candidates: []*genai.Candidate{{Content: &genai.Content{}}}}
	for r, err := range c.Models.GenerateContentStream(t.Context(), "m", contents, config) {
		if err != nil {
			return whole, err
		}
		if r.UsageMetadata != nil {
			whole.UsageMetadata = r.UsageMetadata
		}
		for _, answer := range r.Candidates {
			to := whole.Candidates[0]
			if to.FinishReason != "" {
				t.Error("the stream goes on after its end")
			}
			to.FinishReason = answer.FinishReason
			if answer.Content != nil {
				to.Content.Role = answer.Content.Role
				to.Content.Parts = append(to.Content.Parts, answer.Content.Parts...)
			}
		}
	}
	return whole, nil
}

func genaiTalk(t *testing.T, c *genai.Client) {
	t.Helper()
	const words = "write to ann@example.org, and to bob@example.org"
	ask := func(text string) []*genai.Content { return genai.Text(text) }
	config := &genai.GenerateContentConfig{SystemInstruction: &genai.Content{Parts: []*genai.Part{{Text: "Be brief."}}}, MaxOutputTokens: 200, Temperature: genai.Ptr[float32](0.5)}
	check := func(how string, r *genai.GenerateContentResponse, err error) {
		t.Helper()
		if err != nil || len(r.Candidates) != 1 || r.Candidates[0].FinishReason != genai.FinishReasonStop || !strings.Contains(r.Text(), words) ||
			r.UsageMetadata == nil || r.UsageMetadata.PromptTokenCount == 0 || r.UsageMetadata.CandidatesTokenCount == 0 {
			t.Fatalf("%s: %v: %+v", how, err, r)
		}
	}
	r, err := c.Models.GenerateContent(t.Context(), "m", ask(words), config)
	check("whole", r, err)
	r, err = genaiStream(t, c, ask(words), config)
	check("streamed", r, err)

	few := *config
	few.MaxOutputTokens = 3
	if r, err = genaiStream(t, c, ask(words), &few); err != nil || r.Candidates[0].FinishReason != genai.FinishReasonMaxTokens {
		t.Errorf("three tokens: %v: %+v", err, r.Candidates[0])
	}

	config.Tools = genaiWeather
	contents := ask("the weather, please [[tool]]")
	call := func(how string, r *genai.GenerateContentResponse, err error) *genai.FunctionCall {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		calls := r.FunctionCalls()
		if len(calls) != 1 || calls[0].Name != "get_weather" || calls[0].Args["city"] != "Paris" || r.Candidates[0].FinishReason != genai.FinishReasonStop {
			t.Fatalf("%s: %+v", how, r.Candidates[0])
		}
		return calls[0]
	}
	r, err = c.Models.GenerateContent(t.Context(), "m", contents, config)
	call("whole", r, err)
	r, err = genaiStream(t, c, contents, config)
	called := call("streamed", r, err)
	for _, id := range []string{called.ID, ""} { // which clients may leave out
		answered := append(contents[:1:1], r.Candidates[0].Content, &genai.Content{Role: "user", Parts: []*genai.Part{{FunctionResponse: &genai.FunctionResponse{
			ID: id, Name: called.Name, Response: map[string]any{"output": "sunny, says ann@example.org"}}}}})
		after, err := c.Models.GenerateContent(t.Context(), "m", answered, config)
		if err != nil || !strings.Contains(after.Text(), "sunny, says ann@example.org") {
			t.Errorf("after the tool, id %q: %v: %+v", id, err, after)
		}
	}
}

// Tokens are counted, and texts embedded, by targets of every dialect that can.
func TestGenaiSDKCountsAndEmbeds(t *testing.T) {
	for _, dialect := range []string{"gemini", "openai", "ollama", "anthropic"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear)
		s := serveConfig(t, dir, strings.Replace(twoTargets, `"gemini"`, `"`+dialect+`"`, 1), environment("TEAM_KEY", "team-secret"))
		c := genaiClient(t, s)
		counted, err := c.Models.CountTokens(t.Context(), "m", genai.Text("one two three four"), nil)
		if err != nil || counted.TotalTokens < 4 {
			t.Errorf("%s: count: %v: %+v", dialect, err, counted)
		}
		embedded, err := c.Models.EmbedContent(t.Context(), "m", append(genai.Text("a"), genai.Text("b")...), &genai.EmbedContentConfig{OutputDimensionality: genai.Ptr[int32](8)})
		if dialect == "anthropic" {
			if err == nil {
				t.Error("a target without embeddings has given some")
			}
		} else if err != nil || len(embedded.Embeddings) != 2 || len(embedded.Embeddings[1].Values) != 8 {
			t.Errorf("%s: embed: %v: %+v", dialect, err, embedded)
		}
	}
}

// TestGenaiSDKErrors: errors come in the shape that the client takes apart.
func TestGenaiSDKErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear+"\ndeny contains {\"code\": \"no_thanks\", \"message\": \"not today\"} if input.request.stream\n")
	s := serveConfig(t, dir, twoTargets, environment("TEAM_KEY", "team-secret"))
	c := genaiClient(t, s)
	check := func(how string, err error, code int, status, reason string) {
		t.Helper()
		var apiErr genai.APIError
		if !errors.As(err, &apiErr) || apiErr.Code != code || apiErr.Status != status || !strings.Contains(fmt.Sprint(apiErr.Details), "reason:"+reason) {
			t.Errorf("%s: %v", how, err)
		}
	}
	_, err := genaiStream(t, c, genai.Text("hi"), nil)
	check("policy", err, http.StatusForbidden, "PERMISSION_DENIED", "policy_denied")
	_, err = c.Models.GenerateContent(t.Context(), "nobody-has-this", genai.Text("hi"), nil)
	check("model", err, http.StatusNotFound, "NOT_FOUND", "model_not_found")
	_, err = c.Models.GenerateContent(t.Context(), "m", []*genai.Content{{Role: "robot", Parts: []*genai.Part{{Text: "hi"}}}}, nil)
	check("role", err, http.StatusBadRequest, "INVALID_ARGUMENT", "malformed_request")
	_, err = c.Models.GenerateContent(t.Context(), "m", genai.Text("hi"), &genai.GenerateContentConfig{Tools: []*genai.Tool{{GoogleSearch: &genai.GoogleSearch{}}}})
	if err != nil {
		t.Errorf("a tool of the target's own API: %v", err)
	}
	stranger, err := genai.NewClient(t.Context(), &genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "wrong", HTTPOptions: genai.HTTPOptions{BaseURL: s.data}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stranger.Models.GenerateContent(t.Context(), "m", genai.Text("hi"), nil)
	check("key", err, http.StatusUnauthorized, "UNAUTHENTICATED", "unauthenticated")

	// The REST API's own way to send the key, and its form of a stream.
	res, err := http.Post(s.data+"/v1beta/models/m:generateContent?key=team-secret", "application/json", strings.NewReader(`{"contents":[{"parts":[{"text":"hi"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if res.Body.Close(); err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"finishReason":"STOP"`) {
		t.Errorf("?key=: status %d, %v: %s", res.StatusCode, err, body)
	}
	models, err := c.Models.List(t.Context(), nil)
	if err != nil || !slices.ContainsFunc(models.Items, func(m *genai.Model) bool { return m.Name == "models/m" }) {
		t.Errorf("models: %v, %+v", err, models)
	}
}

// A schema of the reply reaches servers of other APIs as JSON Schema, and an image
// as a data URL.
func TestGenaiSDKStructured(t *testing.T) {
	var got string
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":"c1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"{\"city\":\"Paris\"}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`)
	}))
	defer upstream.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear)
	config := strings.Replace(twoTargets, "\"gemini\"\n  stand_in {}", fmt.Sprintf("\"openai\"\n  base_url = %q", upstream.URL+"/v1"), 1)
	s := serveConfig(t, dir, config, environment("TEAM_KEY", "team-secret"))
	c := genaiClient(t, s)
	contents := []*genai.Content{{Role: "user", Parts: []*genai.Part{{Text: "Which city?"}, {InlineData: &genai.Blob{MIMEType: "image/png", Data: []byte("\x89PNG\r\n\x1a\n0000")}}}}}
	r, err := c.Models.GenerateContent(t.Context(), "m", contents, &genai.GenerateContentConfig{ResponseMIMEType: "application/json",
		ResponseSchema: &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"city": {Type: genai.TypeString, Nullable: genai.Ptr(true)}}, Required: []string{"city"}}})
	if err != nil || r.Text() != `{"city":"Paris"}` {
		t.Fatalf("%v: %+v", err, r)
	}
	for _, want := range []string{`"json_schema"`, `"type":"object"`, `"type":["string","null"]`, `"url":"data:image/png;base64,iVBORw0KGgowMDAw"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the target was not sent %s: %s", want, got)
		}
	}
}
