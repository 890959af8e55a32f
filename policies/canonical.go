package policies

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
)

// appendCanonical appends v as canonical JSON after RFC 8785: no white space,
// shortest escapes, numbers as ECMAScript prints them, members in the order of
// their names' UTF-16 code units. A set becomes an array in Rego's own order of
// values, which is total. Integers that a float64 cannot hold keep their digits,
// which RFC 8785 leaves to the application.
func appendCanonical(b []byte, v ast.Value) ([]byte, error) {
	switch v := v.(type) {
	case ast.Null:
		return append(b, "null"...), nil
	case ast.Boolean:
		return strconv.AppendBool(b, bool(v)), nil
	case ast.Number:
		return appendNumber(b, v)
	case ast.String:
		return jsontext.AppendQuote(b, string(v))
	case *ast.Array:
		return appendElements(b, v.Len(), v.Elem)
	case ast.Set:
		sorted := v.Slice()
		return appendElements(b, len(sorted), func(i int) *ast.Term { return sorted[i] })
	case ast.Object:
		return appendMembers(b, v)
	}
	return nil, fmt.Errorf("a value of type %T has no JSON form", v)
}

func appendElements(b []byte, n int, at func(int) *ast.Term) ([]byte, error) {
	var err error
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendCanonical(b, at(i).Value); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendMembers(b []byte, o ast.Object) ([]byte, error) {
	type member struct {
		name  string
		value ast.Value
	}
	members := make([]member, 0, o.Len())
	err := o.Iter(func(k, v *ast.Term) error {
		name, ok := k.Value.(ast.String)
		if !ok {
			// Rego allows any value as a key. Its JSON text is the name, as OPA has it.
			text, err := appendCanonical(nil, k.Value)
			if err != nil {
				return err
			}
			name = ast.String(text)
		}
		members = append(members, member{string(name), v.Value})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(x, y member) int { return compareUTF16(x.name, y.name) })

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
		if b, err = appendCanonical(b, m.value); err != nil {
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

func appendNumber(b []byte, n ast.Number) ([]byte, error) {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return strconv.AppendInt(b, i, 10), nil
	}
	if integer(string(n)) {
		return append(b, n...), nil
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("the number %.20s does not fit a float64", string(n))
	}
	return append(b, jsontext.Float(f).String()...), nil
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
