package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// SetHold holds the sending to all endpoints, or releases it.
func (s *Store) SetHold(ctx context.Context, held bool, audit *bellhop.AuditEntry, now time.Time) (hold bellhop.Hold, err error) {
	err = s.write(ctx, "hold or release the sending", rowWeight, func(w *writer) error {
		old, err := holdOf(w.conn)
		if err != nil {
			return err
		}
		changed := false
		if hold, changed = old.Changed(held, now); !changed {
			return nil
		}
		if err := exec(w.conn, "INSERT OR REPLACE INTO hold (id, since, released_at) VALUES (1, ?, ?)", micros(hold.Since), micros(hold.ReleasedAt)); err != nil {
			return err
		}
		if err := w.everything(partRoutes); err != nil {
			return err
		}
		return w.addAudit(audit)
	})
	return hold, err
}

func holdOf(c *sqlite.Conn) (h bellhop.Hold, err error) {
	err = each(c, func(st *sqlite.Stmt) {
		h = bellhop.Hold{Since: moment(st.ColumnInt64(0)), ReleasedAt: moment(st.ColumnInt64(1))}
	}, "SELECT since, released_at FROM hold")
	return h, err
}
