package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sallyport": func() {
			os.Exit(run(context.Background(), os.Args[1:], os.LookupEnv, stdio{os.Stdin, os.Stdout, os.Stderr}))
		},
	})
}

// TestScripts runs every verb the way a person or a script does. Beside the
// commands of testscript there are
//
//	serve CONFIG                           run the service; sets $DATA and $ADMIN
//	http METHOD URL FILE [HEADER...]       body from stdin's file in $BODY, reply with its head to FILE
//	await PATTERN URL                      until the reply of GET URL matches
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": scriptServe, "http": scriptHTTP, "await": scriptAwait,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
	})
}

func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve CONFIG")
	}
	// The script may change its environment while the service reads it.
	env := map[string]string{}
	names := []string{"HOME", "CACHE_DIRECTORY", "XDG_CACHE_HOME", "SALLYPORT_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"}
	for _, m := range regexp.MustCompile(`env\("(\w+)"\)`).FindAllStringSubmatch(ts.ReadFile(args[0]), -1) {
		names = append(names, m[1])
	}
	for _, name := range names {
		env[name] = ts.Getenv(name)
	}
	s, err := startService([]string{"serve", "-c", ts.MkAbs(args[0])}, func(name string) (string, bool) {
		v := env[name]
		return v, v != ""
	})
	ts.Check(err)
	ts.Defer(func() {
		if code := s.stop(); code != exitOK {
			ts.Logf("serve ended with %d: %s", code, s.err.String())
		}
	})
	ts.Setenv("DATA", s.data)
	ts.Setenv("ADMIN", s.admin)
}

func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: http METHOD URL FILE [HEADER: VALUE]...")
	}
	var body io.Reader
	if name := ts.Getenv("BODY"); name != "" && args[0] == http.MethodPost {
		body = strings.NewReader(ts.ReadFile(name))
	}
	req, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	for _, h := range args[3:] {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, strings.TrimSpace(value))
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	var out bytes.Buffer
	fmt.Fprintf(&out, "%d\n", res.StatusCode)
	ts.Check(res.Header.Write(&out))
	out.WriteString("\n")
	_, err = out.ReadFrom(res.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), out.Bytes(), 0o644))
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await PATTERN URL")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	ts.Check(await(func() (bool, error) {
		res, err := http.Get(args[1])
		if err != nil {
			return false, err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return pattern.Match(b), err
	}))
}

// await asks until the answer is yes; it fails after half a minute, which no
// working machine needs.
func await(ready func() (bool, error)) error {
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("it did not happen within 30 s")
		}
		<-tick.C
	}
}

// runningService is a service run in this process.
type runningService struct {
	data, admin string // base URLs
	err         lockedBuffer
	cancel      context.CancelFunc
	done        chan struct{}
	code        int
}

var addresses = regexp.MustCompile(`requests  (http://\S+)/v1\n  admin     (http://\S+)\n`)

// startService runs the command line and returns when it serves.
func startService(args []string, env lookup) (*runningService, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &runningService{cancel: cancel, done: make(chan struct{})}
	var out lockedBuffer
	go func() {
		defer close(s.done)
		s.code = run(ctx, args, env, stdio{strings.NewReader(""), &out, &s.err})
	}()
	err := await(func() (bool, error) {
		select {
		case <-s.done:
			return false, fmt.Errorf("serve ended with %d: %s", s.code, s.err.String())
		default:
		}
		if m := addresses.FindStringSubmatch(out.String()); m != nil {
			s.data, s.admin = m[1], m[2]
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		cancel()
		return nil, err
	}
	return s, nil
}

func (s *runningService) stop() int {
	s.cancel()
	<-s.done
	return s.code
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
