package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// frames cuts a segment's bytes into frames.
func frames(t testing.TB, b []byte) (cut [][]byte) {
	t.Helper()
	r := newFrameReader(bytes.NewReader(b), 0, int64(len(b)))
	for {
		f, err := r.next()
		if errors.Is(err, io.EOF) {
			return cut
		}
		if err != nil {
			t.Fatal(err)
		}
		cut = append(cut, b[f.off:f.end()])
	}
}

// segmentOf writes n records one by one, each its own commit.
func segmentOf(t testing.TB, n int) []byte {
	t.Helper()
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	for i := range n {
		put(t, l, small(i))
	}
	closeLog(t, l)
	return readSegment(t, dir, 1)
}

// commitOf is the bytes of one commit of the records first to last.
func commitOf(t testing.TB, first, last int) (b []byte) {
	t.Helper()
	for i := first; i <= last; i++ {
		e, err := encode(small(i - 1))
		if err != nil {
			t.Fatal(err)
		}
		e.seq = uint64(i)
		b = appendFrame(b, e, i == first)
	}
	return b
}

func TestCutAtEveryByteRecovers(t *testing.T) {
	whole := segmentOf(t, 4)
	for size := range len(whole) + 1 {
		dir := t.TempDir()
		writeSegment(t, dir, 1, whole[:size])
		kept, end := 0, 0
		for _, f := range frames(t, whole) {
			if end+len(f) > size {
				break
			}
			kept, end = kept+1, end+len(f)
		}
		l := openLog(t, Config{Dir: dir})
		rec := l.Recovery()
		if rec.CutBytes != int64(size-end) || (rec.CutBytes > 0 && (rec.Offset != int64(end) || rec.Segment != segmentPath(dir, 1))) {
			t.Fatalf("cut at %d: %+v, want %d bytes cut at %d", size, rec, size-end, end)
		}
		if seq := put(t, l, small(99)); seq != uint64(kept+1) {
			t.Fatalf("cut at %d: next number is %d, want %d", size, seq, kept+1)
		}
		closeLog(t, l)
		if got := ids(t, dir); len(got) != kept+1 || got[kept] != "d-99" {
			t.Fatalf("cut at %d: %v", size, got)
		}
	}
}

// Any changed bit in front of the last commit is damage; in the last one it looks
// like a torn write, which is cut.
func TestChangedBitIsNeverRead(t *testing.T) {
	whole := segmentOf(t, 3)
	last := len(whole) - len(frames(t, whole)[2])
	for at := range whole {
		bit := 8*at + at%8 // a different one of each byte: all of them take long
		dir := t.TempDir()
		b := bytes.Clone(whole)
		b[at] ^= 1 << (bit % 8)
		writeSegment(t, dir, 1, b)
		l, err := Open(Config{Dir: dir})
		if err == nil {
			closeLog(t, l)
		}
		if at >= last {
			if err != nil || len(ids(t, dir)) != 2 {
				t.Fatalf("bit %d in the last record: %v", bit, err)
			}
			continue
		}
		damage, ok := errors.AsType[*DamageError](err)
		if !ok || damage.File != segmentPath(dir, 1) || damage.Offset > int64(at) {
			t.Fatalf("bit %d: %v", bit, err)
		}
		if !bytes.Equal(readSegment(t, dir, 1), b) {
			t.Fatalf("bit %d: the file was changed", bit)
		}
		if err := Scan(dir, 0, func(uint64, []byte) error { return nil }); !errors.As(err, &damage) {
			t.Fatalf("bit %d: scan: %v", bit, err)
		}
	}
}

// After a power failure any page of the last commit can be missing, also one with
// others behind it.
func TestLostPageOfTheLastCommitIsATornWrite(t *testing.T) {
	const page = 64 // stands for the file system's; small, for many cases
	durable, torn := commitOf(t, 1, 2), commitOf(t, 3, 12)
	for at := len(durable); at < len(durable)+len(torn); at += page {
		b := append(bytes.Clone(durable), torn...)
		clear(b[at:min(at+page, len(b))])
		dir := t.TempDir()
		writeSegment(t, dir, 1, b)
		l := openLog(t, Config{Dir: dir})
		if l.Recovery().CutBytes == 0 {
			t.Errorf("page at %d: nothing cut", at)
		}
		put(t, l, small(99))
		closeLog(t, l)
		if got := ids(t, dir); len(got) < 3 {
			t.Errorf("page at %d: %v", at, got)
		}
	}
}

func TestLostPageBeforeALaterCommitIsDamage(t *testing.T) {
	b := append(commitOf(t, 1, 12), commitOf(t, 13, 14)...)
	clear(b[100:164])
	dir := t.TempDir()
	writeSegment(t, dir, 1, b)
	_, err := Open(Config{Dir: dir})
	if _, ok := errors.AsType[*DamageError](err); !ok {
		t.Fatal(err)
	}
}

func TestDamageBetweenSegments(t *testing.T) {
	a, b, c := commitOf(t, 1, 3), commitOf(t, 4, 6), commitOf(t, 7, 8)
	for name, tc := range map[string]struct {
		segments map[uint64][]byte
		want     string // in the error; "": opens
	}{
		"whole":                     {map[uint64][]byte{1: a, 4: b, 7: c}, ""},
		"first missing":             {map[uint64][]byte{4: b, 7: c}, "the segments before it are missing"},
		"middle missing":            {map[uint64][]byte{1: a, 7: c}, "does not end with record 6"},
		"middle empty":              {map[uint64][]byte{1: a, 4: nil, 7: c}, "does not begin with the record it is named after"},
		"middle cut":                {map[uint64][]byte{1: a, 4: b[:len(b)-1], 7: c}, "does not end with record 6"},
		"middle with a tail":        {map[uint64][]byte{1: a, 4: append(bytes.Clone(b), 0), 7: c}, "does not end with record 6"},
		"wrong name":                {map[uint64][]byte{1: a, 4: commitOf(t, 5, 6), 7: c}, "does not begin with the record it is named after"},
		"records repeated":          {map[uint64][]byte{1: append(bytes.Clone(a), a...)}, "record 1 stands here"},
		"record left out":           {map[uint64][]byte{1: append(bytes.Clone(a), c...)}, "record 7 stands here"},
		"begun, empty":              {map[uint64][]byte{1: a, 4: nil}, ""},
		"begun, torn before":        {map[uint64][]byte{1: append(bytes.Clone(a), make([]byte, 100)...), 4: nil}, ""},
		"begun, record lost before": {map[uint64][]byte{1: a[:len(a)-1], 4: nil}, "the next segment begins with record 4"},
		"only an empty one":         {map[uint64][]byte{1: nil}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for first, bytes := range tc.segments {
				writeSegment(t, dir, first, bytes)
			}
			l, err := Open(Config{Dir: dir})
			if tc.want != "" {
				if _, ok := errors.AsType[*DamageError](err); !ok || !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("got %v, want %q", err, tc.want)
				}
				if err := Scan(dir, 0, func(uint64, []byte) error { return nil }); err == nil && name != "middle with a tail" {
					t.Error("a scan saw nothing")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			before := len(ids(t, dir))
			put(t, l, small(99))
			closeLog(t, l)
			if got := ids(t, dir); len(got) != before+1 {
				t.Errorf("%v", got)
			}
			closeLog(t, openLog(t, Config{Dir: dir}))
		})
	}
}

// The last frame of a sealed segment is found from its end, however long it is.
func TestSealedSegmentWithLongRecords(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir, SegmentBytes: 1})
	for n := range 3 {
		r := small(n)
		r.Texts = []engine.RecordText{{Text: strings.Repeat("long ", 200_000)}}
		put(t, l, r)
	}
	closeLog(t, l)
	l = openLog(t, Config{Dir: dir})
	if seq := put(t, l, small(3)); seq != 4 {
		t.Errorf("seq %d", seq)
	}
	closeLog(t, l)
}

// A text cannot pass for a frame that was begun later.
func TestTextCannotForgeAFrame(t *testing.T) {
	forged := commitOf(t, 2, 2)
	r := small(0)
	r.Texts = []engine.RecordText{{Text: string(forged)}}
	e, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	e.seq = 1
	b := appendFrame(nil, e, true)
	dir := t.TempDir()
	writeSegment(t, dir, 1, b[:len(b)-1])
	l := openLog(t, Config{Dir: dir})
	if got := l.Recovery().CutBytes; got != int64(len(b)-1) {
		t.Errorf("cut %d of %d bytes", got, len(b)-1)
	}
	closeLog(t, l)
}

func FuzzRecovery(f *testing.F) {
	whole := append(commitOf(f, 1, 3), commitOf(f, 4, 4)...)
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(append(bytes.Clone(whole), make([]byte, 40)...))
	f.Add([]byte{1, 0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, '{'})
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		writeSegment(t, dir, 1, b)
		tail, _, err := findTail(segmentFolder(dir))
		if _, damaged := errors.AsType[*DamageError](err); err != nil && !damaged {
			t.Fatal(err)
		}
		var last uint64
		scanned := Scan(dir, 0, func(seq uint64, _ []byte) error { last = seq; return nil })
		if (err == nil) != (scanned == nil) || err == nil && last != tail.next-1 {
			t.Fatalf("the tail is %+v, %v; a scan ends with record %d, %v", tail, err, last, scanned)
		}
		if tail.size+tail.torn != int64(len(b)) && err == nil {
			t.Fatalf("%+v of %d bytes", tail, len(b))
		}
	})
}

func TestScanFrom(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir, SegmentBytes: 200})
	for n := range 9 {
		put(t, l, small(n))
	}
	segments, err := os.ReadDir(dir + "/segments")
	if err != nil || len(segments) < 3 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	for from := range uint64(12) {
		var got []uint64
		// The log is open for writing here.
		if err := Scan(dir, from, func(seq uint64, raw []byte) error { got = append(got, seq); return nil }); err != nil {
			t.Fatal(err)
		}
		if want := 10 - max(from, 1); from <= 9 && (len(got) != int(want) || got[0] != max(from, 1)) || from > 9 && len(got) != 0 {
			t.Errorf("from %d: %v", from, got)
		}
	}
	stop := errors.New("enough")
	if err := Scan(dir, 0, func(uint64, []byte) error { return stop }); err != stop {
		t.Errorf("%v", err)
	}
}

// A reader sees a dense beginning of the log at any moment of its writing.
func TestScanWhileWriting(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir, SegmentBytes: 8 << 10})
	var writers sync.WaitGroup
	for p := range 8 {
		writers.Go(func() {
			for n := range 60 {
				if _, err := l.Record(context.Background(), sampleDecision(1000*p+n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() { writers.Wait(); close(written) }()
	for before, done := 0, false; !done; {
		select {
		case <-written:
			done = true
		default:
		}
		durable := l.Stats().Durable
		n := len(ids(t, dir))
		if n < before || uint64(n) < durable {
			t.Fatalf("%d records found after %d, %d are durable", n, before, durable)
		}
		before = n
	}
	closeLog(t, l)
	if n := len(ids(t, dir)); n != 8*60 {
		t.Errorf("%d records", n)
	}
}
