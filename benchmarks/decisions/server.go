package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const key = "not-a-secret-key"

// config has the cheapest decision log there is: OPA's server keeps none.
const config = `
server {
  listen = "127.0.0.1:0"
  admin  = "127.0.0.1:0"
}
auth {
  key "bench" {
    secret = env("BENCH_KEY")
    tenant = "acme"
  }
}
policy {
  paths = ["ours"]
}
decision_log {
  path = "log"
  mode = "best_effort"
}
target "gpu_cluster" "quick" {
  dialect = "openai"
  stand_in {}
  model "quick" {}
}
`

// server is a program that answers at base.
type server struct {
	name, base string
	cmd        *exec.Cmd
	stderr     bytes.Buffer
	client     *http.Client
}

func newServer(name string, cmd *exec.Cmd) *server {
	s := &server{name: name, cmd: cmd, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: 30 * time.Second}}
	cmd.Stderr = &s.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return s
}

var address = regexp.MustCompile(`requests  (http://\S+)/v1\n`)

func startSallyport(ctx context.Context, binary, dir string) (*server, error) {
	path := filepath.Join(dir, "sallyport.hcl")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	s := newServer("sallyport", exec.CommandContext(ctx, binary, "serve", "-c", path, "--log-level", "error"))
	s.cmd.Env = append(os.Environ(), "BENCH_KEY="+key)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	var banner []byte
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		banner = append(banner, line...)
		if m := address.FindSubmatch(banner); m != nil {
			s.base = string(m[1])
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("sallyport did not start: %w: %s", errors.Join(err, s.cmd.Wait()), s.stderr.String())
		}
	}
}

// startOPA runs OPA with nothing but what it needs: no decision log, no console.
func startOPA(ctx context.Context, binary, dir string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	s := newServer("opa", exec.CommandContext(ctx, binary, "run", "--server", "--addr", at, "--log-level", "error", "--disable-telemetry", filepath.Join(dir, "theirs")))
	s.base = "http://" + at
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		resp, err := s.client.Get(s.base + "/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil, errors.Join(fmt.Errorf("opa did not start: %s", s.stderr.String()), s.stop())
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("%s ended with %w: %s", s.name, err, s.stderr.String())
	}
	return nil
}

func (s *server) ask(ctx context.Context, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", key)
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return text, err
}

// connections is how many clients wait for an answer at any time.
const connections = 8

// load sends the bodies and returns the processor time that the server took.
func (s *server) load(ctx context.Context, path string, bodies [][]byte) (time.Duration, error) {
	before, err := s.processorTime()
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	failed := make([]error, connections)
	for c := range connections {
		wg.Go(func() {
			for failed[c] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(bodies) {
					return
				}
				_, failed[c] = s.ask(ctx, path, bodies[i])
			}
		})
	}
	wg.Wait()
	after, err := s.processorTime()
	return after - before, errors.Join(append(failed, err)...)
}

// processorTime is what all threads of the server have used, in hundredths of a
// second (proc(5): utime and stime, in ticks of USER_HZ, which is 100 on Linux).
func (s *server) processorTime() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The program's name, in brackets, may hold spaces.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc has another form")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}
