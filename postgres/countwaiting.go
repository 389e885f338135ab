package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

const (
	waitingAfter = "SELECT p.id, p.endpoint, p.held, p.owner IS NOT NULL, p.due, p.attempts FROM bellhop.pending p WHERE p.id > $1 ORDER BY p.id LIMIT $2::bigint /* all apps */"
	freshAfter   = "SELECT p.id, p.endpoint, false, true, greatest((p.id >> 21) * 1000, p.deliver_at), 0 FROM bellhop.fresh p WHERE p.id > $1 ORDER BY p.id LIMIT $2::bigint /* all apps */"
)

// CountWaiting adds up what a piece of the unfinished deliveries waits for. Each piece is
// read by itself, so that nothing is held on to while there are many.
func (s *Store) CountWaiting(ctx context.Context, sums map[bellhop.EndpointID]*bellhop.Waiting, after bellhop.DeliveryID, limit int, now time.Time) (next bellhop.DeliveryID, err error) {
	type waiting struct {
		id, endpoint int64
		held, owned  bool
		due          *int64
		attempts     int
	}
	read := func(r row) (w waiting, err error) {
		return w, r.Scan(&w.id, &w.endpoint, &w.held, &w.owned, &w.due, &w.attempts)
	}
	var all []waiting
	err = s.readFor(ctx, forUpkeep, "count what waits", func(q *reading) error {
		all = nil
		for _, sql := range []string{waitingAfter, freshAfter} {
			some, err := list(q, read, sql, int64(after), limit)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	all = oldest(all, limit, func(w *waiting) int64 { return w.id })
	for i := range all {
		w := &all[i]
		e := bellhop.EndpointID(w.endpoint)
		if sums[e] == nil {
			sums[e] = &bellhop.Waiting{}
		}
		due := time.Time{}
		if w.due != nil {
			due = moment(*w.due)
		}
		sums[e].Add(w.held, w.owned, due, w.attempts, now)
	}
	if len(all) < limit {
		return 0, nil
	}
	return bellhop.DeliveryID(all[len(all)-1].id), nil
}
