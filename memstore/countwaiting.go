package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// CountWaiting adds up what a piece of the unfinished deliveries waits for.
func (s *Store) CountWaiting(ctx context.Context, sums map[bellhop.EndpointID]*bellhop.Waiting, after bellhop.DeliveryID, limit int, now time.Time) (next bellhop.DeliveryID, err error) {
	err = s.step(ctx, func() error {
		var ids []bellhop.DeliveryID
		for id := range s.pending {
			if id > after {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		if len(ids) >= limit {
			ids = ids[:limit]
			next = ids[limit-1]
		}
		for _, id := range ids {
			d := s.pending[id]
			if sums[d.Endpoint] == nil {
				sums[d.Endpoint] = &bellhop.Waiting{}
			}
			sums[d.Endpoint].Add(d.Held, d.Owner != 0, d.Due, d.Attempts, now)
		}
		return nil
	})
	return next, err
}

// CountOwed counts the deliveries that are still to be made of a piece of the fan-outs.
func (s *Store) CountOwed(ctx context.Context, after bellhop.EventID, limit int) (owed int64, next bellhop.EventID, err error) {
	err = s.step(ctx, func() error {
		n := 0
		for _, e := range sortedKeys(s.later) {
			if e <= after || n == limit {
				continue
			}
			owed += int64(len(s.later[e]))
			if n++; n == limit {
				next = e
			}
		}
		return nil
	})
	return owed, next, err
}
