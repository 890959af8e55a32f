// Command gen makes the tables of builtin:pii that come from data: phone numbers
// from libphonenumber's metadata, words from words.txt. It is run in any folder of
// the module; with -check it compares instead of writing.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", "classifiers/pii", "folder of the classifier")
	check := flag.Bool("check", false, "compare with the files that stand there")
	flag.Parse()
	if err := run(*dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string, check bool) error {
	list, err := os.ReadFile(filepath.Join(dir, "words.txt"))
	if err != nil {
		return err
	}
	files := []struct {
		name string
		make func() ([]byte, error)
	}{
		{"phone_tables.h", phones},
		{"word_tables.h", func() ([]byte, error) { return words(list) }},
	}
	for _, f := range files {
		made, err := f.make()
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		path := filepath.Join(dir, f.name)
		if check {
			have, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !bytes.Equal(have, made) {
				return fmt.Errorf("%s is not what its source gives: run gen", path)
			}
			continue
		}
		if err := os.WriteFile(path, made, 0o644); err != nil {
			return err
		}
	}
	return nil
}
