package policies

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// TestCompiledQueries asks until a document is compiled, and goes on asking: the
// answers stay the same.
func TestCompiledQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := load(t, map[string]string{"a.rego": good, "app.rego": documents, "data.json": `{"list": ["x"], "m": {"1": "one"}}`})
		inputs := []string{"", `{}`, `{"user":"alice"}`, `{"user":"bob"}`, `{"user":"alice","admin":true}`, `{"user":7}`, `{"user":"x","user":"y"}`,
			`{"user":"12"}`, `[`, `{} {}`, `{"user":"\ud800"}`, `1.50`, `null`}
		paths := []string{"app/allow", "app/both", "app/failing", "app/guarded", "list", "m/1", "app/none"}
		ask := func(path, input string) string {
			var in []byte
			if input != "" {
				in = []byte(input)
			}
			out, err := s.Query(t.Context(), path, in)
			return fmt.Sprintf("%s %v", out.Result, err)
		}
		before := map[string]string{}
		for _, p := range paths {
			for _, in := range inputs {
				before[p+in] = ask(p, in)
			}
			for range compileAfter {
				ask(p, "{}")
			}
		}
		synctest.Wait()
		compiled := 0
		for _, p := range paths {
			for _, in := range inputs {
				if got := ask(p, in); got != before[p+in] {
					t.Errorf("%s of %s is %s, compiled %s", p, in, before[p+in], got)
				}
			}
			if q, err := s.preparedQuery(t.Context(), p); err == nil && q.compiled.program.Load() != nil {
				compiled++
			}
		}
		if compiled < 4 {
			t.Errorf("only %d documents were compiled", compiled)
		}
	})
}
