package policies

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/sallyport-ai/sallyport/engine"
)

// Explanation says how a decision came about.
type Explanation struct {
	Decision *engine.Decision `json:"decision,omitempty"` // nil where evaluation failed
	Error    string           `json:"error,omitempty"`
	// Fired are the rules that held and what each of them contributed, in the order
	// of package, file and line. Helper rules are among them.
	Fired []Fired `json:"fired"`
}

// Fired is a rule outside the library that held.
type Fired struct {
	Package string `json:"package"` // without "data."
	Rule    string `json:"rule"`    // its head, such as exclude["cloud"]
	File    string `json:"file"`
	Line    int    `json:"line"`
	Title   string `json:"title,omitempty"`   // of its annotations
	Control string `json:"control,omitempty"` // its control labels, separated by commas
	// Value is what it gave, as Rego prints it: a reason, a weight, an obligation's
	// value.
	Value string `json:"value"`
}

// Explain decides in and says which rules fired. It evaluates under a trace, which
// costs an order of magnitude more than Decide: it is for people, not for traffic.
// An error of the policy is in the Explanation.
func (s *Set) Explain(ctx context.Context, in *engine.Input) (*Explanation, error) {
	value, err := inputValue(in)
	if err != nil {
		return nil, err
	}
	d, failure := s.Decide(ctx, in)
	fired := &firedTracer{rules: []Fired{}, seen: map[Fired]bool{}, notes: s.compiler.GetAnnotationSet()}
	traced := *s
	traced.timeout = traceFactor * s.timeout
	if _, err := traced.eval(ctx, s.decision, value, rego.EvalQueryTracer(fired)); err != nil && failure == nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := &Explanation{Decision: d, Fired: fired.rules}
	if failure != nil {
		e.Error = failure.Error()
	}
	slices.SortFunc(e.Fired, func(a, b Fired) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Value, b.Value))
	})
	return e, nil
}

// traceFactor is how much longer a traced evaluation may take; the trace costs
// about twelvefold.
const traceFactor = 20

// firedTracer collects the rules outside the library that were left with success.
type firedTracer struct {
	rules []Fired
	seen  map[Fired]bool
	notes *ast.AnnotationSet
}

func (*firedTracer) Enabled() bool { return true }

func (*firedTracer) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: true} }

func (f *firedTracer) TraceEvent(e topdown.Event) {
	rule, ok := e.Node.(*ast.Rule)
	if e.Op != topdown.ExitOp || !ok || rule.Module == nil || rule.Location == nil {
		return
	}
	if strings.HasPrefix(rule.Location.File, embeddedPrefix+"lib/") || rule.Location.File == generatedFile {
		return
	}
	plug := func(t *ast.Term) *ast.Term {
		if t == nil || e.Locals == nil {
			return t
		}
		plugged, err := ast.TransformVars(t.Copy().Value, func(v ast.Var) (ast.Value, error) {
			if value := e.Locals.Get(v); value != nil {
				return value, nil
			}
			return v, nil
		})
		if v, ok := plugged.(ast.Value); ok && err == nil {
			return ast.NewTerm(v)
		}
		return t
	}
	head := rule.Head
	ref := slices.Clone(head.Ref())
	for i := 1; i < len(ref); i++ {
		ref[i] = plug(ref[i])
	}
	value := head.Value
	if head.RuleKind() == ast.MultiValue {
		value = head.Key
	}
	fired := Fired{
		Package: strings.TrimPrefix(rule.Module.Package.Path.String(), "data."),
		Rule:    ref.String(),
		File:    rule.Location.File,
		Line:    rule.Location.Row,
		Value:   plug(value).String(),
	}
	for _, note := range f.notes.GetRuleScope(rule) {
		fired.Title = cmp.Or(fired.Title, note.Title)
	}
	if labels, _ := f.notes.MergedLabels(rule); labels != nil {
		fired.Control = strings.Join(controls([]map[string]any{labels}), ",")
	}
	if !f.seen[fired] {
		f.seen[fired] = true
		f.rules = append(f.rules, fired)
	}
}
