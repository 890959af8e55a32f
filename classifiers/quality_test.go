package classifiers

import (
	"context"
	"fmt"
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
	return gradeQuietly(t, c, texts, true)
}

// gradeQuietly does not show what was missed, so that it stays unseen.
func gradeQuietly(t *testing.T, c *Classifier, texts []marked, show bool) map[string]*tally {
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
			if show {
				t.Logf("missed %s in %q", want.Kind, m.text)
			}
		}
		for i, f := range rep.Findings {
			if !used[i] && f.Score >= 0.5 {
				of(f.Kind).false++
				if show {
					t.Logf("%s %.2f where none is: %q in %q", f.Kind, f.Score, m.text[f.Span.Start:f.Span.End], m.text)
				}
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
	for form, floor := range map[string]float64{"international": 1, "E.164": 1, "national": 0.9, "national alone": 0.9} {
		a := grade(t, c, forms[form])["PHONE_NUMBER"]
		t.Logf("%s: recall %.3f, n %d", form, a.recall(), a.hit+a.miss)
		if a.recall() < floor {
			t.Errorf("%s: %+v is below the floor of %v", form, *a, floor)
		}
	}
}
