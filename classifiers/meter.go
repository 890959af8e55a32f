package classifiers

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Metering is a rewrite of a module's bytes before they are compiled. It adds a
// global that counts fuel down, and calls the host when it is spent; the host
// looks at the clock, lets other goroutines run, and hands out more, or ends the
// run. One unit of fuel is about one instruction.
//
// Code pays where paths part and meet, without a check: what a path owes is the
// most that any way to that place can have gathered, and an arm that costs more
// than its neighbour pays the difference itself. Branches only go forward except
// to loops, so one walk over the code finds it. Checks stand at the entry of
// functions that call others, at the begin of a loop, and wherever a path has
// gathered chunk units since the last one. So no path of more than chunk units,
// and no cycle, whether of branches or calls, is without a check. Instructions
// that take as long as their operand is large (memory.fill and its like) pay for
// that and are checked before they run; meter_bulk.go cuts the longest in pieces.
//
// What this costs depends on what the runtime's compiler makes of it, hence the
// shapes in meter_fuel.go: a function with loops holds its fuel in a local, which
// it stores only around calls; the call of the host stands outside of loops; small
// loops are unrolled, with one check for all rounds.
//
// A second global holds how deep calls may still nest, in units of stack. It is
// never added to: each function keeps at its entry what it leaves to those it
// calls, and stores that before each call.
//
// The rewrite shifts function indexes by one, for the host function it imports,
// and leaves all others as they are. It rejects every section and instruction it
// does not know. Custom sections (names, debugging) are left out.
//
// Wazero itself can stop a guest by context (WithCloseOnContextDone), at a cost
// of 7 to 18 times the run time; see BenchmarkTableMetering.

const (
	exportKept   = "sallyport:" // all exports with this prefix are metering's own
	exportFuel   = exportKept + "fuel"
	exportDepth  = exportKept + "depth"
	exportGlobal = exportKept + "global " // and its number: a mutable global of the module

	// maxDepth is how much stack calls may take, in 64-bit words or so: a function
	// counts 16, its locals, and an eighth of its instructions. The runtime's own
	// limit is 400 MB, which takes half a second to fill.
	maxDepth = 1 << 18

	maxModuleBytes = 64 << 20
	maxTableSize   = 1 << 16 // references; a module cannot have more memory through its tables
	maxTables      = 8
	maxLocals      = 50_000  // of a function, the limit that browsers agreed on
	maxItems       = 100_000 // of a section; the runtime makes room for as many as the section says
)

// Sections in the order in which they must stand.
const (
	secCustom    = 0
	secType      = 1
	secImport    = 2
	secFunction  = 3
	secTable     = 4
	secMemory    = 5
	secGlobal    = 6
	secExport    = 7
	secStart     = 8
	secElement   = 9
	secCode      = 10
	secData      = 11
	secDataCount = 12
)

var sectionOrder = [...]byte{
	secType, secImport, secFunction, secTable, secMemory, secGlobal, secExport,
	secStart, secElement, secDataCount, secCode, secData,
}

var wasmHeader = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}

// metered is a module with metering added.
type metered struct {
	wasm []byte
	// mutable are the exports of the module's own mutable globals.
	mutable []string
	// lasting says that a module can change what is neither in its memory nor in
	// one of those globals: its tables, which segments are dropped, vectors.
	lasting bool
}

// meter returns module with metering added and its memory limited to maxPages of
// 64 KiB. The result still has to be validated, as the module itself would: what
// meter accepts it has parsed, not checked.
func meter(module []byte, maxPages uint32) (*metered, error) {
	m, err := readSections(module)
	if err != nil {
		return nil, err
	}
	m.maxPages = maxPages
	out := append(make([]byte, 0, len(module)+len(module)/2+256), wasmHeader...)
	for _, id := range sectionOrder {
		body, err := m.rewrite(id)
		if err != nil {
			return nil, err
		}
		if body == nil {
			continue
		}
		out = append(out, id)
		out = appendU32(out, uint32(len(body)))
		out = append(out, body...)
	}
	mt := &metered{wasm: out, lasting: m.lasting}
	for _, i := range m.mutable {
		mt.mutable = append(mt.mutable, globalName(i))
	}
	return mt, nil
}

func globalName(index uint32) string { return exportGlobal + strconv.Itoa(int(index)) }

// wasmModule is a module on its way through meter.
type wasmModule struct {
	sections [secDataCount + 1][]byte // nil: absent
	maxPages uint32

	params   []uint32 // number of parameters, by type
	types    []uint32 // by defined function
	imported uint32   // functions
	globals  uint32   // defined; there are no imported ones
	mutable  []uint32 // globals that can be read and set from outside
	lasting  bool     // see metered
	segments uint32   // data segments that the data count section announces
}

// The index spaces after the rewrite.
func (m *wasmModule) yieldType() uint32  { return uint32(len(m.params)) }
func (m *wasmModule) yieldFunc() uint32  { return m.imported }
func (m *wasmModule) fuelIndex() uint32  { return m.globals }
func (m *wasmModule) depthIndex() uint32 { return m.globals + 1 }

func (m *wasmModule) funcIndex(old uint32) uint32 {
	if old >= m.imported {
		return old + 1
	}
	return old
}

func readSections(module []byte) (*wasmModule, error) {
	if len(module) > maxModuleBytes {
		return nil, fmt.Errorf("module of %d bytes, more than %d", len(module), maxModuleBytes)
	}
	if len(module) < len(wasmHeader) || !bytes.Equal(module[:4], wasmHeader[:4]) {
		return nil, errors.New("this is not a WebAssembly module")
	}
	if !bytes.Equal(module[:8], wasmHeader) {
		return nil, errors.New("this is not a core WebAssembly module of version 1 (a component, perhaps?)")
	}
	m := &wasmModule{}
	r := &wasmReader{b: module[8:]}
	at := 0 // in sectionOrder
	for len(r.b) > 0 && r.err == nil {
		id := r.byte()
		body := r.take(r.u32())
		if r.err != nil || id == secCustom {
			continue
		}
		pos := at
		for pos < len(sectionOrder) && sectionOrder[pos] != id {
			pos++
		}
		switch {
		case id > secDataCount:
			return nil, fmt.Errorf("section %d is not one of WebAssembly 2.0", id)
		case pos == len(sectionOrder):
			return nil, fmt.Errorf("section %d is there twice or out of order", id)
		}
		at = pos + 1
		m.sections[id] = append(make([]byte, 0, len(body)), body...)
	}
	if r.err != nil {
		return nil, fmt.Errorf("module is cut short or malformed: %w", r.err)
	}
	return m, nil
}

// rewrite returns the new body of a section, nil where there is none. It must be
// called in sectionOrder: later sections need what earlier ones say.
func (m *wasmModule) rewrite(id byte) ([]byte, error) {
	var out []byte
	r := &wasmReader{b: m.sections[id]}
	switch id {
	case secType:
		out = m.rewriteTypes(r)
	case secImport:
		out = m.rewriteImports(r)
	case secFunction:
		for n := r.items(); n > 0 && r.err == nil; n-- {
			m.types = append(m.types, r.u32())
		}
		return m.sections[id], sectionError(id, r)
	case secTable:
		out = m.rewriteTables(r)
	case secMemory:
		out = m.rewriteMemory(r)
	case secGlobal:
		out = m.rewriteGlobals(r)
	case secExport:
		out = m.rewriteExports(r)
	case secStart:
		if m.sections[id] == nil {
			return nil, nil
		}
		out = appendU32(nil, m.funcIndex(r.u32()))
	case secElement:
		out = m.rewriteElements(r)
	case secCode:
		out = m.rewriteCode(r)
	case secDataCount:
		if m.sections[id] != nil {
			m.segments = r.u32()
		}
		return m.sections[id], sectionError(id, r)
	case secData:
		m.readData(r)
		return m.sections[id], sectionError(id, r)
	}
	return out, sectionError(id, r)
}

func sectionError(id byte, r *wasmReader) error {
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.b))
	}
	if r.err != nil {
		return fmt.Errorf("module section %d: %w", id, r.err)
	}
	return nil
}

func (m *wasmModule) rewriteTypes(r *wasmReader) []byte {
	n := r.items()
	body := r.b
	for range n {
		if r.err != nil {
			return nil
		}
		if form := r.byte(); form != 0x60 {
			r.fail("type form %#x is not a function", form)
		}
		params := r.u32()
		r.take(params)
		r.take(r.u32())
		m.params = append(m.params, params)
	}
	out := appendU32(nil, n+1)
	out = append(out, body[:len(body)-len(r.b)]...)
	return append(out, 0x60, 1, typeI32, 1, typeI32)
}

func (m *wasmModule) rewriteImports(r *wasmReader) []byte {
	n := r.items()
	body := r.b
	var refused []error
	for range n {
		if r.err != nil {
			return nil
		}
		module, name := string(r.take(r.u32())), string(r.take(r.u32()))
		kind := r.byte()
		switch kind {
		case 0:
			r.u32()
			m.imported++
			if module == moduleMeter {
				refused = append(refused, fmt.Errorf("it imports %s.%s, a name kept for metering", module, name))
			}
			continue
		case 1:
			r.byte()
			r.limits()
		case 2:
			r.limits()
		case 3:
			r.byte()
			r.byte()
		default:
			r.fail("import of unknown kind %d", kind)
			return nil
		}
		refused = append(refused, fmt.Errorf("it imports the %s %s.%s; only functions can be imported",
			[...]string{1: "table", 2: "memory", 3: "global"}[kind], module, name))
	}
	if r.err == nil {
		r.err = errors.Join(refused...)
	}
	out := appendU32(nil, n+1)
	out = append(out, body[:len(body)-len(r.b)]...)
	out = appendName(out, moduleMeter)
	out = appendName(out, importYield)
	return appendU32(append(out, 0), m.yieldType())
}

func (m *wasmModule) rewriteTables(r *wasmReader) []byte {
	n := r.items()
	if n == 0 {
		return nil
	}
	if n > maxTables {
		r.fail("%d tables, more than %d", n, maxTables)
	}
	out := appendU32(nil, n)
	for range n {
		if r.err != nil {
			return nil
		}
		out = append(out, r.byte())
		least, most := r.limits()
		if least > maxTableSize {
			r.fail("a table of %d entries, more than %d", least, maxTableSize)
		}
		out = appendLimits(out, least, min(most, maxTableSize))
	}
	return out
}

func (m *wasmModule) rewriteMemory(r *wasmReader) []byte {
	n := r.count()
	if n == 0 {
		return nil
	}
	if n > 1 {
		r.fail("%d memories, one is possible", n)
		return nil
	}
	least, most := r.limits()
	if least > m.maxPages {
		r.fail("it starts with %d bytes of memory, the limit is %d", uint64(least)*pageSize, uint64(m.maxPages)*pageSize)
	}
	return appendLimits([]byte{1}, least, min(most, m.maxPages))
}

func (m *wasmModule) rewriteGlobals(r *wasmReader) []byte {
	m.globals = r.items()
	out := appendU32(nil, m.globals+2)
	for i := range m.globals {
		if r.err != nil {
			return nil
		}
		typ, mutable := r.byte(), r.byte()
		switch {
		case mutable == 0:
		case typ >= typeF64 && typ <= typeI32:
			m.mutable = append(m.mutable, i)
		default:
			m.lasting = true
		}
		out = append(out, typ, mutable)
		out = m.constExpr(out, r)
	}
	// Both start with 0: whatever runs before the host sets them, a start
	// function, calls the host at once.
	fuel := []byte{typeI32, 1, opI32Const, 0, opEnd}
	depth := append(appendS32([]byte{typeI32, 1, opI32Const}, maxDepth), opEnd)
	return append(append(out, fuel...), depth...)
}

func (m *wasmModule) rewriteExports(r *wasmReader) []byte {
	n := r.items()
	out := appendU32(nil, n+2+uint32(len(m.mutable)))
	for range n {
		if r.err != nil {
			return nil
		}
		name := string(r.take(r.u32()))
		kind, index := r.byte(), r.u32()
		if strings.HasPrefix(name, exportKept) {
			r.fail("it exports %q, a name kept for metering", name)
		}
		if kind == 0 {
			index = m.funcIndex(index)
		}
		out = appendU32(append(appendName(out, name), kind), index)
	}
	for _, i := range m.mutable {
		out = appendU32(append(appendName(out, globalName(i)), 3), i)
	}
	out = appendU32(append(appendName(out, exportFuel), 3), m.fuelIndex())
	return appendU32(append(appendName(out, exportDepth), 3), m.depthIndex())
}

// readData checks that the data segments are as many as they say.
func (m *wasmModule) readData(r *wasmReader) {
	n := r.items()
	if m.sections[secDataCount] != nil && m.segments != n {
		r.fail("%d data segments where %d are announced", n, m.segments)
	}
	for ; n > 0 && r.err == nil; n-- {
		switch flags := r.u32(); flags {
		case 0, 2: // into memory, which has a number with 2
			if flags == 2 {
				r.u32()
			}
			m.constExpr(nil, r)
		case 1: // passive
		default:
			r.fail("data segment with flags %d", flags)
		}
		r.take(r.u32())
	}
}

func (m *wasmModule) rewriteElements(r *wasmReader) []byte {
	n := r.items()
	if n == 0 {
		return nil
	}
	out := appendU32(nil, n)
	for range n {
		if r.err != nil {
			return nil
		}
		// Bit 0: passive or declared; bit 1: with an explicit table, or declared;
		// bit 2: of expressions, not of indexes.
		flags := r.u32()
		if flags > 7 {
			r.fail("element segment with flags %d", flags)
		}
		out = appendU32(out, flags)
		if flags&1 == 0 {
			if flags&2 != 0 {
				out = appendU32(out, r.u32())
			}
			out = m.constExpr(out, r)
		}
		if flags&3 != 0 {
			out = append(out, r.byte()) // element kind or reference type
		}
		k := r.count()
		out = appendU32(out, k)
		for range k {
			if r.err != nil {
				return nil
			}
			if flags&4 != 0 {
				out = m.constExpr(out, r)
			} else {
				out = appendU32(out, m.funcIndex(r.u32()))
			}
		}
	}
	return out
}

// constExpr copies a constant expression.
func (m *wasmModule) constExpr(out []byte, r *wasmReader) []byte {
	for r.err == nil {
		from := r.b
		switch op := r.byte(); op {
		case opEnd:
			return append(out, op)
		case opRefFunc:
			out = appendU32(append(out, op), m.funcIndex(r.u32()))
			continue
		case opI32Const, opI64Const:
			r.leb(10)
		case opF32Const:
			r.take(4)
		case opF64Const:
			r.take(8)
		case opRefNull:
			r.byte()
		case opGlobalGet:
			r.u32()
		case opSIMD:
			if sub := r.u32(); sub != 12 { // v128.const
				r.fail("instruction fd %#x in a constant expression", sub)
			}
			r.take(16)
		default:
			r.fail("instruction %#x in a constant expression", op)
		}
		out = append(out, from[:len(from)-len(r.b)]...)
	}
	return out
}
