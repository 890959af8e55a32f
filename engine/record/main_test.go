package record

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// childDir makes this test binary a process that writes to the log in it, until
// it is killed.
const childDir = "RECORD_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := writeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// writeForEver prints the decision id of each record after it was acknowledged.
func writeForEver(dir string) error {
	l, err := Open(Config{Dir: dir, SegmentBytes: 16 << 10})
	if err != nil {
		return err
	}
	errs := make(chan error)
	var out sync.Mutex
	for p := range 8 {
		go func() {
			for n := 0; ; n++ {
				r := small(n)
				r.DecisionID = fmt.Sprintf("%d-%d-%d", os.Getpid(), p, n)
				if _, err := l.Record(context.Background(), r); err != nil {
					errs <- err
					return
				}
				out.Lock()
				fmt.Println(r.DecisionID)
				out.Unlock()
			}
		}()
	}
	return <-errs
}

func child(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), childDir+"="+dir)
	return c
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	var acked []string
	for round := range 4 {
		c := child(t, dir)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acked = append(acked, lines.Text())
			if n == 150*(round+1) {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = c.Wait() // killed
		l := openLog(t, Config{Dir: dir, SegmentBytes: 16 << 10})
		put(t, l, small(round))
		closeLog(t, l)
		acked = append(acked, small(round).DecisionID)
	}
	if len(acked) < 150*(1+2+3+4) {
		t.Fatalf("only %d records were acknowledged", len(acked))
	}
	found := ids(t, dir)
	slices.Sort(found)
	for _, id := range acked {
		if _, ok := slices.BinarySearch(found, id); !ok {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
}

func TestOneProcessWrites(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	want := fmt.Sprintf("process %d writes to this decision log already", os.Getpid())
	if second, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("same process: %v, %v", second, err)
	}
	c := child(t, dir)
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("other process: %v, %s", err, out)
	}
	put(t, l, small(1))
	closeLog(t, l)
	closeLog(t, openLog(t, Config{Dir: dir})) // free again
}
