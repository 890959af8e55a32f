package vm_test

import "testing"

// sequential ends a long test whose evaluations share nothing but what shorter
// tests share too, where the race detector would make it take ten times as long.
func sequential(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("runs without the race detector")
	}
}
