package classifiers

import (
	"bytes"
	"regexp"
)

// Lists, as pii/lists.h says.

const (
	twinListMax = 512
	twinRowsMax = 2048
)

var (
	listMarks    = regexp.MustCompile(`[ \t\r\n"'+]{0,32}$`)
	memberName   = regexp.MustCompile(`"[\x00-!#-\x7f]{0,31}"[ \t\r\n]{0,64}:[ \t\r\n]{0,64}$`)
	memberBehind = regexp.MustCompile(`^[ \t\r\n]{0,64},[ \t\r\n]{0,64}("[\x00-!#-\x7f]{0,32}")[ \t\r\n]{0,64}:[ \t\r\n]{0,64}\[`)
	columnNames  = regexp.MustCompile(`(?i)^"(?:columns|column_names|columnnames|cols|fields|headers?|keys|names|labels)"`)
	listComma    = regexp.MustCompile(`[\])][ \t\r\n]{0,64},[ \t\r\n]{0,64}$`)
	sqlValues    = regexp.MustCompile(`(?i)\)[ \t\r\n]{0,64}values[ \t\r\n]{0,64}$`)
)

// matchBefore is where a form begins that ends at i, or -1.
func (t *piiTwin) matchBefore(form *regexp.Regexp, i int) int {
	from := max(0, i-256)
	m := form.FindIndex(t.p[from:i])
	if m == nil {
		return -1
	}
	return from + m[0]
}

// listOpen is the bracket that opens the list in which a value begins at p, or -1,
// and which of its values that is.
func (t *piiTwin) listOpen(p int) (open, column int) {
	quoted := byte(0)
	for i := p - 1; i >= max(0, p-twinListMax); i-- {
		switch c := t.p[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '"' || c == '\'':
			quoted = c
		case c == '[' || c == '(':
			return i, column
		case oneOf(c, "])}{"):
			return -1, 0
		case c == ',':
			column++
		}
	}
	return -1, 0
}

func (t *piiTwin) listEnd(i, depth, most int) int {
	quoted := byte(0)
	for k, c := range t.p[i:min(len(t.p), i+most)] {
		switch {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '"' || c == '\'':
			quoted = c
		case c == '[':
			if depth++; depth > 2 {
				return -1
			}
		case c == ']':
			if depth--; depth == 0 {
				return i + k + 1
			}
		}
	}
	return -1
}

func (t *piiTwin) namesBefore(outer int) int {
	for range 2 {
		name := t.matchBefore(memberName, outer)
		if name < 0 {
			return -1
		}
		comma := t.matchBefore(listComma, name)
		if comma < 0 || t.p[comma] != ']' {
			return -1
		}
		if outer, _ = t.listOpen(comma); outer < 0 {
			return -1
		}
		if name = t.matchBefore(memberName, outer); name >= 0 && columnNames.Match(t.p[name:]) {
			return outer
		}
	}
	return -1
}

func (t *piiTwin) namesBehind(open int) int {
	e := t.listEnd(open+1, 2, twinRowsMax)
	for k := 0; k < 2 && e >= 0; k++ {
		m := memberBehind.FindSubmatchIndex(t.p[e:])
		if m == nil {
			return -1
		}
		if columnNames.Match(t.p[e+m[2]:]) {
			return e + m[1] - 1
		}
		e = t.listEnd(e+m[1], 1, twinListMax)
	}
	return -1
}

// namesOf is the list that names the places of a row, or -1.
func (t *piiTwin) namesOf(open int) int {
	first := open
	for {
		comma := t.matchBefore(listComma, first)
		if comma < 0 || t.p[comma] != either[byte](t.p[open] == '[', ']', ')') {
			break
		}
		before, _ := t.listOpen(comma)
		if before < 0 || t.p[before] != t.p[open] {
			break
		}
		first = before
	}
	if t.p[open] == '(' {
		names := -1
		if i := t.matchBefore(sqlValues, first); i >= 0 {
			if names, _ = t.listOpen(i); names >= 0 && t.p[names] != '(' {
				names = -1
			}
		}
		return names
	}
	outer := first - len(blanksBefore.Find(t.p[max(0, first-64):first])) - 1
	if outer < 0 || t.p[outer] != '[' {
		return -1
	}
	if names := t.namesBefore(outer); names >= 0 {
		return names
	}
	if names := t.namesBehind(first); names >= 0 {
		return names
	}
	return first
}

var (
	blanksBefore = regexp.MustCompile(`[ \t\r\n]*$`)
	valueBegins  = regexp.MustCompile(`^[ \t\r\n"']*[0-9]`)
)

// listHeader is what header is, for a value in a list.
func (t *piiTwin) listHeader(s int) (line int, last, rest []string) {
	p := s - len(listMarks.Find(t.p[max(0, s-32):s]))
	if p == 0 || !oneOf(t.p[p-1], ",[(") {
		return 0, nil, nil
	}
	open, column := t.listOpen(p)
	if open < 0 {
		return 0, nil, nil
	}
	names := t.namesOf(open)
	if names < 0 || names == open {
		return 0, nil, nil
	}
	text := t.p[names+1 : min(len(t.p), names+twinListMax)]
	from, upto, quoted, start, k := 0, 0, byte(0), 0, 0
	for i, c := range text {
		switch {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
			continue
		case c == '"' || c == '\'':
			quoted = c
			continue
		case !oneOf(c, ",])"):
			continue
		}
		if valueBegins.Match(text[start:i]) {
			return 0, nil, nil
		}
		if k == column {
			from, upto = start, i
		}
		k++
		start = i + 1
		if c != ',' {
			head := text[from:min(upto, from+64)]
			from += len(head) - len(bytes.TrimLeft(head, " \t\r\n"))
			if from < upto && upto-from <= twinHeaderMax {
				last, rest = t.headerWords(names+1+from, names+1+upto)
			}
			return open, last, rest
		}
	}
	return 0, nil, nil
}
