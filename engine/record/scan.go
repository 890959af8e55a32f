package record

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Scan calls fn for each record from number from on, in order, with the record's
// canonical JSON. raw is valid until fn returns; an error of fn ends the scan and
// is returned as it is.
//
// It takes no lock and may run while another process writes: it ends at the last
// complete record it finds. That record may be so new that its writer has not
// been told yet that it is durable. Damage is a *DamageError.
func Scan(dir string, from uint64, fn func(seq uint64, raw []byte) error) error {
	return scanFrames(segmentFolder(dir), from, func(_ uint64, f frame) error { return fn(f.seq, f.payload) })
}

// scanFrames calls fn with each frame and the segment it is in.
func scanFrames(d folder, from uint64, fn func(segment uint64, f frame) error) error {
	firsts, err := d.list()
	if err != nil {
		return fmt.Errorf("read decision log: %w", err)
	}
	if len(firsts) > 0 && firsts[0] != firstSeq {
		return &DamageError{File: d.path(firsts[0]), Seq: firstSeq,
			Reason: fmt.Sprintf("the log begins with record %d; the segments before it are missing", firsts[0])}
	}
	for i, first := range firsts {
		var next uint64 // first record of the next segment; 0: this is the last one
		if i+1 < len(firsts) {
			if next = firsts[i+1]; next <= from {
				continue
			}
		}
		if err := scanSegment(d, first, next, from, fn); err != nil {
			return err
		}
	}
	return nil
}

func scanSegment(d folder, first, next, from uint64, fn func(uint64, frame) error) error {
	f, size, err := d.openToRead(first)
	if err != nil {
		return fmt.Errorf("read decision log: %w", err)
	}
	defer f.Close()
	expected := first
	r := newFrameReader(f, 0, size)
	for {
		fr, err := r.next()
		if err == nil && fr.seq != expected {
			return outOfOrder(f, fr, expected)
		}
		if err == nil {
			if expected++; fr.seq >= from {
				err = fn(first, fr)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err = endOfSegment(f, err, r.off, size, expected, next); errors.Is(err, errGrown) {
			r = newFrameReader(f, r.off, size)
			continue
		}
		return err
	}
}

// endOfSegment judges the place where no further frame could be read: nil where
// a segment may end so.
func endOfSegment(f *os.File, cause error, off, size int64, expected, next uint64) error {
	switch {
	case !errors.Is(cause, io.EOF) && !errors.Is(cause, errTorn):
		return fmt.Errorf("read decision log: %s: %w", f.Name(), cause)
	case next == expected:
		return nil
	case next != 0:
		return &DamageError{File: f.Name(), Offset: off, Seq: expected,
			Reason: fmt.Sprintf("the record cannot be read, and the next segment begins with record %d", next)}
	case errors.Is(cause, io.EOF):
		return nil
	}
	return checkTorn(f, off, size, expected)
}
