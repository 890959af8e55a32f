package main

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine/record"
)

const losslessForSome = `package sallyport.rules.lossless

obligation.lossy := input.principal.attributes.lossy

exclude[target] contains {"code": "not_for_it", "message": "the client must not use it"} if {
	some target, _ in input.targets
	target == input.principal.attributes.without
}

obligation.disclose_target := false if input.principal.attributes.sealed
`

const threeDialects = `
server {
  listen = "127.0.0.1:0"
  admin  = "127.0.0.1:0"
}
auth {
  key "free" { secret = env("TEAM_KEY") }
  key "strict" {
    secret     = env("STRICT_KEY")
    attributes = { lossy = "deny" }
  }
  key "sealed" {
    secret     = env("SEALED_KEY")
    attributes = { sealed = "yes" }
  }
  key "narrow" {
    secret     = env("NARROW_KEY")
    attributes = { without = "zz-vllm" }
  }
  key "narrow-strict" {
    secret     = env("BOTH_KEY")
    attributes = { without = "zz-vllm", lossy = "deny" }
  }
}
policy { paths = ["policies"] }
target "edge" "small" {
  dialect = "ollama"
  stand_in {}
  model "m" {}
}
target "cloud" "claude" {
  dialect = "anthropic"
  stand_in {}
  model "m" {}
  model "c" {}
}
target "gpu_cluster" "zz-vllm" {
  dialect = "openai"
  stand_in { ttft = "40ms" }
  model "c" {}
}
decision_log { path = "log" }
`

// A request that a target's API cannot carry is refused before anything is sent, and
// what is lost on the way is said.
func TestLosses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policies", "lossless.rego"), losslessForSome)
	s := serveConfig(t, dir, threeDialects, environment("TEAM_KEY", "free-secret", "STRICT_KEY", "strict-secret", "SEALED_KEY", "sealed-secret",
		"NARROW_KEY", "narrow-secret", "BOTH_KEY", "narrow-strict-secret"))
	log := filepath.Join(dir, "log")
	for _, test := range []struct {
		name, more, key string
		status          int
		body            string // what it holds
		lossy           string // header
		not             string // what neither header nor body holds
		recorded        []string
	}{
		{"three answers to a target that gives one", `"model":"small/m","n":3`, "free", 400,
			`"param":"n","code":"unsupported_field"`, "", "",
			[]string{`"excluded":{"small":[{"code":"unsupported_field"`, `"action":"deny"`, `"verdict":"allow"`, `"code":"unsupported_field"`}},
		{"the same, targets not disclosed", `"model":"small/m","n":3`, "sealed", 400,
			`"message":"no permitted target can take n as it is"`, "", "ollama", nil},
		{"to several, all unable", `"model":"m","n":3`, "free", 400, `"code":"unsupported_field"`, "", "", []string{`"claude":[{"code":"unsupported_field"`, `"small":[{`}},
		{"a field that nobody else has", `"model":"claude/m","user":"u-1"`, "free", 200, "stand-in", "user", "",
			[]string{`"losses":[{"field":"user","how":"dropped"}]`, `"plan":[{`}},
		{"and policy permits no loss", `"model":"claude/m","user":"u-1"`, "strict", 400,
			`target \"claude\": it would be left out, and policy permits no loss`, "", "", []string{`"code":"lossy"`, `"obligations":{"lossy":"deny"}`}},
		{"a temperature that is too high", `"model":"claude/m","temperature":1.7`, "free", 200, "stand-in", "temperature", "",
			[]string{`"losses":[{"field":"temperature","how":"approximated","to":"1"}]`}},
		{"and policy permits no loss of it", `"model":"claude/m","temperature":1.7`, "strict", 400,
			`target \"claude\": it would become 1, and policy permits no loss`, "", "", nil},
		{"nothing is lost, nothing is denied", `"model":"claude/m","temperature":0.7`, "strict", 200, "stand-in", "", "", nil},
		{"who loses nothing is first, slower and last by name", `"model":"c","user":"u-1"`, "free", 200, `target \"zz-vllm\"`, "", "", []string{`"losses":[{"field":"user"`}},
		{"unless policy excludes it", `"model":"c","user":"u-1"`, "narrow", 200, `target \"claude\"`, "user", "", nil},
		{"and permits no loss", `"model":"c","user":"u-1"`, "narrow-strict", 400, `"param":"user"`, "", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, stream := range []string{"", `,"stream":true`} {
				body := `{` + test.more + `,"messages":[{"role":"user","content":"hello"}]` + stream + `}`
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.data+"/v1/chat/completions", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+test.key+"-secret")
				req.Header.Set("Content-Type", "application/json")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				b, err := io.ReadAll(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				got, lossy := string(b), res.Header.Get("Sallyport-Lossy")
				if test.status == 200 && stream != "" {
					text, _, _ := said(t, got, true)
					quoted, _ := json.Marshal(text)
					got = string(quoted)
				}
				if res.StatusCode != test.status || !strings.Contains(got, test.body) || lossy != test.lossy ||
					test.not != "" && strings.Contains(got+lossy, test.not) {
					t.Errorf("%d, lossy %q: %s", res.StatusCode, lossy, got)
				}
				if len(test.recorded) == 0 {
					continue
				}
				all := ""
				if err := queryFor(t, log, record.Filter{DecisionID: res.Header.Get("Sallyport-Decision-Id")}, func(line string) { all += line }); err != nil {
					t.Fatal(err)
				}
				for _, want := range test.recorded {
					if !strings.Contains(all, want) {
						t.Errorf("the record lacks %s: %s", want, all)
					}
				}
			}
		})
	}
	var targets []struct {
		Name               string
		Attempts, Failures int
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(body(t, s.admin+"/targets"), "200 ")), &targets); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		if target.Failures != 0 || target.Name == "small" && target.Attempts != 0 {
			t.Errorf("counted %+v", target)
		}
	}
}
