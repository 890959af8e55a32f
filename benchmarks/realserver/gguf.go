package realserver

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Types of GGUF metadata values and tensors, as its specification numbers them
// (ggml-org/ggml, docs/gguf.md, version 3).
const (
	ggufU32    = 4
	ggufI32    = 5
	ggufF32    = 6
	ggufBool   = 7
	ggufString = 8
	ggufArray  = 9

	tensorF32 = 0
	tensorF16 = 1

	ggufAlignment = 32
)

type entry struct {
	key   string
	value any // string, uint32, float32, bool, []string, []float32 or []int32
}

// tensor is a matrix of zeros but for ones, row by row; a vector has one
// dimension and is stored as 32-bit floats, a matrix as 16-bit ones.
type tensor struct {
	name string
	dims []uint64 // GGUF order: the fastest-moving dimension first
	ones []int    // indexes of the elements that are 1
}

func (t *tensor) size() (elements, bytes int) {
	elements = 1
	for _, d := range t.dims {
		elements *= int(d)
	}
	if len(t.dims) == 1 {
		return elements, 4 * elements
	}
	return elements, 2 * elements
}

// writeGGUF writes a model file.
func writeGGUF(w io.Writer, meta []entry, tensors []tensor) error {
	var head bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if s, ok := v.(string); ok {
				binary.Write(&head, binary.LittleEndian, uint64(len(s)))
				head.WriteString(s)
				continue
			}
			binary.Write(&head, binary.LittleEndian, v)
		}
	}
	head.WriteString("GGUF")
	put(uint32(3), uint64(len(tensors)), uint64(len(meta)))
	for _, e := range meta {
		put(e.key)
		switch v := e.value.(type) {
		case string:
			put(uint32(ggufString), v)
		case uint32:
			put(uint32(ggufU32), v)
		case float32:
			put(uint32(ggufF32), v)
		case bool:
			put(uint32(ggufBool), v)
		case []string:
			put(uint32(ggufArray), uint32(ggufString), uint64(len(v)))
			for _, s := range v {
				put(s)
			}
		case []float32:
			put(uint32(ggufArray), uint32(ggufF32), uint64(len(v)), v)
		case []int32:
			put(uint32(ggufArray), uint32(ggufI32), uint64(len(v)), v)
		default:
			return fmt.Errorf("write metadata %q: no GGUF type for %T", e.key, v)
		}
	}
	offset := 0
	for i := range tensors {
		t := &tensors[i]
		kind := uint32(tensorF16)
		if len(t.dims) == 1 {
			kind = tensorF32
		}
		put(t.name, uint32(len(t.dims)), t.dims, kind, uint64(offset))
		_, size := t.size()
		offset = align(offset + size)
	}
	head.Write(make([]byte, align(head.Len())-head.Len()))

	out := bufio.NewWriter(w)
	if _, err := out.Write(head.Bytes()); err != nil {
		return err
	}
	for i := range tensors {
		t := &tensors[i]
		elements, size := t.size()
		data := make([]byte, align(size))
		width := size / elements
		for _, at := range t.ones {
			if width == 4 {
				binary.LittleEndian.PutUint32(data[4*at:], 0x3F800000) // 1 as IEEE 754 binary32
			} else {
				binary.LittleEndian.PutUint16(data[2*at:], 0x3C00) // 1 as binary16
			}
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	return out.Flush()
}

func align(n int) int { return (n + ggufAlignment - 1) &^ (ggufAlignment - 1) }
