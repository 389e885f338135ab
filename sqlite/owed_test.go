package sqlite

import (
	"path/filepath"
	"testing"
)

// TestAWipeSettlesOnlyWhatCameBeforeIt: what is erased while a wipe goes on
// may be on pages that it has passed.
func TestAWipeSettlesOnlyWhatCameBeforeIt(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "bellhop.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	owe := func() {
		t.Helper()
		if err := s.write(t.Context(), "owe", 0, func(w *writer) error { return w.owe("wipe", "") }); err != nil {
			t.Fatal(err)
		}
	}
	owed := func(want int64) int64 {
		t.Helper()
		n, err := s.wipesOwed(t.Context())
		if err != nil || n != want {
			t.Fatalf("%d wipes are owed, %v; want %d", n, err, want)
		}
		return n
	}
	settle := func(n int64) {
		t.Helper()
		if err := s.wiped(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	owed(0)
	owe()
	n := owed(1)
	owe()
	settle(n)
	settle(owed(2))
	owed(0)
}
