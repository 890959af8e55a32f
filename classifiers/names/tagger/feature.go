package tagger

import "slices"

// mode is how a whole segment is written.
type mode uint32

const (
	modeUsual   mode = iota
	modeLower        // no capitals
	modeUpper        // nothing but capitals
	modeHeading      // most words begin with a capital
	modeCode         // as programs are
)

func sortedKeys[V any](m map[uint32]V) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// know looks the tokens up, tells how the segment is written, and marks the
// tokens that may be part of a name.
func (m *Model) know(tokens []token) mode {
	var words, caps, uppers, lowers, signs int
	for i := range tokens {
		t := &tokens[i]
		if t.look == lookMark || t.look == lookCode {
			if t.look == lookCode || ofCode(t.hash) {
				signs++
			}
			if t.hash == roll(hashSeed, '=') {
				signs++
			}
			continue
		}
		if t.look == lookNumber {
			continue
		}
		t.bits = m.lookup(t.hash)
		if t.look == lookOther || t.look == lookHandle {
			continue
		}
		words++
		switch t.look {
		case lookCap, lookMixed, lookTag:
			caps++
		case lookUpper:
			uppers++
		case lookLower:
			if t.length > 3 {
				lowers++
			}
		}
	}
	for i := range tokens {
		if tokens[i].look == lookMark || i+1 == len(tokens) || tokens[i+1].look == lookMark {
			continue
		}
		two := mix(tokens[i].hash, tokens[i+1].hash)
		n := 0
		if m.lookup(two) == phraseBits {
			n = 2
		}
		if i+2 < len(tokens) && m.lookup(mix(two, tokens[i+2].hash)) == phraseBits {
			n = 3
		}
		for k := range n {
			if tokens[i+k].phrase == 0 {
				tokens[i+k].phrase = uint32(1 + min(k, 1))
			}
		}
	}
	how := modeUsual
	switch {
	case signs >= 3 && signs*5 >= len(tokens), tokens[0].hash == roll(hashSeed, '/'): // a comment, at least
		how = modeCode
	case caps+uppers == 0:
		how = modeLower
	case uppers >= 2 && uppers*4 >= words*3:
		how = modeUpper
	case caps >= 4 && caps > 3*lowers:
		how = modeHeading
	}
	for i := range tokens {
		t := &tokens[i]
		t.candidate = t.mayBegin(how)
		if i > 0 && tokens[i-1].look == lookMark && tokens[i-1].end == t.start {
			t.glued = tokens[i-1].hash
		}
		if i > 0 && t.look == lookLower && tokens[i-1].hash == roll(hashSeed, '@') {
			t.candidate = true // a handle, as corpora that set signs apart have it
		}
		if i+1 < len(tokens) && tokens[i+1].look == lookMark && tokens[i+1].start == t.end {
			t.glued = mix(t.glued, tokens[i+1].hash)
			if t.look == lookLower && ofCode(tokens[i+1].hash) {
				t.candidate = false // a call, an index, a tag
			}
		}
	}
	for i := 1; i+1 < len(tokens); i++ {
		t := &tokens[i]
		if !t.candidate && t.joins() && tokens[i-1].candidate &&
			(tokens[i+1].candidate || i+2 < len(tokens) && tokens[i+1].joins() && tokens[i+2].candidate) {
			t.candidate = true
		}
	}
	return how
}

// mayBegin tells whether a token may be part of a name for what it is itself.
func (t *token) mayBegin(how mode) bool {
	switch t.look {
	case lookCap, lookUpper, lookLetter, lookMixed, lookTag, lookHandle:
		return true
	case lookLower:
		if how == modeCode {
			return false
		}
		if t.phrase != 0 {
			return true
		}
		if how != modeLower { // among capitals, only what is nothing but a name
			return t.bits&Common == 0 && (t.bits&FirstName > 1 || t.bits&Place > 1<<4)
		}
		if t.bits&(FirstName|Surname|Place) != 0 {
			return t.bits&Common < Common || t.bits&(FirstName|Place) != 0
		}
		return t.bits == 0 && t.length > 2
	}
	return false
}

// ofCode tells whether a mark is more often in programs than in prose.
func ofCode(hash uint32) bool {
	for _, c := range "(){}[]=<>|*\\/;" {
		if hash == roll(hashSeed, uint32(c)) {
			return true
		}
	}
	return false
}

// joins tells whether a token may stand inside a name, between words that may.
func (t *token) joins() bool {
	switch t.look {
	case lookLower:
		return t.length <= 3
	case lookMark:
		return t.hash == roll(hashSeed, '.') || t.hash == roll(hashSeed, '-') || t.hash == roll(hashSeed, '&') ||
			t.hash == roll(hashSeed, '\'') || t.hash == roll(roll(hashSeed, '\''), 's') || t.hash == roll(hashSeed, '/') || t.hash == roll(hashSeed, ',')
	case lookNumber:
		return true
	}
	return false
}

// outside stands before the first and after the last token.
var outside = token{hash: 1, shape: 1, look: lookMark}

// MaxPerToken is how many features a token has at most.
const MaxPerToken = 64

// features appends the keys of what is looked at for token i.
func features(keys []uint32, tokens []token, i int, how mode) []uint32 {
	at := func(k int) *token {
		if i+k < 0 || i+k >= len(tokens) {
			return &outside
		}
		return &tokens[i+k]
	}
	t, p, n, pp, nn := at(0), at(-1), at(1), at(-2), at(2)
	salt := uint32(0)
	add := func(a, b uint32) {
		salt++
		keys = append(keys, mix(mix(a, salt*0x51ed27), b))
	}
	name := func(t *token) uint32 { return uint32(t.bits & (FirstName | Surname | Place | Common)) }
	sense := func(t *token) uint32 { return uint32(t.bits&(Sense|Title|Designator))>>8 | t.phrase<<8 }
	tl, pl, nl := uint32(t.look), uint32(p.look), uint32(n.look)
	first := uint32(0)
	if i == 0 {
		first = 1
	}
	written := uint32(how)*16 + tl

	add(0, 0)
	add(written, first)
	add(t.hash, 0)
	add(t.hash, 1+tl)
	add(p.hash, 0)
	add(n.hash, 0)
	add(pp.hash, 0)
	add(nn.hash, 0)
	add(p.hash, t.hash)
	add(t.hash, n.hash)
	for k := range t.prefix {
		add(t.prefix[k], 0)
		add(t.suffix[k], 0)
	}
	add(t.suffix[2], written)
	add(p.suffix[2], tl)
	add(n.suffix[2], tl)
	add(t.shape, 0)
	add(t.shape, p.shape)
	add(t.shape, n.shape)
	add(written*16+pl, nl)
	add(tl*256+pl*16+nl, uint32(pp.look)*16+uint32(nn.look))
	add(name(t), written*2+first)
	add(name(p), name(t))
	add(name(t), name(n))
	add(mix(name(p), tl), mix(name(t), name(n)))
	add(sense(t), written)
	add(sense(p), tl)
	add(sense(n), tl)
	add(sense(pp), tl)
	add(sense(nn), tl)
	add(sense(p), name(t))
	add(sense(n), name(t))
	add(sense(t), sense(n))
	add(sense(p), sense(t))
	add(p.hash, written)
	add(n.hash, written)
	add(p.hash, name(t))
	add(n.hash, name(t))
	add(mix(pp.hash, p.hash), tl)
	add(mix(n.hash, nn.hash), tl)
	add(mix(p.hash, n.hash), tl)
	add(uint32(t.phrase)*16+tl, uint32(p.phrase)*4+n.phrase)
	add(uint32(min(t.length, 12)), tl)
	add(t.glued, written)
	return keys
}
