// Command soak runs a service of its own under mixed load for minutes and says
// whether its memory, goroutines and file descriptors stay where they were.
//
// It hides the service's configuration, the five kinds of request it sends and
// what each must come to, and the reading of the service's own metrics. It exits
// with 1 where a request came to something else, where something grew, or where
// the decision log does not hold exactly the decisions that were made.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// config declares a target that answers at once and one slow enough for a client
// to leave in the middle of its stream.
const config = `
server {
  listen = "127.0.0.1:0"
  admin  = "127.0.0.1:0"
}
auth {
  key "soak" {
    secret = env("SOAK_KEY")
    tenant = "acme"
  }
}
classifier "pii" {
  module     = "builtin:pii"
  time_limit = "1s"
}
classifier "secrets" {
  module     = "builtin:secrets"
  time_limit = "1s"
}
classifier "complexity" {
  module     = "builtin:complexity"
  time_limit = "1s"
}
target "gpu_cluster" "quick" {
  dialect      = "openai"
  jurisdiction = "EU"
  stand_in {}
  model "quick" {}
}
target "edge" "slow" {
  dialect      = "ollama"
  jurisdiction = "EU"
  stand_in {
    ttft = "20ms"
    tpot = "20ms"
  }
  model "slow" {}
}
target "cloud" "cloud" {
  dialect      = "openai"
  jurisdiction = "US"
  stand_in {}
  model "cloud" {}
}
decision_log {
  path = "log"
}
`

const key = "not-a-secret-key"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	binary := flag.String("binary", ".build/sallyport", "the program to run")
	duration := flag.Duration("duration", 5*time.Minute, "how long to send, a fifth of it before the first measurement")
	rate := flag.Float64("rate", 150, "requests a second")
	flag.Parse()
	if err := run(ctx, *binary, *duration, *rate); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, duration time.Duration, rate float64) (err error) {
	if duration < 10*time.Second || !(rate >= 1 && rate <= 10_000) {
		return errors.New("want a duration of at least 10s and a rate from 1 to 10000")
	}
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := start(ctx, binary, dir)
	if err != nil {
		return err
	}
	defer s.kill()

	l := newLoad(s.data, rate)
	fmt.Printf("%-10s %10s %8s %12s %6s %9s\n", "", "requests", "RSS MB", "heap MB", "fds", "goroutines")
	l.run(ctx, duration/5, nil)
	before, err := s.settled(ctx, l)
	if err != nil {
		return err
	}
	before.print("settled", l)
	l.run(ctx, duration-duration/5, func() {
		if m, err := s.metrics(ctx); err == nil {
			m.print("under load", l)
		}
	})
	after, err := s.settled(ctx, l)
	if err != nil {
		return err
	}
	after.print("settled", l)
	fmt.Println()
	l.print()
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return errors.Join(l.failed(), after.grown(before), s.stop(), s.checkLog(ctx, l.decisions()))
}

// service is the program under load.
type service struct {
	binary, dir string
	cmd         *exec.Cmd
	stderr      bytes.Buffer
	data, admin string // base URLs
}

var addresses = regexp.MustCompile(`requests  (http://\S+)/v1\n  admin     (http://\S+)\n`)

func start(ctx context.Context, binary, dir string) (*service, error) {
	path := filepath.Join(dir, "sallyport.hcl")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	s := &service{binary: binary, dir: dir}
	s.cmd = exec.CommandContext(ctx, binary, "serve", "-c", path, "--log-level", "error")
	s.cmd.Env = append(os.Environ(), "SOAK_KEY="+key)
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.Stderr = &s.stderr
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
		if m := addresses.FindSubmatch(banner); m != nil {
			s.data, s.admin = string(m[1]), string(m[2])
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the service did not start: %w: %s", errors.Join(err, s.cmd.Wait()), s.stderr.String())
		}
	}
}

// kill ends a service that stop has not ended.
func (s *service) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill() // it may have ended just now
		_ = s.cmd.Wait()
	}
}

// stop drains the service.
func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the service ended with %w: %s", err, s.stderr.String())
	}
	if s.stderr.Len() > 0 {
		return fmt.Errorf("the service reported errors: %s", s.stderr.String())
	}
	return nil
}

// checkLog compares the decisions in the log with those that were made.
func (s *service) checkLog(ctx context.Context, made int) error {
	out, err := exec.CommandContext(ctx, s.binary, "log", "query", filepath.Join(s.dir, "log"), "--format", "json").Output()
	if err != nil {
		return fmt.Errorf("query the decision log: %w", err)
	}
	if n := bytes.Count(out, []byte("\n")); n != made {
		return fmt.Errorf("%d decisions are in the log, %d were made", n, made)
	}
	fmt.Printf("decision log: all %d decisions\n", made)
	return nil
}
