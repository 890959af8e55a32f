package classifiers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"

	"golang.org/x/crypto/sha3"
)

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
		} else if !oneOf(c, " -.\n") || !isAlnum(t.at(q+1)) {
			return 0
		}
	}
	digits := ""
	for _, c := range append(b[4:len(b):len(b)], b[:4]...) {
		digits += either(isDigit(c), string(c), string([]byte{'1' + (c-'A')/10, '0' + (c-'A')%10}))
	}
	v, _ := new(big.Int).SetString(digits, 10)
	if v.Mod(v, big.NewInt(97)).Int64() != 1 || isAlnum(t.at(q)) {
		return 0
	}
	return t.emit(a, q, "IBAN_SUM")
}

// spanish looks for a number with a letter before a, then for one that begins there.
func (t *piiTwin) spanish(a int) int {
	s := a - either(oneOf(t.at(a-1), "- "), 2, 1)
	return first(
		given(oneOf(upperASCII(t.at(s)), "XYZ"), func() int { return t.spanishFrom(s, a) }),
		func() int { return t.spanishFrom(a, a) },
	)
}

func (t *piiTwin) spanishFrom(s, a int) int {
	prefix, want := "", 8
	if s < a {
		prefix, want = string('0'+upperASCII(t.at(s))-'X'), 7
	}
	if s < t.floor || !t.headOK(s) {
		return 0
	}
	digits, q, dots := prefix, a, 0
	for n := range want {
		if t.at(q) == '.' && n > 0 && (want-n)%3 == 0 && dots < 2 {
			dots++
			q++
		}
		if !isDigit(t.at(q)) {
			return 0
		}
		digits += string(t.at(q))
		q++
	}
	v := 0
	for _, c := range digits {
		v = v*10 + int(c-'0')
	}
	told := t.near(s, 44, "spain") > 0
	spaced := s < a && isUpper(t.at(s)) && t.at(a-1) == ' ' && t.at(q) == ' '
	if t.at(q) == '-' || t.at(q) == ' ' && (told || spaced) {
		q++
	}
	c := t.at(q)
	if upperASCII(c) != "TRWAGMYFPDXBNJZSQVHLCKE"[v%23] || !t.ends(q+1) || !told && (isLower(c) || s < a && t.at(a-1) == ' ' && !spaced || t.near(s, 36, "other ident") > 0) {
		return 0
	}
	return t.emit(s, q+1, either(want == 7, "NIE", "NIF")+either(told, "_TOLD", "_ALONE"))
}

func (t *piiTwin) fiscal(a int) int {
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum, q := 0, a
	for i := range 16 {
		if t.at(q) == ' ' && (i == 3 || i == 6 || i == 11) {
			q++
		}
		c := upperASCII(t.at(q))
		q++
		if isDigit(c) && "LLLLLLDDLDDLDDDL"[i] == 'L' || isAlpha(c) && "LLLLLLDDLDDLDDDL"[i] == 'D' && !oneOf(c, "LMNPQRSTUV") || !isAlnum(c) {
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
	if isAlnum(t.at(q)) {
		return 0
	}
	return t.emit(a, q, "FISCAL_SUM")
}

func (t *piiTwin) nino(a int) int {
	s := a - 2
	if oneOf(t.at(a-1), " -") {
		s--
	}
	x, y := upperASCII(t.at(s)), upperASCII(t.at(s+1))
	if !isAlpha(x) || !isAlpha(y) || s < t.floor || !t.headOK(s) || oneOf(x, "DFIQUV") || oneOf(y, "DFIOQUV") ||
		slices.Contains(strings.Fields("BG GB NK NT KN TN ZZ"), string([]byte{x, y})) {
		return 0
	}
	q, spaced := a, 0
	for n := range 6 {
		if (n == 2 || n == 4) && oneOf(t.at(q), " -") {
			q++
			spaced++
		}
		if !isDigit(t.at(q)) {
			return 0
		}
		q++
	}
	if oneOf(t.at(q), " -") {
		q++
	}
	told := t.near(s, 44, "nino") > 0
	if !oneOf(upperASCII(t.at(q)), "ABCD") || !t.ends(q+1) ||
		!told && (isLower(t.at(s)) || isLower(t.at(q)) || t.near(s, 36, "other ident") > 0) {
		return 0
	}
	return t.emit(s, q+1, either(told, "NINO_TOLD", either(spaced == 2, "NINO_GROUPED", "NINO_SOLID")))
}

func (t *piiTwin) indianPAN(a int) int {
	word := string(t.p[a : a+10])
	for i, c := range []byte(word) {
		if isDigit(c) != (i >= 5 && i < 9) {
			return 0
		}
	}
	told := t.near(a, 44, "indiapan") > 0
	if !oneOf(upperASCII(word[3]), "ABCFGHJLPT") || !told && (strings.ToUpper(word) != word || t.near(a, 36, "other ident") > 0) {
		return 0
	}
	return t.emit(a, a+10, either(told, "INDIAPAN_TOLD", "INDIAPAN_ALONE"))
}

func (t *piiTwin) cnpjLetters(a int) int {
	var v []byte
	q, marks := a, 0
	for i := range 14 {
		if mark, ok := map[int]byte{2: '.', 5: '.', 8: '/', 12: '-'}[i]; ok && t.at(q) == mark {
			marks++
			q++
		}
		if c := t.at(q); !isDigit(c) && (i > 11 || !isUpper(c)) {
			return 0
		}
		v = append(v, t.at(q)-'0')
		q++
	}
	told := t.near(a, 44, "cnpj") > 0
	if mod11(weighted(v, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) != int(v[12]) || mod11(weighted(v, 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) != int(v[13]) ||
		!t.headOK(a) || !t.tailOK(q) || marks != 0 && marks != 4 || marks == 0 && !told {
		return 0
	}
	return t.emit(a, q, either(told, "CNPJ_TOLD", "CNPJ_GROUPED"))
}

func (t *piiTwin) passport(a, b int) int {
	if b-a < 6 || b-a > 9 || !t.headOK(a) || !t.tailOK(b) {
		return 0
	}
	word := string(t.p[a:b])
	digits := 0
	for _, c := range []byte(word) {
		if isDigit(c) {
			digits++
		}
	}
	told := t.near(a, 40, "passport")
	german := len(word) == 9 && strings.Trim(word, "CFGHJKLMNPRTVWXYZ0123456789") == ""
	if strings.ToUpper(word) != word || digits < 4 && !german || told == 0 || a-told+1 < t.floor ||
		nearer(t.near(a, 40, "phone other ident event birth unit"), told) {
		return 0
	}
	american := len(word) == 9 && (digits == 9 || digits == 8 && isUpper(word[0]))
	return t.emit(a, b, either(american && t.near(a, 64, "foreign") == 0, "PASSPORT_US", "PASSPORT_TOLD"))
}

// Addresses of coins.

func (t *piiTwin) base58(a, b int) bool {
	v := new(big.Int)
	for _, c := range t.p[a:b] {
		k := strings.IndexByte("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", c)
		if k < 0 {
			return false
		}
		v.Add(v.Mul(v, big.NewInt(58)), big.NewInt(int64(k)))
	}
	if v.BitLen() > 200 {
		return false
	}
	raw := v.FillBytes(make([]byte, 25))
	h := sha256.Sum256(raw[:21])
	h = sha256.Sum256(h[:])
	return bytes.Equal(h[:4], raw[21:])
}

func (t *piiTwin) bech32(a, b, hrp int) bool {
	text := strings.ToLower(string(t.p[a:b]))
	data := t.p[a+hrp+1 : b]
	if !bytes.Equal(data, bytes.ToLower(data)) && !bytes.Equal(data, bytes.ToUpper(data)) {
		return false
	}
	var values []uint32
	for _, c := range []byte(text[:hrp]) {
		values = append(values, uint32(c>>5))
	}
	values = append(values, 0)
	for _, c := range []byte(text[:hrp]) {
		values = append(values, uint32(c&31))
	}
	for _, c := range []byte(text[hrp+1:]) {
		k := strings.IndexByte("qpzry9x8gf2tvdw0s3jn54khce6mua7l", c)
		if k < 0 {
			return false
		}
		values = append(values, uint32(k))
	}
	c := uint32(1)
	for _, v := range values {
		top := c >> 25
		c = c&0x1ffffff<<5 ^ v
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				c ^= g
			}
		}
	}
	return c == 1 || c == 0x2bc830a3
}

func (t *piiTwin) coin(a, b int) int {
	word := string(t.p[a:b])
	low := strings.ToLower(word)
	found := func(ok bool) int {
		if !ok {
			return 0
		}
		return t.emit(a, b, "COIN_SUM")
	}
	switch {
	case len(word) == 42 && low[:2] == "0x":
		digits := word[2:]
		if _, err := hex.DecodeString(digits); err != nil {
			return 0
		}
		told := t.near(a, 44, "coin") > 0
		if strings.ToUpper(digits) == digits || low[2:] == digits {
			return t.emit(a, b, either(told, "COIN_TOLD", "COIN_HEX"))
		}
		keccak := sha3.NewLegacyKeccak256()
		keccak.Write([]byte(low[2:]))
		sum := hex.EncodeToString(keccak.Sum(nil))
		right := []byte(low[2:])
		for i, c := range right {
			if sum[i] >= '8' {
				right[i] = upperASCII(c)
			}
		}
		if string(right) == digits {
			return found(true)
		}
		if told {
			return t.emit(a, b, "COIN_TOLD")
		}
		return 0
	case low[:3] == "bc1" || low[:3] == "tb1":
		return found(t.bech32(a, b, 2))
	case low[:4] == "ltc1":
		return found(t.bech32(a, b, 3))
	}
	return found(len(word) >= 26 && len(word) <= 35 && t.base58(a, b))
}
