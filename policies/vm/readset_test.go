package vm_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

// planTarget keeps the plan that rego makes of a program.
type planTarget struct {
	vm.Target
	policy *ir.Policy
}

func (*planTarget) IsTarget(name string) bool { return name == "plan" }

func (t *planTarget) PrepareForEval(ctx context.Context, policy *ir.Policy, options ...rego.PrepareOption) (rego.TargetPluginEval, error) {
	t.policy = policy
	return t.Target.PrepareForEval(ctx, policy, options...)
}

var plans = &planTarget{}

// compiled is a program of its own; nil: it is none.
func (p program) compiled(t *testing.T) *vm.Program {
	t.Helper()
	prepared, err := p.prepare(t.Context(), "plan")
	if err != nil || vm.Check(prepared.modules) != nil {
		return nil
	}
	cfg := vm.Config{Policy: plans.policy, Strict: p.strict}
	if p.data != nil {
		if cfg.Data, err = ast.InterfaceToValue(p.data); err != nil {
			t.Fatal(err)
		}
	}
	compiled, err := vm.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestReads holds generated programs to what they say they read: inputs that differ
// in something else give the same.
func TestReads(t *testing.T) {
	sequential(t)
	const first, seeds, mostPairs = 1 << 32, 400, 60
	programs, same, apart := 0, 0, 0
	for i := range uint64(seeds) {
		c := seeded(first + i)
		p := newPolicy(c)
		compiled := program{
			sources: p.sources(), options: ast.ParserOptions{RegoVersion: ast.RegoV1}, query: p.query, data: newData(c), strict: p.strict,
		}.compiled(t)
		if compiled == nil {
			continue
		}
		reads := compiled.Reads()
		if len(reads) == 0 || len(reads[0].Path) == 0 {
			continue
		}
		programs++
		var doc any
		for n := range mostPairs {
			if n%6 == 0 {
				doc = root(c)
			}
			other := changed(c, doc)
			a, b := value(t, doc), value(t, other)
			if keyOf(reads, a) != keyOf(reads, b) {
				apart++
				continue
			}
			same++
			if x, y := resultOf(t, compiled, a), resultOf(t, compiled, b); x != y {
				t.Fatalf("seed %d: %v\nreads %v\n%v\ngives %s\n%v\ngives %s", first+i, p, reads, a, x, b, y)
			}
		}
	}
	t.Logf("%d programs; %d pairs of inputs agree in what is read and %d do not", programs, same, apart)
	if programs < seeds/4 || same < 10*programs || apart < 10*programs {
		t.Error("the programs say too little")
	}
}

// TestReadsAreNarrow: what is read of each member of a collection, in a function or
// with a default is that and no more.
func TestReadsAreNarrow(t *testing.T) {
	for rules, want := range map[string]string{
		"p contains k if {\n\tsome k, v in input.a\n\tv.b.c == 1\n}":                                 "a/*/b/c exactly",
		"p if {\n\tsome v in input.a\n\tv.b > 3\n\tv.b <= 0.5\n}":                                    "a/*/b [0.5 3]",
		"p if input.a[input.k].b":                                                                    "a/*/b k exactly",
		"p if {\n\tsome v in input.a\n\tf(v)\n}\n\nf(x) if g(x.b)\n\nf(x) if x.c > 1\n\ng(x) if x.d": "a/*/b/d a/*/c [1]",
		"p if {\n\tsome k\n\tnot input.a[k]\n\tk = data.d.b[_]\n}":                                   "a/*",
		"p contains k if some k, _ in input.a":                                                       "a/*",
		"p if {\n\tsome v in input.a\n\tobject.get(v, \"b\", 0) == 0\n}":                             "a/*/b exactly",
		"p if {\n\tsome v in input.a\n\tobject.get(v, input.k, 0) == 0\n}":                           "a/* exactly k exactly",
		"p if {\n\tinput.a.b.c\n\tinput.a[\"b\\u0000c\"]\n}":                                         "a/b/c a/b\x00c",
		"p if f(input.a, input.b)\n\nf(x, y) if {\n\tx.c == 1\n\ty.d == 2\n}":                        "a/c exactly b/d exactly",
		"p if {\n\tinput.a.k.b == 1\n\tsome v in input.a\n\tv.b == 2\n}":                             "a/*/b exactly",
		"p if {\n\tcount(input.a.k) == 1\n\tsome v in input.a\n\tv.b == 2\n}":                        "a/*/b exactly a/k exactly",
		"p if f(1, input)\n\nf(_, x) if x.a":                                                         " exactly",
		"p if {\n\tsome v in input.a\n\tcount(v) == 0\n\tv.b\n}":                                     "a/* exactly",
		"p := input.a.b if not input.a.c\n\nq if p":                                                  "a/b exactly a/c",
		"p if input.a[_] == input.b":                                                                 "a/* exactly b exactly",
		"p if input.a == false":                                                                      "a",
		"p if input.a.b > 1\n\np if input.a.b.c":                                                     "a/b exactly",
		"p if some x in input.a[_].b":                                                                "a/*/b/*",
		"p if f(input.a)\n\nf(x) if f2(x)\n\nf2(x) if x.b == \"x\"":                                  "a/b exactly",
		"p if f(input.a)\n\nf(x) if { y := x.b; y > 2 }":                                             "a/b [2]",
	} {
		compiled := program{
			query: "data.p.p = x", sources: []string{"package p\n\n" + rules + "\n"}, options: ast.ParserOptions{RegoVersion: ast.RegoV1},
			data: map[string]any{"d": map[string]any{"b": []any{"k"}}},
		}.compiled(t)
		if compiled == nil {
			t.Fatalf("%s: no program", rules)
		}
		var got []string
		for _, r := range compiled.Reads() {
			text := strings.ReplaceAll(strings.Join(r.Path, "/"), vm.AnyMember, "*")
			switch {
			case r.Exact:
				text += " exactly"
			case len(r.Thresholds) > 0:
				text += fmt.Sprint(" ", r.Thresholds)
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s\nreads %s\nwant  %s", rules, text, want)
		}
	}
}

func value(t *testing.T, doc any) ast.Value {
	t.Helper()
	v, err := ast.InterfaceToValue(doc)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// changed is a document with another value in one place.
func changed(c *choices, doc any) any {
	switch doc := doc.(type) {
	case map[string]any:
		if len(doc) == 0 || c.one(4) {
			break
		}
		out := map[string]any{}
		for k, v := range doc {
			out[k] = v
		}
		names := slices.Sorted(func(yield func(string) bool) {
			for k := range doc {
				if !yield(k) {
					return
				}
			}
		})
		switch name := pick(c, names...); {
		case c.one(6):
			delete(out, name)
		case c.one(6):
			out[pick(c, keys...)] = document(c, 1)
		default:
			out[name] = changed(c, doc[name])
		}
		return out
	case []any:
		if len(doc) == 0 || c.one(3) {
			break
		}
		out := slices.Clone(doc)
		at := c.n(len(out))
		out[at] = changed(c, out[at])
		return out
	}
	return document(c, 1)
}

// keyOf is what a document has of what is read. It tells shapes apart, too.
func keyOf(reads []vm.Read, doc ast.Value) string {
	var b strings.Builder
	for _, r := range reads {
		writeRead(&b, r, r.Path, doc)
		b.WriteByte('\n')
	}
	return b.String()
}

func writeRead(b *strings.Builder, r vm.Read, path []string, v ast.Value) {
	if v == nil {
		b.WriteString("nothing,")
		return
	}
	fmt.Fprintf(b, "%s,", ast.ValueName(v))
	if len(path) == 0 {
		n, isNumber := v.(ast.Number)
		switch at, _ := v.(ast.Boolean); {
		case r.Exact:
			b.WriteString(v.String())
		case isNumber && len(r.Thresholds) > 0:
			for _, limit := range r.Thresholds {
				fmt.Fprint(b, n.Compare(ast.FloatNumberTerm(limit).Value))
			}
		default:
			fmt.Fprint(b, bool(at))
		}
		return
	}
	each := path[0] == vm.AnyMember
	switch v := v.(type) {
	case ast.Object:
		if !each {
			var member ast.Value
			if t := v.Get(ast.StringTerm(path[0])); t != nil {
				member = t.Value
			}
			writeRead(b, r, path[1:], member)
			return
		}
		fmt.Fprint(b, v.Len())
		for _, k := range v.Keys() {
			fmt.Fprint(b, k)
			writeRead(b, r, path[1:], v.Get(k).Value)
		}
	case *ast.Array:
		if !each {
			return
		}
		fmt.Fprint(b, v.Len())
		for i := range v.Len() {
			writeRead(b, r, path[1:], v.Elem(i).Value)
		}
	}
}

// resultOf is what a program gives for an input, with whether that is an error.
func resultOf(t *testing.T, p *vm.Program, input ast.Value) string {
	t.Helper()
	m := p.Machine()
	defer m.Release()
	in, err := m.FromAST(input)
	if err != nil {
		t.Fatal(err)
	}
	results, err := m.Eval(t.Context(), "eval", in)
	if err != nil {
		return "error"
	}
	return vm.ToAST(results).String()
}
