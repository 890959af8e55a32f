package main

import (
	"fmt"
	"math"

	"github.com/sallyport-ai/sallyport/classifiers/names/corpus"
	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
)

// threshold is the score from which a name counts in the report.
const threshold = 500

func spanOf(f tagger.Name) corpus.Span {
	return corpus.Span{Start: f.Start, End: f.End, Kind: f.Kind}
}

func found(s corpus.Sentence, f corpus.Span) bool {
	for _, g := range s.Spans {
		if g.Overlaps(f) {
			return true
		}
	}
	return false
}

// calibrate sets the probability of each margin by a logistic curve through how
// often names of that margin are right (Platt 1999).
func calibrate(m *tagger.Model, held []corpus.Sentence) {
	p := m.Parameters()
	steps := len(p.Probability[0])
	right, all := make([][]float64, tagger.Kinds), make([][]float64, tagger.Kinds)
	for kind := range all {
		right[kind], all[kind] = make([]float64, steps), make([]float64, steps)
	}
	for _, s := range held {
		for _, f := range m.Find(s.Text) {
			step := min(max(f.Margin>>p.Shift, 0), steps-1)
			all[f.Kind][step]++
			if found(s, spanOf(f)) {
				right[f.Kind][step]++
			}
		}
	}
	for kind := range all {
		a, b := 0.1, -1.0
		at := func(step int) float64 { return 1 / (1 + math.Exp(-float64(a*float64(step)+b))) }
		for range 50 { // Newton's method
			var ga, gb, aa, ab, bb float64
			for i, n := range all[kind] {
				x, q := float64(i), at(i)
				d, w := float64(n*q)-right[kind][i], float64(n*q*(1-q))
				ga, gb = ga+float64(d*x), gb+d
				aa, ab, bb = aa+float64(w*x*x), ab+float64(w*x), bb+w
			}
			aa, bb = aa+1e-3, bb+1e-3
			det := float64(aa*bb) - float64(ab*ab)
			a -= (float64(bb*ga) - float64(ab*gb)) / det
			b -= (float64(aa*gb) - float64(ab*ga)) / det
		}
		for i := range steps {
			p.Probability[kind][i] = uint16(min(at(i), 0.999)*1000 + 0.5)
		}
		fmt.Printf("kind %d: %.0f names, half are right at a margin of %.1f\n", kind, sum(all[kind]), -b/a)
	}
	m.SetParameters(p)
}

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}

// report prints how the model does on what it was not trained on.
func report(m *tagger.Model, held []corpus.Sentence) {
	for kind, name := range []string{"PERSON", "LOCATION", "ORGANIZATION"} {
		var there, hit, said, right float64
		for _, s := range held {
			var of corpus.Sentence
			for _, f := range m.Find(s.Text) {
				if f.Kind != kind || f.Score < threshold {
					continue
				}
				of.Spans = append(of.Spans, spanOf(f))
				said++
				if found(s, spanOf(f)) {
					right++
				}
			}
			for _, g := range s.Spans {
				if g.Kind != kind {
					continue
				}
				there++
				if found(of, g) {
					hit++
				}
			}
		}
		p, r := right/max(1, said), hit/max(1, there)
		fmt.Printf("%-13s n %4.0f  overlap precision %.3f recall %.3f F1 %.3f\n", name, there, p, r, 2*p*r/max(1e-9, p+r))
	}
}
