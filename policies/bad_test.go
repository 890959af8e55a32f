package policies

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const good = "package sallyport.rules.good\n\ndeny contains {\"code\": \"no\", \"message\": \"no\"} if input.request.stream\n"

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  []string // the start of each diagnostic, in order, and what else stands in it after "…"
	}{
		{"syntax error", map[string]string{"a.rego": "package sallyport.rules.a\n\ndeny contains {\n"},
			[]string{"a.rego:4:1: unexpected eof token: expected rule key term"}},
		{"two errors in two files", map[string]string{
			"a.rego": "package sallyport.rules.a\n\ndeny contains x if true\n",
			"b.rego": "package sallyport.rules.b\n\nprefer := := 1\n",
		}, []string{"a.rego:3:15: var x is unsafe", "b.rego:3:11: unexpected assign token"}},
		{"errors of different stages", map[string]string{
			"a.rego": "package sallyport.rules.a\n\ndeny contains {\"code\": \"a\", \"message\": \"m\"} if x == 1\n",
			"b.rego": "package sallyport.rules.b\n\ndeny contains {\"code\": \"b\", \"message\": \"m\"} if input.request.modle == \"x\"\n",
			"c.rego": good,
		}, []string{"a.rego:3:48: var x is unsafe", "b.rego:3:48: undefined ref: input.request.modle (did you mean input.request.model? there are dialect,…model,"}},
		{"recursion", map[string]string{"a.rego": good + "p if q\n\nq if p\n"},
			[]string{"a.rego:4:1: …recursive", "a.rego:6:1: …recursive"}},
		{"conflict of rule kinds", map[string]string{"a.rego": good + "p := 1\n\np contains 2\n"},
			[]string{"a.rego:4:1: …conflicting rules"}},
		{"library package", map[string]string{"a.rego": good, "lib.rego": "package sallyport\n\nallow if true\n"},
			[]string{"lib.rego:1:1: package sallyport belongs to the library, which is not edited"}},
		{"package of the library's", map[string]string{"a.rego": good, "lib.rego": "package sallyport.kinds\n\nx := 1\n"},
			[]string{"lib.rego:1:1: package sallyport.kinds belongs to the library"}},
		{"rules without a name", map[string]string{"a.rego": "package sallyport.rules\n\ndeny contains {\"code\": \"a\", \"message\": \"m\"}\n"},
			[]string{"there is no rule package", "a.rego:1:1: package sallyport.rules has no name"}},
		{"no rule package", map[string]string{"a.rego": "package helpers\n\nx := 1\n"},
			[]string{"there is no rule package: such a set would permit everything"}},
		{"clock", map[string]string{"a.rego": good + "late if time.now_ns() > 5\n\nnow := time.now_ns()\n"},
			[]string{"a.rego:4:9: the built-in time.now_ns is not available…input.time", "a.rego:6:8: the built-in time.now_ns"}},
		{"network as a mock", map[string]string{"a.rego": good + "x if count([1]) == 1 with count as http.send\n"},
			[]string{"a.rego:4:36: the built-in http.send is not available", "a.rego:4:36: var http is unsafe"}},
		{"failing test", map[string]string{"a.rego": good, "a_test.rego": "package sallyport.rules.good_test\n\ntest_no if 1 == 2\n"},
			[]string{"a_test.rego:3:1: test sallyport.rules.good_test.test_no failed: line 3 is not true: 1 == 2"}},
		{"test that cannot be evaluated", map[string]string{"a.rego": good, "a_test.rego": "package sallyport.rules.good_test\n\ntest_no if to_number(\"x\") == 2\n"},
			[]string{"a_test.rego:3:1: test sallyport.rules.good_test.test_no failed: …to_number"}},
		{"test that does not compile", map[string]string{"a.rego": good, "a_test.rego": "package sallyport.rules.good_test\n\ntest_no if x\n"},
			[]string{"a_test.rego:3:12: var x is unsafe"}},
		{"deny that is true", map[string]string{"a.rego": "package sallyport.rules.a\n\ndeny if input.request.stream\n"},
			[]string{"a.rego:3:1: deny is boolean (it must be a set of reasons"}},
		{"reason without a message", map[string]string{"a.rego": good + "deny contains {\"code\": \"no\"} if input.request.stream\n"},
			[]string{"a.rego:4:1: deny is …it must be a set of reasons"}},
		{"reason that is a text", map[string]string{"a.rego": good + "exclude[t] contains \"no\" if some t, _ in input.targets\n"},
			[]string{"a.rego:4:1: exclude is …it must be sets of reasons"}},
		{"weight that is a text", map[string]string{"a.rego": good + "prefer[t] := \"high\" if some t, _ in input.targets\n"},
			[]string{"a.rego:4:1: prefer is …it must be numbers"}},
		{"obligation in the wrong shape", map[string]string{"a.rego": good + "obligation[\"redact\"] := \"EMAIL_ADDRESS\"\n\nobligation.max_output_tokens := \"512\"\n"},
			[]string{"a.rego:4:1: obligation.redact is string (it must be a set of finding kinds", "a.rego:6:1: obligation.max_output_tokens is string"}},
		{"rule that is a function", map[string]string{"a.rego": good + "prefer(x) := x\n"},
			[]string{"a.rego:4:1: prefer must not be a function"}},
		{"misspelt library name", map[string]string{"a.rego": good + "prefer.x := 1 if input.request.model in data.sallyport.personal_kindz\n"},
			[]string{"a.rego:4:41: data.sallyport.personal_kindz does not exist, so the rule would never fire (did you mean data.sallyport.personal_kinds? the library offers sallyport.found, sallyport.kinds_found, sallyport.personal_kinds, sallyport.secret_kinds, sallyport.testing.codes, sallyport.testing.excluded, sallyport.testing.found"}},
		{"a wrong shape beside another mistake", map[string]string{"a.rego": good + "obligation.redact := \"x\"\n", "b.rego": "package b\n\nx if y\n"},
			[]string{"a.rego:4:1: obligation.redact is string", "b.rego:3:6: var y is unsafe"}},
		{"misspelt rule package", map[string]string{"a.rego": good + "prefer.x := 1 if data.sallyport.rules.gut.x\n"},
			[]string{"a.rego:4:18: data.sallyport.rules.gut.x does not exist…good"}},
		{"unused variable", map[string]string{"a.rego": good + "p if x := 1\n"},
			[]string{"a.rego:4:6: assigned var x unused"}},
		{"data with a member twice", map[string]string{"a.rego": good, "acme/data.json": "{\"a\": 1,\n \"a\": 2}"},
			[]string{"acme/data.json:2:2: is not valid JSON: duplicate object member name"}},
		{"YAML with a member twice", map[string]string{"a.rego": good, "acme/data.yaml": "a: 1\na: 2\n"},
			[]string{"acme/data.yaml:2:1: is not valid YAML: …already defined"}},
		{"YAML that is none", map[string]string{"a.rego": good, "acme/data.yaml": "a: 1\nb: [\n"},
			[]string{"acme/data.yaml:2:1: is not valid YAML: "}},
		{"two YAML documents", map[string]string{"a.rego": good, "acme/data.yaml": "a: 1\n---\nb: 2\n"},
			[]string{"acme/data.yaml: is not valid YAML: more than one document"}},
		{"data that is no object", map[string]string{"a.rego": good, "data.json": "[]"},
			[]string{"data.json:1:1: data must be an object"}},
		{"data twice", map[string]string{"a.rego": good, "x/a.json": `{"k": {"a": 1}}`, "x/b.yaml": "k:\n  a: 2\n", "x/k/c.json": `{"b": 1}`, "x/k/a/d.json": `{"c": 1}`},
			[]string{"x/b.yaml:1:1: \"x.k.a\" is given by another data file already", "x/k/a/d.json:1:1: \"x.k.a\" is given"}},
		{"data of the library's", map[string]string{"a.rego": good, "sallyport/data.json": `{"personal_kinds": []}`},
			[]string{"sallyport/data.json:1:1: data under sallyport belongs to the library"}},
		{"data where a rule is", map[string]string{"a.rego": good + "x := 1\n", "b.rego": "package acme\n\nlimit := 5\n", "acme/data.json": `{"limit": 6}`},
			[]string{"b.rego:3:1: …limit"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, tt.files)
			_, err := Load(t.Context(), Config{Paths: []string{dir}})
			var ds Diagnostics
			if !errors.As(err, &ds) {
				t.Fatalf("Load: %v, not Diagnostics", err)
			}
			got := strings.Split(strings.ReplaceAll(ds.Error(), dir+string(filepath.Separator), ""), "\n")
			if len(got) != len(tt.want) {
				t.Fatalf("%d diagnostics, want %d:\n%s", len(got), len(tt.want), strings.Join(got, "\n"))
			}
			for i := range got {
				start, rest, _ := strings.Cut(tt.want[i], "…")
				if !strings.HasPrefix(got[i], start) || !strings.Contains(got[i], rest) {
					t.Errorf("diagnostic %d: %s\nwant: %s", i, got[i], tt.want[i])
				}
			}
		})
	}
}

func TestLoadWarnsOfUnknownObligation(t *testing.T) {
	s := load(t, map[string]string{"a.rego": good + "obligation.teleport := true\n"})
	if ws := s.Warnings(); len(ws) != 1 || !strings.Contains(ws[0].String(), "a.rego:4:1: warning: there is no obligation \"teleport\"") {
		t.Errorf("warnings: %v", ws)
	}
	d, err := s.Decide(t.Context(), exampleInput(4))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"teleport"}, d.Obligations.Unknown); diff != "" {
		t.Errorf("unknown obligations (-want +got):\n%s", diff)
	}
}

func TestLoadWarnsOfUnreadRules(t *testing.T) {
	s := load(t, map[string]string{
		"a.rego": good + "allow if true\n\nbudgets.log := \"none\"\n\nprefer[t] := 1 if {\n\tsome t in near\n\tlikes(t)\n}\n\nnear := data.helpers.near\n\nlikes(_) := true\n",
		"b.rego": "package helpers\n\nnear := {\"x\"}\n\nunused := 1\n",
	})
	var got []string
	for _, w := range s.Warnings() {
		got = append(got, w.String()[strings.Index(w.String(), "a.rego"):])
	}
	want := []string{
		"a.rego:4:1: warning: nothing reads the rule allow (what no rule denies or excludes is allowed: say what to deny or exclude instead)",
		"a.rego:6:1: warning: nothing reads the rule budgets (a rule package says deny, exclude, prefer or obligation)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// A rule for tests may be named like one of those that are read.
func TestLoadWarnsOfRulesForTests(t *testing.T) {
	s := load(t, map[string]string{
		"a.rego":      good + "excluded contains \"x\" if input.request.stream\n",
		"a_test.rego": "package sallyport.rules.good_test\n\nimport data.sallyport.rules.good\n\ntest_excluded if good.excluded == {\"x\"} with input.request.stream as true\n",
	})
	if ws := s.Warnings(); len(ws) != 1 || !strings.Contains(ws[0].String(), "a.rego:4:1: warning: nothing reads the rule excluded (did you mean exclude? ") {
		t.Errorf("warnings: %v", ws)
	}
}

func TestLoadWarnsOfMissingData(t *testing.T) {
	s := load(t, map[string]string{
		"a.rego":         good + "p if data.acme.limitz.x\n\nq if data.acme.limits[input.request.model].x\n\nr if data.acme.limits.small.x\n\nprefer.x := 1 if {\n\tp\n\tq\n\tr\n}\n",
		"acme/data.json": `{"limits": {"small": {}}}`,
	})
	var got []string
	for _, w := range s.Warnings() {
		got = append(got, w.String()[strings.Index(w.String(), "a.rego"):])
	}
	want := []string{
		"a.rego:4:6: warning: data.acme.limitz.x does not exist, so the rule would never fire (no rule and no data file of the set gives it)",
		"a.rego:8:6: warning: data.acme.limits.small.x does not exist, so the rule would never fire (no rule and no data file of the set gives it)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestLoadPaths(t *testing.T) {
	if _, err := Load(t.Context(), Config{Paths: []string{filepath.Join(t.TempDir(), "none")}}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a path that is not there: %v", err)
	}
	dir := write(t, map[string]string{"a.rego": good, ".hidden/b.rego": "not rego", "README.md": "text"})
	if _, err := Load(t.Context(), Config{Paths: []string{dir}}); err != nil {
		t.Errorf("hidden folders and other files: %v", err)
	}
	if _, err := Load(t.Context(), Config{Paths: []string{dir, filepath.Join(dir, "a.rego")}}); err == nil || !strings.Contains(err.Error(), "is given twice") {
		t.Errorf("overlapping paths: %v", err)
	}
	if _, err := Load(t.Context(), Config{Paths: []string{filepath.Join(dir, "README.md")}}); err == nil || !strings.Contains(err.Error(), "is not a policy file") {
		t.Errorf("a file of another kind: %v", err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), Config{Paths: []string{dir}}); err == nil || !strings.Contains(err.Error(), "a link to a folder is not followed") {
		t.Errorf("a linked folder: %v", err)
	}
}
