package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// waits is a delivery that has come into pending or gone from it, or is held or not any
// more.
type waits struct {
	endpoint bellhop.EndpointID
	app      string
	again    bool
	n, held  int64
}

// counted notes what has come or gone. The sums are appended when the transaction is
// committed: so the counts are always those of the rows, and nobody waits for anybody.
func (t *txn) counted(w waits) { t.waits = append(t.waits, w) }

const addDeltas = `INSERT INTO bellhop.waiting_deltas (app, endpoint, again, n, held)
	SELECT * FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::bigint[], $5::bigint[])`

// deltas are the sums of what has come and gone, as columns.
func deltas(list []waits) (apps []string, endpoints []int64, again []bool, n, held []int64) {
	type key struct {
		endpoint bellhop.EndpointID
		app      string
		again    bool
	}
	at := map[key]int{}
	for _, w := range list {
		k := key{w.endpoint, w.app, w.again}
		i, ok := at[k]
		if !ok {
			i = len(apps)
			at[k] = i
			apps, endpoints, again = append(apps, w.app), append(endpoints, int64(w.endpoint)), append(again, w.again)
			n, held = append(n, 0), append(held, 0)
		}
		n[i], held[i] = n[i]+w.n, held[i]+w.held
	}
	keep := 0
	for i := range apps {
		if n[i] != 0 || held[i] != 0 {
			apps[keep], endpoints[keep], again[keep], n[keep], held[keep] = apps[i], endpoints[i], again[i], n[i], held[i]
			keep++
		}
	}
	return apps[:keep], endpoints[:keep], again[:keep], n[:keep], held[:keep]
}

// noteWaits appends what the transaction has changed of the counts.
func (t *txn) noteWaits() error {
	if len(t.waits) == 0 {
		return nil
	}
	apps, endpoints, again, n, held := deltas(t.waits)
	t.waits = nil
	if len(apps) == 0 {
		return nil
	}
	_, err := t.exec(addDeltas, apps, endpoints, again, n, held)
	return err
}

const (
	// foldWaits moves lines into the sums. Each is deleted once, so that it counts once,
	// however many do so at a time.
	foldWaits = `WITH gone AS (DELETE FROM bellhop.waiting_deltas d USING (
				SELECT app, id FROM bellhop.waiting_deltas LIMIT $1 FOR UPDATE) x
			WHERE d.app = x.app AND d.id = x.id RETURNING d.app, d.endpoint, d.again, d.n, d.held),
		sums AS (SELECT app, endpoint, again, sum(n)::bigint AS n, sum(held)::bigint AS held FROM gone GROUP BY app, endpoint, again ORDER BY app, endpoint, again),
		folded AS (INSERT INTO bellhop.waiting AS w (app, endpoint, again, n, held) SELECT * FROM sums
			ON CONFLICT (app, endpoint, again) DO UPDATE SET n = w.n + excluded.n, held = w.held + excluded.held RETURNING app)
		SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM folded) /* all apps */`
	foldWaitsBeside = `WITH gone AS (DELETE FROM bellhop.waiting_deltas d USING (
				SELECT app, id FROM bellhop.waiting_deltas LIMIT $1 FOR UPDATE SKIP LOCKED) x
			WHERE d.app = x.app AND d.id = x.id RETURNING d.app, d.endpoint, d.again, d.n, d.held),
		sums AS (SELECT app, endpoint, again, sum(n)::bigint AS n, sum(held)::bigint AS held FROM gone GROUP BY app, endpoint, again ORDER BY app, endpoint, again),
		folded AS (INSERT INTO bellhop.waiting AS w (app, endpoint, again, n, held) SELECT * FROM sums
			ON CONFLICT (app, endpoint, again) DO UPDATE SET n = w.n + excluded.n, held = w.held + excluded.held RETURNING app)
		SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM folded) /* all apps */`
	// What once waited must not stay. One that is added to meanwhile is not zero any more.
	dropZeroes = `DELETE FROM bellhop.waiting w USING (SELECT app, endpoint, again FROM bellhop.waiting WHERE n = 0 AND held = 0
			ORDER BY app, endpoint, again LIMIT $1 FOR UPDATE) z
		WHERE w.app = z.app AND w.endpoint = z.endpoint AND w.again = z.again AND w.n = 0 AND w.held = 0 /* all apps */`
)

// foldChunk is how many lines one transaction folds.
const foldChunk = 5000

// foldWaits adds what transactions have written to the sums, so that to count does not
// cost more and more. It looks first, since mostly there is little. After ends it begins
// no more.
func (s *Store) foldWaits(ctx context.Context, ends time.Time) error {
	sql := foldWaitsBeside
	if s.options.Plain {
		sql = foldWaits
	}
	for {
		var some bool
		err := s.readFor(ctx, forUpkeep, "look for counts to add up", func(q *reading) error {
			_, err := q.one(into(&some), "SELECT EXISTS (SELECT 1 FROM bellhop.waiting_deltas /* all apps */)")
			return err
		})
		if err != nil || !some {
			return err
		}
		var gone, folded int64
		err = s.write(ctx, upkeep, "add up counts", func(t *txn) error {
			if _, err := t.one(into(&gone, &folded), sql, foldChunk); err != nil {
				return err
			}
			_, err := t.exec(dropZeroes, foldChunk)
			return err
		})
		if err != nil || gone < foldChunk || time.Now().After(ends) {
			return err
		}
	}
}

const (
	countWaits = `SELECT coalesce(sum(n), 0)::bigint FROM bellhop.waiting_now
		WHERE ($1 OR app = ANY($2)) AND ($3::bigint = 0 OR endpoint = $3) /* all apps */`
	countFresh = `SELECT count(*), coalesce(min(id), 0) FROM bellhop.fresh
		WHERE ($1 OR app = ANY($2)) AND ($3::bigint = 0 OR endpoint = $3) /* all apps */`

	oldestOfAll  = "SELECT id FROM bellhop.pending ORDER BY id LIMIT 1 /* all apps */"
	oldestOfApps = `SELECT min(o.id) FROM unnest($1::text[]) a (app) CROSS JOIN LATERAL (
			SELECT p.id FROM bellhop.pending p WHERE (p.app, p.id) > (a.app, 0) AND p.app <= a.app ORDER BY p.app, p.id LIMIT 1) o /* all apps */`
	oldestOfEndpoint = `SELECT min(o.id) FROM (
			(SELECT id FROM bellhop.pending WHERE owner IS NULL AND (endpoint, id) > ($1, 0) AND endpoint <= $1 AND ($2 OR app = ANY($3)) ORDER BY endpoint, id LIMIT 1)
			UNION ALL SELECT min(id) FROM (SELECT id FROM bellhop.pending WHERE owner IS NOT NULL AND endpoint = $1 AND ($2 OR app = ANY($3)) OFFSET 0) owned) o /* all apps */`
)

// Pending counts unfinished deliveries, and finds the oldest.
func (s *Store) Pending(ctx context.Context, scope bellhop.Scope, e bellhop.EndpointID) (count int64, oldest bellhop.DeliveryID, err error) {
	return s.pendingFor(ctx, forPeople, scope, e)
}

// pendingFor is Pending for somebody else.
func (s *Store) pendingFor(ctx context.Context, of use, scope bellhop.Scope, e bellhop.EndpointID) (count int64, oldest bellhop.DeliveryID, err error) {
	err = s.readFor(ctx, of, "count deliveries", func(q *reading) error {
		count, oldest = 0, 0
		var fresh, freshest int64
		if _, err := q.one(into(&count), countWaits, scope.All, scope.Apps, int64(e)); err != nil {
			return err
		}
		if _, err := q.one(into(&fresh, &freshest), countFresh, scope.All, scope.Apps, int64(e)); err != nil {
			return err
		}
		var first *int64
		var err error
		switch {
		case count == 0:
		case e != 0:
			_, err = q.one(into(&first), oldestOfEndpoint, int64(e), scope.All, scope.Apps)
		case scope.All:
			_, err = q.one(into(&first), oldestOfAll)
		default:
			_, err = q.one(into(&first), oldestOfApps, scope.Apps)
		}
		if first != nil {
			oldest = bellhop.DeliveryID(*first)
		}
		if f := bellhop.DeliveryID(freshest); f != 0 && (oldest == 0 || f < oldest) {
			oldest = f
		}
		count += fresh
		return err
	})
	return count, oldest, err
}
