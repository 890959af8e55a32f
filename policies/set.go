// Package policies is the decision point: it loads, checks, tests and evaluates
// Rego, and hides that there is a Rego engine at all. It is the only package that
// imports OPA.
//
// A policy set is Sallyport's library (lib/, which defines data.sallyport.decision),
// rule packages under sallyport.rules, helper packages, and data. Load reports
// every mistake at once and gives back a Set only where there is none and all of
// the set's own tests pass. A Set never changes; a reload loads another one.
package policies

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// decisionPath is what the library defines and Decide evaluates.
const decisionPath = "data.sallyport.decision"

// Set is a loaded policy set. It is safe for concurrent use, and nothing it was
// loaded from is read again. It implements engine.Decider.
type Set struct {
	sources  []source
	packages []string // of rules, sorted
	revision string
	warnings Diagnostics
	timeout  time.Duration

	compiler *ast.Compiler
	store    storage.Store
	read     storage.Transaction // shared by all evaluations; nothing ever writes
	decision rego.PreparedEvalQuery
	modules  map[string]*ast.Module
	fast     *fastPath  // nil: there is something in the set that it does not do
	recheck  *rechecker // nil: nobody wants to know
	queries  *preparedQueries

	invariants *invariants // nil: none is stated
}

var _ engine.Decider = (*Set)(nil)

// Revision is "sha256:" and the hex digest of everything that decides: the
// library, the rules, the invariants and the data, but not the tests. It depends on the files'
// names within their folders and on their bytes alone.
func (s *Set) Revision() string { return s.revision }

// Warnings are what the set's authors should know and what does not keep it from
// deciding.
func (s *Set) Warnings() Diagnostics { return slices.Clone(s.warnings) }

// Packages are the names of the rule packages, sorted: what follows
// sallyport.rules in their package clauses, joined with dots.
func (s *Set) Packages() []string { return slices.Clone(s.packages) }

// File is one file of a policy set.
type File struct {
	// Path is "lib/…" or "standard/…" for what the program carries and "N/…" for a
	// file of Config.Paths[N], slash-separated.
	Path  string
	Bytes []byte // must not be changed
}

// Files are all files the set was loaded from, tests included. Written to a
// folder, they load as the same revision: Config.FS is the folder, Config.Paths
// its numbered folders in order, Config.Standard whether "standard" is there.
func (s *Set) Files() []File {
	files := make([]File, len(s.sources))
	for i, src := range s.sources {
		files[i] = File{Path: src.kept(), Bytes: src.bytes}
	}
	return files
}

// Decide evaluates the set on in. It reads nothing but in and the set and gives the
// same Raw bytes for the same input. It may look at in again later, so in must not
// be changed; the decision may be shared and must not be changed either. Every error means
// deny: a conflict, a failed built-in, a contribution in the wrong shape, a spent
// time limit, an ended ctx. The error names the rule where there is one.
func (s *Set) Decide(ctx context.Context, in *engine.Input) (*engine.Decision, error) {
	if s.fast != nil && !s.fast.off.Load() {
		d, err := s.fast.decide(ctx, in, s.revision)
		switch {
		case err == nil:
			if s.recheck != nil {
				s.recheck.offer(in, d)
			}
			return d, nil
		case errors.Is(err, vm.ErrSteps), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			return nil, fmt.Errorf("evaluate policy: %w", err)
		case errors.Is(err, errFault):
			s.fast.off.Store(true)
			if s.recheck != nil {
				s.recheck.mismatch(Mismatch{Revision: s.revision, Input: in, CompiledError: err.Error()})
			}
		}
		// The reference has the last word on what went wrong, if anything did.
	}
	return s.reference(ctx, in)
}

// reference is Decide as OPA's own evaluator does it.
func (s *Set) reference(ctx context.Context, in *engine.Input) (*engine.Decision, error) {
	value, err := inputValue(in)
	if err != nil {
		return nil, err
	}
	tracker := &topdown.EvaluatedRuleTracker{}
	result, err := s.eval(ctx, s.decision, value, rego.EvalEvaluatedRuleTracker(tracker))
	if err != nil {
		return nil, err
	}
	if result == nil {
		return nil, errors.New(decisionPath + " is undefined")
	}
	raw, err := appendCanonical(make([]byte, 0, 1024), result)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", decisionPath, err)
	}
	d, err := decodeDecision(result, raw)
	if err != nil {
		return nil, err
	}
	d.Revision = s.revision
	d.Controls = controls(tracker.Labels)
	return d, nil
}

// eval runs one prepared query under the set's time limit; nil: undefined.
func (s *Set) eval(ctx context.Context, q rego.PreparedEvalQuery, input ast.Value, opts ...rego.EvalOption) (ast.Value, error) {
	ctx, done := context.WithTimeout(ctx, s.timeout)
	defer done()
	// Without a canceller of its own each query starts a goroutine to watch ctx.
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()

	var result ast.Value
	opts = append(opts,
		rego.EvalParsedInput(input),
		rego.EvalTransaction(s.read),
		rego.EvalExternalCancel(cancel),
		rego.EvalMetrics(metrics.NoOp()),
		rego.EvalGenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) {
			result = t.Value
			return nil, nil
		}),
	)
	if _, err := q.Eval(ctx, opts...); err != nil {
		if topdown.IsCancel(err) {
			err = context.Cause(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				return nil, fmt.Errorf("the policy did not decide within %v: %w", s.timeout, err)
			}
		}
		return nil, fmt.Errorf("evaluate policy: %w", err)
	}
	return result, nil
}

// knownObligations are the members of engine.Obligations.
var knownObligations = [...]string{
	"budget", "disclose_target", "hedge", "inspect_completion", "log", "lossy", "max_cost_usd", "max_output_tokens",
	"on_completion_finding", "on_miss", "priority_max", "redact", "restore", "strip_tools",
}

// decodeDecision reads the library's result, raw being its canonical JSON. The
// library's own checks have passed or it says so in a reason with the code
// policy_error.
func decodeDecision(result ast.Value, raw []byte) (*engine.Decision, error) {
	unknown, err := unknownObligations(result)
	if err != nil {
		return nil, err
	}
	d := &engine.Decision{}
	if err := json.Unmarshal(raw, d, json.RejectUnknownMembers(unknown == nil), json.WithUnmarshalers(passOver)); err != nil {
		return nil, fmt.Errorf("%s has the wrong shape: %w", decisionPath, err)
	}
	for _, r := range d.Deny {
		if r.Code == engine.ReasonPolicyError {
			return nil, fmt.Errorf("rule package %q: %s", r.Rule, r.Message)
		}
	}
	d.Obligations.Unknown = unknown
	d.Raw = raw
	return d, nil
}

// passOver leaves out an obligation that was passed on.
var passOver = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ *engine.Lossy) error {
	if dec.PeekKind() == '[' {
		return dec.SkipValue()
	}
	return errors.ErrUnsupported // for the package to read it
})

// passedOn says whether an obligation was written by a library that does not know
// it, as the set of the stated values: the copy of a policy that was in force
// before this program's version has the library of its time.
func passedOn(name string, value *ast.Term) bool {
	_, list := value.Value.(ast.Set)
	return name == "lossy" && list
}

// unknownObligations are the obligations that engine.Obligations has no member
// for, or that the policy's own library does not know, sorted.
func unknownObligations(result ast.Value) ([]string, error) {
	found, err := result.Find(ast.Ref{ast.InternedTerm("obligations")})
	if err != nil {
		return nil, fmt.Errorf("%s has no obligations", decisionPath)
	}
	obligations, ok := found.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("%s.obligations is not an object", decisionPath)
	}
	var unknown []string
	for _, k := range obligations.Keys() {
		name, _ := k.Value.(ast.String)
		if !slices.Contains(knownObligations[:], string(name)) || passedOn(string(name), obligations.Get(k)) {
			unknown = append(unknown, string(name))
		}
	}
	slices.Sort(unknown)
	return unknown, nil
}

// controls are the values of the label "control", which is a string or a list of
// strings, sorted and each once.
func controls(labels []map[string]any) []string {
	var all []string
	for _, l := range labels {
		switch c := l["control"].(type) {
		case string:
			all = append(all, c)
		case []any:
			for _, v := range c {
				if s, ok := v.(string); ok {
					all = append(all, s)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
