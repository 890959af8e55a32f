package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/term"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies"
	"github.com/sallyport-ai/sallyport/targets"
)

// parts are the built parts of a configuration, out of which a snapshot is made.
type parts struct {
	config      *config
	policies    *policies.Set
	targets     *targets.Set
	classifiers []*classifiers.Classifier
	bundles     chosenBundles // that policies were loaded from

	named     string        // revision of what policy.paths names; policies is that, unless promoted
	candidate *policies.Set // in shadow; nil: there is none
	refused   error         // why the candidate is not in shadow
	promoted  *promotion    // nil: policies is what the configuration names
	outdated  bool          // there is a promotion, which what it replaced has outlived
}

// mistakes are all that is wrong with a configuration, its policies and its
// classifiers.
type mistakes struct {
	files  configFiles
	config hcl.Diagnostics
	policy policies.Diagnostics
	other  []error // of classifiers and targets; each names what it is about
}

func (m *mistakes) failed() bool {
	failed := m.config.HasErrors() || len(m.other) > 0
	for _, d := range m.policy {
		failed = failed || d.Severity == policies.SeverityError
	}
	return failed
}

// Error is one line a mistake, for logs and the reload's answer.
func (m *mistakes) Error() string {
	text := ""
	line := func(s string) {
		if text != "" {
			text += "\n"
		}
		text += s
	}
	for _, d := range m.config {
		if d.Severity == hcl.DiagError {
			place := ""
			if d.Subject != nil {
				place = fmt.Sprintf("%s:%d:%d: ", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
			}
			line(place + d.Summary + ": " + d.Detail)
		}
	}
	for _, d := range m.policy {
		line(d.String())
	}
	for _, err := range m.other {
		line(err.Error())
	}
	return text
}

// print writes the mistakes for a person, the configuration's with the lines they
// stand on.
func (m *mistakes) print(w io.Writer) {
	width, color := uint(100), false
	if f, ok := w.(interface{ Fd() uintptr }); ok && term.IsTerminal(int(f.Fd())) {
		color = true
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 20 {
			width = uint(columns)
		}
	}
	if len(m.config) > 0 {
		// The only error is that of w, and there is nobody left to tell.
		_ = hcl.NewDiagnosticTextWriter(w, m.files, width, color).WriteDiagnostics(m.config)
	}
	for _, d := range m.policy {
		fmt.Fprintln(w, d.String())
	}
	for _, err := range m.other {
		fmt.Fprintln(w, err)
	}
}

// build makes the parts of a configuration file, "" for the embedded default. All
// mistakes are in the second result, warnings too; where it has errors there are
// no parts.
func (a *app) build(ctx context.Context, host *classifiers.Host, path string) (*parts, *mistakes) {
	m := &mistakes{}
	cfg, files, diags := a.loadConfig(path)
	m.files, m.config = files, diags
	if cfg == nil {
		return nil, m
	}
	p := &parts{config: cfg}
	var err error
	if len(cfg.bundles) > 0 && diags.HasErrors() {
		// A bundle is not asked for with a mistaken address or key.
	} else if p.policies, p.bundles, err = a.loadPolicies(ctx, cfg); err != nil {
		if ds, ok := errors.AsType[policies.Diagnostics](err); ok {
			m.policy = ds
		} else {
			m.other = append(m.other, fmt.Errorf("load policies: %w", err))
		}
	} else {
		m.policy = p.policies.Warnings()
		if err := a.choose(ctx, p); err != nil {
			m.other = append(m.other, err)
		}
	}
	for _, c := range cfg.classifiers {
		if c.Wasm == nil && c.Module == "" {
			continue // the configuration's mistake, reported with it
		}
		loaded, err := host.Load(ctx, c)
		if err != nil {
			m.other = append(m.other, err)
			continue
		}
		p.classifiers = append(p.classifiers, loaded)
	}
	if !m.failed() {
		m.policy = append(m.policy, p.policies.CheckNames(p.names())...)
	}
	if !m.failed() {
		if p.targets, err = targets.New(targets.Config{Targets: cfg.targets}); err != nil {
			m.other = append(m.other, err)
		}
	}
	if m.failed() {
		p.close()
		return nil, m
	}
	return p, m
}

// names are those that policies are held against.
func (p *parts) names() policies.Names {
	var n policies.Names
	for _, t := range p.config.targets {
		n.Targets = append(n.Targets, t.Name)
	}
	for _, c := range p.classifiers {
		info := c.Info()
		n.Classifiers = append(n.Classifiers, policies.ClassifierNames{Name: info.Name, Kinds: info.Kinds, Scores: info.Scores,
			Completion: slices.Contains(info.Inspect, "completion")})
	}
	return n
}

// close releases what the parts hold.
func (p *parts) close() {
	ctx := context.Background()
	for _, c := range p.classifiers {
		_ = c.Close(ctx) // the instance pool goes; there is nothing to be done about a failure
	}
	if p.targets != nil {
		_ = p.targets.Close()
	}
}

// snapshot makes of the parts what the engine runs on. The snapshot owns them.
func (p *parts) snapshot() *engine.Snapshot {
	s := &engine.Snapshot{
		Decider: p.policies, Forwarder: p.targets, Keys: &p.config.keys, Budgets: p.config.budgets,
		Headers: p.config.headers, Documents: p.config.documents, AuthZEN: p.config.authzen, ConfigSHA256: p.config.sha256, Close: p.close,
	}
	revision := sha256.New()
	fmt.Fprintln(revision, p.config.sha256, p.policies.Revision())
	for _, c := range p.classifiers {
		s.Classifiers = append(s.Classifiers, c)
		fmt.Fprintln(revision, c.Info().Name, c.Info().SHA256)
	}
	s.Revision = "sha256:" + hex.EncodeToString(revision.Sum(nil))
	return s
}
