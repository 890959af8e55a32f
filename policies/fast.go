package policies

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// fastPath decides with compiled closures. It gives what the reference, OPA's
// topdown, gives, or an error: whatever is unusual is left to the reference.
type fastPath struct {
	program  *vm.Program
	facts    *factKeys
	rules    labelled
	result   vm.Value // the name of the query's variable
	decision decisionKeys
	cache    *decisionCache // nil: decisions depend on the whole input
	off      atomic.Bool    // it was wrong once
}

// decisionEntry is decisionPath as OPA's plans name it.
const decisionEntry = "sallyport/decision"

// compileFast makes the fast path of a checked set.
func (b *built) compileFast(ctx context.Context, data ast.Value, timeout time.Duration) (*fastPath, error) {
	if u := vm.Check(b.compiler.Modules); u != nil {
		return nil, u
	}
	policy, err := b.planDecision(ctx)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	f := &fastPath{rules: b.labelled()}
	f.program, err = vm.Compile(vm.Config{Policy: policy, Data: data, Rules: f.rules.places, Strict: true, Timeout: timeout})
	if err != nil {
		return nil, err
	}
	f.facts = newFactKeys(f.program)
	f.decision = newDecisionKeys(f.program)
	f.cache = newDecisionCache(f.program.Reads(), DefaultCacheBytes)
	f.result = f.program.Intern("result")
	return f, nil
}

// planDecision plans the library over contributions that are named as they are: the
// detour that hides their types (bindContributions) has served the checks. Where
// the library cannot be compiled over a type, the detour stays.
func (b *built) planDecision(ctx context.Context) (*ir.Policy, error) {
	modules := maps.Clone(b.modules)
	if m, ds := b.contributed("%v"); len(ds) == 0 {
		modules[generatedFile] = m
		if policy, err := plan(ctx, modules, decisionEntry); err == nil {
			return policy, nil
		}
	}
	return plan(ctx, b.modules, decisionEntry)
}

// baseDocument is a set's data as OPA has it.
func (s *Set) baseDocument(ctx context.Context) (ast.Value, error) {
	root, err := s.store.Read(ctx, s.read, storage.RootPath)
	if err != nil {
		return nil, err
	}
	v, ok := root.(ast.Value)
	if !ok {
		return nil, fmt.Errorf("data is a %T", root)
	}
	return v, nil
}

// errUnusual leaves a decision to the reference.
var errUnusual = errors.New("not for the fast path")

func (f *fastPath) decide(ctx context.Context, in *engine.Input, revision string) (*engine.Decision, error) {
	if f.cache == nil {
		return f.evaluate(ctx, in, revision)
	}
	known, q := f.cache.find(in)
	if known != nil {
		return known, nil
	}
	d, err := f.evaluate(ctx, in, revision)
	f.cache.keep(q, d)
	return d, err
}

// errFault is a panic of the compiled form, which is then used no longer.
var errFault = errors.New("the compiled policy failed")

func (f *fastPath) evaluate(ctx context.Context, in *engine.Input, revision string) (_ *engine.Decision, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errFault, r)
		}
	}()
	m := f.program.Machine()
	defer m.Release()
	input, ok := f.facts.input(m, in)
	if !ok {
		return nil, errUnusual
	}
	results, err := m.Eval(ctx, decisionEntry, input)
	if err != nil {
		return nil, err
	}
	set, _ := results.Elements()
	if len(set) != 1 {
		return nil, errUnusual
	}
	v := set[0].Get(f.result)
	d, ok := f.decision.decode(v)
	if !ok {
		return nil, errUnusual
	}
	if d.Raw, err = v.AppendJSON(make([]byte, 0, 1024)); err != nil {
		return nil, errUnusual
	}
	d.Controls, d.Revision = f.controls(m), revision
	return d, nil
}

// controls are those of the rules that fired, sorted and each once.
func (f *fastPath) controls(m *vm.Machine) []string {
	var all []string
	shared := true // all is a rule's own list
	m.Fired(func(rule int) {
		switch more := f.rules.controls[rule]; {
		case all == nil:
			all = more
		case shared:
			all, shared = slices.Concat(all, more), false
		default:
			all = append(all, more...)
		}
	})
	if shared {
		return all
	}
	slices.Sort(all)
	return slices.Compact(all)
}
