package classifiers

import (
	"bytes"
	"crypto/sha256"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport/engine"
)

// piiTwin is classifiers/pii/pii.c in plain Go, for the tests that hold the two
// against each other. It follows the C by name where the rules are, and goes its
// own way where Go has a library: folding, base58, word lists.
type piiTwin struct {
	p          []byte
	from, upto []int // original bytes of each byte of p
	floor      int
	found      []engine.Finding
	groups     []piiGroup
	d          []byte // digits of groups
	sum        []int  // digits in the first k groups
}

type piiGroup struct {
	s, e int
	sep  byte
}

func piiFind(text string) []engine.Finding {
	t := &piiTwin{}
	for i, r := range text {
		n := utf8.RuneLen(r)
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
	t.scan()
	return t.found
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
	case in(0x200b, 0x200f), in(0x202a, 0x202e), in(0x2060, 0x2069), in(0xfe00, 0xfe0f), strings.ContainsRune("\ufeff\u00ad\u034f\u180e", r):
		return 0
	case in(0x2000, 0x200a), strings.ContainsRune("\u00a0\u202f\u205f\u3000", r):
		return ' '
	case in(0x2010, 0x2015), r == 0x2212:
		return '-'
	case in(0x660, 0x669), in(0x6f0, 0x6f9):
		return '0' + int(r)&15
	case in(0x966, 0x96f):
		return '0' + int(r-0x966)
	case in(0x1d7ce, 0x1d7ff):
		return '0' + int(r-0x1d7ce)%10
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
func isAlpha(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
func isHex(c byte) bool   { return isDigit(c) || c|32 >= 'a' && c|32 <= 'f' }
func isWord(c byte) bool  { return isAlnum(c) || c == '_' }

func lowerASCII(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 32
	}
	return c
}

func upperASCII(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c &^ 32
	}
	return c
}

func (t *piiTwin) emit(s, e int, kind string, score float64) int {
	t.found = append(t.found, engine.Finding{
		Classifier: "test", Kind: kind, Score: score,
		Span: engine.Span{Start: t.from[s], End: t.upto[e-1]},
	})
	t.floor = e
	return e
}

func (t *piiTwin) wordsIn(from, to int, words string) bool {
	var lower []byte
	for _, c := range t.p {
		lower = append(lower, lowerASCII(c))
	}
	end := min(to, len(lower))
	for i := max(0, from); i < end; i++ {
		if !isAlpha(lower[i]) || isAlpha(t.at(i-1)) {
			continue
		}
		for w := range strings.SplitSeq(words, ",") {
			stem, open := strings.CutSuffix(w, "*")
			if !bytes.HasPrefix(lower[i:end], []byte(stem)) {
				continue
			}
			e := i + len(stem)
			if lowerASCII(t.at(e)) == 's' {
				e++
			}
			if open || !isAlpha(t.at(e)) {
				return true
			}
		}
	}
	return false
}

func (t *piiTwin) near(s, reach int, words string) bool { return t.wordsIn(s-reach, s, words) }

const (
	twinCard        = "card*,credit*,debit*,visa,mastercard,amex,maestro,pan,cc,carte,karte,tarjeta"
	twinOrder       = "order,invoice,tracking,ref,reference,ticket,case,sku,isbn,serial,transaction id,imei,build,id,uuid,hash,timestamp,account id"
	twinSSN         = "ssn,social,soc sec,tax id,taxpayer,itin"
	twinPhone       = "phone*,tel,telef*,teleph*,call*,mobil*,móvil,movil,cell,cellphone*,fax*,whatsapp,sms,text me,dial,reach me,reach us,reach her,reach him,reach them,reach you,contact*,my number,their number,her number,his number,our number,answering,messages to,handy*,ring,ring me,ring us,hotline,ph,mob,landline,voicemail,numero,nummer,rufnummer"
	twinBehindPhone = "fax,mobile,cell,office,home,work,tel,phone"
	twinNotPhone    = "isbn,issn,order,invoice,tracking,version,timestamp,serial,sku,part,build,commit,account,imei,id,ref,case,ticket,figure,lat,lon"
	twinVersion     = "version,ver,release,build,firmware,section,chapter,clause,oid,v"
)

func (t *piiTwin) headOK(s int) bool {
	c := t.at(s - 1)
	if isWord(c) {
		return false
	}
	return !((c == '-' || c == '.' || c == '/') && isAlnum(t.at(s-2)))
}

func (t *piiTwin) tailOK(e int) bool {
	c := t.at(e)
	if isWord(c) {
		return false
	}
	return !(c == '-' && isAlnum(t.at(e+1)) || c == '.' && isDigit(t.at(e+1)))
}

func (t *piiTwin) size(g int) int { return t.groups[g].e - t.groups[g].s }

func (t *piiTwin) sizes(m int, want string) bool {
	if m != len(want) {
		return false
	}
	for g := range m {
		if t.size(g) != int(want[g]-'0') {
			return false
		}
	}
	return true
}

func (t *piiTwin) separator(m int) byte {
	if m < 2 {
		return 1
	}
	for g := 2; g < m; g++ {
		if t.groups[g].sep != t.groups[1].sep {
			return 0
		}
	}
	return t.groups[1].sep
}

func (t *piiTwin) readGroups(a int) {
	t.groups, t.d, t.sum = t.groups[:0], t.d[:0], append(t.sum[:0], 0)
	sep := byte(0)
	for len(t.groups) < 8 {
		e := a
		for isDigit(t.at(e)) {
			e++
		}
		c := t.at(e)
		if isWord(c) && !(lowerASCII(c) == 'x' && isDigit(t.at(e+1))) || len(t.d)+e-a > 20 {
			return
		}
		for i := a; i < e; i++ {
			t.d = append(t.d, t.p[i]-'0')
		}
		t.groups = append(t.groups, piiGroup{a, e, sep})
		t.sum = append(t.sum, len(t.d))
		q, parens := e, false
		for q-e < 3 && t.at(q) != 0 && strings.IndexByte(" -./()", t.at(q)) >= 0 {
			parens = parens || t.at(q) == '(' || t.at(q) == ')'
			q++
		}
		if q == e || !isDigit(t.at(q)) || q-e > 1 && !parens {
			return
		}
		sep = t.at(e)
		if parens {
			sep = '('
		}
		a = q
	}
}

func (t *piiTwin) luhn(n int) bool {
	sum := 0
	for i := range n {
		d := int(t.d[n-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func (t *piiTwin) number(from, to int) int {
	v := 0
	for _, d := range t.d[from:to] {
		v = v*10 + int(d)
	}
	return v
}

func (t *piiTwin) cardBrand(n int, told bool) float64 {
	if16 := func(v float64) float64 {
		if n == 16 {
			return v
		}
		return 0
	}
	p1, p2, p3, p4, p6 := t.number(0, 1), t.number(0, 2), t.number(0, 3), t.number(0, 4), t.number(0, 6)
	in := func(v, a, b int) bool { return v >= a && v <= b }
	switch {
	case p1 == 4:
		if n == 13 || n == 19 {
			return 0.9
		}
		return if16(0.99)
	case in(p2, 51, 55), in(p4, 2221, 2720), in(p4, 2200, 2204), p4 == 9792:
		return if16(0.99)
	case p2 == 34, p2 == 37:
		if n == 15 {
			return 0.99
		}
		return 0
	case in(p3, 300, 305), p3 == 309, p2 == 36, p2 == 38, p2 == 39:
		if n == 14 {
			return 0.95
		}
		return if16(0.9)
	case p2 == 35:
		switch {
		case n < 16:
			return 0
		case in(p4, 3528, 3589):
			return 0.99
		}
		return 0.8
	case p4 == 2131, p4 == 1800:
		if n == 15 {
			return 0.9
		}
		return 0
	case p4 == 6011, in(p3, 644, 649), p2 == 65, in(p6, 622126, 622925), p2 == 62:
		if n >= 16 {
			return 0.99
		}
		return 0
	case p2 == 60, p2 == 81, p2 == 82, p3 == 508:
		return if16(0.95)
	case slices.Contains([]int{5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763, 604}, p4):
		if n == 16 {
			return 0.95
		}
		return 0.85
	case told && (p2 == 50 || in(p2, 56, 69)):
		return 0.8
	}
	return 0
}

func (t *piiTwin) card() int {
	for m := len(t.groups); m > 0; m-- {
		n, g0, end := t.sum[m], t.groups[0].s, t.groups[m-1].e
		if n < 12 || n > 19 || !t.tailOK(end) || !strings.ContainsRune("\x01 -.", rune(t.separator(m))) {
			continue
		}
		shape := m == 1 || t.sizes(m, "465") || t.sizes(m, "464")
		if !shape {
			shape = t.size(m-1) <= 4
			for g := range m - 1 {
				shape = shape && t.size(g) == 4
			}
		}
		if !shape || !t.luhn(n) {
			continue
		}
		told := t.near(g0, 40, twinCard)
		if score := t.cardBrand(n, told); score > 0 && (told || !t.near(g0, 20, twinOrder)) {
			return t.emit(g0, end, "CREDIT_CARD", score)
		}
	}
	return 0
}

func (t *piiTwin) ssn() int {
	solid, m := t.size(0) == 9, 1
	if !solid {
		m = 3
		if len(t.groups) < 3 || !t.sizes(3, "324") || !strings.ContainsRune("- .", rune(t.separator(3))) {
			return 0
		}
	}
	s, e := t.groups[0].s, t.groups[m-1].e
	area, mid, serial := t.number(0, 3), t.number(3, 5), t.number(5, 9)
	if !t.tailOK(e) || area == 0 || area == 666 || mid == 0 || serial == 0 {
		return 0
	}
	kind := "US_SSN"
	if area >= 900 {
		kind = "US_ITIN"
		if mid < 50 || mid > 65 && mid < 70 || mid == 89 || mid == 93 {
			return 0
		}
	}
	told := t.near(s, 40, twinSSN)
	if all := t.number(0, 9); solid && !told || all == 78051120 || all == 219099999 {
		return 0
	}
	score := 0.45
	switch {
	case told && solid:
		score = 0.9
	case told:
		score = 0.98
	case t.groups[1].sep == '-':
		score = 0.9
	}
	return t.emit(s, e, kind, score)
}

// shape is the number of groups of a number that stands solid or in the given
// groups, 0 for neither.
func (t *piiTwin) shape(digits int, groups string) int {
	m := len(groups)
	if t.size(0) == digits {
		m = 1
	} else if len(t.groups) < m || !t.sizes(m, groups) {
		return 0
	}
	if !t.tailOK(t.groups[m-1].e) {
		return 0
	}
	return m
}

func (t *piiTwin) nhs() int {
	m := t.shape(10, "334")
	if m == 0 {
		return 0
	}
	sum := int(t.d[9])
	for i := range 9 {
		sum += int(t.d[i]) * (10 - i)
	}
	if sum%11 != 0 || !t.near(t.groups[0].s, 40, "nhs") {
		return 0
	}
	return t.emit(t.groups[0].s, t.groups[m-1].e, "UK_NHS", 0.97)
}

func (t *piiTwin) nir() int {
	for m := len(t.groups); m > 0; m-- {
		if t.sum[m] != 15 || !t.tailOK(t.groups[m-1].e) || m > 2 && !t.sizes(m, "1222332") {
			continue
		}
		month := t.number(3, 5)
		if t.d[0] != 1 && t.d[0] != 2 || month == 0 || month > 12 && month < 20 || month > 42 && month < 50 ||
			97-t.number(0, 13)%97 != t.number(13, 15) {
			return 0
		}
		score := 0.9
		if m > 2 {
			score = 0.98
		}
		return t.emit(t.groups[0].s, t.groups[m-1].e, "FR_NIR", score)
	}
	return 0
}

func verhoeff(digits []byte) bool {
	perm := [8][10]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}}
	for i := 2; i < 8; i++ {
		for k := range 10 {
			perm[i][k] = perm[i-1][perm[1][k]]
		}
	}
	c := 0
	for i := range digits {
		k := perm[i%8][digits[len(digits)-1-i]]
		switch { // the dihedral group: rotations 0..4, reflections 5..9
		case c < 5 && k < 5:
			c = (c + k) % 5
		case c < 5:
			c = 5 + (c+k)%5
		case k < 5:
			c = 5 + (c-k+5)%5
		default:
			c = (c - k + 5) % 5
		}
	}
	return c == 0
}

func (t *piiTwin) aadhaar() int {
	m := t.shape(12, "444")
	if m == 0 || t.d[0] < 2 || m == 3 && t.separator(3) != ' ' && t.separator(3) != '-' || !verhoeff(t.d[:12]) {
		return 0
	}
	score := 0.75
	if t.near(t.groups[0].s, 40, "aadhaar,aadhar,uidai,uid") {
		score = 0.99
	} else if m == 1 || len(t.groups) > 3 && t.groups[3].sep == t.groups[2].sep {
		return 0
	}
	return t.emit(t.groups[0].s, t.groups[m-1].e, "IN_AADHAAR", score)
}

func (t *piiTwin) cpf() int {
	m := t.shape(11, "3332")
	if m == 0 || m == 4 && (t.groups[1].sep != '.' || t.groups[2].sep != '.' || t.groups[3].sep != '-') {
		return 0
	}
	for k := 9; k < 11; k++ {
		sum := 0
		for i := range k {
			sum += int(t.d[i]) * (k + 1 - i)
		}
		if sum*10%11%10 != int(t.d[k]) {
			return 0
		}
	}
	same := bytes.Count(t.d[:11], t.d[:1]) == 11
	if same || m == 1 && !t.near(t.groups[0].s, 24, "cpf") {
		return 0
	}
	return t.emit(t.groups[0].s, t.groups[m-1].e, "BR_CPF", 0.98)
}

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
