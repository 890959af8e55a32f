package vm

import (
	"strconv"
	"unicode/utf8"

	"github.com/gobwas/glob"
)

// sprintf does formats of %v, %s, %d and %q without flags over strings and integers.
func sprintf(m *Machine, format, args Value) (Value, ctl) {
	if format.kind() != kindString || args.kind() != kindArray {
		return Value{}, ctlGeneric
	}
	f, rest := format.str().s, args.array().elems
	b := m.text[:0]
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b = append(b, f[i])
			continue
		}
		if i++; i == len(f) {
			return Value{}, ctlGeneric
		}
		if f[i] == '%' {
			b = append(b, '%')
			continue
		}
		if len(rest) == 0 {
			return Value{}, ctlGeneric
		}
		arg := rest[0]
		rest = rest[1:]
		k := arg.kind()
		switch verb := f[i]; {
		case k == kindString && (verb == 'v' || verb == 's'):
			b = append(b, arg.str().s...)
		case k == kindString && verb == 'q':
			b = strconv.AppendQuote(b, arg.str().s)
		case k == kindInt && (verb == 'v' || verb == 'd'):
			b = strconv.AppendInt(b, arg.n, 10)
		default:
			return Value{}, ctlGeneric
		}
	}
	m.text = b
	if len(rest) > 0 {
		return Value{}, ctlGeneric
	}
	return m.String(string(b)), ctlNext
}

// globKey is a pattern with delimiters that are a constant of the program.
type globKey struct {
	pattern    string
	delimiters *header
}

// keptGlobs is how many compiled patterns a machine remembers.
const keptGlobs = 256

// globMatch is glob.match for delimiters that are constants; nil: they are not, or
// not what OPA takes.
func globMatch(pattern, delimiters, match operand, to int, generic op) op {
	if !delimiters.constant() {
		return nil
	}
	runes, ok := globDelimiters(delimiters.value)
	if !ok {
		return nil
	}
	return func(m *Machine, l []Value) ctl {
		p, s := pattern.get(l), match.get(l)
		if p.kind() != kindString || s.kind() != kindString {
			return generic(m, l)
		}
		key := globKey{p.str().s, delimiters.value.h}
		g := m.globs[key]
		if g == nil {
			var err error
			if g, err = glob.Compile(key.pattern, runes...); err != nil {
				return generic(m, l)
			}
			if m.globs == nil || len(m.globs) >= keptGlobs {
				m.globs = map[globKey]*glob.Pattern{}
			}
			m.globs[key] = g
		}
		l[to] = Bool(g.Match(s.str().s))
		return ctlNext
	}
}

func globDelimiters(v Value) ([]rune, bool) {
	switch v.kind() {
	case kindNull:
		return nil, true
	case kindArray:
		var runes []rune
		for _, e := range v.array().elems {
			if e.kind() != kindString || utf8.RuneCountInString(e.str().s) != 1 {
				return nil, false
			}
			r, _ := utf8.DecodeRuneInString(e.str().s)
			runes = append(runes, r)
		}
		if len(runes) == 0 {
			runes = []rune{'.'}
		}
		return runes, true
	}
	return nil, false
}
