# Servers of your own: vLLM, SGLang, TGI or llama.cpp, all of which speak the
# openai dialect. Each request goes to the least busy endpoint; one that cannot
# be connected to is passed over.

target "gpu_cluster" "vllm" {
  dialect = "openai"
  endpoints = [
    "http://10.0.0.11:8000/v1",
    "http://10.0.0.12:8000/v1",
  ]
  api_key      = env("VLLM_API_KEY") # remove it where the servers ask for none
  jurisdiction = "DE"

  # Optional here. Given, it holds for the addresses that are really dialled.
  allowed_cidrs = ["10.0.0.0/24"]

  max_concurrency = 64
  connect_timeout = "1s"
  idle_timeout    = "2m" # the longest silence: reading a long prompt takes time

  model "llama-70b" {
    upstream       = "meta-llama/Llama-3.3-70B-Instruct"
    aliases        = ["default", "large"]
    context_tokens = 131072
    cost_per_mtok  = { input = 0.20, output = 0.20 } # what the hardware costs you
    quality        = 70
    ttft_hint      = "250ms"
    tpot_hint      = "18ms"
  }
}
