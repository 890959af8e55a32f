package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// disk is what the writer needs of a file system, so that tests can make it fail.
type disk interface {
	// open opens the segment that begins with seq for reading and writing.
	open(seq uint64) (file, error)
	// create makes that segment, empty, and makes its name durable.
	create(seq uint64) (file, error)
}

// file is an open segment.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	// Sync makes the bytes written so far durable.
	Sync() error
	// Forget drops what the system has cached of the file, so that the next read
	// asks the device.
	Forget() error
	// InPlace is nil where the file still stands under its name. What is written to
	// a file that was removed is on the disk and yet nobody will ever find it.
	InPlace() error
}

// The log's files are for the service's own user: records hold who asked what of
// which target.
const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// folder is the disk of a real directory of segments.
type folder string

func segmentFolder(dir string) folder { return folder(filepath.Join(dir, "segments")) }

func (d folder) path(seq uint64) string { return filepath.Join(string(d), segmentName(seq)) }

func (d folder) open(seq uint64) (file, error) {
	f, err := os.OpenFile(d.path(seq), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return segmentFile{f}, nil
}

// create truncates: the only file that can stand under that name is what an
// earlier, failed attempt of this process left, since seq is not durable yet.
func (d folder) create(seq uint64) (file, error) {
	f, err := os.OpenFile(d.path(seq), os.O_RDWR|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return nil, err
	}
	if err := syncDir(string(d)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return segmentFile{f}, nil
}

// list returns the first sequence numbers of the segments, ascending.
func (d folder) list() ([]uint64, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var firsts []uint64
	for _, e := range entries {
		if first, ok := parseSegmentName(e.Name()); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// openToRead opens a segment and says how long it is now.
func (d folder) openToRead(seq uint64) (*os.File, int64, error) {
	f, err := os.Open(d.path(seq))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

type segmentFile struct{ *os.File }

func (f segmentFile) Sync() error { return syncData(f.File) }

func (f segmentFile) Forget() error { return dropCache(f.File) }

func (f segmentFile) InPlace() error { return inPlace(f.File) }

// inPlace says whether the file that f has open is the one its name leads to.
func inPlace(f *os.File) error {
	ours, err := f.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(f.Name())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil || !os.SameFile(ours, found) {
		return fmt.Errorf("%s was removed, moved or replaced while the log was in use; put it back, or restart to go on with what is there", f.Name())
	}
	return nil
}

// makeDirs creates the log's directories and makes their names durable.
func makeDirs(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "segments"), dirMode); err != nil {
		return err
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock takes the directory for this process until the returned file is closed.
// The lock is the system's (flock), so it ends with the process however that
// ends; the number in the file is for the message only.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		held, _ := io.ReadAll(io.LimitReader(f, 32)) // empty just after the holder took it
		err = errors.Join(err, f.Close())
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		holder := "another process"
		if pid := strings.TrimSpace(string(held)); pid != "" {
			holder = "process " + pid
		}
		return nil, fmt.Errorf("%s writes to this decision log already; give this one another path or stop it first", holder)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
