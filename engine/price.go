package engine

// Price is US dollars for a million tokens. Known is false where nobody states
// one: an unknown price is not zero.
//
// Input, Output and CachedInput are always set. The other prices are of parts of
// the input and of the output; nil: such a part costs what its whole does.
type Price struct {
	Input, Output, CachedInput float64

	CacheWrite     *float64 `json:",omitempty"` // input that is written to the provider's cache
	CacheWriteLong *float64 `json:",omitempty"` // and kept there for an hour; nil: as CacheWrite
	Reasoning      *float64 `json:",omitempty"`
	AudioInput     *float64 `json:",omitempty"`
	AudioOutput    *float64 `json:",omitempty"`
	// Tiers are the prices of requests with a long prompt, in rising order of Above.
	Tiers []PriceTier `json:",omitempty"`

	Known  bool
	Source string `json:",omitempty"` // who states it and when; "": the configuration
}

// PriceTier replaces prices for the whole of a request whose input is longer than
// Above tokens.
type PriceTier struct {
	Above                      int
	Input, Output, CachedInput float64
	CacheWrite, CacheWriteLong *float64
}

// Cost is the price of a reply in US dollars; 0 where the price is not known.
// Tokens read from the cache cost CachedInput whatever else they are, then those
// written to it cost CacheWrite, then those of sound AudioInput.
func (p *Price) Cost(u Usage) float64 {
	if !p.Known {
		return 0
	}
	rates := PriceTier{Input: p.Input, Output: p.Output, CachedInput: p.CachedInput, CacheWrite: p.CacheWrite, CacheWriteLong: p.CacheWriteLong}
	for _, t := range p.Tiers {
		if u.Input > t.Above {
			rates = t
		}
	}
	cacheWrite := orElse(rates.CacheWrite, rates.Input)
	input := portion{left: u.Input}
	usd := input.take(u.CachedInput)*rates.CachedInput +
		input.take(u.CacheWriteLong)*orElse(rates.CacheWriteLong, cacheWrite) +
		input.take(u.CacheWrite-u.CacheWriteLong)*cacheWrite +
		input.take(u.AudioInput)*orElse(p.AudioInput, rates.Input) +
		input.take(u.Input)*rates.Input
	output := portion{left: u.Output}
	usd += output.take(u.AudioOutput)*orElse(p.AudioOutput, rates.Output) +
		output.take(u.Reasoning)*orElse(p.Reasoning, rates.Output) +
		output.take(u.Output)*rates.Output
	return usd / 1e6
}

// portion hands out tokens: however the parts of a whole are stated, their sum is
// the whole.
type portion struct{ left int }

func (p *portion) take(n int) float64 {
	n = max(0, min(n, p.left))
	p.left -= n
	return float64(n)
}

func orElse(price *float64, otherwise float64) float64 {
	if price == nil {
		return otherwise
	}
	return *price
}
