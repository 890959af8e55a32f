package vm_test

import (
	"encoding/json"
	"fmt"
	"strings"
)

func (g *generator) comparison() string {
	s := pick(g.choices, part, number, number, text)
	left := s
	if s == part {
		left = anyShape
	}
	return fmt.Sprintf("%s %s %s", g.expr(left), pick(g.choices, "==", "==", "!=", "<", "<=", ">", ">="), g.expr(s))
}

// collection is something to walk, and what is known of its members.
func (g *generator) collection() (of string, member shape) {
	if s := pick(g.choices, part, part, array, object, set); s != part {
		return g.expr(s), anyShape
	}
	return g.expr(part), part
}

func (g *generator) key() string {
	if g.one(2) {
		return fmt.Sprintf("%q", pick(g.choices, keys...))
	}
	if e := g.expr(pick(g.choices, text, part, number)); !one(e) {
		return e
	}
	return g.inputRef()
}

// one says whether an expression is a constant of one token.
func one(e string) bool {
	_, err := json.Number(e).Float64()
	return err == nil || e == "true" || e == "false" || e == "null"
}

// truth is an expression that stands for whether it is true. That the planner
// drops collections there is known: one program in thirty keeps the knowledge fresh.
func (g *generator) truth() string {
	if g.one(30) {
		return g.expr(anyShape)
	}
	return pick(g.choices, g.inputRef, func() string { return g.call(boolean) }, func() string { return g.call(number) }, func() string { return g.leaf(boolean) })()
}

func (g *generator) readable(is func(rule) bool) (rule, bool) {
	var all []rule
	for _, r := range g.rules {
		if is(r) {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return rule{}, false
	}
	return pick(g.choices, all...), true
}

// keys are few, so that references hit.
var keys = []string{"a", "b", "c", "é", "😀", ""}

func (g *generator) inputRef() string {
	ref := pick(g.choices, "input", "input", "input", "data.d") + "." + pick(g.choices, "a", "b", "c", "n", "s")
	if g.one(3) {
		for _, v := range g.vars {
			if v.shape == part && g.one(2) {
				ref = v.name
			}
		}
	}
	for g.one(3) {
		ref += pick(g.choices, ".a", ".b", ".c", `["é"]`, `[""]`, "[0]", "[1]")
	}
	return ref
}

func (g *generator) expr(s shape) string {
	if s == part {
		return g.inputRef()
	}
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 4 {
		return g.leaf(s)
	}
	switch g.n(8) {
	case 0, 1, 2:
		return g.leaf(s)
	case 3, 4:
		return g.call(s)
	case 5:
		if s == anyShape || s >= array {
			return g.comprehension(s)
		}
	case 6:
		if f, ok := g.readable(func(r rule) bool { return r.function > 0 && (r.shape == s || s == anyShape) }); ok {
			args := make([]string, f.function)
			for i := range args {
				args[i] = g.expr(anyShape)
			}
			return fmt.Sprintf("%s(%s)", f.ref, strings.Join(args, ", "))
		}
	case 7:
		switch s {
		case number:
			return fmt.Sprintf("(%s %s %s)", g.expr(number), pick(g.choices, "+", "-", "*", "/", "%"), g.expr(number))
		case set:
			return fmt.Sprintf("(%s %s %s)", g.expr(set), pick(g.choices, "|", "&", "-"), g.expr(set))
		case boolean:
			return fmt.Sprintf("(%s)", g.comparison())
		case array:
			return fmt.Sprintf("[%s, %s]", g.expr(anyShape), g.expr(anyShape))
		case object:
			return fmt.Sprintf("{%q: %s}", pick(g.choices, keys...), g.expr(anyShape))
		}
	}
	return g.leaf(s)
}

func (g *generator) comprehension(s shape) string {
	if s == anyShape {
		s = pick(g.choices, array, object, set)
	}
	var out string
	g.inner(func() {
		body := strings.Join(g.body(), "; ")
		switch s {
		case array:
			out = fmt.Sprintf("[%s | %s]", g.leaf(anyShape), body)
		case set:
			out = fmt.Sprintf("{%s | %s}", g.leaf(anyShape), body)
		default:
			out = fmt.Sprintf("{%s: %s | %s}", g.leaf(pick(g.choices, text, anyShape)), g.leaf(anyShape), body)
		}
	})
	return out
}

// leaf is a variable, a rule, a part of input or data, or a literal.
func (g *generator) leaf(s shape) string {
	if s == part {
		return g.inputRef()
	}
	if g.one(2) {
		var all []string
		for _, v := range g.vars {
			if v.shape == s || v.shape == part || s == anyShape {
				all = append(all, v.name)
			}
		}
		if len(all) > 0 {
			return pick(g.choices, all...)
		}
	}
	switch g.n(5) {
	case 0, 1:
		return g.inputRef()
	case 2:
		if r, ok := g.readable(func(r rule) bool { return r.function == 0 && (r.shape == s || s == anyShape) }); ok {
			if r.shape == object && r.multi && s == anyShape && g.one(2) {
				return fmt.Sprintf("%s[%s]", r.ref, g.inputRef())
			}
			return r.ref
		}
	}
	return g.literal(s)
}

func (g *generator) literal(s shape) string {
	if s == anyShape {
		s = shape(1 + g.n(int(shapes)-1))
	}
	return g.constant(s)
}

// constant is a ground literal: what a default may have.
func (g *generator) constant(s shape) string {
	switch s {
	case number:
		return pick(g.choices, "0", "1", "2", "3", "-1", "1.5", "0.1", "1e3", "1.0", "10", "9007199254740993", "12345678901234567890", "123456789012345678901234567890", "-0.5", "1e-7")
	case text:
		return pick(g.choices, `"a"`, `"b"`, `"c"`, `""`, `"é"`, `"😀"`, `"10"`, `"x/y"`, `"A b"`, `"\u2028"`)
	case boolean:
		return pick(g.choices, "true", "false")
	case array:
		return pick(g.choices, "[]", "[1, 2]", `["a", "b", "a"]`, `[null, [1], {"a": 2}]`, "[3, 1.0, 2, 1]")
	case object:
		return pick(g.choices, "{}", `{"a": 1, "b": 2}`, `{"a": {"b": "c"}, "é": [1]}`, `{1: "x", "1": "y"}`, `{"": null, "c": false}`)
	case set:
		return pick(g.choices, "set()", "{1, 2}", `{"a", "b"}`, `{1, "a", null, [1]}`, "{2, 3.0}")
	default:
		return pick(g.choices, "null", "1", `"a"`, "true", "false", "[1]", `{"a": 1}`, "{1}")
	}
}

// builtin is one with the shapes it takes and gives.
type builtin struct {
	name string
	args []shape
	out  shape
}

// generated are the built-ins that programs call: many fail on what input holds.
var generated = []builtin{
	{"abs", []shape{number}, number}, {"ceil", []shape{number}, number}, {"floor", []shape{number}, number}, {"round", []shape{number}, number},
	{"count", []shape{array}, number}, {"count", []shape{set}, number}, {"count", []shape{object}, number}, {"count", []shape{text}, number},
	{"sum", []shape{part}, number}, {"product", []shape{part}, number}, {"max", []shape{array}, part}, {"min", []shape{set}, part}, {"sort", []shape{array}, array},
	{"to_number", []shape{part}, number}, {"to_number", []shape{text}, number}, {"concat", []shape{text, part}, text}, {"contains", []shape{text, text}, boolean},
	{"startswith", []shape{text, text}, boolean}, {"endswith", []shape{text, text}, boolean}, {"split", []shape{text, text}, array},
	{"lower", []shape{text}, text}, {"upper", []shape{text}, text}, {"trim", []shape{text, text}, text}, {"trim_space", []shape{text}, text},
	{"replace", []shape{text, text, text}, text}, {"substring", []shape{text, number, number}, text}, {"indexof", []shape{text, text}, number},
	{"object.get", []shape{object, text, anyShape}, anyShape}, {"object.get", []shape{part, array, anyShape}, anyShape},
	{"object.keys", []shape{object}, set}, {"object.union", []shape{object, object}, object}, {"object.remove", []shape{object, array}, object}, {"object.filter", []shape{object, set}, object},
	{"array.concat", []shape{array, array}, array}, {"array.reverse", []shape{array}, array}, {"array.slice", []shape{array, number, number}, array},
	{"json.marshal", []shape{anyShape}, text}, {"json.unmarshal", []shape{text}, part}, {"json.is_valid", []shape{text}, boolean},
	{"type_name", []shape{anyShape}, text}, {"is_number", []shape{anyShape}, boolean}, {"is_string", []shape{anyShape}, boolean}, {"is_array", []shape{anyShape}, boolean}, {"is_null", []shape{anyShape}, boolean},
	{"sprintf", []shape{text, array}, text}, {"format_int", []shape{number, number}, text}, {"regex.match", []shape{text, text}, boolean},
	{"glob.match", []shape{text, array, text}, boolean}, {"union", []shape{part}, set}, {"time.parse_rfc3339_ns", []shape{text}, number},
	{"base64.decode", []shape{text}, text}, {"numbers.range", []shape{number, number}, array}, {"object.subset", []shape{object, part}, boolean},
	{"strings.reverse", []shape{text}, text}, {"strings.any_prefix_match", []shape{part, part}, boolean}, {"bits.and", []shape{number, number}, number},
	{"semver.compare", []shape{text, part}, number}, {"member", nil, part},
}

func (g *generator) call(s shape) string {
	var all []builtin
	for _, b := range generated {
		if b.out == s || b.out == part || s == anyShape {
			all = append(all, b)
		}
	}
	b := pick(g.choices, all...)
	switch b.name {
	case "member":
		return fmt.Sprintf("[%s, %s][%s]", g.inputRef(), g.inputRef(), pick(g.choices, "0", "1"))
	case "numbers.range": // of bounded length
		return fmt.Sprintf("numbers.range(%d, %d)", g.n(4), g.n(4))
	case "sprintf":
		return fmt.Sprintf("sprintf(%s, [%s, %s])", pick(g.choices, `"%v %v"`, `"%d %s"`, `"%q"`, `"%.2f %x"`), g.leaf(anyShape), g.leaf(anyShape))
	case "glob.match":
		return fmt.Sprintf("glob.match(%s, %s, %s)", pick(g.choices, `"*"`, `"a*"`, `"x/*"`, g.inputRef()), pick(g.choices, "[]", `["/"]`, "null"), g.leaf(text))
	case "regex.match":
		return fmt.Sprintf("regex.match(%s, %s)", pick(g.choices, `"^a"`, `"."`, `"("`, g.inputRef()), g.leaf(text))
	}
	args := make([]string, len(b.args))
	for i, a := range b.args {
		if args[i] = g.expr(a); g.one(3) {
			args[i] = g.inputRef()
		}
	}
	return fmt.Sprintf("%s(%s)", b.name, strings.Join(args, ", "))
}
