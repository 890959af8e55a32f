target "cloud" "deployed" {
  dialect     = "azure-openai"
  base_url    = "https://acme.openai.azure.com"
  api_version = "2024-10-21"
  api_key     = env("KEY")
  model "gpt-4.1" { upstream = "our-deployment" }
}

target "cloud" "v1" {
  dialect  = "azure-openai"
  base_url = "https://acme.openai.azure.com/openai/v1/"
  api_key  = env("KEY")
  model "gpt-4.1" {}
}

target "cloud" "neither" {
  dialect  = "azure-openai"
  base_url = "https://acme.openai.azure.com"
  model "gpt-4.1" {}
}

target "cloud" "both" {
  dialect     = "azure-openai"
  base_url    = "https://acme.openai.azure.com/openai/v1"
  api_version = "2024-10-21"
  server      = "azur"
  model "gpt-4.1" {}
}

target "cloud" "versions" {
  dialect     = "openai"
  base_url    = "https://api.openai.com/v1"
  api_version = "v1"
  server      = "openai"
  model "gpt-4.1" {}
}

target "cloud" "claude" {
  dialect     = "anthropic"
  base_url    = "https://api.anthropic.com/v1"
  api_version = "20 23"
  model "c" {}
}
