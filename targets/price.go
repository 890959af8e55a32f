package targets

import (
	"slices"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets/block"
	"github.com/sallyport-ai/sallyport/targets/prices"
)

// price reads cost_per_mtok.
func price(b *block.Reader) engine.Price {
	n, ok := b.Numbers("cost_per_mtok", []string{"input", "output"}, []string{"cached_input", "cached_write", "cached_write_long", "reasoning"})
	if !ok {
		return engine.Price{}
	}
	optional := func(key string) *float64 {
		if usd, ok := n[key]; ok {
			return &usd
		}
		return nil
	}
	p := engine.Price{Input: n["input"], Output: n["output"], CachedInput: n["input"], Known: true,
		CacheWrite: optional("cached_write"), CacheWriteLong: optional("cached_write_long"), Reasoning: optional("reasoning")}
	if cached := optional("cached_input"); cached != nil {
		p.CachedInput = *cached
	}
	return p
}

// pricer completes declarations with the table of prices, which it reads when a
// model first needs it.
type pricer struct{ table *prices.Table }

// complete gives the models of a provider that the table knows, and that the
// configuration states no price of, the price of the table.
func (p *pricer) complete(t *Target) error {
	for i, m := range t.Models {
		t.Models[i].Price = prices.CacheWrites(m.Price, m.Upstream)
	}
	provider := providerOf(t)
	if provider == "" || !slices.ContainsFunc(t.Models, func(m Model) bool { return !m.Price.Known }) {
		return nil
	}
	if p.table == nil {
		var err error
		if p.table, err = prices.Load(); err != nil {
			return err
		}
	}
	for i, m := range t.Models {
		if !m.Price.Known {
			t.Models[i].Price = p.table.Lookup(provider, m.Upstream)
		}
	}
	return nil
}

// providerOf is whose prices apply to a target: its host says so, for a model of
// the same name costs something else elsewhere. A stand-in is nobody's.
func providerOf(t *Target) string {
	provider := ""
	for i, e := range t.Endpoints {
		a, err := parseAddress(e.URL)
		if err != nil || a.socket != "" {
			return ""
		}
		if p := prices.Provider(a.host); i == 0 {
			provider = p
		} else if p != provider {
			return ""
		}
	}
	return provider
}

// PriceStated is the PriceStatus.Source of a price that the configuration states.
const PriceStated = "configuration"

// PriceStatus is what a model costs, in US dollars for a million tokens. Parts
// that are absent cost what their whole does.
type PriceStatus struct {
	Input       float64       `json:"input"`
	Output      float64       `json:"output"`
	CachedInput float64       `json:"cached_input"`
	CachedWrite *float64      `json:"cached_write,omitempty"`
	CachedLong  *float64      `json:"cached_write_long,omitempty"`
	Reasoning   *float64      `json:"reasoning,omitempty"`
	AudioInput  *float64      `json:"audio_input,omitempty"`
	AudioOutput *float64      `json:"audio_output,omitempty"`
	Tiers       []PriceStatus `json:"tiers,omitempty"`
	AboveInput  int           `json:"above_input_tokens,omitempty"` // of a tier
	Source      string        `json:"source,omitempty"`             // PriceStated, or the table and its date
}

// priceStatus is nil where the price is not known.
func priceStatus(p *engine.Price) *PriceStatus {
	if !p.Known {
		return nil
	}
	s := &PriceStatus{Input: p.Input, Output: p.Output, CachedInput: p.CachedInput, CachedWrite: p.CacheWrite, CachedLong: p.CacheWriteLong,
		Reasoning: p.Reasoning, AudioInput: p.AudioInput, AudioOutput: p.AudioOutput, Source: p.Source}
	if s.Source == "" {
		s.Source = PriceStated
	}
	for _, t := range p.Tiers {
		s.Tiers = append(s.Tiers, PriceStatus{AboveInput: t.Above, Input: t.Input, Output: t.Output,
			CachedInput: t.CachedInput, CachedWrite: t.CacheWrite, CachedLong: t.CacheWriteLong})
	}
	return s
}
