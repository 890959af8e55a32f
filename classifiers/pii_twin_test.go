package classifiers

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport/engine"
)

// piiTwin is the module of classifiers/pii in plain Go, for the tests that hold
// the two against each other. It follows the C by name where the rules are, and
// goes its own way where Go has a library: folding, words, phone numbers, base58.
// The scores and the words are data that both read.
type piiTwin struct {
	*piiRules
	p           []byte
	from, upto  []int // original bytes of each byte of p
	floor       int
	fresh       int // the end of the last escape
	versionEnds int // the end of the last version that looks like an address
	found       []engine.Finding
	whole       string   // p
	headStart   int      // of the table that was looked at last
	evidence    []string // of each finding
	groups      []piiGroup
	line        int    // groups before the first line break
	d           []byte // digits of groups
	sum         []int  // digits in the first k groups
}

type piiGroup struct {
	s, e int
	sep  byte
}

// piiRules is what the twin reads from the module's sources.
type piiRules struct {
	means  map[string]piiMeaning // by evidence
	order  []string              // evidence as scores.h lists it
	words  map[string]piiLists   // in lower case but for what is not ASCII
	phones *phoneRules
}

type piiMeaning struct {
	kind  string
	score float64
}

// piiLists names the lists a word is on, and those on which it may go on.
type piiLists struct{ whole, open []string }

var evidenceLine = regexp.MustCompile(`(?m)^EVIDENCE\((\w+), (\w+), ([0-9.]+)\)$`)

func newPIIRules(t testing.TB) *piiRules {
	t.Helper()
	r := &piiRules{means: map[string]piiMeaning{}, words: map[string]piiLists{}, phones: newPhoneRules(t)}
	for _, m := range evidenceLine.FindAllStringSubmatch(readFile(t, "pii/scores.h"), -1) {
		score, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		r.means[m[2]] = piiMeaning{m[1], score}
		r.order = append(r.order, m[2])
	}
	for line := range strings.Lines(readFile(t, "pii/words.txt")) {
		name, words, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.SplitSeq(words, ", ") {
			word, open := strings.CutSuffix(word, "*")
			for _, w := range []string{word, strings.ToUpper(word), titleCase(word)} {
				w = lowerASCIIs(w)
				l := r.words[w]
				l.whole = append(l.whole, name)
				if open {
					l.open = append(l.open, name)
				}
				r.words[w] = l
			}
		}
	}
	return r
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func titleCase(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func lowerASCIIs(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lowerASCII(b[i])
	}
	return string(b)
}

func (r *piiRules) find(text string) []engine.Finding {
	return r.scan(text).found
}

func (r *piiRules) scan(text string) *piiTwin {
	t := &piiTwin{piiRules: r}
	for i, n := 0, 0; i < len(text); i += n {
		var r rune
		r, n = utf8.DecodeRuneInString(text[i:])
		switch c := foldRune(r); {
		case c > 0:
			t.p = append(t.p, byte(c))
			t.from, t.upto = append(t.from, i), append(t.upto, i+n)
		case c < 0:
			for k := range n {
				t.p = append(t.p, text[i+k])
				t.from, t.upto = append(t.from, i+k), append(t.upto, i+k+1)
			}
		}
	}
	t.run()
	return t
}

// foldRune is the ASCII character that r stands for, 0 where it is invisible, -1
// where it stays.
func foldRune(r rune) int {
	in := func(a, b rune) bool { return r >= a && r <= b }
	switch {
	case r < 0x80:
		return -1
	case in(0xff01, 0xff5e):
		return int(r) - 0xfee0
	case in(0x200b, 0x200f), in(0x202a, 0x202e), in(0x2060, 0x2069), in(0xfe00, 0xfe0f), in(0xe0000, 0xe01ef),
		strings.ContainsRune("\ufeff\u00ad\u034f\u061c\u180e", r):
		return 0
	case in(0x2000, 0x200a), strings.ContainsRune("\u00a0\u202f\u205f\u3000", r):
		return ' '
	case in(0x2010, 0x2015), r == 0x2212:
		return '-'
	}
	for _, digits := range unicode.Nd.R16 {
		if in(rune(digits.Lo), rune(digits.Hi)) {
			return '0' + int(r-rune(digits.Lo))%10
		}
	}
	for _, digits := range unicode.Nd.R32 {
		if in(rune(digits.Lo), rune(digits.Hi)) {
			return '0' + int(r-rune(digits.Lo))%10
		}
	}
	return -1
}

func (t *piiTwin) at(i int) byte {
	if i < 0 || i >= len(t.p) {
		return 0
	}
	return t.p[i]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isAlpha(c byte) bool { return isUpper(c) || isLower(c) }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
func isHex(c byte) bool   { return isDigit(c) || c|32 >= 'a' && c|32 <= 'f' }
func isWord(c byte) bool  { return isAlnum(c) || c == '_' }

func lowerASCII(c byte) byte {
	if isUpper(c) {
		return c | 32
	}
	return c
}

func upperASCII(c byte) byte {
	if isLower(c) {
		return c &^ 32
	}
	return c
}

// oneOf says whether c is one of the characters; no character at all is not.
func oneOf(c byte, chars string) bool { return c != 0 && strings.IndexByte(chars, c) >= 0 }

func (t *piiTwin) emit(s, e int, evidence string) int {
	m, ok := t.means[evidence]
	if !ok {
		panic(fmt.Sprintf("no evidence %q", evidence))
	}
	t.found = append(t.found, engine.Finding{
		Classifier: "test", Kind: m.kind, Score: m.score,
		Span: engine.Span{Start: t.from[s], End: t.upto[e-1]},
	})
	t.evidence = append(t.evidence, evidence)
	t.floor = e
	return e
}

// either picks by a condition.
func either[T any](cond bool, a, b T) T {
	if cond {
		return a
	}
	return b
}

// The pass.

// first returns the first result that is not 0.
func first(finds ...func() int) int {
	for _, f := range finds {
		if r := f(); r != 0 {
			return r
		}
	}
	return 0
}

// given is f where the condition holds, else nothing.
func given(cond bool, f func() int) func() int {
	if cond {
		return f
	}
	return func() int { return 0 }
}

func (t *piiTwin) mixed(a, b, d int) int {
	n := b - a
	whole := !(t.at(a-1) == '_' && !t.headOK(a)) && !(t.at(b) == '_' && !t.ends(b))
	at := func(f func(int) int, i int) func() int { return func() int { return f(i) } }
	code := a // where an Italian code begins
	if n == 5 && t.at(a-1) == ' ' && t.at(a-5) == ' ' {
		code = a - 8
	}
	if r := first(
		given(n >= 14 && n <= 90, func() int { return t.coin(a, b) }),
		given(n >= 4 && d == a+2, at(t.iban, a)),
	); r != 0 || !whole {
		return r
	}
	return first(
		given(n == 15 && d == a, at(t.nir, a)),
		given((n == 16 || n == 5) && code >= t.floor && !t.glued(code), at(t.fiscal, code)),
		given(n == 10 && d == a+5, at(t.indianPAN, a)),
		given(n <= 10 && d <= a+2 && d > a, at(t.nino, d)),
		given(n <= 10 && d <= a+2, at(t.spanish, d)),
		given(n == 14 || n <= 3 && t.at(b) == '.', at(t.cnpjLetters, a)),
		given(n <= 4 && t.at(b) == '.', at(t.macDotted, a)),
		given(n == 4 && t.at(a-1) == '.', at(t.macDottedBefore, a)),
		given(n <= 4 && d == a, at(t.birth, a)),
		func() int { return t.passport(a, b) },
	)
}

func (t *piiTwin) address(a, b int) int {
	before := either(a == t.fresh, 0, t.at(a-1))
	if b-a == 2 && before == '-' {
		if r := t.macBefore(a); r > 0 {
			return r
		}
	}
	if b-a > 4 || isAlnum(before) || oneOf(before, "-_") && !t.headOK(a) {
		return 0
	}
	if before == ':' {
		switch {
		case t.at(a-2) != ':' && t.nameBefore(a-1) < 2:
			return 0
		case t.at(a-2) == ':' && !isWord(t.at(a-3)) && t.at(a-3) != ':' && a >= t.floor+2:
			return t.ipv6(a - 2)
		case t.at(a-2) == ':':
			return 0
		}
	}
	return first(
		given(b-a == 2 && oneOf(t.at(b), ":-"), func() int { return t.mac(a) }),
		given(t.at(b) == ':', func() int { return t.ipv6(a) }),
	)
}

func (t *piiTwin) number(a, b int) int {
	plus := t.at(a-1) == '+' || t.at(a-1) == '(' && t.at(a-2) == '+'
	n := b - a
	if n == 1 && t.at(b) == ' ' && isDigit(t.at(b+1)) && !isDigit(t.at(b+2)) && !plus && t.at(b+2) != '.' {
		return b + 1
	}
	if !plus && (n <= 2 || n == 4) {
		if r := t.birth(a); r != 0 {
			return r
		}
	}
	const seps = " -./()\n"
	if n < 6 && !(oneOf(t.at(b), seps) && (isDigit(t.at(b+1)) || oneOf(t.at(b+1), seps) || t.at(b) == '.' && isAlpha(t.at(b+1)))) {
		return 0
	}
	if !plus && oneOf(t.at(a-1), " -") && isAlpha(t.at(a-2)) {
		if r := first(func() int { return t.nino(a) }, given(n > 6, func() int { return t.spanish(a) })); r != 0 {
			return r
		}
	}
	if !plus && (!t.headOK(a) || n == 2 && t.at(b) == ' ' && t.joined(a, 2)) {
		return 0
	}
	t.readGroups(a)
	if plus && t.line > 0 {
		return first(func() int { return t.phone(true) }, t.card)
	}
	dotted := given(n == 4 && t.at(b) == '.', func() int { return t.macDotted(a) })
	if t.line == 0 {
		return dotted()
	}
	if r := first(
		given(n <= 3, func() int { return t.ipv4(a) }), func() int { return t.nir(a) }, dotted,
		given(n == 2 && t.at(b) == '.', func() int { return t.cnpjLetters(a) }),
		given(n == 2 && t.at(b) == '.', func() int { return t.spanish(a) }),
	); r != 0 || len(t.d) < 6 {
		return r
	}
	return first(
		t.toldID, t.card,
		given(n == 8 || n == 2, func() int { return t.spanish(a) }),
		given(n >= 6 && n <= 9, func() int { return t.passport(a, b) }),
		func() int { return t.loneID(false) },
		func() int { return t.phone(false) },
		func() int { return t.loneID(true) },
	)
}

// gluedCard is a card's number right behind a word for it.
func (t *piiTwin) gluedCard(d, b int) int {
	if b-d != 4 && b-d < 12 || strings.Trim(string(t.p[d:b]), tens) != "" || t.near(d, 48, "card") != 1 {
		return 0
	}
	t.readGroups(d)
	return given(t.line > 0, t.card)()
}

func (t *piiTwin) run() {
	for i := 0; i < len(t.p); {
		c := t.p[i]
		if c == '@' {
			i = max(t.email(i, i+1), i+1)
			continue
		}
		if strings.HasPrefix(t.slice(max(0, i-1), i+2), "%40") && i > t.floor {
			if r := t.email(i-1, i+2); r > 0 {
				i = r
				continue
			}
		}
		if !isDigit(c) && c != ':' {
			i++
			continue
		}
		a, b, r := i, i, 0
		for a > t.floor && i-a < 128 && isAlnum(t.p[a-1]) {
			a--
		}
		if begin := t.pastEscape(a); begin > a {
			a, t.fresh, i = begin, begin, max(i, begin)
			if c = t.at(i); c != ':' && !isDigit(c) {
				continue
			}
			b = i
		}
		if c == ':' {
			if a < i && (isHex(t.at(i+1)) || t.at(i+1) == ':') {
				r = t.address(a, i)
			}
			i = max(r, i+1)
			continue
		}
		for b < len(t.p) && isAlnum(t.p[b]) {
			b++
		}
		word := string(t.p[a:min(b, a+128)])
		if strings.IndexFunc(word, func(r rune) bool { return !isHex(byte(r)) }) < 0 {
			r = t.address(a, b)
		}
		if r == 0 && strings.IndexFunc(word, func(r rune) bool { return isAlpha(byte(r)) }) >= 0 {
			r = t.mixed(a, b, i)
			if r == 0 && i > a {
				r = t.gluedCard(i, b)
			}
		}
		e := a
		for isDigit(t.at(e)) {
			e++
		}
		if r == 0 && (e == b || e > a && lowerASCII(t.at(e)) == 'x' && isDigit(t.at(e+1))) {
			r = t.number(a, e)
		}
		i = either(r != 0, r, b)
	}
}
