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
	"github.com/sallyport-ai/sallyport/engine/wire"
	"github.com/sallyport-ai/sallyport/targets/block"
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
		d := decoder{block.Reader{Context: ctx, Header: blk.DefRange, Diags: &diags}}
		if len(blk.Labels) != 2 { // the parser has said so already where it was given BlockHeader
			d.Fail(blk.DefRange.Ptr(), "Wrong labels", "A target is declared as target \"POSTURE\" \"NAME\" { … }.")
			continue
		}
		t := d.target(blk)
		if first, ok := seen[t.Name]; ok {
			d.Fail(blk.LabelRanges[1].Ptr(), "Duplicate target", "A target %q is declared already at line %d. Give this one another name.", t.Name, first.Start.Line)
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
type decoder struct{ block.Reader }

func targetSchema() *hcl.BodySchema {
	s := block.Schema("dialect", "server", "api_version", "base_url", "endpoints", "dns", "metrics", "api_key", "headers", "jurisdiction",
		"attributes", "max_concurrency", "rate_limit", "allowed_cidrs", "connect_timeout", "idle_timeout")
	s.Blocks = []hcl.BlockHeaderSchema{{Type: "model", LabelNames: []string{"name"}}, {Type: "stand_in"}}
	return s
}

func (d *decoder) target(blk *hcl.Block) Target {
	t := Target{Posture: blk.Labels[0], Name: blk.Labels[1]}
	content := d.Read(blk.Body, targetSchema())

	if !slices.Contains([]string{PostureCloud, PostureGPUCluster, PostureEdge, PostureAirGapped}, t.Posture) {
		d.Fail(blk.LabelRanges[0].Ptr(), "Unknown posture", "The first label of a target is its posture: cloud, gpu_cluster, edge or air_gapped.")
	}
	if !validName(t.Name) {
		d.Fail(blk.LabelRanges[1].Ptr(), "Unusable name", "A target's name is made of letters, digits, \".\", \"_\" and \"-\", begins with a letter or digit, and has at most 64 characters.")
	}
	t.Dialect = d.dialect(blk)
	t.Server = d.server()
	t.APIKey = d.Secret("api_key")
	t.Headers = d.headers()
	t.Jurisdiction = d.String("jurisdiction")
	t.Attributes = d.attributes()
	t.MaxConcurrency = int(d.Integer("max_concurrency", 1, 1_000_000))
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
	t.APIVersion = d.apiVersion(blk, &t)
	t.Models = d.models(blk, models)
	return t
}

func (d *decoder) rateLimit() RateLimit {
	m, _ := d.Numbers("rate_limit", nil, []string{"requests_per_minute", "tokens_per_minute"})
	for _, k := range slices.Sorted(maps.Keys(m)) {
		n := m[k]
		if n < 1 || n != math.Trunc(n) { // 0 would be no limit, which nobody means by it
			d.Fail(d.Member("rate_limit", k), "Wrong number", "rate_limit: %s must be a whole number from 1. Remove it for no limit.", k)
		}
	}
	return RateLimit{int(m["requests_per_minute"]), int(m["tokens_per_minute"])}
}

// timeout is a duration above zero.
func (d *decoder) timeout(name string, otherwise time.Duration) time.Duration {
	before := len(*d.Diags)
	t := d.Duration(name)
	if t == 0 && d.Has(name) && len(*d.Diags) == before {
		d.Fail(d.At(name), "No time at all", "%s must be above zero; the default is %v.", name, otherwise)
	}
	return cmp.Or(t, otherwise)
}

func (d *decoder) dialect(blk *hcl.Block) engine.Dialect {
	if !d.Has("dialect") {
		d.Fail(blk.DefRange.Ptr(), "Missing dialect", "Say which API the target speaks: dialect = \"openai\" (OpenAI, vLLM, llama.cpp, SGLang, TGI), \"azure-openai\", \"anthropic\", \"gemini\" or \"ollama\".")
		return ""
	}
	switch s := engine.Dialect(d.String("dialect")); s {
	case engine.DialectOpenAI, engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama, engine.DialectAzureOpenAI, "":
		return s
	case "vertex", "bedrock":
		d.Fail(d.At("dialect"), "Unsupported dialect", "The dialect %q is not supported in this version. Use openai, azure-openai, anthropic, gemini or ollama.", s)
	default:
		d.Fail(d.At("dialect"), "Unknown dialect", "There is no dialect %q. Use openai (also for vLLM, llama.cpp, SGLang and TGI), azure-openai, anthropic, gemini or ollama.", s)
	}
	return ""
}

// server is the name of the program behind the target.
func (d *decoder) server() string {
	s := d.String("server")
	if !d.Has("server") || slices.Contains(wire.ServerNames(), s) {
		return s
	}
	d.Fail(d.At("server"), "Unknown server", "There is no server %q. Use %s, or leave it out.", s, strings.Join(wire.ServerNames(), ", "))
	return ""
}

// azureRoot is where Azure has the API whose paths are OpenAI's own.
const azureRoot = "/openai/v1"

// apiVersion is the version of the target's API, which Azure's paths depend on.
func (d *decoder) apiVersion(blk *hcl.Block, t *Target) string {
	v := d.String("api_version")
	switch {
	case !d.Has("api_version"):
	case t.Dialect != engine.DialectAzureOpenAI && t.Dialect != engine.DialectAnthropic:
		d.Fail(d.At("api_version"), "Version of an API without any", "api_version is for targets of the dialects azure-openai and anthropic. Remove it.")
	case !validName(v):
		d.Fail(d.At("api_version"), "Unusable version", "api_version is a date such as \"2024-10-21\", or a word.")
	}
	if t.Dialect != engine.DialectAzureOpenAI {
		return v
	}
	dated := v != "" && v[0] >= '0' && v[0] <= '9'
	for i, e := range t.Endpoints {
		switch rooted := strings.HasSuffix(strings.TrimRight(e.URL, "/"), azureRoot); {
		case dated && rooted:
			d.Fail(d.endpointAt(i), "Two forms of Azure's API", "Below %s there are no dated versions: remove api_version, or end the URL at the host.", azureRoot)
		case !dated && !rooted:
			d.Fail(d.endpointAt(i), "Missing api_version", "Give a dated api_version, such as \"2024-10-21\", for an API of deployments, or end the URL in %s.", azureRoot)
		}
	}
	return v
}

func (d *decoder) headers() map[string]block.Secret {
	m, _ := d.StringMap("headers")
	if m == nil {
		return nil
	}
	out := map[string]block.Secret{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		name := textproto.CanonicalMIMEHeaderKey(k)
		at := d.Member("headers", k)
		switch {
		case !validHeader(k):
			d.Fail(at, "Unusable header", "%q is not a header's name: it may hold letters, digits and \"-\" only.", k)
		case reservedHeader(name):
			d.Fail(at, "Reserved header", "%s is set by Sallyport or by the connection; remove it.", name)
		default:
			if _, ok := out[name]; ok {
				d.Fail(at, "Duplicate header", "%s is given twice, in different case.", name)
			}
			out[name] = d.AsSecret("headers: "+name, at, m[k])
		}
	}
	return out
}

func (d *decoder) attributes() map[string]string {
	m, secret := d.StringMap("attributes")
	if secret {
		d.Fail(d.At("attributes"), "Sensitive value", "attributes are shown to policy and stand in the decision log, so they must not come from env() or file(). Write them out.")
		return nil
	}
	return m
}

// reserved speaks about attributes that are not at work in this version.
func (d *decoder) reserved() {
	if d.Has("dns") {
		d.Fail(d.At("dns"), "Unsupported attribute", "Discovery by DNS is not supported in this version. List the servers: endpoints = [\"http://10.0.0.11:8000/v1\", …].")
	}
	if p := d.String("metrics"); p != "" {
		if !strings.HasPrefix(p, "/") {
			d.Fail(d.At("metrics"), "Not a path", "metrics is a path on each endpoint, such as \"/metrics\".")
			return
		}
		d.Warn(d.At("metrics"), "Attribute without effect", "The servers' own metrics are not read in this version; load is judged by the requests that pass through Sallyport.")
	}
}

func (d *decoder) networks(posture string) []netip.Prefix {
	list, secret := d.Strings("allowed_cidrs")
	if secret {
		d.Fail(d.At("allowed_cidrs"), "Sensitive value", "allowed_cidrs is a rule that must be readable, so it must not come from env() or file(). Write it out.")
		return nil
	}
	if d.Has("allowed_cidrs") && len(list) == 0 && posture != PostureAirGapped {
		d.Fail(d.At("allowed_cidrs"), "No network", "An empty allowed_cidrs would allow nothing. List networks, or remove the attribute.")
	}
	var out []netip.Prefix
	for i, s := range list {
		p, err := netip.ParsePrefix(s)
		at := d.Element("allowed_cidrs", i)
		if ip, ipErr := netip.ParseAddr(s); err != nil && ipErr == nil && ip.Zone() == "" {
			d.Fail(at, "Not a network", "%q is an address. For it alone write \"%s/%d\".", s, s, ip.BitLen())
			continue
		}
		switch {
		case err != nil:
			d.Fail(at, "Not a network", "%q is not a network in CIDR form, such as \"10.9.0.0/16\".", s)
		case p.Addr().Is4In6():
			d.Fail(at, "IPv4-mapped network", "Write %q as an IPv4 network.", s)
		case p != p.Masked():
			d.Fail(at, "Address bits in a network", "%q has address bits after its prefix. Write %q, or a longer prefix.", s, p.Masked())
		case posture == PostureAirGapped && !privatePrefix(p):
			d.Fail(at, "Public network", "An air_gapped target may reach loopback and private networks only (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 127.0.0.0/8, fc00::/7, ::1/128).")
		default:
			out = append(out, p)
		}
	}
	return out
}

func (d *decoder) endpoints(blk *hcl.Block, t *Target) []Endpoint {
	if t.StandIn != nil {
		for _, name := range []string{"base_url", "endpoints"} {
			if d.Has(name) {
				d.Fail(d.At(name), "Endpoint of a stand-in", "A stand-in runs inside Sallyport and has no address to declare. Remove %s, or the stand_in block.", name)
			}
		}
		return nil
	}
	var list []Endpoint
	switch {
	case d.Has("base_url") && d.Has("endpoints"):
		d.Fail(d.At("endpoints"), "Two kinds of endpoints", "Give base_url for one server or endpoints for several, not both.")
		return nil
	case d.Has("base_url"):
		v, secret := d.url("base_url")
		if v == "" {
			return nil
		}
		list = []Endpoint{{v, secret}}
	case d.Has("endpoints"):
		urls, secret := d.Strings("endpoints")
		for _, u := range urls {
			list = append(list, Endpoint{u, secret})
		}
		if len(urls) == 0 {
			d.Fail(d.At("endpoints"), "No endpoint", "endpoints must list at least one base URL.")
		}
	case !d.Has("dns"):
		d.Fail(blk.DefRange.Ptr(), "No endpoint", "Say where the target is: base_url = \"https://host/v1\", or endpoints = [ … ] for several servers.")
	}
	seen := map[string]bool{}
	for i, e := range list {
		at := d.endpointAt(i)
		shown := e.String()
		if strings.ContainsAny(e.URL, "@?#") { // where credentials would stand
			shown = block.Hidden
		}
		a, err := parseAddress(e.URL)
		if err != nil {
			d.Fail(at, "Unusable URL", "%q: %v.", shown, err)
			continue
		}
		if seen[e.URL] {
			d.Fail(at, "Duplicate endpoint", "%q is listed twice.", shown)
		}
		seen[e.URL] = true
		if t.Posture == PostureAirGapped {
			if err := a.airGapped(t.AllowedCIDRs); err != nil {
				d.Fail(at, "Address outside the air gap", "%q: %v.", shown, err)
			}
		} else if a.ip.IsValid() && len(t.AllowedCIDRs) > 0 && !contains(t.AllowedCIDRs, a.ip) {
			d.Fail(at, "Address outside allowed_cidrs", "%q is not in allowed_cidrs; the dialer would refuse it.", shown)
		}
		if root := rootOf(t.Dialect); a.url.Path == "" && root != "" {
			d.Warn(at, "URL without a path", "%q: servers of the %s dialect usually answer below %s. Append it unless this one does not.", shown, t.Dialect, root)
		}
		if a.socket == "" && a.url.Scheme == "http" && t.Posture == PostureCloud && !a.local() {
			d.Warn(at, "Unencrypted cloud target", "%q carries prompts and the API key unencrypted. Use https://.", shown)
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
	v, secret, ok := d.Value(name, cty.String, "a string")
	if !ok {
		return "", false
	}
	if v.AsString() == "" {
		d.Fail(d.At(name), "Unusable URL", "%s is empty.", name)
	}
	return v.AsString(), secret
}

// endpointAt is where the i-th endpoint stands.
func (d *decoder) endpointAt(i int) *hcl.Range {
	if d.Has("base_url") {
		return d.At("base_url")
	}
	return d.Element("endpoints", i)
}

// local says whether an address is this host itself.
func (a address) local() bool { return a.host == "localhost" || a.ip.IsValid() && a.ip.IsLoopback() }

func (d *decoder) standIn(blocks hcl.Blocks) *StandIn {
	for i, blk := range blocks {
		if i > 0 {
			d.Fail(blk.DefRange.Ptr(), "Duplicate stand_in", "A target has at most one stand_in block.")
		}
	}
	if len(blocks) == 0 {
		return nil
	}
	b := block.Reader{Context: d.Context, Header: blocks[0].DefRange, Diags: d.Diags}
	b.Read(blocks[0].Body, block.Schema("ttft", "tpot", "jitter", "seed"))
	return &StandIn{
		TTFT:   b.Duration("ttft"),
		TPOT:   b.Duration("tpot"),
		Jitter: b.Number("jitter", 0, 1),
		Seed:   uint64(b.Integer("seed", 0, 1<<53)),
	}
}

func (d *decoder) models(target *hcl.Block, blocks hcl.Blocks) []Model {
	if len(blocks) == 0 {
		d.Fail(target.DefRange.Ptr(), "No model", "A target serves at least one model. Add a block: model \"NAME\" { }.")
	}
	declared := map[string]int{} // lines
	for _, blk := range blocks {
		if line, ok := declared[blk.Labels[0]]; ok {
			d.Fail(blk.LabelRanges[0].Ptr(), "Duplicate model", "This target declares the model %q already at line %d.", blk.Labels[0], line)
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
	b := block.Reader{Context: d.Context, Header: blk.DefRange, Diags: d.Diags}
	b.Read(blk.Body, block.Schema("upstream", "aliases", "operations", "context_tokens",
		"cost_per_mtok", "quality", "ttft_hint", "tpot_hint"))
	m := Model{
		Name:          blk.Labels[0],
		Upstream:      cmp.Or(b.String("upstream"), blk.Labels[0]),
		ContextTokens: int(b.Integer("context_tokens", 1, 1_000_000_000)),
		Quality:       b.Number("quality", 0, 100),
		TTFTHint:      b.Duration("ttft_hint"),
		TPOTHint:      b.Duration("tpot_hint"),
	}
	modelName(&b, blk.LabelRanges[0].Ptr(), m.Name)
	aliases, secret := b.Strings("aliases")
	if secret {
		b.Fail(b.At("aliases"), "Sensitive value", "aliases are shown to clients, so they must not come from env() or file(). Write them out.")
		return m
	}
	for i, alias := range aliases {
		at := b.Element("aliases", i)
		line, taken := declared[alias]
		switch {
		case !modelName(&b, at, alias):
		case slices.Contains(m.Aliases, alias):
			b.Fail(at, "Duplicate alias", "%q is listed twice.", alias)
		case taken:
			b.Fail(at, "Alias of a declared model", "%q is the name of the model at line %d of this target. Give the alias another name.", alias, line)
		default:
			m.Aliases = append(m.Aliases, alias)
		}
	}
	m.Operations = operations(&b)
	m.Price = price(&b)
	return m
}

// operations reads what a model is for.
func operations(b *block.Reader) []engine.Operation {
	list, _ := b.Strings("operations")
	var out []engine.Operation
	for i, s := range list {
		switch op := engine.Operation(s); op {
		case engine.OpChat, engine.OpCompletion, engine.OpEmbeddings:
			out = append(out, op)
		default:
			b.Fail(b.Element("operations", i), "Unknown operation", "operations lists \"chat\", \"completion\" and \"embeddings\".")
		}
	}
	if b.Has("operations") && len(list) == 0 {
		b.Fail(b.At("operations"), "No operation", "A model without an operation would serve nothing. List some, or remove the attribute for all of them.")
	}
	return out
}

// modelName checks what a client may write as its model.
func modelName(b *block.Reader, at *hcl.Range, name string) bool {
	switch {
	case name == auto:
		b.Fail(at, "Reserved name", "\"auto\" stands for every model. Choose another name.")
	case !usableModelName(name):
		b.Fail(at, "Unusable name", "The name of a model has 1 to 200 characters of printable ASCII without spaces.")
	default:
		return true
	}
	return false
}

func usableModelName(name string) bool {
	return name != "" && name != auto && len(name) <= 200 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > 0x7e })
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
