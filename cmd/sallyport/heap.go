package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is how far the heap may grow before garbage is collected, however little
// of it is in use: an idle service has some ten megabytes in use, and collecting them
// again after every ten megabytes of requests took a sixth of its processor time.
const heapFloor = 64 << 20

// collectPercent is the runtime's GC percentage for a heap of which live bytes are
// in use: the runtime's own 100, or what lets the heap grow to the floor.
func collectPercent(live uint64) int {
	if live == 0 || live >= heapFloor/2 {
		return 100
	}
	return int(min((heapFloor-live)*100/live, 1000))
}

// keepHeapFloor sets the GC percentage anew after every collection, so that a heap
// that has grown is collected as the runtime would. Where GOGC or GOMEMLIMIT says
// what is wanted, that holds.
func keepHeapFloor() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	set := 100
	var collected func(*marker)
	collected = func(*marker) {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		// Each change stops the program for a moment.
		if want := collectPercent(sample[0].Value.Uint64()); want < set || want > set+set/8 {
			set = want
			debug.SetGCPercent(want)
		}
		runtime.SetFinalizer(&marker{}, collected)
	}
	collected(nil)
}

// marker is an object that only the collector looks for. It holds a pointer, for
// objects without one share a block with others.
type marker struct{ _ *marker }
