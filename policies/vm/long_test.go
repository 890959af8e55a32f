package vm_test

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// TestLongLoops: an evaluation that is looked at on its way goes on where it was.
func TestLongLoops(t *testing.T) {
	p := program{query: "data.p.n = x", options: ast.ParserOptions{RegoVersion: ast.RegoV1}, sources: []string{`package p

xs := numbers.range(1, 25000 + input.more)

twice(x) := 2 * x

n := {
	"array": count([x | some x in xs]),
	"set": count({x | some x in {y | some y in xs}}),
	"object": count({k: v | some k, v in {y: twice(y) | some y in xs}}),
	"sum": sum([twice(x) | some x in xs]),
}
`}}
	input := ast.MustParseTerm(`{"more": 1}`).Value
	var got [2]outcome
	for i, target := range []string{reference, underTest} {
		q, err := p.prepare(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = q.eval(t.Context(), input)
	}
	if d := difference(got[0], got[1]); d != "" || got[0].err != nil {
		t.Errorf("%s %v", d, got[0].err)
	}
}
