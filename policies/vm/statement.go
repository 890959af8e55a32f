package vm

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// stmt compiles one statement. A nil operation is one that there is nothing to do
// for.
func (s *scope) stmt(st ir.Stmt) (op, error) {
	switch st := st.(type) {
	case *ir.NopStmt:
		return nil, nil
	case *ir.BreakStmt:
		c := ctl(st.Index) + 1
		return func(*Machine, []Value) ctl { return c }, nil
	case *ir.BlockStmt:
		return s.blockStmt(st)
	case *ir.ScanStmt:
		return s.scan(st)
	case *ir.NotStmt:
		return s.not(st)
	case *ir.WithStmt:
		return s.with(st)
	case *ir.CallStmt:
		return s.call(st)
	case *ir.CallDynamicStmt:
		return s.callDynamic(st), nil
	case *ir.ResultSetAddStmt:
		from := s.local(st.Value)
		return func(m *Machine, l []Value) ctl {
			if v := from.get(l); m.results.find(v) < 0 {
				m.results.add(&m.arena, v, Value{})
			}
			return ctlNext
		}, nil

	case *ir.DotStmt:
		return s.dot(st), nil
	case *ir.LenStmt:
		return s.length(st), nil
	case *ir.EqualStmt:
		return s.equal(st.A, st.B, true), nil
	case *ir.NotEqualStmt:
		return s.equal(st.A, st.B, false), nil
	case *ir.IsArrayStmt:
		return s.is(st.Source, kindArray), nil
	case *ir.IsObjectStmt:
		return s.is(st.Source, kindObject), nil
	case *ir.IsSetStmt:
		return s.is(st.Source, kindSet), nil
	case *ir.IsDefinedStmt:
		return s.defined(st.Source, true), nil
	case *ir.IsUndefinedStmt:
		return s.defined(st.Source, false), nil

	case *ir.AssignIntStmt:
		return s.assign(st.Target, Int(st.Value)), nil
	case *ir.MakeNumberIntStmt:
		return s.assign(st.Target, Int(st.Value)), nil
	case *ir.MakeNumberRefStmt:
		n := numberOf(&s.p.consts.arena, s.static.Strings[st.Index].Value)
		freeze(n)
		return s.assign(st.Target, n), nil
	case *ir.MakeNullStmt:
		return s.assign(st.Target, Null()), nil
	case *ir.ResetLocalStmt:
		if st.Target == s.direct {
			return nil, nil
		}
		to := s.target(st.Target)
		return func(_ *Machine, l []Value) ctl {
			l[to] = Value{}
			return ctlNext
		}, nil
	case *ir.AssignVarStmt:
		return s.assignVar(st), nil
	case *ir.AssignVarOnceStmt:
		return s.assignOnce(st), nil

	case *ir.MakeArrayStmt:
		to, n := s.target(st.Target), int(st.Capacity)
		return func(m *Machine, l []Value) ctl {
			l[to] = m.newArray(n).value()
			return ctlNext
		}, nil
	case *ir.MakeObjectStmt:
		to := s.target(st.Target)
		return func(m *Machine, l []Value) ctl {
			l[to] = m.newTable(kindObject, 0).value()
			return ctlNext
		}, nil
	case *ir.MakeSetStmt:
		to := s.target(st.Target)
		return func(m *Machine, l []Value) ctl {
			l[to] = m.newTable(kindSet, 0).value()
			return ctlNext
		}, nil
	case *ir.ArrayAppendStmt:
		to, from := s.local(st.Array), s.operand(st.Value)
		at := s.place(st)
		return func(m *Machine, l []Value) ctl {
			v := to.get(l)
			if v.kind() != kindArray {
				return m.conflict(at, "the rules of a document give it different types")
			}
			v.array().append(&m.arena, from.get(l))
			return ctlNext
		}, nil
	case *ir.SetAddStmt:
		return s.setAdd(st), nil
	case *ir.ObjectInsertStmt:
		return s.insert(st), nil
	case *ir.ObjectInsertOnceStmt:
		return s.insertOnce(st), nil
	case *ir.ObjectMergeStmt:
		a, b := s.local(st.A), s.local(st.B)
		to := s.target(st.Target)
		return func(m *Machine, l []Value) ctl {
			l[to] = merge(&m.arena, a.get(l), b.get(l))
			return ctlNext
		}, nil
	}
	at := s.place(st)
	return nil, &Unsupported{What: fmt.Sprintf("the statement %T", st), File: at.File, Row: at.Row, Col: at.Col}
}

// leave is what a block's end means to the block around it.
// spent ends an evaluation whose steps are used up, or whose context has ended:
// steps are given out in parts so that somebody looks.
func (s *scope) with(st *ir.WithStmt) (op, error) {
	value := s.operand(st.Value)
	path := make([]Value, len(st.Path))
	for i, p := range st.Path {
		path[i] = s.p.consts.String(s.static.Strings[p].Value)
	}
	at := s.target(st.Local)
	s.reads[st.Local] = true
	body, err := s.nested(st.Block, false)
	if err != nil {
		return nil, err
	}
	s.target(st.Local)
	return func(m *Machine, l []Value) ctl {
		was, epoch := l[at], m.epoch
		l[at] = upsert(&m.arena, was, path, value.get(l))
		m.nextEpoch()
		c := body(m, l)
		l[at], m.epoch = was, epoch
		if c == ctlUndefined {
			return ctlUndefined
		}
		return leave(c)
	}, nil
}

// upsert is v with another value at a path; what is on the way is copied, and made
// where there is no object.
func upsert(a *arena, v Value, path []Value, value Value) Value {
	if len(path) == 0 {
		return value
	}
	t := a.newTable(kindObject, 0)
	if v.kind() == kindObject {
		from := v.table()
		t.keys, t.vals = append(a.values(len(from.keys)+1), from.keys...), append(a.values(len(from.keys)+1), from.vals...)
		t.sorted = from.sorted
	}
	t.put(a, path[0], upsert(a, t.get(path[0]), path[1:], value))
	return t.value()
}

// merge joins two objects, recursively; where one is not an object a's value, the
// base document, holds.
func merge(arena *arena, a, b Value) Value {
	if a.kind() != kindObject || b.kind() != kindObject {
		return a
	}
	t := arena.newTable(kindObject, len(a.table().keys)+len(b.table().keys))
	for i, k := range a.table().keys {
		t.add(arena, k, a.table().vals[i])
	}
	for i, k := range b.table().keys {
		val := b.table().vals[i]
		if j := t.find(k); j >= 0 {
			t.vals[j] = merge(arena, t.vals[j], val)
			continue
		}
		t.add(arena, k, val)
	}
	return t.value()
}

// lookup is v[key].
func lookup(v, key Value) Value {
	switch v.kind() {
	case kindObject, kindSet:
		return v.table().get(key)
	case kindArray:
		if i, ok := key.Integer(); ok && i >= 0 && i < int64(len(v.array().elems)) { // 1.0 is 1
			return v.array().elems[i]
		}
	}
	return Value{}
}

// lookupBase is v[key] of a reference into the base document: OPA turns it into a
// path of strings, so data.x[1] finds a member "1".
func lookupBase(p *Program, v, key Value) Value {
	if isNumber(key.kind()) && v.kind() == kindObject {
		name, ok := p.consts.strings[string(key.decimal())]
		if !ok {
			return Value{} // no string of the program, so no member's name
		}
		key = name
	}
	return lookup(v, key)
}

func (s *scope) dot(st *ir.DotStmt) op {
	source, key := s.quiet(st.Source), s.operand(st.Key)
	from, isLocal := val(st.Source).(ir.Local)
	base := isLocal && (from == ir.Data || s.base[from])
	if source.constant() && key.constant() {
		v := lookup(source.value, key.value)
		if base {
			v = lookupBase(s.p, source.value, key.value)
		}
		if !v.Defined() {
			return undefined
		}
		o := s.assign(st.Target, v)
		s.base[st.Target] = base
		return o
	}
	to := s.target(st.Target)
	s.base[st.Target] = base
	if isLocal {
		step := AnyMember
		if key.constant() && key.value.kind() == kindString {
			step = key.value.str().s
		}
		s.walked(from, st.Target, step)
	}
	if base {
		return func(m *Machine, l []Value) ctl {
			v := lookupBase(m.program, source.get(l), key.get(l))
			if v.h == nil {
				return ctlUndefined
			}
			l[to] = v
			return ctlNext
		}
	}
	if key.constant() && key.value.kind() == kindString {
		from, k := source.local, key.value
		return func(_ *Machine, l []Value) ctl {
			v := l[from]
			if v.h == nil || v.h.kind != kindObject && v.h.kind != kindSet {
				return ctlUndefined
			}
			if v = v.table().get(k); v.h == nil {
				return ctlUndefined
			}
			l[to] = v
			return ctlNext
		}
	}
	return func(_ *Machine, l []Value) ctl {
		v := lookup(source.get(l), key.get(l))
		if v.h == nil {
			return ctlUndefined
		}
		l[to] = v
		return ctlNext
	}
}

func undefined(*Machine, []Value) ctl { return ctlUndefined }

func (s *scope) length(st *ir.LenStmt) op {
	source := s.operand(st.Source)
	to := s.target(st.Target)
	return func(_ *Machine, l []Value) ctl {
		n, ok := length(source.get(l))
		if !ok {
			return ctlUndefined
		}
		l[to] = Int(int64(n))
		return ctlNext
	}
}

func length(v Value) (int, bool) {
	switch v.kind() {
	case kindArray:
		return len(v.array().elems), true
	case kindObject, kindSet:
		return len(v.table().keys), true
	}
	return 0, false
}

func (s *scope) equal(x, y ir.Operand, want bool) op {
	a, b := s.quiet(x), s.quiet(y)
	s.equated(x, b)
	s.equated(y, a)
	if a.constant() && b.constant() {
		if equal(a.value, b.value) == want {
			return nil
		}
		return undefined
	}
	if a.constant() {
		a, b = b, a
	}
	at := a.local
	if b.constant() {
		k := b.value
		if k.kind() == kindBool && !want { // holds as a condition
			return func(_ *Machine, l []Value) ctl {
				if v := l[at]; v.h == k.h && v.n == k.n {
					return ctlUndefined
				}
				return ctlNext
			}
		}
		return func(_ *Machine, l []Value) ctl {
			if equal(l[at], k) == want {
				return ctlNext
			}
			return ctlUndefined
		}
	}
	other := b.local
	return func(_ *Machine, l []Value) ctl {
		if equal(l[at], l[other]) == want {
			return ctlNext
		}
		return ctlUndefined
	}
}

func (s *scope) is(o ir.Operand, k kind) op {
	from := s.operand(o)
	return func(_ *Machine, l []Value) ctl {
		if from.get(l).kind() == k {
			return ctlNext
		}
		return ctlUndefined
	}
}

func (s *scope) defined(at ir.Local, want bool) op {
	if _, known := s.known[at]; known && want && s.known[at].Defined() {
		return nil
	}
	from := s.local(at)
	return func(_ *Machine, l []Value) ctl {
		if (from.get(l).h != nil) == want {
			return ctlNext
		}
		return ctlUndefined
	}
}

func (s *scope) assignVar(st *ir.AssignVarStmt) op {
	from := s.quiet(st.Source)
	if from.constant() {
		return s.assign(st.Target, from.value)
	}
	to := s.target(st.Target)
	// Where each is assigned once, they are two names of one value. A local that the
	// function's blocks share may be assigned in another one, unless it is a parameter
	// that none assigns.
	source := ir.Local(from.local)
	once := s.sets[source] == 1 && !s.sharedLocal(source) || s.fn != nil && s.fn.constant[source]
	if once && s.sets[st.Target] == 1 && s.muts[st.Target] == 0 && s.muts[source] == 0 && !s.sharedLocal(st.Target) {
		s.same[st.Target] = source
		return nil
	}
	s.operand(st.Source)
	return func(_ *Machine, l []Value) ctl {
		l[to] = l[from.local]
		return ctlNext
	}
}

func (s *scope) assignOnce(st *ir.AssignVarOnceStmt) op {
	from := s.operand(st.Source)
	fires := st.Target == s.result
	target := st.Target
	if target == s.direct {
		target = ir.Local(s.fn.result)
	}
	to := s.target(target)
	s.reads[target] = true
	at, message := s.place(st), s.conflictMessage()
	o := func(m *Machine, l []Value) ctl {
		v := from.get(l)
		if was := l[to]; was.h != nil && !equal(was, v) {
			return m.conflict(at, message)
		}
		l[to] = v
		return ctlNext
	}
	if fires {
		return s.fires(o)
	}
	return o
}

func (s *scope) conflictMessage() string {
	switch {
	case s.fn == nil:
		return "the query produced conflicting values"
	case s.fn.memoized:
		return "rule " + s.fn.name + " produced conflicting values"
	}
	return "function " + s.fn.name + " produced conflicting values for the same inputs"
}

func (m *Machine) conflict(at Place, message string) ctl {
	m.err = &Error{Code: topdown.ConflictErr, Message: message, Place: at}
	return ctlError
}

func (s *scope) setAdd(st *ir.SetAddStmt) op {
	set, from := s.local(st.Set), s.operand(st.Value)
	at := s.place(st)
	o := func(m *Machine, l []Value) ctl {
		t := growing(set.get(l), kindSet)
		if t == nil {
			return m.conflict(at, "the rules of a document give it different types")
		}
		if v := from.get(l); t.find(v) < 0 {
			t.add(&m.arena, v, Value{})
		}
		return ctlNext
	}
	if s.returns(st.Set) {
		return s.fires(o)
	}
	return o
}

// growing is the table that a statement adds to, or nil: where several rules make
// one document, a rule may come upon what another one made whole, a constant even.
func growing(v Value, k kind) *table {
	if v.kind() != k || v.table().frozen {
		return nil
	}
	return v.table()
}

// returns says whether a local is what the function gives back.
func (s *scope) returns(l ir.Local) bool { return s.fn != nil && int(l) == s.fn.result }

func (s *scope) insert(st *ir.ObjectInsertStmt) op {
	object, key, val := s.local(st.Object), s.operand(st.Key), s.operand(st.Value)
	at := s.place(st)
	o := func(m *Machine, l []Value) ctl {
		t := growing(object.get(l), kindObject)
		if t == nil {
			return m.conflict(at, "the rules of a document give it different types")
		}
		t.put(&m.arena, key.get(l), val.get(l))
		return ctlNext
	}
	if s.returns(st.Object) {
		return s.fires(o)
	}
	return o
}

func (s *scope) insertOnce(st *ir.ObjectInsertOnceStmt) op {
	object, key, val := s.local(st.Object), s.operand(st.Key), s.operand(st.Value)
	at := s.place(st)
	o := func(m *Machine, l []Value) ctl {
		t, k, v := growing(object.get(l), kindObject), key.get(l), val.get(l)
		if t == nil {
			return m.conflict(at, "the rules of a document give it different types")
		}
		if i := t.find(k); i >= 0 {
			if !equal(t.vals[i], v) {
				return m.conflict(at, "object keys must be unique")
			}
			return ctlNext
		}
		t.add(&m.arena, k, v)
		return ctlNext
	}
	if s.returns(st.Object) {
		return s.fires(o)
	}
	return o
}
