package engine

import (
	"math"
	"testing"
)

// Every figure of the last column is worked out by hand, in US dollars.
func TestCost(t *testing.T) {
	plain := Price{Input: 2, Output: 8, CachedInput: 0.5, Known: true}
	claude := Price{Input: 3, Output: 15, CachedInput: 0.3, CacheWrite: new(3.75), CacheWriteLong: new(6.0), Known: true,
		Tiers: []PriceTier{{Above: 200_000, Input: 6, Output: 22.5, CachedInput: 0.6, CacheWrite: new(7.5), CacheWriteLong: new(12.0)}}}
	parts := Price{Input: 1, Output: 4, CachedInput: 0.25, Reasoning: new(2.0), AudioInput: new(32.0), AudioOutput: new(64.0), Known: true}
	for _, tt := range []struct {
		name  string
		price Price
		usage Usage
		want  float64
	}{
		{"nothing", plain, Usage{}, 0},
		{"input and output", plain, Usage{Input: 1000, Output: 500}, 0.006},
		{"cached", plain, Usage{Input: 1000, CachedInput: 800, Output: 500}, 0.0048},
		{"reasoning at the price of output", plain, Usage{Input: 1000, Output: 500, Reasoning: 400}, 0.006},
		{"a cache write at the price of input", plain, Usage{Input: 1000, CacheWrite: 400}, 0.002},
		{"cache read and write", claude, Usage{Input: 10_000, CachedInput: 6_000, CacheWrite: 3_000, Output: 100}, 0.01755},
		{"a write for an hour", claude, Usage{Input: 10_000, CacheWrite: 3_000, CacheWriteLong: 2_000}, 0.03675},
		{"the last token of the first tier", claude, Usage{Input: 200_000, Output: 1000}, 0.615},
		{"the first token of the second tier", claude, Usage{Input: 200_001, Output: 1000}, 1.222506},
		{"all parts in the second tier", claude, Usage{Input: 300_000, CachedInput: 200_000, CacheWrite: 50_000, CacheWriteLong: 20_000, Output: 10}, 0.885225},
		{"reasoning", parts, Usage{Input: 1000, Output: 500, Reasoning: 400}, 0.0022},
		{"sound", parts, Usage{Input: 1000, AudioInput: 600, Output: 500, AudioOutput: 300, Reasoning: 100}, 0.0196 + 0.0002 + 0.0192 + 0.0004},
		{"parts above their whole", parts, Usage{Input: 100, CachedInput: 500, AudioInput: 900, Output: 10, Reasoning: 90, AudioOutput: 4}, 0.000293},
		{"parts below zero", plain, Usage{Input: 1000, CachedInput: -5, CacheWrite: -7, Output: 500}, 0.006},
		{"unknown", Price{Input: 2, Output: 8}, Usage{Input: 1000, Output: 500}, 0},
		{"free", Price{Known: true}, Usage{Input: 1000, Output: 500}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.price.Cost(tt.usage); math.Abs(got-tt.want) > 1e-12 {
				t.Errorf("Cost(%+v) = %.9f, want %.9f", tt.usage, got, tt.want)
			}
		})
	}
}
