package classifiers

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// numberedText is 8 KB of questions with a number in every line or so, and nothing
// to find.
func numberedText() string {
	const part = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many did she sell altogether?\n" +
		"Summarise the following in 150 words for somebody who has never seen the product, and keep the tone of the original.\n" +
		"    const limit = 4096; for (const row of rows) { if (row.kind === 'open') { total += row.price * 1.19 } }\n" +
		"It costs $19.99 a month, which is less than the year before; what would the same plan cost for a family of five?\n" +
		"The three parts are due in two, four and six weeks. Nobody has to attend, and the notes will be shared later.\n" +
		"Explain the difference between version 2.14 and the one before it, with an example that runs as it stands.\n"
	return strings.Repeat(part, 8<<10/len(part)+1)[:8<<10]
}

// logText is 8 KB of a log: little but numbers, dates among them.
func logText() string {
	const part = "2024-05-03T10:45:12Z INFO worker-3 took job 88213 (retry 1 of 5), p95=212ms, mem=512MiB, exit code 0\n" +
		"Version 2.14 of the report came out on 3 May 2024 at 10:45; 1,284 of 2,000 rows were read in 35 ms.\n"
	return strings.Repeat(part, 8<<10/len(part)+1)[:8<<10]
}

// piiPatterns are regular expressions that look for some of what the module looks
// for, without checksums or words nearby.
var piiPatterns = []string{
	`[A-Za-z0-9._%+'-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`,
	`\b(?:\d[ -]?){12,18}\d\b`,
	`\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b`,
	`\b\d{3}[- ]\d{2}[- ]\d{4}\b`,
	`(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){2,4}\b`,
	`\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b`,
	`\b(?:[0-9A-Fa-f]{1,4}:){2,7}[0-9A-Fa-f]{1,4}\b`,
	`\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b`,
	`\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b`,
	`\b[XYZ]?\d{7,8}[A-Z]\b`,
	`\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b`,
	`\b\d{3}\.\d{3}\.\d{3}-\d{2}\b`,
	`\b(?:bc1[0-9a-z]{11,71}|[13][1-9A-HJ-NP-Za-km-z]{25,34}|0x[0-9a-fA-F]{40})\b`,
}

// BenchmarkTablePII reads 8 KB of clean prompts without digits, with some, and of a
// log: in the metered module without pool and decoder, in its twin, and with
// regular expressions one after the other.
func BenchmarkTablePII(b *testing.B) {
	rules := newPIIRules(b)
	var patterns []*regexp.Regexp
	for _, p := range piiPatterns {
		patterns = append(patterns, regexp.MustCompile(p))
	}
	wasm, _ := Builtin("pii")
	m, err := meter(wasm, 1024)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, input := range []struct{ name, text, gigabytes, faster string }{
			{"prose", cleanText(), ">= 1", ">= 300"}, {"prose with numbers", numberedText(), "", ""}, {"a log", logText(), "", ""},
		} {
			took := interleaved(20, 2*time.Millisecond, rawCall(b, m.wasm, false, userTexts(input.text)),
				func() { rules.scan(input.text) },
				func() {
					for _, p := range patterns {
						p.FindAllStringIndex(input.text, -1)
					}
				})
			benchRow(b, "pii, "+input.name, float64(len(input.text))/float64(took[0]), "GB/s", input.gigabytes)
			benchRow(b, "pii, "+input.name+": its twin in Go / module", ratio(took[1], took[0]), "", ">= 0.9")
			benchRow(b, fmt.Sprintf("pii, %s: %d regular expressions in Go / module", input.name, len(patterns)), ratio(took[2], took[0]), "", input.faster)
		}
	}
}

// TestPIICleanTexts holds the benchmark's texts to be clean, so that it measures
// the search and not the report.
func TestPIICleanTexts(t *testing.T) {
	for _, text := range []string{cleanText(), numberedText(), logText()} {
		if found := newPIIRules(t).find(text); len(found) > 0 {
			t.Errorf("%+v", found[0])
		}
	}
}
