package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/ir"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

// plan is OPA's plan for one document of the modules. The modules are compiled
// once more on the way, for OPA has no way to plan what is compiled.
func plan(ctx context.Context, modules map[string]*ast.Module, entrypoint string) (_ *ir.Policy, err error) {
	// OPA's planner panics on some replacements of built-ins by with.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("OPA's planner gave up: %v", r)
		}
	}()
	b := &bundle.Bundle{Data: map[string]any{}}
	b.Manifest.Init()
	for name, m := range modules {
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: name, Path: name, Parsed: m})
	}
	slices.SortFunc(b.Modules, func(x, y bundle.ModuleFile) int { return strings.Compare(x.URL, y.URL) })
	c := compile.New().
		WithCapabilities(capabilities()).
		WithRegoVersion(ast.RegoV1).
		WithTarget(compile.TargetPlan).
		WithPruneUnused(true).
		WithEntrypoints(entrypoint).
		WithBundle(b)
	if err := c.Build(ctx); err != nil {
		return nil, err
	}
	plans := c.Bundle().PlanModules
	if len(plans) == 0 {
		return nil, errors.New("OPA made no plan")
	}
	policy := &ir.Policy{}
	if err := json.Unmarshal(plans[0].Raw, policy); err != nil {
		return nil, fmt.Errorf("read OPA's plan: %w", err)
	}
	return policy, nil
}

// labelled are the rules that have control labels.
type labelled struct {
	places   []vm.Place
	controls [][]string // of each of them, sorted
}

func (b *built) labelled() labelled {
	var l labelled
	notes := b.compiler.GetAnnotationSet()
	for _, name := range slices.Sorted(maps.Keys(b.compiler.Modules)) {
		ast.WalkRules(b.compiler.Modules[name], func(r *ast.Rule) bool {
			labels, _ := notes.MergedLabels(r)
			if c := controls([]map[string]any{labels}); len(c) > 0 && r.Head.Loc() != nil {
				loc := r.Head.Loc()
				l.places = append(l.places, vm.Place{File: loc.File, Row: loc.Row, Col: loc.Col})
				l.controls = append(l.controls, c)
			}
			return false
		})
	}
	return l
}

// slowWarning says why a set is evaluated by OPA's own evaluator, which takes some
// hundred microseconds where the compiled form takes some ten.
func slowWarning(err error) Diagnostic {
	d := Diagnostic{Severity: SeverityWarning, Rule: lintSlow, Message: "decisions of this set are evaluated slowly: " + err.Error(),
		Hint: "decisions are the same; write this rule in another way to have them faster"}
	if u, ok := errors.AsType[*vm.Unsupported](err); ok {
		d.File, d.Line, d.Col = u.File, u.Row, u.Col
		d.Message = "decisions of this set are evaluated slowly, for " + u.What + " is not compiled"
	}
	return d
}
