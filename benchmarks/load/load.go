// Package load sends chat requests to a running service and measures how long
// the answers take. It hides pacing, connections and the reading of streams.
//
// With a rate it is an open loop: each request has an intended start, and its
// times count from there, however late it could really be sent. A service that
// stalls therefore shows its stall in every request that was due meanwhile
// (without this, a generator that waits for the stalled reply would count it
// once: "coordinated omission", after Gil Tene). Without a rate it is a closed
// loop: each worker sends as soon as its last reply has ended, which shows
// throughput, but no queueing.
//
// It speaks to loopback addresses only, unless told otherwise, and follows
// neither proxies nor redirects.
package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxRequests bounds a run, and with it the memory for its measurements: 16
// bytes a request.
const maxRequests = 10_000_000

// Config says what to send where, and how much of it.
type Config struct {
	// URL is the service's base address, such as http://127.0.0.1:8080. Requests go
	// to /v1/chat/completions below it.
	URL string
	// AllowRemote lets URL name a host that is not this machine.
	AllowRemote bool
	APIKey      string      // sent as a bearer token; "": none
	Header      http.Header // sent with every request, such as x-slo-ttft-ms
	Model       string      // "": auto
	Prompts     []string    // sent in turn; none: Prompts()
	MaxTokens   int         // 0: not stated
	Stream      bool

	// Rate is the number of requests due each second; 0: closed loop.
	Rate float64
	// Concurrency is the number of workers, each with at most one request in
	// flight; 0: 1.
	Concurrency int
	// Duration and Requests bound the run; at least one is needed. What is in
	// flight when either is reached is waited for.
	Duration time.Duration
	Requests int
	// Timeout bounds one request, from when it is sent; 0: 1 min.
	Timeout time.Duration
}

// check returns c with its defaults, or what is wrong with it.
func (c Config) check() (Config, error) {
	if c.Concurrency == 0 {
		c.Concurrency = 1
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.Model == "" {
		c.Model = "auto"
	}
	if len(c.Prompts) == 0 {
		c.Prompts = Prompts()
	}
	switch {
	case c.Concurrency < 0 || c.Concurrency > 10_000:
		return c, fmt.Errorf("concurrency %d: want 1 to 10000", c.Concurrency)
	case !(c.Rate >= 0 && c.Rate <= 1e6):
		return c, fmt.Errorf("rate %v: want 0 (closed loop) to 1000000 requests a second", c.Rate)
	case c.Duration < 0 || c.Requests < 0 || c.Timeout < 0 || c.MaxTokens < 0:
		return c, errors.New("duration, requests, timeout and max tokens cannot be negative")
	case c.Duration == 0 && c.Requests == 0:
		return c, errors.New("nothing ends the run: state a duration or a number of requests")
	}
	if c.Requests == 0 || c.Requests > maxRequests {
		c.Requests = maxRequests
	}
	return c, nil
}

// Run sends requests as c says and reports on them. An error means that nothing
// was sent. When ctx ends, the run ends early: requests in flight are cut off,
// left out of the report, and the rest is reported.
func Run(ctx context.Context, c Config) (*Report, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	defer client.close()
	report := measure(ctx, c, client.send)
	report.URL = client.base
	return report, nil
}

// reply is what came of one request.
type reply struct {
	first time.Time // of the first content; zero: the reply came whole, or not at all
	code  string    // of the error; "": the reply is complete
}

// measure runs c's workers, each of which sends with send. The i-th request, from
// 0, is due at i/Rate after the start.
func measure(ctx context.Context, c Config, send func(ctx context.Context, i int) reply) *Report {
	start := time.Now()
	var next atomic.Int64
	var total tally
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range c.Concurrency {
		workers.Go(func() {
			var mine tally
			for {
				i := int(next.Add(1) - 1)
				if i >= c.Requests || !c.wait(ctx, start, i) {
					break
				}
				sent := time.Now()
				due := sent
				if c.Rate > 0 {
					due = start.Add(c.due(i))
				}
				r := send(ctx, i)
				if ctx.Err() != nil {
					break
				}
				mine.add(due, sent, time.Now(), r)
			}
			mu.Lock()
			defer mu.Unlock()
			total.merge(&mine)
		})
	}
	workers.Wait()
	return total.report(c, time.Since(start), ctx.Err() != nil)
}

// due is when request i is due, from the start of the run.
func (c *Config) due(i int) time.Duration {
	return time.Duration(float64(i) / c.Rate * float64(time.Second))
}

// wait waits until request i is due and says whether it is to be sent at all.
func (c *Config) wait(ctx context.Context, start time.Time, i int) bool {
	if c.Rate == 0 {
		return ctx.Err() == nil && (c.Duration == 0 || time.Since(start) < c.Duration)
	}
	due := c.due(i)
	if c.Duration > 0 && due >= c.Duration {
		return false
	}
	if ahead := due - time.Since(start); ahead > 0 {
		timer := time.NewTimer(ahead)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
