package policies

import (
	"cmp"
	"context"
	"maps"
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
	// Denied are the rules that denied the request, Obliged those that put an
	// obligation on it, and Targets say for each candidate, by name, what became of it.
	Denied  []Fired           `json:"denied"`
	Obliged []Fired           `json:"obliged"`
	Targets []TargetExplained `json:"targets"`
	// Fired are all rules that held and what each of them contributed, in the order of
	// package, file and line. Helper rules are among them.
	Fired []Fired `json:"fired"`
}

// TargetExplained is what policy says of one candidate.
type TargetExplained struct {
	Name      string  `json:"name"`
	Posture   string  `json:"posture"`
	Permitted bool    `json:"permitted"` // no rule excludes it
	Weight    float64 `json:"weight"`    // of all preferences together; 1 where there is none
	Excluded  []Fired `json:"excluded,omitempty"`
	Preferred []Fired `json:"preferred,omitempty"`
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
	// Code and Message are those of a reason.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Contributes is deny, exclude, prefer or obligation, and Name the target or the
	// obligation it is about; "" of a helper.
	Contributes string `json:"contributes,omitempty"`
	Name        string `json:"name,omitempty"`
	// Facts are what it read of the input; of a rule that contributes, also what its
	// helpers did, whether they held or not. At most 48, by helper and path.
	Facts []Fact `json:"facts,omitempty"`
}

// Explain decides in and says which rules fired and what they read. It evaluates a
// second time, under a trace, which costs an order of magnitude more than Decide: it
// is for people, not for traffic. An error of the policy is in the Explanation.
func (s *Set) Explain(ctx context.Context, in *engine.Input) (*Explanation, error) {
	value, err := inputValue(in)
	if err != nil {
		return nil, err
	}
	d, failure := s.Decide(ctx, in)
	fired := &firedTracer{rules: []Fired{}, seen: map[string]bool{}, notes: s.compiler.GetAnnotationSet(), facts: newFactReader(s, value)}
	traced := *s
	traced.timeout = traceFactor * s.timeout
	if _, err := traced.eval(ctx, s.decision, value, rego.EvalQueryTracer(fired)); err != nil && failure == nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := &Explanation{Decision: d, Fired: fired.rules, Denied: []Fired{}, Obliged: []Fired{}, Targets: []TargetExplained{}}
	if failure != nil {
		e.Error = failure.Error()
	}
	slices.SortFunc(e.Fired, func(a, b Fired) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Value, b.Value))
	})
	e.group(in)
	return e, nil
}

// group sorts what fired by what it did.
func (e *Explanation) group(in *engine.Input) {
	for _, f := range e.Fired {
		switch f.Contributes {
		case "deny":
			e.Denied = append(e.Denied, f)
		case "obligation":
			e.Obliged = append(e.Obliged, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Targets)) {
		facts := in.Targets[name]
		t := TargetExplained{Name: name, Posture: facts.Posture, Weight: 1}
		if e.Decision != nil {
			t.Permitted = len(e.Decision.Exclude[name]) == 0
			if w, ok := e.Decision.Prefer[name]; ok {
				t.Weight = w
			}
		}
		for _, f := range e.Fired {
			if f.Name != name && f.Name != facts.Target {
				continue
			}
			switch f.Contributes {
			case "exclude":
				t.Excluded = append(t.Excluded, f)
			case "prefer":
				t.Preferred = append(t.Preferred, f)
			}
		}
		e.Targets = append(e.Targets, t)
	}
}

// traceFactor is how much longer a traced evaluation may take; the trace costs
// about twelvefold.
const traceFactor = 20

// firedTracer collects the rules outside the library that were left with success.
type firedTracer struct {
	rules []Fired
	seen  map[string]bool
	notes *ast.AnnotationSet
	facts *factReader
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
	value = plug(value)
	fired := Fired{
		Package: strings.TrimPrefix(rule.Module.Package.Path.String(), "data."),
		Rule:    ref.String(),
		File:    rule.Location.File,
		Line:    rule.Location.Row,
		Value:   value.String(),
	}
	if _, ok := rulePackage(rule.Module); ok {
		fired.Contributes = contribution(rule)
	}
	if fired.Contributes != "" && fired.Contributes != "deny" && len(ref) > 1 {
		fired.Name = textOf(ref[1])
	}
	if reason, ok := value.Value.(ast.Object); ok && (fired.Contributes == "deny" || fired.Contributes == "exclude") {
		fired.Code, fired.Message = textOf(reason.Get(ast.InternedTerm("code"))), textOf(reason.Get(ast.InternedTerm("message")))
	}
	for _, note := range f.notes.GetRuleScope(rule) {
		fired.Title = cmp.Or(fired.Title, note.Title)
	}
	if labels, _ := f.notes.MergedLabels(rule); labels != nil {
		fired.Control = strings.Join(controls([]map[string]any{labels}), ",")
	}
	if key := strings.Join([]string{fired.File, fired.Package, fired.Rule, fired.Value, string(rule.Location.Text)}, "\x00"); !f.seen[key] {
		f.seen[key] = true
		fired.Facts = f.facts.read(rule, plug, fired.Contributes, fired.Name)
		f.rules = append(f.rules, fired)
	}
}

// textOf is a string's text; "": t is none.
func textOf(t *ast.Term) string {
	if t == nil {
		return ""
	}
	s, _ := t.Value.(ast.String)
	return string(s)
}
