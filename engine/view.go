package engine

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// viewRounds is how many layers of escapes are taken off a text.
const viewRounds = 3

// view is a text with its escapes decoded: a value that hides behind them, in JSON
// or a URL within a prompt, is as readable to a model as it is to a person.
type view struct {
	value string
	from  []int // offset in the text of each byte of value, and of its end
}

// newView decodes the escapes of JSON and of programming languages (\u0040,
// \x40, after any number of backslashes), of URLs (%40, ASCII only) and of HTML
// (&#64;, &#x40;, &commat;, &period;). It returns nil where there are none.
func newView(text string) *view {
	if strings.IndexByte(text, '\\') < 0 && strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '&') < 0 {
		return nil
	}
	var v *view
	for range viewRounds {
		next := decodeOnce(text)
		if next == nil {
			break
		}
		if v != nil {
			for i, at := range next.from {
				next.from[i] = v.from[at]
			}
		}
		v, text = next, next.value
	}
	return v
}

// span is where a span of the view stands in the text.
func (v *view) span(s Span) (Span, bool) {
	if s.Start < 0 || s.End >= len(v.from) || s.Start >= s.End {
		return Span{}, false
	}
	return Span{Start: v.from[s.Start], End: v.from[s.End]}, true
}

// decodeOnce takes off one layer, nil where there is none.
func decodeOnce(text string) *view {
	var v *view
	copied := 0
	var b []byte
	plain := func(to int) {
		for ; copied < to; copied++ {
			b, v.from = append(b, text[copied]), append(v.from, copied)
		}
	}
	for i := 0; i < len(text); {
		r, n := escape(text[i:])
		if n == 0 {
			// A run of backslashes has been looked at whole.
			for i++; text[i-1] == '\\' && i < len(text) && text[i] == '\\'; {
				i++
			}
			continue
		}
		if v == nil {
			v = &view{from: make([]int, 0, len(text)+1)}
			b = make([]byte, 0, len(text))
		}
		plain(i)
		b = utf8.AppendRune(b, r)
		for len(v.from) < len(b) {
			v.from = append(v.from, i)
		}
		i += n
		copied = i
	}
	if v == nil {
		return nil
	}
	plain(len(text))
	v.value, v.from = string(b), append(v.from, len(text))
	return v
}

// escape reads the escape that s begins with: what it stands for, and its length
// in bytes, 0 where there is none.
func escape(s string) (rune, int) {
	switch s[0] {
	case '\\':
		n := 1
		for n < len(s) && s[n] == '\\' {
			n++
		}
		if n == len(s) {
			return 0, 0
		}
		if s[n] == 'x' {
			r, ok := hexRune(s[n+1:], 2)
			return r, width(ok, n+3)
		}
		if s[n] != 'u' {
			return 0, 0
		}
		r, ok := hexRune(s[n+1:], 4)
		if !ok || !utf16.IsSurrogate(r) {
			return r, width(ok, n+5)
		}
		rest := s[n+5:]
		tail := strings.TrimLeft(rest, `\`)
		if len(tail) == len(rest) || tail == "" || tail[0] != 'u' {
			return 0, 0
		}
		low, ok := hexRune(tail[1:], 4)
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return 0, 0
		}
		return r, len(s) - len(tail) + 5
	case '%':
		r, ok := hexRune(s[1:], 2)
		return r, width(ok && r < utf8.RuneSelf, 3)
	case '&':
		return entity(s)
	}
	return 0, 0
}

func entity(s string) (rune, int) {
	const longest = 12
	end := strings.IndexByte(s[:min(len(s), longest)], ';')
	if end < 0 {
		return 0, 0
	}
	switch name := s[1:end]; {
	case name == "commat":
		return '@', end + 1
	case name == "period":
		return '.', end + 1
	case strings.HasPrefix(name, "#"):
		number, base := name[1:], 10
		if strings.HasPrefix(number, "x") || strings.HasPrefix(number, "X") {
			number, base = number[1:], 16
		}
		n, err := strconv.ParseUint(number, base, 21)
		return rune(n), width(err == nil && utf8.ValidRune(rune(n)), end+1)
	}
	return 0, 0
}

func hexRune(s string, digits int) (rune, bool) {
	if len(s) < digits {
		return 0, false
	}
	var r rune
	for i := range digits {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func width(ok bool, n int) int {
	if !ok {
		return 0
	}
	return n
}
