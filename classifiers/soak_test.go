package classifiers

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// BenchmarkSoak is a million calls over all built-in modules and two plugins, of
// texts of all sizes, some of which fail, with what the process takes after every
// tenth of them. It fails where that grows. make soak-classifiers runs it.
func BenchmarkSoak(b *testing.B) {
	if os.Getenv("SALLYPORT_SOAK") == "" {
		b.Skip("NOT MEASURED: make soak-classifiers runs this, in about a minute")
	}
	const calls = 1_000_000
	h := newHost(b)
	ctx := context.Background()
	var all []*Classifier
	for _, name := range Builtins() {
		all = append(all, load(b, h, ModuleConfig{Module: BuiltinPrefix + name, TimeLimit: time.Minute, Pool: 2}))
	}
	all = append(all, loadExtism(b, ""),
		load(b, h, ModuleConfig{Wasm: testGuest{classify: when(opUnreachable)}.module()}),
		load(b, h, ModuleConfig{Wasm: testGuest{classify: cat(i32Const(1), []byte{opMemoryGrow, 0, opDrop})}.module()}))
	texts := [][]*engine.Text{userTexts("! fails"), userTexts("write to a@example.com"), conversation(10), userTexts(strings.Repeat("a 1 ", 50_000))}
	for b.Loop() {
		var sizes []int
		for n := range calls {
			turn := texts[n%3]
			if n%5000 == 0 {
				turn = texts[3]
			}
			if n%7 == 0 {
				turn = userTexts(fmt.Sprint("turn ", n%20_000, cleanText()[:n%600]))
			}
			_, _ = all[n%len(all)].Classify(ctx, turn) // some fail, as they should
			if (n+1)%(calls/10) == 0 {
				runtime.GC()
				sizes = append(sizes, residentKB(b))
				fmt.Printf("BENCH | resident after %d calls | %d MB | |\n", n+1, sizes[len(sizes)-1]>>10)
			}
		}
		// What is free goes back to the system with a delay, so the least of a half counts.
		if from, to := slices.Min(sizes[:len(sizes)/2]), slices.Min(sizes[len(sizes)/2:]); to > from+from/10 {
			b.Errorf("it grew from %d KB in the first half to %d in the second", from, to)
		}
	}
}

// residentKB is the memory the process takes, in units of 1024 bytes.
func residentKB(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("NOT MEASURED: there is no /proc/self/status here")
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return n
}
