package record

import (
	"encoding/json"
	"iter"

	"github.com/sallyport-ai/sallyport/engine"
)

// Latest yields the inputs of the newest n decisions whose inputs were kept, in
// order. Each is its receiver's. It may run while another process writes; of a log
// that is not there or cannot be read it yields what could be read.
func Latest(dir string, n int) iter.Seq[*engine.Input] {
	return func(yield func(*engine.Input) bool) {
		d := segmentFolder(dir)
		firsts, err := d.list()
		if err != nil || len(firsts) == 0 {
			return
		}
		// Numbers are dense, and a decision leaves two or three records.
		last := firsts[len(firsts)-1]
		if err := Scan(dir, last, func(seq uint64, _ []byte) error { last = seq; return nil }); err != nil {
			return
		}
		from := uint64(firstSeq)
		if back := uint64(3 * n); last > from+back {
			from = last - back
		}
		var kept []*engine.Input
		// What was read before an error is good.
		_ = Scan(dir, from, func(_ uint64, raw []byte) error {
			var r struct {
				Kind  string        `json:"kind"`
				Input *engine.Input `json:"input"`
			}
			if json.Unmarshal(raw, &r) == nil && r.Kind == engine.RecordDecision && r.Input != nil {
				kept = append(kept, r.Input)
			}
			return nil
		})
		for _, in := range kept[max(0, len(kept)-n):] {
			if !yield(in) {
				return
			}
		}
	}
}
