package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/server/types"
)

var opaServer = flag.String("opa", "", "URL of `opa run --server testdata/opa` to record its answers from")

// exchange is a request to the Data API and what OPA answers.
type exchange struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   string          `json:"body,omitempty"`
	Status int             `json:"status"`
	Answer json.RawMessage `json:"answer"`
}

// ask sends a request as OPA's Go clients do and reads the answer into OPA's own
// types. What differs from call to call is taken out.
func (x *exchange) ask(t *testing.T, base, key string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(x.Method, base+x.Path, strings.NewReader(x.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: %v", x.Method, x.Path, res.Header)
	}
	var out any
	if res.StatusCode == http.StatusOK {
		var a types.DataResponseV1
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&a); err != nil {
			t.Fatalf("%s %s: %v: %s", x.Method, x.Path, err, raw)
		}
		if key != "" && a.DecisionID == "" {
			t.Errorf("%s %s: no decision id", x.Method, x.Path)
		}
		a.DecisionID = ""
		out = a
	} else {
		var e struct {
			Code   string `json:"code"`
			Errors []struct {
				Code     string `json:"code"`
				Message  string `json:"message"`
				Location struct {
					File string `json:"file"`
					Row  int    `json:"row"`
					Col  int    `json:"col"`
				} `json:"location"`
			} `json:"errors,omitempty"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatalf("%s %s: %v: %s", x.Method, x.Path, err, raw)
		}
		for i := range e.Errors {
			e.Errors[i].Location.File = filepath.Base(e.Errors[i].Location.File)
		}
		out = e
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// The Data API answers as OPA 1.22's server does, for the same policies. The
// answers in testdata/opa/answers.json were recorded from that server.
func TestDataAPIAnswersAsOPA(t *testing.T) {
	file := filepath.Join("testdata", "opa", "answers.json")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if *opaServer != "" {
		for i := range all {
			status, answer := all[i].ask(t, *opaServer, "")
			all[i].Status, all[i].Answer = status, json.RawMessage(answer)
		}
		raw, err := json.MarshalIndent(all, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(raw, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	policies, err := filepath.Abs(filepath.Join("testdata", "opa"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules", "none.rego"), "package sallyport.rules.none\n\ndeny contains {\"code\": \"x\", \"message\": \"m\"} if input.request.model == \"x\"\n")
	config := strings.Replace(bundledConfig[:strings.Index(bundledConfig, "policy {")]+bundledConfig[strings.Index(bundledConfig, "target "):], "anonymous = true", "\n  key \"team\" { secret = env(\"TEAM_KEY\") }\n", 1)
	s := serveConfig(t, dir, config+"policy { paths = [\"rules\", \""+policies+"/app.rego\", \""+policies+"/data\"] }\n", environment("TEAM_KEY", "the-key"))
	for _, x := range all {
		status, answer := x.ask(t, s.data, "the-key")
		answer = strings.ReplaceAll(answer, policies+"/", "") // where the files lie here
		var want bytes.Buffer
		if err := json.Compact(&want, x.Answer); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want.String(), answer); status != x.Status || d != "" {
			t.Errorf("%s %s %s: %d, want %d\n%s", x.Method, x.Path, x.Body, status, x.Status, d)
		}
	}
}
