//go:build unix

package classifiers

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByOther says that a file does not belong to the user of this process.
func ownedByOther(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(s.Uid) != os.Geteuid()
}
