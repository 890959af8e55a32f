package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Codes of failures that carry no code of the service's own.
const (
	codeTimeout   = "timeout"
	codeRefused   = "connection_refused"
	codeTransport = "connection"
	codeCut       = "cut"       // the reply ended before its end marker
	codeMalformed = "malformed" // a reply that is not the dialect's
	codeOther     = "other"     // a code beyond the number that is told apart
)

const (
	maxLine  = 16 << 20 // of a stream, as the gateway itself allows
	maxError = 64 << 10 // of an error's body
	maxReply = 64 << 20
)

// client sends the prompts of one configuration over a pool of connections.
type client struct {
	base    string
	bodies  [][]byte // one for each prompt
	header  http.Header
	stream  bool
	timeout time.Duration
	http    *http.Client
}

func newClient(c Config) (*client, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		// err quotes the address, which may hold a password.
		return nil, errors.New("service address: not a URL; want http://HOST:PORT or https://HOST:PORT")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("service address: want http://HOST:PORT or https://HOST:PORT, nothing more")
	}
	if !c.AllowRemote && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("service address: %q is not this machine; a load run against another one has to be allowed explicitly", u.Hostname())
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !c.AllowRemote {
		// A name such as localhost can be made to resolve elsewhere.
		dialer.Control = refuseRemote
	}
	l := &client{
		base:    strings.TrimRight(u.String(), "/"),
		header:  http.Header{"Content-Type": {"application/json"}},
		stream:  c.Stream,
		timeout: c.Timeout,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:         dialer.DialContext,
				MaxIdleConnsPerHost: c.Concurrency,
				DisableCompression:  true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for name, values := range c.Header {
		for _, v := range values {
			l.header.Add(name, v)
		}
	}
	if c.APIKey != "" {
		l.header.Set("Authorization", "Bearer "+c.APIKey)
	}
	for _, p := range c.Prompts {
		body, err := json.Marshal(request{
			Model: c.Model, Messages: []message{{Role: "user", Content: p}}, Stream: c.Stream, MaxTokens: c.MaxTokens,
		})
		if err != nil {
			return nil, fmt.Errorf("request body: %w", err)
		}
		l.bodies = append(l.bodies, body)
	}
	return l, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func refuseRemote(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("refused to dial %s: it is not this machine", address)
	}
	return nil
}

func (l *client) close() { l.http.CloseIdleConnections() }

// request is an OpenAI chat request.
type request struct {
	Model     string    `json:"model"`
	Messages  []message `json:"messages"`
	Stream    bool      `json:"stream,omitempty"`
	MaxTokens int       `json:"max_tokens,omitempty"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// chunk is what matters of a streamed chunk, and of a whole reply.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content   string          `json:"content"`
			Reasoning string          `json:"reasoning_content"`
			Refusal   string          `json:"refusal"`
			ToolCalls json.RawMessage `json:"tool_calls"`
		} `json:"delta"`
	} `json:"choices"`
	Error *struct {
		Code any `json:"code"`
	} `json:"error"`
}

func (c *chunk) content() bool {
	for _, x := range c.Choices {
		if d := &x.Delta; d.Content != "" || d.Reasoning != "" || d.Refusal != "" || len(d.ToolCalls) > 0 && !bytes.Equal(d.ToolCalls, []byte("null")) {
			return true
		}
	}
	return false
}

// send sends the prompt whose turn it is and reads the reply to its end.
func (l *client) send(ctx context.Context, i int) reply {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	body := l.bodies[i%len(l.bodies)]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.base+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return reply{code: codeTransport}
	}
	req.Header = l.header.Clone()
	res, err := l.http.Do(req)
	if err != nil {
		return reply{code: transportCode(ctx, err)}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return reply{code: errorCode(res)}
	}
	if l.stream {
		return readStream(ctx, res.Body)
	}
	return readWhole(ctx, res.Body)
}

func transportCode(ctx context.Context, err error) string {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return codeTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return codeRefused
	}
	return codeTransport
}

// errorCode is the code in an error envelope, or the HTTP status.
func errorCode(res *http.Response) string {
	var c chunk
	body, err := io.ReadAll(io.LimitReader(res.Body, maxError))
	if err == nil && json.Unmarshal(body, &c) == nil {
		if code := c.code(); code != "" {
			return code
		}
	}
	return fmt.Sprint("http_", res.StatusCode)
}

// code is the code of the chunk's error where it is a word that can stand in a
// report.
func (c *chunk) code() string {
	if c.Error == nil {
		return ""
	}
	code, _ := c.Error.Code.(string)
	if len(code) > 64 || strings.ContainsFunc(code, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) {
		return ""
	}
	return code
}

func readWhole(ctx context.Context, r io.Reader) reply {
	body, err := io.ReadAll(io.LimitReader(r, maxReply))
	if err != nil {
		return reply{code: cutCode(ctx)}
	}
	var c chunk
	if json.Unmarshal(body, &c) != nil || len(c.Choices) == 0 {
		return reply{code: codeMalformed}
	}
	return reply{}
}

func cutCode(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return codeTimeout
	}
	return codeCut
}

// readStream reads server-sent events to the end marker. Chunks are parsed only
// until the first content, so that the generator spends little on long replies.
func readStream(ctx context.Context, r io.Reader) reply {
	var out reply
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		data = bytes.TrimSpace(data)
		if bytes.Equal(data, []byte("[DONE]")) {
			return out
		}
		if !out.first.IsZero() && !bytes.HasPrefix(data, []byte(`{"error"`)) {
			continue
		}
		var c chunk
		switch {
		case json.Unmarshal(data, &c) != nil:
			out.code = codeMalformed
		case c.Error != nil:
			out.code = c.code()
			if out.code == "" {
				out.code = codeCut
			}
		case c.content():
			out.first = time.Now()
		}
		if out.code != "" {
			return out
		}
	}
	out.code = cutCode(ctx)
	return out
}
