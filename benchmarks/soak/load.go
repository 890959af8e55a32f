package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// kind is a kind of request and what must come of it.
type kind struct {
	name    string
	body    string
	status  int
	leave   bool // after the first content
	decided bool // it gets as far as a decision
}

const messages = `"messages":[{"role":"user","content":"Name three rivers, and write to jo.example@example.com which of them is the longest."}]`

var kinds = [...]kind{
	{name: "unary", body: `{"model":"quick",` + messages + `}`, status: http.StatusOK, decided: true},
	{name: "stream", body: `{"model":"quick","stream":true,` + messages + `}`, status: http.StatusOK, decided: true},
	{name: "cancelled", body: `{"model":"slow","stream":true,` + messages + `}`, status: http.StatusOK, leave: true, decided: true},
	// A card number does not leave for the cloud.
	{name: "denied", body: `{"model":"cloud","messages":[{"role":"user","content":"charge 4111 1111 1111 1111"}]}`, status: http.StatusForbidden, decided: true},
	{name: "malformed", body: `{"model":"quick",` + messages + `,"model":"slow"}`, status: http.StatusBadRequest},
}

// codes are the reasons in an error's body.
var codes = regexp.MustCompile(`"code":"[a-z_]+"`)

// inFlight bounds the requests under way; what comes due while it is reached is not
// sent.
const inFlight = 64

// load sends requests of all kinds in turn.
type load struct {
	base   string
	every  time.Duration
	client *http.Client

	mu      sync.Mutex
	sent    [len(kinds)]int
	decided int
	wrong   map[string]int // by what they came to
}

func newLoad(base string, rate float64) *load {
	return &load{
		base: base, every: time.Duration(float64(time.Second) / rate), wrong: map[string]int{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: inFlight}, Timeout: time.Minute},
	}
}

// run sends for so long, calls sample ten times meanwhile where it is given, and
// waits for the last reply.
func (l *load) run(ctx context.Context, d time.Duration, sample func()) {
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, inFlight)
	due := time.NewTicker(l.every)
	defer due.Stop()
	samples := time.NewTicker(d / 10)
	defer samples.Stop()
	end := time.NewTimer(d)
	defer end.Stop()
	for i := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-samples.C:
			if sample != nil {
				sample()
			}
		case <-due.C:
			slots <- struct{}{}
			k := i % len(kinds)
			i++
			under.Go(func() {
				defer func() { <-slots }()
				l.count(k, l.send(ctx, &kinds[k]))
			})
		}
	}
}

func (l *load) count(k int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[k]++
	if err != nil {
		l.wrong[kinds[k].name+": "+err.Error()]++
	}
	if kinds[k].decided {
		l.decided++
	}
}

// send sends one request and says what was wrong with what came of it.
func (l *load) send(ctx context.Context, k *kind) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.base+"/v1/chat/completions", strings.NewReader(k.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := l.client.Do(req)
	if err != nil {
		return errors.New("no reply") // the error names ports, and so would never be the same twice
	}
	defer res.Body.Close()
	if res.StatusCode != k.status {
		body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		if err != nil {
			return fmt.Errorf("status %d", res.StatusCode)
		}
		return fmt.Errorf("status %d %s", res.StatusCode, codes.FindAll(body, -1))
	}
	if k.leave {
		for in := bufio.NewReader(res.Body); ; {
			line, err := in.ReadString('\n')
			if strings.Contains(line, `"content":"`) {
				return nil
			}
			if err != nil {
				return errors.New("no content before the end")
			}
		}
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return errors.New("the reply was cut off")
	}
	if strings.Contains(k.body, `"stream":true`) && !strings.HasSuffix(string(body), "data: [DONE]\n\n") {
		return errors.New("no end marker")
	}
	return nil
}

func (l *load) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, sent := range l.sent {
		n += sent
	}
	return n
}

// decisions is how many of the requests must be in the decision log.
func (l *load) decisions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.decided
}

func (l *load) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for what, n := range l.wrong {
		errs = append(errs, fmt.Errorf("%d × %s", n, what))
	}
	return errors.Join(errs...)
}

func (l *load) print() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range kinds {
		fmt.Printf("%-10s %10d\n", kinds[k].name, l.sent[k])
	}
}
