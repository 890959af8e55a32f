package vm

import (
	"math"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// AnyMember is a step of a path that leads to every member of what is there.
const AnyMember = "\x01"

// Read is a part of the input that a program reads. That something is there at each
// step of its path, and which members where the step is AnyMember, is a part of it.
// Inputs are taken to be of one shape: what is an object in one is not a text in
// another.
type Read struct {
	// Path are the member names that lead to it; none: the whole input.
	Path []string
	// Exact: anything may be done with what is there. Otherwise it is only compared
	// with constants: with Thresholds, in order, so that only its place among them
	// matters, and with true and false.
	Exact      bool
	Thresholds []float64
	// Place is where it is read, the first such place.
	Place Place
}

// Reads are the parts of the input on which the program's results depend, none of
// them held by another, in the order of their paths: inputs that agree in all of
// them have the same result. What a path leads to may be absent, which counts.
//
// They are found in the plan, since that is what is evaluated: the policy's rules,
// which tell an author where it reads what, are cut short at the first variable.
func (p *Program) Reads() []Read {
	var all, kept []Read
	for _, key := range slices.Sorted(keysOf(p.reads)) {
		r := *p.reads[key]
		r.Thresholds = slices.Sorted(slices.Values(r.Thresholds)) // a copy: others may be asking, too
		all = append(all, r)
	}
	for i := range all {
		r := &all[i]
		// Compared as a whole and looked into: the whole counts.
		if len(r.Thresholds) > 0 && slices.ContainsFunc(all, func(o Read) bool { return len(o.Path) > len(r.Path) && leadsTo(r.Path, o.Path) }) {
			r.Exact, r.Thresholds = true, nil
		}
	}
	for i, r := range all {
		held := false
		for j, o := range all {
			held = held || i != j && (o.Exact && leadsTo(o.Path, r.Path) ||
				!r.Exact && len(r.Thresholds) == 0 && len(o.Path) > len(r.Path) && leadsTo(o.Path[:len(r.Path)], r.Path))
		}
		if !held {
			kept = append(kept, r)
		}
	}
	return kept
}

// leadsTo says whether what is at path, or within it, is at way, too.
func leadsTo(way, path []string) bool {
	if len(path) < len(way) {
		return false
	}
	for i, name := range way {
		if name != AnyMember && name != path[i] {
			return false
		}
	}
	return true
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// inputPath is where a local's value comes from: what is at a path of the input or of
// a function's argument.
type inputPath struct {
	arg  int // by its place among the parameters; 0: the input
	path []string
}

func (p inputPath) then(steps ...string) inputPath {
	return inputPath{p.arg, append(slices.Clip(p.path), steps...)}
}

// whole says whether it is all of the input, which an author is told not to hand on.
func (p inputPath) whole() bool { return p.arg == 0 && len(p.path) == 0 }

// note is what is known of the reading of a path.
func (s *scope) note(at inputPath) *Read { return s.noteFrom(at, s.place(s.now)) }

func (s *scope) noteFrom(at inputPath, place Place) *Read {
	reads := s.p.reads
	if at.arg > 0 {
		if reads = s.fn.reads[at.arg]; reads == nil {
			reads = map[string]*Read{}
			s.fn.reads[at.arg] = reads
		}
	}
	var key strings.Builder
	for _, name := range at.path { // which may hold any byte
		key.WriteString(strings.ReplaceAll(name, "\x00", "\x00\xff") + "\x00\x00")
	}
	r := reads[key.String()]
	if r == nil {
		r = &Read{Path: slices.Clone(at.path), Place: place}
		reads[key.String()] = r
	}
	return r
}

func (r *Read) exactly() { r.Exact, r.Thresholds = true, nil }

func (r *Read) against(thresholds ...float64) {
	for _, f := range thresholds {
		if !r.Exact && !slices.Contains(r.Thresholds, f) {
			r.Thresholds = append(r.Thresholds, f)
		}
	}
}

// comesFrom is where what is in a local comes from.
func (s *scope) comesFrom(l ir.Local) (inputPath, bool) {
	if of, ok := s.same[l]; ok {
		l = of
	}
	at, ok := s.at[l]
	return at, ok
}

// used notes that anything may be done with a local.
func (s *scope) used(l ir.Local) {
	if at, ok := s.comesFrom(l); ok {
		s.note(at).exactly()
	}
}

// walked notes that steps lead from a local to a target or, where that is assigned
// elsewhere too, to something that is used.
func (s *scope) walked(source, target ir.Local, steps ...string) {
	at, ok := s.comesFrom(source)
	if !ok {
		return
	}
	at = at.then(steps...)
	// That it is there is read, even if nothing is done with it.
	r := s.note(at)
	if s.sets[target] != 1 || s.sharedLocal(target) {
		r.exactly()
		return
	}
	s.at[target] = at
}

// tested notes a comparison of what steps lead to from a local with a constant.
func (s *scope) tested(source ir.Local, with Value, steps ...string) {
	at, ok := s.comesFrom(source)
	if !ok {
		return
	}
	if r := s.note(at.then(steps...)); !with.IsBool() {
		r.exactly()
	}
}

// equated notes the question whether an operand is the same as another.
func (s *scope) equated(o ir.Operand, other operand) {
	l, isLocal := val(o).(ir.Local)
	switch {
	case isLocal && other.constant():
		s.tested(l, other.value)
	case isLocal:
		s.used(l)
	}
}

// passed notes what a function reads of an argument; false: that is not known.
func (s *scope) passed(fn *function, arg int, l ir.Local) bool {
	at, ok := s.comesFrom(l)
	if !ok || !fn.constant[ir.Local(fn.params[arg])] || at.whole() {
		return false
	}
	for _, key := range slices.Sorted(keysOf(fn.reads[arg])) {
		of := fn.reads[arg][key]
		switch r := s.noteFrom(at.then(of.Path...), of.Place); {
		case of.Exact:
			r.exactly()
		default:
			r.against(of.Thresholds...)
		}
	}
	return true
}

// gets notes the one member that object.get reads of its first operand; false: the
// call is another, or reads what is not known.
func (s *scope) gets(call *ir.CallStmt, of ir.Local) bool {
	at, ok := s.comesFrom(of)
	if !ok || at.whole() || call.Func != ast.ObjectGet.Name || s.cfg.Builtins[call.Func] != nil {
		return false
	}
	key := s.quiet(call.Args[1])
	if !key.constant() || key.value.kind() != kindString {
		return false
	}
	s.note(at.then(key.value.str().s)).exactly()
	return true
}

// compares notes a comparison of two operands.
func (s *scope) compares(call *ir.CallStmt) {
	_, ordered := comparisons[call.Func]
	for i, a := range call.Args {
		l, ok := val(a).(ir.Local)
		if !ok {
			continue
		}
		at, ok := s.comesFrom(l)
		if !ok {
			continue
		}
		r := s.note(at)
		other := s.quiet(call.Args[1-i])
		if f, isFloat := other.value.Float64(); ordered && other.constant() && isFloat && !math.IsInf(f, 0) && threshold(other.value, f) {
			r.against(f)
			continue
		}
		r.exactly()
	}
}

// threshold says whether a constant is exactly the number that f is when written
// shortest, so that f may stand for it.
func threshold(v Value, f float64) bool {
	if v.h == &intHeader {
		return v.n > -1<<53 && v.n < 1<<53
	}
	var a arena
	n := a.numbers.new()
	n.kind, n.f = kindNumber, f
	return compareNumbers(v, n.value()) == 0
}
