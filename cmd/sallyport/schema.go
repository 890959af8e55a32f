package main

import (
	_ "embed"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/policies"
)

//go:embed config.schema.json
var configJSONSchema []byte

func (a *app) schema() *cobra.Command {
	schemas := map[string]func() []byte{
		"config":   func() []byte { return configJSONSchema },
		"input":    policies.InputSchema,
		"decision": policies.DecisionSchema,
		"record":   record.Schema,
	}
	return &cobra.Command{
		Use:       "schema config|input|decision|record",
		Short:     "Print a JSON Schema",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"config", "input", "decision", "record"},
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := a.out.Write(schemas[args[0]]())
			return err
		},
	}
}
