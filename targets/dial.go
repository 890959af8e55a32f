package targets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// errRefusedAddress is in the chain of every error of a dial that the target's
// declaration does not allow.
var errRefusedAddress = errors.New("the target's declaration does not allow this address")

// errNoNames is what an air-gapped target's resolver answers.
var errNoNames = errors.New("an air_gapped target resolves no names")

// dialer opens the connections of one target. Nothing else in this program
// opens one on behalf of a request.
//
// The addresses of allowed are checked where the kernel is about to connect, on
// the address that is really dialled: after name resolution, so that a name
// that resolves elsewhere, or to something else the second time, gains nothing.
type dialer struct {
	airGapped bool
	allowed   []netip.Prefix
	socket    string // dialled in place of the given address where not ""
	timeout   time.Duration
	resolver  *net.Resolver // nil: the system's
}

// dial connects to addr, "host:port".
func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nd := net.Dialer{Timeout: d.timeout, KeepAlive: 15 * time.Second, Resolver: d.resolver, ControlContext: d.control}
	if d.socket != "" {
		return nd.DialContext(ctx, "unix", d.socket)
	}
	if d.airGapped {
		ap, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRefusedAddress, errNoNames)
		}
		if err := d.check(ap.Addr()); err != nil {
			return nil, err
		}
		// The resolver is not asked for an IP literal. Should that ever change, this
		// one answers nothing.
		nd.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, fmt.Errorf("%w: %w", errRefusedAddress, errNoNames)
		}}
	}
	return nd.DialContext(ctx, network, addr)
}

// control runs when the socket exists and is not yet connected.
func (d *dialer) control(_ context.Context, network, addr string, _ syscall.RawConn) error {
	if network == "unix" {
		if addr != d.socket {
			return errRefusedAddress
		}
		return nil
	}
	if !d.airGapped && len(d.allowed) == 0 {
		return nil
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefusedAddress, err)
	}
	return d.check(ap.Addr())
}

// check refuses an address outside the allowed networks, and the unspecified
// one in any case: the kernel takes it for the host itself.
func (d *dialer) check(ip netip.Addr) error {
	ip = ip.Unmap()
	if ip.IsUnspecified() || ip.IsMulticast() || !contains(d.allowed, ip) || d.airGapped && !private(ip) {
		return fmt.Errorf("%w: %s is outside allowed_cidrs", errRefusedAddress, ip)
	}
	return nil
}
