package classifiers

// bulkPiece is how many bytes memory.fill and memory.copy move at once.
const bulkPiece = 256 << 10

// inPieces goes before memory.fill or memory.copy, whose operands are on the stack,
// and leaves less for it to do. Nothing can interrupt one that is under way, and tens
// of megabytes that were not touched before take tens of milliseconds. So what is
// more than a piece is moved piece by piece, with a check before each:
//
//	if n > piece
//	  loop
//	    fill(to, value, piece)
//	    to, n = to+piece, n-piece
//	    br_if n > piece
//
// Where the pieces of a copy overlap what is not copied yet, the last come first. One
// that goes out of bounds traps at some piece and not before the first, which nobody
// can see: no code of the module runs after a trap, and its memory is put back.
func (f *wasmFunc) inPieces(in instruction) {
	f.bulk = true
	to, from, n := f.temp+3, f.temp+4, f.lenLocal() // from: or the value
	b := f.out
	get := func(local uint32) { b = appendU32(append(b, opLocalGet), local) }
	set := func(local uint32) { b = appendU32(append(b, opLocalSet), local) }
	piece := func() { b = appendS32(append(b, opI32Const), bulkPiece) }
	more := func() { get(n); piece(); b = append(b, opI32GtU) }
	move := func(local uint32, op byte) { get(local); piece(); b = append(b, op); set(local) }
	pieces := func(body func()) {
		b = append(b, opLoop, blockVoid)
		b = f.appendCharge(b, bulkPiece/4)
		body()
		more()
		b = append(b, opBrIf, 0, opEnd)
	}
	forward := func() {
		get(to)
		get(from)
		piece()
		b = append(b, in.bytes...)
		move(to, opI32Add)
		if in.bulk == bulkCopy {
			move(from, opI32Add)
		}
		move(n, opI32Sub)
	}
	backward := func() {
		move(n, opI32Sub)
		get(to)
		get(n)
		b = append(b, opI32Add)
		get(from)
		get(n)
		b = append(b, opI32Add)
		piece()
		b = append(b, in.bytes...)
	}
	set(n)
	set(from)
	set(to)
	more()
	b = append(b, opIf, blockVoid)
	if in.bulk == bulkCopy {
		get(to)
		get(from)
		b = append(b, opI32LeU, opIf, blockVoid)
		pieces(forward)
		b = append(b, opElse)
		pieces(backward)
		b = append(b, opEnd)
	} else {
		pieces(forward)
	}
	b = append(b, opEnd)
	get(to)
	get(from)
	get(n)
	f.out = b
}

// chargeLength takes a quarter of the operand on top of the stack off the fuel,
// and leaves the operand there. A quarter of any 32-bit number cannot make the
// fuel wrap around.
func (f *wasmFunc) chargeLength() {
	b := appendU32(append(f.out, opLocalTee), f.lenLocal())
	b = f.appendFuel(b)
	b = appendU32(append(b, opLocalGet), f.lenLocal())
	b = append(b, opI32Const, 2, opI32ShrU)
	f.out = f.appendTake(b)
	f.run = 0
}

// chargeGrow takes an eighth of the memory's size in bytes off the fuel: growing
// may have to copy it.
func (f *wasmFunc) chargeGrow() {
	b := f.appendFuel(f.out)
	b = append(b, opMemorySize, 0, opI32Const, 13, opI32Shl)
	f.out = f.appendTake(b)
	f.run = 0
}
