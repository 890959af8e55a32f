package classifiers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sallyport-ai/sallyport/engine"
)

// TestPIIDisguises looks for numbers that are written so that a person reads them
// and a program that looks for ASCII does not.
func TestPIIDisguises(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	digits := func(zero rune) func(string) string {
		return func(s string) string {
			return strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return zero + r - '0'
				}
				return r
			}, s)
		}
	}
	between := func(mark string) func(string) string {
		return func(s string) string { return strings.Join(strings.Split(s, ""), mark) }
	}
	disguises := map[string]func(string) string{
		"fullwidth digits":       digits('０'),
		"Arabic digits":          digits('٠'),
		"Bengali digits":         digits('০'),
		"Adlam digits":           digits('𞥐'),
		"mathematical digits":    digits('𝟘'),
		"zero-width spaces":      between("\u200b"),
		"zero-width joiners":     between("\u200d"),
		"soft hyphens":           between("\u00ad"),
		"byte order marks":       between("\ufeff"),
		"tags":                   between("\U000e0020"),
		"right-to-left override": func(s string) string { return "\u202e" + s + "\u202c" },
		"right-to-left text":     func(s string) string { return "مرحبا " + s + " שלום" },
		"no-break spaces":        func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") },
		"Unicode hyphens":        func(s string) string { return strings.ReplaceAll(s, "-", "\u2011") },
		"all fullwidth": func(s string) string {
			return strings.Map(func(r rune) rune { return either(r > ' ' && r < 0x7f, r+0xfee0, r) }, s)
		},
	}
	for _, value := range []struct{ kind, text string }{
		{"CREDIT_CARD", "4111 1111 1111 1111"}, {"CREDIT_CARD", "5555555555554444"}, {"US_SSN", "536-22-1234"},
		{"IBAN_CODE", "DE89 3704 0044 0532 0130 00"}, {"PHONE_NUMBER", "+49 30 901820"}, {"PL_PESEL", "44051401359"},
		{"BR_CPF", "529.982.247-25"}, {"IP_ADDRESS", "192.0.2.77"},
	} {
		for name, disguise := range disguises {
			text := "x " + disguise(value.text) + " y"
			rep, err := c.Classify(context.Background(), userTexts(text))
			if err != nil {
				t.Fatal(err)
			}
			if len(rep.Findings) != 1 || rep.Findings[0].Kind != value.kind {
				t.Errorf("%s in %s: %+v in %q", value.kind, name, rep.Findings, text)
			}
		}
	}
}

// TestPIIBytes holds the module and the twin to each other on bytes that are no
// text: what is no UTF-8 is a byte like those of any other script, and a zero is a
// character that no form holds.
func TestPIIBytes(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	rules := newPIIRules(t)
	for text, kinds := range map[string]int{
		"\xff\xfe 4111 1111 1111 1111 \xc3": 1, "a@example.com\xe2\x82": 1, "\x00\x00536-22-1234\x00": 1, "4111\x001111\x001111\x001111": 0,
		"\xf0\x8f\xbc\x91 \xc0\xb1 \xed\xa0\x80 +49 30 901820": 1, strings.Repeat("\x80", 100) + "192.0.2.1": 1, "\u202eשלום a@example.com\u202c": 1,
	} {
		rep, err := c.Classify(context.Background(), userTexts(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(rules.find(text), rep.Findings); diff != "" || len(rep.Findings) != kinds {
			t.Errorf("%q: %d found, want %d; twin (-) and module (+):\n%s", text, len(rep.Findings), kinds, diff)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		text := []byte(randomText(r))
		for range 3 {
			if len(text) > 0 {
				text[r.IntN(len(text))] = byte(r.IntN(256))
			}
		}
		rep, err := c.Classify(context.Background(), userTexts(string(text)))
		if err != nil { // a span may end within what looks like a character
			continue
		}
		if diff := cmp.Diff(rules.find(string(text)), rep.Findings); diff != "" {
			t.Fatalf("%q: the twin (-) and the module (+):\n%s", text, diff)
		}
	}
}

// TestPIIMonotonous reads 8 MB of one character or one short piece over and over.
func TestPIIMonotonous(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	for _, piece := range []string{"\x00", " ", "0", "1", "a", "@", ":", ".", "-", "(", "+", "é", "漢", "０", "\u200b", "\U0001f600", "\U0001d7ce"} {
		rep, err := c.Classify(context.Background(), userTexts(strings.Repeat(piece, 8<<20/len(piece))))
		if err != nil || len(rep.Findings) > 0 || rep.Truncated {
			t.Errorf("%q: %d findings, truncated %v, %v", piece, len(rep.Findings), rep.Truncated, err)
		}
	}
	rep, err := c.Classify(context.Background(), userTexts(strings.Repeat("a@example.com ", 8<<20/14)))
	if err != nil || len(rep.Findings) != 4096 || !rep.Truncated {
		t.Errorf("many findings: %d, truncated %v, %v", len(rep.Findings), rep.Truncated, err)
	}
}

// TestPIILinear counts what the module executes on the pieces that cost it most:
// twice the text costs twice as much, and no byte more than a bounded number of
// steps.
func TestPIILinear(t *testing.T) {
	run := fuelOf(t)
	for _, piece := range []string{"1 ", "12 ", "1-", "12-", "123.", "1.1.1.1.", "0 12 34 56 78 ", "4111 ", "12345678 ", "phone 12 ", "a1b2", "1:", "a:1:", "a@", "a.b@c.", "1a ", "12 ab ", "\u200b1 ", "born 1/1/", "+1 ",
		",1234567", "|12/12/85", "a,12345678\n", "1,12345678\nx\n", "---\n", "---|\n|123456789\n", "passport no,ssn\na,536221234\n", "\t1234567\n",
		"[1234567,", "[[1234567", "[[1234567],", "(1234567),", ",1234567]", "],[1234567", "[[\"1234567\"]],\"a\":["} {
		small, large := run(strings.Repeat(piece, 100_000/len(piece))), run(strings.Repeat(piece, 200_000/len(piece)))
		if ratio := float64(large) / float64(small); ratio > 2.1 {
			t.Errorf("%q: twice the text costs %.2f times as much", piece, ratio)
		}
		perByte := float64(large) / 200_000
		t.Logf("%q: %.0f units of fuel a byte", piece, perByte)
		if perByte > 4000 {
			t.Errorf("%q: %.0f units of fuel a byte", piece, perByte)
		}
	}
}

// fuelOf loads the metered module alone and says what a text costs it.
func fuelOf(t *testing.T) func(text string) int64 {
	t.Helper()
	run := bareModule(t, "pii", true)
	return func(text string) int64 { return run(userTexts(text)) }
}

// bareModule runs a built-in module without the host's pool and its memory of
// texts. The result is the fuel it took, where it is metered.
func bareModule(t testing.TB, name string, withMeter bool) func(texts []*engine.Text) int64 {
	t.Helper()
	ctx := context.Background()
	wasm, ok := Builtin(name)
	if !ok {
		t.Fatalf("no built-in %q", name)
	}
	if withMeter {
		m, err := meter(wasm, 4096)
		if err != nil {
			t.Fatal(err)
		}
		wasm = m.wasm
	}
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	t.Cleanup(func() { r.Close(ctx) })
	const fuel = 1 << 30
	var slices int64
	_, err := r.NewHostModuleBuilder(moduleMeter).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			slices++
			stack[0] = fuel
		}), valueTypes("i"), valueTypes("i")).Export(importYield).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	refill := func() {
		if withMeter {
			setGlobal(mod, exportFuel, fuel)
			setGlobal(mod, exportDepth, maxDepth)
		}
	}
	alloc, classify := mod.ExportedFunction(exportAlloc), mod.ExportedFunction(exportClassify)
	refill()
	if _, err := mod.ExportedFunction(exportConfigure).Call(ctx, 0, 0); err != nil {
		t.Fatal(err)
	}
	var stack [2]uint64
	return func(texts []*engine.Text) int64 {
		n, _ := requestSize(texts)
		slices = 0
		refill()
		stack[0] = uint64(n)
		if err := alloc.CallWithStack(ctx, stack[:]); err != nil {
			t.Fatal(err)
		}
		at := uint32(stack[0])
		buf, ok := mod.Memory().Read(at, uint32(n))
		if !ok {
			t.Fatal("no room")
		}
		putRequest(buf, texts)
		stack[0], stack[1] = uint64(at), uint64(n)
		if err := classify.CallWithStack(ctx, stack[:]); err != nil {
			t.Fatal(err)
		}
		if int64(stack[0]) < 0 {
			t.Fatal(fmt.Sprint("sp_classify: ", int64(stack[0])))
		}
		if !withMeter {
			return 0
		}
		return (slices+1)*fuel - int64(int32(mod.ExportedGlobal(exportFuel).Get()))
	}
}
