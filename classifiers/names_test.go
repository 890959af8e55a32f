package classifiers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
	"github.com/sallyport-ai/sallyport/engine"
)

var nameKinds = [tagger.Kinds]string{tagger.Person: "PERSON", tagger.Location: "LOCATION", tagger.Organization: "ORGANIZATION"}

func namesTagger(t testing.TB) *tagger.Model {
	t.Helper()
	b, err := os.ReadFile("names/weights.bin")
	if err != nil {
		t.Fatal(err)
	}
	m, err := tagger.ReadModel(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// namesFind is what the module should find.
func namesFind(m *tagger.Model, text string) []engine.Finding {
	var out []engine.Finding
	for _, n := range m.Find(text) {
		out = append(out, engine.Finding{
			Classifier: "test", Kind: nameKinds[n.Kind], Score: float64(n.Score) / 1000,
			Span: engine.Span{Start: n.Start, End: n.End},
		})
	}
	return out
}

// namesSeeds are texts near the borders of how a text is cut into words.
var namesSeeds = []string{
	"",
	"Dr. J. R. Smith-Jones' and O'Brien's U.S. office, e.g. AT&T's, 3.14 v1.2.3 MH17",
	"@paulwalk #DONETSK @ colgo # x a_b __init__ getName HTTPServer x86 foo.Bar bob@example.com https://Example.com/Path)Next file:///x",
	"\\nJohn\\tSmith\\r\"Paris\" C:\\new ''s 's '' ' - -- ... !? .",
	"José Müller ŁÓDŹ Ÿ ß ĸ ŉ ſ × ÷ Ελλάδα Москва Ёлка Việt Ấn 東京 日本語 안녕 عربي 🙂 \ufffd",
	"Ｊｏｈｎ Ｓｍｉｔｈ Jo\u200bhn Sm\u00adith e\u0301 \u2018Anna\u2019s\u2019 \u201cBob\u201d \u2014 a\u00a0b\u2028c\u3000d",
	"new york city NEW YORK new jersey San Francisco, Salt Lake City",
	"This line is long enough to be taken for one that was wrapped, says Peter\nMiller of London\nnot wrapped\n\n\nBerlin",
	"will mark may jack bill rose grace hope chase",
	"Mr. Mrs Ms. President Senator Queen Elizabeth of England and the King",
	"PLEASE CALL JOHN SMITH NOW please call john smith now Please Call John Smith Now",
}

func namesFragments(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile("names/testdata/sample.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(strings.Join(namesSeeds, " ") + " " + unmark(string(b)).text)
}

// TestNamesTwin holds the module to the tagger in Go, on texts put together at
// random and on the files of this folder.
func TestNamesTwin(t *testing.T) {
	m := namesTagger(t)
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:names", TimeLimit: time.Minute})
	texts := slices.Clone(namesSeeds)
	for _, file := range []string{"README.md", "names/testdata/sample.txt", "names/names.c", "guest/sallyport.h"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, validUTF8(string(b)))
	}
	fragments := namesFragments(t)
	r := rand.New(rand.NewPCG(9, 10))
	for range 5000 {
		var b strings.Builder
		for range 1 + r.IntN(30) {
			f := fragments[r.IntN(len(fragments))]
			switch r.IntN(12) {
			case 0:
				f = f[:r.IntN(len(f)+1)]
			case 1:
				f = strings.ToLower(f)
			case 2:
				f = strings.ToUpper(f)
			}
			b.WriteString(f)
			b.WriteString([]string{" ", " ", " ", " ", " ", "\n", ", ", ". ", "-", "'", "", "\u200b"}[r.IntN(12)])
		}
		texts = append(texts, validUTF8(b.String()))
	}
	kinds := map[string]int{}
	for _, text := range texts {
		got, err := c.Classify(context.Background(), userTexts(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(namesFind(m, text), got.Findings); diff != "" {
			t.Fatalf("the tagger (-) and the module (+) disagree on %q:\n%s", text, diff)
		}
		for _, f := range got.Findings {
			kinds[f.Kind]++
		}
	}
	for _, kind := range nameKinds {
		if kinds[kind] == 0 {
			t.Errorf("no text held a %s: the test says nothing about it", kind)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range namesSeeds {
		f.Add(s)
	}
	m := namesTagger(f)
	c := load(f, newHost(f), ModuleConfig{Module: "builtin:names", TimeLimit: time.Minute})
	f.Fuzz(func(t *testing.T, text string) {
		text = validUTF8(text)
		got, err := c.Classify(context.Background(), userTexts(text))
		if err != nil {
			t.Fatal(err)
		}
		if got.Truncated {
			return
		}
		if diff := cmp.Diff(namesFind(m, text), got.Findings); diff != "" {
			t.Errorf("the tagger (-) and the module (+) disagree on %q:\n%s", text, diff)
		}
	})
}

// TestNamesSample keeps a floor under the quality where the corpora are not at
// hand.
func TestNamesSample(t *testing.T) {
	b, err := os.ReadFile("names/testdata/sample.txt")
	if err != nil {
		t.Fatal(err)
	}
	var texts []marked
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "# ") {
			texts = append(texts, unmark(strings.ReplaceAll(line, `\n`, "\n")))
		}
	}
	by := grade(t, load(t, newHost(t), ModuleConfig{Module: "builtin:names", TimeLimit: time.Minute}), texts)
	for kind, floor := range map[string]float64{"PERSON": 0.85, "LOCATION": 0.7, "ORGANIZATION": 0.4} {
		a := by[kind]
		if a == nil {
			t.Fatalf("%s: none", kind)
		}
		p, r := a.precision(), a.recall()
		f1 := 2 * p * r / max(p+r, 1e-9)
		evalRow(t, "names", "sample.txt: "+kind, a.hit+a.miss, "F1, half overlap, score 0.5", f1, fmt.Sprintf(">= %.2f", floor))
	}
}

// TestNamesInCode counts names found where there are next to none: in programs, of
// which code.txt has some of this project's in six languages, and in lines such as
// servers log.
func TestNamesInCode(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:names", TimeLimit: time.Minute})
	count := func(what, text string) {
		rep, err := c.Classify(context.Background(), userTexts(text))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range rep.Findings {
			if f.Score >= 0.5 {
				n++
				t.Logf("%s: %s %.2f %q", what, f.Kind, f.Score, text[f.Span.Start:f.Span.End])
			}
		}
		evalRow(t, "names", what, len(text), "found per 10 KB, score 0.5", float64(n)/float64(len(text))*10_000, "<= 1")
	}
	code, err := os.ReadFile("names/testdata/code.txt")
	if err != nil {
		t.Fatal(err)
	}
	count("code.txt", string(code))
	r := rand.New(rand.NewPCG(11, 12))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var b strings.Builder
	for range 700 {
		n := r.IntN(60)
		fmt.Fprintf(&b, pick(
			"2025-06-%02[1]dT10:22:%02[1]d.113Z INFO  %[2]s: %[3]s started in %[1]d ms\n",
			"Jun 11 03:%02[1]d:07 web-%[1]d %[2]s[%[1]d]: %[3]s closed by remote host\n",
			"time=\"2025-06-11T10:%02[1]d:00Z\" level=warning msg=\"%[3]s not ready\" component=%[2]s\n",
			"[%[1]d.204113] %[2]s: %[3]s reset\n",
			"10.0.%[1]d.7 - - [11/Jun/2025:10:22:%02[1]d +0000] \"GET /%[2]s/%[1]d HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n",
			"\tat org.acme.%[2]s.%[3]sHandler.run(%[3]sHandler.java:%[1]d)\n",
			"E0611 10:22:%02[1]d.000000 %[1]d %[2]s.go:%[1]d] %[3]s \"Failed to sync\" err=\"context deadline exceeded\"\n",
			"%[2]s_%[3]s_total{code=\"200\",method=\"POST\"} %[1]d\n",
			"WARN %[2]s - Retrying %[3]s after 503 Service Unavailable (attempt %[1]d)\n",
			"npm ERR! code ELIFECYCLE errno %[1]d %[2]s@1.0.%[1]d %[3]s\n"),
			n, pick("kernel", "nginx", "scheduler", "postgres", "worker", "gateway", "sshd", "kubelet", "auth", "queue"),
			pick("Connection", "Session", "Upload", "Listener", "Checkpoint", "Replica", "Cache", "Volume", "Request", "Pod"))
	}
	count("logs", b.String())
}
