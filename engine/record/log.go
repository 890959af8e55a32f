package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// Mode says what Record promises when it returns.
type Mode string

const (
	// Require: the record is on the disk. Where it cannot be, Record fails.
	Require Mode = "require"
	// Async: the record is queued and will be written; a full queue makes Record
	// wait. What is queued is lost if the process is killed.
	Async Mode = "async"
	// BestEffort: Record never waits and never fails for the disk's sake. What
	// finds no room is dropped, counted, and the count recorded.
	BestEffort Mode = "best_effort"
)

// Config is what a Log is made of. Zero numbers mean the default.
type Config struct {
	Dir  string // created where absent
	Mode Mode   // "": Require
	// SegmentBytes is the size at which a new segment file is begun; 64 MiB. A
	// single commit can make a segment longer.
	SegmentBytes int64
	// QueueRecords and QueueBytes bound what waits to be written; 4096 and 64 MiB.
	QueueRecords int
	QueueBytes   int64

	gather time.Duration // see Log
}

// gatherTime is how long records gather before the next commit, where nobody waits
// for it: a commit takes a hundred times the work of a record.
const gatherTime = 5 * time.Millisecond

// ErrClosed is returned by Record after Close.
var ErrClosed = errors.New("decision log is closed")

// Log is the decision log of one directory. It implements engine.Recorder and is
// safe for concurrent use.
type Log struct {
	mode         Mode
	segmentBytes int64
	queueRecords int
	queueBytes   int64
	retryAfter   time.Duration // between attempts to mend a failing disk
	gather       time.Duration // between commits, unless the queue is half full
	recovery     Recovery
	lockFile     *os.File
	copies       sync.Mutex // held while a copy of a policy is kept
	w            writer

	wake     chan struct{} // capacity 1: there is something for the writer
	crowded  chan struct{} // capacity 1: the queue is half full
	closing  chan struct{} // closed: finish what is queued
	giveUp   chan struct{} // closed: leave it
	done     chan struct{} // closed: the writer has ended
	once     sync.Once     // of Close
	closeErr error

	mu      sync.Mutex
	queue   []*entry
	queued  int64         // bytes in queue
	next    uint64        // number of the record to be queued next
	room    chan struct{} // closed and replaced when the queue shrinks
	failing error         // why the disk takes nothing at present
	closed  bool
	dropped uint64 // records dropped and not yet in a gap record
	since   time.Time
	stats   Stats
}

// Stats is the state of a log at one moment.
type Stats struct {
	Records uint64 // written since Open
	Commits uint64 // syncs they took
	Bytes   uint64 // of their frames
	Queued  int    // records that wait, without those being written
	Dropped uint64 // records left out since Open, in mode best_effort
	Durable uint64 // number of the last record on the disk; 0: none
	Err     error  // why records cannot be written at present; nil: they can
}

// Open opens the log in c.Dir, mends its torn end where there is one, and locks
// it against other processes. An error of type *DamageError means that the log
// cannot be read in its middle.
func Open(c Config) (*Log, error) {
	if c.Mode == Async || c.Mode == BestEffort {
		c.gather = gatherTime
	}
	l, err := open(c, nil)
	if err != nil {
		return nil, fmt.Errorf("open decision log %q: %w", c.Dir, err)
	}
	return l, nil
}

// open lets tests put wrap between the writer and the real disk.
func open(c Config, wrap func(disk) disk) (*Log, error) {
	if c.Dir == "" {
		return nil, errors.New("no directory given")
	}
	if c.SegmentBytes < 0 || c.QueueRecords < 0 || c.QueueBytes < 0 {
		return nil, errors.New("a size is negative")
	}
	switch c.Mode {
	case "", Require, Async, BestEffort:
	default:
		return nil, fmt.Errorf("mode %q is not one of require, async, best_effort", c.Mode)
	}
	// Absolute, so that a later change of the working directory does not matter.
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	if err := makeDirs(dir); err != nil {
		return nil, err
	}
	lockFile, err := lock(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{
		mode: orDefault(c.Mode, Require), segmentBytes: orDefault(c.SegmentBytes, 64<<20),
		queueRecords: orDefault(c.QueueRecords, 4096), queueBytes: orDefault(c.QueueBytes, 64<<20),
		retryAfter: 250 * time.Millisecond, gather: c.gather, lockFile: lockFile,
		wake: make(chan struct{}, 1), crowded: make(chan struct{}, 1), closing: make(chan struct{}), giveUp: make(chan struct{}),
		done: make(chan struct{}), room: make(chan struct{}),
	}
	l.w.lock = lockFile
	l.recovery, err = l.w.open(segmentFolder(dir), wrap)
	if err != nil {
		return nil, errors.Join(err, lockFile.Close())
	}
	l.next, l.stats.Durable = l.w.next, l.w.next-1
	go l.run()
	return l, nil
}

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// Recovery is what Open cut off the end of the log.
func (l *Log) Recovery() Recovery { return l.recovery }

// Stats returns the log's present state.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Queued, s.Err = len(l.queue), l.failing
	return s
}

// Record implements engine.Recorder.
//
// Numbers are dense and begin with 1; a record that mode BestEffort dropped has
// number 0 and no error. In mode BestEffort a number is provisional: if the disk
// then fails, a later record bears it. Where ctx ends while Record waits in mode
// Require, it returns ctx's error, and the record may yet become durable.
//
// While the disk fails, Record in mode Require fails at once with the disk's
// error; the writer tries to mend the log four times a second and service
// returns when that succeeds. In mode Async it waits for room in the queue.
func (l *Log) Record(ctx context.Context, r *engine.Record) (uint64, error) {
	e, err := encode(r)
	if err != nil {
		return 0, err
	}
	if l.mode == Require {
		e.done = make(chan error, 1)
	}
	seq, err := l.push(ctx, e)
	if err != nil || e.done == nil {
		return seq, err
	}
	select {
	case err := <-e.done:
		if err != nil {
			return 0, err
		}
		return seq, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("decision log: %w", ctx.Err())
	}
}

// push queues e and gives it its number, or waits for room to.
func (l *Log) push(ctx context.Context, e *entry) (uint64, error) {
	for {
		l.mu.Lock()
		full := len(l.queue) > 0 && (len(l.queue) >= l.queueRecords || l.queued+int64(len(e.json)) > l.queueBytes)
		switch {
		case l.closed:
			l.mu.Unlock()
			return 0, ErrClosed
		case l.failing != nil && l.mode == Require:
			err := l.failing
			l.mu.Unlock()
			return 0, err
		case l.mode == BestEffort && (full || l.failing != nil):
			l.drop(e)
			l.mu.Unlock()
			l.wakeWriter()
			return 0, nil
		case !full:
			l.enqueue(e)
			seq := e.seq // the writer owns e once the lock is gone
			l.mu.Unlock()
			l.wakeWriter()
			return seq, nil
		}
		room := l.room
		l.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return 0, fmt.Errorf("decision log: the queue is full: %w", ctx.Err())
		}
	}
}

func (l *Log) wakeWriter() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake or about to be
	}
}

// enqueue is called with the lock held, as are drop and freed.
func (l *Log) enqueue(e *entry) {
	e.seq = l.next
	l.next++
	l.queue = append(l.queue, e)
	l.queued += int64(len(e.json))
	if 2*len(l.queue) >= l.queueRecords || 2*l.queued >= l.queueBytes {
		select {
		case l.crowded <- struct{}{}:
		default:
		}
	}
}

func (l *Log) drop(e *entry) {
	since := e.since
	if since.IsZero() {
		since = time.Now()
		l.stats.Dropped++
	}
	if l.dropped == 0 || since.Before(l.since) {
		l.since = since
	}
	l.dropped += e.stand
}

// freed lets those try again who wait for room.
func (l *Log) freed() {
	close(l.room)
	l.room = make(chan struct{})
}

// Close takes no more records, writes those that are queued and ends. When ctx
// ends first, it leaves them after the system call under way and returns an
// error that says how many. Close may be called more than once.
func (l *Log) Close(ctx context.Context) error {
	l.once.Do(func() {
		l.mu.Lock()
		l.closed = true
		l.freed()
		l.mu.Unlock()
		close(l.closing)
		l.wakeWriter()
		select {
		case <-l.done:
		case <-ctx.Done():
			close(l.giveUp)
			<-l.done
		}
		l.closeErr = errors.Join(l.lost(), l.w.close(), l.lockFile.Close())
	})
	return l.closeErr
}

// lost says what Close had to leave.
func (l *Log) lost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n := uint64(len(l.queue)); {
	case n > 0:
		return fmt.Errorf("close decision log: %d records were not written: %w", n, orDefault(l.failing, context.DeadlineExceeded))
	case l.dropped > 0:
		return fmt.Errorf("close decision log: %d records were dropped and could not be counted in the log: %w", l.dropped, orDefault(l.failing, context.DeadlineExceeded))
	}
	return nil
}
