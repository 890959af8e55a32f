package policies

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (s readSet) strings() (paths, whole []string) {
	for _, p := range s.paths {
		paths = append(paths, p.path.String())
	}
	for _, w := range s.whole {
		whole = append(whole, w.how)
	}
	return paths, whole
}

// The library itself reads the targets and nothing else.
func TestReadSet(t *testing.T) {
	const reason = `deny contains {"code": "a", "message": "m"} if `
	tests := []struct {
		name, rules  string
		paths, whole string // separated by spaces; paths beside input.targets
	}{
		{"members", reason + "{\n\tinput.request.model == \"x\"\n\tinput.principal.tenant == \"y\"\n}", "input.principal.tenant input.request.model", ""},
		{"within another", reason + "{\n\tinput.request.metadata.a == \"x\"\n\tcount(input.request.metadata) > 1\n}", "input.request.metadata", ""},
		{"cut at what is not known", reason + "{\n\tinput.classifiers[_].findings.X\n\tinput.request.headers[input.request.model] == \"x\"\n}", "input.classifiers input.request.headers input.request.model", ""},
		{"a name in quotes", reason + `input.request.headers["x-project"] == "x"`, `input.request.headers["x-project"]`, ""},
		{"helpers, elses and defaults", reason + "p == 3\n\ndefault p := 1\n\np := 2 if input.request.stream\n\nelse := 3 if input.request.messages > 1", "input.request.messages input.request.stream", ""},
		{"functions", reason + "f(input.request.model)\n\nf(x) if x == input.principal.id", "input.principal.id input.request.model", ""},
		{"comprehensions and every", reason + "{\n\tcount({x | some x in input.request.tools}) > 1\n\tevery r in input.principal.roles {\n\t\tr != input.request.model\n\t}\n}", "input.principal.roles input.request.model input.request.tools", ""},
		{"of the library", reason + `data.sallyport.found("X", 0.5)`, "input.classifiers", ""},
		{"rules by a name that is not known", reason + "data.sallyport.rules.good.by[input.request.model] == 1\n\nby.a := 1 if input.request.stream\n\nby.b := 2 if input.principal.authenticated",
			"input.principal.authenticated input.request.model input.request.stream", ""},
		{"negation", reason + "not input.request.stream", "input.request.stream", ""},
		{"rules that no decision reads", reason + "input.request.stream\n\nunread if input.request.model == \"x\"", "input.request.stream", ""},
		{"an alias of a part", reason + "{\n\tr := input.request\n\tr.model == \"x\"\n}", "input.request", ""},
		{"an alias of all", reason + "{\n\td := input\n\td.request.model == \"x\"\n}", "", "input"},
		{"an argument of a built-in", reason + `json.marshal(input) == "x"`, "", "input"},
		{"another input", reason + "p with input as {\"request\": {}}\n\np if input.request.stream", "input.request.stream", "with~input"},
		{"replaced data", reason + "p with data.acme as {\"x\": input.request.model}\n\np if data.acme.x == \"y\"", "input.request.model", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, map[string]string{"a.rego": "package sallyport.rules.good\n\n" + tt.rules + "\n", "acme/data.json": `{"x": "y"}`})
			b, ds := build(&Config{Paths: []string{dir}})
			if ds.failed() {
				t.Fatal(ds)
			}
			paths, whole := b.readSet().strings()
			var beside []string
			for _, p := range paths {
				if p != "input.targets" {
					beside = append(beside, p)
				}
			}
			if len(beside) == len(paths) && len(whole) == 0 {
				t.Errorf("input.targets is not among %v", paths)
			}
			if diff := cmp.Diff(strings.Fields(tt.paths), beside); diff != "" && len(tt.paths)+len(beside) > 0 {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
			want := strings.ReplaceAll(tt.whole, "~", " ")
			if got := strings.Join(whole, ","); got != want {
				t.Errorf("whole: %q, want %q", got, want)
			}
		})
	}
}

// What the compiled evaluator reads lies within what the rules say they read: two
// analyses of different forms of one policy.
func TestReadSetHoldsWhatIsRead(t *testing.T) {
	sequential(t)
	folders, err := filepath.Glob("examples/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("examples: %v, %v", folders, err)
	}
	configs := []Config{{}, {Paths: folders, Standard: true}}
	for _, folder := range folders {
		configs = append(configs, Config{Paths: []string{folder}})
	}
	for _, cfg := range configs {
		s, err := Load(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		set := s.built().readSet()
		if len(set.whole) > 0 {
			t.Errorf("%v reads the whole input", cfg.Paths)
		}
		for _, read := range s.fast.program.Reads() {
			var path inputPath
			for _, name := range read.Path {
				path = path.then(name)
			}
			found := false
			for _, p := range set.paths {
				found = found || path.within(p.path)
			}
			if !found {
				t.Errorf("%v: %v is read and not in the read set", cfg.Paths, path)
			}
		}
	}
}
