package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxPrompts     = 100_000
	maxPromptBytes = 1 << 20
)

// Prompts returns the built-in prompts: short and long, prose and code, one with
// an address in it, so that every classifier has something to read.
func Prompts() []string {
	minutes := strings.Repeat("The committee read the minutes of the last meeting, found two figures that did not agree, and asked the treasurer to bring the ledger next time. ", 24)
	return []string{
		"What is the capital of Portugal?",
		"Translate to German: the ferry leaves at seven and does not wait.",
		"Give three titles for a talk about cheap outdoor lamps.",
		"My address is jo.example@example.com. Write a two-line reply that confirms a booking for Tuesday.",
		"Explain step by step why the product of two negative numbers is positive, and where a pupil most often goes wrong.",
		"Find the mistake:\n\nfunc mean(x []float64) float64 {\n\tsum := 0.0\n\tfor i := 1; i <= len(x); i++ {\n\t\tsum += x[i]\n\t}\n\treturn sum / float64(len(x))\n}",
		"Write an SQL query that lists, for each customer, the latest of their orders and the time since the one before it. State which indexes it needs.",
		"Plan a week of vegetarian dinners for four. Nothing may take longer than 40 minutes, no dish twice, at most one with pasta, and the shopping list has to fit on one page.",
		"Prove that there are infinitely many primes of the form 4k+3, then say which step fails for 4k+1.",
		"Summarise in one sentence:\n\n" + minutes,
	}
}

// ReadPrompts reads one prompt a line; empty lines are skipped.
func ReadPrompts(r io.Reader) ([]string, error) {
	var prompts []string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxPromptBytes)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if len(prompts) == maxPrompts {
			return nil, fmt.Errorf("line %d: more than %d prompts", n, maxPrompts)
		}
		prompts = append(prompts, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read prompts: %w", err)
	}
	if len(prompts) == 0 {
		return nil, errors.New("no prompts: want one a line")
	}
	return prompts, nil
}
