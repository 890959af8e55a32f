package vm

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// TestArithmetic compares the native operations with OPA's on many numbers, digit
// by digit.
func TestArithmetic(t *testing.T) {
	const seed = 20261123
	r := rand.New(rand.NewPCG(seed, 0))
	natively := map[string]int{}
	for range 20_000 {
		a, b := randomNumber(r), randomNumber(r)
		for _, name := range []string{"plus", "minus", "mul", "div"} {
			checkOperation(t, natively, name, natives2[name], a, b)
		}
		checkProduct(t, natively, a, b, randomNumber(r))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for name, n := range natively {
		if n < 10_000 {
			t.Errorf("only %d of 20,000 %s were native", n, name)
		}
	}
	t.Log(natively)
}

func checkOperation(t *testing.T, natively map[string]int, name string, f func(m *Machine, a, b Value) (Value, ctl), a, b string) {
	m := &Machine{}
	got, c := f(m, numberOf(&m.arena, a), numberOf(&m.arena, b))
	if c == ctlGeneric {
		return
	}
	natively[name]++
	var want ast.Value
	err := topdown.GetBuiltin(name)(topdown.BuiltinContext{}, []*ast.Term{ast.NewTerm(ast.Number(a)), ast.NewTerm(ast.Number(b))},
		func(r *ast.Term) error { want = r.Value; return nil })
	if err != nil {
		t.Errorf("%s(%s, %s): %v, natively %v", name, a, b, err, toAST(got))
		return
	}
	compareNumber(t, fmt.Sprintf("%s(%s, %s)", name, a, b), got, want)
}

func checkProduct(t *testing.T, natively map[string]int, numbers ...string) {
	m := &Machine{}
	x := m.newArray(len(numbers))
	var terms []*ast.Term
	for _, n := range numbers {
		x.append(&m.arena, numberOf(&m.arena, n))
		terms = append(terms, ast.NewTerm(ast.Number(n)))
	}
	got, c := product(m, x.value())
	if c == ctlGeneric {
		return
	}
	natively["product"]++
	var want ast.Value
	if err := topdown.GetBuiltin("product")(topdown.BuiltinContext{}, []*ast.Term{ast.ArrayTerm(terms...)},
		func(r *ast.Term) error { want = r.Value; return nil }); err != nil {
		t.Errorf("product(%v): %v", numbers, err)
		return
	}
	compareNumber(t, fmt.Sprintf("product(%v)", numbers), got, want)
}

func compareNumber(t *testing.T, what string, got Value, want ast.Value) {
	t.Helper()
	if toAST(got).Compare(want) != 0 {
		t.Errorf("%s is %v, natively %v", what, want, toAST(got))
	}
	wantFloat, _ := strconv.ParseFloat(want.String(), 64)
	if f, _ := got.Float64(); f != wantFloat {
		t.Errorf("%s is %v, natively %v", what, wantFloat, f)
	}
}

// randomNumber is the text of a number of some kind: small, with few digits, any
// float, close to a power of two, with many digits.
func randomNumber(r *rand.Rand) string {
	sign := []string{"", "-"}[r.IntN(2)]
	switch r.IntN(8) {
	case 0:
		return strconv.Itoa(r.IntN(21) - 10)
	case 1:
		return strconv.FormatInt(r.Int64(), 10)
	case 2, 3:
		return sign + strconv.FormatFloat(float64(r.IntN(100_000))/1000, 'f', -1, 64)
	case 4:
		return sign + strconv.FormatFloat(r.Float64(), 'g', -1, 64)
	case 5:
		return sign + strconv.FormatFloat(r.Float64()*1e-9, 'g', -1, 64)
	case 6:
		return fmt.Sprintf("%s%d.%d", sign, r.IntN(1000), r.Int64N(1e17))
	}
	return sign + strconv.FormatFloat(float64(r.IntN(1000))*float64(uint64(1)<<r.IntN(60))+0.5, 'g', -1, 64)
}

// TestAppendFloat compares with a library's numbers.
func TestAppendFloat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		f, err := strconv.ParseFloat(randomNumber(r), 64)
		if err != nil {
			t.Fatal(err)
		}
		f *= []float64{1, 1e-9, 1e-7, 1e20, 1e280, 1e-280}[r.IntN(6)]
		if got, want := string(appendFloat(nil, f)), jsontext.Float(f).String(); got != want && f != 0 {
			t.Fatalf("%v is %s, want %s", f, got, want)
		}
	}
}
