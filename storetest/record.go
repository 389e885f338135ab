package storetest

import (
	"net/http"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var recordTests = []test{
	{"logs an attempt in full", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		a := captured(f.retry(f.claim(e, 1)[0].Delivery, time.Minute))
		f.record(a)
		got, err := f.s.Attempt(f.Context(), a.ID)
		f.must(err)
		same(f, "attempt", got, a)
	}},
	{"a final attempt ends the delivery", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 1)[0]
		f.record(f.retry(w.Delivery, 0))
		w = f.claim(e, 1)[0]
		a := f.attempt(w.Delivery, bellhop.AttemptSucceeded)
		f.record(a)
		same(f, "pending", f.pending(0), 0)
		same(f, "delivery", f.get(n.Deliveries[0].ID), bellhop.Delivery{
			ID: n.Deliveries[0].ID, Event: n.Event.ID, Endpoint: e.ID, App: "acme", Type: "invoice.paid",
			Trigger: bellhop.TriggerPublish, Status: bellhop.DeliverySucceeded, Attempts: 2, LastAttempt: a.ID,
		})
	}},
	{"any other sets the next due and releases", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 1)[0]
		a := f.retry(w.Delivery, time.Minute)
		f.record(a)
		want := n.Deliveries[0]
		want.Attempts, want.LastAttempt, want.Due = 1, a.ID, f.now.Add(time.Minute)
		same(f, "delivery", f.get(want.ID), want)
		same(f, "too early", f.claimed(e, 1), bellhop.Claimed{NextRetry: want.Due})
		f.pass(time.Minute)
		same(f, "again", f.claim(e, 1)[0].Delivery.Attempts, 1)
	}},
	{"sets vitals", func(f *fixture) {
		e := f.endpoint()
		f.publish(e, e, e)
		v := f.version()
		work := f.claim(e, 3)
		set := func(i int, vitals *bellhop.Vitals) {
			r := []bellhop.Result{{Attempt: f.attempt(work[i].Delivery, bellhop.AttemptFailed), Lease: f.lease, Vitals: vitals}}
			f.must(f.s.Record(f.Context(), f.lease, r, f.now))
		}
		ill := failing(e, f.now.Add(-time.Minute))
		set(0, ill)
		same(f, "failing", f.stored(e.ID).Vitals, *ill)
		set(1, nil)
		same(f, "untouched", f.stored(e.ID).Vitals, *ill)
		well := bellhop.Vitals{Revision: ill.Revision, Since: ill.Since, Taken: true}
		set(2, &well)
		same(f, "well", f.stored(e.ID).Vitals, well)
		same(f, "routes version", f.version(), v)
		same(f, "revision", f.stored(e.ID).Revision, e.Revision)
	}},
	{"only logs what was taken over", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 1)[0]
		f.must(f.s.Release(f.Context(), f.lease, ids(n), f.now))
		other := f.join().Lease
		c, err := f.claimAs(bellhop.ClaimRequest{Lease: other, Endpoint: e.ID, Limit: 1})
		f.must(err)
		ill := failing(e, f.now)
		late := captured(f.attempt(w.Delivery, bellhop.AttemptSucceeded))
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: late, Lease: f.lease, Vitals: ill}}, f.now))
		same(f, "delivery", f.get(n.Deliveries[0].ID), c.Work[0].Delivery)
		late.Final = false // it did not end the delivery
		same(f, "log", f.log(n.Deliveries[0].ID), []bellhop.Attempt{late})
		same(f, "vitals", f.stored(e.ID).Vitals, *ill)
	}},
	{"counts vitals of what is late, and of an event that is gone", func(f *fixture) {
		f.app("acme")
		e := f.endpoint("acme", "globex")
		n := f.publish(e)
		late := f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptFailed)
		f.erase(n)
		f.sweep()
		ill := failing(e, f.now)
		well := &bellhop.Vitals{Revision: ill.Revision, Since: ill.Since, Taken: true}
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: late, Lease: f.lease, Vitals: ill}}, f.now))
		same(f, "failing", f.stored(e.ID).Vitals, *ill)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		gone := f.attempt(n.Deliveries[0], bellhop.AttemptSucceeded)
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: gone, Lease: f.lease, Vitals: well}}, f.now))
		same(f, "well", f.stored(e.ID).Vitals, *well)
	}},
	{"recording an attempt again changes nothing", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		retry := f.retry(f.claim(e, 1)[0].Delivery, time.Minute)
		ill := failing(e, f.now)
		failed := bellhop.Result{Attempt: retry, Lease: f.lease, Vitals: ill}
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{failed, failed}, f.now))
		check := func(when string, want bellhop.Delivery, lines ...bellhop.Attempt) {
			f.Helper()
			other := failed
			other.Vitals = &bellhop.Vitals{Revision: ill.Revision, Taken: true}
			other.Attempt.Final, other.Attempt.Reason = true, "changed"
			f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{other}, f.now))
			same(f, when+": delivery", f.get(want.ID), want)
			same(f, when+": log", f.log(want.ID), lines)
			same(f, when+": vitals", f.stored(e.ID).Vitals, *ill)
		}
		want := n.Deliveries[0]
		want.Attempts, want.LastAttempt, want.Due = 1, retry.ID, f.now.Add(time.Minute)
		check("while it waits", want, retry)
		f.pass(time.Minute)
		f.claim(e, 1)
		want.Owner = f.node
		check("while it is sent again", want, retry)
		last := f.attempt(want, bellhop.AttemptSucceeded)
		f.record(last, last)
		done := f.get(want.ID)
		check("when it is done", done, last, retry)
		f.record(last)
		check("in the end", done, last, retry)
	}},
	{"only logs what nobody owns", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		a := f.attempt(n.Deliveries[0], bellhop.AttemptSucceeded)
		f.record(a)
		same(f, "status", f.get(n.Deliveries[0].ID).Status, bellhop.DeliveryPending)
		same(f, "log", len(f.log(n.Deliveries[0].ID)), 1)
	}},
	{"only logs what was canceled meanwhile", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 1)[0]
		f.must(f.s.Release(f.Context(), f.lease, ids(n), f.now))
		f.unsubscribe(e)
		late := captured(f.attempt(w.Delivery, bellhop.AttemptSucceeded))
		f.record(late)
		got := f.get(n.Deliveries[0].ID)
		same(f, "status", got.Status, bellhop.DeliveryCanceled)
		same(f, "attempts", got.Attempts, 0)
		late.Final = false
		log := f.log(n.Deliveries[0].ID)
		same(f, "newest line", log[0], late)
		same(f, "lines", len(log), 2)
	}},
	{"logs without bodies what was erased meanwhile", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 1)[0]
		f.erase(n)
		f.must(f.s.Release(f.Context(), f.lease, ids(n), f.now))
		f.sweep()
		late := captured(f.attempt(w.Delivery, bellhop.AttemptFailed))
		f.record(late)
		late.Final, late.RequestHeader, late.ResponseHeader, late.ResponseBody = false, nil, nil, nil
		late.Proof = bellhop.BodyProof{}
		same(f, "line", f.log(n.Deliveries[0].ID)[0], late)
		same(f, "status", f.get(n.Deliveries[0].ID).Status, bellhop.DeliveryCanceled)
	}},
	{"logs nothing of an event that is gone", func(f *fixture) {
		f.app("acme")
		e := f.endpoint("acme", "globex")
		n := f.publish(e)
		w := f.claim(e, 1)[0]
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		f.record(f.attempt(w.Delivery, bellhop.AttemptFailed))
		same(f, "log", f.log(n.Deliveries[0].ID), nil)
	}},
	{"logs nothing of the newest event, handed out at once, when that is gone", func(f *fixture) {
		f.app("acme")
		f.publish(f.endpoint("globex"))
		n := f.event(f.endpoint("acme", "globex"))
		n.Deliveries[0].Owner = f.node
		f.enqueue(n)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		f.must(f.s.Wipe(f.Context()))
		f.record(f.attempt(n.Deliveries[0], bellhop.AttemptSucceeded))
		same(f, "log", f.log(n.Deliveries[0].ID), nil)
	}},
	{"logs what is of an app that was made anew, by a node whose ids are behind", func(f *fixture) {
		f.app("acme")
		e := f.endpoint("acme", "globex")
		behind := f.join()
		f.pass(time.Hour)
		f.publish(e)
		f.pass(-time.Hour)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		f.app("acme")
		f.lease, f.node, f.ids = behind.Lease, behind.Lease.Node, id.NewGenerator(int(behind.Lease.Node), behind.Floor)
		e = f.endpoint()
		well, ill := f.event(e), f.event(e)
		well.Deliveries[0].Owner, ill.Deliveries[0].Owner = f.node, f.node
		f.enqueue(well, ill)
		f.record(f.attempt(well.Deliveries[0], bellhop.AttemptSucceeded), f.retry(ill.Deliveries[0], time.Minute))
		same(f, "what arrived", f.get(well.Deliveries[0].ID).Status, bellhop.DeliverySucceeded)
		same(f, "its log", len(f.log(well.Deliveries[0].ID)), 1)
		same(f, "due of what failed", f.get(ill.Deliveries[0].ID).Due, f.now.Add(time.Minute))
	}},
	{"keeps a large body and none", func(f *fixture) {
		e := f.endpoint()
		f.publish(e, e)
		work := f.claim(e, 2)
		large, none := f.attempt(work[0].Delivery, bellhop.AttemptFailed), f.attempt(work[1].Delivery, bellhop.AttemptFailed)
		large.ResponseBody = []byte(strings.Repeat("\x00é", 20_000))
		f.record(large, none)
		list, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Limit: 10, WithBodies: true})
		f.must(err)
		same(f, "attempts", list, []bellhop.Attempt{none, large})
	}},
}

// captured fills in everything that an exchange leaves.
func captured(a bellhop.Attempt) bellhop.Attempt {
	a.Reason, a.Detail = "status", "The endpoint answered 500."
	a.RequestHeader = http.Header{"Webhook-Id": {"evt_1"}, "X-Two": {"a", "b"}}
	a.ResponseStatus = 500
	a.ResponseHeader = http.Header{"Content-Type": {"text/plain"}}
	a.ResponseBody, a.ResponseTruncated = []byte("oh\x00 no"), true
	a.Dialect, a.Proof = "standard", bellhop.ProofOf([]byte("{}"), a.StartedAt().Add(-3*time.Millisecond))
	return a
}

// failing are vitals of an endpoint that has failed once, at a time.
func failing(e bellhop.Endpoint, since time.Time) *bellhop.Vitals {
	return &bellhop.Vitals{
		Revision: e.Vitals.Revision, Since: e.Vitals.Since, Failures: 12, Ill: 11, FailedSince: since.Add(-time.Minute), FailingSince: since,
		OpenSince: since.Add(time.Second), Last: 4711, Reason: bellhop.ReasonStatus, ResponseStatus: 503,
	}
}
