package wire

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// Each MARK becomes another mark: a string, or a number of ten digits, that is
// nowhere else in the request.
const markedRequest = `{"model":"m","messages":[
	{"role":"system","content":"MARK","name":"MARK"},
	{"role":"user","content":[{"type":"text","text":"MARK","cache_control":{"type":"MARK"}},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
	{"role":"assistant","content":"MARK","refusal":"MARK","reasoning_content":"MARK","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"MARK\":\"MARK\",\"n\":NUMBER,\"l\":[\"a \\u005aMARK\"]}"}}]},
	{"role":"tool","tool_call_id":"c1","content":"{\"MARK\":[\"MARK\",{\"k\":NUMBER}]}"},
	{"role":"assistant","content":null,"tool_calls":[{"id":"c2","type":"function","function":{"name":"f","arguments":"{}"}}]},
	{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"MARK"}]},
	{"role":"user","content":"MARK"}],
	"tools":[{"type":"function","function":{"name":"f","description":"MARK","parameters":{"type":"object","MARK":{"enum":["MARK",NUMBER]}}}}],
	"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"MARK","schema":{"type":"object","title":"MARK"}}},
	"user":"MARK","metadata":{"MARK":"MARK"},"safety_identifier":"MARK","prediction":{"type":"content","content":"MARK"}}`

var (
	markPattern = regexp.MustCompile(`MARK|NUMBER`)
	anyMark     = regexp.MustCompile(`zq[0-9]+qz|98765[0-9]{5}`)
)

// markedMedia has what not every target takes: custom tools, sound, documents.
const markedMedia = `{"model":"m","messages":[
	{"role":"developer","content":[{"type":"text","text":"MARK"}]},
	{"role":"user","content":[{"type":"text","text":"MARK"},{"type":"image_url","image_url":{"url":"https://x.example/MARK","detail":"low"}},
		{"type":"input_audio","input_audio":{"data":"SUQzBAAAAAAAI1RTU0U=","format":"mp3"}},{"type":"video_url","video_url":{"url":"https://x.example/MARK"}},
		{"type":"file","file":{"filename":"MARK","file_data":"data:application/pdf;base64,JVBERi0xLjQ="}}]},
	{"role":"assistant","content":[{"type":"text","text":"MARK"}],"reasoning":"MARK","refusal":"MARK","tool_calls":[
		{"id":"c1","type":"custom","custom":{"name":"c","input":"MARK {\"MARK\": NUMBER"}},{"id":"c2","type":"function","function":{"name":"f","arguments":"[\"MARK\"]"}}]},
	{"role":"tool","tool_call_id":"c1","content":"MARK"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"[\"MARK\"]"}]}],
	"tools":[{"type":"custom","custom":{"name":"c","description":"MARK","format":{"type":"grammar","grammar":{"syntax":"regex","definition":"MARK"}}}},
		{"type":"function","function":{"name":"f","description":"MARK"}}],
	"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"custom","custom":{"name":"c"}}]}},
	"logprobs":true,"top_logprobs":2,"prompt_cache_key":"MARK"}`

// markedBody is a request full of marks, and the targets' dialects that cannot
// carry it: all others must.
type markedBody struct {
	body      string
	refusedBy []engine.Dialect
}

// marker makes marks.
type marker struct{ n int }

func (m *marker) text() string   { m.n++; return fmt.Sprintf("zq%dqz", m.n) }
func (m *marker) number() string { m.n++; return fmt.Sprintf("98765%05d", m.n) }

func (m *marker) fill(s string) string {
	return markPattern.ReplaceAllStringFunc(s, func(kind string) string {
		if kind == "NUMBER" {
			return m.number()
		}
		return m.text()
	})
}

// value makes a random JSON value in which everything is marked.
func (m *marker) value(r *rand.Rand, depth int) any {
	switch k := r.IntN(6); {
	case k == 0 && depth > 0:
		return map[string]any{m.text(): m.value(r, depth-1), "k": m.value(r, depth-1)}
	case k == 1 && depth > 0:
		return []any{m.value(r, depth-1), true, m.value(r, depth-1)}
	case k == 2:
		return jsontext.Value(m.number())
	default:
		return m.text() + " \u00e9\"\\\n"
	}
}

// inject adds unknown members to random objects of v. The members of some objects
// are all known, and others are refused.
func (m *marker) inject(r *rand.Rand, v any) {
	switch v := v.(type) {
	case []any:
		for _, c := range v {
			m.inject(r, c)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name != "metadata" && name != "labels" {
				m.inject(r, v[name])
			}
		}
		if r.IntN(3) == 0 {
			v[m.text()] = m.value(r, 3)
		}
	}
}

// TestNothingTravelsUninspected puts marks wherever a request may hold text, and
// unknown members everywhere else: each mark is in a text, and none reaches a
// target of any dialect once the texts have been replaced.
func TestNothingTravelsUninspected(t *testing.T) {
	all := append(slices.Clone(sides), markedOnly...)
	for i := range all {
		t.Run(string(all[i].dialect), func(t *testing.T) { nothingTravelsUninspected(t, &all[i]) })
	}
	for _, d := range IngressDialects() {
		if !slices.ContainsFunc(all, func(s side) bool { return s.dialect == d }) {
			t.Errorf("requests in dialect %s are not among them", d)
		}
	}
}

// markedOnly are the dialects of clients that do not converse.
var markedOnly = []side{
	geminiEmbedSide,
	{dialect: engine.DialectOpenAICompletions, marked: []markedBody{{body: `{"model":"m","prompt":"MARK","user":"MARK","metadata":{"MARK":"MARK"}}`,
		refusedBy: []engine.Dialect{engine.DialectAnthropic, engine.DialectGemini}}, {body: `{"model":"m","prompt":["MARK","MARK"],"suffix":"MARK","stop":["x"]}`,
		refusedBy: []engine.Dialect{engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama}}}},
	{dialect: engine.DialectOpenAIEmbeddings, marked: []markedBody{{body: `{"model":"m","input":["MARK","MARK"],"user":"MARK","dimensions":8}`,
		refusedBy: []engine.Dialect{engine.DialectAnthropic, engine.DialectGemini}}}},
	{dialect: engine.DialectOllamaEmbed, marked: []markedBody{{body: `{"model":"m","input":["MARK","MARK"],"options":{"MARK":"MARK"},"truncate":true}`,
		refusedBy: []engine.Dialect{engine.DialectAnthropic, engine.DialectGemini}}}},
}

func nothingTravelsUninspected(t *testing.T, s *side) {
	const seed = 11
	ingress, ok := IngressFor(s.dialect)
	if !ok || len(s.marked) == 0 {
		t.Fatal("no reader, or no marked request")
	}
	r := rand.New(rand.NewPCG(seed, seed))
	for round := range 300 {
		m := &marker{}
		marked := s.marked[round%len(s.marked)]
		var v any
		if err := json.Unmarshal([]byte(m.fill(marked.body)), &v); err != nil {
			t.Fatal(err)
		}
		m.inject(r, v)
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		req, err := ingress.ReadRequest(s.inbound(body, false), Limits{})
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		var texts strings.Builder
		for _, x := range req.Texts {
			texts.WriteString(x.Value)
			texts.WriteByte('\n')
		}
		for i := 1; i <= m.n; i++ {
			if !strings.Contains(texts.String(), fmt.Sprintf("zq%dqz", i)) && !strings.Contains(texts.String(), fmt.Sprintf("98765%05d", i)) {
				t.Fatalf("seed %d round %d: mark %d is in no text of %s", seed, round, i, body)
			}
		}
		for _, d := range egressDialects {
			e, _ := EgressFor(d)
			if up := writeOrRefuse(t, d, req); up != nil && e.API(req, &Upstream{}) == s.dialect {
				checkSurvives(t, body, up)
			}
		}
		for i, x := range req.Texts {
			if !x.Fixed {
				x.Set(fmt.Sprintf("<X_%d>", i))
			}
		}
		for _, d := range egressDialects {
			up := writeOrRefuse(t, d, req)
			if up == nil {
				if slices.Contains(marked.refusedBy, d) {
					continue
				}
				t.Fatalf("seed %d round %d: %s refused %s", seed, round, d, body)
			}
			if left := anyMark.FindString(string(up)); left != "" {
				t.Fatalf("seed %d round %d: %s is sent %s: %s", seed, round, d, left, up)
			}
		}
	}
}

func writeOrRefuse(t testing.TB, d engine.Dialect, req *engine.Request) []byte {
	t.Helper()
	e, _ := EgressFor(d)
	up, err := e.WriteRequest(req, &Upstream{Model: "m"})
	if err != nil {
		if _, ok := err.(*engine.RequestError); !ok {
			t.Fatalf("%s: error is %T: %v", d, err, err)
		}
		return nil
	}
	if v := jsontext.Value(up.Body); !up.Local && !v.IsValid() {
		t.Fatalf("%s: not valid JSON: %s", d, up.Body)
	}
	return up.Body
}

// checkSurvives says that a body that nothing had to change in is relayed with
// the same meaning, unknown members included.
func checkSurvives(t testing.TB, sent, relayed []byte) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(sent, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(relayed, &b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Fatalf("the relay changed (-sent +relayed):\n%s", d)
	}
}
