package vm

import "github.com/open-policy-agent/opa/v1/ir"

// walk visits all statements of a block, nested ones too.
func walk(b *ir.Block, visit func(ir.Stmt)) {
	for _, s := range b.Stmts {
		visit(s)
		switch s := s.(type) {
		case *ir.BlockStmt:
			for _, inner := range s.Blocks {
				walk(inner, visit)
			}
		case *ir.ScanStmt:
			walk(s.Block, visit)
		case *ir.NotStmt:
			walk(s.Block, visit)
		case *ir.WithStmt:
			walk(s.Block, visit)
		}
	}
}

// writes visits the locals that a statement itself assigns.
func writes(s ir.Stmt, visit func(ir.Local)) {
	switch s := s.(type) {
	case *ir.CallStmt:
		visit(s.Result)
	case *ir.CallDynamicStmt:
		visit(s.Result)
	case *ir.DotStmt:
		visit(s.Target)
	case *ir.LenStmt:
		visit(s.Target)
	case *ir.ScanStmt:
		visit(s.Key)
		visit(s.Value)
	case *ir.AssignIntStmt:
		visit(s.Target)
	case *ir.AssignVarStmt:
		visit(s.Target)
	case *ir.AssignVarOnceStmt:
		visit(s.Target)
	case *ir.ResetLocalStmt:
		visit(s.Target)
	case *ir.MakeNullStmt:
		visit(s.Target)
	case *ir.MakeNumberIntStmt:
		visit(s.Target)
	case *ir.MakeNumberRefStmt:
		visit(s.Target)
	case *ir.MakeArrayStmt:
		visit(s.Target)
	case *ir.MakeObjectStmt:
		visit(s.Target)
	case *ir.MakeSetStmt:
		visit(s.Target)
	case *ir.ObjectMergeStmt:
		visit(s.Target)
	case *ir.WithStmt:
		visit(s.Local)
	}
}

// mutates is the local whose value a statement changes in place.
func mutates(s ir.Stmt) (ir.Local, bool) {
	switch s := s.(type) {
	case *ir.ArrayAppendStmt:
		return s.Array, true
	case *ir.ObjectInsertStmt:
		return s.Object, true
	case *ir.ObjectInsertOnceStmt:
		return s.Object, true
	case *ir.SetAddStmt:
		return s.Set, true
	}
	return 0, false
}

// reads visits the locals that a statement reads.
func reads(s ir.Stmt, visit func(ir.Local)) {
	operand := func(o ir.Operand) {
		if l, ok := val(o).(ir.Local); ok {
			visit(l)
		}
	}
	switch s := s.(type) {
	case *ir.ReturnLocalStmt:
		visit(s.Source)
	case *ir.CallStmt:
		for _, a := range s.Args {
			operand(a)
		}
	case *ir.CallDynamicStmt:
		for _, a := range s.Args {
			visit(a)
		}
		for _, p := range s.Path {
			operand(p)
		}
	case *ir.DotStmt:
		operand(s.Source)
		operand(s.Key)
	case *ir.LenStmt:
		operand(s.Source)
	case *ir.ScanStmt:
		visit(s.Source)
	case *ir.AssignVarStmt:
		operand(s.Source)
	case *ir.AssignVarOnceStmt:
		operand(s.Source)
	case *ir.EqualStmt:
		operand(s.A)
		operand(s.B)
	case *ir.NotEqualStmt:
		operand(s.A)
		operand(s.B)
	case *ir.IsArrayStmt:
		operand(s.Source)
	case *ir.IsObjectStmt:
		operand(s.Source)
	case *ir.IsSetStmt:
		operand(s.Source)
	case *ir.IsDefinedStmt:
		visit(s.Source)
	case *ir.IsUndefinedStmt:
		visit(s.Source)
	case *ir.ArrayAppendStmt:
		operand(s.Value)
		visit(s.Array)
	case *ir.ObjectInsertStmt:
		operand(s.Key)
		operand(s.Value)
		visit(s.Object)
	case *ir.ObjectInsertOnceStmt:
		operand(s.Key)
		operand(s.Value)
		visit(s.Object)
	case *ir.ObjectMergeStmt:
		visit(s.A)
		visit(s.B)
	case *ir.SetAddStmt:
		operand(s.Value)
		visit(s.Set)
	case *ir.WithStmt:
		visit(s.Local)
		operand(s.Value)
	case *ir.ResultSetAddStmt:
		visit(s.Value)
	}
}

// val is what an operand is; read from JSON, it is a pointer to that.
func val(o ir.Operand) ir.Val {
	switch v := o.Value.(type) {
	case *ir.Local:
		return *v
	case *ir.StringIndex:
		return *v
	case *ir.Bool:
		return *v
	}
	return o.Value
}
