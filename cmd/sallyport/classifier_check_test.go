package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/classifiers"
)

// classifierCommand runs a verb of classifier and returns its exit code and
// output.
func classifierCommand(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), append([]string{"classifier"}, args...), os.LookupEnv, stdio{strings.NewReader(""), &out, &out})
	return code, out.String()
}

// Check says everything that a module does wrong, and nothing of one that does
// nothing wrong. The module is the same, so a check that never fails, or always,
// shows here.
func TestClassifierCheckBreaches(t *testing.T) {
	sequential(t)
	module := filepath.Join(t.TempDir(), "misbehave.wasm")
	if code, out := classifierCommand(t, "build", filepath.Join("testdata", "misbehave"), "-o", module); code != exitOK {
		t.Fatal(out)
	}
	// Both runs share a host, which compiles the module once.
	host, err := classifiers.New(t.Context(), classifiers.Config{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close(t.Context()) })
	check := func(config string) *checkReport {
		t.Helper()
		flags := moduleFlags{limit: checkTimeLimit, config: config}
		cfg, err := flags.module(module)
		if err != nil {
			t.Fatal(err)
		}
		text := "The bluebird lands."
		k := &checker{ctx: t.Context(), host: host, cfg: cfg, report: &checkReport{}, against: &cfg, tests: []classifierTest{
			{line: 1, Text: &text, Findings: []testFinding{{"CODE_WORD", "bluebird"}}},
		}}
		if err := k.run(); err != nil {
			t.Fatal(err)
		}
		return k.report
	}
	good := check(`{"behave":"yes"}`)
	for _, c := range good.Checks {
		if !c.OK {
			t.Errorf("%s: %s", c.Name, c.Breaches[0].Message)
		}
	}
	if len(good.Checks) != 9 || good.Findings == 0 || good.FuelPerByte == 0 || good.MemoryBytes == 0 {
		t.Errorf("%d checks, %d findings, %v fuel, %d bytes", len(good.Checks), good.Findings, good.FuelPerByte, good.MemoryBytes)
	}
	bad := map[string]string{}
	for _, c := range check("").Checks {
		for _, b := range c.Breaches {
			bad[c.Name] += b.Message + " (" + b.Input + ")\n"
		}
	}
	for name, messages := range map[string][]string{
		"tests": {`found \[\], not \[.*bluebird`},
		"input": {
			`bad_result: span 0: end 2 is outside its segment of 1 bytes \(one byte 0x01\)`, `bad_result: span 0: score is not in 0..1 \(one byte 0x02\)`,
			`trap: .*\(one byte 0x03\)`, `time_limit: .*\(one byte 0x04\)`, `bad_result: span 0: 0 to 2 cuts a UTF-8 sequence \(64 KB of 🐦\)`,
		},
		"repeats":      {`the second call gives 1 findings and 0 scores, the first 0 .*\(one byte 0x05\)`},
		"instances":    {`it gives 0 findings and 0 scores, the first instance 1 .*\(one byte 0x07\)`},
		"independence": {`texts give 0 findings and 0 scores one by one and 1 findings`},
		"memory":       {`a call with 8 KB makes it grow`, `it grows from call to call`},
		"fuel":         {`a byte costs [0-9]+, and [0-9]+ .*\(1 MB of a\)`},
	} {
		for _, m := range messages {
			if !regexp.MustCompile(m).MatchString(bad[name]) {
				t.Errorf("%s: %q is not in\n%s", name, m, bad[name])
			}
		}
	}
	if bad["load"] != "" {
		t.Error(bad["load"])
	}
}
