package vm

import (
	"context"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// TargetName is the name under which Target evaluates for OPA's rego package.
const TargetName = "sallyport"

// Target makes OPA's rego package evaluate with this one, so that whatever runs on
// rego, OPA's conformance cases foremost, can run on it. rego hands a target no
// store: the base document is that of a transaction with a method Data, or none.
type Target struct{}

var _ rego.TargetPlugin = Target{}

// IsTarget implements rego.TargetPlugin.
func (Target) IsTarget(name string) bool { return name == TargetName }

// PrepareForEval implements rego.TargetPlugin.
func (Target) PrepareForEval(_ context.Context, policy *ir.Policy, options ...rego.PrepareOption) (rego.TargetPluginEval, error) {
	prepared := &rego.PrepareConfig{}
	for _, o := range options {
		o(prepared)
	}
	t := &targetEval{config: Config{Policy: policy, Builtins: prepared.BuiltinFuncs()}}
	_, err := Compile(t.config)
	return t, err
}

type targetEval struct {
	once    sync.Once
	config  Config
	program *Program
	err     error
}

// Eval implements rego.TargetPluginEval.
func (t *targetEval) Eval(ctx context.Context, ectx *rego.EvalContext, runtime ast.Value) (ast.Value, error) {
	t.once.Do(func() {
		if txn, ok := ectx.Transaction().(interface{ Data() ast.Value }); ok {
			t.config.Data = txn.Data()
		}
		t.program, t.err = Compile(t.config)
	})
	if t.err != nil {
		return nil, t.err
	}
	m := t.program.Machine()
	defer m.Release()
	var input Value
	given := ectx.ParsedInput()
	if raw := ectx.RawInput(); given == nil && raw != nil {
		var err error
		if given, err = ast.InterfaceToValue(*raw); err != nil {
			return nil, err
		}
	}
	if given != nil {
		var err error
		if input, err = m.FromAST(given); err != nil {
			return nil, err
		}
	}
	m.calls = callContext{seed: ectx.Seed(), print: ectx.PrintHook(), nd: ectx.NDBCache(), caps: ectx.Capabilities(),
		metrics: ectx.Metrics(), cancel: ectx.ExternalCancel()}
	if now := ectx.Time(); !now.IsZero() {
		m.calls.now = timeTerm(now)
	}
	if runtime != nil {
		m.calls.runtime = ast.NewTerm(runtime)
	}
	results, err := m.eval(ctx, "eval", input)
	if err != nil {
		return nil, err
	}
	if ectx.StrictBuiltinErrors() && m.failed != nil {
		return nil, m.failed
	}
	return toAST(results), nil
}

// OPA's form of an Error, for those who look for topdown's.
func (e *Error) Unwrap() error {
	return &topdown.Error{Code: e.Code, Message: e.Message, Location: ast.NewLocation(nil, e.File, e.Row, e.Col)}
}
