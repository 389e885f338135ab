package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Tx is a transaction that Transact runs.
type Tx struct {
	w      *writer
	weight int
	after  []func()
}

var _ bellhop.Tx = (*Tx)(nil)

// aborted is the error of a transaction's own function: all of it is taken back,
// and the store is well.
type aborted struct{ err error }

func (a aborted) Error() string { return a.err.Error() }

// Transact runs f once, alone in a transaction, and commits what it enqueued and what
// it did to tables of its own if it returns nil. Everybody else who writes waits
// meanwhile. f must not call other methods of the store, which would wait for it for
// ever, nor end the transaction itself. Should it panic, that is an error.
func (s *Store) Transact(ctx context.Context, f func(*Tx) error) error {
	tx := &Tx{}
	// Heavier than a batch: so it is committed alone, and run once.
	st := &step{weight: maxBatch + 1}
	st.run = func(w *writer) error {
		tx.w = w
		err := tx.run(f)
		if st.weight = tx.weight; err == nil && w.conn.AutocommitEnabled() {
			err = errors.New("the transaction was ended while it was in use")
		}
		if err != nil {
			return aborted{err}
		}
		return nil
	}
	err := s.do(ctx, "transact", st)
	if a, ok := errors.AsType[aborted](err); ok {
		return a.err
	}
	if err != nil {
		return err
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

// run calls f on a goroutine of its own, so that nothing that it does can end the
// writer's.
func (tx *Tx) run(f func(*Tx) error) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("the transaction's function did not return")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("the transaction panicked: %v\n%s", p, debug.Stack())
			}
			done <- err
		}()
		err = f(tx)
	}()
	return <-done
}

// Conn is the connection that the transaction runs on, for tables of the caller's
// own. It must not be used after the function has returned.
func (tx *Tx) Conn() *sqlite.Conn { return tx.w.conn }

// Enqueue stores events as a part of the transaction. When it fails it has done
// nothing, and the transaction can go on.
func (tx *Tx) Enqueue(l bellhop.Lease, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	lists, weight := weigh(events)
	c, before := tx.w.conn, tx.w.state
	if c.AutocommitEnabled() {
		return nil, errors.New("enqueue: the transaction has ended")
	}
	if err := exec(c, "SAVEPOINT enqueue"); err != nil {
		return nil, storageError(tx.w.path, err)
	}
	receipts, err := tx.w.enqueue(l, routes, events, lists, 0, now)
	if err == nil {
		err = tx.w.insertGathered() // f may read them
	}
	if err == nil {
		tx.weight += weight
		return receipts, exec(c, "RELEASE enqueue")
	}
	tx.w.state = before
	if !c.AutocommitEnabled() { // some failures end the whole transaction
		err = errors.Join(err, exec(c, "ROLLBACK TO enqueue"), exec(c, "RELEASE enqueue"))
	}
	return nil, storageError(tx.w.path, err)
}

// AfterCommit calls f once the transaction is on the disk, on the goroutine that
// called Transact.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }
