// Command decisions measures what a policy decision over HTTP costs this service
// and `opa run --server`, with the same policies, data and inputs.
//
// It hides how both are started, what they are sent, and how the processor time of
// each is read: the servers' own, without the client's. It exits with 1 where an
// answer is missing or the two say different things.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ours := flag.String("binary", ".build/sallyport", "this project's program")
	theirs := flag.String("opa", ".build/opa/opa", "OPA's program")
	reference := flag.String("reference", "policies/testdata/reference", "folder of the reference policy")
	settle := flag.Duration("settle", 65*time.Second, "how long to wait first: for a minute a new policy's decisions are all checked on OPA's evaluator")
	rounds := flag.Int("rounds", 7, "rounds, in which each server has its turn")
	flag.Parse()
	if err := run(ctx, *ours, *theirs, *reference, *settle, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "decisions:", err)
		os.Exit(1)
	}
}

// question is a kind of decision that both servers make.
type question struct {
	name       string
	ours       string // path
	theirs     string
	wrapped    bool // the service, too, takes the input as the member "input"
	input      func(n int) map[string]any
	allowed    func(answer map[string]any) any // what the two have to agree on
	least      float64                         // times cheaper than OPA, inputs all different
	leastAgain float64                         // and inputs that repeat
}

func run(ctx context.Context, ours, theirs, reference string, settle time.Duration, rounds int) (err error) {
	dir, err := os.MkdirTemp("", "decisions")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	input, err := writePolicies(dir, reference)
	if err != nil {
		return err
	}
	sallyport, err := startSallyport(ctx, ours, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sallyport.stop()) }()
	opa, err := startOPA(ctx, theirs, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opa.stop()) }()

	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	for _, q := range questions(input) {
		if err := agree(ctx, q, sallyport, opa); err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		for _, kind := range []struct {
			name   string
			repeat bool
			target float64
		}{{"inputs all different", false, q.least}, {"16 inputs again and again", true, q.leastAgain}} {
			var own, other []time.Duration
			n := 1
			for range rounds {
				for _, turn := range []struct {
					s     *server
					path  string
					bare  bool
					calls int
					took  *[]time.Duration
				}{{opa, q.theirs, false, 300, &other}, {sallyport, q.ours, !q.wrapped, 4000, &own}} {
					bodies, err := bodiesOf(q, turn.calls, &n, kind.repeat, turn.bare)
					if err != nil {
						return err
					}
					spent, err := turn.s.load(ctx, turn.path, bodies)
					if err != nil {
						return fmt.Errorf("%s: %s: %w", q.name, turn.s.name, err)
					}
					*turn.took = append(*turn.took, spent/time.Duration(turn.calls))
				}
			}
			a, b := median(own), median(other)
			row(fmt.Sprintf("%s, %s: opa run --server", q.name, kind.name), micros(b), "cpu-µs", 0)
			row(fmt.Sprintf("%s, %s: sallyport serve", q.name, kind.name), micros(a), "cpu-µs", 0)
			row(fmt.Sprintf("%s, %s: OPA / Sallyport", q.name, kind.name), float64(b)/float64(a), "times", kind.target)
		}
	}
	return nil
}

func row(what string, value float64, unit string, least float64) {
	target, verdict := "", ""
	if least > 0 {
		target, verdict = fmt.Sprintf(">= %v", least), "met"
		if value < least {
			verdict = "MISSED"
		}
	}
	fmt.Printf("BENCH | %s | %.1f %s | %s | %s\n", what, value, unit, target, verdict)
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
