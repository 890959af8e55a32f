// Package realserver runs a real llama.cpp inference server with a model whose
// answers are known in advance, for tests that must not talk to a stand-in.
//
// It hides two things: how a model file is made by hand (WriteModel), and how
// llama-server is started from a folder that get-llama-server.sh filled (Start).
// To the server the model is an ordinary one: it is tokenised, cached, sampled
// and streamed. But each of its tokens has one successor, so the answer depends
// on the last token of the prompt alone.
package realserver
