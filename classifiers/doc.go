// Package classifiers runs classifiers: WebAssembly modules that read the texts
// of a request and say what is in them.
//
// It hides the WebAssembly runtime, the binary interface between host and guest
// (README.md), the instance pools, and the metering that keeps a module inside
// its time and memory. Callers see engine.Classifier and nothing of a module's
// inside; a module sees the texts of one request and nothing of the world: no
// clock, no files, no network, no randomness, so what it finds depends on the
// texts alone.
package classifiers
