package record

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// Bounds of one commit: enough that a sync is shared by all who wait for it,
// little enough that the first of them does not wait for a long write.
const (
	commitRecords = 4096
	commitBytes   = 4 << 20
)

// run is the writer's goroutine: it alone touches the files.
func (l *Log) run() {
	defer close(l.done)
	var batch []*entry
	defer func() { l.leave(batch) }()
	for {
		if len(batch) == 0 {
			if batch = l.take(); len(batch) == 0 {
				return
			}
		}
		bytes, err := l.w.commit(batch, l.segmentBytes)
		if err == nil {
			l.release(batch, bytes)
			batch = nil
			l.pause()
			continue
		}
		batch = l.fail(batch, fmt.Errorf("decision log: %w", err))
		if !l.mend() {
			return
		}
	}
}

// pause lets records gather for the next commit.
func (l *Log) pause() {
	if l.gather == 0 {
		return
	}
	timer := time.NewTimer(l.gather)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.crowded:
	case <-l.closing:
	}
}

// take waits for records and returns those of the next commit. None means that
// the log is closed and nothing is left, or that it shall be left.
func (l *Log) take() []*entry {
	for {
		select {
		case <-l.giveUp:
			return nil
		default:
		}
		l.mu.Lock()
		l.queueGap()
		if n := l.commitLength(); n > 0 {
			batch := l.queue[:n:n]
			l.queue = append([]*entry(nil), l.queue[n:]...)
			for _, e := range batch {
				l.queued -= int64(len(e.json))
			}
			l.freed()
			select {
			case <-l.crowded: // no longer
			default:
			}
			l.mu.Unlock()
			return batch
		}
		closed := l.closed
		l.mu.Unlock()
		if closed {
			return nil
		}
		<-l.wake
	}
}

func (l *Log) commitLength() int {
	size := 0
	for i, e := range l.queue {
		size += len(e.json)
		if i > 0 && (i >= commitRecords || size > commitBytes) {
			return i
		}
	}
	return len(l.queue)
}

// queueGap queues a record of what was dropped: behind everything queued before
// the drop, in front of everything after it.
func (l *Log) queueGap() {
	if l.dropped == 0 {
		return
	}
	e, err := encode(&engine.Record{
		Kind: engine.RecordGap, Time: engine.FormatTime(time.Now()),
		Gap: &engine.RecordDropped{Count: l.dropped, Since: engine.FormatTime(l.since)},
	})
	if err != nil {
		return // the count stays and is tried again
	}
	e.stand, e.since = l.dropped, l.since
	l.dropped = 0
	l.enqueue(e)
}

// release tells those who wait that their records are durable.
func (l *Log) release(batch []*entry, bytes int) {
	l.mu.Lock()
	l.stats.Records += uint64(len(batch))
	l.stats.Commits++
	l.stats.Bytes += uint64(bytes)
	l.stats.Durable = l.w.next - 1
	l.mu.Unlock()
	for _, e := range batch {
		if e.done != nil {
			e.done <- nil
		}
	}
}

// fail deals with a batch that could not be written and with what is queued
// behind it, as the mode says, and returns what has to be tried again. What is
// not tried again gives its numbers back: they must stay dense.
func (l *Log) fail(batch []*entry, err error) []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err
	if l.mode == Async {
		return batch
	}
	for _, e := range append(batch, l.queue...) {
		if l.mode == BestEffort {
			l.drop(e)
		} else {
			e.done <- err
		}
	}
	l.queue, l.queued, l.next = nil, 0, l.w.next
	l.freed()
	return nil
}

// mend repairs the segment until that succeeds. It returns false where the log
// is to end first.
func (l *Log) mend() bool {
	closing := l.closing
	timer := time.NewTimer(l.retryAfter)
	defer timer.Stop()
	for {
		select {
		case <-l.giveUp:
			return false
		case <-closing:
			if l.mode == Require {
				return false // nobody waits
			}
			closing = nil // try at once, and then as before
		case <-timer.C:
		}
		err := l.w.repair()
		l.mu.Lock()
		if err == nil {
			l.failing = nil
			l.mu.Unlock()
			return true
		}
		l.failing = fmt.Errorf("decision log: %w", err)
		l.mu.Unlock()
		timer.Reset(l.retryAfter)
	}
}

// leave puts back what was not written, for Close to count, and lets go those
// who wait for it.
func (l *Log) leave(batch []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(batch, l.queue...)
	for _, e := range l.queue {
		if e.done != nil {
			e.done <- ErrClosed
		}
	}
}

// writer appends commits to the last segment. What is on the disk up to size is
// durable; everything behind it was never acknowledged.
type writer struct {
	disk   disk
	lock   *os.File
	file   file   // nil while a repair has not succeeded
	first  uint64 // of the segment
	size   int64
	next   uint64 // number of the next record to become durable
	rotate bool   // a new segment was begun and must be used: its file may exist
	doubt  bool   // what was synced has to be read again before it is built upon
	buf    []byte
}

// open finds the log's end, cuts what is torn, and readies the last segment.
func (w *writer) open(d folder, wrap func(disk) disk) (Recovery, error) {
	t, ok, err := findTail(d)
	if err != nil {
		return Recovery{}, err
	}
	w.disk = d
	if wrap != nil {
		w.disk = wrap(d)
	}
	if !ok {
		w.first, w.next = firstSeq, firstSeq
		w.file, err = w.disk.create(firstSeq)
		return Recovery{}, err
	}
	w.first, w.size, w.next, w.rotate = t.segment, t.size, t.next, t.begun
	if w.file, err = w.disk.open(t.segment); err != nil {
		return Recovery{}, err
	}
	if t.torn == 0 {
		return Recovery{}, nil
	}
	if err := w.cut(); err != nil {
		return Recovery{}, errors.Join(err, w.file.Close())
	}
	return Recovery{Segment: d.path(t.segment), Offset: t.size, CutBytes: t.torn}, nil
}

// commit makes a batch durable as a whole: one write, one sync. It returns the
// bytes written. After an error nothing of the batch counts and repair must
// succeed before the next commit.
//
// The bytes of every record are final here, in order and before the write: this
// is where their hashes enter a Merkle tree and a checkpoint joins the commit.
func (w *writer) commit(batch []*entry, segmentBytes int64) (int, error) {
	if cap(w.buf) > 2*commitBytes {
		w.buf = nil // one giant record shall not hold its memory for ever
	}
	w.buf = w.buf[:0]
	for i, e := range batch {
		w.buf = appendFrame(w.buf, e, i == 0)
	}
	if w.size > 0 && w.size+int64(len(w.buf)) > segmentBytes {
		w.rotate = true
	}
	if w.rotate {
		if err := w.begin(batch[0].seq); err != nil {
			return 0, fmt.Errorf("begin a segment: %w", err)
		}
	}
	if _, err := w.file.WriteAt(w.buf, w.size); err != nil {
		return 0, fmt.Errorf("write: %w", err)
	}
	if err := w.file.Sync(); err != nil {
		// The system may drop the pages it could not write and report success next
		// time, so what is cached proves nothing from here on.
		w.doubt = true
		return 0, fmt.Errorf("sync: %w", err)
	}
	if err := w.file.InPlace(); err != nil {
		w.doubt = true
		return 0, err
	}
	w.size += int64(len(w.buf))
	w.next += uint64(len(batch))
	return len(w.buf), nil
}

// begin goes over to a new segment. The old one is complete and synced.
func (w *writer) begin(seq uint64) error {
	if err := inPlace(w.lock); err != nil {
		return err // the directory may be another process's by now
	}
	f, err := w.disk.create(seq)
	if err != nil {
		return err
	}
	err = w.file.Close()
	w.file, w.first, w.size, w.rotate = f, seq, 0, false
	return err
}

// repair opens the segment again, makes sure that what was acknowledged is
// there, proves with a trial write that the disk takes bytes, and cuts all that
// stands behind the last durable frame.
func (w *writer) repair() error {
	if w.file != nil {
		// The descriptor is abandoned because something failed on it; that closing
		// it may report the same failure again says nothing new.
		_ = w.file.Close()
		w.file = nil
	}
	if err := inPlace(w.lock); err != nil {
		return err // the directory may be another process's by now
	}
	f, err := w.disk.open(w.first)
	if err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	w.file = f
	if w.doubt {
		if err := f.Forget(); err != nil {
			return err
		}
		if err := verifySegment(f, w.first, w.next, w.size); err != nil {
			return err
		}
	}
	// Zeroes are never a frame, so a reader, or a recovery after a crash right
	// here, takes them and what is left of a failed commit for a torn end.
	if _, err := f.WriteAt(make([]byte, trialBytes), w.size); err != nil {
		return fmt.Errorf("trial write: %w", err)
	}
	if err := f.Sync(); err != nil {
		w.doubt = true
		return fmt.Errorf("trial sync: %w", err)
	}
	if err := w.cut(); err != nil {
		return err
	}
	w.doubt = false
	return nil
}

const trialBytes = 64 << 10

// cut ends the segment behind its last durable frame.
func (w *writer) cut() error {
	if err := w.file.Truncate(w.size); err != nil {
		return fmt.Errorf("cut the torn end: %w", err)
	}
	if err := w.file.Sync(); err != nil {
		w.doubt = true
		return fmt.Errorf("sync the cut: %w", err)
	}
	return nil
}

func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}
