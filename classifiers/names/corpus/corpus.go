// Package corpus reads labelled sentences: files of one word and its tag a line.
package corpus

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
)

// Sentence is a text whose names are known.
type Sentence struct {
	Text  string
	Spans []Span
}

// Span is a name: bytes [Start, End) of a text, and a tagger's kind.
type Span struct{ Start, End, Kind int }

// Trainable are the files that the shipped weights are trained on, all of them
// under CC BY 4.0.
func Trainable() []string {
	return []string{"btc_a.conll.gz", "btc_b.conll.gz", "btc_e.conll.gz", "btc_f.conll.gz", "btc_g.conll.gz", "wikigold.conll.gz", "wnut17_train.conll.gz"}
}

// Split keeps each tenth sentence apart: it is not trained on.
func Split(all []Sentence) (train, held []Sentence) {
	for i, s := range all {
		if i%10 == 9 {
			held = append(held, s)
		} else {
			train = append(train, s)
		}
	}
	return train, held
}

// Overlaps tells whether two names are of one kind and have half of what both
// cover together in common.
func (s Span) Overlaps(other Span) bool {
	both := min(s.End, other.End) - max(s.Start, other.Start)
	all := max(s.End, other.End) - min(s.Start, other.Start)
	return s.Kind == other.Kind && 2*both >= all
}

var kindOf = map[string]int{
	"PER": tagger.Person, "person": tagger.Person,
	"LOC": tagger.Location, "location": tagger.Location,
	"ORG": tagger.Organization, "corporation": tagger.Organization, "group": tagger.Organization,
}

// Read reads a file, packed with gzip, of one token and its tag a line. The text is put
// together from the tokens as people write it: the files do not say where the
// spaces were. A name that is an "@" alone, as some files have them, is left out.
func Read(dir, name string) ([]Sentence, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out []Sentence
	var words, tags []string
	raw := ""
	flush := func() {
		if len(words) > 0 {
			out = append(out, join(words, tags, raw))
		}
		words, tags, raw = nil, nil, ""
	}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if text, ok := strings.CutPrefix(line, "# text = "); ok {
			raw = text
			continue
		}
		if strings.HasPrefix(line, "# ") && strings.Contains(line, " = ") {
			continue
		}
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == '\t' })
		if len(fields) == 1 {
			fields = strings.Fields(line)
		}
		switch {
		case strings.TrimSpace(line) == "":
			flush()
		case len(fields) >= 3: // number, word, tag, …
			words, tags = append(words, fields[1]), append(tags, fields[2])
		case len(fields) == 2:
			words, tags = append(words, fields[0]), append(tags, fields[1])
		default: // a tag without a word: nothing that could be read
		}
	}
	flush()
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, z.Close()
}

// join writes the words as a sentence: as raw has them, where that is known.
func join(words, tags []string, raw string) Sentence {
	var b strings.Builder
	var s Sentence
	quotes := 0
	glue := true // no space before the next word
	before := "O"
	for i, w := range words {
		if closes(w) || w == `"` && quotes%2 == 1 {
			glue = true
		}
		if raw != "" {
			if at := strings.Index(raw[b.Len():], w); at >= 0 {
				b.WriteString(raw[b.Len() : b.Len()+at])
			}
		} else if !glue {
			b.WriteByte(' ')
		}
		start := b.Len()
		b.WriteString(strings.ToValidUTF8(w, "\uFFFD"))
		glue = strings.ContainsAny(w, "([{$") && len(w) == 1 || w == `"` && quotes%2 == 0
		if w == `"` {
			quotes++
		}
		place, name, _ := strings.Cut(tags[i], "-")
		kind, ok := kindOf[name]
		if ok && w != "@" {
			if last := len(s.Spans) - 1; place == "I" && last >= 0 && strings.HasSuffix(before, "-"+name) {
				s.Spans[last].End = b.Len()
			} else {
				s.Spans = append(s.Spans, Span{start, b.Len(), kind})
			}
		}
		before = tags[i]
	}
	s.Text = b.String()
	return s
}

// closes tells whether a word stands directly behind the one before it.
func closes(w string) bool {
	switch w {
	case ".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "'s", "'S", "’s", "n't", "'m", "'re", "'ve", "'ll", "'d", "...", "''":
		return true
	}
	return false
}
