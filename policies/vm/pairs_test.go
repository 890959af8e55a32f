package vm_test

import (
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// pairs are values of which some differ in little: a prefix, a member, a type, the
// last digit, the way a number is written.
var pairs = `[
	null, true, false, "", "a", "ab", "b", "é", "e", "😀", "\uffff", "10", "A", " a ",
	0, 1, 1.0, -1, 2, 10, 1.5, 0.1, 0.2, 0.3, 1e-7, 1e3, 1000, -0.5, 9007199254740992, 9007199254740993, 9223372036854775807, 9223372036854775806,
	-9223372036854775808, 9223372036854775808, 9223372036854775809, 9223372036854775811, 4294967296, 2147483648, 3037000500, 123456789012345678901234567890, 123456789012345678901234567891, 1e21,
	[], [1], [1, 2], [2, 1], [[1]], ["a", "b"], ["b", "a"], [1, "a", null], ["a", ["b"]], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [0.1, 0.2, 0.3], [9223372036854775807, 1],
	{}, {"a": 1}, {"a": 2}, {"a": 1, "b": 2}, {"b": 1}, {"a": {"b": 1}}, {"a": null}, {"a": false},
	{"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "7": 7, "8": 8, "9": 9, "10": 10}, {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "7": 7, "8": 8, "9": 9, "10": 11}
]`

// sets stand for what JSON has no form for.
const sets = `[set(), {1}, {1, 2}, {2, 3}, {"a"}, {"a", "b"}, {[1]}, {{"a": 1}}, {1, "a", null}, {"10", "9", "8"}, {0.1, 0.2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}]`

// TestPairs applies everything that this package does in its own way to all pairs
// of values.
func TestPairs(t *testing.T) {
	sequential(t)
	ofOne := []string{
		"count(a)", "sum(a)", "product(a)", "max(a)", "min(a)", "sort(a)", "object.keys(a)", "is_null(a)", "is_boolean(a)", "is_string(a)", "is_array(a)",
		"is_object(a)", "is_set(a)", "is_number(a)", "lower(a)", "upper(a)", "a[_]", "[k | some k, _ in a]", "{v: k | some k, v in a}", "abs(a)", "-a",
		"{x | some x in a}", "[x | some x in a]", "every_true(a)", "not_false(a)",
	}
	ofTwo := []string{
		"a == b", "a != b", "a < b", "a <= b", "a > b", "a >= b", "a + b", "a - b", "a * b", "a / b", "a % b", "a | b", "a & b", "b in a", "a[b]", "startswith(a, b)",
		"endswith(a, b)", "contains(a, b)", "array.concat(a, b)", "concat(a, b)", `object.get(a, b, "none")`, "count({a, b})", "{a: 1, b: 1}", "[a, b] < [b, a]",
		"{a, b} == {b, a}", "{a} | {b}", "{a} & {b}", `{"x": a} == {"x": b}`, `{"x": a} < {"x": b}`, "{a} < {b}", "(a, b in [b, a])", "sort([a, b])", "max([a, b])", "min({a, b})",
		"same(a, b)", "object.union(a, b)", `{"k": a}[b]`, "{a: b}[b]", "[x | x := [a, b][_]]", "sum([a, b])", "product([a, b])", "changed(a, b)", `concat("-", {a, b})`, `object.get({"k": a}, "k", b)`,
	}
	const helpers = `
every_true(xs) if every x in xs { x }

not_false(x) if not x == false

same(x, x)

default changed(_, _) := "unchanged"

changed(x, y) := "under" if {
	under == x with input.values as x
	under == y with input.values as y
}

under := input.values
`
	input := ast.NewObject(
		ast.Item(ast.StringTerm("values"), ast.ArrayTerm(append(elementsOf(t, pairs), elementsOf(t, sets)...)...)),
	)
	check := func(expression, module string) {
		t.Helper()
		p := program{sources: []string{module + helpers}, options: ast.ParserOptions{RegoVersion: ast.RegoV1}, query: "data.p.x = x"}
		want, err := p.prepare(t.Context(), reference)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		got, err := p.prepare(t.Context(), underTest)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		w, g := want.eval(t.Context(), input), got.eval(t.Context(), input)
		if w.err != nil || g.err != nil {
			t.Errorf("%s: %v, %v", expression, w.err, g.err)
			return
		}
		if difference(w, g) == "" {
			return
		}
		rows := [2]ast.Set{ast.NewSet(), ast.NewSet()}
		for i, o := range []outcome{w, g} {
			for _, binding := range o.results {
				if list, ok := binding["x"].Value.(*ast.Array); ok {
					list.Foreach(rows[i].Add)
				} else {
					rows[i].Add(binding["x"])
				}
			}
		}
		t.Errorf("%s: %s alone says %v, %s alone %v", expression, reference, rows[0].Diff(rows[1]), underTest, rows[1].Diff(rows[0]))
	}
	for _, e := range ofOne {
		check(e, fmt.Sprintf("package p\n\nx := [[i, r] |\n\tsome i, a in input.values\n\tr := %s\n]\n", e))
	}
	for _, e := range ofTwo {
		check(e, fmt.Sprintf("package p\n\nx := [[i, j, r] |\n\tsome i, a in input.values\n\tsome j, b in input.values\n\tr := %s\n]\n", e))
	}
	check("all in order", "package p\n\nx := sort(input.values)\n")
	check("all once", "package p\n\nx := {v | some v in input.values}\n")
	check("by value", "package p\n\nx := {v: count([w | some w in input.values; w == v]) | some v in input.values}\n")
}

func elementsOf(t *testing.T, text string) []*ast.Term {
	t.Helper()
	list, ok := ast.MustParseTerm(text).Value.(*ast.Array)
	if !ok {
		t.Fatal("no list")
	}
	var all []*ast.Term
	list.Foreach(func(e *ast.Term) { all = append(all, e) })
	return all
}
