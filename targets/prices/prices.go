// Package prices knows what the models of the large providers cost.
//
// It hides the table, which is data of models.dev embedded in the program, and
// how a target's host and a model's name are found in it. It asks no network.
package prices

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

//go:generate go run gen.go -providers models.dev/providers -commit f3fc692299671838c7c65fd8126bf84d81a2e817 -date 2026-07-02
//go:embed table.json
var raw []byte

// Table is the prices of models by provider. It is not changed after Load and
// safe for concurrent use.
type Table struct {
	date      string
	providers map[string]map[string]row
}

type row struct {
	rates
	Reasoning   *float64 `json:"reasoning"`
	InputAudio  *float64 `json:"input_audio"`
	OutputAudio *float64 `json:"output_audio"`
	Tiers       []struct {
		Above int `json:"above"`
		rates
	} `json:"tiers"`
}

type rates struct {
	Input      float64  `json:"input"`
	Output     float64  `json:"output"`
	CacheRead  *float64 `json:"cache_read"`
	CacheWrite *float64 `json:"cache_write"`
}

// Load reads the embedded table, which takes about a millisecond.
func Load() (*Table, error) {
	var t struct {
		Date      string                    `json:"date"`
		Providers map[string]map[string]row `json:"providers"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("read the table of prices: %w", err)
	}
	return &Table{t.Date, t.Providers}, nil
}

// Source names the table and its date, as it stands in Price.Source.
func (t *Table) Source() string { return "models.dev " + t.date }

// Provider is whose prices apply at a host, "" where that is not known: who
// serves a model of the same name elsewhere has a price of his own.
func Provider(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	switch host {
	case "api.openai.com":
		return "openai"
	case "api.anthropic.com":
		return "anthropic"
	case "generativelanguage.googleapis.com":
		return "google"
	case "aiplatform.googleapis.com":
		return "google-vertex"
	}
	switch {
	case strings.HasSuffix(host, ".openai.azure.com"), strings.HasSuffix(host, ".services.ai.azure.com"), strings.HasSuffix(host, ".cognitiveservices.azure.com"):
		return "azure"
	case strings.HasSuffix(host, "-aiplatform.googleapis.com"):
		return "google-vertex"
	case strings.HasSuffix(host, ".amazonaws.com") && (strings.HasPrefix(host, "bedrock-runtime.") || strings.HasPrefix(host, "bedrock-runtime-fips.")):
		return "amazon-bedrock"
	}
	return ""
}

var (
	// dated ends the name of one release of a model, which costs what the model
	// does where the table has no row of its own for it.
	dated = regexp.MustCompile(`[-@](20\d{2}-\d{2}-\d{2}|20\d{6}|default)$`)
	// numbered is the same at Google.
	numbered = regexp.MustCompile(`-0\d{2}$`)
)

// Lookup is the price of a model by the provider's own name for it. A price that
// the table does not have is not Known.
//
// Where the table has no price for reading from the cache, that costs what other
// input does.
func (t *Table) Lookup(provider, upstream string) engine.Price {
	models := t.providers[provider]
	name := upstream
	if provider == "google" || provider == "google-vertex" {
		for _, prefix := range []string{"models/", "publishers/google/models/", "publishers/anthropic/models/"} {
			name = strings.TrimPrefix(name, prefix)
		}
	}
	r, ok := models[name]
	if !ok {
		r, ok = models[dated.ReplaceAllString(name, "")]
	}
	if !ok && (provider == "google" || provider == "google-vertex") {
		r, ok = models[numbered.ReplaceAllString(name, "")]
	}
	if !ok && provider == "google-vertex" { // its rows of Claude are dated
		r, ok = models[name+"@default"]
	}
	if !ok {
		return engine.Price{}
	}
	base := r.tier(0)
	p := engine.Price{
		Input: base.Input, Output: base.Output, CachedInput: base.CachedInput, CacheWrite: base.CacheWrite,
		Reasoning: r.Reasoning, AudioInput: r.InputAudio, AudioOutput: r.OutputAudio, Known: true, Source: t.Source(),
	}
	for _, x := range r.Tiers {
		p.Tiers = append(p.Tiers, x.rates.tier(x.Above))
	}
	return CacheWrites(p, upstream)
}

func (r rates) tier(above int) engine.PriceTier {
	t := engine.PriceTier{Above: above, Input: r.Input, Output: r.Output, CachedInput: r.Input, CacheWrite: r.CacheWrite}
	if r.CacheRead != nil {
		t.CachedInput = *r.CacheRead
	}
	return t
}

// CacheWrites adds to a known price what writing to the cache costs, where it is
// not stated: of Claude, wherever it is served, 1.25 times the input and 2 times
// for an hour (Anthropic's documentation of prompt caching). Of other models it
// is left to cost what the input does.
func CacheWrites(p engine.Price, upstream string) engine.Price {
	if !p.Known || !strings.Contains(strings.ToLower(upstream), "claude") {
		return p
	}
	add := func(input float64, write, long **float64) {
		if *write == nil {
			*write = new(1.25 * input)
		}
		if *long == nil {
			*long = new(2 * input)
		}
	}
	add(p.Input, &p.CacheWrite, &p.CacheWriteLong)
	for i := range p.Tiers {
		add(p.Tiers[i].Input, &p.Tiers[i].CacheWrite, &p.Tiers[i].CacheWriteLong)
	}
	return p
}
