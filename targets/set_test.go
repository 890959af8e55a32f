package targets

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets/block"
)

func candidateSet(t *testing.T) *Set {
	cloud := declare("openai", PostureCloud, engine.DialectOpenAI, "https://api.example/v1")
	cloud.APIKey = block.NewSecret(canary)
	cloud.Jurisdiction, cloud.Attributes, cloud.MaxConcurrency = "US", map[string]string{"dpa": "2026-01"}, 7
	cloud.Models = []Model{
		{Name: "mini", Upstream: "gpt-mini", Aliases: []string{"small", "default"}, ContextTokens: 1000, Quality: 60,
			Price: engine.Price{Input: 1, Output: 2, CachedInput: 0.5, Known: true}, TTFTHint: time.Second, TPOTHint: time.Millisecond},
		{Name: "big", Upstream: "gpt-big", Aliases: []string{"default"}},
	}
	edge := declare("kiosk", PostureEdge, engine.DialectOllama)
	edge.StandIn = &StandIn{}
	edge.Models = []Model{{Name: "tiny", Upstream: "tiny", Aliases: []string{"small"}}, {Name: "openai/mini-clone", Upstream: "x"}, {Name: "kiosk/tiny", Upstream: "y"}}
	return newSet(t, cloud, edge)
}

func TestCandidateNames(t *testing.T) {
	s := candidateSet(t)
	for model, want := range map[string][]string{
		"mini":              {"openai"},
		"small":             {"openai", "kiosk"},
		"default":           {"openai/mini", "openai/big"},
		"auto":              {"openai/mini", "openai/big", "kiosk/tiny", "kiosk/openai/mini-clone", "kiosk/kiosk/tiny"},
		"openai/big":        {"openai"},
		"openai/default":    {"openai/mini", "openai/big"},
		"openai/mini-clone": {"kiosk"}, // a model's own name
		"kiosk/tiny":        {"kiosk"}, // likewise: the model of that name, not the target's model "tiny"
		"openai/tiny":       {},
		"openai/":           {},
		"/mini":             {},
		"MINI":              {},
		"":                  {},
		"openai/auto":       {},
		"gpt-mini":          {},
	} {
		got := []string{}
		for _, c := range s.Candidates(&engine.Request{Model: model}) {
			got = append(got, c.Key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("candidates of %q (-want +got):\n%s", model, diff)
		}
	}
	if up := s.Candidates(&engine.Request{Model: "kiosk/tiny"})[0].Upstream; up != "y" {
		t.Errorf("kiosk/tiny leads to upstream model %q, want the one that has this name", up)
	}
	if diff := cmp.Diff([]string{"auto", "big", "default", "kiosk/tiny", "mini", "openai/mini-clone", "small", "tiny"}, s.Models()); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
}

func TestCandidateFacts(t *testing.T) {
	s := candidateSet(t)
	got := s.Candidates(&engine.Request{Model: "mini", Operation: engine.OpChat, PromptTokens: 1_000_000, MaxOutputTokens: 500_000})
	want := []engine.Candidate{{
		Key: "openai", Target: "openai", Model: "mini", Upstream: "gpt-mini",
		Facts: engine.TargetFacts{Target: "openai", Posture: "cloud", Dialect: "openai", Jurisdiction: "US", Attributes: map[string]string{"dpa": "2026-01"},
			Model: "mini", Quality: 60, CostEstimate: 2, Healthy: true},
		Price: engine.Price{Input: 1, Output: 2, CachedInput: 0.5, Known: true}, ContextTokens: 1000, MaxConcurrency: 7,
		TTFTHint: time.Second, TPOTHint: time.Millisecond, Supports: true, Form: "openai generic",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
	if got := s.Candidates(&engine.Request{Model: "mini"})[0].Facts.CostEstimate; got != 2*float64(AssumedOutputTokens)/1e6 {
		t.Errorf("cost without a stated maximum = %v", got)
	}
	tiny := s.Candidates(&engine.Request{Model: "tiny", Operation: "no such operation"})[0]
	if tiny.Supports || !tiny.Facts.StandIn {
		t.Errorf("candidate = %+v; want a stand-in whose dialect does not know the operation", tiny)
	}
}

func TestStatusShowsNoSecret(t *testing.T) {
	s := candidateSet(t)
	decl := declare("hidden", PostureCloud, engine.DialectOpenAI)
	decl.Endpoints = []Endpoint{{URL: "https://" + strings.ToLower(canary) + ".example/v1", Sensitive: true}}
	hidden := newSet(t, decl)
	b, err := json.Marshal(append(s.Status(), hidden.Status()...))
	if err != nil {
		t.Fatal(err)
	}
	assertNoCanary(t, string(b))
	st := s.Status()
	if !st[1].StandIn || st[0].StandIn || !slices.Equal(st[0].Models[0].Aliases, []string{"small", "default"}) {
		t.Errorf("status = %s", b)
	}
}

func TestNewRefuses(t *testing.T) {
	good := declare("a", PostureCloud, engine.DialectOpenAI, "https://a.example/v1")
	bad := declare("b", PostureCloud, "bedrock", "https://b.example")
	sensitive := declare("c", PostureCloud, engine.DialectOpenAI)
	sensitive.Endpoints = []Endpoint{{URL: "ftp://" + canary, Sensitive: true}}
	for name, decls := range map[string][]Target{
		"two of a name": {good, good},
		"no dialect":    {bad},
		"no endpoint":   {declare("d", PostureCloud, engine.DialectOpenAI)},
		"bad URL":       {sensitive},
	} {
		s, err := New(Config{Targets: decls})
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		assertNoCanary(t, err.Error())
	}
}

func BenchmarkCandidates(b *testing.B) {
	var decls []Target
	for _, name := range []string{"a", "b", "c", "d"} {
		d := declare(name, PostureCloud, engine.DialectOpenAI, "https://x.example/v1")
		d.Models = append(d.Models, Model{Name: "n", Upstream: "n"})
		decls = append(decls, d)
	}
	s := newSet(b, decls...)
	req := &engine.Request{Model: "auto", PromptTokens: 100}
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Candidates(req)) != 8 {
			b.Fatal("want 8 candidates")
		}
	}
}

func TestProgramByHost(t *testing.T) {
	for _, test := range []struct {
		dialect  engine.Dialect
		server   string
		endpoint string
		want     string
	}{
		{engine.DialectOpenAI, "", "https://api.openai.com/v1", "openai"},
		{engine.DialectOpenAI, "", "https://eu.api.openai.com/v1", "openai"},
		{engine.DialectOpenAI, "", "https://acme.openai.azure.com/openai/v1", "azure"},
		{engine.DialectOpenAI, "", "https://notapi.openai.com.example/v1", ""},
		{engine.DialectOpenAI, "vllm", "https://api.openai.com/v1", "vllm"},
		{engine.DialectOpenAI, "", "http://10.0.0.1:8000/v1", ""},
		{engine.DialectAzureOpenAI, "", "https://gateway.example", "azure"},
		{engine.DialectAnthropic, "", "https://api.openai.com/v1", ""},
		{engine.DialectOpenAI, "", "unix:///run/m.sock:/v1", ""},
	} {
		decl := Target{Dialect: test.dialect, Server: test.server, Endpoints: []Endpoint{{URL: test.endpoint}}}
		if got := decl.program(); got != test.want {
			t.Errorf("%s %s is %q, want %q", test.dialect, test.endpoint, got, test.want)
		}
	}
}
