// Command sallyport is a policy-as-code decision service and data plane for AI
// inference. This package holds the command line, the configuration file and the
// wiring of the other packages; it is the only one that knows all of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/policies"
	"github.com/sallyport-ai/sallyport/targets"
)

// Exit codes, as the contract with scripts has them.
const (
	exitOK      = 0
	exitUsage   = 1 // usage or start-up failure
	exitEval    = 2 // evaluation error
	exitInvalid = 3 // invalid configuration, policy or classifier
	exitTests   = 4 // tests failed, or files are not formatted
	exitDenied  = 5 // verdict was deny, with eval --fail
	exitDiffers = 7 // replay came to other decisions, with replay --fail-on-diff
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.LookupEnv, stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// lookup reads an environment variable.
type lookup func(name string) (string, bool)

// app is what every verb has at hand.
type app struct {
	stdio
	env lookup
	// local are inference servers on this machine, which the embedded default
	// configuration takes in. Only serve looks for them.
	local []targets.Local
	// bundles are the sources of policy bundles while the service runs; nil
	// otherwise.
	bundles *bundleSources
	// mismatch is told of decisions that a check makes otherwise, while the service
	// runs; nil otherwise.
	mismatch func(policies.Mismatch)
	// logDir is the folder of the decision log that is open; "": none is.
	logDir string
	// unproven says that a policy decides nothing but what a person looks at, so that
	// one whose invariants do not hold may be looked at, too.
	unproven bool
}

// exitError carries an exit code. A nil Err has been reported already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func failure(code int, err error) error { return &exitError{code, err} }

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, env lookup, std stdio) int {
	a := &app{stdio: std, env: env}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := exitUsage
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
		if e.err == nil {
			return code
		}
	}
	fmt.Fprintln(std.err, "sallyport:", err)
	return code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sallyport",
		Short: "Inspect a prompt, decide by policy where it may go, then open the way out",
		Long: `Sallyport takes AI inference requests in the dialects clients already speak, reads
them with WebAssembly classifiers, decides by Rego policy where they may go, and
forwards them to one of the declared targets. Every decision is recorded.

Exit codes: 0 ok; 1 usage or start-up failure; 2 evaluation error; 3 invalid
configuration, policy or classifier; 4 tests failed or files not formatted; 5 the
verdict was deny (eval --fail); 7 a replay came to other decisions (replay
--fail-on-diff).`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.serve(), a.validate(), a.format(), a.test(), a.eval(), a.classify(), a.classifier(),
		a.log(), a.replay(), a.bench(), a.schema(), a.version(), a.completion())
	return root
}
