package classifiers

import (
	"bytes"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// The half of the twin that is about keys which say who issued them, as
// secrets/issued.h is.

func base64Digit(c byte) int {
	switch {
	case c == '-':
		c = '+'
	case c == '_':
		c = '/'
	}
	return strings.IndexByte(uppers+lowers+tens+"+/", c)
}

// decode is the base64 in [a, b) up to its first other character.
func (w *secretsTwin) decode(a, b int) []byte {
	var out []byte
	v, bits := 0, 0
	for _, c := range w.p[a:b] {
		d := base64Digit(c)
		if d < 0 {
			break
		}
		if v, bits = v<<6|d, bits+6; bits >= 8 {
			bits -= 8
			out = append(out, byte(v>>bits))
		}
	}
	return out
}

func (w *secretsTwin) inSet(c byte, set string) bool {
	switch set {
	case "HEX":
		return isHex(c)
	case "HEXDASH":
		return isHex(c) || c == '-'
	case "ALNUM":
		return isAlnum(c)
	case "TOKEN":
		return isToken(c)
	}
	return isToken(c) || strings.IndexByte(".=+/", c) >= 0
}

func (w *secretsTwin) checksumRight(a int) bool {
	const digits = tens + uppers + lowers
	crc := crc32.ChecksumIEEE(w.p[a : a+30])
	want := make([]byte, 6)
	for i := 5; i >= 0; i-- {
		want[i] = digits[crc%62]
		crc /= 62
	}
	return bytes.Equal(want, w.p[a+30:a+36])
}

func (w *secretsTwin) jwtEnd(a, b int) int {
	if !w.begins(a, "eyJ") || b-a < 12 || w.at(b) != '.' {
		return 0
	}
	part := func(i int) int {
		for isToken(w.at(i)) {
			i++
		}
		return i
	}
	c := part(b + 1)
	if c-b < 8 || w.at(c) != '.' {
		return 0
	}
	d := part(c + 1)
	if w.at(b+1) == 'e' {
		if d-c > 8 {
			return d
		}
		return 0
	}
	for w.at(d) == '.' && isToken(w.at(d+1)) {
		d = part(d + 1)
	}
	if d-c > 40 {
		return d
	}
	return 0
}

// longBefore says whether sixteen characters of a token end before the point at e.
func (w *secretsTwin) longBefore(e int) bool {
	return e >= 16 && !slices.ContainsFunc(w.p[e-16:e], func(c byte) bool { return !isToken(c) })
}

func (w *secretsTwin) prefixed(a int, inner bool) (end int, kind string, score float64) {
	if a > 1 && w.p[a-1] == '.' && w.longBefore(a-1) {
		return 0, "", 0
	}
	for _, is := range w.issuers {
		if !w.begins(a, is.prefix) {
			continue
		}
		if inner && !w.mayJudge(a) {
			return 0, "", 0
		}
		const rest = 256
		s := a + len(is.prefix)
		e := s
		for e < len(w.p) && e-s < rest && w.inSet(w.p[e], is.set) {
			e++
		}
		cut := e-s == rest
		for e > s && w.p[e-1] == '.' {
			e--
		}
		if is.most > 0 && e-s > is.most && is.set != "ALNUM" && is.set != "HEX" {
			e = s + is.least + bytes.LastIndexAny(w.p[s+is.least:s+is.most+1], "-_")
			if e < s+is.least {
				continue
			}
		}
		if e-s < is.least || is.most > 0 && e-s > is.most || is.set != "B64" && !cut && isAlnum(w.at(e)) || !w.measure(s, e).rest() || w.holds(s, e, "example") {
			continue
		}
		if r := w.measure(s, e); r.hexes == r.n && is.set != "HEX" && w.at(a-1) == '.' && isAlnum(w.at(a-2)) {
			continue
		}
		switch {
		case e-s == 36 && (is.kind == "GITHUB" || is.prefix[0] == 'n'):
			score = 0.85
			if w.checksumRight(s) {
				score = 0.99
			}
		case is.least < 24:
			score = 0.95
		default:
			score = 0.98
		}
		for cut && is.most == 0 && e < len(w.p) && w.inSet(w.p[e], is.set) {
			e++
		}
		return e, twinSecretKinds[is.kind], score
	}
	return 0, "", 0
}

// twinSecretKinds are the kinds by what the C calls them.
var twinSecretKinds = map[string]string{
	"AWS": "AWS_KEY", "GITHUB": "GITHUB_TOKEN", "GITLAB": "GITLAB_TOKEN", "GOOGLE": "GOOGLE_API_KEY", "OPENAI": "OPENAI_KEY",
	"ANTHROPIC": "ANTHROPIC_KEY", "SLACK": "SLACK_TOKEN", "STRIPE": "STRIPE_KEY", "GENERIC": "GENERIC",
}

var awsKeyID = regexp.MustCompile(`^(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}$`)

func (w *secretsTwin) hexKey(a, b int) bool {
	r := w.measure(a, b)
	return r.hexes == 32 && r.digits > 4 && r.varied()
}

// shaped gives a key that begins at a, in a run that ends at b, and has a form that
// is more than a prefix.
func (w *secretsTwin) shaped(a, b int, inner bool) (end int, kind string, score float64) {
	if w.begins(a, "eyJ") && w.at(b) == '.' && (!inner || w.mayJudge(a)) {
		if e := w.jwtEnd(a, b); e > 0 {
			// As much of the first part as decodes in whole groups of four.
			if bytes.Contains(w.decode(a, min(b, a+256)), []byte(`"alg"`)) {
				return e, "JWT", 0.98
			}
			return e, "JWT", 0.6
		}
	}
	e := a
	for isAlnum(w.at(e)) {
		e++
	}
	switch word := string(w.p[a:e]); {
	case awsKeyID.MatchString(word) && w.measure(a+4, e).varied() && !strings.HasSuffix(word, "EXAMPLE"):
		return e, "AWS_KEY", 0.97
	case len(word) == 34 && word[:2] == "SK" && w.hexKey(a+2, e):
		return e, "GENERIC", 0.97
	}
	return 0, "", 0
}

// formed gives the key that the run is the form of, and how many bytes before the
// run it begins.
func (w *secretsTwin) formed(a, b int) (end int, kind string, score float64, before int) {
	n := b - a
	run := string(w.p[a:b])
	if n == 35 && run[0] == 'A' && w.at(a-1) == ':' && a > 8 && isDigit(w.p[a-2]) && isDigit(w.p[a-8]) {
		if r := w.measure(a, b); r.rest() && r.digits > 1 {
			return b, "GENERIC", 0.97, 0
		}
	}
	if n >= 60 && strings.HasPrefix(run, "ZXlK") && w.measure(a, b).rest() {
		return b, "JWT", 0.9, 0
	}
	if (n == 36 || n == 37) && run[32:35] == "-us" && isDigit(run[35]) && isDigit(run[n-1]) {
		if w.hexKey(a, a+32) {
			return b, "GENERIC", 0.97, 0
		}
		return 0, "", 0, 0
	}
	if n >= 31 && a >= 5 && w.p[a-1] == '~' && w.p[a-2] == 'Q' && isDigit(w.p[a-3]) && isAlnum(w.p[a-4]) && w.p[a-5] < 0x80 && w.measure(a, b).rest() {
		e := b
		for isToken(w.at(e)) || w.at(e) == '.' || w.at(e) == '~' {
			e++
		}
		if e-a >= 31 && e-a <= 34 {
			return e, "GENERIC", 0.97, 5
		}
		return 0, "", 0, 0
	}
	if n >= 40 && strings.HasSuffix(run, "_mmk") && w.measure(a, b-4).rest() {
		return b, "GENERIC", 0.97, 0
	}
	return 0, "", 0, 0
}

func (w *secretsTwin) joined(p int) bool { return w.p[p-1] == '-' || w.p[p-1] == '_' }

// issuedAt looks for a key that holds the run, or begins in it; with rest, for one
// that is joined to what stands before in it.
func (w *secretsTwin) issuedAt(a, b int, rest bool) (start, end int, kind string, score float64) {
	if !rest {
		if end, kind, score = w.shaped(a, b, false); end > 0 {
			return a, end, kind, score
		}
		if e, kind, score, before := w.formed(a, b); e > 0 {
			return a - before, e, kind, score
		}
		parts := [][2]int{{a, a + 1}}
		for s := a; len(parts) < 3 && s > 0 && w.p[s-1] == '.'; {
			end := s - 1
			for s = end; s > 0 && end-s < 13 && isToken(w.p[s-1]); {
				s--
			}
			if s == end {
				break
			}
			parts = append(parts, [2]int{s, end})
		}
		for _, part := range parts {
			for p := part[0]; p < part[1]; p++ {
				if inner := p > part[0]; !inner || w.joined(p) || p == w.pastEscape(part[0]) {
					if end, kind, score = w.prefixed(p, inner); end > 0 {
						return p, end, kind, score
					}
				}
			}
		}
	}
	escaped := w.pastEscape(a)
	for p := a + 1; p+16 <= b; p++ {
		if p != escaped && !w.joined(p) {
			continue
		}
		if end, kind, score = w.shaped(p, b, true); end == 0 {
			end, kind, score = w.prefixed(p, true)
		}
		if end > 0 {
			return p, end, kind, score
		}
	}
	return a, 0, "", 0
}

func (w *secretsTwin) longRuns() {
	done := 0
	for i := 0; i < len(w.p); {
		b := i
		for isToken(w.at(b)) {
			b++
		}
		if b-i < 16 {
			i = b + 1
			continue
		}
		a := i
		for {
			start, e, kind, score := w.issuedAt(a, b, a > i)
			if e == 0 || start < done {
				break
			}
			w.emit(&w.issued, start, e, kind, score)
			a, done = e, e
		}
		if a == i && b-i < 200 {
			if r := w.measure(i, b); r.value() && r.digits > 0 && r.points*2 >= r.n {
				w.drawn = append(w.drawn, engine.Span{Start: i, End: b})
			}
		}
		i = max(b, a)
	}
}
