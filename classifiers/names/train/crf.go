package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/classifiers/names/corpus"
	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
)

const (
	labels    = tagger.Labels
	outputs   = labels - 1 // O has no weights: they would only repeat the others
	rate      = 0.1        // of learning
	l2        = 0.01       // pull of a weight towards 0, at each touch
	forget    = 0.2        // share of tokens of which a step sees a part of the features
	forgotten = 0.3        // the share of features left out of those
	minCount  = 2          // features seen less often are left out
	scale     = 16         // weights are stored in sixteenths
	tilt      = 12         // what is added to each label but O, in those
)

// example is a segment as the trainer sees it.
type example struct {
	keys  [][]int32 // features by token
	free  []bool    // may be part of a name
	label []uint8
}

// trainer fits a linear-chain conditional random field (Lafferty, McCallum,
// Pereira 2001) with AdaGrad (Duchi, Hazan, Singer 2011).
type trainer struct {
	lexicon  *tagger.Model
	ids      map[uint32]int32
	keys     []uint32
	count    []int32
	examples []example
	w, g     [][outputs]float32
	sum      [][outputs]float64
	trans    [labels][labels]float64
	transG   [labels][labels]float64
	transSum [labels][labels]float64
	steps    float64
}

func newTrainer(lexicon *tagger.Model) *trainer {
	return &trainer{lexicon: lexicon, ids: map[uint32]int32{}}
}

func (t *trainer) add(real, made []corpus.Sentence) {
	for i, s := range real {
		t.addSentence(s)
		switch {
		case i%4 == 1:
			if s, ok := recase(s, strings.ToLower); ok {
				t.addSentence(s)
			}
		case i%16 == 2:
			if s, ok := recase(s, strings.ToUpper); ok {
				t.addSentence(s)
			}
		}
	}
	for _, s := range made {
		t.addSentence(s)
	}
}

// recase is a sentence in one case, and whether its names still stand where they
// did.
func recase(s corpus.Sentence, to func(string) string) (corpus.Sentence, bool) {
	text := to(s.Text)
	return corpus.Sentence{Text: text, Spans: s.Spans}, len(text) == len(s.Text)
}

func (t *trainer) addSentence(s corpus.Sentence) {
	for _, seg := range t.lexicon.Sentences(s.Text) {
		ex := example{free: seg.Free, label: make([]uint8, len(seg.Spans)), keys: make([][]int32, len(seg.Spans))}
		free := false
		last := -1
		for i, at := range seg.Spans {
			if !seg.Free[i] {
				last = -1
				continue
			}
			free = true
			hit := slices.IndexFunc(s.Spans, func(p corpus.Span) bool { return at[0] < p.End && p.Start < at[1] })
			if hit >= 0 && hit != last && seg.Title[i] && s.Spans[hit].Kind == tagger.Person && at[1] < s.Spans[hit].End {
				hit = -1
			}
			if hit >= 0 {
				ex.label[i] = uint8(tagger.Begin + 2*s.Spans[hit].Kind)
				if hit == last {
					ex.label[i]++
				}
			}
			last = hit
			ex.keys[i] = make([]int32, len(seg.Keys[i]))
			for k, key := range seg.Keys[i] {
				id, ok := t.ids[key]
				if !ok {
					id = int32(len(t.keys))
					t.ids[key] = id
					t.keys = append(t.keys, key)
					t.count = append(t.count, 0)
				}
				t.count[id]++
				ex.keys[i][k] = id
			}
		}
		if free {
			t.examples = append(t.examples, ex)
		}
	}
}

// forgetRare drops the features seen too seldom to learn from.
func (t *trainer) forgetRare() {
	for i := range t.examples {
		for j, keys := range t.examples[i].keys {
			t.examples[i].keys[j] = slices.DeleteFunc(keys, func(id int32) bool { return t.count[id] < minCount })
		}
	}
}

func allowed(from, to int) bool {
	return to == 0 || to%2 == 1 || from == to || from == to-1
}

func (t *trainer) train(epochs int) {
	t.w = make([][outputs]float32, len(t.keys))
	t.g = make([][outputs]float32, len(t.keys))
	t.sum = make([][outputs]float64, len(t.keys))
	t.trans, t.transG, t.transSum, t.steps = [labels][labels]float64{}, [labels][labels]float64{}, [labels][labels]float64{}, 0
	r := rand.New(rand.NewPCG(7, 11))
	order := make([]int, len(t.examples))
	for i := range order {
		order[i] = i
	}
	for e := range epochs {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		loss := 0.0
		for _, i := range order {
			ex := &t.examples[i]
			for from := 0; from < len(ex.keys); {
				if !ex.free[from] {
					from++
					continue
				}
				to := from
				for to < len(ex.keys) && ex.free[to] {
					to++
				}
				loss += t.step(r, ex.keys[from:to], ex.label[from:to])
				from = to
			}
		}
		if e >= epochs/2 {
			t.steps++
			for id := range t.w {
				for y, v := range t.w[id] {
					t.sum[id][y] += float64(v)
				}
			}
			for x := range labels {
				for y := range labels {
					t.transSum[x][y] += t.trans[x][y]
				}
			}
		}
		fmt.Printf("epoch %d: loss %.0f\n", e+1, loss)
	}
}

const never = -1e9

func logSum(v *[labels]float64) float64 {
	top := slices.Max(v[:])
	sum := 0.0
	for _, x := range v {
		if x > top-40 {
			sum += math.Exp(x - top)
		}
	}
	return top + math.Log(sum)
}

// step learns from one run of tokens and returns its loss.
func (t *trainer) step(r *rand.Rand, keys [][]int32, label []uint8) float64 {
	n := len(keys)
	emit := make([][labels]float64, n)
	used := make([][]int32, n)
	for i, ids := range keys {
		used[i] = ids
		if r.Float64() < forget {
			used[i] = slices.DeleteFunc(slices.Clone(ids), func(int32) bool { return r.Float64() < forgotten })
		}
		for _, id := range used[i] {
			for y, v := range t.w[id] {
				emit[i][y+1] += float64(v)
			}
		}
	}
	ahead, behind := make([][labels]float64, n), make([][labels]float64, n)
	var v [labels]float64
	for i := range n {
		for y := range labels {
			for x := range labels {
				switch {
				case !allowed(x, y), i == 0 && x > 0:
					v[x] = never
				case i == 0:
					v[x] = t.trans[x][y]
				default:
					v[x] = ahead[i-1][x] + t.trans[x][y]
				}
			}
			ahead[i][y] = logSum(&v) + emit[i][y]
		}
	}
	for i := n - 1; i >= 0; i-- {
		for x := range labels {
			for y := range labels {
				switch {
				case !allowed(x, y), i == n-1 && y > 0:
					v[y] = never
				case i == n-1:
					v[y] = t.trans[x][y]
				default:
					v[y] = behind[i+1][y] + emit[i+1][y] + t.trans[x][y]
				}
			}
			behind[i][x] = logSum(&v)
		}
	}
	for y := range labels {
		v[y] = ahead[n-1][y] + behind[n-1][y]
	}
	z := logSum(&v)
	// Gradients: what the model expects less what is there.
	var grad [labels][labels]float64
	loss := z
	for i := 0; i <= n; i++ {
		for x := range labels {
			if i == 0 && x > 0 {
				break
			}
			for y := range labels {
				if !allowed(x, y) || i == n && y > 0 {
					continue
				}
				s := t.trans[x][y] - z
				if i > 0 {
					s += ahead[i-1][x]
				}
				if i < n {
					s += emit[i][y] + behind[i][y]
				}
				grad[x][y] += math.Exp(s)
			}
		}
		x, y := 0, 0
		if i > 0 {
			x = int(label[i-1])
		}
		if i < n {
			y = int(label[i])
			loss -= emit[i][y]
		}
		grad[x][y]--
		loss -= t.trans[x][y]
	}
	for x := range labels {
		for y := range labels {
			if g := grad[x][y]; g != 0 {
				t.transG[x][y] += g * g
				t.trans[x][y] -= rate * g / math.Sqrt(t.transG[x][y]+1e-3)
			}
		}
	}
	for i := range n {
		var g [outputs]float32
		for y := range g {
			g[y] = float32(math.Exp(ahead[i][y+1] + behind[i][y+1] - z))
			if int(label[i]) == y+1 {
				g[y]--
			}
		}
		for _, id := range used[i] {
			w, h := &t.w[id], &t.g[id]
			for y := range g {
				if g[y] > -1e-4 && g[y] < 1e-4 {
					continue
				}
				d := g[y] + l2*w[y]
				h[y] += d * d
				w[y] -= rate * d / float32(math.Sqrt(float64(h[y]+1e-3)))
			}
		}
	}
	return loss
}

// choose keeps the features that the first training found to matter most and
// forgets the rest, and all weights: the model has room for so many only, and
// those left learn to do without the others.
func (t *trainer) choose() {
	type ranked struct {
		id   int32
		gain float64
	}
	var order []ranked
	for id := range t.sum {
		top := 0.0
		for _, v := range t.sum[id] {
			top += math.Abs(v) / t.steps
		}
		if top*scale >= 1 {
			order = append(order, ranked{int32(id), top * math.Pow(float64(t.count[id]), 0.3)})
		}
	}
	slices.SortFunc(order, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.gain, a.gain), cmp.Compare(a.id, b.id))
	})
	fmt.Printf("%d features, %d of some weight\n", len(t.keys), len(order))
	kept := make([]bool, len(t.keys))
	for _, o := range order[:min(len(order), tagger.MaxFeatures)] {
		kept[o.id] = true
	}
	for i := range t.examples {
		for j, keys := range t.examples[i].keys {
			t.examples[i].keys[j] = slices.DeleteFunc(keys, func(id int32) bool { return !kept[id] })
		}
	}
}

// model stores the averaged weights.
func (t *trainer) model(words map[uint32]tagger.Bits) (*tagger.Model, error) {
	weights := make([][outputs]int8, len(t.keys))
	clipped := 0
	for id := range t.keys {
		for y, v := range t.sum[id] {
			q := math.Round(v / t.steps * scale)
			if q > 127 || q < -127 {
				clipped++
			}
			weights[id][y] = int8(min(max(q, -127), 127))
		}
	}
	fmt.Printf("%d weights clipped\n", clipped)
	p := tagger.Parameters{Shift: 2, Tilt: tilt}
	for x := range labels {
		for y := range labels {
			p.Transition[x][y] = tagger.Forbidden
			if allowed(x, y) {
				p.Transition[x][y] = int16(math.Round(t.transSum[x][y] / t.steps * scale))
			}
		}
	}
	return tagger.NewModel(p, words, t.keys, weights)
}
