package classifiers

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func probe(t *testing.T, cfg ModuleConfig) *Probe {
	t.Helper()
	p, err := load(t, newHost(t), cfg).Probe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestProbeFuel(t *testing.T) {
	p := probe(t, ModuleConfig{Module: "builtin:pii"})
	fuel := func(n int) int64 {
		t.Helper()
		_, cost, err := p.Classify(t.Context(), userTexts(strings.Repeat("1 plain word ", n)))
		if err != nil {
			t.Fatal(err)
		}
		return cost.Fuel
	}
	small, large := fuel(1000), fuel(2000)
	if small <= 0 || large < small*3/2 || large > small*5/2 {
		t.Errorf("a text costs %d, one twice as long %d", small, large)
	}
	if again := fuel(1000); again != small {
		t.Errorf("the same text cost %d, then %d", small, again)
	}
}

// A probe finds what its classifier finds.
func TestProbeFindings(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii"})
	texts := userTexts("nothing", "write to ann@example.org today")
	want, err := c.Classify(t.Context(), texts)
	if err != nil || len(want.Findings) != 1 {
		t.Fatal(want, err)
	}
	p, err := c.Probe()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, cost, err := p.Classify(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if cost.MemoryBytes != p.MemoryBytes() || cost.MemoryBytes < pageSize {
		t.Errorf("%d bytes of memory after the call, %d now", cost.MemoryBytes, p.MemoryBytes())
	}
}

// What keeps a module running for longer than is counted costs MaxFuel, and the
// call after it is counted anew.
func TestProbeMaxFuel(t *testing.T) {
	// Calls with one text run to the end, those without jump over the loop: the
	// number of texts is the third word of the request.
	spin := cat(
		[]byte{opI32Const, 0, 0x24, 0},                         // count = 0
		i32Const(arenaAt), []byte{0x28, 2, 8, 0x04, blockVoid}, // if texts > 0
		[]byte{opLoop, blockVoid, 0x23, 0}, i32Const(1), []byte{0x6a, 0x24, 0, 0x23, 0}, i32Const(200<<20), []byte{0x49, 0x0d, 0, opEnd, opEnd})
	g := testGuest{classify: spin, globals: []byte{1, typeI32, 1, opI32Const, 0, opEnd}}
	p := probe(t, ModuleConfig{Wasm: g.module(), TimeLimit: 1 << 40})
	_, cost, err := p.Classify(t.Context(), userTexts("x"))
	if err != nil || cost.Fuel != MaxFuel {
		t.Errorf("a long call cost %d: %v", cost.Fuel, err)
	}
	_, cost, err = p.Classify(t.Context(), nil)
	if err != nil || cost.Fuel <= 0 || cost.Fuel > 100 {
		t.Errorf("a short call cost %d: %v", cost.Fuel, err)
	}
}

func TestProbeFailure(t *testing.T) {
	p := probe(t, ModuleConfig{Wasm: testGuest{classify: []byte{opUnreachable}}.module()})
	for range 2 {
		_, _, err := p.Classify(t.Context(), userTexts("x"))
		ce, ok := errors.AsType[*engine.ClassifierError](err)
		if !ok || ce.Code != engine.ClassifierTrap {
			t.Fatal(err)
		}
		if p.MemoryBytes() != 0 {
			t.Error("a failed instance was kept")
		}
	}
}
