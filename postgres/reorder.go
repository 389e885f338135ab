package postgres

import (
	"math"
	"time"

	"github.com/bellhop/bellhop"
)

// reorderChunk is how many deliveries one step carries over to a new ordering.
const reorderChunk = 500

const (
	beginReorder = `INSERT INTO bellhop.reorders (endpoint, after, since, again, xid) VALUES ($1, 0, $2, true, NULL)
		ON CONFLICT (endpoint) DO UPDATE SET after = 0, since = excluded.since, again = true, xid = NULL`
	lockReorder = `SELECT after, since, again, coalesce(xid < pg_snapshot_xmin(pg_current_snapshot()), false)
		FROM bellhop.reorders WHERE endpoint = $1 FOR UPDATE`
	// besideReorders is what Sweep does of it, as with what is owed.
	besideReorders = `UPDATE bellhop.reorders r SET xid = pg_current_xact_id() FROM (SELECT endpoint, since FROM bellhop.reorders WHERE xid IS NULL) s
		WHERE r.endpoint = s.endpoint AND r.since = s.since AND r.xid IS NULL`

	// toReorder finds a piece of an endpoint's pending deliveries: what is owned, which is
	// little, and what is not have indexes of their own.
	toReorder = `SELECT p.id, p.app, coalesce(e.subject, ''), coalesce(p.order_key, ''), p.due IS NULL AND NOT p.held
		FROM (SELECT * FROM (SELECT id, app, event, order_key, due, held FROM bellhop.pending WHERE owner IS NULL AND endpoint = $1 AND id > $2 ORDER BY id LIMIT $3) idle
			UNION ALL SELECT id, app, event, order_key, due, held FROM bellhop.pending WHERE owner IS NOT NULL AND endpoint = $1 AND id > $2) p
		LEFT JOIN bellhop.events e ON e.app = p.app AND e.id = p.event ORDER BY p.id LIMIT $3 /* all apps */`
	carryOver = `WITH changed AS (
			SELECT p.app, p.id, c.key FROM unnest($1::text[], $2::bigint[], $3::text[]) c (app, id, key)
			JOIN bellhop.pending p ON p.app = c.app AND p.id = c.id ORDER BY p.id FOR UPDATE OF p)
		UPDATE bellhop.pending p SET order_key = nullif(c.key, ''), due = CASE WHEN p.held THEN NULL ELSE coalesce(p.due, $4) END
		FROM changed c WHERE p.app = c.app AND p.id = c.id`

	// waitingToReorder lists endpoints whose ordering was changed: what waits there has
	// been due since then. One that only waits for the transactions beside the change has
	// nothing to be done.
	waitingToReorder = `SELECT endpoint, since FROM bellhop.reorders r
		WHERE (after < 9223372036854775807 OR xid < pg_snapshot_xmin(pg_current_snapshot()))
		AND EXISTS (SELECT 1 FROM bellhop.pending p WHERE p.owner IS NULL AND p.endpoint = r.endpoint) ORDER BY endpoint /* all apps */`
)

// beginReorder notes that an endpoint's ordering was changed; a change that is under
// way begins anew.
func (t *txn) beginReorder(e *bellhop.Endpoint, now time.Time) error {
	_, err := t.exec(beginReorder, int64(e.ID), micros(now))
	if err == nil {
		_, err = t.reorder(e.ID) // mostly this is all
	}
	return err
}

// reorder goes on with a change of ordering, if there is one: it carries it over to a piece
// of the endpoint's pending deliveries, and answers whether they have the order that it
// has. All that waited become due; Claim finds out which of them wait under the new order.
//
// What other transactions had in hand when the ordering was changed they store with the
// order of before. So all is gone through once more when the last of them has ended; work is
// given beside.
func (t *txn) reorder(e bellhop.EndpointID) (done bool, err error) {
	var after, since int64
	var again, quiet bool
	found, err := t.one(into(&after, &since, &again, &quiet), lockReorder, int64(e))
	if err != nil || !found {
		return true, err
	}
	// Not before the lock is held: a second change may have been waited for.
	var ordering string
	exists, err := t.one(into(&ordering), "SELECT ordering FROM bellhop.endpoints WHERE id = $1", int64(e))
	if err != nil || !exists {
		return true, err
	}
	if after == math.MaxInt64 {
		if !quiet {
			return true, nil
		}
		after, again = 0, false
	}
	looked, after, err := t.carryOver(e, bellhop.Ordering(ordering), after, since, again)
	switch {
	case err != nil:
		return false, err
	case looked == reorderChunk:
	case again:
		after = math.MaxInt64
	default:
		_, err = t.exec("DELETE FROM bellhop.reorders WHERE endpoint = $1", int64(e))
		return true, err
	}
	_, err = t.exec("UPDATE bellhop.reorders SET after = $1, again = $2 WHERE endpoint = $3", after, again, int64(e))
	return !again || looked < reorderChunk, err
}

// carryOver gives a piece of an endpoint's pending deliveries the order that it has now.
// It answers how many it looked at, and the last one. The first time, all that wait in
// their order become due, too.
func (t *txn) carryOver(e bellhop.EndpointID, o bellhop.Ordering, after, since int64, first bool) (looked int, last int64, err error) {
	var id int64
	var app, subject, key string
	var waits bool
	var apps, keys []string
	var ids []int64
	last = after
	err = t.each(scan(func() {
		looked, last = looked+1, id
		to := o.OrderKey(&bellhop.Event{App: app, Subject: subject})
		if to != key || first && waits {
			apps, ids, keys = append(apps, app), append(ids, id), append(keys, to)
		}
	}, &id, &app, &subject, &key, &waits), toReorder, int64(e), after, reorderChunk)
	if err == nil && len(ids) > 0 {
		_, err = t.exec(carryOver, apps, ids, keys, since)
	}
	return looked, last, err
}
