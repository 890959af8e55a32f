package policies

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// testTimeout bounds one test rule.
const testTimeout = 5 * time.Second

// TestResult is what one test rule gave.
type TestResult struct {
	Package  string        `json:"package"` // without "data."
	Name     string        `json:"name"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Outcome  Outcome       `json:"outcome"`
	Message  string        `json:"message,omitempty"` // why it did not pass
	Output   string        `json:"output,omitempty"`  // of print; of an invariant, the input that breaks it
	Duration time.Duration `json:"duration_ns"`
}

// Outcome of a test rule.
type Outcome string

const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"  // the rule was not true
	Skip Outcome = "skip"  // its name begins with todo_test_
	Err  Outcome = "error" // it could not be evaluated
)

// TestOptions choose the tests that Test runs.
type TestOptions struct {
	// Run is a regular expression over "package.name" (RE2); "": all tests.
	Run string
	// All runs the library's tests too, and the standard policy's beside a user's;
	// without it only the tests of what the author can change.
	All bool
}

// Report is the result of Test.
type Report struct {
	Results  []TestResult `json:"results"` // tests by file and line, then invariants
	Coverage []Coverage   `json:"coverage"`
	Warnings Diagnostics  `json:"warnings,omitempty"` // of Load and of Lint
}

// Coverage is how much of one file the tests evaluated.
type Coverage struct {
	File       string `json:"file"`
	Covered    int    `json:"covered_lines"`
	NotCovered int    `json:"not_covered_lines"`
	Missing    []int  `json:"missing,omitempty"` // lines, ascending
}

// Passed says whether there is no test that failed or could not be evaluated.
func (r *Report) Passed() bool {
	return !slices.ContainsFunc(r.Results, func(t TestResult) bool { return t.Outcome == Fail || t.Outcome == Err })
}

// Covered is the share of lines, 0..1, that the tests evaluated; 1 where there
// are none.
func (r *Report) Covered() float64 {
	covered, all := 0, 0
	for _, c := range r.Coverage {
		covered += c.Covered
		all += c.Covered + c.NotCovered
	}
	if all == 0 {
		return 1
	}
	return float64(covered) / float64(all)
}

// Test runs the tests of a policy set, looks for inputs that break its invariants,
// each of which counts as a test, and measures what the tests cover. What fails is
// in the report; an error is a Diagnostics of a set that does not compile, or
// says that opts.Run is not a regular expression, or is ctx's.
func Test(ctx context.Context, cfg Config, opts TestOptions) (*Report, error) {
	if _, err := regexp.Compile(opts.Run); err != nil {
		return nil, fmt.Errorf("test filter %q: %w", opts.Run, err)
	}
	b, ds := build(&cfg)
	if ds.failed() {
		return nil, ds.inOrder()
	}
	wanted := map[string]bool{}
	for _, s := range b.sources {
		wanted[s.shown] = opts.All || s.origin == fromUser || len(cfg.Paths)+len(cfg.Bundles) == 0 && s.origin == fromStandard
	}
	covered := cover.New()
	results, err := b.runTests(ctx, covered, opts.Run)
	if err != nil {
		return nil, err
	}
	held, err := b.testInvariants(ctx, opts.Run)
	if err != nil {
		return nil, err
	}
	results = append(results, held...)
	r := &Report{Results: []TestResult{}, Coverage: []Coverage{}}
	for _, d := range append(ds, b.lint()...).inOrder() {
		if wanted[d.File] || d.File == "" {
			r.Warnings = append(r.Warnings, d)
		}
	}
	for _, t := range results {
		if wanted[t.File] {
			r.Results = append(r.Results, t)
		}
	}
	modules := map[string]*ast.Module{}
	for file, m := range b.modules {
		// Invariants are tests: nobody has to test them.
		if _, states := invariantPackage(m); wanted[file] && !states {
			modules[file] = m
		}
	}
	files := covered.Report(modules).Files
	for _, file := range slices.Sorted(maps.Keys(modules)) {
		f, ok := files[file]
		if !ok {
			continue
		}
		c := Coverage{File: file, Covered: f.CoveredLines, NotCovered: f.NotCoveredLines}
		for _, missing := range f.NotCovered {
			for line := missing.Start.Row; line <= missing.End.Row; line++ {
				c.Missing = append(c.Missing, line)
			}
		}
		slices.Sort(c.Missing)
		c.Missing = slices.Compact(c.Missing)
		r.Coverage = append(r.Coverage, c)
	}
	return r, nil
}

// runTests runs every test of the set that filter matches, by file and line.
func (b *built) runTests(ctx context.Context, covered *cover.Cover, filter string) ([]TestResult, error) {
	modules := maps.Clone(b.modules)
	maps.Copy(modules, b.tests)
	store := b.store()
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return nil, fmt.Errorf("open policy data: %w", err)
	}
	defer store.Abort(ctx, txn)
	run := func(configure func(*tester.Runner) *tester.Runner, each func(*tester.Result)) error {
		runner := configure(tester.NewRunner().
			SetCompiler(newCompiler().WithEnablePrintStatements(true)).
			SetStore(store).
			SetModules(modules).
			RaiseBuiltinErrors(true).
			CapturePrintOutput(true).
			SetTimeout(testTimeout))
		ch, err := runner.RunTests(ctx, txn)
		if err != nil {
			return diagnose(err, "").inOrder()
		}
		for r := range ch {
			each(r)
		}
		return ctx.Err()
	}

	var results []TestResult
	var failed []string
	err = run(func(r *tester.Runner) *tester.Runner {
		if covered != nil {
			r = r.SetCoverageQueryTracer(covered).SetCoverageRuns(nil)
		}
		return r.Filter(filter)
	}, func(r *tester.Result) {
		results = append(results, result(r))
		if r.Fail {
			failed = append(failed, regexp.QuoteMeta(r.Package+"."+r.Name))
		}
	})
	if err == nil && len(failed) > 0 {
		// A trace says where a test stopped being true. It costs too much to have for
		// the tests that pass.
		err = run(func(r *tester.Runner) *tester.Runner {
			return r.EnableTracing(true).Filter("^(" + strings.Join(failed, "|") + ")$")
		}, func(r *tester.Result) {
			for i, t := range results {
				if t.Outcome == Fail && t.File == r.Location.File && t.Name == r.Name {
					results[i].Message = stoppedAt(r)
				}
			}
		})
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(results, func(a, b TestResult) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return results, nil
}

func result(r *tester.Result) TestResult {
	t := TestResult{
		Package:  strings.TrimPrefix(r.Package, "data."),
		Name:     r.Name,
		File:     r.Location.File,
		Line:     r.Location.Row,
		Outcome:  Pass,
		Output:   strings.TrimRight(string(r.Output), "\n"),
		Duration: r.Duration,
	}
	switch {
	case r.Error != nil:
		t.Outcome, t.Message = Err, r.Error.Error()
	case r.Fail:
		t.Outcome, t.Message = Fail, "is not true"
	case r.Skip:
		t.Outcome = Skip
	}
	return t
}

// stoppedAt is the last expression of a test's own file that was not true.
func stoppedAt(r *tester.Result) string {
	for _, e := range slices.Backward(r.Trace) {
		if e.Op == topdown.FailOp && e.HasExpr() && e.Location != nil && e.Location.File == r.Location.File {
			text := []rune(strings.Join(strings.Fields(string(e.Location.Text)), " "))
			if len(text) > 120 {
				text = append(text[:119], '…')
			}
			return fmt.Sprintf("line %d is not true: %s", e.Location.Row, string(text))
		}
	}
	return "is not true"
}

// failures are the tests that keep a set from loading.
func failures(results []TestResult) Diagnostics {
	var ds Diagnostics
	for _, t := range results {
		if t.Outcome == Fail || t.Outcome == Err {
			ds = append(ds, Diagnostic{File: t.File, Line: t.Line, Col: 1, Severity: SeverityError,
				Message: fmt.Sprintf("test %s.%s failed: %s", t.Package, t.Name, t.Message), Hint: "sallyport test shows each test"})
		}
	}
	return ds
}
