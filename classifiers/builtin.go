package classifiers

import _ "embed" // for the modules below

var (
	//go:embed injection/injection.wasm
	injectionWasm []byte
	//go:embed pii/pii.wasm
	piiWasm []byte
	//go:embed names/names.wasm
	namesWasm []byte
	//go:embed secrets/secrets.wasm
	secretsWasm []byte
	//go:embed complexity/complexity.wasm
	complexityWasm []byte
)

// BuiltinPrefix marks a built-in module where a file could stand: "builtin:pii".
const BuiltinPrefix = "builtin:"

// Builtins are the names that Builtin knows.
func Builtins() []string { return []string{"complexity", "injection", "names", "pii", "secrets"} }

// Builtin returns a built-in module by its name without prefix. The bytes are
// shared: they must not be changed.
func Builtin(name string) ([]byte, bool) {
	switch name {
	case "complexity":
		return complexityWasm, true
	case "injection":
		return injectionWasm, true
	case "names":
		return namesWasm, true
	case "pii":
		return piiWasm, true
	case "secrets":
		return secretsWasm, true
	}
	return nil, false
}
