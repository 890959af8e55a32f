package classifiers

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero/api"
)

var (
	errTimeLimit = errors.New("it ran longer than its time limit")
	errCallDepth = errors.New("its calls nest too deep")
	errExit      = errors.New("it called proc_exit")
)

// clock is what an instance's run is held to. It belongs to one instance and is
// used by the one goroutine that runs it.
type clock struct {
	slice int32           // fuel to hand out at the next look at the clock
	most  int32           // the largest slice
	left  time.Duration   // of the run's limit, at since
	since time.Time       // when the guest last began to run
	held  time.Duration   // for which it has run without giving way, at since
	ctx   context.Context // of the caller; nil: none

	fuel   api.MutableGlobal // the instance's; nil until it is made
	kernel *kernel           // of an Extism plugin

	name string // of the classifier
	log  func(classifier string, level int, message string)
}

// start begins a run.
func (c *clock) start(limit time.Duration) { c.left, c.held, c.since = limit, 0, time.Now() }

// spend takes fuel from the guest for what the host did for it, and for the bytes
// that it moved. The next check in the guest's code sees that. After much it looks
// at the clock itself.
func (c *clock) spend(fuel int32, bytes int) {
	if c.fuel == nil || bytes > 64<<10 { // nil: a start function runs
		c.check()
		return
	}
	if left := int32(c.fuel.Get()); left >= 0 { // else it calls the host anyway
		c.fuel.Set(uint64(uint32(left - fuel - int32(bytes/4))))
	}
}

// check ends the guest where its limit is spent.
func (c *clock) check() {
	if time.Since(c.since) >= c.left {
		panic(errTimeLimit)
	}
}

// minSlice is the least fuel of a slice.
const minSlice = 1000

// giveWay is how long a guest runs before it lets other goroutines run. The
// garbage collector need not wait for that: it stops a guest at any look at the
// clock.
const giveWay = 250 * time.Microsecond

type clockKey struct{}

// attach returns a context that brings the clock to the host functions.
func (c *clock) attach(ctx context.Context) context.Context {
	return context.WithValue(ctx, clockKey{}, c)
}

func clockOf(ctx context.Context) *clock {
	c, _ := ctx.Value(clockKey{}).(*clock)
	return c
}

// Reasons for which metered code calls the host.
const (
	whyFuel  = 0 // the slice is spent: returns the fuel of the next one
	whyDepth = 1 // calls nest too deep: does not return
)

// yield is what metered code calls when its fuel is spent. A panic here is how
// a host function ends a guest: the call returns it as an error.
func yield(ctx context.Context, stack []uint64) {
	if api.DecodeI32(stack[0]) == whyDepth {
		panic(errCallDepth)
	}
	c := clockOf(ctx)
	now := time.Now()
	took := now.Sub(c.since)
	if took >= c.left {
		panic(errTimeLimit)
	}
	if c.ctx != nil && c.ctx.Err() != nil {
		panic(c.ctx.Err())
	}
	// The same fuel buys more time where memory is far away or instructions are
	// slow. Slices follow what the last one took, down at once, and up slowly.
	switch {
	case took > 2*sliceTime:
		c.slice = max(minSlice, int32(int64(c.slice)*int64(sliceTime)/int64(took)))
	case took < sliceTime:
		c.slice = min(c.most, c.slice+c.slice/4)
	}
	c.left -= took
	c.since = now
	if c.held += took; c.held >= giveWay {
		// While others run, the limit does not: a busy process makes a guest wait, not
		// fail.
		runtime.Gosched()
		c.held, c.since = 0, time.Now()
	}
	stack[0] = api.EncodeI32(c.slice)
}
