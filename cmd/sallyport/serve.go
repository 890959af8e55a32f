package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/gateway"
	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/engine/schedule"
	"github.com/sallyport-ai/sallyport/engine/wire"
	"github.com/sallyport-ai/sallyport/policies"
	"github.com/sallyport-ai/sallyport/policies/shadow"
	"github.com/sallyport-ai/sallyport/targets"
)

func (a *app) serve() *cobra.Command {
	var path, logLevel string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Run the service. Without -c it serves the embedded default configuration: a
stand-in target for each posture, the standard policy and the built-in
classifiers, on 127.0.0.1:8080.

SIGHUP, POST /-/reload and a change of the configuration, a policy or a classifier
reload all of them; a mistake keeps the old ones in force. SIGTERM and SIGINT
drain; a second one ends at once.

Compiled classifiers are kept in $CACHE_DIRECTORY/classifiers, else in the user's
cache folder: $XDG_CACHE_HOME/sallyport/classifiers, by default under ~/.cache.

Garbage is collected when the heap has grown to 64 MiB or to twice what is in use,
whichever is more, unless GOGC or GOMEMLIMIT is set.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			level, err := zerolog.ParseLevel(logLevel)
			if err != nil {
				return fmt.Errorf("--log-level: %w", err)
			}
			keepHeapFloor()
			return a.runService(c.Context(), path, level)
		},
	}
	c.Flags().StringVarP(&path, "config", "c", "", "configuration file; without it the embedded default")
	c.Flags().StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	return c
}

// service is a running Sallyport.
type service struct {
	app     *app
	path    string
	log     zerolog.Logger
	host    *classifiers.Host
	engine  *engine.Engine
	gateway *gateway.Server
	records *record.Log
	shadow  *shadow.Comparer
	parts   atomic.Pointer[parts] // of the snapshot in force
}

// runService starts everything in the order in which it depends on each other,
// waits for a signal, and stops everything in the reverse order.
func (a *app) runService(ctx context.Context, path string, level zerolog.Level) (err error) {
	s := &service{app: a, path: path, log: zerolog.New(a.err).Level(level).With().Timestamp().Logger()}
	// net/http writes what a target sends unasked to the standard logger: text that
	// has no place in a log.
	stdlog.SetOutput(io.Discard)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	if s.host, err = a.newHost(ctx, s.guestLog); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.host.Close(context.Background())) }()

	if path == "" {
		a.local = targets.Discover(ctx, otherProbes())
	}
	a.bundles = newBundleSources()
	defer a.bundles.close()
	a.mismatch = s.mismatch
	p, m := a.build(ctx, s.host, path)
	m.print(a.err)
	if p == nil {
		return failure(exitInvalid, nil)
	}
	if err := s.host.CacheError(); err != nil {
		s.log.Warn().Err(err).Msg("compiled classifiers are not kept: the next start takes longer")
	}
	s.parts.Store(p)
	if s.records, err = record.Open(p.config.log); err != nil {
		p.close()
		return fmt.Errorf("open the decision log: %w", err)
	}
	a.logDir = p.config.log.Dir
	if cut := s.records.Recovery(); cut.CutBytes > 0 {
		s.log.Warn().Int64("bytes", cut.CutBytes).Str("segment", cut.Segment).Msg("the decision log had a torn end, which was cut off: nothing acknowledged was in it")
	}
	if err := s.keepPolicy(p); err != nil {
		p.close()
		return errors.Join(err, s.records.Close(ctx))
	}
	s.shadow = shadow.New(shadow.Config{Recorder: s.records})
	s.engine = engine.New(engine.Config{Snapshot: s.snapshot(p), Scheduler: schedule.New(schedule.Config{}), Recorder: s.records})
	defer func() {
		s.engine.Close()
		s.shadow.Close()
		flush, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, s.records.Close(flush))
	}()

	s.activate(p)

	if s.gateway, err = s.newGateway(p.config); err != nil {
		return err
	}
	data, admin, err := listen(p.config)
	if err != nil {
		return err
	}
	s.banner(p, data.Addr().String(), admin.Addr().String())
	return s.run(ctx, data, admin, signals)
}

// otherProbes are the places to look for local servers, without those that the
// embedded default listens on itself.
func otherProbes() []targets.Probe {
	return slices.DeleteFunc(targets.LocalProbes(), func(p targets.Probe) bool {
		return strings.Contains(embeddedDefault, `"`+p.Addr+`"`)
	})
}

func (s *service) newGateway(cfg *config) (*gateway.Server, error) {
	return gateway.New(gateway.Config{
		Handler:   s.engine,
		Ingress:   wire.IngressFor,
		Limits:    gateway.Limits{MaxBodyBytes: cfg.server.maxBodyBytes},
		Logger:    s.log,
		Version:   buildVersion(),
		Bundles:   s.app.bundles.states,
		Candidate: s.candidateState,
		Policy: func() gateway.PolicyState {
			e := s.parts.Load().policies.Evaluation()
			return gateway.PolicyState{Compiled: e.Compiled, Looked: e.Looked, Hits: e.Hits, Rechecked: e.Rechecked, Mismatches: e.Mismatches}
		},
		Log: func() gateway.LogState {
			s := s.records.Stats()
			return gateway.LogState{Records: s.Records, Dropped: s.Dropped, Queued: s.Queued, Failing: s.Err != nil}
		},
		Admin: gateway.Admin{
			Reload:    s.reload,
			Candidate: s.candidateView,
			Promote:   s.promote,
			Targets:   func() any { return s.parts.Load().targets.Status() },
			Config:    func() any { return s.parts.Load().config.view },
			Ready: []gateway.Check{{Name: "decision_log", Probe: func() error {
				if s.parts.Load().config.log.Mode == record.Require {
					return s.records.Stats().Err
				}
				return nil
			}}, {Name: "bundles", Degraded: true, Probe: s.app.bundles.err},
				{Name: "candidate", Degraded: true, Probe: s.candidateErr}},
		},
	})
}

// run serves until a signal or a failing listener, then drains.
func (s *service) run(ctx context.Context, data, admin net.Listener, signals <-chan os.Signal) error {
	failed := make(chan error, 2)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- s.gateway.Serve(data) })
	serving.Go(func() { failed <- s.gateway.ServeAdmin(admin) })
	watch, err := newWatcher(s.log)
	if err != nil {
		s.log.Warn().Err(err).Msg("files are not watched; reload with SIGHUP or POST /-/reload")
	} else {
		defer watch.close()
		watch.follow(s.watched())
	}

	var cause error
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			waiting = false
		case cause = <-failed:
			waiting = false
		case <-watch.changed():
			_ = s.gateway.Reload(ctx) // it has logged the failure
			watch.follow(s.watched())
		case <-s.app.bundles.changed:
			_ = s.gateway.Reload(ctx)
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				s.log.Info().Str("signal", sig.String()).Msg("draining; a second signal ends at once")
				waiting = false
				break
			}
			_ = s.gateway.Reload(ctx)
			watch.follow(s.watched())
		}
	}

	drain, cancel := context.WithTimeout(context.Background(), s.parts.Load().config.server.drainTimeout)
	defer cancel()
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
		}
	}()
	if err := s.gateway.Shutdown(drain); err != nil {
		s.log.Warn().Err(err).Msg("the drain ended early")
	}
	close(done)
	serving.Wait()
	return cause
}

// reload builds everything anew and puts it in force. Any mistake keeps what was.
func (s *service) reload(ctx context.Context) error {
	s.app.bundles.ask()
	p, m := s.app.build(ctx, s.host, s.path)
	if p == nil {
		s.app.bundles.settle(s.parts.Load().config.bundles, s.log)
		return m
	}
	if err := s.keepPolicy(p); err != nil {
		p.close()
		s.app.bundles.settle(s.parts.Load().config.bundles, s.log)
		return err
	}
	old := s.parts.Load().config
	if p.config.server != old.server || p.config.log != old.log {
		s.log.Warn().Msg("changes of server and decision_log take effect at the next start")
		p.config.server, p.config.log = old.server, old.log
	}
	s.parts.Store(p)
	s.engine.Swap(s.snapshot(p))
	s.activate(p)
	return nil
}

// activate says to the sources of bundles which of them are in force now.
func (s *service) activate(p *parts) {
	if err := p.bundles.activate(); err != nil {
		s.log.Warn().Err(err).Msg("a bundle is in force and could not be kept for the next start")
	}
	s.app.bundles.settle(p.config.bundles, s.log)
	if err := s.app.bundles.err(); err != nil {
		s.log.Warn().Err(err).Msg("a bundle is not in force")
	}
	s.tellOfCandidate(p)
	if e := s.log.Debug(); e.Enabled() {
		cost := p.policies.Cost()
		reads := make([]string, len(cost.Reads))
		for i, r := range cost.Reads {
			reads[i] = r.Path
		}
		e.Str("policy", p.policies.Revision()).Bool("compiled", cost.Compiled).Bool("cacheable", cost.Cacheable).Strs("reads", reads).
			Msg("what decisions cost; sallyport validate says more")
	}
}

// keepPolicy makes sure that decisions under this policy can be made again, before
// there is one. Where the log may lose records, so may it lose this: a full disk
// must not keep a stricter policy from coming into force.
func (s *service) keepPolicy(p *parts) error {
	err := s.keep(p.policies)
	if err == nil || s.parts.Load().config.log.Mode == record.Require {
		return err
	}
	s.log.Warn().Err(err).Msg("decisions under this policy can be replayed only with its files from elsewhere")
	return nil
}

func (s *service) keep(set *policies.Set) error {
	return s.records.KeepPolicy(set.Revision(), func(yield func(string, []byte) bool) {
		for _, f := range set.Deciding() {
			if !yield(f.Path, f.Bytes) {
				return
			}
		}
	})
}

// watched are the files and folders whose change reloads.
func (s *service) watched() []string {
	cfg := s.parts.Load().config
	paths := append([]string{}, cfg.policyPaths...)
	paths = append(paths, cfg.candidate...)
	paths = append(paths, cfg.modules...)
	if s.path != "" {
		paths = append(paths, s.path)
	}
	return paths
}

// guestLog is where classifiers may speak while they are loaded.
func (s *service) guestLog(classifier string, level int, message string) {
	s.log.Info().Str("classifier", classifier).Int("level", level).Msg(message)
}

func listen(cfg *config) (data, admin net.Listener, err error) {
	if data, err = net.Listen("tcp", cfg.server.listen); err != nil {
		return nil, nil, fmt.Errorf("listen for requests: %w", err)
	}
	if cfg.server.certFile != "" {
		tlsConfig, err := serverTLS(cfg)
		if err != nil {
			return nil, nil, errors.Join(err, data.Close())
		}
		data = tls.NewListener(data, tlsConfig)
	}
	if admin, err = net.Listen("tcp", cfg.server.admin); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listen for the admin interface: %w", err), data.Close())
	}
	return data, admin, nil
}

func serverTLS(cfg *config) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(cfg.server.certFile, cfg.server.keyFile)
	if err != nil {
		return nil, fmt.Errorf("load the server's certificate: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if cfg.server.clientCAFile != "" {
		pem, err := os.ReadFile(cfg.server.clientCAFile)
		if err != nil {
			return nil, fmt.Errorf("load the clients' authority: %w", err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("load the clients' authority: %s holds no certificate", cfg.server.clientCAFile)
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}
