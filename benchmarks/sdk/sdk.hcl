# Stand-ins of every dialect, for the official JavaScript clients.
server {
  listen = "127.0.0.1:0"
  admin  = "127.0.0.1:0"
}

auth {
  key "sdk" {
    secret = env("SALLYPORT_SDK_KEY")
    tenant = "acme"
  }
}

decision_log {
  path = "log"
  mode = "async"
}

target "gpu_cluster" "openai" {
  dialect = "openai"
  stand_in {}
  model "by-openai" {}
  model "text-embedding-3-small" {
    operations = ["embeddings"]
  }
}

target "gpu_cluster" "anthropic" {
  dialect = "anthropic"
  stand_in {}
  model "by-anthropic" {}
}

target "gpu_cluster" "gemini" {
  dialect = "gemini"
  stand_in {}
  model "by-gemini" {}
}

target "gpu_cluster" "ollama" {
  dialect = "ollama"
  stand_in {}
  model "by-ollama" {}
}
