package record

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData is fdatasync: the bytes and the length, not the times, which would
// cost a second write of the file system's journal for every commit.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

func dropCache(f *os.File) error {
	return os.NewSyscallError("fadvise", unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}
