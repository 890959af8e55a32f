package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/sallyport-ai/sallyport/targets"
)

//go:embed default.hcl
var embeddedDefault string

// found are the providers that the embedded default adds where their key is in
// the environment. Prices and sizes are the providers' list prices of July 2026
// (models.dev).
var found = []struct{ variable, hcl string }{
	{"OPENAI_API_KEY", `
target "cloud" "openai" {
  dialect      = "openai"
  base_url     = "https://api.openai.com/v1"
  api_key      = env("OPENAI_API_KEY")
  jurisdiction = "US"
  model "gpt-4.1-mini" {
    context_tokens = 1047576
    cost_per_mtok  = { input = 0.40, output = 1.60, cached_input = 0.10 }
    quality        = 70
    ttft_hint      = "400ms"
    tpot_hint      = "12ms"
  }
}
`},
	{"ANTHROPIC_API_KEY", `
target "cloud" "anthropic" {
  dialect      = "anthropic"
  base_url     = "https://api.anthropic.com/v1"
  api_key      = env("ANTHROPIC_API_KEY")
  jurisdiction = "US"
  model "claude-sonnet-4-5" {
    context_tokens = 200000
    cost_per_mtok  = { input = 3.00, output = 15.00, cached_input = 0.30 }
    quality        = 92
    ttft_hint      = "700ms"
    tpot_hint      = "15ms"
  }
}
`},
	{"GEMINI_API_KEY", `
target "cloud" "gemini" {
  dialect      = "gemini"
  base_url     = "https://generativelanguage.googleapis.com/v1beta"
  api_key      = env("GEMINI_API_KEY")
  jurisdiction = "US"
  model "gemini-2.5-flash" {
    context_tokens = 1048576
    cost_per_mtok  = { input = 0.30, output = 2.50, cached_input = 0.075 }
    quality        = 75
    ttft_hint      = "400ms"
    tpot_hint      = "6ms"
  }
}
`},
}

// ownKey adds a key to the embedded default's auth block, so that requests of
// this machine's user can be told from anonymous ones.
const ownKey = `
  key "local" {
    secret     = env("SALLYPORT_API_KEY")
    tenant     = "local"
    attributes = { personal_data = "redact" }
  }
`

// localTarget declares an inference server that was found on this machine. It
// costs nothing but the machine's own time.
func localTarget(l targets.Local) string {
	quoted := func(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }
	text := fmt.Sprintf("\ntarget \"edge\" %s {\n  dialect  = %s\n  base_url = %s\n", quoted(l.Name), quoted(string(l.Dialect)), quoted(l.BaseURL))
	for _, m := range l.Models {
		text += fmt.Sprintf("  model %s {\n    cost_per_mtok = { input = 0, output = 0 }\n    quality       = 50\n  }\n", quoted(m))
	}
	return text + "}\n"
}

// defaultConfig is the configuration without a file: the embedded one, and a
// target for each provider whose key is set and each local server.
func defaultConfig(env lookup, local []targets.Local) []byte {
	text := embeddedDefault
	if v, ok := env("SALLYPORT_API_KEY"); ok && v != "" {
		at := strings.Index(text, "auth {") + len("auth {")
		text = text[:at] + ownKey + text[at:]
	}
	for _, f := range found {
		if v, ok := env(f.variable); ok && strings.TrimSpace(v) != "" {
			text += f.hcl
		}
	}
	for _, l := range local {
		text += localTarget(l)
	}
	return []byte(text)
}
