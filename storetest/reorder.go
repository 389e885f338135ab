package storetest

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// many is more than a store carries over to a new ordering, or ends, in one step.
const many = 1700

var reorderTests = []test{
	{"a long backlog is carried over before anything is claimed", func(f *fixture) {
		e := f.endpoint()
		all := f.flood(e, many)
		e.Ordering = bellhop.OrderingEndpoint
		e = f.save(e)
		var c bellhop.Claimed
		for calls := 0; ; calls++ {
			if c = f.claimed(e, 10); len(c.Work) > 0 || calls > many {
				break
			}
			if c.Next.After(f.now) || c.Next.IsZero() {
				f.Fatalf("Next = %v while the change is under way, want now", c.Next)
			}
			list, err := f.s.Overdue(f.Context(), nil, f.now.Add(time.Second))
			f.must(err)
			same(f, "overdue meanwhile", len(list), 1)
		}
		same(f, "claimed", deliveryIDs(c.Work), all[:1])
		list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Endpoint: e.ID, Limit: 2 * many})
		f.must(err)
		same(f, "deliveries", len(list), many)
		for _, d := range list {
			if d.OrderKey != "*" {
				f.Fatalf("%v has the order key %q", d.ID, d.OrderKey)
			}
		}
	}},
	{"what waits under the old ordering is overdue once it is changed", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		f.flood(e, many)
		f.claim(e, 1) // and whatever it looks at waits
		f.pass(time.Minute)
		e.Ordering = bellhop.OrderingNone
		e = f.save(e)
		same(f, "overdue", len(backlog(f)), 1)
		same(f, "claimed in the end", len(f.drainClaims(e)), many-1)
	}},
	{"a second change overtakes the first", func(f *fixture) {
		e := f.endpoint()
		all := f.flood(e, many)
		e.Ordering = bellhop.OrderingEndpoint
		e = f.save(e)
		f.claimed(e, 10)
		e.Ordering = bellhop.OrderingSubject
		e = f.save(e)
		f.claimed(e, 10)
		e.Ordering = bellhop.OrderingNone
		e = f.save(e)
		got := f.drainClaims(e)
		slices.Sort(got)
		same(f, "claimed", got, all)
	}},
	{"what is owned is carried over, too", func(f *fixture) {
		e := f.endpoint()
		owned := f.publish(e)
		f.claim(e, 1)
		all := f.flood(e, many)
		e.Ordering = bellhop.OrderingEndpoint
		e = f.save(e)
		for range many {
			if c := f.claimed(e, 10); len(c.Work) > 0 {
				f.Fatalf("claimed %v beside the one that is owned", deliveryIDs(c.Work))
			} else if c.Next.IsZero() {
				break // they wait
			}
		}
		same(f, "order key of the owned", f.get(owned.Deliveries[0].ID).OrderKey, "*")
		f.record(f.attempt(f.get(owned.Deliveries[0].ID), bellhop.AttemptSucceeded))
		same(f, "then the next", deliveryIDs(f.claim(e, 10)), all[:1])
	}},
	{"Redeliver follows the ordering that holds", func(f *fixture) {
		e := f.endpoint()
		n := f.publish()
		d := f.delivery(&n.Event, &e) // made under the old one
		d.Trigger, d.OrderPos = bellhop.TriggerResend, d.ID
		e.Ordering = bellhop.OrderingEndpoint
		f.save(e)
		f.redeliver(nil, d)
		same(f, "order key", f.get(d.ID).OrderKey, "*")
	}},
}

// flood publishes n events for the endpoint.
func (f *fixture) flood(e bellhop.Endpoint, n int) []bellhop.DeliveryID {
	f.Helper()
	var events []bellhop.NewEvent
	for range n {
		events = append(events, f.event(e))
	}
	f.enqueue(events...)
	return ids(events...)
}

// drainClaims claims until there is nothing more to claim, now or soon.
func (f *fixture) drainClaims(e bellhop.Endpoint) []bellhop.DeliveryID {
	f.Helper()
	var all []bellhop.DeliveryID
	for range 2 * many {
		c := f.claimed(e, 100)
		all = append(all, deliveryIDs(c.Work)...)
		if len(c.Work) == 0 && (c.Next.IsZero() || c.Next.After(f.now)) {
			return all
		}
	}
	f.Fatal("claiming does not come to an end")
	return nil
}
