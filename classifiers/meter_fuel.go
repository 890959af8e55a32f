package classifiers

// How code pays: see the comment in meter.go.

const (
	// chunk is how much fuel a path through the code may gather between two
	// checks: straight-line code of that length takes about a microsecond.
	chunk = 4096

	// callRun is what a call counts towards the next check. A function that calls
	// no other may run up to chunk without one, so four of those can come between
	// two checks: 1 ms where each of their instructions waits for memory.
	callRun = 1024

	// slack is by how much two paths that meet may differ without the costlier
	// one paying the difference. What meets owes the higher amount, so it is also
	// by how much a branch can be overcharged.
	slack = 32

	// A loop of at most unrollMost instructions is written unrollTimes over.
	unrollMost  = 128
	unrollTimes = 4
)

// path is what the costliest way through the code to a place has gathered.
type path struct {
	due int // fuel not paid
	run int // since the last check, paid or not
}

func (p path) max(q path) path { return path{max(p.due, q.due), max(p.run, q.run)} }

// label is a target of branches: a block, a loop, an if, or the function.
type label struct {
	loop   bool
	double bool   // a loop that was put into another one
	open   bool   // an if whose else has not come
	joined bool   // a branch to it was seen
	entry  path   // where it began
	most   path   // of the branches to it
	at     uint32 // labels of the rewritten code around it, itself included
}

// wasmFunc rewrites one function after the other.
type wasmFunc struct {
	m      *wasmModule
	r      *wasmReader
	out    []byte // the instructions, without what goes before the first
	labels []label
	nest   uint32 // labels of the rewritten code
	path          // to here
	paid   bool   // in a loop that is unrolled: its begin pays for everything in it
	count  int    // instructions
	calls  bool   // the function calls another
	loops  bool   // the function has a loop: its fuel is in a local
	bulk   bool   // it fills or copies memory in pieces
	small  bool   // see instruction; of the last one
	temp   uint32 // index of the first of the locals that metering adds
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
	f.temp, f.loops, f.bulk = params+uint32(total), false, false
	code := r.b
	f.walk(r)
	if f.loops && r.err == nil {
		// Now that it is known that there are loops, once more.
		r.b = code
		f.walk(r)
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes after its end", len(r.b))
	}
	if r.err != nil {
		return out
	}
	body := appendU32(nil, groups+1)
	body = append(body, declared...)
	added := byte(3)
	if f.bulk {
		added = 5
	}
	body = append(body, added, typeI32)
	body = f.appendEntry(body)
	out = appendU32(out, uint32(len(body)+len(f.out)))
	return append(append(out, body...), f.out...)
}

// walk copies the function's instructions with metering.
func (f *wasmFunc) walk(r *wasmReader) {
	f.r, f.out, f.labels = r, f.out[:0], append(f.labels[:0], label{})
	f.path, f.nest, f.count, f.calls = path{}, 0, 0, false
	f.small = false
	for len(f.labels) > 0 && r.err == nil {
		in := decode(r)
		f.emit(in)
		f.small = in.small
	}
}

// emit writes an instruction with what metering needs around it.
func (f *wasmFunc) emit(in instruction) {
	if f.r.err != nil {
		return
	}
	f.count++
	f.m.lasting = f.m.lasting || in.lasts
	switch in.op {
	case opBlock, opIf:
		f.out = append(f.out, in.bytes...)
		f.owe(in.cost)
		f.nest++
		f.labels = append(f.labels, label{open: in.op == opIf, entry: f.path, at: f.nest})
		return
	case opLoop:
		f.loop(in)
		return
	case opElse:
		l := &f.labels[len(f.labels)-1]
		if !l.open {
			f.r.fail("else without if")
			return
		}
		if f.due > l.entry.due+slack {
			f.settle(l.entry.due)
		}
		l.most, l.joined, l.open = l.most.max(f.path), true, false
		f.path = l.entry
	case opEnd:
		f.end(in)
		return
	case opBr, opBrIf, opBrTable:
		f.owe(in.cost)
		f.branch(in.depths...)
		f.out = append(f.out, in.op)
		if in.op == opBrTable {
			f.out = appendU32(f.out, uint32(len(in.depths)-1))
		}
		for _, d := range in.depths {
			f.out = appendU32(f.out, f.depthOf(d))
		}
		if in.op != opBrIf {
			f.path = path{}
		}
		return
	case opReturn:
		f.owe(in.cost)
		f.branch(uint32(len(f.labels) - 1))
		f.out = append(f.out, in.op)
		f.path = path{}
		return
	case opUnreachable:
		f.path = path{}
	case opCall, opCallIndirect:
		f.beforeCall()
		if in.op == opCall {
			f.out = appendU32(append(f.out, in.op), f.m.funcIndex(in.index))
		} else {
			f.out = append(f.out, in.bytes...)
		}
		f.afterCall()
		f.owe(in.cost)
		return
	case opRefFunc:
		f.out = appendU32(append(f.out, in.op), f.m.funcIndex(in.index))
		f.owe(in.cost)
		return
	case opMemoryGrow:
		f.chargeGrow()
	}
	if in.bulk != 0 && !f.small {
		f.inPieces(in)
	}
	if in.length {
		f.chargeLength()
	}
	f.out = append(f.out, in.bytes...)
	f.owe(in.cost)
}

// owe adds to what the path here has gathered.
func (f *wasmFunc) owe(cost int) {
	if f.paid {
		return
	}
	f.due += cost
	f.run += cost
	if f.run >= chunk {
		f.out = f.appendCharge(f.out, f.due)
		f.path = path{}
	}
}

// settle pays all but keep of what is due, without a check.
func (f *wasmFunc) settle(keep int) {
	if f.due <= keep {
		return
	}
	b := f.appendFuel(f.out)
	b = append(appendS32(append(b, opI32Const), int32(f.due-keep)), opI32Sub)
	f.out = f.appendSetFuel(b)
	f.due = keep
}

// depthOf turns a label's depth in the module into that in the rewritten code.
func (f *wasmFunc) depthOf(d uint32) uint32 {
	if uint64(d) >= uint64(len(f.labels)) {
		return 0 // branch has said what is wrong
	}
	return f.nest - f.labels[len(f.labels)-1-int(d)].at
}

// branch lets the code pay what it must before it may branch to the labels at
// depths.
func (f *wasmFunc) branch(depths ...uint32) {
	for _, d := range depths {
		if uint64(d) >= uint64(len(f.labels)) {
			f.r.fail("branch to label %d of %d", d, len(f.labels))
			return
		}
		i := len(f.labels) - 1 - int(d)
		switch l := &f.labels[i]; {
		case i == 0 && f.loops:
			f.settle(0)
			f.flush()
		case l.loop:
			f.settle(0)
		case f.due > l.entry.due+slack:
			f.settle(l.entry.due)
		}
	}
	// Only now is known what remains due.
	for _, d := range depths {
		if l := &f.labels[len(f.labels)-1-int(d)]; !l.loop {
			l.most, l.joined = l.most.max(f.path), true
		}
	}
}

// loop writes the begin of a loop, and all of one that is small. A check inside
// that calls the host would have the compiler keep every value of the loop in
// memory. So the loop is put into another one, which calls the host and begins
// the inner one again:
//
//	loop                       ;; once, and after each slice
//	  if fuel < 0: fuel = yield()
//	  loop                     ;; the module's
//	    br_if fuel < 0 to the outer loop
//
// At the begin of a loop there is nothing on the stack but its parameters, which
// the outer loop has as well, and all branches to it have paid.
func (f *wasmFunc) loop(in instruction) {
	f.loops = true
	f.owe(in.cost)
	if f.unroll(in) {
		return
	}
	f.settle(0)
	f.out = append(f.out, in.bytes...)
	f.out = f.appendYield(appendU32(append(f.out, opLocalGet), f.fuelLocal()))
	f.out = append(f.out, in.bytes...)
	f.out = appendU32(append(f.out, opLocalGet), f.fuelLocal())
	f.out = append(f.out, opI32Const, 0, opI32LtS, opBrIf, 1)
	f.nest += 2
	f.path = path{}
	f.labels = append(f.labels, label{loop: true, double: true, at: f.nest})
}

// unroll writes all of a small loop, with its body several times over and one
// check for as many rounds. Those rounds are paid for where the loop is entered,
// and again where they are over.
func (f *wasmFunc) unroll(in instruction) bool {
	body, last, cost := smallLoop(in, f.r.b)
	if body == nil {
		return false
	}
	rest := f.r.b[len(body)+len(last.bytes):]
	f.owe(cost * unrollTimes)
	f.settle(0)
	f.out = append(f.out, in.bytes...)
	f.nest++
	f.labels = append(f.labels, label{loop: true, at: f.nest})
	f.path, f.paid = path{}, true
	for range unrollTimes {
		f.r.b = body
		for len(f.r.b) > 0 && f.r.err == nil {
			f.emit(decode(f.r))
		}
		if last.op == opBrIf { // the branch back becomes one into the next round
			f.out = append(f.out, opIf, blockVoid)
			f.nest++
		}
	}
	f.out = f.appendCharge(f.out, cost*unrollTimes)
	f.out = appendU32(append(f.out, opBr), f.depthOf(0))
	for f.depthOf(0) > 0 {
		f.out = append(f.out, opEnd)
		f.nest--
	}
	f.paid = false
	if f.r.err == nil {
		f.r.b = rest
		f.emit(decode(f.r)) // the loop's end
	}
	return true
}

// smallLoop returns the body of a loop that can be unrolled, the branch back at
// its end, and its cost; nil for another. Such a loop has neither parameters nor
// results, nothing in it runs long, and nothing but its end branches back.
func smallLoop(in instruction, b []byte) (body []byte, last instruction, cost int) {
	if len(in.bytes) != 2 || in.bytes[1] != blockVoid {
		return nil, last, 0
	}
	r := &wasmReader{b: b}
	lastAt, depth, back := 0, 0, 0
	for range unrollMost {
		at := len(b) - len(r.b)
		in := decode(r)
		if r.err != nil || in.length {
			return nil, last, 0
		}
		switch in.op {
		case opLoop, opCall, opCallIndirect, opMemoryGrow, opRefFunc:
			return nil, last, 0
		case opBlock, opIf:
			depth++
		case opEnd:
			depth--
		}
		for _, d := range in.depths {
			if int(d) == depth {
				back++
			}
		}
		if depth < 0 {
			if back != 1 || (last.op != opBr && last.op != opBrIf) || last.depths[0] != 0 {
				return nil, last, 0
			}
			return b[:lastAt], last, cost
		}
		cost += in.cost
		last, lastAt = in, at
	}
	return nil, last, 0
}

// end ends a label.
func (f *wasmFunc) end(in instruction) {
	l := &f.labels[len(f.labels)-1]
	if l.open { // an if without else: the path that skips it
		l.most, l.joined = l.most.max(l.entry), true
	}
	if l.joined {
		if f.due > l.most.due+slack {
			f.settle(l.most.due)
		}
		f.path = f.path.max(l.most)
	}
	if len(f.labels) == 1 && f.loops {
		f.settle(0)
		f.flush()
	}
	f.out = append(f.out, in.bytes...)
	if l.double {
		f.out = append(f.out, in.bytes...)
		f.nest--
	}
	f.nest--
	f.labels = f.labels[:len(f.labels)-1]
}

func (f *wasmFunc) beforeCall() {
	f.calls = true
	if f.loops {
		f.settle(0)
		f.flush()
	}
	f.out = appendU32(append(f.out, opLocalGet), f.depthLocal())
	f.out = appendU32(append(f.out, opGlobalSet), f.m.depthIndex())
}

func (f *wasmFunc) afterCall() {
	f.run += callRun
	if f.loops {
		f.out = appendU32(append(f.out, opGlobalGet), f.m.fuelIndex())
		f.out = appendU32(append(f.out, opLocalSet), f.fuelLocal())
	}
}

// flush brings the fuel from the local to the global.
func (f *wasmFunc) flush() {
	f.out = appendU32(append(f.out, opLocalGet), f.fuelLocal())
	f.out = appendU32(append(f.out, opGlobalSet), f.m.fuelIndex())
}

// appendEntry is what goes before a function's first instruction. In a function
// without loops all that remained due is paid here, so that it has one check, or
// none where it calls no other: it cannot run longer than chunk without one, and
// callRun has its callers check in time.
func (f *wasmFunc) appendEntry(b []byte) []byte {
	if f.calls {
		weight := min(maxDepth, 16+int(f.temp)+f.count/8)
		b = f.appendDepthCheck(b, int32(weight))
	}
	if f.loops {
		b = appendU32(append(b, opGlobalGet), f.m.fuelIndex())
		b = appendU32(append(b, opLocalSet), f.fuelLocal())
	}
	if f.calls {
		return f.appendCharge(b, f.due+1)
	}
	b = append(appendS32(append(f.appendFuel(b), opI32Const), int32(f.due+1)), opI32Sub)
	return f.appendSetFuel(b)
}

// appendDepthCheck takes weight off the depth that the caller left and keeps the
// rest in a local.
func (f *wasmFunc) appendDepthCheck(b []byte, weight int32) []byte {
	b = appendU32(append(b, opGlobalGet), f.m.depthIndex())
	b = append(appendS32(append(b, opI32Const), weight), opI32Sub)
	b = appendU32(append(b, opLocalTee), f.depthLocal())
	b = append(b, opI32Const, 0, opI32GeS, opIf, blockVoid, opElse, opI32Const, whyDepth)
	b = appendU32(append(b, opCall), f.m.yieldFunc())
	return append(b, opDrop, opEnd)
}

func (f *wasmFunc) appendFuel(b []byte) []byte {
	if f.loops {
		return appendU32(append(b, opLocalGet), f.fuelLocal())
	}
	return appendU32(append(b, opGlobalGet), f.m.fuelIndex())
}

func (f *wasmFunc) appendSetFuel(b []byte) []byte {
	if f.loops {
		return appendU32(append(b, opLocalSet), f.fuelLocal())
	}
	return appendU32(append(b, opGlobalSet), f.m.fuelIndex())
}

// appendCharge takes n off the fuel and calls the host where that leaves less
// than nothing.
func (f *wasmFunc) appendCharge(b []byte, n int) []byte {
	b = f.appendFuel(b)
	b = appendS32(append(b, opI32Const), int32(n))
	return f.appendTake(b)
}

// appendTake ends a charge: fuel and what to take off it are on the stack.
func (f *wasmFunc) appendTake(b []byte) []byte {
	b = appendU32(append(b, opI32Sub, opLocalTee), f.fuelLocal())
	if !f.loops {
		b = appendU32(append(b, opGlobalSet), f.m.fuelIndex())
		b = appendU32(append(b, opLocalGet), f.fuelLocal())
	}
	return f.appendYield(b)
}

// appendYield calls the host where the fuel on the stack is less than nothing.
// The call stands in the else: the compiler lets code that follows keep its
// values where the first arm had them.
func (f *wasmFunc) appendYield(b []byte) []byte {
	b = append(b, opI32Const, 0, opI32GeS, opIf, blockVoid, opElse, opI32Const, whyFuel)
	b = appendU32(append(b, opCall), f.m.yieldFunc())
	return append(f.appendSetFuel(b), opEnd)
}
