package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/idlist"
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

const owedAfter = `SELECT f.event, f.done, l.endpoints FROM bellhop.fanouts f JOIN bellhop.fanout_lists l ON l.app = f.app AND l.id = f.list
	WHERE f.event > $1 ORDER BY f.event LIMIT $2::bigint /* all apps */`

// CountOwed counts the deliveries that are still to be made of a piece of the fan-outs.
func (s *Store) CountOwed(ctx context.Context, after bellhop.EventID, limit int) (owed int64, next bellhop.EventID, err error) {
	type fanout struct {
		event bellhop.EventID
		left  int
	}
	var all []fanout
	err = s.readFor(ctx, forUpkeep, "count deliveries to be made", func(q *reading) (err error) {
		all, err = list(q, func(r row) (fanout, error) {
			var event, done int64
			var encoded []byte
			err := r.Scan(&event, &done, &encoded)
			to, _ := idlist.Decode[int64](encoded) // Spread tells of a damaged one
			return fanout{bellhop.EventID(event), len(to) - idlist.After(to, done)}, err
		}, owedAfter, int64(after), limit)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	all = oldest(all, limit, func(f *fanout) int64 { return int64(f.event) })
	for _, f := range all {
		owed += int64(f.left)
	}
	if len(all) == limit {
		next = all[limit-1].event
	}
	return owed, next, nil
}
