package classifiers

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// The half of the twin that is about names and values, as secrets/names.h,
// secrets/values.h and secrets/secrets.c are.

func (w *secretsTwin) nameHas(says string) bool {
	return slices.ContainsFunc(w.names[says], func(s string) bool { return strings.Contains(w.name, s) })
}

func (w *secretsTwin) nameSays() string {
	ends := slices.ContainsFunc(w.names["ENDS"], func(s string) bool { return strings.HasSuffix(w.name, s) })
	if w.nameHas("HARMLESS") || ends && !w.nameHas("SECRET_ID") {
		return ""
	}
	for _, says := range []string{"PASS", "STRONG", "WEAK"} {
		if w.nameHas(says) {
			return says
		}
	}
	return ""
}

func (w *secretsTwin) takeName(s, e int) {
	const size = 80
	n := []byte{'_'}
	last := byte('_')
	for k := s; k < e && len(n) < size-2; k++ {
		c := w.p[k]
		switch border := n[len(n)-1] != '_'; {
		case !isAlnum(c):
			if border {
				n = append(n, '_')
			}
		default:
			if last >= 'a' && last <= 'z' && c >= 'A' && c <= 'Z' && border {
				n = append(n, '_')
			}
			if len(n) < size-2 {
				n = append(n, lowerASCII(c))
			}
		}
		last = c
	}
	for len(n) > 1 && (isDigit(n[len(n)-1]) || n[len(n)-1] == '_') {
		n = n[:len(n)-1]
	}
	w.name = string(n) + "_"
	if w.name == "__" && slices.ContainsFunc(foreignPasswords, func(word string) bool { return bytes.HasSuffix(w.p[s:e], []byte(word)) }) {
		w.name = "_password_"
	}
}

var foreignPasswords = strings.Fields("пароль парола лозинка 密码 密碼 口令 パスワード 비밀번호 암호 סיסמה κωδικός المرور รหัสผ่าน पासवर्ड")

func (w *secretsTwin) readName(i int) int {
	e := i
	for steps := 0; e > 0 && steps < 10 && (strings.IndexByte(" \t=:?.|>\\*]", w.p[e-1]) >= 0 || isQuote(w.p[e-1])); steps++ {
		e--
	}
	s := e
	for s > 0 && e-s < 48 && (isToken(w.p[s-1]) || w.p[s-1] == '.' || w.p[s-1] >= 0x80) {
		s--
	}
	if e-s == 6 && w.beginsLower(s, "string") && s > 1 {
		e = s - 1
		for s = e; s > 0 && e-s < 48 && isToken(w.p[s-1]); {
			s--
		}
	}
	if s == e {
		return i
	}
	if begin := w.pastEscape(s); begin < e {
		s = begin
	}
	w.takeName(s, e)
	if s > 1 && w.p[s-1] == ' ' && isToken(w.p[s-2]) {
		switch w.name {
		case "_is_":
			return w.readName(s)
		case "_key_", "_passe_":
			w.takeName(w.wordsBefore(s, either(w.name == "_key_", 1, 2)), e)
		}
	}
	return s
}

// wordsBefore is where so many words begin that end before s, with single spaces;
// 15 bytes of them are looked at.
func (w *secretsTwin) wordsBefore(s, words int) int {
	v := s
	for range words {
		if v == 0 || w.p[v-1] != ' ' {
			break
		}
		for v--; v > 0 && s-v < 16 && isToken(w.p[v-1]); {
			v--
		}
	}
	return v
}

var pairForm = regexp.MustCompile(`(?i)(?:^|[^0-9a-z_-])(?:name|key)([ :"'` + "`" + `]{1,8})$`)

// pairName reads the name that stands in a pair with the word "value" at s.
func (w *secretsTwin) pairName(s int) bool {
	e := s
	for e > 0 && s-e < 40 && (w.p[e-1] <= ' ' || w.p[e-1] == ',' || isQuote(w.p[e-1])) {
		e--
	}
	a := e
	for a > 0 && e-a < 48 && (isToken(w.p[a-1]) || w.p[a-1] == '.' || w.p[a-1] >= 0x80) {
		a--
	}
	if a == e || !bytes.ContainsAny(w.p[e:s], ",\n") || !pairForm.Match(w.p[max(0, a-13):a]) {
		return false
	}
	w.takeName(a, e)
	return true
}

func (w *secretsTwin) goesOn(b int) bool { return w.begins(b, "...") || w.begins(b, "…") }

func (w *secretsTwin) inRow(i int) bool {
	from := max(0, i-256)
	line := w.p[from:i]
	if k := bytes.LastIndexByte(line, '\n'); k >= 0 {
		line = line[k+1:]
	}
	s := i - len(bytes.TrimLeft(line, " \t"))
	for s == i && oneOf(w.at(s), " \t") {
		s++
	}
	return w.at(s) == '|' && (s == 0 || i-s < 256)
}

func (w *secretsTwin) pastMarks(b int) int {
	for w.at(b) == ' ' || isQuote(w.at(b)) {
		b++
	}
	return b
}

func (w *secretsTwin) placeholder(a, b int) bool {
	for _, s := range w.placehold {
		if w.beginsLower(a, s) {
			return true
		}
	}
	if (w.beginsLower(a, "password") || w.beginsLower(a, "passwort")) && b-a < 11 {
		return true
	}
	return bytes.ContainsAny(w.p[a:b], "({<") || bytes.Contains(w.p[a:b], []byte("..")) ||
		w.holds(a, b, "example") || w.holds(a, b, "placeholder") || w.holds(a, b, "xxxx") || w.holds(a, b, "_here") || w.holds(a, b, "-here")
}

func isValue(c byte) bool {
	return c > ' ' && c < 0x7f && !isQuote(c) && strings.IndexByte(",;<>)\\]}", c) < 0
}

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`)

func (w *secretsTwin) uuid(a, b int) bool {
	return uuidForm.Match(w.p[a:b]) && w.measure(a, b).distinct > 6
}

func (w *secretsTwin) basic(a, b int) bool {
	text := w.p[a:b]
	if i := bytes.IndexByte(text, '='); i >= 0 {
		text = text[:(i+3)/4*4] // a group that holds the sign is read up to it
	}
	colon := false
	for i := 0; i < len(text); i += 4 {
		for _, c := range w.decode(a+i, a+min(i+4, len(text))) {
			if c < ' ' || c > '~' {
				return false
			}
			colon = colon || c == ':'
		}
	}
	return b-a >= 8 && colon
}

const twinJudged = 160

func (w *secretsTwin) foundValue(a, b int, kind string, score float64) int {
	if b-a >= twinJudged-4 {
		for b < len(w.p) && isValue(w.p[b]) {
			b++
		}
	}
	w.emit(&w.named, a, b, kind, score)
	return b
}

func (w *secretsTwin) assignment(i, width int) int {
	a := i + width
	for steps := 0; steps < 16; steps++ {
		c := w.at(a)
		if !(c > 0 && strings.IndexByte(" \t=:>\\*", c) >= 0 || (c == '\n' || c == '\r') && w.at(i) == '>' || isQuote(c)) {
			break
		}
		a++
	}
	if !isValue(w.at(a)) || !isValue(w.at(a+5)) {
		return 0
	}
	named := w.readName(i)
	if named == i {
		return a
	}
	if w.name == "_value_" && w.readName(named) == named && !w.pairName(named) {
		return 0
	}
	says := w.nameSays()
	if says == "" {
		return a
	}
	quoted, isBasic := isQuote(w.at(a-1)), false
	for k, scheme := range w.schemes {
		if w.beginsLower(a, scheme) {
			a += len(scheme) - 1
			for w.at(a) == ' ' {
				a++
			}
			isBasic = k == 0
			break
		}
	}
	if !w.mayJudge(a) {
		return a
	}
	query := named > 0 && (w.p[named-1] == '?' || w.p[named-1] == '&')
	sign := w.at(i)
	if sign == ',' && w.at(named-1) == '$' {
		return 0
	}
	b := a
	for b < len(w.p) && b-a < twinJudged && isValue(w.p[b]) && !(query && sign != '|' && w.p[b] == '&') && !(sign == '|' && w.p[b] == '|') {
		b++
	}
	switch behind := w.at(w.pastMarks(b)); {
	case sign == '|' && (behind != '|' || !w.inRow(i)), sign == ',' && behind == ':':
		return 0
	}
	for b > a && (w.p[b-1] == '.' || w.p[b-1] == ':' || w.p[b-1] == '!' && says != "PASS") {
		b--
	}
	taken := b > a && shares(w.issued, a, b)
	if b-a < 6 || w.placeholder(a, b) || w.goesOn(b) || taken {
		if taken {
			return b
		}
		return 0
	}
	r := w.measure(a, b)
	if says == "PASS" {
		marks := r.n - r.digits - r.letters
		if r.distinct < 4 || !quoted && (r.digits == 0 || r.letters == 0) || w.at(i) == ':' && w.at(i+1) == '/' || w.holds(a, b, "://") || quoted && w.at(b) == ' ' {
			return 0
		}
		score := 0.7
		if r.digits > 0 && (marks > 0 || r.points > 4) {
			score = 0.9
		} else if quoted {
			score = 0.75
		}
		return w.foundValue(a, b, "PASSWORD", score)
	}
	if isBasic && w.basic(a, b) {
		return w.foundValue(a, b, "GENERIC", 0.9)
	}
	for k := a; k < b; k++ {
		if w.p[k] == ':' && w.at(k+1) == '/' {
			return 0
		}
	}
	if says == "STRONG" && w.uuid(a, b) {
		return w.foundValue(a, b, "GENERIC", 0.8)
	}
	switch {
	case !r.value():
		return 0
	case says == "WEAK":
		if r.n < 20 || r.points*2 < r.n || w.uuid(a, b) {
			return 0
		}
		return w.foundValue(a, b, "GENERIC", 0.55)
	case strings.Contains(w.name, "_aws_") && r.n == 40:
		return w.foundValue(a, b, "AWS_KEY", 0.9)
	case r.n >= 20:
		return w.foundValue(a, b, "GENERIC", 0.9)
	}
	return w.foundValue(a, b, "GENERIC", 0.75)
}

func (w *secretsTwin) urlPassword(i int) int {
	if i < 2 || !isAlnum(w.at(i-1)) {
		return 0
	}
	if w.begins(i+3, "hooks.slack.com/services/") || w.begins(i+3, "hooks.slack.com/workflows/") {
		q := i + 28
		for isToken(w.at(q)) || w.at(q) == '/' {
			q++
		}
		if q-i-28 >= 40 && w.measure(i+28, q).rest() {
			w.emit(&w.named, i+28, q, "SLACK_TOKEN", 0.97)
			return q
		}
		return 0
	}
	colon, back := 0, 0
	for q := i + 3; q < len(w.p) && q-i < 256; q++ {
		c := w.p[q]
		if c <= ' ' || isQuote(c) || strings.IndexByte("<>/?#", c) >= 0 {
			break
		}
		if c == ':' && colon == 0 {
			colon = q
		}
		if c == '@' {
			back = q
		}
	}
	if colon == 0 || back < colon+4 || w.placeholder(colon+1, back) {
		return 0
	}
	for _, s := range []string{"pass@", "pwd@", "password@"} {
		if w.beginsLower(colon+1, s) {
			return 0
		}
	}
	r := w.measure(colon+1, back)
	if r.distinct < 3 || shares(w.issued, colon+1, back) {
		return 0
	}
	score := 0.8
	if r.digits > 0 || r.points > 2 {
		score = 0.95
	}
	w.emit(&w.named, colon+1, back, "CONNECTION_STRING", score)
	return back
}

func (w *secretsTwin) curlUser(i int) int {
	s, e := i, i+1
	for s > 0 && i-s < 64 && (isToken(w.p[s-1]) || w.p[s-1] == '.' || w.p[s-1] == '@') {
		s--
	}
	if s == i {
		return 0
	}
	if s > 0 && isQuote(w.p[s-1]) {
		s--
	}
	if s > 0 && (w.p[s-1] == ' ' || w.p[s-1] == '=') {
		s--
	}
	if !bytes.HasSuffix(w.p[:s], []byte(" -u")) && !bytes.HasSuffix(w.p[:s], []byte(" --user")) {
		return 0
	}
	for e < len(w.p) && e-i < 128 && isValue(w.p[e]) {
		e++
	}
	if e-i < 5 || w.placeholder(i+1, e) || shares(w.issued, i+1, e) || w.measure(i+1, e).distinct < 4 {
		return 0
	}
	w.emit(&w.named, i+1, e, "PASSWORD", 0.85)
	return e
}

func (w *secretsTwin) privateKey(i int) int {
	q := i
	for w.at(q) == '-' {
		q++
	}
	if q-i < 5 || !w.begins(q, "BEGIN ") {
		return q
	}
	e := q
	private := false
	for e < len(w.p) && e-q < 64 && w.p[e] != '-' && w.p[e] != '\n' {
		private = private || w.begins(e, "PRIVATE KEY")
		e++
	}
	if !private || !w.begins(e, "-----") {
		return q
	}
	e += 5
	body := 0
	for k := e; k < len(w.p) && k-e < 16384; k++ {
		body += b2i(isAlnum(w.p[k]))
		if w.begins(k, "-----END ") {
			for k += 9; k < len(w.p) && w.p[k] != '-' && w.p[k] != '\n'; {
				k++
			}
			for w.at(k) == '-' {
				k++
			}
			e = k
			break
		}
		if w.begins(k, "-----BEGIN ") {
			break
		}
	}
	score := 0.6
	if body > 60 {
		score = 0.99
	}
	w.emit(&w.named, i, e, "PRIVATE_KEY", score)
	return e
}

func (w *secretsTwin) kubernetes(i int) {
	if i < w.kubernetesDone || i < 4 || !w.beginsLower(i-4, "kind") {
		return
	}
	v := i + 1
	for w.at(v) == ' ' || isQuote(w.at(v)) {
		v++
	}
	if i > 4 && strings.IndexByte("\n \t", w.p[i-5]) < 0 || !w.beginsLower(v, "secret") || isAlnum(w.at(v+6)) {
		return
	}
	s, e := i, i
	for s > 0 && i-s < 4096 && !w.begins(s, "\n---") {
		s--
	}
	for e < len(w.p) && e-i < 4096 && !w.begins(e, "\n---") {
		e++
	}
	w.kubernetesDone = e
	in, depth := false, 0
	for s < e {
		for s < e && w.p[s] == '\n' {
			s++
		}
		line := s
		for s < e && (w.p[s] == ' ' || w.p[s] == '\t') {
			s++
		}
		key := s
		for s < e && w.p[s] != '\n' {
			s++
		}
		end := key + len(bytes.TrimRight(w.p[key:s], " \r"))
		if string(w.p[key:end]) == "data:" {
			in, depth = true, key-line
			continue
		}
		if key-line <= depth {
			in = false
		}
		a, b := key, end
		if c := bytes.IndexByte(w.p[key:end], ':'); c >= 0 {
			a = key + c + 1
		}
		for a < end && w.p[a] == ' ' {
			a++
		}
		if b-a > 2 && isQuote(w.p[a]) {
			a, b = a+1, b-1
		}
		only := in
		for k := a; k < b; k++ {
			only = only && (base64Digit(w.p[k]) >= 0 || w.p[k] == '=' && k+3 > b)
		}
		if only && b-a >= 10 && !shares(w.issued, a, b) {
			w.report(a, b, "GENERIC", 0.85)
		}
	}
}

// said looks for a word that says what the value is in which the digits at i are.
func (w *secretsTwin) said(i int) int {
	a, e := i, i
	for isDigit(w.at(e)) {
		e++
	}
	if i < w.saidUntil {
		return e
	}
	for a > 0 && i-a < 64 && (isValue(w.p[a-1]) || isQuote(w.p[a-1])) {
		a--
	}
	w.saidUntil = e
	for w.saidUntil-i < 64 && isValue(w.at(w.saidUntil)) {
		w.saidUntil++
	}
	for k, word := range []string{"to", "auf", "a", "is", "was", "ist", "lautet", "es", "est", "er", "é", "è"} {
		s := a - 1 - len(word)
		if a <= 4 || s < 2 || string(w.p[s-1:a]) != " "+word+" " {
			continue
		}
		from := max(0, s-64)
		verb := func(verb string) bool { return w.holds(from, s, verb) }
		if k < 3 && !slices.ContainsFunc(strings.Fields("chang update rotate setz nder cambi mudar mude"), verb) && !verb("set ") {
			return e
		}
		if r := w.assignment(s, len(word)); r > a {
			return r
		}
		return e
	}
	return max(e, w.nextTo(a))
}

var (
	lineMarks = regexp.MustCompile(`[ \t>*$-]*$`)
	lineEnd   = regexp.MustCompile(`^["'` + "`" + `]?[ \r]*(?:\n|$)`)
	setsName  = regexp.MustCompile(`(?i)(?:env|arg|export|set|setenv) $`)
)

// nextTo looks at a value at a that nothing but a space parts from its name.
func (w *secretsTwin) nextTo(a int) int {
	if a < 4 {
		return 0
	}
	spaced := w.p[a-1] == ' ' && (isAlnum(w.p[a-2]) || w.p[a-2] >= 0x80)
	p := a - 1
	if !spaced {
		p = w.gapBefore(a)
	}
	s := w.readName(p)
	if p == a || s == p || w.at(s-1) == '=' {
		return 0
	}
	says := w.nameSays()
	if says == "" || !spaced && (says == "WEAK" || oneOf(w.at(s-1), ",;|\t")) {
		return 0
	}
	v := a + b2i(isQuote(w.at(a)))
	b := v
	for b < len(w.p) && b-v < twinJudged && isValue(w.p[b]) {
		b++
	}
	if r := w.measure(v, b); r.value() {
		if says == "WEAK" && r.hexes == r.n {
			return 0
		}
	} else {
		before := w.p[:s]
		before = before[:len(before)-len(setsName.Find(before[max(0, s-7):]))]
		before = before[:len(before)-len(lineMarks.Find(before[max(0, len(before)-8):]))]
		if says != "PASS" || !spaced || b-v < 8 || w.holds(v, b, "=") || !lineEnd.Match(w.p[b:]) || !w.holds(s, a, "_") && len(before) > 0 && before[len(before)-1] != '\n' {
			return 0
		}
	}
	return w.assignment(p, a-p)
}

var tagBefore = regexp.MustCompile(`<[^<>\n]*>$`)

// gapBefore is where the signs and tags begin that part a value from what is before.
func (w *secretsTwin) gapBefore(a int) int {
	p := a
	for p > 0 && a-p < 48 {
		c := w.p[p-1]
		if c == '>' {
			tag := tagBefore.Find(w.p[max(0, p-25):p])
			if tag == nil {
				return a
			}
			p -= len(tag)
			continue
		}
		if !oneOf(c, " \t\n\r-:.(|") && !isQuote(c) {
			break
		}
		p--
	}
	if w.at(p) == '.' && w.at(p+1) != '.' {
		return a
	}
	return p
}

func (w *secretsTwin) signs() {
	for i := 0; i < len(w.p); {
		e := 0
		switch c := w.p[i]; {
		case c == '-' && w.at(i+1) == '-' && w.at(i+4) == '-':
			e = w.privateKey(i)
		case c == ',' && isQuote(w.at(i-1)) && (isQuote(w.at(i+1)) || isQuote(w.at(i+2))):
			e = w.assignment(i, 1)
		case c == ':' && w.begins(i, "://"):
			e = w.urlPassword(i)
		case c == ':':
			w.kubernetes(i)
			if e = w.curlUser(i); e == 0 {
				e = w.assignment(i, 1)
			}
		case c == '=', c == '>', c == '|':
			e = w.assignment(i, 1)
		case isDigit(c):
			e = w.said(i)
		}
		i = max(i+1, e)
	}
}

func (w *secretsTwin) drawnRuns() {
	named := slices.Clone(w.named)
	for _, d := range w.drawn {
		s := d.Start
		for s > 0 && (w.p[s-1] == ' ' || isQuote(w.p[s-1])) {
			s--
		}
		if shares(named, d.Start, d.End) || s == d.Start || !isAlnum(w.at(s-1)) {
			continue
		}
		for s > 0 && d.Start-s < 40 && w.p[s-1] != '\n' {
			s--
		}
		if w.takeName(s, d.Start); !w.nameHas("HARMLESS") && (w.nameHas("STRONG") || w.nameHas("PASS")) && !w.placeholder(d.Start, d.End) && !w.goesOn(d.End) {
			w.report(d.Start, d.End, "GENERIC", 0.7)
		}
	}
}
