package policies

import (
	"context"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// compiledQuery is a document that is asked for often, compiled as decisions are.
// It gives what OPA's own evaluator gives or nothing.
type compiledQuery struct {
	asked   atomic.Uint32
	answers atomic.Uint32 // given by the program
	program atomic.Pointer[queryProgram]
}

type queryProgram struct {
	*vm.Program
	entry  string
	result vm.Value
}

// Compiling takes some ten milliseconds, and a program has the set's data once
// more, so few are made and only of what is asked often.
const (
	compileAfter       = 64
	maxCompiledQueries = 16
)

// plainPath are the paths that a plan's entry point can have.
var plainPath = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*(/[a-zA-Z_][a-zA-Z0-9_]*)*$`)

// compileQuery compiles a query when it has been asked often enough, while OPA's
// evaluator goes on answering it.
func (s *Set) compileQuery(q preparedQuery) {
	c := q.compiled
	if s.fast == nil || c.asked.Add(1) != compileAfter || s.queries.compiled.Add(1) > maxCompiledQueries {
		return
	}
	entry := strings.Trim(q.path, "/")
	if !plainPath.MatchString(entry) {
		return
	}
	// It ends by itself; a set that is no longer used lives as long as that.
	go func() {
		ctx := context.Background()
		data, err := s.baseDocument(ctx)
		if err != nil {
			return
		}
		policy, err := plan(ctx, s.modules, entry)
		if err != nil {
			return // such as a document that data alone gives
		}
		p, err := vm.Compile(vm.Config{Policy: policy, Data: data, Strict: true, Timeout: s.timeout})
		if err != nil {
			return
		}
		c.program.Store(&queryProgram{p, entry, p.Intern("result")})
	}()
}

// query answers a query; false: it is for OPA's evaluator to answer, or to say what
// is wrong.
func (c *compiledQuery) query(ctx context.Context, input []byte) (a engine.QueryAnswer, ok bool) {
	p := c.program.Load()
	if p == nil {
		return a, false
	}
	defer func() {
		if recover() != nil { // a fault of the compiled form, which is then used no longer
			c.program.Store(nil)
			ok = false
		}
	}()
	m := p.Machine()
	defer m.Release()
	var in vm.Value
	if input != nil {
		var exact bool
		var err error
		if in, exact, err = m.FromJSON(input); err != nil {
			return a, false
		}
		if exact {
			if a.InputSHA256, err = canonicalHash(in); err != nil {
				return a, false
			}
		}
	}
	results, err := m.Eval(ctx, p.entry, in)
	if err != nil {
		return a, false
	}
	set, _ := results.Elements()
	switch len(set) {
	case 0:
		return a, true
	case 1:
		a.Result, err = set[0].Get(p.result).AppendJSON(nil)
		return a, err == nil
	}
	return a, false
}

// canonicalHash is the hex SHA-256 of a value's canonical JSON.
func canonicalHash(v vm.Value) (string, error) {
	b, err := v.AppendJSON(make([]byte, 0, 2048))
	if err != nil {
		return "", err
	}
	return hashOf(b), nil
}
