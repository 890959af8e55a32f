package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What engine/gateway/README.md shows is what a service answers.
func TestRoutesReadme(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "engine", "gateway", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	dir := t.TempDir()
	for i, rego := range blocks(text, "rego") {
		write(t, filepath.Join(dir, "policies", string(rune('a'+i))+".rego"), rego)
	}
	write(t, filepath.Join(dir, "policies", "data.yaml"), blocks(text, "yaml")[0])
	config := bundledConfig[:strings.Index(bundledConfig, "policy {")] + bundledConfig[strings.Index(bundledConfig, "target "):]
	config = strings.Replace(config, "anonymous = true", "\n  key \"team\" { secret = env(\"TEAM_KEY\") }\n", 1)
	s := serveConfig(t, dir, config+blocks(text, "hcl")[0], environment("TEAM_KEY", "the-key"))

	id := regexp.MustCompile(`"decision_id":"[0-9a-f-]{36}"`)
	call := regexp.MustCompile(`^\$ curl -s \$DATA(\S+) -H "x-api-key: (\S+)" -d '(.*)'$`)
	shown := 0
	for _, block := range blocks(text, "console") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			m := call.FindStringSubmatch(lines[i])
			if m == nil {
				t.Fatalf("not a call: %s", lines[i])
			}
			req, err := http.NewRequest(http.MethodPost, s.data+m[1], strings.NewReader(m[3]))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("x-api-key", strings.ReplaceAll(m[2], "$KEY", "the-key"))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got := id.ReplaceAllString(strings.TrimSpace(string(b)), `"decision_id":"…"`); got != lines[i+1] {
				t.Errorf("%s\ngot  %s\nwant %s", lines[i], got, lines[i+1])
			}
			shown++
		}
	}
	if shown != 6 {
		t.Errorf("%d calls, want 6", shown)
	}
}
