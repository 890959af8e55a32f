package classifiers

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// phoneRules are libphonenumber's data as regular expressions, where the module
// has an automaton.
type phoneRules struct {
	world  map[string][]*regexp.Regexp // by calling code
	region []phoneRegion
	forms  map[string][]phoneForm // by sizes of groups as written
	known  map[string]string      // what was asked before, and its answer
}

type phoneRegion struct {
	prefix string
	valid  *regexp.Regexp
	format []phoneFormat
}

type phoneFormat struct{ pattern, leading *regexp.Regexp }

// phoneForm is one way to write a number of one format of a region.
type phoneForm struct {
	region, format int
	re             *regexp.Regexp // of the groups, "|" between them
	groups         []int          // in the order of re's groups; -1 is one that is not written
	silent         []int          // sizes of those that are not
}

var (
	phoneGroup  = regexp.MustCompile(`\(\\d(\{(\d+)(?:,(\d+))?\})?\)`)
	phoneHole   = regexp.MustCompile(`\$\d`)
	phoneGap    = regexp.MustCompile(`[^0-9$]+`)
	regionNames = regexp.MustCompile(`(?m)^ \* ((?:[A-Z]{2} ?)+)$`)
)

func newPhoneRules(t testing.TB) *phoneRules {
	t.Helper()
	c, err := phonenumbers.MetadataCollection()
	if err != nil {
		t.Fatal(err)
	}
	r := &phoneRules{world: map[string][]*regexp.Regexp{}, forms: map[string][]phoneForm{}, known: map[string]string{}}
	whole := func(expr string) *regexp.Regexp { return regexp.MustCompile("^(?:" + expr + ")$") }
	full := phoneRegions(t)
	for _, m := range c.GetMetadata() {
		cc := strconv.Itoa(int(m.GetCountryCode()))
		if !slices.Contains(full, m.GetId()) {
			r.world[cc] = append(r.world[cc], whole(m.GetGeneralDesc().GetNationalNumberPattern()))
			continue
		}
		var parts []string
		for _, d := range []*phonenumbers.PhoneNumberDesc{m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(),
			m.GetSharedCost(), m.GetPersonalNumber(), m.GetVoip(), m.GetPager(), m.GetUan()} {
			if p := d.GetNationalNumberPattern(); p != "" && p != "NA" {
				parts = append(parts, p)
			}
		}
		region := phoneRegion{prefix: m.GetNationalPrefix(), valid: whole(strings.Join(parts, "|"))}
		if len(region.prefix) > 1 {
			region.prefix = ""
		}
		r.world[cc] = append(r.world[cc], region.valid)
		for i, f := range m.GetNumberFormat() {
			format := phoneFormat{pattern: whole(f.GetPattern())}
			if l := f.GetLeadingDigitsPattern(); len(l) > 0 {
				format.leading = regexp.MustCompile("^(?:" + l[len(l)-1] + ")")
			}
			region.format = append(region.format, format)
			for _, template := range phoneTemplates(m, f) {
				r.addForm(len(r.region), i, template, f.GetPattern())
			}
		}
		r.region = append(r.region, region)
	}
	return r
}

func phoneTemplates(m *phonenumbers.PhoneMetadata, f *phonenumbers.NumberFormat) []string {
	plain, rule := f.GetFormat(), f.GetNationalPrefixFormattingRule()
	hole := phoneHole.FindString(plain)
	ruled := strings.Replace(plain, hole, strings.ReplaceAll(rule, "$1", hole), 1)
	switch {
	case rule == "" && m.GetNationalPrefix() == "":
		return []string{plain}
	case rule == "":
		return []string{plain, m.GetNationalPrefix() + " " + plain}
	case f.GetNationalPrefixOptionalWhenFormatting():
		return []string{plain, ruled}
	}
	return []string{ruled}
}

func (r *phoneRules) addForm(region, format int, template, pattern string) {
	var sizes [][2]int
	for _, m := range phoneGroup.FindAllStringSubmatch(pattern, -1) {
		a, b := 1, 1
		if m[1] != "" {
			a, _ = strconv.Atoi(m[2])
			b = a
			if m[3] != "" {
				b, _ = strconv.Atoi(m[3])
			}
		}
		sizes = append(sizes, [2]int{a, b})
	}
	template = strings.Trim(phoneGap.ReplaceAllString(template, "|"), "|")
	form := phoneForm{region: region, format: format}
	next := 0
	for _, hole := range phoneHole.FindAllString(template, -1) {
		k := int(hole[1] - '1')
		if k < next || k >= len(sizes) {
			return // groups in another order
		}
		for ; next < k; next++ {
			form.groups, form.silent = append(form.groups, -1), append(form.silent, sizes[next][0])
		}
		form.groups, form.silent = append(form.groups, k), append(form.silent, 0)
		next++
	}
	if next != len(sizes) {
		return
	}
	expr := phoneHole.ReplaceAllStringFunc(strings.ReplaceAll(template, "|", `\|`), func(hole string) string {
		s := sizes[hole[1]-'1']
		return `(\d{` + strconv.Itoa(s[0]) + `,` + strconv.Itoa(s[1]) + `})`
	})
	form.re = regexp.MustCompile("^" + expr + "$")
	// All sizes of groups as written that can come of it.
	shapes := []string{""}
	for part := range strings.SplitSeq(template, "|") {
		literal := len(phoneHole.ReplaceAllString(part, ""))
		low, high := literal, literal
		for _, hole := range phoneHole.FindAllString(part, -1) {
			low, high = low+sizes[hole[1]-'1'][0], high+sizes[hole[1]-'1'][1]
		}
		var longer []string
		for _, s := range shapes {
			for n := low; n <= high; n++ {
				longer = append(longer, s+strconv.Itoa(n)+" ")
			}
		}
		shapes = longer
	}
	for _, s := range shapes {
		r.forms[s] = append(r.forms[s], form)
	}
}

// isForm says whether groups such as "030|901820" are a valid number in the form
// its region gives it.
func (r *phoneRules) isForm(written string) bool {
	shape := ""
	for part := range strings.SplitSeq(written, "|") {
		shape += strconv.Itoa(len(part)) + " "
	}
	for _, f := range r.forms[shape] {
		m := f.re.FindStringSubmatch(written)
		if m == nil {
			continue
		}
		for _, n := range f.fill(m[1:]) {
			if r.fits(f, n) {
				return true
			}
		}
	}
	return false
}

// fill puts groups together to numbers; what is not written can be any digits.
func (f phoneForm) fill(groups []string) []string {
	numbers := []string{""}
	for i, g := range f.groups {
		var longer []string
		for _, n := range numbers {
			if g >= 0 {
				longer = append(longer, n+groups[0])
				continue
			}
			for d := range 10 {
				longer = append(longer, n+strings.Repeat(strconv.Itoa(d), f.silent[i]))
			}
		}
		if g >= 0 {
			groups = groups[1:]
		}
		numbers = longer
	}
	return numbers
}

// fits says whether a number is valid and of all its region's formats this one is
// chosen.
func (r *phoneRules) fits(f phoneForm, n string) bool {
	region := r.region[f.region]
	if len(n) < 4 || len(n) > 15 || !region.valid.MatchString(n) {
		return false
	}
	return slices.IndexFunc(region.format, func(x phoneFormat) bool {
		return x.pattern.MatchString(n) && (x.leading == nil || x.leading.MatchString(n))
	}) == f.format
}

func (r *phoneRules) inWorld(digits string) bool {
	for n := 1; n <= 3 && n < len(digits); n++ {
		for _, re := range r.world[digits[:n]] {
			if re.MatchString(digits[n:]) {
				return true
			}
		}
	}
	return false
}

// national is "form", "valid" or "".
func (r *phoneRules) national(written string) string {
	if v, ok := r.known[written]; ok {
		return v
	}
	digits, v := strings.ReplaceAll(written, "|", ""), ""
	if r.isForm(written) {
		v = "form"
	} else if slices.ContainsFunc(r.region, func(x phoneRegion) bool {
		rest, ok := strings.CutPrefix(digits, x.prefix)
		return ok && x.valid.MatchString(rest) || x.prefix != "0" && x.valid.MatchString(digits)
	}) {
		v = "valid"
	}
	r.known[written] = v
	return v
}

func (t *piiTwin) written(m int) string {
	var parts []string
	for _, g := range t.groups[:m] {
		parts = append(parts, string(t.p[g.s:g.e]))
	}
	return strings.Join(parts, "|")
}

// dialled are the digits from the i-th on, but for a 0 in parentheses behind the
// first group.
func (t *piiTwin) dialled(m, i int) string {
	var digits []byte
	for g := range m {
		if g == 1 && t.slice(t.groups[1].s, t.groups[1].e) == "0" && t.groups[1].sep == '(' {
			continue
		}
		for k := max(i, t.sum[g]); k < t.sum[g+1]; k++ {
			digits = append(digits, '0'+t.d[k])
		}
	}
	return string(digits)
}

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
	year := func(v, a, b int) bool { return v >= a && v <= b }
	if m == 2 && t.sizes(2, "44") {
		return year(t.value(0, 4), 1900, 2099) && year(t.value(4, 4), 1900, 2099)
	}
	if m < 3 {
		return false
	}
	a, b, y := t.value(0, t.sum[1]), t.value(t.sum[1], t.size(1)), t.value(t.sum[2], t.size(2))
	switch {
	case t.size(0) == 4 && t.size(1) == 2 && t.size(2) == 2:
		return year(a, 1800, 2199) && year(b, 1, 12) && year(y, 1, 31)
	case t.size(0) <= 2 && t.size(1) <= 2 && t.size(2) == 4:
		return year(y, 1800, 2199) && year(a, 1, 31) && year(b, 1, 31) && (a <= 12 || b <= 12)
	}
	return m == 3 && t.sizes(3, "222")
}

func (t *piiTwin) phoneShape(m int, told bool) string {
	n, small, big, sep, parens := t.sum[m], 99, 0, t.separator(m), false
	for g := range m {
		small, big = min(small, t.size(g)), max(big, t.size(g))
		parens = parens || g > 0 && t.groups[g].sep == '('
	}
	d := t.d
	or := func(untold string) string { return either(told, "PHONE_SHAPE_TOLD", untold) }
	if m == 1 {
		return either(n >= 9 && n <= 12 && (n != 10 || d[0] != 1), or(""), "")
	}
	if t.sizes(m, "334") || d[0] == 1 && t.sizes(m, "1334") || parens && t.sizes(m, "37") {
		if parens || sep == '-' {
			return or("PHONE_SHAPE")
		}
		if told || sep == '.' && d[n-10] >= 2 && d[n-7] >= 2 {
			return or("PHONE_SHAPE")
		}
	}
	if t.dateLike(m) || small < 2 || sep == '/' && m > 2 || n < 7 || n > 12 || m > 5 || big > 8 {
		return ""
	}
	if sep == 0 && !parens {
		for g := 3; g < m; g++ {
			if t.groups[g].sep != t.groups[2].sep {
				return ""
			}
		}
		if oneOf(t.groups[2].sep, "/.") || t.groups[1].sep == '.' {
			return ""
		}
	}
	if d[0] == 0 && d[1] != 0 && n >= 9 {
		return either(sep == '.' && (m < 4 || big > 3), "", or(""))
	}
	if sep == '.' && (m < 4 || big > 2) || sep == '/' || big > 6 || m == 2 && sep == '-' && !t.sizes(m, "34") && !t.sizes(m, "44") {
		return ""
	}
	return or(either(n >= 9 && n <= 11 && t.at(t.groups[0].e) == ')' && t.size(0) <= 4, "PHONE_SHAPE", ""))
}

func (t *piiTwin) plausible(m int) bool {
	sep := t.separator(m)
	for g := range m {
		if t.size(g) < 2 && (g > 0 || t.size(1) < 3) {
			return false
		}
	}
	return !(sep == '/' && m > 2) && m <= 5 && !t.dateLike(m) && !(sep == '.' && m == 2) && t.groups[1].sep != '\n'
}

func (t *piiTwin) phoneKnown(m int, plus, told bool) string {
	n, d := t.sum[m], t.d
	if plus {
		return either(n >= 7 && n <= 17 && t.phones.inWorld(t.dialled(m, 0)), "PHONE_PLUS", "")
	}
	if n >= 10 && d[0] == 0 && d[1] == 0 && t.phones.inWorld(t.dialled(m, 2)) ||
		n >= 11 && d[0] == 0 && d[1] == 1 && d[2] == 1 && t.phones.inWorld(t.dialled(m, 3)) {
		return either(m > 1 || told, "PHONE_DIALLED", "")
	}
	if n < 7 || n > 15 || t.dateLike(m) {
		return ""
	}
	known := t.phones.national(t.written(m))
	trunk := d[0] == 0 || t.at(t.groups[0].s-1) == '(' || m > 1 && t.groups[1].sep == '('
	zero := d[0] == 0 && d[1] != 0
	switch sep := t.separator(m); {
	case known == "":
	case m == 1 && told:
		return either(n >= 8, "PHONE_SOLID_TOLD", "")
	case m == 1:
		return either(zero && n >= 10 && n <= 11, "PHONE_SOLID", "")
	case known == "form" && told:
		return "PHONE_FORM_TOLD"
	case known == "form" && (trunk || m > 2 && (sep == 0 || oneOf(sep, "-.")) && n >= 9 && !t.sizes(m, "333")):
		return either(sep == '.' && m < 3, "", "PHONE_FORM")
	case known == "form" && (oneOf(sep, "./") || m == 2 && n > 8):
	case known == "form":
		return either(n < 9, "PHONE_FORM_SHORT", "PHONE_FORM_BARE")
	case !t.plausible(m):
	case told:
		return "PHONE_VALID_TOLD"
	case zero && n >= 9 && n <= 11:
		return "PHONE_VALID"
	}
	return ""
}

func (t *piiTwin) phoneOdd(m int, plus, told bool) string {
	n, d := t.sum[m], t.d
	if plus {
		return either(n >= 8 && n <= 15 && t.callingCode(0) && (d[0] != 1 || n == 11), "PHONE_PLUS_ODD", "")
	}
	if d[0] == 0 && d[1] == 0 {
		return either(n >= 10 && n <= 17 && t.callingCode(2) && m > 1 && told, "PHONE_SHAPE_TOLD", "")
	}
	return t.phoneShape(m, told)
}

var extensionForm = regexp.MustCompile(`^[ ,]{0,4}(?:ext|x)[.: ]{0,4}(\d{1,6})(?:[^0-9a-z]|$)`)

func (t *piiTwin) extension(e int) int {
	if m := extensionForm.FindStringSubmatchIndex(lowerASCIIs(t.slice(e, e+24))); m != nil {
		return e + m[3]
	}
	return e
}

func (t *piiTwin) amount(m int, told bool) bool {
	s, e := t.groups[0].s, t.groups[m-1].e
	before, after := t.slice(max(0, s-3), s), strings.TrimPrefix(t.slice(e, e+2), " ")
	last := t.written(m)
	last = last[strings.LastIndexByte(last, '|')+1:]
	high := func(text string) bool { return text != "" && text[0] >= 0x80 }
	return strings.HasSuffix(before, "$") || strings.HasSuffix(before, "$ ") ||
		len(before) > 1 && before[len(before)-2] == 0xc2 && high(before[len(before)-1:]) ||
		len(before) == 3 && before[:2] == "\xe2\x82" && high(before[2:]) ||
		after != "" && oneOf(after[0], "$%\xc2\xe2") || !told && strings.Trim(last, "0") == "" || t.behind(e, 3, "unit")
}

func (t *piiTwin) phone(plus bool) int {
	s, total := t.groups[0].s, t.sum[t.line]
	if total < 7 || !plus && t.line > 1 && t.size(0) < 2 && t.size(1) < 2 && (t.d[0] > 0 || t.d[1] > 0) || oneOf(t.at(s-1), "$#") {
		return 0
	}
	for _, form := range []func(int, bool, bool) string{t.phoneKnown, t.phoneOdd} {
		for m := t.line; m > 0 && t.sum[m] >= 7; m-- {
			end := t.groups[m-1].e
			e := t.extension(end)
			fraction := m == 2 && !plus && t.size(0) == 1 && t.groups[1].sep == '.'
			if fraction || form(m, plus, true) == "" || e == end && !t.tailOK(e) {
				continue
			}
			near := t.near(s, 48, "phone")
			if !plus && nearer(t.near(s, 36, "other ident"), near) {
				return 0
			}
			told := near > 0 || t.behind(t.extension(t.groups[t.line-1].e), 10, "behind")
			what := form(m, plus, told)
			switch what {
			case "":
				continue
			case "PHONE_PLUS", "PHONE_PLUS_ODD":
			default:
				if t.joined(s, 2) {
					continue
				}
				if what == "PHONE_DIALLED" {
					break
				}
				listed := t.at(s-1) == ',' && isDigit(t.at(s-2))
				more := t.crowded(m)
				if what == "PHONE_FORM_TOLD" {
					more = t.line > m && t.groups[m].sep == t.groups[m-1].sep && t.size(m) == t.size(m-1)
				}
				if listed && m == 1 && !t.below(s, "phone") || more || t.amount(m, told) {
					continue
				}
			}
			if !plus && t.joinedOn(s) && !(told && (m > 1 || t.d[0] == 0 || t.sum[1] >= 10)) {
				continue
			}
			closed := t.at(t.groups[0].e) == ')'
			if t.at(s-1) == '(' && m > 1 && (closed || t.at(s-2) == '+') {
				s--
			}
			if t.at(s-1) == '+' {
				s--
			}
			if t.at(s-1) == '(' && plus && closed {
				s--
			}
			return t.emit(s, e, what)
		}
	}
	return 0
}

// phoneRegions are the regions whose national forms the module knows.
func phoneRegions(t testing.TB) []string {
	t.Helper()
	var list []string
	for _, m := range regionNames.FindAllStringSubmatch(readFile(t, "pii/phone_tables.h"), -1) {
		list = append(list, strings.Fields(m[1])...)
	}
	return list
}
