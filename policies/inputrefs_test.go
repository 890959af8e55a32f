package policies

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/test/cases"
)

// Each misspelling is an error at its place, and says what was probably meant.
func TestLoadRefusesMisspellings(t *testing.T) {
	const reason = `deny contains {"code": "a", "message": "m"} if `
	tests := []struct {
		rules string // from line 3 on
		want  string // place, message and the start of the hint
	}{
		// Members of the input, however they are reached.
		{reason + `input.request.modle == "x"`, `3:48: undefined ref: input.request.modle (did you mean input.request.model? there are dialect, headers, `},
		{reason + `input.reqest.model == "x"`, `3:48: undefined ref: input.reqest.model (did you mean input.request? there are budget, `},
		{reason + `input["request"]["modle"] == "x"`, `3:48: undefined ref: input.request.modle (did you mean input.request.model? `},
		{reason + `input.principal.role[_] == "x"`, `3:48: undefined ref: input.principal.role[_] (did you mean input.principal.roles? `},
		{reason + `input.usage.spend_usd.day > 5`, `3:48: undefined ref: input.usage.spend_usd.day (did you mean input.usage.spent_usd? `},
		{reason + `input.usage.spent_usd.week > 5`, `3:48: undefined ref: input.usage.spent_usd.week (there are day, hour, month)`},
		{reason + `input.budget.total < 5`, `3:48: undefined ref: input.budget.total (did you mean input.budget.total_ms? `},
		{reason + "{\n\tr := input.request\n\tr.modle == \"x\"\n}", `5:2: undefined ref: r.modle (did you mean r.model? `},
		{"import input.request as req\n\n" + reason + `req.modle == "x"`, `5:48: undefined ref: input.request.modle (did you mean input.request.model? `},
		{reason + `f(input.request)` + "\n\nf(r) if r.modle == \"x\"", `5:9: undefined ref: r.modle (did you mean r.model? `},
		{reason + "f(input.request.model)\n\nf(m) if m.name == \"x\"", `5:9: undefined ref: m.name (m is string)`},
		{reason + `object.get(input.request, "modle", "") == "x"`, `3:48: undefined ref: input.request.modle (did you mean input.request.model? `},
		{reason + `object.get(input, ["request", "modle"], "") == "x"`, `3:48: undefined ref: input.request.modle (did you mean input.request.model? `},
		// Below members of any name, where OPA's type checker looks no further.
		{reason + `input.classifiers.pii.findngs.X.count > 1`, `3:48: undefined ref: input.classifiers.pii.findngs (did you mean input.classifiers.pii.findings? `},
		{reason + `input.classifiers.pii.findings.EMAIL_ADDRESS.maxscore > 0.5`, `3:48: undefined ref: input.classifiers.pii.findings.EMAIL_ADDRESS.maxscore (did you mean input.classifiers.pii.findings.EMAIL_ADDRESS.max_score? `},
		{reason + `input.targets[_].postur.x == "edge"`, `3:48: undefined ref: input.targets[_].postur (did you mean input.targets[_].posture? `},
		{reason + "{\n\tsome t in input.targets\n\tnot t.healty\n}", `5:6: undefined ref: t.healty (did you mean t.healthy? `},
		{reason + "{\n\tsome _, t in input.targets\n\tt.postur == \"cloud\"\n}", `5:2: undefined ref: t.postur (did you mean t.posture? `},
		{reason + "{\n\tevery t in input.targets {\n\t\tt.cost > 1\n\t}\n}", `5:3: undefined ref: t.cost (did you mean t.cost_estimate_usd? there are attributes, cost_estimate_usd, `},
		{reason + "count([t | some t in input.targets; t.helthy]) > 1", `3:84: undefined ref: t.helthy (did you mean t.healthy? `},
		{reason + "count(kinds) > 0\n\nkinds contains k if {\n\tsome c in input.classifiers\n\tsome k, f in c.findings\n\tf.max_scor > 0.5\n}", `8:2: undefined ref: f.max_scor (did you mean f.max_score? `},
		{reason + "usable[_].postur == \"x\"\n\nusable[k] := t if some k, t in input.targets", `3:48: undefined ref: input.targets[_].postur (did you mean input.targets[_].posture? `},
		{reason + "{\n\tsome t in input.targets\n\tlocal(t)\n}\n\nlocal(target) if target.juristiction == \"EU\"", `8:18: undefined ref: target.juristiction (did you mean target.jurisdiction? `},
		// Values.
		{reason + `input.targets[_].posture == "clod"`, `3:48: input.targets[_].posture is never "clod" (did you mean "cloud"? it is one of cloud, gpu_cluster, edge, air_gapped)`},
		{reason + `"airgapped" == input.targets[_].posture`, `3:48: input.targets[_].posture is never "airgapped" (did you mean "air_gapped"? `},
		{reason + `input.targets[_].posture in {"gpu-cluster", "edge"}`, `3:48: input.targets[_].posture is never "gpu-cluster" (did you mean "gpu_cluster"? `},
		{reason + "{\n\tsome t in input.targets\n\tp := t.posture\n\tp != \"on_premises\"\n}", `6:2: input.targets[_].posture is never "on_premises" (it is one of `},
		{reason + `input.request.model == 5`, `3:48: match error (the left side is string and the right side number, which are never equal)`},
		// Names of the library, of rules, of built-ins.
		{reason + `"X" in data.sallyport.personal_kindz`, `3:55: data.sallyport.personal_kindz does not exist, so the rule would never fire (did you mean data.sallyport.personal_kinds? the library offers `},
		{"import data.sallyport as sp\n\n" + reason + `"X" in sp.secret_kind`, `5:55: data.sallyport.secret_kind does not exist, so the rule would never fire (did you mean data.sallyport.secret_kinds? `},
		{reason + `data.sallyport.fond("EMAIL_ADDRESS", 0.5)`, `3:48: undefined function data.sallyport.fond (did you mean data.sallyport.found? the library offers `},
		{reason + `startwith(input.request.model, "gpt")`, `3:48: undefined function startwith (did you mean startswith?)`},
		{reason + `larg(input.request)` + "\n\nlarge(r) if r.messages > 5", `3:48: undefined function larg (did you mean large?)`},
		{reason + `inputs.request.stream`, `3:48: var inputs is unsafe (did you mean input?)`},
		{reason + `contracter` + "\n\ncontractor if input.request.stream", `3:48: var contracter is unsafe (did you mean contractor?)`},
		// What a rule package says.
		{`denny contains {"code": "a", "message": "m"} if input.request.stream`, `3:1: nothing reads the rule denny (did you mean deny? `},
		{`exlude.x contains {"code": "a", "message": "m"} if input.request.stream`, `3:1: nothing reads the rule exlude (did you mean exclude? `},
		{`obligations.log := "none"`, `3:1: nothing reads the rule obligations (did you mean obligation? `},
		{`obligation.redcat contains "EMAIL_ADDRESS"`, `3:1: there is no obligation "redcat": a request it applies to is denied (did you mean obligation.redact? `},
		{`obligation["max_cost"] := 5`, `3:1: there is no obligation "max_cost": a request it applies to is denied (did you mean obligation.max_cost_usd? `},
	}
	for _, tt := range tests {
		t.Run(tt.rules, func(t *testing.T) {
			dir := write(t, map[string]string{"a.rego": "package sallyport.rules.good\n\n" + tt.rules + "\n"})
			_, err := Load(t.Context(), Config{Paths: []string{dir}})
			if err == nil {
				t.Fatal("is loaded")
			}
			got := strings.ReplaceAll(err.Error(), dir+"/", "")
			if !strings.HasPrefix(got, "a.rego:"+tt.want) || strings.Contains(got, "\n") {
				t.Errorf("got %s\nwant a.rego:%s", got, tt.want)
			}
		})
	}
}

// A test that gives the input what it never has shows nothing.
func TestLoadRefusesMisspeltMocks(t *testing.T) {
	dir := write(t, map[string]string{
		"a.rego": good,
		"a_test.rego": "package sallyport.rules.good_test\n\nimport data.sallyport.rules.good\n\n" +
			"test_p if count(good.deny) == 1 with input.request.straem as true\n\ntest_q if count(good.deny) == 1 with input.request.stream as true with input.principal.attributes.any as 1\n",
		"doc.rego": "package doc\n\np if input.mine.own\n", "doc_test.rego": "package doc_test\n\nimport data.doc\n\ntest_p if doc.p with input.mine.own as 1\n",
	})
	_, err := Load(t.Context(), Config{Paths: []string{dir}})
	if want := "a_test.rego:5:38: undefined ref: input.request.straem (did you mean input.request.stream? "; err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), dir+"/"), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want %s", err, want)
	}
}

// What is not a mistake is none.
func TestLoadAcceptsWhatIsThere(t *testing.T) {
	for _, rules := range []string{
		// Names that are the client's, the configuration's or a classifier's.
		`deny contains {"code": "a", "message": "m"} if input.principal.attributes.postur == "x"`,
		`deny contains {"code": "a", "message": "m"} if input.request.headers["x-modle"] == input.request.metadata.modle`,
		`deny contains {"code": "a", "message": "m"} if input.classifiers.mine.scores.complxity > 0.5`,
		`deny contains {"code": "a", "message": "m"} if input.targets.clod.posture == "cloud"`,
		// A function that is called with more than the input.
		"deny contains {\"code\": \"a\", \"message\": \"m\"} if {\n\tlocal(input.targets[_])\n\tlocal(data.acme.hosts[_])\n}\n\nlocal(x) if x.region == \"EU\"",
		// A variable that may be something else.
		"deny contains {\"code\": \"a\", \"message\": \"m\"} if {\n\tsome x in [input.request, {\"modle\": \"x\"}]\n\tx.modle == \"x\"\n}",
		// The values of posture beside another name's.
		"deny contains {\"code\": \"a\", \"message\": \"m\"} if {\n\tsome t in input.targets\n\tt.attributes.posture == \"on_premises\"\n}",
		// A rule whose value has a part from elsewhere, or is replaced.
		"deny contains {\"code\": \"a\", \"message\": \"m\"} if {\n\tsome k\n\tby[k].mine == 1\n}\n\nby[k] := t if some k, t in input.targets\n\nby.more := {\"mine\": 1}",
		"deny contains {\"code\": \"a\", \"message\": \"m\"} if p with data.sallyport.rules.good.r as {\"mine\": 1}\n\np if r.mine == 1\n\nr := data.acme.hosts\n\nr := input.request if not data.acme.hosts",
		// A function of its own result.
		"deny contains {\"code\": \"a\", \"message\": \"m\"} if f(f(f(input))).x == 1\n\nf(x) := x[input.request.model]",
	} {
		dir := write(t, map[string]string{"a.rego": "package sallyport.rules.good\n\n" + rules + "\n", "acme/data.json": `{"hosts": {}}`})
		if _, err := Load(t.Context(), Config{Paths: []string{dir}}); err != nil {
			t.Errorf("%s\n%v", rules, err)
		}
	}
}

func TestNearest(t *testing.T) {
	tests := []struct{ name, among, want string }{
		{"modle", "messages model", "model"},
		{"Model", "model", "model"},
		{"tool", "tools model", "tools"},
		{"x", "ab cd", ""},
		{"completely", "different", ""},
		{"", "abcd", ""},
	}
	for _, tt := range tests {
		if got := nearest(tt.name, strings.Fields(tt.among)); got != tt.want {
			t.Errorf("nearest(%q, %q) = %q, want %q", tt.name, tt.among, got, tt.want)
		}
	}
	kinds := []string{"EMAIL_ADDRESS", "CREDIT_CARD", "UK_PASSPORT", "US_SSN", "PERSON"}
	for name, want := range map[string]string{
		"EMAIL_ADRESS": "EMAIL_ADDRESS", "EMAILADDRESS": "EMAIL_ADDRESS", "CREDITCARD": "CREDIT_CARD", "CREDIT_CRAD": "CREDIT_CARD",
		"NZ_PASSPORT": "", "US_SNN": "US_SSN", "DE_SSN": "", "PERSONS": "PERSON", "SECRET_MINE": "",
	} {
		if got := nearestKind(name, kinds); got != want {
			t.Errorf("nearestKind(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("modle", "model")
	f.Add("", "abc")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 200 {
			return
		}
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Errorf("distance(%q, %q) = %d, the other way round %d", a, b, d, distance(b, a))
		}
	})
}

// The flows of the whole standard policy end, and know where its values come from.
func TestFlows(t *testing.T) {
	b, ds := build(&Config{})
	if ds.failed() {
		t.Fatal(ds)
	}
	f := b.flows()
	for path, want := range map[string]string{
		"data.sallyport.rules.routing.complexity": "input.classifiers.complexity.scores.complexity",
		"data.sallyport.rules.spend.cap":          "input.principal.attributes.monthly_usd",
		"data.sallyport.kinds_found":              "input.classifiers[_].findings",
		"data.sallyport.rules.routing.dearest":    "input.targets[_].cost_estimate_usd",
	} {
		g := f.gives[path]
		if g == nil {
			t.Errorf("%s gives nothing", path)
			continue
		}
		var got []string
		for _, p := range g.value.paths(exactly, keyOf, madeOf) {
			got = append(got, p.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s comes from %v, want %s", path, got, want)
		}
	}
	if len(f.rules) < 50 {
		t.Errorf("%d rules", len(f.rules))
	}
}

// Long chains of rules and functions end in a few rounds, whatever their order.
func TestFlowsOfLongChains(t *testing.T) {
	var src strings.Builder
	src.WriteString("package sallyport.rules.chain\n\ndeny contains {\"code\": \"a\", \"message\": \"m\"} if {\n\tf0(input.targets[_])\n\tp0 == 1\n}\n\n")
	const n = 1500
	for i := range n {
		fmt.Fprintf(&src, "f%d(x) if f%d(x)\n\np%d := p%d\n\n", i, i+1, i, i+1)
	}
	fmt.Fprintf(&src, "f%d(x) if x.postur == \"cloud\"\n\np%d := input.request.messages\n", n, n)
	dir := write(t, map[string]string{"a.rego": src.String()})
	b, ds := build(&Config{Paths: []string{dir}})
	start := time.Now()
	f := b.flows()
	t.Logf("%d rules looked at in %v", len(f.rules), time.Since(start))
	if len(ds) != 1 || !strings.Contains(ds[0].Message, "undefined ref: x.postur") {
		t.Errorf("diagnostics: %.500v", ds)
	}
}

// What is looked into is whatever OPA compiles, and none of it is held to be wrong
// that does not read the input.
func TestFlowsOfEveryPolicy(t *testing.T) {
	sequential(t)
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/opa").Output()
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, c := range cases.MustLoad(filepath.Join(strings.TrimSpace(string(dir)), "v1/test/cases/testdata/v1")).Sorted().Cases {
		modules := map[string]*ast.Module{}
		for i, src := range c.Modules {
			m, err := ast.ParseModuleWithOpts(fmt.Sprintf("m%d.rego", i), src, ast.ParserOptions{ProcessAnnotation: true})
			if err != nil || m == nil {
				continue
			}
			modules[fmt.Sprintf("m%d.rego", i)] = m
		}
		b := &built{modules: modules, compiler: ast.NewCompiler()}
		if b.compiler.Compile(modules); b.compiler.Failed() {
			continue
		}
		looked++
		// No package of the cases is a rule package: they are looked at as if they were.
		f := newFlows(b.compiler, parseInputType(), func(*ast.Module) bool { return false })
		b.checkFlows(f)
		l := &linter{b: b, flows: f, notes: b.compiler.GetAnnotationSet()}
		for _, r := range f.rules {
			l.never(r)
		}
		b.lint()
		for _, r := range b.readSet().paths {
			t.Errorf("%s: %v is read by a decision that does not exist", c.Note, r.path)
		}
	}
	if looked < 2000 {
		t.Errorf("only %d policies", looked)
	}
}
