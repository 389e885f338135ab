package postgres

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

var millions = flag.Float64("millions", 0.1, "how many million events and attempts BenchmarkLog has, over 30 days, and a fifth as many pending deliveries")

// filled is a database with a log of 30 days up to now, of 20 apps, 200 endpoints of
// unequal sizes and 31 types: 1 attempt in 20 failed, and 1 in 20 was not prompt. It is
// made in the database that BELLHOP_BENCH_POSTGRES names, if any, and found there again,
// since making it takes a while.
func filled(b *testing.B) *Store {
	b.Helper()
	ctx := b.Context()
	url := os.Getenv("BELLHOP_BENCH_POSTGRES")
	if url == "" {
		url = testpostgres.Database(b)
	}
	s, err := Open(ctx, url, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	some := false
	run := func(use use, f func(t *txn) error) {
		b.Helper()
		if err := s.write(ctx, use, "fill", f); err != nil {
			b.Fatal(err)
		}
	}
	run(upkeep, func(t *txn) error {
		_, err := t.one(into(&some), "SELECT EXISTS (SELECT 1 FROM bellhop.pending)")
		return err
	})
	if some {
		return s
	}
	today := dayOf(int64(id.First[id.Event](time.Now())))
	perDay := int64(*millions * 1e6 / 30)
	for d := today - 29; d <= today; d++ {
		if err := s.haveDays(ctx, []int64{d}); err != nil {
			b.Fatal(err)
		}
		run(upkeep, func(t *txn) error {
			length := int64(24 * 60 * 60 * 1000)
			if d == today {
				length = time.Now().UnixMilli() - d*24*60*60*1000
			}
			if _, err := t.exec(manyEvents, d*24*60*60*1000, perDay, length); err != nil {
				return err
			}
			_, err := t.exec(manyAttempts, firstOfDay(d), firstOfDay(d+1))
			return err
		})
	}
	run(upkeep, func(t *txn) error {
		for _, sql := range []string{manyPending, manyWaiting, manyEndpoints} {
			if _, err := t.exec(sql); err != nil {
				return err
			}
		}
		return nil
	})
	c, err := s.pools[upkeep].Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Release()
	if _, err := c.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
		b.Fatal(err)
	}
	return s
}

const (
	manyEvents = `INSERT INTO bellhop.events (id, deliver_at, deliveries, erased, test, app, type, subject, fresh_ids, fresh_endpoints, data)
		SELECT id, 0, 1, false, false, 'app-' || lpad((e % 20)::text, 2, '0'), 'type.t' || (random() * 30)::integer, CASE WHEN g % 10 = 0 THEN 'ticket:' || g % 1000 ELSE '' END,
			ARRAY[id + 1], ARRAY[1 + e], '{"n":1}'
		FROM (SELECT g, (($1::bigint + (g * ($3::double precision / $2::bigint))::bigint) << 21) + 2 * (g % 2000) AS id, floor(200 * power(random(), 3))::bigint AS e
			FROM generate_series(0, $2::bigint - 1) g) x`
	manyAttempts = `INSERT INTO bellhop.attempts (id, delivery, event, endpoint, next_at, duration, latency, number, response_status, status, final, truncated,
			app, type, trigger, url, reason, detail, dialect, request_header, response_header, response_body)
		SELECT id, ev + 1, ev, ep, 0, (20000 * exp(sqrt(-2 * ln(1 - random())) * cos(6.28 * random())))::bigint, CASE WHEN bad THEN 0 ELSE 30000 END, 1,
			CASE WHEN bad THEN 503 ELSE 200 END, CASE WHEN bad THEN 1 ELSE 0 END, NOT bad OR random() < 0.25, false, app, type, 'publish', 'https://example.com/hook',
			CASE WHEN bad THEN 'status' ELSE '' END, '', 'standard', repeat('h', 300), repeat('r', 100), 'ok'
		FROM (SELECT e.id AS ev, e.id + ((CASE WHEN random() < 0.95 THEN 5 + random() * 20 ELSE random() * 100000 END)::bigint << 21) + 1 AS id,
				fresh_endpoints[1] AS ep, app, type, random() < 0.05 AS bad
			FROM bellhop.events e WHERE e.id >= $1 AND e.id < $2) x
		WHERE id < $2 ON CONFLICT DO NOTHING`
	// A fifth of the deliveries waits once more.
	manyPending = `INSERT INTO bellhop.pending (id, event, endpoint, due, last_attempt, order_pos, born, attempts, owner, bucket, app, trigger)
		SELECT a.delivery + 1, a.event, a.endpoint, 1, a.id, a.delivery, 1, 1, CASE WHEN a.id % 5000 = 0 THEN 1 END, 0, a.app, 'resend'
		FROM bellhop.attempts a WHERE (a.id >> 21) % 5 = 0 ON CONFLICT DO NOTHING`
	manyWaiting   = "INSERT INTO bellhop.waiting (app, endpoint, again, n, held) SELECT app, endpoint, true, count(*), 0 FROM bellhop.pending GROUP BY 1, 2"
	manyEndpoints = `INSERT INTO bellhop.endpoints (id, revision, status, ordering, apps, url, name, events, subjects, dialect, disabled_reason, timeout, concurrency, created_at, updated_at)
		SELECT e, 1, CASE WHEN e % 50 = 3 THEN 'paused' ELSE 'active' END, 'none', '["app-00"]', '', '', '[]', '[]', 'standard', '', 1, 1, 1, 1 FROM generate_series(1, 200) e`
)

// BenchmarkLog reads every kind of page of a large log: from the newest on, and from the
// middle on.
func BenchmarkLog(b *testing.B) {
	s := filled(b)
	now := time.Now()
	middle := now.AddDate(0, 0, -15)
	before := int64(id.First[id.Event](middle))
	all, one, three := bellhop.Everything(), bellhop.Only("app-03"), bellhop.Only("app-03", "app-04", "app-05")
	small := bellhop.Only("app-19")
	week := func(f *bellhop.AttemptFilter) { f.Since, f.Until = middle, middle.AddDate(0, 0, 7) }
	type page struct {
		name string
		read func(ctx context.Context, before int64) (rows int, err error)
	}
	var pages []page
	attempts := func(name string, f bellhop.AttemptFilter) {
		f.Limit = 51
		pages = append(pages, page{"attempts, " + name, func(ctx context.Context, before int64) (int, error) {
			f.Before = bellhop.AttemptID(before)
			list, err := s.Attempts(ctx, f)
			return len(list), err
		}})
	}
	deliveries := func(name string, f bellhop.DeliveryFilter) {
		f.Limit = 51
		pages = append(pages, page{"deliveries, " + name, func(ctx context.Context, before int64) (int, error) {
			f.Before = bellhop.DeliveryID(before)
			list, err := s.Deliveries(ctx, f)
			return len(list), err
		}})
	}
	events := func(name string, f bellhop.EventFilter) {
		f.Limit = 51
		pages = append(pages, page{"events, " + name, func(ctx context.Context, before int64) (int, error) {
			f.Before = bellhop.EventID(before)
			list, err := s.Events(ctx, f)
			return len(list), err
		}})
	}
	attempts("all", bellhop.AttemptFilter{Scope: all})
	attempts("failed", bellhop.AttemptFilter{Scope: all, Status: bellhop.AttemptFailed})
	attempts("canceled (none)", bellhop.AttemptFilter{Scope: all, Status: bellhop.AttemptCanceled})
	attempts("503", bellhop.AttemptFilter{Scope: all, Response: "503"})
	attempts("404 (none)", bellhop.AttemptFilter{Scope: all, Response: "404"})
	attempts("type", bellhop.AttemptFilter{Scope: all, Type: "type.t7"})
	attempts("no such type", bellhop.AttemptFilter{Scope: all, Type: "no.such"})
	attempts("no such prefix", bellhop.AttemptFilter{Scope: all, Type: "no.*"})
	attempts("app", bellhop.AttemptFilter{Scope: one})
	attempts("app, type", bellhop.AttemptFilter{Scope: one, Type: "type.t7"})
	attempts("app, no such type", bellhop.AttemptFilter{Scope: one, Type: "no.such"})
	attempts("app, failed, no such type", bellhop.AttemptFilter{Scope: one, Type: "no.such", Status: bellhop.AttemptFailed})
	attempts("apps", bellhop.AttemptFilter{Scope: three})
	attempts("unknown app", bellhop.AttemptFilter{Scope: bellhop.Only("nobody")})
	attempts("endpoint", bellhop.AttemptFilter{Scope: all, Endpoint: 150})
	attempts("endpoint, failed", bellhop.AttemptFilter{Scope: all, Endpoint: 1, Status: bellhop.AttemptFailed})
	attempts("endpoint of another app", bellhop.AttemptFilter{Scope: one, Endpoint: 1})
	f := bellhop.AttemptFilter{Scope: one, Type: "type.t7"}
	week(&f)
	attempts("week, app, type", f)
	deliveries("all", bellhop.DeliveryFilter{Scope: all})
	deliveries("succeeded", bellhop.DeliveryFilter{Scope: all, Status: bellhop.DeliverySucceeded})
	deliveries("failed", bellhop.DeliveryFilter{Scope: all, Status: bellhop.DeliveryFailed})
	deliveries("pending", bellhop.DeliveryFilter{Scope: all, Status: bellhop.DeliveryPending})
	deliveries("held", bellhop.DeliveryFilter{Scope: all, Status: bellhop.DeliveryHeld})
	deliveries("app", bellhop.DeliveryFilter{Scope: one})
	deliveries("small app", bellhop.DeliveryFilter{Scope: small})
	deliveries("app, succeeded", bellhop.DeliveryFilter{Scope: one, Status: bellhop.DeliverySucceeded})
	deliveries("endpoint", bellhop.DeliveryFilter{Scope: all, Endpoint: 1})
	deliveries("endpoint, pending", bellhop.DeliveryFilter{Scope: all, Endpoint: 150, Status: bellhop.DeliveryPending})
	events("all", bellhop.EventFilter{Scope: all})
	events("type", bellhop.EventFilter{Scope: all, Type: "type.t7"})
	events("no such type", bellhop.EventFilter{Scope: all, Type: "no.such"})
	events("app", bellhop.EventFilter{Scope: one})
	events("app, type", bellhop.EventFilter{Scope: one, Type: "type.t7"})
	events("subject", bellhop.EventFilter{Scope: all, Subject: "ticket:50"})
	events("app, subject", bellhop.EventFilter{Scope: one, Subject: "ticket:50"})
	for _, state := range []bellhop.EventState{bellhop.EventFailed, bellhop.EventWaiting, bellhop.EventDelivered} {
		pages = append(pages, page{"search, " + string(state), func(ctx context.Context, before int64) (int, error) {
			found, err := s.SearchEvents(ctx, bellhop.EventSearch{EventFilter: bellhop.EventFilter{Scope: all, Limit: 51, Before: bellhop.EventID(before)}, Outcome: state})
			return len(found.Events), err
		}})
	}
	pages = append(pages,
		page{"explain an event", func(ctx context.Context, before int64) (int, error) {
			list, err := s.Events(ctx, bellhop.EventFilter{Scope: all, Limit: 1, Before: bellhop.EventID(before)})
			if err != nil || len(list) == 0 {
				return 0, cmp.Or(err, fmt.Errorf("no event"))
			}
			if _, err = s.Outcomes(ctx, []bellhop.EventID{list[0].ID}); err == nil {
				_, err = s.Standings(ctx, bellhop.StandingFilter{Event: list[0].ID, Limit: 50})
			}
			return 1, err
		}},
		page{"outcomes of 50 events", func(ctx context.Context, before int64) (int, error) {
			list, err := s.Events(ctx, bellhop.EventFilter{Scope: all, Limit: 50, Before: bellhop.EventID(before)})
			var ids []bellhop.EventID
			for _, e := range list {
				ids = append(ids, e.ID)
			}
			if err == nil {
				_, err = s.Outcomes(ctx, ids)
			}
			return len(ids), err
		}},
		page{"failures of 200 endpoints", func(ctx context.Context, _ int64) (int, error) {
			var of []bellhop.EndpointID
			for e := range 200 {
				of = append(of, bellhop.EndpointID(e+1))
			}
			found, err := s.Failures(ctx, bellhop.FailureFilter{Scope: all, Endpoints: of, Since: now.AddDate(0, 0, -7), Each: 1000, All: 20_000})
			return len(found.List), err
		}},
		page{"pending, and the oldest", func(ctx context.Context, _ int64) (int, error) {
			n, _, err := s.Pending(ctx, all, 0)
			return int(n), err
		}},
		page{"pending of an app", func(ctx context.Context, _ int64) (int, error) {
			n, _, err := s.Pending(ctx, one, 0)
			return int(n), err
		}},
		page{"count what waits", func(ctx context.Context, _ int64) (int, error) {
			sums, pieces := map[bellhop.EndpointID]*bellhop.Waiting{}, 0
			for after := bellhop.DeliveryID(0); ; pieces++ {
				next, err := s.CountWaiting(ctx, sums, after, 5000, now)
				if after = next; err != nil || next == 0 {
					return pieces, err
				}
			}
		}},
		page{"replay of what failed", func(ctx context.Context, _ int64) (int, error) {
			list, _, err := s.Candidates(ctx, bellhop.ReplayFilter{Endpoint: 1, Apps: []string{"app-00"}, Status: bellhop.ReplayFailed, Since: now.AddDate(0, 0, -7), Limit: 100, Scan: 2000})
			return len(list), err
		}},
		page{"replay of what is missing", func(ctx context.Context, _ int64) (int, error) {
			list, _, err := s.Candidates(ctx, bellhop.ReplayFilter{Endpoint: 150, Apps: []string{"app-00"}, Status: bellhop.ReplayMissing, Since: now.AddDate(0, 0, -7), Limit: 100, Scan: 2000})
			return len(list), err
		}},
	)
	for _, p := range pages {
		for _, from := range []struct {
			name   string
			before int64
		}{{"newest", 0}, {"middle", before}} {
			b.Run(p.name+", "+from.name, func(b *testing.B) {
				var took []time.Duration
				rows := 0
				for b.Loop() {
					begun := time.Now()
					n, err := p.read(b.Context(), from.before)
					if err != nil {
						b.Fatal(err)
					}
					rows, took = n, append(took, time.Since(begun))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/page")
				b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/worst")
				b.ReportMetric(float64(rows), "rows")
			})
		}
	}
	since := now.AddDate(0, 0, -30)
	counts := []struct {
		name string
		f    bellhop.StatsFilter
	}{
		{"30 days", bellhop.StatsFilter{Scope: all, Since: since, Bucket: 12 * time.Hour}},
		{"30 days, app", bellhop.StatsFilter{Scope: one, Since: since, Bucket: 12 * time.Hour}},
		{"30 days, small app", bellhop.StatsFilter{Scope: small, Since: since, Bucket: 12 * time.Hour}},
		{"30 days, endpoint", bellhop.StatsFilter{Scope: all, Since: since, Bucket: 12 * time.Hour, Endpoint: 1}},
		{"30 days, app, type", bellhop.StatsFilter{Scope: one, Since: since, Bucket: 12 * time.Hour, Type: "type.t7"}},
		{"30 days, type", bellhop.StatsFilter{Scope: all, Since: since, Bucket: 12 * time.Hour, Type: "type.t7"}},
		{"a day", bellhop.StatsFilter{Scope: all, Since: now.AddDate(0, 0, -1), Bucket: 15 * time.Minute}},
		{"an hour", bellhop.StatsFilter{Scope: all, Since: now.Add(-time.Hour), Bucket: time.Minute}},
	}
	measure := func(state string) {
		for _, c := range counts {
			b.Run("stats, "+c.name+", "+state, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Stats(b.Context(), c.f); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/page")
			})
		}
	}
	measure("as before")
	begun, longest, steps := time.Now(), time.Duration(0), 0
	for more := true; more; steps++ {
		step := time.Now()
		var err error
		if more, err = s.RollUp(b.Context(), now.Add(-5*time.Minute)); err != nil {
			b.Fatal(err)
		}
		longest = max(longest, time.Since(step))
	}
	b.Logf("rolled up in %s: %d steps, the longest %s", time.Since(begun), steps, longest)
	measure("rolled up")
}
