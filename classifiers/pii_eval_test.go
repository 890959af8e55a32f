package classifiers

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

var update = flag.Bool("update", false, "write the scores that were measured")

// piiFloors are what each kind has to reach: precision, recall.
func piiFloor(kind string) (float64, float64) {
	switch kind {
	case "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "CRYPTO":
		return 0.99, 0.98
	case "CREDIT_CARD":
		return 0.98, 0.97
	case "PHONE_NUMBER":
		return 0.90, 0.90
	case "IP_ADDRESS", "MAC_ADDRESS":
		return 0.95, 0.97
	}
	return 0.97, 0.95
}

const piiRule = "half of the bytes, same kind, score 0.5"

func piiRows(t *testing.T, data string, by map[string]*tally, kinds ...string) {
	t.Helper()
	for _, kind := range slices.Sorted(maps.Keys(by)) {
		a := by[kind]
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			continue
		}
		p, r := piiFloor(kind)
		n := a.hit + a.miss
		evalRow(t, "pii "+kind, data, n, "precision ("+piiRule+")", a.precision(), fmt.Sprintf("%.2f", p))
		if n > 0 {
			evalRow(t, "pii "+kind, data, n, "recall", a.recall(), fmt.Sprintf("%.2f", r))
		}
	}
}

// TestEvalPIIGenerated holds every kind to its floor on sentences that no score
// and no word list was set by.
func TestEvalPIIGenerated(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	for _, split := range []struct {
		name string
		piiSplit
	}{{"generated, dev", devSplit}, {"generated, held out", heldSplit}} {
		by := grade(t, c, split.sentences(200))
		piiRows(t, split.name, by)
		for kind, a := range by {
			if p, r := piiFloor(kind); a.precision() < p || a.recall() < r {
				t.Errorf("%s: %s: %+v: precision %.3f, recall %.3f are below %.2f, %.2f", split.name, kind, *a, a.precision(), a.recall(), p, r)
			}
		}
		alone := grade(t, c, split.nationals(600))["PHONE_NUMBER"]
		evalRow(t, "pii PHONE_NUMBER", split.name+", national forms without a word", alone.hit+alone.miss, "recall", alone.recall(), "0.90")
		if alone.recall() < 0.9 {
			t.Errorf("%s: national forms alone: recall %.3f", split.name, alone.recall())
		}
	}
}

// TestEvalPIIPresidio grades the synthetic sentences of presidio-research by halves
// of their templates: rules were written with the even ones in sight.
func TestEvalPIIPresidio(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	for _, file := range []string{"presidio_synth_dataset_v2", "presidio_generated_large"} {
		var rows []struct {
			Text     string `json:"full_text"`
			Template int    `json:"template_id"`
			Spans    []struct {
				Kind  string `json:"entity_type"`
				Value string `json:"entity_value"`
				Start int    `json:"start_position"`
				End   int    `json:"end_position"`
			}
		}
		if err := json.NewDecoder(evalFile(t, "pii/"+file+".dev.json")).Decode(&rows); err != nil {
			t.Fatal(err)
		}
		kinds := []string{"EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER", "IP_ADDRESS", "US_SSN"}
		for half, name := range []string{"even", "odd"} {
			var texts []marked
			for _, row := range rows {
				if row.Template%2 != half {
					continue
				}
				m := marked{text: row.Text}
				runes := []rune(row.Text)
				for _, s := range row.Spans {
					if slices.Contains(kinds, s.Kind) {
						start := len(string(runes[:s.Start]))
						m.spans = append(m.spans, engine.Finding{Kind: s.Kind, Span: engine.Span{Start: start, End: start + len(string(runes[s.Start:s.End]))}})
					}
				}
				texts = append(texts, m)
			}
			by := gradeQuietly(t, c, texts, half == 0)
			piiRows(t, fmt.Sprintf("%s, %d of %s templates", file, len(texts), name), by, kinds...)
		}
	}
}

// TestEvalPIIPrompts counts findings in ordinary prompts, where nearly none is.
func TestEvalPIIPrompts(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	for _, file := range []string{"arena_hard_v01_question", "gsm8k_test", "mt_bench_question"} {
		n, by := 0, map[string]int{}
		for _, text := range evalPrompts(t, file) {
			rep, err := c.Classify(context.Background(), userTexts(text))
			if err != nil {
				t.Fatal(err)
			}
			n++
			for _, f := range rep.Findings {
				if f.Score >= 0.5 {
					by[f.Kind]++
					t.Logf("%s %.2f %q in %q", f.Kind, f.Score, text[f.Span.Start:f.Span.End], text[max(0, f.Span.Start-30):min(len(text), f.Span.End+20)])
				}
			}
		}
		for kind, hits := range by {
			evalRow(t, "pii "+kind, file, n, "findings", float64(hits), "")
		}
	}
}

// calibrate counts, by evidence, what the twin finds rightly and wrongly.
func calibrate(t *testing.T, rules *piiRules, texts []marked) map[string]*tally {
	counts := map[string]*tally{}
	for _, m := range texts {
		twin := rules.scan(m.text)
		for i, f := range twin.found {
			a := counts[twin.evidence[i]]
			if a == nil {
				a = &tally{}
				counts[twin.evidence[i]] = a
			}
			if slices.ContainsFunc(m.spans, func(want engine.Finding) bool {
				both := min(f.Span.End, want.Span.End) - max(f.Span.Start, want.Span.Start)
				return f.Kind == want.Kind && 2*both >= max(f.Span.End, want.Span.End)-min(f.Span.Start, want.Span.Start)
			}) {
				a.hit++
				continue
			}
			a.false++
			if testing.Verbose() {
				t.Logf("%s wrong: %q in %q", twin.evidence[i], m.text[f.Span.Start:f.Span.End], m.text)
			}
		}
	}
	return counts
}

const calibrationHead = "| kind | evidence | right | of | score |\n|---|---|---|---|---|\n"

// TestPIICalibration holds each score to the share of right findings among those
// with its evidence, on the sentences of the dev split; what is too rare there to
// know is measured on more of its weak sentences. With -update it writes
// them here and in the README.
func TestPIICalibration(t *testing.T) {
	rules := newPIIRules(t)
	counts := calibrate(t, rules, append(devSplit.sentences(300), devSplit.weak(400)...))
	for name, a := range calibrate(t, rules, devSplit.weak(3000)) {
		if b := counts[name]; b == nil || b.hit+b.false < 20 {
			counts[name] = a
		}
	}
	source := readFile(t, "pii/scores.h")
	var table strings.Builder
	for _, name := range rules.order {
		m, a := rules.means[name], counts[name]
		if a == nil {
			a = &tally{}
		}
		n := a.hit + a.false
		want := float64(int(min(0.99, (float64(a.hit)+1)/(float64(n)+2))*100+0.5)) / 100
		fmt.Fprintf(&table, "| %s | %s | %d | %d | %.2f |\n", m.kind, name, a.hit, n, want)
		if n < 5 {
			t.Errorf("%s: found %d times in the dev split, which is too few to know", name, n)
		}
		if *update {
			source = strings.Replace(source, evidenceText(m.kind, name, m.score), evidenceText(m.kind, name, want), 1)
		} else if d := want - m.score; d > 0.011 || d < -0.011 {
			t.Errorf("%s: score %.2f, measured %.2f (%d of %d)", name, m.score, want, a.hit, n)
		}
	}
	readme := readFile(t, "pii/README.md")
	head, rest, ok := strings.Cut(readme, calibrationHead)
	_, tail, more := strings.Cut(rest, "\n\n")
	if !ok || !more {
		t.Fatal("the README has no table of scores")
	}
	if *update {
		for name, text := range map[string]string{"pii/scores.h": source, "pii/README.md": head + calibrationHead + table.String() + "\n" + tail} {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	} else if head+calibrationHead+table.String()+"\n"+tail != readme {
		t.Error("the README's table of scores is not what is measured: run with -update")
	}
}

func evidenceText(kind, name string, score float64) string {
	return "EVIDENCE(" + kind + ", " + name + ", " + strings.TrimSuffix(fmt.Sprintf("%.2f", score), "0") + ")"
}
