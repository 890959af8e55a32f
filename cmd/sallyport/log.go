package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/engine/record"
)

func (a *app) log() *cobra.Command {
	c := &cobra.Command{
		Use:   "log",
		Short: "Read the decision log",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.logQuery())
	return c
}

func (a *app) logQuery() *cobra.Command {
	var format string
	var chosen func() (record.Filter, error)
	c := &cobra.Command{
		Use:   "query DIR",
		Short: "Print the decisions of a log, each with its outcome",
		Long: `Print the decisions of a log, each with its outcome, oldest first. The filters
all have to hold. The log may be in use.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "pretty", "json"); err != nil {
				return err
			}
			f, err := chosen()
			if err != nil {
				return err
			}
			if err := isLog(args[0]); err != nil {
				return err
			}
			return a.query(args[0], f, format)
		},
	}
	chosen = filterFlags(c)
	c.Flags().StringVar(&format, "format", "pretty", "pretty or json (JSON lines)")
	return c
}

// filterFlags gives a command the flags that choose decisions. The function it
// returns reads them.
func filterFlags(c *cobra.Command) func() (record.Filter, error) {
	var f record.Filter
	var since, until string
	fs := c.Flags()
	fs.StringVar(&since, "since", "", "from this time on: RFC 3339, or a duration before now such as 24h")
	fs.StringVar(&until, "until", "", "before this time")
	fs.StringVar(&f.Tenant, "tenant", "", "tenant")
	fs.StringVar(&f.Principal, "principal", "", "id of the principal")
	fs.StringVar(&f.Verdict, "verdict", "", "allow or deny")
	fs.StringVar(&f.Code, "code", "", "reason or error code")
	fs.StringVar(&f.Control, "control", "", "control label of a rule that fired")
	fs.StringVar(&f.Target, "target", "", "target that was tried")
	fs.StringVar(&f.Posture, "posture", "", "posture of a target that was tried")
	fs.StringVar(&f.Kind, "kind", "", "kind of a finding, such as EMAIL_ADDRESS")
	fs.StringVar(&f.Model, "model", "", "model asked for or used")
	fs.StringVar(&f.DecisionID, "decision-id", "", "one decision")
	return func() (record.Filter, error) {
		if v := f.Verdict; v != "" {
			if err := oneOf("--verdict", v, "allow", "deny"); err != nil {
				return f, err
			}
		}
		now := time.Now()
		for flag, p := range map[string]struct {
			text string
			into *time.Time
		}{"--since": {since, &f.Since}, "--until": {until, &f.Until}} {
			if p.text == "" {
				continue
			}
			t, err := record.ParseTime(p.text, now)
			if err != nil {
				return f, fmt.Errorf("%s: %w", flag, err)
			}
			*p.into = t
		}
		return f, nil
	}
}

// isLog says what is wrong with a path that cannot be a decision log.
func isLog(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder; a decision log is one", dir)
	}
	return err
}

func (a *app) query(dir string, f record.Filter, format string) error {
	write := record.WritePretty
	if format == "json" {
		write = record.WriteJSON
	}
	out := bufio.NewWriter(a.out)
	var err error
	for entry, failed := range record.Query(dir, f) {
		if err = failed; err == nil {
			err = write(out, entry)
		}
		if err != nil {
			break
		}
	}
	if err = errors.Join(err, out.Flush()); errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}
