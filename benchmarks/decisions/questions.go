package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/policies"
)

// questions are about the reference policy, a document like any other for both
// servers, and about the standard policy's decision.
func questions(reference map[string]any) []question {
	return []question{
		{
			name: "reference policy by /v1/data", ours: "/v1/data/gateway/routing/decision", theirs: "/v1/data/gateway/routing/decision",
			wrapped: true, least: 20, leastAgain: 40,
			input: func(n int) map[string]any {
				in := maps.Clone(reference)
				in["usage"] = map[string]any{"spent_microusd": 182_340_000 + n, "window": "2026-11", "requests": n}
				in["tenant"] = fmt.Sprintf("tenant-%03d", n%200)
				in["key"] = map[string]any{"id": fmt.Sprintf("key-%03d-%d", n%200, n%8)}
				in["complexity"] = map[string]any{"score": float64(n%97) / 97}
				return in
			},
			allowed: func(answer map[string]any) any { return answer["result"] },
		},
		{
			name: "standard policy by /v1/decisions", ours: "/v1/decisions", theirs: "/v1/data/sallyport/decision", least: 20, leastAgain: 40,
			input: decisionInput,
			allowed: func(answer map[string]any) any {
				if result, ok := answer["result"].(map[string]any); ok {
					answer = result
				}
				return []any{answer["allow"], answer["deny"], answer["exclude"], answer["prefer"]}
			},
		},
	}
}

// decisionInput is a request of a tenant with a candidate of each posture; every
// second holds an address.
func decisionInput(n int) map[string]any {
	findings := map[string]any{}
	if n%2 == 0 {
		findings["EMAIL_ADDRESS"] = map[string]any{"count": 1 + n%5, "max_score": 0.98}
	}
	targets := map[string]any{}
	for i, posture := range []string{"cloud", "gpu_cluster", "edge", "air_gapped"} {
		targets[posture] = map[string]any{
			"target": posture, "posture": posture, "dialect": "openai-chat", "jurisdiction": "EU", "attributes": map[string]any{}, "model": "small",
			"quality": 40 + 10*i, "cost_estimate_usd": 0.001 * float64(4-i), "healthy": true, "stand_in": false,
		}
	}
	return map[string]any{
		"time": "2026-11-23T16:00:00Z",
		"request": map[string]any{
			"dialect": "openai-chat", "operation": "chat", "model": "auto", "stream": false, "prompt_tokens": 100 + n, "prompt_bytes": 400 + 4*n,
			"max_output_tokens": 512, "messages": 4, "tools": []any{"get_weather"}, "modalities": []any{"text"},
			"metadata": map[string]any{}, "headers": map[string]any{},
		},
		"principal": map[string]any{"id": "team-a", "tenant": "acme", "roles": []any{"engineering"}, "attributes": map[string]any{}, "authenticated": true},
		"classifiers": map[string]any{
			"pii":        map[string]any{"findings": findings, "scores": map[string]any{}},
			"secrets":    map[string]any{"findings": map[string]any{}, "scores": map[string]any{}},
			"complexity": map[string]any{"findings": map[string]any{}, "scores": map[string]any{"complexity": float64(n%1009) / 1009}},
		},
		"budget":  map[string]any{"ttft_ms": 2000, "tpot_ms": 0, "total_ms": 60000},
		"usage":   map[string]any{"spent_usd": map[string]any{"hour": 0.1, "day": 3.2, "month": 41 + float64(n)/1000}, "requests_per_minute": 12},
		"targets": targets,
	}
}

// bodiesOf are requests with inputs from n on, or with the first 16.
func bodiesOf(q question, calls int, n *int, repeat, bare bool) ([][]byte, error) {
	bodies := make([][]byte, calls)
	for i := range bodies {
		at := i % 16
		if !repeat {
			*n++
			at = 16 + *n
		}
		var doc any = q.input(at)
		if !bare {
			doc = map[string]any{"input": doc}
		}
		body, err := json.Marshal(doc)
		if err != nil {
			return nil, err
		}
		bodies[i] = body
	}
	return bodies, nil
}

// agree sends a few inputs to both servers.
func agree(ctx context.Context, q question, ours, theirs *server) error {
	for n := range 24 {
		var answers [2]any
		for i, s := range []*server{ours, theirs} {
			first := n
			bodies, err := bodiesOf(q, 1, &first, false, s == ours && !q.wrapped)
			if err != nil {
				return err
			}
			path := q.theirs
			if s == ours {
				path = q.ours
			}
			text, err := s.ask(ctx, path, bodies[0])
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			var answer map[string]any
			if err := json.Unmarshal(text, &answer); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			answers[i] = q.allowed(answer)
		}
		if !reflect.DeepEqual(answers[0], answers[1]) {
			return fmt.Errorf("%s says %v, %s %v", ours.name, answers[0], theirs.name, answers[1])
		}
	}
	return nil
}

// writePolicies makes two folders: "ours", what the service loads beside the
// standard policy it carries, and "theirs", everything. It returns the reference
// policy's input.
func writePolicies(dir, reference string) (map[string]any, error) {
	rego, err := os.ReadFile(filepath.Join(reference, "routing.rego"))
	if err != nil {
		return nil, err
	}
	packed, err := os.ReadFile(filepath.Join(reference, "data.json.gz"))
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	if _, err := data.ReadFrom(z); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(reference, "input.json"))
	if err != nil {
		return nil, err
	}
	var input map[string]any
	if err := json.Unmarshal(text, &input); err != nil {
		return nil, err
	}
	files := map[string][]byte{"data.json": data.Bytes(), "routing.rego": rego}
	carried := policies.Embedded()
	contributed := map[string]bool{}
	err = fs.WalkDir(carried, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".rego") || strings.HasSuffix(path, "_test.rego") {
			return err
		}
		src, err := fs.ReadFile(carried, path)
		if err != nil {
			return err
		}
		files[path] = src
		if m := rulePackage.FindSubmatch(src); m != nil {
			for _, r := range contribution.FindAllSubmatch(src, -1) {
				contributed[fmt.Sprintf("contributed.%s[%q] := object.get({\"of\": data.sallyport.rules.%s.%s}, \"of\", null)\n", r[1], m[1], m[1], r[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// What the service generates so that the library finds the packages.
	join := "package sallyport\n\n"
	for _, kind := range []string{"deny", "exclude", "obligation", "prefer"} {
		join += fmt.Sprintf("contributed.%s[name] := value if { some name, value in {} }\n\n", kind)
	}
	files["contributed.rego"] = []byte(join + strings.Join(slices.Sorted(maps.Keys(contributed)), "\n"))
	for name, text := range files {
		folders := []string{"theirs"}
		if name == "data.json" || name == "routing.rego" || strings.HasPrefix(name, "standard/") {
			folders = append(folders, "ours")
		}
		for _, folder := range folders {
			path := filepath.Join(dir, folder, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return nil, err
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return nil, err
			}
		}
	}
	return input, nil
}

var (
	rulePackage  = regexp.MustCompile(`(?m)^package sallyport\.rules\.(\w+)$`)
	contribution = regexp.MustCompile(`(?m)^(deny|exclude|prefer|obligation)\b`)
)
