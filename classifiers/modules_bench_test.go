package classifiers

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkModules runs classifiers over 8 KB that differ from call to call, so
// that nothing is answered from the results kept by text: clean prose and code,
// and texts full of what the module looks for.
func BenchmarkModules(b *testing.B) {
	var attacks []string
	for _, t := range injectionCorpus(b, "attacks.txt") {
		attacks = append(attacks, t.Value)
	}
	var tasks []string
	for _, p := range taskPrompts(b) {
		tasks = append(tasks, p.text)
	}
	dense := map[string]string{
		"secrets":    strings.Join(secretSeeds(readSecretsTables(b)), "\n"),
		"injection":  strings.Join(attacks, "\n"),
		"complexity": strings.Join(tasks, "\n"),
	}
	h := newHost(b)
	for _, name := range []string{"secrets", "injection", "complexity"} {
		for _, kind := range []string{"clean", "dense"} {
			text := cleanText()
			if kind == "dense" {
				text = strings.Repeat(dense[name]+"\n", 8<<10/len(dense[name])+1)
				text = validUTF8(text[:8<<10])
			}
			b.Run(name+"/"+kind, func(b *testing.B) {
				c := load(b, h, ModuleConfig{Module: BuiltinPrefix + name})
				texts := userTexts(text)
				b.SetBytes(int64(len(text)))
				for i := 0; b.Loop(); i++ {
					texts[0].Value = fmt.Sprintf("%08d", i) + text[8:]
					if _, err := c.Classify(context.Background(), texts); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkTwins is the same work in plain Go, for comparison.
func BenchmarkTwins(b *testing.B) {
	text := cleanText()
	secrets, injection, words := readSecretsTables(b), readInjectionTables(b), complexityWords(b)
	for name, run := range map[string]func(){
		"secrets":    func() { secrets.find(text) },
		"injection":  func() { injection.find(userTexts(text)) },
		"complexity": func() { complexityScores(words, userTexts(text)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				run()
			}
		})
	}
}
