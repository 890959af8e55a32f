package policies

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Format is a Rego file in the one layout that everybody uses (opa fmt). file is
// its name in diagnostics; an error is a Diagnostics. src is not changed.
func Format(src []byte, file string) ([]byte, error) {
	out, err := format.SourceWithOpts(file, src, format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, diagnose(err, file)
	}
	return out, nil
}
