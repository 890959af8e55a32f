package targets

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets/standin"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// TestDialRefuses checks addresses that a dialer must not connect to. A
// listener stands where each of them leads, so that a refusal is not for want of
// an answer.
func TestDialRefuses(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 16)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	loopback := prefixes("127.0.0.0/8")
	for _, tc := range []struct {
		name      string
		airGapped bool
		allowed   []netip.Prefix
		host      string
		ok        bool
	}{
		{"allowed", true, loopback, "127.0.0.1", true},
		{"allowed, IPv4-mapped", true, loopback, "[::ffff:127.0.0.1]", true},
		{"no network allowed", true, nil, "127.0.0.1", false},
		{"outside", true, prefixes("10.0.0.0/8"), "127.0.0.1", false},
		{"outside, IPv4-mapped", true, prefixes("10.0.0.0/8"), "[::ffff:127.0.0.1]", false},
		{"IPv4-mapped in an IPv6 network", true, prefixes("::/0"), "[::ffff:127.0.0.1]", false},
		{"public, though allowed", true, prefixes("0.0.0.0/0"), "8.8.8.8", false},
		{"unspecified", true, prefixes("0.0.0.0/0"), "0.0.0.0", false},
		{"unspecified IPv6", true, prefixes("::/0"), "[::]", false},
		{"empty host", true, loopback, "", false},
		{"multicast", true, prefixes("0.0.0.0/0"), "224.0.0.1", false},
		{"name", true, loopback, "localhost", false},
		{"decimal", true, loopback, "2130706433", false},
		{"hexadecimal", true, loopback, "0x7f000001", false},
		{"short", true, loopback, "127.1", false},
		{"octal", true, loopback, "0177.0.0.1", false},
		{"zone", true, prefixes("fe80::/10"), "[fe80::1%lo]", false},
		{"link-local", true, prefixes("169.254.0.0/16"), "169.254.169.254", false},

		{"cloud without limits", false, nil, "127.0.0.1", true},
		{"cloud, name inside", false, prefixes("127.0.0.0/8", "::1/128"), "localhost", true},
		{"cloud, name that resolves outside", false, prefixes("10.0.0.0/8"), "localhost", false},
		{"cloud, unspecified", false, prefixes("0.0.0.0/0", "::/0"), "0.0.0.0", false},
		{"cloud, empty host", false, prefixes("10.0.0.0/8"), "", false},
		{"cloud, outside", false, prefixes("10.0.0.0/8"), "[::ffff:127.0.0.1]", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &dialer{airGapped: tc.airGapped, allowed: tc.allowed, timeout: 2 * time.Second}
			c, err := d.dial(t.Context(), "tcp", tc.host+":"+port)
			if tc.ok {
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
				(<-accepted).Close()
				return
			}
			if err == nil {
				c.Close()
				t.Fatalf("connected to %s", tc.host)
			}
			if !errors.Is(err, errRefusedAddress) {
				t.Errorf("error = %v, want a refusal", err)
			}
		})
	}
	l.Close()
	for range accepted {
		t.Error("a refused dial reached the listener")
	}
}

// TestDialChecksWhatIsDialled gives a resolver that answers with an address
// outside: the name is harmless, the address is refused.
func TestDialChecksWhatIsDialled(t *testing.T) {
	var asked atomic.Bool
	d := &dialer{allowed: prefixes("10.0.0.0/8"), timeout: 2 * time.Second, resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			asked.Store(true)
			near, far := net.Pipe()
			go answerDNS(far, [4]byte{127, 0, 0, 1})
			return near, nil
		},
	}}
	_, err := d.dial(t.Context(), "tcp", "inside.example:80")
	if !asked.Load() || !errors.Is(err, errRefusedAddress) {
		t.Errorf("resolver asked: %v, error = %v; want a refusal after the answer", asked.Load(), err)
	}
}

// answerDNS answers one A query over a stream (RFC 1035, 4.2.2) with ip, and
// others with nothing.
func answerDNS(c net.Conn, ip [4]byte) {
	defer c.Close()
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	for err == nil && n < 2 {
		var m int
		m, err = c.Read(buf[n:])
		n += m
	}
	size := 2 + int(buf[0])<<8 + int(buf[1])
	for err == nil && n < size {
		var m int
		m, err = c.Read(buf[n:])
		n += m
	}
	if err != nil {
		return
	}
	q := buf[2:size]
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	question := q[12 : end+5]
	isA := question[len(question)-3] == 1
	reply := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if isA {
		reply[7] = 1
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		reply = append(reply, ip[:]...)
	}
	c.Write(append([]byte{byte(len(reply) >> 8), byte(len(reply))}, reply...))
}

func TestDialSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &dialer{airGapped: true, socket: path, timeout: time.Second}
	c, err := d.dial(t.Context(), "tcp", "8.8.8.8:80") // whatever is asked for
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.RemoteAddr().String(); got != path {
		t.Errorf("connected to %s, want the socket", got)
	}
}

// TestAirGapHoldsBeyondDecode builds declarations that Decode would refuse.
func TestAirGapHoldsBeyondDecode(t *testing.T) {
	for _, u := range []string{"http://localhost:1/v1", "http://8.8.8.8/v1", "http://10.0.0.1/v1", "http://[::]:1/v1"} {
		decl := declare("vault", PostureAirGapped, engine.DialectOpenAI, u)
		decl.AllowedCIDRs = prefixes("127.0.0.0/8")
		if s, err := New(Config{Targets: []Target{decl}}); err == nil {
			s.Close()
			t.Errorf("New accepts %s", u)
		}
	}
}

// TestAirGapRedirect checks that a server inside the air gap cannot send a
// request out of it.
func TestAirGapRedirect(t *testing.T) {
	outside := startStandIn(t, standin.Config{})
	inside := startStandIn(t, standin.Config{})
	inside.SetFault(standin.Fault{Kind: standin.FaultRedirect, Location: strings.Replace(outside.URL(), "127.0.0.1", "localhost", 1)})
	decl := declare("vault", PostureAirGapped, engine.DialectOpenAI, inside.URL())
	decl.AllowedCIDRs = prefixes("127.0.0.1/32")
	s := newSet(t, decl)
	_, _, err := forward(t, s, chat(t, unaryBody))
	if e := upstreamError(t, err, codeStatus); e.Status != 307 {
		t.Errorf("status = %d", e.Status)
	}
	if n := outside.Requests(); n != 0 {
		t.Errorf("the place redirected to saw %d requests", n)
	}
}

// TestForwardRefusedAddress checks that a refusal is told from a server that is
// down.
func TestForwardRefusedAddress(t *testing.T) {
	srv := startStandIn(t, standin.Config{})
	decl := declare("office", PostureEdge, engine.DialectOpenAI, strings.Replace(srv.URL(), "127.0.0.1", "localhost", 1))
	decl.AllowedCIDRs = prefixes("10.0.0.0/8")
	s := newSet(t, decl)
	_, _, err := forward(t, s, chat(t, unaryBody))
	upstreamError(t, err, codeRefusedAddress)
	if n := srv.Requests(); n != 0 {
		t.Errorf("the server saw %d requests", n)
	}
}
