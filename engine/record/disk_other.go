//go:build !linux

package record

import "os"

func syncData(f *os.File) error { return f.Sync() }

// dropCache does nothing: there is no portable way to ask for it.
func dropCache(*os.File) error { return nil }
