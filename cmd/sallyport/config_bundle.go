package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/sallyport-ai/sallyport/policies/bundle"
	"github.com/sallyport-ai/sallyport/targets/block"
)

// unlabelledBundle is the name of a bundle block without one.
const unlabelledBundle = "main"

// nameBundles gives bundle blocks without a label their name: HCL itself knows
// only blocks that always have one.
func nameBundles(body hcl.Body) {
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		return
	}
	for _, b := range native.Blocks {
		if b.Type == "bundle" && len(b.Labels) == 0 {
			b.Labels, b.LabelRanges = []string{unlabelledBundle}, []hcl.Range{b.TypeRange}
		}
	}
}

func (d *configDecoder) bundle(b *hcl.Block) {
	r, _ := d.reader(b, block.Schema("url", "public_key_file", "key", "algorithm", "key_id", "scope", "poll", "token", "ca_file", "allow_rollback", "dir"))
	c := bundleConfig{name: b.Labels[0], url: r.String("url"), poll: 30 * time.Second, allowRollback: r.Bool("allow_rollback")}
	if slices.ContainsFunc(d.config.bundles, func(o bundleConfig) bool { return o.name == c.name }) {
		d.fail(b.LabelRanges[0], "Duplicate bundle", "A bundle %q is declared already. Give this one another name: bundle \"NAME\" { … }.", c.name)
	}
	if !r.Has("url") {
		r.Fail(&b.DefRange, "Missing url", "Say where the bundle is: url = \"https://…/bundle.tar.gz\".")
	}
	if r.Has("poll") {
		if c.poll = r.Duration("poll"); c.poll < time.Second || c.poll > 24*time.Hour {
			r.Fail(r.At("poll"), "Unusable interval", "poll must be from 1s to 24h.")
		}
	}
	if v, fromOutside, ok := r.Value("token", cty.String, "a string"); ok && !fromOutside && v.AsString() != "" {
		r.Fail(r.At("token"), "Secret in the configuration", "A secret does not belong in this file. Use env(\"NAME\") or file(\"PATH\").")
	} else if token := r.Secret("token"); !token.IsZero() {
		c.token = token.Reveal()
	}
	if name := d.file(r, "ca_file", false); name != "" {
		pem, err := os.ReadFile(name)
		if err != nil {
			r.Fail(r.At("ca_file"), "Unreadable file", "%v.", err)
		}
		c.authorities = string(pem)
	}
	c.key = d.bundleKey(r)
	if r.Has("dir") {
		c.dir = d.path(r.String("dir"))
	}
	d.config.bundles = append(d.config.bundles, c)
}

// bundleKey reads the key that a bundle's signature is verified with. There is no
// way to do without one.
func (d *configDecoder) bundleKey(r *block.Reader) bundle.Key {
	algorithm := r.String("algorithm")
	material, at := "", &r.Header
	switch {
	case r.Has("public_key_file") == r.Has("key"):
		r.Fail(at, "No key", "Give the key that the bundle is signed with: public_key_file = \"FILE.pem\", or key = env(\"NAME\").")
		return bundle.Key{}
	case r.Has("public_key_file"):
		at = r.At("public_key_file")
		pem, err := os.ReadFile(d.file(r, "public_key_file", true))
		if err != nil {
			return bundle.Key{} // reported by file
		}
		material = string(pem)
	default:
		at = r.At("key")
		v, fromOutside, ok := r.Value("key", cty.String, "a string")
		if !ok {
			return bundle.Key{}
		}
		if material = v.AsString(); strings.HasPrefix(algorithm, "HS") && !fromOutside {
			r.Fail(at, "Secret in the configuration", "A shared secret does not belong in this file. Use env(\"NAME\") or file(\"PATH\").")
			return bundle.Key{}
		}
	}
	k, err := bundle.NewKey(material, algorithm)
	if err != nil {
		r.Fail(at, "Unusable key", "The bundle's key cannot be used: %v.", err)
	}
	k.ID, k.Scope = r.String("key_id"), r.String("scope")
	return k
}

// keepBundles gives every bundle a folder for its last good copy, beside the
// decision log unless its block names one.
func (d *configDecoder) keepBundles() {
	for i := range d.config.bundles {
		if d.config.bundles[i].dir == "" {
			d.config.bundles[i].dir = filepath.Join(filepath.Dir(filepath.Clean(d.config.log.Dir)), "bundles")
		}
	}
}
