package classifiers

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// issuedValues are keys of each form that says itself who issued it. They are put
// together here, so that no tool takes this file for a leak.
func issuedValues() map[string][2]string {
	r := rand.New(rand.NewPCG(5, 6))
	of := func(alphabet string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	return map[string][2]string{ // the kind, and the value
		"access key id": {"AWS_KEY", "AK" + "IA" + of(uppers+"234567", 16)}, "classic token": {"GITHUB_TOKEN", "gh" + "p_" + of(mixedChars, 36)},
		"fine-grained token": {"GITHUB_TOKEN", "github" + "_pat_" + of(mixedChars, 22) + "_" + of(mixedChars, 59)},
		"of fixed length":    {"GOOGLE_API_KEY", "AI" + "za" + of(mixedChars, 35)}, "old key": {"OPENAI_KEY", "sk" + "-" + of(mixedChars, 48)},
		"live key": {"STRIPE_KEY", "sk" + "_live_" + of(mixedChars, 24)}, "package token": {"GENERIC", "np" + "m_" + of(mixedChars, 36)},
		"hexadecimal": {"GENERIC", "do" + "p_v1_" + of(tens+"abcdef", 64)}, "account key": {"GENERIC", "SK" + of(tens+"abcdef", 32)},
		"project key": {"OPENAI_KEY", "sk" + "-proj-" + of(mixedChars, 48)}, "bot token": {"SLACK_TOKEN", "xo" + "xb-" + of(tens, 12) + "-" + of(tens, 12) + "-" + of(mixedChars, 24)},
		"web token":   {"JWT", "ey" + "JhbGciOiJIUzI1NiJ9.ey" + of(mixedChars, 40) + "." + of(mixedChars, 43)},
		"with points": {"GENERIC", "SG" + "." + of(mixedChars, 22) + "." + of(mixedChars, 43)}, "open length": {"GITLAB_TOKEN", "gl" + "pat-" + of(mixedChars, 20)},
	}
}

// TestSecretsNeighbours puts keys next to everything that may stand there. Nothing
// hides one but a letter or digit right beside it, or a token before a point.
func TestSecretsNeighbours(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:secrets", TimeLimit: time.Minute})
	tables := readSecretsTables(t)
	before := append([]string{"é", "ж", `\n`, `\t`, `\u003d`, "%20", "x%3D"}, strings.Fields("call- call_ call/ call. call: call= x- x_ x. x/ x@ x# user42- user42_ a716- a-b_ - _ . / : = @ # \" ' ` ( [ { < , ; | \\ * ~ + & % $ ! ? 漢 😀 － — ** __ 1- 12_")...)
	before = append(before, "", " ", "\u00a0", "\n", "-- ", "call-call_call.")
	behind := append([]string{"", " end", "\u00a0", "\n", `\n`}, strings.Fields("-end _end .end /end :end =end - _ . , ; : ! ? \" ' ` ) ] } > < | \\ * ~ + & % $ # @ 漢 😀 é — －x _1 -1 .. ** %20 -DE.pdf")...)
	for name, v := range issuedValues() {
		kind, value := "SECRET_"+v[0], v[1]
		// A key of open length goes on as far as its characters do.
		open := map[string]bool{"project key": true, "bot token": true, "web token": true, "with points": true, "open length": true, "fine-grained token": true}[name]
		check := func(before, behind string, want bool) {
			t.Helper()
			text := "it " + before + value + behind
			rep, err := c.Classify(t.Context(), userTexts(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tables.find(text), rep.Findings); diff != "" {
				t.Errorf("%q: twin (-) and module (+):\n%s", text, diff)
			}
			span := engine.Span{Start: len("it " + before), End: len("it " + before + value)}
			got := false
			for _, f := range rep.Findings {
				got = got || f.Kind == kind && f.Span.Start == span.Start && (f.Span.End == span.End || open && f.Span.End > span.End)
			}
			if got != want {
				t.Errorf("%s in %q: found %v, want %v: %+v", name, text, got, want, rep.Findings)
			}
		}
		for _, s := range before {
			check(s, " end", true)
		}
		for _, s := range behind {
			check("", s, true)
		}
		for _, s := range []string{"a", "Z", "ab1", "1", "Ａ", "x\u200b"} {
			check(s, " end", false)
		}
		if name == "access key id" || name == "classic token" || name == "hexadecimal" || name == "account key" || name == "package token" || name == "of fixed length" {
			check("", "a", false)
			check("", "1", false)
		}
		if !open {
			check("", "-"+value, true) // of two, the first
			check(value+"_", "", true) // and the second
		}
	}
}

// TestSecretsJoinedNegatives are what a key with a name before it is taken for.
func TestSecretsJoinedNegatives(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:secrets", TimeLimit: time.Minute})
	tables := readSecretsTables(t)
	r := rand.New(rand.NewPCG(7, 9))
	hexes := func(n int) string {
		s := ""
		for range n {
			s += fmt.Sprintf("%x", r.IntN(16))
		}
		return s
	}
	for _, text := range []string{
		"id-" + hexes(8) + "-" + hexes(4) + "-4" + hexes(3) + "-a" + hexes(3) + "-" + hexes(12), "sha256-" + hexes(64), "commit_" + hexes(40), "app-" + hexes(12) + ".js", "logo.ico-" + hexes(32) + ".png",
		"my-sk-learn-notebook-for-the-long-run", "test_sk_live_placeholder_value_here", "docs-ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "the-npm_config_user_agent_variable_name", "use-hf_hub_download_function_with_cache",
		"a-key-value-store-for-everything-we-know", "rel-v1.0-2024-01-02-and-what-came-after", "AKIA-is-the-prefix-of-them", "x-AKIAIOSFODNN7EXAMPLE", "SK-1234-5678-9012-3456-7890", "run_live_migration_of_all_the_rows",
		"dGhpcyBpcyBhIHRlc3Qgb2YgYmFzZTY0IHRleHQ=", "data-" + strings.Repeat("eyJ-", 20), "order-4111111111111111-shipped", "node_modules/some-package_name/lib-es2015_index", "phc_is_a_prefix-pat-na1-too_and-ico-",
	} {
		rep, err := c.Classify(t.Context(), userTexts(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tables.find(text), rep.Findings); diff != "" || len(rep.Findings) > 0 {
			t.Errorf("%q: %+v, twin (-) and module (+):\n%s", text, rep.Findings, diff)
		}
	}
}
