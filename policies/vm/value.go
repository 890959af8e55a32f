package vm

import (
	"cmp"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unsafe"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
)

// Value is a Rego value or, as its zero, "undefined". It is two words: a pointer
// to what the value is and, for booleans and integers, the value itself. A Value
// of an evaluation lives in its Machine's arena and dies with it; constants and
// data live with their Program and are never changed.
type Value struct {
	h *header
	n int64
}

// header begins every heap object, so that a pointer to it says what follows.
type header struct {
	kind kind
}

type kind uint8

// The kinds stand in the order in which Rego sorts values of different types.
const (
	kindUndefined kind = iota
	kindNull
	kindBool
	kindInt    // Value.n
	kindNumber // *number
	kindString // *str
	kindArray  // *array
	kindObject // *table
	kindSet    // *table
)

var (
	nullHeader = header{kindNull}
	boolHeader = header{kindBool}
	intHeader  = header{kindInt}
)

// str is a string with its hash, which is computed when it is first needed.
type str struct {
	header
	hashed bool
	hash   uint64
	s      string
}

// number is one that is not an int64: a decimal text as Rego keeps it, with the
// float64 next to it. Rounding to float64 never turns the order of two numbers
// around, so different floats decide a comparison; equal ones ask the texts.
type number struct {
	header
	f    float64
	text string // "" while it has not been needed
	// ext is the number as OPA calculates with it; without a mantissa it has not been
	// needed.
	ext   extended
	from  origin
	fixed bool // text and ext are as they will be
}

// origin says where a number's text comes from while there is none.
type origin uint8

const (
	ofInput   origin = iota // f, as encoding/json writes it
	ofExt                   // ext, as OPA writes a result
	ofProduct               // f, as OPA writes a product
)

type array struct {
	header
	elems  []Value
	origin ast.Value // of constants and data: the same value as OPA has it
}

// Null is Rego's null.
func Null() Value { return Value{h: &nullHeader} }

// Bool is true or false.
func Bool(b bool) Value {
	if b {
		return Value{h: &boolHeader, n: 1}
	}
	return Value{h: &boolHeader}
}

// Int is a whole number.
func Int(n int64) Value { return Value{h: &intHeader, n: n} }

// Defined says whether v is a value at all.
func (v Value) Defined() bool { return v.h != nil }

func (v Value) kind() kind {
	if v.h == nil {
		return kindUndefined
	}
	return v.h.kind
}

// The header is the first field of each of these, so a pointer to it is a pointer
// to the whole; kind has said to which.
func (v Value) str() *str       { return (*str)(unsafe.Pointer(v.h)) }
func (v Value) number() *number { return (*number)(unsafe.Pointer(v.h)) }
func (v Value) array() *array   { return (*array)(unsafe.Pointer(v.h)) }
func (v Value) table() *table   { return (*table)(unsafe.Pointer(v.h)) }

func (s *str) value() Value    { return Value{h: &s.header} }
func (n *number) value() Value { return Value{h: &n.header} }
func (a *array) value() Value  { return Value{h: &a.header} }
func (t *table) value() Value  { return Value{h: &t.header} }

func isNumber(k kind) bool { return k == kindInt || k == kindNumber }

// equal is Rego's ==.
func equal(a, b Value) bool {
	if a.h == b.h {
		return a.n == b.n // of heap objects both are 0
	}
	if a.h == nil || b.h == nil {
		return false
	}
	switch a.h.kind {
	case kindString:
		return b.h.kind == kindString && a.str().s == b.str().s
	case kindInt, kindNumber:
		return isNumber(b.h.kind) && compareNumbers(a, b) == 0
	case kindArray:
		if b.h.kind != kindArray {
			return false
		}
		x, y := a.array().elems, b.array().elems
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case kindObject, kindSet:
		return b.h.kind == a.h.kind && a.table().equal(b.table())
	}
	return false
}

// compare orders values as ast.Compare does.
func compare(a, b Value) int {
	ka, kb := a.kind(), b.kind()
	if isNumber(ka) && isNumber(kb) {
		return compareNumbers(a, b)
	}
	if ka != kb {
		return cmp.Compare(ka, kb)
	}
	switch ka {
	case kindBool:
		return cmp.Compare(a.n, b.n)
	case kindString:
		if a.h == b.h {
			return 0
		}
		return strings.Compare(a.str().s, b.str().s)
	case kindArray:
		x, y := a.array().elems, b.array().elems
		for i := range min(len(x), len(y)) {
			if c := compare(x[i], y[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(x), len(y))
	case kindObject, kindSet:
		return a.table().compare(b.table())
	}
	return 0
}

// compareNumbers compares two numbers by value.
func compareNumbers(a, b Value) int {
	if a.h == &intHeader && b.h == &intHeader {
		return cmp.Compare(a.n, b.n)
	}
	if x, y := a.float(), b.float(); x != y {
		return cmp.Compare(x, y)
	}
	return ast.NumberCompare(a.decimal(), b.decimal())
}

// float is the float64 nearest to a number.
func (v Value) float() float64 {
	if v.h == &intHeader {
		return float64(v.n)
	}
	return v.number().f
}

// decimal is a number's text.
func (v Value) decimal() ast.Number {
	if v.h == &intHeader {
		return ast.Number(strconv.FormatInt(v.n, 10))
	}
	n := v.number()
	switch {
	case n.text != "":
	case n.from == ofExt:
		n.text = string(n.ext.text())
	case n.from == ofProduct:
		n.text = string(builtins.FloatToNumber(big.NewFloat(n.f)))
	default:
		n.text = strconv.FormatFloat(n.f, 'g', -1, 64)
	}
	return ast.Number(n.text)
}

// hash agrees with equal.
func (v Value) hash() uint64 {
	switch v.kind() {
	case kindBool:
		return 0x9e3779b97f4a7c15 ^ uint64(v.n)
	case kindInt:
		return mix(math.Float64bits(float64(v.n)))
	case kindNumber:
		f := v.number().f
		if f == 0 {
			f = 0 // of -0 and 0
		}
		return mix(math.Float64bits(f))
	case kindString:
		return v.str().sum()
	case kindArray:
		h := uint64(kindArray)
		for _, e := range v.array().elems {
			h = mix(h ^ e.hash())
		}
		return h
	case kindObject, kindSet:
		return v.table().sum()
	}
	return uint64(v.kind())
}

// mix spreads the bits of x (the finalizer of SplitMix64, Steele et al. 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// sum is the string's hash, FNV-1a over eight bytes at a time.
func (s *str) sum() uint64 {
	if !s.hashed {
		s.hash, s.hashed = hashString(s.s), true
	}
	return s.hash
}

func hashString(s string) uint64 {
	h := uint64(14695981039346656037)
	for len(s) >= 8 {
		word := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		h = (h ^ word) * 1099511628211
		h ^= h >> 29
		s = s[8:]
	}
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}
