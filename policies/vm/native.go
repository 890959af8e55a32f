package vm

import (
	"slices"
	"strings"
)

// ctlGeneric is what a native function answers to operands that it leaves to OPA's
// own: operands of another type, whose errors are OPA's to word, and numbers that
// need more than an int64.
const ctlGeneric ctl = -3

// The built-ins that policies call most, on this package's own values.
var (
	natives1 = map[string]func(*Machine, Value) (Value, ctl){
		"count":       count,
		"sum":         sum,
		"product":     product,
		"max":         greatest,
		"min":         least,
		"sort":        sorted,
		"object.keys": objectKeys,
		"is_null":     is(kindNull),
		"is_boolean":  is(kindBool),
		"is_string":   is(kindString),
		"is_array":    is(kindArray),
		"is_object":   is(kindObject),
		"is_set":      is(kindSet),
		"is_number":   func(_ *Machine, v Value) (Value, ctl) { return Bool(isNumber(v.kind())), ctlNext },
		"lower":       mapped(strings.ToLower),
		"upper":       mapped(strings.ToUpper),
	}
	natives2 = map[string]func(m *Machine, a, b Value) (Value, ctl){
		"plus":              plus,
		"minus":             minus,
		"mul":               times,
		"div":               divided,
		"internal.member_2": member,
		"startswith":        texts(strings.HasPrefix),
		"endswith":          texts(strings.HasSuffix),
		"contains":          texts(strings.Contains),
		"or":                union,
		"and":               intersection,
		"array.concat":      arrayConcat,
		"concat":            concat,
		"sprintf":           sprintf,
	}
	natives3 = map[string]func(m *Machine, a, b, c Value) (Value, ctl){
		"object.get":        objectGet,
		"internal.member_3": memberWithKey,
	}
	// Comparisons are built-ins of two operands and a boolean result.
	comparisons = map[string]func(c int) bool{
		"gt":  func(c int) bool { return c > 0 },
		"gte": func(c int) bool { return c >= 0 },
		"lt":  func(c int) bool { return c < 0 },
		"lte": func(c int) bool { return c <= 0 },
	}
)

// native is a call of a built-in on this package's values, or generic where there
// is none.
func native(name string, args []operand, to int, generic op) op {
	finish := func(m *Machine, l []Value, v Value, c ctl) ctl {
		switch c {
		case ctlNext:
			l[to] = v
			return ctlNext
		case ctlGeneric:
			return generic(m, l)
		}
		return c
	}
	if f, ok := natives1[name]; ok && len(args) == 1 {
		x := args[0]
		return func(m *Machine, l []Value) ctl {
			v := x.get(l)
			if v.h == nil {
				return ctlUndefined
			}
			r, c := f(m, v)
			return finish(m, l, r, c)
		}
	}
	if len(args) == 2 {
		x, y := args[0], args[1]
		if holds := condition(name, x, y); holds != nil {
			return func(_ *Machine, l []Value) ctl {
				r := holds(l)
				if r < 0 {
					return ctlUndefined
				}
				l[to] = Bool(r > 0)
				return ctlNext
			}
		}
		if f, ok := natives2[name]; ok {
			return func(m *Machine, l []Value) ctl {
				a, b := x.get(l), y.get(l)
				if a.h == nil || b.h == nil {
					return ctlUndefined
				}
				r, c := f(m, a, b)
				return finish(m, l, r, c)
			}
		}
	}
	if name == "glob.match" && len(args) == 3 {
		if o := globMatch(args[0], args[1], args[2], to, generic); o != nil {
			return o
		}
	}
	if f, ok := natives3[name]; ok && len(args) == 3 {
		x, y, z := args[0], args[1], args[2]
		return func(m *Machine, l []Value) ctl {
			a, b, d := x.get(l), y.get(l), z.get(l)
			if a.h == nil || b.h == nil || d.h == nil {
				return ctlUndefined
			}
			r, c := f(m, a, b, d)
			return finish(m, l, r, c)
		}
	}
	return generic
}

// condition is a built-in that compares two values, as 1, 0 or, where one is
// undefined, -1; nil: it is another one.
func condition(name string, x, y operand) func(l []Value) int {
	switch name {
	case "equal", "neq":
		same := name == "equal"
		return func(l []Value) int {
			a, b := x.get(l), y.get(l)
			if a.h == nil || b.h == nil {
				return -1
			}
			if equal(a, b) == same {
				return 1
			}
			return 0
		}
	case "internal.member_2":
		return func(l []Value) int {
			a, b := x.get(l), y.get(l)
			if a.h == nil || b.h == nil {
				return -1
			}
			if contains(b, a) {
				return 1
			}
			return 0
		}
	}
	ordered, ok := comparisons[name]
	if !ok {
		return nil
	}
	return func(l []Value) int {
		a, b := x.get(l), y.get(l)
		if a.h == nil || b.h == nil {
			return -1
		}
		if ordered(compare(a, b)) {
			return 1
		}
		return 0
	}
}

func count(_ *Machine, v Value) (Value, ctl) {
	if v.kind() == kindString {
		n := 0
		for range v.str().s {
			n++
		}
		return Int(int64(n)), ctlNext
	}
	n, ok := length(v)
	if !ok {
		return Value{}, ctlGeneric
	}
	return Int(int64(n)), ctlNext
}

// elements are those of an array or a set, a set's in no order.
func elements(v Value) ([]Value, bool) {
	switch v.kind() {
	case kindArray:
		return v.array().elems, true
	case kindSet:
		return v.table().keys, true
	}
	return nil, false
}

// product multiplies integers as integers; where one is none, OPA multiplies all
// as floats of 53 bits.
func greatest(_ *Machine, v Value) (Value, ctl) { return extreme(v, 1) }

func least(_ *Machine, v Value) (Value, ctl) { return extreme(v, -1) }

func extreme(v Value, sign int) (Value, ctl) {
	elems, ok := elements(v)
	if !ok {
		return Value{}, ctlGeneric
	}
	if len(elems) == 0 {
		return Value{}, ctlUndefined
	}
	best := elems[0]
	for _, e := range elems[1:] {
		if sign*compare(e, best) >= 0 {
			best = e
		}
	}
	return best, ctlNext
}

func sorted(m *Machine, v Value) (Value, ctl) {
	elems, ok := elements(v)
	if !ok {
		return Value{}, ctlGeneric
	}
	x := m.newArray(0)
	if v.kind() == kindSet {
		v.table().sort()
		elems = v.table().keys
		x.elems = elems[:len(elems):len(elems)]
		return x.value(), ctlNext
	}
	x.elems = append(m.values(len(elems)), elems...)
	slices.SortStableFunc(x.elems, compare)
	return x.value(), ctlNext
}

func objectKeys(m *Machine, v Value) (Value, ctl) {
	if v.kind() != kindObject {
		return Value{}, ctlGeneric
	}
	from := v.table()
	t := m.newTable(kindSet, len(from.keys))
	t.keys = append(t.keys, from.keys...)
	t.sorted = from.sorted
	return t.value(), ctlNext
}

func is(k kind) func(*Machine, Value) (Value, ctl) {
	return func(_ *Machine, v Value) (Value, ctl) { return Bool(v.kind() == k), ctlNext }
}

func mapped(f func(string) string) func(*Machine, Value) (Value, ctl) {
	return func(m *Machine, v Value) (Value, ctl) {
		if v.kind() != kindString {
			return Value{}, ctlGeneric
		}
		s := v.str().s
		if t := f(s); t != s {
			return m.String(t), ctlNext
		}
		return v, ctlNext
	}
}

func texts(f func(s, t string) bool) func(m *Machine, a, b Value) (Value, ctl) {
	return func(_ *Machine, a, b Value) (Value, ctl) {
		if a.kind() != kindString || b.kind() != kindString {
			return Value{}, ctlGeneric
		}
		return Bool(f(a.str().s, b.str().s)), ctlNext
	}
}

// number is zero plus or minus v as OPA calculates it.
// positive says whether v is a number above zero; of one that is not, a zero takes
// the sign.
// fractions are two numbers to calculate with as floats: OPA does so where one is
// not an integer.
// contains is Rego's "in".
func contains(collection, v Value) bool {
	switch collection.kind() {
	case kindSet:
		return collection.table().find(v) >= 0
	case kindArray:
		for _, e := range collection.array().elems {
			if equal(e, v) {
				return true
			}
		}
	case kindObject:
		for _, e := range collection.table().vals {
			if equal(e, v) {
				return true
			}
		}
	}
	return false
}

func member(_ *Machine, v, collection Value) (Value, ctl) {
	return Bool(contains(collection, v)), ctlNext
}

func memberWithKey(_ *Machine, key, v, collection Value) (Value, ctl) {
	got := lookup(collection, key)
	return Bool(got.Defined() && equal(got, v)), ctlNext
}

func union(m *Machine, a, b Value) (Value, ctl) {
	if a.kind() != kindSet || b.kind() != kindSet {
		return Value{}, ctlGeneric
	}
	x, y := a.table(), b.table()
	if len(x.keys) == 0 {
		return b, ctlNext
	}
	if len(y.keys) == 0 {
		return a, ctlNext
	}
	t := m.newTable(kindSet, len(x.keys)+len(y.keys))
	t.keys = append(t.keys, x.keys...)
	t.sorted = x.sorted
	for _, k := range y.keys {
		if t.find(k) < 0 {
			t.add(&m.arena, k, Value{})
		}
	}
	return t.value(), ctlNext
}

func intersection(m *Machine, a, b Value) (Value, ctl) {
	if a.kind() != kindSet || b.kind() != kindSet {
		return Value{}, ctlGeneric
	}
	x, y := a.table(), b.table()
	t := m.newTable(kindSet, len(x.keys))
	for _, k := range x.keys {
		if y.find(k) >= 0 {
			t.keys = append(t.keys, k)
		}
	}
	t.sorted = x.sorted
	return t.value(), ctlNext
}

func arrayConcat(m *Machine, a, b Value) (Value, ctl) {
	if a.kind() != kindArray || b.kind() != kindArray {
		return Value{}, ctlGeneric
	}
	x, y := a.array().elems, b.array().elems
	r := m.newArray(len(x) + len(y))
	r.elems = append(append(r.elems, x...), y...)
	return r.value(), ctlNext
}

// concatLimit is a length of texts above which OPA's own concat, which looks
// whether it has been cancelled, does the work.
const concatLimit = 1 << 16

func concat(m *Machine, separator, v Value) (Value, ctl) {
	if v.kind() == kindSet {
		v.table().sort()
	}
	elems, ok := elements(v)
	if !ok || separator.kind() != kindString {
		return Value{}, ctlGeneric
	}
	sep, n := separator.str().s, 0
	for _, e := range elems {
		if e.kind() != kindString {
			return Value{}, ctlGeneric
		}
		if n += len(sep) + len(e.str().s); n > concatLimit {
			return Value{}, ctlGeneric
		}
	}
	switch len(elems) {
	case 0:
		return m.String(""), ctlNext
	case 1:
		return elems[0], ctlNext
	}
	var s strings.Builder
	s.Grow(n)
	for i, e := range elems {
		if i > 0 {
			s.WriteString(sep)
		}
		s.WriteString(e.str().s)
	}
	return m.String(s.String()), ctlNext
}

func objectGet(_ *Machine, object, key, otherwise Value) (Value, ctl) {
	if object.kind() != kindObject {
		return Value{}, ctlGeneric
	}
	v := object
	if key.kind() == kindArray {
		for _, k := range key.array().elems {
			if v = lookup(v, k); !v.Defined() {
				break
			}
		}
	} else {
		v = object.table().get(key)
	}
	if !v.Defined() {
		v = otherwise
	}
	return v, ctlNext
}
