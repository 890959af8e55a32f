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
	opLocalSet     = 0x21
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
	opI32GtU       = 0x4b
	opI32LeU       = 0x4d
	opI32GeS       = 0x4e
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32Shl       = 0x74
	opI32ShrU      = 0x76
	opNumericLast  = 0xc4
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opSIMD         = 0xfd

	// Of the group opMisc.
	bulkCopy = 10
	bulkFill = 11

	typeI32   = 0x7f
	typeF64   = 0x7c // and f32 and i64 between them
	blockVoid = 0x40
)

func (m *wasmModule) rewriteCode(r *wasmReader) []byte {
	n := r.items()
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

// instruction is one instruction of a function.
type instruction struct {
	op     byte
	index  uint32   // of the function that call and ref.func name
	depths []uint32 // of the labels that a branch may go to
	cost   int      // fuel
	length bool     // it takes as long as the operand on top of the stack says
	bulk   byte     // bulkCopy, bulkFill, or 0
	small  bool     // a constant of at most bulkPiece, or negative: no memory is that large
	lasts  bool     // it changes what is in neither memory nor globals
	bytes  []byte   // of the module
}

// decode reads the next instruction.
func decode(r *wasmReader) instruction {
	from := r.b
	in := instruction{op: r.byte(), cost: 1}
	switch op := in.op; {
	case op == opNop || op == opElse || op == opEnd || op == opUnreachable:
		in.cost = 0
	case op == opBlock || op == opLoop || op == opIf:
		r.leb(5)
	case op == opBr || op == opBrIf:
		in.depths = []uint32{r.u32()}
	case op == opBrTable:
		in.cost = 2
		for n := r.count(); n > 0 && r.err == nil; n-- {
			in.depths = append(in.depths, r.u32())
		}
		in.depths = append(in.depths, r.u32())
	case op == opReturn || op == opDrop || op == opSelect || op == opRefIsNull:
	case op == opCall:
		in.index, in.cost = r.u32(), 6
	case op == opCallIndirect:
		r.u32()
		r.u32()
		in.cost = 10
	case op == opRefFunc:
		in.index, in.cost = r.u32(), 50 // the runtime leaves the guest for it
	case op == opSelectTyped:
		r.take(r.u32())
	case op >= opLocalGet && op <= opTableSet:
		r.u32()
		in.lasts = op == opTableSet
	case op >= opLoadFirst && op <= opStoreLast:
		memarg(r)
	case op == opMemorySize:
		zero(r)
	case op == opMemoryGrow:
		zero(r)
		in.cost = 500
	case op == opI32Const:
		in.small = r.leb(5) <= bulkPiece
	case op == opI64Const:
		r.leb(10)
	case op == opF32Const:
		r.take(4)
	case op == opF64Const:
		r.take(8)
	case op >= opNumericFirst && op <= opNumericLast:
		in.cost = numericCost(op)
	case op == opRefNull:
		r.byte()
	case op == opMisc:
		misc(r, &in)
	case op == opSIMD:
		in.cost = simd(r)
	default:
		r.fail("instruction %#x is not one of WebAssembly 2.0", op)
	}
	if r.err == nil {
		in.bytes = from[:len(from)-len(r.b)]
	}
	return in
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

func memarg(r *wasmReader) {
	if align := r.u32(); align > 0x3f {
		r.fail("memory access with flags %#x (only one memory is possible)", align)
	}
	r.u32()
}

// zero reads the index of the only memory.
func zero(r *wasmReader) {
	if c := r.byte(); c != 0 {
		r.fail("memory %d, there is only one", c)
	}
}

// misc reads an instruction of the group fc.
func misc(r *wasmReader, in *instruction) {
	switch sub := r.u32(); sub {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating truncation
		return
	case 8: // memory.init
		r.u32()
		zero(r)
		in.length = true
	case bulkCopy:
		zero(r)
		zero(r)
		in.length, in.bulk = true, bulkCopy
	case bulkFill:
		zero(r)
		in.length, in.bulk = true, bulkFill
	case 16: // table.size
		r.u32()
	case 9, 13: // data.drop, elem.drop
		r.u32()
		in.lasts = true
	case 12, 14: // table.init, table.copy
		r.u32()
		r.u32()
		in.length, in.lasts = true, true
	case 15, 17: // table.grow, table.fill
		r.u32()
		in.length, in.lasts = true, true
		in.cost = 50
		return
	default:
		r.fail("instruction fc %#x is not one of WebAssembly 2.0", sub)
	}
	in.cost = 10
}

// simd reads an instruction of the group fd.
func simd(r *wasmReader) (cost int) {
	sub := r.u32()
	switch {
	case sub <= 11, sub == 92, sub == 93:
		memarg(r)
	case sub == 12, sub == 13:
		r.take(16)
	case sub >= 21 && sub <= 34:
		r.byte()
	case sub >= 84 && sub <= 91:
		memarg(r)
		r.byte()
	case sub == 0xe3, sub == 0xe7, sub == 0xef, sub == 0xf3: // sqrt, div
		return 8
	case sub > 0xff:
		r.fail("instruction fd %#x is not one of WebAssembly 2.0", sub)
	}
	return 1
}
