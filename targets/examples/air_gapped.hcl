# Servers that nothing may leave through. The dialer of an air_gapped target
# connects to loopback and private addresses inside allowed_cidrs and to unix
# sockets, and to nothing else: no names, no proxy, no redirects.

target "air_gapped" "vault" {
  dialect = "openai"
  endpoints = [
    "http://10.9.0.5:8000/v1",
    "unix:///run/llama.sock:/v1", # the socket's path, a colon, the path of the API
  ]
  allowed_cidrs = ["10.9.0.0/24"]
  jurisdiction  = "on-premises"

  model "secure" {
    upstream      = "qwen3-32b"
    aliases       = ["default"]
    cost_per_mtok = { input = 0.50, output = 0.50 }
    quality       = 60
  }
}

# A stand-in runs inside Sallyport and has no model behind it, as each of its
# replies says. It is for trying out policies before the real server is there.
target "air_gapped" "rehearsal" {
  dialect = "openai"

  stand_in {
    ttft   = "150ms"
    tpot   = "20ms"
    jitter = 0.2 # delays vary by up to a fifth
    seed   = 1
  }

  model "secure-rehearsal" {}
}
