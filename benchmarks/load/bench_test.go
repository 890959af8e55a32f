package load

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkGenerator measures what one request costs the generator and a server
// that does nothing: the least that any measurement with it can show.
func BenchmarkGenerator(b *testing.B) {
	for _, stream := range []bool{false, true} {
		b.Run(fmt.Sprint("stream=", stream), func(b *testing.B) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if !stream {
					io.WriteString(w, `{"choices":[{}]}`)
					return
				}
				for range 64 {
					io.WriteString(w, chunkText)
				}
				io.WriteString(w, chunkDone)
			}))
			defer srv.Close()
			c, err := Config{URL: srv.URL, Requests: 1, Stream: stream}.check()
			if err != nil {
				b.Fatal(err)
			}
			client, err := newClient(c)
			if err != nil {
				b.Fatal(err)
			}
			defer client.close()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if r := client.send(b.Context(), i); r.code != "" {
					b.Fatal(r.code)
				}
			}
		})
	}
}
