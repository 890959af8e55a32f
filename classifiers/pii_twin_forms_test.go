package classifiers

import (
	"bytes"
	"strings"
)

func (t *piiTwin) callingCode(i int) bool {
	if t.d[i] == 1 || t.d[i] == 7 {
		return true
	}
	two := string([]byte{t.d[i] + '0', t.d[i+1] + '0'})
	// Codes of two digits, then the first two of those with three.
	return strings.Contains(" 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "+
		"21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 85 88 96 97 99 ", " "+two+" ")
}

func (t *piiTwin) dateLike(m int) bool {
	if m != 3 {
		return false
	}
	a, b, y := t.number(0, t.sum[1]), t.number(t.sum[1], t.sum[2]), t.number(t.sum[2], t.sum[3])
	switch {
	case t.sizes(3, "422"):
		return a >= 1800 && a <= 2199 && b >= 1 && b <= 12 && y >= 1 && y <= 31
	case t.size(0) <= 2 && t.size(1) <= 2 && t.size(2) == 4:
		return y >= 1800 && y <= 2199 && a >= 1 && b >= 1 && a <= 31 && b <= 31 && (a <= 12 || b <= 12)
	}
	return t.sizes(3, "222")
}

func either(cond bool, a, b float64) float64 {
	if cond {
		return a
	}
	return b
}

func (t *piiTwin) phoneForm(m int, plus, told bool) float64 {
	n, small, big, sep := t.sum[m], 99, 0, t.separator(m)
	parens := false
	for g := range m {
		small, big = min(small, t.size(g)), max(big, t.size(g))
		parens = parens || g > 0 && t.groups[g].sep == '('
	}
	d := t.d
	if plus {
		if n < 8 || n > 15 || !t.callingCode(0) || d[0] == 1 && (n != 11 || !told && d[1] < 2) {
			return 0
		}
		return either(m > 1 || told, 0.97, 0.9)
	}
	if n >= 10 && n <= 17 && d[0] == 0 && d[1] == 0 {
		return either(t.callingCode(2) && (m > 1 || told) && sep != '/' && (sep != '.' || m != 2), 0.85, 0)
	}
	if t.sizes(m, "334") || t.sizes(m, "37") || d[0] == 1 && (t.sizes(m, "1334") || t.sizes(m, "137")) {
		valid := d[n-10] >= 2 && d[n-7] >= 2
		switch {
		case parens || sep == '-':
			if told {
				return 0.97
			}
			if t.sizes(m, "37") && !parens {
				return 0
			}
			return either(valid, 0.9, 0.75)
		case sep == '.':
			return either(told, 0.95, either(valid, 0.8, 0.55))
		case sep == ' ' && (told || valid):
			return either(told, 0.95, 0.6)
		}
	}
	if m == 1 {
		return either(told && n >= 9 && n <= 12, 0.7, 0)
	}
	if t.dateLike(m) || small < 2 || sep == '/' && m > 2 || n < 7 || n > 12 {
		return 0
	}
	if sep == 0 && !parens {
		for g := 3; g < m; g++ {
			if t.groups[g].sep != t.groups[2].sep {
				return 0
			}
		}
		if t.groups[2].sep == '/' || t.groups[2].sep == '.' || t.groups[1].sep == '.' {
			return 0
		}
	}
	if d[0] == 0 && d[1] != 0 && n >= 9 {
		if sep == '.' && (m < 4 || big > 3) {
			return 0
		}
		return either(told, 0.93, either(sep == '/' || n == 9 && m < 3, 0.5, 0.75))
	}
	if sep == '.' && (m < 4 || big > 2) || sep == '/' || m == 2 && sep == '-' && !t.sizes(m, "34") {
		return 0
	}
	if big > 6 || told {
		return either(big <= 6, 0.7, 0)
	}
	return either(n >= 9 && n <= 11 && t.at(t.groups[0].e) == ')' && t.size(0) <= 4, 0.6, 0)
}

func (t *piiTwin) extension(e int) int {
	q := e
	for t.at(q) == ' ' || t.at(q) == ',' {
		q++
	}
	switch {
	case lowerASCII(t.at(q)) == 'e' && lowerASCII(t.at(q+1)) == 'x' && lowerASCII(t.at(q+2)) == 't':
		q += 3
	case lowerASCII(t.at(q)) == 'x':
		q++
	default:
		return e
	}
	for t.at(q) == '.' || t.at(q) == ' ' {
		q++
	}
	f := q
	for isDigit(t.at(f)) {
		f++
	}
	if f > q && f-q <= 6 && !isWord(t.at(f)) {
		return f
	}
	return e
}

func (t *piiTwin) phone(plus bool) int {
	s := t.groups[0].s
	behind := t.extension(t.groups[len(t.groups)-1].e)
	told := t.near(s, 48, twinPhone) || t.wordsIn(behind, behind+10, twinBehindPhone)
	if c := t.at(s - 1); c == '$' || c == '#' || !told && t.near(s, 16, twinNotPhone) {
		return 0
	}
	for m := len(t.groups); m > 0; m-- {
		end := t.groups[m-1].e
		e := t.extension(end)
		if e == end && !t.tailOK(e) {
			continue
		}
		score := t.phoneForm(m, plus, told)
		if score == 0 {
			continue
		}
		if t.at(s-1) == '(' && m > 1 && t.at(t.groups[0].e) == ')' {
			s--
		}
		if t.at(s-1) == '+' {
			s--
		}
		return t.emit(s, e, "PHONE_NUMBER", score)
	}
	return 0
}

func (t *piiTwin) ipv4End(a int) (end, first int) {
	q := a
	for k := range 4 {
		st, v := q, 0
		for isDigit(t.at(q)) && q-st < 4 {
			v = v*10 + int(t.p[q]-'0')
			q++
		}
		if q == st || q-st > 3 || v > 255 || q-st > 1 && t.at(st) == '0' {
			return 0, 0
		}
		if k == 0 {
			first = v
		}
		if k < 3 {
			if t.at(q) != '.' {
				return 0, 0
			}
			q++
		}
	}
	return q, first
}

func (t *piiTwin) ipv4(a int) int {
	e, first := t.ipv4End(a)
	if e == 0 || isWord(t.at(e)) || t.at(e) == '.' && isAlnum(t.at(e+1)) || t.at(e) == '-' && isAlpha(t.at(e+1)) {
		return 0
	}
	c, b := t.at(a-1), t.at(a-2)
	if c == '.' || c == '-' && isAlpha(b) || c == '/' && isAlnum(b) || c == '=' && (b == '=' || b == '~' || b == '>') || t.near(a, 14, twinVersion) {
		return 0
	}
	return t.emit(a, e, "IP_ADDRESS", either(first == 127 || first == 0 || first == 255, 0.6, 0.95))
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
		if n > 0 && t.at(q) == '.' && (gap || groups == 6) {
			e, _ := t.ipv4End(st)
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
	case isWord(t.at(q)), t.at(q) == ':' && isAlnum(t.at(q+1)), digits == 0, groups == 0,
		gap && groups > 7, !gap && groups != 8,
		gap && groups < 3 && longest < 3 && !leading,
		gap && groups < 2 && leading && digits != q-a-2:
		return 0
	}
	return t.emit(a, q, "IP_ADDRESS", either(groups < 3, 0.8, 0.97))
}

func (t *piiTwin) mac(a int) int {
	sep, allDigits := t.at(a+2), true
	for k := range 6 {
		q := a + 3*k
		if !isHex(t.at(q)) || !isHex(t.at(q+1)) || k < 5 && t.at(q+2) != sep {
			return 0
		}
		allDigits = allDigits && isDigit(t.at(q)) && isDigit(t.at(q+1))
	}
	e := a + 17
	if isWord(t.at(e)) || t.at(e) == sep && isAlnum(t.at(e+1)) || allDigits && sep == '-' {
		return 0
	}
	return t.emit(a, e, "MAC_ADDRESS", 0.97)
}

// twinIBANs gives the length of an IBAN by country.
const twinIBANs = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 " +
	"GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 " +
	"NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"

func (t *piiTwin) iban(a int) int {
	k := strings.Index(twinIBANs, string([]byte{upperASCII(t.at(a)), upperASCII(t.at(a + 1))}))
	if k < 0 || k%5 != 0 || !isDigit(t.at(a+3)) {
		return 0
	}
	want := int(twinIBANs[k+2]-'0')*10 + int(twinIBANs[k+3]-'0')
	var b []byte
	q := a
	for ; len(b) < want; q++ {
		if c := t.at(q); isAlnum(c) {
			b = append(b, upperASCII(c))
		} else if c != ' ' && c != '-' || !isAlnum(t.at(q+1)) {
			return 0
		}
	}
	r := 0
	for _, c := range append(b[4:len(b):len(b)], b[:4]...) {
		if isDigit(c) {
			r = (r*10 + int(c-'0')) % 97
		} else {
			r = (r*100 + int(c-'A') + 10) % 97
		}
	}
	if r != 1 || isWord(t.at(q)) {
		return 0
	}
	return t.emit(a, q, "IBAN_CODE", 0.99)
}

func (t *piiTwin) crypto(a, b int) int {
	word := t.p[a:b]
	low := strings.ToLower(string(word))
	n := len(word)
	switch {
	case n == 42 && low[:2] == "0x":
		for _, c := range word[2:] {
			if !isHex(c) {
				return 0
			}
		}
		return t.emit(a, b, "CRYPTO", 0.95)
	case low[:3] == "bc1" || low[:3] == "tb1":
		if !t.bech32(a, b, 2) {
			return 0
		}
		return t.emit(a, b, "CRYPTO", 0.99)
	case low[:4] == "ltc1":
		if !t.bech32(a, b, 3) {
			return 0
		}
		return t.emit(a, b, "CRYPTO", 0.99)
	case n >= 26 && n <= 35 && t.base58(a, b):
		return t.emit(a, b, "CRYPTO", 0.99)
	}
	return 0
}

func (t *piiTwin) spanish(a int) int {
	kind, v, from := "ES_NIF", 0, a
	if k := bytes.IndexByte([]byte("XYZ"), upperASCII(t.at(a))); k >= 0 {
		kind, v, from = "ES_NIE", k, a+1
	}
	q := from
	for ; q < a+8; q++ {
		if !isDigit(t.at(q)) {
			return 0
		}
		v = v*10 + int(t.p[q]-'0')
	}
	told := t.near(a, 40, "dni,nif,nie,documento,identidad")
	if c := t.at(q); upperASCII(c) != "TRWAGMYFPDXBNJZSQVHLCKE"[v%23] || isWord(t.at(q+1)) || c != upperASCII(c) && !told {
		return 0
	}
	return t.emit(a, q+1, kind, either(told, 0.98, 0.8))
}

func (t *piiTwin) fiscal(a int) int {
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 16 {
		c := upperASCII(t.at(a + i))
		if isAlpha(c) != ("LLLLLLDDLDDLDDDL"[i] == 'L') || !isAlnum(c) {
			return 0
		}
		v := int(c - 'A')
		if isDigit(c) {
			v = int(c - '0')
		}
		switch {
		case i == 15:
			if sum%26 != v {
				return 0
			}
		case i%2 == 0:
			sum += odd[v]
		default:
			sum += v
		}
	}
	return t.emit(a, a+16, "IT_FISCAL_CODE", 0.98)
}

func (t *piiTwin) email(i int) int {
	cont := func(k int) bool { return t.p[k]&0xc0 == 0x80 }
	s, e, dot := i, i+1, 0
	for s > t.floor && i-s < 64 && (isAlnum(t.p[s-1]) || t.p[s-1] >= 0x80 || strings.IndexByte("._-+%'&", t.p[s-1]) >= 0) {
		s--
	}
	for s < i && (strings.IndexByte(".'&-%", t.p[s]) >= 0 || cont(s)) {
		s++
	}
	for e-i <= 253 && (isAlnum(t.at(e)) || t.at(e) >= 0x80 || t.at(e) == '-' || t.at(e) == '.' && t.at(e-1) != '.') {
		e++
	}
	for e > i+1 && !isAlnum(t.p[e-1]) && t.p[e-1] < 0x80 {
		e--
	}
	for e > i+1 && e < len(t.p) && cont(e) {
		e--
	}
	for k := i + 1; k < e; k++ {
		if t.p[k] == '.' {
			dot = k
		}
	}
	if s == i || t.p[i-1] == '.' || dot < i+2 || e-dot < 3 || e-dot > 25 || t.p[i+1] == '-' {
		return 0
	}
	for k := dot + 1; k < e; k++ {
		if !isAlpha(t.p[k]) && t.p[k] < 0x80 && !(k > dot+4 && lowerASCII(t.p[dot+1]) == 'x' && lowerASCII(t.p[dot+2]) == 'n') {
			return 0
		}
	}
	top := strings.ToLower(string(t.p[dot+1 : e]))
	if strings.Contains(" png jpg jpeg gif svg webp css js json html ", " "+top+" ") {
		return 0
	}
	if t.at(e) == ':' && isAlpha(t.at(e+1)) && i-s == 3 && strings.EqualFold(string(t.p[s:s+2]), "gi") {
		return 0
	}
	for k := s; k > t.floor && s-k < 64 && t.p[k-1] > ' '; k-- {
		if t.p[k-1] == '/' && t.at(k-2) == '/' {
			return 0
		}
	}
	return t.emit(s, e, "EMAIL_ADDRESS", 0.98)
}

// first returns the first result that is not 0.
func first(finds ...func() int) int {
	for _, f := range finds {
		if r := f(); r != 0 {
			return r
		}
	}
	return 0
}

func (t *piiTwin) mixed(a, b int) int {
	n := b - a
	if t.at(a-1) == '_' || t.at(b) == '_' {
		return 0
	}
	return first(
		func() int {
			if n >= 14 && n <= 90 {
				return t.crypto(a, b)
			}
			return 0
		},
		func() int {
			if n >= 4 && isAlpha(t.at(a)) && isAlpha(t.at(a+1)) && isDigit(t.at(a+2)) {
				return t.iban(a)
			}
			return 0
		},
		func() int {
			if n == 16 && isAlpha(t.at(a)) {
				return t.fiscal(a)
			}
			return 0
		},
		func() int {
			if n == 9 {
				return t.spanish(a)
			}
			return 0
		})
}

func (t *piiTwin) address(a, b int) int {
	before := t.at(a - 1)
	if b-a > 4 || isWord(before) || before == '-' && isAlnum(t.at(a-2)) {
		return 0
	}
	if before == ':' {
		if t.at(a-2) == ':' && !isWord(t.at(a-3)) && t.at(a-3) != ':' && a >= t.floor+2 {
			return t.ipv6(a - 2)
		}
		return 0
	}
	if b-a == 2 && (t.at(b) == ':' || t.at(b) == '-') {
		if r := t.mac(a); r != 0 {
			return r
		}
	}
	if t.at(b) == ':' {
		return t.ipv6(a)
	}
	return 0
}

func (t *piiTwin) digits(a int) int {
	plus := t.at(a-1) == '+' || t.at(a-1) == '(' && t.at(a-2) == '+'
	t.readGroups(a)
	if len(t.groups) == 0 {
		return 0
	}
	if plus {
		return t.phone(true)
	}
	if !t.headOK(a) {
		return 0
	}
	return first(func() int { return t.ipv4(a) }, t.card, t.ssn, t.nhs, t.nir, t.cpf, t.aadhaar, func() int { return t.phone(false) })
}

func (t *piiTwin) scan() {
	for i := 0; i < len(t.p); {
		c := t.p[i]
		if c == '@' {
			i = max(t.email(i), i+1)
			continue
		}
		if !isDigit(c) && c != ':' {
			i++
			continue
		}
		a, b, r := i, i, 0
		for a > t.floor && i-a < 128 && isAlnum(t.p[a-1]) {
			a--
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
		word := t.p[a:min(b, a+128)]
		letters := bytes.IndexFunc(word, func(r rune) bool { return isAlpha(byte(r)) }) >= 0
		if bytes.IndexFunc(word, func(r rune) bool { return !isHex(byte(r)) }) < 0 {
			r = t.address(a, b)
		}
		if r == 0 && letters {
			r = t.mixed(a, b)
			q := a
			for isDigit(t.at(q)) {
				q++
			}
			letters = !(q > a && lowerASCII(t.at(q)) == 'x' && isDigit(t.at(q+1)))
		}
		if r == 0 && !letters {
			r = t.digits(a)
		}
		if r == 0 {
			r = b
		}
		i = r
	}
}
