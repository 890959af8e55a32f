package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

func adminRequest(method, path string, lines ...string) string {
	return method + " " + path + " HTTP/1.1\r\n" + strings.Join(append([]string{"Host: 127.0.0.1:8081"}, lines...), "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
}

func TestAdmin(t *testing.T) {
	var ready box[error]
	ts := newServer(t, &fakeHandler{}, func(c *Config) {
		c.Admin = Admin{
			Targets: func() any { return []string{"vllm"} },
			Config:  func() any { return map[string]string{"api_key": "(sensitive)"} },
			Ready:   []Check{{Name: "targets", Probe: ready.get}},
		}
	})
	c := dial(t, ts.listen(t, ts.ServeAdmin, nil))
	ask := func(method, path string, status int, contains ...string) {
		t.Helper()
		c.send(adminRequest(method, path))
		resp, body := c.read()
		if resp.StatusCode != status {
			t.Errorf("%s %s: %d %s", method, path, resp.StatusCode, body)
		}
		for _, s := range contains {
			if !strings.Contains(body, s) {
				t.Errorf("%s %s lacks %q:\n%.2000s", method, path, s, body)
			}
		}
	}
	ask("GET", "/livez", 200, "ok")
	ask("GET", "/healthz", 200, "ok")
	ask("GET", "/readyz", 200, "ready")
	ask("GET", "/readyz?verbose", 200, "[+] serving", "[+] targets")
	ask("GET", "/targets", 200, `["vllm"]`)
	ask("GET", "/config", 200, `(sensitive)`)
	ask("GET", "/snapshot", 200, `"revision":"rev-1"`, `"config_sha256":"c0ffee"`, `"last_reload":null`)
	ask("GET", "/metrics", 200, `sallyport_build_info{go_version="go`, `version="test"} 1`, "go_goroutines", "sallyport_inflight_requests 0")
	ask("GET", "/debug/pprof/", 200, "goroutine")
	ask("GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
	ask("GET", "/", 200, "POST /-/reload", "/readyz")
	ask("GET", "/nothing", 404, engine.CodeUnknownRoute)
	ask("GET", chatPath, 404, engine.CodeUnknownRoute)
	ask("GET", "/-/reload", 405, engine.CodeMethodNotAllowed)
	ask("POST", "/livez", 405, engine.CodeMethodNotAllowed)
	ask("POST", "/-/reload", 422, "no configuration")
	ready.set(errors.New("no target is healthy"))
	ask("GET", "/readyz", 503, "not ready")
	ask("GET", "/readyz?verbose", 503, "[-] targets: no target is healthy")
	ready.set(nil)
	ts.draining.Store(true)
	ask("GET", "/readyz?verbose", 503, "[-] serving: draining", "[+] targets")
	ask("GET", "/livez", 200)
}

func TestReload(t *testing.T) {
	var refuse box[error]
	ts := newServer(t, &fakeHandler{}, func(c *Config) {
		c.Admin.Reload = func(context.Context) error { return refuse.get() }
	})
	c := dial(t, ts.listen(t, ts.ServeAdmin, nil))
	last := func() (l lastReload) {
		c.send(adminRequest("GET", "/snapshot"))
		_, body := c.read()
		var s struct {
			LastReload lastReload `json:"last_reload"`
		}
		if err := json.Unmarshal([]byte(body), &s); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse(time.RFC3339Nano, s.LastReload.Time); err != nil {
			t.Error(err)
		}
		return s.LastReload
	}
	c.send(adminRequest("POST", "/-/reload"))
	if resp, body := c.read(); resp.StatusCode != 200 || body != `{"revision":"rev-1"}` || !last().OK {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	const why = "main.hcl:3,1-9: unknown block"
	refuse.set(errors.New(why))
	c.send(adminRequest("POST", "/-/reload"))
	if resp, body := c.read(); resp.StatusCode != 422 || !strings.Contains(body, why) || last().OK || last().Error != why {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	c.send(adminRequest("GET", "/metrics"))
	if _, body := c.read(); !strings.Contains(body, "sallyport_config_last_reload_successful 0\n") {
		t.Error("the metric does not show the failed reload")
	}
}

// A server that was given nothing to show says so.
func TestAdminWithoutParts(t *testing.T) {
	ts := newServer(t, &fakeHandler{})
	c := dial(t, ts.listen(t, ts.ServeAdmin, nil))
	for _, path := range []string{"/targets", "/config"} {
		c.send(adminRequest("GET", path))
		if resp, body := c.read(); resp.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	c.send("no HTTP\r\n\r\n")
	if resp, body := c.read(); resp.StatusCode != 400 || !strings.Contains(body, engine.CodeMalformed) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestAdminPanics(t *testing.T) {
	const secret = "a secret of the configuration"
	ts := newServer(t, &fakeHandler{}, func(c *Config) { c.Admin.Config = func() any { panic(secret) } })
	c := dial(t, ts.listen(t, ts.ServeAdmin, nil))
	c.send(adminRequest("GET", "/config"))
	if resp, body := c.read(); resp.StatusCode != 500 || strings.Contains(body+ts.logs.String(), secret) {
		t.Errorf("%d %s %s", resp.StatusCode, body, ts.logs)
	}
}

// The admin interface is for this machine's operators, not for what their
// browsers load.
func TestAdminRefusesWebPages(t *testing.T) {
	ts := newServer(t, &fakeHandler{})
	c := dial(t, ts.listen(t, ts.ServeAdmin, nil))
	tests := []struct {
		host, line string
		status     int
	}{
		{"127.0.0.1:8081", "", 200}, {"localhost:8081", "", 200}, {"LOCALHOST", "", 200}, {"[::1]:8081", "", 200}, {"[::1]", "", 200}, {"10.1.2.3", "", 200},
		{"127.0.0.1:8081", "Origin: http://127.0.0.1:8081", 200},
		{"evil.example", "", 403}, {"localhost.evil.example:8081", "", 403}, {"127.0.0.1.evil.example", "", 403},
		{"127.0.0.1:8081", "Origin: http://evil.example", 403}, {"127.0.0.1:8081", "Origin: null", 403},
		{"127.0.0.1:8081", "Origin: http://127.0.0.1:3000", 403},
		{"127.0.0.1:8081", "Sec-Fetch-Site: cross-site", 403}, {"127.0.0.1:8081", "Sec-Fetch-Site: same-origin", 200},
	}
	for _, tt := range tests {
		line := tt.line
		if line != "" {
			line += "\r\n"
		}
		c.send("GET /livez HTTP/1.1\r\nHost: " + tt.host + "\r\n" + line + "\r\n")
		if resp, body := c.read(); resp.StatusCode != tt.status {
			t.Errorf("Host %q %s: %d %s", tt.host, tt.line, resp.StatusCode, body)
		}
	}
}

func TestAdminListensLocally(t *testing.T) {
	ts := newServer(t, &fakeHandler{})
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ts.ServeAdmin(ln); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("on all addresses: %v", err)
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("the refused listener is still open")
	}
	path := filepath.Join(t.TempDir(), "admin.sock")
	sock, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- ts.ServeAdmin(sock) }()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn)
	c.send("GET /livez HTTP/1.1\r\nHost: admin\r\n\r\n")
	if resp, _ := c.read(); resp.StatusCode != 200 {
		t.Errorf("over a unix socket: %d", resp.StatusCode)
	}
	if err := ts.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := await(t, "the listener's end", served); err != nil {
		t.Error(err)
	}
}
