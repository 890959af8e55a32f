package wire

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// asked is the request of replies in which everything has been asked for; another
// says that its client speaks another API.
func asked(t testing.TB, stream, another bool) *engine.Request {
	t.Helper()
	req := chatRequest(t, replyRequest(stream))
	req.Logprobs, req.IncludeUsage = new(int), true
	if another {
		req.Dialect = engine.DialectAnthropicMessages
	}
	return req
}

// TestOpenAIReplyKeepsMeaning writes what was read of replies of OpenAI's API anew,
// as if another API had given it, and reads that: it says the same.
func TestOpenAIReplyKeepsMeaning(t *testing.T) {
	for _, file := range append(glob(t, "replies/*.openai.sse"), glob(t, "replies/*.openai.json")...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			stream := strings.HasSuffix(file, ".sse")
			read := func(body []byte) ([]engine.Frame, error) {
				return readAll(OpenAI{}.NewReader(asked(t, stream, true), &Upstream{}), body, len(body))
			}
			frames, err := read(body)
			if err != nil {
				return // of a broken reply there is nothing to say
			}
			for i := range frames {
				frames[i].Raw = nil
			}
			rep := OpenAIChat{}.NewReply(asked(t, stream, false))
			out := write(t, rep, frames)
			again, err := read([]byte(out))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if d := cmp.Diff(said(frames), said(again)); d != "" {
				t.Errorf("the meaning changed (-read +read again):\n%s\n%s", d, out)
			}
			if stream {
				checkChatStream(t, out, true, false)
			}
		})
	}
}

// said is what frames say, however it is cut: usage once, and without what cannot
// be written.
func said(frames []engine.Frame) string {
	var usage engine.Usage
	var rest, logprobs []engine.Event
	for _, f := range frames {
		for _, e := range f.Events {
			switch e.Kind {
			case engine.EventUsage:
				usage = e.Usage
			case engine.EventLogprobs:
				for _, l := range e.Logprobs { // in pieces that follow those of the text
					if len(l.Bytes) == 0 {
						l.Bytes = []byte(l.Token)
					}
					for i := range l.Top {
						if len(l.Top[i].Bytes) == 0 {
							l.Top[i].Bytes = []byte(l.Top[i].Token)
						}
					}
					logprobs = append(logprobs, engine.Event{Kind: e.Kind, Choice: e.Choice, Logprobs: []engine.TokenLogprob{l}})
				}
			case engine.EventCitation:
				c := *e.Citation
				if c.Out.Len() == 0 { // not known: the end of what is said so far
					c.Out = engine.Span{}
				}
				e.Citation = &c
				rest = append(rest, e)
			case engine.EventOther, engine.EventEnd:
			default:
				rest = append(rest, e)
			}
		}
	}
	kinds := map[engine.EventKind][]engine.Event{}
	for _, e := range rest {
		kinds[e.Kind] = append(kinds[e.Kind], e)
	}
	var b strings.Builder
	for k := range engine.EventOther {
		b.WriteString(fold([]engine.Frame{{Events: kinds[k]}}))
	}
	return b.String() + fold([]engine.Frame{{Events: logprobs}}) + usageText(usage)
}

// TestOpenAIReadsInAnyPieces cuts replies at every byte, as a client of another API
// has them read: details and all.
func TestOpenAIReadsInAnyPieces(t *testing.T) {
	for _, file := range append(glob(t, "replies/*.openai.sse"), glob(t, "replies/*.openai.json")...) {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stream := strings.HasSuffix(file, ".sse")
		want, wantErr := readAll(OpenAI{}.NewReader(asked(t, stream, true), &Upstream{}), body, len(body))
		for at := 1; at < len(body); at++ {
			got, err := readPieces(OpenAI{}.NewReader(asked(t, stream, true), &Upstream{}), body[:at], body[at:])
			if fmt.Sprint(err) != fmt.Sprint(wantErr) || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s cut at byte %d: %v, %v", file, at, err, cmp.Diff(want, got))
			}
		}
		golden(t, file+".events.golden", fold(want))
	}
}

// TestEmbeddings carries vectors between OpenAI's API and others, as numbers and in
// base64.
func TestEmbeddings(t *testing.T) {
	embed := func(format string) *engine.Request {
		t.Helper()
		req, err := OpenAIEmbeddings{}.ReadRequest(&Inbound{Body: []byte(`{"model":"m","input":["a","b"],"dimensions":2` + format + `}`)}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	other := embed("")
	other.Dialect = engine.DialectOllamaEmbed
	numbers := `{"object":"list","data":[{"object":"embedding","index":1,"embedding":[-0.5,1e-3]},{"object":"embedding","index":0,"embedding":[0.25,3]}],"model":"e","usage":{"prompt_tokens":2,"total_tokens":2}}`
	encoded := fmt.Sprintf(`{"object":"list","data":[{"object":"embedding","index":0,"embedding":%q},{"object":"embedding","index":1,"embedding":%q}],"model":"e","usage":{"prompt_tokens":2,"total_tokens":2}}`,
		base64Vector([]float32{0.25, 3}), base64Vector([]float32{-0.5, 1e-3}))
	for _, body := range []string{numbers, encoded} {
		frames, err := readAll(OpenAI{}.NewReader(other, &Upstream{}), []byte(body), 7)
		if err != nil {
			t.Fatal(err)
		}
		for format, want := range map[string]string{
			``:                            `{"object":"list","model":"e","data":[{"object":"embedding","index":0,"embedding":[0.25,3]},{"object":"embedding","index":1,"embedding":[-0.5,0.001]}],"usage":{"prompt_tokens":2,"total_tokens":2}}`,
			`,"encoding_format":"float"`:  `{"object":"list","model":"e","data":[{"object":"embedding","index":0,"embedding":[0.25,3]},{"object":"embedding","index":1,"embedding":[-0.5,0.001]}],"usage":{"prompt_tokens":2,"total_tokens":2}}`,
			`,"encoding_format":"base64"`: `{"object":"list","model":"e","data":[{"object":"embedding","index":0,"embedding":"AACAPgAAQEA="},{"object":"embedding","index":1,"embedding":"AAAAv28Sgzo="}],"usage":{"prompt_tokens":2,"total_tokens":2}}`,
		} {
			for i := range frames {
				frames[i].Dialect, frames[i].Raw = engine.DialectOllamaEmbed, bytes.Clone(frames[i].Raw)
			}
			got := write(t, OpenAIEmbeddings{}.NewReply(embed(format)), frames)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", format, d)
			}
		}
	}
	for _, bad := range []string{
		`{"data":[{"index":0,"embedding":[1]}]}`,                             // too few
		`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`, // one twice
		`{"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":"AAA"},{"index":1,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":["a"]},{"index":1,"embedding":[1]}]}`,
		`{"data":null}`, `{}`,
	} {
		if _, err := readAll(OpenAI{}.NewReader(other, &Upstream{}), []byte(bad), 100); err == nil {
			t.Errorf("%s is taken for embeddings", bad)
		}
	}
}

// TestOpenAIReplyOfAnotherAPI writes what only others say.
func TestOpenAIReplyOfAnotherAPI(t *testing.T) {
	seal := &engine.Opaque{Origin: engine.DialectAnthropic, Data: "c2VhbA"}
	events := []engine.Event{
		{Kind: engine.EventStart, ID: "r1", Model: "m"},
		{Kind: engine.EventReasoning, Text: "hm"}, {Kind: engine.EventSignature, Tool: -1, Seal: seal}, {Kind: engine.EventRedacted, Seal: seal},
		{Kind: engine.EventText, Text: "Zürich"},
		{Kind: engine.EventCitation, Citation: &engine.Citation{Kind: "url", URL: "https://x.example", Title: "X", Out: engine.Span{Start: 1, End: 7}}},
		{Kind: engine.EventCitation, Citation: &engine.Citation{Kind: "search", URL: "https://y.example", Title: "Y"}},
		{Kind: engine.EventCitation, Citation: &engine.Citation{Kind: "page", Title: "a.pdf"}},
		{Kind: engine.EventOther, Name: "server_tool_use"},
		{Kind: engine.EventFinish, Finish: engine.FinishStop}, {Kind: engine.EventEnd},
	}
	var out strings.Builder
	for _, stream := range []bool{false, true} {
		rep := newOpenAIReply(asked(t, stream, false))
		rep.created = "1"
		fmt.Fprintf(&out, "%s\n%v\n", write(t, rep, []engine.Frame{{Dialect: engine.DialectAnthropicMessages, Events: events}}), rep.Losses())
	}
	golden(t, filepath.Join("testdata", "build", "reply.golden"), out.String())

	rep := newOpenAIReply(asked(t, false, false))
	events[len(events)-2].Finish = engine.FinishPause
	if _, err := rep.Frame(nil, &engine.Frame{Events: events}); err != nil {
		t.Fatal(err)
	}
	if got, err := rep.End(nil); err == nil {
		t.Errorf("a pause is taken for an answer: %s", got)
	}
}

// FuzzOpenAIDetails: no reply makes the reader of details panic, any cut of it reads
// the same, and what is written of it anew is well formed.
func FuzzOpenAIDetails(f *testing.F) {
	for _, pattern := range []string{"replies/*.openai.sse", "replies/*.openai.json"} {
		for _, file := range glob(f, pattern) {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body, 3)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		for _, stream := range []bool{false, true} {
			req := asked(t, stream, true)
			frames, err := readAll(OpenAI{}.NewReader(req, &Upstream{}), body, len(body))
			again, errAgain := readAll(OpenAI{}.NewReader(req, &Upstream{}), body, 1+abs(size)%64)
			if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(frames, again) {
				t.Fatalf("%v and %v from one reply, cut in two ways", err, errAgain)
			}
			for i := range frames {
				frames[i].Raw = nil
			}
			clientGets(t, &sides[0], asked(t, stream, false), frames, err)
		}
	})
}
