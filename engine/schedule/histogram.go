package schedule

import "math"

// buckets is the number of buckets of every histogram.
const buckets = 64

// grid lays buckets over positive numbers, log-linearly: each octave from 2^low
// on is cut into 2^sub equal parts. A number's bucket is then some bits of its
// floating-point form, without a logarithm.
type grid struct {
	low int // exponent of the first bucket
	sub int // log2 of the buckets in an octave
}

var (
	// ratioGrid spans [1/8, 32) in steps of at most an eighth: residual ratios
	// actual/predicted.
	ratioGrid = grid{low: -3, sub: 3}
	// tokenGrid spans [1, 65536) in steps of at most a quarter.
	tokenGrid = grid{low: 0, sub: 2}
)

// at returns the place of x on the grid in buckets, fractions included, so that
// floor(at) is its bucket. Below the grid it is 0, above it is buckets.
func (g grid) at(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	const mantissa = 52
	bits := math.Float64bits(x)
	exp := int(bits>>mantissa) - 1023 - g.low
	if exp < 0 {
		return 0
	}
	if exp >= buckets>>g.sub {
		return buckets
	}
	frac := float64(bits&(1<<mantissa-1)) / (1 << mantissa)
	return (float64(exp) + frac) * float64(int(1)<<g.sub)
}

// value is the inverse of at.
func (g grid) value(at float64) float64 {
	octave, part := math.Modf(at / float64(int(1)<<g.sub))
	return math.Ldexp(1+part, int(octave)+g.low)
}

// histogram is a distribution that forgets. It is kept as a cumulative one:
// cum[i] is the share below the end of bucket i; what is missing to 1 in the
// last bucket lies above the grid.
type histogram struct {
	grid grid
	cum  [buckets]float64
	n    int // samples, for the gain of the early ones
}

const (
	// forget is the weight of a new sample once there are many: 1 in 100, as in
	// the simulation that the package comment tells of.
	forget = 0.01
	// priorSamples is how many samples the prior counts for.
	priorSamples = 8
)

// lognormal is the prior distribution with this median and spread, in octaves.
func lognormal(g grid, median, octaves float64) histogram {
	h := histogram{grid: g}
	for i := range h.cum {
		z := math.Log2(g.value(float64(i+1))/median) / octaves
		h.cum[i] = 0.5 * math.Erfc(-z/math.Sqrt2)
	}
	return h
}

// below returns the share of the distribution below x. Mass above the grid is
// below nothing.
func (h *histogram) below(x float64) float64 {
	at := h.grid.at(x)
	i := int(at)
	if i >= buckets {
		return h.cum[buckets-1]
	}
	from := 0.0
	if i > 0 {
		from = h.cum[i-1]
	}
	return from + (at-float64(i))*(h.cum[i]-from)
}

// quantile returns the x below which the share p lies; the end of the grid where
// it lies above.
func (h *histogram) quantile(p float64) float64 {
	from := 0.0
	for i, c := range h.cum {
		if c >= p && c > from {
			return h.grid.value(float64(i) + (p-from)/(c-from))
		}
		from = max(from, c)
	}
	return h.grid.value(buckets)
}

func (h *histogram) gain() float64 {
	h.n++
	return max(forget, 1/float64(h.n+priorSamples))
}

// add counts a sample of x.
func (h *histogram) add(x float64) {
	gain, k := h.gain(), int(h.grid.at(x))
	for i := range h.cum {
		h.cum[i] *= 1 - gain
		if i >= k {
			h.cum[i] += gain
		}
	}
}

// addAtLeast counts a sample of which only a lower bound x is known: its weight
// goes to what lies above x, in proportion to what is there already. Where
// nothing is, it goes above the grid.
func (h *histogram) addAtLeast(x float64) {
	under := h.below(x)
	if under < forget {
		return // nearly everything lies above x anyway: no news
	}
	rest := 1 - under
	gain, k := h.gain(), int(h.grid.at(x))
	for i := range h.cum {
		above := 0.0
		if i >= k && rest > 1e-9 {
			above = max(0, h.cum[i]-under) / rest
		}
		h.cum[i] = h.cum[i]*(1-gain) + gain*above
	}
}
