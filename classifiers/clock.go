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
	slice int32           // fuel to hand out at each look at the clock
	left  time.Duration   // of the run's limit, at since
	since time.Time       // when the guest last began to run
	ctx   context.Context // of the caller; nil: none

	name string // of the classifier
	log  func(classifier string, level int, message string)
}

// start begins a run.
func (c *clock) start(limit time.Duration) { c.left, c.since = limit, time.Now() }

// check ends the guest where its limit is spent.
func (c *clock) check() {
	if time.Since(c.since) >= c.left {
		panic(errTimeLimit)
	}
}

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
	c.check()
	if c.ctx != nil && c.ctx.Err() != nil {
		panic(c.ctx.Err())
	}
	// While others run, the limit does not: a busy process makes a guest wait, not
	// fail.
	c.left -= time.Since(c.since)
	runtime.Gosched()
	c.since = time.Now()
	stack[0] = api.EncodeI32(c.slice)
}
