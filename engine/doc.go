// Package engine is the vocabulary of Sallyport and the one path every
// inference request takes: classify, decide, oblige, plan, record, forward.
//
// It hides the order of those steps and the rules that hold between them (fail
// closed, record before anything leaves, never outside the permitted set). It
// imports the standard library only: everything that knows a wire format, a
// policy language, a WebAssembly runtime or a network stands behind the
// interfaces Classifier, Decider, Scheduler, Forwarder and Recorder, which are
// declared here, where they are used, and implemented in the packages around it.
package engine
