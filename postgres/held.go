package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// releaseChunk is how many held deliveries one step lets go.
const releaseChunk = 250

const (
	beginRelease = `INSERT INTO bellhop.releases (endpoint, after, since) VALUES ($1, 0, $2)
		ON CONFLICT (endpoint) DO UPDATE SET after = 0, since = excluded.since`
	lockRelease = "SELECT after, since FROM bellhop.releases WHERE endpoint = $1 FOR UPDATE"
	letSomeGo   = letHeld + "AND id > $3 ORDER BY id LIMIT $4 FOR UPDATE)" + goes
	letTheseGo  = letHeld + "AND id = ANY($3) ORDER BY id FOR UPDATE)" + goes
	letHeld     = "WITH held AS (SELECT app, id FROM bellhop.pending WHERE held AND endpoint = $2 "
	goes        = `UPDATE bellhop.pending p SET held = false, due = $1, released = $1, born = $1 FROM held h
		WHERE p.app = h.app AND p.id = h.id RETURNING p.id, p.app, p.trigger /* all apps */`
	underRelease = "SELECT 1 FROM bellhop.releases WHERE endpoint = $1"
	oldestHeld   = "SELECT released FROM bellhop.pending WHERE held AND endpoint = $1 ORDER BY id LIMIT 1 /* all apps */"
)

// beginRelease notes that an endpoint's held deliveries may go; a release that is under
// way begins anew.
func (t *txn) beginRelease(e bellhop.EndpointID, now time.Time) error {
	_, err := t.exec(beginRelease, int64(e), micros(now))
	if err == nil {
		_, err = t.goOnReleasing(e) // mostly this is all
	}
	return err
}

// goOnReleasing lets a piece of an endpoint's held deliveries go, and answers whether
// that was all. One that is held again meanwhile stays so.
func (t *txn) goOnReleasing(e bellhop.EndpointID) (done bool, err error) {
	var after, since int64
	found, err := t.one(into(&after, &since), lockRelease, int64(e))
	if err != nil || !found {
		return true, err
	}
	for left := releaseChunk; left > 0; {
		gone, err := t.letGo(e, letSomeGo, since, int64(e), after, left)
		if err != nil {
			return false, err
		}
		if len(gone) == 0 {
			_, err := t.exec("DELETE FROM bellhop.releases WHERE endpoint = $1", int64(e))
			return true, err
		}
		after, left = slices.Max(gone), left-len(gone)
	}
	_, err = t.exec("UPDATE bellhop.releases SET after = $1 WHERE endpoint = $2", after, int64(e))
	return false, err
}

// letGo runs a statement that lets held deliveries go, and gives their ids.
func (t *txn) letGo(e bellhop.EndpointID, sql string, args ...any) (gone []int64, err error) {
	var id int64
	var app, trigger string
	err = t.each(scan(func() {
		gone = append(gone, id)
		t.counted(waits{app: app, endpoint: e, again: bellhop.Trigger(trigger).Again(), held: -1})
	}, &id, &app, &trigger), sql, args...)
	return gone, err
}

// ReleaseHeld lets held deliveries of an endpoint go.
func (s *Store) ReleaseHeld(ctx context.Context, e bellhop.EndpointID, only []bellhop.DeliveryID, now time.Time) (released int, err error) {
	err = s.write(ctx, upkeep, "release held deliveries", func(t *txn) error {
		released = 0
		var ordering string
		found, err := t.one(into(&ordering), "SELECT ordering FROM bellhop.endpoints WHERE id = $1 FOR NO KEY UPDATE", int64(e))
		if err == nil && !found {
			err = bellhop.NotFound("endpoint", e.String())
		}
		if err == nil && len(only) == 0 {
			if released, err = t.mayRelease(e, now); err != nil || released == 0 {
				return err
			}
		}
		if err == nil {
			err = t.reviveBehind(e, now)
		}
		if err != nil {
			return err
		}
		if len(only) == 0 {
			return t.beginRelease(e, now)
		}
		gone, err := t.letGo(e, letTheseGo, micros(now), int64(e), numbers(only))
		released = len(gone)
		return err
	})
	return released, err
}

// mayRelease answers how many held deliveries of an endpoint may be let go: none if that
// is under way, or was done a moment ago.
func (t *txn) mayRelease(e bellhop.EndpointID, now time.Time) (int, error) {
	var one int
	going, err := t.one(into(&one), underRelease, int64(e))
	if err != nil || going {
		return 0, err
	}
	var last, held int64
	holds, err := t.one(into(&last), oldestHeld, int64(e))
	if err != nil || !holds {
		return 0, err
	}
	_, err = t.one(into(&held), "SELECT coalesce(sum(held), 0)::bigint FROM bellhop.waiting_now WHERE endpoint = $1 /* all apps */", int64(e))
	if err != nil || bellhop.JustReleased(moment(last), held, now) {
		return 0, err
	}
	return int(held), nil
}

func (t *txn) anyHeld(e bellhop.EndpointID) (bool, error) {
	var released int64
	return t.one(into(&released), oldestHeld, int64(e))
}

// reviveBehind makes what waits behind held deliveries in their order young again, as
// Resumed does.
func (t *txn) reviveBehind(e bellhop.EndpointID, now time.Time) error {
	holds, err := t.anyHeld(e)
	if err != nil || !holds {
		return err
	}
	n, err := t.exec("UPDATE bellhop.endpoints SET resumed_at = $1 WHERE id = $2 AND ordering <> $3", micros(now), int64(e), string(bellhop.OrderingNone))
	if err != nil || n == 0 {
		return err
	}
	return t.changed(partRoutes, "", int64(e))
}

// mayHold gives the revisions of the endpoints whose deliveries are to be held, and keeps
// them as they are until the transaction ends: a change that lets what is held go comes
// before it or after it. It is called before any delivery is touched, as whoever changes
// an endpoint does.
func (t *txn) mayHold(results []bellhop.Result) (revisions map[bellhop.EndpointID]int64, err error) {
	var of []int64
	for i := range results {
		if results[i].Held && !results[i].Attempt.Final {
			of = append(of, int64(results[i].Attempt.Endpoint))
		}
	}
	if len(of) == 0 {
		return nil, nil
	}
	revisions = map[bellhop.EndpointID]int64{}
	var e, revision int64
	err = t.each(scan(func() { revisions[bellhop.EndpointID(e)] = revision }, &e, &revision),
		"SELECT id, revision FROM bellhop.endpoints WHERE id = ANY($1) ORDER BY id FOR SHARE", of)
	return revisions, err
}

// Held counts held deliveries by endpoint.
func (s *Store) Held(ctx context.Context, scope bellhop.Scope, e bellhop.EndpointID) (held map[bellhop.EndpointID]int64, err error) {
	err = s.readFor(ctx, forPeople, "count held deliveries", func(q *reading) error {
		held = map[bellhop.EndpointID]int64{}
		var of, n int64
		return q.each(scan(func() { held[bellhop.EndpointID(of)] = n }, &of, &n),
			`SELECT endpoint, sum(held)::bigint FROM bellhop.waiting_now
			WHERE ($1 OR app = ANY($2)) AND ($3::bigint = 0 OR endpoint = $3) GROUP BY endpoint HAVING sum(held) <> 0 /* all apps */`,
			scope.All, scope.Apps, int64(e))
	})
	return held, err
}
