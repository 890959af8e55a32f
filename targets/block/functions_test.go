package block

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

const canary = "CANARY-5d41402abc4b2a76"

func testEnv(name string) (string, bool) { return canary, name == "KEY" }

func TestFunctions(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"text": "abc", "binary": "\xff\xfe"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fns := Functions(testEnv, dir)
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, B.1
	for _, tc := range []struct {
		fn, arg, want, err string
		sensitive          bool
	}{
		{"env", "KEY", canary, "", true},
		{"env", "NOT_SET", "", `"NOT_SET" is not set`, false},
		{"file", "text", "abc", "", true},
		{"file", filepath.Join(dir, "text"), "abc", "", true},
		{"file", "missing", "", `cannot read "missing": no such file`, false},
		{"file", ".", "", "not a regular file", false},
		{"file", "binary", "", "not UTF-8", false},
		{"sha256file", "text", sum, "", false},
		{"sha256file", "missing", "", "no such file", false},
		{"upper", "a", "A", "", false},
	} {
		v, err := fns[tc.fn].Call([]cty.Value{cty.StringVal(tc.arg)})
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s(%q): error = %v, want %q in it", tc.fn, tc.arg, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s(%q): %v", tc.fn, tc.arg, err)
			continue
		}
		plain, sensitive := Sensitive(v)
		if plain.AsString() != tc.want || sensitive != tc.sensitive {
			t.Errorf("%s(%q) = %q, sensitive %v", tc.fn, tc.arg, plain.AsString(), sensitive)
		}
	}
}
