package bundle

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	opa "github.com/open-policy-agent/opa/v1/bundle"
)

var now = time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)

func TestRead(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("0123456789abcdef", 2)
	for _, s := range []signer{ecSigner(t), newSigner(t, p384, "ES384"), rsaSigner(t, 2048), edSigner(t), {private: secret, public: secret, algorithm: "HS256", id: "key-1"}} {
		archive := build(t, s, content{revision: "r7", sequence: 7, roots: []string{"sallyport/rules", "acme"}, data: map[string]any{"acme": map[string]any{"limit": json.Number("12345678901234567890")}}})
		b, err := read("main", archive, s.key(t), Limits{}.withDefaults(), now)
		if err != nil {
			t.Errorf("%s: %v", s.algorithm, err)
			continue
		}
		want := []File{{"data.json", []byte(`{"acme":{"limit":12345678901234567890}}`)}, {"rules/bundled.rego", []byte(rule)}}
		if d := cmp.Diff(want, b.Files); d != "" {
			t.Errorf("%s: %s", s.algorithm, d)
		}
		if b.Revision != "r7" || b.Order != (Order{Sequence: 7}) || !cmp.Equal(b.Roots, []string{"sallyport/rules", "acme"}) || len(b.SHA256) != 64 || !b.Expires.IsZero() {
			t.Errorf("%s: %+v", s.algorithm, b)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	s := ecSigner(t)
	good := build(t, s, content{sequence: 1})
	edit := func(of, from, to string) func(string, []byte) []byte {
		return func(name string, b []byte) []byte {
			if !strings.HasSuffix(name, of) {
				return b
			}
			edited := bytes.Replace(b, []byte(from), []byte(to), 1)
			if bytes.Equal(edited, b) {
				t.Fatalf("%s has no %q: %s", name, from, b)
			}
			return edited
		}
	}
	without := func(of string) func(string, []byte) []byte {
		return func(name string, b []byte) []byte {
			if strings.HasSuffix(name, of) {
				return nil
			}
			return b
		}
	}
	unsigned := build(t, signer{}, content{sequence: 1})
	late := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	tests := []struct {
		name    string
		archive []byte
		want    string
	}{
		{"a changed module", repack(t, good, edit(".rego", "deny contains", "none contains")), "digest mismatch"},
		{"a changed manifest", repack(t, good, edit(".manifest", `"sequence":1`, `"sequence":9`)), "digest mismatch"},
		{"a module more", repack(t, good, same, File{"more.rego", []byte("package more\n")}), "not included in bundle signature"},
		{"a second copy of a module", repack(t, good, same, File{"/rules/bundled.rego", []byte("package sallyport.rules.bundled\n")}), "not included in bundle signature"},
		{"data more", repack(t, good, same, File{"x/data.json", []byte("{}")}), "not included in bundle signature"},
		{"a module less", repack(t, good, without(".rego")), "not found in the target bundle"},
		{"no signature", unsigned, "missing .signatures.json"},
		{"an empty signature", repack(t, unsigned, same, File{".signatures.json", []byte(`{"signatures":[]}`)}), "missing JWT"},
		{"two signatures", repack(t, good, edit(".signatures.json", `"eyJ`, `"a.b.c","eyJ`)), "multiple JWTs"},
		{"a verifier of its own", repack(t, good, edit(".signatures.json", `"_default"`, `"none"`)), "no verifier"},
		{"another's key", build(t, ecSigner(t), content{sequence: 1}), "failed to verify"},
		{"another algorithm", build(t, rsaSigner(t, 2048), content{sequence: 1}), "failed to verify"},
		{"the public key as a secret", build(t, signer{private: s.public, algorithm: "HS256", id: "key-1"}, content{sequence: 1}), "failed to verify"},
		{"algorithm none", repack(t, good, func(name string, b []byte) []byte {
			if !strings.HasSuffix(name, ".signatures.json") {
				return b
			}
			token := strings.Split(string(b), `"`)[3]
			payload := strings.Split(token, ".")[1]
			return []byte(`{"signatures":["` + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + payload + `."]}`)
		}), "failed to verify"},
		{"another scope", build(t, s, content{sequence: 1, claims: map[string]any{"keyid": "key-1", "scope": "write"}}), "scope mismatch"},
		{"expired", build(t, s, content{sequence: 1, claims: map[string]any{"keyid": "key-1", "exp": now.Unix()}}), "expired"},
		{"not yet", build(t, s, content{sequence: 1, claims: map[string]any{"keyid": "key-1", "nbf": late}}), "from the future"},
		{"issued in the future", build(t, s, content{sequence: 1, claims: map[string]any{"keyid": "key-1", "iat": late}}), "from the future"},
		{"a sequence that is none", build(t, s, content{sequence: 1.5}), "metadata.sequence"},
		{"sequence zero", build(t, s, content{sequence: 0}), "metadata.sequence"},
		{"a sequence of words", build(t, s, content{sequence: "seven"}), "metadata.sequence"},
		{"outside of its roots", build(t, s, content{sequence: 1, change: func(b *opa.Bundle) { b.Manifest.Roots = &[]string{"acme"} }}), "roots"},
		{"roots over each other", build(t, s, content{sequence: 1, roots: []string{"sallyport", "sallyport/rules"}}), "overlapped roots"},
		{"Rego 0", build(t, s, content{sequence: 1, change: func(b *opa.Bundle) { v := 0; b.Manifest.RegoVersion = &v }}), ""},
		{"compiled policy", build(t, s, content{sequence: 1, change: func(b *opa.Bundle) {
			b.WasmModules = []opa.WasmModuleFile{{URL: "/policy.wasm", Path: "/policy.wasm", Raw: []byte("\x00asm\x01\x00\x00\x00")}}
			b.Manifest.WasmResolvers = []opa.WasmResolver{{Entrypoint: "sallyport/rules", Module: "/policy.wasm"}}
		}}), "policy.wasm"},
		{"a hidden module", build(t, s, content{sequence: 1, change: func(b *opa.Bundle) {
			b.Modules[0].URL, b.Modules[0].Path, b.Modules[0].RelativePath = "/.x/a.rego", "/.x/a.rego", "/.x/a.rego"
		}}), "begins with a dot"},
		{"truncated", good[:len(good)-20], ""},
		{"truncated in its checksum", good[:len(good)-2], ""},
		{"damaged", append(append([]byte{}, good[:len(good)/2]...), append([]byte{good[len(good)/2] ^ 1}, good[len(good)/2+1:]...)...), ""},
		{"no archive", []byte("<html>please log in</html>"), "gzip"},
		{"nothing", nil, "gzip"},
		{"a delta bundle", repack(t, unsigned, func(string, []byte) []byte { return nil }, File{"/patch.json", []byte(`{"data":[{"op":"upsert","path":"/x","value":1}]}`)}), "delta"},
	}
	for _, tt := range tests {
		b, err := read("main", tt.archive, s.key(t), Limits{}.withDefaults(), now)
		if b != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	key := s.key(t)
	key.ID = "key-2"
	if _, err := read("main", good, key, Limits{}.withDefaults(), now); err == nil || !strings.Contains(err.Error(), `"key-1", not "key-2"`) {
		t.Errorf("a key of another name: %v", err)
	}
	key.ID = "key-1"
	if _, err := read("main", good, key, Limits{}.withDefaults(), now); err != nil {
		t.Errorf("a key of that name: %v", err)
	}
}

func TestReadOrderAndExpiry(t *testing.T) {
	s := ecSigner(t)
	b, err := read("main", build(t, s, content{claims: map[string]any{"keyid": "key-1", "iat": now.Unix() - 60, "exp": now.Unix() + 60}}), s.key(t), Limits{}.withDefaults(), now)
	if err != nil || b.Order != (Order{IssuedAt: now.Unix() - 60}) || b.Expires.Unix() != now.Unix()+60 {
		t.Errorf("%+v, %v", b, err)
	}
	tests := []struct {
		o, before Order
		want      bool
	}{
		{Order{Sequence: 2}, Order{Sequence: 1}, true},
		{Order{Sequence: 1}, Order{Sequence: 1}, false},
		{Order{Sequence: 1}, Order{Sequence: 2}, false},
		{Order{Sequence: 1, IssuedAt: 9}, Order{Sequence: 2, IssuedAt: 1}, false},
		{Order{IssuedAt: 2}, Order{IssuedAt: 1}, true},
		{Order{IssuedAt: 1}, Order{IssuedAt: 1}, false},
		{Order{Sequence: 1}, Order{IssuedAt: 9}, true},
		{Order{IssuedAt: 9}, Order{Sequence: 1}, false},
		{Order{}, Order{IssuedAt: 1}, false},
	}
	for _, tt := range tests {
		if got := tt.o.after(tt.before); got != tt.want {
			t.Errorf("%v after %v: %v", tt.o, tt.before, got)
		}
	}
}

// Small archives that stand for large ones are refused before anything is kept
// of them.
func TestReadBounds(t *testing.T) {
	s := ecSigner(t)
	good := build(t, s, content{sequence: 1})
	bomb := repack(t, good, same, File{"data.json", bytes.Repeat([]byte(" "), 8<<20)})
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	var many []File
	for i := range 50 {
		many = append(many, File{fmt.Sprintf("f%d.rego", i), []byte("package x\n")})
	}
	var tail bytes.Buffer // zeros after the archive's end
	z, err := gzip.NewReader(bytes.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	zw := gzip.NewWriter(&tail)
	if _, err := bytes.NewBuffer(nil).ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	if _, err := zw.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string][]byte{"a large file": bomb, "zeros at the end": append(append([]byte{}, good...), tail.Bytes()...)} {
		if _, err := read("main", archive, s.key(t), Limits{UnpackedBytes: 1 << 20}.withDefaults(), now); err == nil || !strings.Contains(err.Error(), "unpacks to more than 1048576 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := read("main", repack(t, good, same, many...), s.key(t), Limits{Files: 20}.withDefaults(), now); err == nil || !strings.Contains(err.Error(), "more than 20 files") {
		t.Errorf("many files: %v", err)
	}
}

func TestNewKey(t *testing.T) {
	ec := ecSigner(t)
	secret := strings.Repeat("s", 32)
	for name, tt := range map[string]struct{ material, algorithm, want string }{
		"private":           {ec.private, "", "not a public key"},
		"two keys":          {ec.public + ec.public, "", "not one public key"},
		"nothing":           {"", "", "not one public key"},
		"another algorithm": {ec.public, "RS256", "does not go with this key"},
		"none":              {ec.public, "none", "does not go with this key"},
		"PEM as a secret":   {ec.public, "HS256", "takes a shared secret"},
		"a short secret":    {"short", "HS256", "at least 32 bytes"},
		"an unknown HMAC":   {secret, "HS1", "unknown algorithm"},
		"a secret, no HMAC": {secret, "", "not one public key"},
		"a short RSA key":   {rsaSigner(t, 1024).public, "", "2048 bits"},
		"a damaged key":     {strings.Replace(ec.public, "M", "A", 1), "", "read the public key"},
	} {
		if _, err := NewKey(tt.material, tt.algorithm); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if k, err := NewKey(ec.public, ""); err != nil || k.Algorithm != "ES256" {
		t.Errorf("%v, %v", k.Algorithm, err)
	}
}

func TestConflicts(t *testing.T) {
	of := func(roots ...string) *Bundle { return &Bundle{Roots: roots} }
	if err := Conflicts(map[string]*Bundle{"a": of("x", "y/z"), "b": of("y/a"), "c": of("w")}); err != nil {
		t.Error(err)
	}
	err := Conflicts(map[string]*Bundle{"a": of("x"), "b": of("x/y"), "c": of("")})
	for _, want := range []string{`"a" and "b" both claim a root: "x" and "x/y"`, `"a" and "c"`, `"b" and "c"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

// Whatever is done to an archive, what comes out of it was signed.
func FuzzRead(f *testing.F) {
	s := ecSigner(f)
	good := build(f, s, content{sequence: 3, revision: "r", data: map[string]any{"acme": 1}})
	key := s.key(f)
	want, err := read("main", good, key, Limits{}.withDefaults(), now)
	if err != nil {
		f.Fatal(err)
	}
	var raw bytes.Buffer
	z, err := gzip.NewReader(bytes.NewReader(good))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := raw.ReadFrom(z); err != nil {
		f.Fatal(err)
	}
	// The tar archive is changed, for a changed gzip stream is seldom one.
	f.Add(0, []byte{}, 0)
	f.Add(100, []byte("x"), 1)
	f.Add(512, []byte("package other\n"), 14)
	f.Add(raw.Len()-1024, raw.Bytes()[:1024], 0)
	f.Fuzz(func(t *testing.T, at int, with []byte, drop int) {
		tarred := raw.Bytes()
		if at < 0 || at > len(tarred) || drop < 0 || drop > len(tarred)-at {
			return
		}
		var out bytes.Buffer
		zw := gzip.NewWriter(&out)
		for _, part := range [][]byte{tarred[:at], with, tarred[at+drop:]} {
			if _, err := zw.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := read("main", out.Bytes(), key, Limits{}.withDefaults(), now)
		if err != nil {
			return
		}
		if d := cmp.Diff(want.Files, b.Files); d != "" || b.Order != want.Order || b.Revision != want.Revision || !cmp.Equal(b.Roots, want.Roots) {
			t.Errorf("%+v\n%s", b, d)
		}
	})
}
