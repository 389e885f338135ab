package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/storetest"
)

// at sets the pace of a store that nothing was written to yet.
func (s *Store) at(t *testing.T, p pace) *Store {
	t.Helper()
	if err := s.write(t.Context(), "set the pace", 1, func(w *writer) error { w.pace = p; return nil }); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStoreOfListedRows is TestStore where some of a few rows are listed, and the newest are
// not: mostly, tests have too few for that. Races are what TestStore looks for.
func TestStoreOfListedRows(t *testing.T) {
	testlong.Only(t)
	open := func(t *testing.T) bellhop.Store {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "bellhop.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s.at(t, pace{tail: 2, chunk: 1})
	}
	storetest.Run(t, open)
	storetest.RunLists(t, open)
}

// TestTailsStayShort, whatever comes and however much at once, and what was before a
// restart is counted.
func TestTailsStayShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	usual := usualPace()
	ids, at := id.NewGenerator(1, 0), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	add := func(n int) {
		t.Helper()
		err := s.write(t.Context(), "fill", 1, func(w *writer) error {
			for range n {
				at = at.Add(time.Millisecond)
				n := bellhop.NewEvent{Event: bellhop.Event{ID: id.Next[id.Event](ids, at), App: "acme", Type: "a"}}
				if err := w.accept(&n, 0, at, false); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	inTail := func() (n int) {
		t.Helper()
		err := s.read(t.Context(), "look", func(c *sqlite.Conn) error {
			return each(c, func(st *sqlite.Stmt) { n = st.ColumnInt(0) }, "SELECT count(*) FROM events NOT INDEXED WHERE "+tailOfEvents)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, n := range []int{500, 500, 500, 3000, 1, 4000, 200, 2000} {
		add(n)
		if got := inTail(); got >= usual.tail+usual.chunk {
			t.Errorf("after %d more, %d are in the tail", n, got)
		}
	}
	if got := inTail(); got < usual.tail/2 {
		t.Errorf("%d are in the tail: they are listed a few at a time", got)
	}
	before := inTail()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := s.writer.state.tails.events.rows; got != before {
		t.Errorf("opened again, the tail is taken to have %d rows, has %d", got, before)
	}
}

// TestAlikeEventsAreListedAtOnce, and do not make the tail longer.
func TestAlikeEventsAreListedAtOnce(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "bellhop.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	usual := usualPace()
	ids, at := id.NewGenerator(1, 0), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	node, err := s.Join(t.Context(), bellhop.NodeAbout{Started: at}, time.Hour, at)
	if err != nil {
		t.Fatal(err)
	}
	enqueue := func(n, types int) {
		t.Helper()
		events := make([]bellhop.NewEvent, n)
		for i := range events {
			at = at.Add(time.Millisecond)
			events[i].Event = bellhop.Event{ID: id.Next[id.Event](ids, at), App: "acme", Type: fmt.Sprint("t", i%types)}
		}
		if _, err := s.Enqueue(t.Context(), node.Lease, 0, events, at); err != nil {
			t.Fatal(err)
		}
	}
	count := func(what string) (n int) {
		t.Helper()
		err := s.read(t.Context(), "count", func(c *sqlite.Conn) error {
			return each(c, func(st *sqlite.Stmt) { n = st.ColumnInt(0) }, "SELECT count(*) FROM events NOT INDEXED WHERE "+what)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 2 * (usual.tail + usual.chunk) / 100 {
		enqueue(100, 10)
	}
	if n := count("listed = 0"); n != 0 {
		t.Errorf("%d events of batches are not listed", n)
	}
	if n := count("id > (SELECT until FROM listing WHERE name = 'events')"); n >= usual.tail+usual.chunk+100 {
		t.Errorf("a list goes through %d events", n)
	}
	enqueue(100, 50)
	enqueue(3, 1)
	if n := count("listed = 0"); n != 103 {
		t.Errorf("of 103 that are not alike, or few, %d are not listed", n)
	}
	list, err := s.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Only("acme"), Type: "t0", Limit: 10000})
	if err != nil {
		t.Fatal(err)
	}
	if want := count("type = 't0'"); len(list) != want {
		t.Errorf("there are %d events in the list, want %d", len(list), want)
	}
}
