package classifiers

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkTableSlice: how long a guest runs between two looks at the clock, which
// is the most that it can add to a stop of the garbage collector. It is the time of
// its thread, so what else runs on the machine has no part in it.
func BenchmarkTableSlice(b *testing.B) {
	h := newHost(b)
	runtime.LockOSThread() // so that all that runs on the thread is the guest
	defer runtime.UnlockOSThread()
	for b.Loop() {
		guests := busyGuests()
		for _, name := range slices.Sorted(maps.Keys(guests)) {
			c := load(b, h, ModuleConfig{Wasm: guests[name].module(), TimeLimit: time.Hour})
			var all []float64
			for range 10 { // each begins with the slice that the last call has left
				looks := &lookCounter{Context: context.Background(), last: threadTime(), left: 400}
				if _, err := c.Classify(looks, userTexts("x")); err == nil {
					b.Fatal("the guest ended")
				}
				all = append(all, looks.took[3:]...) // it is under way
			}
			slices.Sort(all)
			what := fmt.Sprintf("between looks at the clock, a guest that %s: ", name)
			benchRow(b, fmt.Sprintf("%smedian of %d", what, len(all)), all[len(all)/2], "ms", "")
			benchRow(b, what+"longest", all[len(all)-1], "ms", "<= 2")
		}
	}
}

// lookCounter is asked by the host at each look whether the caller has left, which
// it does after some.
type lookCounter struct {
	context.Context
	last time.Duration
	left int
	took []float64 // milliseconds
}

func (l *lookCounter) Err() error {
	now := threadTime()
	l.took, l.last = append(l.took, float64(now-l.last)/1e6), now
	if l.left--; l.left <= 0 {
		return context.Canceled
	}
	return nil
}

func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
