package vm_test

import (
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
