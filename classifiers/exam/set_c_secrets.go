package main

import (
	"encoding/base64"
	"strings"
)

var (
	secretLabelsC = []string{"SECRET_TOKEN", "auth", "personal access token", "x-api-key", "APIKEY", "deploy token", "Schlüssel", "jeton", "clave API", "chiave", "TOKEN_PROD", "cred"}

	secretCarriersC = []string{
		"$env:{I} = \"{V}\"", "set -x {I} {V}", "docker run -e {I}={V} {w}:latest", "    environment:\n      {I}: {V}\n", "\"{I}\": \"{V}\",\n\"timeout\": {n}", "kubectl create configmap {w} --from-literal={I}={V}",
		"private static final String {I} = \"{V}\";", "let {I}: &str = \"{V}\";", "Hey, the {L} for {w} is {V}, in case you need it", "{t} <mia> try this {L}: {V}", "http --auth-type bearer --auth {V} GET api.{w}.example/me", "Le {L} est {V}, il expire demain.",
		"El {L} de producción es {V}", "<entry name=\"{I}\">{V}</entry>", "[{w}]\n{I} = {V}\n", "-{I}={V}\n+{I}=<removed>\n", "{d} 0{n}:00 WARN {w}: rejected {I}={V}", "##vso[task.setvariable variable={I}]{V}", "{L}\n{V}\n", "Our new {L}: `{V}`",
	}

	genericNamesC = []string{"PASSWORD", "db_pass", "smtp_password", "ADMIN_PASSWORD", "REDIS_PASSWORD", "user_password", "bot_token", "API_SECRET", "access_key", "refresh_token", "COOKIE_SECRET", "cipher_key", "Zugangspasswort", "clave secreta", "wachtwoord", "parola d'accesso", "MYSQL_ROOT_PASSWORD", "service_account_password", "пароль", "密码"}

	passwordNamesC = []string{"PASSWORD", "db_pass", "smtp_password", "login password", "wachtwoord", "clave", "mdp", "parola d'ordine", "lösenord", "PIN/password", "пароль", "密码"}

	keyBlockNamesC   = []string{"TLS_KEY", "id_rsa", "server.key", "signing key", "privkey"}
	connectionNamesC = []string{"SQLALCHEMY_DATABASE_URI", "MONGO_URI", "connectionString", "BROKER_URL", "JDBC_URL", "datasource"}
)

// providersC are families that neither A nor B has.
var providersC = []family{
	form("cerebras", "csk-", lower+digits, 48),
	form("nvidia", "nvapi-", urlsafe, 64),
	form("openrouter", "sk-or-v1-", hex, 64),
	form("fireworks", "fw_", base62, 24),
	form("tavily", "tvly-", base62, 32),
	form("voyage", "pa-", urlsafe, 43),
	form("pinecone", "pcsk_", base62+"_", 70),
	form("clojars", "CLOJARS_", hex, 60),
	form("frame.io", "fio-u-", urlsafe, 64),
	form("typeform", "tfp_", urlsafe, 59),
	form("readme", "rdme_", lower+digits, 70),
	form("shippo", "shippo_live_", hex, 40),
	form("sendinblue smtp", "xsmtpsib-", hex, 64),
	form("lob", "live_", hex, 35),
	form("scalingo", "tk-us-", urlsafe, 48),
	form("infracost", "ico-", base62, 32),
	form("octopus deploy", "API-", digits+upper, 26),
	{"harness", func(g *gen) string {
		return "pat." + g.chars(base62, 22) + "." + g.chars(hex, 24) + "." + g.chars(base62, 20)
	}, ""},
	form("sonarqube", "squ_", hex, 40),
	{"circleci", func(g *gen) string { return "CCIPAT_" + g.chars(base62, 22) + "_" + g.chars(hex, 40) }, ""},
	form("confluent", "cflt", base62, 60),
	form("posthog personal", "phx_", base62, 43),
	form("paystack", "sk_live_", hex, 40),
	form("zuplo", "zpka_", base62, 32),
	form("neon", "napi_", lower+digits, 64),
	named("openweather", "OPENWEATHER_API_KEY|openweather api key", hex, 32),
	named("deepgram", "DEEPGRAM_API_KEY|deepgram api key", hex, 40),
	named("elevenlabs", "ELEVENLABS_API_KEY|elevenlabs api key", hex, 32),
	named("pagerduty", "PAGERDUTY_API_TOKEN|pagerduty api token", base62, 20),
	named("zendesk", "ZENDESK_API_TOKEN|zendesk api token", base62, 40),
	named("trello", "TRELLO_API_TOKEN|trello api token", hex, 64),
	named("vercel", "VERCEL_TOKEN|vercel token", base62, 24),
	namedUUID("scaleway", "SCW_SECRET_KEY|scaleway secret key"),
	namedUUID("snowplow", "SNOWPLOW_API_KEY|snowplow api key"),
}

// connectionC is an address with a password in it, as frameworks write it.
func connectionC(g *gen) value {
	password := g.chars(base62, g.between(10, 18)) + g.like("9A") + pick(g, []string{"", "", "-x", "~k", "%21"})
	user, host, db := pick(g, wordsC)+pick(g, []string{"", "_app", "_rw", "-svc"}), pick(g, wordsC)+pick(g, []string{".example.com", ".c1.us-east-1.rds.example", "", ".svc.cluster.local", ".lan"}), pick(g, wordsC)
	scheme := pick(g, []string{"postgres", "postgresql+asyncpg", "mysql+pymysql", "mongodb+srv", "mongodb", "redis", "amqps", "nats", "sftp", "ldap", "https", "smtps", "sqlserver", "jdbc:mysql", "go mysql", "npgsql", "ado.net", "service bus"})
	var s string
	switch scheme {
	case "redis":
		s = "redis://" + user + ":" + password + "@" + host + ":6380/1"
	case "https":
		s = "https://" + user + ":" + password + "@" + host + "/" + db + "/feed.xml"
	case "sqlserver":
		s = "sqlserver://" + user + ":" + password + "@" + host + ":1433?database=" + db
	case "jdbc:mysql":
		s = "jdbc:mysql://" + host + ":3306/" + db + "?user=" + user + "&password=" + password
	case "go mysql":
		s = user + ":" + password + "@tcp(" + host + ":3306)/" + db + "?parseTime=true"
	case "npgsql":
		s = "Host=" + host + ";Port=5432;Database=" + db + ";Username=" + user + ";Password=" + password
	case "ado.net":
		s = "Data Source=" + host + ";Initial Catalog=" + db + ";User ID=" + user + ";Password=" + password + ";TrustServerCertificate=true"
	case "service bus":
		password = base64.StdEncoding.EncodeToString(g.bytes(32))
		s = "Endpoint=sb://" + db + ".servicebus.windows.net/;SharedAccessKeyName=" + user + ";SharedAccessKey=" + password
	default:
		s = scheme + "://" + user + ":" + password + "@" + host + "/" + db + pick(g, []string{"", "?sslmode=require", "?timeout=5"})
	}
	return value{text: s, class: scheme, core: password}
}

// genericC is a password or token made by a machine.
func genericC(g *gen) value {
	switch g.IntN(5) {
	case 0:
		return value{text: g.chars(hex, pick(g, []int{32, 48, 64})), class: "hex"}
	case 1:
		return value{text: base64.StdEncoding.EncodeToString(g.bytes(pick(g, []int{16, 32, 64}))), class: "base64"}
	case 2:
		return value{text: g.chars(base62+"!@#%^*-_=+", g.between(14, 22)) + g.like("9aA9"), class: "password manager"}
	case 3:
		return value{text: g.chars(urlsafe, g.between(22, 42)) + g.like("9a"), class: "url safe"}
	}
	return value{text: g.chars(base62, g.between(18, 40)) + g.like("9a"), class: "alphanumeric"}
}

// thoughtUpC is a password as people make them.
func thoughtUpC(g *gen) value {
	w := pick(g, wordsC)
	w = string(w[0]-32) + w[1:]
	switch g.IntN(3) {
	case 0:
		return value{text: w + g.like(pick(g, []string{"99", "999", "2019"})) + pick(g, []string{"!", "?", "*", "!!", "$"}), class: "word, digits, mark"}
	case 1:
		return value{text: strings.NewReplacer("a", "4", "e", "3", "o", "0", "i", "1").Replace(w) + pick(g, []string{"!", "@", "#"}) + g.like("99"), class: "letters as digits"}
	}
	return value{text: w + pick(g, []string{"And", "Of", "For"}) + pick(g, wordsC) + g.like("99"), class: "two words"}
}

var (
	keyNamesC = []string{"SECRET_KEY", "auth_token", "pass", "apiSecret", "DB_PASS", "accessKey", "Passwort", "bot token", "ACCESS_TOKEN"}

	secretNearC = []near{
		{class: "placeholder", labels: keyNamesC, blank: true, draw: func(g *gen) string {
			return pick(g, []string{"<insert-key>", "YOUR_TOKEN_HERE", "<password>", "my-secret-here", "CHANGE_ME", "********", "[hidden]", "(redacted)", "xxxxxxxxxxxx", "<your password>", "REPLACE_WITH_KEY", "####", "enter-your-key", "$$$", "REDACTED", "sk_live_...", "ghp_XXXXXXXX"})
		}},
		{class: "reference", labels: keyNamesC, blank: true, draw: func(g *gen) string {
			return pick(g, []string{"${{ secrets.NPM }}", "$(API_TOKEN)", "env('DB_PASSWORD')", "System.getenv(KEY)", "var.db_password", "data.vault.token", "!Ref DbPassword", "${ssm:/app/db}", "ENV['SECRET']", "config.get(token)", "{{ vault_pass }}", "settings.SECRET_KEY", "file:/run/secrets/db", "@Microsoft.KeyVault(x)", "$1"})
		}},
		{class: "public key", labels: []string{"public key", "host key", "pubkey", "cert"}, draw: func(g *gen) string {
			return pick(g, []string{"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB" + g.chars(base64s, 87) + "=", "age1" + g.chars(bech32Letters, 58), "SHA256:" + g.chars(base64s, 43)})
		}},
		{class: "publishable key", labels: []string{"publishable", "site key"}, draw: func(g *gen) string { return pick(g, []string{"pk_test_", "phc_"}) + g.chars(base62, 32) }},
		{class: "build path", labels: []string{"output", "script", "layer"}, draw: func(g *gen) string {
			return pick(g, []string{"dist/", "/nix/store/" + g.chars("0123456789abcdfghijklmnpqrsvwxyz", 32) + "-"}) + pick(g, wordsC) + "-" + g.chars(hex, 8) + ".css"
		}},
		{class: "container id", labels: []string{"container", "image id", "layer"}, draw: func(g *gen) string { return g.chars(hex, pick(g, []int{12, 64})) }},
		{class: "ulid", labels: []string{"ulid", "event id", "row id", "trace id"}, draw: func(g *gen) string { return "01J" + g.chars("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 23) }},
		{class: "address without password", labels: []string{"DB_HOST", "endpoint", "remote"}, draw: func(g *gen) string {
			return pick(g, []string{"mysql://127.0.0.1:3306/", "nats://broker:4222/", "ssh://git@host/", "postgresql://reader@db/", "redis://:${REDIS_PASS}@cache/", "amqp://<user>:<pass>@mq/"}) + pick(g, wordsC)
		}},
		{class: "key name or length", labels: []string{"key size", "key alias", "token type", "password policy"}, draw: func(g *gen) string {
			return pick(g, []string{"4096", "alias/" + pick(g, wordsC), "Bearer", "min 12 chars", "rotated", "RS256"})
		}},
		{class: "flag", labels: []string{"requirePassword", "token_expired", "password reset", "has_secret"}, blank: true, draw: func(g *gen) string { return pick(g, []string{"true", "false", "yes", "0", "off", "null"}) }},
		{class: "test double", labels: keyNamesC, blank: true, draw: func(g *gen) string {
			return pick(g, []string{"test", "dummy-token", "fake", "sample", "example-key", "undefined", "placeholder"})
		}},
	}

	secretProseC = []string{
		"Passwords expire after {n} days; choose a new one in the portal.", "if (!token) return res.status(401).end()", "Which password manager suits a team of {n}?", "const { password, token } = req.body;", "api_key: Optional[str] = None", "Wie ändere ich mein Passwort im {w}?",
		"J'ai perdu mon mot de passe, que faire ?", "The secret ingredient is {w}.", "cherry-pick {V} onto {w}", "token budget: {n}000, used: {n}", "raise ValueError(\"secret must not be empty\")", "password_confirmation = params[:password_confirmation]",
		"Rotate keys every {n} days, says the audit.", "private readonly tokenService: TokenService;", "docker pull {w}@sha256:{V}", "GRANT SELECT ON {w} TO reader; -- no password needed", "chmod 600 ~/.ssh/id_rsa && ssh-add",
	}
)
