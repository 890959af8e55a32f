package main

import "testing"

// sequential ends a long test that runs one command after the other, where the race
// detector would make it take ten times as long and find nothing that the tests of a
// running service do not show it.
func sequential(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("runs without the race detector")
	}
}
