package bundle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits on the time of a download.
const (
	connectTimeout  = 10 * time.Second
	downloadTimeout = time.Minute
	maxRedirects    = 3
)

// fetcher downloads from the one host that its source names. Beside the dialer of
// targets it is what opens connections in this program; none goes elsewhere, not
// by a redirect nor by a proxy of the environment.
type fetcher struct {
	url    *url.URL
	bearer string
	client *http.Client
	limit  int64
}

// errOtherHost ends a redirect that leads away.
var errOtherHost = errors.New("the server redirects to another host, which is refused")

func newFetcher(raw, bearer string, roots *x509.CertPool, limit int64) (*fetcher, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the url must be https://HOST/PATH or http://HOST/PATH")
	case u.User != nil:
		return nil, errors.New("a password does not belong in the url; use token")
	case u.Fragment != "":
		return nil, errors.New("the url must not have a fragment")
	case bearer != "" && u.Scheme != "https" && !loopback(u.Hostname()):
		return nil, errors.New("a token goes over https only")
	}
	addr := address(u)
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &fetcher{url: u, bearer: bearer, limit: limit, client: &http.Client{
		Timeout: downloadTimeout,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
				if !strings.EqualFold(to, addr) {
					return nil, errOtherHost
				}
				return dialer.DialContext(ctx, network, to)
			},
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  2 * connectTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           1,
			IdleConnTimeout:        90 * time.Second,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // the archive is compressed, and its bytes are counted
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			switch {
			case next.URL.Scheme != u.Scheme || address(next.URL) != addr:
				return errOtherHost
			case len(via) > maxRedirects:
				return errors.New("too many redirects")
			}
			return nil
		},
	}}, nil
}

// address is the host and port of a URL, in one spelling.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// errUnchanged says that the server has nothing newer than what etag names.
var errUnchanged = errors.New("unchanged")

// fetch downloads the archive, or returns errUnchanged. Its errors hold nothing
// of what the server said but its status.
func (f *fetcher) fetch(ctx context.Context, etag string) (archive []byte, newETag string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url.String(), nil)
	if err != nil {
		return nil, "", errors.New("the url cannot be asked for")
	}
	req.Header.Set("Accept", "application/gzip, application/octet-stream")
	req.Header.Set("User-Agent", "sallyport")
	// What OPA tells a server of the kinds of bundle it takes.
	req.Header.Set("Prefer", "modes=snapshot")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	if f.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+f.bearer)
	}
	res, err := f.client.Do(req)
	if err != nil {
		var ue *url.Error // whose text repeats the URL, with a query that may be a secret
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, "", fmt.Errorf("ask %s: %w", f.url.Host, err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotModified && etag != "":
		return nil, etag, errUnchanged
	case res.StatusCode != http.StatusOK:
		return nil, "", fmt.Errorf("%s answers with status %d", f.url.Host, res.StatusCode)
	case res.ContentLength > f.limit:
		return nil, "", fmt.Errorf("the archive has %d bytes; at most %d are read", res.ContentLength, f.limit)
	}
	archive, err = io.ReadAll(io.LimitReader(res.Body, f.limit+1))
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("download from %s: %w", f.url.Host, err)
	case int64(len(archive)) > f.limit:
		return nil, "", fmt.Errorf("the archive has more than %d bytes", f.limit)
	}
	if newETag = res.Header.Get("ETag"); len(newETag) > 1<<10 {
		newETag = ""
	}
	return archive, newETag, nil
}
