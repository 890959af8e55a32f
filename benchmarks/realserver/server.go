package realserver

import (
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
	"strconv"
	"sync"
	"time"
)

// Server is a running llama-server.
type Server struct {
	URL string // such as http://127.0.0.1:43210

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	log  syncBuffer
}

// Start writes the model into dir and runs llama-server over it on a free port
// of 127.0.0.1, two slots, one thread. root is the folder that
// get-llama-server.sh filled. It returns when the server says it is healthy.
func Start(ctx context.Context, root, dir string) (*Server, error) {
	model, err := os.Create(filepath.Join(dir, "tiny.gguf"))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(WriteModel(model), model.Close()); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	lib := filepath.Join(root, "usr/lib/x86_64-linux-gnu")
	// The server comes from another release of the distribution, so it runs under
	// its own loader and libraries.
	cmd := exec.Command(filepath.Join(lib, "ld-linux-x86-64.so.2"),
		"--library-path", lib+":"+filepath.Join(lib, "llama"), filepath.Join(root, "usr/bin/llama-server"),
		"-m", "tiny.gguf", "--host", "127.0.0.1", "--port", strconv.Itoa(port),
		"-c", "2048", "-np", "2", "-t", "1", "--jinja", "--no-webui", "--metrics", "--slots")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GGML_BACKEND_PATH="+filepath.Join(lib, "ggml/backends0/libggml-cpu-x64.so"))
	s := &Server{URL: "http://127.0.0.1:" + strconv.Itoa(port), cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start llama-server: %w", err)
	}
	go func() {
		_ = cmd.Wait() // the exit status of a server that is stopped says nothing
		close(s.done)
	}()
	if err := s.healthy(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start llama-server: %w; it printed:\n%s", err, s.log.String())
	}
	return s, nil
}

func (s *Server) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if body, err := s.Get(ctx, "/health"); err == nil && bytes.Contains(body, []byte("ok")) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("it did not become healthy in 30 s")
		case <-s.done:
			return errors.New("it ended")
		case <-tick.C:
		}
	}
}

// Get reads a path of the server itself, such as /slots.
func (s *Server) Get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: status %d", path, res.StatusCode)
	}
	return body, err
}

// Stop ends the process and waits for it.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill() // an error means that it has ended already
	<-s.done
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// syncBuffer keeps what the process prints; it writes from its own goroutine.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
