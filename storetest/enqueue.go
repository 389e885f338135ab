package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var enqueueTests = []test{
	{"stores the event byte for byte", func(f *fixture) {
		e := f.endpoint()
		n := f.event(e)
		at := f.now.Add(time.Hour)
		n.Event.ExternalID, n.Event.DeliverAt = "ext-1", &at
		n.Event.Data = bellhop.JSON("{ \"price\":1.10,\t\"name\":\"\\u00e9<é>\" }\n")
		same(f, "receipt", f.enqueue(n), []bellhop.Receipt{{Event: n.Event.ID, Deliveries: 1}})
		got, err := f.s.Event(f.Context(), n.Event.ID)
		f.must(err)
		same(f, "event", got, n.Event)
	}},
	{"stores a test event and one without a subject", func(f *fixture) {
		n := f.event()
		n.Event.Test, n.Event.Subject = true, ""
		f.enqueue(n)
		got, err := f.s.Event(f.Context(), n.Event.ID)
		f.must(err)
		same(f, "event", got, n.Event)
	}},
	{"stores channels, tags and the end of the data, of some events of a batch", func(f *fixture) {
		e := f.endpoint()
		at := f.now.Add(30 * time.Hour)
		var events []bellhop.NewEvent
		for i := range 6 {
			n := f.event(e)
			if i == 1 || i == 4 {
				n.Event.Channels = []string{"a.b", "project_7:é\"<"}
			}
			if i >= 4 {
				n.Event.Tags, n.Event.DataExpiresAt = []string{"vip"}, &at
			}
			events = append(events, n)
		}
		f.enqueue(events...)
		for i := range events {
			got, err := f.s.Event(f.Context(), events[i].Event.ID)
			f.must(err)
			same(f, "event", got, events[i].Event)
		}
		for i, w := range f.claim(e, 10) {
			same(f, "claimed", *w.Event, events[i].Event)
		}
		replayed, _, err := f.s.Candidates(f.Context(), bellhop.ReplayFilter{Endpoint: e.ID, Apps: []string{"acme"}, Status: bellhop.ReplayAll, Limit: 10})
		f.must(err)
		for i := range events {
			same(f, "candidate", replayed[i], events[i].Event)
		}
	}},
	{"stores deliveries with and without an owner", func(f *fixture) {
		a, b := f.endpoint(), f.endpoint()
		n := f.event(a, b)
		n.Deliveries[0].Owner = f.node
		n.Deliveries[1].Due = f.now.Add(time.Minute)
		n.Deliveries[1].OrderKey, n.Deliveries[1].OrderPos = "k", 7
		f.enqueue(n)
		for _, d := range n.Deliveries {
			got := f.get(d.ID)
			same(f, "delivery", got, d)
		}
		same(f, "owned ones are nobody else's", deliveryIDs(f.claim(a, 10)), nil)
	}},
	{"refuses stale routes and stores nothing", func(f *fixture) {
		e := f.endpoint()
		v := f.version()
		f.save(f.stored(e.ID))
		n := f.event(e)
		_, err := f.s.Enqueue(f.Context(), f.lease, v, []bellhop.NewEvent{n}, f.now)
		if !errors.Is(err, bellhop.ErrStaleRoutes) {
			f.Fatalf("Enqueue = %v, want ErrStaleRoutes", err)
		}
		if _, err := f.s.Event(f.Context(), n.Event.ID); !bellhop.IsNotFound(err) {
			f.Errorf("Event = %v, want not found", err)
		}
		same(f, "pending", f.pending(0), 0)
		if _, err := f.s.Enqueue(f.Context(), f.lease, v+2, []bellhop.NewEvent{n}, f.now); !errors.Is(err, bellhop.ErrStaleRoutes) {
			f.Errorf("Enqueue with a version of the future = %v, want ErrStaleRoutes", err)
		}
	}},
	{"answers a repeated publish with the first receipt", func(f *fixture) {
		e := f.endpoint()
		first := external(f.event(e, e), "x")
		f.enqueue(first)
		again := external(f.event(e), "x")
		same(f, "receipt", f.enqueue(again), []bellhop.Receipt{{Event: first.Event.ID, Deliveries: 2, Duplicate: true}})
		if _, err := f.s.Event(f.Context(), again.Event.ID); !bellhop.IsNotFound(err) {
			f.Errorf("the repeated event was stored: %v", err)
		}
		same(f, "pending", f.pending(0), 2)
	}},
	{"answers a repetition within the batch", func(f *fixture) {
		first, other, again := external(f.event(), "x"), external(f.event(), "y"), external(f.event(), "x")
		same(f, "receipts", f.enqueue(first, other, again), []bellhop.Receipt{
			{Event: first.Event.ID}, {Event: other.Event.ID}, {Event: first.Event.ID, Duplicate: true},
		})
	}},
	{"the same id in another app is another event", func(f *fixture) {
		f.enqueue(external(f.event(), "x"))
		other := external(f.event(), "x")
		other.Event.App, other.Digest = "globex", [32]byte{9}
		same(f, "receipts", f.enqueue(other), []bellhop.Receipt{{Event: other.Event.ID}})
	}},
	{"events without an id never repeat each other", func(f *fixture) {
		a, b := f.event(), f.event()
		same(f, "receipts", f.enqueue(a, b), []bellhop.Receipt{{Event: a.Event.ID}, {Event: b.Event.ID}})
	}},
	{"refuses other content under the same id, all or nothing", func(f *fixture) {
		e := f.endpoint()
		f.enqueue(external(f.event(e), "x"))
		fresh, conflict := f.event(e), external(f.event(e), "x")
		conflict.Digest = [32]byte{2}
		_, err := f.s.Enqueue(f.Context(), f.lease, f.version(), []bellhop.NewEvent{fresh, conflict}, f.now)
		if bellhop.CodeOf(err) != bellhop.CodeIDConflict {
			f.Fatalf("Enqueue = %v, want %s", err, bellhop.CodeIDConflict)
		}
		same(f, "pending", f.pending(0), 1)
		if _, err := f.s.Event(f.Context(), fresh.Event.ID); !bellhop.IsNotFound(err) {
			f.Errorf("the other event of the batch was stored: %v", err)
		}
	}},
	{"refuses a conflict within the batch", func(f *fixture) {
		a, b := external(f.event(), "x"), external(f.event(), "x")
		b.Digest = [32]byte{2}
		_, err := f.s.Enqueue(f.Context(), f.lease, f.version(), []bellhop.NewEvent{a, b}, f.now)
		if bellhop.CodeOf(err) != bellhop.CodeIDConflict {
			f.Errorf("Enqueue = %v, want %s", err, bellhop.CodeIDConflict)
		}
	}},
	{"does nothing for a caller who has gone", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.Context())
		cancel()
		n := f.event()
		if _, err := f.s.Enqueue(ctx, f.lease, f.version(), []bellhop.NewEvent{n}, f.now); !errors.Is(err, context.Canceled) {
			f.Errorf("Enqueue = %v, want context.Canceled", err)
		}
	}},
	{"Resolve tells what was stored", func(f *fixture) {
		e := f.endpoint()
		old := external(f.event(e, e), "old")
		f.enqueue(old)
		a, b, again := f.event(e), external(f.event(), "b"), external(f.event(e), "old")
		twice := external(f.event(), "b")
		batch := []bellhop.NewEvent{a, b, again, twice}
		resolve := func(events ...bellhop.NewEvent) ([]bellhop.Receipt, bool) {
			f.Helper()
			r, stored, err := f.s.Resolve(f.Context(), f.lease, events, f.now)
			f.must(err)
			return r, stored
		}
		r, stored := resolve(batch...)
		same(f, "stored before", stored, false)
		same(f, "receipts before", r, nil)
		want := f.enqueue(batch...)
		f.pass(time.Minute)
		f.save(f.stored(e.ID)) // the routes have moved on
		r, stored = resolve(batch...)
		same(f, "stored", stored, true)
		same(f, "receipts", r, want)
		r, stored = resolve(again)
		same(f, "a duplicate alone", stored, true)
		same(f, "its receipt", r, want[2:3])
		other := again
		other.Digest = [32]byte{9}
		if _, stored = resolve(other); stored {
			f.Error("an event that conflicts counts as stored")
		}
		if _, stored = resolve(b, f.event()); !stored {
			f.Error("a batch of which one has gone since, with its app, does not count as stored")
		}
		if _, stored = resolve(f.event(), f.event()); stored {
			f.Error("a batch of which none is there counts as stored")
		}
		same(f, "pending", f.pending(0), 3)
	}},
	{"Redeliver adds deliveries of what is stored", func(f *fixture) {
		e := f.endpoint()
		kept, erased, unknown := f.publish(), f.publish(), f.event()
		f.erase(erased)
		var list []bellhop.Delivery
		for _, n := range []bellhop.NewEvent{kept, erased, unknown} {
			d := f.delivery(&n.Event, &e)
			d.Trigger, d.OrderPos = bellhop.TriggerResend, d.ID
			list = append(list, d)
		}
		audit := f.audit("acme")
		same(f, "added", f.redeliver(audit, list...), 1)
		same(f, "delivery", f.get(list[0].ID), list[0])
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), []bellhop.DeliveryID{list[0].ID})
		same(f, "audit", f.audits(), []bellhop.AuditEntry{*audit})
	}},
	{"Redeliver leaves out endpoints that are gone", func(f *fixture) {
		n := f.publish()
		gone := bellhop.Endpoint{ID: id.Next[id.Endpoint](f.ids, f.now)}
		same(f, "added", f.redeliver(nil, f.delivery(&n.Event, &gone)), 0)
		same(f, "pending", f.pending(0), 0)
	}},
	{"a closed store takes nothing", func(f *fixture) {
		f.must(f.s.Close())
		if _, err := f.s.Enqueue(f.Context(), f.lease, 0, []bellhop.NewEvent{f.event()}, f.now); err == nil {
			f.Error("Enqueue worked after Close")
		}
		if _, err := f.s.Event(f.Context(), 1); err == nil || bellhop.IsNotFound(err) {
			f.Errorf("Event after Close = %v", err)
		}
	}},
}

func external(n bellhop.NewEvent, id string) bellhop.NewEvent {
	n.Event.ExternalID = id
	return n
}
