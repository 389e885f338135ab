package desk

import (
	"context"

	"github.com/bellhop/bellhop"
)

// Hold says whether the sending to all endpoints is held.
func (d *Desk) Hold(_ context.Context, p bellhop.Principal) (bellhop.Hold, error) {
	if err := Permits(p, "getHold"); err != nil {
		return bellhop.Hold{}, err
	}
	return d.routes().Hold(), nil
}

// AllHeld tells whether the sending to all endpoints is held.
func (d *Desk) AllHeld() bool { return d.routes().Hold().On() }

// HoldAll holds the sending to all endpoints, on all nodes and over restarts, until
// ReleaseAll. Events are accepted meanwhile, and what is in flight finishes. To hold
// again changes nothing.
func (d *Desk) HoldAll(ctx context.Context, p bellhop.Principal) (bellhop.Hold, error) {
	return d.setHold(ctx, p, "holdSending", "sending.hold", true)
}

// ReleaseAll ends what HoldAll has begun: what waited goes out, oldest first, and what
// waits for a retry is tried at its time.
func (d *Desk) ReleaseAll(ctx context.Context, p bellhop.Principal) (bellhop.Hold, error) {
	return d.setHold(ctx, p, "releaseSending", "sending.release", false)
}

func (d *Desk) setHold(ctx context.Context, p bellhop.Principal, operation, action string, held bool) (hold bellhop.Hold, err error) {
	if err := Permits(p, operation); err != nil {
		return bellhop.Hold{}, err
	}
	err = d.write(ctx, "hold or release the sending", func() (err error) {
		hold, err = d.store.SetHold(ctx, held, d.e.AuditEntry(p.Actor, action, "", nil, nil), d.e.Now())
		return err
	})
	if err == nil {
		d.e.RefreshRoutes(ctx)
	}
	return hold, err
}
