package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var sweepTests = []test{
	{"Sweep ends no more than it has ids for", func(f *fixture) {
		e := f.endpoint()
		f.flood(e, 7)
		flying := f.claim(e, 2)
		f.must(f.s.DeleteEndpoint(f.Context(), e.ID, nil, f.now))
		same(f, "pending until it is swept", f.pending(e.ID), 7)
		sweep := func(list ...int) {
			f.Helper()
			for _, want := range list {
				n, err := f.s.Sweep(f.Context(), id.Take[id.Attempt](f.ids, 3, f.now), f.now)
				f.must(err)
				same(f, "swept", n, want)
			}
		}
		sweep(3, 2, 0)
		same(f, "pending while they are in flight", f.pending(e.ID), 2)
		f.must(f.s.Release(f.Context(), f.lease, deliveryIDs(flying), f.now))
		sweep(2, 0)
		same(f, "pending", f.pending(e.ID), 0)
		lines, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Status: bellhop.AttemptCanceled, Limit: 100})
		f.must(err)
		same(f, "last lines", len(lines), 7)
		for _, a := range lines {
			if a.Reason != bellhop.ReasonDeleted || !a.Final || a.Detail == "" || a.Type != "invoice.paid" {
				f.Errorf("last line %+v", a)
			}
		}
		n, err := f.s.Sweep(f.Context(), nil, f.now)
		f.must(err)
		same(f, "swept without an id", n, 0)
	}},
	{"Sweep leaves alone what can be delivered", func(f *fixture) {
		e, gone := f.endpoint(), f.endpoint()
		kept, erased := f.publish(e, gone), f.publish(e, gone)
		f.must(f.s.DeleteEndpoint(f.Context(), gone.ID, nil, f.now))
		f.erase(erased)
		same(f, "swept", f.sweep(), 3)
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(kept))
		same(f, "swept again", f.sweep(), 0)
	}},
	{"what is in flight is ended by its answer, or swept after it", func(f *fixture) {
		for name, gone := range map[string]func(e bellhop.Endpoint, n bellhop.NewEvent){
			"erased": func(_ bellhop.Endpoint, n bellhop.NewEvent) { f.erase(n) },
			"deleted": func(e bellhop.Endpoint, _ bellhop.NewEvent) {
				f.must(f.s.DeleteEndpoint(f.Context(), e.ID, nil, f.now))
			},
		} {
			e := f.endpoint()
			n := f.event(e, e, e, e)
			f.enqueue(n)
			work := f.claim(e, 4)
			gone(e, n)
			same(f, name+": swept while they are in flight", f.sweep(), 0)
			f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded), f.attempt(work[1].Delivery, bellhop.AttemptFailed), f.retry(work[2].Delivery, time.Minute))
			same(f, name+": swept after a retry was planned", f.sweep(), 1)
			other := f.join()
			same(f, name+": swept while another node has joined", f.sweep(), 0)
			f.must(f.s.Leave(f.Context(), other.Lease, f.now))
			f.must(f.s.Disown(f.Context(), f.lease, e.ID, nil, f.now))
			same(f, name+": swept when nobody owns it", f.sweep(), 1)
			for i, want := range []bellhop.Delivery{
				{Status: bellhop.DeliverySucceeded, Attempts: 1},
				{Status: bellhop.DeliveryFailed, Attempts: 1},
				{Status: bellhop.DeliveryCanceled, Attempts: 1},
				{Status: bellhop.DeliveryCanceled},
			} {
				d := f.get(work[i].Delivery.ID)
				same(f, name+": status", d.Status, want.Status)
				same(f, name+": requests", d.Attempts, want.Attempts)
			}
			same(f, name+": pending", f.pending(0), 0)
		}
	}},
	{"an attempt in flight while its event is erased may end the delivery, but tells nothing of it", func(f *fixture) {
		e := f.endpoint()
		n, again := f.publish(e), f.publish(e)
		work := f.claim(e, 2)
		f.erase(n)
		f.erase(again)
		done := captured(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
		f.record(done, captured(f.retry(work[1].Delivery, 0)))
		same(f, "status", f.get(n.Deliveries[0].ID).Status, bellhop.DeliverySucceeded)
		for _, d := range append(ids(n), ids(again)...) {
			a := f.log(d)[0]
			if a.RequestHeader != nil || a.ResponseHeader != nil || a.ResponseBody != nil {
				f.Errorf("kept of the attempt: %+v", a)
			}
		}
		same(f, "tried again", len(f.claim(e, 10)), 0)
		same(f, "swept", f.sweep(), 1)
		same(f, "status", f.get(again.Deliveries[0].ID).Status, bellhop.DeliveryCanceled)
	}},
	{"an erased event does not keep the endpoint busy", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		f.erase(n)
		for range 3 {
			if c := f.claimed(e, 10); len(c.Work) > 0 {
				f.Fatal("an erased event was claimed")
			} else if c.Next.IsZero() {
				return
			}
		}
		f.Error("Claim goes on asking to be called again")
	}},
	{"a deleted endpoint gives no work", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		f.must(f.s.DeleteEndpoint(f.Context(), e.ID, nil, f.now))
		same(f, "claimed", f.claimed(e, 10), bellhop.Claimed{})
	}},
	{"Expire keeps what Sweep has still to end", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		f.must(f.s.DeleteEndpoint(f.Context(), e.ID, nil, f.now))
		f.pass(time.Hour)
		deleted, err := f.s.Expire(f.Context(), f.now, 100, f.now)
		f.must(err)
		same(f, "deleted", deleted, 0)
		f.sweep()
		same(f, "status", f.get(n.Deliveries[0].ID).Status, bellhop.DeliveryCanceled)
	}},
}
