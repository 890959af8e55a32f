package classifiers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// program writes random functions of one valid module: statements that change
// four locals and a little memory, in all the forms of control flow there are.
type program struct {
	r      *rand.Rand
	labels []byte // what stands around: opLoop or another
	left   int    // statements
	self   int
}

const (
	programLocals = 4 // the first two are parameters; a last one counts rounds of loops
	programFuncs  = 3
)

func (p *program) module() []byte {
	var funcs, codes, exports [][]byte
	for i := range programFuncs {
		p.self, p.left = i, 4+p.r.IntN(30)
		code := cat([]byte{1, programLocals - 1, typeI32}, p.statements(0), p.value(), []byte{opEnd})
		funcs = append(funcs, []byte{0})
		codes = append(codes, append(appendU32(nil, uint32(len(code))), code...))
		exports = append(exports, appendU32(append(appendName(nil, fmt.Sprint("f", i)), 0), uint32(i)))
	}
	exports = append(exports, append(appendName(nil, "memory"), 2, 0))
	return cat(wasmHeader,
		section(secType, vector([]byte{0x60, 2, typeI32, typeI32, 1, typeI32})...),
		section(secFunction, vector(funcs...)...),
		section(secMemory, 1, 0, 1),
		section(secExport, vector(exports...)...),
		section(secCode, vector(codes...)...))
}

func (p *program) local() byte { return byte(p.r.IntN(programLocals)) }

// value leaves a number on the stack.
func (p *program) value() []byte {
	switch p.r.IntN(6) {
	case 0:
		return i32Const(int32(p.r.IntN(7) - 3))
	case 1:
		return cat(p.value(), p.value(), []byte{[]byte{0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x48, 0x4e, 0x46}[p.r.IntN(9)]})
	case 2:
		return cat(p.value(), i32Const(0xfff), []byte{0x71, 0x28, 2, 0}) // i32.and, i32.load
	}
	return []byte{opLocalGet, p.local()}
}

func (p *program) statements(nest int) []byte {
	var out []byte
	for n := 1 + p.r.IntN(5); n > 0 && p.left > 0; n-- {
		out = append(out, p.statement(nest)...)
	}
	return out
}

func (p *program) inside(kind byte, nest int) []byte {
	p.labels = append(p.labels, kind)
	defer func() { p.labels = p.labels[:len(p.labels)-1] }()
	return p.statements(nest + 1)
}

func (p *program) statement(nest int) []byte {
	p.left--
	kind := p.r.IntN(14)
	if nest > 5 {
		kind = kind % 4
	}
	label := func() byte { return byte(p.r.IntN(len(p.labels) + 1)) } // the last is the function
	switch kind {
	default:
		return cat(p.value(), []byte{opLocalSet, p.local()})
	case 1:
		return cat(p.value(), i32Const(0xfff), []byte{0x71}, p.value(), []byte{0x36, 2, 0}) // i32.and, i32.store
	case 2:
		if p.r.IntN(8) > 0 {
			return cat(p.value(), []byte{opLocalSet, p.local()})
		}
		return cat(i32Const(8), i32Const(3), i32Const(int32(p.r.IntN(64))), []byte{opMisc, 11, 0})
	case 4, 5:
		return cat([]byte{opBlock, blockVoid}, p.inside(opBlock, nest), []byte{opEnd})
	case 6, 7, 8:
		// Half of the loops end with a branch back, as compilers write them, and
		// most return after some rounds at the latest.
		code := []byte{opLoop, blockVoid}
		if p.r.IntN(5) > 0 {
			code = cat(code, []byte{opLocalGet, programLocals}, i32Const(1), []byte{0x6a, opLocalTee, programLocals},
				i32Const(int32(p.r.IntN(40))), []byte{0x4a, opIf, blockVoid}, p.value(), []byte{opReturn, opEnd}) // i32.add, i32.gt_s
		}
		code = append(code, p.inside(opLoop, nest)...)
		switch p.r.IntN(4) {
		case 0:
			l := p.local()
			code = cat(code, []byte{opLocalGet, l}, i32Const(1), []byte{opI32Sub, opLocalTee, l}, i32Const(0), []byte{0x4a, opBrIf, 0}) // i32.gt_s
		case 1:
			code = append(code, opBr, 0)
		}
		return append(code, opEnd)
	case 9:
		code := cat(p.value(), []byte{opIf, blockVoid}, p.inside(opIf, nest))
		if p.r.IntN(2) == 0 {
			code = cat(code, []byte{opElse}, p.inside(opIf, nest))
		}
		return append(code, opEnd)
	case 10, 11:
		l := label()
		if int(l) == len(p.labels) {
			return cat(p.value(), []byte{opIf, blockVoid}, p.value(), []byte{opReturn, opEnd})
		}
		return cat(p.value(), []byte{opBrIf, l})
	case 12:
		if len(p.labels) == 0 {
			return nil
		}
		l := func() byte { return byte(p.r.IntN(len(p.labels))) }
		return cat([]byte{opBlock, blockVoid}, p.value(), []byte{opBrTable, 2, l(), l() + 1, l(), opEnd})
	case 13:
		callee := p.r.IntN(programFuncs)
		return cat(p.value(), p.value(), []byte{opCall, byte(callee), opLocalSet, p.local()})
	}
}

// runner runs a module's exported functions, one after the other.
type runner struct {
	runtime wazero.Runtime
}

func newRunner(t testing.TB, rc wazero.RuntimeConfig) *runner {
	t.Helper()
	ctx := context.Background()
	r := &runner{runtime: wazero.NewRuntimeWithConfig(ctx, rc.WithCoreFeatures(api.CoreFeaturesV2).WithMemoryLimitPages(meaningPages))}
	t.Cleanup(func() { r.runtime.Close(ctx) })
	// Both get what they may import, the one that metering adds included.
	_, err := r.runtime.NewHostModuleBuilder(moduleMeter).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(ctx context.Context, stack []uint64) {
			if api.DecodeI32(stack[0]) == whyDepth {
				panic(errCallDepth)
			}
			c := clockOf(ctx)
			if c.left--; c.left < 0 {
				panic(errTimeLimit)
			}
			stack[0] = api.EncodeI32(c.slice)
		}), valueTypes("i"), valueTypes("i")).Export(importYield).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	meaningPages  = 16
	meaningSlice  = 300
	meaningSlices = 100
)

// meaning is what a module's functions do when they are called in the order of
// their names, with small numbers: a line for each, and all of memory and of the
// globals. It ends early, with limited, where the fuel does.
func (r *runner) meaning(module []byte) (lines []string, limited bool, err error) {
	c := &clock{slice: meaningSlice, left: meaningSlices}
	ctx, cancel := context.WithTimeout(c.attach(context.Background()), 20*time.Second)
	defer cancel()
	compiled, err := r.runtime.CompileModule(ctx, module)
	if err != nil {
		return nil, false, err
	}
	defer compiled.Close(ctx)
	stopped := func(err error) bool { return errors.Is(err, errTimeLimit) || errors.Is(err, errCallDepth) }
	m, err := r.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return []string{"start: " + firstLine(err).Error()}, stopped(err), nil
	}
	defer m.Close(ctx)
	for _, name := range slices.Sorted(maps.Keys(m.ExportedFunctionDefinitions())) {
		f := m.ExportedFunction(name)
		n := max(len(f.Definition().ParamTypes()), len(f.Definition().ResultTypes()))
		for round := range uint64(2) {
			stack := make([]uint64, 2*n+2) // a v128 takes two
			for i := range stack {
				stack[i] = 3*round + uint64(i)
			}
			if g := m.ExportedGlobal(exportDepth); g != nil {
				setGlobal(m, exportFuel, c.slice)
				setGlobal(m, exportDepth, maxDepth)
			}
			c.left = meaningSlices
			if err := f.CallWithStack(ctx, stack); err != nil {
				if stopped(err) {
					return lines, true, nil
				}
				lines = append(lines, name+": "+firstLine(err).Error())
				continue
			}
			lines = append(lines, fmt.Sprint(name, ": ", stack[:len(f.Definition().ResultTypes())]))
		}
	}
	for name := range compiled.ExportedMemories() {
		b, _ := m.ExportedMemory(name).Read(0, m.ExportedMemory(name).Size())
		lines = append(lines, fmt.Sprintf("memory %d %x", len(b), bytes.TrimRight(b, "\x00")))
	}
	return lines, false, nil
}

// sameMeaning says where a module and its metered form do not do the same until
// the fuel ends, and whether they ran to the end.
func sameMeaning(original, metered *runner, module []byte) (complete bool, err error) {
	out, err := meter(module, meaningPages)
	if err != nil {
		return false, nil // refused, which is another test's matter
	}
	got, limited, err := metered.meaning(out.wasm)
	if err != nil {
		if _, _, before := original.meaning(module); before != nil {
			return false, nil // nor is the module itself valid, or what it imports there
		}
		return false, fmt.Errorf("the module is valid, metered it is not: %w", err)
	}
	if limited {
		return false, nil
	}
	want, _, err := original.meaning(module)
	if err != nil {
		return false, nil // a custom section that is malformed is left out
	}
	if len(got) != len(want) {
		return true, fmt.Errorf("%d lines, metered %d", len(want), len(got))
	}
	for i := range want {
		if got[i] != want[i] {
			return true, fmt.Errorf("%s\nmetered: %s", want[i], got[i])
		}
	}
	return true, nil
}

func meaningRunners(t testing.TB) (original, metered *runner) {
	// The context stops an original that runs on, so that this fails and does not hang.
	return newRunner(t, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true)),
		newRunner(t, wazero.NewRuntimeConfigCompiler())
}

// TestMeterKeepsMeaning compares random programs with their metered forms.
func TestMeterKeepsMeaning(t *testing.T) {
	original, metered := meaningRunners(t)
	complete, programs := 0, 1500
	if testing.Short() {
		programs = 100
	}
	for seed := range programs {
		p := &program{r: rand.New(rand.NewPCG(uint64(seed), 1))}
		module := p.module()
		done, err := sameMeaning(original, metered, module)
		if err != nil {
			t.Fatalf("program of seed %d: %v", seed, err)
		}
		if done {
			complete++
		}
	}
	t.Logf("%d of %d programs ended before their fuel", complete, programs)
	if complete < programs/4 {
		t.Errorf("only %d of %d programs ended before their fuel: the test says little", complete, programs)
	}
}

// FuzzMeterPrograms is the same for programs of other seeds.
func FuzzMeterPrograms(f *testing.F) {
	original, metered := meaningRunners(f)
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		p := &program{r: rand.New(rand.NewPCG(a, b))}
		if _, err := sameMeaning(original, metered, p.module()); err != nil {
			t.Fatal(err)
		}
	})
}
