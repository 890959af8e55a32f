package classifiers

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// secretsTables are the tables that the module is built from, read from its
// sources.
type secretsTables struct {
	issuers                     []secretsIssuer
	names                       map[string][]string // parts by what they say
	follows, schemes, placehold []string
}

type secretsIssuer struct {
	kind, prefix, set string
	least, most       int
}

// cStrings reads the string literals of a table in a C file; \0 ends a string.
func cStrings(t testing.TB, file, table string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(b), " "+table+"[")
	if !ok {
		t.Fatalf("%s: no %s", file, table)
	}
	_, body, _ = strings.Cut(body, "=")
	body, _, _ = strings.Cut(body, "};\n")
	if before, _, ok := strings.Cut(body, "\";\n"); ok {
		body = before + "\""
	}
	var out []string
	for _, m := range regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(body, -1) {
		for s := range strings.SplitSeq(strings.TrimSuffix(m[1], `\0`), `\0`) {
			out = append(out, s)
		}
	}
	return out
}

func readSecretsTables(t testing.TB) *secretsTables {
	t.Helper()
	s := &secretsTables{
		names: map[string][]string{}, follows: cStrings(t, "secrets/random.h", "follows"),
		schemes: cStrings(t, "secrets/secrets.c", "schemes"), placehold: cStrings(t, "secrets/values.h", "begin"),
	}
	for _, m := range cRows(t, "secrets/name_parts.h", `N\("([a-z_]+)", ([A-Z_]+)\)`) {
		s.names[m[2]] = append(s.names[m[2]], m[1])
	}
	for _, m := range cRows(t, "secrets/issuers.h", `I\((\w+), "([^"]+)", (\w+), (\d+), (\d+)\)`) {
		least, _ := strconv.Atoi(m[4])
		most, _ := strconv.Atoi(m[5])
		s.issuers = append(s.issuers, secretsIssuer{m[1], m[2], m[3], least, most})
	}
	if len(s.follows) != 26 || len(s.placehold) < 30 || len(s.schemes) < 6 {
		t.Fatalf("tables: %d, %d, %d", len(s.follows), len(s.placehold), len(s.schemes))
	}
	return s
}

// cRows reads the rows of a table in a file of its own; each line that is not a
// comment must be one.
func cRows(t testing.TB, file, row string) [][]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(b), "*/\n")
	rows := regexp.MustCompile("(?m)^"+row+"$").FindAllStringSubmatch(body, -1)
	if n := strings.Count(body, "\n"); n != len(rows) {
		t.Fatalf("%s: %d rows read of %d", file, len(rows), n)
	}
	return rows
}

// secretsTwin is classifiers/secrets in plain Go, for the tests that hold the two
// against each other. It follows the C by name where the rules are.
type secretsTwin struct {
	*secretsTables
	folded
	issued, named, drawn []engine.Span // in bytes of the view
	found                []engine.Finding
	kubernetesDone       int
	judgedUntil, judged  int
	name                 string
}

// folded is a text seen through its disguises, with the original bytes of each
// byte.
type folded struct {
	p          []byte
	from, upto []int
}

func foldText(text string) folded {
	var f folded
	for i, r := range text {
		n := utf8.RuneLen(r)
		switch c := foldRune(r); {
		case c > 0:
			f.p, f.from, f.upto = append(f.p, byte(c)), append(f.from, i), append(f.upto, i+n)
		case c < 0:
			for k := range n {
				f.p, f.from, f.upto = append(f.p, text[i+k]), append(f.from, i+k), append(f.upto, i+k+1)
			}
		}
	}
	return f
}

func (f *folded) at(i int) byte {
	if i < 0 || i >= len(f.p) {
		return 0
	}
	return f.p[i]
}

func (f *folded) begins(i int, s string) bool {
	return i >= 0 && i <= len(f.p) && bytes.HasPrefix(f.p[i:], []byte(s))
}

func (f *folded) beginsLower(i int, s string) bool {
	for k := range len(s) {
		if lowerASCII(f.at(i+k)) != s[k] {
			return false
		}
	}
	return true
}

func (f *folded) holds(a, b int, word string) bool {
	for i := a; i < b; i++ {
		if f.beginsLower(i, word) {
			return true
		}
	}
	return false
}

func (t *secretsTables) find(text string) []engine.Finding {
	w := &secretsTwin{secretsTables: t, folded: foldText(text)}
	w.longRuns()
	w.signs()
	w.drawnRuns()
	return w.found
}

func shares(l []engine.Span, a, b int) bool {
	i, _ := slices.BinarySearchFunc(l, a, func(s engine.Span, a int) int {
		if s.End <= a {
			return -1
		}
		return 1
	})
	return i < len(l) && l[i].Start < b
}

func (w *secretsTwin) report(s, e int, kind string, score float64) {
	w.found = append(w.found, engine.Finding{
		Classifier: "test", Kind: "SECRET_" + kind, Score: score, Span: engine.Span{Start: w.from[s], End: w.upto[e-1]},
	})
}

func (w *secretsTwin) emit(pass *[]engine.Span, s, e int, kind string, score float64) {
	*pass = append(*pass, engine.Span{Start: s, End: e})
	w.report(s, e, kind, score)
}

func isToken(c byte) bool { return isAlnum(c) || c == '_' || c == '-' }
func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// drawnness is what measure finds.
type drawnness struct{ n, digits, letters, hexes, distinct, most, steps, points int }

func (w *secretsTwin) measure(a, b int) (r drawnness) {
	var seen [256]int
	last := byte(0)
	r.n = b - a
	for _, c := range w.p[a:b] {
		d, l := isDigit(c), isAlpha(c)
		r.digits += b2i(d)
		r.letters += b2i(l)
		r.hexes += b2i(isHex(c))
		r.steps += b2i(int(c) == int(last)+1)
		switch {
		case l && isAlpha(last) && last >= 'a' && c <= 'Z':
			r.points++
		case l && isAlpha(last) && strings.IndexByte(w.follows[last|32-'a'], c|32) >= 0:
			r.points--
		case l && isAlpha(last), l && isDigit(last), d && isAlpha(last):
			r.points += 2
		}
		last = c
		seen[c]++
	}
	for _, n := range seen {
		r.distinct += min(n, 1)
		r.most = max(r.most, min(n, 255))
	}
	return r
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r drawnness) varied() bool {
	distinct := 8
	if r.n < 24 {
		distinct = 6
	}
	return r.distinct >= distinct && r.most*3 <= r.n+3 && r.steps*3 < r.n
}

func (r drawnness) rest() bool { return r.varied() && r.points >= 3 && r.points*6 >= r.n }

func (r drawnness) value() bool {
	points := 7
	if r.n < 12 {
		points = 10
	}
	return r.n >= 10 && r.varied() && r.points >= points && r.points*4 >= r.n
}

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

func (w *secretsTwin) prefixed(a int) (end int, kind string, score float64) {
	if a > 1 && w.p[a-1] == '.' && isAlnum(w.p[a-2]) {
		return 0, "", 0
	}
	for _, is := range w.issuers {
		if !w.begins(a, is.prefix) {
			continue
		}
		s := a + len(is.prefix)
		e := s
		for e < len(w.p) && e-s < 1024 && w.inSet(w.p[e], is.set) {
			e++
		}
		for e > s && w.p[e-1] == '.' {
			e--
		}
		if e-s < is.least || is.most > 0 && e-s > is.most || is.set != "B64" && isToken(w.at(e)) || !w.measure(s, e).rest() || w.holds(s, e, "example") {
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
		for e-s >= 1024 && e < len(w.p) && w.inSet(w.p[e], is.set) {
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

// formed gives the key that the run is the form of, and how many bytes before the
// run it begins.
func (w *secretsTwin) formed(a, b int) (end int, kind string, score float64, before int) {
	n := b - a
	run := string(w.p[a:b])
	if e := w.jwtEnd(a, b); e > 0 {
		// As much of the first part as decodes in whole groups of four.
		if bytes.Contains(w.decode(a, min(b, a+256)), []byte(`"alg"`)) {
			return e, "JWT", 0.98, 0
		}
		return e, "JWT", 0.6, 0
	}
	r := drawnness{}
	hexKey := func(a, b int) bool {
		r = w.measure(a, b)
		return r.hexes == 32 && r.digits > 4 && r.varied()
	}
	switch {
	case awsKeyID.MatchString(run):
		if w.measure(a+4, b).varied() && !strings.HasSuffix(run, "EXAMPLE") {
			return b, "AWS_KEY", 0.97, 0
		}
		return 0, "", 0, 0
	case n == 35 && run[0] == 'A' && w.at(a-1) == ':' && a > 8 && isDigit(w.p[a-2]) && isDigit(w.p[a-8]):
		if r = w.measure(a, b); r.rest() && r.digits > 1 {
			return b, "GENERIC", 0.97, 0
		}
	}
	if n >= 60 && strings.HasPrefix(run, "ZXlK") && w.measure(a, b).rest() {
		return b, "JWT", 0.9, 0
	}
	if n == 34 && strings.HasPrefix(run, "SK") {
		if hexKey(a+2, b) {
			return b, "GENERIC", 0.97, 0
		}
		return 0, "", 0, 0
	}
	if (n == 36 || n == 37) && run[32:35] == "-us" && isDigit(run[35]) && isDigit(run[n-1]) {
		if hexKey(a, a+32) {
			return b, "GENERIC", 0.97, 0
		}
		return 0, "", 0, 0
	}
	if n >= 31 && a >= 5 && w.p[a-1] == '~' && w.p[a-2] == 'Q' && isDigit(w.p[a-3]) && isAlnum(w.p[a-4]) && w.measure(a, b).rest() {
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

func (w *secretsTwin) issuedAt(a, b int) (start, end int, kind string, score float64) {
	end, kind, score, before := w.formed(a, b)
	start = a - before
	for parts := 0; end == 0 && parts < 3; parts++ {
		end, kind, score = w.prefixed(start)
		s := start
		if end > 0 || s == 0 || w.p[s-1] != '.' {
			break
		}
		for s--; s > 0 && start-s < 14 && isToken(w.p[s-1]); {
			s--
		}
		if s+1 == start {
			break
		}
		start = s
	}
	return start, end, kind, score
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
		start, e, kind, score := w.issuedAt(i, b)
		if e > 0 && start >= done {
			w.emit(&w.issued, start, e, kind, score)
			done = e
		} else if b-i < 200 {
			if r := w.measure(i, b); r.value() && r.digits > 0 && r.points*2 >= r.n {
				w.drawn = append(w.drawn, engine.Span{Start: i, End: b})
			}
		}
		i = max(b, e)
	}
}

// secretSeeds are texts near the borders of what is looked for. Prefixes are put
// together here, so that no tool takes this file for a leak.
func secretSeeds(tables *secretsTables) []string {
	seeds := []string{
		"password = \"hunter2!\" and the api key is a8Fk29dLq0ZmX71bTR5w", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Bearer x9Kd82mQp04Zt71LvRw3",
		"curl -u admin:s3cr3t! https://example.com --user \"bob:hunter22\"", "postgres://app:h4ns3l@db/app https://u:pass@h", "token => 'q8w7e6r5t4y3u2i1'",
		"apiVersion: v1\nkind: Secret\ndata:\n  a: dXNlcjpwYXNz\n  b: |\n    dXNlcjpwYXNzdXNlcg==\ntype: Opaque\n---\nkind: Secret\ndata:\n\tc: \"YWJjZGVmZ2hpag==\"",
		"<add key=\"ApiSecret\" value=\"Zk39dL20qPx7Rt5w\"/>", "kms_key_id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301 secret_id=3f2504e0-4f89-11d3-9a0c-0305e82c3301",
		"-----BEGIN RSA PRIVATE" + " KEY-----\nMIIabc\n-----END RSA PRIVATE" + " KEY-----", "-----BEGIN EC PRIVATE" + " KEY----------BEGIN X-----",
		"ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g", "https://hooks.slack" + ".com/services/T0A1B2C3D/B0A1B2C3D/a1B2c3D4e5F6g7H8i9J0k1L2",
		"0123456789abcdef0a1b2c3d4e5f6071" + "-us21 9123456789abcdef0a1b2c3d4e5f6071" + "-us5x", "SK" + "9123456789abcdef0a1b2c3d4e5f6071", "abc8Q" + "~a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6", "w5fruZ_8ZUsgYLu8vwgb3yKsgMna3uIF9Oa4" + "_mmk", "glc" + "_" + strings.Repeat("a1B2c3D4e5F6/", 99) + ".", "https://h/p?token=x9Kd82mQp04Zt71L&secret=Zk39dL20qPx7Rt5w&user=b", strings.Repeat("token=", 60), "use token ZXlKaGRXUWlPaUpvZEhSd2N6b3ZMM1poZFd4MExtVjRZVzF3YkdVdVkyOXRJbjA0cGh", "AK" + "IAQWERTYUIOP234567", "123456789:AAabcdefghijklmnopqr" + "stuvwxyz0123456",
		"SECRET１２３=ａｂ3d9Kq\u200b72LmZ0pW18", "key = adf4b1dbRdW3rOcB7xLthrM4BTBGK1qPLkHigpN1bXD6z", "string apiToken string = `x9Kd82mQp04Zt71LvRw3`",
	}
	r := rand.New(rand.NewPCG(11, 12))
	for _, is := range tables.issuers {
		alphabet := map[string]string{"HEX": tens + "abcdef", "HEXDASH": tens + "abcdef-"}[is.set]
		if alphabet == "" {
			alphabet = lowers + uppers + tens
		}
		rest := make([]byte, max(is.least, min(is.most, is.least+4)))
		for i := range rest {
			rest[i] = alphabet[r.IntN(len(alphabet))]
		}
		seeds = append(seeds, fmt.Sprintf("x %s%s, y", is.prefix, rest))
	}
	return seeds
}

func checkSecretsTwin(t *testing.T, c *Classifier, tables *secretsTables, text string) {
	t.Helper()
	got, err := c.Classify(context.Background(), userTexts(text))
	if err != nil {
		t.Fatal(err)
	}
	if got.Truncated {
		return
	}
	if diff := cmp.Diff(tables.find(text), got.Findings); diff != "" {
		t.Fatalf("the twin (-) and the module (+) disagree on %q:\n%s", text, diff)
	}
}

// TestSecretsTwin cuts the seeds into pieces and puts them together anew.
func TestSecretsTwin(t *testing.T) {
	tables := readSecretsTables(t)
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:secrets", TimeLimit: time.Minute})
	all := append(secretSeeds(tables), seeds...)
	all = append(all, secretsNegatives...)
	for _, text := range all {
		checkSecretsTwin(t, c, tables, text)
	}
	r := rand.New(rand.NewPCG(9, 10))
	for range 4000 {
		var b strings.Builder
		for range 1 + r.IntN(5) {
			s := all[r.IntN(len(all))]
			from := r.IntN(len(s) + 1)
			b.WriteString(s[from : from+r.IntN(len(s)-from+1)])
			b.WriteString([]string{"", "", " ", "=", ": ", "\n", ".", "\"", "token=", "password: ", "&key=", "?token="}[r.IntN(12)])
		}
		checkSecretsTwin(t, c, tables, validUTF8(b.String()))
	}
}

func FuzzSecrets(f *testing.F) {
	tables := readSecretsTables(f)
	for _, s := range append(secretSeeds(tables), secretsNegatives...) {
		f.Add(s)
	}
	c := load(f, newHost(f), ModuleConfig{Module: "builtin:secrets", TimeLimit: time.Minute})
	f.Fuzz(func(t *testing.T, text string) { checkSecretsTwin(t, c, tables, validUTF8(text)) })
}
