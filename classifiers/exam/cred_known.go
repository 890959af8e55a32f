package main

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// family is a provider's key: where its form is public, as it says.
type family struct {
	name string
	// make gives the key; context names what it is called in files, for forms that
	// are no more than random characters.
	make    func(g *gen) string
	context string // "": any label
}

// secretLabels stand before keys that speak for themselves.
var secretLabels = [3][]string{
	{"API_KEY", "token", "apiKey", "secret", "SERVICE_TOKEN", "key", "credentials"},
	{"access_token", "AUTH_TOKEN", "clientSecret", "api-token", "PROVIDER_KEY", "bearer", "my key"},
	secretLabelsC,
}

// secretCarriers are files and messages in which keys leak.
var secretCarriers = [3][]string{
	{
		"export {I}={V}", "{I}={V}\nDEBUG=false\n", "{I}: \"{V}\"", "{\"{I}\": \"{V}\", \"region\": \"eu\"}", "client = Client(\"{V}\")  # {w}", "const {I} = '{V}';",
		"curl -H \"Authorization: Bearer {V}\" https://api.{w}.dev/v1/items", "here is the {L}: {V} can you check why it fails", "{d}T{t}:11Z ERROR auth failed {I}={V} status=401",
		"Why do I get 403 with {V}?", "| {w} | {L} | {V} |", "variables:\n  - name: {I}\n    value: {V}\n", "Mein {L} ist {V}, funktioniert aber nicht.", "set {L} to {V} then restart the {w}",
	},
	{
		"ENV {I} {V}", "{I} = \"{V}\"\nregion = \"us\"\n", "headers = {'X-Api-Key': '{V}'}", "os.Setenv(\"{I}\", \"{V}\")", "wget --header='Authorization: Token {V}' https://{w}.dev/x", "val {I} = \"{V}\"",
		"<add key=\"{I}\" value=\"{V}\" />", "pls rotate {V}, I pasted it into chat", "> {L} {V}\n> ok thanks", "[{t}] deploy: using {L} {V}", "La clé est {V} pour le {w}", "'{I}' => '{V}',", "{I}:{V}", "login failed ({V}) on {d}",
	},
	secretCarriersC,
}

func githubToken(g *gen, prefix string) string {
	s := g.chars(base62, 30)
	return prefix + s + crcBase62(s)
}

// known are the key formats that have kinds of their own.
var known = []struct {
	kind     string
	families []family
}{
	{"SECRET_AWS_KEY", []family{
		{"access key id", func(g *gen) string { return "AKIA" + g.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16) }, ""},
		{"temporary key id", func(g *gen) string { return "ASIA" + g.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16) }, ""},
		{"secret access key", func(g *gen) string { return g.chars(base64s, 40) }, "AWS_SECRET_ACCESS_KEY|aws_secret_access_key"},
	}},
	{"SECRET_GITHUB_TOKEN", []family{
		{"ghp", func(g *gen) string { return githubToken(g, "ghp_") }, ""},
		{"gho/ghu/ghs/ghr", func(g *gen) string { return githubToken(g, pick(g, []string{"gho_", "ghu_", "ghs_", "ghr_"})) }, ""},
		{"fine grained", func(g *gen) string {
			return "github_pat_" + "11" + g.chars(digits+upper, 20) + "_" + g.chars(base62, 59)
		}, ""},
	}},
	{"SECRET_GITLAB_TOKEN", []family{
		{"glpat", func(g *gen) string { return "glpat-" + g.chars(urlsafe, 19) + g.chars(base62, 1) }, ""},
		{"runner", func(g *gen) string { return "glrt-" + g.chars(urlsafe, 19) + g.chars(base62, 1) }, ""},
		{"deploy", func(g *gen) string { return "gldt-" + g.chars(urlsafe, 19) + g.chars(base62, 1) }, ""},
		{"pipeline trigger", func(g *gen) string { return "glptt-" + g.chars(hex, 40) }, ""},
		{"routable", func(g *gen) string { return "glpat-" + g.chars(urlsafe, 27) + ".01." + g.chars(digits+lower, 9) }, ""},
	}},
	{"SECRET_GOOGLE_API_KEY", []family{
		{"api key", func(g *gen) string { return "AIzaSy" + g.chars(urlsafe, 32) + g.chars(base62, 1) }, ""},
	}},
	{"SECRET_OPENAI_KEY", []family{
		{"old", func(g *gen) string { return "sk-" + g.chars(base62, 20) + "T3BlbkFJ" + g.chars(base62, 20) }, ""},
		{"project", func(g *gen) string {
			return "sk-proj-" + g.chars(urlsafe, 74) + "T3BlbkFJ" + g.chars(urlsafe, 73) + "A"
		}, ""},
		{"service account", func(g *gen) string {
			return "sk-svcacct-" + g.chars(urlsafe, 74) + "T3BlbkFJ" + g.chars(urlsafe, 73) + "A"
		}, ""},
	}},
	{"SECRET_ANTHROPIC_KEY", []family{
		{"api", func(g *gen) string { return "sk-ant-api03-" + g.chars(urlsafe, 93) + "AA" }, ""},
		{"admin", func(g *gen) string { return "sk-ant-admin01-" + g.chars(urlsafe, 93) + "AA" }, ""},
	}},
	{"SECRET_SLACK_TOKEN", []family{
		{"bot", func(g *gen) string { return "xoxb-" + g.like("899999999999-8999999999999-") + g.chars(base62, 24) }, ""},
		{"user", func(g *gen) string {
			return "xoxp-" + g.like("899999999999-899999999999-8999999999999-") + g.chars(hex, 32)
		}, ""},
		{"app", func(g *gen) string { return "xapp-1-A" + g.like("NNNNNNNNNN-8999999999999-") + g.chars(hex, 64) }, ""},
		{"webhook", func(g *gen) string {
			return "https://hooks.slack.com/services/T" + g.like("NNNNNNNNNN/B") + g.like("NNNNNNNNNN/") + g.chars(base62, 24)
		}, ""},
	}},
	{"SECRET_STRIPE_KEY", []family{
		{"secret", func(g *gen) string { return "sk_live_" + g.chars(base62, pick(g, []int{24, 99})) }, ""},
		{"restricted", func(g *gen) string { return "rk_live_" + g.chars(base62, pick(g, []int{24, 99})) }, ""},
	}},
	{"SECRET_JWT", []family{
		{"hs256", func(g *gen) string { return jwt(g, `{"alg":"HS256","typ":"JWT"}`, 32) }, ""},
		{"rs256", func(g *gen) string { return jwt(g, `{"alg":"RS256","kid":"`+g.chars(hex, 16)+`"}`, 256) }, ""},
		{"es256", func(g *gen) string { return jwt(g, `{"typ":"JWT","alg":"ES256"}`, 64) }, ""},
	}},
}

func jwt(g *gen, header string, signature int) string {
	e := base64.RawURLEncoding
	claims := fmt.Sprintf(`{"sub":"%s","iat":%d,"scope":"%s"}`, g.chars(digits, 8), 1700000000+g.IntN(90000000), pick(g, words))
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims)) + "." + e.EncodeToString(g.bytes(signature))
}

// pem is a private key's block; the text between is random bytes with the
// beginning that the format has.
func pem(g *gen) value {
	kind := pick(g, []string{"RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"})
	body := "MII" + base64.StdEncoding.EncodeToString(g.bytes(pick(g, []int{90, 240, 600})))
	sep, class := "\n", kind
	switch g.IntN(4) {
	case 0:
		sep, class = `\n`, kind+", escaped"
	case 1:
		sep, class = "\r\n", kind+", crlf"
	}
	if strings.HasPrefix(kind, "PGP") {
		body = sep + "l" + body[3:]
	}
	return value{text: "-----BEGIN " + kind + "-----" + sep + grouped(body, 64, sep) + sep + "-----END " + kind + "-----", class: class}
}

// connection is an address with a password in it, which is the core.
func connection(g *gen) value {
	password := g.chars(base62+"_.", g.between(10, 20)) + g.like("9a")
	user, host, db := pick(g, words), pick(g, words)+pick(g, []string{".internal", "-db.prod.svc", ".eu-west.cloud", ""}), pick(g, words)
	scheme := pick(g, []string{"postgres", "postgresql", "mysql", "mongodb", "mongodb+srv", "redis", "rediss", "amqp", "amqps", "mssql", "mariadb", "smtp", "ftp", "https", "clickhouse", "postgresql+psycopg2", "jdbc", "ado", "azure storage", "odbc", "libpq"})
	var s string
	switch scheme {
	case "redis", "rediss":
		s = scheme + "://" + pick(g, []string{"", "default"}) + ":" + password + "@" + host + ":6379/0"
	case "jdbc":
		s = "jdbc:postgresql://" + host + ":5432/" + db + "?user=" + user + "&password=" + password
	case "ado":
		s = "Server=tcp:" + host + ",1433;Database=" + db + ";User Id=" + user + ";Password=" + password + ";Encrypt=True;"
	case "odbc":
		s = "Driver={ODBC Driver 18};Server=" + host + ";UID=" + user + ";PWD=" + password + ";"
	case "azure storage":
		password = base64.StdEncoding.EncodeToString(g.bytes(64))
		s = "DefaultEndpointsProtocol=https;AccountName=" + user + ";AccountKey=" + password + ";EndpointSuffix=core.windows.net"
	case "libpq":
		s = "host=" + host + " user=" + user + " password=" + password + " dbname=" + db
	case "https":
		s = "https://" + user + ":" + password + "@git." + db + ".dev/repo.git"
	default:
		s = scheme + "://" + user + ":" + password + "@" + host + "/" + db
	}
	return value{text: s, class: scheme, core: password}
}
