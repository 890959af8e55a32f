package vm

import (
	"cmp"
	"slices"
	"sort"

	"github.com/open-policy-agent/opa/v1/ast"
)

// table is an object or, without vals, a set: entries in the order of insertion
// until somebody needs Rego's order, with a hash index once there are many.
// Tables of a Program are sorted and indexed when they are made, so that readers
// of many evaluations change nothing.
type table struct {
	header
	sorted bool
	frozen bool
	hashed bool
	hash   uint64
	origin ast.Value // of constants and data: the same value as OPA has it
	keys   []Value
	vals   []Value // of a set nil
	index  []int32 // open addressing, entry+1; nil: keys are searched one by one
	spare  []int32 // what index may use, kept when an arena's table is used again
}

// unindexed is how many keys are searched without an index.
const unindexed = 8

// find is the place of a key, or -1.
func (t *table) find(key Value) int {
	if len(t.keys) <= unindexed {
		return t.scan(key)
	}
	if t.index == nil {
		t.reindex()
	}
	mask := uint64(len(t.index) - 1)
	for at := key.hash() & mask; ; at = (at + 1) & mask {
		i := t.index[at]
		if i == 0 {
			return -1
		}
		if k := t.keys[i-1]; k.h == key.h && k.n == key.n || equal(k, key) {
			return int(i - 1)
		}
	}
}

func (t *table) scan(key Value) int {
	for i := range t.keys {
		if t.keys[i].h == key.h && t.keys[i].n == key.n {
			return i
		}
	}
	if key.kind() == kindString {
		s := key.str().s
		for i := range t.keys {
			if k := t.keys[i]; k.h.kind == kindString && k.str().s == s {
				return i
			}
		}
		return -1
	}
	for i := range t.keys {
		if equal(t.keys[i], key) {
			return i
		}
	}
	return -1
}

// reindex builds the hash index, at most half full.
func (t *table) reindex() {
	size := 16
	for size < 2*cap(t.keys) {
		size *= 2
	}
	if cap(t.spare) < size {
		t.spare = make([]int32, size)
	}
	t.index = t.spare[:size]
	clear(t.index)
	for i := range t.keys {
		t.place(i)
	}
}

func (t *table) place(i int) {
	mask := uint64(len(t.index) - 1)
	at := t.keys[i].hash() & mask
	for t.index[at] != 0 {
		at = (at + 1) & mask
	}
	t.index[at] = int32(i + 1)
}

// get is the value of a key; of a set, the key itself.
func (t *table) get(key Value) Value {
	i := t.find(key)
	switch {
	case i < 0:
		return Value{}
	case t.kind == kindSet:
		return t.keys[i]
	}
	return t.vals[i]
}

// add puts a key that find did not find. The slices grow in a.
func (t *table) add(a *arena, key, val Value) {
	if len(t.keys) == cap(t.keys) {
		t.grow(a)
	}
	n := len(t.keys)
	t.keys = append(t.keys, key)
	if t.kind == kindObject {
		t.vals = append(t.vals, val)
	}
	t.sorted = t.sorted && n == 0
	t.hashed = false
	if t.index != nil {
		if 2*len(t.keys) > len(t.index) {
			t.reindex()
		} else {
			t.place(n)
		}
	}
}

func (t *table) grow(a *arena) {
	n := max(4, 2*len(t.keys))
	t.keys = append(a.values(n), t.keys...)
	if t.kind == kindObject {
		t.vals = append(a.values(n), t.vals...)
	}
}

// put sets the value of a key of an object.
func (t *table) put(a *arena, key, val Value) {
	if i := t.find(key); i >= 0 {
		t.vals[i] = val
		t.hashed = false
		return
	}
	t.add(a, key, val)
}

// sort brings the keys into Rego's order.
func (t *table) sort() {
	if t.sorted {
		return
	}
	t.sorted = true
	if len(t.keys) < 2 {
		return
	}
	if len(t.keys) <= 12 {
		t.insertionSort()
	} else {
		sort.Sort((*byKey)(t))
	}
	if t.index != nil {
		t.reindex()
	}
}

func (t *table) insertionSort() {
	for i := 1; i < len(t.keys); i++ {
		for j := i; j > 0 && compare(t.keys[j], t.keys[j-1]) < 0; j-- {
			t.keys[j], t.keys[j-1] = t.keys[j-1], t.keys[j]
			if t.vals != nil {
				t.vals[j], t.vals[j-1] = t.vals[j-1], t.vals[j]
			}
		}
	}
}

// byKey sorts a table's entries.
type byKey table

func (t *byKey) Len() int           { return len(t.keys) }
func (t *byKey) Less(i, j int) bool { return compare(t.keys[i], t.keys[j]) < 0 }
func (t *byKey) Swap(i, j int) {
	t.keys[i], t.keys[j] = t.keys[j], t.keys[i]
	if t.vals != nil {
		t.vals[i], t.vals[j] = t.vals[j], t.vals[i]
	}
}

// equal is for tables of one kind.
func (t *table) equal(o *table) bool {
	if len(t.keys) != len(o.keys) {
		return false
	}
	for i, k := range t.keys {
		j := o.find(k)
		if j < 0 || t.kind == kindObject && !equal(t.vals[i], o.vals[j]) {
			return false
		}
	}
	return true
}

// compare is Rego's order of two objects or two sets.
func (t *table) compare(o *table) int {
	t.sort()
	o.sort()
	if t.kind == kindObject {
		// As ast has it: keys and values in turns, then the lengths.
		for i := range min(len(t.keys), len(o.keys)) {
			if c := compare(t.keys[i], o.keys[i]); c != 0 {
				return c
			}
			if c := compare(t.vals[i], o.vals[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(t.keys), len(o.keys))
	}
	return slices.CompareFunc(t.keys, o.keys, compare)
}

// sum is a hash that does not depend on the order of the keys.
func (t *table) sum() uint64 {
	if t.hashed {
		return t.hash
	}
	h := uint64(t.kind)
	for i, k := range t.keys {
		e := k.hash()
		if t.kind == kindObject {
			e = mix(e ^ t.vals[i].hash()<<1)
		}
		h += mix(e)
	}
	t.hash, t.hashed = h, true
	return h
}

// freeze makes everything that v holds fit for being read by many at once.
func freeze(v Value) {
	switch v.kind() {
	case kindString:
		v.str().sum()
	case kindNumber:
		if n := v.number(); !n.fixed {
			v.decimal()
			v.extended()
			n.fixed = true
		}
	case kindArray:
		for _, e := range v.array().elems {
			freeze(e)
		}
	case kindObject, kindSet:
		t := v.table()
		if t.frozen {
			return
		}
		t.frozen = true
		for _, k := range t.keys {
			freeze(k)
		}
		for _, e := range t.vals {
			freeze(e)
		}
		t.sort()
		if len(t.keys) > unindexed && t.index == nil {
			t.reindex()
		}
		t.sum()
	}
}
