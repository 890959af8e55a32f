package gateway

import "golang.org/x/sys/unix"

// hungUp says whether the client has closed its side of the connection or the
// connection is broken. It takes nothing from the socket: poll's POLLRDHUP
// reports a FIN that lies behind bytes not read yet, such as a pipelined request
// or the close_notify of TLS, which a look with MSG_PEEK would take for a live
// client. A client that only half-closes counts as gone: HTTP clients do not do
// that while they wait for an answer.
func (c *conn) hungUp() bool {
	if c.raw == nil {
		return false
	}
	gone := false
	err := c.raw.Control(func(fd uintptr) {
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} // #nosec G115: descriptors are small
		n, err := unix.Poll(fds[:], 0)
		gone = err == nil && n > 0 &&
			fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
	})
	return gone || err != nil
}
