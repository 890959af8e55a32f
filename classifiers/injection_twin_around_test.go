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

const twinReach = 160

// quoteEnd is where the quotation ends that opens before byte i, or 0.
func (w *injectionScan) quoteEnd(i int) int {
	closing := w.opensQuote(i)
	for j := i; j < len(w.p) && j-i < twinReach && w.at(j) != '\n'; j++ {
		for _, c := range closing {
			if w.begins(j, c) && (len(c) > 1 || !isAlpha(w.at(j+1))) {
				return j
			}
		}
	}
	return 0
}

// quoted tells whether bytes [s, e) stand in a quotation, but for words that order
// nothing.
func (w *injectionScan) quoted(s, e int) (outside around, ok bool) {
	opens, end := 0, 0
	for i := s; i > 0 && s-i < 48 && w.at(i-1) != '\n'; i-- {
		if end = w.quoteEnd(i); end > 0 || w.at(i-1) == '"' || w.at(i-1) == '`' {
			opens = i
			break
		}
	}
	if end <= s {
		end = 0
		for opens = s + 1; opens <= e && opens-s <= twinReach; opens++ {
			if end = w.quoteEnd(opens); end > 0 {
				break
			}
		}
	}
	if end == 0 {
		return outside, false
	}
	earlier := w.around(s, opens)
	outside.is = append(slices.Clone(earlier.is), w.around(end, e).is...)
	return outside, !outside.has("OVERRIDE", "INSTR", "YOU", "YOUR", "NOT") && !earlier.has("AI", "MUST")
}

// taken is how much a finding's sentence takes away from its points.
func (w *injectionScan) taken(f injectionFinding, own int) int {
	much := own/2 + 3
	if f.points["LEAKING"] > 0 || f.points["ORDERING"] > 0 || f.points["CLAIMING"] > 0 {
		much = 2
	}
	b, a := f.s, f.e
	for b > 0 && f.s-b < twinReach && !w.sentenceEnds(b) {
		b--
	}
	if f.s-b == twinReach {
		for b < f.s && w.at(b) != ' ' {
			b++
		}
	}
	for a < len(w.p) && a-f.e < twinReach && (a == f.e || !w.sentenceEnds(a)) {
		a++
	}
	before, in, after := w.around(b, f.s), w.around(f.s, f.e), w.around(f.e, a)
	if outside, ok := w.quoted(f.s, f.e); ok {
		for _, part := range []around{before, outside, after} {
			if part.has("MENTION", "REPORT", "DISCUSS") {
				return much
			}
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
		return much
	}
	if !before.has("AI", "SYSTEM") && slices.Contains(strings.Fields("may might could would can will did does i we they he she who which that"), last) {
		return much
	}
	first := f.s
	for isAlpha(w.at(first)) {
		first++
	}
	if first > 2 && w.beginsLower(first-3, "ing") && slices.Contains(strings.Fields("for by of about after before against"), last) {
		return much
	}
	for first = f.s; w.letter(first) || isDigit(w.at(first)); {
		first++
	}
	if w.at(first) == '(' {
		return much
	}
	for family, p := range f.points {
		if p > 0 && family != "OVERRIDING" && family != "ADDRESSING" {
			return 0
		}
	}
	if in.has("MY") {
		return much
	}
	for _, part := range []around{before, in, after} {
		if part.has("YOU", "YOUR", "AI", "JUST") {
			return 0
		}
	}
	if after.has("SEND") {
		return 0
	}
	if before.has("TECH") || after.has("TECH") {
		return much
	}
	if a > f.e && w.at(a-1) == '?' {
		return own/2 + 1
	}
	return 0
}
