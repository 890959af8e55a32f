package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
)

// bundleServer serves one bundle, built and signed with OPA's own tools.
type bundleServer struct {
	*httptest.Server
	private, public string // PEM

	mu      sync.Mutex
	etag    string
	archive []byte // nil: status 500
	asked   int
}

func serveBundles(t *testing.T) *bundleServer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	s := &bundleServer{
		private: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		public:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		if s.archive == nil {
			w.WriteHeader(500)
			return
		}
		w.Header().Set("ETag", s.etag)
		if r.Header.Get("If-None-Match") == s.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(s.archive)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *bundleServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *bundleServer) give(archive []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archive, s.etag = archive, fmt.Sprintf(`"%d-%d"`, len(archive), s.asked)
}

// build makes version n of a bundle whose data says which version it is.
func (s *bundleServer) build(t *testing.T, n int, root string, modules map[string]string) []byte {
	t.Helper()
	b := bundle.Bundle{Data: map[string]any{root: map[string]any{"version": n}},
		Manifest: bundle.Manifest{Revision: fmt.Sprintf("v%d", n), Roots: &[]string{root, "sallyport/rules/" + root}, Metadata: map[string]any{"sequence": n}}}
	for name, text := range modules {
		m, err := ast.ParseModule(name, text)
		if err != nil {
			t.Fatal(err)
		}
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: "/" + name, Path: "/" + name, RelativePath: "/" + name, Raw: []byte(text), Parsed: m})
	}
	if err := b.GenerateSignature(bundle.NewSigningConfig(s.private, "ES256", ""), "ci", false); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := bundle.NewWriter(&out).DisableFormat(true).Write(b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const bundledConfig = `
server {
  listen = "127.0.0.1:0"
  admin  = "127.0.0.1:0"
}
auth { anonymous = true }
policy {
  bundle {
    url             = "URL/policy.tar.gz"
    public_key_file = "key.pem"
    key_id          = "ci"
    poll            = "1s"
  }
}
target "edge" "e" {
  dialect = "openai"
  stand_in {}
  model "m" {}
}
decision_log { path = "data/decisions" }
`

// version is what a service says of the bundle in force.
func version(t *testing.T, s *runningService, path string) string {
	t.Helper()
	return body(t, s.data+"/v1/data/"+path)
}

func body(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(b))
}

func becomes(t *testing.T, what string, ready func() bool) {
	t.Helper()
	if err := await(func() (bool, error) { return ready(), nil }); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func TestBundleInService(t *testing.T) {
	dir, srv := t.TempDir(), serveBundles(t)
	write(t, filepath.Join(dir, "key.pem"), srv.public)
	rule := "package sallyport.rules.acme\n\ndeny contains {\"code\": \"from_bundle\", \"message\": \"m\"} if input.request.model == \"m\"\n"
	quiet := "package sallyport.rules.acme\n\ndeny contains {\"code\": \"from_bundle\", \"message\": \"m\"} if input.request.model == \"x\"\n"
	one := srv.build(t, 1, "acme", map[string]string{"rule.rego": rule})
	srv.give(one)
	config := strings.Replace(bundledConfig, "URL", srv.URL, 1)
	s := serveConfig(t, dir, config, environment())

	if got := version(t, s, "acme/version"); !strings.Contains(got, `"result":1`) {
		t.Fatalf("%s", got)
	}
	ask := func() string {
		res, err := http.Post(s.data+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return fmt.Sprint(res.StatusCode, " ", string(b))
	}
	if got := ask(); !strings.HasPrefix(got, "403") || !strings.Contains(got, "from_bundle") {
		t.Errorf("%s", got)
	}
	if got := body(t, s.admin+"/readyz?verbose"); !strings.Contains(got, "[+] bundles") {
		t.Errorf("%s", got)
	}

	// A newer one comes into force by itself.
	srv.give(srv.build(t, 2, "acme", map[string]string{"rule.rego": quiet}))
	becomes(t, "version 2", func() bool { return strings.Contains(version(t, s, "acme/version"), `"result":2`) })
	if got := ask(); !strings.HasPrefix(got, "200") {
		t.Errorf("%s", got)
	}
	if got := body(t, s.admin+"/metrics"); !strings.Contains(got, `sallyport_bundle_info{bundle="main",revision="v2"`) || !strings.Contains(got, `sallyport_bundle_failing{bundle="main"} 0`) {
		t.Errorf("metrics lack the bundle")
	}

	// Whoever reloads need not wait for the next poll.
	reload := func() {
		t.Helper()
		res, err := http.Post(s.admin+"/-/reload", "", nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		res.Body.Close()
	}

	// What cannot come into force leaves the old one there, and is said.
	stays := func(what, why string, archive []byte) {
		t.Helper()
		srv.give(archive)
		reload()
		becomes(t, what, func() bool { return strings.Contains(body(t, s.admin+"/readyz?verbose"), why) })
		ready := body(t, s.admin+"/readyz?verbose")
		if !strings.HasPrefix(ready, "200") || !strings.Contains(ready, "[!] bundles") || !strings.Contains(body(t, s.admin+"/metrics"), `sallyport_bundle_failing{bundle="main"} 1`) {
			t.Errorf("%s: %s", what, ready)
		}
		if got := version(t, s, "acme/version"); !strings.Contains(got, `"result":2`) {
			t.Errorf("%s: %s", what, got)
		}
	}
	stays("a failing test", "test_never failed", srv.build(t, 3, "acme", map[string]string{"rule.rego": quiet, "acme/rule_test.rego": "package acme.rule_test\n\ntest_never if false\n"}))
	stays("a mistake", "input.request.modle", srv.build(t, 4, "acme", map[string]string{"rule.rego": strings.Replace(quiet, "input.request.model", "input.request.modle", 1)}))
	stays("an older one", "is not newer (sequence 1)", one)
	stays("a broken server", "status 500", nil)

	// While a bad one is offered, the configuration can still be changed.
	srv.give(srv.build(t, 5, "acme", map[string]string{"rule.rego": quiet, "acme/rule_test.rego": "package acme.rule_test\n\ntest_never if false\n"}))
	reload()
	becomes(t, "a failing test again", func() bool { return strings.Contains(body(t, s.admin+"/readyz?verbose"), "test_never failed") })
	write(t, filepath.Join(dir, "sallyport.hcl"), config+"budget { max_total = \"5m\" }\n")
	becomes(t, "the changed configuration", func() bool { return strings.Contains(body(t, s.admin+"/config"), `"max_total":"5m"`) })
	if got := version(t, s, "acme/version"); !strings.Contains(got, `"result":2`) {
		t.Errorf("%s", got)
	}
	srv.give(srv.build(t, 6, "acme", map[string]string{"rule.rego": quiet}))
	reload()
	becomes(t, "version 6", func() bool { return strings.Contains(version(t, s, "acme/version"), `"result":6`) })
	becomes(t, "that all is well", func() bool { return strings.Contains(body(t, s.admin+"/readyz?verbose"), "[+] bundles") })
}

func TestBundleKeptForTheNextStart(t *testing.T) {
	dir, srv := t.TempDir(), serveBundles(t)
	write(t, filepath.Join(dir, "key.pem"), srv.public)
	rule := "package sallyport.rules.acme\n\ndeny contains {\"code\": \"x\", \"message\": \"m\"} if input.request.model == \"x\"\n"
	path := filepath.Join(dir, "sallyport.hcl")
	write(t, path, strings.Replace(bundledConfig, "URL", srv.URL, 1))
	run := func() (*runningService, error) { return startService([]string{"serve", "-c", path}, environment()) }
	if _, err := run(); err == nil || !strings.Contains(err.Error(), "ended with 3") || !strings.Contains(err.Error(), "status 500") {
		t.Fatalf("a start without any bundle: %v", err)
	}
	srv.give(srv.build(t, 1, "acme", map[string]string{"rule.rego": rule}))
	s, err := run()
	if err != nil {
		t.Fatal(err)
	}
	if code := s.stop(); code != exitOK {
		t.Fatalf("%d: %s", code, s.err.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "bundles", "main.tar.gz")); err != nil {
		t.Fatal(err)
	}
	srv.give(nil)
	if s, err = run(); err != nil {
		t.Fatal(err)
	}
	if got := version(t, s, "acme/version"); !strings.Contains(got, `"result":1`) {
		t.Errorf("%s", got)
	}
	if got := body(t, s.admin+"/readyz?verbose"); !strings.HasPrefix(got, "200") || !strings.Contains(got, "status 500") {
		t.Errorf("%s", got)
	}
	if code := s.stop(); code != exitOK {
		t.Fatalf("%d: %s", code, s.err.String())
	}
	// Other verbs do with the kept copy.
	before := srv.count()
	var out, errs bytes.Buffer
	if code := runWith(&out, &errs, "validate", "-c", path); code != exitOK || srv.count() != before {
		t.Errorf("validate: %d, %s%s", code, out.String(), errs.String())
	}
}

// The configuration that policies/bundle/README.md shows is one.
func TestBundleReadme(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "policies", "bundle", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "keys", "policy.pem"), serveBundles(t).public)
	write(t, filepath.Join(dir, "sallyport.hcl"), blocks(string(raw), "hcl")[0]+minimalTarget)
	a := &app{env: environment("BUNDLE_TOKEN", "t")}
	cfg, _, diags := a.loadConfig(filepath.Join(dir, "sallyport.hcl"))
	if diags.HasErrors() || len(cfg.bundles) != 1 || cfg.bundles[0].name != "main" || cfg.bundles[0].key.ID != "ci" {
		t.Errorf("%v, %+v", diags, cfg.bundles)
	}
}

func runWith(out, errs io.Writer, args ...string) int {
	return run(context.Background(), args, environment(), stdio{strings.NewReader(""), out, errs})
}

// Several bundles make one set, unless they claim the same documents.
func TestSeveralBundles(t *testing.T) {
	dir, a, b := t.TempDir(), serveBundles(t), serveBundles(t)
	write(t, filepath.Join(dir, "a.pem"), a.public)
	write(t, filepath.Join(dir, "b.pem"), b.public)
	rule := func(root string) map[string]string {
		return map[string]string{"rule.rego": "package sallyport.rules." + root + "\n\ndeny contains {\"code\": \"x\", \"message\": \"m\"} if input.request.model == \"x\"\n"}
	}
	a.give(a.build(t, 1, "acme", rule("acme")))
	b.give(b.build(t, 1, "other", rule("other")))
	blocks := fmt.Sprintf("bundle \"a\" {\n url = %q\n public_key_file = \"a.pem\"\n poll = \"1s\"\n}\nbundle \"b\" {\n url = %q\n public_key_file = \"b.pem\"\n poll = \"1s\"\n}\n", a.URL, b.URL)
	begin, end := strings.Index(bundledConfig, "  bundle {"), strings.Index(bundledConfig, "target ")
	s := serveConfig(t, dir, bundledConfig[:begin]+blocks+"}\n"+bundledConfig[end:], environment())
	for _, path := range []string{"acme/version", "other/version"} {
		if got := version(t, s, path); !strings.Contains(got, `"result":1`) {
			t.Errorf("%s: %s", path, got)
		}
	}
	// One that reaches into the other's documents is refused; the other is renewed.
	b.give(b.build(t, 2, "acme", rule("acme")))
	becomes(t, "the conflict", func() bool { return strings.Contains(body(t, s.admin+"/readyz?verbose"), "both claim a root") })
	a.give(a.build(t, 2, "acme", rule("acme")))
	becomes(t, "version 2 of a", func() bool { return strings.Contains(version(t, s, "acme/version"), `"result":2`) })
	if got := version(t, s, "other/version"); !strings.Contains(got, `"result":1`) {
		t.Errorf("%s", got)
	}
}
