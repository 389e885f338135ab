package native

import (
	"time"

	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/engine"
)

func (n *native) listNodes(c *api.Call, _ api.NoInput) (wire.List[wire.Node], error) {
	list, err := n.desk.Nodes(c.Context(), c.Principal())
	if err != nil {
		return wire.List[wire.Node]{}, err
	}
	return whole(list, nodeOf), nil
}

func nodeOf(v engine.NodeView) wire.Node {
	utc := func(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
	w := wire.Node{
		Node: int(v.Lease.Node), Name: v.Name, Version: v.Version, StartedAt: utc(v.Started), JoinedAt: utc(v.Joined), LeaseUntil: utc(v.Until),
		Doing: v.Status.Doing, Answers: v.Answers, KeepsHouse: v.KeepsHouse, Buckets: v.Buckets, Backlog: v.Backlog,
		InFlight: v.Status.InFlight, Queued: v.Status.Queued, CircuitsOpen: v.Status.CircuitsOpen, ClockAhead: v.Status.ClockAhead,
	}
	if !v.CountedAt.IsZero() {
		w.CountedAt = utc(v.CountedAt)
	}
	return w
}
