package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets/standin"
)

// BenchmarkHandler sends one chat request after the other over one loopback
// connection and waits for the whole reply: of about 100 tokens in and 64 out,
// unary or as a stream of 64 chunks. Each row switches on one part more:
//
//	direct      no Sallyport: the client speaks to the upstream itself
//	relay       gateway, engine, wire, targets, log in mode best_effort; no rules and no classifiers
//	classifiers pii, secrets and complexity read the prompt
//	standard    and the standard policy decides
//	require     and the decision is on the disk before anything leaves
//	clients=16  the same, sixteen connections at once: the time is that of one request's share
//
// Client, service and upstream share the process, so the processor time and the
// allocations of the direct row are in every other one. The client allocates
// nothing. cpu-µs/op is the process's user and system time; other load on the
// machine disturbs it less than the time that passes.
func BenchmarkHandler(b *testing.B) {
	upstream, err := standin.Start(standin.Config{Name: "upstream", Posture: "gpu_cluster", Dialect: engine.DialectOpenAI, Models: []string{"m"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := upstream.Close(); err != nil {
			b.Error(err)
		}
	})
	allowAll := "policy {\n  paths = [\"allow.rego\"]\n}\n"
	var classifiers strings.Builder
	for _, name := range []string{"pii", "secrets", "complexity"} {
		fmt.Fprintf(&classifiers, "classifier %q {\n  module = \"builtin:%s\"\n  time_limit = \"1s\"\n}\n", name, name)
	}
	rows := []struct {
		name    string
		config  string // "": no Sallyport
		mode    string
		clients int
	}{
		{"direct", "", "", 1},
		{"relay", allowAll, "best_effort", 1},
		{"classifiers", allowAll + classifiers.String(), "best_effort", 1},
		{"standard", classifiers.String(), "best_effort", 1},
		{"require", classifiers.String(), "require", 1},
		{"require/clients=16", classifiers.String(), "require", 16},
	}
	for _, row := range rows {
		b.Run(row.name, func(b *testing.B) {
			base := strings.TrimSuffix(upstream.URL(), "/v1")
			if row.config != "" {
				base = benchService(b, upstream.URL(), row.config, row.mode)
			}
			for _, stream := range []bool{false, true} {
				name := "unary"
				if stream {
					name = "stream64"
				}
				b.Run(name, func(b *testing.B) { benchRequests(b, base, stream, row.clients) })
			}
		})
	}
}

const benchKey = "not-a-secret-key"

// benchService runs the service in this process and returns its base URL.
func benchService(b *testing.B, upstream, config, mode string) string {
	dir := b.TempDir()
	path := filepath.Join(dir, "sallyport.hcl")
	config = fmt.Sprintf(`
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
target "gpu_cluster" "upstream" {
  dialect = "openai"
  base_url = %q
  model "m" {}
}
decision_log {
  path = "log"
  mode = %q
}
`, upstream, mode) + config
	for name, content := range map[string]string{path: config, filepath.Join(dir, "allow.rego"): "package sallyport.rules.allow\n\nprefer.upstream := 1\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	s, err := startService([]string{"serve", "-c", path, "--log-level", "error"}, environment("BENCH_KEY", benchKey))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if code := s.stop(); code != exitOK {
			b.Errorf("serve ended with %d: %s", code, s.err.String())
		}
	})
	return s.data
}

// benchRequests sends b.N requests over so many connections.
func benchRequests(b *testing.B, base string, stream bool, clients int) {
	u, err := url.Parse(base)
	if err != nil {
		b.Fatal(err)
	}
	body := fmt.Sprintf(`{"model":"m","max_tokens":64,"stream":%t,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":%q}]}`,
		stream, strings.Repeat("Which of these words is the odd one out, and what would a careful reader say about it? ", 5))
	request := fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		u.Host, benchKey, len(body), body)

	var left atomic.Int64
	left.Store(int64(b.N))
	failed := make(chan error, clients)
	conns := make([]net.Conn, clients)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", u.Host); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
	}
	b.ReportAllocs()
	before := cpuTime(b)
	b.ResetTimer()
	for _, conn := range conns {
		go func() {
			in := bufio.NewReaderSize(conn, 64<<10)
			for left.Add(-1) >= 0 {
				if _, err := conn.Write(request); err != nil {
					failed <- err
					return
				}
				if err := readReply(in, stream); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range conns {
		if err := <-failed; err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpuTime is what this process has used of the processors.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readReply reads one reply to its end without allocating. It must be complete.
func readReply(in *bufio.Reader, stream bool) error {
	length, first := -1, true
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			rest, _ := in.Peek(in.Buffered()) // a short reply came with its status
			return fmt.Errorf("status line %q, then %q", line, rest)
		}
		first = false
		if len(line) == len("\r\n") {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			length = number(bytes.TrimSpace(value), 10)
		}
	}
	if length >= 0 {
		if stream {
			return errors.New("a stream has a length")
		}
		_, err := in.Discard(length)
		return err
	}
	events := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size := number(bytes.TrimSpace(line), 16)
		if size < 0 {
			return fmt.Errorf("chunk of size %q", line)
		}
		if size > in.Size()-2 {
			return fmt.Errorf("chunk of %d bytes", size)
		}
		chunk, err := in.Peek(size + len("\r\n"))
		if err != nil {
			return err
		}
		events += bytes.Count(chunk, []byte("data: "))
		if _, err := in.Discard(len(chunk)); err != nil {
			return err
		}
		if size == 0 {
			break
		}
	}
	if stream && events < 64 {
		return fmt.Errorf("%d events: %w", events, io.ErrUnexpectedEOF)
	}
	return nil
}

// number is what s says in that base, -1 where it is no number.
func number(s []byte, base int) int {
	n, err := strconv.ParseUint(string(s), base, 31)
	if err != nil {
		return -1
	}
	return int(n)
}
