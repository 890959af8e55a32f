// A classifier that does all that one must not do, each on a text of its own; none
// of it with the config {"behave": "yes"}.
package main

import (
	"math"
	"strings"

	guest "github.com/sallyport-ai/sallyport/classifiers/guest/go"
)

var _ = guest.ExportConfigured(
	`{"name":"misbehave","version":"1","kinds":["CODE_WORD"],"scores":[],"independent":true}`,
	func(config []byte) (guest.Scan, error) {
		if len(guest.Strings(config, "behave")) > 0 {
			return behave, nil
		}
		return misbehave, nil
	})

func main() {}

var (
	calls int
	seen  bool
	kept  [][]byte
	sink  int
)

func behave(t guest.Text, r *guest.Report) {
	if i := strings.Index(t.Value, "bluebird"); i >= 0 {
		r.Find(t, i, i+8, 0, 0.9)
	}
}

func misbehave(t guest.Text, r *guest.Report) {
	switch {
	case t.Value == "\x01":
		r.Find(t, 0, 2, 0, 1) // beyond the end
	case t.Value == "\x02":
		r.Find(t, 0, 1, 0, float32(math.NaN()))
	case t.Value == "\x03":
		panic("trap")
	case t.Value == "\x04":
		for {
			sink++
		}
	case t.Value == "\x05": // remembers
		if calls++; calls%2 == 0 {
			r.Find(t, 0, 1, 0, 1)
		}
	case t.Value == "\x06":
		seen = true
	case t.Value == "\x07" && seen: // remembers another text
		r.Find(t, 0, 1, 0, 1)
	case strings.HasPrefix(t.Value, "🐦🐦"):
		r.Find(t, 0, 2, 0, 1) // cuts a character
	case strings.HasPrefix(t.Value, "aa"): // quadratic
		for range len(t.Value) * len(t.Value) / (1 << 16) {
			sink++
		}
	case len(t.Value) > 8000 && len(t.Value) <= 8192: // grows, and goes on
		size := 64 << 10
		if kept == nil {
			size = 8 << 20
		}
		kept = append(kept, make([]byte, size))
	case t.Index == 1 && t.Value != "": // looks at what stands around it
		r.Find(t, 0, len(t.Value), 0, 1)
	}
}
