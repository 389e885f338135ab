package native

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

func (n *native) getHold(c *api.Call, _ api.NoInput) (wire.Hold, error) {
	return holdOf(n.desk.Hold(c.Context(), c.Principal()))
}

func (n *native) holdSending(c *api.Call, _ api.NoInput) (wire.Hold, error) {
	return holdOf(n.desk.HoldAll(c.Context(), c.Principal()))
}

func (n *native) releaseSending(c *api.Call, _ api.NoInput) (wire.Hold, error) {
	return holdOf(n.desk.ReleaseAll(c.Context(), c.Principal()))
}

func holdOf(h bellhop.Hold, err error) (wire.Hold, error) {
	return wire.Hold{Held: h.On(), Since: h.Since, ReleasedAt: h.ReleasedAt}, err
}
