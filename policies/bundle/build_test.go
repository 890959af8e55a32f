package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/bundle"
)

// signer signs bundles as OPA's own tools do.
type signer struct {
	private, public string // PEM; or the same secret
	algorithm, id   string
}

func newSigner(t testing.TB, private crypto.Signer, algorithm string) signer {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return signer{
		private:   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		public:    string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		algorithm: algorithm, id: "key-1",
	}
}

func ecSigner(t testing.TB) signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newSigner(t, k, "ES256")
}

func rsaSigner(t testing.TB, bits int) signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return newSigner(t, k, "RS256")
}

func edSigner(t testing.TB) signer {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newSigner(t, k, "EdDSA")
}

func (s signer) key(t testing.TB) Key {
	t.Helper()
	k, err := NewKey(s.public, s.algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// content is what a test puts into a bundle.
type content struct {
	sequence any // nil: none
	revision string
	claims   map[string]any // nil: OPA's own
	roots    []string
	module   string
	data     map[string]any
	change   func(*opa.Bundle) // before it is signed
}

const rule = "package sallyport.rules.bundled\n\ndeny contains {\"code\": \"bundled\", \"message\": \"m\"} if input.request.stream\n"

// build makes an archive with OPA's writer.
func build(t testing.TB, s signer, c content) []byte {
	t.Helper()
	if c.module == "" {
		c.module = rule
	}
	b := opa.Bundle{Data: c.data, Manifest: opa.Manifest{Revision: c.revision}}
	if c.data == nil {
		b.Data = map[string]any{}
	}
	if c.roots != nil {
		b.Manifest.Roots = &c.roots
	}
	b.Manifest.Init()
	if c.sequence != nil {
		b.Manifest.Metadata = map[string]any{"sequence": c.sequence}
	}
	m, err := ast.ParseModule("bundled.rego", c.module)
	if err != nil {
		t.Fatal(err)
	}
	b.Modules = []opa.ModuleFile{{URL: "/rules/bundled.rego", Path: "/rules/bundled.rego", RelativePath: "/rules/bundled.rego", Raw: []byte(c.module), Parsed: m}}
	if c.change != nil {
		c.change(&b)
	}
	if s.private != "" {
		claims := ""
		if c.claims != nil {
			raw, err := json.Marshal(c.claims)
			if err != nil {
				t.Fatal(err)
			}
			claims = filepath.Join(t.TempDir(), "claims.json")
			if err := os.WriteFile(claims, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.GenerateSignature(opa.NewSigningConfig(s.private, s.algorithm, claims), s.id, false); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := opa.NewWriter(&out).DisableFormat(true).Write(b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// repack changes the files of an archive, which leaves its signature as it was.
// change returns nil to take a file out; more files follow.
func repack(t testing.TB, archive []byte, change func(name string, b []byte) []byte, more ...File) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	add := func(name string, b []byte) {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(b)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if b = change(h.Name, b); b != nil {
			add(h.Name, b)
		}
	}
	for _, f := range more {
		add(f.Name, f.Bytes)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func same(_ string, b []byte) []byte { return b }
