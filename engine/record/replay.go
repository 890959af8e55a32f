package record

import (
	"context"
	"runtime"
	"sync"
)

// ReplayConfig says which decisions are read, and how.
type ReplayConfig struct {
	Filter Filter
	// Workers is how many goroutines read and judge; 0: one for each processor.
	Workers int
	// Progress is told now and then how far the reading is, in the goroutine of
	// each. nil: nobody asks.
	Progress func(ReplayTotals)
}

// ReplayTotals is what was read so far.
type ReplayTotals struct {
	Decisions uint64 // that the filter chose, whether or not they can be made again
	Dropped   uint64 // records that mode best_effort left out within the filter's times
	Bytes     int64  // of the records looked at
	Size      int64  // of the log when the reading began; 0: not known, the filter looks at outcomes
}

// Replay reads the decisions that the filter chooses back to what they were made
// on. judge is called for each, by several goroutines at once; each gets what
// judge returned, in the order of the log and from the goroutine that called
// Replay. Memory does not grow with the log: so many batches are under way at a
// time and no more. An error of each ends it and is returned as it is. What ctx
// ends, or damage in the log (a *DamageError), is returned after everything that
// was read before it was handed to each.
//
// Like Scan, it may run while another process writes. A filter that only outcomes
// can settle (Code, Model, Target, Posture), or that looks into findings or
// controls, takes the path of Query: the order is then that of outcomes, and the
// reading is slower and not shared among the workers.
func Replay[T any](ctx context.Context, dir string, c ReplayConfig, judge func(*Recorded) T, each func(T) error) (ReplayTotals, error) {
	workers := c.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, stop := context.WithCancel(ctx)
	f := feed[T]{
		ctx: ctx, dir: dir, filter: c.Filter,
		todo:  make(chan *batch[T]),
		order: make(chan *batch[T], 2*workers),
		free:  make(chan *batch[T], 2*workers+1),
	}
	var running sync.WaitGroup
	var failed error
	running.Go(func() { failed = f.run() })
	for range workers {
		running.Go(func() {
			r := recordReader{filter: c.Filter}
			if f.joins() {
				r.filter = Filter{} // the query has applied it
			}
			for b := range f.todo {
				b.judge(&r, judge)
			}
		})
	}

	var totals ReplayTotals
	totals.Size, _ = f.size() // for Progress alone; what fails here fails in run
	var err error
	for b := range f.order {
		<-b.done
		if err == nil {
			totals.Decisions += uint64(len(b.results))
			totals.Dropped += b.dropped
			totals.Bytes += int64(len(b.arena))
			for _, t := range b.results {
				if err = each(t); err != nil {
					stop() // and drain what is under way
					break
				}
			}
			if err == nil && c.Progress != nil {
				c.Progress(totals)
			}
		}
		f.recycle(b)
	}
	running.Wait()
	if err == nil {
		err = failed
	}
	if err == nil {
		err = ctx.Err()
	}
	stop()
	return totals, err
}

// Bounds of a batch: enough work for a goroutine to be worth waking, little
// enough that a handful of batches is little memory.
const (
	batchRecords = 512
	batchBytes   = 1 << 20
)

// batch is a run of records on its way through a worker.
type batch[T any] struct {
	arena   []byte // the records, one behind the other
	ends    []int  // of each in arena
	results []T
	dropped uint64
	done    chan struct{} // gets a value when results are there
}

func (b *batch[T]) judge(r *recordReader, judge func(*Recorded) T) {
	start := 0
	for _, end := range b.ends {
		switch d, kind := r.read(b.arena[start:end]); kind {
		case recordChosen:
			b.results = append(b.results, judge(d))
		case recordGap:
			b.dropped += r.dropped
		}
		start = end
	}
	b.done <- struct{}{}
}

// feed cuts a log into batches.
type feed[T any] struct {
	ctx    context.Context
	dir    string
	filter Filter
	todo   chan *batch[T] // to the workers
	order  chan *batch[T] // to who waits for the results, in the same order
	free   chan *batch[T]
	now    *batch[T] // being filled
}

// joins says whether the filter needs more of the log than a decision's head.
func (f *feed[T]) joins() bool {
	c := &f.filter
	return c.Code != "" || c.Model != "" || c.Target != "" || c.Posture != "" || c.Control != "" || c.Kind != ""
}

func (f *feed[T]) run() error {
	defer close(f.order)
	defer close(f.todo)
	err := f.scan()
	if f.now != nil && f.ctx.Err() == nil {
		f.send()
	}
	return err
}

func (f *feed[T]) scan() error {
	if !f.joins() {
		return Scan(f.dir, 0, func(_ uint64, raw []byte) error { return f.add(raw) })
	}
	for entry, err := range Query(f.dir, f.filter) {
		if err != nil {
			return err
		}
		raw := entry.Decision
		if raw == nil {
			raw = entry.Gap
		}
		if err := f.add(raw); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed[T]) size() (int64, error) {
	if f.joins() {
		return 0, nil
	}
	d := segmentFolder(f.dir)
	firsts, err := d.list()
	var size int64
	for _, first := range firsts {
		file, n, err := d.openToRead(first)
		if err != nil {
			return 0, err
		}
		if err := file.Close(); err != nil {
			return 0, err
		}
		size += n
	}
	return size, err
}

// add copies a record into the batch being filled.
func (f *feed[T]) add(raw []byte) error {
	if f.now == nil {
		select {
		case f.now = <-f.free:
		default:
			f.now = &batch[T]{done: make(chan struct{}, 1)}
		}
	}
	f.now.arena = append(f.now.arena, raw...)
	f.now.ends = append(f.now.ends, len(f.now.arena))
	if len(f.now.ends) >= batchRecords || len(f.now.arena) >= batchBytes {
		return f.send()
	}
	return nil
}

// send hands the batch on. That order has little room is what bounds memory.
func (f *feed[T]) send() error {
	b := f.now
	f.now = nil
	select {
	case f.order <- b:
		f.todo <- b // a worker always comes back for more
		return nil
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
}

func (f *feed[T]) recycle(b *batch[T]) {
	if cap(b.arena) > 4*batchBytes {
		b.arena = nil // one giant record shall not hold its memory to the end
	}
	clear(b.results)
	b.arena, b.ends, b.results, b.dropped = b.arena[:0], b.ends[:0], b.results[:0], 0
	select {
	case f.free <- b:
	default:
	}
}
