# What `sallyport serve` does without a configuration file: one stand-in target a
# posture, the standard policy, every built-in classifier, and a decision log.
# Copy this file to begin your own: sallyport serve -c your.hcl

server {
  listen = "127.0.0.1:8080"
  admin  = "127.0.0.1:8081"
}

auth {
  anonymous = true # the standard policy keeps anonymous requests out of the cloud
}

classifier "pii" {
  module     = "builtin:pii"
  time_limit = "100ms"
}

classifier "secrets" {
  module     = "builtin:secrets"
  time_limit = "100ms"
}

classifier "complexity" {
  module     = "builtin:complexity"
  time_limit = "100ms"
}

target "cloud" "demo-cloud" {
  dialect      = "openai"
  jurisdiction = "US"
  stand_in {
    ttft   = "180ms"
    tpot   = "6ms"
    jitter = 0.2
  }
  model "demo-large" {
    aliases        = ["large", "default"]
    context_tokens = 1000000
    cost_per_mtok  = { input = 2.00, output = 8.00, cached_input = 0.50 }
    quality        = 90
    ttft_hint      = "180ms"
    tpot_hint      = "6ms"
  }
  model "demo-embedding" {
    operations     = ["embeddings"]
    context_tokens = 8192
    cost_per_mtok  = { input = 0.02, output = 0 }
    ttft_hint      = "180ms"
  }
}

target "gpu_cluster" "demo-cluster" {
  dialect      = "openai"
  jurisdiction = "EU"
  stand_in {
    ttft   = "90ms"
    tpot   = "9ms"
    jitter = 0.2
  }
  model "demo-medium" {
    aliases        = ["medium", "default"]
    context_tokens = 131072
    cost_per_mtok  = { input = 0.20, output = 0.60 }
    quality        = 70
    ttft_hint      = "90ms"
    tpot_hint      = "9ms"
  }
}

target "edge" "demo-edge" {
  dialect      = "ollama"
  jurisdiction = "EU"
  stand_in {
    ttft   = "40ms"
    tpot   = "20ms"
    jitter = 0.2
  }
  model "demo-small" {
    aliases        = ["small", "default"]
    context_tokens = 32768
    cost_per_mtok  = { input = 0.02, output = 0.05 }
    quality        = 40
    ttft_hint      = "40ms"
    tpot_hint      = "20ms"
  }
}

target "air_gapped" "demo-vault" {
  dialect       = "openai"
  jurisdiction  = "EU"
  allowed_cidrs = ["127.0.0.0/8"]
  stand_in {
    ttft   = "120ms"
    tpot   = "15ms"
    jitter = 0.2
  }
  model "demo-private" {
    aliases        = ["private", "default"]
    context_tokens = 65536
    cost_per_mtok  = { input = 0.20, output = 0.60 }
    quality        = 60
    ttft_hint      = "120ms"
    tpot_hint      = "15ms"
  }
}

decision_log {
  path = "sallyport-data/decisions"
  mode = "require"
}
