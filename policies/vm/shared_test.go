package vm_test

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// TestDocumentsOfSeveralRules: rules that make one document together must not
// write into what another one made whole, least of all into a constant.
func TestDocumentsOfSeveralRules(t *testing.T) {
	for _, source := range []string{
		`p[x] := {"y": {"a"}} if some x in input.xs
p[x].y contains "b" if some x in input.ys`,
		`p[x] := 7 if some x in input.xs
p[x].y contains "b" if some x in input.ys`,
		`p[x] := ["y"] if some x in input.xs
p[x].y := 1 if some x in input.ys`,
		`p[x].y := {"z": 1} if some x in input.xs
p[x].y.z := 2 if some x in input.ys`,
		`p[x].y := {"z": {}} if some x in input.xs
p[x].y.z[w] := w if { some x in input.ys; some w in input.ys }`,
		`p[x].y := "text" if some x in input.xs
p[x].y.z contains 2 if some x in input.ys`,
	} {
		p := program{query: "data.p.p = x", sources: []string{"package p\n\n" + source + "\n"}, options: ast.ParserOptions{RegoVersion: ast.RegoV1}}
		for _, in := range []string{`{"xs": ["k"], "ys": ["k"]}`, `{"xs": ["k"], "ys": ["m"]}`, `{"xs": [], "ys": ["k"]}`, `{"xs": ["k"], "ys": []}`, `{"xs": ["k"], "ys": ["k"]}`} {
			input := ast.MustParseTerm(in).Value
			want, err := p.prepare(t.Context(), reference)
			if err != nil {
				break // the compiler refuses it
			}
			got, err := p.prepare(t.Context(), underTest)
			if err != nil {
				t.Fatal(err)
			}
			// Twice on one program: what the first wrote would be seen by the second.
			for range 2 {
				w, g := want.eval(t.Context(), input), got.eval(t.Context(), input)
				if g.err == nil && difference(w, g) != "" {
					t.Errorf("%s\n%s: %s", source, in, difference(w, g))
				}
			}
		}
	}
}
