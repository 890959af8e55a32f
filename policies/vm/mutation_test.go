package vm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mutant is a fault to plant: old, which stands once in the file, becomes new.
type mutant struct{ file, old, new string }

// mutants are faults as somebody could make them, in the evaluator, in what builds
// its input and reads its result, and in the key of remembered decisions.
var mutants = []mutant{
	// How statements end, and loops.
	{"scan.go", "		case c == ctlUndefined:\n			return ctlNext\n		default:", "		case c == ctlUndefined:\n			return ctlUndefined\n		default:"},
	{"scan.go", "					l[key] = Int(int64(i))", "					l[key] = Int(int64(i + 1))"},
	{"scan.go", "			if v.h.kind == kindSet {\n				vals = t.keys", "			if v.h.kind == kindObject {\n				vals = t.keys"},
	{"scan.go", "	if s.dead != nil && s.dead[st.Key] {\n		key = -1", "	if s.dead != nil && s.dead[st.Value] {\n		key = -1"},
	{"scan.go", "		return c - 1\n	}\n	return c\n}\n\nfunc (s *scope) scan", "		return c\n	}\n	return c\n}\n\nfunc (s *scope) scan"},
	{"scan.go", "			if c := leave(b(m, l)); c != ctlNext {\n				return c\n			}\n		}\n		return ctlNext", "			if c := leave(b(m, l)); c == ctlError {\n				return c\n			}\n		}\n		return ctlNext"},
	// References.
	{"statement.go", "ok && i >= 0 && i < int64(len(v.array().elems))", "ok && i > 0 && i < int64(len(v.array().elems))"},
	{"statement.go", "	if isNumber(key.kind()) && v.kind() == kindObject {\n		name, ok", "	if false {\n		name, ok"},
	{"statement.go", "	case kindObject, kindSet:\n		return v.table().get(key)\n	case kindArray:", "	case kindObject:\n		return v.table().get(key)\n	case kindArray:"},
	// with.
	{"statement.go", "		l[at] = upsert(&m.arena, was, path, value.get(l))\n		m.nextEpoch()", "		l[at] = upsert(&m.arena, was, path, value.get(l))"},
	{"statement.go", "		l[at], m.epoch = was, epoch", "		m.epoch = epoch"},
	{"statement.go", "		l[at], m.epoch = was, epoch", "		l[at], _ = was, epoch"},
	{"statement.go", "upsert(a, t.get(path[0]), path[1:], value)", "upsert(a, Value{}, path[1:], value)"},
	// Rules: conflicts, values, merging of data and rules.
	{"statement.go", "was.h != nil && !equal(was, v) {\n			return m.conflict(at, message)", "was.h != nil && was.h.kind != v.h.kind {\n			return m.conflict(at, message)"},
	{"statement.go", "			if !equal(t.vals[i], v) {\n				return m.conflict(at, \"object keys must be unique\")\n			}\n			return ctlNext", "			_ = at\n			return ctlNext"},
	{"statement.go", "			t.vals[j] = merge(arena, t.vals[j], val)\n			continue", "			t.vals[j] = val\n			continue"},
	{"statement.go", "		if v := from.get(l); t.find(v) < 0 {\n			t.add(&m.arena, v, Value{})\n		}\n		return ctlNext\n	}\n	if s.returns(st.Set)", "		t.add(&m.arena, from.get(l), Value{})\n		return ctlNext\n	}\n	if s.returns(st.Set)"},
	{"statement.go", "if v := l[at]; v.h == k.h && v.n == k.n {", "if v := l[at]; v.h == k.h {"},
	{"statement.go", "		if (from.get(l).h != nil) == want {", "		if from.get(l).h != nil {"},
	{"statement.go", "	case kindArray:\n		return len(v.array().elems), true\n	case kindObject, kindSet:\n		return len(v.table().keys), true", "	case kindArray:\n		return len(v.array().elems), true\n	case kindObject:\n		return len(v.table().keys), true"},
	// Two names of one value.
	{"statement.go", "s.sets[st.Target] == 1 && s.muts[st.Target] == 0 && s.muts[source] == 0", "s.muts[st.Target] == 0 && s.muts[source] == 0"},
	// Calls and what they are remembered by.
	{"call.go", "			if e.epoch != m.epoch {", "			if e.epoch == 0 {"},
	{"call.go", "		if e.epoch != m.epoch || e.arg != arg {", "		if e.epoch != m.epoch {"},
	{"call.go", "	if ok && fn.folded {\n		return s.callFolded(st, fn), nil", "	if ok && fn.folded && len(fn.fired) == 0 {\n		return s.callFolded(st, &function{}), nil"},
	{"call.go", "				m.fire(rule)\n			}\n			return ctlNext", "				_ = rule\n			}\n			return ctlNext"},
	{"call.go", "		if m.failed == nil {\n			m.failed = err\n		}\n		return Value{}, ctlUndefined", "		return Value{}, ctlUndefined"},
	{"call.go", "			many.append(&m.arena, v)\n		} else", "			many.elems = append(many.elems[:0], v)\n		} else"},
	// Values.
	{"value.go", "		return isNumber(b.h.kind) && compareNumbers(a, b) == 0", "		return a.h.kind == b.h.kind && compareNumbers(a, b) == 0"},
	{"value.go", "	return ast.NumberCompare(a.decimal(), b.decimal())", "	return 0"},
	{"value.go", "		if len(x) != len(y) {\n			return false\n		}", "		if len(x) > len(y) {\n			return false\n		}"},
	{"value.go", "	if ka != kb {\n		return cmp.Compare(ka, kb)", "	if ka != kb {\n		return cmp.Compare(kb, ka)"},
	{"value.go", "		return strings.Compare(a.str().s, b.str().s)", "		return strings.Compare(b.str().s, a.str().s)"},
	{"value.go", "	case kindInt:\n		return mix(math.Float64bits(float64(v.n)))", "	case kindInt:\n		return mix(uint64(v.n))"},
	// Tables.
	{"table.go", "		if 2*len(t.keys) > len(t.index) {\n			t.reindex()\n		} else {\n			t.place(n)\n		}", "		if 2*len(t.keys) > len(t.index) {\n			t.reindex()\n		}"},
	{"table.go", "	if t.index != nil {\n		t.reindex()\n	}\n}\n\nfunc (t *table) insertionSort", "}\n\nfunc (t *table) insertionSort"},
	{"table.go", "	t.sorted = t.sorted && n == 0", "	t.sorted = t.sorted && n <= 1"},
	{"table.go", "		if j < 0 || t.kind == kindObject && !equal(t.vals[i], o.vals[j]) {", "		if _ = i; j < 0 {"},
	{"table.go", "	if i := t.find(key); i >= 0 {\n		t.vals[i] = val\n		t.hashed = false\n		return", "	if i := t.find(key); i >= 0 {\n		_ = i\n		return"},
	// Built-ins.
	{"arithmetic.go", "		t := total + e.n\n		if (t > total) != (e.n > 0) && e.n != 0 {", "		t := total + e.n\n		if false {"},
	{"arithmetic.go", "		if (s > a.n) != (b.n > 0) && b.n != 0 {\n			return Value{}, ctlGeneric\n		}\n		return Int(s), ctlNext", "		return Int(s), ctlNext"},
	{"arithmetic.go", "		if hi != 0 || lo > math.MaxInt64 {", "		if hi != 0 || lo > math.MaxInt64+2 {"},
	{"native.go", "		for range v.str().s {\n			n++\n		}", "		n = len(v.str().s)"},
	{"native.go", "	if len(elems) == 0 {\n		return Value{}, ctlUndefined\n	}\n	best", "	if len(elems) == 0 {\n		return Null(), ctlNext\n	}\n	best"},
	{"native.go", "		\"gte\": func(c int) bool { return c >= 0 },", "		\"gte\": func(c int) bool { return c > 0 },"},
	{"native.go", "		\"lt\":  func(c int) bool { return c < 0 },", "		\"lt\":  func(c int) bool { return c <= 0 },"},
	{"native.go", "	for _, k := range x.keys {\n		if y.find(k) >= 0 {", "	for _, k := range x.keys {\n		if y.find(k) > 0 {"},
	{"arithmetic.go", "			if y.find(k) < 0 {\n				t.keys = append(t.keys, k)", "			if y.find(k) <= 0 {\n				t.keys = append(t.keys, k)"},
	{"native.go", "	case kindObject:\n		for _, e := range collection.table().vals {", "	case kindObject:\n		for _, e := range collection.table().keys {"},
	{"native.go", "	if !v.Defined() {\n		v = otherwise\n	}", "	if !v.Defined() || v == Null() {\n		v = otherwise\n	}"},
	{"native.go", "	if v.kind() == kindSet {\n		v.table().sort()\n	}\n	elems, ok := elements(v)\n	if !ok || separator", "	elems, ok := elements(v)\n	if !ok || separator"},
	{"native.go", "	return Bool(got.Defined() && equal(got, v)), ctlNext", "	return Bool(got.Defined()), ctlNext"},
	// Calculation with fractions.
	{"extended.go", "	if lo > half || lo == half && (sticky || hi&1 != 0) {", "	if lo > half {"},
	{"extended.go", "	return rounded(hi, lo, x.exp+y.exp, false, x.neg != y.neg)", "	return rounded(hi, lo, x.exp+y.exp, false, x.neg)"},
	{"extended.go", "	return rounded(q, next, exp-64, rest != 0, x.neg != y.neg)", "	return rounded(q, next, exp-63, rest != 0, x.neg != y.neg)"},
	// Input and decision.
	{"../facts.go", "vm.Int(in.Budget.TotalMs), vm.Int(in.Budget.TPOTMs), vm.Int(in.Budget.TTFTMs)", "vm.Int(in.Budget.TotalMs), vm.Int(in.Budget.TTFTMs), vm.Int(in.Budget.TPOTMs)"},
	{"../facts.go", "	if c.Findings != nil {", "	if len(c.Findings) > 0 {"},
	{"../facts.go", "b.number(t.Quality), vm.Bool(t.StandIn)", "b.number(t.Quality), vm.Bool(t.Healthy)"},
	{"../facts.go", "b.m.Record(b.finding, vm.Int(int64(f.Count)), b.number(f.MaxScore))", "b.m.Record(b.finding, b.number(f.MaxScore), vm.Int(int64(f.Count)))"},
	{"../decode.go", "		all = all[len(of):]\n", "		all = all[len(of):len(all)]\n		own = own[:min(len(own), 1)]\n		of = of[:len(own)]\n"},
	{"../fast.go", "		case shared:\n			all, shared = slices.Concat(all, more), false", "		case shared:\n			shared = false"},
	// The key.
	{"../keywriter.go", "	i, at := slices.BinarySearch(thresholds, f)", "	i, _ := slices.BinarySearch(thresholds, f)\n	at := false"},
	{"../keywriter.go", "func (k *keyWriter) optional(m map[string]string, name string) {\n	s, ok := m[name]\n	k.bool(ok)\n	k.text(s)", "func (k *keyWriter) optional(m map[string]string, name string) {\n	s, ok := m[name]\n	k.bool(ok)\n	_ = s"},
	{"../keywriter.go", "	k.bool(m != nil) // absent is not empty\n", ""},
	{"../keywriter.go", "	k.float(f.MaxScore)\n", ""},
	{"../keywriter.go", "	k.bool(t.Healthy)\n", ""},
	{"../keywriter.go", "	k.text(t.Posture)\n", ""},
	{"../keywriter.go", "	k.textMap(t.Attributes)\n", ""},
	{"../keywriter.go", "	k.text(c.Error)\n", ""},
	{"../cachekey.go", "				k.text(name)\n				k.t = in.Targets[name]", "				k.t = in.Targets[name]"},
	{"../cachekey.go", "				k.text(name)\n				k.c = in.Classifiers[name]", "				k.c = in.Classifiers[name]"},
	{"../cachekey.go", "			ofTargets = append(ofTargets, partOfTarget(r))", "			ofTargets = append(ofTargets[:0], partOfTarget(r))"},
	{"../cachekey.go", "return func(k *keyWriter, t *engine.TargetFacts) { k.text(t.Posture) }", "return func(k *keyWriter, t *engine.TargetFacts) {}"},
	{"../cachekey.go", "return func(k *keyWriter, t *engine.TargetFacts) { k.bool(t.Healthy) }", "return func(k *keyWriter, t *engine.TargetFacts) { k.bool(t.StandIn) }"},
	{"../cachekey.go", "return func(k *keyWriter, c *engine.ClassifierFacts) { k.text(c.Error) }", "return func(k *keyWriter, c *engine.ClassifierFacts) {}"},
	{"../cachekey.go", "			k.bool(c.Findings != nil) // absent is not empty\n", ""},
	{"../cachekey.go", "				f, ok := c.Findings[kind]\n				k.bool(ok)", "				f := c.Findings[kind]"},
	{"../cachekey.go", "				for _, kind := range k.inner {\n					k.text(kind)\n", "				for _, kind := range k.inner {\n"},
	{"../cachekey.go", "				for _, name := range k.inner {\n					k.text(name)\n					write(k, c.Scores[name])", "				for _, name := range k.inner {\n					write(k, c.Scores[name])"},
	{"../cachekey.go", "	if len(r.Path) == 4 && onlyThere(r) {", "	if len(r.Path) == 4 {"},
	{"../cachekey.go", "func onlyThere(r vm.Read) bool { return !r.Exact && len(r.Thresholds) == 0 }", "func onlyThere(r vm.Read) bool { return len(r.Thresholds) == 0 }"},
	{"../cachekey.go", "	if i >= len(r.Path) || name == vm.AnyMember {", "	if i >= len(r.Path) {"},
	{"../cachekey.go", "	if r.Exact || len(r.Thresholds) == 0 || len(r.Path) != steps {\n		return (*keyWriter).float", "	if len(r.Path) != steps {\n		return (*keyWriter).float"},
	{"../cachekey.go", "return func(k *keyWriter, in *engine.Input) { k.texts(in.Request.Tools) }", "return func(k *keyWriter, in *engine.Input) { k.integer(int64(len(in.Request.Tools))) }"},
	{"../cachekey.go", "return func(k *keyWriter, in *engine.Input) { k.texts(in.Request.Modalities) }", "return func(k *keyWriter, in *engine.Input) {}"},
	{"../cachekey.go", "return func(k *keyWriter, in *engine.Input) { k.bool(in.Principal.Authenticated) }", "return func(k *keyWriter, in *engine.Input) {}"},
	{"../cachekey.go", "return number(func(in *engine.Input) float64 { return in.Usage.SpentUSD.Month })", "return number(func(in *engine.Input) float64 { return in.Usage.SpentUSD.Day })"},
	// What is read.
	{"readset.go", "		r.exactly()\n	}\n}\n\n// threshold says", "	}\n}\n\n// threshold says"},
	{"readset.go", "	if at, ok := s.comesFrom(l); ok {\n		s.note(at).exactly()", "	if at, ok := s.comesFrom(l); ok && len(at.path) < 3 {\n		s.note(at).exactly()"},
	{"readset.go", "		if name != AnyMember && name != path[i] {\n			return false\n		}", "		if name != AnyMember && path[i] != AnyMember && name != path[i] {\n			return false\n		}"},
	{"readset.go", "		if len(r.Thresholds) > 0 && slices.ContainsFunc(all,", "		if len(r.Thresholds) > 9 && slices.ContainsFunc(all,"},
	{"readset.go", "held = held || i != j && (o.Exact && leadsTo(o.Path, r.Path) ||\n				!r.Exact && len(r.Thresholds) == 0 && len(o.Path)", "held = held || i != j && (o.Exact && leadsTo(o.Path, r.Path) ||\n				len(o.Path)"},
	{"readset.go", "held = held || i != j && (o.Exact && leadsTo(", "held = held || i != j && (leadsTo("},
	{"readset.go", "	if r := s.note(at.then(steps...)); !with.IsBool() {", "	if r := s.note(at.then(steps...)); with.kind() == kindNumber {"},
	{"readset.go", "		case of.Exact:\n			r.exactly()\n", "		case of.Exact:\n"},
	{"readset.go", "			r.against(of.Thresholds...)\n", "			_ = r\n"},
	{"readset.go", "s.noteFrom(at.then(of.Path...), of.Place); {", "s.noteFrom(at.then(of.Path[:len(of.Path)/2]...), of.Place); {"},
	{"readset.go", "	s.note(at.then(key.value.str().s)).exactly()\n	return true", "	s.note(at.then(key.value.str().s))\n	return true"},
	{"readset.go", "	if !key.constant() || key.value.kind() != kindString {\n		return false\n	}\n	s.note", "	if !key.constant() {\n		return true\n	}\n	s.note"},
	{"call.go", "isLocal && (i < 2 && l <= ir.Data || i >= 2 && s.passed(fn, i, l)) {", "isLocal && (i < 2 && l <= ir.Data || i >= 2 && s.passed(fn, 2, l)) {"},
	{"scan.go", "	s.walked(st.Source, st.Value, AnyMember)\n", ""},
	{"statement.go", "		step := AnyMember\n", "		step := \"\"\n"},
}

// equivalent are mutants that change nothing that can be seen, each with why.
var equivalent = map[int]string{}

// TestMutantsFit keeps the list in step with the code.
func TestMutantsFit(t *testing.T) {
	for i, m := range mutants {
		text, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), m.old); n != 1 {
			t.Errorf("mutant %d: %s holds %d times\n%s", i, m.file, n, m.old)
		}
		if m.old == m.new {
			t.Errorf("mutant %d changes nothing", i)
		}
	}
}

// BenchmarkMutationScore plants each fault and runs the tests that compare the
// evaluators. It prints the faults that no test saw and the share of those that one
// did. SALLYPORT_MUTANTS is a part of a file's name to plant those in alone.
func BenchmarkMutationScore(b *testing.B) {
	for b.Loop() {
		caught, all := 0, 0
		var survivors []string
		for i, m := range mutants {
			if !strings.Contains(m.file, os.Getenv("SALLYPORT_MUTANTS")) || equivalent[i] != "" {
				continue
			}
			all++
			begin := time.Now()
			by, err := m.caughtBy(b.Context(), b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			if by != "" {
				caught++
			} else {
				survivors = append(survivors, fmt.Sprintf("%d in %s:\n%s\n    became\n%s", i, m.file, m.old, m.new))
				by = "NOTHING"
			}
			fmt.Printf("MUTANT | %d | %s | caught by %s | %.1f s\n", i, m.file, by, time.Since(begin).Seconds())
		}
		for _, s := range survivors {
			fmt.Println("SURVIVOR | " + s)
		}
		fmt.Printf("SCORE | %d of %d planted faults are caught; %d more change nothing that can be seen\n", caught, all, len(equivalent))
		if caught < all {
			b.Errorf("%d planted faults are not caught", all-caught)
		}
	}
}

// caughtBy is the package whose tests fail with the fault; "": none.
func (m mutant) caughtBy(ctx context.Context, dir string) (string, error) {
	file, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-overlay", list, "..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("the mutant does not compile: %s\n%s", out, m.new)
	}
	for _, run := range [][]string{
		{".", "^(TestConformance|TestPairs|TestGeneratedPolicies|TestReads|TestReadsAreNarrow|TestArithmetic|TestAppendFloat)$"},
		{"..", "^(TestFactsAreTheInput|TestKeysTellInputsApart|TestInputs|TestDecide.*|TestDecisionCache|TestCache.*|TestInputOf.*|TestQuery)$"},
	} {
		if strings.HasPrefix(m.file, "../") && run[0] == "." {
			continue
		}
		out, err := exec.CommandContext(ctx, "go", "test", "-overlay", list, "-count=1", "-failfast", "-timeout", "3m", "-run", run[1], run[0]).CombinedOutput()
		if err != nil {
			return strings.TrimPrefix(firstFailure(string(out)), "--- FAIL: "), nil
		}
	}
	return "", nil
}

func firstFailure(out string) string {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "--- FAIL: ") || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
	}
	return "a failure"
}
