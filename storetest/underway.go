package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// underWayTests are of two deliveries of an order that were stored in the other order
// of their positions: the later one was claimed before the earlier one came.
var underWayTests = []test{
	{"nothing goes beside what is under way, whatever its position", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingSubject, f.lease)
		for range 3 {
			c := f.claimed(o.endpoint, 10)
			same(f, "claimed beside it", len(c.Work), 0)
			same(f, "next while it waits", c.Next, time.Time{})
		}
		other := f.event()
		other.Event.Subject = "invoice:2"
		other.Deliveries = append(other.Deliveries, f.delivery(&other.Event, &o.endpoint))
		f.enqueue(other)
		same(f, "claimed of another order", deliveryIDs(f.claim(o.endpoint, 10)), ids(other))
	}},
	{"of several under way, the last one lets the first go", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		a, b, c := f.event(e), f.event(e), f.event(e)
		b.Deliveries[0].Owner, c.Deliveries[0].Owner = f.node, f.node
		f.enqueue(a, b, c)
		same(f, "claimed beside two", deliveryIDs(f.claim(e, 10)), nil)
		f.must(f.s.Release(f.Context(), f.lease, ids(b), f.now))
		same(f, "claimed beside one", deliveryIDs(f.claim(e, 10)), nil)
		f.record(f.attempt(f.get(c.Deliveries[0].ID), bellhop.AttemptSucceeded))
		for _, n := range []bellhop.NewEvent{a, b} {
			work := f.claim(e, 10)
			same(f, "claimed", deliveryIDs(work), ids(n))
			f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
		}
		same(f, "pending", f.pending(e.ID), 0)
	}},
	{"a final attempt lets the first go", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingEndpoint, f.lease)
		f.record(f.attempt(f.get(ids(o.second)[0]), bellhop.AttemptFailed))
		o.goesOn(f)
	}},
	{"a retry lets the first go", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingEndpoint, f.lease)
		f.record(f.retry(f.get(ids(o.second)[0]), time.Second))
		o.goesOn(f)
	}},
	{"Release lets the first go", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingSubject, f.lease)
		f.must(f.s.Release(f.Context(), f.lease, ids(o.second), f.now))
		o.goesOn(f)
	}},
	{"Disown lets the first go", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingSubject, f.lease)
		f.must(f.s.Disown(f.Context(), f.lease, o.endpoint.ID, ids(o.first), f.now))
		o.goesOn(f)
	}},
	{"Leave lets the first go", func(f *fixture) {
		other := f.join().Lease
		o := f.overtaken(bellhop.OrderingEndpoint, other)
		f.must(f.s.Leave(f.Context(), other, f.now))
		o.goesOn(f)
	}},
	{"TakeOver lets the first go", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingEndpoint, f.joinFor(time.Minute))
		f.pass(time.Hour)
		f.takeOver(1)
		o.goesOn(f)
	}},
	{"Join lets the first go", func(f *fixture) {
		for range id.MaxNode - 2 {
			f.join()
		}
		o := f.overtaken(bellhop.OrderingEndpoint, f.joinFor(time.Minute))
		f.pass(time.Hour)
		f.join()
		o.goesOn(f)
	}},
	{"Sweep lets the first go", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingEndpoint, f.lease)
		f.erase(o.second)
		same(f, "swept while it is under way", f.sweep(), 0)
		f.must(f.s.Release(f.Context(), f.lease, ids(o.second), f.now))
		same(f, "swept", f.sweep(), 1)
		o.goesOn(f)
	}},
	{"DeleteApp lets the first go", func(f *fixture) {
		f.app("acme")
		o := f.overtakenFrom(bellhop.OrderingEndpoint, f.lease, "globex")
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		o.goesOn(f)
	}},
	{"a change of ordering lets the first go", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingEndpoint, f.lease)
		e := o.endpoint
		e.Ordering = bellhop.OrderingNone
		f.save(e)
		o.goesOn(f)
	}},
	{"Expire lets the first go", func(f *fixture) {
		o := f.overtaken(bellhop.OrderingEndpoint, f.lease)
		e := o.endpoint
		e.Status = bellhop.EndpointDisabled
		f.save(e)
		// Both are held by the endpoint, but only the second is old enough.
		for n := 1; n > 0; {
			var err error
			n, err = f.s.Expire(f.Context(), o.old, 100, f.now)
			f.must(err)
		}
		same(f, "pending", f.pending(e.ID), 1)
		o.goesOn(f)
	}},
}

// overtaken is an endpoint at which the second of an order is under way, while the
// first waits for it.
type overtaken struct {
	endpoint      bellhop.Endpoint
	first, second bellhop.NewEvent
	// old is after the acceptance of the second, which was stored long before.
	old time.Time
}

func (f *fixture) overtaken(o bellhop.Ordering, owner bellhop.Lease) overtaken {
	f.Helper()
	return f.overtakenFrom(o, owner, "acme")
}

// overtakenFrom has the first one from an app of its own.
func (f *fixture) overtakenFrom(order bellhop.Ordering, owner bellhop.Lease, app string) overtaken {
	f.Helper()
	e := f.endpoint("acme", "globex")
	e.Ordering = order
	o := overtaken{endpoint: f.save(e)}
	o.second = f.event(o.endpoint)
	f.enqueue(o.second)
	c, err := f.claimAs(bellhop.ClaimRequest{Lease: owner, Endpoint: e.ID, Limit: 10})
	f.must(err)
	same(f, "under way", deliveryIDs(c.Work), ids(o.second))
	f.pass(time.Millisecond)
	o.old = f.now
	o.first = f.event(o.endpoint)
	o.first.Event.App = app
	o.first.Deliveries[0].OrderPos = o.second.Deliveries[0].OrderPos - 1
	f.enqueue(o.first)
	same(f, "claimed beside it", len(f.claim(o.endpoint, 10)), 0)
	same(f, "due while it waits", f.get(ids(o.first)[0]).Due, time.Time{})
	same(f, "backlog while it waits", backlog(f), nil)
	return o
}

// goesOn checks that the first is due, and that all of the order come to an end.
func (o *overtaken) goesOn(f *fixture) {
	f.Helper()
	due := f.get(ids(o.first)[0]).Due
	if due.IsZero() || due.After(f.now) {
		f.Errorf("the first is due at %v, want until %v", due, f.now)
	}
	if list, err := f.s.Overdue(f.Context(), nil, f.now.Add(time.Microsecond)); err != nil || len(list) != 1 {
		f.Errorf("overdue %v, %v; want the endpoint", list, err)
	}
	work := f.claim(o.endpoint, 1)
	same(f, "claimed then", deliveryIDs(work), ids(o.first))
	f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
	f.pass(time.Minute)
	f.finish(o.endpoint, bellhop.AttemptSucceeded)
	if f.get(ids(o.first)[0]).Status != bellhop.DeliverySucceeded {
		f.Error("the first was not delivered")
	}
	for _, d := range f.unowned(o.endpoint) {
		f.Errorf("%v is still pending, due at %v", d.ID, d.Due)
	}
}

// unowned are the endpoint's pending deliveries that nobody has under way.
func (f *fixture) unowned(e bellhop.Endpoint) (idle []bellhop.Delivery) {
	f.Helper()
	list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Endpoint: e.ID, Limit: 100})
	f.must(err)
	for _, d := range list {
		if d.Owner == 0 && (d.Status == bellhop.DeliveryPending || d.Status == bellhop.DeliveryHeld) {
			idle = append(idle, d)
		}
	}
	return idle
}
