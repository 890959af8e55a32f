package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/schedule"
	"github.com/sallyport-ai/sallyport/engine/wire"
	"github.com/sallyport-ai/sallyport/policies"
)

// evalOptions are eval's flags.
type evalOptions struct {
	config, input, dialect, key, format string
	request, fail, explain              bool
}

func (a *app) eval() *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use:   "eval",
		Short: "Make one decision, offline",
		Long: `Make one decision without a service: on a decision input document, or with
--request on a client's request, which is then classified too. Nothing is sent
anywhere and nothing is recorded.

--explain adds which rule denied, excluded, preferred or obliged what, where that
rule stands, and which facts it read; --format text says so for reading, target by
target.

Exit code 2 where the policy could not be evaluated; with --fail, 5 where the
verdict is deny.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := oneOf("--format", o.format, "pretty", "json", "text"); err != nil {
				return err
			}
			if !o.request && (c.Flags().Changed("dialect") || c.Flags().Changed("key")) {
				return errors.New("--dialect and --key go with --request")
			}
			return a.evaluate(c.Context(), o)
		},
	}
	fs := c.Flags()
	fs.StringVarP(&o.config, "config", "c", "", "configuration file; without it the embedded default")
	fs.StringVarP(&o.input, "input", "i", "-", "file to read, - for standard input")
	fs.BoolVar(&o.request, "request", false, "the input is the body of a client's request")
	fs.StringVar(&o.dialect, "dialect", string(engine.DialectOpenAIChat), "of the request, such as anthropic-messages")
	fs.StringVar(&o.key, "key", "", "the request comes with this key of the configuration; without it, anonymously")
	fs.BoolVar(&o.explain, "explain", false, "add the input, which rule fired for what, and which facts it read")
	fs.BoolVar(&o.fail, "fail", false, "exit code 5 where the verdict is deny")
	fs.StringVar(&o.format, "format", "pretty", "pretty (indented JSON), json (one line) or text (explained)")
	return c
}

// unrecorded stands in for the decision log where nothing is forwarded.
type unrecorded struct{}

func (unrecorded) Record(context.Context, *engine.Record) (uint64, error) { return 0, nil }

func (a *app) evaluate(ctx context.Context, o evalOptions) (err error) {
	in, err := a.open(o.input)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(in)
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	host, err := a.newHost(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close(ctx)) }()
	a.unproven = true // an input that breaks an invariant is looked at here
	p, m := a.build(ctx, host, o.config)
	if m.print(a.err); p == nil {
		return failure(exitInvalid, nil)
	}
	e := engine.New(engine.Config{Snapshot: p.snapshot(), Scheduler: schedule.New(schedule.Config{}), Recorder: unrecorded{}})
	defer e.Close()

	var out engine.Outcome
	if o.request {
		req, err := readRequest(body, o, p)
		if err != nil {
			return err
		}
		out = e.Decide(ctx, req)
	} else {
		input, rerr := wire.ReadInput(body, time.Now())
		if rerr != nil {
			return fmt.Errorf("decision input: %w", rerr)
		}
		out = e.DecideInput(ctx, input)
	}
	if out.Decision == nil {
		text := out.Message
		for _, r := range out.Reasons {
			text = r.Message
		}
		return failure(exitEval, errors.New(text))
	}
	if err := a.printDecision(ctx, o, p.policies, &out); err != nil {
		return err
	}
	if o.fail && out.Action != engine.ActionAnswer {
		return failure(exitDenied, nil)
	}
	return nil
}

// readRequest reads a client's request as the service would.
func readRequest(body []byte, o evalOptions, p *parts) (*engine.Request, error) {
	ingress, ok := wire.IngressFor(engine.Dialect(o.dialect))
	if !ok {
		return nil, fmt.Errorf("--dialect: requests are not read in the dialect %q; use one of %v", o.dialect, wire.IngressDialects())
	}
	req, err := ingress.ReadRequest(&wire.Inbound{Body: body}, wire.Limits{})
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	req.Principal = engine.Anonymous()
	if o.key == "" {
		return req, nil
	}
	for _, k := range p.config.keys.Keys {
		if k.Principal.ID == o.key {
			req.Principal = k.Principal
			req.Principal.Authenticated = true
			return req, nil
		}
	}
	return nil, fmt.Errorf("--key: the configuration declares no key %q", o.key)
}

// printDecision prints data.sallyport.decision, and beside it what the engine
// added and, where asked for, why.
func (a *app) printDecision(ctx context.Context, o evalOptions, set *policies.Set, out *engine.Outcome) error {
	if o.format == "text" {
		explanation, err := set.Explain(ctx, out.Input)
		if err != nil {
			return failure(exitEval, err)
		}
		if err := explanation.WriteText(a.out); err != nil {
			return err
		}
		if out.Verdict == engine.Allow && out.Action != engine.ActionAnswer {
			_, err = fmt.Fprintf(a.out, "\nrefused all the same: %s  %s\n", out.Code, out.Message)
		}
		return err
	}
	var decision map[string]any
	if err := json.Unmarshal(out.Decision.Raw, &decision); err != nil {
		return fmt.Errorf("print the decision: %w", err)
	}
	decision["revision"] = out.Decision.Revision
	if out.Verdict == engine.Allow && out.Action != engine.ActionAnswer {
		// Policy allows, and a rule of the engine still refuses: say so.
		decision["refused"] = map[string]any{"code": out.Code, "message": out.Message, "reasons": out.Reasons}
	}
	broken, err := set.Violations(ctx, out.Input)
	if err != nil {
		return failure(exitEval, err)
	}
	if len(broken) > 0 {
		decision["broken_invariants"] = broken
	}
	if o.explain {
		explanation, err := set.Explain(ctx, out.Input)
		if err != nil {
			return failure(exitEval, err)
		}
		decision["input"], decision["explanation"] = out.Input, explanation
	}
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	if o.format == "pretty" {
		e.SetIndent("", "  ")
	}
	return e.Encode(decision)
}
