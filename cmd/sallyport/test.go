package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/policies"
)

func (a *app) test() *cobra.Command {
	var config, format, run string
	var all, failEmpty, strict bool
	c := &cobra.Command{
		Use:   "test [PATH...]",
		Short: "Run the tests of a policy set",
		Long: `Run the *_test.rego of policy files and folders, with coverage. Without a path,
those of the configuration, or of the standard policy. Exit code 4 where a test
failed, 3 where the policies do not compile.

Warnings say what should be written in another way, each with the rule it comes
from; they go to standard error, and with --format json into the report. With
--strict they count as mistakes: exit code 3.`,
		RunE: func(c *cobra.Command, paths []string) error {
			if err := oneOf("--format", format, "pretty", "json", "junit"); err != nil {
				return err
			}
			if config != "" && len(paths) > 0 {
				return errors.New("give paths or a configuration, not both")
			}
			standard := false
			if config != "" {
				cfg, files, diags := a.loadConfig(config)
				if diags.HasErrors() {
					(&mistakes{files: files, config: diags}).print(a.err)
					return failure(exitInvalid, nil)
				}
				paths, standard = cfg.policyPaths, cfg.standardPolicy
			}
			report, err := policies.Test(c.Context(), policies.Config{Paths: paths, Standard: standard},
				policies.TestOptions{Run: run, All: all || len(paths) == 0})
			if ds, ok := errors.AsType[policies.Diagnostics](err); ok {
				(&mistakes{policy: ds}).print(a.err)
				return failure(exitInvalid, nil)
			}
			if err != nil {
				return err
			}
			write := map[string]func() error{
				"pretty": func() error { return report.WritePretty(a.out) },
				"json":   func() error { return report.WriteJSON(a.out) },
				"junit":  func() error { return report.WriteJUnit(a.out) },
			}
			if err := write[format](); err != nil {
				return err
			}
			if format != "json" {
				(&mistakes{policy: report.Warnings}).print(a.err)
			}
			if !report.Passed() || failEmpty && len(report.Results) == 0 {
				return failure(exitTests, nil)
			}
			if strict && len(report.Warnings) > 0 {
				return failure(exitInvalid, fmt.Errorf("%d warnings", len(report.Warnings)))
			}
			return nil
		},
	}
	fs := c.Flags()
	fs.StringVarP(&config, "config", "c", "", "configuration whose policies are tested")
	fs.StringVar(&run, "run", "", "only tests whose package.name matches this regular expression")
	fs.BoolVar(&all, "all", false, "the library's own tests too")
	fs.BoolVar(&failEmpty, "fail-on-empty", false, "exit code 4 where there is no test")
	fs.BoolVar(&strict, "strict", false, "exit code 3 where there is a warning")
	fs.StringVar(&format, "format", "pretty", "pretty, json or junit")
	return c
}
