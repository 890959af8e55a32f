package classifiers

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sallyport-ai/sallyport/engine"
)

// benchRow prints one row of the table that make bench-classifiers shows. A target
// is "<= number" or ">= number".
func benchRow(b *testing.B, what string, value float64, unit, target string) {
	b.Helper()
	verdict := ""
	if sign, text, ok := strings.Cut(target, " "); ok {
		limit, err := strconv.ParseFloat(text, 64)
		if err != nil {
			b.Fatal(err)
		}
		verdict = "met"
		if sign == "<=" && value > limit || sign == ">=" && value < limit {
			verdict = "MISSED"
		}
	}
	benchText(what, strconv.FormatFloat(value, 'g', 4, 64)+" "+unit, target, verdict)
}

// benchText prints a row. Not with b.Log, which cuts long logs short.
func benchText(what, value, target, verdict string) {
	fmt.Println("BENCH | " + strings.Join([]string{what, value, target, verdict}, " | "))
}

// interleaved runs ways of doing one thing in turns, rounds times, and returns for
// each what one run took in its best twentieth of rounds: other processes on the
// machine make a run longer, never shorter, and in turns they meet all ways.
func interleaved(rounds int, each time.Duration, ways ...func()) []time.Duration {
	calls := make([]int, len(ways))
	for i, run := range ways {
		run()
		begin := time.Now()
		run()
		calls[i] = int(max(1, each/max(1, time.Since(begin))))
	}
	took := make([][]time.Duration, len(ways))
	for range rounds {
		for i, run := range ways {
			begin := time.Now()
			for range calls[i] {
				run()
			}
			took[i] = append(took[i], time.Since(begin)/time.Duration(calls[i]))
		}
	}
	best := make([]time.Duration, len(ways))
	for i := range ways {
		slices.Sort(took[i])
		best[i] = took[i][rounds/20]
	}
	return best
}

// rawCall returns a call of a module's sp_classify over texts, without pool and
// decoder, in a runtime of its own. A metered module looks at the clock as often as
// it does on the host.
func rawCall(b *testing.B, wasm []byte, closeOnDone bool, texts []*engine.Text) func() {
	b.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(closeOnDone))
	b.Cleanup(func() { r.Close(ctx) })
	h := &Host{runtime: r}
	if err := h.addImports(ctx); err != nil {
		b.Fatal(err)
	}
	if err := h.calibrate(ctx); err != nil {
		b.Fatal(err)
	}
	m := &clock{slice: h.slice, most: h.slice}
	m.start(time.Hour)
	mod, err := r.InstantiateWithConfig(m.attach(ctx), wasm, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		b.Fatal(err)
	}
	fuel, _ := mod.ExportedGlobal(exportFuel).(api.MutableGlobal)
	if init := mod.ExportedFunction(exportInit); init != nil {
		if fuel != nil {
			setGlobal(mod, exportFuel, m.slice)
		}
		if _, err := init.Call(m.attach(ctx)); err != nil {
			b.Fatal(err)
		}
	}
	n, _ := requestSize(texts)
	call := func(name string, args ...uint64) uint64 {
		if fuel != nil {
			setGlobal(mod, exportFuel, m.slice)
			setGlobal(mod, exportDepth, maxDepth)
		}
		res, err := mod.ExportedFunction(name).Call(m.attach(ctx), args...)
		if err != nil {
			b.Fatal(err)
		}
		return res[0]
	}
	at := call(exportAlloc, uint64(n))
	if code := call(exportConfigure, at, 0); code != 0 {
		at = call(exportAlloc, uint64(n))
		buf, _ := mod.Memory().Read(uint32(at), 2)
		copy(buf, "{}")
		call(exportConfigure, at, 2)
	}
	at = call(exportAlloc, uint64(n))
	buf, _ := mod.Memory().Read(uint32(at), uint32(n))
	putRequest(buf, texts)
	run := mod.ExportedFunction(exportClassify)
	// A deadline, as a caller that wants the module stopped would set.
	limit, cancel := context.WithTimeout(m.attach(ctx), time.Hour)
	b.Cleanup(cancel)
	stack := new([2]uint64)
	depth, _ := mod.ExportedGlobal(exportDepth).(api.MutableGlobal)
	looks := true
	once := func() {
		if fuel != nil {
			if looks {
				m.start(time.Hour)
			}
			fuel.Set(uint64(uint32(m.slice)))
			depth.Set(maxDepth)
		}
		stack[0], stack[1] = at, uint64(n)
		if err := run.CallWithStack(limit, stack[:]); err != nil {
			b.Fatal(err)
		}
	}
	once()
	// Starting the clock is the host's part of a call, and only needed for looks.
	before := m.since
	looks = false
	once()
	looks = m.since != before
	return once
}

// BenchmarkTableMetering: the same module over the same text with metering,
// without any limit, and with the runtime's own way to stop a module.
func BenchmarkTableMetering(b *testing.B) {
	texts := userTexts(cleanText())
	type guest struct {
		name, limit string
		wasm        []byte
	}
	var guests []guest
	for _, name := range Builtins() {
		wasm, _ := Builtin(name)
		guests = append(guests, guest{name + " (C, SIMD)", "<= 1.15", wasm})
	}
	for _, g := range []struct{ name, path string }{
		{"scalar C", buildScalarC(b)}, {"Go", buildGo(b)},
	} {
		if g.path == "" {
			benchText("metered / unlimited: "+g.name, "not measured", "<= 1.35", "no toolchain")
			continue
		}
		wasm, err := os.ReadFile(g.path)
		if err != nil {
			b.Fatal(err)
		}
		guests = append(guests, guest{g.name, "<= 1.35", wasm})
	}
	for b.Loop() {
		for _, g := range guests {
			m, err := meter(g.wasm, 1024)
			if err != nil {
				b.Fatal(err)
			}
			// Where code and memory come to lie makes a difference too, so each is made
			// five times, and the median counts.
			var cost, closing, took []float64
			for range 5 {
				ways := interleaved(60, 200*time.Microsecond,
					rawCall(b, m.wasm, false, texts), rawCall(b, g.wasm, false, texts), rawCall(b, g.wasm, true, texts))
				cost, closing = append(cost, ratio(ways[0], ways[1])), append(closing, ratio(ways[2], ways[0]))
				took = append(took, float64(ways[0].Nanoseconds())/1e3)
			}
			benchRow(b, "metered / unlimited: "+g.name, median(cost), "", g.limit)
			benchRow(b, "CloseOnContextDone / metered: "+g.name, median(closing), "", ">= 5")
			benchRow(b, "metered, 8 KB clean: "+g.name, median(took), "us", "")
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// buildScalarC compiles testdata/scalar.c without SIMD; "" where there is no clang.
func buildScalarC(b *testing.B) string {
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		return ""
	}
	out := filepath.Join(b.TempDir(), "scalar.wasm")
	return build(b, out, exec.Command(clang, "--target=wasm32", "-O3", "-mbulk-memory", "-ffreestanding", "-nostdlib",
		"-fuse-ld=/usr/bin/wasm-ld-19", "-Wl,--no-entry", "-Wl,--stack-first", "-I", "guest", "-o", out, "testdata/scalar.c"))
}

// buildGo compiles testdata/gomodule with Go's own WebAssembly back end.
func buildGo(b *testing.B) string {
	out := filepath.Join(b.TempDir(), "go.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./testdata/gomodule")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	return build(b, out, cmd)
}

func build(b *testing.B, out string, cmd *exec.Cmd) string {
	b.Helper()
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	return out
}

// BenchmarkTableCall: what the host adds to a call, and how an instance comes back.
func BenchmarkTableCall(b *testing.B) {
	h := newHost(b)
	ctx := context.Background()
	texts := userTexts(cleanText())
	for b.Loop() {
		wasm := testGuest{}.module()
		m, err := meter(wasm, 1024)
		if err != nil {
			b.Fatal(err)
		}
		c := load(b, h, ModuleConfig{Wasm: wasm})
		c.builtin = true // and so left as it is between calls
		classify := func() {
			if _, err := c.Classify(ctx, texts); err != nil {
				b.Fatal(err)
			}
		}
		took := interleaved(200, 200*time.Microsecond, classify, rawCall(b, m.wasm, false, texts))
		benchRow(b, "host's part of a call with 8 KB", float64(took[0]-took[1])/1e3, "us", "<= 0.5")
		c.builtin = false
		benchRow(b, "putting a plugin of 128 KB back in order after a call", float64(interleaved(200, 200*time.Microsecond, classify)[0]-took[0])/1e3, "us", "")
		c.builtin = true
		benchRow(b, "allocations of a call with 8 KB", testing.AllocsPerRun(1000, classify), "", "<= 0")

		goWasm, err := os.ReadFile(buildGo(b))
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range append(Builtins(), "Go") {
			cfg := ModuleConfig{Module: BuiltinPrefix + name}
			if name == "Go" {
				cfg.Wasm = goWasm
			}
			c := load(b, h, cfg)
			inst, err := c.take(ctx)
			if err != nil {
				b.Fatal(err)
			}
			restore := func() {
				if !inst.restore(c.snap) {
					b.Fatal("cannot be restored")
				}
			}
			anew := func() {
				fresh, err := c.start()
				if err != nil {
					b.Fatal(err)
				}
				fresh.close()
			}
			took := interleaved(100, 200*time.Microsecond, restore, anew)
			c.pool <- inst
			benchRow(b, fmt.Sprintf("back in service after a trap: %s, %d KB", name, inst.size>>10), float64(took[0])/1e3, "us", "<= 100")
			benchRow(b, "another instance: "+name, float64(took[1])/1e3, "us", "")
		}
		trap := load(b, h, ModuleConfig{Wasm: testGuest{classify: []byte{opUnreachable}}.module()})
		took = interleaved(100, 200*time.Microsecond, func() {
			if _, err := trap.Classify(ctx, texts); err == nil {
				b.Fatal("no trap")
			}
		})
		benchRow(b, "a whole call that traps", float64(took[0])/1e3, "us", "")
	}
}

// BenchmarkTableLoad: cold start, with and without a cache of compiled code.
func BenchmarkTableLoad(b *testing.B) {
	ctx := context.Background()
	dir := filepath.Join(b.TempDir(), "code")
	for b.Loop() {
		for _, name := range Builtins() {
			start := func(dir string) time.Duration {
				h, err := New(ctx, Config{CacheDir: dir})
				if err != nil {
					b.Fatal(err)
				}
				defer h.Close(ctx)
				begin := time.Now()
				c, err := h.Load(ctx, ModuleConfig{Name: "x", Module: BuiltinPrefix + name, Pool: 1})
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close(ctx)
				return time.Since(begin)
			}
			start(dir)
			var cold, cached []time.Duration
			for range 7 {
				cold, cached = append(cold, start("")), append(cached, start(dir))
			}
			benchRow(b, "load: "+name, float64(slices.Min(cold))/1e6, "ms", "")
			benchRow(b, "load from the cache: "+name, float64(slices.Min(cached))/1e6, "ms", "")
		}
	}
}

// BenchmarkTableHostile: how long a hostile guest's call takes to end, in multiples
// of its limit; the least of several, since the clock is a wall's and other
// processes use the processors.
func BenchmarkTableHostile(b *testing.B) {
	h := newHost(b)
	for b.Loop() {
		for _, g := range hostileGuests() {
			c := load(b, h, ModuleConfig{Wasm: g.g.module(), TimeLimit: hostileLimit, MemoryLimitBytes: 8 << 20})
			best := time.Hour
			for range 10 {
				begin := time.Now()
				if _, err := c.Classify(context.Background(), userTexts("! go wrong")); err == nil {
					b.Fatal("no error")
				}
				best = min(best, time.Since(begin))
			}
			benchRow(b, "hostile: "+g.name, float64(best)/float64(hostileLimit), "of its limit", "<= 2")
		}
	}
}

// BenchmarkTableSegments: a conversation of 40 messages with one that is new, which
// every turn of a client looks like.
func BenchmarkTableSegments(b *testing.B) {
	h := newHost(b)
	ctx := context.Background()
	for b.Loop() {
		for _, name := range Builtins() {
			with := load(b, h, ModuleConfig{Module: BuiltinPrefix + name})
			if !with.desc.Independent {
				continue
			}
			from := with.remember
			without := load(b, h, ModuleConfig{Module: BuiltinPrefix + name})
			without.remember = math.MaxInt
			always := load(b, h, ModuleConfig{Module: BuiltinPrefix + name})
			always.remember = 1
			turn := 0
			run := func(c *Classifier) func() {
				texts := conversation(40)
				last := *texts[39]
				texts[39] = &last
				value := last.Value
				return func() {
					turn++
					texts[39].Value = fmt.Sprint(turn, " ", value)
					if _, err := c.Classify(ctx, texts); err != nil {
						b.Fatal(err)
					}
				}
			}
			took := interleaved(100, 500*time.Microsecond, run(without), run(with), run(always))
			what := fmt.Sprintf("%s, 40 messages of which one is new", name)
			benchRow(b, what+", all scanned", float64(took[0])/1e3, "us", "")
			benchRow(b, what+", as it decides", float64(took[1])/1e3, "us", "")
			benchRow(b, what+", all looked up", float64(took[2])/1e3, "us", "")
			if from == math.MaxInt {
				benchText(name+" looks up texts", "never", "", "it scans about as fast as texts are hashed")
			} else {
				benchRow(b, name+" looks up texts from", float64(from), "bytes", "")
			}
		}
	}
}
