package policies

import (
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Query evaluates any document of the set, as OPA's Data API does. path is
// separated by slashes, without "data"; "" is everything. input is JSON; nil: no
// input. It returns canonical JSON, or nil where the document is undefined. A
// malformed input and a failed evaluation are errors; the query is prepared at
// each call, which costs more than evaluating a small document.
func (s *Set) Query(ctx context.Context, path string, input []byte) ([]byte, error) {
	ref := ast.Ref{ast.DefaultRootDocument}
	for _, step := range strings.Split(path, "/") {
		if step != "" {
			ref = append(ref, ast.StringTerm(step))
		}
	}
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
	q, err := s.query(ctx, ref.String())
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", ref, err)
	}
	result, err := s.eval(ctx, q, value)
	if err != nil || result == nil {
		return nil, err
	}
	return appendCanonical(nil, result)
}
