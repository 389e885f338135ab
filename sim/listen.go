package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
)

// Somebody has to listen at some endpoints, by way of a node: that node alone can send to
// them, so the bucket goes there.

// listenedAt tells whether somebody has to listen at a door.
func (d *door) listenedAt() bool { return strings.HasPrefix(d.now.URL, bellhop.ListenPrefix) }

// away is engine.Engine.away.
func (n *node) away(e bellhop.EndpointID, _ string) string {
	if n.listened[e] {
		return ""
	}
	return bellhop.NobodyListens
}

// listen has somebody listen for a while at an endpoint that needs it.
func (w *world) listen() {
	n := w.some()
	var list []*door
	for _, d := range w.ledger.list {
		if !d.deleted && d.listenedAt() {
			list = append(list, d)
		}
	}
	if n == nil || len(list) == 0 {
		return
	}
	if d := pick(&w.loop, list); n.listen(d.id) {
		n.after(w.between(time.Second, 3*time.Minute), "cease", int64(d.id), func() {
			if w.mended == 0 {
				n.cease(d.id, "cease")
			}
		})
	}
}

// listen is engine.Engine.Listen: it tells whether the node takes the listener.
func (n *node) listen(e bellhop.EndpointID) bool {
	w := n.w
	nodes, err := w.store.Nodes(ctx)
	w.must(err)
	for i := range nodes {
		if nodes[i].Lease != n.lease && slices.ContainsFunc(nodes[i].Status.Listened, func(o bellhop.EndpointID) bool { return bellhop.BucketOf(o) == bellhop.BucketOf(e) }) {
			w.reached("a listener was refused, since another node has the bucket")
			return false
		}
	}
	n.log("listen", int64(e), 0, "")
	n.listened[e] = true
	n.listenerMoved(e)
	return true
}

// cease ends it that somebody listens.
func (n *node) cease(e bellhop.EndpointID, why string) {
	if n.listened[e] {
		n.log(why, int64(e), 0, "")
		delete(n.listened, e)
		n.listenerMoved(e)
	}
}

// listenerMoved is engine.Engine.listenerMoved.
func (n *node) listenerMoved(e bellhop.EndpointID) {
	n.do(lane.Stirred{Endpoint: e})
	n.listenersMoved = true
	n.beat()
}

// status is what the node says with a heartbeat.
func (n *node) status() *bellhop.NodeStatus {
	s := &bellhop.NodeStatus{Doing: bellhop.NodeDelivering, Listened: slices.Sorted(maps.Keys(n.listened))}
	if n.stopping {
		s.Doing = bellhop.NodeDraining
	}
	return s
}

// heedListeners is engine.Engine.heedListeners.
func (n *node) heedListeners(pins map[bellhop.Bucket]bellhop.Lease) {
	for _, e := range slices.Sorted(maps.Keys(n.listened)) {
		if l, pinned := pins[bellhop.BucketOf(e)]; pinned && l != n.lease {
			n.w.reached("of two nodes that were listened at, one gave way")
			n.cease(e, "dismissed")
		}
	}
}

// listenAgain has somebody listen wherever it is needed, at the end.
func (w *world) listenAgain() {
	for _, d := range w.ledger.list {
		listens := func(n *node) bool { return n != nil && n.listened[d.id] }
		if d.deleted || !d.listenedAt() || slices.ContainsFunc(w.nodes, listens) {
			continue
		}
		for _, n := range w.nodes {
			if n != nil && n.awake() && n.listen(d.id) {
				break
			}
		}
	}
}

// elsewhere gives a door at which somebody listens by way of a node that does not own its
// bucket; nil if there is none.
func (w *world) elsewhere() *door {
	for _, d := range w.ledger.list {
		for _, n := range w.nodes {
			if n != nil && n.listened[d.id] && !d.deleted && w.ledger.owners[bellhop.BucketOf(d.id)].Lease != n.lease {
				return d
			}
		}
	}
	return nil
}
