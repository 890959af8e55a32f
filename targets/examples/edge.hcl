# A small model near the user: Ollama on this machine.

target "edge" "ollama" {
  dialect      = "ollama"
  base_url     = "http://127.0.0.1:11434" # this dialect has no path of its own
  jurisdiction = "local"

  max_concurrency = 2

  model "llama3.2" {
    upstream       = "llama3.2:3b"
    aliases        = ["small", "default"]
    context_tokens = 8192
    cost_per_mtok  = { input = 0, output = 0 } # free, which is not the same as unknown
    quality        = 30
    ttft_hint      = "600ms"
    tpot_hint      = "60ms"
  }
}
