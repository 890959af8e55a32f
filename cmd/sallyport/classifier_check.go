package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/engine"
)

// checkTimeLimit bounds a call of check: what it looks for is a module that hangs,
// on a machine that may be busy. How fast a module is, fuel says.
const checkTimeLimit = 2 * time.Second

func (a *app) classifierCheck() *cobra.Command {
	var flags moduleFlags
	var tests, against, format string
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check that a module keeps to the interface, whatever it reads",
		Long: `Check a classifier's module: its imports, exports and description; that every call
ends in a valid result, on texts of any kind and length; that the same texts give the
same findings, call for call, instance for instance; that its memory does not grow,
and its work no faster than the text. All that is wrong is said at once, and the exit
code is then 3.

Tests are JSON lines {"text", "findings": [{"kind", "text"}]}, with "role", "kind" and
"scores" where they matter; a finding's text is what it covers. Without --tests the
file tests.jsonl beside the module is taken, if there is one. Much of the hostile
input is made of tests' texts, so that there is something to find in it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "pretty", "json"); err != nil {
				return err
			}
			module, err := builtModule(args)
			if err != nil {
				return err
			}
			return a.checkClassifier(c.Context(), &flags, module, tests, against, format)
		},
	}
	flags.add(c, checkTimeLimit, "of a call")
	c.Flags().StringVar(&tests, "tests", "", "file of tests")
	c.Flags().StringVar(&against, "against", "", "another module, which has to give the same results for all UTF-8")
	c.Flags().StringVar(&format, "format", "pretty", "pretty or json")
	return c
}

// checkReport is what check found out.
type checkReport struct {
	Module      string         `json:"module"`
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	SHA256      string         `json:"sha256"`
	Bytes       int            `json:"bytes"`
	OK          bool           `json:"ok"`
	Checks      []*checkResult `json:"checks"`
	Inputs      int            `json:"inputs"`
	Findings    int            `json:"findings"`      // in all inputs
	FuelPerByte float64        `json:"fuel_per_byte"` // the most of any text from 64 KB on
	MemoryBytes int64          `json:"memory_bytes"`  // the most after any input
}

type checkResult struct {
	Name     string    `json:"name"`
	Says     string    `json:"says"` // what holds where there is no breach
	OK       bool      `json:"ok"`
	Breaches []*breach `json:"breaches,omitempty"`
}

type breach struct {
	Message string `json:"message"`
	Input   string `json:"input,omitempty"` // the first
	Times   int    `json:"times"`
}

// fail notes a breach. The same one is counted, not repeated.
func (c *checkResult) fail(input, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	for _, b := range c.Breaches {
		if b.Message == message {
			b.Times++
			return
		}
	}
	c.Breaches = append(c.Breaches, &breach{Message: message, Input: input, Times: 1})
}

func (a *app) checkClassifier(ctx context.Context, flags *moduleFlags, module, testFile, against, format string) error {
	cfg, err := flags.module(module)
	if err != nil {
		return err
	}
	tests, err := findTests(testFile, module)
	if err != nil {
		return failure(exitInvalid, err)
	}
	r := &checkReport{Module: module, Bytes: len(cfg.Wasm)}
	if cfg.Wasm == nil {
		wasm, _ := classifiers.Builtin(strings.TrimPrefix(module, classifiers.BuiltinPrefix))
		r.Bytes = len(wasm)
	}
	err = withHost(ctx, func(host *classifiers.Host) error {
		k := &checker{ctx: ctx, host: host, cfg: cfg, report: r, tests: tests}
		if against == "" {
			return k.run()
		}
		other, err := flags.module(against)
		if err != nil {
			return err
		}
		k.against = &other
		return k.run()
	})
	if err != nil {
		return err
	}
	r.OK = !slices.ContainsFunc(r.Checks, func(c *checkResult) bool { return !c.OK })
	if format == "json" {
		err = json.NewEncoder(a.out).Encode(r)
	} else {
		err = r.writePretty(a.out)
	}
	if err == nil && !r.OK {
		err = failure(exitInvalid, fmt.Errorf("%s does not keep to the interface", module))
	}
	return err
}

// findTests reads the tests that were named, or those beside the module.
func findTests(path, module string) ([]classifierTest, error) {
	optional := path == ""
	if optional {
		path = filepath.Join(filepath.Dir(module), "tests.jsonl")
	}
	f, err := os.Open(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tests, err := readClassifierTests(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tests, nil
}

// checker runs the checks of one module.
type checker struct {
	ctx     context.Context
	host    *classifiers.Host
	cfg     classifiers.ModuleConfig
	against *classifiers.ModuleConfig // nil: no other module
	tests   []classifierTest
	report  *checkReport

	loaded *classifiers.Classifier
	inputs []checkInput
	first  []outcome // of the inputs in a first run
}

// outcome is what one input gave.
type outcome struct {
	report engine.Report
	cost   classifiers.Cost
	code   string // of the failure
	err    error
}

// same says whether two outcomes say the same; messages of failures may differ.
func (o *outcome) same(p *outcome) bool {
	return o.code == p.code && o.report.Truncated == p.report.Truncated && maps.Equal(o.report.Scores, p.report.Scores) &&
		slices.Equal(o.report.Findings, p.report.Findings)
}

func (k *checker) check(name, says string) *checkResult {
	c := &checkResult{Name: name, Says: says}
	k.report.Checks = append(k.report.Checks, c)
	return c
}

func (k *checker) run() error {
	k.cfg.Pool = 1
	load := k.check("load", "imports, exports and description are as they should be")
	defer func() {
		for _, c := range k.report.Checks {
			c.OK = len(c.Breaches) == 0
		}
	}()
	var err error
	if k.loaded, err = k.host.Load(k.ctx, k.cfg); err != nil {
		for line := range strings.Lines(err.Error()) {
			load.fail("", "%s", strings.TrimSpace(line))
		}
		return nil
	}
	defer k.loaded.Close(k.ctx)
	d := k.loaded.Describe()
	k.report.Name, k.report.Version, k.report.SHA256 = d.Name, d.Version, k.loaded.Info().SHA256
	if d.Version == "" {
		load.fail("", "sp_describe: version is missing")
	}
	if len(k.tests) > 0 {
		k.runTests()
	}
	k.inputs = checkInputs(k.tests)
	k.report.Inputs = len(k.inputs)
	for _, step := range []func() error{k.bear, k.repeat, k.memory, k.compare} {
		if err := step(); err != nil {
			return err
		}
	}
	k.fuel()
	return k.ctx.Err()
}

// runTests compares what is found in the tests with what they say.
func (k *checker) runTests() {
	c := k.check("tests", fmt.Sprintf("%d tests find what they should", len(k.tests)))
	for _, t := range k.tests {
		where := fmt.Sprintf("line %d", t.line)
		text, err := t.text()
		if err != nil {
			c.fail(where, "%v", err)
			continue
		}
		rep, err := k.loaded.Classify(k.ctx, []*engine.Text{text})
		if err != nil {
			c.fail(where, "%v", err)
			continue
		}
		slices.SortStableFunc(rep.Findings, func(a, b engine.Finding) int { return a.Span.Start - b.Span.Start })
		found := []testFinding{}
		for _, f := range rep.Findings {
			found = append(found, testFinding{f.Kind, text.Value[f.Span.Start:f.Span.End]})
		}
		if t.Findings != nil && !slices.Equal(found, t.Findings) {
			c.fail(where, "found %q, not %q", found, t.Findings)
		}
		for name, want := range t.Scores {
			if got, ok := rep.Scores[name]; !ok || math.Abs(got-want) > 1e-4 {
				c.fail(where, "score %s is %v, not %v", name, got, want)
			}
		}
	}
}

// classify runs an input on a probe.
func (k *checker) classify(p *classifiers.Probe, texts []*engine.Text) outcome {
	var o outcome
	o.report, o.cost, o.err = p.Classify(k.ctx, texts)
	if o.err != nil {
		o.code = engine.ClassifierUnavailable
		if ce, ok := errors.AsType[*engine.ClassifierError](o.err); ok {
			o.code, o.err = ce.Code, ce.Err
		}
	}
	return o
}

// bear runs all inputs: each has to end in a valid result. The host looks at the
// results, at the borders of findings as well.
func (k *checker) bear() error {
	p, err := k.loaded.Probe()
	if err != nil {
		return err
	}
	defer p.Close()
	c := k.check("input", fmt.Sprintf("%d requests end in valid results", len(k.inputs)))
	again := k.check("repeats", "the same texts give the same results in a row")
	for i := range k.inputs {
		in := &k.inputs[i]
		o := k.classify(p, in.texts)
		k.first = append(k.first, o)
		// The host itself refuses what is not UTF-8 where an interface cannot carry it.
		if o.code != "" && !(in.malformed && (o.code == engine.ClassifierBadResult || o.code == engine.ClassifierUnavailable)) {
			c.fail(in.name, "%s: %v", o.code, o.err)
		}
		k.report.Findings += len(o.report.Findings)
		k.report.MemoryBytes = max(k.report.MemoryBytes, o.cost.MemoryBytes)
		if o.code != "" {
			continue // costs the instance
		}
		if o2 := k.classify(p, in.texts); !o.same(&o2) {
			again.fail(in.name, "the second call gives %s, the first %s", &o2, &o)
		}
	}
	return nil
}

// String says in short what an outcome is, without its texts.
func (o *outcome) String() string {
	if o.code != "" {
		return o.code
	}
	return fmt.Sprintf("%d findings and %d scores", len(o.report.Findings), len(o.report.Scores))
}

// repeat runs all inputs once more, on another instance and in the other
// direction, through the classifier as the service calls it, and, where a module
// says that it reads each text by itself, text by text.
func (k *checker) repeat() error {
	p, err := k.loaded.Probe()
	if err != nil {
		return err
	}
	defer p.Close()
	instances := k.check("instances", "another instance gives the same results in another order")
	var alone *checkResult
	if k.loaded.Describe().Independent {
		alone = k.check("independence", "a text alone gives what it gives among others")
	}
	for i := len(k.inputs) - 1; i >= 0; i-- {
		in, o := &k.inputs[i], &k.first[i]
		if got := k.classify(p, in.texts); !got.same(o) {
			instances.fail(in.name, "it gives %s, the first instance %s", &got, o)
		}
		if alone == nil || o.code != "" || o.report.Truncated || len(in.texts) < 2 || len(in.texts) > 8 {
			continue
		}
		var parts outcome
		for n, t := range in.texts {
			one := k.classify(p, []*engine.Text{t})
			parts.code = one.code
			for _, f := range one.report.Findings {
				f.Text = n
				parts.report.Findings = append(parts.report.Findings, f)
			}
		}
		whole := outcome{report: engine.Report{Findings: slices.Clone(o.report.Findings)}}
		slices.SortStableFunc(whole.report.Findings, func(a, b engine.Finding) int { return a.Text - b.Text })
		if !parts.same(&whole) {
			alone.fail(in.name, "texts give %s one by one and %s together", &parts, &whole)
		}
	}
	return nil
}

// memory watches an instance's memory over calls with a text of 8 KB.
func (k *checker) memory() error {
	const early, late = 128, 512
	c := k.check("memory", "calls with 8 KB leave memory as large as it was")
	p, err := k.loaded.Probe()
	if err != nil {
		return err
	}
	defer p.Close()
	n := 0
	text := []*engine.Text{{Role: engine.RoleUser, Value: fill(8<<10, func() string {
		n++
		return samplePhrases[n%len(samplePhrases)]
	})}}
	before := p.MemoryBytes()
	var sizes []int64
	for range late {
		o := k.classify(p, text)
		if o.code != "" {
			return nil // input said so
		}
		sizes = append(sizes, o.cost.MemoryBytes)
	}
	if sizes[0] > before {
		c.fail("", "a call with 8 KB makes it grow from %d to %d bytes, and each such call costs an instance", before, sizes[0])
	}
	if sizes[late-1] > sizes[early-1] {
		c.fail("", "it grows from call to call: %d bytes after %d calls, %d after %d", sizes[early-1], early, sizes[late-1], late)
	}
	return nil
}

// compare runs all inputs on the other module.
func (k *checker) compare() error {
	if k.against == nil {
		return nil
	}
	c := k.check("against", "it agrees with "+k.against.Module)
	cfg := *k.against
	cfg.Pool = 1
	other, err := k.host.Load(k.ctx, cfg)
	if err != nil {
		return failure(exitInvalid, err)
	}
	defer other.Close(k.ctx)
	p, err := other.Probe()
	if err != nil {
		return err
	}
	defer p.Close()
	for i, in := range k.inputs {
		if in.malformed {
			continue // nothing says what is right
		}
		if got := k.classify(p, in.texts); !got.same(&k.first[i]) {
			c.fail(in.name, "it gives %s, the other %s", &k.first[i], &got)
		}
	}
	return nil
}

// steepest is how much more a byte may cost in a text sixteen times as long.
const steepest = 4

// fuel compares what texts cost with how long they are.
func (k *checker) fuel() {
	c := k.check("fuel", "the work grows no faster than the text")
	for i, o := range k.first {
		n := k.inputs[i].bytes()
		if o.code != "" || n < smallInput/2 {
			continue
		}
		per := float64(o.cost.Fuel) / float64(n)
		k.report.FuelPerByte = max(k.report.FuelPerByte, math.Round(per*10)/10)
		small := k.inputs[i].grown
		if small < 0 || k.first[small].code != "" {
			continue
		}
		if before := float64(k.first[small].cost.Fuel) / float64(k.inputs[small].bytes()); per > steepest*before {
			c.fail(k.inputs[i].name, "a byte costs %.0f, and %.0f in a text a sixteenth as long", per, before)
		}
	}
}

func (r *checkReport) writePretty(w io.Writer) error {
	var b strings.Builder
	if r.Name != "" {
		fmt.Fprintf(&b, "%s %s: %s, %d bytes\nsha256 %s\n\n", r.Name, r.Version, r.Module, r.Bytes, r.SHA256)
	}
	for _, c := range r.Checks {
		if c.OK {
			fmt.Fprintf(&b, "ok    %-13s %s\n", c.Name, c.Says)
			continue
		}
		for _, x := range c.Breaches {
			fmt.Fprintf(&b, "FAIL  %-13s %s", c.Name, x.Message)
			if x.Input != "" {
				fmt.Fprintf(&b, " (%s", x.Input)
				if x.Times > 1 {
					fmt.Fprintf(&b, ", and %d more", x.Times-1)
				}
				b.WriteString(")")
			}
			b.WriteString("\n")
		}
	}
	if r.Inputs > 0 {
		fmt.Fprintf(&b, "\n%d findings in %d requests; at most %.1f fuel a byte and %d bytes of memory\n",
			r.Findings, r.Inputs, r.FuelPerByte, r.MemoryBytes)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
