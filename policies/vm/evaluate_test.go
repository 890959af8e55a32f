package vm_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

// The names of the two evaluators, as rego.Target takes them: the reference and
// the one under test.
const (
	reference = "rego"
	underTest = vm.TargetName
)

// program is what both evaluators are given. Each prepares it for itself: the
// compiler rewrites modules differently for a plan.
type program struct {
	sources []string
	options ast.ParserOptions
	query   string
	data    map[string]any
	strict  bool // errors of built-ins end the evaluation
	// unindexed leaves out OPA's index of comprehensions, which evaluates them for
	// values that they are never asked for, and fails where one of those does.
	unindexed bool
}

// prepared is a program made ready for one evaluator. It is safe for concurrent use.
type prepared struct {
	query   rego.PreparedEvalQuery
	txn     storage.Transaction
	modules map[string]*ast.Module // compiled
}

// outcome is what an evaluation came to.
type outcome struct {
	results []map[string]*ast.Term // by name of the query's variable
	value   *ast.Set               // of the results, each an object
	err     error
}

func (p program) prepare(ctx context.Context, target string) (_ *prepared, err error) {
	defer recovered(&err)
	query, err := ast.ParseBodyWithOpts(p.query, ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: p.options.Capabilities})
	if err != nil {
		return nil, fmt.Errorf("parse query: %w", err)
	}
	store, err := newStore(ctx, p.data)
	if err != nil {
		return nil, err
	}
	var compiler *ast.Compiler
	options := []func(*rego.Rego){
		rego.CompilerHook(func(c *ast.Compiler) { compiler = c }),
		rego.ParsedQuery(query), rego.Target(target), rego.Store(store), rego.Transaction(store.txn), rego.StrictBuiltinErrors(p.strict),
		rego.SetRegoVersion(p.options.RegoVersion), rego.Function1(sleepDecl, sleep),
	}
	if p.unindexed {
		compiler = ast.NewCompiler().WithSkipStages(ast.StageBuildComprehensionIndices)
		options = append(options, rego.Compiler(compiler))
	}
	for i, source := range p.sources {
		name := fmt.Sprintf("test-%d.rego", i)
		m, err := ast.ParseModuleWithOpts(name, source, p.options)
		if err != nil {
			return nil, err
		}
		options = append(options, rego.ParsedModule(m))
	}
	q, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	return &prepared{query: q, txn: store.txn, modules: compiler.Modules}, nil
}

// sleepDecl is a built-in that one of OPA's cases needs and OPA has in its tests only.
var sleepDecl = &rego.Function{Name: "test.sleep", Decl: types.NewFunction(types.Args(types.S), types.Nl)}

func sleep(_ rego.BuiltinContext, duration *ast.Term) (*ast.Term, error) {
	text, _ := duration.Value.(ast.String)
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return nil, err
	}
	time.Sleep(d)
	return ast.InternedNullTerm, nil
}

// moment is the clock of every evaluation.
var moment = time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)

// eval evaluates for one input; nil: no input.
func (p *prepared) eval(ctx context.Context, input ast.Value) (out outcome) {
	defer recovered(&out.err)
	options := []rego.EvalOption{
		rego.EvalTransaction(p.txn),
		rego.EvalTime(moment),
		rego.EvalMetrics(metrics.NoOp()),
		rego.EvalGenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t, nil }),
	}
	if input != nil {
		options = append(options, rego.EvalParsedInput(input))
	}
	rs, err := p.query.Eval(ctx, options...)
	if err != nil {
		return outcome{err: err}
	}
	value := ast.NewSet()
	for _, r := range rs {
		bindings := map[string]*ast.Term{}
		object := ast.NewObject()
		for name, term := range r.Bindings {
			bindings[name] = term.(*ast.Term)
			object.Insert(ast.StringTerm(name), term.(*ast.Term))
		}
		out.results = append(out.results, bindings)
		value.Add(ast.NewTerm(object))
	}
	out.value = &value
	return out
}

// code is the kind of an error that both evaluators must agree on.
func code(err error) string {
	var e *topdown.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	default:
		return "other: " + err.Error()
	}
}

// difference says how two outcomes of the same program and input differ; "": not.
func difference(want, got outcome) string {
	switch {
	case code(want.err) != code(got.err), want.err == nil && (*want.value).Compare(*got.value) != 0:
		return fmt.Sprintf("%s gives %v, %s %v", reference, orResult(want), underTest, orResult(got))
	default:
		return ""
	}
}

// stricter says that the evaluator under test failed where the reference did not,
// or failed differently. topdown does not come to every expression: its rule index
// passes rules over, and it evaluates one member of a partial rule where a plan
// evaluates all. Whoever uses this evaluator asks topdown again after an error, so
// it may see more of them, but not fewer.
func stricter(_, got outcome) bool {
	var e *topdown.Error
	return errors.As(got.err, &e)
}

func orResult(o outcome) any {
	if o.err != nil {
		return o.err
	}
	return *o.value
}

// panicked is a panic of an evaluator or of what it is made with.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// inPlanner says that it was OPA's planner, which some mocks of functions confuse.
func (p *panicked) inPlanner() bool {
	return strings.Contains(p.stack, "internal/planner.(*Planner)") && !strings.Contains(p.stack, "policies/vm.Compile")
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = &panicked{r, string(debug.Stack())}
	}
}

// dataStore is an in-memory store whose transaction also gives the whole of its
// data: a target plugin is handed the transaction and not the store.
type dataStore struct {
	storage.Store
	txn *dataTransaction
}

type dataTransaction struct {
	storage.Transaction
	data ast.Value
}

func (t *dataTransaction) Data() ast.Value { return t.data }

func newStore(ctx context.Context, data map[string]any) (*dataStore, error) {
	if data == nil {
		data = map[string]any{}
	}
	s := inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true))
	inner, err := s.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	root, err := s.Read(ctx, inner, storage.RootPath)
	if err != nil {
		return nil, err
	}
	value, ok := root.(ast.Value)
	if !ok {
		return nil, fmt.Errorf("data is %T, not a value", root)
	}
	return &dataStore{Store: s, txn: &dataTransaction{inner, value}}, nil
}

func (s *dataStore) Read(ctx context.Context, txn storage.Transaction, path storage.Path) (any, error) {
	return s.Store.Read(ctx, txn.(*dataTransaction).Transaction, path)
}

// NonEmpty lets rules and data give the same path, which rego.New refuses and the
// evaluators are defined for.
func (s *dataStore) NonEmpty(context.Context, storage.Transaction) func([]string) (bool, error) {
	return func([]string) (bool, error) { return false, nil }
}

func (s *dataStore) Abort(ctx context.Context, txn storage.Transaction) {
	s.Store.Abort(ctx, txn.(*dataTransaction).Transaction)
}

func (s *dataStore) ListPolicies(ctx context.Context, txn storage.Transaction) ([]string, error) {
	return s.Store.ListPolicies(ctx, txn.(*dataTransaction).Transaction)
}

func (s *dataStore) GetPolicy(ctx context.Context, txn storage.Transaction, id string) ([]byte, error) {
	return s.Store.GetPolicy(ctx, txn.(*dataTransaction).Transaction, id)
}
