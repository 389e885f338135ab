package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// hastenThese moves what the lanes may claim: what waits in an order has no due. The attempt
// that comes of it is not counted.
const hastenThese = `WITH mine AS (SELECT app, id FROM bellhop.pending
		WHERE endpoint = $2 AND id = ANY($3) AND owner IS NULL AND NOT held AND attempts > 0 AND due > $1 ORDER BY id FOR UPDATE)
	UPDATE bellhop.pending p SET due = $1, holds = least(p.holds + 1, p.attempts) FROM mine m WHERE p.app = m.app AND p.id = m.id /* all apps */`

// noteHastened moves on how often endpoints were hastened, with a feed of which.
const noteHastened = `WITH v AS (INSERT INTO bellhop.versions (part, version) VALUES ('hastened', 1)
		ON CONFLICT (part) DO UPDATE SET version = bellhop.versions.version + 1 RETURNING version),
	added AS (INSERT INTO bellhop.feed (part, version, name, id) SELECT 'hastened', version, '', $1 FROM v)
	DELETE FROM bellhop.feed f USING v WHERE f.part = 'hastened' AND f.version <= v.version - $2`

// Hasten makes deliveries due now that wait for a later retry.
func (s *Store) Hasten(ctx context.Context, e bellhop.EndpointID, deliveries []bellhop.DeliveryID, now time.Time) (moved int, err error) {
	err = s.write(ctx, upkeep, "hasten", func(t *txn) error {
		moved = 0
		if len(deliveries) > 0 {
			n, err := t.exec(hastenThese, micros(now), int64(e), numbers(deliveries))
			if err != nil {
				return err
			}
			moved = int(n)
		}
		_, err := t.exec(noteHastened, int64(e), int64(maxFeed)) // last: all who hasten wait for it
		return err
	})
	return moved, err
}

// Hastened gives the endpoints that were hastened since a version.
func (s *Store) Hastened(ctx context.Context, since int64) (endpoints []bellhop.EndpointID, err error) {
	err = s.readFor(ctx, forFlow, "look which endpoints are to be tried now", func(q *reading) (err error) {
		endpoints, err = list(q, func(r row) (e bellhop.EndpointID, err error) {
			return e, r.Scan((*int64)(&e))
		}, "SELECT DISTINCT id FROM bellhop.feed WHERE part = 'hastened' AND version > $1 ORDER BY id", since)
		return err
	})
	return endpoints, err
}
