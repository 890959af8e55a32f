package vm

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendJSON appends v as canonical JSON after RFC 8785: no white space, shortest
// escapes, numbers as ECMAScript prints them, members in the order of their names'
// UTF-16 code units. A set becomes an array in Rego's own order of values, which is
// total. Integers that a float64 cannot hold keep their digits, which RFC 8785
// leaves to the application; other numbers beyond a float64 are an error, as are
// two keys of an object with one name: a key that is not a string is named by its
// JSON text.
func (v Value) AppendJSON(b []byte) ([]byte, error) {
	switch v.kind() {
	case kindUndefined:
		return nil, fmt.Errorf("an undefined value has no JSON form")
	case kindNull:
		return append(b, "null"...), nil
	case kindBool:
		return strconv.AppendBool(b, v.n != 0), nil
	case kindInt:
		return strconv.AppendInt(b, v.n, 10), nil
	case kindNumber:
		return appendDecimal(b, v)
	case kindString:
		return appendText(b, v.str().s)
	case kindArray:
		return appendElements(b, v.array().elems)
	case kindSet:
		v.table().sort()
		return appendElements(b, v.table().keys)
	}
	return appendMembers(b, v.table())
}

func appendElements(b []byte, elems []Value) ([]byte, error) {
	var err error
	b = append(b, '[')
	for i, e := range elems {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = e.AppendJSON(b); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendMembers(b []byte, t *table) ([]byte, error) {
	t.sort()
	if !plainKeys(t.keys) {
		return appendNamed(b, t)
	}
	var err error
	b = append(b, '{')
	for i, k := range t.keys {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendText(b, k.str().s); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = t.vals[i].AppendJSON(b); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendText appends a string, of which most need no escape.
func appendText(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return jsontext.AppendQuote(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"'), nil
}

// plainKeys says whether keys are strings whose order by bytes is their order by
// UTF-16 code units: the two differ only from U+E000 on.
func plainKeys(keys []Value) bool {
	for _, k := range keys {
		if k.kind() != kindString {
			return false
		}
		for _, c := range []byte(k.str().s) {
			if c >= 0xEE {
				return false
			}
		}
	}
	return true
}

func appendNamed(b []byte, t *table) ([]byte, error) {
	type member struct {
		name  string
		value Value
	}
	members := make([]member, len(t.keys))
	for i, k := range t.keys {
		if k.kind() == kindString {
			members[i] = member{k.str().s, t.vals[i]}
			continue
		}
		text, err := k.AppendJSON(nil)
		if err != nil {
			return nil, err
		}
		members[i] = member{string(text), t.vals[i]}
	}
	slices.SortFunc(members, func(x, y member) int { return compareUTF16(x.name, y.name) })

	var err error
	b = append(b, '{')
	for i, m := range members {
		if i > 0 {
			if m.name == members[i-1].name {
				return nil, fmt.Errorf("two keys of an object have the same JSON name %q", m.name)
			}
			b = append(b, ',')
		}
		if b, err = jsontext.AppendQuote(b, m.name); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = m.value.AppendJSON(b); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// compareUTF16 orders as RFC 8785 asks. It differs from the order of bytes only
// where a character beyond U+FFFF meets one in U+E000..U+FFFF.
func compareUTF16(x, y string) int {
	for x != "" && y != "" {
		a, n := utf8.DecodeRuneInString(x)
		b, m := utf8.DecodeRuneInString(y)
		if a != b {
			if a > 0xFFFF != (b > 0xFFFF) {
				// A surrogate stands for the character beyond U+FFFF.
				a, b = firstUnit(a), firstUnit(b)
			}
			return cmp.Compare(a, b)
		}
		x, y = x[n:], y[m:]
	}
	return cmp.Compare(len(x), len(y))
}

func firstUnit(r rune) rune {
	if r <= 0xFFFF {
		return r
	}
	high, _ := utf16.EncodeRune(r)
	return high
}

func appendDecimal(b []byte, v Value) ([]byte, error) {
	if n := v.number(); n.text == "" {
		return appendFloat(b, n.f), nil
	}
	text := string(v.decimal())
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.AppendInt(b, i, 10), nil
	}
	if integer(text) {
		return append(b, text...), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("the number %.20s does not fit a float64", text)
	}
	return appendFloat(b, f), nil
}

// appendFloat appends a finite number as ECMAScript's Number::toString has it.
func appendFloat(b []byte, f float64) []byte {
	if f == 0 {
		return append(b, '0') // of -0 too
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-2] == '0' { // e-09 is e-9 there
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// integer says whether s is an optional minus sign and digits.
func integer(s string) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0
}
