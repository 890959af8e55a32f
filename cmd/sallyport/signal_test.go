//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/record"
)

// process is a service run as a process of its own, which signals need.
type process struct {
	cmd         *exec.Cmd
	data, admin string // base URLs
	out, err    lockedBuffer
	done        chan struct{} // closed when it has ended
}

// startProcess runs this test binary as the program: TestMain takes it for that
// where it is called sallyport. The process is killed with the test.
func startProcess(t *testing.T, dir, config string) *process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sallyport.hcl")
	write(t, path, config)
	p := &process{done: make(chan struct{})}
	p.cmd = &exec.Cmd{Path: binary, Args: []string{"sallyport", "serve", "-c", path}, Stdout: &p.out, Stderr: &p.err,
		Env: append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // ProcessState holds what it says
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended already, where all went well
		<-p.done
		if t.Failed() {
			t.Logf("standard error:\n%s", p.err.String())
		}
	})
	p.await(t, "serve", func() (bool, error) {
		select {
		case <-p.done:
			return false, fmt.Errorf("it ended: %v", p.cmd.ProcessState)
		default:
		}
		m := addresses.FindStringSubmatch(p.out.String())
		if m == nil {
			return false, nil
		}
		p.data, p.admin = m[1], m[2]
		return true, nil
	})
	return p
}

func (p *process) await(t *testing.T, what string, ready func() (bool, error)) {
	t.Helper()
	if err := await(ready); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// exit waits for the process to end and returns its exit code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	p.await(t, "end", func() (bool, error) {
		select {
		case <-p.done:
			return true, nil
		default:
			return false, nil
		}
	})
	return p.cmd.ProcessState.ExitCode()
}

// instant is a target that answers at once.
const instant = "stand_in {}"

// held is a target whose streams stop after their first content until release is
// closed, or their client is gone.
func held(t *testing.T, release <-chan struct{}) string {
	chunk := func(delta, finish string) string {
		return `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + "}]}\n\n"
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, chunk(`{"role":"assistant","content":"first"}`, "null"))
		w.(http.Flusher).Flush()
		select {
		case <-release:
			io.WriteString(w, chunk(`{"content":" last"}`, `"stop"`)+"data: [DONE]\n\n")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(upstream.Close)
	return fmt.Sprintf("base_url = %q", upstream.URL+"/v1")
}

// only is a configuration with a single target.
func only(target string) string {
	return fmt.Sprintf(`
server {
  listen        = "127.0.0.1:0"
  admin         = "127.0.0.1:0"
  drain_timeout = "10m"
}
auth {
  key "team-a" {
    secret = file("key.txt")
    tenant = "acme"
  }
}
target "gpu_cluster" "only" {
  dialect = "openai"
  %s
  model "m" {}
}
decision_log {
  path = "log"
}
`, target)
}

// post sends a chat request. The reply's body is the caller's to close.
func (p *process) post(ctx context.Context, key string, stream bool) (*http.Response, error) {
	body := fmt.Sprintf(`{"model":"m","stream":%t,"messages":[{"role":"user","content":"one two three four"}]}`, stream)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.data+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	return http.DefaultClient.Do(req)
}

// status is the status of a unary request, and the id of its decision.
func (p *process) status(ctx context.Context, key string) (int, string, error) {
	res, err := p.post(ctx, key, false)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("Sallyport-Decision-Id"), err
}

// stream begins a stream and returns a reader behind its first content.
func (p *process) stream(t *testing.T) *bufio.Reader {
	t.Helper()
	res, err := p.post(t.Context(), "key-1", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	in := bufio.NewReader(res.Body)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("status %d, %v before any content", res.StatusCode, err)
		}
		if strings.Contains(line, `"content":"`) {
			return in
		}
	}
}

func TestSIGHUPReloads(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key.txt"), "key-1")
	p := startProcess(t, dir, only(instant))
	if code, _, err := p.status(t.Context(), "key-1"); code != http.StatusOK {
		t.Fatalf("status %d, %v", code, err)
	}
	// Nobody watches the files of secrets, so only a signal makes this one count.
	write(t, filepath.Join(dir, "key.txt"), "key-2")
	p.signal(t, syscall.SIGHUP)
	p.await(t, "the new key", func() (bool, error) {
		code, _, err := p.status(t.Context(), "key-2")
		return code == http.StatusOK, err
	})
	if code, _, err := p.status(t.Context(), "key-1"); code != http.StatusUnauthorized {
		t.Errorf("the old key: status %d, %v", code, err)
	}
	// A mistake keeps what is in force.
	write(t, filepath.Join(dir, "key.txt"), "")
	p.signal(t, syscall.SIGHUP)
	p.await(t, "the refusal", func() (bool, error) { return strings.Contains(p.err.String(), "reload refused"), nil })
	if code, _, err := p.status(t.Context(), "key-2"); code != http.StatusOK {
		t.Errorf("after a refused reload: status %d, %v", code, err)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestSIGTERMDrains(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key.txt"), "key-1")
	release := make(chan struct{})
	p := startProcess(t, dir, only(held(t, release)))
	in := p.stream(t)
	p.signal(t, syscall.SIGTERM)
	p.await(t, "no new connections", func() (bool, error) {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.data, "http://"))
		if err != nil {
			return true, nil
		}
		return false, c.Close()
	})
	res, err := http.Get(p.admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz during the drain: %d", res.StatusCode)
	}
	close(release)
	rest, err := io.ReadAll(in)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the stream under way ended with %v:\n%s", err, rest)
	}
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	outcomes(t, dir, func(e *record.Entry) {
		if !strings.Contains(string(e.Outcome), `"status":200`) {
			t.Errorf("outcome %s", e.Outcome)
		}
	})
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key.txt"), "key-1")
	p := startProcess(t, dir, only(held(t, nil)))
	in := p.stream(t)
	p.signal(t, syscall.SIGTERM)
	p.await(t, "the drain", func() (bool, error) { return strings.Contains(p.err.String(), "draining"), nil })
	p.signal(t, syscall.SIGTERM)
	rest, err := io.ReadAll(in)
	if err == nil || strings.Contains(string(rest), "[DONE]") || !strings.Contains(string(rest), `"code":"shutting_down"`) {
		t.Errorf("the stream that was cut off ended with %v:\n%s", err, rest)
	}
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	outcomes(t, dir, func(e *record.Entry) {
		if !strings.Contains(string(e.Outcome), `"code":"shutting_down"`) {
			t.Errorf("outcome %s", e.Outcome)
		}
	})
}

// A service killed under load has every decision on record that a client was
// told of, and the log goes on where it was cut off.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key.txt"), "key-1")
	p := startProcess(t, dir, only(instant))
	const enough = 100
	var mu sync.Mutex
	var told []string
	var clients sync.WaitGroup
	var count atomic.Int64
	for range 4 {
		clients.Go(func() {
			for {
				code, id, err := p.status(t.Context(), "key-1")
				if err != nil {
					return // the service is gone
				}
				if code != http.StatusOK {
					t.Errorf("status %d", code)
					return
				}
				mu.Lock()
				told = append(told, id)
				mu.Unlock()
				count.Add(1)
			}
		})
	}
	p.await(t, "load", func() (bool, error) { return count.Load() >= enough, nil })
	p.signal(t, syscall.SIGKILL)
	clients.Wait()
	<-p.done

	again := startProcess(t, dir, only(instant))
	if code, id, err := again.status(t.Context(), "key-1"); code != http.StatusOK {
		t.Errorf("after the restart: status %d, %v", code, err)
	} else {
		told = append(told, id)
	}
	again.signal(t, syscall.SIGTERM)
	if code := again.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	recorded := map[string]bool{}
	for e, err := range record.Query(filepath.Join(dir, "log"), record.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		var d engine.Record
		if err := json.Unmarshal(e.Decision, &d); err != nil {
			t.Fatal(err)
		}
		recorded[d.DecisionID] = true
	}
	for _, id := range told {
		if !recorded[id] {
			t.Errorf("decision %s is not in the log", id)
		}
	}
}

// outcomes gives each decision of the log to check. There must be one.
func outcomes(t *testing.T, dir string, check func(*record.Entry)) {
	t.Helper()
	n := 0
	for e, err := range record.Query(filepath.Join(dir, "log"), record.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		check(&e)
	}
	if n == 0 {
		t.Error("nothing is in the log")
	}
}
