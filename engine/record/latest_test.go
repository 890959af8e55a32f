package record

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestLatest(t *testing.T) {
	dir := t.TempDir()
	if got := slices.Collect(Latest(dir, 3)); got != nil {
		t.Errorf("an empty folder: %v", got)
	}
	l := openLog(t, Config{Dir: dir, SegmentBytes: 4096})
	for n := range 40 {
		r := sampleDecision(n)
		in := engine.Input{}
		if err := json.Unmarshal(r.Input, &in); err != nil {
			t.Fatal(err)
		}
		in.Request.Messages = n
		var err error
		if r.Input, err = json.Marshal(&in); err != nil {
			t.Fatal(err)
		}
		seq, err := l.Record(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Record(t.Context(), sampleOutcome(n, seq)); err != nil {
			t.Fatal(err)
		}
	}
	var got []int
	for in := range Latest(dir, 5) {
		got = append(got, in.Request.Messages)
	}
	if !slices.Equal(got, []int{35, 36, 37, 38, 39}) {
		t.Errorf("%v", got)
	}
	for range Latest(dir, 5) {
		break
	}
	if n := len(slices.Collect(Latest(dir, 1000))); n != 40 {
		t.Errorf("%d", n)
	}
}
