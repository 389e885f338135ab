package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/postgres"
)

// TestATransactionDoesNotWaitForItsOwnEvents: what it has added counts against the bound of
// an app's backlog, and is not waited for.
func TestATransactionDoesNotWaitForItsOwnEvents(t *testing.T) {
	a, _, _ := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	v := a.version()
	publish := func(tx *postgres.Tx) error {
		n := a.event(e)
		n.MaxPending = 2
		_, err := tx.Enqueue(a.lease, v, []bellhop.NewEvent{n}, time.Now())
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := a.s.Transact(ctx, func(tx *postgres.Tx) error {
		a.must(publish(tx))
		a.must(publish(tx))
		if err := publish(tx); bellhop.CodeOf(err) != bellhop.CodeBacklogFull {
			t.Errorf("the third event of two: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(a.claim(e, 10)); n != 2 {
		t.Errorf("%d events are there, want 2", n)
	}
}

// TestAPublishDoesNotWaitForATransactionThatWaitsForIt: near the bound of an app's backlog,
// too.
func TestAPublishDoesNotWaitForATransactionThatWaitsForIt(t *testing.T) {
	a, _, _ := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	v := a.version()
	event := func() bellhop.NewEvent {
		n := a.event(e)
		n.MaxPending = 1
		return n
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := a.s.Transact(ctx, func(tx *postgres.Tx) error {
		_, err := tx.Enqueue(a.lease, v, []bellhop.NewEvent{event()}, time.Now())
		a.must(err)
		// One has found room, if it is not given up.
		if _, err := a.s.Enqueue(ctx, a.lease, v, []bellhop.NewEvent{event()}, time.Now()); bellhop.CodeOf(err) != bellhop.CodeBacklogFull {
			t.Errorf("the second event of one: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
