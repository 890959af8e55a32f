package classifiers

import (
	"regexp"
	"slices"
	"strings"
)

// Tables, as pii/tables.h says.

const (
	twinRowMax    = 2048
	twinHeaderMax = 48
)

var (
	cellEnd    = regexp.MustCompile(`^[ "']*(?:[,;|\t\n\])]|$)`)
	cellMarks  = regexp.MustCompile("[ \"'`*(+]{0,4}$")
	cellValues = regexp.MustCompile(`^[ \t"']*[0-9]`)
	ruleLine   = regexp.MustCompile(`^[-=|+: \t\r]*$`)
)

func (t *piiTwin) endsCell(e int) bool {
	return cellEnd.Match(t.p[min(e, len(t.p)):])
}

// cells cuts a line at its separators, which are tabs if it has one, else bars, and
// so on; a comma with a space behind is one where none stands without. Those in
// quotes are none.
func cells(line string) (parts []string, sep byte) {
	line = strings.TrimLeft(line, " \t")
	for _, sep := range []byte("\t|;, ") {
		parts, quoted, from := []string(nil), false, 0
		for i := range len(line) {
			if line[i] == '"' {
				quoted = !quoted
			}
			if !quoted && cutsAt(line, i, sep) {
				parts = append(parts, line[from:i])
				from = i + 1
			}
		}
		if parts != nil && (sep != ' ' || len(parts) > 1) {
			return append(parts, line[from:]), sep
		}
	}
	return nil, 0
}

func cutsAt(line string, i int, sep byte) bool {
	if sep == ' ' {
		return line[i] == ','
	}
	return line[i] == sep && (sep != ',' || i+1 == len(line) || line[i+1] != ' ')
}

// lineOf is the line around s.
func (t *piiTwin) lineOf(s int) (start, end int) {
	text := t.text()
	start = strings.LastIndexByte(text[:s], '\n') + 1
	end = len(text)
	if k := strings.IndexByte(text[s:], '\n'); k >= 0 {
		end = s + k
	}
	return start, end
}

func (t *piiTwin) text() string {
	if t.whole == "" {
		t.whole = string(t.p)
	}
	return t.whole
}

// header gives the lists of the last word and of the others in the header of the
// column in which a cell begins at s, and where its line begins; nil where there is
// none.
func (t *piiTwin) header(s int) (line int, last, rest []string) {
	if line, last, rest = t.tableHeader(s); last == nil {
		line, last, rest = t.listHeader(s)
	}
	return line, last, rest
}

func (t *piiTwin) tableHeader(s int) (line int, last, rest []string) {
	text := t.text()
	p := s - len(cellMarks.FindString(text[max(0, s-4):s]))
	if p == 0 || !oneOf(text[p-1], ",;|\t\n") {
		return 0, nil, nil
	}
	start, end := t.lineOf(s)
	row, sep := cells(text[start:end])
	if end-start >= twinRowMax || row == nil {
		return 0, nil, nil
	}
	// The column in which the cell begins.
	indent := end - start - len(strings.TrimLeft(text[start:end], " \t"))
	column, begin := -1, start+indent
	for k, cell := range row {
		if begin > s {
			break
		}
		if begin >= p {
			column = k
		}
		begin += len(cell) + 1
	}
	if column < 0 {
		return 0, nil, nil
	}
	head := t.headOf(start, len(row), sep)
	if head == "" {
		return 0, nil, nil
	}
	for _, cell := range splitAll(head, sep) {
		if cellValues.MatchString(cell) {
			return 0, nil, nil
		}
	}
	parts, _ := cells(head)
	cell := parts[column]
	if len(cell) > twinHeaderMax {
		return 0, nil, nil
	}
	from := t.headStart
	for _, c := range parts[:column] {
		from += len(c) + 1
	}
	last, rest = t.headerWords(from, from+len(cell))
	return start, last, rest
}

func (t *piiTwin) headerWords(from, upto int) (last, rest []string) {
	for i, past := from, 0; i < upto; i++ {
		if i < past || !t.wordBegins(i) {
			continue
		}
		lists, e := t.wordsAt(i)
		if len(lists) == 0 {
			continue
		}
		past = e
		if last != nil && !slices.ContainsFunc(lists, func(l string) bool { return l != "ident" }) {
			rest = append(rest, lists...)
			continue
		}
		rest, last = append(rest, last...), lists
	}
	return last, rest
}

// splitAll cuts at every separator, in quotes, too.
func splitAll(line string, sep byte) (parts []string) {
	from := 0
	for i := range len(line) {
		if cutsAt(line, i, sep) {
			parts = append(parts, line[from:i])
			from = i + 1
		}
	}
	return append(parts, line[from:])
}

// headOf is the first line of the table whose row begins at start, "" where that is
// the row.
func (t *piiTwin) headOf(start, n int, sep byte) (head string) {
	text := t.text()
	for p := start; p > 0; {
		q := strings.LastIndexByte(text[:p-1], '\n') + 1
		line := text[q : p-1]
		if len(line) >= twinRowMax {
			break
		}
		p = q
		if ruleLine.MatchString(line) && strings.Count(line, "-")+strings.Count(line, "=") >= 3 {
			continue
		}
		line = strings.TrimSuffix(line, "\r")
		parts, by := cells(line)
		if strings.HasSuffix(line, ":") || len(parts) != n || by != sep {
			break
		}
		head = strings.TrimLeft(line, " \t")
		t.headStart = q + len(line) - len(head)
	}
	return head
}
