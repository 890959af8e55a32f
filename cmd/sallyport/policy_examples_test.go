package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each example's page works as it stands: its configuration is valid and laid out
// as fmt does it, its commands print what it says, and its links lead somewhere.
func TestPolicyExamples(t *testing.T) {
	sequential(t)
	pages, err := filepath.Glob(filepath.Join("..", "..", "policies", "examples", "*", "README.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("pages: %v, %v", pages, err)
	}
	buildSallyport(t)
	t.Setenv("OPENAI_API_KEY", "of nobody")
	t.Setenv("ANTHROPIC_API_KEY", "of nobody")
	for _, page := range pages {
		t.Run(filepath.Base(filepath.Dir(page)), func(t *testing.T) {
			text := readPage(t, page)
			settings, commands := blocks(text, "hcl"), blocks(text, "console")
			if len(settings) != 1 || len(commands) == 0 {
				t.Fatalf("%d blocks of settings, %d of commands", len(settings), len(commands))
			}
			for _, key := range regexp.MustCompile(`env\("(\w+_KEY)"\)`).FindAllStringSubmatch(settings[0], -1) {
				t.Setenv(key[1], key[1]+" of nobody")
			}
			dir := besidePolicies(t)
			write(t, filepath.Join(dir, "sallyport.hcl"), settings[0])
			runConsole(t, dir, "$ sallyport fmt --check sallyport.hcl\n$ sallyport validate -c sallyport.hcl\nvalid: …\n")
			for _, c := range commands {
				runConsole(t, dir, c)
			}
		})
	}
}

// The way from nothing to a rule in force works as its page has it.
func TestPolicyReadme(t *testing.T) {
	sequential(t)
	text := readPage(t, filepath.Join("..", "..", "policies", "README.md"))
	_, section, _ := strings.Cut(text, "\n## From nothing")
	section, _, _ = strings.Cut(section, "\n## ")
	offline, service, _ := strings.Cut(section, "\n### 4.")
	rules, settings, commands := blocks(offline, "rego"), blocks(offline, "hcl"), blocks(offline, "console")
	inService := blocks(service, "console")
	if len(rules) != 2 || len(settings) != 1 || len(commands) == 0 || len(inService) != 10 {
		t.Fatalf("%d blocks of rules, %d of settings, %d and %d of commands", len(rules), len(settings), len(commands), len(inService))
	}
	buildSallyport(t)
	key := regexp.MustCompile(`export (\w+)=(\S+)\n`).FindStringSubmatch(offline)
	if key == nil {
		t.Fatal("no key")
	}
	t.Setenv(key[1], key[2])
	dir := besidePolicies(t)
	write(t, filepath.Join(dir, "my-policies", "contractors.rego"), rules[0])
	write(t, filepath.Join(dir, "my-policies", "contractors_test.rego"), rules[1])
	write(t, filepath.Join(dir, "sallyport.hcl"), settings[0])
	runConsole(t, dir, "$ sallyport fmt --check sallyport.hcl my-policies\n")
	for _, c := range commands {
		runConsole(t, dir, c)
	}

	// The service is run here, on free ports.
	if got := strings.TrimSpace(inService[0]); got != "$ sallyport serve -c sallyport.hcl" {
		t.Errorf("the service is started by %q", got)
	}
	s := serveConfig(t, dir, settings[0]+"\nserver {\n  listen = \"127.0.0.1:0\"\n  admin  = \"127.0.0.1:0\"\n}\n", environment(key[1], key[2]))
	for _, block := range inService[1:] {
		if strings.HasPrefix(block, "$ curl ") {
			runRequest(t, s, block)
		} else {
			runConsole(t, dir, block)
		}
		if strings.Contains(block, "candidate =") {
			becomes(t, "the candidate", func() bool { return candidateOf(t, s).Candidate != "" })
		}
	}
	becomes(t, "the end of the promotion", func() bool { return candidateOf(t, s).Promoted == nil })

	// What the page has of invariants goes on from here.
	_, section, _ = strings.Cut(text, "\n## State what must never happen\n")
	section, _, _ = strings.Cut(section, "\n## ")
	write(t, filepath.Join(dir, "my-policies", "never.rego"), blocks(section, "rego")[0])
	write(t, filepath.Join(dir, "my-policies", "contractors.rego"), rules[0])
	runConsole(t, dir, "$ sed -i '/candidate/d' sallyport.hcl\n$ rm my-policies/contractors_test.rego\n$ sallyport validate -c sallyport.hcl\nvalid: …\n")
	for _, c := range blocks(section, "console") {
		runConsole(t, dir, c)
	}
}

// runRequest makes the request that a page makes with curl, on the service's own
// ports, until it is answered as the page has it: a change that was saved takes a
// moment.
func runRequest(t *testing.T, s *runningService, block string) {
	t.Helper()
	curl := regexp.MustCompile(`(?s)^\$ curl (-X POST )?http://127\.0\.0\.1:(8080|8081)(\S+)(?: -H '(\S+): ([^']*)' -d '([^']*)')?\n(.*)$`).FindStringSubmatch(block)
	if curl == nil {
		t.Fatalf("no request: %s", block)
	}
	method, base, reply := http.MethodGet, s.data, ""
	if curl[1] != "" || curl[6] != "" {
		method = http.MethodPost
	}
	if curl[2] == "8081" {
		base = s.admin
	}
	if err := await(func() (bool, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, base+curl[3], strings.NewReader(curl[6]))
		if err != nil {
			return false, err
		}
		if curl[4] != "" {
			req.Header.Set(curl[4], curl[5])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		reply = string(b)
		return says(reply, curl[7]), err
	}); err != nil {
		t.Errorf("%v\ngot:\n%s\nwant:\n%s", err, reply, curl[7])
	}
}

// buildSallyport puts the program into PATH. It is not this test's own binary,
// which compiles modules slowly where it looks for races.
func buildSallyport(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%s%v", out, err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// readPage reads a page and checks that its links to files lead somewhere.
func readPage(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(b), -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil {
			t.Errorf("link %s: %v", link[1], err)
		}
	}
	return string(b)
}

// besidePolicies is a new folder in which policies is this repository's.
func besidePolicies(t *testing.T) string {
	t.Helper()
	policies, err := filepath.Abs(filepath.Join("..", "..", "policies"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(policies, filepath.Join(dir, "policies")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runConsole runs the commands of a console block, each a line after "$ " with
// those after "> ", and compares what each prints with the lines that follow it.
func runConsole(t *testing.T, dir, block string) {
	t.Helper()
	for i, part := range strings.Split("\n"+block, "\n$ ") {
		if i == 0 {
			continue // what stands before the first command
		}
		lines := strings.Split(part, "\n")
		script := lines[:1]
		for lines = lines[1:]; len(lines) > 0 && strings.HasPrefix(lines[0], "> "); lines = lines[1:] {
			script = append(script, lines[0][2:])
		}
		c := exec.CommandContext(t.Context(), "sh", "-c", strings.Join(script, "\n"))
		c.Dir = dir
		out, err := c.CombinedOutput()
		if want := strings.Join(lines, "\n"); !says(string(out), want) {
			t.Errorf("%s: %v\ngot:\n%s\nwant:\n%s", script[0], err, out, want)
		}
	}
}

// says whether a text is what a page shows, where … stands for anything.
func says(text, shown string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(shown)), "…", ".*")
	return regexp.MustCompile("(?s)^" + pattern + "$").MatchString(strings.TrimSpace(text))
}
