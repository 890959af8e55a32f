package targets

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// Probe is a place on this machine where an inference server may be.
type Probe struct {
	Name    string // of the target to be made of it
	Dialect engine.Dialect
	Addr    string // IP and port
}

// Local is an inference server that answered a probe.
type Local struct {
	Probe
	BaseURL string
	Models  []string // its own names for them, in its order
}

// LocalProbes are the usual ports of servers that people run on their own
// machine: Ollama's, and those of llama.cpp and vLLM.
func LocalProbes() []Probe {
	return []Probe{
		{"ollama", engine.DialectOllama, "127.0.0.1:11434"},
		{"llama-8080", engine.DialectOpenAI, "127.0.0.1:8080"},
		{"llama-8000", engine.DialectOpenAI, "127.0.0.1:8000"},
	}
}

// discoverTimeout bounds all probes together: a server on the same machine lists
// its models in milliseconds.
const discoverTimeout = 500 * time.Millisecond

// Discover asks each probe for its models and returns those that named some, in
// the order of the probes. It dials loopback addresses only and sends nothing but
// the question.
func Discover(ctx context.Context, probes []Probe) []Local {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	found := make([]Local, len(probes))
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() { found[i] = discover(ctx, p) })
	}
	wg.Wait()
	return slices.DeleteFunc(found, func(l Local) bool { return len(l.Models) == 0 })
}

func discover(ctx context.Context, p Probe) Local {
	d := dialer{airGapped: true, timeout: discoverTimeout, allowed: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	transport := newTransport(d.dial, discoverTimeout)
	defer transport.CloseIdleConnections()
	local := Local{Probe: p, BaseURL: "http://" + p.Addr}
	path := "/api/tags"
	if p.Dialect != engine.DialectOllama {
		local.BaseURL += "/v1"
		path = "/models"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, local.BaseURL+path, nil)
	if err != nil {
		return Local{}
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return Local{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		return Local{}
	}
	var list struct {
		Models []struct{ Name string } // Ollama
		Data   []struct{ ID string }   // OpenAI
	}
	if json.Unmarshal(body, &list) != nil {
		return Local{} // something else listens there
	}
	for _, m := range list.Models {
		local.Models = append(local.Models, m.Name)
	}
	if p.Dialect != engine.DialectOllama {
		local.Models = nil // llama.cpp lists its models in both forms
		for _, m := range list.Data {
			local.Models = append(local.Models, m.ID)
		}
	}
	local.Models = slices.DeleteFunc(local.Models, func(m string) bool { return !usableModelName(m) })
	return local
}
