package classifiers

import (
	"regexp"
	"slices"
	"strings"
)

func (t *piiTwin) size(g int) int { return t.groups[g].e - t.groups[g].s }

func (t *piiTwin) sizes(m int, want string) bool {
	if m != len(want) || m > len(t.groups) {
		return false
	}
	for g := range m {
		if t.size(g) != int(want[g]-'0') {
			return false
		}
	}
	return true
}

// separator is the one between the first m groups, 1 where there is but one
// group, 0 where they differ. A line break is like the others.
func (t *piiTwin) separator(m int) byte {
	if m < 2 {
		return 1
	}
	var seps []byte
	for _, g := range t.groups[1:m] {
		if g.sep != '\n' && !slices.Contains(seps, g.sep) {
			seps = append(seps, g.sep)
		}
	}
	switch len(seps) {
	case 0:
		return ' '
	case 1:
		return seps[0]
	}
	return 0
}

func (t *piiTwin) readGroups(a int) {
	t.groups, t.d, t.sum, t.line = t.groups[:0], t.d[:0], append(t.sum[:0], 0), 0
	sep, wrapped := byte(0), false
	for len(t.groups) < 9 {
		e := a
		for isDigit(t.at(e)) {
			e++
		}
		c := t.at(e)
		if isAlnum(c) && !(lowerASCII(c) == 'x' && isDigit(t.at(e+1))) || len(t.d)+e-a > 20 {
			return
		}
		for i := a; i < e; i++ {
			t.d = append(t.d, t.p[i]-'0')
		}
		t.groups = append(t.groups, piiGroup{a, e, sep})
		t.sum = append(t.sum, len(t.d))
		if !wrapped {
			t.line = len(t.groups)
		}
		q, parens := e, false
		for q-e < 3 && oneOf(t.at(q), " -./()\n") {
			parens = parens || oneOf(t.at(q), "()")
			q++
		}
		if q == e || !isDigit(t.at(q)) || q-e > 1 && !parens {
			return
		}
		sep = either(parens, '(', t.at(e))
		wrapped = wrapped || sep == '\n'
		a = q
	}
}

// joined says whether n digits and a separator stand before s.
func (t *piiTwin) joined(s, n int) bool {
	named := t.at(s-1) == '-' && t.nameBefore(s-1) > 0
	return oneOf(t.at(s-1), " -") && !named && s > n && strings.Trim(t.slice(s-1-n, s-1), tens) == ""
}

func (t *piiTwin) crowded(m int) bool {
	if t.joined(t.groups[0].s, 1) {
		return true
	}
	return t.line > m && (m == 1 || t.groups[m].sep == t.groups[m-1].sep)
}

// value is the number that the digits make, or its first nine do.
func (t *piiTwin) value(from, n int) int {
	v := 0
	for _, d := range t.d[from : from+min(n, 9)] {
		v = v*10 + int(d)
	}
	return v
}

func luhnOK(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i])
		if i%2 == 1 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return sum%10 == 0
}

func weighted(digits []byte, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(digits[i]) * w
	}
	return sum
}

// cardBrand is "" for no brand, "RARE" for one that has few such numbers, "BRAND".
func (t *piiTwin) cardBrand(n int) string {
	p1, p2, p3, p4, p6 := t.value(0, 1), t.value(0, 2), t.value(0, 3), t.value(0, 4), t.value(0, 6)
	in := func(v, a, b int) bool { return v >= a && v <= b }
	is := func(v int, list ...int) bool { return slices.Contains(list, v) }
	of := func(brand, rare bool) string { return either(brand, "BRAND", either(rare, "RARE", "")) }
	switch {
	case p1 == 4:
		return of(n == 16, n == 13 || n == 19)
	case in(p2, 51, 55), in(p4, 2221, 2720), in(p4, 2200, 2204), p4 == 9792:
		return of(n == 16, false)
	case is(p2, 34, 37):
		return of(n == 15, false)
	case in(p3, 300, 305), p3 == 309, is(p2, 36, 38, 39):
		return of(n == 14, n == 16)
	case p2 == 35:
		return of(n >= 16 && in(p4, 3528, 3589), n >= 16)
	case is(p4, 2131, 1800):
		return of(false, n == 15)
	case p4 == 6011, in(p3, 644, 649), is(p2, 62, 65):
		return of(n >= 16, false)
	case is(p4, 5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763), is(p6, 676770, 676774):
		return of(n == 16, true)
	case is(p2, 60, 81, 82), is(p3, 506, 507, 508, 650), is(p4, 5019, 8600, 9860), is(p6, 636368, 438935, 504175, 451416, 636297):
		return of(n == 16, false)
	}
	return of(false, is(p2, 57, 67))
}

var rowForm = regexp.MustCompile(`^[ .-][0-9]{4}[ .-][0-9]`)

func (t *piiTwin) card() int {
	if len(t.d) < 12 || t.size(0) != 4 && t.size(0) < 12 {
		return 0
	}
	s := t.groups[0].s
	for m := len(t.groups); m > 0; m-- {
		n, e := t.sum[m], t.groups[m-1].e
		if n < 12 || n > 19 || !t.tailOK(e) || !oneOf(t.separator(m), "\x01 -.") || !luhnOK(t.d[:n]) {
			continue
		}
		shape := m == 1 || t.sizes(m, "465") || t.sizes(m, "464") || t.size(m-1) <= 4
		for g := range m - 1 {
			shape = shape && (t.size(g) == 4 || t.sizes(m, "465") || t.sizes(m, "464"))
		}
		told := t.near(s, 48, "card")
		if len(t.groups) > 1 && t.at(s-1) == t.groups[1].sep && t.joined(s, 4) {
			continue
		}
		row := string(t.p[min(e, len(t.p)):min(e+7, len(t.p))])
		if m == 4 && rowForm.MatchString(row) && row[0] == row[5] && row[0] == t.separator(m) {
			continue
		}
		if n == 13 && told == 0 && weighted(t.d, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)%10 == 0 {
			continue
		}
		if !shape || len(slices.Compact(slices.Clone(t.d[:n]))) == 1 || nearer(t.near(s, 24, "other"), told) {
			continue
		}
		brand := t.cardBrand(n)
		switch {
		case brand == "BRAND":
			return t.emit(s, e, either(told > 0, "CARD_TOLD", either(m > 1, "CARD_GROUPED", "CARD_SOLID")))
		case t.glued(s), t.joinedOn(s) && told == 0:
		case brand == "RARE" && (told > 0 || m > 1 || n != 12 && n != 16):
			return t.emit(s, e, either(told > 0, "CARD_RARE_TOLD", "CARD_RARE"))
		case told > 0 && t.d[0] >= 2 && t.d[0] != 7:
			return t.emit(s, e, "CARD_ANY_TOLD")
		}
	}
	return 0
}

// An idForm is one way to write one kind of number.
type idForm struct {
	groups, seps, alike, lists string
	told, grouped, solid       string
	late                       bool
	ok                         func(d []byte, value func(from, n int) int) bool
}

func ssnOK(_ []byte, value func(int, int) int) bool {
	area, all := value(0, 3), value(0, 9)
	return area > 0 && area != 666 && area < 900 && value(3, 2) > 0 && value(5, 4) > 0 && all != 78051120 && all != 219099999
}

func itinOK(d []byte, value func(int, int) int) bool {
	mid := value(3, 2)
	return d[0] == 9 && value(5, 4) > 0 && mid >= 50 && (mid < 66 || mid > 69) && mid != 89 && mid != 93
}

func nhsOK(d []byte, value func(int, int) int) bool {
	return value(0, 9) > 0 && weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

func detaxOK(d []byte, _ func(int, int) int) bool {
	var times [10]int
	p := 10
	for _, x := range d[:10] {
		times[x]++
		s := (int(x) + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	more := 0
	for _, n := range times {
		if n > 1 {
			more++
		}
	}
	return d[0] > 0 && more == 1 && slices.Max(times[:]) <= 3 && (11-p)%10 == int(d[10])
}

func peselOK(d []byte, value func(int, int) int) bool {
	month, day := value(2, 2)%20, value(4, 2)
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 && weighted(d, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
}

func aadhaarOK(d []byte, _ func(int, int) int) bool { return d[0] >= 2 && verhoeff(d[:12]) }

func sinOK(d []byte, value func(int, int) int) bool { return value(0, 9) > 0 && luhnOK(d[:9]) }

func sinIssued(d []byte, _ func(int, int) int) bool { return d[0] != 0 && d[0] != 8 && luhnOK(d[:9]) }

func tfnOK(d []byte, value func(int, int) int) bool {
	return value(0, 9) > 0 && weighted(d, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0
}

func medicareOK(d []byte, _ func(int, int) int) bool {
	return d[0] >= 2 && d[0] <= 6 && d[9] > 0 && weighted(d, 1, 3, 7, 9, 1, 3, 7, 9)%10 == int(d[8])
}

// mod11 is the check digit that 11 less a remainder makes.
func mod11(sum int) int { return either(sum%11 < 2, 0, 11-sum%11) }

func cpfOK(d []byte, _ func(int, int) int) bool {
	return len(slices.Compact(slices.Clone(d[:11]))) > 1 && mod11(weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == int(d[9]) &&
		mod11(weighted(d, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == int(d[10])
}

func cnpjOK(d []byte, value func(int, int) int) bool {
	return value(0, 8) > 0 && mod11(weighted(d, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) == int(d[12]) &&
		mod11(weighted(d, 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) == int(d[13])
}

// idForms are in the order in which the module tries them.
var idForms = []idForm{
	{groups: "324", alike: "-", lists: "ssn", told: "SSN_TOLD", grouped: "SSN_HYPHENS", ok: ssnOK},
	{groups: "324", alike: " .", lists: "ssn", told: "SSN_TOLD", grouped: "SSN_SPACES", ok: ssnOK},
	{groups: "9", lists: "ssn", told: "SSN_SOLID_TOLD", ok: ssnOK},
	{groups: "324", alike: "-", lists: "ssn itin", told: "ITIN_TOLD", grouped: "ITIN_HYPHENS", ok: itinOK},
	{groups: "324", alike: " .", lists: "ssn itin", told: "ITIN_TOLD", grouped: "ITIN_SPACES", ok: itinOK},
	{groups: "9", lists: "ssn itin", told: "ITIN_TOLD", ok: itinOK},
	{groups: "333", alike: " -", lists: "sin", told: "SIN_TOLD", ok: sinOK},
	{groups: "9", lists: "sin", told: "SIN_TOLD", ok: sinOK},
	{groups: "333", alike: " -", lists: "tfn", told: "TFN_TOLD", ok: tfnOK},
	{groups: "9", lists: "tfn", told: "TFN_TOLD", ok: tfnOK},
	{groups: "334", alike: " -", lists: "nhs", told: "NHS_TOLD", ok: nhsOK},
	{groups: ":", lists: "nhs", told: "NHS_TOLD", ok: nhsOK},
	{groups: "451", alike: " -", lists: "medicare", told: "MEDICARE_TOLD", grouped: "MEDICARE_GROUPED", ok: medicareOK},
	{groups: "4511", seps: "  /", lists: "medicare", told: "MEDICARE_TOLD", grouped: "MEDICARE_GROUPED", ok: medicareOK},
	{groups: ":", lists: "medicare", told: "MEDICARE_TOLD", ok: medicareOK},
	{groups: "3332", seps: "..-", alike: " ", lists: "cpf", told: "CPF_TOLD", grouped: "CPF_GROUPED", ok: cpfOK},
	{groups: "92", alike: "-", lists: "cpf", told: "CPF_TOLD", grouped: "CPF_GROUPED", ok: cpfOK},
	{groups: "92", alike: " ", lists: "cpf", told: "CPF_TOLD", ok: cpfOK},
	{groups: ";", lists: "cpf", told: "CPF_TOLD", solid: "CPF_SOLID", ok: cpfOK},
	{groups: "2333", alike: " -/", lists: "detax", told: "DETAX_TOLD", grouped: "DETAX_GROUPED", ok: detaxOK},
	{groups: ";", lists: "detax", told: "DETAX_TOLD", solid: "DETAX_SOLID", ok: detaxOK},
	{groups: ";", lists: "pesel", told: "PESEL_TOLD", solid: "PESEL_SOLID", ok: peselOK},
	{groups: "444", alike: " -", lists: "aadhaar", told: "AADHAAR_TOLD", grouped: "AADHAAR_GROUPED", ok: aadhaarOK},
	{groups: "<", lists: "aadhaar", told: "AADHAAR_TOLD", ok: aadhaarOK},
	{groups: "23342", seps: "../-", lists: "cnpj", told: "CNPJ_TOLD", grouped: "CNPJ_GROUPED", ok: cnpjOK},
	{groups: ">", lists: "cnpj", told: "CNPJ_TOLD", solid: "CNPJ_SOLID", ok: cnpjOK},
	{groups: "333", alike: "-", lists: "sin", grouped: "SIN_HYPHENS", late: true, ok: sinIssued},
	{groups: "333", alike: " ", lists: "sin", grouped: "SIN_SPACES", late: true, ok: sinIssued},
	{groups: "333", alike: " ", lists: "tfn", grouped: "TFN_GROUPED", late: true, ok: tfnOK},
	{groups: "334", alike: " ", lists: "nhs", grouped: "NHS_GROUPED", late: true, ok: nhsOK},
}

// hasForm is the number of groups with the form, 0 for none. Sizes are told from
// '0' on, so that ':' is ten.
func (t *piiTwin) hasForm(f idForm) int {
	m := len(f.groups)
	if t.line < m || !t.sizes(m, f.groups) || !t.tailOK(t.groups[m-1].e) {
		return 0
	}
	if m == 1 {
		return 1
	}
	fixed := f.seps != ""
	for g := 1; g < m && fixed; g++ {
		fixed = t.groups[g].sep == f.seps[g-1]
	}
	if fixed || oneOf(t.separator(m), f.alike) {
		return m
	}
	return 0
}

func (t *piiTwin) toldID() int {
	s, best, end, what := t.groups[0].s, 0, 0, ""
	for _, f := range idForms {
		m := t.hasForm(f)
		if f.late || m == 0 || !f.ok(t.d, t.value) {
			continue
		}
		reach := either(f.lists == "ssn itin", 64, 44)
		if d := t.near(s, reach, f.lists); nearer(d, best) && nearer(d, t.near(s, 44, "phone")) {
			best, end, what = d, t.groups[m-1].e, f.told
		}
	}
	if best == 0 {
		return 0
	}
	return t.emit(s, end, what)
}

// speaksJoined says whether the form speaks for a number that is joined to a name.
func (f idForm) speaksJoined() bool {
	switch kind, _, _ := strings.Cut(f.grouped+f.solid, "_"); kind {
	case "CPF", "CNPJ", "DETAX", "PESEL":
		return true
	case "SSN", "ITIN":
		return f.alike == "-"
	}
	return false
}

func (t *piiTwin) loneID(late bool) int {
	s := t.groups[0].s
	for _, f := range idForms {
		m := t.hasForm(f)
		what := either(m > 1, f.grouped, f.solid)
		if f.late != late || m == 0 || t.joinedOn(s) && !f.speaksJoined() || what == "" || t.crowded(m) || !f.ok(t.d, t.value) || t.near(s, 36, "other ident") > 0 || f.seps == "" && t.near(s, 44, "phone") > 0 ||
			m > 0 && t.sum[m] == 9 && t.amount(m, false) {
			continue
		}
		return t.emit(s, t.groups[m-1].e, what)
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

// nir reads fifteen characters, of which the seventh may be A or B behind a 2,
// with a space, hyphen or point between the parts.
func (t *piiTwin) nir(a int) int {
	if !oneOf(t.at(a), "123478") {
		return 0
	}
	var digits []byte
	q, spaced, letter := a, false, byte(0)
	for len(digits) < 15 {
		c := t.at(q)
		mark := oneOf(c, " -.") || c == '/' && len(digits) == 13
		if mark && slices.Contains([]int{1, 3, 5, 7, 10, 13}, len(digits)) && isAlnum(t.at(q-1)) {
			spaced = true
			q++
			c = t.at(q)
		}
		switch {
		case len(digits) == 6 && t.at(q-1) == '2' && oneOf(upperASCII(c), "AB"):
			letter = upperASCII(c)
			digits = append(digits, '0')
		case isDigit(c):
			digits = append(digits, c)
		default:
			return 0
		}
		q++
	}
	s := string(digits)
	if letter != 0 {
		s = s[:5] + either(letter == 'A', "19", "18") + s[7:]
	}
	v := 0
	for _, c := range s[:13] {
		v = v*10 + int(c-'0')
	}
	key := int(s[13]-'0')*10 + int(s[14]-'0')
	month := int(s[3]-'0')*10 + int(s[4]-'0')
	if !t.tailOK(q) || month == 0 || month > 12 && month < 20 || month > 42 && month < 50 || 97-v%97 != key {
		return 0
	}
	told := t.near(a, 44, "nir") > 0
	if !told && !spaced && letter == 0 && (t.near(a, 36, "other ident card") > 0 || strings.IndexByte("12", t.at(a)) < 0) {
		return 0
	}
	return t.emit(a, q, either(told, "NIR_TOLD", either(spaced, "NIR_GROUPED", "NIR_SOLID")))
}
