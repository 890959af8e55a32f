package gateway

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
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

// readDocument checks a JSON text that policy will read whole, and returns the
// members of its top-level object.
func readDocument(raw []byte) (map[string]jsontext.Value, *engine.RequestError) {
	if rerr := checkDocument(raw); rerr != nil {
		return nil, rerr
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, wire.DocumentError(err)
	}
	return members, nil
}

// checkDocument lets through one JSON value with names given once, valid UTF-8,
// no deeper than policy can be expected to walk, and without absurd numbers.
func checkDocument(raw []byte) *engine.RequestError {
	d := jsontext.NewDecoder(bytes.NewBuffer(raw))
	for {
		t, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return malformed("", "is no JSON: there is nothing in it")
		case err != nil:
			return wire.DocumentError(err)
		case d.StackDepth() > maxDocumentDepth:
			return malformed("", "nests deeper than "+strconv.Itoa(maxDocumentDepth)+" levels")
		case t.Kind() == '0':
			if n := t.String(); len(n) > maxNumberBytes {
				return malformed("", "holds a number of more than "+strconv.Itoa(maxNumberBytes)+" characters")
			} else if f, err := strconv.ParseFloat(n, 64); err != nil || f == 0 && strings.ContainsAny(strings.FieldsFunc(n, exponent)[0], "123456789") {
				return malformed("", "holds a number that is out of range")
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

func exponent(r rune) bool { return r == 'e' || r == 'E' }

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
