package wire

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// longNumber is the least count of digits at which a number in free JSON is
// inspected as a text: the shortest telephone numbers and account numbers have
// seven.
const longNumber = 7

// maxTexts bounds the strings and long numbers of a request. Each costs some
// hundred bytes on its way through classifiers and policy, so that a body of empty
// strings would take a hundred times its size; the largest real requests, whole
// data sets in tool results, have some ten thousand.
const maxTexts = 1 << 18

// maxBudget bounds each time of a body's "slo" member.
const maxBudget = 24 * time.Hour

// body reads a client's parsed JSON into a request. Its rule is that a string is
// inspected unless a reader has consumed it as a field that carries no text, so
// whatever a reader does not know of is a text. The first mistake it meets is
// kept in err; readers go on with zero values.
type body struct {
	*tree
	maxDepth int
	req      *engine.Request
	names    []string // of members that the dialect's reader knows, see unknown
	slab     []engine.Text
	texts    int // made so far
	hinted   int // fields that hint has been told of
	err      *engine.RequestError
}

// readBody parses the body of in, which must hold a JSON object, and calls field
// for each of its members in order. field says whether it knows the member; one
// that it does not is inspected and is a hint. "slo" is ours in every dialect.
//
// Where in names a model, field must not set one. Names are of the members that
// field knows at any depth, beside those that unknown lists.
func readBody(in *Inbound, lim Limits, req *engine.Request, field func(b *body, name string, i int) bool, names ...string) (*engine.Request, error) {
	raw := in.Body
	t, err := parse(raw, lim.MaxDepth)
	if err != nil {
		return nil, bodyError(raw, err)
	}
	if t.kind(0) != '{' {
		return nil, malformed("", "must be a JSON object, not %s", kindName(t.kind(0)))
	}
	req.Body.Raw, req.Fields, req.Priority = raw, t.fields(0), 3
	req.Model = in.Model
	b := &body{tree: t, maxDepth: lim.MaxDepth, req: req, names: names}
	for i := range t.children(0) {
		switch name := t.name(i); {
		case name == "slo":
			b.slo(i)
		case !field(b, name, i):
			b.hint(i)
			b.unknown(i, engine.RoleUser, engine.KindText, -1)
		}
	}
	if b.err == nil && req.Model == "" {
		b.err = malformed("model", "is missing: name a model, or \"auto\"")
	}
	if b.err != nil {
		return nil, b.err
	}
	for _, l := range req.Body.Leaves {
		req.PromptTokens += engine.EstimateTokens(l.Value)
	}
	for _, x := range req.Texts {
		req.PromptBytes += len(x.Value)
	}
	return req, nil
}

// fail keeps the first mistake, which is at node i.
func (b *body) fail(i int, format string, args ...any) {
	if b.err == nil {
		b.err = malformed(b.path(i), format, args...)
	}
}

// missing is the mistake of an object i that lacks a member.
func (b *body) missing(i int, name, mend string) {
	if b.err == nil {
		var p strings.Builder
		p.WriteString(b.path(i))
		writeName(&p, name)
		b.err = malformed(p.String(), "is missing: %s", mend)
	}
}

// want says whether node i is of the kind, and makes a mistake of it otherwise.
func (b *body) want(i int, kind jsontext.Kind) bool {
	k := b.kind(i)
	if k == kind || kind == 't' && k == 'f' {
		return true
	}
	b.fail(i, "must be %s, not %s", kindName(kind), kindName(k))
	return false
}

// optional is want for a member that clients send as null where they mean
// nothing by it.
func (b *body) optional(i int, kind jsontext.Kind) bool {
	return b.kind(i) != 'n' && b.want(i, kind)
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	}
	return "null"
}

func (b *body) string(i int) string {
	if !b.want(i, '"') {
		return ""
	}
	return b.str(i)
}

func (b *body) bool(i int) bool { return b.optional(i, 't') && b.kind(i) == 't' }

func (b *body) boolPtr(i int) *bool {
	if !b.optional(i, 't') {
		return nil
	}
	v := b.kind(i) == 't'
	return &v
}

func (b *body) float(i int) *float64 {
	if !b.optional(i, '0') {
		return nil
	}
	v, err := strconv.ParseFloat(b.lit(i), 64)
	if err != nil {
		b.fail(i, "is out of range")
		return nil
	}
	b.setting(i)
	return &v
}

func (b *body) integer(i int) (int64, bool) {
	if !b.optional(i, '0') {
		return 0, false
	}
	v, err := strconv.ParseInt(b.lit(i), 10, 64)
	if err != nil {
		b.fail(i, "must be a whole number of at most 64 bits")
		return 0, false
	}
	b.setting(i)
	return v, true
}

// setting inspects a number that a reader has consumed where it is long enough to
// be somebody's: a card number is a valid seed. It is fixed, for a string in its
// place would be of the wrong type.
func (b *body) setting(i int) {
	if t := b.number(i, engine.RoleUser, engine.KindText, -1); t != nil {
		t.Fixed = true
	}
}

// number makes a text of number node i if it is a long one, nil otherwise. Its
// value is the whole number that it stands for, where it is one: 4.1e15 is read as
// it would be written out.
func (b *body) number(i int, role engine.Role, kind engine.TextKind, msg int) *engine.Text {
	value := b.lit(i)
	if strings.ContainsAny(value, ".eE") {
		if v, err := strconv.ParseFloat(value, 64); err == nil && v == math.Trunc(v) && math.Abs(v) < 1e21 {
			value = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	if digits(value) < longNumber {
		return nil
	}
	t := b.leaf(b.span(i), value, role, kind, msg)
	b.req.Texts = append(b.req.Texts, t)
	return t
}

// positive is an integer from 1 to 2^31-1.
func (b *body) positive(i int) (int, bool) {
	v, ok := b.integer(i)
	if ok && (v < 1 || v > 1<<31-1) {
		b.fail(i, "must be a whole number from 1 to 2147483647")
		ok = false
	}
	return int(v), ok
}

// enum consumes a string of a closed vocabulary, whose words are short and in
// lower case. What cannot belong to one is inspected as a text.
func (b *body) enum(i int) string {
	if !b.optional(i, '"') {
		return ""
	}
	s := b.str(i)
	if s != "" && (!plain(s, 32) || digits(s) >= longNumber || s != strings.ToLower(s)) {
		b.text(i, engine.RoleUser, engine.KindText, -1)
	}
	return s
}

// shortID is the length in bytes up to which an identifier is too short for a
// credential.
const shortID = 16

// id consumes an identifier that some server made. All but the shortest are
// inspected as texts, for a key or a card number looks like one; they are fixed,
// for they are repeated where they are referred to.
func (b *body) id(i int, msg int) string {
	if !b.optional(i, '"') {
		return ""
	}
	s := b.str(i)
	if s != "" && (!plain(s, shortID) || digits(s) >= longNumber) {
		b.fixed(i, engine.RoleUser, engine.KindName, msg)
	}
	return s
}

// leaf makes a text of a literal and adds it to the body's leaves.
func (b *body) leaf(span engine.Span, value string, role engine.Role, kind engine.TextKind, msg int) *engine.Text {
	if b.texts++; b.texts > maxTexts {
		if b.err == nil {
			b.err = &engine.RequestError{Status: http.StatusRequestEntityTooLarge, Code: engine.CodeTooLarge,
				Message: fmt.Sprintf("the body holds more than %d strings", maxTexts)}
		}
		return &engine.Text{Value: value} // of a request that is refused
	}
	if len(b.slab) == cap(b.slab) {
		b.slab = make([]engine.Text, 0, 32)
	}
	b.slab = append(b.slab, engine.Text{Role: role, Kind: kind, Message: msg, Value: value, Span: span})
	t := &b.slab[len(b.slab)-1]
	b.req.Body.Leaves = append(b.req.Body.Leaves, t)
	return t
}

// text makes a text of string node i.
func (b *body) text(i int, role engine.Role, kind engine.TextKind, msg int) *engine.Text {
	t := b.leaf(b.span(i), b.str(i), role, kind, msg)
	b.req.Texts = append(b.req.Texts, t)
	return t
}

// fixed makes a text of a string that other parts of the request refer to.
func (b *body) fixed(i int, role engine.Role, kind engine.TextKind, msg int) string {
	t := b.text(i, role, kind, msg)
	t.Fixed = true
	return t.Value
}

// inspect makes texts of every string, name and long number under node i, its
// own name excepted, and returns the value as a document that shares them.
func (b *body) inspect(i int, role engine.Role, kind engine.TextKind, msg int) *engine.Document {
	from := len(b.req.Body.Leaves)
	for n := i; n < int(b.nodes[i].end); n++ {
		if n > i && b.nodes[n].keyTo > b.nodes[n].key {
			b.req.Texts = append(b.req.Texts, b.leaf(b.keySpan(n), b.name(n), role, kind, msg))
		}
		switch b.kind(n) {
		case '"':
			b.text(n, role, kind, msg)
		case '0':
			b.number(n, role, kind, msg)
		}
	}
	s, to := b.span(i), len(b.req.Body.Leaves)
	return &engine.Document{Raw: b.raw[s.Start:s.End], Base: s.Start, Leaves: b.req.Body.Leaves[from:to:to]}
}

// inspectMember is inspect with the member's own name.
func (b *body) inspectMember(i int, role engine.Role, kind engine.TextKind, msg int) {
	if s := b.keySpan(i); s.Len() > 0 {
		b.req.Texts = append(b.req.Texts, b.leaf(s, b.name(i), role, kind, msg))
	}
	b.inspect(i, role, kind, msg)
}

// unknown is inspectMember for a member that its reader does not know. One that
// differs from a name that readers do know in nothing but case is refused: servers
// written in Go match names without regard to it, and would read there what
// nobody here has judged.
func (b *body) unknown(i int, role engine.Role, kind engine.TextKind, msg int) {
	name := b.name(i)
	for _, known := range b.names {
		if name != known && strings.EqualFold(name, known) {
			b.fail(i, "must be spelt %q", known)
		}
	}
	for _, known := range [...]string{
		"model", "messages", "prompt", "input", "suffix", "stream", "stream_options", "include_usage", "n", "best_of",
		"max_tokens", "max_completion_tokens", "n_predict", "tools", "functions", "tool_choice", "function_call",
		"response_format", "metadata", "slo", "role", "content", "type", "text", "name", "image_url", "url",
		"tool_calls", "tool_call_id", "function", "arguments", "parameters", "description",
	} {
		if name != known && strings.EqualFold(name, known) {
			b.fail(i, "must be spelt %q", known)
		}
	}
	b.inspectMember(i, role, kind, msg)
}

// inner makes a text of string node i whose content is itself JSON: the strings
// in it become the texts, so that an escape cannot hide one. Where the content
// is not JSON, or accept refuses its kind, the string is a plain text.
//
// Duplicate names and lone surrogates are accepted here: they are in somebody's
// tool result, every copy of them is inspected, and taking the string for plain
// text instead would leave their escapes in place.
func (b *body) inner(i int, role engine.Role, kind engine.TextKind, msg int, accept string) *engine.Text {
	s := b.str(i)
	trimmed := strings.TrimLeft(s, " \t\r\n")
	if trimmed == "" || !strings.ContainsRune(accept, rune(trimmed[0])) {
		return b.text(i, role, kind, msg)
	}
	t, err := parse([]byte(s), b.maxDepth, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		if errors.Is(err, errTooDeep) {
			b.fail(i, "holds JSON that is nested too deep")
		}
		return b.text(i, role, kind, msg)
	}
	req := engine.Request{}
	in := body{tree: t, req: &req, texts: b.texts}
	doc := in.inspect(0, role, kind, msg)
	if b.texts = in.texts; b.err == nil {
		b.err = in.err
	}
	doc.Raw, doc.Base = t.raw, 0 // white space around the value belongs to the string
	out := b.leaf(b.span(i), s, role, kind, msg)
	out.Inner = doc
	b.req.Texts = append(b.req.Texts, req.Texts...)
	return out
}

// anyJSON and structured are what inner accepts, by first character: any JSON
// value, and one in which an escape can hide a text.
const (
	anyJSON    = `{["-0123456789tfn`
	structured = `{["`
)

// model reads the member that names the model.
func (b *body) model(i int) {
	if b.req.Model != "" { // the path has named one
		b.unknown(i, engine.RoleUser, engine.KindName, -1)
		return
	}
	if b.req.Model = b.string(i); b.req.Model == "" {
		b.fail(i, "must not be empty: name a model, or \"auto\"")
	}
}

func (b *body) stop(i int) {
	switch b.kind(i) {
	case 'n':
	case '"':
		b.req.Sampling.Stop = []string{b.fixed(i, engine.RoleUser, engine.KindText, -1)}
	case '[':
		for c := range b.children(i) {
			if b.want(c, '"') {
				b.req.Sampling.Stop = append(b.req.Sampling.Stop, b.fixed(c, engine.RoleUser, engine.KindText, -1))
			}
		}
	default:
		b.fail(i, "must be a string or an array of strings, not %s", kindName(b.kind(i)))
	}
}

// logitBias consumes a map of token numbers; names that are no token number are
// inspected.
func (b *body) logitBias(i int) {
	if !b.optional(i, '{') {
		return
	}
	for c := range b.children(i) {
		b.notPortable("logit_bias")
		name := b.name(c)
		if b.kind(c) == '0' && len(name) < longNumber && digits(name) == len(name) && digits(b.lit(c)) < longNumber {
			continue
		}
		b.inspectMember(c, engine.RoleUser, engine.KindText, -1)
	}
}

func (b *body) metadata(i int) {
	if !b.optional(i, '{') {
		return
	}
	b.req.Metadata = map[string]string{}
	b.hint(i)
	for c := range b.children(i) {
		if b.want(c, '"') {
			b.req.Metadata[b.name(c)] = b.str(c)
			b.inspectMember(c, engine.RoleUser, engine.KindText, -1)
		}
	}
}

// slo reads the budget that a client without control over its headers states in
// the body. It is ours, and never goes to a target.
func (b *body) slo(i int) {
	if !b.optional(i, '{') {
		return
	}
	for c := range b.children(i) {
		switch name := b.name(c); name {
		case "ttft_ms":
			b.req.Budget.TTFT = b.milliseconds(c)
		case "tpot_ms":
			b.req.Budget.TPOT = b.milliseconds(c)
		case "total_ms":
			b.req.Budget.Total = b.milliseconds(c)
		case "on_miss":
			switch v := engine.OnMiss(b.string(c)); v {
			case engine.OnMissFinish, engine.OnMissCancel:
				b.req.Budget.OnMiss = v
			default:
				b.fail(c, "must be \"finish\" or \"cancel\"")
			}
		default:
			b.fail(c, "is not known: \"slo\" has ttft_ms, tpot_ms, total_ms and on_miss")
		}
	}
}

func (b *body) milliseconds(i int) time.Duration {
	if !b.want(i, '0') {
		return 0
	}
	v, err := strconv.ParseInt(b.lit(i), 10, 64)
	if err != nil || v < 1 || v > maxBudget.Milliseconds() {
		b.fail(i, "must be a whole number of milliseconds from 1 to %d", maxBudget.Milliseconds())
		return 0
	}
	return time.Duration(v) * time.Millisecond
}

func (b *body) notPortable(field string) {
	if !slices.Contains(b.req.NotPortable, field) {
		b.req.NotPortable = append(b.req.NotPortable, field)
	}
}

// maxHints bounds the hints of a request, each of which is looked up.
const maxHints = 32

// hint notes that node i is stated and that no other API is sent it.
func (b *body) hint(i int) {
	// Names that are not repeated in a path make many the same, and each takes a walk.
	if b.hinted++; len(b.req.Hints) >= maxHints || b.hinted > 4*maxHints {
		return
	}
	if p := b.path(i); !slices.Contains(b.req.Hints, p) {
		b.req.Hints = append(b.req.Hints, p)
	}
}

// opaque consumes a signature or an encrypted text that a vendor made. What does
// not look sealed is a text, which is fixed, for its maker compares it.
func (b *body) opaque(i int, role engine.Role, msg int) string {
	if !b.optional(i, '"') {
		return ""
	}
	s := b.str(i)
	if s != "" && !isSealed(s) {
		b.fixed(i, role, engine.KindText, msg)
	}
	return s
}

// isSealed says whether s looks like what a vendor has signed or encrypted: base64
// with letters of both cases and digits, of a length that no person writes.
func isSealed(s string) bool {
	var lower, upper bool
	for k := 0; k < len(s); k++ {
		lower = lower || s[k] >= 'a' && s[k] <= 'z'
		upper = upper || s[k] >= 'A' && s[k] <= 'Z'
	}
	return len(s) >= longOpaque && lower && upper && digits(s) > 0 && isBase64(s)
}

// longOpaque is the least length of what opaque takes for sealed: real ones have
// some hundred characters, API keys at most about fifty without a dash in them.
const longOpaque = 64

// modality notes a kind of content, "text" first and each once.
func (b *body) modality(m string) {
	if slices.Contains(b.req.Modalities, m) {
		return
	}
	if m == "text" {
		b.req.Modalities = slices.Insert(b.req.Modalities, 0, m)
		return
	}
	b.req.Modalities = append(b.req.Modalities, m)
}
