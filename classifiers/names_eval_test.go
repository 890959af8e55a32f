package classifiers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/classifiers/names/corpus"
	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
	"github.com/sallyport-ai/sallyport/engine"
)

// nameScore counts names of one kind from a score of 0.5 on.
type nameScore struct{ there, hit, exact, said, right int }

func (n nameScore) f1(hit, right int) float64 {
	p, r := float64(right)/max(1, float64(n.said)), float64(hit)/max(1, float64(n.there))
	return 2 * p * r / max(p+r, 1e-9)
}

func evalNames(t *testing.T, m *tagger.Model, c *Classifier, data string, sentences []corpus.Sentence, kinds int, target string) {
	t.Helper()
	scores := make([]nameScore, kinds)
	for _, s := range sentences {
		rep, err := c.Classify(context.Background(), []*engine.Text{{Value: s.Text}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(namesFind(m, s.Text), rep.Findings); diff != "" {
			t.Fatalf("%s: the tagger (-) and the module (+) disagree:\n%s", data, diff)
		}
		var found []corpus.Span
		for _, f := range rep.Findings {
			for kind, name := range nameKinds {
				if f.Kind == name && f.Score >= 0.5 {
					found = append(found, corpus.Span{Start: f.Span.Start, End: f.Span.End, Kind: kind})
				}
			}
		}
		meets := func(one corpus.Span, others []corpus.Span) (overlap, exact bool) {
			for _, o := range others {
				overlap = overlap || one.Overlaps(o)
				exact = exact || one == o
			}
			return overlap, exact
		}
		for _, g := range s.Spans {
			if g.Kind >= kinds {
				continue
			}
			scores[g.Kind].there++
			if overlap, exact := meets(g, found); overlap {
				scores[g.Kind].hit++
				if exact {
					scores[g.Kind].exact++
				}
			}
		}
		for _, f := range found {
			if f.Kind >= kinds {
				continue
			}
			scores[f.Kind].said++
			if overlap, _ := meets(f, s.Spans); overlap {
				scores[f.Kind].right++
			}
		}
	}
	for kind, n := range scores {
		of := ""
		if kind == 0 {
			of = target
		}
		evalRow(t, "names", data+": "+nameKinds[kind], n.there, "F1, same span, score 0.5", n.f1(n.exact, n.exact), "")
		evalRow(t, "names", data+": "+nameKinds[kind], n.there, "F1, half overlap, score 0.5", n.f1(n.hit, n.right), of)
		evalRow(t, "names", data+": "+nameKinds[kind], n.there, "precision, half overlap, score 0.5", float64(n.right)/max(1, float64(n.said)), "")
		evalRow(t, "names", data+": "+nameKinds[kind], n.there, "recall, half overlap, score 0.5", float64(n.hit)/max(1, float64(n.there)), "")
	}
}

// TestEvalNames scores the module on sentences it was not trained on: those that
// corpus.Split keeps apart, the English Web Treebank, which is from elsewhere, and
// sentences made from templates. On all of them it holds the module to the tagger.
func TestEvalNames(t *testing.T) {
	dir := os.Getenv(evalData)
	if dir == "" {
		t.Skipf("NOT EVALUATED: %s is not set, so there are no corpora of names", evalData)
	}
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:names", TimeLimit: time.Minute})
	m := namesTagger(t)
	groups := map[string][]corpus.Sentence{}
	for _, file := range corpus.Trainable() {
		all, err := corpus.Read(filepath.Join(dir, "ner"), file)
		if err != nil {
			t.Fatal(err)
		}
		_, held := corpus.Split(all)
		group := map[byte]string{'b': "BTC", 'w': "WNUT17"}[file[0]]
		if file == "wikigold.conll.gz" {
			group = "wikigold"
		}
		groups[group+" held out"] = append(groups[group+" held out"], held...)
		groups["all held out"] = append(groups["all held out"], held...)
	}
	for _, group := range []string{"BTC held out", "wikigold held out", "WNUT17 held out"} {
		evalNames(t, m, c, group, groups[group], 3, "")
	}
	ewt, err := corpus.Read(filepath.Join(dir, "ner"), "uner_ewt_dev.iob2.gz")
	if err != nil {
		t.Fatal(err)
	}
	for data, sentences := range map[string][]corpus.Sentence{"all held out": groups["all held out"], "EWT dev": ewt} {
		evalNames(t, m, c, data, sentences, 3, ">= 0.78")
	}
	for _, file := range []string{"presidio_synth_dataset_v2.dev", "presidio_generated_large.dev"} {
		evalNames(t, m, c, file, presidioPersons(t, filepath.Join(dir, "pii", file+".json")), 1, "")
	}
}

// presidioPersons reads the sentences with the persons in them. Offsets of the
// file count characters.
func presidioPersons(t *testing.T, file string) []corpus.Sentence {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		FullText string `json:"full_text"`
		Spans    []struct {
			Type  string `json:"entity_type"`
			Start int    `json:"start_position"`
			End   int    `json:"end_position"`
		}
	}
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", file, err))
	}
	var out []corpus.Sentence
	for _, row := range rows {
		runes := []rune(row.FullText)
		s := corpus.Sentence{Text: row.FullText}
		for _, span := range row.Spans {
			if span.Type == "PERSON" {
				s.Spans = append(s.Spans, corpus.Span{Start: len(string(runes[:span.Start])), End: len(string(runes[:span.End]))})
			}
		}
		out = append(out, s)
	}
	return out
}
