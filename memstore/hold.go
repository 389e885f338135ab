package memstore

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// SetHold holds the sending to all endpoints, or releases it.
func (s *Store) SetHold(ctx context.Context, held bool, audit *bellhop.AuditEntry, now time.Time) (hold bellhop.Hold, err error) {
	err = s.step(ctx, func() error {
		changed := false
		if s.hold, changed = s.hold.Changed(held, now); changed {
			s.routes.everything()
			s.addAudit(audit)
		}
		hold = s.hold
		return nil
	})
	return hold, err
}
