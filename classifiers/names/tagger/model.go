// Package tagger finds the names of persons, places and organisations in a text.
// It is the reference for the module names.c in the folder above, which must find the same, and the
// part of the trainer that both share: how a text is cut into words,
// what is looked at in each, and how labels are chosen.
//
// All arithmetic is in integers, so that it is the same everywhere.
package tagger

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Bits are what the lexicon knows of a word.
type Bits uint16

// Parts of Bits. Tiers go from 0, not known, to 3, the most common.
const (
	FirstName  Bits = 3 << 0
	Surname    Bits = 3 << 2
	Place      Bits = 3 << 4
	Common     Bits = 3 << 6
	Sense      Bits = 63 << 8 // WordNet's lexicographer file and 1; 63: several words that are a place's name
	Title      Bits = 1 << 14 // stands before a person's name
	Designator Bits = 1 << 15 // part of an organisation's name

	phraseBits Bits = Sense
)

// Kinds of names, in the order of the module's description.
const (
	Person = iota
	Location
	Organization
	Kinds
)

// Labels are O, and for each kind one for a name's first word and one for the
// others.
const (
	Labels = 1 + 2*Kinds
	Begin  = 1 // Begin + 2*kind
	Inside = 2 // Inside + 2*kind
)

const (
	magic        = 0x314d4e53 // "SNM1"
	lexiconSlots = 1 << 17
	featureSlots = 1 << 16
	marginSteps  = 64
	headerSize   = 4 + 4*2 + Labels*Labels*2 + Kinds*marginSteps*2
	lexiconAt    = (headerSize + 15) / 16 * 16
	checkAt      = lexiconAt + lexiconSlots*4
	weightAt     = checkAt + featureSlots*2
	weightStride = 8 // six used
	modelSize    = weightAt + featureSlots*weightStride
	maxLexicon   = lexiconSlots / 8 * 7
	unreachable  = -(1 << 28)
)

// MaxFeatures is how many features with weights a model has room for.
const MaxFeatures = featureSlots / 4 * 3

// Forbidden is the weight of a transition that must not be.
const Forbidden = -(1 << 14)

// Model is what the tagger knows: the lexicon and the weights, as weights.bin
// holds them and the module maps them. It is read only once it is made; several
// goroutines may use it.
//
// The layout, little endian: "SNM1"; u16 bias against O, u16 shift of margins,
// 4 bytes of 0; i16 transitions, from by to; u16 thousandths of probability, by
// kind and margin; from the next multiple of 16 the lexicon's slots, u16 check
// and u16 bits; u16 checks of the features' slots; their weights, i8 for each
// label but O and 2 bytes of 0.
type Model struct{ b []byte }

// Parameters are the parts of a Model other than lexicon and weights.
type Parameters struct {
	// Tilt is added to each label but O.
	Tilt int16
	// Shift is how far a margin is shifted to the right to give its step.
	Shift      uint16
	Transition [Labels][Labels]int16 // from, to
	// Probability of a name, in thousandths, by kind and step of its margin.
	Probability [Kinds][marginSteps]uint16
}

// NewModel lays out a model. Features whose weights are all 0 are left out.
// Neither map is kept.
func NewModel(p Parameters, lexicon map[uint32]Bits, keys []uint32, weights [][Labels - 1]int8) (*Model, error) {
	if len(lexicon) > maxLexicon {
		return nil, fmt.Errorf("%d words, more than %d", len(lexicon), maxLexicon)
	}
	m := &Model{b: make([]byte, modelSize)}
	le := binary.LittleEndian
	le.PutUint32(m.b, magic)
	m.SetParameters(p)
	words := sortedKeys(lexicon)
	for _, h := range words {
		key := mix(h, lexiconSalt)
		s := key & (lexiconSlots - 1)
		for le.Uint16(m.b[lexiconAt+4*s+2:]) != 0 {
			s = (s + 1) & (lexiconSlots - 1)
		}
		le.PutUint16(m.b[lexiconAt+4*s:], uint16(key>>16))
		le.PutUint16(m.b[lexiconAt+4*s+2:], uint16(lexicon[h]))
	}
	n := 0
	for i, key := range keys {
		if weights[i] == [Labels - 1]int8{} {
			continue
		}
		if n++; n > MaxFeatures {
			return nil, fmt.Errorf("more than %d features", MaxFeatures)
		}
		s := key & (featureSlots - 1)
		for le.Uint16(m.b[checkAt+2*s:]) != 0 {
			s = (s + 1) & (featureSlots - 1)
		}
		le.PutUint16(m.b[checkAt+2*s:], checkOf(key))
		for y, w := range weights[i] {
			m.b[weightAt+weightStride*s+uint32(y)] = byte(w)
		}
	}
	return m, nil
}

// SetParameters replaces the parameters of a model nobody else uses yet.
func (m *Model) SetParameters(p Parameters) {
	le := binary.LittleEndian
	le.PutUint16(m.b[4:], uint16(p.Tilt))
	le.PutUint16(m.b[6:], p.Shift)
	at := 12
	for _, from := range p.Transition {
		for _, v := range from {
			le.PutUint16(m.b[at:], uint16(v))
			at += 2
		}
	}
	for _, kind := range p.Probability {
		for _, v := range kind {
			le.PutUint16(m.b[at:], v)
			at += 2
		}
	}
}

// Parameters are those that the model was made with.
func (m *Model) Parameters() Parameters {
	var p Parameters
	le := binary.LittleEndian
	p.Tilt = int16(le.Uint16(m.b[4:]))
	p.Shift = le.Uint16(m.b[6:])
	at := 12
	for from := range p.Transition {
		for to := range p.Transition[from] {
			p.Transition[from][to] = int16(le.Uint16(m.b[at:]))
			at += 2
		}
	}
	for kind := range p.Probability {
		for i := range p.Probability[kind] {
			p.Probability[kind][i] = le.Uint16(m.b[at:])
			at += 2
		}
	}
	return p
}

// ReadModel checks and keeps what Bytes gave.
func ReadModel(b []byte) (*Model, error) {
	if len(b) != modelSize || binary.LittleEndian.Uint32(b) != magic {
		return nil, errors.New("not a model of names")
	}
	return &Model{b: b}, nil
}

// Bytes are the model as a file; they belong to the model.
func (m *Model) Bytes() []byte { return m.b }

const lexiconSalt = 0x6c657869

func checkOf(key uint32) uint16 {
	return uint16(max(1, key>>16))
}

func (m *Model) lookup(hash uint32) Bits {
	le := binary.LittleEndian
	key := mix(hash, lexiconSalt)
	for s := key & (lexiconSlots - 1); ; s = (s + 1) & (lexiconSlots - 1) {
		v := le.Uint32(m.b[lexiconAt+4*s:])
		if v>>16 == 0 || v&0xffff == key>>16 {
			return Bits(v >> 16)
		}
	}
}

// add adds the weights of a feature to the sums.
func (m *Model) add(key uint32, sum *[Labels]int32) {
	le := binary.LittleEndian
	check := checkOf(key)
	for s := key & (featureSlots - 1); ; s = (s + 1) & (featureSlots - 1) {
		switch le.Uint16(m.b[checkAt+2*s:]) {
		case 0:
			return
		case check:
			w := m.b[weightAt+weightStride*s:]
			for y := 1; y < Labels; y++ {
				sum[y] += int32(int8(w[y-1]))
			}
			return
		}
	}
}
