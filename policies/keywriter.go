package policies

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// keyWriter holds a key while it is written.
type keyWriter struct {
	buf   []byte
	names []string // room to sort the names of a map
	inner []string // of a map within
	// Room for what parts are given, which else would be allocated each time.
	t engine.TargetFacts
	c engine.ClassifierFacts
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
	k.inner = writeCount(k, k.inner, m)
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
	k.names = writeCount(k, k.names, m)
	for _, name := range k.names {
		k.text(name)
		c := m[name]
		k.classifier(&c)
	}
}

func (k *keyWriter) classifier(c *engine.ClassifierFacts) {
	k.text(c.Error)
	k.findings(c.Findings)
	k.scores(c.Scores)
}

func (k *keyWriter) findings(m map[string]engine.FindingFacts) {
	k.bool(m != nil) // absent is not empty
	k.inner = writeCount(k, k.inner, m)
	for _, kind := range k.inner {
		k.text(kind)
		k.finding(m[kind])
	}
}

func (k *keyWriter) finding(f engine.FindingFacts) {
	k.integer(int64(f.Count))
	k.float(f.MaxScore)
}

func (k *keyWriter) scores(m map[string]float64) {
	k.bool(m != nil)
	k.inner = writeCount(k, k.inner, m)
	for _, name := range k.inner {
		k.text(name)
		k.float(m[name])
	}
}

func (k *keyWriter) targets(m map[string]engine.TargetFacts) {
	k.names = writeCount(k, k.names, m)
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

// writeCount writes how many members a map has and returns their names in order, in
// the room of names.
func writeCount[V any](k *keyWriter, names []string, m map[string]V) []string {
	k.buf = binary.AppendUvarint(k.buf, uint64(len(m)))
	names = names[:0]
	for name := range m {
		names = append(names, name)
	}
	if len(names) > 1 {
		slices.SortFunc(names, strings.Compare)
	}
	return names
}
