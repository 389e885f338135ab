package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/postgres"
)

// TestAHeartbeatWaitsForNobody: neither for transactions of whoever embeds the engine, nor
// for what is written down with it and takes long, nor for upkeep.
func TestAHeartbeatWaitsForNobody(t *testing.T) {
	a, _, c := parties(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	lease := 3 * time.Second
	beat := func() {
		t.Helper()
		began := time.Now()
		_, err := a.s.Renew(ctx, a.lease, nil, lease, time.Now())
		a.must(err)
		if took := time.Since(began); took > lease*2/3 {
			t.Errorf("a heartbeat took %v of a lease of %v", took, lease)
		}
	}
	beat()

	open, end := make(chan struct{}), make(chan struct{})
	var transactions sync.WaitGroup
	for range 2 {
		transactions.Go(func() {
			a.must(a.s.Transact(ctx, func(*postgres.Tx) error {
				open <- struct{}{}
				select {
				case <-end:
				case <-ctx.Done():
				}
				return nil
			}))
		})
	}
	<-open
	<-open
	beat()
	close(end)
	transactions.Wait()

	// A database on which it takes half a second to write a piece of many down.
	_, err := c.Exec(ctx, `CREATE FUNCTION public.slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
		CREATE TRIGGER slowly AFTER INSERT ON bellhop.pending FOR EACH STATEMENT EXECUTE FUNCTION public.slowly()`)
	a.must(err)
	src := source{a.ids}
	for range 5 {
		var events []bellhop.NewEvent
		for range 10 {
			events = append(events, src.event(10, 100, a.lease.Node))
		}
		enqueue(t, a.s, a.lease, events...)
	}
	began := time.Now()
	_, err = a.s.Renew(ctx, a.lease, nil, lease, time.Now().Add(10*time.Second))
	a.must(err)
	if took := time.Since(began); took > lease*2/3 {
		t.Errorf("a heartbeat took %v of a lease of %v", took, lease)
	}
	written := number(t, c, "SELECT count(*) FROM bellhop.pending")
	if written == 0 || written == 5000 {
		t.Errorf("%d of 5000 were written down", written)
	}
	_, err = c.Exec(ctx, "DROP TRIGGER slowly ON bellhop.pending")
	a.must(err)
	for range 5 {
		_, err = a.s.Renew(ctx, a.lease, nil, lease, time.Now().Add(10*time.Second))
		a.must(err)
	}
	if written = number(t, c, "SELECT count(*) FROM bellhop.pending"); written != 5000 {
		t.Errorf("%d of 5000 were written down by later ones", written)
	}
}

// TestLanesGoOnWhileUpkeepWaits: whatever housekeeping waits for, such as a large table
// that is vacuumed, or other nodes, claims are answered.
func TestLanesGoOnWhileUpkeepWaits(t *testing.T) {
	a, _, c := parties(t)
	e := a.endpoint(bellhop.OrderingNone)
	a.publish(e)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tx, err := c.Begin(ctx)
	a.must(err)
	_, err = tx.Exec(ctx, "LOCK TABLE bellhop.reactions IN ACCESS EXCLUSIVE MODE")
	a.must(err)
	var upkeep sync.WaitGroup
	for range 4 {
		upkeep.Go(func() { a.must(a.s.EndReactions(ctx, []bellhop.AttemptID{1})) })
	}
	for number(t, c, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") < 2 {
		if ctx.Err() != nil {
			t.Fatal("upkeep does not wait")
		}
		time.Sleep(5 * time.Millisecond)
		_, err = tx.Exec(ctx, "SELECT pg_stat_clear_snapshot()") // within a transaction, it stays as it was
		a.must(err)
	}
	done := make(chan int, 1)
	go func() {
		work := a.claim(e, 10)
		a.must(a.s.Release(ctx, a.lease, []bellhop.DeliveryID{work[0].Delivery.ID}, time.Now()))
		done <- len(work)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("a claim waits for upkeep")
	}
	a.must(tx.Rollback(ctx))
	upkeep.Wait()
}
