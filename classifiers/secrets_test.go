package classifiers

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

const (
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	tens   = "0123456789"
)

// TestSecrets fills sentences with values as issuers generate them. They are put
// together here, so that no tool takes this file for a leak.
func TestSecrets(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	random := func(alphabet string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	words := strings.Fields("request Strategy handler iterator synchronize Authentication threshold rhythm knowledge psychology workflow")
	word := func() string { return words[r.IntN(len(words))] }
	mixed, hexes := lowers+uppers+tens, "0123456789abcdef"
	values := []struct {
		kind string
		make func() string
		bare bool // found without a name before it
	}{
		{"SECRET_AWS_KEY", func() string { return "AK" + "IA" + random(uppers+"234567", 16) }, true},
		{"SECRET_GITHUB_TOKEN", func() string { return "gh" + "p_" + random(mixed, 36) }, true},
		{"SECRET_GITHUB_TOKEN", func() string { return "github" + "_pat_" + random(mixed, 22) + "_" + random(mixed, 59) }, true},
		{"SECRET_GITLAB_TOKEN", func() string { return "gl" + "pat-" + random(mixed, 20) }, true},
		{"SECRET_GOOGLE_API_KEY", func() string { return "AI" + "za" + random(mixed+"_-", 35) }, true},
		{"SECRET_OPENAI_KEY", func() string { return "sk" + "-proj-" + random(mixed, 48) }, true},
		{"SECRET_OPENAI_KEY", func() string { return "sk" + "-" + random(mixed, 48) }, true},
		{"SECRET_ANTHROPIC_KEY", func() string { return "sk" + "-ant-api03-" + random(mixed+"_-", 93) + "AA" }, true},
		{"SECRET_SLACK_TOKEN", func() string {
			return "xo" + "xb-" + random(tens, 12) + "-" + random(tens, 12) + "-" + random(mixed, 24)
		}, true},
		{"SECRET_STRIPE_KEY", func() string { return "sk" + "_live_" + random(mixed, 24) }, true},
		{"SECRET_JWT", func() string {
			return "ey" + "JhbGciOiJIUzI1NiJ9.ey" + random(mixed, 40) + "." + random(mixed+"_-", 43)
		}, true},
		{"SECRET_GENERIC", func() string { return random(mixed, 32) }, false},
		{"SECRET_GENERIC", func() string { return random(hexes, 40) }, false},
		{"SECRET_GENERIC", func() string { return random(lowers+tens, 24) }, false},
	}
	bare := []string{"Here is the thing: {K:V}", "curl -H 'x: {K:V}' https://example.com", "a {K:V} b", "{K:V}"}
	named := []string{
		`api_key = "{K:V}"`, `"apiKey": "{K:V}"`, `export SERVICE_TOKEN={K:V}`, `setProperty("CLIENT_SECRET", "{K:V}")`,
		`access_key: {K:V}`, `<authToken>{K:V}</authToken>`, `const secretKey = '{K:V}';`, `Authorization: Bearer {K:V}`,
		`| staging | service token | {K:V} |`, "- name: CLIENT_SECRET\n  value: {K:V}\n", `{"name": "apiKey", "value": "{K:V}"}`, "please set AUTH_TOKEN to {K:V} and retry",
		`mein API_KEY ist {K:V}, geht nicht`, `el token es {K:V}`,
	}
	var texts []marked
	for _, v := range values {
		for i := range 40 {
			form := named[i%len(named)]
			if v.bare && i%2 == 0 {
				form = bare[i%len(bare)]
			}
			texts = append(texts, unmark(strings.ReplaceAll(form, "{K:V}", "{"+v.kind+":"+v.make()+"}")))
		}
	}
	for range 40 {
		texts = append(texts,
			unmark("postgres://app:{SECRET_CONNECTION_STRING:"+random(mixed, 12)+"}@db.example.com:5432/app"),
			unmark(`password = "{SECRET_PASSWORD:`+random(lowers, 6)+"!"+random(tens, 3)+`}"`),
			unmark("postgresql+asyncpg://app:{SECRET_CONNECTION_STRING:"+random(mixed, 12)+"}@db.example.com/app"),
			unmark(`| vpn | mot de passe | {SECRET_PASSWORD:`+random(lowers, 6)+"-"+random(tens, 3)+"} |"),
			unmark(`change the password to {SECRET_PASSWORD:`+random(lowers, 6)+"-"+random(tens, 3)+`}, please; la contraseña es "{SECRET_PASSWORD:`+random(lowers, 6)+random(tens, 3)+`}"`),
			unmark("x\n{SECRET_PRIVATE_KEY:-----BEGIN RSA "+"PRIVATE KEY-----\n"+random(mixed+"+/", 64)+"\n"+random(mixed+"+/", 64)+"\n-----END RSA "+"PRIVATE KEY-----}\ny"))
		uuid := random(hexes, 8) + "-" + random(hexes, 4) + "-" + random(hexes, 4) + "-" + random(hexes, 12)
		for _, negative := range []string{
			"request " + uuid + " failed", "commit " + random(hexes, 40), "sha256:" + random(hexes, 64), "etag: \"" + random(hexes, 32) + "\"",
			"image: example/app:" + random(hexes, 12), "src=\"/static/app." + random(hexes, 8) + ".js\"",
			"integrity: sha512-" + random(mixed+"+/", 86) + "==", "background: url(data:image/png;base64," + random(mixed+"+/", 120) + ")",
			`"request_id": "` + uuid + `", "token_type": "` + random(lowers, 12) + `"`, `"accessKeyId": "user-` + random(tens, 8) + `"`,
			"max_tokens=" + random(tens, 12) + " tokens: " + random(tens, 12), `public_key = "` + random(mixed, 43) + `"`,
			"secret_name: my-" + random(lowers, 6) + "-credentials", "token = lexer.next_" + word() + "_token2",
			"cache_key=" + random(hexes, 32), "next_page_token: " + random(mixed, 24), "https://example.com/a/" + random(mixed, 22) + "?v=" + random(hexes, 16),
			"the token " + word() + "_" + word() + word() + " is a word", "const secretKey = get" + word() + "." + word() + "Value", "apiVersion: v1\nkind: ConfigMap\ndata:\n  logo: " + random(mixed, 40),
		} {
			texts = append(texts, marked{text: negative})
		}
	}
	for _, negative := range secretsNegatives {
		texts = append(texts, marked{text: negative})
	}
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:secrets", TimeLimit: time.Minute})
	by := grade(t, c, texts)
	for _, kind := range c.Info().Kinds {
		a := by[kind]
		if a == nil {
			t.Errorf("%s: no value of it", kind)
			continue
		}
		t.Logf("%s: precision %.3f, recall %.3f, n %d", kind, a.precision(), a.recall(), a.hit+a.miss)
		if floor := map[bool]float64{true: 0.9, false: 0.98}[kind == "SECRET_GENERIC"]; a.recall() < floor || a.precision() < 0.95 {
			t.Errorf("%s: %+v is below the floor", kind, *a)
		}
	}
}

var secretsNegatives = []string{
	"The password must have at least 12 characters, one digit and one sign.",
	"password: string; token: string | null", "token = request.headers['authorization']", "api_key = os.environ['API_KEY']",
	"secret: ${{ secrets.DEPLOY_TOKEN }}", "password = getpass.getpass()", "password=<your password>", "token: your-token-here",
	"max_tokens: 4096, total_tokens = 1234567890", "tokenizer = 'cl100k_base'", "TOKEN=xxxxxxxxxxxxxxxxxxxxxxxx",
	"api_key: \"REPLACE_WITH_YOUR_API_KEY_123\"", "public_key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ\"", "primary_key: user_id_2",
	"sk-learn and sk-image are the short names", "the ghp_ prefix marks GitHub tokens", "AKIA is the prefix", "eyJ begins every JSON Web Token",
	"https://example.com:8080/path?x=1", "git clone https://github.com/example/repo.git", "postgres://localhost:5432/app",
	"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "| --- | --- |\n| a | b |", "-------- BEGIN --------",
	"echo $PASSWORD | sha256sum | cut -c1-8", "| password | required8 or more | yes |\n| --- | --- | --- |", "The password goes to server2024, the token to node17b",
	"publishable_token: \"pk_live_" + "a8Fk29dLq0ZmX71bTR5wQ\"", "token: ey" + "JhbGciOiJIUzI1NiJ9...", "authorized ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIV2Ln6lLcuoJryCO5MhNOj9y3cZ9",
	"password: \"vault:secret/data/app1#key\"", "password: \"op://team/db1/field\"", "{\"password\": \"$DB_PASSWORD\", \"region1\": \"eu\"}", "password: 'AKIAXXXXXXXXXXXXXXX2'",
	"the API key is 128 bits, the password is 12 characters long at https://example.com/a1b2c3",
	"Please change your password within-24-hours", "The password word2vec-based index is slow", "> the password sha256-hashed is kept", "Pass step-2024 and go on", "the key 0a1b2c3d4e5f60718293a4b5c6d7e8f9 names a blob",
	"token bucket4j-spring starts", "his password has 12-characters", "le secret rue-de-la-paix-75002", "пароль должен иметь 12-знаков", "a secret santa2026-party for all",
	"user,token\n0a1b2c3d4e5f6071a8d9,x", "This is the secret.\n\n0a1b2c3d4e5f6071a8d9", "a token (sha256-of-the-file)",
	"auth failed secret=self._password status=401", "db_password retries=3-of-5",
	"secretName: my-app-tls", "model = \"text-davinci-003\"", "key: value", "credential_type: service_account",
	"aVeryLongFunctionNameThatDescribesItself(withAnArgument2)", "passwordField.setText(\"\")",
}

func TestSecretsFolded(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:secrets", TimeLimit: time.Minute})
	value := "gh" + "p_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
	text := "ключ " + value[:10] + "\u200b" + value[10:] + " 终"
	rep, err := c.Classify(t.Context(), userTexts(text))
	if err != nil || len(rep.Findings) != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	start := strings.Index(text, "gh")
	if want := (engine.Span{Start: start, End: start + len(value) + 3}); rep.Findings[0].Span != want {
		t.Errorf("span %v, want %v", rep.Findings[0].Span, want)
	}
}
