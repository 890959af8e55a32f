package policies

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/sallyport-ai/sallyport/engine"
)

var _ engine.Querier = (*Set)(nil)

// Query evaluates any document of the set, as OPA's Data API does. path is
// separated by slashes, without "data"; "" is everything. A step may be
// percent-encoded, and an integer below the first step is a number, as in OPA. input is
// JSON; nil: no input. A failed evaluation is an *engine.QueryError; a malformed input is
// another error.
//
// Built-in functions that fail make the evaluation fail: a document that says
// "allow" because a check could not be made would be no answer.
func (s *Set) Query(ctx context.Context, path string, input []byte) (engine.QueryAnswer, error) {
	q, err := s.preparedQuery(ctx, path)
	if err != nil {
		return engine.QueryAnswer{}, err
	}
	if s.fast != nil && !s.fast.off.Load() {
		if answer, ok := q.compiled.query(ctx, input); ok {
			if s.recheck != nil {
				s.recheck.offerDocument(q, input, answer)
			}
			return answer, nil
		}
	}
	result, err := s.queryReference(ctx, q, input)
	return engine.QueryAnswer{Result: result}, err
}

// queryReference answers a query with OPA's own evaluator.
func (s *Set) queryReference(ctx context.Context, q preparedQuery, input []byte) ([]byte, error) {
	var value ast.Value
	if input != nil {
		if err := checkJSON(input); err != nil {
			return nil, fmt.Errorf("input is not valid JSON: %s", jsonReason(err))
		}
		var doc any
		if err := util.UnmarshalJSON(input, &doc); err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
		var err error
		if value, err = ast.InterfaceToValue(doc); err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
	}
	result, err := s.eval(ctx, q.PreparedEvalQuery, value)
	if err != nil {
		return nil, s.queryError(err)
	}
	if result == nil {
		return nil, nil
	}
	canonical, err := appendCanonical(nil, result)
	if err != nil {
		return nil, &engine.QueryError{Code: "internal_error", Message: err.Error()}
	}
	return canonical, nil
}

// queryError is a failed evaluation with its place.
func (s *Set) queryError(err error) error {
	var te *topdown.Error
	switch {
	case errors.As(err, &te):
		q := &engine.QueryError{Code: te.Code, Message: te.Message}
		if l := te.Location; l != nil {
			q.File, q.Row, q.Col = l.File, l.Row, l.Col
		}
		return q
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &engine.QueryError{Code: topdown.CancelErr, Message: fmt.Sprintf("the document was not evaluated within %v", s.timeout)}
	}
	return &engine.QueryError{Code: "internal_error", Message: err.Error()}
}

// documentRef reads a path as OPA's server does.
func documentRef(path string) (ast.Ref, error) {
	ref := ast.Ref{ast.DefaultRootDocument}
	for step := range strings.SplitSeq(path, "/") {
		if step == "" {
			continue
		}
		step, err := url.PathUnescape(step)
		if err != nil {
			return nil, &engine.QueryError{Code: engine.QueryInvalidPath, Message: "a step is not percent-encoded"}
		}
		if i, err := strconv.ParseInt(step, 10, 64); err == nil && strconv.FormatInt(i, 10) == step && len(ref) > 1 {
			ref = append(ref, ast.InternedTerm(i))
		} else {
			ref = append(ref, ast.StringTerm(step))
		}
	}
	return ref, nil
}

// preparedQueries are the queries that were asked last. Whoever asks chooses the
// paths, so their number and length are bounded.
type preparedQueries struct {
	mu     sync.Mutex
	byPath map[string]*list.Element
	recent list.List // of preparedQuery, the latest first

	compiled atomic.Int32 // or tried to be
}

type preparedQuery struct {
	path string
	rego.PreparedEvalQuery
	compiled *compiledQuery
}

// A prepared query takes some ten thousand bytes beside its path.
const (
	maxPreparedQueries   = 128
	maxPreparedPathBytes = 512
)

// preparedQuery returns the query for a path, prepared now or before.
func (s *Set) preparedQuery(ctx context.Context, path string) (preparedQuery, error) {
	c := s.queries
	c.mu.Lock()
	if e := c.byPath[path]; e != nil {
		c.recent.MoveToFront(e)
		c.mu.Unlock()
		q := e.Value.(preparedQuery)
		s.compileQuery(q)
		return q, nil
	}
	c.mu.Unlock()

	ref, err := documentRef(path)
	if err != nil {
		return preparedQuery{}, err
	}
	prepared, err := rego.New(
		rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))),
		rego.Compiler(s.compiler),
		rego.Store(s.store),
		rego.Transaction(s.read),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
	if err != nil {
		// Such as a path through a function: the compiler knows of no such document.
		return preparedQuery{}, &engine.QueryError{Code: engine.QueryInvalidPath, Message: err.Error()}
	}
	q := preparedQuery{path: strings.Clone(path), PreparedEvalQuery: prepared, compiled: &compiledQuery{}}
	if len(path) > maxPreparedPathBytes {
		return q, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byPath[path] == nil {
		c.byPath[q.path] = c.recent.PushFront(q)
	}
	for c.recent.Len() > maxPreparedQueries {
		oldest := c.recent.Remove(c.recent.Back()).(preparedQuery)
		delete(c.byPath, oldest.path)
	}
	return q, nil
}
