package vm

import (
	"math"
	"math/bits"
)

func sum(m *Machine, v Value) (Value, ctl) {
	elems, ok := elements(v)
	if !ok {
		return Value{}, ctlGeneric
	}
	total := int64(0)
	for _, e := range elems {
		if e.h != &intHeader {
			return Value{}, ctlGeneric
		}
		t := total + e.n
		if (t > total) != (e.n > 0) && e.n != 0 {
			return Value{}, ctlGeneric
		}
		total = t
	}
	return Int(total), ctlNext
}

func product(m *Machine, v Value) (Value, ctl) {
	elems, ok := elements(v)
	if !ok {
		return Value{}, ctlGeneric
	}
	if v.kind() == kindSet {
		v.table().sort()
		elems = v.table().keys
	}
	total, whole := int64(1), true
	for _, e := range elems {
		switch {
		case e.h == &intHeader && whole:
			r, c := times(m, Int(total), e)
			if c != ctlNext {
				return Value{}, c
			}
			total = r.n
		case e.kind() == kindNumber:
			whole = false
		}
	}
	if whole {
		for _, e := range elems {
			if e.h != &intHeader {
				return Value{}, ctlGeneric
			}
		}
		return Int(total), ctlNext
	}
	f, fractions := 1.0, false
	for _, e := range elems {
		if !isNumber(e.kind()) {
			return Value{}, ctlGeneric
		}
		x, ok := e.extended()
		if !ok {
			return Value{}, ctlGeneric
		}
		fractions = fractions || !x.whole()
		f = timesRounded(f, x)
	}
	if abs := math.Abs(f); !fractions || abs < 1e-290 || abs > 1e290 {
		return Value{}, ctlGeneric
	}
	if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 {
		return Int(i), ctlNext
	}
	n := m.numbers.new()
	n.kind, n.f, n.from = kindNumber, f, ofProduct
	return n.value(), ctlNext
}

func plus(m *Machine, a, b Value) (Value, ctl) {
	if a.h == &intHeader && b.h == &intHeader {
		s := a.n + b.n
		if (s > a.n) != (b.n > 0) && b.n != 0 {
			return Value{}, ctlGeneric
		}
		return Int(s), ctlNext
	}
	if b == Int(0) {
		a, b = b, a
	}
	if a == Int(0) {
		return m.number(b, false)
	}
	x, y, ok := fractions(a, b)
	if !ok {
		return Value{}, ctlGeneric
	}
	return m.result(x.plus(y))
}

func (m *Machine) number(v Value, negated bool) (Value, ctl) {
	x, ok := v.extendedNumber()
	if !ok || x.whole() { // a large integer has more digits than x
		return Value{}, ctlGeneric
	}
	x.neg = x.neg != negated
	return m.result(x)
}

func minus(m *Machine, a, b Value) (Value, ctl) {
	if a.kind() == kindSet && b.kind() == kindSet {
		x, y := a.table(), b.table()
		t := m.newTable(kindSet, len(x.keys))
		for _, k := range x.keys {
			if y.find(k) < 0 {
				t.keys = append(t.keys, k)
			}
		}
		t.sorted = x.sorted
		return t.value(), ctlNext
	}
	if a.h == &intHeader && b.h == &intHeader {
		if b.n == math.MinInt64 {
			return Value{}, ctlGeneric
		}
		return plus(m, a, Int(-b.n))
	}
	switch {
	case b == Int(0):
		return m.number(a, false)
	case a == Int(0):
		return m.number(b, true)
	}
	x, y, ok := fractions(a, b)
	if !ok {
		return Value{}, ctlGeneric
	}
	y.neg = !y.neg
	return m.result(x.plus(y))
}

func times(m *Machine, a, b Value) (Value, ctl) {
	if a.h == &intHeader && b.h == &intHeader {
		if a.n == math.MinInt64 || b.n == math.MinInt64 {
			return Value{}, ctlGeneric
		}
		hi, lo := bits.Mul64(magnitude(a.n), magnitude(b.n))
		if hi != 0 || lo > math.MaxInt64 {
			return Value{}, ctlGeneric
		}
		return Int(a.n * b.n), ctlNext
	}
	if a == Int(0) && b.positive() || b == Int(0) && a.positive() {
		return Int(0), ctlNext
	}
	x, y, ok := fractions(a, b)
	if !ok {
		return Value{}, ctlGeneric
	}
	return m.result(x.times(y))
}

func divided(m *Machine, a, b Value) (Value, ctl) {
	if a == Int(0) && b.positive() {
		return Int(0), ctlNext
	}
	x, ok1 := a.extendedNumber()
	y, ok2 := b.extendedNumber()
	if !ok1 || !ok2 {
		return Value{}, ctlGeneric // by zero or of zero among them
	}
	return m.result(x.over(y))
}

func (v Value) positive() bool { return isNumber(v.kind()) && v.float() > 0 }

func fractions(a, b Value) (x, y extended, ok bool) {
	x, ok1 := a.extendedNumber()
	y, ok2 := b.extendedNumber()
	return x, y, ok1 && ok2 && !(x.whole() && y.whole())
}

func (v Value) extendedNumber() (extended, bool) {
	if !isNumber(v.kind()) {
		return extended{}, false
	}
	return v.extended()
}

func (m *Machine) result(x extended) (Value, ctl) {
	if x.mant == 0 {
		return Value{}, ctlGeneric // a zero may have a sign
	}
	return m.calculated(x), ctlNext
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}
