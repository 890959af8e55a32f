package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// Tokens are counted for every API that has a way to ask, whatever the target.
func TestEveryPairCountsTokens(t *testing.T) {
	service := serveEvery(t)
	for _, ask := range []struct {
		name, path, body string
		at               string
	}{
		{"anthropic", "/v1/messages/count_tokens", `{"model":"MODEL","messages":[{"role":"user","content":"one two three"}]}`, "input_tokens"},
		{"gemini", "/v1beta/models/MODEL:countTokens", `{"contents":[{"role":"user","parts":[{"text":"one two three"}]}]}`, "totalTokens"},
		{"responses", "/v1/responses/input_tokens", `{"model":"MODEL","input":"one two three"}`, "input_tokens"},
	} {
		for _, d := range families {
			model := "m-" + string(d)
			res, out := send(t, service.data+strings.Replace(ask.path, "MODEL", model, 1), map[string]string{"anthropic-version": "2023-06-01"}, strings.Replace(ask.body, "MODEL", model, 1))
			var v map[string]any
			if err := json.Unmarshal(out, &v); err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("%s to %s: %d %s", ask.name, d, res.StatusCode, out)
				continue
			}
			if n, _ := v[ask.at].(float64); n < 3 || n > 20 {
				t.Errorf("%s to %s: %s", ask.name, d, out)
			}
		}
	}
}

// Embeddings go to every target that has some.
func TestEveryPairEmbeds(t *testing.T) {
	service := serveEvery(t)
	for _, ask := range []struct {
		name, path, body string
		path0            []string // to the first vector
	}{
		{"openai", "/v1/embeddings", `{"model":"MODEL","input":["a","b"]}`, []string{"data", "embedding"}},
		{"gemini", "/v1beta/models/MODEL:batchEmbedContents", `{"requests":[{"model":"models/MODEL","content":{"parts":[{"text":"a"}]}},{"model":"models/MODEL","content":{"parts":[{"text":"b"}]}}]}`, []string{"embeddings", "values"}},
		{"ollama", "/api/embed", `{"model":"MODEL","input":["a","b"]}`, []string{"embeddings"}},
	} {
		for _, d := range families {
			model := "m-" + string(d)
			res, out := send(t, service.data+strings.Replace(ask.path, "MODEL", model, 1), nil, strings.ReplaceAll(ask.body, "MODEL", model))
			if d == engine.DialectAnthropic {
				if res.StatusCode < 400 {
					t.Errorf("%s to %s: %d %s", ask.name, d, res.StatusCode, out)
				}
				continue
			}
			var v map[string]any
			if err := json.Unmarshal(out, &v); err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("%s to %s: %d %s", ask.name, d, res.StatusCode, out)
				continue
			}
			list, _ := v[ask.path0[0]].([]any)
			if len(list) != 2 {
				t.Errorf("%s to %s: %d vectors in %.200s", ask.name, d, len(list), out)
				continue
			}
			first := list[0]
			if len(ask.path0) > 1 {
				first = first.(map[string]any)[ask.path0[1]]
			}
			if numbers, _ := first.([]any); len(numbers) < 2 {
				t.Errorf("%s to %s: %.200s", ask.name, d, out)
			}
		}
	}
}
