package policies

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
)

func requireCovered(t *testing.T, r *Report) {
	t.Helper()
	if len(r.Results) == 0 {
		t.Error("no tests")
	}
	for _, result := range r.Results {
		if result.Outcome != Pass {
			t.Errorf("%s:%d: %s: %s", result.File, result.Line, result.Name, result.Message)
		}
	}
	if c := r.Covered(); c < 0.95 {
		t.Errorf("the tests cover %.1f %%, want 95", 100*c)
		for _, c := range r.Coverage {
			t.Logf("%s: not covered: lines %v", c.File, c.Missing)
		}
	}
}

func TestEmbeddedPolicies(t *testing.T) {
	r, err := Test(t.Context(), Config{}, TestOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	requireCovered(t, r)
}

func TestExamples(t *testing.T) {
	examples, err := os.ReadDir("examples")
	if err != nil || len(examples) == 0 {
		t.Fatalf("examples: %v, %v", examples, err)
	}
	for _, example := range examples {
		t.Run(example.Name(), func(t *testing.T) {
			dir := filepath.Join("examples", example.Name())
			cfg := Config{Paths: []string{dir}, Timeout: patience}
			s, err := Load(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if w := s.Warnings(); len(w) > 0 {
				t.Errorf("warnings: %v", w)
			}
			r, err := Test(t.Context(), cfg, TestOptions{})
			if err != nil {
				t.Fatal(err)
			}
			requireCovered(t, r)
			for _, f := range s.Files() {
				if !strings.HasSuffix(f.Path, ".rego") {
					continue
				}
				if got, err := Format(f.Bytes, f.Path); err != nil || !bytes.Equal(got, f.Bytes) {
					t.Errorf("%s is not formatted (%v)", f.Path, err)
				}
			}
		})
	}
}

// Every example works beside the standard policy, and so do all of them: a team
// picks those it needs, and the tests of each must hold whatever it picked.
func TestExamplesTogether(t *testing.T) {
	sequential(t)
	all, err := filepath.Glob("examples/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, paths := range append([][]string{all}, singly(all)...) {
		s, err := Load(t.Context(), Config{Paths: paths, Standard: true, Timeout: patience})
		if err != nil {
			t.Errorf("%v: %v", paths, err)
		} else if w := s.Warnings(); len(w) > 0 {
			t.Errorf("%v: warnings: %v", paths, w)
		}
	}
}

func singly(paths []string) [][]string {
	sets := make([][]string, len(paths))
	for i, p := range paths {
		sets[i] = []string{p}
	}
	return sets
}

// The standard policy and the examples are read as models: whatever forbids or
// obliges says what it is called and which control it serves, reads single members
// of the input, and is tested beside itself.
func TestRulesAreModels(t *testing.T) {
	sets, err := filepath.Glob("examples/*")
	if err != nil {
		t.Fatal(err)
	}
	sets = append(sets, "standard")
	for _, dir := range sets {
		if dir != "standard" {
			for _, want := range []string{"README.md", "*_test.rego", "*/data.*"} {
				if found, err := filepath.Glob(filepath.Join(dir, want)); err != nil || len(found) == 0 {
					t.Errorf("%s has no %s", dir, want)
				}
			}
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.rego"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.rego") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m, err := ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
			if err != nil {
				t.Fatal(err)
			}
			checkModel(t, m)
		}
	}
}

func checkModel(t *testing.T, m *ast.Module) {
	t.Helper()
	ast.WalkTerms(m, func(term *ast.Term) bool {
		ref, isRef := term.Value.(ast.Ref)
		if term.Equal(ast.InputRootDocument) || isRef && ref.Equal(ast.InputRootRef) {
			t.Errorf("%v: reads all of the input", term.Location)
		}
		return isRef // the head of a longer reference is no read of its own
	})
	set, errs := ast.BuildAnnotationSet([]*ast.Module{m})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if a := set.GetPackageScope(m.Package); a == nil || a.Title == "" || a.Description == "" {
		t.Errorf("%s: the package has no title or no description", m.Package.Location.File)
	}
	for _, r := range m.Rules {
		kind := contribution(r)
		if kind == "" {
			continue
		}
		title := false
		for _, a := range set.GetRuleScope(r) {
			title = title || a.Title != ""
		}
		labels, _ := set.MergedLabels(r)
		if control, ok := labels["control"]; !title || kind != "prefer" && (!ok || control == "") {
			t.Errorf("%v: %s has no title or no label control", r.Location, r.Head)
		}
	}
}

const mixedTests = `package sallyport.rules.good_test

import data.sallyport.rules.good

test_passes if count(good.deny) == 1 with input as {"request": {"stream": true}}

test_fails if {
	true
	count(good.deny) == 2 with input as {"request": {"stream": true}}
}

test_breaks if to_number("x") == 1

todo_test_later if false

test_prints if {
	print("seen")
	false
}
`

func TestReport(t *testing.T) {
	dir := write(t, map[string]string{
		"good.rego":      good + "\nnever if {\n\tinput.request.model == \"x\"\n\tinput.request.stream\n}\n",
		"good_test.rego": mixedTests,
	})
	r, err := Test(t.Context(), Config{Paths: []string{dir}}, TestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Passed() {
		t.Error("passed with failing tests")
	}
	for i := range r.Results {
		r.Results[i].Duration = 1500000
	}
	for format, write := range map[string]func(*bytes.Buffer) error{
		"pretty": func(b *bytes.Buffer) error { return r.WritePretty(b) },
		"json":   func(b *bytes.Buffer) error { return r.WriteJSON(b) },
		"junit":  func(b *bytes.Buffer) error { return r.WriteJUnit(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(b.String(), dir+"/", "")
		golden := filepath.Join("testdata", "report."+format)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
		if format == "junit" && xml.Unmarshal(b.Bytes(), new(struct{})) != nil {
			t.Error("JUnit report is not XML")
		}
	}

	r, err = Test(t.Context(), Config{Paths: []string{dir}}, TestOptions{Run: "passes|later"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, result := range r.Results {
		names = append(names, result.Name)
	}
	if diff := cmp.Diff([]string{"test_passes", "todo_test_later"}, names); diff != "" || !r.Passed() {
		t.Errorf("filtered (-want +got), passed %v:\n%s", r.Passed(), diff)
	}
	if _, err := Test(t.Context(), Config{}, TestOptions{Run: "("}); err == nil {
		t.Error("a filter that is no regular expression")
	}
	var ds Diagnostics
	if _, err := Test(t.Context(), Config{Paths: []string{write(t, map[string]string{"a.rego": "package"})}}, TestOptions{}); !errors.As(err, &ds) {
		t.Errorf("a set that does not parse: %v", err)
	}
}
