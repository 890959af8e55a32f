package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	want := []Fired{
		{Package: pkg, Rule: `exclude["cloud-0"]`, File: ".rego", Line: 6, Title: "Stays in the EU", Control: "GDPR-44",
			Value: `{"code": "eu", "message": "not in US"}`},
		{Package: pkg, Rule: "european", File: ".rego", Line: 13, Value: "true"},
		{Package: pkg, Rule: `prefer["edge-0"]`, File: ".rego", Line: 15, Value: "0.5"},
	}
	if diff := cmp.Diff(want, e.Fired); diff != "" {
		t.Errorf("fired (-want +got):\n%s", diff)
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
		got, err := s.Query(t.Context(), tt.path, input)
		if string(got) != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("Query(%q, %s) = %s, %v; want %s, %q", tt.path, tt.input, got, err, tt.want, tt.err)
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
