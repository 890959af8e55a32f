package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// What can hold somebody's number or key is read by classifiers, also where a
// field is meant for something else.
func TestReadRequestInspectsSettings(t *testing.T) {
	card, key := "4111111111111111", "AKIA"+"IOSFODNN7ABCDEFG"
	chat := func(more string) string {
		return `{"model":"m","messages":[{"role":"user","content":"hi"}]` + more + `}`
	}
	user := func(part string) string { return `{"model":"m","messages":[{"role":"user","content":[` + part + `]}]}` }
	call := func(members string) string {
		return `{"model":"m","messages":[{"role":"assistant","tool_calls":[{` + members + `,"function":{"name":"f","arguments":"{}"}}]}]}`
	}
	for _, test := range []struct{ name, body, value string }{
		{"seed", chat(`,"seed":` + card), card},
		{"temperature", chat(`,"temperature":` + card), card},
		{"top_k", chat(`,"top_k":` + card), card},
		{"top_logprobs", chat(`,"top_logprobs":` + card), card},
		{"exponent", chat(`,"top_p":4.111111111111111e15`), card},
		{"exponent in an unknown field", chat(`,"x":[4.111111111111111e15]`), card},
		{"fraction of nothing", chat(`,"x":[4111111111111111.0]`), card},
		{"no number at all", chat(`,"x":1e400,"y":1234567e-400,"z":12345678`), "12345678"},
		{"index of a call", call(`"id":"c","type":"function","index":` + card), card},
		{"id of a call", call(`"id":"` + card + `","type":"function"`), card},
		{"key as id", call(`"id":"` + key + `","type":"function"`), key},
		{"service tier", chat(`,"service_tier":"` + key + `"`), key},
		{"file id", user(`{"type":"file","file":{"file_id":"` + key + `"}}`), key},
		{"audio", user(`{"type":"input_audio","input_audio":{"data":"` + card + `","format":"wav"}}`), card},
		{"file", user(`{"type":"file","file":{"file_data":"` + key + `"}}`), key},
		{"image", user(`{"type":"image_url","image_url":{"url":"data:image/png;base64,` + card + `"}}`), "data:image/png;base64," + card},
		{"media type", user(`{"type":"image_url","image_url":{"url":"data:image/` + key + `;base64,iVBORw0KGgo="}}`), "data:image/" + key + ";base64,iVBORw0KGgo="},
	} {
		req, err := OpenAIChat{}.ReadRequest(&Inbound{Body: []byte(test.body)}, Limits{})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if !slices.ContainsFunc(req.Texts, func(x *engine.Text) bool { return x.Value == test.value }) {
			t.Errorf("%s: not inspected", test.name)
		}
	}
}

func TestIsBinary(t *testing.T) {
	for _, data := range []string{
		"iVBORw0KGgoAAAANSUhEUg", "/9j/4AAQSkZJRgABAQ", "_9j_4AAQ", "R0lGODlhAQABAIAA", "UklGRiQAAABXRUJQ", "JVBERi0xLjQK", "UEsDBBQABgAI", "SUQzBAAAAAAA", "AAAAIGZ0eXBoZWlj",
	} {
		if !isBinary(data) {
			t.Errorf("%s is a file", data)
		}
	}
	for _, data := range []string{"", "A", "iVB", "4111111111111111", strings.Repeat("A", 64), "UklG"} {
		if isBinary(data) {
			t.Errorf("%s is none", data)
		}
	}
}
