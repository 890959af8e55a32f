target "cloud" "openai" {
  dialect         = "openai"
  base_url        = "https://api.openai.com/v1/"
  api_key         = env("KEY")
  headers         = { "OpenAI-Organization" = env("KEY"), x-note = file("note.txt") }
  jurisdiction    = "US"
  attributes      = { dpa = "2026-01", level = 3 }
  max_concurrency = 256
  rate_limit      = { requests_per_minute = 5000, tokens_per_minute = 2000000 }
  connect_timeout = "2s"
  idle_timeout    = "90s"

  model "gpt-4.1-mini" {
    aliases        = ["small", "default"]
    context_tokens = 1000000
    cost_per_mtok  = { input = 0.40, output = 1.60, cached_input = 0.10 }
    quality        = 60
    ttft_hint      = "400ms"
    tpot_hint      = "12ms"
  }
  model "big" {
    upstream      = upper("gpt-5")
    cost_per_mtok = { input = 1.25, output = 10, cached_write = 1.5, cached_write_long = 0, reasoning = 12 }
  }
}

target "gpu_cluster" "vllm" {
  dialect       = "openai"
  endpoints     = ["http://10.0.0.11:8000/v1", env("URL")]
  allowed_cidrs = ["10.0.0.0/24"]
  model "meta-llama/Llama-3.3-70B" {}
}

target "edge" "kiosk" {
  dialect  = "ollama"
  base_url = env("URL")
  model "tiny" {}
}

target "air_gapped" "vault" {
  dialect       = "openai"
  endpoints     = ["http://127.0.0.1:9001/v1", "http://[fd00::5]:8000/v1", "unix:///run/model.sock:/v1"]
  allowed_cidrs = ["127.0.0.0/8", "fd00::/64"]
  model "secure" { aliases = ["default"] }
}

target "air_gapped" "play" {
  dialect = "openai"
  stand_in {
    ttft   = "40ms"
    tpot   = "5ms"
    jitter = 0.2
    seed   = 7
  }
  model "demo" {}
}
