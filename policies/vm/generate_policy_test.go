package vm_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// choices decides what a generator does next: by the bytes of a fuzzer for as
// long as there are any, and then by a seed.
type choices struct {
	bytes []byte
	rest  *rand.Rand
}

func seeded(seed uint64) *choices { return &choices{rest: rand.New(rand.NewPCG(seed, 0))} }

// n is from 0 to below limit.
func (c *choices) n(limit int) int {
	if len(c.bytes) > 0 {
		b := int(c.bytes[0])
		c.bytes = c.bytes[1:]
		return b % limit
	}
	return c.rest.IntN(limit)
}

// one in n times it is true.
func (c *choices) one(n int) bool { return c.n(n) == 0 }

func pick[T any](c *choices, of ...T) T { return of[c.n(len(of))] }

// shape is what the generator knows of an expression's type. The type checker
// refuses what it can see to be wrong, so that a program should mostly be right;
// parts of input have any shape and make built-ins fail.
type shape int

const (
	anyShape shape = iota
	number
	text
	boolean
	array
	object
	set
	shapes
	part // of input or data: what only the evaluation knows
)

// policy is a generated program: blocks of lines, each block a rule, so that a
// failure can be made smaller by leaving some out.
type policy struct {
	main, other []block
	query       string
	strict      bool
}

type block []string

func (p *policy) sources() []string {
	render := func(name string, blocks []block) string {
		var b strings.Builder
		fmt.Fprintf(&b, "package %s\n", name)
		for _, block := range blocks {
			b.WriteString("\n" + strings.Join(block, "\n") + "\n")
		}
		return b.String()
	}
	return []string{render("p", p.main), render("q.r", p.other)}
}

func (p *policy) String() string {
	return fmt.Sprintf("query: %s (strict %v)\n%s", p.query, p.strict, strings.Join(p.sources(), "\n"))
}

// rule is one that later rules may read.
type rule struct {
	ref      string // from any package
	shape    shape
	multi    bool // needs a key to give a member
	function int  // arguments
}

type generator struct {
	*choices
	rules []rule
	vars  []variable
	names int
	depth int
}

type variable struct {
	name  string
	shape shape // part: from input or data
}

// newPolicy makes a program out of complete rules with else and default, partial
// sets and objects, references with several variables, functions with several
// bodies, with, every, not, comprehensions, and built-ins that fail.
func newPolicy(c *choices) *policy {
	g := &generator{choices: c}
	p := &policy{strict: c.one(2)}
	for range 1 + g.n(2) {
		p.other = append(p.other, g.rule("data.q.r", false)...)
	}
	for range 1 + g.n(4) {
		p.main = append(p.main, g.rule("data.p", g.one(4))...)
	}
	switch last := g.rules[len(g.rules)-1]; {
	case g.one(4):
		p.query = "data.p = x"
	case last.multi && g.one(3):
		p.query = last.ref + "[y] = x"
	case last.function == 0:
		p.query = last.ref + " = x"
	default:
		g.vars = nil
		p.query = fmt.Sprintf("x = %s(%s)", last.ref, strings.Join(g.literals(last.function), ", "))
	}
	return p
}

func (g *generator) literals(n int) []string {
	var out []string
	for range n {
		if g.one(2) {
			out = append(out, g.inputRef())
		} else {
			out = append(out, g.literal(shape(1+g.n(int(shapes)-1))))
		}
	}
	return out
}

func (g *generator) fresh(s shape) string {
	g.names++
	name := fmt.Sprintf("v%d", g.names)
	g.vars = append(g.vars, variable{name, s})
	return name
}

// rule writes the definitions of one rule.
func (g *generator) rule(pkg string, function bool) []block {
	name := fmt.Sprintf("r%d", len(g.rules))
	made := rule{ref: pkg + "." + name, shape: shape(g.n(int(shapes)))}
	var blocks []block
	definitions := pick(g.choices, 1, 1, 2, 3)
	if function {
		made.function = 1 + g.n(2)
		name = fmt.Sprintf("f%d", len(g.rules))
		made.ref = pkg + "." + name
		if g.one(4) {
			blocks = append(blocks, block{fmt.Sprintf("default %s(%s) := %s", name, strings.Join(slices.Repeat([]string{"_"}, made.function), ", "), g.constant(made.shape))})
		}
		for range definitions {
			g.vars = nil
			args := g.parameters(made.function)
			blocks = append(blocks, g.complete(fmt.Sprintf("%s(%s)", name, args), made.shape))
		}
		g.rules = append(g.rules, made)
		return blocks
	}
	kind := g.n(7)
	if kind <= 2 && g.one(3) {
		blocks = append(blocks, block{fmt.Sprintf("default %s := %s", name, g.constant(made.shape))})
	}
	for range definitions {
		g.vars = nil
		switch kind {
		case 0, 1, 2:
			blocks = append(blocks, g.complete(name, made.shape))
		case 3:
			made.multi = true
			body := g.body()
			blocks = append(blocks, g.block(fmt.Sprintf("%s contains %s if {", name, g.expr(made.shape)), body))
		case 4:
			made.multi = true
			body := g.body()
			blocks = append(blocks, g.block(fmt.Sprintf("%s[%s] := %s if {", name, g.key(), g.expr(made.shape)), body))
		case 5:
			made.multi = true
			body := g.body()
			blocks = append(blocks, g.block(fmt.Sprintf("%s.x[%s] contains %s if {", name, g.key(), g.expr(made.shape)), body))
		case 6:
			made.multi = true
			body := g.body()
			head := pick(g.choices, "%s[%s][%s] := %s if {", "%s[%s].y[%s] := %s if {")
			blocks = append(blocks, g.block(fmt.Sprintf(head, name, g.key(), g.key(), g.expr(made.shape)), body))
		}
	}
	switch kind {
	case 3:
		made.shape = set
	case 4, 5, 6:
		made.shape = object
	}
	g.rules = append(g.rules, made)
	return blocks
}

// block writes a rule. A variable that is declared and not used is a mistake in
// Rego, so it becomes a wildcard.
func (g *generator) block(head string, body []string) block {
	b := block{head}
	for _, line := range body {
		b = append(b, "\t"+line)
	}
	b = append(b, "}")
	all := strings.Join(b, "\n")
	uses := map[string]int{}
	for _, name := range variableName.FindAllString(all, -1) {
		uses[name]++
	}
	for i, line := range b {
		b[i] = declaration.ReplaceAllStringFunc(line, func(declared string) string {
			return variableName.ReplaceAllStringFunc(declared, func(name string) string {
				if uses[name] > 1 {
					return name
				}
				return "_"
			})
		})
	}
	return b
}

var (
	variableName = regexp.MustCompile(`\bv[0-9]+\b`)
	declaration  = regexp.MustCompile(`\b(some|every) v[0-9]+(, v[0-9]+)? in`)
)

// complete writes name := value if body, with else now and then.
func (g *generator) complete(name string, s shape) block {
	outer := len(g.vars)
	body := g.body()
	var b block
	if s == boolean && g.one(2) {
		b = g.block(name+" if {", body)
	} else {
		b = g.block(fmt.Sprintf("%s := %s if {", name, g.expr(s)), body)
	}
	for g.one(4) {
		g.vars = g.vars[:outer]
		body := g.body()
		other := g.block(fmt.Sprintf("} else := %s if {", g.expr(s)), body)
		b = append(b[:len(b)-1], other...)
	}
	return b
}

func (g *generator) parameters(n int) string {
	var args []string
	for range n {
		switch g.n(6) {
		case 0:
			args = append(args, g.literal(shape(1+g.n(3))))
		case 1:
			args = append(args, fmt.Sprintf("[%s, %s]", g.fresh(part), g.fresh(part)))
		case 2:
			args = append(args, fmt.Sprintf("{%q: %s}", pick(g.choices, keys...), g.fresh(part)))
		default:
			args = append(args, g.fresh(part))
		}
	}
	return strings.Join(args, ", ")
}

func (g *generator) body() []string {
	var lines []string
	for range 1 + g.n(3) {
		lines = append(lines, g.statement())
	}
	return lines
}

// inner is a body of which no variable is seen afterwards.
func (g *generator) inner(write func()) {
	outer := len(g.vars)
	g.depth++
	write()
	g.depth--
	g.vars = g.vars[:outer]
}

func (g *generator) statement() string {
	if g.depth > 2 {
		return g.comparison()
	}
	switch g.n(18) {
	case 17:
		if both, ok := g.within(); ok {
			return both
		}
		return g.comparison()
	case 0, 1:
		s := shape(g.n(int(shapes)))
		e := g.expr(s)
		return fmt.Sprintf("%s := %s", g.fresh(s), e)
	case 2, 3:
		return g.comparison()
	case 4:
		return g.expr(boolean)
	case 5:
		return g.truth()
	case 6:
		line := ""
		g.inner(func() { line = "not " + pick(g.choices, g.comparison, g.truth)() })
		return line
	case 7:
		of, member := g.collection()
		return fmt.Sprintf("some %s, %s in %s", g.fresh(member), g.fresh(member), of)
	case 8, 9:
		of, member := g.collection()
		return fmt.Sprintf("some %s in %s", g.fresh(member), of)
	case 10:
		of := g.inputRef()
		return fmt.Sprintf("%s := %s[%s]", g.fresh(part), of, pick(g.choices, "_", g.unbound()))
	case 11:
		line := ""
		of, member := g.collection()
		g.inner(func() {
			names := g.fresh(member)
			if g.one(3) {
				names += ", " + g.fresh(member)
			}
			line = fmt.Sprintf("every %s in %s { %s }", names, of, strings.Join(g.body()[:1], "; "))
		})
		return line
	case 12:
		of := g.inputRef()
		if g.one(2) {
			return fmt.Sprintf("[%s, %s] = %s", g.fresh(part), g.constant(number), of)
		}
		return fmt.Sprintf("{%q: %s} = %s", pick(g.choices, keys...), g.fresh(part), of)
	case 13:
		of, _ := g.collection()
		return fmt.Sprintf("%s in %s", g.expr(anyShape), of)
	case 14:
		of := g.inputRef()
		return fmt.Sprintf("walk(%s, [%s, %s])", of, g.fresh(array), g.fresh(part))
	case 15:
		if r, ok := g.readable(func(r rule) bool { return r.multi }); ok {
			key := g.unbound()
			g.vars = append(g.vars, variable{key, anyShape})
			return fmt.Sprintf("%s := %s[%s]", g.fresh(anyShape), r.ref, key)
		}
		return g.comparison()
	default:
		return g.comparison() + " " + g.with()
	}
}

// within reads a rule or calls a function twice, once under with: what is
// remembered of one must not be taken for the other.
func (g *generator) within() (string, bool) {
	r, ok := g.readable(func(r rule) bool { return true })
	if !ok {
		return "", false
	}
	read := r.ref
	if r.function > 0 {
		read = fmt.Sprintf("%s(%s)", r.ref, strings.Join(slices.Repeat([]string{g.leaf(part)}, r.function), ", "))
	}
	first, then := read, read+" "+g.with()
	if g.one(2) {
		first, then = then, first
	}
	a := g.unbound()
	both := fmt.Sprintf("%s := [true | %s]; %s := [%s, %s]", a, first, g.fresh(array), a, "[v | v := "+then+"]")
	return both, true
}

// unbound is a variable that the statement it is in binds, and nothing else reads.
func (g *generator) unbound() string {
	g.names++
	return fmt.Sprintf("v%d", g.names)
}

func (g *generator) with() string {
	switch g.n(8) {
	case 0:
		return fmt.Sprintf("with input as {%q: %s}", pick(g.choices, keys...), g.constant(shape(1+g.n(int(shapes)-1))))
	case 1:
		return fmt.Sprintf("with data.d.%s as %s", pick(g.choices, "a", "b", "c"), g.expr(anyShape))
	case 2:
		if r, ok := g.readable(func(r rule) bool { return r.function == 0 }); ok {
			return fmt.Sprintf("with %s as %s", r.ref, g.constant(r.shape))
		}
	case 3:
		if f, ok := g.readable(func(r rule) bool { return r.function == 1 }); ok {
			return fmt.Sprintf("with %s as %s", pick(g.choices, "count", "to_number", f.ref), pick(g.choices, f.ref, g.constant(number), "type_name"))
		}
	case 4:
		return fmt.Sprintf("with input.%s as %s with input.%s as %s", pick(g.choices, "a", "b"), g.expr(anyShape), pick(g.choices, "a.b", "c"), g.expr(anyShape))
	}
	return fmt.Sprintf("with input.%s as %s", pick(g.choices, "a", "b", "c", "a.b", "b.a.c"), g.expr(anyShape))
}

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
