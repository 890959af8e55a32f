package classifiers

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// busyGuests keep a processor busy, each with other instructions, and do not end.
func busyGuests() map[string]testGuest {
	const size = 16 << 20
	// n rounds of a loop, with no body a cheap one.
	times := func(n int32, body []byte) []byte {
		return cat(i32Const(n), []byte{opLocalSet, 0, opLoop, blockVoid}, body, []byte{opLocalGet, 0}, i32Const(1), []byte{0x6b, opLocalTee, 0, opBrIf, 0, opEnd})
	}
	// Memory grows in Go's code, which can be interrupted; the loop sees to some
	// looks before what is measured begins.
	grow := cat(i32Const(size/pageSize), []byte{opMemoryGrow, 0, opDrop}, times(2_000_000, nil))
	forever := func(body ...[]byte) []byte {
		return cat(slices.Concat([][]byte{{opLoop, blockVoid}}, body, [][]byte{{opBr, 0, opEnd}})...)
	}
	divide := cat([]byte{opLocalGet, 0}, i32Const(3), []byte{0x6e, opLocalSet, 0}) // i32.div_u
	// Each address depends on what was read at the one before.
	afar := cat([]byte{opLocalGet, 1}, i32Const(1<<20+4099), []byte{0x6a, opLocalGet, 1, 0x28, 0, 0, 0x6a}, i32Const(size-4), []byte{0x71, opLocalTee, 1, opDrop})
	// The same with nothing but reads: each word says where the next one is.
	link := cat([]byte{opLocalGet, 1, opLocalGet, 1}, i32Const(1<<20+4099), []byte{0x6a}, i32Const(size-4), []byte{0x71, opLocalTee, 1, 0x36, 2, 0})
	linked := cat(grow, i32Const(0), []byte{opLocalSet, 1}, times(100_000, link))
	read := []byte{0x28, 2, 0}
	chase := cat([]byte{opLocalGet, 1}, bytes.Repeat(read, 1000), []byte{opLocalSet, 1})
	// And in functions that are just too short to look at the clock.
	var short [][]byte
	var calls []byte
	for n := range 100 {
		short = append(short, cat(i32Const(0), i32Const(0), bytes.Repeat(read, 4000), []byte{0x36, 2, 0}))
		calls = append(calls, call(testGuest{}.helper(n))...)
	}
	return map[string]testGuest{
		"loops":                {classify: endlessLoop},
		"divides":              {classify: forever(divide)},
		"reads from afar":      {classify: cat(grow, forever(afar))},
		"follows pointers":     {classify: cat(linked, forever(chase))},
		"calls what does that": {classify: cat(linked, forever(calls)), helpers: short},
		"changes its ways":     {classify: cat(grow, forever(times(3_000_000, nil), times(30_000, afar)))},
		"fills 16 MB at once":  {classify: cat(grow, forever(i32Const(0), i32Const(1), i32Const(size), []byte{opMisc, 11, 0}))},
		"copies 8 MB at once":  {classify: cat(grow, forever(i32Const(0), i32Const(size/2), i32Const(size/2), []byte{opMisc, 10, 0, 0}))},
	}
}

// BenchmarkTableStall: how long the garbage collector stops the world while a guest
// is busy, less what it does beside a loop in Go. The three are measured in turns,
// so that what else the machine does meets all of them.
func BenchmarkTableStall(b *testing.B) {
	const turns, collections = 40, 25
	h := newHost(b)
	spin := func(stop chan struct{}) {
		for n := 0; ; n++ {
			if n%1024 == 0 {
				select {
				case <-stop:
					return
				default:
				}
			}
		}
	}
	for b.Loop() {
		names := []string{"a loop in Go"}
		ways := []func(chan struct{}){spin}
		guests := busyGuests()
		for _, name := range []string{"loops", "reads from afar"} {
			c := load(b, h, ModuleConfig{Wasm: guests[name].module(), TimeLimit: time.Hour})
			names = append(names, "a guest that "+name)
			ways = append(ways, func(stop chan struct{}) {
				ctx, cancel := context.WithCancel(context.Background())
				go func() { <-stop; cancel() }()
				if _, err := c.Classify(ctx, userTexts("x")); err == nil {
					b.Error("the loop ended")
				}
			})
		}
		stops := make([][]float64, len(ways))
		for range turns {
			for i, way := range ways {
				stops[i] = append(stops[i], gcStops(collections, way)...)
			}
		}
		at := func(i int, share float64) float64 {
			slices.Sort(stops[i])
			return stops[i][int(share*float64(len(stops[i])-1))]
		}
		for i, name := range names {
			what := fmt.Sprintf("GC stop beside %s: ", name)
			benchRow(b, fmt.Sprintf("%smedian of %d", what, len(stops[i])), at(i, 0.5), "ms", "")
			benchRow(b, what+"99 of 100", at(i, 0.99), "ms", "")
			benchRow(b, what+"longest", at(i, 1), "ms", "")
			if i > 0 {
				benchRow(b, "added by "+name+", median", at(i, 0.5)-at(0, 0.5), "ms", "<= 2")
				benchRow(b, "added by "+name+", 99 of 100", at(i, 0.99)-at(0, 0.99), "ms", "<= 2")
			}
		}
	}
}

// gcStops runs collections beside f and says how long each stopped the world, in
// milliseconds.
func gcStops(collections int, f func(stop chan struct{})) []float64 {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { f(stop); close(done) }()
	for range 10 {
		runtime.Gosched()
	}
	var before, after debug.GCStats
	var all []float64
	for range collections {
		debug.ReadGCStats(&before)
		runtime.GC()
		debug.ReadGCStats(&after)
		all = append(all, float64(after.PauseTotal-before.PauseTotal)/1e6)
	}
	close(stop)
	<-done
	return all
}
