package wire

import (
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// TestCountTokens: a count is asked of a target whose API has one, in the client's
// own words or rebuilt, and is left to others otherwise.
func TestCountTokens(t *testing.T) {
	read := func(version string) *engine.Request {
		t.Helper()
		req, err := AnthropicMessages{}.ReadRequest(&Inbound{Body: []byte(`{"model":"m","stream":true,"x":1,"tools":[{"name":"f","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"hi"}]}`),
			Verb: countVerb, Header: func(name string) string {
				if name == "anthropic-version" {
					return version
				}
				return ""
			}}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	req := read(anthropic2023)
	if req.Operation != engine.OpCountTokens || req.Stream {
		t.Fatalf("%+v", req)
	}
	up, err := Anthropic{}.WriteRequest(req, &Upstream{Model: "u", MaxOutputTokens: 5})
	if want := `{"model":"u","stream":true,"x":1,"tools":[{"name":"f","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"hi"}]}`; err != nil ||
		up.Path != "/messages/count_tokens" || string(up.Body) != want || up.Stream {
		t.Errorf("%v: %s %s", err, up.Path, up.Body)
	}
	up, err = Anthropic{}.WriteRequest(read(anthropic2023), &Upstream{Model: "u", Version: anthropic2026})
	if want := `{"model":"u","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}`; err != nil ||
		up.Path != "/messages/count_tokens" || string(up.Body) != want {
		t.Errorf("%v: %s %s", err, up.Path, up.Body)
	}
	ollama, _ := ServerFor("ollama")
	if up, err = (Anthropic{}).WriteRequest(req, &Upstream{Model: "u", Server: ollama}); err != nil || !up.Local {
		t.Errorf("%v: %+v", err, up)
	}

	for body, want := range map[string]string{
		`{"input_tokens":17}`: `{"input_tokens":17}`,
		`{"input_tokens":0}`:  `{"input_tokens":0}`,
		`{"tokens":17}`:       "",
		`{"input_tokens":-1}`: `{"input_tokens":6}`, // no count: the estimate
	} {
		frames, err := readAll(Anthropic{}.NewReader(req, &Upstream{}), []byte(body), 3)
		rep := AnthropicMessages{}.NewReply(req)
		var out []byte
		for i := range frames {
			if _, err := rep.Frame(nil, &frames[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err == nil {
			out, err = rep.End(nil)
		}
		if string(out) != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v", body, out, err)
		}
	}
}
