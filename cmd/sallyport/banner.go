package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets"
)

// banner tells a person what is being served and, with the embedded default, what
// to try.
func (s *service) banner(p *parts, data, admin string) {
	w := s.app.out
	fmt.Fprintf(w, "Sallyport %s\n\n  requests  http://%s/v1\n  admin     http://%s\n  log       %s (%s)\n  policy    %s\n\n",
		buildVersion(), data, admin, p.config.log.Dir, p.config.log.Mode, p.policies.Revision())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  TARGET\tPOSTURE\tDIALECT\tMODELS\t")
	for _, t := range p.config.targets {
		var models []string
		for _, m := range t.Models {
			models = append(models, m.Name)
		}
		note := ""
		if t.StandIn != nil {
			note = "stand-in: no model behind it"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", t.Name, t.Posture, t.Dialect, strings.Join(models, ", "), note)
	}
	_ = table.Flush() // the terminal's
	if s.path != "" {
		fmt.Fprintln(w)
		return
	}
	if !hasRealCloud(p.config.targets) {
		fmt.Fprintf(w, "\n  No provider is configured. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY to add one.\n")
	}
	fmt.Fprintf(w, `
Try, in another terminal:

  # a harmless prompt goes where it is cheap
  curl -i http://%[1]s/v1/chat/completions -d '{"model":"auto","messages":[{"role":"user","content":"What is the capital of France?"}]}'

  # a card number stays in the air-gapped target
  curl -i http://%[1]s/v1/chat/completions -d '{"model":"auto","messages":[{"role":"user","content":"My card is 4111 1111 1111 1111"}]}'

  # streamed
  curl -N http://%[1]s/v1/chat/completions -d '{"model":"auto","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

  # what policy decides, without forwarding anything
  curl http://%[1]s/v1/decisions -d '{"dialect":"openai-chat","request":{"model":"auto","messages":[{"role":"user","content":"mail ann@example.com"}]}}'

  # every decision so far
  sallyport log query %[2]s

`, data, p.config.log.Dir)
}

func hasRealCloud(list []targets.Target) bool {
	for _, t := range list {
		if t.Posture == targets.PostureCloud && t.StandIn == nil {
			return true
		}
	}
	return false
}

var _ engine.Forwarder = (*targets.Set)(nil)
