package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Clock gives what was noted last of the time.
func (s *Store) Clock(ctx context.Context) (bellhop.ClockMark, error) {
	var m bellhop.ClockMark
	err := s.read(ctx, "read what the clock showed", func(c *sqlite.Conn) error {
		var unreadable error
		found, err := one(c, func(st *sqlite.Stmt) {
			m = bellhop.ClockMark{At: moment(st.ColumnInt64(0))}
			if unreadable = fromJSON(st, 1, &m.Doubts); unreadable == nil {
				unreadable = fromJSON(st, 2, &m.Turned)
			}
		}, "SELECT at, doubts, turned FROM clock")
		if err != nil || found {
			if err == nil {
				err = unreadable
			}
			return err
		}
		return each(c, func(st *sqlite.Stmt) { m.At = moment(st.ColumnInt64(0)) }, "SELECT coalesce(max(lease_until), 0) FROM nodes")
	})
	return m, err
}

// NoteClock notes the time.
func (s *Store) NoteClock(ctx context.Context, m bellhop.ClockMark) error {
	var doubts, turned any
	if len(m.Doubts) > 0 {
		doubts = toJSON(m.Doubts)
	}
	if m.Turned != nil {
		turned = toJSON(m.Turned)
	}
	return s.write(ctx, "note the time", rowWeight, func(w *writer) error {
		return exec(w.conn, "INSERT OR REPLACE INTO clock (id, at, doubts, turned) VALUES (1, ?, ?, ?)", micros(m.At), doubts, turned)
	})
}

// Replan makes good what a step back of the clock has done.
func (s *Store) Replan(ctx context.Context, t bellhop.Turn, after bellhop.DeliveryID, limit int) (next bellhop.DeliveryID, changed int, err error) {
	err = s.tidy(ctx, "plan anew", rowWeight*limit, func(w *writer) error {
		next, changed = 0, 0
		if after == 0 {
			if err := w.writeDownAll(); err != nil {
				return err
			}
		}
		type row struct {
			bellhop.Delivery
			at int64
		}
		var rows []row
		err := each(w.conn, func(st *sqlite.Stmt) { rows = append(rows, row{scanPending(st), st.ColumnInt64(16)}) },
			"SELECT "+pendingColumns+", (SELECT deliver_at FROM events WHERE events.id = p.event) FROM pending p WHERE p.id > ? ORDER BY p.id LIMIT ? + 0",
			int64(after), limit+1)
		if err != nil {
			return err
		}
		if len(rows) > limit {
			rows = rows[:limit]
			next = rows[limit-1].ID
		}
		for _, r := range rows {
			at := moment(r.at)
			if !t.Replanned(&r.Delivery, &at) {
				continue
			}
			changed++
			var due any
			if !r.Due.IsZero() {
				due = micros(r.Due)
			}
			if err := exec(w.conn, "UPDATE pending SET due = ?, order_pos = ? WHERE id = ?", due, int64(r.OrderPos), int64(r.ID)); err != nil {
				return err
			}
		}
		return nil
	})
	return next, changed, err
}
