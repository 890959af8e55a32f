package policies

import (
	"bytes"
	_ "embed"
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
)

//go:embed schema/input.json
var inputSchema []byte

//go:embed schema/decision.json
var decisionSchema []byte

// InputSchema is the JSON Schema (draft 7) of a decision's input. Policies are
// checked against it when they are loaded. The caller owns the bytes.
func InputSchema() []byte { return bytes.Clone(inputSchema) }

// DecisionSchema is the JSON Schema (draft 7) of data.sallyport.decision. The
// caller owns the bytes.
func DecisionSchema() []byte { return bytes.Clone(decisionSchema) }

// inputSchemas types `input` for the compiler.
func inputSchemas() *ast.SchemaSet {
	var doc any
	if err := json.Unmarshal(inputSchema, &doc); err != nil {
		panic(err) // the embedded file is not JSON; a test reads it
	}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, doc)
	return set
}
