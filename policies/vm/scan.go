package vm

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ir"
)

func (s *scope) blockStmt(st *ir.BlockStmt) (op, error) {
	blocks := make([]op, 0, len(st.Blocks))
	for _, b := range st.Blocks {
		o, err := s.nested(b, false)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, o)
	}
	if len(blocks) == 1 {
		b := blocks[0]
		return func(m *Machine, l []Value) ctl { return leave(b(m, l)) }, nil
	}
	return func(m *Machine, l []Value) ctl {
		for _, b := range blocks {
			if c := leave(b(m, l)); c != ctlNext {
				return c
			}
		}
		return ctlNext
	}, nil
}

func leave(c ctl) ctl {
	if c > ctlNext {
		return c - 1
	}
	return c
}

func (s *scope) scan(st *ir.ScanStmt) (op, error) {
	source := s.quietLocal(st.Source)
	key, val := s.target(st.Key), s.target(st.Value)
	s.walked(st.Source, st.Value, AnyMember)
	s.base[st.Value] = st.Source == ir.Data || s.base[st.Source]
	body, err := s.nested(st.Block, true)
	if err != nil {
		return nil, err
	}
	s.target(st.Key)
	s.target(st.Value)
	at := s.place(st)
	// What nothing reads is not stored.
	if s.dead != nil && s.dead[st.Key] {
		key = -1
	}
	if s.dead != nil && s.dead[st.Value] {
		val = -1
	}
	return func(m *Machine, l []Value) ctl {
		v := source.get(l)
		switch v.kind() {
		case kindArray:
			for i, e := range v.array().elems {
				if key >= 0 {
					l[key] = Int(int64(i))
				}
				if val >= 0 {
					l[val] = e
				}
				if c := body(m, l); c < ctlNext || c > ctlUndefined {
					return leave(c)
				}
				if m.left--; m.left < 0 {
					if c := m.spent(at); c != ctlNext {
						return c
					}
				}
			}
		case kindObject, kindSet:
			t := v.table()
			t.sort()
			vals := t.vals
			if v.h.kind == kindSet {
				vals = t.keys
			}
			for i, k := range t.keys {
				if key >= 0 {
					l[key] = k
				}
				if val >= 0 {
					l[val] = vals[i]
				}
				if c := body(m, l); c < ctlNext || c > ctlUndefined {
					return leave(c)
				}
				if m.left--; m.left < 0 {
					if c := m.spent(at); c != ctlNext {
						return c
					}
				}
			}
		}
		return ctlNext
	}, nil
}

func (m *Machine) spent(at Place) ctl {
	if err := m.calls.ctx.Err(); err != nil {
		m.err = fmt.Errorf("%s:%d: %w", at.File, at.Row, err)
		return ctlError
	}
	if limit := m.program.timeout; limit > 0 && time.Since(m.begun) > limit {
		m.err = fmt.Errorf("%s:%d: the policy did not decide within %v: %w", at.File, at.Row, limit, context.DeadlineExceeded)
		return ctlError
	}
	if m.reserve > 0 {
		m.left = min(m.reserve, stepsBetweenLooks)
		m.reserve -= m.left
		return ctlNext
	}
	m.err = fmt.Errorf("%s:%d: %w", at.File, at.Row, ErrSteps)
	return ctlError
}

func (s *scope) not(st *ir.NotStmt) (op, error) {
	body, err := s.nested(st.Block, false)
	if err != nil {
		return nil, err
	}
	return func(m *Machine, l []Value) ctl {
		switch c := body(m, l); {
		case c == ctlNext:
			return ctlUndefined
		case c == ctlUndefined:
			return ctlNext
		default:
			return leave(c)
		}
	}, nil
}
