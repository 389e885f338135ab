package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// oldest lists what is old of some endpoints, older than a time ago.
func (f *fixture) oldest(ago time.Duration) []bellhop.Aged {
	f.Helper()
	list, err := f.s.Oldest(f.Context(), f.now.Add(-ago))
	f.must(err)
	return list
}

// endOld ends at most n deliveries that are older than a time ago.
func (f *fixture) endOld(e bellhop.Endpoint, ago time.Duration, n int) int {
	f.Helper()
	ended, err := f.s.EndOld(f.Context(), bellhop.EndOld{
		Endpoint: e.ID, Revision: e.Revision, Before: f.now.Add(-ago), Detail: "It is too old.",
	}, id.Take[id.Attempt](f.ids, n, f.now), f.now)
	f.must(err)
	return ended
}

var endTests = []test{
	{"what is too old ends, with a last line that says so", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		first, retried, owned := f.publish(e, other), f.publish(e), f.publish(e)
		born := first.Deliveries[0].ID.Time()
		work := f.claim(e, 3)
		f.must(f.s.Release(f.Context(), f.lease, ids(first)[:1], f.now))
		failed := f.retry(work[1].Delivery, time.Second)
		f.record(failed)
		f.pass(time.Hour)
		young := f.publish(e)
		same(f, "old", f.oldest(time.Hour/2), []bellhop.Aged{{Endpoint: e.ID, Born: born}, {Endpoint: other.ID, Born: born}})
		same(f, "older", f.oldest(2*time.Hour), nil)
		same(f, "ended", f.endOld(e, time.Hour/2, 10), 2)
		same(f, "ended again", f.endOld(e, time.Hour/2, 10), 0)
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(young))
		for n, attempts := range map[*bellhop.NewEvent]int{&first: 0, &retried: 1} {
			d := f.get(n.Deliveries[0].ID)
			same(f, "status", d.Status, bellhop.DeliveryFailed)
			same(f, "requests", d.Attempts, attempts)
			log := f.log(d.ID)
			same(f, "lines", len(log), attempts+1)
			last := log[0]
			want := bellhop.Attempt{
				ID: d.LastAttempt, Delivery: d.ID, Event: n.Event.ID, Endpoint: e.ID, App: "acme", Type: n.Event.Type, Trigger: bellhop.TriggerPublish,
				Number: attempts + 1, Status: bellhop.AttemptFailed, Final: true, Reason: bellhop.ReasonExpired, Detail: "It is too old.",
			}
			same(f, "last line", last, want)
		}
		same(f, "the one under way", f.get(owned.Deliveries[0].ID).Owner, f.node)
		same(f, "at the other endpoint", f.get(first.Deliveries[1].ID).Status, bellhop.DeliveryPending)
		list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Endpoint: e.ID, Status: bellhop.DeliveryFailed, Limit: 10})
		f.must(err)
		same(f, "listed as failed", len(list), 2)
		events, _, err := f.s.Candidates(f.Context(), bellhop.ReplayFilter{Endpoint: e.ID, Apps: []string{"acme"}, Status: bellhop.ReplayFailed, Limit: 10, Scan: 10})
		f.must(err)
		same(f, "replayed as failed", len(events), 2)
	}},
	{"age counts from when it was to be delivered, or sent again", func(f *fixture) {
		e := f.endpoint()
		at := f.now.Add(time.Hour)
		scheduled := f.event()
		scheduled.Event.DeliverAt = &at
		d := f.delivery(&scheduled.Event, &e)
		d.Due = at
		scheduled.Deliveries = append(scheduled.Deliveries, d)
		later := f.laterEvent([]bellhop.Endpoint{e})
		later.Event.DeliverAt = &at
		f.enqueue(scheduled, later)
		f.spread(1)
		f.pass(time.Hour)
		same(f, "old when it is due", f.oldest(time.Minute), nil)
		f.pass(time.Hour)
		again := f.delivery(&scheduled.Event, &e)
		again.Trigger, again.OrderPos = bellhop.TriggerResend, again.ID
		_, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: []bellhop.Delivery{again}}, f.now)
		f.must(err)
		same(f, "ended too soon", f.endOld(e, time.Hour, 10), 0)
		same(f, "ended", f.endOld(e, time.Hour-time.Millisecond, 10), 2)
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), []bellhop.DeliveryID{again.ID})
	}},
	{"no more end than there are ids, oldest first, and none twice", func(f *fixture) {
		e := f.endpoint()
		var made []bellhop.DeliveryID
		for range 7 {
			f.pass(time.Second)
			made = append(made, ids(f.publish(e))...)
		}
		f.pass(time.Hour)
		lines := id.Take[id.Attempt](f.ids, 3, f.now)
		o := bellhop.EndOld{Endpoint: e.ID, Revision: e.Revision, Before: f.now, Detail: "It is too old."}
		for range 3 {
			n, err := f.s.EndOld(f.Context(), o, lines, f.now)
			f.must(err)
			same(f, "ended", n, 3)
		}
		same(f, "pending", f.pending(e.ID), 4)
		same(f, "the oldest", f.get(made[2]).Status, bellhop.DeliveryFailed)
		same(f, "the next", f.get(made[3]).Status, bellhop.DeliveryPending)
		for _, want := range []int{3, 1, 0} {
			same(f, "ended", f.endOld(e, 0, 3), want)
		}
	}},
	{"nothing ends by settings that are no longer true", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		f.pass(time.Hour)
		f.save(e)
		same(f, "ended", f.endOld(e, 0, 10), 0)
		same(f, "ended of one that is gone", f.endOld(bellhop.Endpoint{ID: 42}, 0, 10), 0)
		same(f, "pending", f.pending(e.ID), 1)
	}},
	{"the end lets the next of its order go", func(f *fixture) {
		e := ordered(f, bellhop.OrderingEndpoint)
		f.publish(e)
		f.pass(time.Hour)
		next := f.publish(e)
		f.record(f.retry(f.claim(e, 10)[0].Delivery, time.Hour))
		same(f, "claimed while it waits", deliveryIDs(f.claim(e, 10)), nil)
		same(f, "ended", f.endOld(e, time.Minute, 10), 1)
		same(f, "claimed then", deliveryIDs(f.claim(e, 10)), ids(next))
	}},
	{"what is erased is canceled, even so", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		f.erase(n)
		f.pass(time.Hour)
		same(f, "ended", f.endOld(e, 0, 10), 1)
		same(f, "reason", f.log(n.Deliveries[0].ID)[0].Reason, bellhop.ReasonErased)
		same(f, "status", f.get(n.Deliveries[0].ID).Status, bellhop.DeliveryCanceled)
	}},
	{"ResumedAt is when a pause ended", func(f *fixture) {
		e := f.endpoint()
		set := func(status bellhop.EndpointStatus) time.Time {
			f.pass(time.Minute)
			e = f.stored(e.ID)
			e.Status, e.ResumedAt = status, f.now.Add(time.Hour) // not the caller's to say
			e = f.save(e)
			return e.ResumedAt
		}
		same(f, "never", set(bellhop.EndpointActive), time.Time{})
		same(f, "disabled", set(bellhop.EndpointDisabled), time.Time{})
		same(f, "active", set(bellhop.EndpointActive), time.Time{})
		same(f, "paused", set(bellhop.EndpointPaused), time.Time{})
		same(f, "resumed", set(bellhop.EndpointActive), f.now)
		resumed := f.now
		same(f, "changed", set(bellhop.EndpointActive), resumed)
		same(f, "paused again", set(bellhop.EndpointPaused), resumed)
		same(f, "disabled from a pause", set(bellhop.EndpointDisabled), f.now)
	}},
}
