package vm

import "github.com/open-policy-agent/opa/v1/ir"

// composites finds at the beginning of stmts a run that makes arrays, objects and
// sets of constants which nothing changes later, and makes them now. It returns how
// many statements that was and what is left to do for them; 0: there is no such run.
func (s *scope) composites(stmts []ir.Stmt) (int, []op) {
	var (
		made  = map[ir.Local]Value{}
		order []ir.Local
		muts  = map[ir.Local]int{}
		bad   = map[ir.Local]bool{}
		n     int
		whole int // statements up to which every composite is complete
	)
	arena := &s.p.consts.arena
	value := func(o ir.Operand) (Value, bool) {
		if l, ok := val(o).(ir.Local); ok {
			if v, ok := made[l]; ok {
				return v, !bad[l] && muts[l] == s.muts[l]
			}
		}
		if l, ok := val(o).(ir.Local); ok {
			v, ok := s.known[l]
			return v, ok
		}
		return s.operand(o).value, true
	}
	complete := func() bool {
		for _, l := range order {
			if bad[l] || muts[l] != s.muts[l] {
				return false
			}
		}
		return true
	}
	begin := func(l ir.Local, v Value) bool {
		if _, twice := made[l]; twice || s.sharedLocal(l) {
			return false
		}
		made[l] = v
		order = append(order, l)
		return true
	}
loop:
	for n < len(stmts) {
		switch st := stmts[n].(type) {
		case *ir.MakeArrayStmt:
			if !begin(st.Target, arena.newArray(0).value()) {
				break loop
			}
		case *ir.MakeObjectStmt:
			if !begin(st.Target, arena.newTable(kindObject, 0).value()) {
				break loop
			}
		case *ir.MakeSetStmt:
			if !begin(st.Target, arena.newTable(kindSet, 0).value()) {
				break loop
			}
		case *ir.MakeNumberRefStmt, *ir.MakeNumberIntStmt, *ir.MakeNullStmt:
			if n == 0 {
				break loop
			}
			l, v := s.scalar(st)
			if _, twice := made[l]; twice || s.sharedLocal(l) {
				break loop
			}
			made[l] = v
			order = append(order, l)
		case *ir.ArrayAppendStmt:
			to, mine := made[st.Array]
			v, known := value(st.Value)
			if !mine || !known {
				break loop
			}
			to.array().append(arena, v)
			muts[st.Array]++
		case *ir.SetAddStmt:
			to, mine := made[st.Set]
			v, known := value(st.Value)
			if !mine || !known {
				break loop
			}
			if to.table().find(v) < 0 {
				to.table().add(arena, v, Value{})
			}
			muts[st.Set]++
		case *ir.ObjectInsertStmt:
			to, mine := made[st.Object]
			k, known := value(st.Key)
			v, known2 := value(st.Value)
			if !mine || !known || !known2 {
				break loop
			}
			to.table().put(arena, k, v)
			muts[st.Object]++
		default:
			break loop
		}
		n++
		if complete() {
			whole = n
		}
	}
	if whole == 0 {
		return 0, nil
	}
	var ops []op
	done := map[ir.Local]bool{}
	for _, st := range stmts[:whole] {
		writes(st, func(l ir.Local) { done[l] = true })
	}
	for _, l := range order {
		if !done[l] {
			continue
		}
		v := made[l]
		freeze(v)
		if o := s.assign(l, v); o != nil {
			ops = append(ops, o)
		}
	}
	return whole, ops
}

func (s *scope) scalar(st ir.Stmt) (ir.Local, Value) {
	switch st := st.(type) {
	case *ir.MakeNumberRefStmt:
		n := numberOf(&s.p.consts.arena, s.static.Strings[st.Index].Value)
		freeze(n)
		return st.Target, n
	case *ir.MakeNumberIntStmt:
		return st.Target, Int(st.Value)
	}
	return st.(*ir.MakeNullStmt).Target, Null()
}

// sharedLocal says whether a local belongs to more than one block of the function.
func (s *scope) sharedLocal(l ir.Local) bool {
	return s.fn == nil || s.fn.shared[l]
}
