package main

import (
	"fmt"

	"github.com/sallyport-ai/sallyport/classifiers/names"
)

var kindNames = [names.Kinds]string{"PERSON", "LOCATION", "ORGANIZATION"}

func overlaps(a names.Name, b span) bool {
	both := min(a.End, b.end) - max(a.Start, b.start)
	all := max(a.End, b.end) - min(a.Start, b.start)
	return a.Kind == b.kind && 2*both >= all
}

// calibrate sets the probability of each margin to how often names of that
// margin are right, made monotonic (pool adjacent violators).
func calibrate(m *names.Model, held []sentence) {
	p := m.Parameters()
	var right, all [names.Kinds][64]float64
	for _, s := range held {
		for _, f := range m.Find(s.text) {
			step := min(max(f.Margin>>p.Shift, 0), 63)
			all[f.Kind][step]++
			for _, g := range s.spans {
				if overlaps(f, g) {
					right[f.Kind][step]++
					break
				}
			}
		}
	}
	for kind := range p.Probability {
		type block struct {
			right, all float64
			n          int
		}
		var blocks []block
		for i := range 64 {
			b := block{right[kind][i] + 0.05, all[kind][i] + 0.1, 1}
			for len(blocks) > 0 && blocks[len(blocks)-1].right*b.all >= b.right*blocks[len(blocks)-1].all {
				l := blocks[len(blocks)-1]
				b.right, b.all, b.n = b.right+l.right, b.all+l.all, b.n+l.n
				blocks = blocks[:len(blocks)-1]
			}
			blocks = append(blocks, b)
		}
		i := 0
		for _, b := range blocks {
			for range b.n {
				p.Probability[kind][i] = uint16(b.right/b.all*1000 + 0.5)
				i++
			}
		}
	}
	m.SetParameters(p)
}

func report(m *names.Model, title string, held []sentence) {
	for kind, name := range kindNames {
		var gold, found, exact, over, overHit int
		for _, s := range held {
			fs := m.Find(s.text)
			for _, g := range s.spans {
				if g.kind != kind || s.text[g.start:g.end] == "@" {
					continue
				}
				gold++
				for _, f := range fs {
					if f.Score >= threshold && overlaps(f, g) {
						overHit++
						break
					}
				}
			}
			for _, f := range fs {
				if f.Kind != kind || f.Score < threshold {
					continue
				}
				found++
				ok := false
				for _, g := range s.spans {
					if g.kind == kind && g.start == f.Start && g.end == f.End {
						exact++
					}
					ok = ok || overlaps(f, g)
				}
				if ok {
					over++
				}
			}
		}
		f1 := func(a, b float64) float64 { return 2 * a * b / max(1e-9, a+b) }
		div := func(a, b int) float64 { return float64(a) / max(1, float64(b)) }
		fmt.Printf("%-22s %-13s n %4d  exact P %.3f R %.3f F1 %.3f   overlap P %.3f R %.3f F1 %.3f\n", title, name, gold,
			div(exact, found), div(exact, gold), f1(div(exact, found), div(exact, gold)),
			div(over, found), div(overHit, gold), f1(div(over, found), div(overHit, gold)))
	}
}

const threshold = 500
