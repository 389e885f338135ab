package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const (
	pendingColumns = `p.id, p.event, p.endpoint, p.app, (SELECT type FROM events WHERE events.id = p.event), p.trigger,
		p.owner, p.due, p.attempts, p.last_attempt, p.order_key, p.order_pos`
	pendingStatus = ", (SELECT status FROM endpoints WHERE endpoints.id = p.endpoint)"
	selectPending = "SELECT " + pendingColumns + " FROM pending p"
)

// scanPending reads pendingColumns.
func scanPending(st *sqlite.Stmt) bellhop.Delivery {
	return bellhop.Delivery{
		ID: bellhop.DeliveryID(st.ColumnInt64(0)), Event: bellhop.EventID(st.ColumnInt64(1)),
		Endpoint: bellhop.EndpointID(st.ColumnInt64(2)), App: st.ColumnText(3), Type: st.ColumnText(4),
		Trigger: bellhop.Trigger(st.ColumnText(5)), Status: bellhop.DeliveryPending,
		Owner: bellhop.NodeID(st.ColumnInt(6)), Due: moment(st.ColumnInt64(7)), Attempts: st.ColumnInt(8),
		LastAttempt: bellhop.AttemptID(st.ColumnInt64(9)),
		OrderKey:    st.ColumnText(10), OrderPos: bellhop.DeliveryID(st.ColumnInt64(11)),
	}
}

// scanUnfinished reads pendingColumns and pendingStatus.
func scanUnfinished(st *sqlite.Stmt) bellhop.Delivery {
	d := scanPending(st)
	d.Status = bellhop.Unfinished(bellhop.EndpointStatus(st.ColumnText(12)))
	return d
}

const endedColumns = "id, delivery, event, endpoint, app, type, trigger, number, status"

// scanEnded reads endedColumns of a final attempt.
func scanEnded(st *sqlite.Stmt) bellhop.Delivery {
	a := bellhop.Attempt{
		ID: bellhop.AttemptID(st.ColumnInt64(0)), Delivery: bellhop.DeliveryID(st.ColumnInt64(1)),
		Event: bellhop.EventID(st.ColumnInt64(2)), Endpoint: bellhop.EndpointID(st.ColumnInt64(3)),
		App: st.ColumnText(4), Type: st.ColumnText(5), Trigger: bellhop.Trigger(st.ColumnText(6)),
		Number: st.ColumnInt(7), Status: statusName(st.ColumnInt(8)),
	}
	return a.Ended()
}

// Delivery gives one delivery: what is pending, or else what its final attempt
// says.
func (s *Store) Delivery(ctx context.Context, id bellhop.DeliveryID) (bellhop.Delivery, error) {
	var d bellhop.Delivery
	err := s.read(ctx, "read a delivery", func(c *sqlite.Conn) error {
		found, err := one(c, func(st *sqlite.Stmt) { d = scanUnfinished(st) },
			"SELECT "+pendingColumns+pendingStatus+" FROM pending p WHERE p.id = ?", int64(id))
		if err == nil && !found {
			found, err = one(c, func(st *sqlite.Stmt) { d = scanEnded(st) },
				"SELECT "+endedColumns+" FROM attempts WHERE delivery = ? AND final = 1", int64(id))
		}
		if err == nil && !found {
			err = bellhop.NotFound("delivery", id.String())
		}
		return err
	})
	return d, err
}

// Deliveries lists deliveries, newest first, whether they have ended or not.
func (s *Store) Deliveries(ctx context.Context, f bellhop.DeliveryFilter) ([]bellhop.Delivery, error) {
	var list []bellhop.Delivery
	err := s.read(ctx, "list deliveries", func(c *sqlite.Conn) error {
		list = nil
		if f.Status == "" || f.Status == bellhop.DeliveryPending || f.Status == bellhop.DeliveryHeld {
			unfinished, err := collect(c, pendingQueries(&f), pendingColumns+pendingStatus, "pending p", "p.id", f.Limit, scanUnfinished)
			if err != nil {
				return err
			}
			list = unfinished
		}
		finished, err := collect(c, endedQueries(&f), endedColumns, "attempts", "delivery", f.Limit, scanEnded)
		list = append(list, finished...)
		return err
	})
	return newest(list, f.Limit, func(d *bellhop.Delivery) int64 { return int64(d.ID) }), err
}

// Pending counts unfinished deliveries.
func (s *Store) Pending(ctx context.Context, e bellhop.EndpointID) (count int64, oldest bellhop.DeliveryID, err error) {
	err = s.read(ctx, "count deliveries", func(c *sqlite.Conn) error {
		sql, args := "SELECT count(*), coalesce(min(id), 0) FROM pending", []any{}
		if e != 0 {
			sql, args = sql+" WHERE "+ofEndpoint, []any{int64(e), int64(e)}
		}
		return each(c, func(st *sqlite.Stmt) { count, oldest = st.ColumnInt64(0), bellhop.DeliveryID(st.ColumnInt64(1)) }, sql, args...)
	})
	return count, oldest, err
}
