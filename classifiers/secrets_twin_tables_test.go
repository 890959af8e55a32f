package classifiers

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// secretsTables are the tables that the module is built from, read from its
// sources.
type secretsTables struct {
	issuers                     []secretsIssuer
	names                       map[string][]string // parts by what they say
	follows, schemes, placehold []string
}

type secretsIssuer struct {
	kind, prefix, set string
	least, most       int
}

// cStrings reads the string literals of a table in a C file; \0 ends a string.
func cStrings(t testing.TB, file, table string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(b), " "+table+"[")
	if !ok {
		t.Fatalf("%s: no %s", file, table)
	}
	_, body, _ = strings.Cut(body, "=")
	body, _, _ = strings.Cut(body, "};\n")
	if before, _, ok := strings.Cut(body, "\";\n"); ok {
		body = before + "\""
	}
	var out []string
	for _, m := range regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(body, -1) {
		for s := range strings.SplitSeq(strings.TrimSuffix(m[1], `\0`), `\0`) {
			out = append(out, s)
		}
	}
	return out
}

func readSecretsTables(t testing.TB) *secretsTables {
	t.Helper()
	s := &secretsTables{
		names: map[string][]string{}, follows: cStrings(t, "secrets/random.h", "follows"),
		schemes: cStrings(t, "secrets/secrets.c", "schemes"), placehold: cStrings(t, "secrets/values.h", "begin"),
	}
	for _, m := range cRows(t, "secrets/name_parts.h", `N\("([a-z_]+)", ([A-Z_]+)\)`) {
		s.names[m[2]] = append(s.names[m[2]], m[1])
	}
	for _, m := range cRows(t, "secrets/issuers.h", `I\((\w+), "([^"]+)", (\w+), (\d+), (\d+)\)`) {
		least, _ := strconv.Atoi(m[4])
		most, _ := strconv.Atoi(m[5])
		s.issuers = append(s.issuers, secretsIssuer{m[1], m[2], m[3], least, most})
	}
	if len(s.follows) != 26 || len(s.placehold) < 30 || len(s.schemes) < 6 {
		t.Fatalf("tables: %d, %d, %d", len(s.follows), len(s.placehold), len(s.schemes))
	}
	return s
}

// cRows reads the rows of a table in a file of its own; each line that is not a
// comment must be one.
func cRows(t testing.TB, file, row string) [][]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(b), "*/\n")
	rows := regexp.MustCompile("(?m)^"+row+"$").FindAllStringSubmatch(body, -1)
	if n := strings.Count(body, "\n"); n != len(rows) {
		t.Fatalf("%s: %d rows read of %d", file, len(rows), n)
	}
	return rows
}
