package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
)

// Tx is a transaction that Transact runs.
type Tx struct {
	store *Store
	t     *txn
	tx    pgx.Tx
	added []admission
}

var _ bellhop.Tx = (*Tx)(nil)

// Transact runs f once in a transaction of its own, and commits what it enqueued and what
// it did to tables of its own if it returns nil. f may call other methods of the store,
// which are no part of the transaction, but must not end the transaction itself. It should
// not take long: nothing that it has enqueued is delivered before it ends. Should it panic,
// that is an error.
func (s *Store) Transact(ctx context.Context, f func(*Tx) error) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	c, err := s.acquire(ctx, asked)
	if err != nil {
		return s.writeError(ctx, "transact", err)
	}
	defer s.giveBack(c)
	begun, err := c.BeginTx(ctx, pgx.TxOptions{BeginQuery: "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '" + guestIdle + "'"})
	if err != nil {
		return s.writeError(ctx, "transact", err)
	}
	tx := &Tx{store: s, t: &txn{reading: reading{ctx: ctx, conn: c.Conn()}}, tx: begun}
	defer func() {
		for i := range tx.added {
			tx.added[i].done()
		}
	}()
	if err := tx.run(f); err != nil {
		return errors.Join(err, rollback(ctx, c.Conn()))
	}
	if c.Conn().PgConn().TxStatus() == 'I' {
		return errors.New("the transaction was ended while it was in use")
	}
	if err := tx.t.noteWaits(); err != nil {
		return s.writeError(ctx, "transact", errors.Join(err, rollback(ctx, c.Conn())))
	}
	if err := commit(ctx, c.Conn()); err != nil {
		return s.writeError(ctx, "transact", err)
	}
	for _, f := range tx.t.after {
		f()
	}
	return nil
}

// run calls f on a goroutine of its own, so that it cannot end the caller's without the
// transaction being ended.
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

// Pgx is the transaction, for tables of the caller's own. It must not be used after the
// function has returned.
func (tx *Tx) Pgx() pgx.Tx { return tx.tx }

// Enqueue stores events as a part of the transaction. When it fails it has done
// nothing, and the transaction can go on.
func (tx *Tx) Enqueue(l bellhop.Lease, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	t := tx.t
	admitted, err := tx.store.admit(t.ctx, events, tx.added...)
	if err != nil {
		return nil, err
	}
	waits, after := len(t.waits), len(t.after)
	if _, err := t.exec("SAVEPOINT enqueue"); err != nil {
		admitted.done()
		return nil, tx.store.writeError(t.ctx, "enqueue", err)
	}
	receipts, err := tx.store.enqueueIn(t, l, routes, events, &admitted, now)
	if err == nil {
		tx.added = append(tx.added, admitted)
		_, err = t.exec("RELEASE SAVEPOINT enqueue")
		return receipts, tx.store.writeError(t.ctx, "enqueue", err)
	}
	admitted.done()
	t.waits, t.after = t.waits[:waits], t.after[:after]
	if !t.conn.IsClosed() {
		_, back := t.exec("ROLLBACK TO SAVEPOINT enqueue")
		err = errors.Join(err, back)
	}
	return nil, tx.store.writeError(t.ctx, "enqueue", err)
}

// AfterCommit calls f once the transaction is durable, on the goroutine that called
// Transact.
func (tx *Tx) AfterCommit(f func()) { tx.t.afterCommit(f) }
