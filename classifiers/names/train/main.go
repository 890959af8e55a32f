// Command train makes weights.bin: the lexicon and the weights of the names
// classifier. The same data give the same bytes each time.
package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport/classifiers/names/corpus"
	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
)

func main() {
	data := flag.String("data", "", "folder of the corpora, with btc_a.conll.gz and the others")
	lexicon := flag.String("lexicon", "train/lexicon.txt.gz", "what lexicon.mjs wrote")
	out := flag.String("out", "weights.bin", "file to write")
	epochs := flag.Int("epochs", 12, "passes over the data")
	flag.Parse()
	if err := run(*data, *lexicon, *out, *epochs); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(data, lexiconFile, out string, epochs int) error {
	if data == "" {
		return errors.New("-data is missing: the folder of the corpora")
	}
	words, lists, err := readLexicon(lexiconFile)
	if err != nil {
		return err
	}
	blank, err := tagger.NewModel(tagger.Parameters{}, words, nil, nil)
	if err != nil {
		return err
	}
	var train, held []corpus.Sentence
	for _, name := range corpus.Trainable() {
		all, err := corpus.Read(data, name)
		if err != nil {
			return err
		}
		in, out := corpus.Split(all)
		train, held = append(train, in...), append(held, out...)
	}
	made := synthesize(lists)
	fmt.Printf("%d sentences to train on, and %d made\n", len(train), len(made))
	t := newTrainer(blank)
	t.add(train, made)
	t.forgetRare()
	t.train(epochs / 2)
	t.choose()
	t.train(epochs)
	m, err := t.model(words)
	if err != nil {
		return err
	}
	calibrate(m, held)
	report(m, held)
	return os.WriteFile(out, m.Bytes(), 0o644)
}

// readLexicon reads lexicon.txt.gz: bits by hash, and the words of each part for
// the making of sentences.
func readLexicon(file string) (map[uint32]tagger.Bits, map[string]tagger.Bits, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	bits, words := map[uint32]tagger.Bits{}, map[string]tagger.Bits{}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		n := len(fields) - 1
		v, err := strconv.ParseUint(fields[n], 16, 16)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		h, err := tagger.HashPhrase(fields[:n])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		bits[h] = tagger.Bits(v)
		words[strings.Join(fields[:n], " ")] = tagger.Bits(v)
	}
	return bits, words, lines.Err()
}
