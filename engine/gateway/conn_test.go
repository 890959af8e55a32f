package gateway

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// A client that sends all of a request that is refused for its size, and only
// then reads, still gets the answer.
func TestRefusalReachesClientThatIsStillSending(t *testing.T) {
	ts := start(t, &fakeHandler{}, func(c *Config) { c.Limits.MaxBodyBytes = 1000 })
	c := dial(t, ts.addr)
	c.send(post(chatPath, strings.Repeat("x", 16<<20)))
	resp, body := c.read()
	if e := decodeError(t, body); resp.StatusCode != 413 || e.Error.Code != engine.CodeTooLarge {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// scarce is a listener that runs out of descriptors before it has a connection.
type scarce struct {
	net.Listener
	failures int
	conn     net.Conn
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.failures > 0 {
		s.failures--
		return nil, &net.OpError{Op: "accept", Err: &net.OpError{Err: syscall.EMFILE}}
	}
	if c := s.conn; c != nil {
		s.conn = nil
		return c, nil
	}
	return nil, io.EOF
}

func (*scarce) Close() error { return nil }

func TestListenerSurvivesWantOfDescriptors(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	ln := newListener(&scarce{failures: 2, conn: a}, time.Second)
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if len(ln.open) != 0 {
		t.Error("a closed connection is still known")
	}
	if _, err := ln.Accept(); !errors.Is(err, io.EOF) {
		t.Errorf("an error of another kind: %v", err)
	}
}

// pieces is a connection that notes the order of deadlines and writes.
type pieces struct {
	net.Conn
	log  []int // bytes written, 0 for a deadline set
	fail int   // the write that fails
}

func (p *pieces) SetWriteDeadline(t time.Time) error {
	if time.Until(t) <= 0 {
		return errors.New("the deadline lies in the past")
	}
	p.log = append(p.log, 0)
	return nil
}

func (p *pieces) Write(b []byte) (int, error) {
	p.log = append(p.log, len(b))
	if p.fail--; p.fail == 0 {
		return len(b) / 2, errClientGone
	}
	return len(b), nil
}

func TestEveryPieceHasItsDeadline(t *testing.T) {
	p := &pieces{}
	c := &conn{Conn: p, listener: newListener(nil, time.Hour)}
	n, err := c.Write(make([]byte, 2*writePiece+7))
	if want := []int{0, writePiece, 0, writePiece, 0, 7}; n != 2*writePiece+7 || err != nil || !cmp.Equal(p.log, want) {
		t.Errorf("%d %v %v", n, err, p.log)
	}
	p = &pieces{fail: 2}
	c.Conn = p
	if n, err := c.Write(make([]byte, 3*writePiece)); n != writePiece+writePiece/2 || !errors.Is(err, errClientGone) {
		t.Errorf("a write that fails: %d %v", n, err)
	}
}
