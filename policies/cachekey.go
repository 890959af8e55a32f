package policies

import (
	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// cacheKey writes those parts of an input that a decision depends on, so that
// inputs with the same key have the same decision. Every value is written with its
// length or its size is fixed, and the parts stand in one order, so that no two
// inputs that differ in a part have one key.
type cacheKey struct{ parts []keyPart }

// A part is written straight from the struct. It says of each step of the path that
// is read whether it is there and, where all members are read, what they are called.
type (
	keyPart        func(k *keyWriter, in *engine.Input)
	targetPart     func(k *keyWriter, t *engine.TargetFacts)
	classifierPart func(k *keyWriter, c *engine.ClassifierFacts)
	findingPart    func(k *keyWriter, f engine.FindingFacts)
	numberPart     func(k *keyWriter, f float64)
	integerPart    func(k *keyWriter, n int64)
)

// newCacheKey is the key for a program's reads. It is false where the program reads
// the input as a whole.
func newCacheKey(reads []vm.Read) (*cacheKey, bool) {
	key := &cacheKey{}
	// What is read of every member is written in one round over them.
	var ofTargets []targetPart
	var ofClassifiers []classifierPart
	for _, r := range reads {
		switch {
		case len(r.Path) == 0 || r.Path[0] == vm.AnyMember:
			return nil, false
		case len(r.Path) > 1 && r.Path[0] == "targets" && r.Path[1] == vm.AnyMember:
			ofTargets = append(ofTargets, partOfTarget(r))
		case len(r.Path) > 1 && r.Path[0] == "classifiers" && r.Path[1] == vm.AnyMember:
			ofClassifiers = append(ofClassifiers, partOfClassifier(r))
		default:
			key.parts = append(key.parts, partOf(r))
		}
	}
	if len(ofTargets) > 0 {
		key.parts = append(key.parts, func(k *keyWriter, in *engine.Input) {
			k.names = writeCount(k, k.names, in.Targets)
			for _, name := range k.names {
				k.text(name)
				k.t = in.Targets[name]
				for _, part := range ofTargets {
					part(k, &k.t)
				}
			}
		})
	}
	if len(ofClassifiers) > 0 {
		key.parts = append(key.parts, func(k *keyWriter, in *engine.Input) {
			k.names = writeCount(k, k.names, in.Classifiers)
			for _, name := range k.names {
				k.text(name)
				k.c = in.Classifiers[name]
				for _, part := range ofClassifiers {
					part(k, &k.c)
				}
			}
		})
	}
	return key, true
}

// onlyThere says whether nothing is read but whether something is there and, of what
// may be a boolean, which.
func onlyThere(r vm.Read) bool { return !r.Exact && len(r.Thresholds) == 0 }

// stepOf is the name of a path's i-th step; "": the path ends before it.
func stepOf(r vm.Read, i int) string {
	if i < len(r.Path) {
		return r.Path[i]
	}
	return ""
}

// numberOf writes the number that a path of that many steps leads to: one that is only
// compared with constants by its place among them.
func numberOf(r vm.Read, steps int) numberPart {
	if r.Exact || len(r.Thresholds) == 0 || len(r.Path) != steps {
		return (*keyWriter).float
	}
	return func(k *keyWriter, f float64) { k.interval(f, r.Thresholds) }
}

func integerOf(r vm.Read, steps int) integerPart {
	if r.Exact || len(r.Thresholds) == 0 || len(r.Path) != steps {
		return (*keyWriter).integer
	}
	return func(k *keyWriter, n int64) {
		exact := n <= -1<<53 || n >= 1<<53 // as a float64 it could be another
		k.bool(exact)
		if exact {
			k.integer(n)
		} else {
			k.interval(float64(n), r.Thresholds)
		}
	}
}

// memberOf writes the member of a map of texts that a path's i-th step names, or all
// of the map.
func memberOf(r vm.Read, i int) func(k *keyWriter, m map[string]string) {
	name := stepOf(r, i)
	if i >= len(r.Path) || name == vm.AnyMember {
		return (*keyWriter).textMap
	}
	return func(k *keyWriter, m map[string]string) { k.optional(m, name) }
}

// partOf is the least part of an input that this program can write alone and that
// holds what r reads.
func partOf(r vm.Read) keyPart {
	integer := func(of func(*engine.Input) int64) keyPart {
		write := integerOf(r, 2)
		return func(k *keyWriter, in *engine.Input) { write(k, of(in)) }
	}
	number := func(of func(*engine.Input) float64) keyPart {
		write := numberOf(r, 3)
		return func(k *keyWriter, in *engine.Input) { write(k, of(in)) }
	}
	member := func(of func(*engine.Input) map[string]string) keyPart {
		write := memberOf(r, 2)
		return func(k *keyWriter, in *engine.Input) { write(k, of(in)) }
	}
	switch r.Path[0] {
	case "time":
		return func(k *keyWriter, in *engine.Input) { k.text(in.Time) }
	case "request":
		switch stepOf(r, 1) {
		case "dialect":
			return func(k *keyWriter, in *engine.Input) { k.text(in.Request.Dialect) }
		case "operation":
			return func(k *keyWriter, in *engine.Input) { k.text(in.Request.Operation) }
		case "model":
			return func(k *keyWriter, in *engine.Input) { k.text(in.Request.Model) }
		case "stream":
			return func(k *keyWriter, in *engine.Input) { k.bool(in.Request.Stream) }
		case "prompt_tokens":
			return integer(func(in *engine.Input) int64 { return int64(in.Request.PromptTokens) })
		case "prompt_bytes":
			return integer(func(in *engine.Input) int64 { return int64(in.Request.PromptBytes) })
		case "max_output_tokens":
			return integer(func(in *engine.Input) int64 { return int64(in.Request.MaxOutputTokens) })
		case "messages":
			return integer(func(in *engine.Input) int64 { return int64(in.Request.Messages) })
		case "tools":
			return func(k *keyWriter, in *engine.Input) { k.texts(in.Request.Tools) }
		case "modalities":
			return func(k *keyWriter, in *engine.Input) { k.texts(in.Request.Modalities) }
		case "metadata":
			return member(func(in *engine.Input) map[string]string { return in.Request.Metadata })
		case "headers":
			return member(func(in *engine.Input) map[string]string { return in.Request.Headers })
		}
		return func(k *keyWriter, in *engine.Input) { k.request(&in.Request) }
	case "principal":
		switch stepOf(r, 1) {
		case "id":
			return func(k *keyWriter, in *engine.Input) { k.text(in.Principal.ID) }
		case "tenant":
			return func(k *keyWriter, in *engine.Input) { k.text(in.Principal.Tenant) }
		case "roles":
			return func(k *keyWriter, in *engine.Input) { k.texts(in.Principal.Roles) }
		case "authenticated":
			return func(k *keyWriter, in *engine.Input) { k.bool(in.Principal.Authenticated) }
		case "attributes":
			return member(func(in *engine.Input) map[string]string { return in.Principal.Attributes })
		}
		return func(k *keyWriter, in *engine.Input) { k.principal(&in.Principal) }
	case "budget":
		switch stepOf(r, 1) {
		case "ttft_ms":
			return integer(func(in *engine.Input) int64 { return in.Budget.TTFTMs })
		case "tpot_ms":
			return integer(func(in *engine.Input) int64 { return in.Budget.TPOTMs })
		case "total_ms":
			return integer(func(in *engine.Input) int64 { return in.Budget.TotalMs })
		}
		return func(k *keyWriter, in *engine.Input) {
			k.integer(in.Budget.TTFTMs)
			k.integer(in.Budget.TPOTMs)
			k.integer(in.Budget.TotalMs)
		}
	case "usage":
		switch stepOf(r, 1) {
		case "requests_per_minute":
			return integer(func(in *engine.Input) int64 { return int64(in.Usage.RequestsPerMinute) })
		case "spent_usd":
			switch stepOf(r, 2) {
			case "hour":
				return number(func(in *engine.Input) float64 { return in.Usage.SpentUSD.Hour })
			case "day":
				return number(func(in *engine.Input) float64 { return in.Usage.SpentUSD.Day })
			case "month":
				return number(func(in *engine.Input) float64 { return in.Usage.SpentUSD.Month })
			}
		}
		return func(k *keyWriter, in *engine.Input) {
			k.integer(int64(in.Usage.RequestsPerMinute))
			k.float(in.Usage.SpentUSD.Hour)
			k.float(in.Usage.SpentUSD.Day)
			k.float(in.Usage.SpentUSD.Month)
		}
	case "classifiers":
		if len(r.Path) == 1 {
			return func(k *keyWriter, in *engine.Input) { k.classifiers(in.Classifiers) }
		}
		name, part := r.Path[1], partOfClassifier(r)
		return func(k *keyWriter, in *engine.Input) {
			var ok bool
			k.c, ok = in.Classifiers[name]
			k.bool(ok)
			part(k, &k.c)
		}
	case "targets":
		if len(r.Path) == 1 {
			return func(k *keyWriter, in *engine.Input) { k.targets(in.Targets) }
		}
		name, part := r.Path[1], partOfTarget(r)
		return func(k *keyWriter, in *engine.Input) {
			var ok bool
			k.t, ok = in.Targets[name]
			k.bool(ok)
			part(k, &k.t)
		}
	}
	// No input has it.
	return func(*keyWriter, *engine.Input) {}
}

// partOfTarget writes what r reads of a target, whose name is its second step.
func partOfTarget(r vm.Read) targetPart {
	switch stepOf(r, 2) {
	case "target":
		return func(k *keyWriter, t *engine.TargetFacts) { k.text(t.Target) }
	case "posture":
		return func(k *keyWriter, t *engine.TargetFacts) { k.text(t.Posture) }
	case "dialect":
		return func(k *keyWriter, t *engine.TargetFacts) { k.text(t.Dialect) }
	case "jurisdiction":
		return func(k *keyWriter, t *engine.TargetFacts) { k.text(t.Jurisdiction) }
	case "attributes":
		write := memberOf(r, 3)
		return func(k *keyWriter, t *engine.TargetFacts) { write(k, t.Attributes) }
	case "model":
		return func(k *keyWriter, t *engine.TargetFacts) { k.text(t.Model) }
	case "quality":
		write := numberOf(r, 3)
		return func(k *keyWriter, t *engine.TargetFacts) { write(k, t.Quality) }
	case "cost_estimate_usd":
		write := numberOf(r, 3)
		return func(k *keyWriter, t *engine.TargetFacts) { write(k, t.CostEstimate) }
	case "healthy":
		return func(k *keyWriter, t *engine.TargetFacts) { k.bool(t.Healthy) }
	case "stand_in":
		return func(k *keyWriter, t *engine.TargetFacts) { k.bool(t.StandIn) }
	}
	if len(r.Path) == 2 && onlyThere(r) {
		return func(*keyWriter, *engine.TargetFacts) {}
	}
	return (*keyWriter).target
}

// partOfClassifier writes what r reads of a classifier, whose name is its second step.
func partOfClassifier(r vm.Read) classifierPart {
	switch stepOf(r, 2) {
	case "error":
		return func(k *keyWriter, c *engine.ClassifierFacts) { k.text(c.Error) }
	case "findings":
		if len(r.Path) == 3 && !onlyThere(r) {
			return func(k *keyWriter, c *engine.ClassifierFacts) { k.findings(c.Findings) }
		}
		kind, part := stepOf(r, 3), partOfFinding(r)
		return func(k *keyWriter, c *engine.ClassifierFacts) {
			k.bool(c.Findings != nil) // absent is not empty
			switch {
			case len(r.Path) == 3:
			case kind == vm.AnyMember:
				k.inner = writeCount(k, k.inner, c.Findings)
				for _, kind := range k.inner {
					k.text(kind)
					part(k, c.Findings[kind])
				}
			default:
				f, ok := c.Findings[kind]
				k.bool(ok)
				part(k, f)
			}
		}
	case "scores":
		if len(r.Path) == 3 && !onlyThere(r) {
			return func(k *keyWriter, c *engine.ClassifierFacts) { k.scores(c.Scores) }
		}
		name, write := stepOf(r, 3), numberOf(r, 4)
		return func(k *keyWriter, c *engine.ClassifierFacts) {
			k.bool(c.Scores != nil)
			switch {
			case len(r.Path) == 3:
			case name == vm.AnyMember:
				k.inner = writeCount(k, k.inner, c.Scores)
				for _, name := range k.inner {
					k.text(name)
					write(k, c.Scores[name])
				}
			default:
				f, ok := c.Scores[name]
				k.bool(ok)
				write(k, f)
			}
		}
	}
	if len(r.Path) == 2 && onlyThere(r) {
		return func(*keyWriter, *engine.ClassifierFacts) {}
	}
	return (*keyWriter).classifier
}

// partOfFinding writes what r reads of the findings of a kind, which is its fourth step.
func partOfFinding(r vm.Read) findingPart {
	switch stepOf(r, 4) {
	case "count":
		write := integerOf(r, 5)
		return func(k *keyWriter, f engine.FindingFacts) { write(k, int64(f.Count)) }
	case "max_score":
		write := numberOf(r, 5)
		return func(k *keyWriter, f engine.FindingFacts) { write(k, f.MaxScore) }
	}
	if len(r.Path) == 4 && onlyThere(r) {
		return func(*keyWriter, engine.FindingFacts) {}
	}
	return (*keyWriter).finding
}
