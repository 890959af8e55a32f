package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// writePiece is how much of a response may leave under one idle deadline: a
	// client that takes less than this in an idle timeout is too slow.
	writePiece = 16 << 10
	// lingerTime and lingerBytes bound how long the rest of a refused request is
	// read for the sake of a client that reads the answer only after sending all.
	// A close with unread bytes would reset the connection and lose the answer.
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
	// acceptPause is waited after the process ran out of something while
	// accepting. fasthttp would end the whole listener on such an error.
	acceptPause = 50 * time.Millisecond
)

// listener hands out connections of type *conn and knows those that are open.
type listener struct {
	net.Listener
	writeIdle time.Duration

	closing chan struct{}
	close   func() error // of Listener, once

	mu   sync.Mutex
	open map[*conn]struct{}
}

func newListener(ln net.Listener, writeIdle time.Duration) *listener {
	l := &listener{Listener: ln, writeIdle: writeIdle, closing: make(chan struct{}), open: map[*conn]struct{}{}}
	l.close = sync.OnceValue(func() error {
		close(l.closing)
		return ln.Close()
	})
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err == nil {
			c := &conn{Conn: nc, listener: l, raw: rawConn(nc)}
			l.mu.Lock()
			l.open[c] = struct{}{}
			l.mu.Unlock()
			return c, nil
		}
		if !exhausted(err) {
			return nil, err
		}
		pause := time.NewTimer(acceptPause)
		select {
		case <-pause.C:
		case <-l.closing:
			pause.Stop()
		}
	}
}

// Close may be called more than once.
func (l *listener) Close() error { return l.close() }

// closeConns ends every connection that is still open, without ceremony.
func (l *listener) closeConns() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Conn.Close()
	}
}

// exhausted says whether an accept failed for want of something that comes back.
func exhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// conn is a client's connection. fasthttp reads and writes it from one
// goroutine at a time; hungUp is called from that same goroutine.
type conn struct {
	net.Conn
	listener *listener
	raw      syscall.RawConn // nil where there is no socket to look at
	linger   bool            // unread request bytes are expected at the close
}

// Write writes p under an idle deadline that is renewed with every piece, so
// that a stream may last as long as its client keeps taking it and no longer.
func (c *conn) Write(p []byte) (int, error) {
	n := 0
	for {
		piece := p[n:min(n+writePiece, len(p))]
		if err := c.SetWriteDeadline(time.Now().Add(c.listener.writeIdle)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(piece)
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// Close closes the connection, after reading what a refused client still sends.
func (c *conn) Close() error {
	c.listener.mu.Lock()
	_, open := c.listener.open[c]
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && open && c.linger {
		if half.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	return c.Conn.Close()
}

// rawConn finds the socket below nc, through TLS where there is some.
func rawConn(nc net.Conn) syscall.RawConn {
	for {
		switch c := nc.(type) {
		case syscall.Conn:
			raw, err := c.SyscallConn()
			if err != nil {
				return nil
			}
			return raw
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}
