package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
)

var claimTests = []test{
	{"takes what is due, earliest first, and loads it", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		third, first, second, later := f.event(e), f.event(e), f.event(e), f.event(e)
		first.Deliveries[0].Due = f.now.Add(-2 * time.Minute)
		second.Deliveries[0].Due = f.now.Add(-time.Minute)
		later.Deliveries[0].Due = f.now.Add(time.Minute)
		f.enqueue(third, first, second, later)
		f.publish(other)
		c := f.claimed(e, 10)
		var want []bellhop.Work
		for _, n := range []bellhop.NewEvent{first, second, third} {
			d := n.Deliveries[0]
			d.Owner = f.node
			want = append(want, bellhop.Work{Delivery: d, Event: &n.Event, Lease: f.lease})
		}
		same(f, "work", c.Work, want)
		same(f, "next", c.Next, later.Deliveries[0].Due)
	}},
	{"the lower id goes first among equals", func(f *fixture) {
		e := f.endpoint()
		a, b := f.event(e), f.event(e)
		f.enqueue(b, a)
		same(f, "claimed", deliveryIDs(f.claim(e, 1)), []bellhop.DeliveryID{a.Deliveries[0].ID})
	}},
	{"takes at most the limit, and each once", func(f *fixture) {
		e := f.endpoint()
		for range 5 {
			f.publish(e)
		}
		c := f.claimed(e, 3)
		same(f, "first", len(c.Work), 3)
		same(f, "next is in the past while more is due", c.Next, f.now)
		same(f, "second", len(f.claim(e, 3)), 2)
		same(f, "third", f.claimed(e, 3), bellhop.Claimed{})
		same(f, "limit 0", f.claimed(e, 0), bellhop.Claimed{})
	}},
	{"stops at MaxBytes, after at least one", func(f *fixture) {
		e := f.endpoint()
		for range 4 {
			n := f.event(e)
			n.Event.Data = make(bellhop.JSON, 100)
			f.enqueue(n)
		}
		for _, tc := range []struct{ maxBytes, want int }{{1, 1}, {250, 2}} {
			c, err := f.claimAs(bellhop.ClaimRequest{Lease: f.lease, Endpoint: e.ID, Limit: 10, MaxBytes: tc.maxBytes})
			f.must(err)
			same(f, "claimed", len(c.Work), tc.want)
			same(f, "next", c.Next, f.now)
		}
	}},
	{"first attempts and retries are claimed apart", func(f *fixture) {
		e := f.endpoint()
		var retries, firsts []bellhop.DeliveryID
		for range 3 {
			f.publish(e)
		}
		for _, w := range f.claim(e, 3) {
			f.record(f.retry(w.Delivery, time.Second))
			retries = append(retries, w.Delivery.ID)
		}
		f.pass(time.Minute)
		for range 3 {
			firsts = append(firsts, ids(f.publish(e))...)
		}
		later := f.event(e)
		later.Deliveries[0].Due = f.now.Add(time.Hour)
		f.enqueue(later)
		same(f, "backlog", backlog(f), []bellhop.Backlog{
			{Endpoint: e.ID, Due: f.now}, {Endpoint: e.ID, Retries: true, Due: f.now.Add(-59 * time.Second)},
		})
		c := f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Limit: 2})
		same(f, "first attempts, though retries have been due for longer", deliveryIDs(c.Work), firsts[:2])
		same(f, "next", []time.Time{c.Next, c.NextRetry}, []time.Time{f.now, f.now.Add(-59 * time.Second)})
		c = f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Retries: true, Limit: 2})
		same(f, "retries, though first attempts are due", deliveryIDs(c.Work), retries[:2])
		c = f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Limit: 9})
		same(f, "the other first attempt", deliveryIDs(c.Work), firsts[2:])
		same(f, "next then", []time.Time{c.Next, c.NextRetry}, []time.Time{f.now.Add(time.Hour), f.now.Add(-59 * time.Second)})
		c = f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Retries: true, Limit: 9})
		same(f, "the other retry", deliveryIDs(c.Work), retries[2:])
		same(f, "next at last", []time.Time{c.Next, c.NextRetry}, []time.Time{f.now.Add(time.Hour), {}})
	}},
	{"Newest takes what became due last", func(f *fixture) {
		e := f.endpoint()
		a, b, c, d := f.event(e), f.event(e), f.event(e), f.event(e)
		a.Deliveries[0].Due = f.now.Add(-time.Second)
		b.Deliveries[0].Due = f.now.Add(-time.Minute)
		d.Deliveries[0].Due = f.now.Add(time.Second)
		f.enqueue(a, b, c, d)
		for _, want := range []bellhop.NewEvent{c, a, b} {
			got := f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Newest: true, Limit: 1})
			same(f, "claimed", deliveryIDs(got.Work), ids(want))
		}
		same(f, "one that is not due", f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Newest: true, Limit: 1}),
			bellhop.Claimed{Next: d.Deliveries[0].Due})
	}},
	{"two deliveries of one event share it", func(f *fixture) {
		e := f.endpoint()
		f.publish(e, e)
		if work := f.claim(e, 2); len(work) != 2 || work[0].Event.ID != work[1].Event.ID {
			f.Errorf("claimed %v", work)
		}
	}},
	{"Release gives back, due as it was", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		due := f.now
		f.claim(e, 1)
		f.pass(time.Minute)
		f.must(f.s.Release(f.Context(), f.lease, []bellhop.DeliveryID{n.Deliveries[0].ID, 42}, f.now))
		same(f, "delivery", f.get(n.Deliveries[0].ID), n.Deliveries[0])
		same(f, "next", f.claimed(e, 0).Next, due)
		same(f, "claimed again", deliveryIDs(f.claim(e, 1)), []bellhop.DeliveryID{n.Deliveries[0].ID})
	}},
	{"Release touches only what the node owns", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		f.claim(e, 1)
		f.must(f.s.Release(f.Context(), f.join().Lease, []bellhop.DeliveryID{n.Deliveries[0].ID}, f.now))
		same(f, "owner", f.get(n.Deliveries[0].ID).Owner, f.node)
	}},
}

var orderTests = []test{
	{"only the first of an order is claimed", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		a, b, c := f.publish(e), f.publish(e), f.publish(e)
		got := f.claimed(e, 10)
		same(f, "claimed", deliveryIDs(got.Work), ids(a))
		same(f, "next while the others wait", got.Next, time.Time{})
		same(f, "due while it waits", f.get(b.Deliveries[0].ID).Due, time.Time{})
		same(f, "backlog while they wait", backlog(f), nil)
		f.pass(time.Second)
		f.record(f.attempt(got.Work[0].Delivery, bellhop.AttemptFailed))
		same(f, "due when it is its turn", f.get(b.Deliveries[0].ID).Due, f.now)
		same(f, "claimed next", deliveryIDs(f.claim(e, 10)), ids(b))
		same(f, "the third waits", len(f.claim(e, 10)), 0)
		same(f, "still pending", f.pending(e.ID), 2)
		_ = c
	}},
	{"a retry holds back only its own order", func(f *fixture) {
		e := ordered(f, bellhop.OrderingSubject)
		a1, a2 := f.publish(e), f.publish(e)
		b := f.event()
		b.Event.Subject = "invoice:2"
		b.Deliveries = append(b.Deliveries, f.delivery(&b.Event, &e))
		free1, free2 := f.event(), f.event()
		for _, n := range []*bellhop.NewEvent{&free1, &free2} {
			n.Event.Subject = ""
			n.Deliveries = append(n.Deliveries, f.delivery(&n.Event, &e))
		}
		f.enqueue(b, free1, free2)
		work := f.claim(e, 10)
		same(f, "claimed", deliveryIDs(work), ids(a1, b, free1, free2))
		f.record(f.retry(work[0].Delivery, time.Minute))
		same(f, "nothing while it waits", len(f.claim(e, 10)), 0)
		f.pass(time.Minute)
		work = f.claim(e, 10)
		same(f, "the retry", deliveryIDs(work), ids(a1))
		f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
		same(f, "then the next", deliveryIDs(f.claim(e, 10)), ids(a2))
	}},
	{"the order is that of OrderPos, not of ids or dues", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		scheduled, normal := f.event(e), f.event(e)
		scheduled.Deliveries[0].OrderPos = normal.Deliveries[0].ID + 1000
		normal.Deliveries[0].Due = f.now.Add(time.Second)
		f.enqueue(scheduled, normal)
		same(f, "claimed too early", len(f.claim(e, 10)), 0)
		f.pass(time.Second)
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(normal))
		f.record(f.attempt(f.get(normal.Deliveries[0].ID), bellhop.AttemptSucceeded))
		same(f, "claimed then", deliveryIDs(f.claim(e, 10)), ids(scheduled))
	}},
	{"equal positions go one after the other, by id", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		a, b, c := f.event(e), f.event(e), f.event(e)
		for _, n := range []*bellhop.NewEvent{&a, &b, &c} {
			n.Deliveries[0].OrderPos = c.Deliveries[0].ID + 1000
		}
		a.Deliveries[0].Due = f.now.Add(time.Second) // the first of them is not the first due
		f.enqueue(c, a, b)
		same(f, "claimed too early", len(f.claim(e, 10)), 0)
		f.pass(time.Second)
		for _, n := range []bellhop.NewEvent{a, b, c} {
			work := f.claim(e, 10)
			same(f, "claimed", deliveryIDs(work), ids(n))
			f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
		}
		same(f, "pending", f.pending(e.ID), 0)
	}},
	{"one order's limit does not hide another's head", func(f *fixture) {
		e := ordered(f, bellhop.OrderingSubject)
		for range 20 {
			f.publish(e)
		}
		other := f.event()
		other.Event.Subject = "invoice:2"
		other.Deliveries = append(other.Deliveries, f.delivery(&other.Event, &e))
		f.enqueue(other)
		same(f, "claimed", len(f.claim(e, 2)), 2)
	}},
	{"a head that is not due keeps its own due", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		a, b := f.event(e), f.event(e)
		b.Deliveries[0].Due = f.now.Add(time.Hour)
		f.enqueue(a, b)
		f.finish(e, bellhop.AttemptSucceeded)
		same(f, "due", f.get(b.Deliveries[0].ID).Due, b.Deliveries[0].Due)
	}},
	{"an erased head lets the next go", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		a, b := f.publish(e), f.publish(e)
		f.claim(e, 10)
		f.erase(a)
		same(f, "nothing overtakes it", deliveryIDs(f.claim(e, 10)), nil)
		f.must(f.s.Release(f.Context(), f.lease, ids(a), f.now))
		same(f, "nor when it is not under way any more", deliveryIDs(f.claim(e, 10)), nil)
		f.sweep()
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(b))
	}},
	{"a released head goes before those that wait", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		a, _ := f.publish(e), f.publish(e)
		f.claim(e, 10)
		f.must(f.s.Release(f.Context(), f.lease, ids(a), f.now))
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(a))
	}},
	{"ordering taken away lets all go", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		_, b, c := f.publish(e), f.publish(e), f.publish(e)
		f.claim(e, 10)
		e = f.stored(e.ID)
		e.Ordering = bellhop.OrderingNone
		f.save(e)
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(b, c))
	}},
	{"ordering given applies to what is pending", func(f *fixture) {
		e := f.endpoint()
		a, b := f.publish(e), f.publish(e)
		other := f.event()
		other.Event.Subject = "invoice:2"
		other.Deliveries = append(other.Deliveries, f.delivery(&other.Event, &e))
		free := f.event()
		free.Event.Subject = ""
		free.Deliveries = append(free.Deliveries, f.delivery(&free.Event, &e))
		f.enqueue(other, free)
		e.Ordering = bellhop.OrderingSubject
		e = f.save(e)
		for _, n := range []bellhop.NewEvent{a, b, other, free} {
			same(f, "order key", f.get(n.Deliveries[0].ID).OrderKey, e.Ordering.OrderKey(&n.Event))
		}
		same(f, "by subject", deliveryIDs(f.claim(e, 10)), ids(a, other, free))
		f.must(f.s.Release(f.Context(), f.lease, ids(a, other, free), f.now))
		e.Ordering = bellhop.OrderingEndpoint
		e = f.save(e)
		same(f, "one at a time", deliveryIDs(f.claim(e, 10)), ids(a))
	}},
}

func ordered(f *fixture, o bellhop.Ordering) bellhop.Endpoint {
	f.Helper()
	e := f.endpoint()
	e.Ordering = o
	return f.save(e)
}

// ids are those of the events' first deliveries.
func ids(events ...bellhop.NewEvent) []bellhop.DeliveryID {
	var list []bellhop.DeliveryID
	for _, n := range events {
		list = append(list, n.Deliveries[0].ID)
	}
	return list
}
