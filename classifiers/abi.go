package classifiers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/sallyport-ai/sallyport/engine"
)

// The binary interface, version 1. All numbers are little endian.
const (
	requestMagic = 0x31515053 // "SPQ1"
	resultMagic  = 0x31525053 // "SPR1"

	requestHeader = 16 // magic, flags, segments, bytes of text
	segmentSize   = 16 // offset, length, role, kind, message
	resultHeader  = 16 // magic, flags, scores, spans
	scoreSize     = 8  // id, 0, value
	spanSize      = 20 // segment, start, end, kind, 0, score

	resultTruncated = 1 // flag: there were more findings than the guest could return

	// Error codes of sp_classify and sp_configure that the host understands; all
	// others are the guest's own.
	guestOutOfMemory = -1

	maxNames = 1024 // kinds or scores of one module
)

// Exports that every module must have.
const (
	exportMemory    = "memory"
	exportABI       = "sp_abi_1"
	exportDescribe  = "sp_describe"
	exportConfigure = "sp_configure"
	exportAlloc     = "sp_alloc"
	exportClassify  = "sp_classify"
	exportInit      = "_initialize" // optional, called first
)

// Description is what a module says of itself.
type Description struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Kinds   []string `json:"kinds"`  // findings name them by position
	Scores  []string `json:"scores"` // likewise
	// Independent says that what the module finds in a text depends on that text,
	// its role and its kind alone, not on the texts around it, and that it has no
	// scores, which are about all of them.
	Independent bool `json:"independent"`
	// ConfigSchema is a JSON Schema of the configuration the module takes, as the
	// module wrote it; nil where it says nothing.
	ConfigSchema map[string]any `json:"config_schema"`
}

func parseDescription(b []byte) (Description, error) {
	var d Description
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("sp_describe: not the JSON object it should be: %w", err)
	}
	var errs []error
	if d.Name == "" {
		errs = append(errs, errors.New("sp_describe: name is missing"))
	}
	if len(d.Kinds) == 0 && len(d.Scores) == 0 {
		errs = append(errs, errors.New("sp_describe: it names neither kinds nor scores, so it could never say anything"))
	}
	if d.Independent && len(d.Scores) > 0 {
		errs = append(errs, errors.New("sp_describe: it is independent and has scores, which no single text has"))
	}
	errs = append(errs, checkNames("kinds", d.Kinds, 'A', 'Z'), checkNames("scores", d.Scores, 'a', 'z'))
	return d, errors.Join(errs...)
}

// checkNames holds names to one letter case, digits and "_": they become keys of
// policy documents and labels of metrics.
func checkNames(field string, names []string, from, to byte) error {
	if len(names) > maxNames {
		return fmt.Errorf("sp_describe: %d %s, more than %d", len(names), field, maxNames)
	}
	seen := make(map[string]bool, len(names))
	for i, n := range names {
		ok := n != "" && len(n) <= 64 && n[0] >= from && n[0] <= to
		for j := 0; ok && j < len(n); j++ {
			c := n[j]
			ok = c >= from && c <= to || c >= '0' && c <= '9' || c == '_'
		}
		if !ok {
			return fmt.Errorf("sp_describe: %s[%d] must be 1 to 64 of %c-%c, 0-9 and _, and begin with a letter", field, i, from, to)
		}
		if seen[n] {
			return fmt.Errorf("sp_describe: %s[%d] %q is there twice", field, i, n)
		}
		seen[n] = true
	}
	return nil
}

// requestSize is the size in bytes of the request for texts, and whether it can
// be told in 32 bits.
func requestSize(texts []*engine.Text) (int, bool) {
	n := requestHeader + segmentSize*len(texts)
	for _, t := range texts {
		n += len(t.Value)
	}
	return n, n <= math.MaxInt32
}

// putRequest writes the request for texts to buf, which has exactly
// requestSize(texts) bytes.
func putRequest(buf []byte, texts []*engine.Text) {
	run := buf[requestHeader+segmentSize*len(texts):]
	le := binary.LittleEndian
	le.PutUint32(buf, requestMagic)
	le.PutUint32(buf[4:], 0)
	le.PutUint32(buf[8:], uint32(len(texts)))
	le.PutUint32(buf[12:], uint32(len(run)))
	seg, off := buf[requestHeader:], 0
	for _, t := range texts {
		le.PutUint32(seg, uint32(off))
		le.PutUint32(seg[4:], uint32(len(t.Value)))
		le.PutUint16(seg[8:], uint16(t.Role))
		le.PutUint16(seg[10:], uint16(t.Kind))
		le.PutUint32(seg[12:], uint32(t.Message))
		off += copy(run[off:], t.Value)
		seg = seg[segmentSize:]
	}
}

// decodeResult reads a guest's result. Nothing of it is trusted: any breach of
// the interface is an error. The report keeps no bytes of b. Findings stand in
// the guest's order.
func decodeResult(b []byte, texts []*engine.Text, name string, d *Description) (engine.Report, error) {
	var rep engine.Report
	le := binary.LittleEndian
	if len(b) < resultHeader {
		return rep, fmt.Errorf("result of %d bytes, shorter than its header", len(b))
	}
	if m := le.Uint32(b); m != resultMagic {
		return rep, fmt.Errorf("result begins with %#08x, not with SPR1", m)
	}
	flags, nscores, nspans := le.Uint32(b[4:]), uint64(le.Uint32(b[8:])), uint64(le.Uint32(b[12:]))
	if flags&^resultTruncated != 0 {
		return rep, fmt.Errorf("result has unknown flags %#x", flags)
	}
	if want := resultHeader + scoreSize*nscores + spanSize*nspans; want != uint64(len(b)) {
		return rep, fmt.Errorf("result of %d bytes, but %d scores and %d spans take %d", len(b), nscores, nspans, want)
	}
	rep.Truncated = flags&resultTruncated != 0
	b = b[resultHeader:]
	if nscores > 0 {
		if nscores > uint64(len(d.Scores)) {
			return engine.Report{}, fmt.Errorf("result has %d scores, the module names %d", nscores, len(d.Scores))
		}
		rep.Scores = make(map[string]float64, nscores)
	}
	for i := range int(nscores) {
		id, pad := int(le.Uint16(b)), le.Uint16(b[2:])
		v, ok := score(le.Uint32(b[4:]))
		switch {
		case id >= len(d.Scores):
			return engine.Report{}, fmt.Errorf("score %d: id %d, the module names %d", i, id, len(d.Scores))
		case pad != 0:
			return engine.Report{}, fmt.Errorf("score %d: reserved bytes are not 0", i)
		case !ok:
			return engine.Report{}, fmt.Errorf("score %d: value is not in 0..1", i)
		}
		if _, dup := rep.Scores[d.Scores[id]]; dup {
			return engine.Report{}, fmt.Errorf("score %d: %q is there twice", i, d.Scores[id])
		}
		rep.Scores[d.Scores[id]] = v
		b = b[scoreSize:]
	}
	if nspans > 0 {
		rep.Findings = make([]engine.Finding, nspans)
	}
	for i := range rep.Findings {
		seg, start, end := le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])
		id, pad := int(le.Uint16(b[12:])), le.Uint16(b[14:])
		v, ok := score(le.Uint32(b[16:]))
		switch {
		case uint64(seg) >= uint64(len(texts)):
			return engine.Report{}, fmt.Errorf("span %d: segment %d of %d", i, seg, len(texts))
		case start >= end:
			return engine.Report{}, fmt.Errorf("span %d: start %d is not before end %d", i, start, end)
		case uint64(end) > uint64(len(texts[seg].Value)):
			return engine.Report{}, fmt.Errorf("span %d: end %d is outside its segment of %d bytes", i, end, len(texts[seg].Value))
		case !onBorder(texts[seg].Value, int(start)) || !onBorder(texts[seg].Value, int(end)):
			return engine.Report{}, fmt.Errorf("span %d: %d to %d cuts a UTF-8 sequence", i, start, end)
		case id >= len(d.Kinds):
			return engine.Report{}, fmt.Errorf("span %d: kind %d, the module names %d", i, id, len(d.Kinds))
		case pad != 0:
			return engine.Report{}, fmt.Errorf("span %d: reserved bytes are not 0", i)
		case !ok:
			return engine.Report{}, fmt.Errorf("span %d: score is not in 0..1", i)
		}
		rep.Findings[i] = engine.Finding{
			Classifier: name,
			Kind:       d.Kinds[id],
			Score:      v,
			Text:       int(seg),
			Span:       engine.Span{Start: int(start), End: int(end)},
		}
		b = b[spanSize:]
	}
	return rep, nil
}

// score turns a guest's float into a probability. It is rounded to six decimals,
// so that the 0.95 of a guest is 0.95 in a policy and in a record, not
// 0.949999988079071.
func score(bits uint32) (float64, bool) {
	v := float64(math.Float32frombits(bits))
	if !(v >= 0 && v <= 1) { // NaN compares false
		return 0, false
	}
	return math.Abs(math.Round(v*1e6) / 1e6), true // Abs: no negative zero
}

func onBorder(s string, i int) bool {
	return i == len(s) || utf8.RuneStart(s[i])
}
