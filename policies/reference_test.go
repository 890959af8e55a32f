package policies

import (
	"context"
	"os"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

// fastTarget is the evaluator under test, as rego.Target takes it.
const fastTarget = vm.TargetName

// referenceQuery is the reference policy made ready for one of the evaluators.
type referenceQuery struct {
	query rego.PreparedEvalQuery
	txn   storage.Transaction
}

// withData is a transaction that gives the whole of the data: a target plugin is
// handed the transaction and not the store.
type withData struct {
	storage.Transaction
	data ast.Value
}

func (t withData) Data() ast.Value { return t.data }

// prepareReference uses every option that makes topdown faster: data read as
// terms, one transaction for all evaluations.
func prepareReference(t testing.TB, target, source string, data map[string]any) referenceQuery {
	t.Helper()
	ctx := t.Context()
	store := inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	q, err := rego.New(
		rego.Query(referenceDecision), rego.Module("routing.rego", source), rego.Store(store), rego.Transaction(txn),
		rego.Target(target), rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if target == "rego" {
		return referenceQuery{q, txn}
	}
	value, err := ast.InterfaceToValue(data)
	if err != nil {
		t.Fatal(err)
	}
	return referenceQuery{q, withData{txn, value}}
}

// evalTerm is nil where the decision is undefined.
func evalTerm(ctx context.Context, p referenceQuery, input ast.Value, options ...rego.EvalOption) (ast.Value, error) {
	var result ast.Value
	options = append(options,
		rego.EvalParsedInput(input), rego.EvalTransaction(p.txn), rego.EvalMetrics(metrics.NoOp()),
		rego.EvalGenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) {
			result = t.Value
			return nil, nil
		}),
	)
	if _, err := p.query.Eval(ctx, options...); err != nil {
		return nil, err // a result may have come before it
	}
	return result, nil
}

func TestMain(m *testing.M) {
	rego.RegisterPlugin(vm.TargetName, vm.Target{})
	os.Exit(m.Run())
}
