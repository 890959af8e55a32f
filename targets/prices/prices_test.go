package prices

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func load(t testing.TB) *Table {
	t.Helper()
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// The wanted prices are copied by hand from the source's files.
func TestLookup(t *testing.T) {
	table := load(t)
	const source = "models.dev 2026-07-02"
	mini := engine.Price{Input: 0.40, Output: 1.60, CachedInput: 0.10, Known: true, Source: source}
	opus := engine.Price{Input: 5, Output: 25, CachedInput: 0.50, CacheWrite: new(6.25), CacheWriteLong: new(10.0), Known: true, Source: source}
	pro := engine.Price{Input: 1.25, Output: 10, CachedInput: 0.125, Known: true, Source: source,
		Tiers: []engine.PriceTier{{Above: 200_000, Input: 2.50, Output: 15, CachedInput: 0.25}}}
	vertexOpus := engine.Price{Input: 5, Output: 25, CachedInput: 0.50, CacheWrite: new(6.25), CacheWriteLong: new(10.0), Known: true, Source: source,
		Tiers: []engine.PriceTier{{Above: 200_000, Input: 10, Output: 37.5, CachedInput: 1, CacheWrite: new(12.5), CacheWriteLong: new(20.0)}}}
	for _, tt := range []struct {
		provider, model string
		want            engine.Price
	}{
		{"openai", "gpt-4.1-mini", mini},
		{"openai", "gpt-4.1-mini-2025-04-14", mini},
		{"openai", "gpt-4o-2024-05-13", engine.Price{Input: 5, Output: 15, CachedInput: 5, Known: true, Source: source}}, // a row of its own
		{"openai", "text-embedding-3-small", engine.Price{Input: 0.02, CachedInput: 0.02, Known: true, Source: source}},
		{"anthropic", "claude-opus-4-5", opus},
		{"anthropic", "claude-opus-4-5-20251101", opus},
		{"amazon-bedrock", "anthropic.claude-opus-4-5-20251101-v1:0", opus},
		{"google", "gemini-2.5-pro", pro},
		{"google", "models/gemini-2.5-pro", pro},
		{"google", "gemini-2.5-pro-001", pro},
		{"google-vertex", "claude-opus-4-6@default", vertexOpus},
		{"google-vertex", "claude-opus-4-6", vertexOpus},

		{"openai", "gpt-4.1-micro", engine.Price{}},
		{"openai", "gpt-4.1-mini-0414", engine.Price{}},
		{"openai", "GPT-4.1-mini", engine.Price{}},
		{"openai", "", engine.Price{}},
		{"openai", "claude-opus-4-5", engine.Price{}},
		{"amazon-bedrock", "us-gov.anthropic.claude-opus-4-5-20251101-v1:0", engine.Price{}},
		{"azure", "model-router", engine.Price{}}, // whose output has no price
		{"", "gpt-4.1-mini", engine.Price{}},
	} {
		if diff := cmp.Diff(tt.want, table.Lookup(tt.provider, tt.model)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.provider, tt.model, diff)
		}
	}
}

// TestTable reads every row: an unknown price must not have become 0.
func TestTable(t *testing.T) {
	table := load(t)
	rows := 0
	for provider, models := range table.providers {
		for name := range models {
			p := table.Lookup(provider, name)
			rows++
			bad := !p.Known || p.Input <= 0 || p.Output <= 0 && !strings.Contains(name, "embed") || p.CachedInput <= 0 || p.CachedInput > p.Input
			above := 0
			for _, tier := range p.Tiers {
				bad = bad || tier.Above <= above || tier.Input < p.Input || tier.Output < p.Output
				above = tier.Above
			}
			if bad {
				t.Errorf("%s %s: %+v", provider, name, p)
			}
		}
	}
	if rows < 300 {
		t.Errorf("the table has %d rows", rows)
	}
}

func TestProvider(t *testing.T) {
	for host, want := range map[string]string{
		"api.openai.com": "openai", "API.OpenAI.com.": "openai", "api.anthropic.com": "anthropic", "generativelanguage.googleapis.com": "google",
		"aiplatform.googleapis.com": "google-vertex", "europe-west4-aiplatform.googleapis.com": "google-vertex",
		"acme.openai.azure.com": "azure", "acme.services.ai.azure.com": "azure",
		"bedrock-runtime.eu-west-1.amazonaws.com": "amazon-bedrock",
		// Others serve models of the same names at prices of their own.
		"openrouter.ai": "", "eu.api.openai.com": "", "api.openai.com.example.org": "", "notapi.openai.com": "", "evilaiplatform.googleapis.com": "",
		"10.0.0.1": "", "localhost": "", "": "", "bedrock-runtime.example.org": "", "s3.amazonaws.com": "",
	} {
		if got := Provider(host); got != want {
			t.Errorf("Provider(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestCacheWrites(t *testing.T) {
	known := engine.Price{Input: 3, Output: 15, CachedInput: 0.3, Known: true}
	cost := func(p engine.Price) float64 {
		return p.Cost(engine.Usage{Input: 2_000_000, CacheWrite: 2_000_000, CacheWriteLong: 1_000_000})
	}
	for _, tt := range []struct {
		name     string
		price    engine.Price
		upstream string
		want     float64
	}{
		{"Claude", known, "us.anthropic.Claude-sonnet-4-5", 3.75 + 6},
		{"another", known, "gpt-5", 6},
		{"stated", engine.Price{Input: 3, CacheWrite: new(4.0), CacheWriteLong: new(5.0), Known: true}, "claude-x", 9},
		{"unknown", engine.Price{}, "claude-x", 0},
	} {
		if got := cost(CacheWrites(tt.price, tt.upstream)); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}
