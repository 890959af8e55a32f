//go:build ignore

// Gen writes table.json from the files of models.dev: one TOML file a model,
// below providers/NAME/models. It reads the tables [cost] and [[cost.tiers]] of
// each, ends with an error at anything in them that it does not know, and leaves
// out models without a price for input or output: 0 is one for the output of
// embeddings alone.
//
//	go run gen.go -providers models.dev/providers -commit f3fc692 -date 2026-07-02
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

type table struct {
	Source    string                    `json:"source"`
	Commit    string                    `json:"commit"`
	Date      string                    `json:"date"`
	Licence   string                    `json:"licence"`
	Unit      string                    `json:"unit"`
	Providers map[string]map[string]row `json:"providers"`
}

// row is the prices of a model by their names in the source.
type row struct {
	rates
	Tiers []tier `json:"tiers,omitempty"`
}

type tier struct {
	Above int `json:"above"`
	rates
}

type rates struct {
	Input       *float64 `json:"input"`
	Output      *float64 `json:"output"`
	CacheRead   *float64 `json:"cache_read,omitempty"`
	CacheWrite  *float64 `json:"cache_write,omitempty"`
	Reasoning   *float64 `json:"reasoning,omitempty"`
	InputAudio  *float64 `json:"input_audio,omitempty"`
	OutputAudio *float64 `json:"output_audio,omitempty"`
}

func main() {
	log.SetFlags(0)
	dir := flag.String("providers", "", "the folder providers of models.dev")
	commit := flag.String("commit", "", "its commit")
	date := flag.String("date", "", "the commit's date, YYYY-MM-DD")
	out := flag.String("o", "table.json", "what to write")
	flag.Parse()
	t := table{Source: "https://github.com/anomalyco/models.dev", Commit: *commit, Date: *date,
		Licence: "MIT, Copyright (c) 2025 models.dev, see LICENSE.models.dev", Unit: "US dollars for a million tokens", Providers: map[string]map[string]row{}}
	err := filepath.WalkDir(*dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".toml") {
			return err
		}
		rel, err := filepath.Rel(*dir, path)
		if err != nil {
			return err
		}
		provider, model, ok := strings.Cut(strings.TrimSuffix(filepath.ToSlash(rel), ".toml"), "/models/")
		if !ok {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r, err := read(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		if r.Input == nil || r.Output == nil || *r.Input == 0 || *r.Output == 0 && !strings.Contains(model, "embed") {
			log.Printf("%s/%s: no price", provider, model)
			return nil
		}
		if t.Providers[provider] == nil {
			t.Providers[provider] = map[string]row{}
		}
		t.Providers[provider][model] = r
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// One line a model, so that a new table can be read as a diff.
	raw, err := json.Marshal(t)
	if err != nil {
		log.Fatal(err)
	}
	text := strings.NewReplacer(`,"commit"`, ",\n\"commit\"", `,"providers":{`, ",\n\"providers\":{\n", `},"`, "},\n\"").Replace(string(raw))
	if err := os.WriteFile(*out, []byte(text+"\n"), 0o644); err != nil {
		log.Fatal(err)
	}
}

// read takes the prices out of a model's TOML.
func read(text string) (row, error) {
	var r row
	table := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			table = line
			switch {
			case line == "[[cost.tiers]]":
				r.Tiers = append(r.Tiers, tier{})
			case strings.Contains(line, "cost") && line != "[cost]":
				return r, fmt.Errorf("line %d: unknown table %s", i+1, line)
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if table == "" && (key == "cost" || strings.HasPrefix(key, "cost.")) {
			return r, fmt.Errorf("line %d: prices outside of [cost]", i+1)
		}
		if table != "[cost]" && table != "[[cost.tiers]]" {
			continue
		}
		value, _, _ = strings.Cut(value, " #")
		if key == "tier" && table == "[[cost.tiers]]" {
			size, ok := strings.CutPrefix(strings.Replace(value, `type = "context", `, "", 1), "{ size = ")
			above, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSuffix(size, " }"), "_", ""))
			if !ok || err != nil {
				return r, fmt.Errorf("line %d: unknown tier %s", i+1, value)
			}
			r.Tiers[len(r.Tiers)-1].Above = above
			continue
		}
		usd, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(value), "_", ""), 64)
		if err != nil {
			return r, fmt.Errorf("line %d: %w", i+1, err)
		}
		if usd == 0 && key != "input" && key != "output" {
			continue // nobody reads from a cache for nothing: the source means none
		}
		to := &r.rates
		if table == "[[cost.tiers]]" {
			to = &r.Tiers[len(r.Tiers)-1].rates
		}
		switch key {
		case "input":
			to.Input = &usd
		case "output":
			to.Output = &usd
		case "cache_read":
			to.CacheRead = &usd
		case "cache_write":
			to.CacheWrite = &usd
		case "reasoning":
			to.Reasoning = &usd
		case "input_audio":
			to.InputAudio = &usd
		case "output_audio":
			to.OutputAudio = &usd
		default:
			return r, fmt.Errorf("line %d: unknown price %s", i+1, key)
		}
	}
	return r, nil
}
