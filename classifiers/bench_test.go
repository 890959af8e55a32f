package classifiers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sallyport-ai/sallyport/engine"
)

// cleanText is 8 KB of prose and code with nothing to find.
func cleanText() string {
	const part = "Please read the following function and say what it does, step by step, for somebody who has not " +
		"seen the language before. Then suggest two names that fit better:\n\n" +
		"    for (const row of rows) { if (row.kind === 'open') { total += row.amount * rate } }\n\n" +
		"The report should fit on one page. Mention the main risk, who carries it, and what a sensible next step " +
		"would be; leave out anything that is only of interest to the people who wrote the code.\n"
	return strings.Repeat(part, 8<<10/len(part)+1)[:8<<10]
}

func BenchmarkClassify(b *testing.B) {
	h := newHost(b)
	texts := userTexts(cleanText())
	for _, name := range Builtins() {
		b.Run(name, func(b *testing.B) {
			c := load(b, h, ModuleConfig{Module: BuiltinPrefix + name})
			b.SetBytes(int64(len(texts[0].Value)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Classify(context.Background(), texts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHostOverhead is all that a call costs beside the module's own work:
// 8 KB written, nothing found.
func BenchmarkHostOverhead(b *testing.B) {
	c := load(b, newHost(b), ModuleConfig{Wasm: testGuest{}.module()})
	texts := userTexts(cleanText())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Classify(context.Background(), texts); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecovery is a call that traps, with the instance it costs.
func BenchmarkRecovery(b *testing.B) {
	c := load(b, newHost(b), ModuleConfig{Wasm: testGuest{classify: []byte{opUnreachable}}.module()})
	texts := userTexts("x")
	for b.Loop() {
		if _, err := c.Classify(context.Background(), texts); err == nil {
			b.Fatal("no trap")
		}
	}
}

// BenchmarkMetering runs one module over the same text with metering, without
// any limit, and with the runtime's own way to stop a module.
func BenchmarkMetering(b *testing.B) {
	ctx := context.Background()
	texts := userTexts(cleanText())
	n, _ := requestSize(texts)
	for _, name := range Builtins() {
		wasm, _ := Builtin(name)
		metered, err := meter(wasm, 64)
		if err != nil {
			b.Fatal(err)
		}
		for _, way := range []struct {
			name string
			wasm []byte
			stop bool
		}{{"metered", metered.wasm, false}, {"unlimited", wasm, false}, {"close-on-context-done", wasm, true}} {
			b.Run(name+"/"+way.name, func(b *testing.B) {
				r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(way.stop))
				defer r.Close(ctx)
				m := &clock{slice: 1 << 24}
				m.start(time.Hour)
				_, err := r.NewHostModuleBuilder(moduleMeter).NewFunctionBuilder().
					WithGoFunction(api.GoFunc(yield), valueTypes("i"), valueTypes("i")).Export(importYield).Instantiate(ctx)
				if err != nil {
					b.Fatal(err)
				}
				mod, err := r.InstantiateWithConfig(m.attach(ctx), way.wasm, wazero.NewModuleConfig().WithName(""))
				if err != nil {
					b.Fatal(err)
				}
				run := mod.ExportedFunction(exportClassify)
				if _, err := mod.ExportedFunction(exportConfigure).Call(m.attach(ctx), 0, 0); err != nil {
					b.Fatal(err)
				}
				at, err := mod.ExportedFunction(exportAlloc).Call(m.attach(ctx), uint64(n))
				if err != nil {
					b.Fatal(err)
				}
				buf, _ := mod.Memory().Read(uint32(at[0]), uint32(n))
				putRequest(buf, texts)
				// A deadline, as a caller that wants the module stopped would set.
				limit, cancel := context.WithTimeout(m.attach(ctx), time.Hour)
				defer cancel()
				var stack [2]uint64
				b.SetBytes(int64(len(texts[0].Value)))
				for b.Loop() {
					if way.wasm[0] == 0 && mod.ExportedGlobal(exportFuel) != nil {
						setGlobal(mod, exportFuel, 1<<24)
						setGlobal(mod, exportDepth, maxDepth)
					}
					stack[0], stack[1] = at[0], uint64(n)
					if err := run.CallWithStack(limit, stack[:]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func TestClassifyAllocations(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"pii", "secrets"} {
		c := load(t, h, ModuleConfig{Module: BuiltinPrefix + name})
		texts := []*engine.Text{{Value: cleanText()}, {Value: "and no more"}}
		n := testing.AllocsPerRun(100, func() {
			rep, err := c.Classify(context.Background(), texts)
			if err != nil || len(rep.Findings) > 0 {
				t.Fatal(rep, err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations for a call that finds nothing", name, n)
		}
	}
}
