package main

import "testing"

func TestCollectPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, 1: 1000, 4 << 20: 1000, 8 << 20: 700, 16 << 20: 300, 32<<20 - 1: 100, 32 << 20: 100, 1 << 40: 100} {
		if got := collectPercent(live); got != want {
			t.Errorf("%d bytes in use: %d percent, want %d", live, got, want)
		}
	}
}
