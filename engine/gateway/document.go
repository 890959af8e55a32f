package gateway

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// Limits on JSON that goes to policy as it is. Rego computes with numbers of any
// length: one of a million digits, or 1e999999999, would cost more than the rest
// of the evaluation.
const (
	maxDocumentDepth = 128
	maxNumberBytes   = 64
)

// member is a member of an object, its value a part of the object's text.
type member struct {
	name  string
	value jsontext.Value
	at    int // where the value begins
}

// members are those of a document's top-level object.
type members []member

// get is a member's value, nil where there is none.
func (m members) get(name string) jsontext.Value { return m.find(name).value }

// find is a member, the zero one where there is none.
func (m members) find(name string) member {
	for i := range m {
		if m[i].name == name {
			return m[i]
		}
	}
	return member{}
}

// readDocument checks a JSON text that policy will read whole, and returns the
// members of its top-level object.
func readDocument(raw []byte) (members, *engine.RequestError) {
	var all members
	if rerr := walkDocument(raw, &all); rerr != nil {
		return nil, rerr
	}
	if jsontext.Value(raw).Kind() != '{' {
		return nil, malformed("", "is of the wrong type")
	}
	return all, nil
}

// checkDocument lets through one JSON value with names given once, valid UTF-8,
// no deeper than policy can be expected to walk, and without absurd numbers.
func checkDocument(raw []byte) *engine.RequestError { return walkDocument(raw, nil) }

// documentReader is a decoder and the buffer it reads in place.
type documentReader struct {
	decoder jsontext.Decoder
	text    bytes.Buffer
}

var documentReaders = sync.Pool{New: func() any { return new(documentReader) }}

// walkDocument is checkDocument, and gathers the members of the top-level object.
func walkDocument(raw []byte, all *members) *engine.RequestError {
	r := documentReaders.Get().(*documentReader)
	defer func() {
		r.text = bytes.Buffer{} // a pool is no place for what clients send
		r.decoder.Reset(&r.text)
		documentReaders.Put(r)
	}()
	r.text = *bytes.NewBuffer(raw)
	d := &r.decoder
	d.Reset(&r.text)
	from := int64(0) // where the value of the member read last begins
	for {
		var t jsontext.Token
		var err error
		if d.PeekKind() == '0' {
			var number jsontext.Value
			if number, err = d.ReadValue(); err == nil {
				if rerr := checkNumber(number); rerr != nil {
					return rerr
				}
			}
		} else {
			t, err = d.ReadToken()
		}
		switch {
		case errors.Is(err, io.EOF):
			return malformed("", "is no JSON: there is nothing in it")
		case err != nil:
			return wire.DocumentError(err)
		case d.StackDepth() > maxDocumentDepth:
			return malformed("", "nests deeper than "+strconv.Itoa(maxDocumentDepth)+" levels")
		case d.StackDepth() == 1 && all != nil:
			switch kind, n := d.StackIndex(1); {
			case kind != '{' || n == 0:
			case n%2 == 1:
				*all = append(*all, member{name: t.String()})
				from = d.InputOffset()
			default:
				m, end := &(*all)[len(*all)-1], int(d.InputOffset())
				m.value = bytes.TrimLeft(raw[from:end], ": \t\r\n")
				m.at = end - len(m.value)
			}
		}
		if d.StackDepth() == 0 {
			break
		}
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return malformed("", "holds more than one JSON value")
	}
	return nil
}

// checkNumber refuses numbers that no float64 holds, and long ones.
func checkNumber(n jsontext.Value) *engine.RequestError {
	if len(n) > maxNumberBytes {
		return malformed("", "holds a number of more than "+strconv.Itoa(maxNumberBytes)+" characters")
	}
	at := bytes.IndexAny(n, "eE")
	if at < 0 {
		return nil // of so few digits, any is in range
	}
	if f, err := strconv.ParseFloat(string(n), 64); err != nil || f == 0 && bytes.ContainsAny(n[:at], "123456789") {
		return malformed("", "holds a number that is out of range")
	}
	return nil
}

// flag is a query parameter that is on where it has no value or "true", as in OPA.
func flag(ctx *fasthttp.RequestCtx, name string) bool {
	values := ctx.QueryArgs().PeekMulti(name)
	if len(values) == 1 && len(values[0]) == 0 {
		return true
	}
	for _, v := range values {
		if bytes.EqualFold(v, []byte("true")) {
			return true
		}
	}
	return false
}
