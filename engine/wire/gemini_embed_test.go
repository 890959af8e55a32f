package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestGeminiEmbeddings(t *testing.T) {
	const one = `{"model":"models/small","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","output_dimensionality":8}`
	read := func(verb, body string) *engine.Request {
		t.Helper()
		req, err := GeminiEmbed{}.ReadRequest(&Inbound{Body: []byte(body), Model: "small", Verb: verb}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	single, batch := read("embedContent", one), read("batchEmbedContents", `{"requests":[`+one+`,`+strings.Replace(one, `"a"`, `"b"`, 1)+`]}`)
	open, err := OpenAIEmbeddings{}.ReadRequest(&Inbound{Body: []byte(`{"model":"small","input":["a","b"],"dimensions":8}`)}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct {
		d    engine.Dialect
		req  *engine.Request
		want string
	}{
		{engine.DialectGemini, single, `/models/up:embedContent {"model":"models/up","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","output_dimensionality":8}`},
		{engine.DialectGemini, batch, `/models/up:batchEmbedContents {"requests":[{"model":"models/up","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","output_dimensionality":8},{"model":"models/up","content":{"parts":[{"text":"b"}]},"taskType":"RETRIEVAL_QUERY","output_dimensionality":8}]}`},
		{engine.DialectGemini, open, `/models/up:batchEmbedContents {"requests":[{"model":"models/up","content":{"parts":[{"text":"a"}]},"outputDimensionality":8},{"model":"models/up","content":{"parts":[{"text":"b"}]},"outputDimensionality":8}]}`},
		{engine.DialectOpenAI, single, `/embeddings {"model":"up","input":["a"],"dimensions":8,"encoding_format":"float"} dropped taskType`},
		{engine.DialectOllama, batch, `/api/embed {"model":"up","input":["a","b"],"dimensions":8} dropped taskType`},
	} {
		e, _ := EgressFor(test.d)
		up, err := e.WriteRequest(test.req, &Upstream{Model: "up"})
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		got := up.Path + " " + string(up.Body)
		for _, l := range up.Losses {
			got += fmt.Sprintf(" %s %s", l.How, l.Field)
		}
		if got != test.want {
			t.Errorf("%d:\ngot  %s\nwant %s", i, got, test.want)
		}
	}

	const vectors = `{"embeddings":[{"values":[0.25,-1]},{"values":[2,0]}]}`
	for _, test := range []struct {
		d           engine.Dialect
		req         *engine.Request
		reply, want string
	}{
		{engine.DialectGemini, batch, vectors, vectors},
		{engine.DialectGemini, single, `{"embedding":{"values":[1]},"x":1}`, `{"embedding":{"values":[1]},"x":1}`},
		{engine.DialectOpenAI, single, `{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[0.5,1]}],"usage":{"prompt_tokens":1,"total_tokens":1}}`, `{"embedding":{"values":[0.5,1]}}`},
		{engine.DialectOllama, batch, `{"model":"m","embeddings":[[0.25,-1],[2,0]]}`, vectors},
		{engine.DialectGemini, open, vectors, `"embedding":[2,0]`},
	} {
		e, _ := EgressFor(test.d)
		ingress, _ := IngressFor(test.req.Dialect)
		for size := 1; size < 9; size += 7 {
			frames, err := readAll(e.NewReader(test.req, &Upstream{Model: "up"}), []byte(test.reply), size)
			if err != nil {
				t.Errorf("%s: %v", test.reply, err)
				continue
			}
			if got := write(t, ingress.NewReply(test.req), frames); got != test.want && (test.req != open || !strings.Contains(got, test.want)) {
				t.Errorf("%s became %s, want %s", test.reply, got, test.want)
			}
		}
	}
	for _, reply := range []string{`{}`, `{"embeddings":[{"values":[1]}]}`, `{"embeddings":[{"values":[1]},{}]}`, `{"error":{"code":400,"message":"no"}}`} {
		if _, err := readAll(newGeminiReader(batch), []byte(reply), 9); err == nil {
			t.Errorf("%s is a whole reply", reply)
		}
	}
	for _, test := range []struct{ verb, body, field string }{
		{"embedContent", `{}`, "content"},
		{"embedContent", `{"requests":[` + one + `]}`, "requests"},
		{"batchEmbedContents", one, "requests"},
		{"batchEmbedContents", `{"requests":[]}`, "requests"},
		{"batchEmbedContents", `{"requests":[{}]}`, "requests[0].content"},
		{"", `{"content":{"parts":[{"text":"a"}]},"requests":[` + one + `]}`, "requests"},
		{"embedContent", `{"model":"models/other","content":{"parts":[{"text":"a"}]}}`, "model"},
	} {
		_, err := GeminiEmbed{}.ReadRequest(&Inbound{Body: []byte(test.body), Model: "small", Verb: test.verb}, Limits{})
		if err == nil {
			t.Errorf("%s: %s is read", test.verb, test.body)
		} else if re := requestError(t, err); re.Field != test.field {
			t.Errorf("%s: %s: %v", test.verb, test.body, re)
		}
	}
}

func TestGeminiCountTokens(t *testing.T) {
	count := func(body string) *engine.Request {
		return geminiRequestOf(t, &Inbound{Body: []byte(body), Verb: "countTokens"})
	}
	flat := count(`{"contents":[{"parts":[{"text":"a"}]}]}`)
	nested := count(`{"generateContentRequest":{"model":"models/small","contents":[{"parts":[{"text":"a"}]}],"systemInstruction":{"parts":[{"text":"s"}]}}}`)
	for _, test := range []struct {
		req  *engine.Request
		want string
	}{
		{flat, `{"contents":[{"parts":[{"text":"a"}]}]}`},
		{nested, `{"generateContentRequest":{"model":"models/up","systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"a"}]}]}}`},
	} {
		up, err := Gemini{}.WriteRequest(test.req, &Upstream{Model: "up", MaxOutputTokens: 5})
		if err != nil || up.Path != "/models/up:countTokens" || string(up.Body) != test.want || up.Stream {
			t.Errorf("%v: %s %s, want %s", err, up.Path, up.Body, test.want)
		}
		frames, err := readAll(newGeminiReader(test.req), []byte(`{"totalTokens":31,"x":[]}`), 3)
		if got := write(t, newGeminiReply(test.req), frames); err != nil || got != `{"totalTokens":31,"x":[]}` {
			t.Errorf("%v: %s", err, got)
		}
		// As another API says it, or this program.
		frames = []engine.Frame{{Events: []engine.Event{{Kind: engine.EventUsage, Usage: engine.Usage{Input: 7}}, {Kind: engine.EventEnd}}}}
		if got := write(t, newGeminiReply(test.req), frames); got != `{"totalTokens":7}` {
			t.Errorf("counted: %s", got)
		}
		for _, d := range egressDialects {
			e, _ := EgressFor(d)
			if _, err := e.WriteRequest(test.req, &Upstream{Model: "up"}); err != nil || !e.Supports(engine.OpCountTokens) {
				t.Errorf("%s cannot count: %v", d, err)
			}
		}
	}
	if _, err := readAll(newGeminiReader(flat), []byte(`{}`), 9); err == nil {
		t.Error("an empty count is a reply")
	}
}
