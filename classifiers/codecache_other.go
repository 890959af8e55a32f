//go:build !unix

package classifiers

import "io/fs"

// ownedByOther says that a file does not belong to the user of this process. Where
// owners are no numbers, folders of a user are closed to others by inheritance.
func ownedByOther(fs.FileInfo) bool { return false }
