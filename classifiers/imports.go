package classifiers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

const (
	moduleSallyport = "sallyport"
	moduleWASI      = "wasi_snapshot_preview1"
	moduleMeter     = "sallyport:meter" // what metering itself imports

	importYield = "yield"

	maxLogMessage = 1024
)

// hostFunction is something a module may import. Its types are written as one
// letter each, i for i32 and I for i64.
type hostFunction struct {
	module, name, params, results string
	call                          func(ctx context.Context, m api.Module, stack []uint64)
}

// WASI preview 1 error numbers.
const (
	wasiBadFile = 8
	wasiFault   = 21
	wasiNoSys   = 52
)

// hostFunctions lists them all. WASI is there for modules whose runtime needs it
// to start, and gives them nothing: time stands still, randomness is a fixed
// sequence, there are no files, arguments or variables, output is dropped. Types
// are those of the preview 1 witx files.
func hostFunctions() []hostFunction {
	fns := []hostFunction{
		{moduleMeter, importYield, "i", "i", func(ctx context.Context, _ api.Module, s []uint64) { yield(ctx, s) }},
		{moduleSallyport, "log", "iii", "", guestLog},
		{moduleWASI, "args_sizes_get", "ii", "i", wasiZeroes},
		{moduleWASI, "environ_sizes_get", "ii", "i", wasiZeroes},
		{moduleWASI, "args_get", "ii", "i", wasiOK},
		{moduleWASI, "environ_get", "ii", "i", wasiOK},
		{moduleWASI, "clock_res_get", "ii", "i", wasiOne},
		{moduleWASI, "clock_time_get", "iIi", "i", wasiTime},
		{moduleWASI, "random_get", "ii", "i", wasiRandom},
		{moduleWASI, "fd_write", "iiii", "i", wasiWrite},
		{moduleWASI, "sched_yield", "", "i", wasiOK},
		{moduleWASI, "proc_exit", "i", "", func(context.Context, api.Module, []uint64) { panic(errExit) }},
	}
	for _, f := range []struct{ names, params string }{
		{"fd_close fd_datasync fd_sync", "i"},
		{"fd_fdstat_get fd_fdstat_set_flags fd_filestat_get fd_prestat_get fd_renumber fd_tell", "ii"},
		{"fd_prestat_dir_name", "iii"},
		{"fd_read", "iiii"},
		{"fd_filestat_set_size", "iI"},
		{"fd_advise", "iIIi"},
		{"fd_allocate fd_fdstat_set_rights", "iII"},
		{"fd_filestat_set_times", "iIIi"},
		{"fd_seek", "iIii"},
		{"fd_pread fd_pwrite fd_readdir", "iiiIi"},
		{"path_create_directory path_remove_directory path_unlink_file", "iii"},
		{"path_filestat_get path_symlink", "iiiii"},
		{"path_filestat_set_times", "iiiiIIi"},
		{"path_link", "iiiiiii"},
		{"path_open", "iiiiiIIii"},
		{"path_readlink path_rename", "iiiiii"},
		{"sock_accept", "iii"},
		{"sock_recv", "iiiiii"},
		{"sock_send", "iiiii"},
		{"sock_shutdown", "ii"},
	} {
		for _, name := range strings.Fields(f.names) {
			fns = append(fns, hostFunction{moduleWASI, name, f.params, "i", wasiErrno(wasiBadFile)})
		}
	}
	fns = append(fns,
		hostFunction{moduleWASI, "poll_oneoff", "iiii", "i", wasiPoll},
		hostFunction{moduleWASI, "proc_raise", "i", "i", wasiErrno(wasiNoSys)})
	return append(fns, extismFunctions()...)
}

// addImports makes the host functions known to the runtime.
func (h *Host) addImports(ctx context.Context) error {
	fns := hostFunctions()
	for _, module := range []string{moduleMeter, moduleSallyport, moduleWASI, moduleExtism} {
		b := h.runtime.NewHostModuleBuilder(module)
		for _, f := range fns {
			if f.module != module {
				continue
			}
			call := f.call
			// A loop of these takes more time than fuel. The yield looks by itself, and
			// those that are called for every word of a text take fuel.
			if f.name != importYield && f.module != moduleExtism {
				call = func(ctx context.Context, m api.Module, stack []uint64) {
					clockOf(ctx).check()
					f.call(ctx, m, stack)
				}
			}
			b.NewFunctionBuilder().
				WithGoModuleFunction(api.GoModuleFunc(call), valueTypes(f.params), valueTypes(f.results)).
				Export(f.name)
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("offer imports of %s: %w", module, err)
		}
	}
	return nil
}

func valueTypes(letters string) []api.ValueType {
	types := make([]api.ValueType, len(letters))
	for i, l := range letters {
		types[i] = api.ValueTypeI32
		if l == 'I' {
			types[i] = api.ValueTypeI64
		}
	}
	return types
}

// export is a function that a module must have, its types as in hostFunction.
type export struct{ name, params, results string }

// checkModule says everything that is wrong with a module's imports and exports,
// and whether it is an Extism plugin.
func (h *Host) checkModule(m wazero.CompiledModule) (extism bool, err error) {
	var errs []error
	exports := m.ExportedFunctions()
	offered := hostFunctions()
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		extism = extism || module == moduleExtism && exports[exportABI] == nil
		i := slices.IndexFunc(offered, func(o hostFunction) bool { return o.module == module && o.name == name })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("it imports %s.%s, which no classifier gets", module, name))
		case !typed(f, offered[i].params, offered[i].results):
			errs = append(errs, fmt.Errorf("it imports %s.%s with the wrong type", module, name))
		}
	}
	wanted := []export{
		{exportABI, "", "i"},
		{exportDescribe, "", "I"},
		{exportConfigure, "ii", "i"},
		{exportAlloc, "i", "i"},
		{exportClassify, "ii", "I"},
	}
	if extism {
		wanted = []export{{extismDescribe, "", "i"}, {extismClassify, "", "i"}}
	}
	for _, want := range wanted {
		f, ok := exports[want.name]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("it does not export %s", want.name))
		case !typed(f, want.params, want.results):
			errs = append(errs, fmt.Errorf("it exports %s with the wrong type", want.name))
		}
	}
	if f, ok := exports[exportInit]; ok && !typed(f, "", "") {
		errs = append(errs, fmt.Errorf("it exports %s with the wrong type", exportInit))
	}
	if m.ExportedMemories()[exportMemory] == nil {
		errs = append(errs, fmt.Errorf("it does not export %s", exportMemory))
	}
	return extism, errors.Join(errs...)
}

func typed(f api.FunctionDefinition, params, results string) bool {
	return slices.Equal(f.ParamTypes(), valueTypes(params)) && slices.Equal(f.ResultTypes(), valueTypes(results))
}

// guestLog is sallyport.log(level, ptr, len).
func guestLog(ctx context.Context, m api.Module, s []uint64) {
	c := clockOf(ctx)
	if c.log == nil {
		return
	}
	b, ok := m.Memory().Read(uint32(s[1]), min(uint32(s[2]), maxLogMessage))
	if ok {
		c.log(c.name, int(api.DecodeI32(s[0])), strings.ToValidUTF8(string(b), "\uFFFD"))
	}
}

func wasiErrno(n uint64) func(context.Context, api.Module, []uint64) {
	return func(_ context.Context, _ api.Module, s []uint64) { s[0] = n }
}

func wasiOK(_ context.Context, _ api.Module, s []uint64) { s[0] = 0 }

// wasiZeroes stores 0 at both of its pointers.
func wasiZeroes(_ context.Context, m api.Module, s []uint64) {
	s[0] = wasiStored(m.Memory().WriteUint32Le(uint32(s[0]), 0) && m.Memory().WriteUint32Le(uint32(s[1]), 0))
}

// wasiOne stores a clock's resolution, one nanosecond.
func wasiOne(_ context.Context, m api.Module, s []uint64) {
	s[0] = wasiStored(m.Memory().WriteUint64Le(uint32(s[1]), 1))
}

// wasiTime stores the time, which is always a nanosecond past the epoch: Go's
// runtime takes a monotonic clock at 0 for a broken one.
func wasiTime(_ context.Context, m api.Module, s []uint64) {
	s[0] = wasiStored(m.Memory().WriteUint64Le(uint32(s[2]), 1))
}

// wasiPoll says that nothing happened, at once: whoever sleeps wakes up.
func wasiPoll(_ context.Context, m api.Module, s []uint64) {
	s[0] = wasiStored(m.Memory().WriteUint32Le(uint32(s[3]), 0))
}

func wasiStored(ok bool) uint64 {
	if !ok {
		return wasiFault
	}
	return 0
}

// wasiRandom fills a buffer with the same bytes at every call.
func wasiRandom(_ context.Context, m api.Module, s []uint64) {
	b, ok := m.Memory().Read(uint32(s[0]), uint32(s[1]))
	if ok {
		r := rand.New(rand.NewPCG(1, 2))
		for ; len(b) >= 8; b = b[8:] {
			binary.LittleEndian.PutUint64(b, r.Uint64())
		}
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	}
	s[0] = wasiStored(ok)
}

// wasiWrite drops what it is given and says that it was written.
func wasiWrite(ctx context.Context, m api.Module, s []uint64) {
	vec, count, out := uint32(s[1]), uint32(s[2]), uint32(s[3])
	total := uint32(0)
	for i := range count {
		if i%1024 == 0 {
			clockOf(ctx).check()
		}
		n, ok := m.Memory().ReadUint32Le(vec + 8*i + 4)
		if !ok {
			s[0] = wasiFault
			return
		}
		total += n
	}
	s[0] = wasiStored(m.Memory().WriteUint32Le(out, total))
}
