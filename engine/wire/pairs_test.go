package wire

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// side is what the tests of pairs know of a client's dialect.
type side struct {
	dialect engine.Dialect
	verb    string // of its path, where the path says that a reply is whole
	stream  string // and where it says that it is a stream
	query   string // of a stream's path
	// body is a small request. STREAM in it becomes true or false.
	body string
	// marked are requests with MARK and NUMBER wherever text may be, as markedRequest
	// has them.
	marked []markedBody
	// check checks what a client is sent against the dialect's grammar. failed: the
	// reply ended in an error.
	check func(t testing.TB, req *engine.Request, out string, failed bool)
	// foreign is the target's dialect whose replies in testdata are of another API of
	// its own than this side's requests would get.
	foreign engine.Dialect
}

// sides has a row for every dialect of a client that converses.
var sides = []side{
	{
		dialect: engine.DialectOpenAIChat, marked: []markedBody{{body: markedRequest}, {body: markedMedia, refusedBy: []engine.Dialect{engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama}}},
		body: `{"model":"small","stream":STREAM,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`,
		check: func(t testing.TB, req *engine.Request, out string, failed bool) {
			if req.Stream {
				checkChatStream(t, out, req.IncludeUsage, failed)
			} else if !jsontext.Value(out).IsValid() {
				t.Errorf("not valid JSON: %s", out)
			}
		},
	},
	{
		dialect: engine.DialectOpenAIResponses, body: `{"model":"small","stream":STREAM,"input":"hi"}`,
		marked: []markedBody{{body: markedResponses}, {body: markedForItsOwn, refusedBy: egressDialects}}, check: checkResponses,
	},
	{
		dialect: engine.DialectAnthropicMessages, check: checkAnthropic,
		body:   `{"model":"small","max_tokens":100,"stream":STREAM,"messages":[{"role":"user","content":"hi"}]}`,
		marked: []markedBody{{body: anthropicMarked}, {body: anthropicMarkedNative, refusedBy: notAnthropic}},
	},
	ollamaSides[0], ollamaSides[1],
	geminiSide,
}

// inbound is a request with that body as it would come over HTTP.
func (s *side) inbound(body []byte, stream bool) *Inbound {
	in := &Inbound{Body: body, Verb: s.verb}
	if stream {
		in.Verb, in.Query = s.stream, s.query
	}
	if s.stream != "" {
		in.Model = "small"
	}
	return in
}

// request is the side's small request.
func (s *side) request(t testing.TB, stream bool) *engine.Request {
	t.Helper()
	ingress, ok := IngressFor(s.dialect)
	if !ok {
		t.Fatalf("no ingress %q", s.dialect)
	}
	req, err := ingress.ReadRequest(s.inbound([]byte(strings.ReplaceAll(s.body, "STREAM", fmt.Sprint(stream))), stream), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestPairsOfRequests writes each request of testdata/pairs/DIALECT for every
// target's dialect. The path of a file whose name ends in "-stream" asks for one.
func TestPairsOfRequests(t *testing.T) {
	for i := range sides {
		s := &sides[i]
		ingress, _ := IngressFor(s.dialect)
		for _, file := range pairFiles(t, s) {
			for _, d := range egressDialects {
				name := strings.TrimSuffix(file, ".json")
				t.Run(fmt.Sprintf("%s/%s/%s", s.dialect, filepath.Base(name), d), func(t *testing.T) {
					body, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					req, err := ingress.ReadRequest(s.inbound(body, strings.HasSuffix(name, "-stream")), Limits{})
					if err != nil {
						t.Fatal(err)
					}
					golden(t, name+"."+string(d)+".golden", written(t, d, req))
				})
			}
		}
	}
}

// pairFiles are the requests of testdata/pairs in a side's dialect.
func pairFiles(t testing.TB, s *side) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "pairs", string(s.dialect), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// written is what a request becomes for a target of a dialect: the path, what is
// lost and the body, or the refusal.
func written(t testing.TB, d engine.Dialect, req *engine.Request) string {
	t.Helper()
	e, ok := EgressFor(d)
	if !ok {
		t.Fatalf("no egress %q", d)
	}
	how := &Upstream{Model: "upstream-model"}
	up, err := e.WriteRequest(req, how)
	if err != nil {
		re, ok := errors.AsType[*engine.RequestError](err)
		if !ok {
			t.Fatalf("error is %T, not an *engine.RequestError", err)
		}
		return fmt.Sprintf("%d %s\n%s: %s\n", re.Status, re.Code, FieldIn(req.Dialect, re.Field), re.Message)
	}
	var b strings.Builder
	b.WriteString(up.Path)
	if up.Query != "" {
		b.WriteString("?" + up.Query)
	}
	fmt.Fprintf(&b, " stream=%v api=%s\n", up.Stream, e.API(req, how))
	for _, h := range up.Header {
		fmt.Fprintf(&b, "%s: %s\n", h[0], h[1])
	}
	for _, l := range up.Losses {
		fmt.Fprintf(&b, "%s %s", l.How, l.Field)
		if l.To != "" {
			fmt.Fprintf(&b, " to %s", l.To)
		}
		b.WriteByte('\n')
	}
	v := jsontext.Value(slices.Clone(up.Body))
	if len(v) > 0 {
		if err := v.Indent(jsontext.WithIndent(" ")); err != nil {
			t.Fatal(err)
		}
	}
	return b.String() + string(v) + "\n"
}

// TestPairsOfReplies writes each upstream reply of testdata/replies for the clients
// of every dialect but OpenAI's chat API, which TestReplies does.
func TestPairsOfReplies(t *testing.T) {
	for _, file := range replyFiles(t) {
		base := filepath.Base(file)
		_, dialect, _ := strings.Cut(strings.TrimSuffix(base, filepath.Ext(base)), ".")
		for i := range sides {
			s := &sides[i]
			if s.dialect == engine.DialectOpenAIChat || s.foreign == engine.Dialect(dialect) {
				continue
			}
			t.Run(base+"/"+string(s.dialect), func(t *testing.T) {
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				req := s.request(t, filepath.Ext(base) != ".json")
				out, failed, losses := s.answer(t, engine.Dialect(dialect), req, body, len(body), false)
				s.check(t, req, out, failed)
				for _, l := range losses {
					out += fmt.Sprintf("\n%s %s", l.How, l.Field)
				}
				golden(t, file+"."+string(s.dialect)+".golden", strings.TrimRight(out, "\n")+"\n")
			})
		}
	}
}

// replyFiles are the upstream replies of testdata/replies.
func replyFiles(t testing.TB) []string {
	return slices.DeleteFunc(glob(t, "replies/*.*.*"), func(f string) bool { return filepath.Ext(f) == ".golden" })
}

// answer is what a client is sent of a target's reply that comes in pieces of at
// most size bytes. Where poison is set, what a reader and a writer were given is
// overwritten when they return.
func (s *side) answer(t *testing.T, d engine.Dialect, req *engine.Request, body []byte, size int, poison bool) (out string, failed bool, losses []engine.Loss) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e, ok := EgressFor(d)
		if !ok {
			t.Fatalf("no egress %q", d)
		}
		ingress, _ := IngressFor(s.dialect)
		rep := ingress.NewReply(req)
		reader := e.NewReader(req, &Upstream{})
		var dst []byte
		emit := func(f *engine.Frame) error {
			given := f
			if poison { // the frame as a reader that copies nothing would give it
				given = borrowed(f)
			}
			for i := range f.Events {
				failed = failed || f.Events[i].Kind == engine.EventError
			}
			var err error
			dst, err = rep.Frame(dst, given)
			if poison {
				spoil(given)
			}
			return err
		}
		var err error
		for piece := range slices.Chunk(body, max(1, size)) {
			p := bytes.Clone(piece)
			if err = reader.Read(p, emit); err != nil {
				break
			}
			if poison {
				fill(p)
			}
		}
		if err == nil {
			err = reader.Close(emit)
		}
		if failed = failed || err != nil; !failed {
			if dst, err = rep.End(dst); err != nil {
				failed = true
			}
		}
		if failed {
			dst = rep.Fail(dst, &engine.Outcome{Status: 502, Code: engine.CodeUpstreamError, Message: "the target failed", DecisionID: "d1"})
		}
		out, losses = randomID.ReplaceAllString(string(dst), "RANDOM"), rep.Losses()
	})
	return out, failed, losses
}

// borrowed is a copy of f whose bytes can be overwritten.
func borrowed(f *engine.Frame) *engine.Frame {
	c := *f
	c.Raw, c.Events = bytes.Clone(f.Raw), slices.Clone(f.Events)
	for i := range c.Events {
		if s := c.Events[i].Text; s != "" {
			b := []byte(s)
			c.Events[i].Text = unsafe.String(&b[0], len(b))
		}
		c.Events[i].Data = bytes.Clone(c.Events[i].Data)
	}
	return &c
}

// spoil overwrites what of a borrowed frame is valid only until a sink returns.
func spoil(f *engine.Frame) {
	fill(f.Raw)
	for i := range f.Events {
		if s := f.Events[i].Text; s != "" {
			fill(unsafe.Slice(unsafe.StringData(s), len(s)))
		}
		fill(f.Events[i].Data)
	}
	clear(f.Events)
}

func fill(b []byte) {
	for i := range b {
		b[i] = 'Z'
	}
}

// TestRepliesKeepNothing: a writer copies what it keeps of a frame, and a reader
// what it keeps of its input; and how the input is cut changes nothing.
func TestRepliesKeepNothing(t *testing.T) {
	for _, file := range replyFiles(t) {
		base := filepath.Base(file)
		_, dialect, _ := strings.Cut(strings.TrimSuffix(base, filepath.Ext(base)), ".")
		for i := range sides {
			s := &sides[i]
			t.Run(base+"/"+string(s.dialect), func(t *testing.T) {
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				req := s.request(t, filepath.Ext(base) != ".json")
				want, _, _ := s.answer(t, engine.Dialect(dialect), req, body, len(body), false)
				for _, size := range []int{len(body), 64, 7, 1} {
					if got, _, _ := s.answer(t, engine.Dialect(dialect), req, body, size, true); got != want {
						t.Fatalf("in pieces of %d bytes, overwritten afterwards:\n%s\nwant\n%s", size, got, want)
					}
				}
			})
		}
	}
}
