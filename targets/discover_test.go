package targets

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets/standin"
)

func TestDiscover(t *testing.T) {
	var probes []Probe
	add := func(name string, d engine.Dialect, url string) {
		addr, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
		probes = append(probes, Probe{name, d, addr})
	}
	for _, d := range []engine.Dialect{engine.DialectOllama, engine.DialectOpenAI} {
		s, err := standin.Start(standin.Config{Name: "x", Dialect: d, Models: []string{"first:latest", "second"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		add(string(d), d, s.URL())
	}
	for name, body := range map[string]string{"html": "<html>", "empty": `{"data":[]}`, "odd names": `{"data":[{"id":"with space"},{"id":"auto"}]}`} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }))
		t.Cleanup(s.Close)
		add(name, engine.DialectOpenAI, s.URL)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	add("gone", engine.DialectOpenAI, gone.URL)
	add("elsewhere", engine.DialectOpenAI, "http://192.0.2.1:80")

	got := map[string][]string{}
	for _, l := range Discover(t.Context(), probes) {
		got[l.Name] = l.Models
	}
	want := map[string][]string{"ollama": {"first:latest", "second"}, "openai": {"first:latest", "second"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
