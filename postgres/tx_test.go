package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/storetest"
)

func TestTransactions(t *testing.T) {
	storetest.RunTx(t, func(t *testing.T) bellhop.Store { return openTimed(t) },
		func(ctx context.Context, s bellhop.Store, f func(bellhop.Tx) error) error {
			return s.(*timed).Transact(ctx, func(tx *postgres.Tx) error { return f(tx) })
		})
}

func TestATransactionHasTablesOfTheCallersOwn(t *testing.T) {
	a, b, c := parties(t)
	if _, err := c.Exec(t.Context(), "CREATE TABLE invoices (n bigint PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	e := a.endpoint(bellhop.OrderingNone)
	v := a.version()
	wrong := errors.New("the caller's own")
	for i, fail := range []bool{false, true, false} {
		err := a.s.Transact(t.Context(), func(tx *postgres.Tx) error {
			if _, err := tx.Pgx().Exec(t.Context(), "INSERT INTO invoices VALUES ($1)", i); err != nil {
				return err
			}
			if _, err := tx.Enqueue(a.lease, v, []bellhop.NewEvent{a.event(e)}, time.Now()); err != nil {
				return err
			}
			if fail {
				return wrong
			}
			return nil
		})
		if fail != errors.Is(err, wrong) || !fail && err != nil {
			t.Errorf("Transact = %v", err)
		}
	}
	if n := oneNumber(t, c, "SELECT count(*) FROM invoices"); n != 2 {
		t.Errorf("%d invoices are there, want 2", n)
	}
	if n := len(b.claim(e, 10)); n != 2 {
		t.Errorf("%d events are there, want 2", n)
	}
}

func TestATransactionThatIsEndedByItsCallerIsAnError(t *testing.T) {
	a, _, _ := parties(t)
	v := a.version()
	n := a.event()
	err := a.s.Transact(t.Context(), func(tx *postgres.Tx) error {
		if _, err := tx.Enqueue(a.lease, v, []bellhop.NewEvent{n}, time.Now()); err != nil {
			return err
		}
		return tx.Pgx().Rollback(t.Context())
	})
	if err == nil {
		t.Error("it is none")
	}
}

// TestALongTransactionKeepsNoLeaseFromBeingRenewed: it holds the lease's row, too.
func TestALongTransactionKeepsNoLeaseFromBeingRenewed(t *testing.T) {
	a, _, _ := parties(t)
	a.inHand(a.event(a.endpoint(bellhop.OrderingNone)), func() {
		for range 3 {
			_, err := a.s.Renew(a.Context(), a.lease, nil, time.Hour, time.Now())
			a.must(err)
		}
	})
}
