package main

import (
	"bytes"
	"testing"

	"github.com/sallyport-ai/sallyport/classifiers/names/corpus"
	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
)

// TestTrain trains on a few of the made sentences, twice: the bytes are the same,
// and what was learned finds names.
func TestTrain(t *testing.T) {
	words, lists, err := readLexicon("lexicon.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	learn := func() *tagger.Model {
		blank, err := tagger.NewModel(tagger.Parameters{}, words, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		made := synthesize(lists)[:600]
		tr := newTrainer(blank)
		tr.add(made[:100], made[100:])
		tr.forgetRare()
		tr.train(2)
		tr.choose()
		tr.train(4)
		m, err := tr.model(words)
		if err != nil {
			t.Fatal(err)
		}
		calibrate(m, made[:200])
		return m
	}
	m := learn()
	if !bytes.Equal(m.Bytes(), learn().Bytes()) {
		t.Error("two trainings on the same sentences differ")
	}
	const text = "Dear Olivia, my name is Robert Miller."
	want := []corpus.Span{{Start: 5, End: 11}, {Start: 24, End: 37}}
	var got corpus.Sentence
	for _, f := range m.Find(text) {
		got.Spans = append(got.Spans, spanOf(f))
	}
	for _, w := range want {
		if !found(got, w) {
			t.Errorf("%q was not found in %q: %+v", text[w.Start:w.End], text, got.Spans)
		}
	}
}

func TestMadeSentences(t *testing.T) {
	_, lists, err := readLexicon("lexicon.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range synthesize(lists) {
		for _, p := range s.Spans {
			if p.Start < 0 || p.End > len(s.Text) || p.Start >= p.End {
				t.Fatalf("%q: a name at %d to %d", s.Text, p.Start, p.End)
			}
		}
	}
}
