package load_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/sallyport-ai/sallyport/benchmarks/load"
)

// A stand-in takes the place of the service here. A run that means something
// states a rate, a duration and a concurrency well above rate × reply time.
func ExampleRun() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\ndata: [DONE]\n\n")
	}))
	defer service.Close()

	report, err := load.Run(context.Background(), load.Config{
		URL: service.URL, Stream: true, Rate: 1000, Requests: 50, Concurrency: 8,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s loop: %d succeeded, %d failed\n", report.Loop, report.Succeeded, report.Failed)
	// Output: open loop: 50 succeeded, 0 failed
}

func ExampleConfig_remote() {
	_, err := load.Run(context.Background(), load.Config{URL: "http://192.0.2.7:8080", Requests: 1})
	fmt.Println(err)
	// Output: service address: "192.0.2.7" is not this machine; a load run against another one has to be allowed explicitly
}
