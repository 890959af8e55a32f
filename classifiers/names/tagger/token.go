package tagger

import "unicode/utf8"

// A token is a word, a number or a mark of a text, with what the features need
// to know of it. Hashes are of the word in lower case and without accents.
type token struct {
	start, end int       // bytes of the text
	hash       uint32    // of the whole word; of the mark itself
	prefix     [4]uint32 // of the first 1 to 4 characters, 0 where it is shorter
	suffix     [4]uint32 // of the last 1 to 4 characters, 0 where it is shorter
	shape      uint32    // hash of the sequence of its characters' classes
	look       look
	bits       Bits   // of the lexicon
	phrase     uint32 // 1 first and 2 later word of a place's name
	glued      uint32 // hash of the marks that touch it
	length     int    // in characters
	candidate  bool
}

// look is the rough form of a token.
type look uint8

const (
	lookMark   look = iota // punctuation
	lookNumber             // digits first
	lookLower              // a word without capitals
	lookCap                // a capital, then small letters
	lookUpper              // capitals only, two or more
	lookLetter             // a single capital
	lookMixed              // capitals inside
	lookOther              // letters of scripts without case
	lookCode               // an identifier, a path, an address
	lookHandle             // @word
	lookTag                // #word
)

// Classes of characters.
const (
	classSpace = iota
	classLine
	classMark
	classLower
	classUpper
	classDigit
	classOther
	classDrop // invisible, as if it were not there
)

// letters are the Latin letters from U+00C0 to U+017F without their accents.
const letters = "aaaaaaaceeeeiiiidnooooo*ouuuuyts" + "aaaaaaaceeeeiiiidnooooo*ouuuuyty" +
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"

// classify gives a character's class and what stands for it in hashes: small,
// without accent, narrow.
func classify(c rune) (class int, plain uint32) {
	if c >= 0xff01 && c <= 0xff5e { // fullwidth
		c -= 0xfee0
	}
	switch {
	case c == '\n':
		return classLine, '\n'
	case c <= ' ' || c == 0x7f:
		return classSpace, ' '
	case c >= 'a' && c <= 'z':
		return classLower, uint32(c)
	case c >= 'A' && c <= 'Z':
		return classUpper, uint32(c) + 32
	case c >= '0' && c <= '9':
		return classDigit, uint32(c)
	case c < 0x80:
		return classMark, uint32(c)
	case c < 0xc0:
		switch c {
		case 0x85, 0xa0:
			return classSpace, ' '
		case 0xad:
			return classDrop, 0
		case 0xab, 0xbb:
			return classMark, '"'
		case 0xaa, 0xb5, 0xba:
			return classLower, uint32(c)
		}
		return classMark, uint32(c)
	case c < 0x180:
		if c == 0xd7 || c == 0xf7 {
			return classMark, uint32(c)
		}
		plain = uint32(letters[c-0xc0])
		upper := c < 0xdf || c >= 0x100 && c&1 == 0
		if c >= 0x139 && c <= 0x148 || c >= 0x179 {
			upper = c&1 == 1 && c != 0x17f
		}
		if c == 0x138 || c == 0x149 {
			upper = false
		}
		if c == 0x178 {
			upper = true
		}
		if upper {
			return classUpper, plain
		}
		return classLower, plain
	case c >= 0x300 && c < 0x370: // combining accents
		return classDrop, 0
	case c >= 0x391 && c <= 0x3a9:
		return classUpper, uint32(c) + 0x20
	case c >= 0x3ac && c <= 0x3ce, c >= 0x430 && c <= 0x45f:
		return classLower, uint32(c)
	case c >= 0x400 && c <= 0x40f:
		return classUpper, uint32(c) + 0x50
	case c >= 0x410 && c <= 0x42f:
		return classUpper, uint32(c) + 0x20
	case c >= 0x1e00 && c < 0x1f00:
		if c&1 == 0 {
			return classUpper, uint32(c) + 1
		}
		return classLower, uint32(c)
	case c >= 0x2000 && c <= 0x2fff:
		switch {
		case c <= 0x200a, c == 0x2028, c == 0x2029, c == 0x202f, c == 0x205f:
			return classSpace, ' '
		case c <= 0x200f, c >= 0x202a && c <= 0x202e, c >= 0x2060 && c <= 0x206f:
			return classDrop, 0
		case c <= 0x2015:
			return classMark, '-'
		case c == 0x2018 || c == 0x2019:
			return classMark, '\''
		case c >= 0x201c && c <= 0x201f:
			return classMark, '"'
		}
		return classMark, uint32(c)
	case c == 0x3000:
		return classSpace, ' '
	case c == 0xfeff, c >= 0xfe00 && c <= 0xfe0f:
		return classDrop, 0
	case c > 0x3000 && c <= 0x303f, c >= 0xfe10 && c <= 0xfe6f, c >= 0xff00 && c <= 0xff0f, c == 0xfffd, c >= 0x1f000 && c < 0x20000:
		return classMark, uint32(c)
	}
	return classOther, uint32(c)
}

const hashSeed = 2166136261

func roll(h, c uint32) uint32 { return (h ^ c) * 16777619 }

// mix joins two numbers into one that depends on every bit of both.
func mix(a, b uint32) uint32 {
	h := a ^ b*0x9e3779b1
	h = (h ^ h>>15) * 0x85ebca6b
	return h ^ h>>13
}

func hashWord(s string) uint32 {
	h := uint32(hashSeed)
	for i := range len(s) {
		h = roll(h, uint32(s[i]))
	}
	return h
}

// segmentTokens is how many tokens are read together at most.
const segmentTokens = 192

// softWrap is the length in bytes from which a line that ends without a period
// is taken to go on in the next.
const softWrap = 50

// reader walks over the characters of a text, past those that are not there.
type reader struct {
	text  string
	at    int // of the character
	next  int // of what follows it
	kept  int // end of the character before
	line  int // of the line's first byte
	class int
	plain uint32
}

func newReader(text string) reader {
	r := reader{text: text}
	r.advance()
	return r
}

func (r *reader) advance() {
	r.kept = r.next
	for {
		r.at = r.next
		if r.at >= len(r.text) {
			r.class, r.plain = classSpace, 0
			return
		}
		c, n := utf8.DecodeRuneInString(r.text[r.at:])
		r.next = r.at + n
		r.class, r.plain = classify(c)
		if r.class != classDrop {
			return
		}
	}
}

func (r *reader) done() bool { return r.at >= len(r.text) }

// inWord tells whether characters of the class make words.
func inWord(class int) bool { return class >= classLower && class <= classOther }

// segment reads the next sentence or line: tokens that are looked at together.
// It returns none at the end of the text only.
func (r *reader) segment(tokens []token) []token {
	tokens = tokens[:0]
	for !r.done() && len(tokens) < segmentTokens {
		switch {
		case r.class == classSpace:
			r.advance()
		case r.class == classLine:
			long := r.at-r.line >= softWrap
			r.advance()
			r.line = r.at
			if len(tokens) > 0 {
				last := &tokens[len(tokens)-1]
				if !long || !inWord(r.class) || last.look == lookMark && last.hash != roll(hashSeed, ',') {
					return tokens
				}
			}
		case inWord(r.class):
			tokens = append(tokens, r.word(lookOther))
		default:
			mark := r.plain
			ahead := *r
			ahead.advance()
			if mark == '\\' && (ahead.plain == 'n' || ahead.plain == 't' || ahead.plain == 'r') { // an escaped line break
				*r = ahead
				r.advance()
				if len(tokens) > 0 {
					return tokens
				}
				continue
			}
			if (mark == '@' || mark == '#') && (inWord(ahead.class) || ahead.plain == '_') {
				l := lookHandle
				if mark == '#' {
					l = lookTag
				}
				tokens = append(tokens, r.word(l))
				continue
			}
			tokens = append(tokens, r.mark())
			if (mark == '.' || mark == '!' || mark == '?') && (r.class == classSpace || r.class == classLine) {
				return tokens
			}
		}
	}
	return tokens
}

// mark reads a mark, or as many of the same as there are, or a genitive's "'s".
func (r *reader) mark() token {
	t := token{start: r.at, hash: roll(hashSeed, r.plain), look: lookMark, length: 1}
	mark := r.plain
	r.advance()
	if mark == '\'' && r.plain == 's' {
		ahead := *r
		ahead.advance()
		if !inWord(ahead.class) {
			*r = ahead
			t.hash = roll(t.hash, 's')
			t.end = r.kept
			return t
		}
	}
	for !r.done() && r.plain == mark && r.class == classMark {
		r.advance()
	}
	t.end = r.kept
	t.shape = t.hash
	return t
}

// word reads a word: letters and digits, and marks that join two of them. l is
// lookHandle or lookTag where a sign stands before it, else lookOther.
func (r *reader) word(l look) token {
	t := token{start: r.at, hash: hashSeed, shape: hashSeed}
	if l != lookOther {
		t.shape = roll(t.shape, r.plain)
		r.advance()
	}
	var (
		last                                [4]uint32 // characters, the last one first
		upper, inner, lower, digits, others int
		firstClass                          = r.class
		run                                 = 0    // characters since the last joining mark
		joined                              = true // a joining mark or nothing is before this
		dots, long                          = false, false
		code                                = false
		same                                = 0 // how often the shape's last sign has come
		sign                                = uint32(0)
	)
	put := func(c, s uint32) {
		t.hash = roll(t.hash, c)
		if t.length < len(t.prefix) {
			t.prefix[t.length] = t.hash
		}
		t.length++
		last = [4]uint32{c, last[0], last[1], last[2]}
		if s == sign {
			same++
		} else {
			sign, same = s, 1
		}
		if same <= 2 && t.length < 64 {
			t.shape = roll(t.shape, s)
		}
	}
	for {
		if inWord(r.class) {
			switch r.class {
			case classUpper:
				upper++
				if !joined {
					inner++
				}
				put(r.plain, 'X')
			case classLower:
				lower++
				put(r.plain, 'x')
			case classDigit:
				digits++
				put('0', '0')
			default:
				others++
				put(r.plain, 'o')
			}
			run++
			joined = false
			r.advance()
			continue
		}
		if r.plain == '_' {
			code = true
			put('_', '_')
			run, joined = 0, true
			r.advance()
			continue
		}
		ahead := *r
		ahead.advance()
		if r.plain == ':' && ahead.plain == '/' {
			if ahead.advance(); ahead.plain == '/' {
				code = true
				for !r.done() && r.class != classSpace && r.class != classLine && !bracket(r.plain) {
					r.advance()
				}
			}
			break
		}
		if !inWord(ahead.class) || run == 0 {
			break
		}
		c := r.plain
		if c == '\'' && ahead.plain == 's' {
			if ahead.advance(); !inWord(ahead.class) {
				break // a genitive
			}
		} else if c != '\'' && c != '-' && c != '.' && c != '@' && c != '&' {
			break
		}
		code = code || c == '@'
		if c == '.' {
			dots = true
			long = long || run > 1
		}
		put(c, c)
		run, joined = 0, true
		r.advance()
	}
	long = long || run > 1
	t.end = r.kept
	if r.plain == '.' && !r.done() && (dots && !long || t.length == 1 && upper == 1 || abbreviation(t.hash)) {
		r.advance()
		t.end = r.kept
	}
	h := uint32(hashSeed)
	for i := range min(len(last), t.length) {
		h = roll(h, last[i])
		t.suffix[i] = h
	}
	switch {
	case l != lookOther:
		t.look = l
	case code || dots && long && firstClass != classDigit:
		t.look = lookCode
	case firstClass == classDigit:
		t.look = lookNumber
	case upper+lower == 0:
		t.look = lookOther
	case upper == 1 && t.length == 1:
		t.look = lookLetter
	case lower == 0:
		t.look = lookUpper
	case firstClass == classUpper && inner == 0:
		t.look = lookCap
	case upper > 0:
		t.look = lookMixed
	case digits > 0:
		t.look = lookCode
	default:
		t.look = lookLower
	}
	return t
}

// bracket tells whether an address ends before the mark.
func bracket(c uint32) bool {
	return c == '<' || c == '>' || c == ')' || c == ']' || c == '}' || c == '"'
}

// abbreviation tells whether a word has a period that ends no sentence.
func abbreviation(hash uint32) bool {
	for _, h := range abbreviations {
		if h == hash {
			return true
		}
	}
	return false
}

var abbreviations = [...]uint32{
	hashWord("mr"), hashWord("mrs"), hashWord("ms"), hashWord("dr"), hashWord("st"), hashWord("prof"), hashWord("sen"), hashWord("gen"),
	hashWord("rep"), hashWord("gov"), hashWord("capt"), hashWord("sgt"), hashWord("lt"), hashWord("col"), hashWord("rev"), hashWord("jr"), hashWord("sr"), hashWord("vs"),
}
