package classifiers

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tetratelabs/wazero/api"

	"github.com/sallyport-ai/sallyport/engine"
)

// Extism plugins are modules whose texts and answers are JSON, in a memory that
// the host keeps for them and that they read and write by calling it. This is what
// those calls need, for the function names and types that Extism's plugin kits
// import; metering, pools and limits are those of every module.

const (
	moduleExtism   = "extism:host/env"
	extismDescribe = "describe"
	extismClassify = "classify"

	// kernelBegin is the first offset of a block: 0 means none.
	kernelBegin = 16

	// kernelKeep is how large a kernel's memory may be and be kept for the next call.
	kernelKeep = 1 << 20

	// kernelCall is the fuel a call of the host takes, about 0.1 us.
	kernelCall = 400
)

var errRequest = errors.New("it asked for a request over the network")

// kernel is the host's side of one Extism plugin instance. It is empty at the
// begin of each call.
type kernel struct {
	limit  int64
	config []byte // JSON
	memory []byte
	blocks map[uint64]uint64 // lengths by offset
	vars   map[string][]byte
	input  uint64 // offset of the input
	output []byte // a view of memory
	failed bool   // error_set was called
	work   int    // bytes that were moved since the last call of the host
}

func newKernel(c *Classifier) *kernel {
	return &kernel{limit: c.memory, config: c.config, blocks: map[uint64]uint64{}, vars: map[string][]byte{}}
}

// begin empties the kernel and gives it an input.
func (k *kernel) begin(input []byte) bool {
	if cap(k.memory) > kernelKeep {
		k.memory = nil
	}
	clear(k.blocks)
	clear(k.vars)
	k.memory, k.output, k.failed = k.memory[:0], nil, false
	k.input = k.put(input)
	return k.input != 0
}

// alloc returns the offset of n zeros; 0 where there is no room.
func (k *kernel) alloc(n uint64) uint64 {
	at := uint64(max(len(k.memory), kernelBegin))
	end := (at + n + 7) &^ 7
	if n > uint64(k.limit) || end > uint64(k.limit) || len(k.blocks) > 1<<16 {
		return 0
	}
	old := len(k.memory)
	k.memory = slices.Grow(k.memory, int(end)-old)[:end]
	clear(k.memory[old:])
	k.blocks[at] = n
	k.work += int(n)
	return at
}

func (k *kernel) put(b []byte) uint64 {
	at := k.alloc(uint64(len(b)))
	if at != 0 {
		copy(k.memory[at:], b)
	}
	return at
}

// view is n bytes at an offset; false where they are not all there.
func (k *kernel) view(at, n uint64) ([]byte, bool) {
	if at > uint64(len(k.memory)) || n > uint64(len(k.memory))-at {
		return nil, false
	}
	return k.memory[at : at+n], true
}

// block is the block at an offset; nil where there is none.
func (k *kernel) block(at uint64) []byte {
	b, _ := k.view(at, k.blocks[at])
	return b
}

// extismFunctions are what Extism's kits import.
func extismFunctions() []hostFunction {
	fn := func(name, params, results string, call func(k *kernel, s []uint64)) hostFunction {
		return hostFunction{moduleExtism, name, params, results, func(ctx context.Context, _ api.Module, s []uint64) {
			c := clockOf(ctx)
			if c.kernel == nil { // a module with the native interface, which gets none of this
				panic(errKernel)
			}
			call(c.kernel, s)
			c.spend(kernelCall, c.kernel.work)
			c.kernel.work = 0
		}}
	}
	fns := []hostFunction{
		fn("alloc", "I", "I", func(k *kernel, s []uint64) { s[0] = k.alloc(s[0]) }),
		fn("free", "I", "", func(k *kernel, s []uint64) { delete(k.blocks, s[0]) }),
		fn("length", "I", "I", func(k *kernel, s []uint64) { s[0] = k.blocks[s[0]] }),
		fn("length_unsafe", "I", "I", func(k *kernel, s []uint64) { s[0] = k.blocks[s[0]] }),
		fn("input_length", "", "I", func(k *kernel, s []uint64) { s[0] = k.blocks[k.input] }),
		fn("input_offset", "", "I", func(k *kernel, s []uint64) { s[0] = k.input }),
		fn("input_load_u8", "I", "i", func(k *kernel, s []uint64) { s[0] = loadWord(k.block(k.input), s[0], 1) }),
		fn("input_load_u64", "I", "I", func(k *kernel, s []uint64) { s[0] = loadWord(k.block(k.input), s[0], 8) }),
		fn("load_u8", "I", "i", func(k *kernel, s []uint64) { s[0] = loadWord(k.memory, s[0], 1) }),
		fn("load_u64", "I", "I", func(k *kernel, s []uint64) { s[0] = loadWord(k.memory, s[0], 8) }),
		fn("store_u8", "Ii", "", func(k *kernel, s []uint64) { storeWord(k.memory, s[0], s[1], 1) }),
		fn("store_u64", "II", "", func(k *kernel, s []uint64) { storeWord(k.memory, s[0], s[1], 8) }),
		fn("output_set", "II", "", func(k *kernel, s []uint64) { k.output, _ = k.view(s[0], s[1]) }),
		fn("error_set", "I", "", func(k *kernel, s []uint64) { k.failed = s[0] != 0 }),
		fn("error_get", "", "I", func(_ *kernel, s []uint64) { s[0] = 0 }),
		fn("config_get", "I", "I", func(k *kernel, s []uint64) { s[0] = k.configGet(k.block(s[0])) }),
		fn("var_get", "I", "I", func(k *kernel, s []uint64) {
			v, ok := k.vars[string(k.block(s[0]))]
			if s[0] = 0; ok {
				s[0] = k.put(v)
			}
		}),
		fn("var_set", "II", "", func(k *kernel, s []uint64) { k.varSet(string(k.block(s[0])), s[1]) }),
		fn("http_request", "II", "I", func(*kernel, []uint64) { panic(errRequest) }),
		fn("http_status_code", "", "i", func(_ *kernel, s []uint64) { s[0] = 0 }),
		fn("http_headers", "", "I", func(_ *kernel, s []uint64) { s[0] = 0 }),
		fn("get_log_level", "", "i", func(_ *kernel, s []uint64) { s[0] = math.MaxInt32 }), // none
	}
	for _, level := range []string{"trace", "debug", "info", "warn", "error"} {
		fns = append(fns, fn("log_"+level, "I", "", func(*kernel, []uint64) {}))
	}
	return fns
}

var errKernel = errors.New("it calls Extism's host, but has the native interface")

// loadWord is a little-endian number of size bytes at an offset; 0 outside, and bytes
// beyond the end are 0.
func loadWord(b []byte, at uint64, size uint64) uint64 {
	if at >= uint64(len(b)) {
		return 0
	}
	if size == 1 {
		return uint64(b[at])
	}
	if at+8 <= uint64(len(b)) {
		return binary.LittleEndian.Uint64(b[at:])
	}
	var last [8]byte
	copy(last[:], b[at:])
	return binary.LittleEndian.Uint64(last[:])
}

// storeWord is its counterpart. What lies outside is dropped.
func storeWord(b []byte, at, v, size uint64) {
	if at > uint64(len(b)) || size > uint64(len(b))-at {
		return
	}
	if size == 1 {
		b[at] = byte(v)
		return
	}
	binary.LittleEndian.PutUint64(b[at:], v)
}

// configGet returns a member of the configuration: a string's text, or what else
// it is as JSON.
func (k *kernel) configGet(name []byte) uint64 {
	k.work += len(k.config)
	var config map[string]jsontext.Value
	if json.Unmarshal(k.config, &config) != nil { // the block's config was checked before
		return 0
	}
	v, ok := config[string(name)]
	if !ok {
		return 0
	}
	var text string
	if json.Unmarshal(v, &text) == nil {
		return k.put([]byte(text))
	}
	return k.put(v)
}

// varSet keeps a variable until the call ends.
func (k *kernel) varSet(name string, at uint64) {
	total := len(name)
	for n, v := range k.vars {
		total += len(n) + len(v)
	}
	b := k.block(at)
	switch {
	case at == 0:
		delete(k.vars, name)
	case int64(total+len(b)) <= k.limit && len(k.vars) < 1024:
		k.vars[name] = bytes.Clone(b)
		k.work += len(b)
	}
}

// callExtism calls one of the plugin's exports and returns a view of what it put
// out, which holds until the next call.
func (i *instance) callExtism(f api.Function, input []byte) ([]byte, string, error) {
	if !i.kernel.begin(input) {
		return nil, engine.ClassifierMemoryLimit, fmt.Errorf("an input of %d bytes does not fit", len(input))
	}
	if err := i.call(f, 0); err != nil {
		code, err := trapped(err)
		return nil, code, err
	}
	if code := api.DecodeI32(i.stack[0]); code != 0 || i.kernel.failed {
		return nil, engine.ClassifierGuestError, fmt.Errorf("it reported an error and returned %d", code)
	}
	return i.kernel.output, "", nil
}

func (i *instance) describeExtism() (Description, error) {
	b, _, err := i.callExtism(i.mod.ExportedFunction(extismDescribe), nil)
	if err != nil {
		return Description{}, fmt.Errorf("%s: %w", extismDescribe, err)
	}
	return parseDescription(b)
}

func (i *instance) classifyExtism(texts []*engine.Text) (engine.Report, string, error) {
	input, err := extismInput(texts)
	if err != nil {
		return engine.Report{}, engine.ClassifierUnavailable, err
	}
	b, code, err := i.callExtism(i.run, input)
	if code != "" {
		return engine.Report{}, code, err
	}
	rep, err := decodeExtism(b, texts, i.of.info.Name, &i.of.desc)
	if err != nil {
		return engine.Report{}, engine.ClassifierBadResult, err
	}
	return rep, "", nil
}

// extismInput is {"texts":[{"role","kind","text"}]}.
func extismInput(texts []*engine.Text) ([]byte, error) {
	b := []byte(`{"texts":[`)
	for n, t := range texts {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"role":"`...), t.Role.String()...)
		b = append(append(b, `","kind":"`...), t.Kind.String()...)
		b = append(b, `","text":`...)
		var err error
		if b, err = jsontext.AppendQuote(b, t.Value); err != nil {
			return nil, errors.New("a text is not valid UTF-8")
		}
		b = append(b, '}')
	}
	return append(b, `]}`...), nil
}

// decodeExtism reads {"findings":[{"kind","score","text","start","end"}],
// "scores":{}} and holds it to what holds for every result.
func decodeExtism(b []byte, texts []*engine.Text, name string, d *Description) (engine.Report, error) {
	var out struct {
		Findings []struct {
			Kind  string  `json:"kind"`
			Score float32 `json:"score"`
			Text  uint32  `json:"text"`
			Start uint32  `json:"start"`
			End   uint32  `json:"end"`
		} `json:"findings"`
		Scores    map[string]float32 `json:"scores"`
		Truncated bool               `json:"truncated"`
	}
	if err := json.Unmarshal(b, &out, json.RejectUnknownMembers(true)); err != nil {
		// The decoder's message may quote a text.
		return engine.Report{}, errors.New("result is not the JSON object it should be")
	}
	le := binary.LittleEndian
	flags := uint32(0)
	if out.Truncated {
		flags = resultTruncated
	}
	res := le.AppendUint32(nil, resultMagic)
	res = le.AppendUint32(res, flags)
	res = le.AppendUint32(res, uint32(len(out.Scores)))
	res = le.AppendUint32(res, uint32(len(out.Findings)))
	known := 0
	for id, s := range d.Scores {
		if v, ok := out.Scores[s]; ok {
			known++
			res = le.AppendUint32(le.AppendUint32(res, uint32(id)), math.Float32bits(v))
		}
	}
	if known != len(out.Scores) {
		return engine.Report{}, errors.New("result has a score that describe does not name")
	}
	for k, f := range out.Findings {
		kind := slices.Index(d.Kinds, f.Kind)
		if kind < 0 {
			return engine.Report{}, fmt.Errorf("finding %d is of a kind that describe does not name", k)
		}
		res = le.AppendUint32(le.AppendUint32(le.AppendUint32(res, f.Text), f.Start), f.End)
		res = le.AppendUint32(le.AppendUint32(res, uint32(kind)), math.Float32bits(f.Score))
	}
	return decodeResult(res, texts, name, d)
}
