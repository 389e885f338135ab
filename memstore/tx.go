package memstore

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/bellhop/bellhop"
)

// Tx is a transaction that Transact runs.
type Tx struct {
	store *Store
	// added are the events to take back, should it fail.
	added []bellhop.EventID
	after []func()
}

var _ bellhop.Tx = (*Tx)(nil)

// Transact runs f alone, and keeps what it enqueued if it returns nil. No other
// method of the store may be called in it. Should it panic, that is an error.
func (s *Store) Transact(ctx context.Context, f func(*Tx) error) error {
	tx := &Tx{store: s}
	err := s.step(ctx, func() error { return tx.run(f) })
	if err != nil {
		return err
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

func (tx *Tx) run(f func(*Tx) error) (err error) {
	done := false
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the transaction panicked: %v\n%s", p, debug.Stack())
		}
		if !done {
			tx.rollBack()
		}
	}()
	err = f(tx)
	done = err == nil
	return err
}

func (tx *Tx) rollBack() {
	for _, id := range tx.added {
		tx.store.dropPendingOf(id)
		tx.store.dropEvent(tx.store.byID[id])
	}
}

// Enqueue stores events as a part of the transaction.
func (tx *Tx) Enqueue(l bellhop.Lease, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	receipts, err := tx.store.enqueue(l, routes, events, 0, now)
	for i := range receipts {
		if !receipts[i].Duplicate {
			tx.added = append(tx.added, receipts[i].Event)
		}
	}
	return receipts, err
}

// AfterCommit calls f once the transaction is done.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }
