package classifiers

import (
	"strings"
	"testing"
	"time"
)

// BenchmarkTableModules: secrets, injection and complexity over 8 KB of clean
// prose and code and over texts full of what they look for, beside their twins in
// Go.
func BenchmarkTableModules(b *testing.B) {
	join := func(texts []string) string {
		all := strings.Join(texts, "\n") + "\n"
		return validUTF8(strings.Repeat(all, 8<<10/len(all)+1)[:8<<10])
	}
	var attacks, tasks []string
	for _, t := range injectionCorpus(b, "attacks.txt") {
		attacks = append(attacks, t.Value)
	}
	for _, p := range taskPrompts(b) {
		tasks = append(tasks, p.text)
	}
	secrets, injection, words := readSecretsTables(b), readInjectionTables(b), complexityWords(b)
	for b.Loop() {
		for _, m := range []struct {
			name, dense string
			twin        func(text string)
		}{
			{"secrets", join(secretSeeds(secrets)), func(text string) { secrets.find(text) }},
			{"injection", join(attacks), func(text string) { injection.find(userTexts(text)) }},
			{"complexity", join(tasks), func(text string) { complexityScores(words, userTexts(text)) }},
		} {
			wasm, _ := Builtin(m.name)
			metered, err := meter(wasm, 1024)
			if err != nil {
				b.Fatal(err)
			}
			clean := cleanText()
			took := interleaved(20, 2*time.Millisecond,
				rawCall(b, metered.wasm, false, userTexts(clean)), rawCall(b, metered.wasm, false, userTexts(m.dense)), func() { m.twin(clean) })
			benchRow(b, m.name+": 8 KB of prose and code", float64(took[0])/1e3, "us", "")
			benchRow(b, m.name+": 8 KB full of what it looks for", float64(took[1])/1e3, "us", "")
			benchRow(b, m.name+": times as fast as its twin in Go", float64(took[2])/float64(took[0]), "", "")
		}
	}
}

// BenchmarkTableTogether: the four modules that look for something in every text,
// one after the other.
func BenchmarkTableTogether(b *testing.B) {
	for b.Loop() {
		for _, input := range []struct{ name, text string }{{"prose and code", cleanText()}, {"prose with numbers", numberedText()}} {
			var ways []func()
			for _, name := range []string{"pii", "secrets", "complexity", "injection"} {
				wasm, _ := Builtin(name)
				m, err := meter(wasm, 1024)
				if err != nil {
					b.Fatal(err)
				}
				ways = append(ways, rawCall(b, m.wasm, false, userTexts(input.text)))
			}
			took := interleaved(40, time.Millisecond, func() {
				for _, run := range ways {
					run()
				}
			})
			benchRow(b, "pii, secrets, complexity and injection: 8 KB of "+input.name, float64(took[0])/1e3, "us", "")
		}
	}
}
