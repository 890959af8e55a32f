package classifiers

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// evalData names the environment variable that holds the folder of the labelled
// data. The data are other projects' and not in this repository; each
// classifier's README says where they come from.
const evalData = "SALLYPORT_DATA"

// evalFile opens a file of the labelled data, unpacked where it ends in .gz. The
// test is skipped where there is no such folder: floors that hold without it
// stand in the other tests.
func evalFile(t testing.TB, name string) io.Reader {
	t.Helper()
	dir := os.Getenv(evalData)
	if dir == "" {
		t.Skipf("NOT EVALUATED: %s is not set, so there is no %s", evalData, name)
	}
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// evalLines reads a file of one JSON object a line.
func evalLines[T any](t testing.TB, name string) []T {
	t.Helper()
	var rows []T
	s := bufio.NewScanner(evalFile(t, name))
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		var row T
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if err := s.Err(); err != nil || len(rows) == 0 {
		t.Fatalf("%s: %d rows, %v", name, len(rows), err)
	}
	return rows
}

// evalPrompts reads the prompts of one of the prompt files.
func evalPrompts(t testing.TB, name string) []string {
	t.Helper()
	var prompts []string
	for _, row := range evalLines[struct {
		Prompt, Question string
		Turns            []string
	}](t, "prompts/"+name+".jsonl") {
		prompts = append(prompts, strings.TrimSpace(row.Prompt+row.Question+strings.Join(row.Turns, "\n")))
	}
	return prompts
}

// evalRow prints one row of the table that make eval-classifiers shows, and fails
// where the value misses a target that begins with >= or <=.
func evalRow(t testing.TB, classifier, data string, n int, rule string, value float64, target string) {
	t.Helper()
	t.Log("EVAL | " + strings.Join([]string{classifier, data, fmt.Sprint(n), rule, fmt.Sprintf("%.3f", value), target}, " | "))
	sign, text, _ := strings.Cut(target, " ")
	if sign != ">=" && sign != "<=" {
		return
	}
	limit, err := strconv.ParseFloat(text, 64)
	if err != nil || sign == ">=" && value < limit || sign == "<=" && value > limit {
		t.Errorf("%s, %s: %s is %.3f, target %s", classifier, data, rule, value, target)
	}
}

func evalReadAll(t testing.TB, name string, into io.Writer) (int64, error) {
	t.Helper()
	return io.Copy(into, evalFile(t, name))
}
