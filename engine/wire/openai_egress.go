package wire

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"

	"github.com/sallyport-ai/sallyport/engine"
)

// OpenAI is a target's side of OpenAI's API: chat and legacy completions and
// embeddings, as OpenAI, vLLM, llama.cpp, SGLang and TGI serve them.
type OpenAI struct{}

// Supports implements Egress.
func (OpenAI) Supports(op engine.Operation) bool {
	switch op {
	case engine.OpChat, engine.OpCompletion, engine.OpEmbeddings:
		return true
	}
	return false
}

// API implements Egress.
func (OpenAI) API(req *engine.Request, _ *Upstream) engine.Dialect {
	switch req.Operation {
	case engine.OpCompletion:
		return engine.DialectOpenAICompletions
	case engine.OpEmbeddings:
		return engine.DialectOpenAIEmbeddings
	}
	return engine.DialectOpenAIChat
}

// NewReader implements Egress.
func (e OpenAI) NewReader(req *engine.Request, up *Upstream) ReplyReader {
	return newOpenAIReader(req, e.API(req, up), up.Server)
}

// ReadError implements Egress.
func (OpenAI) ReadError(_ int, body []byte) (code, message string) { return readError(body) }

// WriteRequest implements Egress. It relays the client's own bytes: only the
// model's name, edited texts, stripped tools, the cap on output tokens, "slo" and
// the demand for usage in a stream are changed.
func (OpenAI) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	out := &UpstreamRequest{Stream: req.Stream}
	switch req.Dialect {
	case engine.DialectOpenAIChat:
		out.Path = "/chat/completions"
	case engine.DialectOpenAICompletions:
		out.Path = "/completions"
	case engine.DialectOpenAIEmbeddings:
		out.Path, out.Stream = "/embeddings", false
	default:
		return nil, fmt.Errorf("write an openai request: no writer for requests in dialect %q", req.Dialect)
	}
	r := relay{req: req, edits: req.Body.Edits(0), drop: map[string]bool{"slo": true}}
	r.replace("model", engine.Quote(up.Model))
	r.tools()
	if req.Operation != engine.OpEmbeddings {
		r.maxTokens(up.MaxOutputTokens, up.Server)
		if out.Stream {
			if err := r.usage(); err != nil {
				return nil, err
			}
		}
	}
	r.dropped()
	out.Body = engine.Splice(req.Body.Raw, r.edits)
	return out, nil
}

// relay gathers the changes to a body that goes on in its own dialect.
type relay struct {
	req   *engine.Request
	edits []engine.Edit
	drop  map[string]bool // top-level members to leave out
}

// replace sets the value of a top-level member, and says whether it is there.
func (r *relay) replace(name string, value []byte) bool {
	f, ok := r.req.Field(name)
	if ok {
		r.edits = append(r.edits, engine.Edit{Span: f.Value, With: value})
	}
	return ok
}

// add appends a top-level member. The object is never empty: it has a model.
func (r *relay) add(name string, value []byte) {
	end := r.req.Fields[len(r.req.Fields)-1].Member.End
	with := append([]byte(`,"`+name+`":`), value...)
	r.edits = append(r.edits, engine.Edit{Span: engine.Span{Start: end, End: end}, With: with})
}

// tools leaves out the tools that an obligation took from the request.
func (r *relay) tools() {
	name := "tools"
	f, ok := r.req.Field(name)
	if !ok {
		name = "functions"
		f, ok = r.req.Field(name)
	}
	stripped := ok && r.stripped(f.Value)
	if stripped && len(r.req.Tools) == 0 {
		r.drop[name], r.drop["parallel_tool_calls"] = true, true
	} else if stripped {
		array := []byte{'['}
		for i, t := range r.req.Tools {
			if i > 0 {
				array = append(array, ',')
			}
			element := engine.Document{Raw: r.req.Body.Raw[t.Span.Start:t.Span.End], Base: t.Span.Start, Leaves: within(r.req.Body.Leaves, t.Span)}
			array = append(array, element.Bytes()...)
		}
		r.edits = append(r.edits, engine.Edit{Span: f.Value, With: append(array, ']')})
	}
	// A choice that cannot hold any more goes with the tools it spoke of: one that
	// the obligation took back, or one of a native form that may name any of them.
	c := r.req.ToolChoice
	if stripped && (len(r.req.Tools) == 0 || c.Mode == "" || c.Mode == "native" || c.Mode == "tool" && !hasTool(r.req.Tools, c.Name)) {
		r.drop["tool_choice"], r.drop["function_call"] = true, true
	}
}

// stripped says whether the array holds elements that are no longer among the
// request's tools: then something else than commas stands between those.
func (r *relay) stripped(array engine.Span) bool {
	raw, at := r.req.Body.Raw, array.Start+1
	for _, t := range r.req.Tools {
		if t.Span.Start < at || !separators(raw[at:t.Span.Start]) {
			return true
		}
		at = t.Span.End
	}
	return raw[array.Start] == '[' && !separators(raw[at:array.End-1])
}

func separators(b []byte) bool { return len(bytes.Trim(b, ", \t\r\n")) == 0 }

func hasTool(tools []engine.Tool, name string) bool {
	for _, t := range tools {
		if t.Name == name {
			return true
		}
	}
	return false
}

// within is the part of leaves that stands in the span.
func within(leaves []*engine.Text, s engine.Span) []*engine.Text {
	from := sort.Search(len(leaves), func(i int) bool { return leaves[i].Span.Start >= s.Start })
	to := from + sort.Search(len(leaves)-from, func(i int) bool { return leaves[from+i].Span.End > s.End })
	return leaves[from:to]
}

// ownTokens is llama.cpp's own limit, which it takes beside OpenAI's and prefers
// to it; -1 is no limit.
const ownTokens = "n_predict"

// maxTokens lowers whichever limit the client stated to the cap, and states one
// where the client did not.
func (r *relay) maxTokens(limit int, server Server) {
	if limit == 0 {
		return
	}
	stated := false
	for _, name := range []string{"max_tokens", "max_completion_tokens", ownTokens} {
		f, ok := r.req.Field(name)
		if !ok {
			continue
		}
		v, err := strconv.Atoi(string(r.req.Body.Raw[f.Value.Start:f.Value.End]))
		if err != nil || v > limit || v < 1 { // an error: the client said null
			r.replace(name, strconv.AppendInt(nil, int64(limit), 10))
		}
		stated = stated || name != ownTokens
	}
	if !stated {
		name := "max_tokens"
		if server.MaxCompletionTokens && r.req.Operation == engine.OpChat {
			name = "max_completion_tokens"
		}
		r.add(name, strconv.AppendInt(nil, int64(limit), 10))
	}
}

// usage demands the usage of a stream, whatever the client asked: what a reply
// cost must be known. The reply's writer hides it from a client that did not.
func (r *relay) usage() error {
	const all = `{"include_usage":true}`
	f, ok := r.req.Field("stream_options")
	if !ok {
		r.add("stream_options", []byte(all))
		return nil
	}
	if r.req.IncludeUsage {
		return nil
	}
	t, err := parse(r.req.Body.Raw[f.Value.Start:f.Value.End], 0)
	if err != nil {
		return fmt.Errorf("write an openai request: stream_options: %w", err)
	}
	if t.kind(0) != '{' {
		r.replace("stream_options", []byte(all))
		return nil
	}
	if i := t.member(0, "include_usage"); i >= 0 {
		s := t.span(i)
		r.edits = append(r.edits, engine.Edit{Span: engine.Span{Start: f.Value.Start + s.Start, End: f.Value.Start + s.End}, With: []byte("true")})
		return nil
	}
	// After the last member, where no edit of that member can overlap.
	at, with := f.Value.Start+1, `"include_usage":true`
	for c := range t.children(0) {
		at = f.Value.Start + t.span(c).End
	}
	if len(t.nodes) > 1 {
		with = "," + with
	}
	r.edits = append(r.edits, engine.Edit{Span: engine.Span{Start: at, End: at}, With: []byte(with)})
	return nil
}

// dropped removes runs of top-level members with the commas that held them.
func (r *relay) dropped() {
	fields := r.req.Fields
	for i := 0; i < len(fields); i++ {
		if !r.drop[fields[i].Name] {
			continue
		}
		j := i
		for j+1 < len(fields) && r.drop[fields[j+1].Name] {
			j++
		}
		s := engine.Span{Start: fields[i].Member.Start, End: fields[j].Member.End}
		if j+1 < len(fields) {
			s.End = fields[j+1].Member.Start
		} else if i > 0 {
			s.Start = fields[i-1].Member.End
		}
		r.edits = append(r.edits, engine.Edit{Span: s})
		i = j
	}
}
