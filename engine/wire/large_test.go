package wire

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// Bodies of many small parts are read and written in a time that grows with
// their size: in the square of it, each of these would take minutes.
func TestManyParts(t *testing.T) {
	many := func(before, part, after string) []byte {
		return []byte(before + strings.Repeat(part+",", 250_000) + part + after)
	}
	calls := many(`{"model":"m","messages":[{"role":"assistant","tool_calls":[`, `{"type":"x","function":{"name":"f"}}`, `]}]}`)
	if _, err := (OpenAIChat{}).ReadRequest(&Inbound{Body: calls}, Limits{}); err != nil {
		t.Error(err)
	}
	tools := many(`{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[`, `{"type":"function","function":{"name":"f"}}`, `]}`)
	req, err := OpenAIChat{}.ReadRequest(&Inbound{Body: tools}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	req.Tools = req.Tools[1:]
	if _, err := (OpenAI{}).WriteRequest(req, &Upstream{Model: "m"}); err != nil {
		t.Error(err)
	}
}

func TestTooManyTexts(t *testing.T) {
	inner := `[` + strings.Repeat(`\"\",`, maxTexts/2) + `1]`
	for name, body := range map[string]string{
		"strings":      `{"model":"m","x":[` + strings.Repeat(`"",`, maxTexts) + `1]}`,
		"tool results": `{"model":"m","messages":[` + strings.Repeat(`{"role":"tool","tool_call_id":"c","content":"`+inner+`"},`, 2) + `{"role":"user","content":"hi"}]}`,
	} {
		_, err := OpenAIChat{}.ReadRequest(&Inbound{Body: []byte(body)}, Limits{})
		re, ok := errors.AsType[*engine.RequestError](err)
		if !ok || re.Status != http.StatusRequestEntityTooLarge || re.Code != engine.CodeTooLarge {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
