// Package vm evaluates compiled Rego fast. It turns the plan that OPA's own
// planner makes of a policy (opa/v1/ir) into a tree of Go closures over a compact
// value form, and hides both. What a plan means is what OPA's topdown evaluator
// says; this package is a faster way to the same answer.
package vm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gobwas/glob"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// DefaultSteps bounds one evaluation: loop turns and calls. A decision of the
// standard policy takes some hundreds.
const DefaultSteps = 5_000_000

// stepsBetweenLooks is how many steps are taken between two looks at the context,
// about a tenth of a millisecond.
const stepsBetweenLooks = 10_000

// Config is what a Program is made of.
type Config struct {
	// Policy is OPA's plan. It is not changed and not kept.
	Policy *ir.Policy
	// Data is the base document; nil: none.
	Data ast.Value
	// Rules are the rules whose firing is to be known, in any order.
	Rules []Place
	// Builtins are functions beside OPA's.
	Builtins map[string]*topdown.Builtin
	// Strict makes an error of a built-in an error of the evaluation; otherwise the
	// call is undefined.
	Strict bool
	// Steps and Timeout bound an evaluation. 0: DefaultSteps and no other limit than
	// the caller's.
	Steps   int
	Timeout time.Duration
}

// Place is where a rule's head begins.
type Place struct {
	File     string
	Row, Col int
}

// Program is a compiled policy. It never changes and is safe for concurrent use.
type Program struct {
	consts   *constants
	data     Value
	funcs    []*function
	byPath   map[string]*function // for calls whose callee is computed
	plans    map[string]*plan
	reads    map[string]*Read
	strict   bool
	steps    int
	timeout  time.Duration
	machines sync.Pool
}

// plan is one entry point.
type plan struct {
	locals int
	run    op
}

// Unsupported says what of a policy cannot be compiled.
type Unsupported struct {
	What     string
	File     string
	Row, Col int
}

func (u *Unsupported) Error() string {
	if u.File == "" {
		return u.What + " is not supported"
	}
	return fmt.Sprintf("%s:%d:%d: %s is not supported", u.File, u.Row, u.Col, u.What)
}

// Compile compiles a plan. An *Unsupported error names what it does not know;
// such a policy is for topdown.
func Compile(cfg Config) (_ *Program, err error) {
	// A plan that this package misreads must not end a service that could go on with
	// topdown.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("compile the plan: %v", r)
		}
	}()
	p := &Program{
		consts: newConstants(),
		byPath: map[string]*function{},
		reads:  map[string]*Read{},
		plans:  map[string]*plan{},
		strict: cfg.Strict,
		steps:  cfg.Steps,

		timeout: cfg.Timeout,
	}
	if p.steps == 0 {
		p.steps = DefaultSteps
	}
	if cfg.Data != nil {
		data, err := p.consts.of(cfg.Data)
		if err != nil {
			return nil, fmt.Errorf("read the base document: %w", err)
		}
		p.data = data
	}
	c := newCompiler(p, &cfg)
	if err := c.compile(); err != nil {
		return nil, err
	}
	p.machines.New = func() any { return newMachine(p) }
	return p, nil
}

// Machine evaluates a Program, one evaluation after the other. It belongs to one
// goroutine until Release; its values die with Reset and Release.
type Machine struct {
	arena
	program *Program
	stack   []Value
	top     int
	memo    []memo
	args    []*argMemo
	epoch   uint32 // of the memo; with statements start new ones
	epochs  uint32 // given out so far
	ret     Value  // what the last function returned
	results *table // of the plan
	err     error
	failed  error // the first error of a built-in
	left    int   // steps until somebody looks at the context
	reserve int   // steps after those
	begun   time.Time
	fired   []uint64
	data    Value
	calls   callContext
	json    jsonReader
	text    []byte // room to put a string together
	globs   map[globKey]*glob.Pattern
}

func newMachine(p *Program) *Machine {
	m := &Machine{program: p, stack: make([]Value, 512), memo: make([]memo, len(p.funcs)), args: make([]*argMemo, len(p.funcs))}
	return m
}

// Machine takes a machine out of the program's pool.
func (p *Program) Machine() *Machine { return p.machines.Get().(*Machine) }

// Release gives the machine back.
func (m *Machine) Release() {
	m.Reset()
	m.program.machines.Put(m)
}

// Reset ends all values of the machine.
func (m *Machine) Reset() {
	clear(m.stack[:min(m.top+1, len(m.stack))])
	clear(m.fired)
	m.ret, m.results, m.err, m.failed, m.data = Value{}, nil, nil, nil, Value{}
	m.top = 0
	m.calls.reset()
	m.arena.reset()
}

var (
	// ErrSteps is a spent step limit.
	ErrSteps = errors.New("the evaluation takes too many steps")

	errNoPlan = errors.New("the policy has no such entry point")
)

// Error is one that a policy made at a place of its source.
type Error struct {
	Code    string // as topdown has them
	Message string
	Place
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Row, e.Code, e.Message)
}

// Eval runs an entry point and returns the set of its results, each an object of
// the query's variables. An undefined input is one that is not given. Values may
// be of the machine or of its program.
func (m *Machine) Eval(ctx context.Context, entry string, input Value) (Value, error) {
	v, err := m.eval(ctx, entry, input)
	if err == nil && m.failed != nil && m.program.strict {
		return Value{}, m.failed
	}
	return v, err
}

func (m *Machine) eval(ctx context.Context, entry string, input Value) (Value, error) {
	pl := m.program.plans[entry]
	if pl == nil {
		return Value{}, errNoPlan
	}
	m.calls.ctx = ctx
	m.left = min(m.program.steps, stepsBetweenLooks)
	m.reserve = m.program.steps - m.left
	m.begun = time.Now()
	m.nextEpoch()
	m.results = m.newTable(kindSet, 0)
	l := m.push(pl.locals)
	l[ir.Input], l[ir.Data] = input, m.program.data
	c := pl.run(m, l)
	m.pop(pl.locals)
	if c == ctlError {
		return Value{}, m.err
	}
	return m.results.value(), nil
}

// Fired calls each for the indexes in Config.Rules of the rules that gave a value
// in the last evaluation.
func (m *Machine) Fired(each func(rule int)) {
	for w, word := range m.fired {
		for b := range 64 {
			if word&(1<<b) != 0 {
				each(w*64 + b)
			}
		}
	}
}

func (m *Machine) fire(rule int) {
	for len(m.fired) <= rule/64 {
		m.fired = append(m.fired, 0)
	}
	m.fired[rule/64] |= 1 << (rule % 64)
}

// nextEpoch forgets what functions without arguments returned. When the counter
// comes round, entries of its last round must not look new.
func (m *Machine) nextEpoch() {
	m.epochs++
	if m.epochs == 0 {
		clear(m.memo)
		clear(m.args)
		m.epochs = 1
	}
	m.epoch = m.epochs
}

// push makes a frame of n undefined locals.
func (m *Machine) push(n int) []Value {
	if m.top+n > len(m.stack) {
		// Frames below keep the old stack.
		grown := make([]Value, 2*(m.top+n))
		m.stack = grown
	}
	l := m.stack[m.top : m.top+n : m.top+n]
	m.top += n
	return l
}

// pop ends a frame and leaves its room undefined for the next.
func (m *Machine) pop(n int) {
	clear(m.stack[m.top-n : m.top])
	m.top -= n
}
