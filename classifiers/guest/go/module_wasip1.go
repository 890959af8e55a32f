package guest

import (
	"encoding/binary"
	"math"
	"unsafe"
)

const (
	requestMagic = 0x31515053 // "SPQ1"
	resultMagic  = 0x31525053 // "SPR1"

	badRequest = -2
)

// What the host and the module hand each other.
var (
	arena  []byte
	report Report
	result []byte
)

//go:wasmexport sp_abi_1
func abi() int32 { return 0 }

//go:wasmexport sp_describe
func describe() int64 {
	return packed(unsafe.Pointer(unsafe.StringData(module.description)), len(module.description))
}

//go:wasmexport sp_alloc
func alloc(n int32) int32 {
	arena = make([]byte, max(n, 1))
	return int32(uintptr(unsafe.Pointer(&arena[0])))
}

//go:wasmexport sp_configure
func configure(_, n int32) int32 {
	if module.configure == nil || int(n) > len(arena) {
		return badRequest
	}
	scan, err := module.configure(arena[:n:n])
	if err != nil {
		return 1
	}
	module.scan = scan
	return 0
}

// classify finds the request where alloc put it: the host writes nowhere else.
//
//go:wasmexport sp_classify
func classify(_, n int32) int64 {
	if int(n) > len(arena) || n < 16 {
		return badRequest
	}
	le, req := binary.LittleEndian, arena[:n]
	texts, size := uint64(le.Uint32(req[8:])), uint64(le.Uint32(req[12:]))
	if le.Uint32(req) != requestMagic || 16+16*texts+size != uint64(n) {
		return badRequest
	}
	report.Findings, report.Scores, report.Truncated = report.Findings[:0], report.Scores[:0], false
	run := req[16+16*texts:]
	for i := range int(texts) {
		s := req[16+16*i:]
		from, length := uint64(le.Uint32(s)), uint64(le.Uint32(s[4:]))
		if from+length > size {
			return badRequest
		}
		value := run[from : from+length]
		module.scan(Text{
			Value: unsafe.String(unsafe.SliceData(value), len(value)),
			Index: i, Message: le.Uint32(s[12:]), Role: le.Uint16(s[8:]), Kind: le.Uint16(s[10:]),
		}, &report)
	}
	result = report.encode(result[:0])
	return packed(unsafe.Pointer(&result[0]), len(result))
}

func (r *Report) encode(b []byte) []byte {
	le := binary.LittleEndian
	flags := uint32(0)
	if r.Truncated {
		flags = 1
	}
	b = le.AppendUint32(b, resultMagic)
	b = le.AppendUint32(b, flags)
	b = le.AppendUint32(b, uint32(len(r.Scores)))
	b = le.AppendUint32(b, uint32(len(r.Findings)))
	for _, s := range r.Scores {
		b = le.AppendUint32(b, uint32(uint16(s.ID)))
		b = le.AppendUint32(b, math.Float32bits(s.Value))
	}
	for _, f := range r.Findings {
		b = le.AppendUint32(b, uint32(f.Text))
		b = le.AppendUint32(b, uint32(f.Start))
		b = le.AppendUint32(b, uint32(f.End))
		b = le.AppendUint32(b, uint32(uint16(f.Kind)))
		b = le.AppendUint32(b, math.Float32bits(f.Score))
	}
	return b
}

func packed(p unsafe.Pointer, n int) int64 { return int64(uintptr(p))<<32 | int64(n) }
