package engine_test

import "testing"

// lasts marks a test that lives through days of heartbeats, one goroutine after the other:
// it is left out where each step is watched for races (-short).
func lasts(t *testing.T) {
	if testing.Short() {
		t.Skip("it lives through days: run without -short")
	}
}
