package vm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
	"github.com/open-policy-agent/opa/v1/topdown/print"
)

// function is a planned rule or function.
type function struct {
	name   string
	index  int // in the memo
	params []int
	result int
	locals int
	shared map[ir.Local]bool
	// constant are the parameters that no statement assigns.
	constant map[ir.Local]bool
	run      op
	// reads is, by place of the parameter, what the function reads of an argument that
	// no statement assigns.
	reads map[int]map[string]*Read
	// input says whether the function or one it calls reads the input document.
	input bool
	// memoized functions have no arguments but input and data.
	memoized bool
	// folded functions do not depend on the input: value is what they return and
	// fired the rules that gave it.
	folded bool
	value  Value
	fired  []int
}

// memo is what a memoized function returned.
type memo struct {
	epoch uint32
	value Value
}

// argMemo is what functions of one argument returned for the very same value: rules
// call them in loops over the same documents. A loop over a dozen targets must not
// have two of them in one place, for each turn would then forget the other.
type argMemo [1 << argMemoBits]struct {
	epoch      uint32
	arg, value Value
}

const argMemoBits = 7

// slot spreads values that lie one behind the other, as those of a document do,
// over all places (Knuth's multiplicative hashing).
func (a *argMemo) slot(arg Value) int {
	return int((uint64(uintptr(unsafe.Pointer(arg.h))) + uint64(arg.n)) * 0x9e3779b97f4a7c15 >> (64 - argMemoBits))
}

func (c *compiler) function(f *ir.Func) (*function, error) {
	fn := &function{name: f.Name[strings.IndexByte(f.Name, '.')+1:], index: len(c.p.funcs), result: int(f.Return),
		memoized: len(f.Params) == 2, shared: map[ir.Local]bool{}, reads: map[int]map[string]*Read{}}
	last := f.Return
	for _, p := range f.Params {
		fn.params = append(fn.params, int(p))
		last = max(last, p)
	}
	for l := range last + 2 { // the last is the result of the rules' bodies
		fn.shared[l] = true
	}
	c.p.funcs = append(c.p.funcs, fn)
	fn.input = c.readsInput(f)
	fn.constant = map[ir.Local]bool{}
	for _, p := range f.Params {
		fn.constant[p] = true
	}
	for _, b := range f.Blocks {
		walk(b, func(st ir.Stmt) { writes(st, func(l ir.Local) { delete(fn.constant, l) }) })
	}
	s := c.scope(fn)
	s.locals = int(last) + 2
	blocks, err := s.topLevel(f.Blocks[:len(f.Blocks)-1])
	if err != nil {
		return nil, err
	}
	// The last block of every function returns its result.
	if end := f.Blocks[len(f.Blocks)-1].Stmts; len(end) != 1 {
		return nil, &Unsupported{What: "a function with another end"}
	} else if r, ok := end[0].(*ir.ReturnLocalStmt); !ok || r.Source != f.Return {
		return nil, &Unsupported{What: "a function with another end"}
	}
	fn.locals, fn.run = s.locals, runFunction(blocks, fn.result)
	if fn.memoized && !fn.input && c.fixed {
		c.fold(fn)
	}
	return fn, nil
}

// readsInput says whether a function depends on more than the base document.
func (c *compiler) readsInput(f *ir.Func) bool {
	found := false
	for _, b := range f.Blocks {
		walk(b, func(st ir.Stmt) {
			switch st := st.(type) {
			case *ir.CallStmt:
				if callee, ok := c.funcs[st.Func]; ok {
					found = found || callee.input
				} else if decl, _ := c.builtin(st.Func); decl == nil || decl.IsNondeterministic() || st.Func == "internal.print" || st.Func == "trace" {
					found = true
				}
			case *ir.CallDynamicStmt, *ir.WithStmt:
				found = true
			default:
				reads(st, func(l ir.Local) { found = found || l == ir.Input })
			}
		})
	}
	return found
}

// fold evaluates a function now. One that fails is left to fail when it is called.
func (c *compiler) fold(fn *function) {
	m := newMachine(c.p)
	m.calls.ctx = context.Background()
	m.left, m.reserve = stepsBetweenLooks, 10*stepsBetweenLooks
	m.nextEpoch()
	l := m.push(fn.locals)
	l[ir.Data] = c.p.data
	if ended := fn.run(m, l); ended == ctlError || m.failed != nil {
		return
	}
	fn.folded = true
	m.Fired(func(rule int) { fn.fired = append(fn.fired, rule) })
	if m.ret.Defined() {
		kept, err := c.p.consts.of(toAST(m.ret))
		if err != nil {
			fn.folded = false
			return
		}
		fn.value = kept
	}
}

func (s *scope) call(st *ir.CallStmt) (op, error) {
	args := make([]operand, len(st.Args))
	fn, ok := s.funcs[st.Func]
	if ok && fn.folded {
		return s.callFolded(st, fn), nil
	}
	for i, a := range st.Args {
		// What the function reads of the documents, it notes itself.
		if l, isLocal := val(a).(ir.Local); ok && isLocal && (i < 2 && l <= ir.Data || i >= 2 && s.passed(fn, i, l)) {
			args[i] = s.quiet(a)
			continue
		}
		if l, isLocal := val(a).(ir.Local); isLocal && i == 0 && s.gets(st, l) {
			args[i] = s.quiet(a)
			continue
		}
		args[i] = s.operand(a)
	}
	if !ok {
		return s.callBuiltin(st, args)
	}
	to := s.target(st.Result)
	at := s.place(st)
	if fn.memoized {
		input, data := args[0], args[1]
		return func(m *Machine, l []Value) ctl {
			e := &m.memo[fn.index]
			if e.epoch != m.epoch {
				if m.left--; m.left < 0 {
					if c := m.spent(at); c != ctlNext {
						return c
					}
				}
				fl := m.push(fn.locals)
				fl[ir.Input], fl[ir.Data] = input.get(l), data.get(l)
				epoch := m.epoch
				m.ret = Value{}
				c := fn.run(m, fl)
				m.pop(fn.locals)
				if c == ctlError {
					return c
				}
				e.epoch, e.value = epoch, m.ret
			}
			if e.value.h == nil {
				return ctlUndefined
			}
			l[to] = e.value
			return ctlNext
		}, nil
	}
	run := func(m *Machine, l []Value) ctl {
		if m.left--; m.left < 0 {
			if c := m.spent(at); c != ctlNext {
				return c
			}
		}
		return fn.enter(m, args, l)
	}
	if len(args) != 3 {
		return func(m *Machine, l []Value) ctl {
			if c := run(m, l); c != ctlNext {
				return c
			}
			if m.ret.h == nil {
				return ctlUndefined
			}
			l[to] = m.ret
			return ctlNext
		}, nil
	}
	return func(m *Machine, l []Value) ctl {
		arg, known := args[2].get(l), m.argMemo(fn.index)
		e := &known[known.slot(arg)]
		if e.epoch != m.epoch || e.arg != arg {
			epoch := m.epoch
			if c := run(m, l); c != ctlNext {
				return c
			}
			e.epoch, e.arg, e.value = epoch, arg, m.ret
		}
		if e.value.h == nil {
			return ctlUndefined
		}
		l[to] = e.value
		return ctlNext
	}, nil
}

// enter runs a function in a frame of its own. It leaves the result with the
// machine.
func (fn *function) enter(m *Machine, args []operand, l []Value) ctl {
	fl := m.push(fn.locals)
	for i := range args {
		fl[fn.params[i]] = args[i].get(l)
	}
	m.ret = Value{}
	c := fn.run(m, fl)
	m.pop(fn.locals)
	if c == ctlError {
		return c
	}
	return ctlNext
}

func (m *Machine) argMemo(fn int) *argMemo {
	if m.args[fn] == nil {
		m.args[fn] = &argMemo{}
	}
	return m.args[fn]
}

func (s *scope) callFolded(st *ir.CallStmt, fn *function) op {
	var ops []op
	if len(fn.fired) > 0 {
		ops = append(ops, func(m *Machine, _ []Value) ctl {
			for _, rule := range fn.fired {
				m.fire(rule)
			}
			return ctlNext
		})
	}
	if !fn.value.Defined() {
		ops = append(ops, undefined)
	} else if o := s.assign(st.Result, fn.value); o != nil {
		ops = append(ops, o)
	}
	if len(ops) == 0 {
		return nil
	}
	return sequence(ops)
}

func pathKey(path []string) string { return strings.Join(path, "\x00") }

// callDynamic calls the function at a path that is known only now.
func (s *scope) callDynamic(st *ir.CallDynamicStmt) op {
	path := make([]operand, len(st.Path))
	for i, p := range st.Path {
		path[i] = s.operand(p)
	}
	args := make([]operand, len(st.Args))
	for i, a := range st.Args { // input and data, of which the function itself notes what it reads
		args[i] = s.quietLocal(a)
	}
	to := s.target(st.Result)
	byPath := s.p.byPath
	return func(m *Machine, l []Value) ctl {
		steps := make([]string, len(path))
		for i := range path {
			v := path[i].get(l)
			if v.kind() != kindString {
				return ctlUndefined
			}
			steps[i] = v.str().s
		}
		fn := byPath[pathKey(steps)]
		if fn == nil {
			return ctlUndefined
		}
		if c := fn.enter(m, args, l); c != ctlNext {
			return c
		}
		if m.ret.h == nil {
			return ctlUndefined
		}
		l[to] = m.ret
		return ctlNext
	}
}

// callContext is what built-ins may ask of the evaluation.
type callContext struct {
	ctx     context.Context
	cache   builtins.Cache
	now     *ast.Term
	seed    io.Reader
	runtime *ast.Term
	print   print.Hook
	nd      builtins.NDBCache
	caps    *ast.Capabilities
	metrics metrics.Metrics
	cancel  topdown.Cancel
}

func (c *callContext) reset() { *c = callContext{} }

// callBuiltin calls a built-in: natively where there is a native form for these
// operands, and else OPA's own.
func (s *scope) callBuiltin(st *ir.CallStmt, args []operand) (op, error) {
	at := s.place(st)
	decl, f := s.builtin(st.Func)
	if decl == nil || f == nil {
		return nil, &Unsupported{What: "the built-in " + st.Func, File: at.File, Row: at.Row, Col: at.Col}
	}
	b := &builtinCall{name: st.Func, f: f, relation: decl.Relation, void: decl.Decl.Result() == nil, varies: decl.IsNondeterministic(), at: at,
		loc: ast.NewLocation(nil, at.File, at.Row, at.Col)}
	constant := !decl.IsNondeterministic() && !b.void && !b.relation && st.Func != "trace"
	for i := range args {
		constant = constant && args[i].constant()
	}
	if constant {
		if v, ok := s.foldCall(b, args); ok {
			if !v.Defined() {
				return undefined, nil
			}
			return s.assign(st.Result, v), nil
		}
	}
	to := s.target(st.Result)
	generic := func(m *Machine, l []Value) ctl {
		v, c := b.call(m, args, l)
		if c == ctlNext {
			l[to] = v
		}
		return c
	}
	if _, replaced := s.cfg.Builtins[st.Func]; replaced {
		return generic, nil
	}
	return native(st.Func, args, to, generic), nil
}

type builtinCall struct {
	name     string
	f        topdown.BuiltinFunc
	relation bool
	void     bool
	varies   bool // its result depends on more than its operands
	at       Place
	loc      *ast.Location
}

// foldCall calls a built-in on constants now; false: it fails or has to be called
// later for another reason.
func (s *scope) foldCall(b *builtinCall, args []operand) (Value, bool) {
	m := newMachine(s.p)
	m.calls.ctx = context.Background()
	v, c := b.call(m, args, nil)
	if c == ctlError || m.failed != nil {
		return Value{}, false
	}
	if c == ctlUndefined {
		return Value{}, true
	}
	kept, err := s.p.consts.of(toAST(v))
	return kept, err == nil
}

func (b *builtinCall) call(m *Machine, args []operand, l []Value) (Value, ctl) {
	terms := make([]*ast.Term, len(args))
	for i := range args {
		v := args[i].get(l)
		if !v.Defined() {
			return Value{}, ctlUndefined
		}
		terms[i] = ast.NewTerm(toAST(v))
	}
	if m.calls.cache == nil {
		m.calls.cache = builtins.Cache{}
	}
	if m.calls.metrics == nil {
		m.calls.metrics = metrics.NoOp()
	}
	if m.calls.now == nil && b.varies {
		m.calls.now = timeTerm(time.Now())
	}
	if m.calls.seed == nil {
		m.calls.seed = rand.Reader
	}
	bctx := topdown.BuiltinContext{
		Context: m.calls.ctx, Metrics: m.calls.metrics, Seed: m.calls.seed, Time: m.calls.now, Cancel: m.calls.cancel,
		Runtime: m.calls.runtime, Cache: m.calls.cache, NDBuiltinCache: m.calls.nd, Location: b.loc,
		PrintHook: m.calls.print, Capabilities: m.calls.caps,
	}
	var (
		found  Value
		failed error
		many   *array
	)
	if b.relation {
		many = m.newArray(0)
	}
	err := b.f(bctx, terms, func(t *ast.Term) error {
		if t == nil {
			found = Bool(true)
			return nil
		}
		v, err := m.FromAST(t.Value)
		if err != nil {
			failed = err
			return err
		}
		if b.relation {
			many.append(&m.arena, v)
		} else {
			found = v
		}
		return nil
	})
	if failed != nil {
		m.err = fmt.Errorf("%s:%d: %s: %w", b.at.File, b.at.Row, b.name, failed)
		return Value{}, ctlError
	}
	if err != nil {
		var halt topdown.Halt
		if errors.As(err, &halt) {
			m.err = halt.Err
			return Value{}, ctlError
		}
		if m.failed == nil {
			m.failed = err
		}
		return Value{}, ctlUndefined
	}
	if b.relation {
		return many.value(), ctlNext
	}
	if b.void {
		return Bool(true), ctlNext
	}
	if !found.Defined() {
		return Value{}, ctlUndefined
	}
	return found, ctlNext
}

func timeTerm(t time.Time) *ast.Term {
	return ast.NewTerm(ast.Number(strconv.FormatInt(t.UnixNano(), 10)))
}
