package record

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// An appender writes a Go value of one type as RFC 8785 canonical JSON, with the
// members, names and omissions of encoding/json. Writing the members in their
// sorted order at once takes a third of the time of marshalling, parsing and
// sorting afterwards, see BenchmarkEncode.
type appender func(dst []byte, v reflect.Value) ([]byte, error)

// member is one field of a struct.
type member struct {
	name  string // with what goes before its value: "name":
	index int
	omit  func(reflect.Value) bool // nil: it is always there
	value appender
}

// recordMembers are those of a record, in canonical order.
var recordMembers = membersOf(reflect.TypeFor[engine.Record]())

// documentAppender writes an input document.
var documentAppender = appenderOf(reflect.TypeFor[engine.Input]())

// appenderOf panics on a type or tag it does not know, which is a mistake in the
// declaration of engine.Record and shows when the program starts.
func appenderOf(t reflect.Type) appender {
	if t == reflect.TypeFor[json.RawMessage]() {
		return appendRaw
	}
	switch t.Kind() {
	case reflect.String:
		return func(dst []byte, v reflect.Value) ([]byte, error) { return appendString(dst, v.String()), nil }
	case reflect.Bool:
		return func(dst []byte, v reflect.Value) ([]byte, error) { return strconv.AppendBool(dst, v.Bool()), nil }
	case reflect.Int, reflect.Int64:
		return func(dst []byte, v reflect.Value) ([]byte, error) { return appendInt(dst, v.Int()) }
	case reflect.Uint64:
		return func(dst []byte, v reflect.Value) ([]byte, error) { return appendNumber(dst, float64(v.Uint())) }
	case reflect.Float64:
		return func(dst []byte, v reflect.Value) ([]byte, error) { return appendNumber(dst, v.Float()) }
	case reflect.Pointer:
		return pointerAppender(appenderOf(t.Elem()))
	case reflect.Slice:
		return sliceAppender(appenderOf(t.Elem()))
	case reflect.Map:
		return mapAppender(appenderOf(t.Elem()))
	case reflect.Struct:
		members := membersOf(t)
		return func(dst []byte, v reflect.Value) ([]byte, error) {
			dst, _, err := appendMembers(dst, members, v)
			return dst, err
		}
	}
	panic("record: no canonical form for type " + t.String())
}

func membersOf(t reflect.Type) []member {
	var members []member
	names := map[int]string{}
	for i := range t.NumField() {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case name == "":
			panic("record: no canonical form for field " + t.String() + "." + t.Field(i).Name)
		}
		m := member{name: string(appendString(nil, name)) + ":", index: i, value: appenderOf(t.Field(i).Type)}
		switch option {
		case "":
		case "omitempty":
			m.omit = isEmpty
		case "omitzero":
			m.omit = reflect.Value.IsZero
		default:
			panic("record: no canonical form for field " + t.String() + "." + t.Field(i).Name)
		}
		names[i], members = name, append(members, m)
	}
	slices.SortFunc(members, func(a, b member) int { return compareUTF16(names[a.index], names[b.index]) })
	return members
}

// appendMembers appends a struct and returns where in dst the value of its member
// "seq" stands.
func appendMembers(dst []byte, members []member, v reflect.Value) (_ []byte, seqAt int, err error) {
	dst = append(dst, '{')
	comma := false
	for i := range members {
		m := &members[i]
		field := v.Field(m.index)
		if m.omit != nil && m.omit(field) {
			continue
		}
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = append(dst, m.name...)
		if m.name == `"seq":` {
			seqAt = len(dst)
		}
		if dst, err = m.value(dst, field); err != nil {
			return nil, 0, fmt.Errorf("%s %w", m.name, err)
		}
	}
	return append(dst, '}'), seqAt, nil
}

// isEmpty is encoding/json's omitempty.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func pointerAppender(elem appender) appender {
	return func(dst []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return elem(dst, v.Elem())
	}
}

func sliceAppender(elem appender) appender {
	return func(dst []byte, v reflect.Value) (_ []byte, err error) {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = elem(dst, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
}

// mapAppender is for maps with string keys. A name that is not UTF-8 is an error:
// mended, it could be equal to another one.
func mapAppender(elem appender) appender {
	return func(dst []byte, v reflect.Value) (_ []byte, err error) {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return compareUTF16(a.String(), b.String()) })
		dst = append(dst, '{')
		for i, key := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			if !utf8.ValidString(key.String()) {
				return nil, errors.New("a name is not valid UTF-8")
			}
			dst = append(appendString(dst, key.String()), ':')
			if dst, err = elem(dst, v.MapIndex(key)); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
}

func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // the error says that bytes which are not UTF-8 were replaced by U+FFFD
	return dst
}

// appendInt writes an integer. One that a float64 cannot hold is rounded to it, as
// every reader of the number would.
func appendInt(dst []byte, n int64) ([]byte, error) {
	const exact = 1 << 53
	if n > exact || n < -exact {
		return appendNumber(dst, float64(n))
	}
	return strconv.AppendInt(dst, n, 10), nil
}

// appendNumber is the number format of RFC 8785, which is that of ECMAScript.
func appendNumber(dst []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("a number that JSON cannot represent")
	}
	if f == 0 {
		return append(dst, '0'), nil // also for -0
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' { // e-07 is e-7 there
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst, nil
}

// appendRaw appends JSON that is canonical already.
func appendRaw(dst []byte, v reflect.Value) ([]byte, error) {
	if v.Len() == 0 {
		return append(dst, "null"...), nil
	}
	return append(dst, v.Bytes()...), nil
}

// canonical returns JSON from elsewhere in canonical form, in new bytes.
func canonical(raw json.RawMessage) (json.RawMessage, error) {
	value := jsontext.Value(slices.Clone(raw))
	if err := value.Canonicalize(); err != nil {
		// The error itself would quote the value.
		if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			return nil, fmt.Errorf("malformed JSON at byte %d", e.ByteOffset)
		}
		return nil, errors.New("malformed JSON")
	}
	return json.RawMessage(value), nil
}

// compareUTF16 is the order of RFC 8785, section 3.2.3: by UTF-16 code units.
func compareUTF16(a, b string) int {
	for a != "" && b != "" {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		if ra != rb {
			return cmp.Compare(codeUnits(ra), codeUnits(rb))
		}
		a, b = a[na:], b[nb:]
	}
	return cmp.Compare(len(a), len(b))
}

// codeUnits is the UTF-16 form of r in one number that sorts like it.
func codeUnits(r rune) uint32 {
	if r < 0x10000 {
		return uint32(r) << 16
	}
	high, low := utf16.EncodeRune(r)
	return uint32(high)<<16 | uint32(low)
}
