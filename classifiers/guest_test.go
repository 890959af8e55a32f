package classifiers

import (
	"encoding/binary"
	"math"
	"strings"
)

// testGuest assembles small modules. Its zero value is a classifier that finds
// nothing; each field makes it behave in one way that a hostile or broken one
// may.
type testGuest struct {
	describe   string // "": one kind, one score
	describeAt int64  // where sp_describe says it is; 0: where it is
	result     []byte // what sp_classify returns; nil: an empty result
	packed     *int64 // returned instead of where the result stands
	classify   []byte // instructions that run first in sp_classify
	alloc      []byte // instructions that give sp_alloc's result; nil: a fixed address
	config     int32  // what sp_configure returns
	start      []byte // instructions of a start function
	helpers    [][]byte
	imports    []testImport
	memory     []byte // limits; nil: 2 pages, no maximum
	without    string // an export to leave out
	globals    []byte // of the module: a vector
	table      bool   // a table of two
	extra      []byte // a section to put at the end
}

type testImport struct {
	module, name string
	typ          byte // 0: (i32,i32,i32)->(), 1: ()->()
}

const (
	testDescription = `{"name":"test","version":"1","kinds":["CODE_WORD","OTHER"],"scores":["load"]}`

	describeAt = 1024
	resultAt   = 8192
	arenaAt    = 65536
)

// Type indexes of a testGuest.
const (
	typeLog      = iota // (i32,i32,i32)->()
	typeNone            // ()->()
	typeABI             // ()->i32
	typeDescribe        // ()->i64
	typeTwo             // (i32,i32)->i32
	typeOne             // i32->i32
	typeClassify        // (i32,i32)->i64
)

func section(id byte, body ...byte) []byte {
	return append(appendU32([]byte{id}, uint32(len(body))), body...)
}

func vector(items ...[]byte) []byte {
	out := appendU32(nil, uint32(len(items)))
	for _, it := range items {
		out = append(out, it...)
	}
	return out
}

// body is a function without locals beyond its parameters.
func body(instructions ...byte) []byte {
	b := append([]byte{0}, instructions...)
	b = append(b, opEnd)
	return append(appendU32(nil, uint32(len(b))), b...)
}

func i32Const(v int32) []byte { return appendS32([]byte{opI32Const}, v) }

func i64Const(v int64) []byte {
	b := []byte{opI64Const}
	for v < -64 || v > 63 {
		b = append(b, byte(v&0x7f)|0x80)
		v >>= 7
	}
	return append(b, byte(v&0x7f))
}

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// helper is the index of the i-th helper function.
func (g testGuest) helper(i int) uint32 { return uint32(len(g.imports) + 5 + i) }

func (g testGuest) module() []byte {
	describe, result := g.describe, g.result
	if describe == "" {
		describe = testDescription
	}
	if result == nil {
		result = encodeResult(0, nil, nil)
	}
	at := int64(describeAt)
	if g.describeAt != 0 {
		at = g.describeAt
	}
	packed := int64(resultAt)<<32 | int64(len(result))
	if g.packed != nil {
		packed = *g.packed
	}
	alloc, memory := g.alloc, g.memory
	if alloc == nil {
		alloc = i32Const(arenaAt)
	}
	if memory == nil {
		memory = []byte{0, 2}
	}
	i32, i64 := byte(typeI32), byte(0x7e)
	types := vector(
		[]byte{0x60, 3, i32, i32, i32, 0}, []byte{0x60, 0, 0}, []byte{0x60, 0, 1, i32}, []byte{0x60, 0, 1, i64},
		[]byte{0x60, 2, i32, i32, 1, i32}, []byte{0x60, 1, i32, 1, i32}, []byte{0x60, 2, i32, i32, 1, i64})
	imports := appendU32(nil, uint32(len(g.imports)))
	for _, im := range g.imports {
		imports = append(appendName(appendName(imports, im.module), im.name), 0, im.typ)
	}
	funcs := [][]byte{{typeABI}, {typeDescribe}, {typeTwo}, {typeOne}, {typeClassify}}
	codes := [][]byte{
		body(i32Const(0)...),
		body(i64Const(at<<32 | int64(len(describe)))...),
		body(i32Const(g.config)...),
		body(alloc...),
		body(cat(g.classify, i64Const(packed))...),
	}
	for _, h := range g.helpers {
		funcs, codes = append(funcs, []byte{typeNone}), append(codes, body(h...))
	}
	if g.start != nil {
		funcs, codes = append(funcs, []byte{typeNone}), append(codes, body(g.start...))
	}
	var exports [][]byte
	base := uint32(len(g.imports))
	for i, name := range []string{exportABI, exportDescribe, exportConfigure, exportAlloc, exportClassify} {
		if name != g.without {
			exports = append(exports, appendU32(append(appendName(nil, name), 0), base+uint32(i)))
		}
	}
	if g.without != exportMemory {
		exports = append(exports, append(appendName(nil, exportMemory), 2, 0))
	}
	data := func(at int32, b []byte) []byte {
		return cat([]byte{0}, i32Const(at), []byte{opEnd}, appendU32(nil, uint32(len(b))), b)
	}
	out := cat(wasmHeader, section(secType, types...), section(secImport, imports...),
		section(secFunction, vector(funcs...)...))
	if g.table {
		out = append(out, section(secTable, 1, 0x70, 0, 2)...)
	}
	out = append(out, section(secMemory, cat([]byte{1}, memory)...)...)
	if g.globals != nil {
		out = append(out, section(secGlobal, g.globals...)...)
	}
	out = append(out, section(secExport, vector(exports...)...)...)
	if g.start != nil {
		out = append(out, section(secStart, appendU32(nil, base+uint32(len(funcs)-1))...)...)
	}
	return cat(out, section(secCode, vector(codes...)...),
		section(secData, vector(data(describeAt, []byte(describe)), data(resultAt, result))...), g.extra)
}

type testScore struct {
	id    uint16
	value float32
}

type testSpan struct {
	text, start, end uint32
	kind             uint16
	score            float32
}

func encodeResult(flags uint32, scores []testScore, spans []testSpan) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, resultMagic)
	b = le.AppendUint32(b, flags)
	b = le.AppendUint32(b, uint32(len(scores)))
	b = le.AppendUint32(b, uint32(len(spans)))
	for _, s := range scores {
		b = le.AppendUint16(b, s.id)
		b = le.AppendUint16(b, 0)
		b = le.AppendUint32(b, math.Float32bits(s.value))
	}
	for _, s := range spans {
		b = le.AppendUint32(b, s.text)
		b = le.AppendUint32(b, s.start)
		b = le.AppendUint32(b, s.end)
		b = le.AppendUint16(b, s.kind)
		b = le.AppendUint16(b, 0)
		b = le.AppendUint32(b, math.Float32bits(s.score))
	}
	return b
}

// validUTF8 is s as an engine.Text may hold it.
func validUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
