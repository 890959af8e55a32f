package policies

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// cacheKey writes those parts of an input that a decision depends on, so that
// inputs with the same key have the same decision. Every value is written with its
// length or its size is fixed, and the parts stand in one order, so that no two
// inputs that differ in a part have one key.
type cacheKey struct{ parts []keyPart }

// keyPart writes one part of an input, straight from the struct.
type keyPart func(k *keyWriter, in *engine.Input)

// newCacheKey is the key for a program's reads. It is false where the program reads
// the input as a whole.
func newCacheKey(reads []vm.Read) (*cacheKey, bool) {
	key := &cacheKey{}
	for _, r := range reads {
		if len(r.Path) == 0 {
			return nil, false
		}
		key.parts = append(key.parts, partOf(r))
	}
	return key, true
}

// partOf is the least part of an input that this program can write alone and that
// holds what r reads.
func partOf(r vm.Read) keyPart {
	path := r.Path
	at := func(i int) string {
		if i < len(path) {
			return path[i]
		}
		return ""
	}
	// A number that is only compared with constants is known by its place among them,
	// if the path leads to the number itself.
	number := func(length int, of func(*engine.Input) float64) keyPart {
		if thresholds := r.Thresholds; len(path) == length && !r.Exact && len(thresholds) > 0 {
			return func(k *keyWriter, in *engine.Input) { k.interval(of(in), thresholds) }
		}
		return func(k *keyWriter, in *engine.Input) { k.float(of(in)) }
	}
	integer := func(of func(*engine.Input) int64) keyPart {
		if thresholds := r.Thresholds; len(path) == 2 && !r.Exact && len(thresholds) > 0 {
			return func(k *keyWriter, in *engine.Input) {
				n := of(in)
				exact := n <= -1<<53 || n >= 1<<53 // as a float64 it could be another
				k.bool(exact)
				if exact {
					k.integer(n)
				} else {
					k.interval(float64(n), thresholds)
				}
			}
		}
		return func(k *keyWriter, in *engine.Input) { k.integer(of(in)) }
	}
	member := func(whole keyPart, of func(*engine.Input) map[string]string) keyPart {
		if len(path) < 3 {
			return whole
		}
		name := path[2]
		return func(k *keyWriter, in *engine.Input) { k.optional(of(in), name) }
	}
	switch path[0] {
	case "time":
		return func(k *keyWriter, in *engine.Input) { k.text(in.Time) }
	case "request":
		switch at(1) {
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
			return member(func(k *keyWriter, in *engine.Input) { k.textMap(in.Request.Metadata) },
				func(in *engine.Input) map[string]string { return in.Request.Metadata })
		case "headers":
			return member(func(k *keyWriter, in *engine.Input) { k.textMap(in.Request.Headers) },
				func(in *engine.Input) map[string]string { return in.Request.Headers })
		}
		return func(k *keyWriter, in *engine.Input) { k.request(&in.Request) }
	case "principal":
		switch at(1) {
		case "id":
			return func(k *keyWriter, in *engine.Input) { k.text(in.Principal.ID) }
		case "tenant":
			return func(k *keyWriter, in *engine.Input) { k.text(in.Principal.Tenant) }
		case "roles":
			return func(k *keyWriter, in *engine.Input) { k.texts(in.Principal.Roles) }
		case "authenticated":
			return func(k *keyWriter, in *engine.Input) { k.bool(in.Principal.Authenticated) }
		case "attributes":
			return member(func(k *keyWriter, in *engine.Input) { k.textMap(in.Principal.Attributes) },
				func(in *engine.Input) map[string]string { return in.Principal.Attributes })
		}
		return func(k *keyWriter, in *engine.Input) { k.principal(&in.Principal) }
	case "budget":
		switch at(1) {
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
		if at(1) == "requests_per_minute" {
			return integer(func(in *engine.Input) int64 { return int64(in.Usage.RequestsPerMinute) })
		}
		if at(1) == "spent_usd" {
			switch at(2) {
			case "hour":
				return number(3, func(in *engine.Input) float64 { return in.Usage.SpentUSD.Hour })
			case "day":
				return number(3, func(in *engine.Input) float64 { return in.Usage.SpentUSD.Day })
			case "month":
				return number(3, func(in *engine.Input) float64 { return in.Usage.SpentUSD.Month })
			}
		}
		return func(k *keyWriter, in *engine.Input) {
			k.integer(int64(in.Usage.RequestsPerMinute))
			k.float(in.Usage.SpentUSD.Hour)
			k.float(in.Usage.SpentUSD.Day)
			k.float(in.Usage.SpentUSD.Month)
		}
	case "classifiers":
		if len(path) == 1 {
			return func(k *keyWriter, in *engine.Input) { k.classifiers(in.Classifiers) }
		}
		name := path[1]
		if at(2) == "scores" && len(path) == 4 {
			score, thresholds := path[3], r.Thresholds
			interval := !r.Exact && len(thresholds) > 0
			return func(k *keyWriter, in *engine.Input) {
				f, ok := in.Classifiers[name].Scores[score]
				k.bool(ok)
				if interval {
					k.interval(f, thresholds)
				} else {
					k.float(f)
				}
			}
		}
		return func(k *keyWriter, in *engine.Input) {
			c, ok := in.Classifiers[name]
			k.bool(ok)
			k.classifier(&c)
		}
	case "targets":
		if len(path) == 1 {
			return func(k *keyWriter, in *engine.Input) { k.targets(in.Targets) }
		}
		name := path[1]
		return func(k *keyWriter, in *engine.Input) {
			t, ok := in.Targets[name]
			k.bool(ok)
			k.target(&t)
		}
	}
	// No input has it.
	return func(*keyWriter, *engine.Input) {}
}

// keyWriter holds a key while it is written.
type keyWriter struct {
	buf   []byte
	names []string // room to sort the names of a map
	inner []string // of a map within
}

func (k *keyWriter) text(s string) {
	k.buf = binary.AppendUvarint(k.buf, uint64(len(s)))
	k.buf = append(k.buf, s...)
}

func (k *keyWriter) bool(b bool) {
	if b {
		k.buf = append(k.buf, 1)
	} else {
		k.buf = append(k.buf, 0)
	}
}

func (k *keyWriter) integer(n int64) { k.buf = binary.AppendVarint(k.buf, n) }

func (k *keyWriter) float(f float64) {
	k.buf = binary.LittleEndian.AppendUint64(k.buf, math.Float64bits(f))
}

// interval writes f's place among thresholds, or f where it is not a number: such
// an input has no decision.
func (k *keyWriter) interval(f float64, thresholds []float64) {
	i, at := slices.BinarySearch(thresholds, f)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		i = len(thresholds) + 1
	}
	k.integer(int64(i))
	k.bool(at)
}

func (k *keyWriter) texts(ss []string) {
	k.buf = binary.AppendUvarint(k.buf, uint64(len(ss)))
	for _, s := range ss {
		k.text(s)
	}
}

func (k *keyWriter) optional(m map[string]string, name string) {
	s, ok := m[name]
	k.bool(ok)
	k.text(s)
}

func (k *keyWriter) textMap(m map[string]string) {
	k.buf = binary.AppendUvarint(k.buf, uint64(len(m)))
	k.inner = namesOf(k.inner, m)
	for _, name := range k.inner {
		k.text(name)
		k.text(m[name])
	}
}

func (k *keyWriter) request(r *engine.InputRequest) {
	k.text(r.Dialect)
	k.text(r.Operation)
	k.text(r.Model)
	k.bool(r.Stream)
	k.integer(int64(r.PromptTokens))
	k.integer(int64(r.PromptBytes))
	k.integer(int64(r.MaxOutputTokens))
	k.integer(int64(r.Messages))
	k.texts(r.Tools)
	k.texts(r.Modalities)
	k.textMap(r.Metadata)
	k.textMap(r.Headers)
}

func (k *keyWriter) principal(p *engine.Principal) {
	k.text(p.ID)
	k.text(p.Tenant)
	k.texts(p.Roles)
	k.textMap(p.Attributes)
	k.bool(p.Authenticated)
}

func (k *keyWriter) classifiers(m map[string]engine.ClassifierFacts) {
	k.buf = binary.AppendUvarint(k.buf, uint64(len(m)))
	k.names = namesOf(k.names, m)
	for _, name := range k.names {
		k.text(name)
		c := m[name]
		k.classifier(&c)
	}
}

func (k *keyWriter) classifier(c *engine.ClassifierFacts) {
	k.text(c.Error)
	k.bool(c.Findings != nil) // absent is not empty
	k.buf = binary.AppendUvarint(k.buf, uint64(len(c.Findings)))
	k.inner = namesOf(k.inner, c.Findings)
	for _, kind := range k.inner {
		k.text(kind)
		k.integer(int64(c.Findings[kind].Count))
		k.float(c.Findings[kind].MaxScore)
	}
	k.bool(c.Scores != nil)
	k.buf = binary.AppendUvarint(k.buf, uint64(len(c.Scores)))
	k.inner = namesOf(k.inner, c.Scores)
	for _, name := range k.inner {
		k.text(name)
		k.float(c.Scores[name])
	}
}

func (k *keyWriter) targets(m map[string]engine.TargetFacts) {
	k.buf = binary.AppendUvarint(k.buf, uint64(len(m)))
	k.names = namesOf(k.names, m)
	for _, name := range k.names {
		k.text(name)
		t := m[name]
		k.target(&t)
	}
}

func (k *keyWriter) target(t *engine.TargetFacts) {
	k.text(t.Target)
	k.text(t.Posture)
	k.text(t.Dialect)
	k.text(t.Jurisdiction)
	k.textMap(t.Attributes)
	k.text(t.Model)
	k.float(t.Quality)
	k.float(t.CostEstimate)
	k.bool(t.Healthy)
	k.bool(t.StandIn)
}

// namesOf are a map's names in order, in the room of names.
func namesOf[V any](names []string, m map[string]V) []string {
	names = names[:0]
	for name := range m {
		names = append(names, name)
	}
	if len(names) > 1 {
		slices.SortFunc(names, strings.Compare)
	}
	return names
}
