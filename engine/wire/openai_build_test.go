package wire

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// meaning is what a request says, in lines, without what only a relay of its bytes
// needs: spans, the names of the client's dialect, fields that nobody knows.
func meaning(r *engine.Request) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	text := func(t *engine.Text) string {
		if t == nil {
			return "-"
		}
		return fmt.Sprintf("%q", value(t))
	}
	canonical := func(d *engine.Document) string {
		if d == nil {
			return "-"
		}
		v := jsontext.Value(d.Bytes())
		if v.Canonicalize() != nil {
			return string(d.Bytes())
		}
		return string(v)
	}
	num := func(p *float64) string {
		if p == nil {
			return "-"
		}
		return fmt.Sprint(*p)
	}
	line("%s stream=%v max=%d", r.Operation, r.Stream, r.MaxOutputTokens)
	s := r.Sampling
	line("temperature %s top_p %s presence %s frequency %s n %d stop %q", num(s.Temperature), num(s.TopP), num(s.PresencePenalty), num(s.FrequencyPenalty), max(1, s.N), s.Stop)
	if s.TopK != nil {
		line("top_k %d", *s.TopK)
	}
	if s.Seed != nil {
		line("seed %d", *s.Seed)
	}
	if r.Logprobs != nil {
		line("logprobs %d", *r.Logprobs)
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		line("%s call %q error %v", m.Role, m.ToolCallID, m.IsError)
		placed := map[int]bool{}
		call := func(k int) {
			c := &m.ToolCalls[k]
			placed[k] = true
			line("  call %q %q %s input %s", c.ID, c.Name, canonical(c.Arguments), text(c.Input))
		}
		for _, p := range m.Parts {
			switch p.Kind {
			case engine.PartToolCall:
				call(p.Call)
			default:
				line("  part %d %s %s %q url %s id %s name %s detail %q json %s", p.Kind, text(p.Text), p.MediaType, p.Data, text(p.URL), text(p.FileID), text(p.Filename), p.Detail, canonical(p.JSON))
			}
		}
		for k := range m.ToolCalls {
			if !placed[k] {
				call(k)
			}
		}
	}
	for _, t := range r.Tools {
		line("tool %d %q %s %s strict %v", t.Kind, t.Name, text(t.Description), canonical(t.Parameters), t.Strict != nil && *t.Strict)
	}
	line("choice %+v parallel %v", r.ToolChoice, r.ParallelTools == nil || *r.ParallelTools)
	if f := r.Format; f.Type != "" && f.Type != "text" {
		line("format %s %q %s strict %v", f.Type, f.Name, canonical(f.Schema), f.Strict != nil && *f.Strict)
	}
	line("reasoning %q", r.Reasoning.Effort)
	return b.String()
}

// TestOpenAIBuildKeepsMeaning builds requests of OpenAI's own API anew, as if they
// were another's: what is read of the result is what was read of the original.
func TestOpenAIBuildKeepsMeaning(t *testing.T) {
	server, _ := ServerFor("openai")
	server.TopK, server.VideoURL, server.ReasoningField, server.MaxStops = true, true, "reasoning_content", 0
	for _, file := range append(glob(t, "requests/*.json"), glob(t, "build/*.json")...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			req := chatRequest(t, string(body))
			hints := 0
			for _, h := range req.Hints {
				if !strings.HasSuffix(h, ".detail") {
					hints++
				}
			}
			up, err := buildOpenAI(req, &Upstream{Model: req.Model, Server: server})
			if err != nil {
				if len(req.NotPortable) == 0 && !strings.Contains(string(body), `"bad`) {
					re := requestError(t, err)
					golden(t, strings.TrimSuffix(file, ".json")+".built.golden", re.Error()+"\n")
				}
				return
			}
			golden(t, strings.TrimSuffix(file, ".json")+".meaning.golden", meaning(req))
			again := chatRequest(t, string(up.Body))
			if d := cmp.Diff(meaning(req), meaning(again)); d != "" {
				t.Errorf("the meaning changed (-read +read again):\n%s\n%s", d, up.Body)
			}
			if len(up.Losses) != hints {
				t.Errorf("losses %v, where the hints are %v", up.Losses, req.Hints)
			}
		})
	}
}

// TestOpenAIBuild writes what OpenAI's own API cannot say, for each kind of server.
func TestOpenAIBuild(t *testing.T) {
	text := func(s string) *engine.Text { return &engine.Text{Value: s} }
	say := func(s string) engine.Part { return engine.Part{Kind: engine.PartText, Text: text(s)} }
	seal := &engine.Opaque{Origin: engine.DialectAnthropic, Data: "c2VhbA"}
	object := func(s string) *engine.Document { return &engine.Document{Raw: []byte(s)} }
	user := func(parts ...engine.Part) engine.Message {
		return engine.Message{Role: engine.RoleUser, Parts: parts}
	}
	tool := engine.Tool{Kind: engine.ToolFunction, Name: "f", Parameters: object(`{"type":"object"}`)}
	forty := strings.Repeat("x", 41)
	k, budget := 5, 9000
	tests := map[string]engine.Request{
		"thinking": {Messages: []engine.Message{user(say("hi")), {Role: engine.RoleAssistant, Parts: []engine.Part{
			{Kind: engine.PartReasoning, Text: text("let me see"), Seal: seal}, {Kind: engine.PartReasoning, Seal: seal}, say("so"),
			{Kind: engine.PartToolCall, Call: 0}, say("and"), {Kind: engine.PartToolCall, Call: 1}},
			ToolCalls: []engine.ToolCall{{ID: "a", Name: "f", Arguments: object(`{"x":1}`), Seal: seal}, {ID: "b", Name: "f", Arguments: object(`{}`)}}},
			{Role: engine.RoleTool, ToolCallID: "a", Parts: []engine.Part{say("1")}}, {Role: engine.RoleTool, ToolCallID: "b", Parts: []engine.Part{say("2")}}}, Tools: []engine.Tool{tool}},
		"refusal":       {Messages: []engine.Message{user(say("hi")), {Role: engine.RoleAssistant, Parts: []engine.Part{{Kind: engine.PartRefusal, Text: text("I cannot.")}}}, user(say("why?"))}},
		"only thinking": {Messages: []engine.Message{user(say("hi")), {Role: engine.RoleAssistant, Parts: []engine.Part{{Kind: engine.PartReasoning, Text: text("hm")}}}, user(say("go on"))}},
		"tool results": {Messages: []engine.Message{user(say("hi")),
			{Role: engine.RoleAssistant, ToolCalls: []engine.ToolCall{{ID: forty, Name: "f", Arguments: object(`{}`)}, {ID: "b", Name: "f", Arguments: object(`{}`)}}},
			{Role: engine.RoleTool, ToolCallID: forty, IsError: true, Parts: []engine.Part{{Kind: engine.PartJSON, JSON: object(`{"error":"no"}`)}}},
			{Role: engine.RoleTool, ToolCallID: "b", Parts: []engine.Part{say("see"), {Kind: engine.PartImage, MediaType: "image/png", Data: "iVBORw0KGgo="}}},
			user(say("well?"))}},
		"shown by a tool at the end": {Messages: []engine.Message{user(say("hi")),
			{Role: engine.RoleAssistant, ToolCalls: []engine.ToolCall{{ID: "b", Name: "f", Arguments: object(`{}`)}}},
			{Role: engine.RoleTool, ToolCallID: "b", Parts: []engine.Part{{Kind: engine.PartImage, MediaType: "image/png", Data: "iVBORw0KGgo="}}}}},
		"result without a call": {Messages: []engine.Message{{Role: engine.RoleTool, Parts: []engine.Part{say("1")}}}},
		"files": {Messages: []engine.Message{user(engine.Part{Kind: engine.PartFile, MediaType: "application/pdf", Data: "JVBERi0xLjQ="},
			engine.Part{Kind: engine.PartFile, MediaType: "text/plain", Text: text("a note")}, engine.Part{Kind: engine.PartAudio, MediaType: "audio/x-wav", Data: "UklGRg=="})}},
		"file by url":    {Messages: []engine.Message{user(engine.Part{Kind: engine.PartFile, URL: text("https://x.example/a.pdf")})}},
		"foreign file":   {Messages: []engine.Message{user(engine.Part{Kind: engine.PartFile, FileID: text("file_abc")})}},
		"foreign image":  {Messages: []engine.Message{user(engine.Part{Kind: engine.PartImage, FileID: text("file_abc")})}},
		"video":          {Messages: []engine.Message{user(engine.Part{Kind: engine.PartVideo, MediaType: "video/mp4", Data: "AAAAHGZ0eXA="})}},
		"other audio":    {Messages: []engine.Message{user(engine.Part{Kind: engine.PartAudio, MediaType: "audio/flac", Data: "ZkxhQw=="})}},
		"unknown part":   {Messages: []engine.Message{user(engine.Part{Kind: engine.PartOther, Native: "x"})}},
		"system later":   {Messages: []engine.Message{{Role: engine.RoleSystem, Native: "developer", Parts: []engine.Part{say("a"), say("b")}}, user(say("hi")), {Role: engine.RoleSystem, Parts: []engine.Part{say("c")}}}},
		"settings":       {Messages: []engine.Message{user(say("hi"))}, MaxOutputTokens: 9, Stream: true, Sampling: engine.Sampling{TopK: &k, Stop: []string{"a", "b", "c", "d", "e"}}, Reasoning: engine.Reasoning{Budget: budget}, Hints: []string{"metadata"}},
		"no thinking":    {Messages: []engine.Message{user(say("hi"))}, Reasoning: engine.Reasoning{Off: true}},
		"allowed tools":  {Messages: []engine.Message{user(say("hi"))}, Tools: []engine.Tool{tool, {Kind: engine.ToolFunction, Name: "g"}}, ToolChoice: engine.ToolChoice{Mode: "required", Names: []string{"g"}}},
		"custom tool":    {Messages: []engine.Message{user(say("hi"))}, Tools: []engine.Tool{{Kind: engine.ToolCustom, Name: "c", Description: text("d"), Parameters: object(`{"type":"grammar","syntax":"lark","definition":"start: /a/"}`)}}, ToolChoice: engine.ToolChoice{Mode: "tool", Name: "c"}},
		"server's tool":  {Messages: []engine.Message{user(say("hi"))}, Tools: []engine.Tool{{Kind: engine.ToolServer, Name: "web_search", Native: "web_search"}}},
		"dotted name":    {Messages: []engine.Message{user(say("hi"))}, Tools: []engine.Tool{{Kind: engine.ToolFunction, Name: "a.b"}}},
		"schema unnamed": {Messages: []engine.Message{user(say("hi"))}, Format: engine.ResponseFormat{Type: "json_schema", Schema: object(`{"type":"object"}`)}},
		"completion":     {Operation: engine.OpCompletion, Messages: []engine.Message{user(say("once"))}, MaxOutputTokens: 5, Stream: true},
		"embeddings":     {Operation: engine.OpEmbeddings, Messages: []engine.Message{user(say("a")), user(say("b"))}, Embedding: engine.Embedding{Dimensions: 8, Task: "RETRIEVAL_QUERY"}},
		"count":          {Operation: engine.OpCountTokens, Messages: []engine.Message{user(say("hi"))}},
		"not portable":   {Messages: []engine.Message{user(say("hi"))}, NotPortable: []string{"safetySettings"}},
	}
	for name, req := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			last := ""
			req.Dialect = engine.DialectAnthropicMessages
			if req.Operation == "" {
				req.Operation = engine.OpChat
			}
			for _, server := range ServerNames() {
				s, _ := ServerFor(server)
				said := ""
				up, err := OpenAI{}.WriteRequest(&req, &Upstream{Model: "up", MaxOutputTokens: 7, Server: s})
				if re, ok := errors.AsType[*engine.RequestError](err); ok {
					said = re.Error() + "\n"
				} else if err != nil {
					t.Fatal(err)
				} else {
					said = fmt.Sprintf("%s stream=%v\n%s\nlosses %v\n", up.Path, up.Stream, up.Body, up.Losses)
				}
				if said == last {
					said = "the same\n"
				} else {
					last = said
				}
				fmt.Fprintf(&out, "--- %s\n%s", server, said)
			}
			golden(t, filepath.Join("testdata", "build", strings.ReplaceAll(name, " ", "-")+".golden"), out.String())
		})
	}
}

// TestOpenAIBuildSendsNothingUninspected: what is built anew holds no text that was
// not among those that classifiers read.
func TestOpenAIBuildSendsNothingUninspected(t *testing.T) {
	s := server(t, "openai")
	s.ReasoningField, s.VideoURL, s.TopK = "reasoning", true, true
	for _, marked := range []string{markedRequest, markedMedia} {
		m := &marker{}
		req := chatRequest(t, m.fill(marked))
		req.NotPortable = nil
		for i, x := range req.Texts {
			if !x.Fixed {
				x.Set(fmt.Sprintf("<X_%d>", i))
			}
		}
		up, err := buildOpenAI(req, &Upstream{Model: "m", Server: s})
		if err != nil {
			t.Fatal(err)
		}
		if left := anyMark.FindString(string(up.Body)); left != "" {
			t.Errorf("%s is sent: %s", left, up.Body)
		}
	}
}

// FuzzOpenAIBuild: what is built of a request is read as what it was built of, and
// is built of that again.
func FuzzOpenAIBuild(f *testing.F) {
	for _, pattern := range []string{"requests/*.json", "build/*.json"} {
		for _, file := range glob(f, pattern) {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	s := server(f, "openai")
	s.TopK, s.VideoURL, s.ReasoningField, s.MaxStops, s.StrictNames = true, true, "reasoning", 0, false
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := OpenAIChat{}.ReadRequest(&Inbound{Body: body}, Limits{})
		if err != nil {
			return
		}
		up, err := buildOpenAI(req, &Upstream{Model: "m", Server: s})
		if err != nil {
			if _, ok := err.(*engine.RequestError); !ok {
				t.Fatalf("error is %T", err)
			}
			return
		}
		again, err := OpenAIChat{}.ReadRequest(&Inbound{Body: up.Body}, Limits{})
		if err != nil {
			t.Fatalf("%v\n%s", err, up.Body)
		}
		twice, err := buildOpenAI(again, &Upstream{Model: "m", Server: s})
		if err != nil {
			t.Fatalf("%v\n%s", err, up.Body)
		}
		if string(twice.Body) != string(up.Body) {
			t.Fatalf("built of itself:\n%s\n%s", up.Body, twice.Body)
		}
	})
}
