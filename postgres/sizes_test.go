package postgres_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/postgres"
)

// large adds so many pending deliveries of one app to an endpoint, as if they had been
// published and had waited since; every third was tried before. It writes what Enqueue and
// Record would.
func large(t *testing.T, p *party, c *pgx.Conn, app string, e bellhop.EndpointID, n int, held bool) {
	t.Helper()
	now := time.Now()
	p.enqueue(p.event()) // today has its partitions
	first := int64(id.First[id.Event](now.Add(-time.Minute)))
	for _, sql := range []string{
		`INSERT INTO bellhop.events (id, deliver_at, deliveries, erased, test, app, type, subject, data)
			SELECT $1::bigint + g, 0, 1, false, false, $2::text, 'invoice.paid', 'invoice:' || g, '{"n":1}' FROM generate_series(1, $3::bigint) g
			WHERE $4::bigint > 0 AND $5::boolean IS NOT NULL AND $6::smallint >= 0`,
		`INSERT INTO bellhop.pending (id, event, endpoint, due, last_attempt, order_pos, born, attempts, holds, held, bucket, app, trigger)
			SELECT $1::bigint + g, $1::bigint + g, $4::bigint, CASE WHEN NOT $5::boolean THEN 1000 * g END, 0, $1::bigint + g, 1000 * g, (g % 3 = 0)::integer, $5::boolean::integer, $5::boolean, $6::smallint, $2::text, 'publish'
			FROM generate_series(1, $3::bigint) g`,
		`INSERT INTO bellhop.waiting_deltas (app, endpoint, again, n, held) SELECT $2::text, $4::bigint, false, $3::bigint, CASE WHEN $5::boolean THEN $3::bigint ELSE 0 END
			WHERE $1::bigint > 0 AND $6::smallint >= 0`,
	} {
		if _, err := c.Exec(t.Context(), sql, first, app, int64(n), int64(e), held, int16(bellhop.BucketOf(e))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Exec(t.Context(), "ANALYZE bellhop.pending"); err != nil {
		t.Fatal(err)
	}
}

// quick fails if a step takes longer than it may, at best: another test may keep the machine
// busy.
func quick(t *testing.T, what string, most time.Duration, f func()) {
	t.Helper()
	took := best(f)
	t.Logf("%-40s %v", what, took.Round(10*time.Microsecond))
	if took > most {
		t.Errorf("%s takes %v, may take %v", what, took, most)
	}
}

// best is how long a step takes, the best of five times.
func best(f func()) time.Duration {
	took := time.Hour
	for range 5 {
		begun := time.Now()
		f()
		took = min(took, time.Since(begun))
	}
	return took
}

// TestAMillionThatWaitAreNotNoticed has a million deliveries wait, of one app at few
// endpoints: what nodes ask for every moment looks at those that it is about.
func TestAMillionThatWaitAreNotNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes a million rows")
	}
	p, b, c := parties(t)
	var endpoints []bellhop.Endpoint
	for range 5 {
		endpoints = append(endpoints, p.endpoint(bellhop.OrderingNone))
	}
	for i, e := range endpoints[:4] {
		large(t, p, c, "acme", e.ID, []int{700_000, 200_000, 99_000, 1_000}[i], false)
		time.Sleep(2 * time.Millisecond) // the next begin with another id
	}
	big, small := endpoints[0], endpoints[4]
	for _, node := range []*party{p, b} { // their marks are above what was made before
		_, err := node.s.Renew(p.Context(), node.lease, nil, time.Hour, time.Now())
		p.must(err)
	}
	// Where others keep the machine busy, all takes longer: what counting the rows takes.
	all := best(func() {
		var n int
		p.must(c.QueryRow(p.Context(), "SELECT count(*) FROM bellhop.pending").Scan(&n))
	})
	t.Logf("%-40s %v", "counting all rows", all.Round(10*time.Microsecond))
	little := max(30*time.Millisecond, all/2)
	now := time.Now()
	quick(t, "Overdue", little, func() {
		list, err := p.s.Overdue(p.Context(), nil, now)
		p.must(err)
		if len(list) != 8 { // first attempts and retries of four endpoints
			t.Fatalf("%d are overdue", len(list))
		}
	})
	quick(t, "Oldest", little, func() {
		list, err := p.s.Oldest(p.Context(), now)
		p.must(err)
		if len(list) != 4 {
			t.Fatalf("%d are old", len(list))
		}
	})
	for _, retries := range []bool{false, true} {
		epoch := p.own(big.ID)
		quick(t, "Claim of 100, retries "+strconv.FormatBool(retries), 2*little, func() {
			got, err := p.s.Claim(p.Context(), bellhop.ClaimRequest{Lease: p.lease, BucketEpoch: epoch, Endpoint: big.ID, Retries: retries, Limit: 100}, now)
			p.must(err)
			if len(got.Work) != 100 {
				t.Fatalf("claimed %d", len(got.Work))
			}
		})
	}
	quick(t, "Pending of all", little, func() {
		n, _, err := p.s.Pending(p.Context(), bellhop.Everything(), 0)
		p.must(err)
		if n != 1_000_000 {
			t.Fatalf("%d are pending", n)
		}
	})
	quick(t, "Pending at an endpoint", little, func() {
		_, _, err := p.s.Pending(p.Context(), bellhop.Only("acme"), big.ID)
		p.must(err)
	})
	quick(t, "Held", little, func() {
		_, err := p.s.Held(p.Context(), bellhop.Everything(), 0)
		p.must(err)
	})
	quick(t, "Sweep", little, func() { p.sweep() })
	quick(t, "EndOld of 100", 2*little, func() {
		n, err := p.s.EndOld(p.Context(), bellhop.EndOld{Endpoint: big.ID, Revision: p.stored(big.ID).Revision, Before: now}, id.Take[id.Attempt](p.ids, 100, now), now)
		p.must(err)
		if n != 100 {
			t.Fatalf("%d have ended", n)
		}
	})
	quick(t, "a publish to another endpoint", little, func() { p.publish(small) })
}

// TestALargeReleaseIsNotNoticedByNeighbours lets a hundred thousand held deliveries of one
// tenant go, deletes its app, and looks how long a neighbour's commits take meanwhile.
func TestALargeReleaseIsNotNoticedByNeighbours(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes a hundred thousand rows")
	}
	p, b, c := parties(t)
	p.app("globex")
	e, neighbour := p.endpoint(bellhop.OrderingNone, "globex"), p.endpoint(bellhop.OrderingNone)
	const many = 100_000
	large(t, p, c, "globex", e.ID, many, true)
	during := func(what string, f func()) {
		t.Helper()
		stop, done := make(chan struct{}), make(chan []time.Duration)
		v := p.version()
		go func() {
			var took []time.Duration
			defer func() { done <- took }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				begun := time.Now()
				_, err := p.s.Enqueue(p.Context(), p.lease, v, []bellhop.NewEvent{p.event(neighbour)}, time.Now())
				if err != nil {
					if v = p.version(); err != bellhop.ErrStaleRoutes {
						t.Error(err)
					}
					continue
				}
				took = append(took, time.Since(begun))
				time.Sleep(2 * time.Millisecond)
			}
		}()
		begun := time.Now()
		f()
		all := time.Since(begun)
		close(stop)
		took := <-done
		if len(took) == 0 {
			t.Fatalf("%s: the neighbour committed nothing", what)
		}
		slices.Sort(took)
		t.Logf("%s took %v; %d commits of a neighbour meanwhile: median %v, 99 %% %v", what, all.Round(time.Millisecond), len(took), took[len(took)/2], took[len(took)*99/100])
		if p99 := took[len(took)*99/100]; p99 > 500*time.Millisecond {
			t.Errorf("%s: 1 in 100 commits of a neighbour takes %v", what, p99)
		}
	}
	n, err := b.s.ReleaseHeld(b.Context(), e.ID, nil, time.Now())
	b.must(err)
	if n != many {
		t.Errorf("%d are let go", n)
	}
	during("letting them go", func() {
		epoch := b.own(e.ID)
		for range 2 * many / 250 {
			got, err := b.s.Claim(b.Context(), bellhop.ClaimRequest{Lease: b.lease, BucketEpoch: epoch, Endpoint: e.ID, Retries: true, Limit: 1}, time.Now())
			b.must(err)
			b.must(b.s.Release(b.Context(), b.lease, []bellhop.DeliveryID{got.Work[0].Delivery.ID}, time.Now()))
			held, err := b.s.Held(b.Context(), bellhop.Everything(), e.ID)
			b.must(err)
			if held[e.ID] == 0 {
				return
			}
		}
		t.Error("they are not let go in the end")
	})
	during("deleting the app", func() { b.must(b.s.DeleteApp(b.Context(), "globex", nil)) })
	if n := oneNumber(t, c, "SELECT count(*) FROM bellhop.pending WHERE app = 'globex'"); n != 0 {
		t.Errorf("%d are pending", n)
	}
	during("adding up counts", func() { b.must(postgres.FoldWaits(context.WithoutCancel(b.Context()), b.s)) })
}
