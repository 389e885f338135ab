package storetest

import (
	"errors"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var leaseTests = []test{
	{"each holder of a number has a higher epoch", func(f *fixture) {
		for range id.MaxNode - 2 {
			f.join()
		}
		last := f.joinFor(time.Minute)
		for range 3 {
			f.pass(time.Hour)
			next := f.joinFor(time.Minute)
			if next.Node != last.Node || next.Epoch <= last.Epoch {
				f.Fatalf("%+v came after %+v", next, last)
			}
			if _, err := f.s.Renew(f.Context(), last, nil, time.Minute, f.now); !errors.Is(err, bellhop.ErrLeaseLost) {
				f.Errorf("Renew of the earlier lease = %v, want ErrLeaseLost", err)
			}
			f.must(f.s.Leave(f.Context(), last, f.now)) // changes nothing
			f.renew(next)
			last = next
		}
	}},
	{"no step of a lease that is over changes anything", func(f *fixture) {
		e := f.endpoint()
		waiting := f.event(e)
		waiting.Later = []bellhop.EndpointID{e.ID}
		f.enqueue(waiting)
		owned := f.event(e)
		owned.Deliveries[0].Owner = f.node
		f.enqueue(owned)
		before := f.picture(e)
		taken := f.lease
		taken.Epoch++
		dead := f.joinFor(time.Minute)
		f.pass(time.Hour)
		f.takeOver(1)
		for name, l := range map[string]bellhop.Lease{"none": {}, "another epoch": taken, "taken over": dead, "unknown": {Node: 77, Epoch: 1}} {
			for step, err := range f.steps(l, e, owned) {
				if !errors.Is(err, bellhop.ErrLeaseLost) {
					f.Errorf("%s, lease %s: %v, want ErrLeaseLost", step, name, err)
				}
			}
			same(f, "the store after a lease "+name, f.picture(e), before)
		}
		for step, err := range f.steps(f.lease, e, owned) {
			if err != nil {
				f.Errorf("%s under a lease that is held: %v", step, err)
			}
		}
	}},
	{"what was begun under an earlier lease is only logged", func(f *fixture) {
		for range id.MaxNode - 2 {
			f.join()
		}
		f.lease = f.joinFor(time.Minute)
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 1)[0]
		same(f, "work's lease", w.Lease, f.lease)
		f.pass(time.Hour)
		f.lease = f.joinFor(time.Minute)
		same(f, "the number", f.lease.Node, w.Lease.Node)
		again := f.claim(e, 1)[0]
		late := f.attempt(w.Delivery, bellhop.AttemptSucceeded)
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: late, Lease: w.Lease}}, f.now))
		same(f, "delivery", f.get(n.Deliveries[0].ID), again.Delivery)
		same(f, "final", f.log(n.Deliveries[0].ID)[0].Final, false)
		f.record(f.attempt(again.Delivery, bellhop.AttemptSucceeded))
		same(f, "pending", f.pending(e.ID), 0)
	}},
	{"what was under way where a node died has the place in the order that it had", func(f *fixture) {
		e := f.endpoint()
		f.lease = f.joinFor(time.Minute)
		published, test, elsewhere := f.event(e), f.event(e), f.event(e)
		test.Event.Test = true
		test.Deliveries[0].Trigger = bellhop.TriggerTest
		for _, n := range []*bellhop.NewEvent{&test, &elsewhere} {
			n.Deliveries[0].OrderPos = n.Deliveries[0].ID
		}
		all := []bellhop.NewEvent{published, test, elsewhere}
		for i := range all {
			all[i].Deliveries[0].Owner = f.lease.Node
		}
		f.enqueue(all...)
		for _, n := range all {
			same(f, "under way", f.get(n.Deliveries[0].ID), n.Deliveries[0])
		}
		f.pass(time.Hour)
		f.takeOver(1)
		for _, n := range all {
			n.Deliveries[0].Owner = 0
			same(f, "taken over", f.get(n.Deliveries[0].ID), n.Deliveries[0])
		}
	}},
	{"Disown releases what nobody knows of", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		a, b := f.publish(e), f.publish(e)
		elsewhere := f.publish(other)
		f.claim(e, 10)
		f.claim(other, 10)
		stranger := f.join().Lease
		f.must(f.s.Disown(f.Context(), stranger, e.ID, nil, f.now))
		same(f, "owner", f.get(a.Deliveries[0].ID).Owner, f.node)
		f.must(f.s.Disown(f.Context(), f.lease, e.ID, append(ids(b), 42), f.now))
		same(f, "of the unknown", f.get(a.Deliveries[0].ID), a.Deliveries[0])
		same(f, "of the known", f.get(b.Deliveries[0].ID).Owner, f.node)
		same(f, "of another endpoint", f.get(elsewhere.Deliveries[0].ID).Owner, f.node)
		same(f, "claimed again", deliveryIDs(f.claim(e, 10)), ids(a))
	}},
}

// seen is what can be seen of an endpoint.
type seen struct {
	Deliveries []bellhop.Delivery
	Events     []bellhop.Event
	Attempts   []bellhop.Attempt
	Audits     []bellhop.AuditEntry
	Later      []bellhop.EndpointID
	Vitals     bellhop.Vitals
}

func (f *fixture) picture(e bellhop.Endpoint) (p seen) {
	f.Helper()
	var err error
	p.Deliveries, err = f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Limit: 1000})
	f.must(err)
	p.Events, err = f.s.Events(f.Context(), bellhop.EventFilter{Scope: anyApp, Limit: 1000})
	f.must(err)
	p.Attempts, err = f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Limit: 1000})
	f.must(err)
	for _, e := range p.Events {
		later, err := f.s.Later(f.Context(), e.ID)
		f.must(err)
		p.Later = append(p.Later, later...)
	}
	p.Audits, p.Vitals = f.audits(), f.stored(e.ID).Vitals
	return p
}

// steps runs each step of the flow under a lease.
func (f *fixture) steps(l bellhop.Lease, e bellhop.Endpoint, owned bellhop.NewEvent) map[string]error {
	f.Helper()
	n := f.event(e)
	d := f.delivery(&owned.Event, &e)
	d.Trigger, d.OrderPos = bellhop.TriggerResend, d.ID
	_, enqueue := f.s.Enqueue(f.Context(), l, f.version(), []bellhop.NewEvent{n}, f.now)
	_, _, resolve := f.s.Resolve(f.Context(), l, []bellhop.NewEvent{owned}, f.now)
	_, redeliver := f.s.Redeliver(f.Context(), l, bellhop.Redelivery{Deliveries: []bellhop.Delivery{d}, Audit: f.audit("acme")}, f.now)
	_, spread := f.s.Spread(f.Context(), l, id.Take[id.Delivery](f.ids, 10, f.now), f.now)
	_, claim := f.claimAs(bellhop.ClaimRequest{Lease: l, Endpoint: e.ID, Limit: 1})
	disown := f.s.Disown(f.Context(), l, e.ID, []bellhop.DeliveryID{owned.Deliveries[0].ID}, f.now)
	release := f.s.Release(f.Context(), l, []bellhop.DeliveryID{owned.Deliveries[0].ID}, f.now)
	record := f.s.Record(f.Context(), l, []bellhop.Result{{
		Attempt: f.attempt(owned.Deliveries[0], bellhop.AttemptFailed), Lease: l, Vitals: failing(e, f.now),
	}}, f.now)
	free := f.owners()[:1]
	_, take := f.s.TakeBuckets(f.Context(), l, free, f.now)
	leave := f.s.LeaveBuckets(f.Context(), l, free, f.now)
	return map[string]error{
		"TakeBuckets": take, "LeaveBuckets": leave,
		"Enqueue": enqueue, "Resolve": resolve, "Redeliver": redeliver, "Spread": spread,
		"Claim": claim, "Disown": disown, "Release": release, "Record": record,
	}
}
