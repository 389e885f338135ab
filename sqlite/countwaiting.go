package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const waitingAfter = "SELECT id, endpoint, held, owner IS NOT NULL, due, attempts FROM pending NOT INDEXED WHERE id > ? ORDER BY id LIMIT ?"

// CountWaiting adds up what a piece of the unfinished deliveries waits for. Each piece is
// read by itself, so that nothing is held on to while there are many.
func (s *Store) CountWaiting(ctx context.Context, sums map[bellhop.EndpointID]*bellhop.Waiting, after bellhop.DeliveryID, limit int, now time.Time) (next bellhop.DeliveryID, err error) {
	n := 0
	err = s.readFor(ctx, forUpkeep, "count what waits", func(c *sqlite.Conn) error {
		return each(c, func(st *sqlite.Stmt) {
			n++
			next = bellhop.DeliveryID(st.ColumnInt64(0))
			e := bellhop.EndpointID(st.ColumnInt64(1))
			sum := sums[e]
			if sum == nil {
				sum = &bellhop.Waiting{}
				sums[e] = sum
			}
			due := time.Time{}
			if !st.ColumnIsNull(4) {
				due = moment(st.ColumnInt64(4))
			}
			sum.Add(st.ColumnBool(2), st.ColumnBool(3), due, st.ColumnInt(5), now)
		}, waitingAfter, int64(after), limit)
	})
	if n < limit {
		next = 0
	}
	return next, err
}
