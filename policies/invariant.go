package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// invariantRule is what packages under sallyport.invariants state.
const invariantRule = "invariant"

// Violation is an invariant that does not hold for an input.
type Violation struct {
	Package string `json:"package"` // what follows sallyport.invariants in its package clause, joined with dots
	Name    string `json:"name"`
	Message string `json:"message"`
}

// invariantPackage is the name of a package of invariants; false: m is none.
func invariantPackage(m *ast.Module) (string, bool) {
	path := packagePath(m)
	if len(path) < 3 || path[0] != "sallyport" || path[1] != "invariants" {
		return "", false
	}
	return strings.Join(path[2:], "."), true
}

// invariantPackages are the modules of each package of invariants.
func (b *built) invariantPackages() map[string][]*ast.Module {
	packages := map[string][]*ast.Module{}
	for _, file := range slices.Sorted(maps.Keys(b.modules)) {
		m := b.modules[file]
		if compiled := b.compiler.Modules[file]; compiled != nil {
			m = compiled
		}
		if name, ok := invariantPackage(m); ok {
			packages[name] = append(packages[name], m)
		}
	}
	return packages
}

// checkInvariants finds packages of invariants that state none, or state one in a
// form that is not read: it would never be broken.
func (b *built) checkInvariants() Diagnostics {
	var ds Diagnostics
	const form = `an invariant is a member that must never be there: invariant contains {"name": "…", "message": "…"} if { … }`
	packages := b.invariantPackages()
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		modules := packages[name]
		rules := invariantRules(modules)
		if len(rules) == 0 {
			ds = append(ds, at(modules[0].Package.Loc(), "package sallyport.invariants."+name+" states no invariant", form))
			continue
		}
		ref := append(slices.Clone(modules[0].Package.Path), ast.StringTerm(invariantRule))
		is := setOf(violationShape)
		if t := b.compiler.TypeEnv.GetByRef(ref); len(rules[0].Head.Args) > 0 || t != nil && !is(t) {
			ds = append(ds, at(culprit(rules, is).Loc(), "invariant is "+types.Sprint(t), form))
		}
	}
	return ds
}

func invariantRules(modules []*ast.Module) (rules []*ast.Rule) {
	for _, m := range modules {
		for _, r := range m.Rules {
			if r.Head.Ref()[0].Value.Compare(ast.Var(invariantRule)) == 0 {
				rules = append(rules, r)
			}
		}
	}
	return rules
}

// violationShape is an object of name and message and nothing else.
func violationShape(t types.Type) bool {
	return every(func(t types.Type) bool {
		o, ok := t.(*types.Object)
		if !ok {
			return false
		}
		for _, p := range o.StaticProperties() {
			if p.Key != "name" && p.Key != "message" || !isString(p.Value) {
				return false
			}
		}
		return o.DynamicProperties() != nil || len(o.StaticProperties()) == 2
	})(t)
}

// invariants are those of a set, ready to be evaluated together with the decision
// that they are about.
type invariants struct {
	rules map[string][]*ast.Rule // by package
	query rego.PreparedEvalQuery // of the document below
	fast  *vm.Program            // nil: there is something that it does not do
	facts *factKeys
	value vm.Value // the name of the query's variable
}

// checking is the document that invariants are evaluated as, and its place among
// OPA's plans.
const (
	checkingFile  = embeddedPrefix + "checking.rego"
	checkingEntry = "sallyport/checking/checked"
)

// prepareInvariants is nil where the set states none.
func (b *built) prepareInvariants(ctx context.Context, s *Set, timeout time.Duration) (*invariants, error) {
	packages := b.invariantPackages()
	if len(packages) == 0 {
		return nil, nil
	}
	inv := &invariants{rules: map[string][]*ast.Rule{}}
	var broken []string
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		modules := packages[name]
		inv.rules[name] = invariantRules(modules)
		ref := append(slices.Clone(modules[0].Package.Path), ast.StringTerm(invariantRule))
		broken = append(broken, fmt.Sprintf("%v: %v", ast.StringTerm(name), ref))
	}
	document := fmt.Sprintf("{\"decision\": %s, \"broken\": {%s}}", decisionPath, strings.Join(broken, ", "))
	var err error
	if inv.query, err = s.query(ctx, document); err != nil {
		return nil, fmt.Errorf("prepare invariants: %w", err)
	}
	if s.fast == nil {
		return inv, nil
	}
	m, err := ast.ParseModuleWithOpts(checkingFile, "package sallyport.checking\n\nchecked := "+document+"\n", ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, fmt.Errorf("prepare invariants: %w", err)
	}
	modules := maps.Clone(b.modules)
	modules[checkingFile] = m
	policy, err := plan(ctx, modules, checkingEntry)
	if err != nil {
		return inv, ctx.Err() // the reference will do
	}
	data, err := s.baseDocument(ctx)
	if err != nil {
		return nil, fmt.Errorf("read policy data: %w", err)
	}
	if inv.fast, err = vm.Compile(vm.Config{Policy: policy, Data: data, Strict: true, Timeout: timeout}); err != nil {
		inv.fast = nil
		return inv, ctx.Err()
	}
	inv.facts, inv.value = newFactKeys(inv.fast), inv.fast.Intern("result")
	return inv, nil
}

// holdInvariants prepares the invariants of a set, and refuses it where an input is
// found that breaks one.
func (b *built) holdInvariants(ctx context.Context, s *Set, cfg *Config) error {
	var err error
	if s.invariants, err = b.prepareInvariants(ctx, s, s.timeout); err != nil || cfg.Unproven {
		return err
	}
	ds, err := b.prove(ctx, s, cfg.Logged)
	if err != nil {
		return err
	}
	if s.warnings = append(s.warnings, ds...).inOrder(); ds.failed() {
		return s.warnings
	}
	return nil
}

// testInvariants looks for inputs that break an invariant whose "package.name"
// matches filter. There is one result for each rule that states one.
func (b *built) testInvariants(ctx context.Context, filter string) ([]TestResult, error) {
	chosen, err := regexp.Compile(filter)
	if err != nil {
		return nil, fmt.Errorf("test filter %q: %w", filter, err)
	}
	if len(b.invariantPackages()) == 0 {
		return nil, nil
	}
	s, err := b.prepare(ctx, 0, nil)
	if err != nil {
		return nil, err
	}
	if s.invariants, err = b.prepareInvariants(ctx, s, s.timeout); err != nil {
		return nil, err
	}
	begun := time.Now()
	ds, err := b.prove(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	took := time.Since(begun)
	var results []TestResult
	for _, name := range s.Invariants() {
		for _, r := range s.invariants.rules[name] {
			t := TestResult{Package: "sallyport.invariants." + name, Name: stated(r), File: r.Loc().File, Line: r.Loc().Row, Outcome: Pass, Duration: took}
			for _, d := range ds {
				if d.Severity == SeverityError && (d.File == "" || d.File == t.File && d.Line == t.Line) {
					t.Outcome, t.Message = Fail, d.Message
					if t.Output = d.Example; d.Example == "" {
						t.Outcome = Err
					}
				}
			}
			if chosen.MatchString(t.Package + "." + t.Name) {
				results = append(results, t)
			}
		}
	}
	return results, nil
}

// stated is the name of the invariant that a rule states, where it is written out.
func stated(r *ast.Rule) string {
	if r.Head.Key != nil {
		if o, ok := r.Head.Key.Value.(ast.Object); ok {
			if name := o.Get(ast.InternedTerm("name")); name != nil {
				if s, ok := name.Value.(ast.String); ok {
					return string(s)
				}
			}
		}
	}
	return invariantRule
}

// checked is what the document comes to.
type checked struct {
	Decision json.RawMessage        `json:"decision"`
	Broken   map[string][]Violation `json:"broken"` // by package
}

// violations are all of them, by package and name.
func (c *checked) violations() []Violation {
	var all []Violation
	for _, name := range slices.Sorted(maps.Keys(c.Broken)) {
		for _, v := range c.Broken[name] {
			v.Package = name
			all = append(all, v)
		}
	}
	return all
}

// errNoDecision says that the policy cannot be evaluated, which denies: nothing
// that an invariant forbids can come of it.
var errNoDecision = errors.New("the policy does not decide this input")

func (inv *invariants) check(ctx context.Context, s *Set, in *engine.Input) (*checked, error) {
	raw, ok := inv.checkFast(ctx, in)
	if !ok {
		value, err := inputValue(in)
		if err != nil {
			return nil, errNoDecision
		}
		result, err := s.eval(ctx, inv.query, value)
		if err == nil && result == nil {
			err = errors.New("the decision or an invariant is undefined")
		}
		if err != nil {
			if _, undecided := s.Decide(ctx, in); undecided != nil {
				return nil, errNoDecision
			}
			return nil, err
		}
		if raw, err = appendCanonical(nil, result); err != nil {
			return nil, err
		}
	}
	c := &checked{}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, errors.New("an invariant is not of the form {\"name\": …, \"message\": …}")
	}
	return c, nil
}

func (inv *invariants) checkFast(ctx context.Context, in *engine.Input) ([]byte, bool) {
	if inv.fast == nil {
		return nil, false
	}
	m := inv.fast.Machine()
	defer m.Release()
	input, ok := inv.facts.input(m, in)
	if !ok {
		return nil, false
	}
	results, err := m.Eval(ctx, checkingEntry, input)
	if err != nil {
		return nil, false
	}
	set, _ := results.Elements()
	if len(set) != 1 {
		return nil, false
	}
	raw, err := set[0].Get(inv.value).AppendJSON(make([]byte, 0, 1024))
	return raw, err == nil
}

// place is the rule that states an invariant, or else the first of its package.
func (inv *invariants) place(v Violation) *ast.Location {
	rules := inv.rules[v.Package]
	for _, r := range rules {
		if stated(r) == v.Name {
			return r.Loc()
		}
	}
	return rules[0].Loc()
}

// Violations are the set's invariants that in breaks, by package and name: none
// where the policy cannot be evaluated, which denies.
func (s *Set) Violations(ctx context.Context, in *engine.Input) ([]Violation, error) {
	if s.invariants == nil {
		return nil, nil
	}
	c, err := s.invariants.check(ctx, s, in)
	if errors.Is(err, errNoDecision) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate invariants: %w", err)
	}
	return c.violations(), nil
}

// Invariants are the packages of invariants, sorted: what follows
// sallyport.invariants in their package clauses, joined with dots.
func (s *Set) Invariants() []string {
	if s.invariants == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.invariants.rules))
}
