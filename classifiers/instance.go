package classifiers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/sallyport-ai/sallyport/engine"
)

const (
	// startLimit bounds a start function, _initialize, sp_describe and
	// sp_configure together. Go's runtime starts in about 10 ms.
	startLimit = time.Second

	// keepMemory is how much an instance may have grown and still go back to the
	// pool. A larger one is made anew, which costs about 0.1 ms, little beside the
	// large request that made it grow, and memory stays flat.
	keepMemory = 4 << 20
)

// instance is a running module. It serves one call at a time.
type instance struct {
	of      *Classifier
	mod     api.Module
	mem     api.Memory
	alloc   api.Function
	run     api.Function
	fuel    api.MutableGlobal
	depth   api.MutableGlobal
	globals []api.MutableGlobal // the module's own
	clock   clock
	kernel  *kernel         // of an Extism plugin; nil: the module has the native interface
	ctx     context.Context // brings the clock to the host functions
	stack   [2]uint64       // parameters and results of calls
	arena   uint32          // the guest's input arena
	length  uint32          // of the arena
	size    uint32          // of the memory after the start
	seen    remembered
}

// instantiate makes an instance, whose start function runs.
func (c *Classifier) instantiate() (*instance, error) {
	i := &instance{of: c}
	slice := c.host.slice
	if c.limit < 2*sliceTime { // look at the clock twice within the limit
		slice = max(1000, int32(int64(slice)*int64(c.limit)/int64(2*sliceTime)))
	}
	i.clock = clock{slice: slice, most: slice, name: c.info.Name, log: c.host.cfg.Log}
	i.clock.start(startLimit)
	i.ctx = i.clock.attach(context.Background())
	if c.extism {
		i.kernel = newKernel(c)
		i.clock.kernel = i.kernel
	}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	mod, err := c.host.runtime.InstantiateModule(i.ctx, c.compiled, cfg)
	if err != nil {
		return nil, fmt.Errorf("start: %w", firstLine(err))
	}
	i.mod, i.mem = mod, mod.ExportedMemory(exportMemory)
	i.alloc, i.run = mod.ExportedFunction(exportAlloc), mod.ExportedFunction(exportClassify)
	if c.extism {
		i.run = mod.ExportedFunction(extismClassify)
	}
	i.fuel = mod.ExportedGlobal(exportFuel).(api.MutableGlobal)
	i.depth = mod.ExportedGlobal(exportDepth).(api.MutableGlobal)
	i.globals = globalsOf(mod, c.mutable)
	i.clock.fuel = i.fuel
	return i, nil
}

// start makes an instance that is ready for calls: as the snapshot has it, or, as
// long as there is none, by calling all that a module wants to be called before.
func (c *Classifier) start() (*instance, error) {
	i, err := c.instantiate()
	if err != nil {
		return nil, err
	}
	if c.snap != nil {
		err = i.adopt(c.snap)
	} else {
		err = i.prepare()
	}
	if err != nil {
		i.close()
		return nil, err
	}
	i.size = i.mem.Size()
	i.clock.log = nil // from here on it sees texts
	return i, nil
}

// prepare calls _initialize and checks the version, then what is left of
// sp_configure and the arena.
func (i *instance) prepare() error {
	if init := i.mod.ExportedFunction(exportInit); init != nil {
		if err := i.call(init, 0); err != nil {
			return fmt.Errorf("%s: %w", exportInit, firstLine(err))
		}
	}
	if i.kernel != nil {
		return i.learn(i.describeExtism)
	}
	if err := i.call(i.mod.ExportedFunction(exportABI), 0); err != nil {
		return fmt.Errorf("%s: %w", exportABI, firstLine(err))
	}
	if bits := uint32(i.stack[0]); bits != 0 {
		return fmt.Errorf("%s: it needs features %#x, which this version does not have", exportABI, bits)
	}
	if err := i.learn(i.describe); err != nil {
		return err
	}
	if err := i.configure(i.of.config); err != nil {
		return err
	}
	if _, code, err := i.reserve(warmArena); err != nil && code != engine.ClassifierMemoryLimit {
		return fmt.Errorf("%s: %w", exportAlloc, firstLine(err))
	}
	return nil
}

// learn asks the first instance what the module says of itself.
func (i *instance) learn(describe func() (Description, error)) error {
	if i.of.desc.Name != "" {
		return nil
	}
	d, err := describe()
	if err == nil {
		i.of.desc = d
	}
	return err
}

// call runs a function with the first n words of stack as parameters; the result
// is in stack[0]. The caller has set the clock.
func (i *instance) call(f api.Function, n int) error {
	i.fuel.Set(uint64(uint32(i.clock.slice)))
	i.depth.Set(maxDepth)
	return f.CallWithStack(i.ctx, i.stack[:max(n, 1)])
}

func (i *instance) describe() (Description, error) {
	if err := i.call(i.mod.ExportedFunction(exportDescribe), 0); err != nil {
		return Description{}, fmt.Errorf("%s: %w", exportDescribe, firstLine(err))
	}
	b, err := i.view(i.stack[0])
	if err != nil {
		return Description{}, fmt.Errorf("%s: %w", exportDescribe, err)
	}
	return parseDescription(b)
}

func (i *instance) configure(config []byte) error {
	buf, _, err := i.reserve(len(config))
	if err != nil {
		return fmt.Errorf("%s: %w", exportConfigure, firstLine(err))
	}
	copy(buf, config)
	i.stack[0], i.stack[1] = uint64(i.arena), uint64(len(config))
	if err := i.call(i.mod.ExportedFunction(exportConfigure), 2); err != nil {
		return fmt.Errorf("%s: %w", exportConfigure, firstLine(err))
	}
	if code := api.DecodeI32(i.stack[0]); code != 0 {
		return fmt.Errorf("%s: the module refuses its config with code %d", exportConfigure, code)
	}
	return nil
}

// classify runs one request. A failure comes with its engine code.
func (i *instance) classify(ctx context.Context, texts []*engine.Text) (engine.Report, string, error) {
	i.clock.start(i.of.limit)
	i.clock.ctx = ctx
	defer func() { i.clock.ctx = nil }()
	if i.kernel != nil {
		return i.classifyExtism(texts)
	}
	n, _ := requestSize(texts) // the caller knows that it fits
	buf, code, err := i.reserve(n)
	if err != nil {
		return engine.Report{}, code, err
	}
	putRequest(buf, texts)
	i.stack[0], i.stack[1] = uint64(i.arena), uint64(n)
	if err := i.call(i.run, 2); err != nil {
		code, err := trapped(err)
		return engine.Report{}, code, err
	}
	if res := int64(i.stack[0]); res < 0 {
		if res == guestOutOfMemory {
			return engine.Report{}, engine.ClassifierMemoryLimit, errors.New("the module ran out of memory")
		}
		return engine.Report{}, engine.ClassifierGuestError, fmt.Errorf("%s returned %d", exportClassify, res)
	}
	b, err := i.view(i.stack[0])
	if err != nil {
		return engine.Report{}, engine.ClassifierBadResult, err
	}
	rep, err := decodeResult(b, texts, i.of.info.Name, &i.of.desc)
	if err != nil {
		return engine.Report{}, engine.ClassifierBadResult, err
	}
	return rep, "", nil
}

// reserve returns n bytes of the guest's input arena, which it asks for when the
// one it has is too small. The view holds until the guest runs again. An error
// comes with its engine code.
func (i *instance) reserve(n int) ([]byte, string, error) {
	if uint32(n) > i.length || i.length == 0 {
		i.arena, i.length = 0, 0
		i.stack[0] = uint64(n)
		if err := i.call(i.alloc, 1); err != nil {
			code, err := trapped(err)
			return nil, code, err
		}
		p := uint32(i.stack[0])
		if p == 0 {
			return nil, engine.ClassifierMemoryLimit, fmt.Errorf("%s has no %d bytes", exportAlloc, n)
		}
		if _, ok := i.mem.Read(p, uint32(n)); !ok {
			return nil, engine.ClassifierBadResult, fmt.Errorf("%s returned %d bytes at %#x, outside its memory of %d", exportAlloc, n, p, i.mem.Size())
		}
		i.arena, i.length = p, uint32(n)
	}
	b, ok := i.mem.Read(i.arena, uint32(n))
	if !ok { // memory never shrinks
		return nil, engine.ClassifierBadResult, errors.New("the input arena is gone")
	}
	return b, "", nil
}

// view is the memory that a packed pointer and length name. It holds until the
// guest runs again.
func (i *instance) view(packed uint64) ([]byte, error) {
	p, n := uint32(packed>>32), uint32(packed)
	b, ok := i.mem.Read(p, n)
	if !ok {
		return nil, fmt.Errorf("it returned %d bytes at %#x, outside its memory of %d", n, p, i.mem.Size())
	}
	return b, nil
}

// outgrown says that the instance holds more memory than one in a pool should.
func (i *instance) outgrown() bool { return i.mem.Size() > i.size+keepMemory }

// close releases the instance. Nothing of it is of use any more, so neither is
// an error.
func (i *instance) close() { _ = i.mod.Close(context.Background()) }

// trapped names what ended a call.
func trapped(err error) (string, error) {
	switch {
	case errors.Is(err, errTimeLimit):
		return engine.ClassifierTimeLimit, errTimeLimit
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return engine.ClassifierUnavailable, errors.New("the caller gave up")
	}
	return engine.ClassifierTrap, firstLine(err)
}

// firstLine leaves out the runtime's stack trace: it says nothing to whoever
// reads a log, and spans lines.
func firstLine(err error) error {
	for _, known := range []error{errTimeLimit, errCallDepth, errExit} {
		if errors.Is(err, known) {
			return known
		}
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return errExit
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}
