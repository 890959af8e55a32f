package vm

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
)

// extended is a number as OPA calculates with it when it is no integer: a big.Float
// of 64 bits, neg × mant × 2^exp with mant's highest bit set. Results are rounded
// to nearest, ties to even, as big.Float's are, so they are the same bit for bit;
// zero has no form here.
type extended struct {
	mant uint64
	exp  int32
	neg  bool
}

// extended is the form of a number that big.Float reads out of its decimal text;
// false: it is zero, or too large or too small.
func (v Value) extended() (extended, bool) {
	if v.h == &intHeader {
		if v.n == 0 || v.n == math.MinInt64 {
			return extended{}, false
		}
		return extendedOf(magnitude(v.n), v.n < 0), true
	}
	n := v.number()
	if n.ext.mant == 0 && !n.fixed {
		if abs := math.Abs(n.f); abs < 1e-300 || abs > 1e300 {
			return extended{}, false
		}
		var digits [32]byte
		text := append(digits[:0], n.text...)
		if n.text == "" && n.from == ofProduct {
			text = append(text, v.decimal()...)
		} else if n.text == "" {
			text = strconv.AppendFloat(text, n.f, 'g', -1, 64)
		}
		var ok bool
		if n.ext, ok = extendedFromDecimal(text); !ok {
			n.ext = extendedFromText(v.decimal())
		}
	}
	return n.ext, n.ext.mant != 0
}

func extendedOf(n uint64, neg bool) extended {
	shift := bits.LeadingZeros64(n)
	return extended{mant: n << shift, exp: int32(-shift), neg: neg}
}

// extendedFromDecimal reads up to 19 digits of which up to 19 stand behind the
// point: an integer over a power of ten, both exact, which big.Float divides too.
func extendedFromDecimal(text []byte) (extended, bool) {
	var n, scale uint64 = 0, 0
	point, neg, digits := false, false, 0
	for i, c := range text {
		switch {
		case c == '-' && i == 0:
			neg = true
		case c >= '0' && c <= '9':
			if digits++; digits > 19 {
				return extended{}, false
			}
			n = n*10 + uint64(c-'0')
			if point {
				scale++
			}
		case c == '.' && !point:
			point = true
		case c == 'e' && i+2 < len(text) && text[i+1] == '-':
			e, err := strconv.ParseUint(string(text[i+2:]), 10, 8)
			if err != nil || scale+e > 19 {
				return extended{}, false
			}
			return fraction(n, scale+e, neg)
		default:
			return extended{}, false
		}
	}
	return fraction(n, scale, neg)
}

func fraction(n, scale uint64, neg bool) (extended, bool) {
	if n == 0 {
		return extended{}, false
	}
	x := extendedOf(n, neg)
	if scale == 0 {
		return x, true
	}
	ten := uint64(1)
	for range scale {
		ten *= 10 // 10^19 is less than 2^64
	}
	return x.over(extendedOf(ten, false)), true
}

func extendedFromText(text ast.Number) extended {
	f := builtins.NumberToFloat(text)
	if f.Sign() == 0 || f.Prec() != 64 {
		return extended{}
	}
	mantissa := new(big.Float)
	exp := f.MantExp(mantissa)
	u, accuracy := mantissa.SetMantExp(mantissa, 64).Abs(mantissa).Uint64()
	if accuracy != big.Exact {
		return extended{}
	}
	return extended{mant: u, exp: int32(exp) - 64, neg: f.Signbit()}
}

// text is the decimal that OPA gives a result.
func (x extended) text() ast.Number {
	f := new(big.Float).SetPrec(64).SetUint64(x.mant)
	f.SetMantExp(f, int(x.exp))
	if x.neg {
		f.Neg(f)
	}
	return builtins.FloatToNumber(f)
}

// float64 is x rounded to 53 bits; false where x lies so close to the middle
// between two floats that its decimal text may round the other way.
func (x extended) float64() (float64, bool) {
	const low = 1<<11 - 1
	rest := x.mant & low
	m := x.mant >> 11
	if rest > 1<<10 || rest == 1<<10 && m&1 != 0 {
		m++
	}
	f := math.Ldexp(float64(m), int(x.exp)+11)
	if x.neg {
		f = -f
	}
	return f, rest < 1<<10-2 || rest > 1<<10+2
}

// whole says whether x is an integer.
func (x extended) whole() bool {
	return x.exp >= 0 || x.exp > -64 && x.mant<<(64+x.exp) == 0
}

// rounded makes an extended of the 128-bit number hi×2^64+lo times 2^exp; sticky
// says that there was more behind it.
func rounded(hi, lo uint64, exp int32, sticky, neg bool) extended {
	if hi == 0 {
		hi, lo, exp = lo, 0, exp-64
	}
	if hi == 0 {
		return extended{}
	}
	if s := bits.LeadingZeros64(hi); s > 0 {
		hi = hi<<s | lo>>(64-s)
		lo <<= s
		exp -= int32(s)
	}
	exp += 64
	const half = 1 << 63
	if lo > half || lo == half && (sticky || hi&1 != 0) {
		if hi++; hi == 0 {
			hi = half
			exp++
		}
	}
	return extended{mant: hi, exp: exp, neg: neg}
}

func (x extended) times(y extended) extended {
	hi, lo := bits.Mul64(x.mant, y.mant)
	return rounded(hi, lo, x.exp+y.exp, false, x.neg != y.neg)
}

func (x extended) over(y extended) extended {
	// Of mantissas with their highest bits set the quotient lies between 1/2 and 2.
	hi, lo, exp := x.mant>>1, x.mant<<63, x.exp-y.exp-63
	q, r := bits.Div64(hi, lo, y.mant)
	next, rest := bits.Div64(r, 0, y.mant)
	return rounded(q, next, exp-64, rest != 0, x.neg != y.neg)
}

// plus is the sum; its mantissa is 0 where that is zero.
func (x extended) plus(y extended) extended {
	if x.exp < y.exp || x.exp == y.exp && x.mant < y.mant {
		x, y = y, x
	}
	shift := uint(x.exp - y.exp)
	if shift > 130 {
		shift = 130 // only the sign of what is left counts
	}
	// y's mantissa behind x's, in 128 bits and a sticky one.
	var hi, lo uint64
	sticky := false
	switch {
	case shift == 0:
		hi = y.mant
	case shift < 64:
		hi, lo = y.mant>>shift, y.mant<<(64-shift)
	case shift == 64:
		lo = y.mant
	case shift < 128:
		lo = y.mant >> (shift - 64)
		sticky = y.mant<<(128-shift) != 0
	default:
		sticky = true
	}
	if x.neg == y.neg {
		sum, carry := bits.Add64(x.mant, hi, 0)
		if carry != 0 {
			sticky = sticky || lo&1 != 0
			lo = lo>>1 | sum<<63
			sum = sum>>1 | 1<<63
			return rounded(sum, lo, x.exp-63, sticky, x.neg)
		}
		return rounded(sum, lo, x.exp-64, sticky, x.neg)
	}
	if sticky {
		// Something less than the last bit is taken away: one bit more, and what is
		// left of it is sticky again.
		lo++
		if lo == 0 {
			hi++
		}
	}
	dlo, borrow := bits.Sub64(0, lo, 0)
	dhi, _ := bits.Sub64(x.mant, hi, borrow)
	return rounded(dhi, dlo, x.exp-64, sticky, x.neg)
}

// timesRounded is f × y rounded to 53 bits at once, as OPA's product does.
func timesRounded(f float64, y extended) float64 {
	fraction, exp := math.Frexp(math.Abs(f))
	x := extendedOf(uint64(math.Ldexp(fraction, 53)), f < 0)
	hi, lo := bits.Mul64(x.mant, y.mant)
	exp += int(y.exp) // of hi: the 53 bits of x's mantissa stand 11 bits higher, and hi 64
	if hi>>63 == 0 {
		hi, lo, exp = hi<<1|lo>>63, lo<<1, exp-1
	}
	const half = 1 << 10
	rest, m := hi&(1<<11-1), hi>>11
	if rest > half || rest == half && (lo != 0 || m&1 != 0) {
		m++
	}
	r := math.Ldexp(float64(m), exp+11)
	if (f < 0) != y.neg {
		r = -r
	}
	return r
}

// calculated is a result as OPA would write it; x's mantissa is not 0.
func (a *arena) calculated(x extended) Value {
	if x.whole() {
		if x.exp < 0 && x.mant>>-x.exp <= math.MaxInt64 {
			n := int64(x.mant >> -x.exp)
			if x.neg {
				n = -n
			}
			return Int(n)
		}
		return numberOf(a, string(x.text()))
	}
	f, sure := x.float64()
	if abs := math.Abs(f); !sure || abs < 1e-290 || abs > 1e290 {
		return numberOf(a, string(x.text()))
	}
	n := a.numbers.new()
	n.kind, n.f, n.ext, n.from = kindNumber, f, x, ofExt
	return n.value()
}
