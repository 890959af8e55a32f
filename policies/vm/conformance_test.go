package vm_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/util"
)

// The passing cases of OPA's own suite, of 2,027 and 2,400. What keeps the rest
// from passing stands in conformance-exceptions.txt; these numbers may not fall.
const (
	passingV0 = 2027
	passingV1 = 2400
)

// TestConformance runs the cases that OPA tests its evaluator with. What OPA
// itself does with a case is checked too, so that an exception is known to be the
// harness's and not ours.
func TestConformance(t *testing.T) {
	sequential(t)
	exceptions := readExceptions(t)
	dir := opaDir(t)
	for _, suite := range []struct {
		name    string
		version ast.RegoVersion
		cases   int
		passing int
	}{
		{"v0", ast.RegoV0, 2027, passingV0},
		{"v1", ast.RegoV1, 2400, passingV1},
	} {
		set := cases.MustLoad(filepath.Join(dir, "v1/test/cases/testdata", suite.name)).Sorted().Cases
		if len(set) != suite.cases {
			t.Errorf("%s: %d cases, want %d", suite.name, len(set), suite.cases)
		}
		for _, target := range []string{reference, underTest} {
			failed := runCases(t, set, suite.version, target)
			passing := len(set) - len(failed)
			t.Logf("%s on %s: %d of %d pass", suite.name, target, passing, len(set))
			if passing < suite.passing {
				t.Errorf("%s on %s: %d cases pass, want at least %d", suite.name, target, passing, suite.passing)
			}
			for _, id := range slices.Sorted(maps.Keys(failed)) {
				if _, listed := exceptions[suite.name+"/"+id]; !listed {
					t.Errorf("%s/%s on %s: %v", suite.name, id, target, failed[id])
				}
			}
			if target != underTest {
				continue
			}
			for name := range exceptions {
				if id, ok := strings.CutPrefix(name, suite.name+"/"); ok && failed[id] == nil {
					t.Errorf("%s is listed as an exception and passes, or is no case", name)
				}
			}
		}
	}
}

// runCases gives the failures by the case's note.
func runCases(t *testing.T, set []cases.TestCase, version ast.RegoVersion, target string) map[string]error {
	var mu sync.Mutex
	failed := map[string]error{}
	run := func(c cases.TestCase) {
		if err := runCase(t.Context(), c, version, target); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed[c.Note] = err
		}
	}
	work := make(chan cases.TestCase)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for c := range work {
				run(c)
			}
		})
	}
	for _, c := range set {
		if len(c.Env) == 0 {
			work <- c
		}
	}
	close(work)
	wg.Wait()
	for _, c := range set { // the environment is shared, so alone
		for k, v := range c.Env {
			t.Setenv(k, v)
		}
		if len(c.Env) > 0 {
			run(c)
		}
	}
	return failed
}

func runCase(ctx context.Context, c cases.TestCase, version ast.RegoVersion, target string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p := program{sources: c.Modules, options: ast.ParserOptions{RegoVersion: version}, query: c.Query, strict: c.StrictError}
	if c.ExperimentalKeywords {
		p.options.Capabilities = ast.CapabilitiesForThisVersion(ast.CapabilitiesExperimentalKeywords(true))
	}
	if c.Data != nil {
		p.data = *c.Data
	}
	ready, err := p.prepare(ctx, target)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	var input ast.Value
	switch {
	case c.InputTerm != nil:
		term, err := ast.ParseTerm(*c.InputTerm)
		if err != nil {
			return err
		}
		input = term.Value
	case c.Input != nil:
		if input, err = ast.InterfaceToValue(*c.Input); err != nil {
			return err
		}
	}
	got := ready.eval(ctx, input)
	if c.WantError == nil && c.WantErrorCode == nil { // an error that is wanted overrides a result
		switch {
		case got.err != nil:
			return got.err
		case c.WantResult == nil:
			return errors.New("the case wants nothing")
		}
		return compareResults(*c.WantResult, got.results, c.SortBindings)
	}
	if got.err == nil {
		return fmt.Errorf("an error is wanted, got %v", *got.value)
	}
	if c.WantErrorCode != nil && code(got.err) != *c.WantErrorCode {
		return fmt.Errorf("error code %s, want %s (%v)", code(got.err), *c.WantErrorCode, got.err)
	}
	if c.WantError != nil && !strings.Contains(got.err.Error(), *c.WantError) {
		return fmt.Errorf("error %q, want %q", got.err, *c.WantError)
	}
	return nil
}

// compareResults compares as OPA's own test does: what a case wants is JSON, so
// the terms go through JSON too, and sets are arrays in an order of their own.
func compareResults(want []map[string]any, got []map[string]*ast.Term, sorted bool) error {
	wanted, gotten := ast.NewSet(), ast.NewSet()
	for _, bindings := range want {
		v, err := ast.InterfaceToValue(bindings)
		if err != nil {
			return err
		}
		wanted.Add(ast.NewTerm(v))
	}
	for _, bindings := range got {
		object := ast.NewObject()
		for name, term := range bindings {
			doc, err := ast.JSON(term.Value)
			if err != nil {
				return err
			}
			if list, ok := doc.([]any); ok && sorted {
				slices.SortFunc(list, util.Compare)
			}
			v, err := ast.InterfaceToValue(doc)
			if err != nil {
				return err
			}
			object.Insert(ast.StringTerm(name), ast.NewTerm(v))
		}
		gotten.Add(ast.NewTerm(object))
	}
	if wanted.Compare(gotten) != 0 {
		return fmt.Errorf("%v, want %v", gotten, wanted)
	}
	return nil
}

// opaDir is where the module of OPA lies: its cases are files of it.
func opaDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/opa").Output()
	if err != nil {
		t.Fatalf("find OPA's module: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// readExceptions gives the reasons by the case's name. A line is the name and the
// reason, with " | " between them; a line that begins with # says something about
// the file.
func readExceptions(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/conformance-exceptions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	exceptions := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, ok := strings.Cut(line, " | ")
		if !ok || strings.TrimSpace(reason) == "" {
			t.Fatalf("exception without a reason: %s", line)
		}
		if _, twice := exceptions[name]; twice {
			t.Fatalf("%s is listed twice", name)
		}
		exceptions[name] = reason
	}
	return exceptions
}
