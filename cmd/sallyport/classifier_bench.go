package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/engine"
)

func (a *app) classifierBench() *cobra.Command {
	var flags moduleFlags
	var file, format string
	var duration time.Duration
	c := &cobra.Command{
		Use:   "bench [FILE]",
		Short: "Measure how fast a module is",
		Long: `Measure a classifier's module on one core: how long it takes to load, how long a
call takes with texts of several lengths, and how much fuel a byte costs. Fuel is about
the number of instructions, and the same on every machine.

No text is sent twice, so nothing is remembered from one call to the next.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "pretty", "json"); err != nil {
				return err
			}
			if duration <= 0 {
				return errors.New("--duration must be more than 0")
			}
			module, err := builtModule(args)
			if err != nil {
				return err
			}
			return a.benchClassifier(c.Context(), &flags, module, file, format, duration)
		},
	}
	flags.add(c, 10*time.Second, "of a call")
	c.Flags().StringVar(&file, "text", "", "file with the text to send; without it prose and code with nothing special in it")
	c.Flags().DurationVar(&duration, "duration", 2*time.Second, "how long to measure")
	c.Flags().StringVar(&format, "format", "pretty", "pretty or json")
	return c
}

// classifierSpeed is what bench measured.
type classifierSpeed struct {
	Module     string      `json:"module"`
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	LoadMS     float64     `json:"load_ms"`     // compile and start the first instance
	InstanceMS float64     `json:"instance_ms"` // start another
	Calls      []callSpeed `json:"calls"`
}

type callSpeed struct {
	Bytes       int     `json:"bytes"` // of text
	Calls       int     `json:"calls"`
	NS          int64   `json:"ns"` // median of a call
	P99NS       int64   `json:"p99_ns"`
	MBPerSecond float64 `json:"mb_per_second"` // 10^6 bytes, by the median
	Fuel        int64   `json:"fuel"`
	FuelPerByte float64 `json:"fuel_per_byte"`
	MemoryBytes int64   `json:"memory_bytes"`
}

func (a *app) benchClassifier(ctx context.Context, flags *moduleFlags, module, file, format string, duration time.Duration) error {
	cfg, err := flags.module(module)
	if err != nil {
		return err
	}
	cfg.Pool = 1
	n := 0
	sample := fill(64<<10, func() string {
		n++
		return samplePhrases[n*n%len(samplePhrases)]
	})
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if sample = strings.ToValidUTF8(string(b), "\ufffd"); sample == "" {
			return fmt.Errorf("%s is empty", file)
		}
	}
	speed := &classifierSpeed{Module: module}
	err = withHost(ctx, func(host *classifiers.Host) error { return speed.measure(ctx, host, cfg, sample, duration) })
	if err != nil {
		return err
	}
	if format == "json" {
		return json.NewEncoder(a.out).Encode(speed)
	}
	return speed.writePretty(a.out)
}

func (s *classifierSpeed) measure(ctx context.Context, host *classifiers.Host, cfg classifiers.ModuleConfig, sample string, duration time.Duration) error {
	begin := time.Now()
	c, err := host.Load(ctx, cfg)
	s.LoadMS = milliseconds(time.Since(begin))
	if err != nil {
		return failure(exitInvalid, err)
	}
	defer c.Close(ctx)
	s.Name, s.Version = c.Describe().Name, c.Describe().Version
	var starts []time.Duration
	for range 9 {
		begin := time.Now()
		p, err := c.Probe()
		if err != nil {
			return err
		}
		starts = append(starts, time.Since(begin))
		p.Close()
	}
	slices.Sort(starts)
	s.InstanceMS = milliseconds(starts[len(starts)/2])
	sizes := []int{0, 1 << 10, 8 << 10, 64 << 10}
	for _, size := range sizes {
		call, err := measureCalls(ctx, c, sample, size, duration/time.Duration(len(sizes)))
		if err != nil {
			return failure(exitInvalid, err)
		}
		s.Calls = append(s.Calls, call)
	}
	return nil
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// measureCalls sends texts of a size for a while.
func measureCalls(ctx context.Context, c *classifiers.Classifier, sample string, size int, duration time.Duration) (callSpeed, error) {
	text := &engine.Text{Role: engine.RoleUser, Kind: engine.KindText}
	texts := []*engine.Text{text}
	repeated := sample
	for len(repeated) < size {
		repeated += sample
	}
	// A number at the begin makes each text another.
	renew := func(n int) {
		if size > 0 {
			text.Value = strings.ToValidUTF8((fmt.Sprintf("%d. ", n) + repeated)[:size], "?")
		}
	}
	renew(0)
	s := callSpeed{Bytes: size}
	p, err := c.Probe()
	if err != nil {
		return s, err
	}
	_, cost, err := p.Classify(ctx, texts)
	p.Close()
	if err != nil {
		return s, err
	}
	s.Fuel, s.MemoryBytes = cost.Fuel, cost.MemoryBytes
	if size > 0 {
		s.FuelPerByte = float64(cost.Fuel*10/int64(size)) / 10
	}
	var took []time.Duration
	for end := time.Now().Add(duration); time.Now().Before(end) || len(took) < 3; {
		renew(len(took) + 1)
		begin := time.Now()
		_, err := c.Classify(ctx, texts)
		took = append(took, time.Since(begin))
		if err != nil {
			return s, err
		}
	}
	slices.Sort(took)
	s.Calls = len(took)
	s.NS = max(1, int64(took[len(took)/2]))
	s.P99NS = int64(took[len(took)*99/100])
	s.MBPerSecond = float64(int64(size)*10_000/s.NS) / 10
	return s, nil
}

func (s *classifierSpeed) writePretty(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\nload %.1f ms, another instance %.3f ms\n\n", s.Name, s.Version, s.Module, s.LoadMS, s.InstanceMS)
	fmt.Fprintf(&b, "%8s %9s %11s %11s %8s %11s %10s\n", "bytes", "calls", "ns a call", "p99 ns", "MB/s", "fuel a byte", "memory")
	for _, c := range s.Calls {
		fmt.Fprintf(&b, "%8d %9d %11d %11d %8.1f %11.1f %10d\n", c.Bytes, c.Calls, c.NS, c.P99NS, c.MBPerSecond, c.FuelPerByte, c.MemoryBytes)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
