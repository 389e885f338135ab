package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/idlist"
)

const waitingAfter = "SELECT id, endpoint, held, owner IS NOT NULL, due, attempts FROM pending NOT INDEXED WHERE id > ? ORDER BY id LIMIT ? + 0"

// CountWaiting adds up what a piece of the unfinished deliveries waits for. Each piece is
// read by itself, so that nothing is held on to while there are many.
func (s *Store) CountWaiting(ctx context.Context, sums map[bellhop.EndpointID]*bellhop.Waiting, after bellhop.DeliveryID, limit int, now time.Time) (next bellhop.DeliveryID, err error) {
	n := 0
	err = s.readFor(ctx, forUpkeep, "count what waits", func(c *sqlite.Conn) error {
		sumOf := func(e bellhop.EndpointID) *bellhop.Waiting {
			sum := sums[e]
			if sum == nil {
				sum = &bellhop.Waiting{}
				sums[e] = sum
			}
			return sum
		}
		fresh, err := s.writer.fresh.view(c, 0, func(*freshDelivery) bool { return true })
		if err != nil {
			return err
		}
		err = each(c, func(st *sqlite.Stmt) {
			n++
			next = bellhop.DeliveryID(st.ColumnInt64(0))
			e := bellhop.EndpointID(st.ColumnInt64(1))
			due := time.Time{}
			if !st.ColumnIsNull(4) {
				due = moment(st.ColumnInt64(4))
			}
			sumOf(e).Add(st.ColumnBool(2), st.ColumnBool(3), due, st.ColumnInt(5), now)
		}, waitingAfter, int64(after), limit)
		if err == nil && n < limit { // with the last piece: rows that come meanwhile are in it, too
			for i := range fresh {
				sumOf(fresh[i].Endpoint).Add(false, true, fresh[i].Due, 0, now)
			}
		}
		return err
	})
	if n < limit {
		next = 0
	}
	return next, err
}

const owedAfter = "SELECT f.event, f.done, l.endpoints FROM fanouts f JOIN fanout_lists l ON l.id = f.list WHERE f.event > ? ORDER BY f.event LIMIT ? + 0"

// CountOwed counts the deliveries that are still to be made of a piece of the fan-outs.
func (s *Store) CountOwed(ctx context.Context, after bellhop.EventID, limit int) (owed int64, next bellhop.EventID, err error) {
	n := 0
	err = s.readFor(ctx, forUpkeep, "count deliveries to be made", func(c *sqlite.Conn) error {
		owed, next, n = 0, 0, 0
		return each(c, func(st *sqlite.Stmt) {
			n++
			next = bellhop.EventID(st.ColumnInt64(0))
			list, _ := idlist.Decode[int64](blob(st, 2)) // Spread tells of a damaged one
			owed += int64(len(list) - idlist.After(list, st.ColumnInt64(1)))
		}, owedAfter, int64(after), limit)
	})
	if n < limit {
		next = 0
	}
	return owed, next, err
}
