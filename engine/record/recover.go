package record

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Recovery is what Open found behind the last complete record: the torn end of a
// write that was under way when an earlier process ended, and that nobody was
// told had succeeded.
type Recovery struct {
	Segment  string // file; "" where nothing was cut
	Offset   int64  // in it; the file ends there now
	CutBytes int64
}

// DamageError is a place in the log that cannot be read although the log goes on
// behind it. The log refuses to open; nothing was changed.
type DamageError struct {
	File   string
	Offset int64
	Seq    uint64 // the record that should stand there
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("decision log damaged: %s, offset %d (record %d): %s; restore the file from a copy, or move the whole directory away to begin a new log",
		e.File, e.Offset, e.Seq, e.Reason)
}

// tail is where the log ends.
type tail struct {
	segment uint64 // first seq of the last segment
	size    int64  // of it, up to its last complete frame
	next    uint64 // seq of the record to come
	torn    int64  // bytes behind size that are no frame
	begun   bool   // an empty segment stands behind this one
}

// findTail reads the last segment whole and of each earlier one its first and
// last frame. ok is false where there is no segment.
func findTail(d folder) (t tail, ok bool, err error) {
	firsts, err := d.list()
	if err != nil || len(firsts) == 0 {
		return tail{}, false, err
	}
	if firsts[0] != firstSeq {
		return tail{}, false, &DamageError{File: d.path(firsts[0]), Seq: firstSeq,
			Reason: fmt.Sprintf("the log begins with record %d; the segments before it are missing", firsts[0])}
	}
	last := len(firsts) - 1
	begun, err := hasNoBytes(d, firsts[last])
	if err != nil {
		return tail{}, false, err
	}
	// A segment that was begun and got no record yet: the log's end, torn perhaps,
	// is in the one before it.
	begun = begun && last > 0
	if begun {
		last--
	}
	for i, first := range firsts[:last] {
		if err := checkSealed(d, first, firsts[i+1]); err != nil {
			return tail{}, false, err
		}
	}
	if t, err = scanTail(d, firsts[last]); err != nil {
		return tail{}, false, err
	}
	if t.begun = begun; begun && t.next != firsts[last+1] {
		return tail{}, false, &DamageError{File: d.path(t.segment), Offset: t.size, Seq: t.next,
			Reason: fmt.Sprintf("the next segment begins with record %d", firsts[last+1])}
	}
	return t, true, nil
}

func hasNoBytes(d folder, first uint64) (bool, error) {
	info, err := os.Stat(d.path(first))
	return err == nil && info.Size() == 0, err
}

// checkSealed makes sure that a segment begins with the record its name says and
// ends just before the next segment.
func checkSealed(d folder, first, next uint64) error {
	f, size, err := d.openToRead(first)
	if err != nil {
		return err
	}
	defer f.Close()
	fr, err := readFrame(f, 0, size)
	if err == nil && fr.seq != first {
		err = errTorn
	}
	if errors.Is(err, errTorn) || errors.Is(err, io.EOF) {
		return &DamageError{File: f.Name(), Seq: first, Reason: "the segment does not begin with the record it is named after"}
	}
	if err != nil {
		return err
	}
	whole, err := endsWith(f, size, next-1)
	if err == nil && !whole {
		err = &DamageError{File: f.Name(), Offset: size, Seq: next - 1,
			Reason: fmt.Sprintf("the segment does not end with record %d, but the next one begins with record %d", next-1, next)}
	}
	return err
}

func scanTail(d folder, first uint64) (tail, error) {
	f, size, err := d.openToRead(first)
	if err != nil {
		return tail{}, err
	}
	defer f.Close()
	// What an earlier process wrote and did not live to sync counts as soon as
	// records follow it, so it is synced now; and what it failed to sync may be
	// in the cache only, so the device is asked.
	if err := errors.Join(syncData(f), dropCache(f)); err != nil {
		return tail{}, err
	}
	t := tail{segment: first, next: first}
	r := newFrameReader(f, 0, size)
	for {
		fr, err := r.next()
		switch {
		case err == nil && fr.seq != t.next:
			return tail{}, outOfOrder(f, fr, t.next)
		case err == nil:
			t.next++
			t.size = fr.end()
			continue
		case errors.Is(err, io.EOF):
			return t, nil
		case !errors.Is(err, errTorn):
			return tail{}, err
		}
		if err := checkTorn(f, r.off, size, t.next); err != nil {
			return tail{}, err
		}
		t.torn = size - t.size
		return t, nil
	}
}

func outOfOrder(f *os.File, fr frame, expected uint64) error {
	return &DamageError{File: f.Name(), Offset: fr.off, Seq: expected,
		Reason: fmt.Sprintf("record %d stands here", fr.seq)}
}

// checkTorn returns nil where the bytes at off can be the end of an unfinished
// write, and a DamageError where a later commit follows them.
func checkTorn(f *os.File, off, size int64, expected uint64) error {
	later, err := laterCommit(f, off, size, expected)
	if err != nil || !later {
		return err
	}
	// Another process may have been writing here when the frame was read. By the
	// time a later commit has begun, that write is complete.
	fr, err := readFrame(f, off, size)
	if err == nil && fr.seq == expected {
		return errGrown
	}
	if err != nil && !errors.Is(err, errTorn) {
		return err
	}
	return &DamageError{File: f.Name(), Offset: off, Seq: expected,
		Reason: "the record cannot be read, and later ones follow it"}
}

// errGrown says that a frame which could not be read a moment ago now can.
var errGrown = errors.New("the record was being written")

// verifySegment reads a segment up to size again and compares its frames'
// checksums and numbers.
func verifySegment(r io.ReaderAt, first, next uint64, size int64) error {
	fr := newFrameReader(r, 0, size)
	for seq := first; ; seq++ {
		f, err := fr.next()
		switch {
		case errors.Is(err, io.EOF) && seq == next:
			return nil
		case err != nil:
			return fmt.Errorf("read again what was synced before: record %d at offset %d: %w", seq, fr.off, err)
		case f.seq != seq:
			return fmt.Errorf("read again what was synced before: record %d stands in the place of record %d", f.seq, seq)
		}
	}
}
