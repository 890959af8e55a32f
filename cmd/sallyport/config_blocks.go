package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/targets/block"
)

func (d *configDecoder) server(b *hcl.Block) {
	schema := block.Schema("listen", "admin", "max_body_bytes", "drain_timeout")
	schema.Blocks = []hcl.BlockHeaderSchema{{Type: "tls"}}
	r, content := d.reader(b, schema)
	s := &d.config.server
	if r.Has("listen") {
		s.listen = address(r, "listen")
	}
	if r.Has("admin") {
		s.admin = address(r, "admin")
		if host, _, err := net.SplitHostPort(s.admin); err == nil && !loopback(host) {
			r.Fail(r.At("admin"), "Admin interface within reach of others",
				"The admin interface asks nobody for a credential, so it listens on a loopback address only, such as \"127.0.0.1:8081\".")
		}
	}
	if r.Has("max_body_bytes") {
		s.maxBodyBytes = int(r.Integer("max_body_bytes", 1, 1<<30))
	}
	if r.Has("drain_timeout") {
		s.drainTimeout = r.Duration("drain_timeout")
	}
	for _, b := range content.Blocks {
		t, _ := d.reader(b, block.Schema("cert_file", "key_file", "client_ca_file"))
		s.certFile, s.keyFile, s.clientCAFile = d.file(t, "cert_file", true), d.file(t, "key_file", true), d.file(t, "client_ca_file", false)
	}
}

// file reads the path of a file that must exist.
func (d *configDecoder) file(r *block.Reader, name string, required bool) string {
	if !r.Has(name) {
		if required {
			r.Fail(&r.Header, "Missing file", "The block needs %s.", name)
		}
		return ""
	}
	p := d.path(r.String(name))
	if info, err := os.Stat(p); err != nil || info.IsDir() {
		r.Fail(r.At(name), "Missing file", "%s: there is no file %q.", name, p)
	}
	return p
}

// address reads a host and port to listen on.
func address(r *block.Reader, name string) string {
	v, _, ok := r.Value(name, cty.String, "a string")
	if !ok {
		return ""
	}
	s := v.AsString()
	if _, _, err := net.SplitHostPort(s); err != nil {
		r.Fail(r.At(name), "Not an address", "%s must be HOST:PORT, such as \"127.0.0.1:8080\" or \":8080\".", name)
	}
	return s
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (d *configDecoder) auth(b *hcl.Block) {
	schema := block.Schema("anonymous")
	schema.Blocks = []hcl.BlockHeaderSchema{{Type: "key", LabelNames: []string{"id"}}, {Type: "jwt", LabelNames: []string{"name"}}}
	r, content := d.reader(b, schema)
	d.config.keys.Anonymous = r.Bool("anonymous")
	ids := map[string]bool{}
	for _, b := range content.Blocks {
		if b.Type == "jwt" {
			d.fail(b.DefRange, "Unsupported block", "Authentication by JWT is not supported in this version. Use key blocks.")
			continue
		}
		if id := b.Labels[0]; ids[id] {
			d.fail(b.LabelRanges[0], "Duplicate key", "A key %q is declared already. Give this one another name.", id)
		}
		ids[b.Labels[0]] = true
		if k, ok := d.key(b); ok {
			if slices.ContainsFunc(d.config.keys.Keys, func(o engine.Key) bool { return o.SHA256 == k.SHA256 }) {
				d.fail(b.DefRange, "Shared secret", "Another key has the same secret: nobody could tell the two apart.")
			}
			d.config.keys.Keys = append(d.config.keys.Keys, k)
		}
	}
}

func (d *configDecoder) key(b *hcl.Block) (engine.Key, bool) {
	r, _ := d.reader(b, block.Schema("sha256", "secret", "tenant", "roles", "attributes"))
	k := engine.Key{Principal: engine.Principal{ID: b.Labels[0], Tenant: r.String("tenant"), Roles: []string{}, Attributes: map[string]string{}}}
	if roles, _ := r.Strings("roles"); roles != nil {
		k.Principal.Roles = roles
	}
	if attributes, secret := r.StringMap("attributes"); attributes != nil {
		if secret {
			r.Fail(r.At("attributes"), "Sensitive value", "Attributes are shown to policy and stand in the decision log, so they must not come from env() or file(). Write them out.")
		}
		k.Principal.Attributes = attributes
	}
	switch {
	case r.Has("sha256") == r.Has("secret"):
		r.Fail(&b.DefRange, "No secret", "Give either sha256, the hex SHA-256 of the secret, or secret = env(\"NAME\").")
		return k, false
	case r.Has("secret"):
		if _, fromOutside, ok := r.Value("secret", cty.String, "a string"); ok && !fromOutside {
			r.Fail(r.At("secret"), "Secret in the configuration", "A secret does not belong in this file. Use env(\"NAME\") or file(\"PATH\"), or give its sha256.")
			return k, false
		}
		secret := r.Secret("secret")
		if secret.IsZero() {
			return k, false
		}
		k.SHA256 = sha256.Sum256([]byte(secret.Reveal()))
	default:
		v, _, ok := r.Value("sha256", cty.String, "a string")
		if !ok {
			return k, false
		}
		sum, err := hex.DecodeString(strings.TrimSpace(v.AsString()))
		if err != nil || len(sum) != sha256.Size {
			r.Fail(r.At("sha256"), "Not a SHA-256", "sha256 is 64 hexadecimal digits, as printed by: printf %%s \"$SECRET\" | sha256sum")
			return k, false
		}
		copy(k.SHA256[:], sum)
	}
	return k, true
}

func (d *configDecoder) policy(b *hcl.Block) {
	schema := block.Schema("paths", "standard", "headers", "candidate", "authzen", "documents")
	schema.Blocks = []hcl.BlockHeaderSchema{{Type: "bundle", LabelNames: []string{"name"}}}
	nameBundles(b.Body)
	r, content := d.reader(b, schema)
	for _, b := range content.Blocks {
		d.bundle(b)
	}
	d.candidate(r)
	paths, _ := r.Strings("paths")
	if r.Has("paths") && len(paths) == 0 {
		r.Fail(r.At("paths"), "No path", "paths must name at least one file or folder; leave the block out for the standard policy.")
	}
	for i, p := range paths {
		p = d.path(p)
		if _, err := os.Stat(p); err != nil {
			r.Fail(r.Element("paths", i), "Missing policy", "There is no file or folder %q.", p)
		}
		d.config.policyPaths = append(d.config.policyPaths, p)
	}
	d.config.standardPolicy = r.Bool("standard")
	if r.Has("documents") {
		d.config.documents = []string{} // none of them, where the list is empty
		list, _ := r.Strings("documents")
		for i, p := range list {
			if p = strings.Trim(p, "/"); p == "" || p == "data" || strings.HasPrefix(p, "data.") {
				r.Fail(r.Element("documents", i), "Not a document", "documents lists paths with slashes and without data, such as \"authzen/allow\".")
			}
			d.config.documents = append(d.config.documents, p)
		}
	}
	if r.Has("authzen") {
		if d.config.authzen = strings.Trim(r.String("authzen"), "/"); d.config.authzen == "" || strings.HasPrefix(d.config.authzen, "data.") {
			r.Fail(r.At("authzen"), "Not a document", "authzen is the path of a document with slashes and without data, such as \"authzen/allow\".")
		}
	}
	headers, _ := r.Strings("headers")
	for i, h := range headers {
		name := strings.ToLower(h)
		if name == "authorization" || name == "cookie" || strings.HasSuffix(name, "api-key") {
			r.Fail(r.Element("headers", i), "Credential for policy", "%s carries a credential, which has no place in policy or in the decision log.", h)
		}
		d.config.headers = append(d.config.headers, name)
	}
}

func (d *configDecoder) classifier(b *hcl.Block) {
	r, _ := d.reader(b, block.Schema("module", "sha256", "inspect", "time_limit", "memory_limit_bytes", "on_error", "config"))
	m := classifiers.ModuleConfig{Name: b.Labels[0], Module: r.String("module"), SHA256: strings.ToLower(r.String("sha256"))}
	if slices.ContainsFunc(d.config.classifiers, func(o classifiers.ModuleConfig) bool { return o.Name == m.Name }) {
		d.fail(b.LabelRanges[0], "Duplicate classifier", "A classifier %q is declared already. Give this one another name.", m.Name)
	}
	switch {
	case !r.Has("module"):
		r.Fail(&b.DefRange, "Missing module", "Say what to run: module = \"builtin:pii\", or the path of a .wasm file.")
	case strings.HasPrefix(m.Module, classifiers.BuiltinPrefix):
		if _, ok := classifiers.Builtin(strings.TrimPrefix(m.Module, classifiers.BuiltinPrefix)); !ok {
			r.Fail(r.At("module"), "Unknown built-in", "There is no %s; there are %s.", m.Module, strings.Join(classifiers.Builtins(), ", "))
		}
	case m.Module != "":
		m.Module = d.path(m.Module)
		wasm, err := os.ReadFile(m.Module)
		if err != nil {
			r.Fail(r.At("module"), "Missing module", "Cannot read the classifier: %v.", err)
		}
		m.Wasm = wasm
		d.config.modules = append(d.config.modules, m.Module)
	}
	m.Inspect = d.inspect(r)
	if m.TimeLimit = r.Duration("time_limit"); r.Has("time_limit") && (m.TimeLimit <= 0 || m.TimeLimit > 10*time.Second) {
		r.Fail(r.At("time_limit"), "Unusable time limit", "time_limit must be above 0 and at most 10s.")
	}
	m.MemoryLimitBytes = r.Integer("memory_limit_bytes", classifiers.MinMemoryLimitBytes, classifiers.MaxMemoryLimitBytes)
	if r.Has("on_error") {
		switch r.String("on_error") {
		case "deny":
		case "report":
			m.Report = true
		default:
			r.Fail(r.At("on_error"), "Unknown choice", "on_error is \"deny\", or \"report\" to let policy judge the failure.")
		}
	}
	if v, secret, ok := r.Value("config", cty.DynamicPseudoType, ""); ok {
		if secret {
			r.Fail(r.At("config"), "Sensitive value", "config is handed to the module, so it must not come from env() or file().")
		} else if b, err := json.Marshal(ctyjson.SimpleJSONValue{Value: v}); err != nil {
			r.Fail(r.At("config"), "Unusable config", "config cannot be written as JSON: %v.", err)
		} else {
			m.ConfigJSON = b
		}
	}
	d.config.classifiers = append(d.config.classifiers, m)
}

func (d *configDecoder) inspect(r *block.Reader) []string {
	if !r.Has("inspect") {
		return []string{"prompt", "tools"}
	}
	list, _ := r.Strings("inspect")
	for i, s := range list {
		if s != "prompt" && s != "tools" && s != "completion" {
			r.Fail(r.Element("inspect", i), "Unknown choice", "inspect lists \"prompt\", \"tools\" and \"completion\".")
		}
	}
	return list
}

func (d *configDecoder) decisionLog(b *hcl.Block) {
	r, _ := d.reader(b, block.Schema("path", "mode", "key_file"))
	if r.Has("path") {
		d.config.log.Dir = d.path(r.String("path"))
	}
	if r.Has("key_file") {
		r.Warn(r.At("key_file"), "Attribute without effect", "The decision log is not signed in this version; the file is neither read nor made.")
	}
	if r.Has("mode") {
		switch m := record.Mode(r.String("mode")); m {
		case record.Require, record.Async, record.BestEffort:
			d.config.log.Mode = m
		default:
			r.Fail(r.At("mode"), "Unknown mode", "mode is \"require\", \"async\" or \"best_effort\".")
		}
	}
}

func (d *configDecoder) budget(b *hcl.Block) {
	r, _ := d.reader(b, block.Schema("default_ttft", "default_total", "max_total"))
	for name, into := range map[string]*time.Duration{
		"default_ttft": &d.config.budgets.TTFT, "default_total": &d.config.budgets.Total, "max_total": &d.config.budgets.MaxTotal,
	} {
		if r.Has(name) {
			*into = r.Duration(name)
		}
	}
	if b := d.config.budgets; b.MaxTotal > 0 && b.Total > b.MaxTotal {
		r.Fail(&r.Header, "Default above the maximum", "default_total must not be above max_total.")
	}
}
