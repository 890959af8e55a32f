package record

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// What is written to a file that nobody can find any more is not acknowledged.
func TestDirectoryThatIsTakenAway(t *testing.T) {
	for _, tc := range []struct {
		name string
		what string // is moved away, below the parent of the log's directory
	}{{"the directory", "log"}, {"its segments", "log/segments"}, {"a segment", "log/segments/" + segmentName(1)}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent := t.TempDir()
				dir, what, away := filepath.Join(parent, "log"), filepath.Join(parent, tc.what), filepath.Join(parent, "away")
				l := openLog(t, Config{Dir: dir})
				put(t, l, small(1))
				if err := os.Rename(what, away); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if seq, err := l.Record(context.Background(), small(2)); err == nil {
						t.Fatalf("acknowledged as record %d", seq)
					}
					pause(l)
				}
				if err := l.Stats().Err; err == nil || !strings.Contains(err.Error(), parent) {
					t.Errorf("stats: %v", err)
				}
				if err := os.Rename(away, what); err != nil {
					t.Fatal(err)
				}
				pause(l)
				if seq := put(t, l, small(3)); seq != 2 {
					t.Errorf("next number is %d, want 2", seq)
				}
				closeLog(t, l)
				if got := ids(t, dir); !slices.Equal(got, []string{"d-1", "d-3"}) {
					t.Errorf("%v", got)
				}
			})
		})
	}
}

// A log that lost its directory does not touch what stands there now, not even
// where it has nothing of its own to compare with.
func TestDirectoryThatAnotherProcessTook(t *testing.T) {
	for _, records := range []int{0, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			// A segment takes two small records, so the third needs a new one.
			l := openLog(t, Config{Dir: dir, SegmentBytes: int64(len(commitOf(t, 1, 1)) * 2)})
			for n := range records {
				put(t, l, small(n+1))
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			other := openLog(t, Config{Dir: dir})
			put(t, other, small(1), small(2))
			path := segmentFolder(dir).path(1)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if seq, err := l.Record(context.Background(), small(9)); err == nil {
					t.Fatalf("acknowledged as record %d", seq)
				}
				pause(l)
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the other log was changed (%v)", err)
			}
			put(t, other, small(3))
			closeLog(t, l)
			closeLog(t, other)
			if got := ids(t, dir); !slices.Equal(got, []string{"d-1", "d-2", "d-3"}) {
				t.Errorf("%v", got)
			}
		})
	}
}
