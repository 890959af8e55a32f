package vm_test

import (
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
)

// document makes a JSON value of the few keys and values that generated programs
// ask for: numbers that are written in several ways, nested collections, absent
// members, null and false beside each other.
func document(c *choices, depth int) any {
	switch limit := 10; {
	case depth > 2:
		limit = 7
		fallthrough
	default:
		switch c.n(limit) {
		case 0:
			return pick[any](c, nil, false, true)
		case 1, 2, 3:
			return pick(c, json.Number("0"), "1", "2", "3", "-1", "1.0", "1.5", "1e3", "0.1", "1000", "9007199254740993", "9007199254740992", "12345678901234567890", "123456789012345678901234567890", "1e-7", "-0.5", "1e400")
		case 4, 5, 6:
			return pick(c, "a", "b", "c", "", "é", "😀", "10", "1.5", "x/y", "A b", "2026-01-02T15:04:05Z", `{"a": 1}`, "YQ==")
		case 7:
			list := make([]any, c.n(4))
			for i := range list {
				list[i] = document(c, depth+1)
			}
			if len(list) > 1 && c.one(3) {
				list[0] = list[len(list)-1]
			}
			return list
		default:
			members := map[string]any{}
			for range c.n(5) {
				members[pick(c, keys...)] = document(c, depth+1)
			}
			return members
		}
	}
}

// root is a document with the members that programs begin references with.
func root(c *choices) map[string]any {
	members := map[string]any{}
	for _, key := range []string{"a", "b", "c", "n", "s"} {
		if c.n(6) > 0 {
			members[key] = document(c, 0)
		}
	}
	return members
}

// newInput gives nil now and then: no input at all.
func newInput(c *choices) (ast.Value, error) {
	if c.one(20) {
		return nil, nil
	}
	return ast.InterfaceToValue(root(c))
}

// newData gives base documents, one of them beside the rules of a package.
func newData(c *choices) map[string]any {
	return map[string]any{"d": root(c), "p": map[string]any{"base": document(c, 0)}, "q": map[string]any{"beside": 1}}
}
