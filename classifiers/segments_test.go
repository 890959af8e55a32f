package classifiers

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// remembering is a classifier that keeps the results of texts of any length.
func remembering(t testing.TB, h *Host, cfg ModuleConfig) *Classifier {
	c := load(t, h, cfg)
	c.remember = 1
	return c
}

// TestSegments compares a classifier that keeps results with one that does not,
// over conversations that share texts: so what these modules find in a text does
// not depend on the others.
func TestSegments(t *testing.T) {
	h := newHost(t)
	values := slices.Concat(seeds, namesSeeds)
	for _, module := range []string{"builtin:names", "builtin:pii", "builtin:secrets"} {
		with := remembering(t, h, ModuleConfig{Module: module, TimeLimit: time.Minute})
		without := load(t, h, ModuleConfig{Module: module, TimeLimit: time.Minute})
		without.remember = math.MaxInt
		if !with.desc.Independent {
			t.Errorf("%s does not say that it is independent", module)
		}
		r := rand.New(rand.NewPCG(1, 2))
		var texts []*engine.Text
		for range 40 {
			texts = append(texts, &engine.Text{
				Role: engine.Role(r.IntN(3)), Kind: engine.TextKind(r.IntN(2)), Value: values[r.IntN(len(values))],
			})
		}
		for range 300 {
			from := r.IntN(len(texts))
			turn := texts[from : from+r.IntN(len(texts)-from)]
			got, err := with.Classify(context.Background(), turn)
			if err != nil {
				t.Fatal(err)
			}
			want, err := without.Classify(context.Background(), turn)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s: scanned (-) and remembered (+):\n%s", module, diff)
			}
		}
	}
}

// TestSegmentsTellApart: role, kind, text, module and configuration each make
// another segment.
func TestSegmentsTellApart(t *testing.T) {
	h := newHost(t)
	pii := remembering(t, h, ModuleConfig{Module: "builtin:pii"})
	secrets := remembering(t, h, ModuleConfig{Module: "builtin:secrets"})
	configured := remembering(t, h, ModuleConfig{Module: "builtin:pii", ConfigJSON: []byte(`{"x":1}`)})
	again := remembering(t, h, ModuleConfig{Module: "builtin:pii"})
	var nonce [12]byte
	var tag [16]byte
	key := func(c *Classifier, role engine.Role, kind engine.TextKind, value string) segmentKey {
		return h.segments.key(c.id, &engine.Text{Role: role, Kind: kind, Value: value}, &nonce, &tag)
	}
	base := key(pii, engine.RoleUser, engine.KindText, "a text")
	for name, k := range map[string]segmentKey{
		"role":          key(pii, engine.RoleTool, engine.KindText, "a text"),
		"kind":          key(pii, engine.RoleUser, engine.KindToolResult, "a text"),
		"text":          key(pii, engine.RoleUser, engine.KindText, "a texT"),
		"length":        key(pii, engine.RoleUser, engine.KindText, "a text\x00"),
		"module":        key(secrets, engine.RoleUser, engine.KindText, "a text"),
		"configuration": key(configured, engine.RoleUser, engine.KindText, "a text"),
	} {
		if k == base {
			t.Errorf("another %s has the same key", name)
		}
	}
	if key(again, engine.RoleUser, engine.KindText, "a text") != base {
		t.Error("the same module, loaded again, does not know what it has read")
	}
}

// TestSegmentsKeepNoFailure: what failed is scanned again.
func TestSegmentsKeepNoFailure(t *testing.T) {
	describe := `{"name":"x","kinds":["CODE_WORD"],"independent":true}`
	c := remembering(t, newHost(t), ModuleConfig{Wasm: testGuest{describe: describe, classify: when(opUnreachable)}.module()})
	for range 3 {
		_, err := c.Classify(context.Background(), userTexts("!"))
		checkCode(t, err, engine.ClassifierTrap)
	}
	// A truncated result is not all that there is.
	c = remembering(t, newHost(t), ModuleConfig{Wasm: testGuest{describe: describe, result: encodeResult(resultTruncated, nil, nil)}.module()})
	for range 3 {
		if rep, err := c.Classify(context.Background(), userTexts("x")); err != nil || !rep.Truncated {
			t.Error(rep, err)
		}
	}
}

func TestIndependentHasNoScores(t *testing.T) {
	_, err := newHost(t).Load(context.Background(), ModuleConfig{
		Name: "x", Wasm: testGuest{describe: `{"name":"x","scores":["load"],"independent":true}`}.module(),
	})
	if err == nil || err.Error() != `load classifier "x": sp_describe: it is independent and has scores, which no single text has` {
		t.Error(err)
	}
}

// TestSegmentsAreBounded: what is kept is forgotten again, the oldest first.
func TestSegmentsAreBounded(t *testing.T) {
	s, err := newSegmentCache()
	if err != nil {
		t.Fatal(err)
	}
	key := func(i int) (k segmentKey) {
		k[0] = 1 // one shard
		k[8], k[9], k[10] = byte(i), byte(i>>8), byte(i>>16)
		return k
	}
	seg := &segment{spans: make([]segmentSpan, 10)}
	cost := segmentCost + 10*segmentSpanCost
	n := 3 * segmentBytes / segmentShards / cost
	for i := range n {
		s.put(key(i), seg)
		s.get(key(0)) // what is asked for stays
	}
	sh := &s.shards[1]
	if have := (len(sh.young) + len(sh.old)) * cost; have > segmentBytes/segmentShards+cost {
		t.Errorf("%d bytes kept in a shard of %d", have, segmentBytes/segmentShards)
	}
	if s.get(key(0)) == nil || s.get(key(n-1)) == nil || s.get(key(1)) != nil {
		t.Error("it forgot what it should know, or knows what it should have forgotten")
	}
}

// TestSegmentsAllocations: a conversation that is known and clean allocates nothing.
func TestSegmentsAllocations(t *testing.T) {
	c := remembering(t, newHost(t), ModuleConfig{Module: "builtin:secrets"})
	texts := conversation(40)
	n := testing.AllocsPerRun(100, func() {
		if rep, err := c.Classify(context.Background(), texts); err != nil || len(rep.Findings) > 0 {
			t.Fatal(rep, err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// conversation is n messages of 400 to 1,600 bytes with nothing to find.
func conversation(n int) []*engine.Text {
	texts := make([]*engine.Text, n)
	for i := range texts {
		from := 13 * i
		texts[i] = &engine.Text{Role: engine.RoleUser + engine.Role(i%2), Message: i, Value: cleanText()[from : from+400*(1+i%4)]}
	}
	return texts
}
