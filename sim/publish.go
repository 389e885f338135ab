package sim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
)

// kinds are the types of events that are published; the first is the one that some
// receivers refuse.
var kinds = [...]string{"order.paid", "order.sent", "user.made", "user.left"}

// floodKind is published by the hundred.
const floodKind = "flood.drop"

// publishing is a publisher that waits for an answer.
type publishing struct {
	a     *engine.Acceptance
	ps    []engine.Publication
	asked []bellhop.EventID // that the store was asked to store
	// own: Bellhop itself publishes it. away: the publisher waits no longer.
	own, away bool
	// taking, if not nil, is what it takes out of the outbox; over is told of its end.
	taking *bellhop.OutboxTaking
	over   func()
	since  time.Duration
}

// offer is what was published first under an external id.
type offer = engine.Publication

// publish has somebody publish an event, or several at once.
func (w *world) publish() {
	n := w.some()
	if n == nil {
		return
	}
	count := 1
	if w.plan.batches && w.chance(0.3) {
		count = w.number(1, 8)
	}
	ps := make([]engine.Publication, count)
	for i := range ps {
		ps[i] = w.publication()
	}
	n.publish(ps)
}

// flood publishes more at once than a lane can hold.
func (w *world) flood() {
	n := w.some()
	if n == nil {
		w.after(time.Second, "flood", 0, w.flood)
		return
	}
	ps := make([]engine.Publication, w.number(520, 640))
	for i := range ps {
		ps[i] = engine.Publication{App: appName(0), Type: floodKind, Data: w.data()}
	}
	n.publish(ps)
}

func (n *node) publish(ps []engine.Publication) {
	w := n.w
	p := &publishing{}
	if w.plan.goingAway && w.chance(0.2) {
		n.after(w.wait(20*time.Millisecond), "goes away", 0, func() { p.away = true })
	}
	n.log("publish", 0, int64(len(ps)), ps[0].App+" "+ps[0].Type+" "+ps[0].Subject)
	n.accept(p, ps...)
}

func (w *world) publication() engine.Publication {
	p := engine.Publication{App: appName(w.rand.IntN(w.plan.apps)), Type: pick(&w.loop, kinds[:])}
	if w.plan.subjects && w.chance(0.8) {
		p.Subject = fmt.Sprintf("thing:%d", w.number(1, 3))
	}
	if w.plan.scheduled && w.chance(0.2) {
		p.DeliverAt = w.clock().Add(w.between(time.Second, 2*time.Minute))
	}
	p.Data = w.data()
	if w.plan.externals && w.chance(0.5) {
		p.ExternalID = fmt.Sprintf("x%d", w.number(1, 40))
		key := [2]string{p.App, p.ExternalID}
		if first, known := w.offers[key]; !known {
			w.offers[key] = p
		} else if w.chance(0.9) {
			p = first
		}
	}
	return p
}

func (w *world) data() bellhop.JSON {
	w.published++
	size := int(w.between(1, 1000))
	if w.plan.large && w.chance(0.3) {
		size = 300_000
	}
	return bellhop.JSON(fmt.Sprintf(`{"n":%d,"pad":"%s"}`, w.published, strings.Repeat("x", size)))
}

// usualData is more than any data, but for what is large, and maxData more than any.
const (
	usualData = 1100
	maxData   = 310_000
)

// accept carries an acceptance through, as engine.Engine does.
func (n *node) accept(p *publishing, ps ...engine.Publication) {
	p.ps, p.a, p.since = ps, engine.NewAcceptance(n, ps...), n.w.at
	n.accepting = append(n.accepting, p)
	n.carry(p)
}

func (n *node) carry(p *publishing) {
	w, a := n.w, p.a
	switch a.Next() {
	case engine.StepFanOut:
		a.FanOut(n.table.Routes(), n.lease, n.ids, n.now())
		n.putOff(a)
		n.carry(p)
	case engine.StepEnqueue:
		n.enqueue(p)
	case engine.StepLoadRoutes:
		w.reached("a fan-out was done again")
		loaded := func(err error) {
			if p.away {
				err = errors.Join(err, errAway)
			}
			a.Loaded(err)
			n.carry(p)
		}
		if n.table.Routes().Version() != a.Request().Routes {
			loaded(nil)
		} else {
			n.load(loaded)
		}
	case engine.StepAwaitLease:
		n.awaitLease(a.Request().Lease, func(err error) {
			a.Joined(err)
			n.carry(p)
		})
	case engine.StepResolve:
		n.resolve(p, 50*time.Millisecond)
	case engine.StepDone:
		if a.Settle() {
			n.wakeUpkeep()
		}
		n.answer(p)
	case engine.StepFailed:
		n.answer(p)
	}
}

var errAway = errors.New("its publisher has gone away")

// putOff leaves what is beyond the bound of a fan-out to Spread: that of the engine is
// too large to be reached here.
func (n *node) putOff(a *engine.Acceptance) {
	events := a.Request().Events
	left := n.w.plan.bound
	if a.Next() != engine.StepEnqueue || events[0].Event.Type == floodKind {
		return
	}
	for i := range events {
		ne := &events[i]
		if len(ne.Deliveries) > left {
			for _, d := range ne.Deliveries[left:] {
				if d.Owner != 0 {
					n.Unreserve(d.Endpoint, len(ne.Event.Data))
				}
				ne.Later = append(ne.Later, d.Endpoint)
			}
			ne.Deliveries = ne.Deliveries[:left]
		}
		left -= len(ne.Deliveries)
	}
}

func (n *node) enqueue(p *publishing) {
	w, q, now := n.w, p.a.Request(), n.clock()
	q.Events = slices.Clone(q.Events)
	for i := range q.Events {
		ne := &q.Events[i]
		p.asked = append(p.asked, ne.Event.ID)
		ne.Deliveries = slices.Clone(ne.Deliveries)
		for j := range ne.Deliveries {
			ne.Deliveries[j].Due = stored(ne.Deliveries[j].Due)
		}
	}
	var to bellhop.EndpointID // somebody that it goes to
	for i := range q.Events {
		for _, d := range q.Events[i].Deliveries {
			to = d.Endpoint
		}
	}
	var receipts []bellhop.Receipt
	w.store.Begin(q.Lease, q.Events)
	n.write(writing{
		what: "enqueue", endpoint: to, meddle: true, of: int64(q.Events[0].Event.ID), first: q.Events[0].Event.ID, off: func() bool { return p.away },
		do: func() (err error) {
			if p.taking == nil {
				receipts, err = w.store.Enqueue(ctx, q.Lease, q.Routes, q.Events, now)
			} else {
				taking := *p.taking
				taking.Events = q.Events
				receipts, err = w.store.TakeOutbox(ctx, q.Lease, q.Routes, taking, now)
			}
			if err == nil {
				w.ledger.committed(q, receipts)
			}
			return err
		},
	}, func(err error) {
		if err != nil && !errors.Is(err, bellhop.ErrUnknown) {
			w.store.NotStored(q.Lease, q.Events)
		}
		for i := range receipts {
			if receipts[i].Duplicate {
				w.store.NotStored(q.Lease, q.Events[i:i+1])
			}
		}
		p.a.Enqueued(receipts, err)
		n.carry(p)
	})
}

// resolve asks what came of an Enqueue, until there is an answer or the publisher goes
// away: then somebody else goes on asking.
func (n *node) resolve(p *publishing, wait time.Duration) {
	w, q := n.w, p.a.Request()
	if p.away {
		n.resolveAlone(p)
		return
	}
	lease, now := n.lease, n.clock()
	var receipts []bellhop.Receipt
	stored := false
	n.write(writing{
		what: "resolve", of: int64(q.Events[0].Event.ID), first: q.Events[0].Event.ID, off: func() bool { return p.away },
		do: func() (err error) {
			receipts, stored, err = w.store.Resolve(ctx, lease, q.Events, now)
			return err
		},
	}, func(err error) {
		again := func() { n.resolve(p, min(2*wait, 5*time.Second)) }
		n.resolved(p, lease, receipts, stored, err)
		switch p.a.Next() {
		case engine.StepDone:
			n.carry(p)
		case engine.StepFanOut: // but not at once
			n.after(firstWait, "fan out again", 0, func() {
				if p.away {
					n.gone(p)
				} else {
					n.carry(p)
				}
			})
		default:
			if errors.Is(err, bellhop.ErrLeaseLost) {
				n.awaitLease(lease, func(err error) {
					if err == nil {
						again()
					} else {
						n.after(wait, "resolve again", 0, again)
					}
				})
			} else {
				n.after(wait, "resolve again", 0, again)
			}
		}
	})
}

func (n *node) resolved(p *publishing, lease bellhop.Lease, receipts []bellhop.Receipt, stored bool, err error) {
	w, q := n.w, p.a.Request()
	switch {
	case err != nil:
	case stored && lease != q.Lease:
		w.reached("an Enqueue whose answer was lost was resolved under another lease")
		fallthrough
	case stored:
		w.reached("an Enqueue whose answer was lost was done")
	default:
		w.reached("an Enqueue whose answer was lost was not done")
	}
	first := &q.Events[0].Event
	known := w.ledger.events[first.ID]
	if err == nil && first.ExternalID == "" && stored != (known != nil) && (known == nil || !known.gone) {
		w.broken("1 durable", "Resolve said %v of %s, which is not so", stored, w.trace.of(int64(first.ID)))
	}
	if err == nil && !stored {
		w.store.NotStored(q.Lease, q.Events)
	}
	p.a.Resolved(lease, receipts, stored, err)
}

func (n *node) resolveAlone(p *publishing) {
	w, q := n.w, p.a.Request()
	end := func() { n.ends(p) }
	w.reached("a publisher went away while nobody knew")
	if n.stopping {
		p.a.Abandon()
		end()
		return
	}
	n.busy++
	var (
		lease    bellhop.Lease
		receipts []bellhop.Receipt
		stored   bool
	)
	n.persist(writing{what: "resolve alone", of: int64(q.Events[0].Event.ID), first: q.Events[0].Event.ID}, func(l bellhop.Lease, now time.Time) error {
		lease = l
		var err error
		receipts, stored, err = w.store.Resolve(ctx, l, q.Events, now)
		return err
	}, func(done bool) {
		n.busy--
		if done {
			n.resolved(p, lease, receipts, stored, nil)
		}
		if p.a.Next() == engine.StepDone && p.a.Settle() {
			n.wakeUpkeep()
		}
		p.a.Abandon()
		end()
	})
}

// ends: nothing more is done for a publication.
func (n *node) ends(p *publishing) {
	n.accepting = slices.DeleteFunc(n.accepting, func(x *publishing) bool { return x == p })
	if p.over != nil {
		p.over()
	}
}

// gone ends what nobody waits for, and of which nothing is stored.
func (n *node) gone(p *publishing) {
	n.ends(p)
	for _, e := range p.asked {
		n.w.never[e] = p.ps
	}
}

// answer tells a publisher what came of it.
func (n *node) answer(p *publishing) {
	w := n.w
	n.ends(p)
	if err := p.a.Err(); err != nil {
		n.log("refused", 0, int64(p.asked0()), err.Error())
		for _, e := range p.asked {
			w.never[e] = p.ps
		}
		if bellhop.CodeOf(err) == bellhop.CodeIDConflict {
			w.reached("an external id came again for something else")
			if !slices.ContainsFunc(p.ps, w.conflicts) {
				w.broken("1 durable", "a publish was refused for an external id that means the same")
			}
		}
		return
	}
	n.log("accepted", 0, int64(p.asked0()), "")
	receipts := p.a.Receipts()
	if len(receipts) != len(p.ps) {
		w.broken("1 durable", "%d publications got %d receipts", len(p.ps), len(receipts))
	}
	for i, r := range receipts {
		e := w.ledger.events[r.Event]
		if e == nil && w.ledger.dropped[p.ps[i].App] {
			continue // it was a duplicate of one that has gone with its app
		}
		if e == nil || e.App != p.ps[i].App || !e.erased && !bytes.Equal(e.data, p.ps[i].Data) {
			w.broken("1 durable", "a publish was acknowledged that is not stored, or not as it was published")
		}
	}
}

func (p *publishing) asked0() bellhop.EventID {
	if len(p.asked) == 0 {
		return 0
	}
	return p.asked[0]
}

// conflicts tells whether a publication's external id stands for something else.
func (w *world) conflicts(p engine.Publication) bool {
	if p.ExternalID == "" {
		return false
	}
	first := w.ledger.events[w.ledger.external[[2]string{p.App, p.ExternalID}]]
	return first == nil || !bytes.Equal(first.data, p.Data) // nil: another one of its batch
}

// The lanes of the acceptances.

// Reserve implements engine.Lanes.
func (n *node) Reserve(r *routes.Route, bytes int) bool {
	promised := n.machine.Reserve(r, bytes, n.now())
	n.reserved(r, promised)
	return promised
}

// Unreserve implements engine.Lanes.
func (n *node) Unreserve(e bellhop.EndpointID, bytes int) {
	n.do(lane.Unreserved{Endpoint: e, Bytes: bytes})
}

// Admit implements engine.Lanes.
func (n *node) Admit(list ...bellhop.Work) {
	for _, work := range list {
		n.do(lane.Admitted{Work: work})
	}
}

// NoteDue implements engine.Lanes.
func (n *node) NoteDue(b bellhop.Backlog) { n.do(lane.Noted{Backlog: b}) }

func appName(i int) string { return fmt.Sprintf("app%d", i+1) }
