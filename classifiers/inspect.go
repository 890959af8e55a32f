package classifiers

import (
	"context"
	"fmt"

	"github.com/sallyport-ai/sallyport/engine"
)

// MaxFuel is the most that a Probe counts for one call.
const MaxFuel = 1 << 30

// Probe is an instance of a module apart from its classifier's pool, for tools
// that say what calls cost and whether a module keeps to the interface. It
// remembers no texts, and nothing puts its memory in order between calls, so what
// a module keeps from one call to the next shows. It is for one goroutine at a
// time, and must be closed before its classifier.
type Probe struct {
	c    *Classifier
	inst *instance // nil after a failure: the next call makes another
}

// Cost is what one call took.
type Cost struct {
	// Fuel is about the number of WebAssembly instructions, and the same whenever
	// the same module gets the same texts from the same state. MaxFuel stands for
	// all that is more.
	Fuel int64
	// MemoryBytes is the size of the instance's memory after the call.
	MemoryBytes int64
}

// Probe makes an instance, ready for calls.
func (c *Classifier) Probe() (*Probe, error) {
	p := &Probe{c: c}
	return p, p.ready()
}

func (p *Probe) ready() error {
	if p.inst != nil {
		return nil
	}
	inst, err := p.c.start()
	if err != nil {
		return err
	}
	// One slice for the whole call: what is left of it tells what was spent.
	inst.clock.slice, inst.clock.most = MaxFuel, MaxFuel
	p.inst = inst
	return nil
}

// MemoryBytes is the size of the instance's memory now; 0 where a call failed
// and no other has been made since.
func (p *Probe) MemoryBytes() int64 {
	if p.inst == nil {
		return 0
	}
	return int64(p.inst.mem.Size())
}

// Classify runs one call, as Classifier.Classify does, and says what it cost. The
// time limit is looked at only after MaxFuel, which is within a few seconds. A
// failure costs the instance; it is a *engine.ClassifierError and has no cost.
func (p *Probe) Classify(ctx context.Context, texts []*engine.Text) (engine.Report, Cost, error) {
	if n, ok := requestSize(texts); !ok || int64(n) > p.c.memory {
		return engine.Report{}, Cost{}, p.c.fail(engine.ClassifierMemoryLimit,
			fmt.Errorf("a request of %d bytes does not fit into %d bytes of memory", n, p.c.memory))
	}
	if err := p.ready(); err != nil {
		return engine.Report{}, Cost{}, p.c.fail(engine.ClassifierUnavailable, err)
	}
	i := p.inst
	rep, code, err := i.classify(ctx, texts)
	if code != "" {
		p.Close()
		return engine.Report{}, Cost{}, p.c.fail(code, err)
	}
	cost := Cost{Fuel: MaxFuel, MemoryBytes: int64(i.mem.Size())}
	if i.clock.slice == MaxFuel {
		cost.Fuel = min(MaxFuel, MaxFuel-int64(int32(uint32(i.fuel.Get()))))
	}
	i.clock.slice = MaxFuel // smaller, where the call went to the clock for more
	return rep, cost, nil
}

// Close releases the instance.
func (p *Probe) Close() {
	if p.inst != nil {
		p.inst.close()
		p.inst = nil
	}
}
