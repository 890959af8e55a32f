package bundle

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// server is a bundle server of which a test says what it answers.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	handler http.HandlerFunc
	asked   []http.Header
}

func serve(t testing.TB) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.handler
	s.asked = append(s.asked, r.Header.Clone())
	s.mu.Unlock()
	h(w, r)
}

func (s *server) handle(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = h
}

// give serves an archive under an entity tag.
func (s *server) give(etag string, archive []byte) {
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		if etag != "" && r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(archive)
	})
}

func (s *server) last() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

func open(t testing.TB, c Config) *Source {
	t.Helper()
	if c.Name == "" {
		c.Name = "main"
	}
	if c.Dir == "" {
		c.Dir = filepath.Join(t.TempDir(), "bundles")
	}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// fetched fetches and says what came of it: "new", "same" or the error.
func fetched(t testing.TB, s *Source) string {
	t.Helper()
	isNew, err := s.Fetch(t.Context())
	switch {
	case err != nil:
		return err.Error()
	case isNew:
		return "new"
	}
	return "same"
}

func activate(t testing.TB, s *Source) {
	t.Helper()
	_, b := s.Bundles()
	if b == nil {
		t.Fatal("there is no candidate")
	}
	if err := s.Activate(b); err != nil {
		t.Fatal(err)
	}
}

func TestFetchConditionally(t *testing.T) {
	k, srv := ecSigner(t), serve(t)
	srv.give(`"one"`, build(t, k, content{sequence: 1, revision: "r1"}))
	s := open(t, Config{URL: srv.URL + "/b.tar.gz", Key: k.key(t), Bearer: "the-token"})
	if got := fetched(t, s); got != "new" {
		t.Fatal(got)
	}
	if h := srv.last(); h.Get("If-None-Match") != "" || h.Get("Authorization") != "Bearer the-token" || h.Get("Accept-Encoding") != "" {
		t.Errorf("%v", h)
	}
	activate(t, s)
	if got := fetched(t, s); got != "same" || srv.last().Get("If-None-Match") != `"one"` {
		t.Errorf("%s, %v", got, srv.last())
	}
	// The same bytes under another tag, and without one, are nothing new.
	srv.give(`"two"`, s.active.archive)
	if got := fetched(t, s); got != "same" || s.active.etag != `"two"` {
		t.Errorf("%s", got)
	}
	srv.give("", s.active.archive)
	if got := fetched(t, s); got != "same" {
		t.Errorf("%s", got)
	}
	srv.give(`"three"`, build(t, k, content{sequence: 2, revision: "r2"}))
	if got := fetched(t, s); got != "new" {
		t.Errorf("%s", got)
	}
	// What is not in force yet is not fetched twice.
	if got := fetched(t, s); got != "same" || srv.last().Get("If-None-Match") != `"three"` {
		t.Errorf("%s, %v", got, srv.last())
	}
	active, candidate := s.Bundles()
	if active.Revision != "r1" || candidate.Revision != "r2" {
		t.Errorf("%v, %v", active, candidate)
	}
	// A candidate that was refused elsewhere, and then taken back.
	s.Refused(candidate, errors.New("a test failed"))
	if st := s.Status(now); st.Err == nil || !strings.Contains(st.Err.Error(), "a test failed") {
		t.Errorf("%v", st.Err)
	}
	srv.give(`"one"`, active.archive)
	if got := fetched(t, s); got != "same" {
		t.Errorf("%s", got)
	}
	if _, candidate := s.Bundles(); candidate != nil || s.Status(now).Err != nil {
		t.Errorf("%v, %v", candidate, s.Status(now).Err)
	}
	want := map[string]uint64{ResultNew: 3, ResultUnchanged: 4}
	if d := cmp.Diff(want, s.Status(now).Fetches); d != "" {
		t.Error(d)
	}
}

func TestNoRollback(t *testing.T) {
	k, srv, dir := ecSigner(t), serve(t), t.TempDir()
	claims := func(iat int64) map[string]any { return map[string]any{"keyid": "key-1", "iat": iat} }
	one, two, three := build(t, k, content{sequence: 1}), build(t, k, content{sequence: 2}), build(t, k, content{sequence: 3})
	otherTwo := build(t, k, content{sequence: 2, revision: "another"})
	dated, undated := build(t, k, content{claims: claims(1_790_000_000)}), build(t, k, content{revision: "x"})
	c := Config{URL: srv.URL, Key: k.key(t), Dir: dir}
	s := open(t, c)
	step := func(archive []byte, want string) {
		t.Helper()
		srv.give("", archive)
		got := fetched(t, s)
		if !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
		if got == "new" {
			activate(t, s)
		}
	}
	step(undated, "states no order")
	step(dated, "new")
	step(build(t, k, content{claims: claims(1_789_999_999)}), "not newer")
	step(build(t, k, content{claims: claims(1_790_000_000), revision: "other"}), "not newer")
	step(undated, "states no order")
	step(two, "new") // from dates to numbers
	step(one, "not newer")
	step(dated, "not newer") // and not back
	step(otherTwo, "not newer")
	step(two, "same")

	// Neither after a restart, nor when the kept archive is lost or damaged.
	s = open(t, c)
	step(one, "not newer")
	if err := os.Remove(filepath.Join(dir, "main.tar.gz")); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	if b, _ := s.Bundles(); b != nil {
		t.Fatal("there is a bundle without an archive")
	}
	step(one, "not newer")
	step(three, "new")

	// An older archive put in the place of the kept one is found out.
	if err := os.WriteFile(filepath.Join(dir, "main.tar.gz"), one, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	if b, _ := s.Bundles(); b != nil || !strings.Contains(fmt.Sprint(s.Status(now).Err), "older") {
		t.Errorf("%v, %v", b, s.Status(now).Err)
	}
	// Unless that is what is wanted.
	c.AllowRollback = true
	s = open(t, c)
	step(three, "new")
	step(one, "new")
	step(undated, "new")
	step(three, "new")
}

func TestKeptCopy(t *testing.T) {
	k, srv, dir := ecSigner(t), serve(t), filepath.Join(t.TempDir(), "a", "b")
	archive := build(t, k, content{sequence: 4, revision: "r4"})
	srv.give(`"one"`, archive)
	c := Config{URL: srv.URL, Key: k.key(t), Dir: dir}
	s := open(t, c)
	if got := fetched(t, s); got != "new" {
		t.Fatal(got)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a bundle is kept before it is in force")
	}
	activate(t, s)
	for _, name := range []string{"main.tar.gz", "main.json"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".new-*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}

	srv.Close() // and nobody answers
	s = open(t, c)
	b, _ := s.Bundles()
	if b == nil || b.Revision != "r4" || b.etag != `"one"` {
		t.Fatalf("%+v, %v", b, s.Status(now).Err)
	}
	if got := fetched(t, s); !strings.Contains(got, "bundle \"main\": ask 127.0.0.1:") {
		t.Errorf("%s", got)
	}
	if st := s.Status(now); st.Err == nil || st.Active != b || st.Fetches[ResultFailed] != 1 {
		t.Errorf("%+v", st)
	}

	// It is verified again: with another key, and after it was changed.
	other := c
	other.Key = ecSigner(t).key(t)
	if b, _ := open(t, other).Bundles(); b != nil {
		t.Error("a kept copy is taken without its signature")
	}
	damaged := append([]byte{}, archive...)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(filepath.Join(dir, "main.tar.gz"), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	if b, _ := s.Bundles(); b != nil || !strings.Contains(fmt.Sprint(s.Status(now).Err), "the kept copy") {
		t.Errorf("%v, %v", b, s.Status(now).Err)
	}
}

func TestExpiry(t *testing.T) {
	k, srv := ecSigner(t), serve(t)
	at := time.Now()
	srv.give("", build(t, k, content{sequence: 1, claims: map[string]any{"keyid": "key-1", "exp": at.Add(time.Hour).Unix()}}))
	c := Config{URL: srv.URL, Key: k.key(t), Dir: t.TempDir()}
	s := open(t, c)
	if got := fetched(t, s); got != "new" {
		t.Fatal(got)
	}
	activate(t, s)
	if err := s.Status(at).Err; err != nil {
		t.Error(err)
	}
	if err := s.Status(at.Add(2 * time.Hour)).Err; err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("%v", err)
	}
	if b, _, err := s.readKept(at.Add(2 * time.Hour)); b != nil || err == nil {
		t.Errorf("an expired copy is used: %v", err)
	}
}

func TestBadServers(t *testing.T) {
	k, srv := ecSigner(t), serve(t)
	good := build(t, k, content{sequence: 1})
	elsewhere := serve(t)
	elsewhere.give("", good)
	s := open(t, Config{URL: srv.URL + "/b?sig=hidden", Key: k.key(t), Bearer: "the-token", Limits: Limits{ArchiveBytes: 64 << 10}})
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprint(w, "a page about it")
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"500", status(500), "status 500"},
		{"404", status(404), "status 404"},
		{"401", status(401), "status 401"},
		{"304 without being asked", status(304), "status 304"},
		{"204", status(204), "status 204"},
		{"206", status(206), "status 206"},
		{"a page", status(200), "gzip"},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, "gzip"},
		{"a short body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			_, _ = w.Write(good[:100])
		}, "unexpected EOF"},
		{"truncated", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good[:len(good)-9]) }, "EOF"},
		{"too long, and says so", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "70000")
			_, _ = w.Write(make([]byte, 70000))
		}, "at most 65536"},
		{"too long", func(w http.ResponseWriter, _ *http.Request) {
			for range 70 {
				_, _ = w.Write(make([]byte, 1000))
				w.(http.Flusher).Flush()
			}
		}, "more than 65536"},
		{"a hang-up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, "another host"},
		{"to https", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "https://"+r.Host, http.StatusFound) }, "another host"},
		{"to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "another host"},
		{"in circles", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "too many redirects"},
	}
	for _, tt := range tests {
		srv.handle(tt.handler)
		got := fetched(t, s)
		if !strings.Contains(got, tt.want) || strings.Contains(got, "the-token") || strings.Contains(got, "hidden") || strings.Contains(got, "a page about it") {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if _, b := s.Bundles(); b != nil {
			t.Errorf("%s: there is a candidate", tt.name)
		}
		if s.Status(now).Err == nil {
			t.Errorf("%s: all is said to be well", tt.name)
		}
	}
	if len(elsewhere.asked) > 0 {
		t.Errorf("the other host was asked: %v", elsewhere.asked)
	}
	// Within the host a redirect is followed, and then all is well again.
	srv.handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/moved" {
			http.Redirect(w, r, "/moved", http.StatusFound)
			return
		}
		_, _ = w.Write(good)
	})
	if got := fetched(t, s); got != "new" || s.Status(now).Err != nil {
		t.Errorf("%s, %v", got, s.Status(now).Err)
	}
}

// A server that never ends its body is left when the service wants to stop, and
// otherwise after the time for a download.
func TestSlowBody(t *testing.T) {
	k, srv := ecSigner(t), serve(t)
	begun, stop := make(chan struct{}), make(chan struct{})
	srv.handle(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte{0x1f})
		w.(http.Flusher).Flush()
		close(begun)
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	defer close(stop)
	s := open(t, Config{URL: srv.URL, Key: k.key(t)})
	if s.fetch.client.Timeout != downloadTimeout {
		t.Error("a download has no limit of time")
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	if _, err := s.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The server's certificate is that of the given authority.
func TestServerCertificate(t *testing.T) {
	k := ecSigner(t)
	archive := build(t, k, content{sequence: 1})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) }))
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	if got := fetched(t, open(t, Config{URL: srv.URL, Key: k.key(t), Roots: roots, Bearer: "t"})); got != "new" {
		t.Error(got)
	}
	if got := fetched(t, open(t, Config{URL: srv.URL, Key: k.key(t)})); !strings.Contains(got, "certificate") {
		t.Error(got)
	}
}

func TestOpenRefuses(t *testing.T) {
	k := ecSigner(t).key(t)
	for name, c := range map[string]Config{
		"no scheme":            {Name: "a", URL: "host/b", Key: k, Dir: "d"},
		"a file":               {Name: "a", URL: "file:///b", Key: k, Dir: "d"},
		"a password":           {Name: "a", URL: "https://u:p@host/b", Key: k, Dir: "d"},
		"a fragment":           {Name: "a", URL: "https://host/b#x", Key: k, Dir: "d"},
		"a token over http":    {Name: "a", URL: "http://host/b", Key: k, Dir: "d", Bearer: "t"},
		"no key":               {Name: "a", URL: "https://host/b", Dir: "d"},
		"no folder":            {Name: "a", URL: "https://host/b", Key: k},
		"a name with a folder": {Name: "../a", URL: "https://host/b", Key: k, Dir: "d"},
		"no name":              {URL: "https://host/b", Key: k, Dir: "d"},
	} {
		if _, err := Open(c); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPause(t *testing.T) {
	for _, tt := range []struct {
		interval time.Duration
		failures int
		r        float64
		want     time.Duration
	}{
		{30 * time.Second, 0, 0.5, 30 * time.Second},
		{30 * time.Second, 0, 0, 24 * time.Second},
		{30 * time.Second, 0, 1, 36 * time.Second},
		{30 * time.Second, 2, 0.5, 2 * time.Minute},
		{30 * time.Second, 1000, 0.5, maxPause},
		{time.Hour, 3, 0.5, time.Hour},
	} {
		if got := pause(tt.interval, tt.failures, tt.r); got.Round(time.Millisecond) != tt.want {
			t.Errorf("pause(%v, %d, %v) = %v, want %v", tt.interval, tt.failures, tt.r, got, tt.want)
		}
	}
}

func TestPoll(t *testing.T) {
	k, srv := ecSigner(t), serve(t)
	srv.handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	s := open(t, Config{URL: srv.URL, Key: k.key(t)})
	ctx, cancel := context.WithCancel(t.Context())
	now, changed, failed, ended := make(chan struct{}), make(chan struct{}, 1), make(chan error, 100), make(chan struct{})
	go func() {
		defer close(ended)
		s.Poll(ctx, time.Hour, now, func() { changed <- struct{}{} }, func(err error) { failed <- err })
	}()
	now <- struct{}{}
	if err := <-failed; !strings.Contains(err.Error(), "status 500") {
		t.Error(err)
	}
	srv.give(`"one"`, build(t, k, content{sequence: 1}))
	now <- struct{}{}
	<-changed
	cancel()
	<-ended
}
