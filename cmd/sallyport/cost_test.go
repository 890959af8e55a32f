package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What decisions cost is in the log of who asks for it, and not in others'.
func TestServeLogsCost(t *testing.T) {
	for level, logged := range map[string]bool{"debug": true, "info": false} {
		dir := t.TempDir()
		path := filepath.Join(dir, "sallyport.hcl")
		write(t, path, demo())
		t.Chdir(dir)
		s, err := startService([]string{"serve", "-c", path, "--log-level", level}, environment())
		if err != nil {
			t.Fatal(err)
		}
		if code := s.stop(); code != exitOK {
			t.Errorf("exit code %d: %s", code, s.err.String())
		}
		found := false
		for line := range strings.Lines(s.err.String()) {
			found = found || strings.Contains(line, `"compiled":true,"cacheable":true,"reads":["input.classifiers[_].error",`)
		}
		if found != logged {
			t.Errorf("%s: %s", level, s.err.String())
		}
	}
}
