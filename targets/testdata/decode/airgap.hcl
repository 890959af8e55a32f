target "air_gapped" "vault" {
  dialect = "openai"
  endpoints = [
    "http://vault.internal:8000/v1",
    "http://localhost:8000/v1",
    "http://8.8.8.8/v1",
    "http://0.0.0.0:8000/v1",
    "http://[::]:8000/v1",
    "http://2130706433:8000/v1",
    "http://0x7f000001:8000/v1",
    "http://127.1:8000/v1",
    "http://010.0.0.1:8000/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://[::ffff:127.0.0.1]:8000/v1",
    "http://169.254.169.254/v1",
    "http://192.168.4.4:8000/v1",
    "http://[fe80::1%25eth0]:8000/v1",
    "http://127.0.0.1:8000/v1",
    "unix:///run/model.sock:/v1",
  ]
  allowed_cidrs = ["127.0.0.0/8", "10.9.0.0/16", "0.0.0.0/0", "8.8.8.0/24", "169.254.0.0/16", "::/0"]
  model "m" {}
}

target "air_gapped" "nowhere" {
  dialect  = "openai"
  base_url = "http://10.9.0.5:8000/v1"
  model "m" {}
}

target "air_gapped" "secret" {
  dialect       = "openai"
  base_url      = env("URL")
  allowed_cidrs = [env("KEY")]
  model "m" {}
}

target "cloud" "plain" {
  dialect  = "openai"
  base_url = "http://api.example/v1"
  api_key  = env("KEY")
  model "m" {}
}

target "edge" "bare" {
  dialect  = "anthropic"
  base_url = "https://gateway.example/"
  model "m" {}
}
