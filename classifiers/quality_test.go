package classifiers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"

	"github.com/sallyport-ai/sallyport/engine"
)

// tally counts, for one kind: found and there, there and not found, found and
// not there. A finding counts from a score of 0.5 and where it covers half of
// what both cover together.
type tally struct{ hit, miss, false int }

func (a tally) precision() float64 { return float64(a.hit) / max(1, float64(a.hit+a.false)) }
func (a tally) recall() float64    { return float64(a.hit) / max(1, float64(a.hit+a.miss)) }

type marked struct {
	text  string
	spans []engine.Finding
}

var mark = regexp.MustCompile(`\{([A-Z][A-Z_]+):([^}]+)\}`)

// unmark takes {KIND:value} marks out of a text.
func unmark(line string) marked {
	var m marked
	at := 0
	for _, k := range mark.FindAllStringSubmatchIndex(line, -1) {
		m.text += line[at:k[0]]
		start := len(m.text)
		m.text += line[k[4]:k[5]]
		m.spans = append(m.spans, engine.Finding{Kind: line[k[2]:k[3]], Span: engine.Span{Start: start, End: len(m.text)}})
		at = k[1]
	}
	m.text += line[at:]
	return m
}

func grade(t *testing.T, c *Classifier, texts []marked) map[string]*tally {
	t.Helper()
	by := map[string]*tally{}
	of := func(kind string) *tally {
		if by[kind] == nil {
			by[kind] = &tally{}
		}
		return by[kind]
	}
	for _, m := range texts {
		rep, err := c.Classify(context.Background(), userTexts(m.text))
		if err != nil {
			t.Fatal(err)
		}
		used := make([]bool, len(rep.Findings))
	next:
		for _, want := range m.spans {
			for i, f := range rep.Findings {
				both := min(f.Span.End, want.Span.End) - max(f.Span.Start, want.Span.Start)
				all := max(f.Span.End, want.Span.End) - min(f.Span.Start, want.Span.Start)
				if f.Kind == want.Kind && f.Score >= 0.5 && 2*both >= all {
					used[i] = true
					of(want.Kind).hit++
					continue next
				}
			}
			of(want.Kind).miss++
			t.Logf("missed %s in %q", want.Kind, m.text)
		}
		for i, f := range rep.Findings {
			if !used[i] && f.Score >= 0.5 {
				of(f.Kind).false++
				t.Logf("%s %.2f where none is: %q in %q", f.Kind, f.Score, m.text[f.Span.Start:f.Span.End], m.text)
			}
		}
	}
	return by
}

func TestPIICorpus(t *testing.T) {
	b, err := os.ReadFile("pii/testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	var texts []marked
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' {
			texts = append(texts, unmark(strings.ReplaceAll(line, `\n`, "\n")))
		}
	}
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	by := grade(t, c, texts)
	for _, kind := range c.Info().Kinds {
		if a := by[kind]; a == nil || a.recall() < 1 || a.precision() < 1 {
			t.Errorf("%s: %+v", kind, a)
		}
	}
}

// TestPIIGenerated fills sentences with random values that have the right form
// and checksum, and others with values that have not.
func TestPIIGenerated(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	card := func(prefix string, n int) string {
		s := prefix + digits(n-1-len(prefix))
		sum := 0
		for i := range s {
			d := int(s[len(s)-1-i] - '0')
			if i%2 == 0 {
				if d *= 2; d > 9 {
					d -= 9
				}
			}
			sum += d
		}
		return s + fmt.Sprint((10-sum%10)%10)
	}
	iban := func(country string, n int) string {
		bban := digits(n - 4)
		rem := 0
		for _, c := range bban + fmt.Sprint(country[0]-'A'+10) + fmt.Sprint(country[1]-'A'+10) + "00" {
			rem = (rem*10 + int(c-'0')) % 97
		}
		return fmt.Sprintf("%s%02d%s", country, 98-rem, bban)
	}
	groups := func(s, sep string, n int) string {
		var parts []string
		for ; len(s) > n; s = s[n:] {
			parts = append(parts, s[:n])
		}
		return strings.Join(append(parts, s), sep)
	}
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var texts []marked
	add := func(kind, value string) {
		texts = append(texts, unmark(pick("It is {K:V}.", "please use {K:V} for this", `{"value":"{K:V}"}`, "a,{K:V},b", "{K:V}\nthanks", "see ({K:V})")))
		last := &texts[len(texts)-1]
		*last = unmark(strings.ReplaceAll(last.text, "{K:V}", "{"+kind+":"+value+"}"))
	}
	for range 300 {
		n := card(pick("4", "51", "55", "2221", "6011", "65", "3530"), 16)
		add("CREDIT_CARD", pick(n, groups(n, " ", 4), groups(n, "-", 4)))
		add("CREDIT_CARD", card(pick("34", "37"), 15))
		country := r.IntN(6)
		i := iban([]string{"DE", "BE", "ES", "AT", "PT", "PL"}[country], []int{22, 16, 24, 20, 25, 28}[country])
		add("IBAN_CODE", pick(i, groups(i, " ", 4), strings.ToLower(i)))
		add("US_SSN", fmt.Sprintf("%03d-%02d-%04d", 1+r.IntN(665), 1+r.IntN(99), 1+r.IntN(9999)))
		add("EMAIL_ADDRESS", pick("ann", "j.smith", "x+y", "o_k-1")+digits(r.IntN(4))+"@"+pick("example.com", "mail.example.org", "sub.example.co.uk"))
		add("IP_ADDRESS", fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(223), r.IntN(256), r.IntN(256), r.IntN(256)))
		add("IP_ADDRESS", fmt.Sprintf("2001:db8:%x:%x:%x:%x:%x:%x", r.IntN(65536), r.IntN(65536), r.IntN(65536), r.IntN(65536), r.IntN(65536), r.IntN(65536)))
		add("MAC_ADDRESS", fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:a%x", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(16)))
		for _, negative := range []string{
			fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.IntN(65536), r.IntN(4096), r.IntN(4096), r.Uint64()>>16),
			fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()),
			fmt.Sprintf("order #%s", digits(16)),
			fmt.Sprintf("version %d.%d.%d.%d", r.IntN(30), r.IntN(30), r.IntN(30), r.IntN(30)),
			fmt.Sprintf("20%02d-%02d-%02d %02d:%02d:%02d", r.IntN(30), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60)),
			fmt.Sprintf("17%s", digits(11)),
			fmt.Sprintf("978-%s-%s-%s-%s", digits(1), digits(2), digits(6), digits(1)),
			fmt.Sprintf("%s.%s", digits(2), digits(14)),
			fmt.Sprintf("%d + %d = %d", r.IntN(1e6), r.IntN(1e6), r.IntN(1e6)),
		} {
			texts = append(texts, marked{text: "The value is " + negative + " here."})
		}
	}
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	by := grade(t, c, texts)
	for _, kind := range []string{"CREDIT_CARD", "IBAN_CODE", "US_SSN", "EMAIL_ADDRESS", "IP_ADDRESS", "MAC_ADDRESS"} {
		a := by[kind]
		t.Logf("%s: precision %.3f, recall %.3f, n %d", kind, a.precision(), a.recall(), a.hit+a.miss)
		if a.precision() < 0.99 || a.recall() < 0.98 {
			t.Errorf("%s: %+v is below the floor", kind, *a)
		}
	}
	if a := by["PHONE_NUMBER"]; a != nil && a.false > len(texts)/200 {
		t.Errorf("PHONE_NUMBER: %d where none is, in %d texts", a.false, len(texts))
	}
}

// TestPhoneRegions takes the example numbers of libphonenumber's data in the
// three ways they are written.
func TestPhoneRegions(t *testing.T) {
	regions := strings.Fields("US CA GB DE FR ES IT NL BE CH AT SE NO DK FI PL PT IE CZ GR TR IL ZA IN JP KR CN SG AU NZ BR MX AR")
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	forms := map[string][]marked{}
	for _, region := range regions {
		for _, typ := range []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE} {
			n := phonenumbers.GetExampleNumberForType(region, typ)
			add := func(form, sentence string, format phonenumbers.PhoneNumberFormat) {
				forms[form] = append(forms[form], unmark(fmt.Sprintf(sentence, "{PHONE_NUMBER:"+phonenumbers.Format(n, format)+"}")))
			}
			add("international", "Please note %s for later.", phonenumbers.INTERNATIONAL)
			add("E.164", "from=%s;", phonenumbers.E164)
			add("national", "My phone number is %s.", phonenumbers.NATIONAL)
			add("national alone", "Please note %s for later.", phonenumbers.NATIONAL)
		}
	}
	for form, floor := range map[string]float64{"international": 1, "E.164": 1, "national": 0.9, "national alone": 0.5} {
		a := grade(t, c, forms[form])["PHONE_NUMBER"]
		t.Logf("%s: recall %.3f, n %d", form, a.recall(), a.hit+a.miss)
		if a.recall() < floor {
			t.Errorf("%s: %+v is below the floor of %v", form, *a, floor)
		}
	}
}
