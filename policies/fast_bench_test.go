package policies

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// BenchmarkEvaluators decides inputs that are all different, as the service does and
// as OPA's own evaluator does.
func BenchmarkEvaluators(b *testing.B) {
	s, err := Load(b.Context(), Config{Standard: true})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 0))
	inputs := make([]*engine.Input, 256)
	for i := range inputs {
		inputs[i] = generate(r)
	}
	for name, decide := range map[string]func(context.Context, *engine.Input) (*engine.Decision, error){"compiled": s.Decide, "topdown": s.reference} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := decide(b.Context(), inputs[i%len(inputs)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
