package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// state is what the service holds at one moment.
type state struct {
	rss, heap       float64 // bytes
	fds, goroutines float64
	inflight        float64
}

func (s *service) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+path, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true // a kept-alive connection would be among what is counted
	res, err := http.DefaultClient.Do(req)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.Join(fmt.Errorf("GET %s: %s", path, res.Status), res.Body.Close())
	}
	return res, err
}

// metrics reads the service's own metrics.
func (s *service) metrics(ctx context.Context) (state, error) {
	var m state
	missing := map[string]*float64{
		"process_resident_memory_bytes": &m.rss, "go_memstats_heap_inuse_bytes": &m.heap,
		"process_open_fds": &m.fds, "go_goroutines": &m.goroutines, "sallyport_inflight_requests": &m.inflight,
	}
	res, err := s.get(ctx, "/metrics")
	if err != nil {
		return m, err
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if into := missing[name]; into != nil {
			if *into, err = strconv.ParseFloat(value, 64); err != nil {
				return m, fmt.Errorf("metric %s: %w", name, err)
			}
			delete(missing, name)
		}
	}
	for name := range missing {
		return m, fmt.Errorf("no metric %s", name)
	}
	return m, nil
}

// settleTime is what a service without load may take to let go of what it keeps
// for the next request: connections to targets are kept for 90 seconds.
const settleTime = 100 * time.Second

// settled is the service's state without load and without garbage.
func (s *service) settled(ctx context.Context, l *load) (state, error) {
	l.client.CloseIdleConnections()
	wait := time.NewTimer(settleTime)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return state{}, ctx.Err()
	}
	res, err := s.get(ctx, "/debug/pprof/heap?gc=1")
	if err != nil {
		return state{}, err
	}
	if err := res.Body.Close(); err != nil {
		return state{}, err
	}
	m, err := s.metrics(ctx)
	if err == nil && m.inflight != 0 {
		err = fmt.Errorf("%v requests are under way without load", m.inflight)
	}
	return m, err
}

// grown says what there is more of than before. The slack is that of pools that
// fill up and of a heap that fragments; a leak of one in a hundred requests
// exceeds it within a run of five minutes.
func (m state) grown(before state) error {
	var errs []error
	for _, x := range []struct {
		what       string
		was, is    float64
		share, add float64
	}{
		{"resident memory", before.rss, m.rss, 1.2, 16 << 20},
		{"heap", before.heap, m.heap, 1.2, 8 << 20},
		{"file descriptors", before.fds, m.fds, 1, 8},
		{"goroutines", before.goroutines, m.goroutines, 1, 8},
	} {
		if x.is > x.was*x.share+x.add {
			errs = append(errs, fmt.Errorf("%s grew from %.0f to %.0f", x.what, x.was, x.is))
		}
	}
	return errors.Join(errs...)
}

func (m state) print(when string, l *load) {
	const mb = 1 << 20
	fmt.Printf("%-10s %10d %8.1f %12.1f %6.0f %9.0f\n", when, l.total(), m.rss/mb, m.heap/mb, m.fds, m.goroutines)
}
