package targets

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets/standin"
)

// bubble runs a test on fake time with one target at a stand-in, connected in
// memory.
func bubble(t *testing.T, decl Target, cfg standin.Config, test func(t *testing.T, s *Set, srv *standin.Server)) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		cfg.Name, cfg.Posture, cfg.Dialect, cfg.Listener = decl.Name, decl.Posture, decl.Dialect, network
		srv := startStandIn(t, cfg)
		s := newSet(t, decl)
		s.targets[0].endpoints[0].transport.DialContext = network.dial
		test(t, s, srv)
	})
}

func cloud() Target {
	return declare("demo", PostureCloud, engine.DialectOpenAI, "http://demo.test/v1")
}

func since(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Errorf("took %v, want %v", got, want)
	}
}

func TestIdleTimeout(t *testing.T) {
	for _, tc := range []struct {
		name  string
		body  string
		fault standin.Fault
		want  time.Duration
	}{
		{"before the head of a stream", streamBody, standin.Fault{Kind: standin.FaultMute}, 60 * time.Second},
		{"in a stream", streamBody, standin.Fault{Kind: standin.FaultSilence, After: 4}, 60 * time.Second},
		{"before a unary reply", unaryBody, standin.Fault{Kind: standin.FaultMute}, unaryWait},
		{"in a unary reply", unaryBody, standin.Fault{Kind: standin.FaultSilence}, 60 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, cloud(), standin.Config{}, func(t *testing.T, s *Set, srv *standin.Server) {
				srv.SetFault(tc.fault)
				start := time.Now()
				out, _, err := forward(t, s, chat(t, tc.body))
				e := upstreamError(t, err, codeTimeout)
				since(t, start, tc.want)
				if e.Retryable == out.content() {
					t.Errorf("retryable = %v with content %q", e.Retryable, out.text())
				}
				synctest.Wait()
				if n := srv.Active(); n != 0 {
					t.Errorf("%d replies are still under way upstream", n)
				}
			})
		})
	}
}

// TestSlowClient checks that the time a client takes is not held against the
// upstream.
func TestSlowClient(t *testing.T) {
	bubble(t, cloud(), standin.Config{}, func(t *testing.T, s *Set, srv *standin.Server) {
		out := &sink{onFrame: func(int) error { time.Sleep(5 * time.Minute); return nil }}
		if _, err := s.Forward(t.Context(), attempt(t, s, chat(t, streamBody)), out); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFirstByteDeadline(t *testing.T) {
	bubble(t, cloud(), standin.Config{TTFT: 3 * time.Second, TPOT: time.Second}, func(t *testing.T, s *Set, srv *standin.Server) {
		start := time.Now()
		a := attempt(t, s, chat(t, streamBody))
		a.FirstByteBy = start.Add(2 * time.Second)
		out := &sink{}
		_, err := s.Forward(t.Context(), a, out)
		e := upstreamError(t, err, codeFirstByte)
		since(t, start, 2*time.Second)
		if !e.Retryable || out.content() {
			t.Errorf("retryable = %v, text = %q; want a try that left no trace", e.Retryable, out.text())
		}
		if !s.Candidates(a.Request)[0].Facts.Healthy {
			t.Error("a client's budget counted against the target")
		}
		// In time: the deadline holds for the first content alone, not for the rest.
		a.FirstByteBy = time.Now().Add(4 * time.Second)
		if _, err := s.Forward(t.Context(), a, &sink{}); err != nil {
			t.Error(err)
		}
	})
}

func TestDeadline(t *testing.T) {
	bubble(t, cloud(), standin.Config{TPOT: time.Second}, func(t *testing.T, s *Set, srv *standin.Server) {
		for range failuresToPause + 1 {
			start := time.Now()
			a := attempt(t, s, chat(t, streamBody))
			a.Deadline = start.Add(5500 * time.Millisecond)
			out := &sink{}
			usage, err := s.Forward(t.Context(), a, out)
			upstreamError(t, err, codeTimeout)
			since(t, start, 5500*time.Millisecond)
			if !usage.Estimated || usage.Output == 0 || usage.Input != 15 {
				t.Errorf("usage of a cut reply = %+v, want an estimate", usage)
			}
		}
		if !s.Status()[0].Healthy {
			t.Error("a client's deadline counted against the target")
		}
	})
}

func TestCancelClosesUpstream(t *testing.T) {
	for _, body := range []string{streamBody, unaryBody} {
		bubble(t, cloud(), standin.Config{TTFT: time.Second, TPOT: time.Second}, func(t *testing.T, s *Set, srv *standin.Server) {
			ctx, cancel := context.WithCancelCause(t.Context())
			gone := errors.New("the client is gone")
			time.AfterFunc(3500*time.Millisecond, func() { cancel(gone) })
			start := time.Now()
			_, err := s.Forward(ctx, attempt(t, s, chat(t, body)), &sink{})
			e := upstreamError(t, err, codeCancelled)
			if e.Retryable || !errors.Is(err, gone) {
				t.Errorf("error = %v, retryable = %v; want the caller's cause, not retryable", err, e.Retryable)
			}
			since(t, start, 3500*time.Millisecond)
			synctest.Wait()
			if n := srv.Active(); n != 0 {
				t.Errorf("%d replies are still under way upstream", n)
			}
			if st := s.Status()[0]; st.Failures != 0 || st.InFlight != 0 {
				t.Errorf("status after a cancel = %+v", st)
			}
		})
	}
}

func TestSinkErrorStops(t *testing.T) {
	bubble(t, cloud(), standin.Config{TPOT: time.Second}, func(t *testing.T, s *Set, srv *standin.Server) {
		broken := errors.New("broken pipe")
		out := &sink{onFrame: func(n int) error {
			if n == 3 {
				return broken
			}
			return nil
		}}
		_, err := s.Forward(t.Context(), attempt(t, s, chat(t, streamBody)), out)
		if err != broken {
			t.Errorf("error = %v, want the sink's own", err)
		}
		synctest.Wait()
		if n := srv.Active(); n != 0 {
			t.Errorf("%d replies are still under way upstream", n)
		}
	})
}

func TestHealth(t *testing.T) {
	bubble(t, cloud(), standin.Config{}, func(t *testing.T, s *Set, srv *standin.Server) {
		healthy := func() bool { return s.Candidates(&engine.Request{Model: "m"})[0].Facts.Healthy }
		fail := func(n int) {
			srv.SetFault(standin.Fault{Kind: standin.FaultStatus, Status: 500, Message: "no"})
			for range n {
				_, _, err := forward(t, s, chat(t, unaryBody))
				upstreamError(t, err, codeStatus)
			}
			srv.SetFault(standin.Fault{})
		}
		succeed := func() {
			if _, _, err := forward(t, s, chat(t, unaryBody)); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(want bool, when string) {
			t.Helper()
			if healthy() != want {
				t.Errorf("healthy = %v %s", !want, when)
			}
		}
		fail(2)
		expect(true, "after two failures")
		succeed()
		fail(2)
		expect(true, "after two more failures, with a success between")
		fail(1)
		expect(false, "after three failures in a row")
		time.Sleep(minPause - time.Millisecond)
		expect(false, "before the pause is over")
		time.Sleep(time.Millisecond)
		expect(true, "when the pause is over")
		for pause := 2 * minPause; ; pause *= 2 {
			fail(1)
			pause = min(pause, maxPause)
			time.Sleep(pause - time.Millisecond)
			expect(false, "within the longer pause")
			time.Sleep(time.Millisecond)
			expect(true, "after the longer pause")
			if pause == maxPause {
				break
			}
		}
		succeed()
		fail(3)
		time.Sleep(minPause)
		expect(true, "after the shortest pause, since a success healed")

		st := s.Status()[0]
		if st.LastError != codeStatus || st.LastErrorTime.IsZero() || st.Attempts == 0 || st.Failures == 0 {
			t.Errorf("status = %+v", st)
		}
	})
}

func TestRateLimit(t *testing.T) {
	decl := cloud()
	decl.RateLimit.RequestsPerMinute = 2
	bubble(t, decl, standin.Config{}, func(t *testing.T, s *Set, srv *standin.Server) {
		req := chat(t, unaryBody)
		for range 2 {
			if _, _, err := forward(t, s, req); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := forward(t, s, req)
		e := upstreamError(t, err, codeRateLimited)
		if !e.Retryable || e.RetryAfter != 30*time.Second {
			t.Errorf("retryable = %v after %v, want true after 30s", e.Retryable, e.RetryAfter)
		}
		if n := srv.Requests(); n != 2 {
			t.Errorf("the upstream saw %d requests, want 2", n)
		}
		time.Sleep(30 * time.Second)
		if _, _, err := forward(t, s, req); err != nil {
			t.Error(err)
		}
		if !s.Status()[0].Healthy {
			t.Error("our own limit counted against the target")
		}
	})
}

func TestTokenRateLimit(t *testing.T) {
	decl := cloud()
	decl.RateLimit.TokensPerMinute = 1000
	bubble(t, decl, standin.Config{}, func(t *testing.T, s *Set, srv *standin.Server) {
		req := chat(t, unaryBody)
		_, usage, err := forward(t, s, req)
		if err != nil {
			t.Fatal(err)
		}
		// What was reserved for a reply and not used is given back.
		if got, want := s.targets[0].tokens.level, float64(1000-usage.Input-usage.Output); got != want {
			t.Errorf("%v tokens left, want %v", got, want)
		}
		srv.SetFault(standin.Fault{Kind: standin.FaultStatus, Status: 500})
		forward(t, s, req)
		if got, want := s.targets[0].tokens.level, float64(1000-usage.Input-usage.Output); got != want {
			t.Errorf("%v tokens left after a failure, want %v", got, want)
		}
		// A request larger than a minute's allowance goes through a full bucket.
		srv.SetFault(standin.Fault{})
		a := attempt(t, s, req)
		a.MaxOutputTokens = 5000
		_, err = s.Forward(t.Context(), a, &sink{})
		e := upstreamError(t, err, codeRateLimited)
		time.Sleep(e.RetryAfter + time.Millisecond)
		if _, err := s.Forward(t.Context(), a, &sink{}); err != nil {
			t.Error(err)
		}
	})
}

func TestMaxConcurrency(t *testing.T) {
	decl := cloud()
	decl.MaxConcurrency = 1
	bubble(t, decl, standin.Config{TPOT: time.Second}, func(t *testing.T, s *Set, srv *standin.Server) {
		done := make(chan error)
		go func() {
			_, err := s.Forward(t.Context(), attempt(t, s, chat(t, streamBody)), &sink{})
			done <- err
		}()
		synctest.Wait()
		_, _, err := forward(t, s, chat(t, streamBody))
		if e := upstreamError(t, err, codeBusy); !e.Retryable {
			t.Error("busy is not retryable")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, _, err := forward(t, s, chat(t, streamBody)); err != nil {
			t.Errorf("after the first reply has ended: %v", err)
		}
	})
}

// TestModelledLatency checks the stand-in's clock through the forwarder.
func TestModelledLatency(t *testing.T) {
	bubble(t, cloud(), standin.Config{TTFT: 300 * time.Millisecond, TPOT: 20 * time.Millisecond}, func(t *testing.T, s *Set, srv *standin.Server) {
		start := time.Now()
		var first time.Duration
		pieces := 0
		out := &sink{}
		out.onFrame = func(int) error {
			if first == 0 && out.content() {
				first = time.Since(start)
			}
			return nil
		}
		usage, err := s.Forward(t.Context(), attempt(t, s, chat(t, streamBody)), out)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range out.events {
			if ev.Kind == engine.EventText && ev.Text != "" {
				pieces++
			}
		}
		if usage.Output != pieces || usage.Estimated {
			t.Errorf("usage = %+v, want %d output tokens", usage, pieces)
		}
		// first is seen with the frame after the first piece.
		if first != 320*time.Millisecond {
			t.Errorf("second piece after %v, want 320ms", first)
		}
		since(t, start, 300*time.Millisecond+time.Duration(pieces-1)*20*time.Millisecond)
	})
}
