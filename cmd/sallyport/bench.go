package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/benchmarks/load"
)

// benchDuration is how long a load run takes where nothing says.
const benchDuration = 10 * time.Second

func (a *app) bench() *cobra.Command {
	var c load.Config
	var prompts, keyName, format string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put load on a running service and report how long its answers take",
		Long: `Send chat requests to a running service and report times, throughput and failures.

With --rate it is an open loop: each request has a time at which it is due, and its
latency counts from then, so a stall of the service shows in all requests that were
due meanwhile. Without --rate, --concurrency workers send as fast as they are
answered: the greatest throughput, but not what a client would wait.

It runs until --duration or --requests is reached, 10s where neither is given. An
interrupt ends it early and reports what there is. It speaks to this machine only,
unless --allow-remote is given: a load run costs money at a provider that charges
by the token. The exit code is 2 where no request succeeded.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--format", format, "pretty", "json"); err != nil {
				return err
			}
			if keyName != "" {
				key, ok := a.env(keyName)
				if !ok || key == "" {
					return fmt.Errorf("--key-env: the environment variable %s is not set", keyName)
				}
				c.APIKey = key
			}
			if prompts != "" {
				var err error
				if c.Prompts, err = a.readPrompts(prompts); err != nil {
					return fmt.Errorf("--prompts: %w", err)
				}
			}
			if c.Requests == 0 && c.Duration == 0 {
				c.Duration = benchDuration
			}
			return a.runBench(cmd.Context(), c, format)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&c.URL, "url", "http://127.0.0.1:8080", "base address of the service")
	fs.BoolVar(&c.AllowRemote, "allow-remote", false, "let --url name another machine")
	fs.Float64Var(&c.Rate, "rate", 0, "requests due each second; 0 for a closed loop")
	fs.IntVar(&c.Concurrency, "concurrency", 16, "most requests in flight")
	fs.DurationVar(&c.Duration, "duration", 0, "how long to send")
	fs.IntVar(&c.Requests, "requests", 0, "how many requests to send")
	fs.BoolVar(&c.Stream, "stream", false, "ask for streamed replies, and measure the time to the first token")
	fs.StringVar(&c.Model, "model", "auto", "model to ask for")
	fs.StringVar(&prompts, "prompts", "", "file of prompts, one a line, - for standard input; without it built-in ones")
	fs.StringVar(&keyName, "key-env", "", "environment variable that holds the API key")
	fs.StringVar(&format, "format", "pretty", "pretty or json")
	return cmd
}

func (a *app) readPrompts(path string) ([]string, error) {
	in, err := a.open(path)
	if err != nil {
		return nil, err
	}
	prompts, err := load.ReadPrompts(in)
	return prompts, errors.Join(err, in.Close())
}

func (a *app) runBench(ctx context.Context, c load.Config, format string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := load.Run(ctx, c)
	if err != nil {
		return err
	}
	if format == "json" {
		err = json.NewEncoder(a.out).Encode(report)
	} else {
		err = report.WritePretty(a.out)
	}
	if err == nil && report.Succeeded == 0 {
		err = failure(exitEval, errors.New("no request succeeded"))
	}
	return err
}
