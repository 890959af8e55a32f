package vm

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Text is a string's bytes; false: v is no string.
func (v Value) Text() (string, bool) {
	if v.kind() != kindString {
		return "", false
	}
	return v.str().s, true
}

// IsTrue says whether v is true.
func (v Value) IsTrue() bool { return v.h == &boolHeader && v.n == 1 }

// IsBool says whether v is true or false.
func (v Value) IsBool() bool { return v.h == &boolHeader }

// Integer is a whole number that an int64 holds, however it is written.
func (v Value) Integer() (int64, bool) {
	switch v.kind() {
	case kindInt:
		return v.n, true
	case kindNumber:
		f := v.number().f
		if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 && compareNumbers(v, Int(i)) == 0 {
			return i, true
		}
	}
	return 0, false
}

// Float64 is the float64 nearest to a number; false: v is no number.
func (v Value) Float64() (float64, bool) {
	if !isNumber(v.kind()) {
		return 0, false
	}
	return v.float(), true
}

// IsObject says whether v is an object.
func (v Value) IsObject() bool { return v.kind() == kindObject }

// Len is the number of elements of an array or set or of members of an object.
func (v Value) Len() int {
	n, _ := length(v)
	return n
}

// Get is v[key], or undefined.
func (v Value) Get(key Value) Value { return lookup(v, key) }

// Elements are an array's or a set's, in Rego's order; false: v is neither. They
// must not be changed.
func (v Value) Elements() ([]Value, bool) {
	if v.kind() == kindSet {
		v.table().sort()
	}
	return elements(v)
}

// Members calls each for the members of an object in Rego's order of keys.
func (v Value) Members(each func(key, val Value)) {
	if v.kind() != kindObject {
		return
	}
	t := v.table()
	t.sort()
	for i, k := range t.keys {
		each(k, t.vals[i])
	}
}

// Intern is the one value of a string. It must be called before the program is
// used, and not by two at once.
func (p *Program) Intern(s string) Value { return p.consts.String(s) }

// Keys are the member names that many objects have in common.
type Keys struct {
	names []string
	keys  []Value
	index []int32
}

// Keys makes names known, in the order in which Record takes the values. It must
// be called before the program is used, and not by two at once.
func (p *Program) Keys(names ...string) *Keys {
	k := &Keys{names: slices.Clone(names)}
	if !slices.IsSortedFunc(names, strings.Compare) {
		panic("vm: the names of a record are not in order")
	}
	for _, n := range names {
		k.keys = append(k.keys, p.consts.String(n))
	}
	k.keys = slices.Clip(k.keys)
	if len(k.keys) > unindexed {
		t := table{keys: k.keys}
		t.reindex()
		k.index = t.index
	}
	return k
}

// Record is an object of the members k, whose values are vals in k's order.
func (m *Machine) Record(k *Keys, vals ...Value) Value {
	t := m.newTable(kindObject, 0)
	t.keys, t.index = k.keys, k.index
	t.vals = append(m.values(len(vals)), vals...)
	return t.value()
}

// Object is an empty object with room for n members, for Insert.
func (m *Machine) Object(n int) Value { return m.newTable(kindObject, n).value() }

// Insert puts a member into an object of Object, which must not have it yet.
func (m *Machine) Insert(object, key, val Value) { object.table().add(&m.arena, key, val) }

// Texts is an array of strings.
func (m *Machine) Texts(ss []string) Value {
	x := m.newArray(len(ss))
	for _, s := range ss {
		x.elems = append(x.elems, m.String(s))
	}
	return x.value()
}

// FromAST is OPA's value as one of the machine's. What is not ground is an error.
func (m *Machine) FromAST(v ast.Value) (Value, error) {
	return fromAST(&m.arena, m.program.consts, false, v)
}

// FromAST is OPA's value as one that lives as long as it likes.
func FromAST(v ast.Value) (Value, error) { return fromAST(&arena{}, nil, false, v) }

// FromAST is OPA's value as one for the program's machines that lives as long as it
// likes.
func (p *Program) FromAST(v ast.Value) (Value, error) { return fromAST(&arena{}, p.consts, false, v) }

// ToAST is v as OPA's value, which lives as long as it likes; v must be defined.
func ToAST(v Value) ast.Value { return toAST(v) }
