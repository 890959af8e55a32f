package classifiers

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// secretsTwin is classifiers/secrets in plain Go, for the tests that hold the two
// against each other. It follows the C by name where the rules are.
type secretsTwin struct {
	*secretsTables
	folded
	issued, named, drawn []engine.Span // in bytes of the view
	found                []engine.Finding
	kubernetesDone       int
	saidUntil            int
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
	w.judgedUntil = 0
	w.signs()
	w.drawnRuns()
	return w.found
}

// mayJudge bounds how many values are looked at that begin in so many bytes.
func (w *secretsTwin) mayJudge(a int) bool {
	if a >= w.judgedUntil {
		w.judgedUntil, w.judged = a+twinJudged, 0
	}
	w.judged++
	return w.judged <= 6
}

var escapeForm = regexp.MustCompile(`^(?:\\(?:[nrt]|u[0-9A-Fa-f]{4})|%[0-9A-Fa-f]{2})`)

// pastEscape is the end of an escape whose sign stands before a, or a.
func (w *secretsTwin) pastEscape(a int) int {
	if a == 0 {
		return a
	}
	return a - 1 + max(1, len(escapeForm.Find(w.p[a-1:min(len(w.p), a+5)])))
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
		"| a | db password | Kd82-mQp04! |\n| x | mot de passe | `Kd82mQp04` | y | token | x9Kd82mQp04Zt71LvRw3 |", "set AUTH_TOKEN to x9Kd82mQp04Zt71LvRw3 then; change the password to 'Kd82-mQp04'", "Mein Passwort ist Kd82-mQp04, la contraseña es Kd82mQp04 a senha é Kd82mQp04",
		"env:\n  - name: API_TOKEN\n    value: x9Kd82mQp04Zt71LvRw3\n[{\"name\": \"api.key\", \"value\": \"x9Kd82mQp04Zt71LvRw3\"}]", "token=eyJhbGciOiJIUzI1NiJ9... password: \"op://a/b1/c\" {\"secret\": \"$DB_PASSWORD\", \"region1\": \"eu\"} password='ghp_xxxxxxxx1' token … eyJhbGciOiJIUzI1NiJ9…",
		"postgresql+psycopg2://app:h4ns3l@db/app token AAAAC3NzaC1lZDI1NTE5AAAAIV2Ln6lLcuoJryCO5 publishable_token=pk_live_a8Fk29dLq0ZmX71bTR5w", "MTA4NjM1NDQ5OTg4MTUzNzY2.Gx3k9Z.a8Fk29dLq0ZmX71bTR5wa8Fk29dLq0Zm",
		"ENV API_TOKEN x9Kd82mQp04Zt71LvRw3\n> hasło grün-baum-haus-08\n- export pw 'Nadel#98'\nsetenv\tpass word2vec-big\nsetenv DB_PASSWORD word2vec-big ", "using cohere key h8YoSd0bRs9kzdGCC3YBYnOzBJXM5JbDlgBU, key 0a1b2c3d4e5f60718293a4b5c6d7e8f9",
		"x: using DB_PASSWORD word2vec-big", "API token ..........: x9Kd82mQp04Zt71LvRw3 secret. x9Kd82mQp04Zt71LvRw3",
		"<dt>api_token</dt>\n<dd>x9Kd82mQp04Zt71LvRw3</dd> password\n-----\nx9Kd82mQp04Zt71LvRw3 set_token(\"x9Kd82mQp04Zt71LvRw3\") a,token\nx9Kd82mQp04Zt71LvRw3", "пароль: Kd82-mQp04 密码是 Kd82-mQp04 비밀번호=Kd82mQp04x паролька: Kd82-mQp04 lösenord = 'Kd82-mQp04' clave \"x9Kd82mQp04Zt71LvRw3\"",
		"\u065400Q" + "~0000000000111111111011222278A9B",
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
