# A provider on the internet. Keys come from the environment (or from a file:
# api_key = file("openai.key")); they are never shown.

target "cloud" "openai" {
  dialect      = "openai"
  base_url     = "https://api.openai.com/v1"
  api_key      = env("OPENAI_API_KEY")
  jurisdiction = "US"                # policy reads it as input.targets.openai.jurisdiction
  attributes   = { dpa = "2026-01" } # anything else that policy wants to know

  # What this process sends at most, so that the provider need not refuse it.
  max_concurrency = 256
  rate_limit      = { requests_per_minute = 5000, tokens_per_minute = 2000000 }

  model "gpt-4.1-mini" {
    aliases        = ["small", "default"]
    context_tokens = 1000000
    cost_per_mtok  = { input = 0.40, output = 1.60, cached_input = 0.10 } # US dollars
    quality        = 60                                                   # 0 to 100, for policy
    ttft_hint      = "400ms"                                              # until there are measurements
    tpot_hint      = "12ms"
  }
}

target "cloud" "anthropic" {
  dialect      = "anthropic"
  base_url     = "https://api.anthropic.com/v1"
  api_key      = env("ANTHROPIC_API_KEY")
  jurisdiction = "US"

  model "sonnet" {
    upstream      = "claude-sonnet-4-5" # the name that the provider knows
    aliases       = ["large"]
    cost_per_mtok = { input = 3, output = 15, cached_input = 0.30 }
    quality       = 85
  }
}

target "cloud" "gemini" {
  dialect      = "gemini"
  base_url     = "https://generativelanguage.googleapis.com/v1beta"
  api_key      = env("GEMINI_API_KEY")
  jurisdiction = "US"

  model "gemini-2.5-flash" {
    aliases       = ["small"]
    cost_per_mtok = { input = 0.30, output = 2.50, cached_input = 0.075 }
    quality       = 65
  }
}
