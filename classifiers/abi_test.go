package classifiers

import (
	"encoding/binary"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// TestRequestBytes is the example of README.md, byte by byte.
func TestRequestBytes(t *testing.T) {
	texts := []*engine.Text{
		{Role: engine.RoleSystem, Kind: engine.KindText, Message: 0, Value: "Be kind."},
		{Role: engine.RoleTool, Kind: engine.KindToolDefinition, Message: -1, Value: "é"},
	}
	want := []byte{
		'S', 'P', 'Q', '1', 0, 0, 0, 0, 2, 0, 0, 0, 10, 0, 0, 0,
		0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		8, 0, 0, 0, 2, 0, 0, 0, 3, 0, 3, 0, 0xff, 0xff, 0xff, 0xff,
		'B', 'e', ' ', 'k', 'i', 'n', 'd', '.', 0xc3, 0xa9,
	}
	n, ok := requestSize(texts)
	if !ok || n != len(want) {
		t.Fatalf("size %d, want %d", n, len(want))
	}
	got := make([]byte, n)
	putRequest(got, texts)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestResultBytes is the other half of the example.
func TestResultBytes(t *testing.T) {
	b := []byte{
		'S', 'P', 'R', '1', 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0x3f,
		0, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0x33, 0x33, 0x73, 0x3f,
	}
	d := Description{Kinds: []string{"CODE_WORD", "OTHER"}, Scores: []string{"load"}}
	got, err := decodeResult(b, userTexts("Be kind."), "mine", &d)
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Report{
		Findings: []engine.Finding{{Classifier: "mine", Kind: "OTHER", Score: 0.95, Span: engine.Span{Start: 3, End: 7}}},
		Scores:   map[string]float64{"load": 0.5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzDecodeResult: whatever a guest returns, the decoder either refuses it or
// gives a report that is in order.
func FuzzDecodeResult(f *testing.F) {
	d := Description{Kinds: []string{"A", "B"}, Scores: []string{"x", "y"}}
	f.Add([]byte{}, "")
	f.Add(encodeResult(0, nil, nil), "x")
	f.Add(encodeResult(1, []testScore{{0, 0}, {1, 1}}, []testSpan{{0, 0, 1, 0, 0.5}, {1, 0, 2, 1, 1}}), "aé")
	f.Add(binary.LittleEndian.AppendUint64(encodeResult(0, nil, nil)[:8], 0xcccccccc_cccccccc), "é")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		texts := userTexts(validUTF8(text), "é")
		rep, err := decodeResult(b, texts, "n", &d)
		if err != nil {
			if len(rep.Findings)+len(rep.Scores) > 0 {
				t.Error("an error and a report")
			}
			return
		}
		for _, x := range rep.Findings {
			v := texts[x.Text].Value[x.Span.Start:x.Span.End]
			if v == "" || !utf8.ValidString(v) || !(x.Score >= 0 && x.Score <= 1) || x.Kind == "" {
				t.Errorf("finding %+v", x)
			}
		}
		for _, v := range rep.Scores {
			if !(v >= 0 && v <= 1) {
				t.Errorf("score %v", v)
			}
		}
	})
}
