package vm

import (
	"fmt"
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// op does one statement. l are the locals of its function.
type op func(m *Machine, l []Value) ctl

// ctl says how a statement ended. A positive one leaves that many blocks; a
// statement that is undefined leaves its own.
type ctl int

const (
	ctlNext      ctl = 0
	ctlUndefined ctl = 1
	ctlReturn    ctl = -1
	ctlError     ctl = -2
)

// operand is a local or, where local is negative, a constant.
type operand struct {
	local int
	value Value
}

func (o *operand) get(l []Value) Value {
	if o.local >= 0 {
		return l[o.local]
	}
	return o.value
}

func (o *operand) constant() bool { return o.local < 0 }

// compiler turns a plan into closures. Functions come in an order in which each
// follows those it calls.
type compiler struct {
	p        *Program
	cfg      *Config
	static   *ir.Static
	funcs    map[string]*function
	rules    map[Place]int
	fixed    bool // no statement replaces the base document
	builtins map[string]*ast.Builtin
}

func newCompiler(p *Program, cfg *Config) *compiler {
	c := &compiler{p: p, cfg: cfg, static: cfg.Policy.Static, funcs: map[string]*function{}, rules: map[Place]int{}, fixed: true,
		builtins: map[string]*ast.Builtin{}}
	for i, r := range cfg.Rules {
		c.rules[r] = i
	}
	return c
}

func (c *compiler) compile() error {
	policy := c.cfg.Policy
	for _, f := range policy.Funcs.Funcs {
		for _, b := range f.Blocks {
			c.fixed = c.fixed && !replacesData(b)
		}
	}
	for _, pl := range policy.Plans.Plans {
		for _, b := range pl.Blocks {
			c.fixed = c.fixed && !replacesData(b)
		}
	}
	for _, f := range policy.Funcs.Funcs {
		fn, err := c.function(f)
		if err != nil {
			return err
		}
		c.funcs[f.Name] = fn
		c.p.byPath[pathKey(f.Path)] = fn
	}
	for _, pl := range policy.Plans.Plans {
		s := c.scope(nil)
		blocks, err := s.topLevel(pl.Blocks)
		if err != nil {
			return err
		}
		c.p.plans[pl.Name] = &plan{locals: s.locals, run: runBlocks(blocks)}
	}
	return nil
}

// replacesData says whether a block has a with statement for the base document.
func replacesData(b *ir.Block) bool {
	found := false
	walk(b, func(s ir.Stmt) {
		if w, ok := s.(*ir.WithStmt); ok && w.Local == ir.Data {
			found = true
		}
	})
	return found
}

// scope is a function while it is compiled.
type scope struct {
	*compiler
	fn     *function // nil: a plan
	locals int
	known  map[ir.Local]Value     // locals whose value is a constant here
	reads  map[ir.Local]bool      // locals that some operation reads
	dead   map[ir.Local]bool      // locals that none reads; nil in the first pass
	base   map[ir.Local]bool      // locals that a reference into the base document has come to
	rule   int                    // whose body this is, or -1
	result ir.Local               // of the rule
	direct ir.Local               // a local whose value is assigned to the function's result at once, or -1
	muts   map[ir.Local]int       // statements of the block that change a local's value in place
	uses   map[ir.Local]int       // statements of the block that read a local
	sets   map[ir.Local]int       // statements of the block that assign a local
	same   map[ir.Local]ir.Local  // locals that are another name of one
	at     map[ir.Local]inputPath // locals that hold what is at a path of the input
	now    ir.Stmt                // being compiled
}

func (c *compiler) scope(fn *function) *scope {
	return &scope{compiler: c, fn: fn, locals: 2, rule: -1, result: -1}
}

// topLevel compiles the blocks of a function. Locals but those that all blocks
// share belong to one block, so each block is compiled twice: the first time tells
// which locals are read when it runs.
func (s *scope) topLevel(blocks []*ir.Block) ([]op, error) {
	var shared map[ir.Local]bool
	if s.fn != nil {
		shared = s.fn.shared
	}
	ops := make([]op, 0, len(blocks))
	for i := 0; i < len(blocks); i++ {
		b := blocks[i]
		s.reads, s.dead = map[ir.Local]bool{}, nil
		s.muts, s.uses, s.sets = map[ir.Local]int{}, map[ir.Local]int{}, map[ir.Local]int{}
		walk(b, func(st ir.Stmt) {
			if l, ok := mutates(st); ok {
				s.muts[l]++
			}
			reads(st, func(l ir.Local) { s.uses[l]++ })
			writes(st, func(l ir.Local) {
				s.sets[l]++
				s.locals = max(s.locals, int(l)+1)
			})
		})
		s.direct = -1
		if s.fn != nil && i+1 < len(blocks) {
			s.direct = s.passedOn(b, blocks[i+1])
		}
		var o op
		for range 2 {
			s.known, s.base, s.same = map[ir.Local]Value{}, map[ir.Local]bool{}, map[ir.Local]ir.Local{}
			s.at = map[ir.Local]inputPath{ir.Input: {}}
			if s.fn != nil {
				for i, p := range s.fn.params[2:] {
					if s.fn.constant[ir.Local(p)] {
						s.at[ir.Local(p)] = inputPath{arg: i + 2}
					}
				}
			}
			if s.fixed {
				s.known[ir.Data] = s.p.data
			}
			s.rule, s.result = s.ruleOf(b)
			var err error
			if o, err = s.block(b); err != nil {
				return nil, err
			}
			if s.fn == nil || shared == nil {
				break
			}
			s.dead = map[ir.Local]bool{}
			walk(b, func(st ir.Stmt) {
				writes(st, func(l ir.Local) {
					if !s.reads[l] && !shared[l] {
						s.dead[l] = true
					}
				})
			})
		}
		ops = append(ops, o)
		if s.direct >= 0 {
			i++ // what the next block does is done
		}
	}
	return ops, nil
}

// passedOn is the local in which a rule's body leaves its value for the next block
// to return, or -1: of a rule without an else that block does nothing else, so the
// body may as well assign the function's result.
// ruleOf is the rule whose body a function's block is and the local of its result.
// The planner begins each with a statement at the place of the rule's head.
func (s *scope) ruleOf(b *ir.Block) (int, ir.Local) {
	if len(b.Stmts) == 0 || s.fn == nil {
		return -1, -1
	}
	var result ir.Local
	switch st := b.Stmts[0].(type) {
	case *ir.ResetLocalStmt:
		result = st.Target
	case *ir.IsUndefinedStmt:
		result = st.Source
	default:
		return -1, -1
	}
	if i, ok := s.rules[s.place(b.Stmts[0])]; ok {
		return i, result
	}
	return -1, result
}

func (s *scope) place(st ir.Stmt) Place {
	loc := st.GetLocation()
	if loc.Row == 0 {
		return Place{} // a statement that was given none
	}
	file := ""
	if loc.File >= 0 && loc.File < len(s.static.Files) {
		file = s.static.Files[loc.File].Value
	}
	return Place{File: file, Row: loc.Row, Col: loc.Col}
}

// block compiles a block; what it returns is the ctl of the statement that left it.
func (s *scope) block(b *ir.Block) (op, error) {
	var ops []op
	for i := 0; i < len(b.Stmts); i++ {
		s.now = b.Stmts[i]
		if n, fold := s.composites(b.Stmts[i:]); n > 0 {
			ops = append(ops, fold...)
			i += n - 1
			continue
		}
		if n, o := s.path(b.Stmts[i:]); n > 0 {
			ops = append(ops, o)
			i += n - 1
			continue
		}
		if i+1 < len(b.Stmts) {
			if o := s.test(b.Stmts[i], b.Stmts[i+1]); o != nil {
				ops = append(ops, o)
				i++
				continue
			}
		}
		o, err := s.stmt(b.Stmts[i])
		if err != nil {
			return nil, err
		}
		if o != nil {
			ops = append(ops, o)
		}
	}
	return sequence(ops), nil
}

// path is a chain of references by name and, where it ends in one, a comparison of
// what is found with a constant, as one operation. It returns how many statements
// that is; 0: it is not one.
// comparedWith is the constant that a statement compares a local with and whether
// the two have to be the same; undefined: it does something else.
// test is a comparison and the statement that takes its result as a condition,
// "a < b", as one operation; nil: the two are something else.
// nested compiles a block within another: what it assigns is not known after it,
// nor, where it is a loop's, at its beginning.
func (s *scope) nested(b *ir.Block, loop bool) (op, error) {
	before := maps.Clone(s.known)
	forget := func() {
		walk(b, func(st ir.Stmt) { writes(st, func(l ir.Local) { delete(s.known, l) }) })
	}
	if loop {
		forget()
	}
	rule := s.rule
	if r, result := s.ruleOf(b); r >= 0 && result == s.result {
		s.rule = r // the body of an else
	}
	o, err := s.block(b)
	s.known, s.rule = before, rule
	forget()
	return o, err
}

// local is the operand for reading a local, whatever may be done with it.
func (s *scope) local(l ir.Local) operand {
	s.used(l)
	return s.quietLocal(l)
}

// quietLocal is the operand for reading no more than a part of a local, which the
// caller notes.
func (s *scope) quietLocal(l ir.Local) operand {
	if of, ok := s.same[l]; ok {
		l = of
	}
	if v, ok := s.known[l]; ok {
		return operand{local: -1, value: v}
	}
	s.reads[l] = true
	s.locals = max(s.locals, int(l)+1)
	return operand{local: int(l)}
}

func (s *scope) operand(o ir.Operand) operand {
	if l, ok := val(o).(ir.Local); ok {
		s.used(l)
	}
	return s.quiet(o)
}

func (s *scope) quiet(o ir.Operand) operand {
	switch v := val(o).(type) {
	case ir.StringIndex:
		return operand{local: -1, value: s.p.consts.String(s.static.Strings[v].Value)}
	case ir.Bool:
		return operand{local: -1, value: Bool(bool(v))}
	case ir.Local:
		return s.quietLocal(v)
	}
	panic(fmt.Sprintf("vm: operand of type %T", o.Value))
}

// assign makes a local a constant; the operation is nil where nothing reads it.
func (s *scope) assign(l ir.Local, v Value) op {
	s.known[l] = v
	delete(s.base, l)
	if s.dead != nil && s.dead[l] {
		return nil
	}
	return func(_ *Machine, locals []Value) ctl {
		locals[l] = v
		return ctlNext
	}
}

// target is where a statement's result goes; the local is no longer known.
func (s *scope) target(l ir.Local) int {
	delete(s.known, l)
	delete(s.base, l)
	if l != ir.Input {
		delete(s.at, l)
	}
	return int(l)
}

// fires adds to the operation that ends a rule's body that the rule fired.
func (s *scope) fires(o op) op {
	rule := s.rule
	if rule < 0 {
		return o
	}
	return func(m *Machine, l []Value) ctl {
		m.fire(rule)
		return o(m, l)
	}
}

// sequence does operations until one does not end with ctlNext.
func sequence(ops []op) op {
	switch len(ops) {
	case 0:
		return func(*Machine, []Value) ctl { return ctlNext }
	case 1:
		return ops[0]
	case 2:
		a, b := ops[0], ops[1]
		return func(m *Machine, l []Value) ctl {
			if c := a(m, l); c != ctlNext {
				return c
			}
			return b(m, l)
		}
	case 3:
		a, b, d := ops[0], ops[1], ops[2]
		return func(m *Machine, l []Value) ctl {
			if c := a(m, l); c != ctlNext {
				return c
			}
			if c := b(m, l); c != ctlNext {
				return c
			}
			return d(m, l)
		}
	}
	return func(m *Machine, l []Value) ctl {
		for _, o := range ops {
			if c := o(m, l); c != ctlNext {
				return c
			}
		}
		return ctlNext
	}
}

// runBlocks does the blocks of a plan one after the other.
func runBlocks(blocks []op) op {
	return func(m *Machine, l []Value) ctl {
		for _, b := range blocks {
			if c := b(m, l); c < ctlNext {
				return c
			}
		}
		return ctlNext
	}
}

// runFunction does the blocks of a function and returns its result.
func runFunction(blocks []op, result int) op {
	if len(blocks) == 1 {
		b := blocks[0]
		return func(m *Machine, l []Value) ctl {
			if c := b(m, l); c < ctlNext {
				return c
			}
			m.ret = l[result]
			return ctlReturn
		}
	}
	return func(m *Machine, l []Value) ctl {
		for _, b := range blocks {
			if c := b(m, l); c < ctlNext {
				return c
			}
		}
		m.ret = l[result]
		return ctlReturn
	}
}

// builtin is a built-in function by name.
func (c *compiler) builtin(name string) (*ast.Builtin, topdown.BuiltinFunc) {
	if b, ok := c.cfg.Builtins[name]; ok {
		return b.Decl, b.Func
	}
	return ast.BuiltinMap[name], topdown.GetBuiltin(name)
}
