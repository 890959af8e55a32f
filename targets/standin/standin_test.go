package standin

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

var update = flag.Bool("update", false, "write the golden files")

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "demo"
	}
	cfg.Posture = "edge"
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// post sends a request and returns status, content type and body.
func post(t *testing.T, method, url, body string, header http.Header) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s\n%s", resp.StatusCode, resp.Header.Get("Content-Type"), b)
}

// TestGolden compares each dialect's replies with testdata.
func TestGolden(t *testing.T) {
	const (
		tool       = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"n":{"type":"integer"},"ok":{"type":"boolean"},"place":{"type":"string"}}}}}]`
		openAIAsk  = `"model":"m","messages":[{"role":"system","content":"brief"},{"role":"user","content":[{"type":"text","text":"my mail is <EMAIL_ADDRESS_1>"}]}]`
		anthroAsk  = `"model":"m","max_tokens":50,"system":[{"type":"text","text":"brief"}],"messages":[{"role":"user","content":"hi"}]`
		geminiAsk  = `"systemInstruction":{"parts":[{"text":"brief"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}]`
		ollamaAsk  = `"model":"m","messages":[{"role":"user","content":"hi"}]`
		geminiTool = `"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"place":{"type":"STRING"}}}}]}]`
	)
	version := http.Header{"Anthropic-Version": {"2023-06-01"}}
	for _, tc := range []struct {
		name    string
		dialect engine.Dialect
		path    string
		body    string
		header  http.Header
	}{
		{"openai-unary", engine.DialectOpenAI, "/chat/completions", `{` + openAIAsk + `}`, nil},
		{"openai-stream", engine.DialectOpenAI, "/chat/completions", `{"stream":true,"stream_options":{"include_usage":true},"max_tokens":4,` + openAIAsk + `}`, nil},
		{"openai-tool", engine.DialectOpenAI, "/chat/completions", `{"model":"m","stream":true,"messages":[{"role":"user","content":"go [[tool]]"}],` + tool + `}`, nil},
		{"openai-completion", engine.DialectOpenAI, "/completions", `{"model":"m","prompt":"once","stream":true,"max_tokens":2}`, nil},
		{"openai-embeddings", engine.DialectOpenAI, "/embeddings", `{"model":"m","input":"a"}`, nil},
		{"openai-embeddings-base64", engine.DialectOpenAI, "/embeddings", `{"model":"m","input":["a"],"encoding_format":"base64"}`, nil},
		{"openai-malformed", engine.DialectOpenAI, "/chat/completions", `{"model":`, nil},
		{"openai-empty", engine.DialectOpenAI, "/chat/completions", `{"model":"m","messages":[]}`, nil},
		{"openai-unknown-path", engine.DialectOpenAI, "/nothing", `{}`, nil},
		{"openai-models", engine.DialectOpenAI, "GET /models", ``, nil},
		{"anthropic-unary", engine.DialectAnthropic, "/messages", `{` + anthroAsk + `}`, version},
		{"anthropic-stream", engine.DialectAnthropic, "/messages", `{"stream":true,` + anthroAsk + `}`, version},
		{"anthropic-tool", engine.DialectAnthropic, "/messages", `{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"go [[tool]]"}],"tools":[{"name":"f","input_schema":{}}]}`, version},
		{"anthropic-result", engine.DialectAnthropic, "/messages", `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":[{"type":"text","text":"sunny"}]}]}]}`, version},
		{"anthropic-no-version", engine.DialectAnthropic, "/messages", `{` + anthroAsk + `}`, nil},
		{"anthropic-no-maximum", engine.DialectAnthropic, "/messages", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, version},
		{"gemini-unary", engine.DialectGemini, "/models/m:generateContent", `{` + geminiAsk + `}`, nil},
		{"gemini-stream", engine.DialectGemini, "/models/m:streamGenerateContent?alt=sse", `{"generationConfig":{"maxOutputTokens":2},` + geminiAsk + `}`, nil},
		{"gemini-tool", engine.DialectGemini, "/models/m:streamGenerateContent?alt=sse", `{"contents":[{"parts":[{"text":"go [[tool]]"}]}],` + geminiTool + `}`, nil},
		{"gemini-count", engine.DialectGemini, "/models/m:countTokens", `{"generateContentRequest":{` + geminiAsk + `}}`, nil},
		{"gemini-embed", engine.DialectGemini, "/models/m:embedContent", `{"content":{"parts":[{"text":"a"}]}}`, nil},
		{"gemini-embed-batch", engine.DialectGemini, "/models/m:batchEmbedContents", `{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}`, nil},
		{"gemini-empty", engine.DialectGemini, "/models/m:generateContent", `{}`, nil},
		{"ollama-unary", engine.DialectOllama, "/api/chat", `{"stream":false,` + ollamaAsk + `}`, nil},
		{"ollama-stream", engine.DialectOllama, "/api/chat", `{"options":{"num_predict":2},` + ollamaAsk + `}`, nil},
		{"ollama-tool", engine.DialectOllama, "/api/chat", `{"model":"m","messages":[{"role":"user","content":"go [[tool]]"}],` + tool + `}`, nil},
		{"ollama-load", engine.DialectOllama, "/api/chat", `{"model":"m","messages":[]}`, nil},
		{"ollama-generate", engine.DialectOllama, "/api/generate", `{"model":"m","system":"brief","prompt":"hi","stream":false}`, nil},
		{"ollama-generate-stream", engine.DialectOllama, "/api/generate", `{"model":"m","prompt":"hi","options":{"num_predict":2}}`, nil},
		{"ollama-embed", engine.DialectOllama, "/api/embed", `{"model":"m","input":["a","b"]}`, nil},
		{"ollama-embeddings", engine.DialectOllama, "/api/embeddings", `{"model":"m","prompt":"a"}`, nil},
		{"ollama-tags", engine.DialectOllama, "GET /api/tags", ``, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, Config{Dialect: tc.dialect, Models: []string{"m"}})
			method, path, found := strings.Cut(tc.path, " ")
			if !found {
				method, path = http.MethodPost, tc.path
			}
			got := post(t, method, s.URL()+path, tc.body, tc.header)
			if again := post(t, method, s.URL()+path, tc.body, tc.header); again != got {
				t.Errorf("the same request has another reply:\n%s", cmp.Diff(got, again))
			}
			golden := filepath.Join("testdata", tc.name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCounters(t *testing.T) {
	s := start(t, Config{Dialect: engine.DialectOpenAI})
	body := `{"model":"m","messages":[{"role":"user","content":"hi"}]}`
	post(t, http.MethodPost, s.URL()+"/chat/completions", body, http.Header{"X-Test": {"1"}})
	last := s.Last()
	if s.Requests() != 1 || s.Active() != 0 || string(last.Body) != body || last.Path != "/v1/chat/completions" || last.Header.Get("X-Test") != "1" {
		t.Errorf("requests %d, active %d, last %+v", s.Requests(), s.Active(), last)
	}
}

func TestFaultTimes(t *testing.T) {
	s := start(t, Config{Dialect: engine.DialectOllama})
	s.SetFault(Fault{Kind: FaultStatus, Status: 503, Message: "wait", Times: 2})
	var statuses []string
	for range 3 {
		statuses = append(statuses, post(t, http.MethodPost, s.URL()+"/api/chat", `{"messages":[]}`, nil)[:3])
	}
	if diff := cmp.Diff([]string{"503", "503", "200"}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestInBandFaults checks the frames that stand for a failure in a stream.
func TestInBandFaults(t *testing.T) {
	for dialect, path := range map[engine.Dialect]string{
		engine.DialectOpenAI: "/chat/completions", engine.DialectAnthropic: "/messages",
		engine.DialectGemini: "/models/m:streamGenerateContent", engine.DialectOllama: "/api/chat",
	} {
		s := start(t, Config{Dialect: dialect})
		s.SetFault(Fault{Kind: FaultInBand, Message: "overloaded"})
		got := post(t, http.MethodPost, s.URL()+path, `{"model":"m","stream":true,"max_tokens":5,"messages":[{"role":"user","content":"hi"}],"contents":[{"parts":[{"text":"hi"}]}]}`,
			http.Header{"Anthropic-Version": {"2023-06-01"}})
		if !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"error"`) || !strings.Contains(got, "overloaded") {
			t.Errorf("%s: %s", dialect, got)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	if s, err := Start(Config{Name: "x", Dialect: "bedrock"}); err == nil {
		s.Close()
		t.Error("no error for an unknown dialect")
	}
	if s, err := Start(Config{Name: "x", Dialect: engine.DialectOpenAI, Socket: filepath.Join(t.TempDir(), "no", "such.sock")}); err == nil {
		s.Close()
		t.Error("no error for a socket that cannot be")
	}
}

// TestJitter checks that delays vary within the bounds and that the same seed
// gives the same delays.
func TestJitter(t *testing.T) {
	delays := func(seed uint64) (all []time.Duration) {
		s := start(t, Config{Dialect: engine.DialectOpenAI, Jitter: 0.5, Seed: seed})
		for range 200 {
			d := s.jitter(100 * time.Millisecond)
			if d < 50*time.Millisecond || d > 150*time.Millisecond {
				t.Errorf("delay %v is out of bounds", d)
			}
			all = append(all, d)
		}
		return all
	}
	a, b, c := delays(1), delays(1), delays(2)
	if !cmp.Equal(a, b) || cmp.Equal(a, c) {
		t.Error("the delays do not follow from the seed")
	}
}

// TestCloseEndsReplies checks that Close does not wait for slow replies.
func TestCloseEndsReplies(t *testing.T) {
	s, err := Start(Config{Name: "x", Dialect: engine.DialectOpenAI, TTFT: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		resp, err := http.Post(s.URL()+"/chat/completions", "application/json",
			bytes.NewReader([]byte(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`)))
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	for s.Active() == 0 {
		select {
		case err := <-failed:
			t.Fatalf("the request ended early: %v", err)
		default:
			runtime.Gosched()
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the reply was completed")
	}
	if s.Active() != 0 {
		t.Error("a reply is still under way")
	}
}
