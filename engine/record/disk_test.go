package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// sickDisk is a real folder that fails when it is told to.
type sickDisk struct {
	disk
	mu       sync.Mutex
	room     int64            // bytes that can still be written; -1: no limit
	err      map[string]error // by operation: open, create, write, sync
	lose     bool             // a failing sync loses what was written since the last one
	onCommit func(file)       // called before a failing sync returns
	gate     chan struct{}    // where not nil, a sync waits for a value
}

func (d *sickDisk) set(op string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err[op] = err
}

func (d *sickDisk) setRoom(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = n
}

func (d *sickDisk) wrap(f file, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return &sickFile{file: f, disk: d}, nil
}

func (d *sickDisk) open(seq uint64) (file, error) {
	d.mu.Lock()
	err := d.err["open"]
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return d.wrap(d.disk.open(seq))
}

// create makes the file and then fails, as when the directory cannot be synced.
func (d *sickDisk) create(seq uint64) (file, error) {
	f, err := d.wrap(d.disk.create(seq))
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && d.err["create"] != nil {
		return nil, errors.Join(d.err["create"], f.Close())
	}
	return f, err
}

type sickFile struct {
	file
	disk   *sickDisk
	synced int64
	end    int64
}

func (f *sickFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	err, room := f.disk.err["write"], f.disk.room
	if err == nil && room >= 0 {
		if int64(len(p)) > room {
			err = syscall.ENOSPC
		} else {
			f.disk.room -= int64(len(p))
		}
	}
	f.disk.mu.Unlock()
	if err != nil { // a part was written
		n, _ := f.file.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	f.synced, f.end = max(f.synced, off), off+int64(len(p)) // the log writes behind what is synced
	return f.file.WriteAt(p, off)
}

func (f *sickFile) Sync() error {
	if f.disk.gate != nil {
		<-f.disk.gate
	}
	f.disk.mu.Lock()
	err, lose, onCommit := f.disk.err["sync"], f.disk.lose, f.disk.onCommit
	f.disk.mu.Unlock()
	if err == nil {
		f.synced = f.end
		return f.file.Sync()
	}
	if lose && f.end > f.synced {
		if _, e := f.file.WriteAt(make([]byte, f.end-f.synced), f.synced); e != nil {
			return e
		}
	}
	if onCommit != nil {
		onCommit(f.file)
	}
	return err
}

func openSick(t *testing.T, c Config, d *sickDisk) *Log {
	t.Helper()
	d.err, d.room = map[string]error{}, -1
	l, err := open(c, func(real disk) disk { d.disk = real; return d })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// pause lets the writer's next attempt to mend the log pass.
func pause(l *Log) {
	<-time.After(l.retryAfter + time.Millisecond)
	synctest.Wait()
}

func TestRequireFailsWhileTheDiskDoesAndThenRecovers(t *testing.T) {
	for _, tc := range []struct {
		name      string
		err       error
		fail, end func(*sickDisk)
	}{
		{"no space", syscall.ENOSPC, func(d *sickDisk) { d.setRoom(10) }, func(d *sickDisk) { d.setRoom(-1) }},
		{"write error", syscall.EIO, func(d *sickDisk) { d.set("write", syscall.EIO) }, func(d *sickDisk) { d.set("write", nil) }},
		{"sync error", syscall.EIO, func(d *sickDisk) { d.set("sync", syscall.EIO) }, func(d *sickDisk) { d.set("sync", nil) }},
		{"sync error, pages lost", syscall.EIO, func(d *sickDisk) { d.lose = true; d.set("sync", syscall.EIO) }, func(d *sickDisk) { d.set("sync", nil) }},
		{"read-only", syscall.EROFS, func(d *sickDisk) { d.set("write", syscall.EROFS); d.set("open", syscall.EROFS) },
			func(d *sickDisk) { d.set("write", nil); d.set("open", nil) }},
		{"no new segment", syscall.ENOSPC, func(d *sickDisk) { d.set("create", syscall.ENOSPC) }, func(d *sickDisk) { d.set("create", nil) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &sickDisk{}
				dir := t.TempDir()
				// A segment takes two small records, so the third needs a new one.
				l := openSick(t, Config{Dir: dir, SegmentBytes: int64(len(commitOf(t, 1, 1)) * 2)}, d)
				put(t, l, small(1), small(2))
				tc.fail(d)
				for range 3 {
					for range 3 {
						if _, err := l.Record(context.Background(), small(3)); !errors.Is(err, tc.err) {
							t.Fatalf("got %v, want %v", err, tc.err)
						}
					}
					pause(l)
				}
				if tc.name != "no new segment" && !errors.Is(l.Stats().Err, tc.err) {
					t.Errorf("stats: %v", l.Stats().Err)
				}
				if s := l.Stats(); s.Durable != 2 || s.Records != 2 || s.Queued != 0 {
					t.Errorf("%+v", s)
				}
				tc.end(d)
				pause(l)
				if err := l.Stats().Err; err != nil {
					t.Fatalf("still failing: %v", err)
				}
				if seq := put(t, l, small(4)); seq != 3 {
					t.Errorf("next number is %d, want 3", seq)
				}
				put(t, l, small(5))
				closeLog(t, l)
				if got := ids(t, dir); !slices.Equal(got, []string{"d-1", "d-2", "d-4", "d-5"}) {
					t.Errorf("%v", got)
				}
				closeLog(t, openLog(t, Config{Dir: dir}))
			})
		})
	}
}

// What was acknowledged is read again from the device after a failed sync; where
// it is gone, the log takes nothing more.
func TestFailedSyncThatHurtDurableRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &sickDisk{onCommit: func(f file) {
			if _, err := f.WriteAt([]byte{0}, 20); err != nil {
				t.Error(err)
			}
		}}
		l := openSick(t, Config{Dir: t.TempDir()}, d)
		put(t, l, small(1), small(2))
		d.set("sync", syscall.EIO)
		if _, err := l.Record(context.Background(), small(3)); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		d.set("sync", nil)
		pause(l)
		if _, err := l.Record(context.Background(), small(3)); !errors.Is(err, errTorn) {
			t.Fatalf("%v", err)
		}
		closeLog(t, l)
	})
}

func TestRequireFailsAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &sickDisk{}
		l := openSick(t, Config{Dir: t.TempDir()}, d)
		d.gate = make(chan struct{})
		errs := make(chan error, 10)
		for n := range cap(errs) {
			go func() {
				_, err := l.Record(context.Background(), small(n))
				errs <- err
			}()
		}
		synctest.Wait() // one is being synced, the others are queued
		d.set("sync", syscall.EIO)
		close(d.gate)
		for range cap(errs) {
			if err := <-errs; !errors.Is(err, syscall.EIO) {
				t.Error(err)
			}
		}
		d.set("sync", nil)
		pause(l)
		if seq := put(t, l, small(1)); seq != 1 {
			t.Errorf("seq %d", seq)
		}
		closeLog(t, l)
	})
}

func TestAsyncKeepsEverythingOverAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &sickDisk{}
		dir := t.TempDir()
		l := openSick(t, Config{Dir: dir, Mode: Async, QueueRecords: 4}, d)
		d.setRoom(0)
		numbers := make(chan uint64, 20)
		go func() {
			defer close(numbers)
			for n := range cap(numbers) {
				seq, err := l.Record(context.Background(), small(n))
				if err != nil {
					t.Error(err)
				}
				numbers <- seq
			}
		}()
		synctest.Wait()
		if n := len(numbers); n >= cap(numbers) {
			t.Error("the queue has no bound")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Record(ctx, small(99)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("full queue: %v", err)
		}
		d.setRoom(-1)
		pause(l)
		var want []string
		for seq := range numbers {
			if want = append(want, small(len(want)).DecisionID); seq != uint64(len(want)) {
				t.Errorf("number %d, want %d", seq, len(want))
			}
		}
		closeLog(t, l)
		if got := ids(t, dir); !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
		if s := l.Stats(); s.Dropped != 0 || s.Records != uint64(len(want)) {
			t.Errorf("%+v", s)
		}
	})
}

// Where nobody waits, a commit takes what came in 5 ms; a queue that is half full,
// or the end, does not wait so long.
func TestRecordsGatherForACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openSick(t, Config{Dir: t.TempDir(), Mode: Async, QueueRecords: 8, gather: gatherTime}, &sickDisk{})
		commits := func(want uint64) {
			t.Helper()
			synctest.Wait()
			if got := l.Stats().Commits; got != want {
				t.Fatalf("%d commits, want %d", got, want)
			}
		}
		put(t, l, small(1))
		commits(1) // it has waited for nobody
		put(t, l, small(2), small(3))
		commits(1)
		<-time.After(gatherTime)
		commits(2)
		put(t, l, small(4), small(5), small(6))
		commits(2)
		put(t, l, small(7))
		commits(3) // half of eight
		put(t, l, small(8))
		commits(3)
		<-time.After(gatherTime)
		commits(4)
		put(t, l, small(9))
		start := time.Now()
		closeLog(t, l)
		if took := time.Since(start); took != 0 {
			t.Errorf("the end took %v", took)
		}
		if s := l.Stats(); s.Commits != 5 || s.Records != 9 {
			t.Errorf("%+v", s)
		}
	})
}

func TestBestEffortCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &sickDisk{}
		dir := t.TempDir()
		l := openSick(t, Config{Dir: dir, Mode: BestEffort, QueueRecords: 4, SegmentBytes: 1}, d)
		put(t, l, small(0))
		synctest.Wait()
		d.gate = make(chan struct{})
		put(t, l, small(1))
		synctest.Wait() // its sync waits at the gate
		for n := 2; n < 10; n++ {
			put(t, l, small(n)) // four are queued, four dropped
		}
		if s := l.Stats(); s.Dropped != 4 || s.Queued != 4 {
			t.Errorf("%+v", s)
		}
		close(d.gate)
		synctest.Wait()
		d.set("write", syscall.EIO)
		put(t, l, small(10))
		synctest.Wait()
		put(t, l, small(11))
		pause(l)
		put(t, l, small(12))
		d.set("write", nil)
		pause(l) // the gap is recorded although nothing else comes
		if s := l.Stats(); s.Dropped != 7 || s.Err != nil || s.Records != 8 {
			t.Errorf("%+v", s)
		}
		put(t, l, small(13))
		synctest.Wait()
		d.set("create", syscall.EIO) // every commit needs a new segment, a repair does not
		first := time.Now()
		put(t, l, small(14))
		pause(l)
		pause(l) // the gap record failed by now too, and keeps its count and time
		put(t, l, small(15))
		d.set("create", nil)
		pause(l)
		closeLog(t, l)
		if got, want := ids(t, dir), []string{"d-0", "d-1", "d-2", "d-3", "d-4", "d-5", "", "", "d-13", ""}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		var gaps []engine.RecordDropped
		for e, err := range Query(dir, Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Gap == nil {
				continue
			}
			v, _, err := e.views()
			if err != nil {
				t.Fatal(err)
			}
			gaps = append(gaps, v.Gap)
		}
		if len(gaps) != 3 || gaps[0].Count != 4 || gaps[1].Count != 3 || gaps[2] != (engine.RecordDropped{Count: 2, Since: engine.FormatTime(first)}) {
			t.Errorf("%v, the last since %v", gaps, first)
		}
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	for mode, want := range map[Mode]string{
		Async:      "close decision log: 3 records were not written: decision log: trial write: input/output error",
		BestEffort: "close decision log: 3 records were dropped and could not be counted in the log: decision log: trial write: input/output error",
	} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &sickDisk{}
				l := openSick(t, Config{Dir: t.TempDir(), Mode: mode}, d)
				d.set("write", syscall.EIO)
				put(t, l, small(1), small(2), small(3))
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				begun := time.Now()
				err := l.Close(ctx)
				if err == nil || err.Error() != want {
					t.Errorf("%v", err)
				}
				if took := time.Since(begun); took != 3*time.Second {
					t.Errorf("took %v", took)
				}
				if again := l.Close(context.Background()); again != err {
					t.Errorf("second time: %v", again)
				}
			})
		})
	}
}

func TestCloseInRequireLetsNobodyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &sickDisk{}
		l := openSick(t, Config{Dir: t.TempDir()}, d)
		d.gate = make(chan struct{})
		errs := make(chan error, 3)
		for n := range cap(errs) {
			go func() {
				_, err := l.Record(context.Background(), small(n))
				errs <- err
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		closed := make(chan error)
		go func() { closed <- l.Close(ctx) }()
		synctest.Wait()
		d.gate <- struct{}{} // the first is on the disk; the writer then leaves
		refused := 0
		for range cap(errs) {
			if err := <-errs; errors.Is(err, ErrClosed) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 2 {
			t.Errorf("%d of 3 were refused, want the 2 that were not written", refused)
		}
		if err := <-closed; err == nil {
			t.Error("close said nothing about the records it left")
		}
		if _, err := l.Record(context.Background(), small(9)); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

func TestRequireReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &sickDisk{}
		dir := t.TempDir()
		l := openSick(t, Config{Dir: dir}, d)
		d.gate = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Record(ctx, small(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(d.gate)
		if seq := put(t, l, small(2)); seq != 2 {
			t.Errorf("seq %d", seq)
		}
		closeLog(t, l)
		if got := ids(t, dir); !slices.Equal(got, []string{"d-1", "d-2"}) {
			t.Errorf("%v", got)
		}
	})
}

func TestConcurrentRecords(t *testing.T) {
	for _, mode := range []Mode{Require, Async, BestEffort} {
		t.Run(string(mode), func(t *testing.T) {
			dir := t.TempDir()
			// BestEffort would drop some from a short queue.
			l := openLog(t, Config{Dir: dir, Mode: mode, SegmentBytes: 4 << 10, QueueRecords: 2000})
			type ack struct {
				seq uint64
				id  string
			}
			var mu sync.Mutex
			var acks []ack
			var wg sync.WaitGroup
			for p := range 16 {
				wg.Go(func() {
					for n := range 50 {
						r := small(n)
						r.DecisionID = fmt.Sprintf("%d-%d", p, n)
						seq, err := l.Record(context.Background(), r)
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						acks = append(acks, ack{seq, r.DecisionID})
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			closeLog(t, l)
			got := ids(t, dir)
			if len(got) != len(acks) {
				t.Fatalf("%d records, %d acknowledged", len(got), len(acks))
			}
			for _, a := range acks {
				if got[a.seq-1] != a.id {
					t.Errorf("record %d is %s, not %s", a.seq, got[a.seq-1], a.id)
				}
			}
			if s := l.Stats(); s.Commits > s.Records || s.Durable != uint64(len(acks)) || s.Bytes == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"no directory":  {},
		"unknown mode":  {Dir: t.TempDir(), Mode: "sometimes"},
		"negative size": {Dir: t.TempDir(), SegmentBytes: -1},
		"not a folder":  {Dir: "/dev/null/log"},
	} {
		if l, err := Open(c); err == nil {
			t.Errorf("%s: opened", name)
			closeLog(t, l)
		}
	}
}

var _ engine.Recorder = (*Log)(nil)
