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

	"github.com/sallyport-ai/sallyport/classifiers/names"
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
	blank, err := names.NewModel(names.Parameters{}, words, nil, nil)
	if err != nil {
		return err
	}
	var train []sentence
	held := map[string][]sentence{}
	for _, name := range corpora {
		all, err := readCorpus(data, name)
		if err != nil {
			return err
		}
		for i, s := range all {
			if i%10 == 9 {
				held[name] = append(held[name], s)
			} else {
				train = append(train, s)
			}
		}
	}
	made := synthesize(lists)
	fmt.Printf("%d sentences to train on, and %d made\n", len(train), len(made))
	t := newTrainer(blank)
	t.add(train, made)
	t.train(epochs)
	m, err := t.model(words)
	if err != nil {
		return err
	}
	var all []sentence
	for _, name := range corpora {
		all = append(all, held[name]...)
	}
	calibrate(m, all)
	for _, name := range corpora {
		report(m, name, held[name])
	}
	report(m, "held out", all)
	for _, extra := range []string{"uner_ewt_dev.iob2.gz"} {
		if s, err := readCorpus(data, extra); err == nil {
			report(m, extra, s)
		}
	}
	return os.WriteFile(out, m.Bytes(), 0o644)
}

// readLexicon reads lexicon.txt.gz: bits by hash, and the words of each part for
// the making of sentences.
func readLexicon(file string) (map[uint32]names.Bits, map[string]names.Bits, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	bits, words := map[uint32]names.Bits{}, map[string]names.Bits{}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		n := len(fields) - 1
		v, err := strconv.ParseUint(fields[n], 16, 16)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		h, err := names.HashPhrase(fields[:n])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		bits[h] = names.Bits(v)
		words[strings.Join(fields[:n], " ")] = names.Bits(v)
	}
	return bits, words, lines.Err()
}
