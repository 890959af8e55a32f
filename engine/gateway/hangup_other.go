//go:build !unix

package gateway

// hungUp cannot tell here: a client that is gone is noticed at the next write.
func (c *conn) hungUp() bool { return false }
