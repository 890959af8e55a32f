package main

import "github.com/sallyport-ai/sallyport/classifiers/names"

func synthesize(map[string]names.Bits) []sentence { return nil }
