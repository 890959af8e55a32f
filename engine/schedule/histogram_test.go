package schedule

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestGridRoundTrip(t *testing.T) {
	for _, g := range []grid{ratioGrid, tokenGrid} {
		last := -1.0
		for i := range buckets {
			x := g.value(float64(i))
			if x <= last {
				t.Fatalf("grid %v: value(%d) = %v is not above %v", g, i, x, last)
			}
			last = x
			if at := g.at(x); at != float64(i) {
				t.Errorf("grid %v: at(value(%d)) = %v", g, i, at)
			}
			mid := g.value(float64(i) + 0.5)
			if at := g.at(mid); math.Abs(at-float64(i)-0.5) > 1e-9 {
				t.Errorf("grid %v: at(value(%d.5)) = %v", g, i, at)
			}
		}
		for _, x := range []float64{0, -1, math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64} {
			if at := g.at(x); at != 0 {
				t.Errorf("at(%v) = %v", x, at)
			}
		}
		for _, x := range []float64{g.value(buckets), math.MaxFloat64, math.Inf(1)} {
			if at := g.at(x); at != buckets {
				t.Errorf("at(%v) = %v", x, at)
			}
		}
	}
}

func TestHistogramLearns(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	h := lognormal(ratioGrid, 1, 0.5)
	for range 1000 {
		h.add(2 * math.Exp2(0.3*rng.NormFloat64()))
	}
	for _, tt := range []struct{ x, want float64 }{{1, 0.0004}, {2, 0.5}, {2 * math.Exp2(0.3), 0.8413}, {8, 1}} {
		if got := h.below(tt.x); math.Abs(got-tt.want) > 0.1 {
			t.Errorf("below(%v) = %v, want %v", tt.x, got, tt.want)
		}
	}
	if q := h.quantile(0.5); math.Abs(q-2) > 0.2 {
		t.Errorf("median %v, want 2", q)
	}
}

func TestHistogramAboveTheGrid(t *testing.T) {
	h := lognormal(ratioGrid, 1, 0.5)
	for range 500 {
		h.add(1000)
	}
	if got := h.below(1e6); got > 0.05 {
		t.Errorf("below(1e6) = %v: what lies above the grid is below nothing", got)
	}
	if got := h.quantile(0.99); got != ratioGrid.value(buckets) {
		t.Errorf("quantile(0.99) = %v", got)
	}
}

// TestCensoredIsNotOptimistic gives up every second attempt at twice the
// prediction. Left out, the slow ones would be missing from the distribution;
// counted, it stays near the true one.
func TestCensoredIsNotOptimistic(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	truth, survivors, counted := lognormal(ratioGrid, 1, 1), lognormal(ratioGrid, 1, 1), lognormal(ratioGrid, 1, 1)
	for range 5000 {
		x := 2 * math.Exp2(rng.NormFloat64())
		truth.add(x)
		if x > 2 && rng.IntN(2) == 0 {
			counted.addAtLeast(2)
			continue
		}
		survivors.add(x)
		counted.add(x)
	}
	got, want, naive := counted.below(3), truth.below(3), survivors.below(3)
	if got > want+0.08 {
		t.Errorf("P(x < 3) = %.3f with censored samples, %.3f in truth", got, want)
	}
	if naive < want+0.05 {
		t.Errorf("the survivors alone give %.3f, truth %.3f: this test shows nothing", naive, want)
	}
}

func TestCensoredAboveEverything(t *testing.T) {
	h := lognormal(ratioGrid, 1, 0.5)
	for range 300 {
		h.addAtLeast(100)
	}
	if got := h.below(31); got > 0.1 {
		t.Errorf("below(31) = %v after nothing but attempts given up at 100", got)
	}
}

// TestHistogramStaysADistribution runs random operations and checks what every
// reader relies on: cum never falls, and stays in 0..1.
func TestHistogramStaysADistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	h := lognormal(tokenGrid, 150, 1.5)
	for i := range 20000 {
		x := math.Exp2(rng.Float64()*40 - 10)
		if rng.IntN(2) == 0 {
			h.add(x)
		} else {
			h.addAtLeast(x)
		}
		last := 0.0
		for b, c := range h.cum {
			if !(c >= last-1e-12 && c <= 1+1e-9) {
				t.Fatalf("after %d samples: cum[%d] = %v after %v", i+1, b, c, last)
			}
			last = c
		}
	}
}
