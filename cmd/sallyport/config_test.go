package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/targets"
)

func decodeText(text string, env lookup) (*config, string) {
	cfg, _, diags := decodeConfig("test.hcl", []byte(text), ".", "test.hcl", env)
	var out strings.Builder
	for _, d := range diags {
		out.WriteString(d.Error() + "\n")
	}
	return cfg, out.String()
}

// The embedded default takes in what it finds, and stays valid with all of it.
func TestDefaultConfigTakesInWhatIsThere(t *testing.T) {
	env := environment("OPENAI_API_KEY", "k1", "ANTHROPIC_API_KEY", "k2", "GEMINI_API_KEY", " ", "SALLYPORT_API_KEY", "mine")
	local := []targets.Local{{Probe: targets.Probe{Name: "ollama", Dialect: engine.DialectOllama}, BaseURL: "http://127.0.0.1:11434", Models: []string{"llama3:8b", `odd"${name}`}}}
	cfg, errs := decodeText(string(defaultConfig(env, local)), env)
	if errs != "" {
		t.Fatal(errs)
	}
	var names []string
	for _, c := range cfg.targets {
		names = append(names, c.Name)
	}
	if got, want := fmt.Sprint(names), "[demo-cloud demo-cluster demo-edge demo-vault openai anthropic ollama]"; got != want {
		t.Errorf("targets %s, want %s", got, want)
	}
	if m := cfg.targets[6].Models; len(m) != 2 || m[1].Name != `odd"${name}` {
		t.Errorf("models %+v", m)
	}
	if len(cfg.keys.Keys) != 1 || !cfg.keys.Anonymous || cfg.keys.Keys[0].Principal.Tenant != "local" {
		t.Errorf("keys %+v", cfg.keys)
	}
	shown, err := json.Marshal(cfg.view)
	if err != nil || strings.Contains(string(shown), "k1") || !strings.Contains(string(shown), `"api_key":"(sensitive)"`) {
		t.Errorf("%v: view %s", err, shown)
	}
	if cfg, errs := decodeText(string(defaultConfig(environment(), nil)), environment()); errs != "" || len(cfg.targets) != 4 {
		t.Errorf("%d targets without anything: %s", len(cfg.targets), errs)
	}
}

const minimalTarget = "target \"edge\" \"e\" {\n  dialect = \"openai\"\n  stand_in {}\n  model \"m\" {}\n}\n"

func TestConfigMistakes(t *testing.T) {
	env := environment("KEY", "secret-value", "OTHER", "secret-value", "LONG", "secret-value-of-thirty-two-bytes-")
	for name, test := range map[string]struct {
		text string
		want []string // in the diagnostics; none: valid
	}{
		"minimal":               {minimalTarget, nil},
		"nothing":               {"", []string{"No target"}},
		"unknown block":         {minimalTarget + "servr {}\n", []string{"test.hcl:6", `Did you mean "server"`}},
		"two servers":           {minimalTarget + "server {}\nserver {}\n", []string{"test.hcl:7", "at most one server block"}},
		"a secret written out":  {minimalTarget + "auth {\n  key \"a\" { secret = \"abc\" }\n}\n", []string{"does not belong in this file"}},
		"no secret":             {minimalTarget + "auth {\n  key \"a\" {}\n}\n", []string{"either sha256"}},
		"both secrets":          {minimalTarget + "auth {\n  key \"a\" {\n  secret = env(\"KEY\")\n  sha256 = \"00\"\n }\n}\n", []string{"either sha256"}},
		"the same secret twice": {minimalTarget + "auth {\n  key \"a\" { secret = env(\"KEY\") }\n  key \"b\" { secret = env(\"OTHER\") }\n}\n", []string{"nobody could tell"}},
		"the same id twice":     {minimalTarget + "auth {\n  key \"a\" { secret = env(\"KEY\") }\n  key \"a\" { sha256 = \"" + strings.Repeat("0", 64) + "\" }\n}\n", []string{"declared already"}},
		"sensitive attributes":  {minimalTarget + "auth {\n  key \"a\" {\n  secret = env(\"KEY\")\n  attributes = { x = env(\"OTHER\") }\n }\n}\n", []string{"Sensitive value"}},
		"jwt":                   {minimalTarget + "auth {\n  jwt \"corp\" {}\n}\n", []string{"not supported in this version"}},
		"bundle":                {minimalTarget + "policy {\n  bundle {}\n}\n", []string{"Missing url", "No key"}},
		"bundles":               {minimalTarget + "policy {\n  bundle \"a\" {\n    url = \"https://h/a\"\n    key = env(\"LONG\")\n    algorithm = \"HS256\"\n    token = env(\"KEY\")\n  }\n  bundle {\n    url = \"https://h/b\"\n    key = env(\"LONG\")\n    algorithm = \"HS256\"\n    poll = \"5m\"\n    allow_rollback = true\n  }\n}\n", nil},
		"the same bundle twice": {minimalTarget + "policy {\n  bundle {}\n  bundle {}\n}\n", []string{"A bundle \"main\" is declared already"}},
		"a bundle's secret":     {minimalTarget + "policy {\n  bundle {\n    url = \"https://h/a\"\n    key = \"0123456789abcdef0123456789abcdef\"\n    algorithm = \"HS256\"\n  }\n}\n", []string{"Secret in the configuration"}},
		"a bundle's short key":  {minimalTarget + "policy {\n  bundle {\n    url = \"https://h/a\"\n    key = env(\"KEY\")\n    algorithm = \"HS256\"\n  }\n}\n", []string{"Unusable key"}},
		"a bundle's token":      {minimalTarget + "policy {\n  bundle {\n    url = \"https://h/a\"\n    key = env(\"LONG\")\n    algorithm = \"HS256\"\n    token = \"written out\"\n  }\n}\n", []string{"does not belong in this file"}},
		"a bundle's key file":   {minimalTarget + "policy {\n  bundle {\n    url = \"https://h/a\"\n    public_key_file = \"nowhere\"\n  }\n}\n", []string{`no file "nowhere"`}},
		"a bundle's interval":   {minimalTarget + "policy {\n  bundle {\n    url = \"https://h/a\"\n    key = env(\"LONG\")\n    algorithm = \"HS256\"\n    poll = \"1ms\"\n  }\n}\n", []string{"from 1s to 24h"}},
		"candidate":             {minimalTarget + "policy { candidate = [\"x\"] }\n", nil},
		"no candidate":          {minimalTarget + "policy { candidate = [] }\n", []string{"candidate must name at least one"}},
		"candidate and bundle":  {minimalTarget + "policy {\n  candidate = [\"x\"]\n  bundle {\n    url = \"https://h/a\"\n    key = env(\"LONG\")\n    algorithm = \"HS256\"\n  }\n}\n", []string{"Candidate beside a bundle"}},
		"no policy path":        {minimalTarget + "policy { paths = [] }\n", []string{"at least one file"}},
		"missing policy path":   {minimalTarget + "policy { paths = [\"nowhere\"] }\n", []string{`no file or folder "nowhere"`}},
		"credential for policy": {minimalTarget + "policy { headers = [\"X-Api-Key\"] }\n", []string{"credential"}},
		"authzen":               {minimalTarget + "policy { authzen = \"access/answer\" }\n", nil},
		"documents":             {minimalTarget + "policy { documents = [\"app\", \"authzen/allow\"] }\n", nil},
		"documents as in Rego":  {minimalTarget + "policy { documents = [\"data.app\"] }\n", []string{"Not a document"}},
		"authzen as in Rego":    {minimalTarget + "policy { authzen = \"data.authzen.allow\" }\n", []string{"Not a document"}},
		"headers":               {minimalTarget + "policy { headers = [\"X-Project\"] }\n", nil},
		"no module":             {minimalTarget + "classifier \"c\" {}\n", []string{"Missing module"}},
		"inspect":               {minimalTarget + "classifier \"c\" {\n  module = \"builtin:pii\"\n  inspect = [\"prompts\"]\n}\n", []string{`"prompt", "tools" and "completion"`}},
		"on_error":              {minimalTarget + "classifier \"c\" {\n  module = \"builtin:pii\"\n  on_error = \"ignore\"\n}\n", []string{"on_error is"}},
		"time limit":            {minimalTarget + "classifier \"c\" {\n  module = \"builtin:pii\"\n  time_limit = \"1h\"\n}\n", []string{"at most 10s"}},
		"memory limit":          {minimalTarget + "classifier \"c\" {\n  module = \"builtin:pii\"\n  memory_limit_bytes = 5\n}\n", []string{"memory_limit_bytes must be"}},
		"two classifiers":       {minimalTarget + "classifier \"c\" { module = \"builtin:pii\" }\nclassifier \"c\" { module = \"builtin:pii\" }\n", []string{"declared already"}},
		"classifier config":     {minimalTarget + "classifier \"c\" {\n  module = \"builtin:pii\"\n  config = { a = [1, true] }\n}\n", nil},
		"sensitive config":      {minimalTarget + "classifier \"c\" {\n  module = \"builtin:pii\"\n  config = { a = env(\"KEY\") }\n}\n", []string{"Sensitive value"}},
		"budget":                {minimalTarget + "budget {\n  default_total = \"1h\"\n  max_total = \"1m\"\n}\n", []string{"must not be above max_total"}},
		"duration":              {minimalTarget + "budget { default_ttft = \"soon\" }\n", []string{"must be a duration"}},
		"tls without a key":     {minimalTarget + "server {\n  tls {}\n}\n", []string{"needs cert_file", "needs key_file"}},
		"log key":               {minimalTarget + "decision_log { key_file = \"k\" }\n", []string{"not signed in this version"}},
	} {
		_, errs := decodeText(test.text, env)
		if len(test.want) == 0 && errs != "" {
			t.Errorf("%s: %s", name, errs)
		}
		for _, want := range test.want {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: %q lacks %q", name, errs, want)
			}
		}
		if strings.Contains(errs, "secret-value") {
			t.Errorf("%s: the secret is in %q", name, errs)
		}
	}
}

// The published schema names attributes that the decoder knows.
func TestConfigSchemaIsKnown(t *testing.T) {
	var schema struct {
		Properties map[string]json.RawMessage
		Defs       map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(configJSONSchema, &schema); err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties           map[string]json.RawMessage
		AdditionalProperties json.RawMessage `json:"additionalProperties"`
	}
	read := func(raw json.RawMessage) (o object) {
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	inner := func(raw json.RawMessage) object { return read(read(raw).AdditionalProperties) }
	target := read(schema.Defs["target"])
	for block, attributes := range map[string]map[string]json.RawMessage{
		"server {":                               read(schema.Properties["server"]).Properties,
		"auth {":                                 read(schema.Properties["auth"]).Properties,
		"auth {\nkey \"a\" {":                    inner(read(schema.Properties["auth"]).Properties["key"]).Properties,
		"policy {":                               read(schema.Properties["policy"]).Properties,
		"policy {\nbundle \"b\" {":               inner(read(schema.Properties["policy"]).Properties["bundle"]).Properties,
		"classifier \"c\" {":                     inner(schema.Properties["classifier"]).Properties,
		"decision_log {":                         read(schema.Properties["decision_log"]).Properties,
		"budget {":                               read(schema.Properties["budget"]).Properties,
		"target \"edge\" \"x\" {":                target.Properties,
		"target \"edge\" \"x\" {\nmodel \"m\" {": inner(target.Properties["model"]).Properties,
		"target \"edge\" \"x\" {\nstand_in {":    read(target.Properties["stand_in"]).Properties,
		"server {\ntls {":                        read(read(schema.Properties["server"]).Properties["tls"]).Properties,
	} {
		if len(attributes) == 0 {
			t.Errorf("%s: the schema has no properties", block)
		}
		for name := range attributes {
			if name == "key" && !strings.Contains(block, "bundle") || name == "bundle" || name == "tls" || name == "model" || name == "stand_in" {
				continue // blocks
			}
			text := block + "\n" + name + " = null\n" + strings.Repeat("}\n", strings.Count(block, "{"))
			if _, errs := decodeText(text, environment()); strings.Contains(errs, "Unsupported argument") {
				t.Errorf("%s: the schema has %q, the decoder does not: %s", block, name, errs)
			}
		}
	}
}

// Whatever is in the file, reading it ends with a configuration or a mistake.
func FuzzDecodeConfig(f *testing.F) {
	f.Add(embeddedDefault)
	f.Add(twoTargets)
	f.Add(minimalTarget + "classifier \"c\" {\n  module = \"builtin:pii\"\n  config = { a = [1, null, \"x\"] }\n}\n")
	f.Add("auth {\n  key \"a\" {\n    secret = env(\"KEY\")\n    roles = [for r in [\"a\"] : upper(r)]\n  }\n}\n")
	f.Add("target \"cloud\" \"x\" { base_url = \"${env(\"KEY\")}\" }")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, errs := decodeText(text, environment("KEY", "secret-value"))
		if cfg == nil && errs == "" {
			t.Error("neither a configuration nor a mistake")
		}
		if strings.Contains(errs, "secret-value") {
			t.Errorf("the secret is in %q", errs)
		}
	})
}
