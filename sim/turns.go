package sim

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
)

// retryShare is said anew: while both wait in memory, at least so many requests less one
// are first attempts before one is a retry.
const retryShare = 8

// turns is who waits in the machine, to see who goes first.
type turns struct {
	lease bellhop.Lease // the machine's
	// waiting are in a queue: whether they are retries.
	waiting map[bellhop.DeliveryID]bellhop.Work
	// firsts counts first attempts of an endpoint since its last retry.
	firsts map[bellhop.EndpointID]int
}

func newTurns() turns {
	return turns{waiting: map[bellhop.DeliveryID]bellhop.Work{}, firsts: map[bellhop.EndpointID]int{}}
}

// queued notes what an input brings the machine to send.
func (t *turns) queued(in lane.Input, known func(bellhop.EndpointID) bool) {
	switch in := in.(type) {
	case lane.Start:
		t.lease = in.Lease
	case lane.Joined:
		t.lease = in.Lease
	case lane.LeaseLost:
		t.lease = bellhop.Lease{}
		clear(t.waiting)
	case lane.Admitted:
		t.add(in.Work, known)
	case lane.Claimed:
		for _, w := range in.Answer.Work {
			t.add(w, known)
		}
	}
}

func (t *turns) add(w bellhop.Work, known func(bellhop.EndpointID) bool) {
	if w.Lease == t.lease && known(w.Delivery.Endpoint) {
		t.waiting[w.Delivery.ID] = w
	}
}

// waits counts what waits for an endpoint, retries or first attempts.
func (t *turns) waits(e bellhop.EndpointID, retries bool) (n int) {
	for _, w := range t.waiting {
		if w.Delivery.Endpoint == e && w.Delivery.IsRetry() == retries {
			n++
		}
	}
	return n
}

// inItsTurn: a first attempt does not wait behind retries, nor a retry for ever.
func (n *node) inItsTurn(job *lane.Job, name string) {
	w, t := n.w, &n.turns
	d := &job.Work.Delivery
	delete(t.waiting, d.ID)
	if !d.IsRetry() {
		t.firsts[d.Endpoint]++
		if t.waits(d.Endpoint, true) > 0 {
			w.reached("a first attempt went before retries that waited")
		}
		return
	}
	if t.waits(d.Endpoint, false) > 0 {
		if t.firsts[d.Endpoint] < retryShare-1 && job.Route.Ordering == bellhop.OrderingNone {
			w.broken("3 no neighbour", "%s is a retry, and goes before a first attempt", name)
		}
		w.reached("a retry went while first attempts waited")
	}
	t.firsts[d.Endpoint] = 0
}

// probed looks at what a claim brings to probe a circuit with.
func (n *node) probed(c lane.Claim, answer bellhop.Claimed, now time.Time) {
	w := n.w
	if len(answer.Work) != 1 {
		return
	}
	got := &answer.Work[0].Delivery
	others := 0
	for _, o := range w.ledger.doors[c.Endpoint].pending {
		if o.id == got.ID || o.ended || o.event.erased || o.settled != 0 {
			continue
		}
		row, err := w.store.Delivery(ctx, o.id)
		if err != nil || row.Owner != 0 || row.IsRetry() || row.Due.IsZero() || row.Due.After(now) {
			continue
		}
		others++
		switch {
		case got.IsRetry():
			if w.at-max(o.at, o.moved, w.disturbed) > 3*patch {
				w.broken("3 no neighbour", "a circuit is probed with the retry %s, while the first attempt %s waits", w.trace.of(int64(got.ID)), w.trace.of(int64(o.id)))
			}
		case row.Due.After(got.Due) || row.Due.Equal(got.Due) && row.ID > got.ID:
			w.broken("3 no neighbour", "a circuit is probed with %s, while the newer %s waits", w.trace.of(int64(got.ID)), w.trace.of(int64(o.id)))
		}
	}
	if others > 0 && !got.IsRetry() {
		w.reached("a probe was the newest of several first attempts")
	}
}
