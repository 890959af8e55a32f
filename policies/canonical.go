package policies

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

// appendCanonical appends one of OPA's values as vm.Value.AppendJSON writes it.
func appendCanonical(b []byte, v ast.Value) ([]byte, error) {
	made, err := vm.FromAST(v)
	if err != nil {
		return nil, err
	}
	return made.AppendJSON(b)
}
