package engine

import (
	"bytes"
	"unicode/utf8"
)

// The window of a stream that is read before it goes on. Sizes are in bytes.
//
// Text is let go when lookahead bytes behind it have been read. Values without a
// space in them, however long, and PEM blocks are held whole up to maxHeldPassage,
// and so is whatever is a finding already; lookahead is for the rest: values of
// several words until they are recognised, and words behind a value that speak for
// it. Over 5,970 texts of classifiers/exam (set A) the built-in classifiers need 41
// bytes for pii, 36 for secrets and, but for base64 that it takes for names, 68 for
// names.
//
// lookbehind is what of the text before is read again for the words in it. step is
// how often: each 64 bytes, some 16 tokens, which costs 16 µs of pii and secrets
// together in prose. With these, streams of the exam's and of the README's texts
// have the findings that the texts have as a whole.
const (
	lookahead      = 256
	lookbehind     = 1024
	step           = 64
	maxHeldPassage = 16 << 10
)

// passage is a run of a reply's text, of one channel. What it does depends on its
// bytes alone and not on how they are cut into events.
type passage struct {
	channel
	whole bool   // held to its end
	ended bool   // its choice has gone on to something else
	buf   []byte // released bytes, as they came, and then those that are held
	gone  int    // bytes of buf that were released
	next  int    // held bytes at which it is read next
}

func (p *passage) held() int { return len(p.buf) - p.gone }

func (p *passage) add(s string) { p.buf = append(p.buf, s...) }

func (p *passage) text(value string) *Text {
	t := &Text{Role: RoleAssistant, Kind: KindText, Message: -1, Value: value}
	switch p.kind {
	case EventToolArgs:
		t.Kind = KindToolArguments
	case EventToolCall:
		t.Kind = KindName
	}
	return t
}

// readAgainAt sets when the passage is read next, after n of the bytes that are
// held have been read. The more is held, the more has to come, so that the cost of
// a long value stays in proportion to its length.
func (p *passage) readAgainAt(n int) { p.next = n + max(step, n/4) }

// window is what is to be read now: the end of what was released, from a word's
// beginning on, and end bytes of what is held, which begin at from.
func (p *passage) window() (value string, from, end int) {
	end = runeStart(p.buf, p.gone+p.next) - p.gone
	start := max(0, p.gone-lookbehind)
	for start > 0 && start < p.gone && (inWord(p.buf, start) || !utf8.RuneStart(p.buf[start])) {
		start++
	}
	return string(p.buf[start : p.gone+end]), p.gone - start, end
}

// cut says how much of what is held may go on, of which end bytes were read and
// the findings count from its beginning.
func (p *passage) cut(found []Finding, end int) int {
	held := p.buf[p.gone : p.gone+end]
	full := end >= maxHeldPassage
	limit := runeStart(held, end-lookahead)
	if !full {
		limit = min(limit, armour(held))
		for limit > 0 && inWord(held, limit) {
			limit--
		}
	}
	for moved := true; moved; {
		moved = false
		for _, f := range found {
			if s := f.Span; s.Start < limit && limit < s.End {
				// A finding without end is given up on as it is.
				moved = true
				if limit = max(0, s.Start); full {
					limit = s.End
				}
			}
		}
	}
	return limit
}

// armour is where a block of RFC 7468 (a key, a certificate) begins whose end is
// not in text; its length where there is none. Until its end comes, such a block
// is not known for what it is.
func armour(text []byte) int {
	at := bytes.LastIndex(text, []byte("-----BEGIN "))
	if at < 0 || bytes.Contains(text[at:], []byte("-----END ")) {
		return len(text)
	}
	return at
}

// inWord says whether the bytes before and at i are of one word: ASCII without a
// space. Scripts that have no spaces have no such words.
func inWord(b []byte, i int) bool {
	graphic := func(c byte) bool { return '!' <= c && c <= '~' }
	return graphic(b[i-1]) && graphic(b[i])
}

// runeStart is the last beginning of a character at or before i.
func runeStart(b []byte, i int) int {
	for i = max(0, i); i > 0 && i < len(b) && !utf8.RuneStart(b[i]); {
		i--
	}
	return i
}

// take releases n bytes and returns them.
func (p *passage) take(n int) string {
	text := string(p.buf[p.gone : p.gone+n])
	p.gone += n
	if p.gone > 4*lookbehind {
		// Only the end of what is gone is read again; a word may begin before that.
		p.buf = p.buf[:copy(p.buf, p.buf[p.gone-2*lookbehind:])]
		p.gone = 2 * lookbehind
	}
	return text
}
