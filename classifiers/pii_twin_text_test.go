package classifiers

import (
	"regexp"
	"slices"
	"strings"
)

// Where values may begin and end, as pii/text.h says.

var (
	backslashed = regexp.MustCompile(`^\\(?:[nrt]|u[0-9A-Fa-f]{4})`)
	percented   = regexp.MustCompile(`^%(?:0[9AaDd]|2[0-9A-Fa-f]|3[A-Fa-f]|40|5[B-Fb-f]|60|7[B-Eb-e])`)
)

// pastEscape is the end of an escape whose sign stands before a, or a.
func (t *piiTwin) pastEscape(a int) int {
	if a == 0 {
		return a
	}
	text := t.p[a-1 : min(len(t.p), a+5)]
	return a - 1 + max(1, len(backslashed.Find(text)), len(percented.Find(text)))
}

// nameOf is 2 for letters and digits that look like a name, 1 for few of them, 0
// for none and for those of a hash.
func nameOf(word []byte) int {
	switch {
	case slices.ContainsFunc(word, func(c byte) bool { return !isHex(c) }):
		return 2
	case len(word) < 4 && slices.ContainsFunc(word, isAlpha):
		return 1
	}
	return 0
}

const twinNameReach = 32

func (t *piiTwin) nameBefore(e int) int {
	s := e
	for e-s < twinNameReach && s != t.fresh && isAlnum(t.at(s-1)) {
		s--
	}
	return nameOf(t.p[s:e])
}

func (t *piiTwin) nameBehind(s int) int {
	e := s
	for e-s < twinNameReach && isAlnum(t.at(e)) {
		e++
	}
	return nameOf(t.p[s:e])
}

// glued says whether s is within letters and digits.
func (t *piiTwin) glued(s int) bool { return s != t.fresh && isAlnum(t.at(s-1)) }

// joinedOn says whether letters or digits and a sign that joins them stand before s.
func (t *piiTwin) joinedOn(s int) bool {
	return s != t.fresh && oneOf(t.at(s-1), "-./_") && t.glued(s-1)
}

func (t *piiTwin) headOK(s int) bool {
	version := t.at(s-1) == '.' && isDigit(t.at(s-2))
	return !t.glued(s) && (!t.joinedOn(s) || !version && t.nameBefore(s-1) > 0)
}

// ends says whether a code with letters may end before e.
func (t *piiTwin) ends(e int) bool {
	joined := oneOf(t.at(e), "-_") && isAlnum(t.at(e+1))
	return !isAlnum(t.at(e)) && (!joined || t.nameBehind(e+1) > 0)
}

func (t *piiTwin) tailOK(e int) bool { return t.ends(e) && !(t.at(e) == '.' && isDigit(t.at(e+1))) }

// Words nearby.

func (t *piiTwin) letter(i int) bool { return isAlpha(t.at(i)) || t.at(i) >= 0x80 }
func (t *piiTwin) wide(i int) bool   { return t.at(i) >= 0xe3 && t.at(i) <= 0xed }
func (t *piiTwin) wideBefore(i int) bool {
	return i >= 3 && t.at(i-1) >= 0x80 && t.wide(i-3)
}

// edge says whether a word may begin or end between i-1 and i, given that a letter
// is on one side.
func (t *piiTwin) edge(i int) bool {
	return isLower(t.at(i-1)) && isUpper(t.at(i)) || t.wide(i) || t.wideBefore(i)
}

func (t *piiTwin) wordBegins(i int) bool {
	return t.letter(i) && t.at(i)&0xc0 != 0x80 && (!t.letter(i-1) || t.edge(i) || t.at(i-2) == '\\' && oneOf(t.at(i-1), "nrt"))
}

func (t *piiTwin) wordEnds(e int) bool { return !t.letter(e) || t.edge(e) }

// wordsAt gives the lists of the words that begin at i, and where the longest ends.
// One of several words takes the place of its first.
func (t *piiTwin) wordsAt(i int) (lists []string, end int) {
	var key []byte
	for k := i; k < min(len(t.p), i+64); k++ {
		c := lowerASCII(t.p[k])
		if k > i && oneOf(c, " _-./\n") {
			c = ' '
		}
		key = append(key, c)
		l, ok := t.words[string(key)]
		if !ok {
			continue
		}
		e := k + 1
		here := l.open
		if t.wordEnds(e) || lowerASCII(t.at(e)) == 's' && t.wordEnds(e+1) {
			here = l.whole
		}
		if len(here) > 0 {
			if strings.Contains(string(key), " ") {
				lists = nil
			}
			lists, end = append(lists, here...), e
		}
	}
	return lists, end
}

func onAny(lists []string, names string) bool {
	return slices.ContainsFunc(strings.Fields(names), func(n string) bool { return slices.Contains(lists, n) })
}

// near is one more than the bytes between s and the last word of the lists before
// it, 0 where none begins within reach.
func (t *piiTwin) near(s, reach int, names string) int {
	line, last, rest := t.header(s)
	switch {
	case last == nil:
		return t.wordBefore(s, reach, names)
	case onAny(last, names):
		return 1
	case onAny(rest, names):
		return 2
	}
	if d := t.wordBefore(s, min(reach, s-line), names); d > 0 {
		return d + 64
	}
	return 0
}

func (t *piiTwin) below(s int, names string) bool {
	_, last, rest := t.header(s)
	return onAny(last, names) || onAny(rest, names)
}

func (t *piiTwin) wordBefore(s, reach int, names string) int {
	for i := s - 1; i >= max(0, s-reach); i-- {
		if !t.wordBegins(i) {
			continue
		}
		if lists, e := t.wordsAt(i); e <= s && onAny(lists, names) {
			return s - e + 1
		}
	}
	return 0
}

func nearer(a, b int) bool { return a > 0 && (b == 0 || a < b) }

func (t *piiTwin) behind(i, reach int, names string) bool {
	for k := i; k < i+reach; k++ {
		if t.wordBegins(k) {
			if lists, _ := t.wordsAt(k); onAny(lists, names) {
				return true
			}
		}
	}
	return false
}
