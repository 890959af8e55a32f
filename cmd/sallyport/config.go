package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/targets"
	"github.com/sallyport-ai/sallyport/targets/block"
)

// config is a decoded configuration file. Paths in it are absolute or relative to
// the working directory.
type config struct {
	file           string // "" for the embedded default
	sha256         string // of the file's bytes, hex
	view           map[string]any
	server         serverConfig
	keys           engine.Keyring
	policyPaths    []string
	standardPolicy bool     // beside policyPaths; without those it is what there is
	candidate      []string // paths of the policy in shadow, in the place of policyPaths
	headers        []string // that policy sees
	bundles        []bundleConfig
	documents      []string // that the Data API offers; nil: all
	authzen        string   // document that answers AuthZEN; "": the default
	classifiers    []classifiers.ModuleConfig
	modules        []string // .wasm files among them, to be watched
	targets        []targets.Target
	log            record.Config
	budgets        engine.BudgetDefaults
}

type serverConfig struct {
	listen, admin     string
	maxBodyBytes      int
	drainTimeout      time.Duration
	certFile, keyFile string // "": no TLS
	clientCAFile      string // "": clients need no certificate
}

// configFiles keeps the sources of a configuration, for diagnostics to quote.
type configFiles = map[string]*hcl.File

// loadConfig reads a configuration file, or the embedded default where path is
// "". It reports every mistake at once; with an error among them the
// configuration is of no use.
func (a *app) loadConfig(path string) (*config, configFiles, hcl.Diagnostics) {
	name, source := "default.hcl", defaultConfig(a.env, a.local)
	base := "."
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Cannot read the configuration", Detail: err.Error()}}
		}
		name, source, base = path, b, filepath.Dir(path)
	}
	return decodeConfig(name, source, base, path, a.env)
}

func decodeConfig(name string, source []byte, base, path string, env lookup) (*config, configFiles, hcl.Diagnostics) {
	parser := hclparse.NewParser()
	file, diags := parser.ParseHCL(source, name)
	if diags.HasErrors() {
		return nil, parser.Files(), diags
	}
	sum := sha256.Sum256(source)
	d := configDecoder{
		base: base,
		ctx:  &hcl.EvalContext{Functions: block.Functions(env, base)},
		config: &config{
			file: path, sha256: hex.EncodeToString(sum[:]), view: map[string]any{},
			server:  serverConfig{listen: "127.0.0.1:8080", admin: "127.0.0.1:8081", maxBodyBytes: 8 << 20, drainTimeout: 30 * time.Second},
			log:     record.Config{Dir: filepath.Join("sallyport-data", "decisions"), Mode: record.Require},
			budgets: engine.BudgetDefaults{TTFT: 2 * time.Second, Total: time.Minute, MaxTotal: 10 * time.Minute},
		},
	}
	d.decode(file.Body)
	if !d.diags.HasErrors() {
		d.config.view = redactedView(file.Body, d.ctx)
	}
	return d.config, parser.Files(), d.diags
}

// configDecoder decodes the blocks of one file.
type configDecoder struct {
	base   string
	ctx    *hcl.EvalContext
	diags  hcl.Diagnostics
	config *config
}

// configSchema lists the blocks of a configuration file.
func configSchema() *hcl.BodySchema {
	return &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
		{Type: "server"}, {Type: "auth"}, {Type: "policy"}, {Type: "classifier", LabelNames: []string{"name"}},
		targets.BlockHeader(), {Type: "decision_log"}, {Type: "budget"},
	}}
}

func (d *configDecoder) decode(body hcl.Body) {
	content, diags := body.Content(configSchema())
	d.diags = append(d.diags, diags...)
	for _, single := range []string{"server", "auth", "policy", "decision_log", "budget"} {
		for i, b := range content.Blocks.OfType(single) {
			if i > 0 {
				d.fail(b.DefRange, "Duplicate block", "A configuration has at most one %s block. Merge this one into the first.", single)
			}
		}
	}
	for _, b := range content.Blocks {
		switch b.Type {
		case "server":
			d.server(b)
		case "auth":
			d.auth(b)
		case "policy":
			d.policy(b)
		case "classifier":
			d.classifier(b)
		case "decision_log":
			d.decisionLog(b)
		case "budget":
			d.budget(b)
		}
	}
	d.keepBundles()
	list, diags := targets.Decode(content.Blocks.OfType("target"), d.ctx)
	d.config.targets = list
	d.diags = append(d.diags, diags...)
	if len(list) == 0 && !diags.HasErrors() {
		d.fail(body.MissingItemRange(), "No target", "Declare where requests may go: target \"POSTURE\" \"NAME\" { … }.")
	}
	slices.SortStableFunc(d.diags, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return 0
		}
		return a.Subject.Start.Byte - b.Subject.Start.Byte
	})
}

func (d *configDecoder) fail(at hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Subject: &at, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

// reader begins to read a block.
func (d *configDecoder) reader(b *hcl.Block, schema *hcl.BodySchema) (*block.Reader, *hcl.BodyContent) {
	r := &block.Reader{Context: d.ctx, Header: b.DefRange, Diags: &d.diags}
	return r, r.Read(b.Body, schema)
}

// path makes a path of the configuration absolute to the configuration's folder.
func (d *configDecoder) path(p string) string {
	if filepath.IsAbs(p) || d.config.file == "" {
		return p
	}
	return filepath.Join(d.base, p)
}
