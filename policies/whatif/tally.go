package whatif

import (
	"cmp"
	"maps"
	"slices"
)

// Tally adds up what Compare found. It is for one goroutine; the zero Tally is
// ready.
type Tally struct {
	decisions, differences uint64
	kinds                  map[string]uint64
	verdicts               Verdicts
	rules                  map[[2]string]*RuleCount
	tenants                map[string]*TenantCount
	targets                map[string]*TargetCount
	obligations            map[string]uint64
	cost                   Pair[float64]
}

// Summary is what a Tally comes to. Lists are in the order of their first members.
type Summary struct {
	Decisions   uint64 `json:"decisions"` // that were compared
	Differences uint64 `json:"differences"`
	// Kinds counts the decisions that differ by what differs: the names are those
	// of Change's members.
	Kinds       map[string]uint64 `json:"kinds"`
	Verdicts    Verdicts          `json:"verdicts"`
	Rules       []RuleCount       `json:"rules"`
	Tenants     []TenantCount     `json:"tenants"` // those with a difference
	Targets     []TargetCount     `json:"targets"`
	Obligations []ObligationCount `json:"obligations"`
	// CostUSD is the estimated cost of all decisions that were compared.
	CostUSD Pair[float64] `json:"cost_usd"`
}

// Verdicts counts decisions whose verdict differs.
type Verdicts struct {
	AllowToDeny uint64 `json:"allow_to_deny"`
	DenyToAllow uint64 `json:"deny_to_allow"`
}

// RuleCount counts decisions in which a rule package gives a reason on one side
// only.
type RuleCount struct {
	Rule    string `json:"rule"`
	Code    string `json:"code"`
	Added   uint64 `json:"added"`
	Removed uint64 `json:"removed"`
}

// TenantCount sums up the decisions of one tenant.
type TenantCount struct {
	Tenant      string `json:"tenant"`
	Decisions   uint64 `json:"decisions"`
	Differences uint64 `json:"differences"`
	Verdicts
	CostUSD Pair[float64] `json:"cost_usd"`
}

// TargetCount counts decisions that permit a target on one side only.
type TargetCount struct {
	Target string `json:"target"`
	Gained uint64 `json:"gained"`
	Lost   uint64 `json:"lost"`
}

// ObligationCount counts decisions that oblige to something else.
type ObligationCount struct {
	Name    string `json:"name"`
	Changed uint64 `json:"changed"`
}

// Add counts one decision of a tenant. c is nil where nothing differs, cost its
// estimate on both sides.
func (t *Tally) Add(tenant string, c *Change, cost Pair[float64]) {
	if t.kinds == nil {
		t.kinds, t.obligations = map[string]uint64{}, map[string]uint64{}
		t.rules, t.tenants, t.targets = map[[2]string]*RuleCount{}, map[string]*TenantCount{}, map[string]*TargetCount{}
	}
	of := entry(t.tenants, tenant, func() *TenantCount { return &TenantCount{Tenant: tenant} })
	t.decisions++
	of.Decisions++
	for _, sum := range []*Pair[float64]{&t.cost, &of.CostUSD} {
		sum.From += cost.From
		sum.To += cost.To
	}
	if c == nil {
		return
	}
	t.differences++
	of.Differences++
	for _, kind := range c.Kinds() {
		t.kinds[kind]++
	}
	if c.Verdict != nil {
		for _, v := range []*Verdicts{&t.verdicts, &of.Verdicts} {
			if c.Verdict.To == "allow" {
				v.DenyToAllow++
			} else {
				v.AllowToDeny++
			}
		}
	}
	if c.Reasons != nil {
		t.count(c.Reasons.Added, func(r *RuleCount) { r.Added++ })
		t.count(c.Reasons.Removed, func(r *RuleCount) { r.Removed++ })
	}
	if c.Permitted != nil {
		for _, name := range c.Permitted.Gained {
			entry(t.targets, name, func() *TargetCount { return &TargetCount{Target: name} }).Gained++
		}
		for _, name := range c.Permitted.Lost {
			entry(t.targets, name, func() *TargetCount { return &TargetCount{Target: name} }).Lost++
		}
	}
	for _, o := range c.Obligations {
		t.obligations[o.Name]++
	}
}

// count counts a decision once for each rule and code, however many targets they
// exclude.
func (t *Tally) count(reasons []Reason, add func(*RuleCount)) {
	var last [2]string
	for i, r := range reasons { // sorted by rule and code
		key := [2]string{r.Rule, r.Code}
		if i == 0 || key != last {
			add(entry(t.rules, key, func() *RuleCount { return &RuleCount{Rule: r.Rule, Code: r.Code} }))
		}
		last = key
	}
}

func entry[K comparable, V any](m map[K]*V, key K, add func() *V) *V {
	v, ok := m[key]
	if !ok {
		v = add()
		m[key] = v
	}
	return v
}

// Kinds are the names of the members that are there.
func (c *Change) Kinds() (kinds []string) {
	for _, k := range []struct {
		name string
		is   bool
	}{
		{"verdict", c.Verdict != nil}, {"failed", c.Failed != nil}, {"permitted", c.Permitted != nil}, {"reasons", c.Reasons != nil},
		{"messages", c.Messages}, {"obligations", len(c.Obligations) > 0}, {"prefer", c.Prefer != nil}, {"controls", c.Controls != nil},
		{"cost_usd", c.CostUSD != nil}, {"form", c.Form},
	} {
		if k.is {
			kinds = append(kinds, k.name)
		}
	}
	return kinds
}

// Summary returns what was added so far.
func (t *Tally) Summary() Summary {
	s := Summary{Decisions: t.decisions, Differences: t.differences, Kinds: map[string]uint64{}, Verdicts: t.verdicts, CostUSD: t.cost,
		Rules: []RuleCount{}, Tenants: []TenantCount{}, Targets: []TargetCount{}, Obligations: []ObligationCount{}}
	maps.Copy(s.Kinds, t.kinds)
	for _, r := range t.rules {
		s.Rules = append(s.Rules, *r)
	}
	for _, c := range t.tenants {
		if c.Differences > 0 {
			s.Tenants = append(s.Tenants, *c)
		}
	}
	for _, c := range t.targets {
		s.Targets = append(s.Targets, *c)
	}
	for name, n := range t.obligations {
		s.Obligations = append(s.Obligations, ObligationCount{name, n})
	}
	slices.SortFunc(s.Rules, func(a, b RuleCount) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Code, b.Code)) })
	slices.SortFunc(s.Tenants, func(a, b TenantCount) int { return cmp.Compare(a.Tenant, b.Tenant) })
	slices.SortFunc(s.Targets, func(a, b TargetCount) int { return cmp.Compare(a.Target, b.Target) })
	slices.SortFunc(s.Obligations, func(a, b ObligationCount) int { return cmp.Compare(a.Name, b.Name) })
	return s
}
