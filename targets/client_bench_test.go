package targets

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// BenchmarkUpstreamClient compares the two clients that could carry requests to
// targets, bare, over loopback: a unary reply of 1 KB and a stream of 64
// chunks that are read as they come. cpu-µs/op is the process's user and system
// time, the same server included in both.
func BenchmarkUpstreamClient(b *testing.B) {
	unary := []byte(strings.Repeat("x", 1024))
	chunk := []byte("data: " + strings.Repeat("y", 120) + "\n\n")
	request := []byte(strings.Repeat("z", 1024))
	server := serveRaw(b, func(path string, w *bufio.Writer) {
		if path == "/unary" {
			fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(unary))
			w.Write(unary)
			w.Flush()
			return
		}
		io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 64 {
			fmt.Fprintf(w, "%x\r\n%s\r\n", len(chunk), chunk)
			w.Flush()
		}
		io.WriteString(w, "0\r\n\r\n")
		w.Flush()
	})
	want := map[string]int{"/unary": len(unary), "/stream": 64 * len(chunk)}

	std := newTransport((&dialer{timeout: time.Second}).dial, time.Second)
	defer std.CloseIdleConnections()
	fast := &fasthttp.HostClient{Addr: server, StreamResponseBody: true}
	defer fast.CloseIdleConnections()
	buf := make([]byte, 32<<10)
	clients := map[string]func(path string) int{
		"nethttp": func(path string) int {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+server+path, bytes.NewReader(request))
			if err != nil {
				b.Fatal(err)
			}
			resp, err := std.RoundTrip(req)
			if err != nil {
				b.Fatal(err)
			}
			defer resp.Body.Close()
			return drain(b, resp.Body, buf)
		},
		"fasthttp": func(path string) int {
			req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			defer fasthttp.ReleaseRequest(req)
			defer fasthttp.ReleaseResponse(resp)
			req.SetRequestURI("http://" + server + path)
			req.Header.SetMethod(http.MethodPost)
			req.SetBodyRaw(request)
			if err := fast.Do(req, resp); err != nil {
				b.Fatal(err)
			}
			defer resp.CloseBodyStream()
			return drain(b, resp.BodyStream(), buf)
		},
	}
	for _, path := range []string{"/unary", "/stream"} {
		for _, name := range []string{"nethttp", "fasthttp"} {
			b.Run(name+path, func(b *testing.B) {
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					if n := clients[name](path); n != want[path] {
						b.Fatalf("read %d bytes, want %d", n, want[path])
					}
				}
				b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
			})
		}
	}
}

func drain(b *testing.B, r io.Reader, buf []byte) int {
	total := 0
	for {
		n, err := r.Read(buf)
		total += n
		if err == io.EOF {
			return total
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serveRaw answers requests with as little work of its own as can be.
func serveRaw(b *testing.B, reply func(path string, w *bufio.Writer)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in, out := bufio.NewReader(c), bufio.NewWriter(c)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					path := strings.Fields(line)[1]
					length := 0
					for line != "\r\n" {
						if line, err = in.ReadString('\n'); err != nil {
							return
						}
						fmt.Sscanf(strings.ToLower(line), "content-length: %d", &length)
					}
					if _, err := in.Discard(length); err != nil {
						return
					}
					reply(path, out)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// BenchmarkForward is one whole try: writing the request, the exchange, reading
// the reply, at a stand-in without delays.
func BenchmarkForward(b *testing.B) {
	decl := declare("demo", PostureEdge, "openai")
	decl.StandIn = &StandIn{}
	s := newSet(b, decl)
	for name, body := range map[string]string{"unary": unaryBody, "stream": streamBody} {
		req := chat(b, body)
		a := attempt(b, s, req)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Forward(b.Context(), a, discard{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
