package targets

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/sallyport-ai/sallyport/engine"
)

// BlockHeader is the schema of a target block: target "POSTURE" "NAME" { … }.
func BlockHeader() hcl.BlockHeaderSchema {
	return hcl.BlockHeaderSchema{Type: "target", LabelNames: []string{"posture", "name"}}
}

// Decode reads the target blocks of a configuration. ctx holds Functions. It
// reports every mistake there is, in the order of the source, each with its
// place and how to mend it; where one is an error the targets are of no use.
func Decode(blocks hcl.Blocks, ctx *hcl.EvalContext) ([]Target, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	var list []Target
	seen := map[string]hcl.Range{}
	for _, blk := range blocks {
		d := decoder{block{ctx: ctx, header: blk.DefRange, diags: &diags}}
		if len(blk.Labels) != 2 { // the parser has said so already where it was given BlockHeader
			d.fail(blk.DefRange.Ptr(), "Wrong labels", "A target is declared as target \"POSTURE\" \"NAME\" { … }.")
			continue
		}
		t := d.target(blk)
		if first, ok := seen[t.Name]; ok {
			d.fail(blk.LabelRanges[1].Ptr(), "Duplicate target", "A target %q is declared already at line %d. Give this one another name.", t.Name, first.Start.Line)
		} else {
			seen[t.Name] = blk.DefRange
		}
		list = append(list, t)
	}
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil || a.Subject.Filename != b.Subject.Filename {
			return 0
		}
		return cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte)
	})
	return list, diags
}

// decoder decodes one target.
type decoder struct{ block }

func attributes(names ...string) []hcl.AttributeSchema {
	s := make([]hcl.AttributeSchema, len(names))
	for i, n := range names {
		s[i].Name = n
	}
	return s
}

func targetSchema() *hcl.BodySchema {
	return &hcl.BodySchema{
		Attributes: attributes("dialect", "base_url", "endpoints", "dns", "metrics", "api_key", "headers", "jurisdiction",
			"attributes", "max_concurrency", "rate_limit", "allowed_cidrs", "connect_timeout", "idle_timeout"),
		Blocks: []hcl.BlockHeaderSchema{{Type: "model", LabelNames: []string{"name"}}, {Type: "stand_in"}},
	}
}

func (d *decoder) target(blk *hcl.Block) Target {
	t := Target{Posture: blk.Labels[0], Name: blk.Labels[1]}
	content := d.read(blk.Body, targetSchema())

	if !slices.Contains([]string{PostureCloud, PostureGPUCluster, PostureEdge, PostureAirGapped}, t.Posture) {
		d.fail(blk.LabelRanges[0].Ptr(), "Unknown posture", "The first label of a target is its posture: cloud, gpu_cluster, edge or air_gapped.")
	}
	if !validName(t.Name) {
		d.fail(blk.LabelRanges[1].Ptr(), "Unusable name", "A target's name is made of letters, digits, \".\", \"_\" and \"-\", begins with a letter or digit, and has at most 64 characters.")
	}
	t.Dialect = d.dialect(blk)
	t.APIKey = d.secret("api_key")
	t.Headers = d.headers()
	t.Jurisdiction = d.string("jurisdiction")
	t.Attributes = d.attributes()
	t.MaxConcurrency = int(d.integer("max_concurrency", 1, 1_000_000))
	t.RateLimit = d.rateLimit()
	t.ConnectTimeout = d.timeout("connect_timeout", DefaultConnectTimeout)
	t.IdleTimeout = d.timeout("idle_timeout", DefaultIdleTimeout)
	d.reserved()

	t.AllowedCIDRs = d.networks(t.Posture)
	var models, standIns hcl.Blocks
	for _, b := range content.Blocks {
		if b.Type == "model" {
			models = append(models, b)
		} else {
			standIns = append(standIns, b)
		}
	}
	t.StandIn = d.standIn(standIns)
	t.Endpoints = d.endpoints(blk, &t)
	t.Models = d.models(blk, models)
	return t
}

func (d *decoder) rateLimit() RateLimit {
	m, _ := d.numbers("rate_limit", nil, []string{"requests_per_minute", "tokens_per_minute"})
	for _, k := range slices.Sorted(maps.Keys(m)) {
		n := m[k]
		if n < 1 || n != math.Trunc(n) { // 0 would be no limit, which nobody means by it
			d.fail(d.member("rate_limit", k), "Wrong number", "rate_limit: %s must be a whole number from 1. Remove it for no limit.", k)
		}
	}
	return RateLimit{int(m["requests_per_minute"]), int(m["tokens_per_minute"])}
}

// timeout is a duration above zero.
func (d *decoder) timeout(name string, otherwise time.Duration) time.Duration {
	before := len(*d.diags)
	t := d.duration(name)
	if t == 0 && d.has(name) && len(*d.diags) == before {
		d.fail(d.at(name), "No time at all", "%s must be above zero; the default is %v.", name, otherwise)
	}
	return cmp.Or(t, otherwise)
}

func (d *decoder) dialect(blk *hcl.Block) engine.Dialect {
	if !d.has("dialect") {
		d.fail(blk.DefRange.Ptr(), "Missing dialect", "Say which API the target speaks: dialect = \"openai\" (OpenAI, vLLM, llama.cpp, SGLang, TGI), \"anthropic\", \"gemini\" or \"ollama\".")
		return ""
	}
	switch s := engine.Dialect(d.string("dialect")); s {
	case engine.DialectOpenAI, engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama, "":
		return s
	case "azure-openai", "vertex", "bedrock":
		d.fail(d.at("dialect"), "Unsupported dialect", "The dialect %q is not supported in this version. Use openai, anthropic, gemini or ollama.", s)
	default:
		d.fail(d.at("dialect"), "Unknown dialect", "There is no dialect %q. Use openai (also for vLLM, llama.cpp, SGLang and TGI), anthropic, gemini or ollama.", s)
	}
	return ""
}

func (d *decoder) headers() map[string]Secret {
	m, _ := d.stringMap("headers")
	if m == nil {
		return nil
	}
	out := map[string]Secret{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		name := textproto.CanonicalMIMEHeaderKey(k)
		at := d.member("headers", k)
		switch {
		case !validHeader(k):
			d.fail(at, "Unusable header", "%q is not a header's name: it may hold letters, digits and \"-\" only.", k)
		case reservedHeader(name):
			d.fail(at, "Reserved header", "%s is set by Sallyport or by the connection; remove it.", name)
		default:
			if _, ok := out[name]; ok {
				d.fail(at, "Duplicate header", "%s is given twice, in different case.", name)
			}
			out[name] = d.asSecret("headers: "+name, at, m[k])
		}
	}
	return out
}

func (d *decoder) attributes() map[string]string {
	m, secret := d.stringMap("attributes")
	if secret {
		d.fail(d.at("attributes"), "Sensitive value", "attributes are shown to policy and stand in the decision log, so they must not come from env() or file(). Write them out.")
		return nil
	}
	return m
}

// reserved speaks about attributes that are not at work in this version.
func (d *decoder) reserved() {
	if d.has("dns") {
		d.fail(d.at("dns"), "Unsupported attribute", "Discovery by DNS is not supported in this version. List the servers: endpoints = [\"http://10.0.0.11:8000/v1\", …].")
	}
	if p := d.string("metrics"); p != "" {
		if !strings.HasPrefix(p, "/") {
			d.fail(d.at("metrics"), "Not a path", "metrics is a path on each endpoint, such as \"/metrics\".")
			return
		}
		d.warn(d.at("metrics"), "Attribute without effect", "The servers' own metrics are not read in this version; load is judged by the requests that pass through Sallyport.")
	}
}

func (d *decoder) networks(posture string) []netip.Prefix {
	list, secret := d.strings("allowed_cidrs")
	if secret {
		d.fail(d.at("allowed_cidrs"), "Sensitive value", "allowed_cidrs is a rule that must be readable, so it must not come from env() or file(). Write it out.")
		return nil
	}
	if d.has("allowed_cidrs") && len(list) == 0 && posture != PostureAirGapped {
		d.fail(d.at("allowed_cidrs"), "No network", "An empty allowed_cidrs would allow nothing. List networks, or remove the attribute.")
	}
	var out []netip.Prefix
	for i, s := range list {
		p, err := netip.ParsePrefix(s)
		at := d.element("allowed_cidrs", i)
		if ip, ipErr := netip.ParseAddr(s); err != nil && ipErr == nil && ip.Zone() == "" {
			d.fail(at, "Not a network", "%q is an address. For it alone write \"%s/%d\".", s, s, ip.BitLen())
			continue
		}
		switch {
		case err != nil:
			d.fail(at, "Not a network", "%q is not a network in CIDR form, such as \"10.9.0.0/16\".", s)
		case p.Addr().Is4In6():
			d.fail(at, "IPv4-mapped network", "Write %q as an IPv4 network.", s)
		case p != p.Masked():
			d.fail(at, "Address bits in a network", "%q has address bits after its prefix. Write %q, or a longer prefix.", s, p.Masked())
		case posture == PostureAirGapped && !privatePrefix(p):
			d.fail(at, "Public network", "An air_gapped target may reach loopback and private networks only (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 127.0.0.0/8, fc00::/7, ::1/128).")
		default:
			out = append(out, p)
		}
	}
	return out
}

func (d *decoder) endpoints(blk *hcl.Block, t *Target) []Endpoint {
	if t.StandIn != nil {
		for _, name := range []string{"base_url", "endpoints"} {
			if d.has(name) {
				d.fail(d.at(name), "Endpoint of a stand-in", "A stand-in runs inside Sallyport and has no address to declare. Remove %s, or the stand_in block.", name)
			}
		}
		return nil
	}
	var list []Endpoint
	switch {
	case d.has("base_url") && d.has("endpoints"):
		d.fail(d.attrs["endpoints"].NameRange.Ptr(), "Two kinds of endpoints", "Give base_url for one server or endpoints for several, not both.")
		return nil
	case d.has("base_url"):
		v, secret := d.url("base_url")
		if v == "" {
			return nil
		}
		list = []Endpoint{{v, secret}}
	case d.has("endpoints"):
		urls, secret := d.strings("endpoints")
		for _, u := range urls {
			list = append(list, Endpoint{u, secret})
		}
		if len(urls) == 0 {
			d.fail(d.at("endpoints"), "No endpoint", "endpoints must list at least one base URL.")
		}
	case !d.has("dns"):
		d.fail(blk.DefRange.Ptr(), "No endpoint", "Say where the target is: base_url = \"https://host/v1\", or endpoints = [ … ] for several servers.")
	}
	seen := map[string]bool{}
	for i, e := range list {
		at := d.endpointAt(i)
		shown := e.String()
		if strings.ContainsAny(e.URL, "@?#") { // where credentials would stand
			shown = sensitive
		}
		a, err := parseAddress(e.URL)
		if err != nil {
			d.fail(at, "Unusable URL", "%q: %v.", shown, err)
			continue
		}
		if seen[e.URL] {
			d.fail(at, "Duplicate endpoint", "%q is listed twice.", shown)
		}
		seen[e.URL] = true
		if t.Posture == PostureAirGapped {
			if err := a.airGapped(t.AllowedCIDRs); err != nil {
				d.fail(at, "Address outside the air gap", "%q: %v.", shown, err)
			}
		} else if a.ip.IsValid() && len(t.AllowedCIDRs) > 0 && !contains(t.AllowedCIDRs, a.ip) {
			d.fail(at, "Address outside allowed_cidrs", "%q is not in allowed_cidrs; the dialer would refuse it.", shown)
		}
		if root := rootOf(t.Dialect); a.url.Path == "" && root != "" {
			d.warn(at, "URL without a path", "%q: servers of the %s dialect usually answer below %s. Append it unless this one does not.", shown, t.Dialect, root)
		}
		if a.socket == "" && a.url.Scheme == "http" && t.Posture == PostureCloud && !a.local() {
			d.warn(at, "Unencrypted cloud target", "%q carries prompts and the API key unencrypted. Use https://.", shown)
		}
	}
	return list
}

// rootOf is where servers of a dialect have their API.
func rootOf(d engine.Dialect) string {
	switch d {
	case engine.DialectOpenAI, engine.DialectAnthropic:
		return "/v1"
	case engine.DialectGemini:
		return "/v1beta"
	}
	return ""
}

// url reads one URL, which may be sensitive.
func (d *decoder) url(name string) (string, bool) {
	v, secret, ok := d.value(name, cty.String, "a string")
	if !ok {
		return "", false
	}
	if v.AsString() == "" {
		d.fail(d.at(name), "Unusable URL", "%s is empty.", name)
	}
	return v.AsString(), secret
}

// endpointAt is where the i-th endpoint stands.
func (d *decoder) endpointAt(i int) *hcl.Range {
	if d.has("base_url") {
		return d.at("base_url")
	}
	return d.element("endpoints", i)
}

// local says whether an address is this host itself.
func (a address) local() bool { return a.host == "localhost" || a.ip.IsValid() && a.ip.IsLoopback() }

func (d *decoder) standIn(blocks hcl.Blocks) *StandIn {
	for i, blk := range blocks {
		if i > 0 {
			d.fail(blk.DefRange.Ptr(), "Duplicate stand_in", "A target has at most one stand_in block.")
		}
	}
	if len(blocks) == 0 {
		return nil
	}
	b := block{ctx: d.ctx, header: blocks[0].DefRange, diags: d.diags}
	b.read(blocks[0].Body, &hcl.BodySchema{Attributes: attributes("ttft", "tpot", "jitter", "seed")})
	return &StandIn{
		TTFT:   b.duration("ttft"),
		TPOT:   b.duration("tpot"),
		Jitter: b.number("jitter", 0, 1),
		Seed:   uint64(b.integer("seed", 0, 1<<53)),
	}
}

func (d *decoder) models(target *hcl.Block, blocks hcl.Blocks) []Model {
	if len(blocks) == 0 {
		d.fail(target.DefRange.Ptr(), "No model", "A target serves at least one model. Add a block: model \"NAME\" { }.")
	}
	declared := map[string]int{} // lines
	for _, blk := range blocks {
		if line, ok := declared[blk.Labels[0]]; ok {
			d.fail(blk.LabelRanges[0].Ptr(), "Duplicate model", "This target declares the model %q already at line %d.", blk.Labels[0], line)
			continue
		}
		declared[blk.Labels[0]] = blk.DefRange.Start.Line
	}
	list := make([]Model, 0, len(blocks))
	for _, blk := range blocks {
		list = append(list, d.model(blk, declared))
	}
	return list
}

func (d *decoder) model(blk *hcl.Block, declared map[string]int) Model {
	b := block{ctx: d.ctx, header: blk.DefRange, diags: d.diags}
	b.read(blk.Body, &hcl.BodySchema{Attributes: attributes("upstream", "aliases", "context_tokens",
		"cost_per_mtok", "quality", "ttft_hint", "tpot_hint")})
	m := Model{
		Name:          blk.Labels[0],
		Upstream:      cmp.Or(b.string("upstream"), blk.Labels[0]),
		ContextTokens: int(b.integer("context_tokens", 1, 1_000_000_000)),
		Quality:       b.number("quality", 0, 100),
		TTFTHint:      b.duration("ttft_hint"),
		TPOTHint:      b.duration("tpot_hint"),
	}
	b.modelName(blk.LabelRanges[0].Ptr(), m.Name)
	aliases, secret := b.strings("aliases")
	if secret {
		b.fail(b.at("aliases"), "Sensitive value", "aliases are shown to clients, so they must not come from env() or file(). Write them out.")
		return m
	}
	for i, alias := range aliases {
		at := b.element("aliases", i)
		line, taken := declared[alias]
		switch {
		case !b.modelName(at, alias):
		case slices.Contains(m.Aliases, alias):
			b.fail(at, "Duplicate alias", "%q is listed twice.", alias)
		case taken:
			b.fail(at, "Alias of a declared model", "%q is the name of the model at line %d of this target. Give the alias another name.", alias, line)
		default:
			m.Aliases = append(m.Aliases, alias)
		}
	}
	if n, ok := b.numbers("cost_per_mtok", []string{"input", "output"}, []string{"cached_input"}); ok {
		m.Price = engine.Price{Input: n["input"], Output: n["output"], CachedInput: n["input"], Known: true}
		if c, ok := n["cached_input"]; ok {
			m.Price.CachedInput = c
		}
	}
	return m
}

// modelName checks what a client may write as its model.
func (b *block) modelName(at *hcl.Range, name string) bool {
	switch {
	case name == auto:
		b.fail(at, "Reserved name", "\"auto\" stands for every model. Choose another name.")
	case name == "" || len(name) > 200 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > 0x7e }):
		b.fail(at, "Unusable name", "The name of a model has 1 to 200 characters of printable ASCII without spaces.")
	default:
		return true
	}
	return false
}

func validName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsAny(s[:1], "._-") &&
		!strings.ContainsFunc(s, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("._-", r) })
}

func validHeader(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !alphanumeric(r) && r != '-' })
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// reservedHeader says whether a header belongs to the connection, to the body or
// to what Sallyport itself sends.
func reservedHeader(canonical string) bool {
	switch canonical {
	case "Host", "Connection", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Te", "Trailer",
		"Upgrade", "Expect", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Accept-Encoding", "Accept", "Cookie",
		"Traceparent", "Idempotency-Key":
		return true
	}
	return false
}
