package wire

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// relayForm is what of the bodies of an API can change on their way to a target
// that speaks the same API; all else stays as the client wrote it. Paths are of
// names joined by dots.
type relayForm struct {
	model string // member that names the model; "": the path does
	// limits are the paths of limits of the output tokens that a client may state.
	// The first is stated where the client stated none. ownLimits are such that a
	// cap lowers and that do not count as a limit.
	limits, ownLimits []string
	tools             []string // members that may hold the list of tools, which may be nested
	choices           []string // members that choose among them
	withTools         []string // other members that mean nothing without any
}

// relay gathers the changes to a body that goes on in its own API.
type relay struct {
	req   *engine.Request
	edits []engine.Edit
	drop  map[string]bool // top-level members to leave out
}

// relay makes the changes that every relay has: the model's name, edited texts,
// stripped tools, the cap on output tokens, and "slo", which is ours.
func (f *relayForm) relay(req *engine.Request, up *Upstream) (*relay, error) {
	r := &relay{req: req, edits: req.Body.Edits(0), drop: map[string]bool{"slo": true}}
	if f.model != "" {
		r.put(f.model, engine.Quote(up.Model))
	}
	if err := r.tools(f); err != nil {
		return nil, err
	}
	return r, r.limit(f, up)
}

// body is the body with the changes made.
func (r *relay) body() []byte {
	r.dropped()
	return engine.Splice(r.req.Body.Raw, r.edits)
}

// replace sets the value of a top-level member, and says whether it is there.
func (r *relay) replace(name string, value []byte) bool {
	f, ok := r.req.Field(name)
	if ok {
		r.edits = append(r.edits, engine.Edit{Span: f.Value, With: value})
	}
	return ok
}

// add appends a top-level member.
func (r *relay) add(name string, value []byte) {
	at, with := 1+bytes.IndexByte(r.req.Body.Raw, '{'), append([]byte(`"`+name+`":`), value...)
	if n := len(r.req.Fields); n > 0 {
		at, with = r.req.Fields[n-1].Member.End, append([]byte{','}, with...)
	}
	r.edits = append(r.edits, engine.Edit{Span: engine.Span{Start: at, End: at}, With: with})
}

// put sets the value of a top-level member, which may be there or not.
func (r *relay) put(name string, value []byte) {
	if !r.replace(name, value) {
		r.add(name, value)
	}
}

// find is where the value at a path of at most two names stands.
func (r *relay) find(path string) (engine.Span, bool, error) {
	outer, inner, nested := strings.Cut(path, ".")
	f, ok := r.req.Field(outer)
	if !ok || !nested {
		return f.Value, ok, nil
	}
	t, err := r.parse(f.Value)
	if err != nil {
		return engine.Span{}, false, err
	}
	i := t.member(0, inner)
	if i < 0 {
		return engine.Span{}, false, nil
	}
	s := t.span(i)
	return engine.Span{Start: f.Value.Start + s.Start, End: f.Value.Start + s.End}, true, nil
}

func (r *relay) parse(s engine.Span) (*tree, error) {
	t, err := parse(r.req.Body.Raw[s.Start:s.End], maxReplyDepth)
	if err != nil {
		return nil, fmt.Errorf("relay a request: %w", bodyError(nil, err)) // it has been parsed once
	}
	return t, nil
}

// set gives the member at a path of at most two names a value; what is missing of
// the path is made, and a null in its place is an object. The members of one
// object that are missing can be set one at a time only.
func (r *relay) set(path string, value []byte) error {
	outer, inner, nested := strings.Cut(path, ".")
	if !nested {
		r.put(outer, value)
		return nil
	}
	f, ok := r.req.Field(outer)
	whole := append(append([]byte(`{"`+inner+`":`), value...), '}')
	if !ok {
		r.add(outer, whole)
		return nil
	}
	t, err := r.parse(f.Value)
	if err != nil {
		return err
	}
	if t.kind(0) != '{' {
		r.replace(outer, whole)
		return nil
	}
	if i := t.member(0, inner); i >= 0 {
		if s := t.span(i); !bytes.Equal(t.raw[s.Start:s.End], value) {
			r.edits = append(r.edits, engine.Edit{Span: engine.Span{Start: f.Value.Start + s.Start, End: f.Value.Start + s.End}, With: value})
		}
		return nil
	}
	// After the last member, where no edit of that member can overlap.
	at, with := f.Value.Start+1, whole[1:len(whole)-1]
	for c := range t.children(0) {
		at = f.Value.Start + t.span(c).End
	}
	if len(t.nodes) > 1 {
		with = append([]byte{','}, with...)
	}
	r.edits = append(r.edits, engine.Edit{Span: engine.Span{Start: at, End: at}, With: with})
	return nil
}

// tools leaves out the tools that an obligation took from the request.
func (r *relay) tools(f *relayForm) error {
	name := ""
	var list engine.Field
	for _, n := range f.tools {
		if field, ok := r.req.Field(n); ok {
			name, list = n, field
			break
		}
	}
	if name == "" || !r.gaps(list.Value) {
		return nil
	}
	t, err := r.parse(list.Value)
	if err != nil {
		return err
	}
	k := keeper{relay: r, t: t, base: list.Value.Start, tools: map[engine.Span]bool{}}
	names := map[string]bool{}
	for i := range r.req.Tools {
		k.tools[r.req.Tools[i].Span], names[r.req.Tools[i].Name] = true, true
	}
	rest, some := k.keep(0)
	switch {
	case !k.dropped:
		return nil
	case some:
		r.edits = append(r.edits, engine.Edit{Span: list.Value, With: rest})
	default:
		r.drop[name] = true
		for _, n := range f.withTools {
			r.drop[n] = true
		}
	}
	// A choice that cannot hold any more goes with the tools it spoke of: one that
	// the obligation took back, or one of a native form that may name any of them.
	c := r.req.ToolChoice
	gone := func(name string) bool { return !names[name] }
	if !some || c.Mode == "" || c.Mode == "native" || c.Mode == "tool" && gone(c.Name) || slices.ContainsFunc(c.Names, gone) {
		for _, n := range f.choices {
			r.drop[n] = true
		}
	}
	return nil
}

// gaps says whether the array may hold elements that are no longer among the
// request's tools: then something else than commas stands between those.
func (r *relay) gaps(array engine.Span) bool {
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

// keeper rebuilds a list of tools without those that are no longer the request's.
type keeper struct {
	*relay
	t       *tree
	base    int // where the tree begins in the body
	tools   map[engine.Span]bool
	dropped bool
}

// keep is what is left of node i: a tool as it is; of an array or an object what
// is left of its children. ok is false where that is nothing.
func (k *keeper) keep(i int) (b []byte, ok bool) {
	s := k.t.span(i)
	s.Start, s.End = s.Start+k.base, s.End+k.base
	if k.tools[s] {
		element := engine.Document{Raw: k.req.Body.Raw[s.Start:s.End], Base: s.Start, Leaves: within(k.req.Body.Leaves, s)}
		return element.Bytes(), true
	}
	kind := k.t.kind(i)
	if kind == '[' || kind == '{' {
		b = append(b, byte(kind))
		for c := range k.t.children(i) {
			rest, some := k.keep(c)
			if !some {
				continue
			}
			if ok {
				b = append(b, ',')
			}
			ok = true
			if name := k.t.keySpan(c); name.Len() > 0 {
				b = append(append(b, k.t.raw[name.Start:name.End]...), ':')
			}
			b = append(b, rest...)
		}
	}
	if !ok {
		k.dropped = true
		return nil, false
	}
	return append(b, byte(kind)+2), true // ] and } are the second after [ and {
}

func hasTool(tools []engine.Tool, name string) bool {
	return slices.ContainsFunc(tools, func(t engine.Tool) bool { return t.Name == name })
}

// within is the part of leaves that stands in the span.
func within(leaves []*engine.Text, s engine.Span) []*engine.Text {
	from := sort.Search(len(leaves), func(i int) bool { return leaves[i].Span.Start >= s.Start })
	to := from + sort.Search(len(leaves)-from, func(i int) bool { return leaves[from+i].Span.End > s.End })
	return leaves[from:to]
}

// limit lowers whichever limits the client stated to the cap, and states one
// where the client did not.
func (r *relay) limit(f *relayForm, up *Upstream) error {
	if up.MaxOutputTokens == 0 || len(f.limits) == 0 {
		return nil
	}
	with := strconv.AppendInt(nil, int64(up.MaxOutputTokens), 10)
	stated := false
	for _, path := range slices.Concat(f.limits, f.ownLimits) {
		s, ok, err := r.find(path)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		v, err := strconv.Atoi(string(r.req.Body.Raw[s.Start:s.End]))
		if err != nil || v > up.MaxOutputTokens || v < 1 { // an error: the client said null
			r.edits = append(r.edits, engine.Edit{Span: s, With: with})
		}
		stated = stated || slices.Contains(f.limits, path)
	}
	if stated {
		return nil
	}
	name := f.limits[0]
	if name == "max_tokens" && up.Server.MaxCompletionTokens && r.req.Operation == engine.OpChat {
		name = "max_completion_tokens"
	}
	return r.set(name, with)
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
