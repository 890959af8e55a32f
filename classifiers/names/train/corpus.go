package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport-ai/sallyport/classifiers/names"
)

// sentence is a text whose names are known.
type sentence struct {
	text  string
	spans []span
}

type span struct{ start, end, kind int }

// corpora that the shipped weights may be trained on, all CC BY 4.0.
var corpora = []string{"btc_a.conll.gz", "btc_b.conll.gz", "btc_e.conll.gz", "btc_f.conll.gz", "btc_g.conll.gz", "wikigold.conll.gz", "wnut17_train.conll.gz"}

var kindOf = map[string]int{
	"PER": names.Person, "person": names.Person,
	"LOC": names.Location, "location": names.Location,
	"ORG": names.Organization, "corporation": names.Organization, "group": names.Organization,
}

// readCorpus reads a file of one token and its tag a line. The text is put
// together from the tokens as people write it: the files do not say where the
// spaces were.
func readCorpus(dir, name string) ([]sentence, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out []sentence
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
func join(words, tags []string, raw string) sentence {
	var b strings.Builder
	var s sentence
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
		if ok {
			if last := len(s.spans) - 1; place == "I" && last >= 0 && strings.HasSuffix(before, "-"+name) {
				s.spans[last].end = b.Len()
			} else {
				s.spans = append(s.spans, span{start, b.Len(), kind})
			}
		}
		before = tags[i]
	}
	s.text = b.String()
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

// lower and upper are a sentence in one case; ok is false where a name's place
// would move.
func recase(s sentence, to func(string) string) (sentence, bool) {
	text := to(s.text)
	return sentence{text, s.spans}, len(text) == len(s.text)
}
