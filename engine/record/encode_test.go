package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// stored is the payload that a record has on disk under the number seq.
func stored(t testing.TB, r *engine.Record, seq uint64) []byte {
	t.Helper()
	e, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	e.seq = seq
	return appendFrame(nil, e, false)[headerBytes:]
}

func TestEncodeIsCanonicalAndComplete(t *testing.T) {
	hostile := `,"seq":0} \",\"seq\":0,` + "\u2028\x00\x7f<&>\U0001F600"
	spoof := small(1)
	spoof.DecisionID, spoof.Target, spoof.TraceID, spoof.Verdict = hostile, hostile, hostile, hostile
	spoof.Input = json.RawMessage(`{"seq":0,"a":{"seq":0,"b":[1,"x"]},"seq2":0}`)
	spoof.Decision = json.RawMessage(`{"z":1,"seq":0}`)
	spoof.Texts = []engine.RecordText{{Role: "user", Part: "text", Text: hostile}}
	spoof.Excluded = map[string][]engine.Reason{"seq": {{Code: "x"}}, "t": nil}
	for name, r := range map[string]*engine.Record{"decision": sampleDecision(7), "outcome": sampleOutcome(7, 12), "spoof": spoof} {
		t.Run(name, func(t *testing.T) {
			const seq = 1234567890123
			raw := stored(t, r, seq)
			want := jsontext.Value(slices.Clone(raw))
			if err := want.Canonicalize(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(raw, want) {
				t.Errorf("not canonical:\n%s\n%s", raw, want)
			}
			var got engine.Record
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if got.Seq != seq {
				t.Errorf("seq %d", got.Seq)
			}
			if r.Input != nil {
				sum := sha256.Sum256(got.Input)
				if got.InputSHA256 != hex.EncodeToString(sum[:]) {
					t.Errorf("input_sha256 %s is not that of the input as it is stored", got.InputSHA256)
				}
			}
			expected := *r
			expected.Seq, expected.InputSHA256 = got.Seq, got.InputSHA256
			raws := cmp.Transformer("json", func(m json.RawMessage) (v any) {
				if len(m) > 0 {
					if err := json.Unmarshal(m, &v); err != nil {
						t.Fatal(err)
					}
				}
				return v
			})
			if diff := cmp.Diff(expected, got, raws); diff != "" {
				t.Errorf("changed on the way (-put +stored):\n%s", diff)
			}
		})
	}
}

func TestEncodeDoesNotChangeTheRecord(t *testing.T) {
	r := sampleDecision(1)
	r.Input = json.RawMessage(`{"b": 1,  "a": 2}`)
	want := string(r.Input)
	stored(t, r, 1)
	if string(r.Input) != want || r.InputSHA256 != "" || r.Seq != 0 {
		t.Errorf("changed: %s %q %d", r.Input, r.InputSHA256, r.Seq)
	}
}

// fill sets every field below v to something, so that a member which is not
// written, or written elsewhere than encoding/json would, shows.
func fill(v reflect.Value, n *int) {
	if !v.CanSet() {
		return
	}
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d \"<é\u2028>\"", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(-*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) * math.Pow(10, float64(*n%60-30)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes(fmt.Appendf(nil, `{"z": 1e2, "\u20ac": [%d], "\ufb33": "<", "\ud83d\ude00": {}, "a": null}`, *n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"b", "a", "\u20ac", "\ufb33", "\U0001F600", "\r", "\"", "aa", ""} {
			elem := reflect.New(v.Type().Elem()).Elem()
			fill(elem, n)
			v.SetMapIndex(reflect.ValueOf(key), elem)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	}
}

// The appenders give what encoding/json and a canonicalisation afterwards give.
func TestEncodeIsMarshalAndCanonicalize(t *testing.T) {
	var full engine.Record
	n := 0
	fill(reflect.ValueOf(&full).Elem(), &n)
	full.Canonical = false
	zeros := engine.Record{Principal: &engine.Principal{}, Request: &engine.InputRequest{}, Policy: &engine.RecordPolicy{},
		Outcome: &engine.RecordOutcomes{}, Gap: &engine.RecordDropped{}, Excluded: map[string][]engine.Reason{"a": nil, "b": {}},
		Plan: []engine.Consideration{{Score: math.Copysign(0, -1)}, {Score: 1e21}, {Score: 1e-7}, {Score: 123456789012345680000}, {Score: 5e-324},
			{Score: math.MaxFloat64}, {Score: 0.1}, {PredictedTTFT: 1 << 53}}}
	for name, r := range map[string]*engine.Record{"full": &full, "zeros": &zeros, "empty": {}, "document": {Document: &engine.Input{}}, "decision": sampleDecision(1), "outcome": sampleOutcome(1, 1)} {
		t.Run(name, func(t *testing.T) {
			got := stored(t, r, 5)
			c := *r
			c.Seq = 5
			var written engine.Record
			var err error
			if err = json.Unmarshal(got, &written); err != nil {
				t.Fatal(err)
			}
			c.InputSHA256 = written.InputSHA256 // has a test of its own
			if c.Document != nil {
				if c.Input, err = json.Marshal(c.Document); err != nil {
					t.Fatal(err)
				}
			}
			want, err := json.Marshal(&c)
			if err != nil {
				t.Fatal(err)
			}
			value := jsontext.Value(want)
			if err := value.Canonicalize(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(value), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		f := math.Float64frombits(rng.Uint64())
		got, err := appendNumber(nil, f)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			if err == nil {
				t.Errorf("%v: %s", f, got)
			}
			continue
		}
		want := jsontext.Value(strconv.FormatFloat(f, 'g', -1, 64))
		if err := want.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}

func TestTextThatIsNotUTF8(t *testing.T) {
	r := small(1)
	r.Target = "a\xffb"
	if raw := stored(t, r, 1); !bytes.Contains(raw, []byte("\"target\":\"a\uFFFDb\"")) {
		t.Errorf("%s", raw)
	}
	r.Excluded = map[string][]engine.Reason{"\xff": nil, "\xfe": nil}
	if _, err := encode(r); err == nil {
		t.Error("two names became one")
	}
}

func TestLogNoneKeepsTheHashAlone(t *testing.T) {
	r := sampleDecision(1)
	var kept, none engine.Record
	if err := json.Unmarshal(stored(t, r, 1), &kept); err != nil {
		t.Fatal(err)
	}
	r.Log = engine.LogNone
	if err := json.Unmarshal(stored(t, r, 1), &none); err != nil {
		t.Fatal(err)
	}
	if none.Input != nil || none.InputSHA256 != kept.InputSHA256 || none.InputSHA256 == "" {
		t.Errorf("input %s, hash %q; at level metadata the hash is %q", none.Input, none.InputSHA256, kept.InputSHA256)
	}
}

func TestEncodeErrorsQuoteNothing(t *testing.T) {
	const prompt = "my own words"
	for name, change := range map[string]func(*engine.Record){
		"malformed input": func(r *engine.Record) { r.Input = json.RawMessage(`{"` + prompt + `": nope}`) },
		"duplicate name":  func(r *engine.Record) { r.Input = json.RawMessage(`{"` + prompt + `":1,"` + prompt + `":2}`) },
		"malformed decision": func(r *engine.Record) {
			r.Decision = json.RawMessage(`{"` + prompt + `"}`)
		},
		"not a number": func(r *engine.Record) { r.Plan = []engine.Consideration{{Key: prompt, Score: math.NaN()}} },
	} {
		t.Run(name, func(t *testing.T) {
			r := small(1)
			change(r)
			_, err := encode(r)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), prompt) || !strings.Contains(err.Error(), r.DecisionID) {
				t.Errorf("%v", err)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, r := range map[string]*engine.Record{"decision": sampleDecision(1), "outcome": sampleOutcome(1, 1)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, err := encode(r)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(e.json)))
			}
		})
	}
}
