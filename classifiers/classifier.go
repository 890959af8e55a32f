package classifiers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/sallyport-ai/sallyport/engine"
)

// Limits where the configuration states none, and the bounds of what it may
// state.
const (
	DefaultTimeLimit = 50 * time.Millisecond
	// By kind of module: a built-in one holds a large request twice; Go's runtime
	// takes 4 MiB itself and collects when its heap has doubled.
	DefaultMemoryLimitBytes        = 32 << 20
	DefaultBuiltinMemoryLimitBytes = 64 << 20
	DefaultGoMemoryLimitBytes      = 64 << 20
	MinMemoryLimitBytes            = pageSize
	MaxMemoryLimitBytes            = 1 << 30

	pageSize = 64 << 10
)

// ModuleConfig configures one classifier.
type ModuleConfig struct {
	Name string // of the configuration block; findings and errors carry it
	// Module is "builtin:NAME", or, with Wasm, only a name for messages, such as a
	// file's path.
	Module string
	Wasm   []byte // the module; nil with a built-in one. Not changed, not kept.
	SHA256 string // hex; "": any. Another module is refused.
	// Inspect holds "prompt", "tools" and "completion"; it is handed on in
	// engine.ClassifierInfo.
	Inspect []string
	// TimeLimit is the longest one call may run; waiting for an instance, or for
	// other goroutines, does not count. It is looked at about every 25 us of
	// running, so a call ends soon after it. 0: DefaultTimeLimit.
	TimeLimit time.Duration
	// MemoryLimitBytes bounds an instance's memory, in whole pages of 64 KiB
	// rounded down; 0: the default of the module's kind.
	MemoryLimitBytes int64
	Report           bool   // see engine.ClassifierInfo
	ConfigJSON       []byte // what sp_configure gets; nil: {}
	Pool             int    // instances; 0: GOMAXPROCS
}

// Classifier is a loaded module and its pool of instances. It implements
// engine.Classifier.
type Classifier struct {
	host     *Host
	info     engine.ClassifierInfo
	desc     Description
	compiled wazero.CompiledModule
	mutable  []string // exports of its mutable globals
	lasting  bool     // see metered
	extism   bool
	builtin  bool
	config   []byte
	limit    time.Duration
	memory   int64
	snap     *snapshot // nil: instances can only be made anew
	id       [8]byte   // of module and config among segments
	remember int       // length of texts from which on results are kept

	key   moduleKey
	users int // of Host.sharing: calls of Load that returned it, less those of Close

	// pool holds every instance that is not in use. A nil one could not be made
	// again after a failure; whoever gets it tries.
	pool   chan *instance
	live   int // instances that exist: in the pool or in a call
	closed chan struct{}
}

var _ engine.Classifier = (*Classifier)(nil)

// moduleKey is all that makes a classifier what it is.
type moduleKey struct {
	name, sha256, inspect, config string
	builtin, report               bool
	limit                         time.Duration
	memory                        int64
	pool                          int
}

// Load checks, compiles and starts a module. All that is wrong with its imports,
// exports and description is said at once. ctx bounds nothing but the
// compilation; a start function or sp_configure that does not end is stopped
// after startLimit.
//
// Where a classifier of the same bytes and the same configuration is loaded, that
// one is returned, with its warm instances, so a reload costs what has changed.
// Every Load needs a Close.
func (h *Host) Load(ctx context.Context, cfg ModuleConfig) (*Classifier, error) {
	c, wasm, err := h.plan(cfg)
	if err == nil {
		if old := h.share(c.key); old != nil {
			return old, nil
		}
		err = c.load(ctx, wasm)
	}
	if err != nil {
		return nil, fmt.Errorf("load classifier %q: %w", cfg.Name, err)
	}
	h.sharing.Lock()
	defer h.sharing.Unlock()
	if h.loaded[c.key] == nil { // else another call has loaded it meanwhile
		h.loaded[c.key] = c
	}
	return c, nil
}

// share returns a classifier that is loaded, for one user more; nil where there is
// none.
func (h *Host) share(key moduleKey) *Classifier {
	h.sharing.Lock()
	defer h.sharing.Unlock()
	c := h.loaded[key]
	if c != nil {
		c.users++
	}
	return c
}

// plan makes of a configuration a classifier that is not loaded yet, and its module.
func (h *Host) plan(cfg ModuleConfig) (*Classifier, []byte, error) {
	wasm, builtin := cfg.Wasm, false
	if name, ok := strings.CutPrefix(cfg.Module, BuiltinPrefix); ok && wasm == nil {
		if wasm, ok = Builtin(name); !ok {
			return nil, nil, fmt.Errorf("there is no built-in module %q; there are %s", name, strings.Join(Builtins(), ", "))
		}
		builtin = true
	}
	digest := sha256.Sum256(wasm)
	c := &Classifier{
		host: h,
		info: engine.ClassifierInfo{
			Name: cfg.Name, SHA256: hex.EncodeToString(digest[:]),
			Inspect: slices.Clone(cfg.Inspect), Report: cfg.Report,
		},
		users:   1,
		builtin: builtin,
		config:  slices.Clone(cfg.ConfigJSON),
		limit:   cfg.TimeLimit,
		memory:  cfg.MemoryLimitBytes,
		closed:  make(chan struct{}),
	}
	if len(c.config) == 0 {
		c.config = []byte("{}")
	}
	if c.limit == 0 {
		c.limit = DefaultTimeLimit
	}
	c.id = moduleID(digest, c.config)
	if c.memory == 0 {
		switch {
		case builtin:
			c.memory = DefaultBuiltinMemoryLimitBytes
		case writtenInGo(wasm):
			c.memory = DefaultGoMemoryLimitBytes
		default:
			c.memory = DefaultMemoryLimitBytes
		}
	}
	size := cfg.Pool
	if size == 0 {
		size = runtime.GOMAXPROCS(0)
	}
	switch {
	case cfg.Name == "":
		return nil, nil, errors.New("it has no name")
	case c.limit < 0:
		return nil, nil, fmt.Errorf("time limit %v is negative", c.limit)
	case c.memory < MinMemoryLimitBytes || c.memory > MaxMemoryLimitBytes:
		return nil, nil, fmt.Errorf("memory limit %d bytes is not in %d to %d", c.memory, MinMemoryLimitBytes, MaxMemoryLimitBytes)
	case size < 0:
		return nil, nil, fmt.Errorf("pool of %d instances", size)
	case cfg.SHA256 != "" && !strings.EqualFold(cfg.SHA256, c.info.SHA256):
		return nil, nil, fmt.Errorf("module has sha256 %s, pinned is %s", c.info.SHA256, cfg.SHA256)
	}
	c.pool = make(chan *instance, size)
	c.key = moduleKey{
		name: cfg.Name, sha256: c.info.SHA256, inspect: strings.Join(cfg.Inspect, " "), config: string(c.config),
		builtin: builtin, report: cfg.Report, limit: c.limit, memory: c.memory, pool: size,
	}
	return c, wasm, nil
}

// load makes the module and its instances. Where it fails it leaves nothing behind.
func (c *Classifier) load(ctx context.Context, wasm []byte) error {
	m, err := meter(wasm, uint32(c.memory/pageSize))
	if err != nil {
		return err
	}
	c.mutable, c.lasting = m.mutable, m.lasting
	if c.compiled, err = c.host.compileModule(ctx, m.wasm); err != nil {
		return err
	}
	if c.extism, err = c.host.checkModule(c.compiled); err != nil {
		return errors.Join(err, c.compiled.Close(ctx))
	}
	for i := range cap(c.pool) {
		inst, err := c.start()
		if err != nil {
			return errors.Join(err, c.release(ctx))
		}
		c.pool <- inst
		c.live++
		if i == 0 {
			c.snap = inst.snapshot()
			c.info.Kinds, c.info.Scores = c.desc.Kinds, c.desc.Scores
			c.remember = math.MaxInt
			if c.desc.Independent {
				c.remember = c.rememberFrom(inst)
				if !inst.restore(c.snap) {
					<-c.pool
					c.pool <- c.replace(inst)
				}
			}
		}
	}
	return nil
}

// Info identifies the classifier.
func (c *Classifier) Info() engine.ClassifierInfo { return c.info }

// Describe is what the module says of itself. It must not be changed.
func (c *Classifier) Describe() Description { return c.desc }

// Classify implements engine.Classifier. Texts go to the module in one call. When
// every instance is busy it waits for one, or for ctx. After a failure the
// instance is as it was before its first call, and so it is after every call of a
// module that is not built in: nothing of a request is left for the next one.
func (c *Classifier) Classify(ctx context.Context, texts []*engine.Text) (engine.Report, error) {
	if n, ok := requestSize(texts); !ok || int64(n) > c.memory {
		return engine.Report{}, c.fail(engine.ClassifierMemoryLimit,
			fmt.Errorf("a request of %d bytes does not fit into %d bytes of memory", n, c.memory))
	}
	inst, err := c.take(ctx)
	if err != nil {
		return engine.Report{}, c.fail(engine.ClassifierUnavailable, err)
	}
	var rep engine.Report
	var code string
	if c.desc.Independent {
		rep, code, err = inst.classifyNew(ctx, texts)
	} else {
		rep, code, err = inst.classify(ctx, texts)
	}
	if code != "" || !c.builtin {
		if !inst.restore(c.snap) {
			inst = c.replace(inst)
		}
	} else if inst.outgrown() {
		inst = c.replace(inst)
	}
	c.pool <- inst
	if code != "" {
		return engine.Report{}, c.fail(code, err)
	}
	return rep, nil
}

func (c *Classifier) fail(code string, err error) error {
	return &engine.ClassifierError{Classifier: c.info.Name, Code: code, Err: err}
}

var errClosed = errors.New("it is closed")

// take gets an instance from the pool. Whoever took one puts one back, also
// where that is nil.
func (c *Classifier) take(ctx context.Context) (*instance, error) {
	select {
	case <-c.closed:
		return nil, errClosed
	default:
	}
	var inst *instance
	select {
	case inst = <-c.pool:
	default:
		select {
		case inst = <-c.pool:
		case <-ctx.Done():
			return nil, fmt.Errorf("all %d instances were busy: %w", cap(c.pool), context.Cause(ctx))
		case <-c.closed:
			return nil, errClosed
		}
	}
	if inst != nil {
		return inst, nil
	}
	inst, err := c.start()
	if err != nil {
		c.pool <- nil
		return nil, err
	}
	return inst, nil
}

// replace closes an instance whose memory cannot be trusted any more, or has
// grown too large to keep, and returns a fresh one, or nil where that fails.
func (c *Classifier) replace(old *instance) *instance {
	old.close()
	inst, err := c.start()
	if err != nil {
		return nil // the next call tries again and says what is wrong
	}
	return inst
}

// Close, at the last of as many calls as Load has returned it, waits for the calls
// under way, or for ctx, and releases the module. Calls that come later fail; to
// close what is closed does nothing.
func (c *Classifier) Close(ctx context.Context) error {
	h := c.host
	h.sharing.Lock()
	c.users--
	last := c.users == 0
	if last && h.loaded[c.key] == c {
		delete(h.loaded, c.key)
	}
	h.sharing.Unlock()
	if !last {
		return nil
	}
	return c.release(ctx)
}

// release closes the instances, once nobody uses them, and the module.
func (c *Classifier) release(ctx context.Context) error {
	close(c.closed)
	for range c.live {
		select {
		case inst := <-c.pool:
			if inst != nil {
				inst.close()
			}
		case <-ctx.Done():
			return fmt.Errorf("close classifier %q: a call is still running: %w", c.info.Name, context.Cause(ctx))
		}
	}
	return c.compiled.Close(ctx)
}
