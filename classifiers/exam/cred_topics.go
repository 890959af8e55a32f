package main

import (
	"encoding/base64"
	"slices"
	"strings"
)

var (
	// anySecret answers where a policy only asks whether a secret leaves.
	anySecret = []string{"SECRET_AWS_KEY", "SECRET_GITHUB_TOKEN", "SECRET_GITLAB_TOKEN", "SECRET_GOOGLE_API_KEY", "SECRET_OPENAI_KEY", "SECRET_ANTHROPIC_KEY",
		"SECRET_SLACK_TOKEN", "SECRET_STRIPE_KEY", "SECRET_JWT", "SECRET_PRIVATE_KEY", "SECRET_CONNECTION_STRING", "SECRET_PASSWORD", "SECRET_GENERIC"}
	keyTarget    = Target{Precision: 0.99, Recall: 0.98}
	secretTarget = Target{Precision: 0.95, Recall: 0.90}
)

// secretSections are the known formats, other providers and what has no provider.
func secretSections(seed uint64, set Set) []Section {
	drawConnection, drawGeneric, drawThoughtUp := connection, generic, thoughtUp
	if set == C {
		drawConnection, drawGeneric, drawThoughtUp = connectionC, genericC, thoughtUpC
	}
	var out []Section
	for _, k := range known {
		out = append(out, familySection(seed, set, strings.ToLower(k.kind), k.kind, nil, keyTarget, k.families))
	}
	block := func(name, kind string, accept []string, target Target, names []string, draw func(*gen) value) {
		g := newGen(seed, set, name, kind)
		s := Section{Name: name, Module: "secrets", Accept: accept, Target: target}
		for range positives {
			t := g.fill(pick(g, withName(secretCarriers[set], name == "generic assignments" || name == "passwords of people")), pick(g, names), func() value { return draw(g) })
			s.Texts = append(s.Texts, t)
		}
		s.Texts = append(s.Texts, secretMisses(seed, set, name)...)
		out = append(out, s)
	}
	block("secret_private_key", "SECRET_PRIVATE_KEY", nil, keyTarget, [][]string{{"DEPLOY_KEY", "key", "ssh key"}, {"private key", "SIGNING_KEY", "host key"}, keyBlockNamesC}[set], pem)
	block("secret_connection_string", "SECRET_CONNECTION_STRING", anySecret, secretTarget, [][]string{{"DATABASE_URL", "dsn", "connection"}, {"DB_URI", "broker", "conn_str"}, connectionNamesC}[set], drawConnection)
	out = append(out, familySection(seed, set, "other providers", "SECRET_GENERIC", anySecret, secretTarget, providers[set]))
	block("generic assignments", "SECRET_PASSWORD", anySecret, secretTarget, genericNames[set], drawGeneric)
	// The target is about what has much entropy; what people think up has none.
	block("passwords of people", "SECRET_PASSWORD", anySecret, Target{}, passwordNames[set], drawThoughtUp)
	return out
}

// familySection has at least ten keys of each family.
func familySection(seed uint64, set Set, name, kind string, accept []string, target Target, families []family) Section {
	g := newGen(seed, set, name, kind)
	s := Section{Name: name, Module: "secrets", Accept: accept, Target: target}
	for i := range max(positives, 10*len(families)) {
		f := families[i%len(families)]
		labels := secretLabels[set]
		if f.context != "" {
			labels = strings.Split(f.context, "|")
		}
		t := g.fill(pick(g, withName(secretCarriers[set], f.context != "")), pick(g, labels), func() value { return value{text: f.make(g), class: f.name} })
		s.Texts = append(s.Texts, t)
	}
	s.Texts = append(s.Texts, secretMisses(seed, set, name)...)
	return s
}

// withName keeps the carriers in which the label stands, where it has to.
func withName(carry []string, needed bool) []string {
	if !needed {
		return carry
	}
	return slices.DeleteFunc(slices.Clone(carry), func(c string) bool { return !strings.Contains(c, "{L}") && !strings.Contains(c, "{I}") })
}

func secretMisses(seed uint64, set Set, name string) []Text {
	g := newGen(seed, set, name+" near", "")
	// What stands behind "Bearer" or in a sentence about keys is one, whatever it
	// looks like; only what is blank may stand there.
	named := withName(secretCarriers[set], true)
	own := secretNear
	if set == C {
		own = secretNearC
	}
	var out []Text
	for range nearMisses {
		switch i := g.IntN(10); {
		case i < 2:
			t := g.fill(pick(g, secretProse[set]), pick(g, g.words()), func() value { return value{text: g.chars(hex, 40)} })
			t.Class = "sentence or code"
			out = append(out, t)
		case i < 4:
			out = append(out, g.miss(pick(g, sharedNearOf(set)), named))
		default:
			n := pick(g, own)
			carry := named
			if n.blank {
				carry = secretCarriers[set]
			}
			out = append(out, g.miss(n, carry))
		}
	}
	return out
}

var keyNames = []string{"api_key", "API_KEY", "token", "password", "secret", "client_secret", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD"}

// secretNear look like secrets or stand where one could. Where the value shows
// that nothing is given away, the label may well be that of a secret.
var secretNear = []near{
	{class: "placeholder", labels: keyNames, blank: true, draw: func(g *gen) string {
		return pick(g, []string{"sk-xxxx", "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "<API_KEY>", "<your-token-here>", "YOUR_API_KEY", "your_secret_key_here", "changeme", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
			"AKIAXXXXXXXXXXXXXXXX", "********", "••••••••", "...", "[REDACTED]", "replace-me", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "TODO", "sk-...", "insert token", "00000000000000000000000000000000"})
	}},
	{class: "reference", labels: keyNames, blank: true, draw: func(g *gen) string {
		return pick(g, []string{"${SECRET}", "${API_KEY}", "$DB_PASSWORD", "%PASSWORD%", "#{token}", "os.getenv('KEY')", "process.env.API_KEY", "secrets.DEPLOY_TOKEN", "vault:secret/data/app#key",
			"op://vault/item/password", "arn:aws:secretsmanager:eu-west-1:" + g.like("999999999999") + ":secret:db-AbCdEf", "get_token()", "config.password", "self._password", "{{ .Values.token }}", "ENC[vault]", "!vault", "ref+sops://x"})
	}},
	{class: "public key", labels: []string{"ssh key", "authorized", "certificate", "pub"}, draw: func(g *gen) string {
		return pick(g, []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + g.chars(base64s, 43), "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ" + g.chars(base64s, 160),
			"-----BEGIN PUBLIC KEY-----\nMIIB" + g.chars(base64s, 60) + "\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----\nMIID" + g.chars(base64s, 60) + "\n" + g.chars(base64s, 64) + "\n-----END CERTIFICATE-----"})
	}},
	{class: "publishable key", labels: []string{"publishableKey", "stripe_pk"}, draw: func(g *gen) string { return "pk_live_" + g.chars(base62, 24) }},
	{class: "file name with hash", labels: []string{"bundle", "src", "chunk"}, draw: func(g *gen) string { return "/assets/" + pick(g, words) + "." + g.chars(hex, 20) + ".js" }},
	{class: "document link", labels: []string{"url", "doc", "video"}, draw: func(g *gen) string {
		return "https://docs." + pick(g, words) + ".dev/d/1" + g.chars(urlsafe, 43) + "/edit"
	}},
	{class: "etag", labels: []string{"ETag", "If-None-Match", "x-request-id", "cf-ray", "cacheKey"}, draw: func(g *gen) string { return "W/\"" + g.chars(hex, 32) + "\"" }},
	{class: "commit in url", labels: []string{"permalink", "image"}, draw: func(g *gen) string {
		return "https://git." + pick(g, words) + ".dev/a/b/blob/" + g.chars(hex, 40) + "/main.go#L10"
	}},
	{class: "address without password", labels: []string{"DATABASE_URL", "dsn", "origin"}, draw: func(g *gen) string {
		return pick(g, []string{"postgres://localhost:5432/", "redis://cache:6379/", "mysql://root@db/", "https://git.dev/", "amqp://queue/", "postgres://app:${DB_PASSWORD}@db/", "mongodb://user:<password>@host/", "postgres://user:$PGPASS@db/"}) + pick(g, words)
	}},
	{class: "key id", labels: []string{"kid", "key id", "client id", "tenant id", "subscription", "distribution"}, draw: func(g *gen) string {
		return pick(g, []string{uuid(g), g.chars(digits, 21), "E" + g.chars(digits+upper, 13), g.like("999999999999-") + g.chars(lower+digits, 32) + ".apps.googleusercontent.com"})
	}},
	{class: "test double", labels: []string{"api_key", "token", "secret"}, blank: true, draw: func(g *gen) string {
		return pick(g, []string{"test", "fake-token", "dummy", "not-a-real-key", "example", "foo", "mock_secret", "none", "null", "test-api-key", "secret", "token"})
	}},
	{class: "hash of a password", labels: []string{"sha256", "content_hash", "commit", "blob", "digest"}, draw: func(g *gen) string { return g.chars(hex, pick(g, []int{32, 40, 64})) }},
	{class: "text in base64", labels: []string{"data", "body", "content"}, draw: func(g *gen) string {
		return base64.StdEncoding.EncodeToString([]byte("The " + pick(g, words) + " is in the " + pick(g, words) + " since noon."))
	}},
	{class: "css or class names", labels: []string{"className", "selector", "id"}, draw: func(g *gen) string {
		return "css-" + g.chars(lower+digits, 8) + "-" + pick(g, words) + "-" + pick(g, words)
	}},
	{class: "long name in code", labels: []string{"func", "import", "call"}, draw: func(g *gen) string {
		return pick(g, words) + "Service" + "AbstractSingletonFactory" + g.like("9") + pick(g, words) + "Handler"
	}},
	{class: "begin of a token", labels: []string{"token", "jwt"}, blank: true, draw: func(g *gen) string {
		return pick(g, []string{"eyJhbGciOiJIUzI1NiJ9...", "ghp_...", "xoxb-…", "AKIA****************", "sk-ant-***"})
	}},
}

// secretProse are texts that speak of secrets and give none.
var secretProse = [3][]string{
	{
		"The password must have at least 12 characters and a {w}.", "if password == confirm_password:\n    save(user)", "I forgot my password, how do I reset it?", "password: string; // at least {n} characters",
		"token = get_token(user)\nsend(token)", "def check_password(password: str) -> bool:", "How do I rotate an api key without downtime?", "api_key = os.environ[\"{w}_KEY\"]", "<input type=\"password\" name=\"password\" placeholder=\"Password\">",
		"Passwort vergessen? Klicken Sie hier.", "The secret of good bread: time and a warm {w}.", "git checkout {V}", "password_hash = bcrypt.hash(password, rounds={n})", "    \"lodash\": \"^4.17.21\", // resolved {V}", "max_tokens: 4096\ntoken_count={n}000",
		"access_token = response.json()[\"access_token\"]",
	},
	{
		"Use a passphrase of four words instead of a password.", "const token = await auth.getToken({ force: true });", "The secret key is never sent; the api key is.", "type Config struct {\n\tPassword string\n\tToken    string\n}", "password=$(pass show {w})",
		"Tokens per second: {n}; token budget: 128000", "Where do I find my client secret?", "Le mot de passe doit contenir une majuscule.", "passwordInput.addEventListener('change', validatePassword)", "revert {V} in {w}", "secretKeyRef:\n  name: {w}\n  key: password",
		"--password-file /run/secrets/{w}", "[tokens]\nkeyword = blue\nstring = green", "pwd && ls -la ./{w}", "password: { type: 'string', minLength: {n} }", "API_KEY is not set, see README",
	},
	secretProseC,
}
