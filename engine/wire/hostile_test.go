package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// A reply that makes endless tool calls ends in an error, before they take the
// square of their number in time or all memory.
func TestTooManyToolCalls(t *testing.T) {
	list := func(call string) string { return strings.Repeat(call+",", 200_000) + call }
	indexed := func() string {
		var b strings.Builder
		for i := range 200_000 {
			fmt.Fprintf(&b, `{"index":%d},`, i)
		}
		return b.String() + `{"index":-1}`
	}
	for dialect, body := range map[engine.Dialect]string{
		engine.DialectOpenAI:    `{"choices":[{"index":0,"message":{"tool_calls":[` + indexed() + `]}}]}`,
		engine.DialectAnthropic: `{"type":"message","content":[` + list(`{"type":"tool_use"}`) + `]}`,
		engine.DialectGemini:    `{"candidates":[{"content":{"parts":[` + list(`{"functionCall":{"name":"f"}}`) + `]}}]}`,
		engine.DialectOllama:    `{"message":{"tool_calls":[` + list(`{"function":{"name":"f"}}`) + `]},"done":true}`,
	} {
		e, _ := EgressFor(dialect)
		if _, err := readAll(e.NewReader(chatRequest(t, replyRequest(false)), &Upstream{}), []byte(body), len(body)); !errors.Is(err, errTooManyCalls) {
			t.Errorf("%s: %v", dialect, err)
		}
	}
}

// SDKs make room for as many tool calls as the greatest index says.
func TestToolCallIndex(t *testing.T) {
	for _, index := range []int{-1, 2_000_000_000} {
		body := fmt.Sprintf(`{"choices":[{"index":0,"message":{"tool_calls":[{"index":%d,"id":"a","function":{"name":"f"}}]},"finish_reason":"stop"}]}`, index)
		if _, err := readAll(OpenAI{}.NewReader(chatRequest(t, replyRequest(false)), &Upstream{}), []byte(body), len(body)); !errors.Is(err, errTooManyCalls) {
			t.Errorf("index %d: %v", index, err)
		}
	}
}

func TestTooManyOpenBlocks(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "data: {\"type\":\"content_block_start\",\"index\":%d,\"content_block\":{\"type\":\"x\"}}\n\n", i)
	}
	if _, err := readAll(Anthropic{}.NewReader(chatRequest(t, replyRequest(true)), &Upstream{}), []byte(b.String()), b.Len()); !errors.Is(err, errManyBlocks) {
		t.Error(err)
	}
}

// The parts of a content are joined in linear time.
func TestContentOfManyParts(t *testing.T) {
	part := `{"text":"` + strings.Repeat("x", 40) + `"},`
	body := `{"choices":[{"index":0,"message":{"content":[` + strings.Repeat(part, 200_000) + `{"text":"."}]},"finish_reason":"stop"}]}`
	frames, err := readAll(OpenAI{}.NewReader(chatRequest(t, replyRequest(false)), &Upstream{}), []byte(body), len(body))
	if err != nil || len(frames) != 1 {
		t.Fatal(err)
	}
}

// Usage that cannot be is no usage: tenants are charged by it.
func TestUsageThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		usage string
		want  []engine.Usage
	}{
		{`{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}`, []engine.Usage{{Input: 5, Output: 2, CachedInput: 4}}},
		{`{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1000000}}`, []engine.Usage{{Input: 5, Output: 2, CachedInput: 5}}},
		{`{"prompt_tokens":-5,"completion_tokens":2}`, nil},
		{`{"prompt_tokens":5,"completion_tokens":-2}`, nil},
		{`{"prompt_tokens":5,"completion_tokens":9000000000000000000}`, nil},
	} {
		body := `{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}],"usage":` + test.usage + `}`
		frames, err := readAll(OpenAI{}.NewReader(chatRequest(t, replyRequest(false)), &Upstream{}), []byte(body), len(body))
		if err != nil {
			t.Fatal(err)
		}
		var got []engine.Usage
		for _, f := range frames {
			for _, e := range f.Events {
				if e.Kind == engine.EventUsage {
					got = append(got, e.Usage)
				}
			}
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.usage, d)
		}
	}
}
