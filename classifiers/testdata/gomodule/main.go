// Command gomodule is a classifier in Go without a kit, for the benchmark of
// metering: it finds runs of 13 digits and more.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o go.wasm .
package main

import (
	"encoding/binary"
	"unsafe"
)

const description = `{"name":"go","version":"1","kinds":["NUMBER"],"scores":[]}`

var (
	arena  []byte
	result []byte
)

func packed(b []byte) int64 {
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | int64(len(b))
}

//go:wasmexport sp_abi_1
func version() int32 { return 0 }

//go:wasmexport sp_describe
func describe() int64 { return packed([]byte(description)) }

//go:wasmexport sp_configure
func configure(_, _ int32) int32 { return 0 }

//go:wasmexport sp_alloc
func alloc(n int32) int32 {
	arena = make([]byte, max(n, 1))
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(arena))))
}

//go:wasmexport sp_classify
func classify(_, n int32) int64 {
	le := binary.LittleEndian
	req := arena[:n]
	texts := le.Uint32(req[8:])
	run := req[16+16*texts:]
	result = append(result[:0], "SPR1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	found := uint32(0)
	for i := range texts {
		head := req[16+16*i:]
		text := run[le.Uint32(head):][:le.Uint32(head[4:])]
		digits := 0
		for at, c := range text {
			if c-'0' < 10 {
				digits++
				continue
			}
			if digits >= 13 {
				found++
				result = le.AppendUint32(result, i)
				result = le.AppendUint32(result, uint32(at-digits))
				result = le.AppendUint32(result, uint32(at))
				result = le.AppendUint32(result, 0)
				result = le.AppendUint32(result, 0x3f000000)
			}
			digits = 0
		}
	}
	le.PutUint32(result[12:], found)
	return packed(result)
}

func main() {}
