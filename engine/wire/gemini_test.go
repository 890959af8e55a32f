package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// Results stand in the order of the calls they answer, whichever order the client
// gave them in, and name them.
func TestGeminiResultsInCallOrder(t *testing.T) {
	req := chatRequest(t, `{"model":"m","messages":[{"role":"user","content":"go"},
		{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"b","content":"second"},{"role":"tool","tool_call_id":"a","content":"first"},{"role":"user","content":"and?"}]}`)
	up, err := Gemini{}.WriteRequest(req, &Upstream{Model: "gemini-3-pro"})
	if err != nil {
		t.Fatal(err)
	}
	body := string(up.Body)
	at := 0
	for _, want := range []string{`"id":"a"`, `"thoughtSignature":"` + anySeal + `"`, `"id":"b"`, `"id":"a"`, `"result":"first"`, `"id":"b"`, `"result":"second"`, `"and?"`} {
		i := strings.Index(body[at:], want)
		if i < 0 {
			t.Fatalf("no %s after byte %d of %s", want, at, body)
		}
		at += i + len(want)
	}
	if strings.Count(body, anySeal) != 1 {
		t.Errorf("a signature stands on more than the first call of a step: %s", body)
	}
}

// A stream of which an answer that was asked for never came has been cut.
func TestGeminiStreamLacksAnAnswer(t *testing.T) {
	const one = `data: {"candidates":[{"content":{"parts":[{"text":"One."}]},"finishReason":"STOP","index":0}]}` + "\n\n"
	const blocked = `data: {"promptFeedback":{"blockReason":"SAFETY"}}` + "\n\n"
	for _, test := range []struct {
		body string
		n    int
		want error
	}{{one, 1, nil}, {one, 2, errCut}, {one + strings.Replace(one, `"index":0`, `"index":1`, 1), 2, nil}, {blocked, 2, nil}, {"data: {}\n\n", 1, errCut}} {
		req := chatRequest(t, replyRequest(true))
		req.Sampling.N = test.n
		if _, err := readAll(newGeminiReader(req), []byte(test.body), 7); !errors.Is(err, test.want) {
			t.Errorf("%d asked for: %v, want %v: %s", test.n, err, test.want, test.body)
		}
	}
}

// What Gemini signs comes back to it from clients of other APIs that carry it, and
// no other vendor's signature does.
func TestGeminiTakesItsOwnSignature(t *testing.T) {
	sign := strings.Repeat("aB3/", 40)
	for _, origin := range []engine.Dialect{engine.DialectGemini, engine.DialectAnthropic} {
		req := chatRequest(t, `{"model":"m","messages":[{"role":"user","content":"go"},{"role":"assistant","content":"ho","reasoning_content":"hm"},{"role":"user","content":"on"}]}`)
		req.Messages[1].Parts[0].Seal = &engine.Opaque{Origin: origin, Data: sign}
		up, err := Gemini{}.WriteRequest(req, &Upstream{Model: "m"})
		if err != nil {
			t.Fatal(err)
		}
		if own := origin == engine.DialectGemini; strings.Contains(string(up.Body), sign) != own || (len(up.Losses) == 0) != own {
			t.Errorf("%s: losses %v, %s", origin, up.Losses, up.Body)
		}
	}
}

// Gemini's own Schema becomes JSON Schema, also where a property has the name of a
// keyword; JSON Schema stays as it is.
func TestSchemaOf(t *testing.T) {
	for _, test := range []struct{ from, want string }{
		{`{"type":"OBJECT","properties":{"type":{"type":"STRING"},"nullable":{"type":"BOOLEAN","nullable":true}},"propertyOrdering":["type"]}`,
			`{"type":"object","properties":{"type":{"type":"string"},"nullable":{"type":["boolean","null"]}}}`},
		{`{"any_of":[{"type":"INTEGER"},{"type":"NULL"}],"max_items":"3"}`, `{"anyOf":[{"type":"integer"},{"type":"null"}],"maxItems":3}`},
		{`{"type":"STRING","enum":["A"],"nullable":true}`, `{"type":["string","null"],"enum":["A",null]}`},
		{`{"type":"string","enum":["STRING"],"const":"OBJECT","default":{"type":"OBJECT"}}`, `{"type":"string","enum":["STRING"],"const":"OBJECT","default":{"type":"OBJECT"}}`},
		{`{"$defs":{"A":{"type":"object"}},"$ref":"#/$defs/A","items":false}`, `{"$defs":{"A":{"type":"object"}},"$ref":"#/$defs/A","items":false}`},
		{`{"type":["string","null"],"items":[{"type":"ARRAY","minItems":"x"}]}`, `{"type":["string","null"],"items":[{"type":"ARRAY","minItems":"x"}]}`},
	} {
		if got := string(schemaOf(&engine.Request{Dialect: engine.DialectGeminiContent}, []byte(test.from))); got != test.want {
			t.Errorf("%s\nbecame %s\nwant   %s", test.from, got, test.want)
		}
		if got := string(schemaOf(&engine.Request{Dialect: engine.DialectOpenAIChat}, []byte(test.from))); got != test.from {
			t.Errorf("of another client: %s", got)
		}
	}
}
