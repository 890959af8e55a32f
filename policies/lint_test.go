package policies

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// labelled is a denial that lint has nothing against, before what it is about.
const labelledDeny = "# METADATA\n# labels: {control: \"X-1\"}\ndeny contains "

func TestLint(t *testing.T) {
	sequential(t)
	tests := []struct {
		name, rules string   // from line 3 on
		want        []string // place, message and the rule's name, in order
	}{
		{"nothing", labelledDeny + `{"code": "a", "message": "m"} if input.request.stream`, nil},
		{"whole input", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if {\n\td := input\n\td.request.stream\n}",
			[]string{`6:7: warning: the whole input is read (input), which makes the decision uncacheable (…) [whole-input]`}},
		{"whole input to a function", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if f(input)\n\nf(x) if x.request.stream",
			[]string{`5:50: warning: the whole input is read (input)…[whole-input]`}},
		{"walk", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if {\n\twalk(input, [_, value])\n\tvalue == \"x\"\n}",
			[]string{`6:7: warning: the whole input is read (input)…[whole-input]`}},
		{"input by data", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if input[data.sallyport.settings.part].x == 1",
			[]string{`5:48: warning: the whole input is read (input[…])…[whole-input]`}},
		{"another input", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if p with input.request.stream as true\n\np if input.request.stream",
			[]string{`5:50: warning: the whole input is read (with input.request.stream)…[whole-input]`}},
		{"unread rules may", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if input.request.stream\n\nunread if input",
			nil},
		{"a count in the message", labelledDeny + "{\"code\": \"a\", \"message\": message} if {\n\tinput.request.prompt_tokens > 10\n\tmessage := sprintf(\"%d tokens\", [input.request.prompt_tokens])\n}",
			[]string{`5:1: warning: the reason holds input.request.prompt_tokens, which differs for every request (give the code and the limit, not the value…[volatile-message]`}},
		{"spend in the message, through a helper", labelledDeny + "{\"code\": \"a\", \"message\": concat(\" \", [\"spent\", amount(spent)])} if spent > 5\n\nspent := input.usage.spent_usd.day + input.usage.spent_usd.hour\n\namount(x) := format_int(x, 10)",
			[]string{`5:1: warning: the reason holds input.usage.spent_usd.day, …`, `5:1: warning: the reason holds input.usage.spent_usd.hour, …`}},
		{"a score in the code", labelledDeny + "{\"code\": sprintf(\"s%v\", [s]), \"message\": \"m\"} if {\n\tsome c in input.classifiers\n\tsome s in c.scores\n}",
			[]string{`5:1: warning: the reason holds input.classifiers[_].scores[_], …`}},
		{"a limit in the message", labelledDeny + "{\"code\": \"a\", \"message\": message} if {\n\tinput.request.prompt_tokens > data.sallyport.settings.most\n\tmessage := sprintf(\"more than %d tokens\", [data.sallyport.settings.most])\n}", nil},
		{"how many in the message", labelledDeny + "{\"code\": \"a\", \"message\": message} if message := sprintf(\"%d tools\", [count(input.request.tools)])", nil},
		{"a window's name in the message", labelledDeny + "{\"code\": \"a\", \"message\": message} if {\n\tsome window, spent in input.usage.spent_usd\n\tspent > 5\n\tmessage := sprintf(\"too much in this %s\", [window])\n}", nil},
		{"metadata in the message", labelledDeny + "{\"code\": \"a\", \"message\": message} if message := sprintf(\"purpose %s\", [input.request.metadata.purpose])",
			[]string{`5:1: warning: the reason holds input.request.metadata.purpose, which the client wrote (…[content-message]`}},
		{"a header's name in the message", labelledDeny + "{\"code\": \"a\", \"message\": message} if {\n\tsome name, _ in input.request.headers\n\tmessage := sprintf(\"header %s\", [name])\n}",
			[]string{`5:1: warning: the reason holds input.request.headers, …[content-message]`}},
		{"a tool in an exclusion", "# METADATA\n# labels: {control: \"X-1\"}\nexclude[target] contains {\"code\": \"a\", \"message\": message} if {\n\tsome target, _ in input.targets\n\tsome tool in input.request.tools\n\tmessage := concat(\" \", [\"tool\", tool])\n}",
			[]string{`5:1: warning: the reason holds input.request.tools[_], …[content-message]`}},
		{"no control", "deny contains {\"code\": \"a\", \"message\": \"m\"} if input.request.stream\n\nexclude.x contains {\"code\": \"b\", \"message\": \"m\"} if input.request.stream\n\nprefer.x := 1 if input.request.stream",
			[]string{`3:1: warning: this deny has no control label, …[no-control]`, `5:1: warning: this exclude has no control label, …[no-control]`}},
		{"no control, meant", "# METADATA\n# custom: {unlinted: [no-control]}\ndeny contains {\"code\": \"a\", \"message\": \"m\"} if input.request.stream", nil},
		{"one code for two messages", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if input.request.stream\n\n" + labelledDeny + "{\"code\": \"a\", \"message\": \"n\"} if not input.request.stream",
			[]string{`9:1: warning: the code a has another message at …:5 (…[reused-code]`}},
		{"one code, one message", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if input.request.stream\n\n" + labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if not input.request.stream", nil},
		{"two models at once", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if {\n\tinput.request.model == \"x\"\n\tinput.request.stream\n\tinput.request.model == \"y\"\n}",
			[]string{`8:2: warning: the rule never holds: "input.request.model == \"y\"" contradicts line 6 (…[never-holds]`}},
		{"a variable's two postures", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if {\n\tsome t in input.targets\n\tt.posture == \"cloud\"\n\tt.posture in {\"edge\", \"air_gapped\"}\n}",
			[]string{`8:2: warning: the rule never holds: …[never-holds]`}},
		{"more and less", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if {\n\tinput.request.messages > 10\n\t10 >= input.request.messages\n}",
			[]string{`7:2: warning: the rule never holds: …[never-holds]`}},
		{"one value and not it", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if {\n\tinput.request.model != \"x\"\n\tinput.request.model == \"x\"\n}",
			[]string{`7:2: warning: the rule never holds: …[never-holds]`}},
		{"conditions that go together", labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if {\n\tsome t, u in input.targets\n\tt == \"x\"\n\tu.posture == \"edge\"\n\tu.posture != \"cloud\"\n\tinput.targets[_].posture == \"cloud\"\n\tinput.targets[_].posture == \"edge\"\n\tinput.request.messages >= 10\n\tinput.request.messages <= 10\n\tinput.request.model in {\"a\", \"b\"}\n\tinput.request.model != \"a\"\n\tnot input.request.model == \"c\"\n}", nil},
		{"a misspelt kind", "obligation.redact contains \"EMAIL_ADRESS\"\n\n" + labelledDeny + "{\"code\": \"a\", \"message\": \"m\"} if data.sallyport.found(\"CREDITCARD\", 0.5)",
			[]string{`3:1: warning: the kind EMAIL_ADRESS is none of the library's (did you mean EMAIL_ADDRESS?) [misspelt-kind]`, `7:48: warning: the kind CREDITCARD is none of the library's (did you mean CREDIT_CARD?) [misspelt-kind]`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, map[string]string{"a.rego": "package sallyport.rules.good\n\n" + tt.rules + "\n"})
			s, err := Load(t.Context(), Config{Paths: []string{dir}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range s.Lint() {
				got = append(got, strings.TrimPrefix(strings.ReplaceAll(d.String(), dir, ""), "/a.rego:"))
			}
			ok := len(got) == len(tt.want)
			for i := 0; ok && i < len(got); i++ {
				parts := strings.Split(tt.want[i], "…")
				ok = strings.HasPrefix(got[i], parts[0]) && strings.HasSuffix(got[i], parts[len(parts)-1])
			}
			if !ok {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// What the program ships is as lint wants it.
func TestLintOfWhatWeShip(t *testing.T) {
	sequential(t)
	folders, err := filepath.Glob("examples/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("examples: %v, %v", folders, err)
	}
	for _, cfg := range []Config{{}, {Paths: []string{"standard"}}, {Paths: folders}} {
		s, err := Load(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if ds := s.Lint(); len(ds) > 0 {
			t.Errorf("%v:\n%v", cfg.Paths, ds)
		}
	}
}

func TestCheckNames(t *testing.T) {
	known := Names{
		Targets: []string{"openai", "vault"},
		Classifiers: []ClassifierNames{
			{Name: "pii", Kinds: []string{"EMAIL_ADDRESS", "CREDIT_CARD"}},
			{Name: "mine", Kinds: []string{"NZ_PASSPORT", "SECRET_MINE"}, Scores: []string{"urgency"}},
		},
	}
	s := load(t, map[string]string{"a.rego": `package sallyport.rules.names

exclude.openia contains {"code": "a", "message": "m"} if input.request.stream

exclude.openai contains {"code": "b", "message": "m"} if input.targets["vault/large"].healthy

prefer["local"] := 0.5

deny contains {"code": "c", "message": "m"} if input.classifiers.pi.findings.EMAIL_ADDRESS

deny contains {"code": "d", "message": "m"} if input.classifiers.complexity.scores.complexity > 0.5

deny contains {"code": "e", "message": "m"} if input.classifiers.mine.scores.urgncy > 0.5

deny contains {"code": "f", "message": "m"} if data.sallyport.unread(["pi", "mine"])

obligation.redact contains "NZ_PASPORT"

obligation.redact contains kind if {
	some kind in data.sallyport.kinds_found(0.5)
	kind in {"EMAIL_ADDRESS", "SECRET_MIEN", "UK_PASSPORT"}
}

obligation.redact contains "ICQ_NUMBER"

deny contains {"code": "g", "message": "m"} if {
	some c in input.classifiers
	some kind, _ in c.findings
	kind == "CREDIT_CART"
}

deny contains {"code": "h", "message": "m"} if "NZ_PASSPROT" in data.sallyport.kinds_found(0.5)

deny contains {"code": "i", "message": "m"} if data.sallyport.found("CREDITCARD", 0.5)
`})
	var got []string
	for _, d := range s.CheckNames(known) {
		_, text, _ := strings.Cut(d.String(), "a.rego:")
		got = append(got, text)
	}
	want := []string{
		`3:1: there is no target "openia" (did you mean "openai"? the configuration declares openai, vault)`,
		`7:1: warning: there is no target "local" (the configuration declares openai, vault)`,
		`9:48: there is no classifier "pi" (did you mean "pii"? the configuration loads pii, mine)`,
		`13:48: no classifier gives the score urgncy (did you mean urgency?)`,
		`15:48: there is no classifier "pi" (did you mean "pii"? the configuration loads pii, mine)`,
		`17:1: no classifier finds the kind NZ_PASPORT (did you mean NZ_PASSPORT?)`,
		`21:2: no classifier finds the kind SECRET_MIEN (did you mean SECRET_MINE?)`,
		`24:1: warning: no classifier finds the kind ICQ_NUMBER (sallyport classifier check shows what a classifier finds)`,
		`29:2: no classifier finds the kind CREDIT_CART (did you mean CREDIT_CARD?)`,
		`32:48: no classifier finds the kind NZ_PASSPROT (did you mean NZ_PASSPORT?)`,
		`34:48: no classifier finds the kind CREDITCARD (did you mean CREDIT_CARD?)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// A classifier that a rule obliges to read replies must be one that does.
func TestCheckNamesOfReaders(t *testing.T) {
	s := load(t, map[string]string{"a.rego": `package sallyport.rules.a

obligation.inspect_completion contains "pii"

obligation.inspect_completion contains "secrets"

obligation.inspect_completion contains "secret"

obligation.inspect_completion contains "elsewhere"
`})
	known := Names{Targets: []string{"openai"}, Classifiers: []ClassifierNames{{Name: "pii", Completion: true}, {Name: "secrets"}}}
	var got []string
	for _, d := range s.CheckNames(known) {
		_, text, _ := strings.Cut(d.String(), "a.rego:")
		got = append(got, text)
	}
	want := []string{
		`5:1: classifier "secrets" does not read replies (add "completion" to its inspect; until then requests are denied)`,
		`7:1: there is no classifier "secret" (did you mean "secrets"? the configuration loads pii, secrets)`,
		`9:1: warning: there is no classifier "elsewhere" (requests whose replies it must read are denied)`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
