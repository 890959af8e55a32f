package vm

import "github.com/open-policy-agent/opa/v1/ir"

func (s *scope) passedOn(body, next *ir.Block) ir.Local {
	if len(body.Stmts) == 0 || len(next.Stmts) != 2 {
		return -1
	}
	reset, ok1 := body.Stmts[0].(*ir.ResetLocalStmt)
	defined, ok2 := next.Stmts[0].(*ir.IsDefinedStmt)
	once, ok3 := next.Stmts[1].(*ir.AssignVarOnceStmt)
	if !ok1 || !ok2 || !ok3 || defined.Source != reset.Target || val(once.Source) != reset.Target || int(once.Target) != s.fn.result ||
		s.uses[reset.Target] != 0 {
		return -1
	}
	only := true
	walk(body, func(st ir.Stmt) {
		if _, once := st.(*ir.AssignVarOnceStmt); !once && st != ir.Stmt(reset) {
			writes(st, func(l ir.Local) { only = only && l != reset.Target })
		}
	})
	if !only {
		return -1
	}
	return reset.Target
}

func (s *scope) path(stmts []ir.Stmt) (int, op) {
	first, ok := stmts[0].(*ir.DotStmt)
	if !ok {
		return 0, nil
	}
	source := s.quiet(first.Source)
	if source.constant() {
		return 0, nil
	}
	var keys []Value
	var names []string
	last, n := first, 0
	for n < len(stmts) {
		d, ok := stmts[n].(*ir.DotStmt)
		if !ok || n > 0 && (val(d.Source) != last.Target || s.uses[last.Target] != 1) || s.sharedLocal(d.Target) {
			break
		}
		k := s.quiet(d.Key)
		if !k.constant() || k.value.kind() != kindString {
			break
		}
		keys, names, last = append(keys, k.value), append(names, k.value.str().s), d
		n++
	}
	if n == 0 {
		return 0, nil
	}
	other, same := Value{}, false
	if n < len(stmts) && s.uses[last.Target] == 1 {
		other, same = s.comparedWith(last.Target, stmts[n])
	}
	from, isLocal := val(first.Source).(ir.Local)
	base := isLocal && (from == ir.Data || s.base[from])
	at := source.local
	find := func(l []Value) Value {
		v := l[at]
		for _, k := range keys {
			if v.h == nil || v.h.kind != kindObject && v.h.kind != kindSet {
				return Value{}
			}
			v = v.table().get(k)
		}
		return v
	}
	if other.Defined() {
		s.target(last.Target)
		if isLocal {
			s.tested(from, other, names...)
		}
		return n + 1, func(_ *Machine, l []Value) ctl {
			if v := find(l); v.h == nil || equal(v, other) != same {
				return ctlUndefined
			}
			return ctlNext
		}
	}
	if n == 1 {
		return 0, nil
	}
	for _, st := range stmts[:n] {
		s.target(st.(*ir.DotStmt).Target)
	}
	s.base[last.Target] = base
	if isLocal {
		s.walked(from, last.Target, names...)
	}
	to := int(last.Target)
	return n, func(_ *Machine, l []Value) ctl {
		v := find(l)
		if v.h == nil {
			return ctlUndefined
		}
		l[to] = v
		return ctlNext
	}
}

func (s *scope) comparedWith(l ir.Local, st ir.Stmt) (other Value, same bool) {
	var a, b ir.Operand
	switch st := st.(type) {
	case *ir.EqualStmt:
		a, b, same = st.A, st.B, true
	case *ir.NotEqualStmt:
		a, b = st.A, st.B
	default:
		return Value{}, false
	}
	if val(a) != l {
		a, b = b, a
	}
	if o := s.quiet(b); val(a) == l && o.constant() {
		return o.value, same
	}
	return Value{}, false
}

func (s *scope) test(st, next ir.Stmt) op {
	call, ok := st.(*ir.CallStmt)
	if !ok || len(call.Args) != 2 || s.uses[call.Result] != 1 || s.sharedLocal(call.Result) || s.cfg.Builtins[call.Func] != nil {
		return nil
	}
	if _, own := s.funcs[call.Func]; own {
		return nil
	}
	ne, ok := next.(*ir.NotEqualStmt)
	if !ok || val(ne.A) != call.Result || val(ne.B) != ir.Bool(false) {
		return nil
	}
	x, y := s.quiet(call.Args[0]), s.quiet(call.Args[1])
	holds := condition(call.Func, x, y)
	if holds == nil {
		return nil
	}
	s.compares(call)
	s.target(call.Result)
	return func(_ *Machine, l []Value) ctl {
		if holds(l) == 1 {
			return ctlNext
		}
		return ctlUndefined
	}
}
