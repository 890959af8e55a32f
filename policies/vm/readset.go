package vm

import (
	"math"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ir"
)

// Read is a part of the input that a program reads.
type Read struct {
	// Path are the member names that lead to it; none: the whole input.
	Path []string
	// Thresholds are, in order, the numbers it is compared with where comparisons
	// with constants are all that is done with it: then only its place among them
	// matters. Exact: anything may be done with it.
	Thresholds []float64
	Exact      bool
	// Place is where it is read, the first such place.
	Place Place
}

// Reads are the parts of the input on which the program's results depend, none of
// them within another, in the order of their paths: inputs that agree in all of
// them have the same result. What a path leads to may be absent, which counts.
func (p *Program) Reads() []Read {
	var all []Read
	for _, key := range slices.Sorted(keysOf(p.reads)) {
		r := *p.reads[key]
		if n := len(all); n > 0 && within(r.Path, all[n-1].Path) {
			if all[n-1].Exact {
				continue
			}
			// Compared as a whole and looked into: the whole counts.
			all[n-1].Exact, all[n-1].Thresholds = true, nil
			continue
		}
		slices.Sort(r.Thresholds)
		r.Thresholds = slices.Compact(r.Thresholds)
		all = append(all, r)
	}
	return all
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

// within says whether path leads to or into what other leads to.
func within(path, other []string) bool {
	return len(path) >= len(other) && slices.Equal(path[:len(other)], other)
}

func (s *scope) note(path []string) *Read {
	// A name may hold any byte but no path of one name is a part of another's key.
	key := strings.Join(path, "\x00") + "\x00"
	if len(path) == 0 {
		key = ""
	}
	r := s.p.reads[key]
	if r == nil {
		r = &Read{Path: slices.Clone(path), Place: s.place(s.now)}
		s.p.reads[key] = r
	}
	return r
}

// pathOf is where in the input a local's value comes from.
func (s *scope) pathOf(l ir.Local) ([]string, bool) {
	if of, ok := s.same[l]; ok {
		l = of
	}
	path, ok := s.at[l]
	return path, ok
}

// used notes that anything may be done with a local.
func (s *scope) used(l ir.Local) {
	if path, ok := s.pathOf(l); ok {
		r := s.note(path)
		r.Exact, r.Thresholds = true, nil
	}
}

// walked notes that keys lead from a source to a target, or, where there is none or
// it is assigned elsewhere too, to something that is used.
func (s *scope) walked(source ir.Operand, target ir.Local, keys []Value, used bool) {
	l, ok := val(source).(ir.Local)
	if !ok {
		return
	}
	path, ok := s.pathOf(l)
	if !ok {
		return
	}
	path = slices.Clone(path)
	for _, k := range keys {
		path = append(path, k.str().s)
	}
	if used || target < 0 || s.sets[target] != 1 || s.sharedLocal(target) {
		r := s.note(path)
		r.Exact, r.Thresholds = true, nil
		return
	}
	s.at[target] = path
	// That it is there is read, even if nothing is done with it.
	s.note(path)
}

// compares notes a comparison of two operands.
func (s *scope) compares(call *ir.CallStmt) {
	_, ordered := comparisons[call.Func]
	for i, a := range call.Args {
		l, ok := val(a).(ir.Local)
		if !ok {
			continue
		}
		path, ok := s.pathOf(l)
		if !ok {
			continue
		}
		r := s.note(path)
		other := s.quiet(call.Args[1-i])
		if f, isFloat := other.value.Float64(); ordered && other.constant() && isFloat && !math.IsInf(f, 0) && threshold(other.value, f) {
			if !r.Exact {
				r.Thresholds = append(r.Thresholds, f)
			}
			continue
		}
		r.Exact, r.Thresholds = true, nil
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
