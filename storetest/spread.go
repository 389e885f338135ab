package storetest

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var spreadTests = []test{
	{"Spread makes the deliveries of the oldest events first, in pieces", func(f *fixture) {
		direct, later := f.endpoint(), f.endpoints(5)
		a, b := f.laterEvent(later, direct), f.laterEvent(later[1:])
		same(f, "receipts", f.enqueue(b, a), []bellhop.Receipt{
			{Event: b.Event.ID, Deliveries: 4}, {Event: a.Event.ID, Deliveries: 6},
		})
		same(f, "pending before", f.pending(0), 1)
		same(f, "later", f.later(a), endpointIDs(later))
		same(f, "made", f.spread(3), endpointIDs(later[:3]))
		same(f, "later of the first", f.later(a), endpointIDs(later[3:]))
		same(f, "later of the second", f.later(b), endpointIDs(later[1:]))
		same(f, "made", f.spread(3), endpointIDs([]bellhop.Endpoint{later[1], later[3], later[4]}))
		same(f, "made", f.spread(100), endpointIDs(later[2:]))
		same(f, "made in the end", f.spread(100), nil)
		same(f, "pending after", f.pending(0), 10)
		same(f, "claimed", len(f.claim(later[1], 10)), 2)
		same(f, "later in the end", f.later(a), nil)
		same(f, "later of nothing", f.later(f.event()), nil)
	}},
	{"what Spread makes is as Publish would have made it", func(f *fixture) {
		e := ordered(f, bellhop.OrderingSubject)
		n, scheduled := f.laterEvent([]bellhop.Endpoint{e}), f.laterEvent([]bellhop.Endpoint{e})
		at := f.now.Add(time.Hour)
		scheduled.Event.DeliverAt = &at
		f.enqueue(n, scheduled)
		f.pass(time.Minute)
		made := id.Take[id.Delivery](f.ids, 5, f.now)
		got, err := f.s.Spread(f.Context(), f.lease, made, f.now)
		f.must(err)
		same(f, "backlog", got, []bellhop.Backlog{{Endpoint: e.ID, Due: f.now}})
		want := bellhop.Delivery{
			ID: made[0], Event: n.Event.ID, Endpoint: e.ID, App: "acme", Type: "invoice.paid", Trigger: bellhop.TriggerPublish,
			Status: bellhop.DeliveryPending, Due: f.now, OrderKey: "acme/invoice:1", OrderPos: bellhop.DeliveryID(n.Event.ID),
		}
		same(f, "delivery", f.get(made[0]), want)
		want.ID, want.Event, want.Due = made[1], scheduled.Event.ID, at
		want.OrderPos = id.First[id.Delivery](at)
		same(f, "scheduled delivery", f.get(made[1]), want)
	}},
	{"nothing overtakes a delivery that is still to be made", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		free := f.endpoint()
		first := f.laterEvent([]bellhop.Endpoint{e})
		f.enqueue(first)
		second, other := f.event(e, free), f.event(e)
		other.Event.App = "globex"
		for _, n := range []*bellhop.NewEvent{&second, &other} {
			n.Deliveries[0].OrderPos = bellhop.DeliveryID(n.Event.ID)
		}
		f.enqueue(second)
		c := f.claimed(e, 10)
		same(f, "claimed", len(c.Work), 0)
		if !c.Next.After(f.now) || c.Next.After(f.now.Add(time.Second)) {
			f.Errorf("Next = %v, want a moment after %v", c.Next, f.now)
		}
		same(f, "without an order", len(f.claim(free, 10)), 1)
		f.enqueue(other)
		f.spread(10)
		made, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Event: first.Event.ID, Limit: 10})
		f.must(err)
		for _, want := range []bellhop.DeliveryID{made[0].ID, second.Deliveries[0].ID, other.Deliveries[0].ID} {
			work := f.claim(e, 10)
			same(f, "in order", deliveryIDs(work), []bellhop.DeliveryID{want})
			f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
		}
	}},
	{"a fan-out of another app holds back no subject", func(f *fixture) {
		e := ordered(f, bellhop.OrderingSubject)
		first := f.laterEvent([]bellhop.Endpoint{e})
		first.Event.App = "globex"
		f.enqueue(first)
		n := f.publish(e)
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(n))
	}},
	{"a fan-out of an app that it does not listen to holds back no endpoint", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		first := f.laterEvent(f.endpoints(3))
		first.Event.App = "globex"
		f.enqueue(first)
		n := f.publish(e)
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(n))
	}},
	{"the order of an endpoint is one, across its apps", func(f *fixture) {
		others := f.endpoints(3)
		e := f.endpoint("acme", "globex") // its turn comes last
		e.Ordering = bellhop.OrderingEndpoint
		e = f.save(e)
		before, first := f.event(e), f.laterEvent(append(others, e))
		first.Event.App = "globex"
		f.enqueue(before, first)
		n := f.publish(e)
		same(f, "what is older goes", deliveryIDs(f.claim(e, 10)), ids(before))
		f.record(f.attempt(f.get(before.Deliveries[0].ID), bellhop.AttemptSucceeded))
		for range 4 {
			c := f.claimed(e, 10)
			same(f, "claimed", deliveryIDs(c.Work), nil)
			same(f, "next", c.Next, f.now.Add(bellhop.SpreadWait))
			held, err := f.s.HeldBack(f.Context(), n.Deliveries[0], e.Apps)
			f.must(err)
			same(f, "held back", held, true)
			f.spread(1)
		}
		held, err := f.s.HeldBack(f.Context(), n.Deliveries[0], e.Apps)
		f.must(err)
		same(f, "held back then", held, false)
		work := f.claim(e, 10)
		if len(work) != 1 || work[0].Event.ID != first.Event.ID {
			f.Fatalf("claimed %v, want the delivery of %v", deliveryIDs(work), first.Event.ID)
		}
		f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
		same(f, "then the next", deliveryIDs(f.claim(e, 10)), ids(n))
	}},
	{"apps share a step, and get what others do not need", func(f *fixture) {
		later := f.endpoints(12)
		large, small, tiny := f.laterOf("globex", later), f.laterOf("initech", later[:3]), f.laterOf("acme", later[:1])
		f.enqueue(large, small, tiny)
		f.spread(9) // acme needs 1 of 3, so that globex gets 4 of 8, initech 3 of 4 and globex the last
		f.remaining(map[string]int{"globex": 7, "initech": 0, "acme": 0}, large, small, tiny)
	}},
	{"apps take turns from step to step, each with its oldest event", func(f *fixture) {
		later := f.endpoints(2)
		b, b2, a, c := f.laterOf("b", later), f.laterOf("b", later), f.laterOf("a", later), f.laterOf("c", later)
		f.enqueue(c, b, b2, a)
		want := map[string]int{"a": 2, "b": 4, "c": 2}
		for _, app := range []string{"a", "b", "c", "a", "b", "c", "b", "b"} {
			f.spread(1)
			want[app]--
			f.remaining(want, a, b, b2, c)
			if want["b"] >= 2 {
				same(f, "later of the newer event", len(f.later(b2)), 2)
			}
		}
		same(f, "made in the end", f.spread(1), nil)
	}},
	{"a large fan-out of one app does not delay the others", func(f *fixture) {
		later := f.endpoints(200)
		large := f.laterOf("a", later)
		all := []bellhop.NewEvent{large}
		for _, app := range []string{"b", "c", "d", "e", "f"} {
			all = append(all, f.laterOf(app, later[:10]))
		}
		f.enqueue(all...)
		f.spread(40)
		f.spread(40)
		f.remaining(map[string]int{"a": 170, "b": 0, "c": 0, "d": 0, "e": 0, "f": 0}, all...)
		f.spread(1000)
		same(f, "pending", f.pending(0), 250)
	}},
	{"a repeated publish is spread once", func(f *fixture) {
		later := f.endpoints(3)
		first, again := external(f.laterEvent(later), "x"), external(f.laterEvent(later), "x")
		f.enqueue(first)
		same(f, "receipt", f.enqueue(again), []bellhop.Receipt{{Event: first.Event.ID, Deliveries: 3, Duplicate: true}})
		f.spread(100)
		same(f, "pending", f.pending(0), 3)
	}},
	{"an endpoint deleted before gets a last line, as one deleted after", func(f *fixture) {
		later := f.endpoints(3)
		n := f.laterEvent(later)
		f.enqueue(n)
		f.unsubscribe(later[0])
		f.spread(100)
		f.unsubscribe(later[1])
		same(f, "claimed of the gone", len(f.claim(later[0], 10)), 0)
		f.sweep()
		f.statuses(n, bellhop.DeliveryCanceled, bellhop.DeliveryCanceled, bellhop.DeliveryPending)
	}},
	{"an event erased before gets last lines, as one erased after", func(f *fixture) {
		later := f.endpoints(3)
		n := f.laterEvent(later)
		f.enqueue(n)
		f.spread(1)
		f.erase(n)
		f.sweep()
		f.spread(100)
		same(f, "claimed", len(f.claim(later[2], 10)), 0)
		f.sweep()
		f.statuses(n, bellhop.DeliveryCanceled, bellhop.DeliveryCanceled, bellhop.DeliveryCanceled)
		same(f, "pending", f.pending(0), 0)
	}},
	{"an app deleted before leaves nothing to be made", func(f *fixture) {
		f.app("acme")
		later := []bellhop.Endpoint{f.endpoint("acme", "globex"), f.endpoint("acme")}
		n, other := f.laterEvent(later), f.laterEvent(later[:1])
		other.Event.App = "globex"
		f.enqueue(n, other)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		same(f, "later", f.later(n), nil)
		same(f, "made", f.spread(100), endpointIDs(later[:1]))
		same(f, "pending", f.pending(0), 1)
	}},
	{"Expire keeps what is still to be made", func(f *fixture) {
		n := f.laterEvent(f.endpoints(1))
		f.enqueue(n)
		f.pass(time.Hour)
		deleted, err := f.s.Expire(f.Context(), f.now, 100, f.now)
		f.must(err)
		same(f, "deleted", deleted, 0)
		f.spread(100)
		same(f, "pending", f.pending(0), 1)
	}},
	{"a replay leaves out what is still to be made", func(f *fixture) {
		later := f.endpoints(2)
		f.enqueue(f.laterEvent(later[:1]))
		missing := f.laterEvent(later[1:])
		f.enqueue(missing)
		f.candidates(later[0], bellhop.ReplayMissing, missing)
		f.spread(100)
		f.candidates(later[0], bellhop.ReplayMissing, missing)
	}},
	{"the order follows a change of ordering", func(f *fixture) {
		later := f.endpoints(1)
		a, b := f.laterEvent(later), f.laterEvent(later)
		f.enqueue(a, b)
		f.spread(1)
		e := later[0]
		e.Ordering = bellhop.OrderingEndpoint
		e = f.save(e)
		f.spread(100)
		same(f, "claimed", len(f.claim(e, 10)), 1)
		f.finish(e, bellhop.AttemptSucceeded)
	}},
}

func (f *fixture) endpoints(n int) []bellhop.Endpoint {
	f.Helper()
	var list []bellhop.Endpoint
	for range n {
		list = append(list, f.endpoint())
	}
	return list
}

// laterEvent is an event with deliveries to direct and, for later, to others.
func (f *fixture) laterEvent(later []bellhop.Endpoint, direct ...bellhop.Endpoint) bellhop.NewEvent {
	n := f.event(direct...)
	n.Later = endpointIDs(later)
	n.Event.Deliveries += len(later)
	return n
}

// laterOf is a laterEvent of another app.
func (f *fixture) laterOf(app string, later []bellhop.Endpoint) bellhop.NewEvent {
	n := f.laterEvent(later)
	n.Event.App = app
	return n
}

// remaining checks how many deliveries of each app's events are still to be made.
func (f *fixture) remaining(want map[string]int, events ...bellhop.NewEvent) {
	f.Helper()
	got := map[string]int{}
	for _, n := range events {
		got[n.Event.App] += len(f.later(n))
	}
	same(f, "still to be made", got, want)
}

// spread makes at most n deliveries, and gives the endpoints that got some.
func (f *fixture) spread(n int) []bellhop.EndpointID {
	f.Helper()
	list, err := f.s.Spread(f.Context(), f.lease, id.Take[id.Delivery](f.ids, n, f.now), f.now)
	f.must(err)
	var got []bellhop.EndpointID
	for _, b := range list {
		got = append(got, b.Endpoint)
	}
	slices.Sort(got)
	return got
}

func (f *fixture) later(n bellhop.NewEvent) []bellhop.EndpointID {
	f.Helper()
	list, err := f.s.Later(f.Context(), n.Event.ID)
	f.must(err)
	return list
}

// statuses are those of an event's deliveries, in the order of their endpoints.
func (f *fixture) statuses(n bellhop.NewEvent, want ...bellhop.DeliveryStatus) {
	f.Helper()
	list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Event: n.Event.ID, Limit: 100})
	f.must(err)
	slices.SortFunc(list, func(a, b bellhop.Delivery) int { return int(a.Endpoint - b.Endpoint) })
	var got []bellhop.DeliveryStatus
	for _, d := range list {
		got = append(got, d.Status)
	}
	same(f, "statuses", got, want)
}

func endpointIDs(endpoints []bellhop.Endpoint) []bellhop.EndpointID {
	var list []bellhop.EndpointID
	for _, e := range endpoints {
		list = append(list, e.ID)
	}
	return list
}
