package classifiers

import (
	"slices"
	"strings"
)

// around is what stands between two bytes of a text: the concepts of its words,
// and where its last word begins, or -1.
type around struct {
	is   []string
	last int
}

func (a around) has(concepts ...string) bool { return sharesAny(a.is, concepts) }

func (w *injectionScan) around(i, e int) around {
	a := around{last: -1}
	for i < e {
		if !w.letter(i) && !isDigit(w.at(i)) {
			i++
			continue
		}
		a.last = i
		var word string
		word, i = w.readWord(i)
		a.is = append(a.is, w.words[word]...)
	}
	return a
}

func (w *injectionScan) sentenceEnds(i int) bool {
	c := w.at(i - 1)
	return strings.ContainsRune(".!?;", rune(c)) || c == '\n' && i > 1 && w.at(i-2) == '\n'
}

// before tells whether the text before byte i ends with s.
func (w *injectionScan) before(i int, s string) bool {
	return i >= len(s) && string(w.p[i-len(s):i]) == s
}

// opensQuote gives what may close the quotation that opens before byte i.
func (w *injectionScan) opensQuote(i int) []string {
	for open, closing := range map[string][]string{"“": {"”", "“"}, "„": {"”", "“"}, "‘": {"’"}, "«": {"»"}} {
		if w.before(i, open) {
			return closing
		}
	}
	c := w.at(i - 1)
	if c != '"' && c != '\'' && c != '`' || w.at(i) == ' ' {
		return nil
	}
	b := byte(' ')
	if i > 1 {
		b = w.at(i - 2)
	}
	if isAlnum(b) || b == '=' || b == '[' || b == '{' {
		return nil
	}
	for _, key := range []string{`":`, `",`, `": `, `", `} {
		if w.before(i-1, key) {
			return nil
		}
	}
	return []string{string(rune(c))}
}

func (w *injectionScan) quoted(s, e int) bool {
	if word, end := w.readWord(s); sharesAny(w.words[word], []string{"SAY", "REPORT", "MENTION"}) {
		for s = end; s < e && !w.letter(s) && !isDigit(w.at(s)); {
			s++
		}
	}
	for i := s; i > 0 && s-i < 48 && w.at(i-1) != '\n'; i-- {
		closing := w.opensQuote(i)
		if closing == nil {
			if w.at(i-1) == '"' || w.at(i-1) == '`' {
				return false
			}
			continue
		}
		for j := e; j < len(w.p) && j-e < 80 && w.at(j) != '\n'; j++ {
			for _, c := range closing {
				if w.begins(j, c) && (len(c) > 1 || !isAlpha(w.at(j+1))) {
					return true
				}
			}
		}
		return false
	}
	return false
}

// taken is how much a finding's sentence takes away from its points.
func (w *injectionScan) taken(f injectionFinding, own int) int {
	const reach = 160
	b, a := f.s, f.e
	for b > 0 && f.s-b < reach && !w.sentenceEnds(b) {
		b--
	}
	if f.s-b == reach {
		for b < f.s && w.at(b) != ' ' {
			b++
		}
	}
	for a < len(w.p) && a-f.e < reach && (a == f.e || !w.sentenceEnds(a)) {
		a++
	}
	before, in, after := w.around(b, f.s), w.around(f.s, f.e), w.around(f.e, a)
	if w.quoted(f.s, f.e) {
		if before.has("MENTION", "REPORT", "DISCUSS") || after.has("MENTION", "REPORT", "DISCUSS") {
			return own/2 + 3
		}
		return 2
	}
	if before.has("YOU", "YOUR") || in.has("YOU", "YOUR") {
		return 0
	}
	last := ""
	if before.last >= 0 {
		last, _ = w.readWord(before.last)
	}
	to := slices.Contains(strings.Fields("to zu de d di a"), last)
	third := to || slices.Contains(w.words[last], "AI")
	if before.has("REPORT") && (third || before.has("MUST")) {
		if before.has("AI") && (f.indirect || !third) {
			return 2
		}
		return own/2 + 3
	}
	if !before.has("AI", "SYSTEM") && slices.Contains(strings.Fields("may might could would can will did does"), last) {
		return own/2 + 3
	}
	for family, p := range f.points {
		if p > 0 && family != "OVERRIDING" && family != "ADDRESSING" {
			return 0
		}
	}
	for _, part := range []around{before, in, after} {
		if part.has("YOU", "YOUR", "AI", "SEND", "JUST") {
			return 0
		}
	}
	if before.has("TECH") || after.has("TECH") {
		return own/2 + 3
	}
	if a > f.e && w.at(a-1) == '?' {
		return own/2 + 1
	}
	return 0
}
