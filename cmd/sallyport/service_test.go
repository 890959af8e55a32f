package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/sallyport-ai/sallyport/engine/record"
)

// environment is what a test's service sees of the environment.
func environment(pairs ...string) lookup {
	return func(name string) (string, bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// serveConfig runs a service on free ports with its log in a folder of its own,
// and ends it with the test.
func serveConfig(t *testing.T, dir, config string, env lookup) *runningService {
	t.Helper()
	path := filepath.Join(dir, "sallyport.hcl")
	write(t, path, config)
	s, err := startService([]string{"serve", "-c", path}, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if code := s.stop(); code != exitOK {
			t.Errorf("serve ended with %d: %s", code, s.err.String())
		}
	})
	return s
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// demo is the embedded default on free ports.
func demo() string {
	return strings.NewReplacer(`"127.0.0.1:8080"`, `"127.0.0.1:0"`, `"127.0.0.1:8081"`, `"127.0.0.1:0"`,
		`"sallyport-data/decisions"`, `"log"`).Replace(embeddedDefault)
}

func client(s *runningService, key string) openai.Client {
	return openai.NewClient(option.WithBaseURL(s.data+"/v1/"), option.WithAPIKey(key), option.WithMaxRetries(0))
}

// anonymous is a client without a key: the SDK's own header is taken off.
func anonymous(s *runningService) openai.Client {
	return openai.NewClient(option.WithBaseURL(s.data+"/v1/"), option.WithHeaderDel("Authorization"), option.WithMaxRetries(0))
}

func ask(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

// The demonstration that the README describes, with the official client.
func TestDemoAnswersTheOfficialClient(t *testing.T) {
	dir := t.TempDir()
	s := serveConfig(t, dir, demo(), environment())
	c := anonymous(s)
	ctx := t.Context()

	var res *http.Response
	reply, err := c.Chat.Completions.New(ctx, ask("auto", "What is the capital of France?"), option.WithResponseInto(&res))
	if err != nil {
		t.Fatal(err)
	}
	if got := reply.Choices[0].Message.Content; !strings.Contains(got, "stand-in") || !strings.Contains(got, "capital of France") {
		t.Errorf("got %q", got)
	}
	id := res.Header.Get("Sallyport-Decision-Id")
	if id == "" || !strings.Contains(res.Header.Get("Inference-Status"), "attempt=1") || reply.Usage.TotalTokens == 0 {
		t.Errorf("headers %v, usage %+v", res.Header, reply.Usage)
	}
	if !strings.HasPrefix(res.Header.Get("Inference-Status"), "demo-edge;") {
		t.Errorf("a simple prompt went to %q, not to the cheapest target", res.Header.Get("Inference-Status"))
	}

	// A card number stays in the air gap, whichever model is asked for.
	_, err = c.Chat.Completions.New(ctx, ask("auto", "charge 4111 1111 1111 1111"), option.WithResponseInto(&res))
	if err != nil || !strings.HasPrefix(res.Header.Get("Inference-Status"), "demo-vault;") {
		t.Errorf("%v: a card number went to %q", err, res.Header.Get("Inference-Status"))
	}
	_, err = c.Chat.Completions.New(ctx, ask("large", "charge 4111 1111 1111 1111"))
	var apiErr *openai.Error
	if !errors.As(err, &apiErr) || apiErr.StatusCode != http.StatusForbidden || apiErr.Code != "no_permitted_target" {
		t.Errorf("a card number for the cloud's model: %v", err)
	}

	stream := c.Chat.Completions.NewStreaming(ctx, ask("auto", "Hello"))
	var text strings.Builder
	finish, chunks := "", 0
	for stream.Next() {
		chunks++
		for _, choice := range stream.Current().Choices {
			text.WriteString(choice.Delta.Content)
			finish += choice.FinishReason
		}
	}
	if err := stream.Err(); err != nil || finish != "stop" || chunks < 5 || !strings.Contains(text.String(), "Hello") {
		t.Errorf("stream of %d chunks: %v, finish %q, text %q", chunks, err, finish, text.String())
	}

	models, err := c.Models.List(ctx)
	if err != nil || !strings.Contains(fmt.Sprint(models.Data), "demo-small") {
		t.Errorf("models: %v, %v", models, err)
	}
	embedding, err := c.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: "demo-embedding",
		Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("a text")}})
	if err != nil || len(embedding.Data) != 1 || len(embedding.Data[0].Embedding) == 0 {
		t.Errorf("embedding: %v", err)
	}
	completion, err := c.Completions.New(ctx, openai.CompletionNewParams{Model: "demo-large",
		Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once")}})
	if err != nil || !strings.Contains(completion.Choices[0].Text, "stand-in") {
		t.Errorf("completion: %v", err)
	}

	// Every one of them stands in the log, and none of their texts.
	if err := queryFor(t, filepath.Join(dir, "log"), record.Filter{DecisionID: id}, func(line string) {
		if !strings.Contains(line, `"outcome"`) || strings.Contains(line, "France") {
			t.Errorf("log line %s", line)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func queryFor(t *testing.T, dir string, f record.Filter, each func(line string)) error {
	t.Helper()
	n := 0
	for entry, err := range record.Query(dir, f) {
		if err != nil {
			return err
		}
		var b strings.Builder
		if err := record.WriteJSON(&b, entry); err != nil {
			return err
		}
		n++
		each(b.String())
	}
	if n == 0 {
		return fmt.Errorf("no entry in the log for %+v", f)
	}
	return nil
}

const twoTargets = `
server {
  listen = "127.0.0.1:0"
  admin  = "127.0.0.1:0"
}
auth {
  key "team" {
    secret     = env("TEAM_KEY")
    tenant     = "acme"
    attributes = { personal_data = "redact" }
  }
}
policy { paths = ["policies"] }
classifier "pii" { module = "builtin:pii" }
target "cloud" "far" {
  dialect = "anthropic"
  stand_in {}
  model "m" {}
}
target "edge" "near" {
  dialect = "gemini"
  stand_in {}
  model "m" {}
}
decision_log { path = "log" }
`

const onlyNear = `package sallyport.rules.place

exclude["far"] contains {"code": "not_far", "message": "far is closed"} if input.request.model == "m"

obligation["redact"] contains kind if some kind, _ in input.classifiers.pii.findings
`

func served(t *testing.T, c openai.Client, text string) (target, reply string, err error) {
	t.Helper()
	var res *http.Response
	got, err := c.Chat.Completions.New(t.Context(), ask("m", text), option.WithResponseInto(&res))
	if err != nil {
		return "", "", err
	}
	target, _, _ = strings.Cut(res.Header.Get("Inference-Status"), ";")
	return target, got.Choices[0].Message.Content, nil
}

// One line of Rego re-routes the next request; a mistake in it changes nothing.
func TestPolicyReload(t *testing.T) {
	dir := t.TempDir()
	rules := filepath.Join(dir, "policies", "place.rego")
	write(t, rules, onlyNear)
	s := serveConfig(t, dir, twoTargets, environment("TEAM_KEY", "team-secret"))
	c := client(s, "team-secret")
	if target, _, err := served(t, c, "hi"); err != nil || target != "near" {
		t.Fatalf("served by %q: %v", target, err)
	}

	write(t, rules, strings.Replace(onlyNear, `exclude["far"]`, `exclude["near"]`, 1))
	if code, body := post(t, s.admin+"/-/reload"); code != http.StatusOK {
		t.Fatalf("reload: %d %s", code, body)
	}
	if target, _, err := served(t, c, "hi"); err != nil || target != "far" {
		t.Errorf("after the reload, served by %q: %v", target, err)
	}

	for name, bad := range map[string]string{
		"syntax":       "package sallyport.rules.place\n\nexclude[",
		"failing test": onlyNear + "\ntest_never if false\n",
	} {
		file := rules
		if name == "failing test" {
			write(t, rules, onlyNear)
			file = filepath.Join(dir, "policies", "place_test.rego")
			bad = "package sallyport.rules.place_test\n\ntest_never if false\n"
		}
		write(t, file, bad)
		code, body := post(t, s.admin+"/-/reload")
		if code == http.StatusOK || !strings.Contains(body, "place") {
			t.Errorf("%s: reload answers %d %s", name, code, body)
		}
		if target, _, err := served(t, c, "hi"); err != nil || target != "far" {
			t.Errorf("%s: after a refused reload, served by %q: %v", name, target, err)
		}
	}

	// A change of the files alone is seen too.
	if err := os.Remove(filepath.Join(dir, "policies", "place_test.rego")); err != nil {
		t.Fatal(err)
	}
	write(t, rules, onlyNear)
	if err := await(func() (bool, error) {
		target, _, err := served(t, c, "hi")
		return target == "near", err
	}); err != nil {
		t.Errorf("the changed file was not picked up: %v", err)
	}
}

func post(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Post(url, "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// What policy obliges to redact does not reach the target, whatever its dialect:
// the stand-in repeats what it was given.
func TestRedactionReachesEveryDialect(t *testing.T) {
	for _, dialect := range []string{"openai", "anthropic", "gemini", "ollama"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear)
		s := serveConfig(t, dir, strings.Replace(twoTargets, `"gemini"`, `"`+dialect+`"`, 1), environment("TEAM_KEY", "team-secret"))
		_, reply, err := served(t, client(s, "team-secret"), "write to ann@example.org and to bob@example.org")
		if err != nil || !strings.Contains(reply, "write to <EMAIL_ADDRESS_1> and to <EMAIL_ADDRESS_2>") {
			t.Errorf("%s: the target was given %q (%v)", dialect, reply, err)
		}
	}
}

// With restore the client gets back what it sent, in a stream too, while the
// target was given placeholders.
func TestRestoreFromEveryDialect(t *testing.T) {
	rules := onlyNear + "\nobligation[\"restore\"] := true\n"
	for _, dialect := range []string{"openai", "anthropic", "gemini", "ollama"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "policies", "place.rego"), rules)
		s := serveConfig(t, dir, strings.Replace(twoTargets, `"gemini"`, `"`+dialect+`"`, 1), environment("TEAM_KEY", "team-secret"))
		c := client(s, "team-secret")
		const text = "write to ann@example.org and to bob@example.org"
		_, reply, err := served(t, c, text)
		if err != nil || !strings.Contains(reply, text) {
			t.Errorf("%s: the client was given %q (%v)", dialect, reply, err)
		}
		stream := c.Chat.Completions.NewStreaming(t.Context(), ask("m", text))
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		if err := stream.Err(); err != nil || len(acc.Choices) != 1 || !strings.Contains(acc.Choices[0].Message.Content, text) ||
			acc.Choices[0].FinishReason != "stop" {
			t.Errorf("%s: streamed, %v: %+v", dialect, err, acc.Choices)
		}
	}
}

func TestAuthentication(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear)
	s := serveConfig(t, dir, twoTargets, environment("TEAM_KEY", "team-secret"))
	for _, key := range []string{"wrong", "team-secret-and-more"} {
		_, _, err := served(t, client(s, key), "hi")
		var apiErr *openai.Error
		if !errors.As(err, &apiErr) || apiErr.StatusCode != http.StatusUnauthorized || apiErr.Code != "unauthenticated" {
			t.Errorf("key %q: %v", key, err)
		}
	}
	if _, _, err := served(t, anonymous(s), "hi"); err == nil {
		t.Error("an anonymous request was served")
	}
}

// /config shows what is in force and no secret.
func TestConfigIsRedacted(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear)
	s := serveConfig(t, dir, twoTargets, environment("TEAM_KEY", "team-secret"))
	for _, path := range []string{"/config", "/targets", "/snapshot", "/metrics", "/readyz?verbose", "/livez"} {
		res, err := http.Get(s.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || strings.Contains(string(b), "team-secret") {
			t.Errorf("%s: %d, %v: %s", path, res.StatusCode, err, b)
		}
		if path == "/config" && (!strings.Contains(string(b), "(sensitive)") || !strings.Contains(string(b), `"acme"`)) {
			t.Errorf("/config: %s", b)
		}
		if path == "/metrics" && !strings.Contains(string(b), "sallyport_log_failing 0") {
			t.Errorf("/metrics does not tell of the log: %s", b)
		}
		if path == "/targets" && !strings.Contains(string(b), `"stand_in":true`) {
			t.Errorf("/targets does not mark stand-ins: %s", b)
		}
	}
	if strings.Contains(s.err.String(), "team-secret") {
		t.Error("the secret is in the operational log")
	}
}

// The decision alone, for a request and for an input document.
func TestDecisionsRoute(t *testing.T) {
	s := serveConfig(t, t.TempDir(), demo(), environment())
	for _, body := range []string{
		`{"dialect":"openai-chat","request":{"model":"auto","messages":[{"role":"user","content":"card 4111 1111 1111 1111"}]}}`,
		`{"request":{"operation":"chat"},"principal":{"id":"x","authenticated":true},
		  "classifiers":{"pii":{"findings":{"CREDIT_CARD":{"count":1,"max_score":1}}}},
		  "targets":{"demo-cloud":{"posture":"cloud"},"demo-vault":{"posture":"air_gapped"}}}`,
	} {
		res, err := http.Post(s.data+"/v1/decisions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			DecisionID string   `json:"decision_id"`
			Verdict    string   `json:"verdict"`
			Permitted  []string `json:"permitted"`
		}
		err = json.NewDecoder(res.Body).Decode(&got)
		res.Body.Close()
		if err != nil || got.Verdict != "allow" || got.DecisionID == "" || fmt.Sprint(got.Permitted) != "[demo-vault]" {
			t.Errorf("%v: got %+v", err, got)
		}
	}
}

func TestServeFailures(t *testing.T) {
	dir := t.TempDir()
	s := serveConfig(t, dir, demo(), environment())
	taken := strings.TrimPrefix(s.data, "http://")
	config := filepath.Join(dir, "other.hcl")
	for name, test := range map[string]struct {
		config string
		want   string
		code   int
	}{
		"log in use":    {demo(), "log", exitUsage},
		"port in use":   {strings.NewReplacer(`listen = "127.0.0.1:0"`, `listen = "`+taken+`"`, `path = "log"`, `path = "log2"`).Replace(demo()), "listen for requests", exitUsage},
		"invalid":       {"nonsense {}", "nonsense", exitInvalid},
		"missing files": {strings.Replace(demo(), "server {", "server {\n tls {\n cert_file = \"none.pem\"\n key_file = \"none.key\"\n }", 1), "none.pem", exitInvalid},
	} {
		write(t, config, test.config)
		var errs lockedBuffer
		code := run(t.Context(), []string{"serve", "-c", config}, environment(), stdio{strings.NewReader(""), io.Discard, &errs})
		if code != test.code || !strings.Contains(errs.String(), test.want) {
			t.Errorf("%s: exit %d: %s", name, code, errs.String())
		}
	}
	if code := run(context.Background(), []string{"serve", "--log-level", "loud"}, environment(), stdio{strings.NewReader(""), io.Discard, io.Discard}); code != exitUsage {
		t.Errorf("unknown log level: exit %d", code)
	}
}
