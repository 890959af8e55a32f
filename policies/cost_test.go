package policies

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestCost(t *testing.T) {
	const reason = "# METADATA\n# labels: {control: \"X-1\"}\ndeny contains {\"code\": \"a\", \"message\": \"m\"} if "
	tests := []struct {
		name, rules         string
		compiled, cacheable bool
		reads               []string // beside input.targets
		why                 string   // part of what keeps decisions from being compiled or remembered
	}{
		{"parts", reason + "{\n\tinput.request.model == \"x\"\n\tinput.request.prompt_tokens > 100\n\tinput.request.prompt_bytes != input.request.messages\n}", true, true,
			[]string{"input.request.messages a.rego:8", "input.request.model a.rego:6", "input.request.prompt_bytes a.rego:8 varies", "input.request.prompt_tokens a.rego:7 compared"}, ""},
		{"the whole input", reason + "json.marshal(input) == \"{}\"", true, false, []string{"input a.rego:5 varies"}, "a.rego:5:61: warning: the whole input is read (input)"},
		{"what is not compiled", reason + "r[_].x == 1\n\nr[3].x := 1 if input.request.stream", false, false, []string{"input.request.stream a.rego:7"}, "a.rego:7:1: warning: decisions of this set are evaluated slowly"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, map[string]string{"a.rego": "package sallyport.rules.good\n\n" + tt.rules + "\n"})
			s, err := Load(t.Context(), Config{Paths: []string{dir}})
			if err != nil {
				t.Fatal(err)
			}
			c := s.Cost()
			if c.Compiled != tt.compiled || c.Cacheable != tt.cacheable {
				t.Errorf("compiled %v, cacheable %v", c.Compiled, c.Cacheable)
			}
			var reads []string
			for _, r := range c.Reads {
				if strings.HasPrefix(r.Path, "input.targets") {
					continue
				}
				text := r.Path + " " + strings.TrimPrefix(r.File, dir+"/") + ":" + jsonText(t, r.Line)
				if r.Compared {
					text += " compared"
				}
				if r.Varies {
					text += " varies"
				}
				reads = append(reads, text)
			}
			if !slices.Equal(reads, tt.reads) {
				t.Errorf("reads %q\nwant  %q", reads, tt.reads)
			}
			if got := c.Uncacheable.Error(); !strings.Contains(strings.ReplaceAll(got, dir+"/", ""), tt.why) || (tt.why == "") != (got == "") {
				t.Errorf("uncacheable: %q, want %q", got, tt.why)
			}
			if (c.NotCompiled == nil) != tt.compiled {
				t.Errorf("not compiled: %v", c.NotCompiled)
			}
		})
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMeasuredCost(t *testing.T) {
	s, err := Load(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.MeasuredCost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Microseconds <= 0 || c.Inputs != costInputs {
		t.Errorf("%v microseconds on %d inputs", c.Microseconds, c.Inputs)
	}
	var text bytes.Buffer
	if err := c.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"decisions are compiled; ", "on this machine", "a decision is remembered for requests that agree in:", "input.principal.id ", "standard/spend.rego:"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	// The inputs are always the same, valid, and decided in more than one way.
	inputs, again := s.generate(t.Context(), costInputs), s.generate(t.Context(), costInputs)
	decisions := map[string]bool{}
	for i, in := range inputs {
		if jsonText(t, in) != jsonText(t, again[i]) {
			t.Errorf("input %d differs between two runs", i)
		}
		d, err := s.Decide(t.Context(), in)
		if err != nil {
			d = &engine.Decision{Raw: []byte("error")}
		}
		decisions[string(d.Raw)] = true
	}
	if len(decisions) < 4 {
		t.Errorf("%d different decisions on %d inputs", len(decisions), len(inputs))
	}
}

// What lint says of the whole input and what the compiled evaluator knows of itself
// are the same.
func TestLintKnowsWhatIsCacheable(t *testing.T) {
	for body, cacheable := range map[string]bool{
		"input.request.stream":                                  true,
		"input.request.headers[input.request.model] == \"x\"":   true,
		"r := input.request\n\tr.model == \"x\"":                true,
		"p with data.k as input.request.model":                  true,
		"d := input\n\td.request.model == \"x\"":                false,
		"f(input)":                                              false,
		"walk(input, [_, \"x\"])":                               false,
		"some k\n\tinput[k].stream":                             false,
		"p with input as {}":                                    false,
		"p with input.request.stream as true":                   false,
		"object.get(input, \"request\", {}).model == \"x\"":     false,
		"json.marshal(input) == \"{}\"":                         false,
		"count({x | some x in input.request.tools; input}) > 0": false,
	} {
		s := load(t, map[string]string{
			"a.rego":      "package sallyport.rules.good\n\n# METADATA\n# labels: {control: X}\ndeny contains {\"code\": \"a\", \"message\": \"m\"} if {\n\t" + body + "\n}\n\nf(x) if x.request.stream\n\np if input.request.stream\n",
			"k/data.json": `{}`,
		})
		c, linted := s.Cost(), s.Lint()
		if c.Cacheable != cacheable || !c.Compiled || (len(linted) == 0) != cacheable || cacheable != (len(c.Uncacheable) == 0) {
			t.Errorf("%s: cacheable %v, want %v; lint: %v; %v", body, c.Cacheable, cacheable, linted, c.Uncacheable)
		}
	}
}
