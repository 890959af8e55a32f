//go:build unix && !linux

package gateway

import "golang.org/x/sys/unix"

// hungUp says whether the client has closed the connection. Without Linux's
// POLLRDHUP it is a look with MSG_PEEK, which takes nothing from the socket but
// misses a close that lies behind bytes not read yet; such a client is noticed
// at the next write.
func (c *conn) hungUp() bool {
	if c.raw == nil {
		return false
	}
	gone := false
	err := c.raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err == unix.ECONNRESET
	})
	return gone || err != nil
}
