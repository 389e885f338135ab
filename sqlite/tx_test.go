package sqlite_test

import (
	"errors"
	"runtime"
	"testing"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/sqlite"
)

// TestATransactionHasTheCallersOwnTables: they and the events are stored together, or
// neither is.
func TestATransactionHasTheCallersOwnTables(t *testing.T) {
	s := open(t, sqlite.Options{})
	l, src := lease(t, s), newSource()
	run := func(f func(tx *sqlite.Tx) error) error { return s.Transact(t.Context(), f) }
	exec := func(tx *sqlite.Tx, sql string) { must(t, sqlitex.ExecuteTransient(tx.Conn(), sql, nil)) }
	orders := func() (n int64) {
		t.Helper()
		must(t, run(func(tx *sqlite.Tx) (err error) {
			n, err = sqlitex.ResultInt64(tx.Conn().Prep("SELECT count(*) FROM orders"))
			return err
		}))
		return n
	}
	must(t, run(func(tx *sqlite.Tx) error {
		exec(tx, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
		return nil
	}))
	publish := func(tx *sqlite.Tx) error {
		exec(tx, "INSERT INTO orders DEFAULT VALUES")
		_, err := tx.Enqueue(l, 0, []bellhop.NewEvent{src.event(10, 1, 0)}, now)
		return err
	}
	must(t, run(publish))
	wrong := errors.New("wrong")
	for name, fail := range map[string]func() error{
		"error": func() error { return wrong },
		"panic": func() error { panic("wrong") },
		"exit":  func() error { runtime.Goexit(); return nil },
	} {
		err := run(func(tx *sqlite.Tx) error {
			if err := publish(tx); err != nil {
				return err
			}
			return fail()
		})
		if err == nil || errors.Is(err, bellhop.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	twice := src.event(10, 1, 0)
	must(t, run(func(tx *sqlite.Tx) error {
		exec(tx, "INSERT INTO orders DEFAULT VALUES")
		// The second of them breaks a rule of the database: the first goes with it.
		if _, err := tx.Enqueue(l, 0, []bellhop.NewEvent{twice, twice}, now); err == nil {
			t.Error("an id was used twice")
		}
		return nil
	}))
	if n := orders(); n != 2 {
		t.Errorf("%d orders, want 2", n)
	}
	if n, _, err := s.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n != 1 {
		t.Errorf("%d are pending, %v; want 1", n, err)
	}
	err := run(func(tx *sqlite.Tx) error {
		exec(tx, "INSERT INTO orders DEFAULT VALUES")
		exec(tx, "COMMIT")
		return nil
	})
	if err == nil {
		t.Error("the function may end the transaction itself")
	}
	enqueue(t, s, src.event(10, 1, 0)) // the writer is well
}

// TestATransactionThatIsFullSaysSo: that is not the function's own fault.
func TestATransactionThatIsFullSaysSo(t *testing.T) {
	s := open(t, sqlite.Options{MaxSize: 1 << 20})
	l, src := lease(t, s), newSource()
	for {
		err := s.Transact(t.Context(), func(tx *sqlite.Tx) error {
			_, err := tx.Enqueue(l, 0, []bellhop.NewEvent{src.event(50_000, 1, 0)}, now)
			return err
		})
		if err == nil {
			continue
		}
		if !errors.Is(err, bellhop.ErrUnavailable) {
			t.Errorf("Transact = %v, want ErrUnavailable", err)
		}
		break
	}
	must(t, s.AddAudit(t.Context(), nil))
}
