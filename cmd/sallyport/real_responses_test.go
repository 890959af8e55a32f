package main

import (
	"os"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3/responses"

	"github.com/sallyport-ai/sallyport/benchmarks/realserver"
)

// TestRealResponses runs the official Responses client through a service whose
// cluster is a real llama-server, asked in the same API, which it serves with much
// left out, and in the chat API.
func TestRealResponses(t *testing.T) {
	root := os.Getenv("SALLYPORT_LLAMA_ROOT")
	if root == "" {
		t.Skip("SALLYPORT_LLAMA_ROOT is not set: make test-real runs this against a real llama-server")
	}
	llama, err := realserver.Start(t.Context(), root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(llama.Stop)
	for name, server := range map[string]string{"the same API": "llama.cpp", "the chat API": "generic"} {
		t.Run(name, func(t *testing.T) {
			config := strings.Replace(strings.Replace(realConfig, "LLAMA", llama.URL, 1), `"openai"`, "\"openai\"\n  server = \""+server+`"`, 1)
			s := serveConfig(t, t.TempDir(), config, environment("TEAM_KEY", "team-secret"))
			c := client(s, "team-secret")
			ask := func(text string) responses.ResponseNewParams {
				p := respond(text)
				p.Model = "tiny"
				return p
			}
			whole, err := c.Responses.New(t.Context(), ask("hi "+realserver.Hello))
			if err != nil || whole.OutputText() != realserver.Greeting || whole.Usage.OutputTokens == 0 {
				t.Fatalf("%v: %s", err, whole.RawJSON())
			}
			for trigger, want := range map[string]string{realserver.Hello: realserver.Greeting, realserver.UTF8: realserver.UTF8Answer} {
				if r, deltas := streamed(t, c, ask("hi "+trigger)); deltas != want || r.OutputText() != want || r.Usage.OutputTokens == 0 {
					t.Errorf("%s: %q in %s", trigger, deltas, r.RawJSON())
				}
			}
			tools := ask("weather? " + realserver.Tool)
			tools.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("get_weather", map[string]any{"type": "object",
				"properties": map[string]any{"city": map[string]any{"type": "string"}}}, false)}
			called, err := c.Responses.New(t.Context(), tools)
			if err != nil {
				t.Fatal(err)
			}
			calledAgain, _ := streamed(t, c, tools)
			for _, r := range []*responses.Response{called, calledAgain} {
				if len(r.Output) != 1 || r.Output[0].Name != "get_weather" || !strings.Contains(r.Output[0].AsFunctionCall().Arguments, "Paris") {
					t.Errorf("a call: %s", r.RawJSON())
				}
			}
		})
	}
}
