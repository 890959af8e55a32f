target "clowd" "a b" {
  dialect         = "opnai"
  base_ulr        = "https://x.example"
  api_key         = env("NOT_SET")
  headers         = { host = "x", "b@d" = "y", ok = "a\nb" }
  jurisdiction    = env("KEY")
  attributes      = ["x"]
  max_concurrency = 0
  rate_limit      = { request_per_minute = 5, tokens_per_minute = "many" }
  connect_timeout = "5"
  idle_timeout    = 5
  metrics         = "metrics"
  dns             = "vllm.svc:8000"
}

target "cloud" "bedrock" {
  dialect   = "bedrock"
  base_url  = "https://x.example"
  endpoints = ["https://y.example"]
  model "auto" {
    aliases        = ["a", "a", "two words", "other"]
    context_tokens = 1.5
    cost_per_mtok  = { input = -1, cached = 2 }
    quality        = 101
    ttft_hint      = "fast"
    tpot           = "1ms"
  }
  model "other" {}
  model "other" {}
  stand_in {
    jitter = 2
  }
}

target "edge" "bedrock" {
  metrics  = "/metrics"
  dialect  = "openai"
  endpoints = [
    "ftp://x.example", "https://user:pw@x.example/v1", "https://x.example/v1?key=1", "https://", "::",
    "http://x.example:99999/v1", "unix://run/x.sock", "unix:///run/x.sock:v1", "http://[fe80::1%25eth0]/v1",
    "https://ok.example/v1", "https://ok.example/v1", "http://10.1.1.1/v1",
  ]
  allowed_cidrs = ["10.9.0.1", "10.9.0.1/16", "10.0.0.0/33", "::ffff:10.0.0.0/104", "10.9.0.0/16"]
  model "x" {}
}

target "cloud" "empty" {
  dialect   = null
  endpoints = []
  api_key   = env("EMPTY")
}

target "cloud" "zeroes" {
  dialect         = "openai"
  base_url        = "https://user@x.example/v1"
  headers         = { (env("KEY")) = "x" }
  attributes      = jsondecode("{\"a\":null}")
  rate_limit      = { requests_per_minute = 0, tokens_per_minute = 0.5 }
  connect_timeout = "0s"
  idle_timeout    = "-1s"
  allowed_cidrs   = []
  model "m" { aliases = [env("KEY")] }
  stand_in {}
  stand_in {}
}

target "edge" {
  dialect = "openai"
}

target "edge" "null" {
  dialect   = "ollama"
  endpoints = [null]
  headers   = "x"
  jurisdiction = ""
  model "m" { cost_per_mtok = [1, 2] }
  model {}
}
