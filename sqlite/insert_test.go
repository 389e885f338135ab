package sqlite_test

import (
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/sqlite"
)

// TestRowsOfAStep: the rows of a step are inserted some at a time, however many they are, and
// those of a step that fails are not inserted with the next.
func TestRowsOfAStep(t *testing.T) {
	s := open(t, sqlite.Options{})
	l := join(t, s).Lease
	src := newSource()
	some := func(n int) (events []bellhop.NewEvent, results []bellhop.Result) {
		for range n {
			e := src.event(10, 1, l.Node)
			events = append(events, e)
			results = append(results, bellhop.Result{Attempt: src.attempt(&e), Lease: l})
		}
		return events, results
	}
	stored, attempted := 0, 0
	there := func(what string) {
		t.Helper()
		events, err := s.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 1000})
		must(t, err)
		attempts, err := s.Attempts(t.Context(), bellhop.AttemptFilter{Scope: bellhop.Everything(), Limit: 1000})
		must(t, err)
		if len(events) != stored || len(attempts) != attempted {
			t.Fatalf("%s there are %d events and %d attempts, want %d and %d", what, len(events), len(attempts), stored, attempted)
		}
	}
	for _, n := range []int{1, 19, 20, 21, 40, 59} {
		events, results := some(n)
		_, err := s.Enqueue(t.Context(), l, 0, events, now)
		must(t, err)
		// The recorder may not know whether it has said something already.
		must(t, s.Record(t.Context(), l, append(results, results...), now))
		stored, attempted = stored+n, attempted+n
		there("after a step")
	}
	events, results := some(25)
	if _, err := s.Enqueue(t.Context(), l, 0, append(events, events[24]), now); err == nil {
		t.Fatal("two events of one id were stored")
	}
	there("after a step that failed")
	_, err := s.Enqueue(t.Context(), l, 0, events[:3], now)
	must(t, err)
	must(t, s.Record(t.Context(), l, results[:2], now))
	stored, attempted = stored+3, attempted+2
	there("after the next step")
}
