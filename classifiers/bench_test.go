package classifiers

import (
	"context"
	"strings"
	"testing"

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

// BenchmarkRecovery is a call that traps, with the instance put back in order.
func BenchmarkRecovery(b *testing.B) {
	c := load(b, newHost(b), ModuleConfig{Wasm: testGuest{classify: []byte{opUnreachable}}.module()})
	texts := userTexts("x")
	for b.Loop() {
		if _, err := c.Classify(context.Background(), texts); err == nil {
			b.Fatal("no trap")
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
