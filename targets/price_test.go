package targets

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// priced makes a set of one target and returns what each of its models costs.
func priced(t *testing.T, decl Target) []engine.Price {
	t.Helper()
	s, err := New(Config{Targets: []Target{decl}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var list []engine.Price
	for _, m := range decl.Models {
		c := s.Candidates(&engine.Request{Operation: engine.OpChat, Model: m.Name})
		if len(c) != 1 {
			t.Fatalf("%d candidates for %s", len(c), m.Name)
		}
		list = append(list, c[0].Price)
	}
	return list
}

func TestPrices(t *testing.T) {
	const source = "models.dev 2026-07-02"
	unknown := engine.Price{}
	mini := engine.Price{Input: 0.40, Output: 1.60, CachedInput: 0.10, Known: true, Source: source}
	stated := engine.Price{Input: 1, Output: 2, CachedInput: 1, Known: true}
	model := Model{Name: "m", Upstream: "gpt-4.1-mini-2025-04-14"}
	urls := func(list ...string) (out []Endpoint) {
		for _, u := range list {
			out = append(out, Endpoint{URL: u})
		}
		return out
	}
	for _, tt := range []struct {
		name string
		decl Target
		want engine.Price
	}{
		{"the provider itself", Target{Endpoints: urls("https://api.openai.com/v1"), Models: []Model{model}}, mini},
		{"an address that is not shown", Target{Endpoints: []Endpoint{{URL: "https://api.openai.com/v1", Sensitive: true}}, Models: []Model{model}}, mini},
		{"the configuration's word", Target{Endpoints: urls("https://api.openai.com/v1"), Models: []Model{{Name: "m", Upstream: model.Upstream, Price: stated}}}, stated},
		{"free, says the configuration", Target{Endpoints: urls("https://api.openai.com/v1"), Models: []Model{{Name: "m", Upstream: model.Upstream, Price: engine.Price{Known: true}}}}, engine.Price{Known: true}},
		{"somebody else", Target{Endpoints: urls("https://llm.example.com/v1"), Models: []Model{model}}, unknown},
		{"the provider and somebody else", Target{Endpoints: urls("https://api.openai.com/v1", "https://llm.example.com/v1"), Models: []Model{model}}, unknown},
		{"a socket", Target{Endpoints: urls("unix:///run/model.sock:/v1"), Models: []Model{model}}, unknown},
		{"a stand-in", Target{StandIn: &StandIn{}, Models: []Model{model}}, unknown},
		{"a model the table does not have", Target{Endpoints: urls("https://api.openai.com/v1"), Models: []Model{{Name: "gpt-4.1-mini", Upstream: "ft:gpt-4.1-mini:acme"}}}, unknown},
		{"the cache of Claude at a stated price", Target{Endpoints: urls("https://llm.example.com/v1"), Models: []Model{{Name: "m", Upstream: "claude-x", Price: stated}}},
			engine.Price{Input: 1, Output: 2, CachedInput: 1, CacheWrite: new(1.25), CacheWriteLong: new(2.0), Known: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.decl.Name, tt.decl.Posture, tt.decl.Dialect = "t", PostureCloud, engine.DialectOpenAI
			before := tt.decl.Models[0].Price
			if diff := cmp.Diff([]engine.Price{tt.want}, priced(t, tt.decl)); diff != "" {
				t.Errorf("price (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tt.decl.Models[0].Price); diff != "" {
				t.Errorf("the declaration was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestStatusPrice(t *testing.T) {
	s := newSet(t, Target{Name: "g", Posture: PostureCloud, Dialect: engine.DialectGemini, Endpoints: []Endpoint{{URL: "https://generativelanguage.googleapis.com/v1beta"}},
		Models: []Model{{Name: "gemini-2.5-pro", Upstream: "gemini-2.5-pro"}, {Name: "stated", Upstream: "x", Price: engine.Price{Input: 1, Output: 2, CachedInput: 1, Known: true}}, {Name: "none", Upstream: "none"}}})
	var got []*PriceStatus
	for _, m := range s.Status()[0].Models {
		got = append(got, m.Price)
	}
	want := []*PriceStatus{
		{Input: 1.25, Output: 10, CachedInput: 0.125, Source: "models.dev 2026-07-02",
			Tiers: []PriceStatus{{AboveInput: 200_000, Input: 2.5, Output: 15, CachedInput: 0.25}}},
		{Input: 1, Output: 2, CachedInput: 1, Source: PriceStated},
		nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
}
