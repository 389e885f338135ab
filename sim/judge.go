package sim

import (
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/history"
)

// fault notes what has befallen a node, up to now, for judge.
func (w *world) fault(n *node, what string, since time.Duration) {
	w.faults = append(w.faults, history.Fault{Node: n.name(), What: what, From: w.time(since), To: w.time(w.at)})
}

// lost notes that the lease of a node is over; blamed that it knows now.
func (w *world) lost(lease bellhop.Lease) {
	for _, n := range w.nodes {
		if n != nil && n.lease == lease && !n.stopping && n.astray == 0 {
			n.astray = w.at
		}
	}
}

func (n *node) blamed() {
	if n.astray != 0 {
		n.w.fault(n, "lost its lease", n.astray)
		n.astray = 0
	}
}

func (n *node) name() string { return fmt.Sprintf("n%d", n.no) }

// time is a moment as an outsider's clock shows it, which nobody sets.
func (w *world) time(at time.Duration) time.Time { return epoch.Add(at) }

// judge looks at the whole from outside, with the eyes that look at real processes, too:
// at what was acknowledged and at what the receivers got, endpoint by endpoint.
func (w *world) judge() {
	h := history.History{Faults: w.faults, Slack: time.Minute, Tolerance: -1, Jitter: 4 * time.Second}
	if w.plan.calm {
		h.Slack, h.Jitter = time.Second, longestPause+longestWay
	}
	of := map[*door][]*delivery{}
	for _, e := range w.ledger.inOrder {
		for _, d := range e.deliveries {
			of[d.door] = append(of[d.door], d)
		}
	}
	for _, to := range w.ledger.list {
		h.Endpoints, h.Events, h.Requests, h.Ends = []history.Endpoint{w.asks(to)}, h.Events[:0], h.Requests[:0], h.Ends[:0]
		for _, d := range of[to] {
			w.tell(&h, to, d)
		}
		r := history.Check(h)
		if err := r.Err(); err != nil {
			w.broken("what receivers saw", "%v", err)
		}
		if r.Repeated > 0 {
			w.reached("a receiver got again what it had taken")
		}
	}
}

// asks is what an endpoint asks for that can be judged from outside: what has not changed
// since it was made.
func (w *world) asks(to *door) history.Endpoint {
	e := history.Endpoint{Name: "r"}
	// Who comes first in an order is a matter of clocks.
	e.Ordered = to.now.Ordering != bellhop.OrderingNone && to.reordered == 0 && w.back == 0 && w.skew == 0
	if to.limited > to.made || w.alone() {
		return e
	}
	if rl := to.now.RateLimit; rl != nil {
		e.Rate, e.Burst = rl.PerSecond, rl.Burst
	}
	if to.now.ExactConcurrency {
		e.Concurrency = to.now.Concurrency
	}
	return e
}

// tell adds a delivery to what is judged, as something of its own: what is sent again by
// somebody's wish is no repetition.
func (w *world) tell(h *history.History, to *door, d *delivery) {
	name := d.id.String()
	e := history.Event{Name: name, Sent: w.time(d.at), Acked: w.time(d.at), To: []string{"r"}}
	if to.now.Ordering != bellhop.OrderingNone && d.Trigger == bellhop.TriggerPublish && d.event.DeliverAt == nil {
		// It is numbered when it is fanned out, and by the node's own clock.
		e.Key = d.OrderKey
		if numbered := d.event.id.Time(); numbered.Before(e.Sent) {
			e.Sent = numbered
		}
		e.Sent = e.Sent.Add(-2*w.plan.apart - 10*time.Millisecond)
	}
	h.Events = append(h.Events, e)
	taken := false
	for _, rq := range d.requests {
		if !rq.arrived {
			continue
		}
		left := rq.left
		if left == 0 {
			left = w.at
		}
		h.Requests = append(h.Requests, history.Request{
			Endpoint: "r", Event: name, Node: rq.node.name(), Arrived: w.time(rq.came), Answered: w.time(left), Taken: rq.taken,
		})
		taken = taken || rq.taken
	}
	if d.ended && (!taken || d.status != bellhop.AttemptSucceeded) {
		h.Ends = append(h.Ends, history.End{Endpoint: "r", Event: name, At: w.time(d.endedAt)})
	}
}
