package classifiers

// Instructions that metering writes or treats in a way of its own. The others
// are known by ranges, in instruction.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableSet     = 0x26
	opLoadFirst    = 0x28
	opStoreLast    = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opNumericFirst = 0x45
	opI32LtS       = 0x48
	opI32Sub       = 0x6b
	opI32Shl       = 0x74
	opI32ShrU      = 0x76
	opNumericLast  = 0xc4
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opSIMD         = 0xfd

	typeI32   = 0x7f
	blockVoid = 0x40
)

func (m *wasmModule) rewriteCode(r *wasmReader) []byte {
	n := r.count()
	if int(n) != len(m.types) {
		r.fail("%d bodies for %d functions", n, len(m.types))
		return nil
	}
	if n == 0 {
		return nil
	}
	out := make([]byte, 0, len(r.b)*3/2)
	out = appendU32(out, n)
	f := &wasmFunc{m: m}
	for i := range n {
		body := &wasmReader{b: r.take(r.u32())}
		if r.err != nil {
			return nil
		}
		if m.types[i] >= uint32(len(m.params)) {
			r.fail("function %d has no type", i)
			return nil
		}
		out = f.rewrite(out, body, m.params[m.types[i]])
		if body.err != nil {
			r.fail("function %d: %w", i, body.err)
			return nil
		}
	}
	return out
}

// label is a target of branches: a block, a loop, an if, or the function.
type label struct {
	loop  bool
	open  bool // an if whose else has not come
	entry int  // fuel gathered where an if began
	most  int  // the most fuel gathered on a branch to it
}

// wasmFunc rewrites one function after the other.
type wasmFunc struct {
	m      *wasmModule
	r      *wasmReader
	out    []byte // the instructions, without what goes before the first
	labels []label
	due    int    // fuel gathered on the costliest path to here, not paid
	count  int    // instructions
	calls  bool   // the function calls another
	temp   uint32 // index of the first of the three locals that metering adds
}

func (f *wasmFunc) lenLocal() uint32   { return f.temp }
func (f *wasmFunc) fuelLocal() uint32  { return f.temp + 1 }
func (f *wasmFunc) depthLocal() uint32 { return f.temp + 2 }

func (f *wasmFunc) rewrite(out []byte, r *wasmReader, params uint32) []byte {
	groups := r.count()
	declared := r.b
	total := uint64(0)
	for range groups {
		total += uint64(r.u32())
		r.byte()
	}
	declared = declared[:len(declared)-len(r.b)]
	if total+uint64(params) > maxLocals {
		r.fail("%d locals, more than %d", total+uint64(params), maxLocals)
	}
	f.r, f.out, f.labels = r, f.out[:0], append(f.labels[:0], label{})
	f.due, f.count, f.calls, f.temp = 0, 0, false, params+uint32(total)

	for len(f.labels) > 0 && r.err == nil {
		f.instruction()
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes after its end", len(r.b))
	}
	if r.err != nil {
		return out
	}

	// What is due at the end is paid at the entry, so a function without loops
	// has one check.
	body := appendU32(nil, groups+1)
	body = append(body, declared...)
	body = append(body, 3, typeI32)
	if f.calls {
		weight := min(maxDepth, 16+int(f.temp)+f.count/8)
		body = f.appendDepthCheck(body, int32(weight))
	}
	body = f.appendCharge(body, f.due+1)
	out = appendU32(out, uint32(len(body)+len(f.out)))
	return append(append(out, body...), f.out...)
}

// instruction copies the next instruction, with what metering needs before it.
func (f *wasmFunc) instruction() {
	r, from := f.r, f.r.b
	op := r.byte()
	f.count++
	cost := 1
	top := &f.labels[len(f.labels)-1]
	switch {
	case op == opNop:
		cost = 0
	case op == opBlock || op == opLoop || op == opIf:
		r.leb(5)
		f.labels = append(f.labels, label{loop: op == opLoop, open: op == opIf, entry: f.due + 1})
	case op == opElse:
		if !top.open {
			r.fail("else without if")
			return
		}
		top.open = false
		top.most = max(top.most, f.due)
		f.due, cost = top.entry, 0
	case op == opEnd:
		if top.open { // an if without else: the path that skips it
			top.most = max(top.most, top.entry)
		}
		if !top.loop { // a loop's most came from branches to its begin
			f.due = max(f.due, top.most)
		}
		cost = 0
		f.labels = f.labels[:len(f.labels)-1]
	case op == opBr || op == opBrIf:
		f.branch(r.u32())
		if op == opBr {
			f.copy(from)
			f.due = 0
			return
		}
	case op == opBrTable:
		var depths []uint32
		for n := r.count(); n > 0 && r.err == nil; n-- {
			depths = append(depths, r.u32())
		}
		f.branch(append(depths, r.u32())...)
		f.copy(from)
		f.due = 0
		return
	case op == opReturn:
		f.branch(uint32(len(f.labels) - 1))
		f.copy(from)
		f.due = 0
		return
	case op == opUnreachable:
		f.copy(from)
		f.due = 0
		return
	case op == opCall:
		f.beforeCall()
		index := f.m.funcIndex(r.u32())
		f.out = appendU32(append(f.out, op), index)
		f.pay(6)
		return
	case op == opCallIndirect:
		f.beforeCall()
		r.u32()
		r.u32()
		f.copy(from)
		f.pay(10)
		return
	case op == opRefFunc:
		f.out = appendU32(append(f.out, op), f.m.funcIndex(r.u32()))
		f.pay(50) // the runtime leaves the guest for it
		return
	case op == opDrop || op == opSelect || op == opRefIsNull:
	case op == opSelectTyped:
		r.take(r.u32())
	case op >= opLocalGet && op <= opTableSet:
		r.u32()
	case op >= opLoadFirst && op <= opStoreLast:
		f.memarg()
	case op == opMemorySize:
		f.zero()
	case op == opMemoryGrow:
		f.zero()
		f.chargeGrow()
		cost = 500
	case op == opI32Const:
		r.leb(5)
	case op == opI64Const:
		r.leb(10)
	case op == opF32Const:
		r.take(4)
	case op == opF64Const:
		r.take(8)
	case op >= opNumericFirst && op <= opNumericLast:
		cost = numericCost(op)
	case op == opRefNull:
		r.byte()
	case op == opMisc:
		cost = f.misc()
	case op == opSIMD:
		cost = f.simd()
	default:
		r.fail("instruction %#x is not one of WebAssembly 2.0", op)
	}
	f.copy(from)
	f.pay(cost)
}

// copy appends the instruction that was just read from the bytes at from. Where
// metering for it was inserted it stands before.
func (f *wasmFunc) copy(from []byte) {
	if f.r.err == nil {
		f.out = append(f.out, from[:len(from)-len(f.r.b)]...)
	}
}

// pay adds to what is due, and lets the code pay when that is a chunk.
func (f *wasmFunc) pay(cost int) {
	f.due += cost
	if f.due >= chunk && len(f.labels) > 0 {
		f.out = f.appendCharge(f.out, f.due)
		f.due = 0
	}
}

// branch notes a branch to the labels at depths. Where one of them is a loop the
// code pays first.
func (f *wasmFunc) branch(depths ...uint32) {
	loop := false
	for _, d := range depths {
		if uint64(d) >= uint64(len(f.labels)) {
			f.r.fail("branch to label %d of %d", d, len(f.labels))
			return
		}
		l := &f.labels[len(f.labels)-1-int(d)]
		l.most = max(l.most, f.due+1)
		loop = loop || l.loop
	}
	if loop {
		f.out = f.appendCharge(f.out, f.due+1)
		f.due = 0
	}
}

func numericCost(op byte) int {
	switch {
	case op >= 0x6d && op <= 0x70, op >= 0x7f && op <= 0x82: // integer division
		return 8
	case op == 0x91, op == 0x95, op == 0x9f, op == 0xa3: // float sqrt, div
		return 6
	}
	return 1
}

func (f *wasmFunc) memarg() {
	if align := f.r.u32(); align > 0x3f {
		f.r.fail("memory access with flags %#x (only one memory is possible)", align)
	}
	f.r.u32()
}

// zero reads the index of the only memory.
func (f *wasmFunc) zero() {
	if c := f.r.byte(); c != 0 {
		f.r.fail("memory %d, there is only one", c)
	}
}

// misc reads an instruction of the group fc and says what it costs. Those that
// take as long as their operand says pay for it beforehand.
func (f *wasmFunc) misc() int {
	switch sub := f.r.u32(); sub {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating truncation
		return 1
	case 8: // memory.init
		f.r.u32()
		f.zero()
		f.chargeLength()
	case 10: // memory.copy
		f.zero()
		f.zero()
		f.chargeLength()
	case 11: // memory.fill
		f.zero()
		f.chargeLength()
	case 9, 13, 16: // data.drop, elem.drop, table.size
		f.r.u32()
	case 12, 14: // table.init, table.copy
		f.r.u32()
		f.r.u32()
		f.chargeLength()
	case 15, 17: // table.grow, table.fill
		f.r.u32()
		f.chargeLength()
		return 50
	default:
		f.r.fail("instruction fc %#x is not one of WebAssembly 2.0", sub)
	}
	return 10
}

// simd reads an instruction of the group fd and says what it costs.
func (f *wasmFunc) simd() int {
	sub := f.r.u32()
	switch {
	case sub <= 11, sub == 92, sub == 93:
		f.memarg()
	case sub == 12, sub == 13:
		f.r.take(16)
	case sub >= 21 && sub <= 34:
		f.r.byte()
	case sub >= 84 && sub <= 91:
		f.memarg()
		f.r.byte()
	case sub == 0xe3, sub == 0xe7, sub == 0xef, sub == 0xf3: // sqrt, div
		return 8
	case sub > 0xff:
		f.r.fail("instruction fd %#x is not one of WebAssembly 2.0", sub)
	}
	return 1
}

func (f *wasmFunc) beforeCall() {
	f.calls = true
	f.out = appendU32(append(f.out, opLocalGet), f.depthLocal())
	f.out = appendU32(append(f.out, opGlobalSet), f.m.depthIndex())
}

// appendDepthCheck takes weight off the depth that the caller left and keeps the
// rest in a local.
func (f *wasmFunc) appendDepthCheck(b []byte, weight int32) []byte {
	b = appendU32(append(b, opGlobalGet), f.m.depthIndex())
	b = append(appendS32(append(b, opI32Const), weight), opI32Sub)
	b = appendU32(append(b, opLocalTee), f.depthLocal())
	b = append(b, opI32Const, 0, opI32LtS, opIf, blockVoid, opI32Const, whyDepth)
	b = appendU32(append(b, opCall), f.m.yieldFunc())
	return append(b, opDrop, opEnd)
}

// appendCharge takes n off the fuel and calls the host where that leaves less
// than nothing.
func (f *wasmFunc) appendCharge(b []byte, n int) []byte {
	b = appendU32(append(b, opGlobalGet), f.m.fuelIndex())
	b = appendS32(append(b, opI32Const), int32(n))
	return f.appendTake(b)
}

// appendTake ends a charge: fuel and what to take off it are on the stack.
func (f *wasmFunc) appendTake(b []byte) []byte {
	b = appendU32(append(b, opI32Sub, opLocalTee), f.fuelLocal())
	b = appendU32(append(b, opGlobalSet), f.m.fuelIndex())
	b = appendU32(append(b, opLocalGet), f.fuelLocal())
	b = append(b, opI32Const, 0, opI32LtS, opIf, blockVoid, opI32Const, whyFuel)
	b = appendU32(append(b, opCall), f.m.yieldFunc())
	b = appendU32(append(b, opGlobalSet), f.m.fuelIndex())
	return append(b, opEnd)
}

// chargeLength takes a quarter of the operand on top of the stack off the fuel,
// and leaves the operand there. A quarter of any 32-bit number cannot make the
// fuel wrap around.
func (f *wasmFunc) chargeLength() {
	b := appendU32(append(f.out, opLocalTee), f.lenLocal())
	b = appendU32(append(b, opGlobalGet), f.m.fuelIndex())
	b = appendU32(append(b, opLocalGet), f.lenLocal())
	b = append(b, opI32Const, 2, opI32ShrU)
	f.out = f.appendTake(b)
}

// chargeGrow takes an eighth of the memory's size in bytes off the fuel: growing
// may have to copy it.
func (f *wasmFunc) chargeGrow() {
	b := appendU32(append(f.out, opGlobalGet), f.m.fuelIndex())
	b = append(b, opMemorySize, 0, opI32Const, 13, opI32Shl)
	f.out = f.appendTake(b)
}
