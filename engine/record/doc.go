// Package record is the decision log: it makes an engine.Record durable, keeps
// its bytes for ever as they were written, and finds them again.
//
// It hides group commit, the framing and rotation of segment files, what a disk
// may do to them (torn writes, full, read-only, failing syncs) and how the log
// mends itself afterwards, and the joining of a decision with its outcome, which
// is a later record.
package record
