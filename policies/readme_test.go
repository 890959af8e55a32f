package policies

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"
)

// The README's Rego loads, passes its tests and is laid out as it should be; its
// settings are the standard policy's.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for i, block := range regexp.MustCompile("(?s)```rego\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		name := fmt.Sprintf("block%d.rego", i)
		if strings.Contains(block[1], "\ntest_") {
			name = fmt.Sprintf("block%d_test.rego", i)
		}
		files[name] = block[1]
		if got, err := Format([]byte(block[1]), name); err != nil || string(got) != block[1] {
			t.Errorf("%s is not formatted (%v)", name, err)
		}
	}
	if len(files) != 4 {
		t.Errorf("%d Rego blocks, want 4", len(files))
	}
	s := load(t, files)
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}

	// As "opa test" would run them.
	modules := map[string]*ast.Module{}
	for name, text := range files {
		modules[name] = ast.MustParseModule(text)
	}
	for _, name := range []string{"lib/kinds.rego", "lib/testing.rego"} {
		text, err := fs.ReadFile(Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = ast.MustParseModule(string(text))
	}
	results, err := tester.NewRunner().SetModules(modules).RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		if !r.Pass() {
			t.Errorf("plain OPA: %v", r)
		}
	}
	if ran != 2 {
		t.Errorf("plain OPA ran %d tests, want 2", ran)
	}

	settings := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(string(readme))
	if settings == nil {
		t.Fatal("no settings")
	}
	dir := write(t, map[string]string{"sallyport/settings/data.yaml": settings[1]})
	given, err := Load(t.Context(), Config{Paths: []string{"standard", dir}})
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"threshold", "required_classifiers", "denied_kinds", "dangerous_tools", "simple_below", "demanding_from"} {
		a, errA := given.Query(t.Context(), "sallyport/rules/settings/"+name, nil)
		b, errB := defaults.Query(t.Context(), "sallyport/rules/settings/"+name, nil)
		if errA != nil || errB != nil || a.Result == nil || string(a.Result) != string(b.Result) {
			t.Errorf("%s: README says %s (%v), the policy %s (%v)", name, a.Result, errA, b.Result, errB)
		}
		read, err := given.Query(t.Context(), "sallyport/settings/"+name, nil)
		if err != nil || string(read.Result) != string(a.Result) {
			t.Errorf("%s is not read from data: %s, %v", name, read.Result, err)
		}
	}
}
