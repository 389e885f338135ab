package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// hastenThese moves what the lanes may claim: what waits in an order has no due.
const hastenThese = `WITH mine AS (SELECT app, id FROM bellhop.pending
		WHERE endpoint = $2 AND id = ANY($3) AND owner IS NULL AND NOT held AND attempts > 0 AND due > $1 ORDER BY id FOR UPDATE)
	UPDATE bellhop.pending p SET due = $1 FROM mine m WHERE p.app = m.app AND p.id = m.id /* all apps */`

// Hasten makes deliveries due now that wait for a later retry.
func (s *Store) Hasten(ctx context.Context, e bellhop.EndpointID, deliveries []bellhop.DeliveryID, now time.Time) (moved int, err error) {
	if len(deliveries) == 0 {
		return 0, nil
	}
	err = s.write(ctx, upkeep, "hasten", func(t *txn) error {
		n, err := t.exec(hastenThese, micros(now), int64(e), numbers(deliveries))
		moved = int(n)
		return err
	})
	return moved, err
}
