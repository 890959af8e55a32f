package targets

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets/block"
)

// The postures: trust classes of targets, not ordered here.
const (
	PostureCloud      = "cloud"
	PostureGPUCluster = "gpu_cluster"
	PostureEdge       = "edge"
	PostureAirGapped  = "air_gapped"
)

// Defaults of a target's timeouts. The longest silence is that of a server that
// reads a long prompt before its first token.
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultIdleTimeout    = 60 * time.Second
)

// Target is a declared destination. Decode makes checked ones.
type Target struct {
	Name           string                  `json:"name"`
	Posture        string                  `json:"posture"`
	Dialect        engine.Dialect          `json:"dialect"`
	Endpoints      []Endpoint              `json:"endpoints"`
	Server         string                  `json:"server,omitempty"`      // the program behind it, as wire.ServerFor knows it; "": not said
	APIVersion     string                  `json:"api_version,omitempty"` // of the target's API; "": the dialect's own
	APIKey         block.Secret            `json:"api_key,omitzero"`
	Headers        map[string]block.Secret `json:"headers,omitempty"` // sent with each request
	Jurisdiction   string                  `json:"jurisdiction,omitempty"`
	Attributes     map[string]string       `json:"attributes,omitempty"`
	AllowedCIDRs   []netip.Prefix          `json:"allowed_cidrs,omitempty"` // empty: no limit, except that air_gapped then dials unix sockets alone
	MaxConcurrency int                     `json:"max_concurrency,omitempty"`
	RateLimit      RateLimit               `json:"rate_limit,omitzero"`
	ConnectTimeout time.Duration           `json:"connect_timeout_ns"` // 0: DefaultConnectTimeout
	IdleTimeout    time.Duration           `json:"idle_timeout_ns"`    // between two reads of a reply; 0: DefaultIdleTimeout
	Models         []Model                 `json:"models"`
	StandIn        *StandIn                `json:"stand_in,omitempty"`
}

// RateLimit bounds what this process sends to a target; 0: no limit.
type RateLimit struct {
	RequestsPerMinute int `json:"requests_per_minute,omitempty"`
	TokensPerMinute   int `json:"tokens_per_minute,omitempty"`
}

// Model is a model that a target serves.
type Model struct {
	Name          string             `json:"name"`
	Upstream      string             `json:"upstream"` // the target's own name for it
	Aliases       []string           `json:"aliases,omitempty"`
	Operations    []engine.Operation `json:"operations,omitempty"` // that it serves; empty: all that the dialect carries
	ContextTokens int                `json:"context_tokens,omitempty"`
	Price         engine.Price       `json:"cost_per_mtok,omitzero"`
	Quality       float64            `json:"quality,omitempty"` // 0..100
	TTFTHint      time.Duration      `json:"ttft_hint_ns,omitempty"`
	TPOTHint      time.Duration      `json:"tpot_hint_ns,omitempty"`
}

// StandIn makes a target an in-process server without a model.
type StandIn struct {
	TTFT   time.Duration `json:"ttft_ns"`
	TPOT   time.Duration `json:"tpot_ns"`
	Jitter float64       `json:"jitter"` // 0..1
	Seed   uint64        `json:"seed"`
}

// Endpoint is one base URL of a target.
type Endpoint struct {
	URL       string
	Sensitive bool // came from env() or file(): it is dialled, not shown
}

// String is the URL, or "(sensitive)".
func (e Endpoint) String() string {
	if e.Sensitive {
		return block.Hidden
	}
	return e.URL
}

// Format implements fmt.Formatter, so that every verb prints String.
func (e Endpoint) Format(f fmt.State, _ rune) {
	io.WriteString(f, e.String()) // fmt.State keeps its own errors
}

// MarshalText is String.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// address is a parsed endpoint.
type address struct {
	url    *url.URL   // scheme http or https, no trailing slash, no query
	host   string     // as dialled, without brackets
	ip     netip.Addr // of an IP literal, IPv4-mapped ones as IPv4; else invalid
	socket string     // path of a unix socket, "" otherwise
}

// parseAddress reads a base URL. The error is a sentence on how to mend it and
// holds nothing of raw.
func parseAddress(raw string) (address, error) {
	if rest, ok := strings.CutPrefix(raw, "unix://"); ok {
		return parseSocket(rest)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return address{}, fmt.Errorf("it is not a URL; write it as \"https://host:port/v1\" or \"unix:///path/to.sock:/v1\"")
	case u.Scheme != "http" && u.Scheme != "https":
		return address{}, fmt.Errorf("it must begin with http://, https:// or unix:///")
	case u.User != nil:
		return address{}, fmt.Errorf("credentials do not belong in a URL; use api_key or headers")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return address{}, fmt.Errorf("it must have no query and no fragment; the dialect adds what it needs")
	case u.Hostname() == "":
		return address{}, fmt.Errorf("it names no host")
	case strings.ContainsFunc(u.Hostname(), func(r rune) bool { return r <= ' ' || r == 0x7f || r == '%' }):
		return address{}, fmt.Errorf("its host has a zone id or a character that no host name has; write the address alone")
	}
	if p := u.Port(); p != "" && !validPort(p) {
		return address{}, fmt.Errorf("its port must be a number from 1 to 65535")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	a := address{url: u, host: u.Hostname()}
	if ip, err := netip.ParseAddr(a.host); err == nil {
		a.ip = ip.Unmap()
	}
	return a, nil
}

func parseSocket(rest string) (address, error) {
	path, base, cut := strings.Cut(rest, ":")
	if !strings.HasPrefix(path, "/") {
		return address{}, fmt.Errorf("a unix socket needs an absolute path: three slashes, as in \"unix:///run/model.sock:/v1\"")
	}
	if cut && !strings.HasPrefix(base, "/") {
		return address{}, fmt.Errorf("after the socket's path and a colon stands the path of the URL, as in \"unix:///run/model.sock:/v1\"")
	}
	if strings.ContainsAny(base, "?#") {
		return address{}, fmt.Errorf("it must have no query and no fragment; the dialect adds what it needs")
	}
	return address{
		url:    &url.URL{Scheme: "http", Host: "localhost", Path: strings.TrimRight(base, "/")},
		host:   "localhost",
		socket: path,
	}, nil
}

func validPort(p string) bool {
	n := 0
	for _, c := range p {
		if c < '0' || c > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n >= 1 && n <= 65535
}

// airGapped says why an address may not be an air-gapped target's. The error
// holds nothing of the address.
func (a address) airGapped(allowed []netip.Prefix) error {
	switch {
	case a.socket != "":
		return nil
	case !a.ip.IsValid():
		return fmt.Errorf("an air_gapped target resolves no names: write an IP address such as \"http://10.9.0.5:8000/v1\", or a unix socket")
	case !private(a.ip):
		return fmt.Errorf("an air_gapped target must be at a loopback or private address (RFC 1918, fc00::/7), or a unix socket")
	case !contains(allowed, a.ip):
		return fmt.Errorf("the address is not in allowed_cidrs; add its network there, or correct the address")
	}
	return nil
}

// private says whether an address is the host's own or one of a private network.
func private(ip netip.Addr) bool { return ip.IsLoopback() || ip.IsPrivate() }

// privatePrefix says whether every address of a network is private.
func privatePrefix(p netip.Prefix) bool {
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128"} {
		if q := netip.MustParsePrefix(s); q.Bits() <= p.Bits() && q.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

// contains says whether ip, IPv4-mapped ones taken as the IPv4 address that is
// really dialled, is in one of the networks.
func contains(networks []netip.Prefix, ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.Zone() == "" && slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(ip) })
}
