package storetest

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

var retryingTests = []test{
	{"hastens what failed and waits, and nothing else", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		var all []bellhop.DeliveryID
		for _, to := range []bellhop.Endpoint{e, e, e, e, other} {
			all = append(all, f.publish(to).Deliveries[0].ID)
		}
		work := f.claim(e, 4)
		f.record(f.retry(work[0].Delivery, time.Hour))
		f.record(f.retry(work[1].Delivery, time.Hour))
		f.record(f.retry(work[2].Delivery, 0)) // it is due already
		f.record(f.retry(f.claim(other, 1)[0].Delivery, time.Hour))
		f.pass(time.Minute)
		before := f.get(all[1])
		moved, err := f.s.Hasten(f.Context(), e.ID, []bellhop.DeliveryID{all[0], all[2], all[3], all[4], 4711}, f.now)
		f.must(err)
		same(f, "moved", moved, 1)
		same(f, "due", f.get(all[0]).Due, f.now)
		same(f, "not named", f.get(all[1]), before)
		same(f, "of another endpoint", f.get(all[4]).Due.After(f.now), true)
		same(f, "under way", f.get(all[3]).Owner, f.node)
		again, err := f.s.Hasten(f.Context(), e.ID, all, f.now)
		f.must(err)
		same(f, "the rest", again, 1)
		got := f.claimed(e, 10)
		same(f, "retries are claimed", len(got.Work), 3)
	}},
	{"what is hastened has an attempt beside its schedule, and never more such than it had", func(f *fixture) {
		e := f.endpoint()
		d := f.publish(e).Deliveries[0].ID
		hasten := func(moved, uncounted int) {
			f.Helper()
			n, err := f.s.Hasten(f.Context(), e.ID, []bellhop.DeliveryID{d}, f.now)
			f.must(err)
			same(f, "moved", n, moved)
			same(f, "uncounted", f.get(d).Uncounted, uncounted)
		}
		f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Hour))
		hasten(1, 1)
		hasten(0, 1)
		w := f.claim(e, 1)
		same(f, "claimed", w[0].Delivery.Uncounted, 1)
		f.record(f.retry(w[0].Delivery, time.Hour))
		hasten(1, 2)
		f.hold(e, f.claim(e, 1)...)
		same(f, "held", f.get(d).Uncounted, 3)
		f.releaseHeld(e, d)
		f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Hour))
		hasten(1, 4)
		f.hold(e, f.claim(e, 1)...)
		f.releaseHeld(e, d)
		same(f, "held by itself as well", f.get(d).Uncounted, f.get(d).Attempts)
		f.now = f.now.Add(-time.Minute) // as by a clock that is behind
		hasten(1, f.get(d).Attempts)
	}},
	{"hastening keeps the order", func(f *fixture) {
		e := f.endpoint()
		e.Ordering = bellhop.OrderingEndpoint
		e = f.save(e)
		first, second := f.publish(e), f.publish(e)
		f.record(f.retry(f.claim(e, 2)[0].Delivery, time.Hour))
		same(f, "the second waits", len(f.claim(e, 2)), 0)
		moved, err := f.s.Hasten(f.Context(), e.ID, append(ids(first), ids(second)...), f.now)
		f.must(err)
		same(f, "moved", moved, 1)
		same(f, "first", deliveryIDs(f.claimed(e, 2).Work), ids(first))
	}},
	{"lists what waits to be tried again", func(f *fixture) {
		f.app("acme")
		f.app("globex")
		e := f.endpoint("acme", "globex")
		var want []bellhop.DeliveryID
		for i := range 7 {
			n := f.event(e)
			if n.Event.Channels = [][]string{{"a"}, nil, {"ab"}}[i%3]; i == 1 {
				n.Event.Tags = []string{"x"}
			}
			if i == 6 {
				n.Event.App = "globex"
				n.Deliveries[0].App = "globex"
			}
			f.enqueue(n)
			a := f.retry(f.claim(e, 1)[0].Delivery, time.Hour)
			if a.Reason = bellhop.ReasonStatus; i%2 == 0 {
				a.ResponseStatus = 503
			}
			f.record(a)
			want = append(want, n.Deliveries[0].ID)
			f.pass(time.Second)
		}
		f.publish(e) // not tried yet
		list := func(filter bellhop.RetryingFilter) (all []bellhop.DeliveryID) {
			filter.Endpoint, filter.Scan = e.ID, 3
			if !filter.Scope.All {
				filter.Scope = bellhop.Only("acme")
			}
			for steps := 0; steps < 10; steps++ {
				some, next, err := f.s.Retrying(f.Context(), filter)
				f.must(err)
				all = append(all, some...)
				if filter.After = next; next == 0 {
					return all
				}
			}
			f.Error("it comes to no end")
			return all
		}
		same(f, "of one app", list(bellhop.RetryingFilter{}), want[:6])
		same(f, "of all", list(bellhop.RetryingFilter{Scope: anyApp}), want)
		same(f, "by status", list(bellhop.RetryingFilter{Cause: bellhop.Cause{ResponseStatus: 503}}), []bellhop.DeliveryID{want[0], want[2], want[4]})
		same(f, "by answer", list(bellhop.RetryingFilter{Response: "5xx"}), []bellhop.DeliveryID{want[0], want[2], want[4]})
		same(f, "by channel", list(bellhop.RetryingFilter{LabelFilter: bellhop.LabelFilter{Channel: "a"}}), []bellhop.DeliveryID{want[0], want[3]})
		same(f, "by tag", list(bellhop.RetryingFilter{LabelFilter: bellhop.LabelFilter{Tag: "x"}}), want[1:2])
		same(f, "by reason", len(list(bellhop.RetryingFilter{Cause: bellhop.Cause{Reason: "timeout"}})), 0)
		same(f, "by time", list(bellhop.RetryingFilter{Since: f.now.Add(-3 * time.Second), Scope: anyApp}), want[4:])
		same(f, "until", list(bellhop.RetryingFilter{Until: f.now.Add(-3 * time.Second), Scope: anyApp}), want[:4])
		same(f, "by type", len(list(bellhop.RetryingFilter{Types: []string{"no.such"}})), 0)
		same(f, "by its type", len(list(bellhop.RetryingFilter{Types: []string{f.get(want[0]).Type}})), 6)
	}},
	{"counts failures by cause", func(f *fixture) {
		f.app("acme")
		e, other := f.endpoint(), f.endpoint()
		fail := func(e bellhop.Endpoint, final bool, reason string, status int) bellhop.Attempt {
			f.publish(e)
			d := f.claim(e, 1)[0].Delivery
			a := f.attempt(d, bellhop.AttemptFailed)
			if !final {
				a = f.retry(d, time.Hour)
			}
			a.Reason, a.ResponseStatus, a.Detail = reason, status, reason+" detail"
			f.record(a)
			f.pass(time.Second)
			return a
		}
		old := fail(e, true, "timeout", 0)
		since := f.now
		first := fail(e, false, bellhop.ReasonStatus, 503)
		given := fail(e, true, bellhop.ReasonStatus, 503)
		last := fail(e, false, bellhop.ReasonStatus, 503)
		denied := fail(e, true, bellhop.ReasonStatus, 401)
		fail(other, false, "connect", 0)
		f.publish(e) // untried
		count := func(since time.Time, of ...bellhop.Endpoint) bellhop.Failures {
			filter := bellhop.FailureFilter{Scope: anyApp, Since: since, Each: 100, All: 1000}
			for _, e := range of {
				filter.Endpoints = append(filter.Endpoints, e.ID)
			}
			got, err := f.s.Failures(f.Context(), filter)
			f.must(err)
			return got
		}
		got := count(since, e)
		same(f, "partial", got.Partial, false)
		byCause := func(list []bellhop.Failure, status int) bellhop.Failure {
			i := slices.IndexFunc(list, func(x bellhop.Failure) bool { return x.ResponseStatus == status })
			if i < 0 {
				return bellhop.Failure{}
			}
			return list[i]
		}
		same(f, "causes", len(got.List), 2)
		same(f, "503", byCause(got.List, 503), bellhop.Failure{
			Endpoint: e.ID, Reason: bellhop.ReasonStatus, ResponseStatus: 503, Detail: "status detail", Waiting: 2, Failed: 1,
			OldestAt: first.StartedAt(), NewestAt: last.StartedAt(), NewestAttempt: last.ID, NextAt: first.NextAt,
		})
		same(f, "401", byCause(got.List, 401).Failed, int64(1))
		same(f, "with the old one", len(count(old.StartedAt(), e).List), 3)
		same(f, "of both", len(count(since, e, other).List), 3)
		bounded, err := f.s.Failures(f.Context(), bellhop.FailureFilter{Scope: anyApp, Endpoints: []bellhop.EndpointID{e.ID}, Each: 1, All: 1000})
		f.must(err)
		same(f, "bounded", bounded.Partial, true)
		none, err := f.s.Failures(f.Context(), bellhop.FailureFilter{Scope: bellhop.Only("nobody"), Endpoints: []bellhop.EndpointID{e.ID}, Each: 100, All: 1000})
		f.must(err)
		same(f, "of others", len(none.List), 0)

		// What is sent again counts no more, whether it waits or has arrived.
		for _, a := range []bellhop.Attempt{given, denied} {
			d := bellhop.Delivery{ID: f.delivery(&bellhop.Event{ID: a.Event}, &e).ID, Event: a.Event, Endpoint: e.ID, App: a.App, Type: a.Type, Trigger: bellhop.TriggerResend, Due: f.now}
			_, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: []bellhop.Delivery{d}}, f.now)
			f.must(err)
		}
		got = count(since, e)
		same(f, "503, with a copy that waits", byCause(got.List, 503).Failed, int64(0))
		same(f, "401, with a copy that waits", byCause(got.List, 401).Failed, int64(0))
	}},
	{"what is sent again and arrives settles what still waits", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Hour))
		again := func(trigger bellhop.Trigger) bellhop.Delivery {
			d := f.delivery(&n.Event, &e)
			d.Trigger, d.Due, d.OrderPos = trigger, f.now, d.ID
			_, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: []bellhop.Delivery{d}}, f.now)
			f.must(err)
			return d
		}
		again(bellhop.TriggerResend)
		second := f.claim(e, 1)[0].Delivery
		again(bellhop.TriggerReplay)
		third := f.claim(e, 1)[0].Delivery
		later := again(bellhop.TriggerResend)
		f.record(f.attempt(third, bellhop.AttemptSucceeded))
		same(f, "the first", f.get(n.Deliveries[0].ID).Settled, third.ID)
		same(f, "the second, under way", f.get(second.ID).Settled, third.ID)
		same(f, "one that was made after it", f.get(later.ID).Settled, bellhop.DeliveryID(0))
		standing, err := f.s.Standings(f.Context(), bellhop.StandingFilter{Event: n.Event.ID, Limit: 10})
		f.must(err)
		same(f, "unfinished", standing[0].Unfinished, 1)

		f.pass(2 * time.Hour)
		same(f, "nothing settled is claimed", deliveryIDs(f.claim(e, 10)), []bellhop.DeliveryID{later.ID})
		f.sweep()
		line := f.log(n.Deliveries[0].ID)
		last := line[0]
		same(f, "its last line", []any{last.Status, last.Reason, last.Final}, []any{bellhop.AttemptCanceled, bellhop.ReasonSettled, true})
		same(f, "the one under way is waited for", f.get(second.ID).Owner, f.node)
		f.record(f.retry(second, time.Hour))
		f.sweep()
		same(f, "and not tried again", f.get(second.ID).Status, bellhop.DeliveryCanceled)
		stats, err := f.s.Stats(f.Context(), bellhop.StatsFilter{Scope: anyApp, Bucket: time.Hour})
		f.must(err)
		same(f, "given up", stats.Total.Exhausted, int64(0))
		f.record(f.attempt(later, bellhop.AttemptSucceeded))
		standing, err = f.s.Standings(f.Context(), bellhop.StandingFilter{Event: n.Event.ID, Limit: 10})
		f.must(err)
		same(f, "settled", standing[0].Settled, 2)
		same(f, "pending", f.pending(e.ID), int64(0))
	}},
	{"what is settled lets the next of its order go", func(f *fixture) {
		e := f.endpoint()
		e.Ordering = bellhop.OrderingNone
		e = f.save(e)
		n := f.publish(e)
		f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Hour))
		d := f.delivery(&n.Event, &e)
		d.Trigger, d.Due, d.OrderPos = bellhop.TriggerResend, f.now, d.ID
		_, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: []bellhop.Delivery{d}}, f.now)
		f.must(err)
		work := f.claim(e, 1)
		e = f.stored(e.ID)
		e.Ordering = bellhop.OrderingEndpoint // meanwhile
		e = f.save(e)
		next := f.publish(e)
		f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded))
		f.sweep()
		for range 3 { // the first ones carry the change of order over
			if got := f.claim(e, 10); len(got) > 0 {
				same(f, "next", deliveryIDs(got), ids(next))
				return
			}
		}
		f.Error("the next of the order is never claimed")
	}},
	{"what is settled waits for Sweep, and for no fan-out", func(f *fixture) {
		e := f.endpoint()
		first := f.laterEvent([]bellhop.Endpoint{e}) // older, and still to be made
		f.enqueue(first)
		for _, retried := range []bool{false, true} {
			e.Ordering = bellhop.OrderingNone
			e = f.save(e)
			n := f.publish(e)
			if retried {
				f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Minute))
			}
			again := f.again(&n.Event, &e)
			again.Due = f.now.Add(-time.Second)
			same(f, "added", f.redeliver(nil, again), 1)
			same(f, "claimed", deliveryIDs(f.claim(e, 1)), []bellhop.DeliveryID{again.ID})
			e.Ordering = bellhop.OrderingEndpoint // meanwhile
			e = f.save(e)
			f.record(f.attempt(again, bellhop.AttemptSucceeded))
			f.pass(time.Hour)
			same(f, "claimed, with nothing due later", f.claimed(e, 10), bellhop.Claimed{})
			same(f, "swept", f.sweep(), 1)
			line := f.log(n.Deliveries[0].ID)
			same(f, "reason", line[0].Reason, bellhop.ReasonSettled)
		}
		f.spread(1)
		work := f.claim(e, 10)
		if len(work) != 1 || work[0].Event.ID != first.Event.ID {
			f.Fatalf("claimed %v, want the delivery of %v", deliveryIDs(work), first.Event.ID)
		}
	}},
}
