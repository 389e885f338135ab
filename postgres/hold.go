package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// SetHold holds the sending to all endpoints, or releases it.
func (s *Store) SetHold(ctx context.Context, held bool, audit *bellhop.AuditEntry, now time.Time) (hold bellhop.Hold, err error) {
	err = s.write(ctx, asked, "hold or release the sending", func(t *txn) error {
		// The row is there to be locked, also the first time.
		if _, err := t.exec("INSERT INTO bellhop.hold (id, since, released_at) VALUES (1, 0, 0) ON CONFLICT (id) DO NOTHING"); err != nil {
			return err
		}
		old, err := t.hold("SELECT since, released_at FROM bellhop.hold FOR UPDATE")
		if err != nil {
			return err
		}
		changed := false
		if hold, changed = old.Changed(held, now); !changed {
			return nil
		}
		if _, err := t.exec("UPDATE bellhop.hold SET since = $1, released_at = $2", micros(hold.Since), micros(hold.ReleasedAt)); err != nil {
			return err
		}
		t.everything(partRoutes)
		return t.addAudit(audit)
	})
	return hold, err
}

func (q *reading) hold(sql string) (h bellhop.Hold, err error) {
	_, err = q.one(func(r row) error {
		var since, released int64
		err := r.Scan(&since, &released)
		h = bellhop.Hold{Since: moment(since), ReleasedAt: moment(released)}
		return err
	}, sql)
	return h, err
}
