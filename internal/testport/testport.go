// Package testport keeps a port for a test, for a program that can only be told which
// one to listen at: one that is restarted, or is of another language.
package testport

import "testing"

// Reserve gives an address on loopback, "127.0.0.1:PORT", that nobody listens at, and
// keeps it for the test until that ends. To ask the system for a free port and give it
// back is not enough: between that and its use, others are given the same one.
func Reserve(t testing.TB) string {
	t.Helper()
	address, release, err := reserve()
	if err != nil {
		t.Fatalf("reserve a port: %v", err)
	}
	t.Cleanup(release)
	return address
}
