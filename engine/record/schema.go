package record

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of a record. The caller owns the
// bytes.
func Schema() []byte { return slices.Clone(schema) }
