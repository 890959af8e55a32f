package classifiers

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Addresses of machines.

func (t *piiTwin) ipv4End(a int) int {
	q := a
	for k := range 4 {
		st := q
		for isDigit(t.at(q)) && q-st < 4 {
			q++
		}
		if k < 3 {
			if t.at(q) != '.' {
				return 0
			}
			q++
		}
	}
	if _, err := netip.ParseAddr(string(t.p[a:q])); err != nil {
		return 0
	}
	return q
}

func (t *piiTwin) ipv4(a int) int {
	e := t.ipv4End(a)
	if e == 0 || !t.ends(e) || t.at(e) == '.' && isAlnum(t.at(e+1)) || t.at(e) == '-' && isAlpha(t.at(e+1)) {
		return 0
	}
	told := t.near(a, 40, "network")
	c, b := either(a == t.fresh, 0, t.at(a-1)), t.at(a-2)
	if c == '.' || c == '=' && oneOf(b, "=~>") || t.joinedOn(a) && told != 2 ||
		nearer(t.near(a, 32, "phone"), told) && !t.version(a, told) {
		return 0
	}
	if t.version(a, told) {
		t.versionEnds = e
		return 0
	}
	switch first, _, _ := strings.Cut(string(t.p[a:e]), "."); first {
	case "0", "127", "255":
		return t.emit(a, e, "IP4_SPECIAL")
	}
	return t.emit(a, e, either(told > 0, "IP4_TOLD", "IP4"))
}

// version says whether what looks like an address at a is a version.
func (t *piiTwin) version(a, told int) bool {
	return nearer(t.near(a, 40, "version"), told) || told == 0 && t.versionEnds > 0 && a-t.versionEnds <= 5
}

func (t *piiTwin) ipv6(a int) int {
	q, groups, digits, longest, gap := a, 0, 0, 0, false
	if t.at(q) == ':' {
		if t.at(q+1) != ':' {
			return 0
		}
		gap, q = true, q+2
	}
	for {
		st := q
		for isHex(t.at(q)) && q-st < 5 {
			if isDigit(t.p[q]) {
				digits++
			}
			q++
		}
		n := q - st
		if n > 4 {
			return 0
		}
		if n > 0 && t.at(q) == '.' && isDigit(t.at(q+1)) && (gap || groups == 6) {
			e := t.ipv4End(st)
			if e == 0 {
				return 0
			}
			q, groups, longest = e, groups+2, 4
			break
		}
		if n == 0 {
			break
		}
		groups, longest = groups+1, max(longest, n)
		if t.at(q) != ':' {
			break
		}
		if t.at(q+1) == ':' {
			if gap {
				return 0
			}
			gap, q = true, q+2
		} else if isHex(t.at(q + 1)) {
			q++
		} else {
			break
		}
	}
	leading := t.at(a) == ':'
	switch {
	case isAlnum(t.at(q)), t.at(q) == ':' && isAlnum(t.at(q+1)), digits == 0, groups == 0,
		gap && groups > 7, !gap && groups != 8,
		gap && groups < 3 && longest < 3 && !leading,
		gap && groups < 2 && leading && digits != q-a-2:
		return 0
	}
	return t.emit(a, q, either(groups < 3, "IP6_SHORT", "IP6"))
}

var (
	macForm    = regexp.MustCompile(`^(?i)([0-9a-f]{2})([:-])(?:[0-9a-f]{2}[:-]){4}[0-9a-f]{2}$`)
	pairsForm  = regexp.MustCompile(`(?i)(?:[0-9a-f]{2}-){1,5}$`)
	dottedForm = regexp.MustCompile(`^(?i)[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$`)
)

func (t *piiTwin) slice(a, b int) string { return string(t.p[min(a, len(t.p)):min(b, len(t.p))]) }

func (t *piiTwin) mac(a int) int {
	text, e := t.slice(a, a+17), a+17
	if !macForm.MatchString(text) || strings.Count(text, text[2:3]) != 5 || isAlnum(t.at(e)) ||
		t.at(e) == text[2] && isAlnum(t.at(e+1)) && t.nameBehind(e+1) < 2 ||
		text[2] == '-' && !strings.ContainsAny(text, "abcdefABCDEF") && t.near(a, 32, "mac") == 0 {
		return 0
	}
	return t.emit(a, e, "MAC_PAIRS")
}

// macBefore looks for an address whose pairs stand before the one at a, too.
func (t *piiTwin) macBefore(a int) int {
	pairs := pairsForm.Find(t.p[max(t.floor, a-15):a])
	s := a - len(pairs)
	if len(pairs) == 0 || t.glued(s) || !t.headOK(s) {
		return 0
	}
	return t.mac(s)
}

// macDottedBefore likewise, one or two fours before.
func (t *piiTwin) macDottedBefore(a int) int {
	for s := a - 5; s >= max(t.floor, a-10) && t.at(s+4) == '.'; s -= 5 {
		if r := t.macDotted(s); r > 0 {
			return r
		}
	}
	return 0
}

func (t *piiTwin) macDotted(a int) int {
	text, e := t.slice(a, a+14), a+14
	if !t.headOK(a) || !dottedForm.MatchString(text) ||
		isAlnum(t.at(e)) || t.at(e) == '.' && isAlnum(t.at(e+1)) ||
		!strings.ContainsAny(text, "abcdefABCDEF") && t.near(a, 32, "mac") == 0 {
		return 0
	}
	return t.emit(a, e, "MAC_DOTTED")
}

// E-mail.

// email looks around the sign at i; the domain begins at d.
func (t *piiTwin) email(i, d int) int {
	cont := func(k int) bool { return t.p[k]&0xc0 == 0x80 }
	s, e, dot := i, d, 0
	plain := !t.wideBefore(i)
	for s > t.floor && i-s < 64 && (isAlnum(t.p[s-1]) || t.p[s-1] >= 0x80 || oneOf(t.p[s-1], "._-+%'&")) && !(plain && t.wideBefore(s)) {
		s--
	}
	for begin := s; begin < i; {
		for s = begin; s < i && (oneOf(t.p[s], ".'&-%") || cont(s)); {
			s++
		}
		if begin = t.pastEscape(s); begin == s {
			break
		}
	}
	for k := s; k+3 <= i; k++ {
		if m := percented.Find(t.p[k:i]); m != nil && !slices.Contains(strings.Fields("%25 %26 %27 %2b %2d %2e %5f"), lowerASCIIs(string(m))) {
			s = k + 3
		}
	}
	for e-i <= 253 && (isAlnum(t.at(e)) || t.at(e) >= 0x80 || t.at(e) == '-' || t.at(e) == '.' && t.at(e-1) != '.') {
		if t.at(e) == '.' {
			dot = e
		}
		e++
		if dot > 0 && t.wide(e) && isAlpha(t.at(dot+1)) && isAlpha(t.at(e-1)) && e-dot > 2 {
			break
		}
	}
	for e > d && !isAlnum(t.p[e-1]) && t.p[e-1] < 0x80 {
		e--
	}
	for e > d && e < len(t.p) && cont(e) {
		e--
	}
	domain := string(t.p[d:e])
	k := strings.LastIndexByte(domain, '.')
	for k >= 0 && strings.Trim(domain[k+1:], tens+"-") == "" {
		domain = strings.TrimRightFunc(domain[:k], func(r rune) bool { return r < 0x80 && !isAlnum(byte(r)) })
		k = strings.LastIndexByte(domain, '.')
	}
	if top := domain[k+1:]; !strings.HasPrefix(lowerASCIIs(top), "xn-") {
		top, _, _ = strings.Cut(top, "-")
		domain = domain[:k+1] + top
	}
	e = d + len(domain)
	if s == i || t.p[i-1] == '.' || k < 1 || domain[0] == '-' || domain[0] == '.' {
		return 0
	}
	top := domain[k+1:]
	low := lowerASCIIs(top)
	if len(top) < 2 || len(top) > 63 {
		return 0
	}
	for j, c := range []byte(top) {
		if c < 0x80 && !isAlpha(c) && !(strings.HasPrefix(low, "xn-") && j > 1) {
			return 0
		}
	}
	if slices.Contains(strings.Fields("png jpg jpeg gif svg webp css js json html mjs py shape data grad sum reshape transpose detach latest"), low) {
		return 0
	}
	if t.at(e) == ':' && (oneOf(t.at(e+1), "/~") || isAlpha(t.at(e+1)) && lowerASCIIs(string(t.p[s:i])) == "git") {
		return 0
	}
	for k := s; k > t.floor && s-k < 64 && t.p[k-1] > ' ' && t.p[k-1] != '?'; k-- {
		if t.p[k-1] == '/' {
			if t.at(k-2) == '/' {
				return 0
			}
			break
		}
	}
	plainASCII := strings.IndexFunc(string(t.p[s:e]), func(r rune) bool { return r >= 0x80 }) < 0
	return t.emit(s, e, either(plainASCII, "MAIL", "MAIL_UNICODE"))
}

// Dates of birth.

var (
	numericDate = regexp.MustCompile(`^(\d{1,4})([-/.])( ?)(\d{1,2})([-/.])( ?)(\d{1,4})`)
	cjkDate     = regexp.MustCompile(`^(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]`)
	clockTime   = regexp.MustCompile(`^ \d\d:$`)
	dayOnly     = regexp.MustCompile(`^(\d{1,2})(?:[^0-9]|$)`)
)

func num(s string) int {
	v, _ := strconv.Atoi(s)
	return v
}

func within(v, a, b int) bool { return v >= a && v <= b }

func yearOK(s string) bool { return len(s) == 2 || len(s) == 4 && within(num(s), 1850, 2099) }

// spelt is the end of a date whose day ends at q.
func (t *piiTwin) spelt(q int) int {
	if oneOf(lowerASCII(t.at(q)), "snrt") {
		if isAlpha(t.at(q+1)) && !isAlpha(t.at(q+2)) {
			q += 2
		}
	} else if t.at(q) == '.' {
		q++
	}
	if oneOf(t.at(q), " -/") {
		q++
	}
	of := func() {
		if oneOf(lowerASCII(t.at(q)), "od") && isAlpha(t.at(q+1)) && t.at(q+2) == ' ' {
			q += 3
		}
	}
	marks := func() {
		for range 2 {
			if oneOf(t.at(q), " ,.-/'") {
				q++
			}
		}
	}
	of()
	lists, e := t.wordsAt(q)
	if !t.wordBegins(q) || !onAny(lists, "month") {
		return 0
	}
	q = e
	marks()
	of()
	marks()
	y := q
	for isDigit(t.at(q)) {
		q++
	}
	if !yearOK(t.slice(y, q)) || isAlnum(t.at(q)) {
		return 0
	}
	return q
}

func (t *piiTwin) dateEnd(a int) (start, end int) {
	text := t.slice(a, a+32)
	if m := numericDate.FindStringSubmatch(text); m != nil && len(m[1]) != 3 && m[2] == m[5] && m[3] == m[6] {
		x, y, z := num(m[1]), num(m[4]), num(m[7])
		bigFirst := len(m[1]) == 4 && len(m[7]) <= 2 && yearOK(m[1]) && within(y, 1, 12) && within(z, 1, 31)
		bigLast := len(m[1]) <= 2 && yearOK(m[7]) && within(x, 1, 31) && within(y, 1, 31) && (x <= 12 || y <= 12)
		e := a + len(m[0])
		if !bigFirst && !bigLast || isDigit(t.at(e)) || isAlnum(t.at(e)) && !(t.at(e) == 'T' && isDigit(t.at(e+1))) ||
			oneOf(t.at(e), "-./") && isDigit(t.at(e+1)) {
			return 0, 0
		}
		return a, e
	}
	if m := cjkDate.FindStringSubmatch(text); m != nil && yearOK(m[1]) && within(num(m[2]), 1, 12) && within(num(m[3]), 1, 31) {
		return a, a + len(m[0])
	}
	m := dayOnly.FindStringSubmatch(text)
	if m == nil || !within(num(m[1]), 1, 31) || len(text) > len(m[1]) && oneOf(text[len(m[1])], "-/.") && numericStart(text[len(m[1])+1:]) {
		return 0, 0
	}
	q := a + len(m[1])
	if month := t.near(a, 16, "month"); month > 0 && month <= 3 {
		k := q
		if isAlpha(t.at(k)) && isAlpha(t.at(k+1)) && !isAlpha(t.at(k+2)) {
			k += 2
		}
		y := k
		for y-k < 2 && oneOf(t.at(y), ", ") {
			y++
		}
		e := y
		for isDigit(t.at(e)) {
			e++
		}
		if y > k && e-y == 4 && yearOK(t.slice(y, e)) && !isAlnum(t.at(e)) {
			w := a - month + 1
			for w > t.floor && a-w < 24 && t.letter(w-1) {
				w--
			}
			for t.at(w)&0xc0 == 0x80 {
				w++
			}
			return w, e
		}
	}
	return a, t.spelt(q)
}

// numericStart says whether digits go on behind the first separator of a date.
func numericStart(s string) bool {
	s = strings.TrimPrefix(s, " ")
	return s != "" && isDigit(s[0])
}

func (t *piiTwin) birth(a int) int {
	if t.glued(a) || oneOf(t.at(a-1), "-./") && isDigit(t.at(a-2)) {
		return 0
	}
	s, e := t.dateEnd(a)
	if e == 0 {
		return 0
	}
	if clockTime.MatchString(t.slice(e, e+4)) {
		return 0
	}
	told := 0
	if t.endsCell(e) || t.behind(max(0, s-40), min(s, 40), "birth") {
		told = t.near(s, 40, "birth")
	}
	if told > 0 && s-told+1 >= t.floor && !nearer(t.near(s, 40, "event version"), told) || t.behind(e, 14, "birth") {
		return t.emit(s, e, "BIRTH_TOLD")
	}
	return 0
}
