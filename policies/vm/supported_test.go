package vm_test

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

// TestCollectionsOfVariables: where a rule may see that topdown does not join equal
// elements of a collection that is written with variables, Check says so; where it
// does not, both evaluators give the same.
func TestCollectionsOfVariables(t *testing.T) {
	for source, refused := range map[string]bool{
		`r := [e | some e in {input.a, input.b}]`:                            true,
		`r := [e | some e in {input.a, "x"}]`:                                true,
		`r := [e | e := {input.a, input.b}[_]]`:                              true,
		`r := v if { s := {input.a, input.b}; v := [e | some e in s] }`:      true,
		`r := v if { s := [{input.a, input.b}]; v := [e | some e in s[0]] }`: true,
		`r := product([0.5 | some e in {input.a, input.b}])`:                 true,
		`r := f({input.a, input.b})
f(s) := [e | some e in s]`: true,
		`r := v if { s := {input.a, input.b}; t := [s]; v := f(t[0]) }
f(s) := [e | some e in s]`: true,
		`r := v if { s := g({input.a, input.b}); v := count(s) }
g(s) := s`: true,
		`r := [e | some e, _ in {input.a: 1, input.b: 2}]`:            true,
		`r contains e if some _, e in {input.a: 1, input.b: 2}`:       true,
		`r := v if { o := {input.a: 1, input.b: 2}; v := o[input.a]}`: true,
		`r := {input.a: 1, "y": 2}`:                                   true,
		`r := [e | some e in s]
s := {input.a, input.b}`: true,
		`r := [e | some e in data.p.s[_]]
s := [v] if v := {input.a, input.b}`: true,
		`r := [e | some e in f(input.a)]
f(x) := {x, "x"}`: true,

		`r := {input.a, input.b}`:                                                               false,
		`r := {"a": input.a, "b": input.b}`:                                                     false,
		`r contains e if some e in {input.a, input.b}`:                                          false,
		`r := count({input.a, input.b})`:                                                        false,
		`r := input.a in {input.b, input.c}`:                                                    false,
		`r := {input.a, input.b} | {"z"}`:                                                       false,
		`r := [e | some e in {input.a}]`:                                                        false,
		`r := [e | some e in {"x", "y"}]`:                                                       false,
		`r := sum({1 | some e in {input.a, input.b}})`:                                          false,
		`r := {e: 1 | some e in {input.a, input.b}}`:                                            false,
		`r if every e in {input.a, input.b} { e == "x" }`:                                       false,
		`r := v if { o := {"code": input.a, "message": input.b}; v := [o, [e | some e in o]] }`: false,
		`r contains e if some e in f(input.a)
f(x) := {x, "z"}`: false,
	} {
		p := program{query: "data.p.r = x", sources: []string{"package p\n\n" + source + "\n"}, options: ast.ParserOptions{RegoVersion: ast.RegoV1}}
		want, err := p.prepare(t.Context(), reference)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		got, err := p.prepare(t.Context(), underTest)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if u := vm.Check(got.modules); (u != nil) != refused {
			t.Errorf("%s\nrefused: %v", source, u)
		}
		for _, in := range []string{`{"a": "x", "b": "x", "c": "y", "list": [1, 1]}`, `{"a": "x", "b": "y", "c": "y", "list": []}`, `{"a": "x"}`} {
			input := ast.MustParseTerm(in).Value
			w, g := want.eval(t.Context(), input), got.eval(t.Context(), input)
			if d := difference(w, g); d != "" && !refused {
				t.Errorf("%s\n%s: %s", source, in, d)
			}
		}
	}
}
