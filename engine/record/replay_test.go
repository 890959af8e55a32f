package record

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// randomize sets everything below v to something of its type, extremes and
// oddities among it.
func randomize(v reflect.Value, rnd *rand.Rand) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(randomText(rnd))
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, 7, -1, rnd.Int64N(1 << 20), 1<<53 - 1, 1 - 1<<53, rnd.Int64N(1 << 53), -rnd.Int64N(1 << 53)}[rnd.IntN(9)])
	case reflect.Float64:
		v.SetFloat(randomFloat(rnd))
	case reflect.Slice:
		if rnd.IntN(4) > 0 {
			n := rnd.IntN(4)
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				randomize(v.Index(i), rnd)
			}
		}
	case reflect.Map:
		if rnd.IntN(6) > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range rnd.IntN(5) {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				randomize(key, rnd)
				randomize(value, rnd)
				v.SetMapIndex(key, value)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				randomize(v.Field(i), rnd)
			}
		}
	default:
		panic("a decision input has a field of type " + v.Type().String())
	}
}

func randomFloat(rnd *rand.Rand) float64 {
	if f := math.Float64frombits(rnd.Uint64()); rnd.IntN(2) == 0 && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return f
	}
	known := []float64{0, 1, 0.1, 0.98, 1e-6, 9.99e-7, 1e-7, 1e20, 1e21, 1e22, 123456789.5, 5e-324, math.MaxFloat64,
		-math.SmallestNonzeroFloat64, 1 << 53, 1<<53 + 2, 0.1 + 0.2, 1.0 / 3, rnd.Float64(), float64(rnd.IntN(1000))}
	return known[rnd.IntN(len(known))]
}

func randomText(rnd *rand.Rand) string {
	known := []string{"", "a", "EU", "tenant-7", "with \"quotes\" \\ and / in it", "line\nbreak\x00\x1f\x7f", "\u2028\u2029<&>",
		"ünïcödé", "\U0001F600\uFFFD", `\u0041`, `\`, `"`, `{"a":1}`, "},{", "null"}
	if s := known[rnd.IntN(len(known))]; rnd.IntN(3) > 0 {
		return s
	}
	runes := make([]rune, rnd.IntN(20))
	for i := range runes {
		runes[i] = []rune{'a', '"', '\\', rune(rnd.IntN(0x80)), rune(rnd.IntN(0xD800)), 0x10000 + rune(rnd.IntN(0x10000))}[rnd.IntN(6)]
	}
	return string(runes)
}

// recordedInput is in as its record holds it.
func recordedInput(t testing.TB, in *engine.Input) []byte {
	t.Helper()
	raw, err := json.Marshal(in) // as engine does
	if err != nil {
		t.Fatal(err)
	}
	r := small(1)
	r.Input = raw
	var back struct {
		Input json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(stored(t, r, 1), &back); err != nil {
		t.Fatal(err)
	}
	return back.Input
}

// readInput reads an input that stands alone.
func readInput(r *inputReader, raw []byte) (in *engine.Input, rounded, ok bool) {
	s := &scan{b: raw}
	in, rounded = r.read(s)
	return in, rounded, !s.bad && s.i == len(raw)
}

// A decision can be made again only on the input it was made on: whatever an
// engine.Input holds comes back from its record as it was.
func TestInputComesBackAsItWas(t *testing.T) {
	const seed = 20261123
	rnd := rand.New(rand.NewPCG(seed, 1))
	var reader inputReader
	for n := range 3000 {
		var in engine.Input
		randomize(reflect.ValueOf(&in).Elem(), rnd)
		raw := recordedInput(t, &in)
		got, rounded, ok := readInput(&reader, raw)
		if !ok || rounded {
			t.Fatalf("seed %d, input %d: ok %v, rounded %v\n%s", seed, n, ok, rounded, raw)
		}
		if diff := cmp.Diff(&in, got); diff != "" {
			t.Fatalf("seed %d, input %d (-was +read):\n%s", seed, n, diff)
		}
		var slow engine.Input
		if err := json.Unmarshal(raw, &slow); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&slow, got); diff != "" {
			t.Fatalf("seed %d, input %d (-encoding/json +read):\n%s", seed, n, diff)
		}
	}
}

func TestInputThatCannotComeBack(t *testing.T) {
	var whole engine.Input
	valid := recordedInput(t, &whole)
	var reader inputReader
	for i := range valid {
		if _, _, ok := readInput(&reader, valid[:i]); ok {
			t.Errorf("cut at %d: read", i)
		}
	}
	for _, c := range []struct {
		name, raw   string
		ok, rounded bool
	}{
		{"empty", `{}`, true, false},
		{"unknown member", `{"audience":"x"}`, false, false},
		{"unknown member of a target", `{"targets":{"a":{"colour":"red"}}}`, false, false},
		{"member twice", `{"time":"a","time":"b"}`, false, false},
		{"order", `{"time":"a","budget":{}}`, false, false},
		{"name twice", `{"targets":{"a":{},"a":{}}}`, false, false},
		{"name twice in other letters", `{"targets":{"a":{},"\u0061":{}}}`, false, false},
		{"attribute twice", `{"principal":{"attributes":{"a":"1","a":"2"}}}`, false, false},
		{"trailing bytes", `{} `, false, false},
		{"string for a number", `{"budget":{"ttft_ms":"1"}}`, false, false},
		{"fraction for a whole number", `{"budget":{"ttft_ms":1.5}}`, false, false},
		{"exponent in a whole number", `{"budget":{"ttft_ms":-1.5e3}}`, false, false},
		{"leading zero", `{"budget":{"ttft_ms":01}}`, false, false},
		{"bare point", `{"usage":{"spent_usd":{"day":1.}}}`, false, false},
		{"not a number", `{"usage":{"spent_usd":{"day":NaN}}}`, false, false},
		{"infinite", `{"usage":{"spent_usd":{"day":1e999}}}`, false, false},
		{"2^53", `{"budget":{"ttft_ms":9007199254740992}}`, true, true},
		{"-2^63", `{"budget":{"ttft_ms":-9223372036854775808}}`, true, true},
		{"bad escape", `{"time":"\x"}`, false, false},
		{"half a surrogate", `{"time":"\ud800"}`, false, false},
		{"not UTF-8", "{\"time\":\"\xff\"}", false, false},
		{"control character", "{\"time\":\"\n\"}", false, false},
		{"mismatched brackets", `{"request":{"metadata":{"a":"b"],"tools":[]}}`, false, false},
	} {
		for range 2 { // the second time from what is remembered
			if _, rounded, ok := readInput(&reader, []byte(c.raw)); ok != c.ok || ok && rounded != c.rounded {
				t.Errorf("%s: ok %v, rounded %v", c.name, ok, rounded)
			}
		}
	}
	in := engine.Input{Classifiers: map[string]engine.ClassifierFacts{"pii": {Findings: map[string]engine.FindingFacts{"A": {Count: 1 << 60}}}}}
	for range 2 {
		if _, rounded, ok := readInput(&reader, recordedInput(t, &in)); !ok || !rounded {
			t.Errorf("a rounded count: ok %v, rounded %v", ok, rounded)
		}
	}
}

// What one input held must not show in another, nor what was remembered grow
// without end.
func TestInputsDoNotMix(t *testing.T) {
	var reader inputReader
	for n := range 12_000 {
		in := engine.Input{Time: fmt.Sprint(n), Principal: engine.Principal{Attributes: map[string]string{"n": fmt.Sprint(n)}}}
		if n%2 == 0 {
			in.Targets = map[string]engine.TargetFacts{fmt.Sprint(n): {Attributes: map[string]string{"k": fmt.Sprint(n)}}}
		}
		got, _, ok := readInput(&reader, recordedInput(t, &in))
		if !ok {
			t.Fatal(n)
		}
		if diff := cmp.Diff(&in, got); diff != "" {
			t.Fatal(diff)
		}
	}
	if reader.strings.bytes > 2*memoBytes || reader.maps.bytes > 2*memoBytes {
		t.Errorf("%d bytes of strings and %d of maps are remembered", reader.strings.bytes, reader.maps.bytes)
	}
}

func FuzzInput(f *testing.F) {
	in := engine.Input{Targets: map[string]engine.TargetFacts{"a": {Attributes: map[string]string{"b": "c"}}}}
	f.Add(recordedInput(f, &in))
	f.Add([]byte(`{"budget":{"total_ms":1,"tpot_ms":1e3,"ttft_ms":-0.5}}`))
	var reader inputReader
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, rounded, ok := readInput(&reader, raw)
		if !ok || rounded {
			return
		}
		// What is read is what encoding/json reads.
		var want engine.Input
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("read what encoding/json refuses: %v", err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// decisionsLog writes n decisions and an outcome for each.
func decisionsLog(t testing.TB, n int, change func(int, *engine.Record)) string {
	t.Helper()
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir, Mode: Async, SegmentBytes: 1 << 20})
	for i := range n {
		r := sampleDecision(i)
		if change != nil {
			change(i, r)
		}
		put(t, l, r)
		put(t, l, sampleOutcome(i, uint64(2*i+1)))
	}
	closeLog(t, l)
	return dir
}

// BenchmarkReplay measures what a replay costs beside the policy's evaluation:
// reading, decoding and comparing.
func BenchmarkReplay(b *testing.B) {
	const decisions = 20_000
	dir := decisionsLog(b, decisions, func(i int, r *engine.Record) {
		r.Input = benchmarkInput(b, i)
	})
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.ReportAllocs()
			cpu := processCPU(b)
			for b.Loop() {
				same := 0
				totals, err := Replay(b.Context(), dir, ReplayConfig{Workers: workers}, func(d *Recorded) bool {
					return d.Input != nil && SameDecision(d.Decision, d.Decision)
				}, func(ok bool) error {
					if ok {
						same++
					}
					return nil
				})
				if err != nil || totals.Decisions != decisions || same != decisions {
					b.Fatal(err, totals, same)
				}
			}
			n := float64(b.N * decisions)
			b.ReportMetric((processCPU(b)-cpu)/n, "cpu-µs/decision")
			b.ReportMetric(n/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}

// benchmarkInput is the i-th of inputs that no two of which are equal, with a
// dozen targets.
func benchmarkInput(t testing.TB, i int) []byte {
	in := engine.Input{
		Time: engine.FormatTime(began.Add(time.Duration(i) * time.Second)),
		Request: engine.InputRequest{Dialect: "openai-chat", Operation: "chat", Model: "auto", PromptTokens: 100 + i, PromptBytes: 400 + 4*i,
			MaxOutputTokens: 512, Messages: 1 + i%9, Tools: []string{}, Modalities: []string{"text"},
			Metadata: map[string]string{}, Headers: map[string]string{}},
		Principal: engine.Principal{ID: fmt.Sprintf("team-%d", i%200), Tenant: fmt.Sprintf("tenant-%d", i%200),
			Roles: []string{"engineering"}, Attributes: map[string]string{"region": "EU", "clearance": "internal"}, Authenticated: true},
		Classifiers: map[string]engine.ClassifierFacts{
			"pii":        {Findings: map[string]engine.FindingFacts{"EMAIL_ADDRESS": {Count: 1 + i%3, MaxScore: 0.5 + float64(i%50)/100}}, Scores: map[string]float64{}},
			"secrets":    {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{}},
			"injection":  {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{"injection": float64(i%1000) / 999}},
			"complexity": {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{"complexity": float64(i%997) / 997, "code": 0}},
		},
		Budget:  engine.InputBudget{TTFTMs: 2000, TotalMs: 60000},
		Usage:   engine.InputUsage{SpentUSD: engine.SpentUSD{Hour: 0.000123 * float64(i), Day: 0.00123 * float64(i), Month: 0.0123 * float64(i)}, RequestsPerMinute: i % 100},
		Targets: map[string]engine.TargetFacts{},
	}
	for n, posture := range []string{"cloud", "cloud", "cloud", "cloud", "gpu_cluster", "gpu_cluster", "gpu_cluster", "edge", "edge", "air_gapped", "air_gapped", "air_gapped"} {
		name := fmt.Sprintf("%s-%d", posture, n)
		in.Targets[name] = engine.TargetFacts{Target: name, Posture: posture, Dialect: "openai", Jurisdiction: "EU",
			Attributes: map[string]string{"dpa": "2026-01"}, Model: "small", Quality: float64(40 + n),
			CostEstimate: float64(100+i) * 0.0000004 * float64(n), Healthy: true}
	}
	raw, err := json.Marshal(&in)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
