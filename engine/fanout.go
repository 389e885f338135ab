package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/match"
)

// maxAtOnce is how many deliveries one transaction makes: about what a store writes
// in the time that its neighbours do not notice. The rest of a larger fan-out is left
// to Spread.
const maxAtOnce = 1000

// fanOut makes events and deliveries of the publications, and for each delivery asks
// its lane for room: those that find some are committed as owned by this node and
// need not be read from the store again.
//
// It reads the snapshot alone and holds no lock. What is beyond maxAtOnce is a list of
// endpoints, which the events of a batch share: a thousand events for a thousand
// endpoints are a million deliveries, but not here.
func (a *Acceptance) fanOut(ids *id.Generator, now time.Time) error {
	f := newFanning(a.routes)
	a.request.Events = make([]bellhop.NewEvent, len(a.ps))
	var room []bellhop.Delivery // for those of the next events
	for i := range a.ps {
		p, ne := &a.ps[i], &a.request.Events[i]
		if !a.routes.Has(p.App) {
			return bellhop.UnknownApp(a.names(i)+"app", p.App)
		}
		ne.Event = p.event(id.Next[id.Event](ids, now))
		if p.ExternalID != "" {
			ne.Digest = p.digest()
		}
		if a.only != 0 {
			if err := a.bindTest(ne, ids, now); err != nil {
				return err
			}
			continue
		}
		ne.MaxPending = a.maxPending
		bound, later := f.endpoints(&ne.Event)
		n := len(bound)
		if n > len(room) {
			room = make([]bellhop.Delivery, min(n*(len(a.ps)-i), n+f.left)) // as if all had as many
		}
		ne.Deliveries, room = room[:n:n], room[n:]
		for j, r := range bound {
			d := newDelivery(ids, &ne.Event, r, bellhop.TriggerPublish, now)
			if d.OrderKey == "" && !d.Due.After(now) && a.lanes.Reserve(r, len(ne.Event.Data)) {
				d.Owner, a.reserved = a.request.Lease.Node, true
			}
			ne.Deliveries[j] = d
		}
		ne.Later = later
		ne.Event.Deliveries = n + len(later)
	}
	return nil
}

// fanning is what the events of one batch share while they are fanned out.
type fanning struct {
	routes *routes.Routes
	// event is the one whose turn it is, and data its data, decoded when a filter asks
	// for it.
	event  *bellhop.Event
	parsed bool
	data   match.Data
	parse  func() match.Data
	// left is how many deliveries may still be made at once.
	left int
	// bound and later are used again for each event; few are the first of bound.
	bound []*routes.Route
	later []bellhop.EndpointID
	few   [4]*routes.Route
	// lists are those that events got as their Later, newest first: most events of a
	// batch have the same.
	lists [][]bellhop.EndpointID
}

func newFanning(r *routes.Routes) *fanning {
	f := &fanning{routes: r, left: maxAtOnce}
	f.bound = f.few[:0]
	f.parse = func() match.Data {
		if !f.parsed {
			f.parsed = true
			f.data, _ = match.ParseData(f.event.Data) // valid: it was checked
		}
		return f.data
	}
	return f
}

// endpoints finds who gets the event: at once, and (in the order of their ids) later.
// The first list is valid until the next call.
func (f *fanning) endpoints(e *bellhop.Event) (bound []*routes.Route, later []bellhop.EndpointID) {
	f.bound, f.later = f.bound[:0], f.later[:0]
	f.event, f.parsed, f.data = e, false, match.Data{}
	for _, r := range f.routes.Listening(e.App, e.Type, e.Channels) {
		switch {
		case r.Status == bellhop.EndpointDisabled || !r.Wants(e, f.parse):
		case f.left > 0:
			f.left--
			f.bound = append(f.bound, r)
		default:
			f.later = append(f.later, r.ID)
		}
	}
	return f.bound, f.shared()
}

// maxLists bounds how many lists are compared with, for each event.
const maxLists = 8

// shared gives the list later as one that may be kept.
func (f *fanning) shared() []bellhop.EndpointID {
	if len(f.later) == 0 {
		return nil
	}
	for _, list := range f.lists {
		if slices.Equal(list, f.later) {
			return list
		}
	}
	list := slices.Clone(f.later)
	f.lists = slices.Insert(f.lists, 0, list)
	f.lists = f.lists[:min(len(f.lists), maxLists)]
	return list
}

// bindTest makes the one delivery of a test, as far as its endpoint is still there.
func (a *Acceptance) bindTest(ne *bellhop.NewEvent, ids *id.Generator, now time.Time) error {
	r := a.routes.Endpoint(a.only)
	if err := testable(r, a.only, ne.Event.App); err != nil {
		return err
	}
	d := newDelivery(ids, &ne.Event, r, bellhop.TriggerTest, now)
	d.Owner, d.OrderKey = a.request.Lease.Node, ""
	ne.Deliveries = []bellhop.Delivery{d}
	ne.Event.Test, ne.Event.Deliveries = true, 1
	return nil
}

// testable says why nothing can be sent to an endpoint as a test.
func testable(r *routes.Route, e bellhop.EndpointID, app string) error {
	switch {
	case r == nil:
		return bellhop.NotFound("endpoint", e.String())
	case r.Broken() != "":
		return &bellhop.Error{Code: bellhop.CodeEndpointStatus, Detail: "Nothing can be sent to the endpoint: " + r.Broken()}
	case !slices.Contains(r.Apps, app):
		return &bellhop.Error{Code: bellhop.CodeUnsubscribed, Detail: fmt.Sprintf("The endpoint does not listen to the event's app %s", bellhop.Clip(app))}
	}
	return nil
}

// NewDelivery binds an event for an endpoint; Redeliver stores it.
func (e *Engine) NewDelivery(ev *bellhop.Event, r *routes.Route, t bellhop.Trigger, now time.Time) bellhop.Delivery {
	return newDelivery(e.IDs(), ev, r, t, now)
}

func newDelivery(ids *id.Generator, e *bellhop.Event, r *routes.Route, t bellhop.Trigger, now time.Time) bellhop.Delivery {
	d := bellhop.Delivery{
		ID:       id.Next[id.Delivery](ids, now),
		Event:    e.ID,
		Endpoint: r.ID,
		App:      e.App,
		Type:     e.Type,
		Trigger:  t,
		Status:   bellhop.DeliveryPending,
		Due:      now,
		OrderKey: r.Ordering.OrderKey(e),
	}
	d.OrderPos = bellhop.OrderPosition(e, t, d.ID, now)
	if t == bellhop.TriggerPublish && e.DeliverAt != nil && e.DeliverAt.After(now) {
		d.Due = *e.DeliverAt
	}
	return d
}
