// Package testlong marks tests that run once, without the race detector, and by themselves.
package testlong

import "testing"

// Only leaves a test out with -short, as where every access to memory is watched for races:
// one that lives through days, one goroutine after the other, that measures, that plays again
// what another test plays there, or that starts programs by the hundred. `make sim` finds tests by their calls of it, and runs them.
func Only(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes long where races are watched for: run it without -short")
	}
}
