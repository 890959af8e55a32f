package wire

import (
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestAzurePaths(t *testing.T) {
	chat := `{"model":"small","messages":[{"role":"user","content":"hi"}]}`
	for version, want := range map[string][3]string{
		"2024-10-21":         {"/openai/deployments/gpt%204%2Fa/chat/completions", "api-version=2024-10-21", `{"model":"gpt 4/a","messages":[{"role":"user","content":"hi"}],"max_completion_tokens":5}`},
		"2025-04-01-preview": {"/openai/deployments/gpt%204%2Fa/chat/completions", "api-version=2025-04-01-preview", ""},
		"":                   {"/chat/completions", "", ""},
		"v1":                 {"/chat/completions", "", ""},
		"preview":            {"/chat/completions", "api-version=preview", ""},
		"a&b":                {"/chat/completions", "api-version=a%26b", ""},
	} {
		e, ok := EgressFor(engine.DialectAzureOpenAI)
		if !ok {
			t.Fatal("no dialect")
		}
		up, err := e.WriteRequest(chatRequest(t, chat), &Upstream{Model: "gpt 4/a", Version: version, MaxOutputTokens: 5})
		if err != nil {
			t.Fatal(err)
		}
		if up.Path != want[0] || up.Query != want[1] || want[2] != "" && string(up.Body) != want[2] {
			t.Errorf("%q: %s?%s %s", version, up.Path, up.Query, up.Body)
		}
	}
	embed, err := OpenAIEmbeddings{}.ReadRequest(&Inbound{Body: []byte(`{"input":"a"}`), Model: "deployed"}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	up, err := AzureOpenAI{}.WriteRequest(embed, &Upstream{Model: "e", Version: "2024-10-21"})
	if err != nil || up.Path != "/openai/deployments/e/embeddings" || string(up.Body) != `{"input":"a","model":"e"}` || embed.Model != "deployed" {
		t.Errorf("%v %v %s", err, up, up.Body)
	}
}
