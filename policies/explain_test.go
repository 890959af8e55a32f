package policies

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestExplain(t *testing.T) {
	s := load(t, map[string]string{"residency.rego": `package sallyport.rules.residency

# METADATA
# title: Stays in the EU
# labels: {control: "GDPR-44"}
exclude[target] contains {"code": "eu", "message": message} if {
	european
	some target, t in input.targets
	t.jurisdiction != "EU"
	message := sprintf("not in %s", [t.jurisdiction])
}

european if input.principal.attributes.region == "EU"

prefer[target] := 0.5 if {
	some target, t in input.targets
	t.posture == "edge"
}

deny contains {"code": "never", "message": "m"} if input.request.stream
`})
	in := exampleInput(4)
	in.Principal.Attributes["region"] = "EU"
	usa := in.Targets["cloud-0"]
	usa.Jurisdiction = "US"
	in.Targets["cloud-0"] = usa
	e, err := s.Explain(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if e.Decision == nil || !e.Decision.Allow {
		t.Errorf("decision: %+v", e.Decision)
	}
	for i := range e.Fired {
		_, e.Fired[i].File, _ = strings.Cut(e.Fired[i].File, "/residency")
	}
	pkg := "sallyport.rules.residency"
	jurisdiction := Fact{Path: `input.targets["cloud-0"].jurisdiction`, Value: "US"}
	region := Fact{Path: "input.principal.attributes.region", Value: "EU"}
	want := []Fired{
		{Package: pkg, Rule: `exclude["cloud-0"]`, File: ".rego", Line: 6, Title: "Stays in the EU", Control: "GDPR-44",
			Value: `{"code": "eu", "message": "not in US"}`, Code: "eu", Message: "not in US", Contributes: "exclude", Name: "cloud-0",
			Facts: []Fact{jurisdiction, {Path: region.Path, Value: "EU", Via: pkg + ".european"}}},
		{Package: pkg, Rule: "european", File: ".rego", Line: 13, Value: "true", Facts: []Fact{region}},
		{Package: pkg, Rule: `prefer["edge-0"]`, File: ".rego", Line: 15, Value: "0.5", Contributes: "prefer", Name: "edge-0",
			Facts: []Fact{{Path: `input.targets["edge-0"].posture`, Value: "edge"}}},
	}
	if diff := cmp.Diff(want, e.Fired); diff != "" {
		t.Errorf("fired (-want +got):\n%s", diff)
	}
	targets := []TargetExplained{
		{Name: "air_gapped-0", Posture: "air_gapped", Permitted: true, Weight: 1},
		{Name: "cloud-0", Posture: "cloud", Weight: 1, Excluded: want[:1]},
		{Name: "edge-0", Posture: "edge", Permitted: true, Weight: 0.5, Preferred: want[2:]},
		{Name: "gpu_cluster-0", Posture: "gpu_cluster", Permitted: true, Weight: 1},
	}
	for i := range e.Targets {
		for _, list := range [][]Fired{e.Targets[i].Excluded, e.Targets[i].Preferred} {
			for j := range list {
				list[j].File = ".rego"
			}
		}
	}
	if diff := cmp.Diff(targets, e.Targets); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	var text strings.Builder
	if err := e.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if want := `allow

air_gapped-0 (air_gapped): permitted

cloud-0 (cloud): excluded
  eu  not in US
    .rego:6  Stays in the EU  [GDPR-44]
      input.targets["cloud-0"].jurisdiction = "US"
      input.principal.attributes.region = "EU"  (sallyport.rules.residency.european)

edge-0 (edge): permitted, weight 0.5
  weight 0.5
    .rego:15
      input.targets["edge-0"].posture = "edge"

gpu_cluster-0 (gpu_cluster): permitted
`; text.String() != want {
		t.Errorf("text:\n%s\nwant:\n%s", text.String(), want)
	}
}

// Of what every example decides the explanation knows the rule, and the facts it
// states are the input's.
func TestExplainExamples(t *testing.T) {
	sequential(t)
	folders, err := filepath.Glob("examples/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("examples: %v, %v", folders, err)
	}
	s, err := Load(t.Context(), Config{Paths: folders, Standard: true})
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for i, in := range s.generate(t.Context(), 40) {
		e, err := s.Explain(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if e.Decision == nil {
			continue
		}
		said := func(by []Fired, r engine.Reason) bool {
			codes[r.Code] = true
			return slices.ContainsFunc(by, func(f Fired) bool {
				return f.Code == r.Code && f.Message == r.Message && strings.HasSuffix(f.Package, "."+r.Rule) && f.Line > 0
			})
		}
		for _, r := range e.Decision.Deny {
			if !said(e.Denied, r) {
				t.Errorf("input %d: nothing explains the denial %v", i, r)
			}
		}
		for _, target := range e.Targets {
			for _, r := range e.Decision.Exclude[target.Name] {
				if !said(target.Excluded, r) {
					t.Errorf("input %d: nothing explains the exclusion %v of %s", i, r, target.Name)
				}
			}
		}
		value, err := inputValue(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range e.Fired {
			for _, fact := range f.Facts {
				ref, err := ast.ParseRef(fact.Path)
				if err != nil {
					t.Fatalf("%s: %v", fact.Path, err)
				}
				v, err := value.Find(ref[1:])
				if fact.Absent != (err != nil) {
					t.Errorf("input %d, %s: %s is absent: %v", i, f.Rule, fact.Path, fact.Absent)
				} else if err == nil && ast.MustInterfaceToValue(fact.Value).Compare(v) != 0 {
					t.Errorf("input %d, %s: %s is %v, not %v", i, f.Rule, fact.Path, v, fact.Value)
				}
			}
		}
	}
	if len(codes) < 10 {
		t.Errorf("only %d codes: %v", len(codes), codes)
	}
}

func TestExplainNamesTheFailure(t *testing.T) {
	s := load(t, map[string]string{"a.rego": good + "obligation.max_output_tokens := to_number(input.request.model)\n"})
	e, err := s.Explain(t.Context(), exampleInput(1))
	if err != nil {
		t.Fatal(err)
	}
	if e.Decision != nil || !strings.Contains(e.Error, "a.rego:4: ") {
		t.Errorf("explanation of a failure: %+v", e)
	}
}

func TestQuery(t *testing.T) {
	s := load(t, map[string]string{"a.rego": good, "acme/data.yaml": "limits:\n  b: 1.50\n  a: 100\n"})
	tests := []struct{ path, input, want, err string }{
		{"acme/limits", "", `{"a":100,"b":1.5}`, ""},
		{"/acme/limits/a/", "", `100`, ""},
		{"acme/none", "", "", ""},
		{"sallyport/rules/good/deny", `{"request": {"stream": true}}`, `[{"code":"no","message":"no"}]`, ""},
		{"sallyport/allow", `{"targets": {"x": {}}}`, `true`, ""},
		{"acme", `{"a":1,"a":2}`, "", "duplicate object member name"},
		{"acme", `{`, "", "not valid JSON"},
	}
	for _, tt := range tests {
		var input []byte
		if tt.input != "" {
			input = []byte(tt.input)
		}
		answer, err := s.Query(t.Context(), tt.path, input)
		if got := answer.Result; string(got) != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("Query(%q, %s) = %s, %v; want %s, %q", tt.path, tt.input, answer.Result, err, tt.want, tt.err)
		}
	}
}

// Errors of an evaluation say where, and hold nothing of what a classifier read:
// an input has no text.
func TestDecideErrors(t *testing.T) {
	tests := []struct{ name, rule, want string }{
		{"conflict", "obligation.max_output_tokens := 1 if input.request.messages > 0\n\nobligation.max_output_tokens := 2 if input.request.prompt_tokens > 0\n", "a.rego:"},
		{"built-in", "obligation.max_output_tokens := to_number(input.request.model)\n", "a.rego:4: "},
		{"shape known only now", "obligation.log := input.request.model\n", `rule package "good": obligation.log must be "metadata", "full" or "none"`},
		{"weight out of range", "prefer[target] := 2 if some target, _ in input.targets\n", `rule package "good": prefer must be numbers from 0 to 1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, map[string]string{"a.rego": good + tt.rule})
			d, err := s.Decide(t.Context(), exampleInput(4))
			if d != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Decide: %v, %v; want %q", d, err, tt.want)
			}
			if d.Verdict() != engine.Deny {
				t.Error("an error is not a deny")
			}
		})
	}
}
