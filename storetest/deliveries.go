package storetest

import (
	"cmp"
	"slices"

	"github.com/bellhop/bellhop"
)

var deliveriesTests = []test{
	{"finished and unfinished ones merge by their ids", func(f *fixture) {
		e := f.endpoint()
		old, tried, fresh := f.publish(e), f.publish(e), f.publish(e)
		work := f.claim(e, 3)
		f.record(f.retry(work[1].Delivery, 0))
		f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
		list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Limit: 10})
		f.must(err)
		var got []bellhop.DeliveryID
		for _, d := range list {
			got = append(got, d.ID)
		}
		same(f, "order", got, ids(fresh, tried, old))
	}},
	{"what the endpoint holds is held", func(f *fixture) {
		for status, want := range map[bellhop.EndpointStatus]bellhop.DeliveryStatus{
			bellhop.EndpointActive:   bellhop.DeliveryPending,
			bellhop.EndpointPaused:   bellhop.DeliveryHeld,
			bellhop.EndpointDisabled: bellhop.DeliveryHeld,
		} {
			e := f.endpoint()
			n := f.publish(e)
			e.Status = status
			f.save(e)
			same(f, string(status), f.get(n.Deliveries[0].ID).Status, want)
			list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Endpoint: e.ID, Status: want, Limit: 10})
			f.must(err)
			same(f, "listed", len(list), 1)
		}
	}},
	{"with every filter, by cursor", func(f *fixture) {
		w := history(f)
		w.b.Status = bellhop.EndpointPaused
		w.b = f.save(w.b)
		all := deliveriesOf(f, &w)
		t5, t15 := w.events[5].CreatedAt(), w.events[15].CreatedAt()
		cases := map[string]struct {
			filter bellhop.DeliveryFilter
			keep   func(*bellhop.Delivery) bool
		}{
			"all":      {bellhop.DeliveryFilter{Scope: anyApp}, func(*bellhop.Delivery) bool { return true }},
			"app":      {bellhop.DeliveryFilter{Scope: bellhop.Only("acme")}, func(d *bellhop.Delivery) bool { return d.App == "acme" }},
			"apps":     {bellhop.DeliveryFilter{Scope: bellhop.Only("acme", "globex")}, func(*bellhop.Delivery) bool { return true }},
			"endpoint": {bellhop.DeliveryFilter{Scope: anyApp, Endpoint: w.a.ID}, func(d *bellhop.Delivery) bool { return d.Endpoint == w.a.ID }},
			"event":    {bellhop.DeliveryFilter{Scope: anyApp, Event: w.events[4].ID}, func(d *bellhop.Delivery) bool { return d.Event == w.events[4].ID }},
			"type":     {bellhop.DeliveryFilter{Scope: anyApp, Type: "ticket.*"}, func(d *bellhop.Delivery) bool { return d.Type == "ticket.open" }},
			"time": {bellhop.DeliveryFilter{Scope: anyApp, Since: t5, Until: t15}, func(d *bellhop.Delivery) bool {
				at := d.ID.Time()
				return !at.Before(t5) && at.Before(t15)
			}},
			"everything": {
				bellhop.DeliveryFilter{Scope: bellhop.Only("acme", "globex"), Endpoint: w.b.ID, Type: "invoice.*", Status: bellhop.DeliveryHeld, Since: t5},
				func(d *bellhop.Delivery) bool {
					return d.Endpoint == w.b.ID && d.Type != "ticket.open" && d.Status == bellhop.DeliveryHeld && !d.ID.Time().Before(t5)
				},
			},
		}
		for _, status := range []bellhop.DeliveryStatus{
			bellhop.DeliveryPending, bellhop.DeliveryHeld, bellhop.DeliverySucceeded, bellhop.DeliveryFailed, bellhop.DeliveryCanceled,
		} {
			tc := cases["all"]
			tc.filter.Status = status
			tc.keep = func(d *bellhop.Delivery) bool { return d.Status == status }
			cases[string(status)] = tc
		}
		for name, tc := range cases {
			walk(f, name, filter(all, tc.keep), idOfDelivery, func(before, after bellhop.DeliveryID, limit int) ([]bellhop.Delivery, error) {
				page := tc.filter
				page.Before, page.After, page.Limit = before, after, limit
				return f.s.Deliveries(f.Context(), page)
			})
		}
	}},
	{"each has one place in the list, however often it was tried", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 1)[0]
		f.must(f.s.Release(f.Context(), f.lease, ids(n), f.now))
		f.record(f.attempt(w.Delivery, bellhop.AttemptFailed)) // late
		f.finish(e, bellhop.AttemptSucceeded)
		f.record(f.attempt(w.Delivery, bellhop.AttemptFailed)) // later still
		list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Limit: 10})
		f.must(err)
		if len(list) != 1 || list[0].Status != bellhop.DeliverySucceeded {
			f.Errorf("listed %+v", list)
		}
	}},
}

// deliveriesOf lists each delivery of the history, oldest first.
func deliveriesOf(f *fixture, w *world) []bellhop.Delivery {
	f.Helper()
	seen := map[bellhop.DeliveryID]bool{}
	var all []bellhop.Delivery
	for _, e := range w.events {
		list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Event: e.ID, Limit: 10})
		f.must(err)
		if len(list) != 2 {
			f.Fatalf("event %v has %d deliveries, want 2", e.ID, len(list))
		}
		for _, d := range list {
			same(f, "the list and Delivery agree", f.get(d.ID), d)
			if seen[d.ID] {
				f.Errorf("delivery %v is listed twice", d.ID)
			}
			seen[d.ID] = true
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b bellhop.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
