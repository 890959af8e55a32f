package policies

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// home is a policy that keeps restricted work at home, and the invariant that says
// so. Each hole is a mistake that a reader may well overlook.
const home = `package sallyport.rules.home

exclude[target] contains {"code": "restricted", "message": "restricted work stays at home"} if {
	restricted
	some target, t in input.targets
	not t.posture in {"edge", "air_gapped"}
}

restricted if input.principal.attributes.clearance == "restricted"

restricted if {
	some kind, found in input.classifiers.pii.findings
	kind in data.kinds.restricted
	found.max_score >= 0.5
}

restricted if input.usage.requests_per_minute > 600
`

const homeKinds = `{"restricted": ["US_SSN", "CREDIT_CARD", "MEDICAL_RECORD"]}`

const homeInvariants = `package sallyport.invariants.home

invariant contains {"name": "restricted_stays_home", "message": "restricted work may leave to the cloud"} if {
	restricted
	some target in data.sallyport.permitted
	input.targets[target].posture in {"cloud", "gpu_cluster"}
}

invariant contains {"name": "busy_stays_home", "message": "a tenant with many requests may leave to the cloud"} if {
	input.usage.requests_per_minute > 600
	some target in data.sallyport.permitted
	input.targets[target].posture == "cloud"
}

restricted if input.principal.attributes.clearance == "restricted"

restricted if {
	some kind in {"US_SSN", "CREDIT_CARD", "MEDICAL_RECORD"}
	input.classifiers.pii.findings[kind].max_score >= 0.5
}
`

func homeFiles(old, new string) map[string]string {
	return map[string]string{"home.rego": strings.Replace(home, old, new, 1), "kinds/data.json": strings.Replace(homeKinds, old, new, 1),
		"invariants.rego": homeInvariants}
}

func TestInvariantsHold(t *testing.T) {
	s := load(t, homeFiles("", ""))
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	if got := s.Invariants(); len(got) != 1 || got[0] != "home" {
		t.Errorf("%v", got)
	}
	in := exampleInput(4)
	in.Principal.Attributes["clearance"] = "restricted"
	if v, err := s.Violations(t.Context(), in); err != nil || len(v) > 0 {
		t.Errorf("%v, %v", v, err)
	}
}

// A planted hole is found, and the example shows it and no more than it.
func TestInvariantsFindHoles(t *testing.T) {
	sequential(t)
	for _, tt := range []struct {
		name, old, new string
		invariant      string
		most           int // bytes of the example
	}{
		{"a forgotten attribute", `clearance == "restricted"`, `clearance == "Restricted"`, "restricted_stays_home", 200},
		{"a forgotten posture", `{"edge", "air_gapped"}`, `{"edge", "air_gapped", "gpu_cluster"}`, "restricted_stays_home", 250},
		{"the wrong threshold", `max_score >= 0.5`, `max_score > 0.5`, "restricted_stays_home", 250},
		{"a threshold that is too high", `max_score >= 0.5`, `max_score >= 0.8`, "restricted_stays_home", 250},
		{"a forgotten kind", `, "MEDICAL_RECORD"`, "", "restricted_stays_home", 250},
		{"one above the limit", `requests_per_minute > 600`, `requests_per_minute > 601`, "busy_stays_home", 200},
		{"a way around by a role", "\trestricted\n", "\trestricted\n\tnot \"director\" in input.principal.roles\n", "restricted_stays_home", 300},
		{"a way around by one role of several", "\trestricted\n", "\trestricted\n\tnot {\"director\", \"on_call\"} & {r | some r in input.principal.roles} == {\"director\", \"on_call\"}\n", "restricted_stays_home", 300},
		{"a way around at night", "\trestricted\n", "\trestricted\n\ttime.clock(time.parse_rfc3339_ns(input.time))[0] >= 6\n", "restricted_stays_home", 300},
		{"a way around by metadata", "\trestricted\n", "\trestricted\n\tnot input.request.metadata.break_glass == \"yes\"\n", "restricted_stays_home", 300},
		{"a way around by two things", "\trestricted\n", "\trestricted\n\tnot trusted\n", "restricted_stays_home", 400},
		{"a way around by a target", "not t.posture in", "not t.attributes.dpa == \"2026\"\n\tnot t.posture in", "restricted_stays_home", 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(home+homeKinds, tt.old) {
				t.Fatal("nothing is changed")
			}
			files := homeFiles(tt.old, tt.new)
			files["home.rego"] += "\ntrusted if {\n\t\"director\" in input.principal.roles\n\tinput.request.headers[\"x-project\"] == \"apollo\"\n\tinput.request.prompt_tokens < 200\n}\n"
			_, err := Load(t.Context(), Config{Paths: []string{write(t, files)}, Timeout: patience})
			ds, _ := err.(Diagnostics)
			var d Diagnostic
			for _, one := range ds {
				if strings.Contains(one.Message, "the invariant "+tt.invariant+" does not hold") {
					d = one
				}
			}
			if d.Line == 0 || !strings.HasSuffix(d.File, "invariants.rego") || d.Severity != SeverityError {
				t.Fatalf("not found: %v", err)
			}
			if len(d.Example) > tt.most {
				t.Errorf("%d bytes: %s", len(d.Example), d.Example)
			}
			// The example does break it.
			s, err := Load(t.Context(), Config{Paths: []string{write(t, files)}, Timeout: patience, Unproven: true})
			if err != nil {
				t.Fatal(err)
			}
			var doc map[string]any
			if err := json.Unmarshal([]byte(d.Example), &doc); err != nil {
				t.Fatal(err)
			}
			in, err := inputOf(doc)
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Violations(t.Context(), in)
			if err != nil || len(v) == 0 || v[0].Name != tt.invariant {
				t.Errorf("%s: %v, %v", d.Example, v, err)
			}
		})
	}
}

// A hole that no constant of the policy points at is found in a logged decision.
func TestInvariantsOnLoggedDecisions(t *testing.T) {
	files := homeFiles("\trestricted\n", "\trestricted\n\tnot startswith(base64.encode(input.principal.id), \"emVs\")\n")
	cfg := Config{Paths: []string{write(t, files)}, Timeout: patience}
	if _, err := Load(t.Context(), cfg); err != nil {
		t.Fatalf("found without the log: %v", err)
	}
	in := exampleInput(6)
	in.Principal.ID = "zelda"
	in.Classifiers["pii"].Findings["US_SSN"] = engine.FindingFacts{Count: 1, MaxScore: 1}
	cfg.Logged = func(yield func(*engine.Input) bool) { _ = yield(exampleInput(3)) && yield(in) }
	_, err := Load(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "restricted_stays_home") || !strings.Contains(err.Error(), "a logged decision") || !strings.Contains(err.Error(), `"zelda"`) {
		t.Errorf("%v", err)
	}
	if err != nil && strings.Contains(err.Error(), "apollo") {
		t.Errorf("the example holds what does not matter: %v", err)
	}
}

func TestInvariantsInTheWrongForm(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"none":          {"package sallyport.invariants.x\n\nhelper if input.request.stream\n", "states no invariant"},
		"no name":       {"package sallyport.invariants\n\ninvariant contains {\"name\": \"a\", \"message\": \"b\"} if input.request.stream\n", "no name of its own"},
		"a code":        {"package sallyport.invariants.x\n\ninvariant contains {\"code\": \"a\", \"message\": \"b\"} if input.request.stream\n", "x.rego:3:1: invariant is"},
		"a boolean":     {"package sallyport.invariants.x\n\ninvariant if input.request.stream\n", "invariant is"},
		"a misspelling": {"package sallyport.invariants.x\n\ninvariant contains {\"name\": \"a\", \"message\": \"b\"} if input.request.modle == \"x\"\n", "input.request.modle"},
		"a failure":     {"package sallyport.invariants.x\n\ninvariant contains {\"name\": \"a\", \"message\": \"b\"} if to_number(input.request.model) == 1\n", "cannot be evaluated"},
		"computed":      {"package sallyport.invariants.x\n\ninvariant contains {\"name\": name, \"message\": \"b\"} if some name, _ in input.targets\n", "the invariant cloud does not hold"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(t.Context(), Config{Paths: []string{write(t, map[string]string{"good.rego": good, "x.rego": tt.text})}, Timeout: patience})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// A rule package cannot depend on what it decides.
func TestRulesDoNotReadPermitted(t *testing.T) {
	_, err := Load(t.Context(), Config{Paths: []string{write(t, map[string]string{
		"x.rego": "package sallyport.rules.x\n\ndeny contains {\"code\": \"x\", \"message\": \"m\"} if count(data.sallyport.permitted) > 1\n"})}})
	if err == nil || !strings.Contains(err.Error(), "recursive") {
		t.Errorf("%v", err)
	}
}

// The same set is tried on the same inputs.
func TestProofIsRepeatable(t *testing.T) {
	sequential(t)
	dir := write(t, homeFiles(`{"edge", "air_gapped"}`, `{"edge", "air_gapped", "gpu_cluster"}`))
	var first string
	for range 2 {
		_, err := Load(t.Context(), Config{Paths: []string{dir}, Timeout: patience})
		if err == nil {
			t.Fatal("loaded")
		}
		if first == "" {
			first = err.Error()
		} else if err.Error() != first {
			t.Errorf("%s\nthen\n%s", first, err)
		}
	}
}

// A copy that is kept beside the log loads without a new search.
func TestKeptInvariants(t *testing.T) {
	s := load(t, homeFiles("", ""))
	files := map[string]string{}
	for _, f := range s.Deciding() {
		files[f.Path] = string(f.Bytes)
	}
	again, err := LoadKept(t.Context(), write(t, files), s.Revision(), patience)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Invariants()) != 1 {
		t.Errorf("%v", again.Invariants())
	}
}

// The invariant of the residency example finds mistakes that its rules may come to
// have.
func TestResidencyInvariant(t *testing.T) {
	sequential(t)
	for name, change := range map[string][2]string{
		"a lower-case jurisdiction": {"not t.jurisdiction in data.regions[region].jurisdictions", "not upper(t.jurisdiction) in data.regions[region].jurisdictions"},
		"an exception":              {"\tpersonal\n\tsome target", "\tpersonal\n\tnot \"dpo\" in input.principal.roles\n\tsome target"},
		"another threshold":         {"kinds_found(0.5)", "kinds_found(0.6)"},
		"two kinds or more":         {"count(found_kinds) > 0", "count(found_kinds) > 1"},
		"only one classifier":       {"data.sallyport.personal_kinds & data.sallyport.kinds_found(0.5)", "{k | some k, f in input.classifiers.secrets.findings; f.max_score >= 0.5}"},
		"stand-ins":                 {"some target, t in input.targets\n", "some target, t in input.targets\n\tnot t.stand_in\n"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for _, file := range []string{"residency.rego", "invariants.rego", "regions/data.yaml"} {
				text, err := os.ReadFile(filepath.Join("examples", "residency", file))
				if err != nil {
					t.Fatal(err)
				}
				files[file] = string(text)
			}
			files["residency.rego"] = strings.Replace(files["residency.rego"], change[0], change[1], 1)
			if !strings.Contains(files["residency.rego"], change[1]) {
				t.Fatal("nothing is changed")
			}
			_, err := Load(t.Context(), Config{Paths: []string{write(t, files)}, Timeout: patience})
			if err == nil || !strings.Contains(err.Error(), "personal_data_in_region does not hold") {
				t.Fatalf("%v", err)
			}
			t.Log(err)
		})
	}
}

func TestInvariantsInReports(t *testing.T) {
	dir := write(t, homeFiles(`{"edge", "air_gapped"}`, `{"edge", "air_gapped", "gpu_cluster"}`))
	r, err := Test(t.Context(), Config{Paths: []string{dir}}, TestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]Outcome{}
	for _, one := range r.Results {
		outcomes[one.Package+"."+one.Name] = one.Outcome
	}
	if len(outcomes) != 2 || outcomes["sallyport.invariants.home.restricted_stays_home"] != Fail || outcomes["sallyport.invariants.home.busy_stays_home"] != Pass {
		t.Errorf("%v", outcomes)
	}
	for _, c := range r.Coverage {
		if strings.HasSuffix(c.File, "invariants.rego") {
			t.Errorf("coverage counts %s", c.File)
		}
	}
	var b strings.Builder
	if err := r.WritePretty(&b); err != nil || !strings.Contains(b.String(), "broken by: {") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// An exception for one role breaks what was promised of another.
func TestInvariantOfRoles(t *testing.T) {
	files := map[string]string{
		"rule.rego": "package sallyport.rules.contractors\n\nexclude[target] contains {\"code\": \"x\", \"message\": \"m\"} if {\n\t\"contractor\" in input.principal.roles\n" +
			"\tnot \"senior\" in input.principal.roles\n\tsome target, t in input.targets\n\tt.posture == \"cloud\"\n}\n",
		"never.rego": "package sallyport.invariants.contractors\n\ninvariant contains {\"name\": \"at_home\", \"message\": \"m\"} if {\n\t\"contractor\" in input.principal.roles\n" +
			"\tsome target in data.sallyport.permitted\n\tinput.targets[target].posture == \"cloud\"\n}\n",
	}
	_, err := Load(t.Context(), Config{Paths: []string{write(t, files)}, Timeout: patience})
	if err == nil || !strings.Contains(err.Error(), `"roles":["contractor","senior"]`) && !strings.Contains(err.Error(), `"roles":["senior","contractor"]`) {
		t.Errorf("%v", err)
	}
}
