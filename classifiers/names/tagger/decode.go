package tagger

import "fmt"

// Name is a name in a text.
type Name struct {
	Start, End int // bytes
	Kind       int
	// Margin is by how much the best reading of the segment is better than the
	// best one without this name, and Score the probability that goes with it, in
	// thousandths.
	Margin int
	Score  int
}

// codeTilt is how much rarer names are in programs than elsewhere.
const codeTilt = 32

// Find returns the names in a text of valid UTF-8, in their order. They do not
// overlap.
func (m *Model) Find(text string) []Name {
	p := m.Parameters()
	var out []Name
	var tokens []token
	var emit [segmentTokens][Labels]int32
	var keys [MaxPerToken]uint32
	r := newReader(text)
	for {
		tokens = r.segment(tokens)
		if len(tokens) == 0 {
			return out
		}
		how := m.know(tokens)
		tilt := int32(p.Tilt)
		if how == modeCode {
			tilt -= codeTilt
		}
		for i := 0; i < len(tokens); i++ {
			if !tokens[i].candidate {
				continue
			}
			from := i
			for ; i < len(tokens) && tokens[i].candidate; i++ {
				emit[i] = [Labels]int32{}
				for y := 1; y < Labels; y++ {
					emit[i][y] = tilt
				}
				for _, key := range features(keys[:0], tokens, i, how) {
					m.add(key, &emit[i])
				}
			}
			out = p.decode(out, tokens[from:i], emit[from:i])
		}
	}
}

// decode chooses the labels of tokens that stand between others which are
// certain to be no names, with the best sum of weights.
func (p *Parameters) decode(out []Name, tokens []token, emit [][Labels]int32) []Name {
	n := len(tokens)
	var ahead, behind [segmentTokens][Labels]int32
	var back [segmentTokens][Labels]uint8
	for i := range n {
		for y := range Labels {
			best, from := int32(unreachable), 0
			for x := range Labels {
				v := int32(p.Transition[x][y])
				if i > 0 {
					v += ahead[i-1][x]
				} else if x > 0 {
					break
				}
				if v > best {
					best, from = v, x
				}
			}
			ahead[i][y], back[i][y] = best+emit[i][y], uint8(from)
		}
	}
	for i := n - 1; i >= 0; i-- {
		for x := range Labels {
			best := int32(unreachable)
			for y := range Labels {
				v := int32(p.Transition[x][y])
				if i+1 < n {
					v += behind[i+1][y] + emit[i+1][y]
				} else if y > 0 {
					break
				}
				best = max(best, v)
			}
			behind[i][x] = best
		}
	}
	var label [segmentTokens]uint8
	best := int32(unreachable)
	for y := range Labels {
		if v := ahead[n-1][y] + behind[n-1][y]; v > best {
			best, label[n-1] = v, uint8(y)
		}
	}
	for i := n - 1; i > 0; i-- {
		label[i-1] = back[i][label[i]]
	}
	for i := 0; i < n; {
		if label[i] == 0 {
			i++
			continue
		}
		kind := int(label[i]-Begin) / 2
		first, sum := i, int32(0)
		words := false
		for ok := true; ok; ok = i < n && int(label[i]) == Inside+2*kind {
			without := int32(unreachable)
			for y := range Labels {
				if y == 0 || (y-Begin)/2 != kind {
					without = max(without, ahead[i][y]+behind[i][y])
				}
			}
			sum += best - without
			words = words || tokens[i].look != lookMark
			i++
		}
		if !words {
			continue
		}
		from := first
		if kind == Person && i-from > 1 && tokens[from].bits&Title != 0 {
			from++ // "Mr. Smith" is a person of the name of Smith
		}
		margin := int(sum) / (i - first)
		step := min(max(margin>>p.Shift, 0), marginSteps-1)
		out = append(out, Name{Start: tokens[from].start, End: tokens[i-1].end, Kind: kind, Margin: margin, Score: int(p.Probability[kind][step])})
	}
	return out
}

// Sentence is a segment as the trainer needs it.
type Sentence struct {
	Spans [][2]int   // bytes of each token
	Free  []bool     // may be part of a name
	Keys  [][]uint32 // of features, for those that may
	Title []bool     // stands before a person's name
}

// Sentences cuts a text as Find does. The model needs its lexicon only.
func (m *Model) Sentences(text string) []Sentence {
	var out []Sentence
	var tokens []token
	r := newReader(text)
	for {
		tokens = r.segment(tokens)
		if len(tokens) == 0 {
			return out
		}
		how := m.know(tokens)
		s := Sentence{}
		for i, t := range tokens {
			s.Spans = append(s.Spans, [2]int{t.start, t.end})
			s.Free = append(s.Free, t.candidate)
			s.Title = append(s.Title, t.bits&Title != 0)
			var keys []uint32
			if t.candidate {
				keys = features(nil, tokens, i, how)
			}
			s.Keys = append(s.Keys, keys)
		}
		out = append(out, s)
	}
}

// HashPhrase is the lexicon's key of one to three words in lower case.
func HashPhrase(words []string) (uint32, error) {
	switch len(words) {
	case 1:
		return hashWord(words[0]), nil
	case 2:
		return mix(hashWord(words[0]), hashWord(words[1])), nil
	case 3:
		return mix(mix(hashWord(words[0]), hashWord(words[1])), hashWord(words[2])), nil
	}
	return 0, fmt.Errorf("%d words", len(words))
}
