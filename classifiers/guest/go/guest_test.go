package guest

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrings(t *testing.T) {
	for _, config := range []string{
		`{}`, `{"words":[]}`, `{"words":["one","two"]}`, `{"words":"one"}`, `{"words":7}`, `{"words":null,"x":"y"}`,
		`{"other":["no",{"words":["inner"]}],"words":["a"]}`,
		"{ \"x\" : { \"words\" : [ 1 , 2.5e3 ] } ,\n\t\"words\" : [ \"a\" , 1 , [ \"no\" , \"]\" ] , { \"b\" : \"no}\" } , true , \"c\" ] }",
		`{"words":["\"\\\/\b\f\n\r\t","é\u00e9\u20AC\ud83d\ude00","","{[,]}"]}`,
		`{"wo\u0072ds":["escaped name"]}`,
		`{"n":-1.5e-3,"f":false,"words":["after"]}`,
		`{"words":["x"],"last":{"a":[]}}`,
	} {
		var all map[string]any
		if err := json.Unmarshal([]byte(config), &all); err != nil {
			t.Fatal(config, err)
		}
		var want []string
		switch v := all["words"].(type) {
		case string:
			want = append(want, v)
		case []any:
			for _, x := range v {
				if s, ok := x.(string); ok {
					want = append(want, s)
				}
			}
		}
		if d := cmp.Diff(want, Strings([]byte(config), "words")); d != "" {
			t.Errorf("%s: %s", config, d)
		}
	}
}

// Whatever it is given, Strings ends.
func FuzzStrings(f *testing.F) {
	for _, s := range []string{`{"words":["a"]}`, `{"words":[`, `{"words":["\u`, `[]`, `{"a":}`, `{"words":[}`, `{"a":]}`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) { Strings(b, "words") })
}

func TestClassify(t *testing.T) {
	scan := func(t Text, r *Report) {
		r.Find(t, 0, len(t.Value), t.Index, 0.5)
		if t.Index == 1 {
			r.Score(0, 1)
		}
	}
	got := Classify(scan, Text{Value: "a"}, Text{Value: "bc"})
	want := &Report{
		Findings: []Finding{{0, 0, 1, 0, 0.5}, {1, 0, 2, 1, 0.5}},
		Scores:   []Score{{0, 1}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestMaxFindings(t *testing.T) {
	r := &Report{}
	for range MaxFindings {
		r.Find(Text{}, 0, 1, 0, 1)
	}
	if r.Truncated {
		t.Error("truncated before it is full")
	}
	r.Find(Text{}, 0, 1, 0, 1)
	if !r.Truncated || len(r.Findings) != MaxFindings {
		t.Errorf("%d findings, truncated %v", len(r.Findings), r.Truncated)
	}
}
