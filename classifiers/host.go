package classifiers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Config configures a Host. The zero value is good.
type Config struct {
	// CacheDir keeps compiled modules between runs; "": compile at every start. It
	// is made where there is none. Processes of one user can share it. What is
	// damaged in it is compiled anew. One that cannot be used, because it cannot be
	// written, or because others can write to it and what is in it runs in this
	// process, is not: see CacheError.
	CacheDir string
	// Log takes what modules say through sallyport.log while they are loaded. What
	// they say while they classify is dropped, since it may hold the text they
	// read. It must be safe for concurrent use; nil drops everything.
	Log func(classifier string, level int, message string)
}

// Host compiles modules and runs them. It is safe for concurrent use.
type Host struct {
	cfg      Config
	runtime  wazero.Runtime
	slice    int32 // fuel between two looks at the clock
	segments *segmentCache

	compile  sync.Mutex // wazero races when it compiles distinct modules at once
	cache    *codeCache // nil: none
	cacheErr error

	sharing sync.Mutex
	loaded  map[moduleKey]*Classifier
}

// New makes a host. It measures for about a millisecond how fast this machine
// runs metered code. The host must be closed after its last classifier.
func New(ctx context.Context, cfg Config) (*Host, error) {
	h := &Host{cfg: cfg, loaded: map[moduleKey]*Classifier{}}
	// Not WithCloseOnContextDone: it makes modules 7 to 18 times slower and closes
	// the instance it interrupts. Metering takes its place, see meter.go.
	rc := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2)
	if cfg.CacheDir != "" {
		if h.cache, h.cacheErr = openCodeCache(cfg.CacheDir); h.cacheErr == nil {
			rc = rc.WithCompilationCache(h.cache.runtime)
		}
	}
	h.runtime = wazero.NewRuntimeWithConfig(ctx, rc)
	var err error
	h.segments, err = newSegmentCache()
	if err == nil {
		err = h.addImports(ctx)
	}
	if err == nil {
		err = h.calibrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close(ctx))
	}
	return h, nil
}

// Close releases the runtime. No classifier of the host may be used after.
func (h *Host) Close(ctx context.Context) error {
	err := h.runtime.Close(ctx)
	if h.cache != nil {
		err = errors.Join(err, h.cache.close())
	}
	if err != nil {
		return fmt.Errorf("close the classifier runtime: %w", err)
	}
	return nil
}

// CacheError says why compiled modules are not kept, or why the last one was not;
// nil where they are, and without a CacheDir. Everything works without.
func (h *Host) CacheError() error {
	h.compile.Lock()
	defer h.compile.Unlock()
	if h.cacheErr != nil {
		return fmt.Errorf("cache of compiled classifiers: %w", h.cacheErr)
	}
	return nil
}

// compileModule compiles a metered module, or takes what the cache has.
func (h *Host) compileModule(ctx context.Context, wasm []byte) (wazero.CompiledModule, error) {
	h.compile.Lock()
	defer h.compile.Unlock()
	if h.cache == nil {
		compiled, err := h.runtime.CompileModule(ctx, wasm)
		if err != nil {
			return nil, fmt.Errorf("compile: %w", firstLine(err))
		}
		return compiled, nil
	}
	entry := h.cache.entry(wasm)
	staged := h.cache.put(entry)
	compiled, err := h.runtime.CompileModule(ctx, wasm)
	if err != nil {
		// If that was the cache's fault it is not again: there is nothing to be read,
		// and what could not be written is in the runtime's memory by now.
		failed := errors.Join(err, h.cache.clear())
		if compiled, err = h.runtime.CompileModule(ctx, wasm); err != nil {
			return nil, fmt.Errorf("compile: %w", firstLine(err))
		}
		h.cacheErr = errors.Join(failed, h.cache.take(entry, nil))
		return compiled, nil
	}
	h.cacheErr = h.cache.take(entry, staged)
	return compiled, nil
}

// sliceTime is how long a guest of cheap instructions runs between two looks at the
// clock. Nothing can interrupt compiled WebAssembly in between, Go's garbage
// collector has to wait for it as well, so this bounds the pause that a guest can
// add to every goroutine of the process. A look takes 0.1 to 0.2 us.
const sliceTime = 25 * time.Microsecond

// calibrate sets the fuel of a slice from the speed of the cheapest loop there
// is. Whatever a guest does otherwise takes longer for the same fuel, up to sixty
// times where each address depends on what was read from memory that is in no
// cache, which still keeps a slice below two milliseconds.
func (h *Host) calibrate(ctx context.Context) error {
	const rounds, fuel = 5, 400_000
	code, err := meter(spinModule(), 1)
	if err != nil {
		return fmt.Errorf("calibrate metering: %w", err)
	}
	compiled, err := h.compileModule(ctx, code.wasm)
	if err != nil {
		return fmt.Errorf("calibrate metering: %w", err)
	}
	defer compiled.Close(ctx)
	best := time.Duration(0)
	for range rounds {
		m := &clock{slice: fuel}
		mod, err := h.runtime.InstantiateModule(m.attach(ctx), compiled, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			return fmt.Errorf("calibrate metering: %w", err)
		}
		m.start(0) // ends at the first look at the clock
		setGlobal(mod, exportFuel, fuel)
		begin := time.Now()
		_, err = mod.ExportedFunction("spin").Call(m.attach(ctx))
		took := time.Since(begin)
		if !errors.Is(err, errTimeLimit) {
			return fmt.Errorf("calibrate metering: an endless loop ended with %v", err)
		}
		if err := mod.Close(ctx); err != nil {
			return fmt.Errorf("calibrate metering: %w", err)
		}
		if best == 0 || took < best {
			best = took
		}
	}
	h.slice = int32(max(10_000, min(int64(fuel)*int64(sliceTime)/max(1, int64(best)), 1<<24)))
	return nil
}

// spinModule exports spin, a loop that does nothing and does not end.
func spinModule() []byte {
	return append(append([]byte{}, wasmHeader...),
		secType, 4, 1, 0x60, 0, 0,
		secFunction, 2, 1, 0,
		secExport, 8, 1, 4, 's', 'p', 'i', 'n', 0, 0,
		secCode, 9, 1, 7, 0, opLoop, blockVoid, opBr, 0, opEnd, opEnd)
}

// writtenInGo says that a module was linked by Go's own linker, which leaves its
// name among the producers.
func writtenInGo(module []byte) bool {
	if len(module) < len(wasmHeader) {
		return false
	}
	r := &wasmReader{b: module[len(wasmHeader):]}
	for len(r.b) > 0 && r.err == nil {
		id := r.byte()
		body := r.take(r.u32())
		if id != secCustom {
			continue
		}
		c := &wasmReader{b: body}
		switch name := string(c.take(c.u32())); {
		case name == "go:buildid", name == "producers" && bytes.Contains(c.b, []byte("\x08language\x01\x02Go")):
			return true
		}
	}
	return false
}

func setGlobal(m api.Module, name string, v int32) {
	m.ExportedGlobal(name).(api.MutableGlobal).Set(api.EncodeI32(v))
}
