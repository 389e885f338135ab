package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/postgres"
)

// longAgo is when what expires was made.
func longAgo() time.Time { return time.Now().AddDate(0, 0, -40) }

// old stores an event as it was made long ago, and records that its deliveries have
// succeeded then, but for those that are kept waiting.
func (p *party) old(name string, at time.Time, done []bellhop.Endpoint, waits ...bellhop.Endpoint) bellhop.NewEvent {
	p.Helper()
	n := p.event(append(done, waits...)...)
	n.Event.ID, n.Event.ExternalID = id.Next[id.Event](p.past, at), name
	for i := range n.Deliveries {
		d := &n.Deliveries[i]
		d.ID, d.Event, d.Due = id.Next[id.Delivery](p.past, at), n.Event.ID, at
		if d.OrderPos = bellhop.DeliveryID(d.Event); i < len(done) {
			d.Owner = p.lease.Node
		}
	}
	_, err := p.s.Enqueue(p.Context(), p.lease, p.version(), []bellhop.NewEvent{n}, at)
	p.must(err)
	for _, d := range n.Deliveries[:len(done)] {
		a := p.attempt(d, bellhop.AttemptSucceeded)
		a.ID = id.Next[id.Attempt](p.past, at)
		p.must(p.record(a))
	}
	return n
}

// oldParty makes ids of long ago.
func oldParty(t *testing.T, o postgres.Options) (*party, *pgx.Conn) {
	t.Helper()
	url := database(t)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	s := openAt(t, url, o)
	n, err := s.Join(t.Context(), bellhop.NodeAbout{Name: "test"}, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &party{TB: t, s: s, lease: n.Lease, ids: id.NewGenerator(int(n.Lease.Node), 0), past: id.NewGenerator(int(n.Lease.Node), 0)}, c
}

// expire deletes what is older than thirty days.
func (p *party) expire() (total int) {
	p.Helper()
	_, err := p.s.Renew(p.Context(), p.lease, nil, time.Hour, time.Now())
	p.must(err)
	for range 100 {
		n, err := p.s.Expire(p.Context(), time.Now().AddDate(0, 0, -30), 50, time.Now())
		p.must(err)
		if total += n; n == 0 {
			return total
		}
	}
	p.Fatal("it does not end")
	return 0
}

// partitions counts the partitions of a table for days before the last month.
func partitions(t *testing.T, c *pgx.Conn, table string) int64 {
	t.Helper()
	return oneNumber(t, c, `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'bellhop' AND c.relkind = 'r'
		AND c.relname ~ ('^' || $1 || '_[0-9]{8}$') AND right(c.relname, 8) < to_char(now() - interval '30 days', 'YYYYMMDD')`, table)
}

func TestOldDaysGoAsAWhole(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain %v", plain), func(t *testing.T) {
			p, c := oldParty(t, postgres.Options{Plain: plain})
			e := p.endpoint(bellhop.OrderingNone)
			var events []bellhop.NewEvent
			for i := range 120 {
				events = append(events, p.old(fmt.Sprint(i), longAgo().Add(time.Duration(i)*time.Minute), []bellhop.Endpoint{e}))
			}
			young := p.publish(e)
			if partitions(t, c, "events") == 0 {
				t.Fatal("there are no old days")
			}
			p.expire()
			for _, table := range []string{"events", "attempts"} {
				if n := partitions(t, c, table); n != 0 {
					t.Errorf("%d old days of %s are left", n, table)
				}
			}
			if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.events"); n != 1 {
				t.Errorf("%d events are left, want one", n)
			}
			if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.external_ids"); n != 0 {
				t.Errorf("%d ids are not free again", n)
			}
			if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.days WHERE day < $1", time.Now().AddDate(0, 0, -30).Unix()/86400); n != 0 {
				t.Errorf("%d old days are still known", n)
			}
			if work := p.claim(e, 10); len(work) != 1 || work[0].Event.ID != young.Event.ID {
				t.Errorf("claimed %v", work)
			}
			p.old("0", events[0].Event.ID.Time(), []bellhop.Endpoint{e}) // a day can come back
		})
	}
}

func TestAnOldDayStaysAsLongAsSomethingOfItWaits(t *testing.T) {
	p, c := oldParty(t, postgres.Options{})
	e, stopped := p.endpoint(bellhop.OrderingNone), p.endpoint(bellhop.OrderingNone)
	at := longAgo()
	for i := range 60 {
		p.old(fmt.Sprint(i), at, []bellhop.Endpoint{e})
	}
	kept := p.old("kept", at, []bellhop.Endpoint{e}, e)
	later := p.event()
	later.Event.ID, later.Later = id.Next[id.Event](p.past, at), []bellhop.EndpointID{e.ID}
	p.enqueue(later)
	p.old("held", at, nil, stopped)
	stopped.Status = bellhop.EndpointDisabled
	p.must(p.s.SaveEndpoint(p.Context(), stopped, nil, time.Now()))
	p.expire()
	if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.events WHERE id = ANY($1)", []int64{int64(kept.Event.ID), int64(later.Event.ID)}); n != 2 {
		t.Errorf("%d of the two that are kept are there", n)
	}
	if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.events"); n != 2 {
		t.Errorf("%d events are left, want 2", n)
	}
	if n := partitions(t, c, "attempts"); n != 0 {
		t.Errorf("%d old days of attempts are left", n)
	}
	if n := p.pending(); n != 1 {
		t.Errorf("%d are pending, want 1", n)
	}
	if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.external_ids"); n != 1 {
		t.Errorf("%d ids are known, want that of what is kept", n)
	}
	_, err := p.s.Spread(p.Context(), p.lease, id.Take[id.Delivery](p.ids, 10, time.Now()), time.Now())
	p.must(err)
	for _, w := range p.claim(e, 10) {
		p.must(p.record(p.attempt(w.Delivery, bellhop.AttemptSucceeded)))
	}
	p.expire()
	if n := partitions(t, c, "events"); n != 0 {
		t.Errorf("%d old days are left", n)
	}
	if n := p.pending(); n != 0 {
		t.Errorf("%d are pending", n)
	}
}

// TestADayThatIsReadIsDroppedLaterAndNobodyWaits has somebody read the log for long.
func TestADayThatIsReadIsDroppedLaterAndNobodyWaits(t *testing.T) {
	p, c := oldParty(t, postgres.Options{})
	e := p.endpoint(bellhop.OrderingNone)
	p.old("a", longAgo().AddDate(0, 0, -1), []bellhop.Endpoint{e})
	p.old("b", longAgo(), []bellhop.Endpoint{e})
	reader, err := c.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		if err := reader.QueryRow(t.Context(), "SELECT count(*) FROM bellhop.events").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 2 {
		t.Errorf("%d events are read", n)
	}
	watch, err := pgx.ConnectConfig(t.Context(), c.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close(context.Background())
	version := p.version()
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		expired := make(chan error, 1)
		go func() {
			_, err := p.s.Expire(ctx, time.Now().AddDate(0, 0, -30), 50, time.Now())
			expired <- err
		}()
		published := make(chan error, 1)
		go func() {
			var err error
			for err == nil && ctx.Err() == nil {
				_, err = p.s.Enqueue(context.WithoutCancel(ctx), p.lease, version, []bellhop.NewEvent{p.event(e)}, time.Now())
			}
			published <- err
		}()
		for ctx.Err() == nil {
			if n := oneNumber(t, watch, behindAnother); n > 0 {
				t.Fatalf("%d sessions wait for one that waits for the reader", n)
			}
		}
		p.must(<-published)
		if err := <-expired; err == nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Expire = %v, while the day is being read", err)
		}
		cancel()
	}
	if n := count(); n != 2 {
		t.Errorf("%d events are read in the end", n)
	}
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "CREATE TABLE bellhop.events_20200101 ()"); err != nil { // somebody's own
		t.Fatal(err)
	}
	p.expire()
	if n := partitions(t, c, "events") + partitions(t, c, "attempts"); n != 1 {
		t.Errorf("%d old days are left, want the one that is not ours", n)
	}
	if n := owes(t, c, "drop"); n != 0 {
		t.Errorf("%d are still to be dropped", n)
	}
}

// behindAnother counts the sessions that wait for one that waits itself.
const behindAnother = `SELECT count(*) FROM pg_stat_activity s, unnest(pg_blocking_pids(s.pid)) b
	WHERE s.datname = current_database() AND cardinality(pg_blocking_pids(b)) > 0`
