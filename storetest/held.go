package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
)

// hold records that no request could be made, by the settings of the endpoint as given.
func (f *fixture) hold(e bellhop.Endpoint, work ...bellhop.Work) []bellhop.Attempt {
	f.Helper()
	var lines []bellhop.Attempt
	var results []bellhop.Result
	for _, w := range work {
		a := f.retry(w.Delivery, 0)
		a.NextAt, a.Reason = time.Time{}, bellhop.ReasonTransform
		lines = append(lines, a)
		results = append(results, bellhop.Result{Attempt: a, Lease: f.lease, Held: true, Revision: e.Revision})
	}
	f.must(f.s.Record(f.Context(), f.lease, results, f.now))
	return lines
}

func (f *fixture) held(e bellhop.EndpointID, scope bellhop.Scope) map[bellhop.EndpointID]int64 {
	f.Helper()
	n, err := f.s.Held(f.Context(), scope, e)
	f.must(err)
	return n
}

func (f *fixture) releaseHeld(e bellhop.Endpoint, only ...bellhop.DeliveryID) int {
	f.Helper()
	n, err := f.s.ReleaseHeld(f.Context(), e.ID, only, f.now)
	f.must(err)
	return n
}

var heldTests = []test{
	{"what is held waits until a request is made in another way", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		a := f.hold(e, f.claim(e, 1)...)[0]
		want := n.Deliveries[0]
		want.Status, want.Attempts, want.LastAttempt, want.Due = bellhop.DeliveryHeld, 1, a.ID, time.Time{}
		want.Held, want.Uncounted = true, 1
		same(f, "held", f.get(want.ID), want)
		same(f, "line", f.log(want.ID), []bellhop.Attempt{a})
		e.Name = "Another name"
		e = f.save(e)
		f.pass(time.Hour)
		same(f, "claimed", f.claimed(e, 10), bellhop.Claimed{})
		same(f, "overdue", backlog(f), nil)
		same(f, "counted", f.held(e.ID, anyApp), map[bellhop.EndpointID]int64{e.ID: 1})

		e.Headers = map[string]string{"X-One": "1"}
		e = f.save(e)
		same(f, "overdue then", backlog(f), []bellhop.Backlog{{Endpoint: e.ID, Retries: true, Due: f.now}})
		same(f, "counted then", len(f.held(0, anyApp)), 0)
		w := f.claim(e, 10)
		same(f, "claimed then", deliveryIDs(w), ids(n))
		same(f, "released", w[0].Delivery.ReleasedAt, f.now)
		same(f, "born", bellhop.Born(&w[0].Delivery, w[0].Event), f.now)
		f.hold(e, w...)
		d := f.get(want.ID)
		same(f, "held again", d.Held, true)
		same(f, "uncounted", d.Uncounted, 2)
		same(f, "attempts", d.Attempts, 2)
	}},
	{"whatever makes the request otherwise lets it go, and so does resuming", func(f *fixture) {
		for name, change := range map[string]func(*bellhop.Endpoint){
			"url":     func(e *bellhop.Endpoint) { e.URL += "/new" },
			"dialect": func(e *bellhop.Endpoint) { e.Dialect = "raw" },
			"options": func(e *bellhop.Endpoint) { e.DialectOptions = map[string]string{"a": "b"} },
			"resumed": func(e *bellhop.Endpoint) {
				e.Status = bellhop.EndpointPaused
				*e = f.save(*e)
				same(f, "held while paused", len(f.held(e.ID, anyApp)), 1)
				e.Status = bellhop.EndpointActive
			},
		} {
			e := f.endpoint()
			n := f.publish(e)
			f.hold(e, f.claim(e, 1)...)
			change(&e)
			e = f.save(e)
			same(f, "claimed after a change of "+name, deliveryIDs(f.claim(e, 1)), ids(n))
		}
	}},
	{"an attempt under settings of before does not hold", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 1)
		changed := e
		changed.URL += "/new"
		changed = f.save(changed)
		f.hold(e, w...)
		d := f.get(n.Deliveries[0].ID)
		same(f, "held", d.Held, false)
		same(f, "uncounted", d.Uncounted, 1)
		same(f, "due", d.Due, f.now)
		same(f, "claimed", deliveryIDs(f.claim(changed, 1)), ids(n))
	}},
	{"a long backlog is let go in steps, and work is given meanwhile", func(f *fixture) {
		e, neighbour := f.endpoint(), f.endpoint()
		f.flood(e, many)
		f.hold(e, f.claim(e, many)...)
		same(f, "counted", f.held(0, anyApp), map[bellhop.EndpointID]int64{e.ID: many})
		f.publish(neighbour)
		e.URL += "/new"
		e = f.save(e)
		if left := f.held(e.ID, anyApp)[e.ID]; left == 0 {
			f.Fatal("all are let go in the step that saves")
		}
		f.finish(neighbour, bellhop.AttemptSucceeded)
		for steps := 0; f.pending(e.ID) > 0; steps++ {
			if steps > many {
				f.Fatal("it does not end")
			}
			if len(backlog(f)) == 0 {
				f.Fatalf("nobody would come for the %d that are left", f.pending(e.ID))
			}
			c := f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Retries: true, Limit: 400})
			if len(c.Work) == 0 {
				f.Fatal("no work beside the release")
			}
			if left := f.held(e.ID, anyApp)[e.ID]; left > 0 && (c.NextRetry.IsZero() || c.NextRetry.After(f.now)) {
				f.Fatalf("the next is at %v, while %d are still held", c.NextRetry, left)
			}
			var taken []bellhop.Attempt
			for _, w := range c.Work {
				taken = append(taken, f.attempt(w.Delivery, bellhop.AttemptSucceeded))
			}
			f.record(taken...)
		}
		same(f, "counted in the end", len(f.held(0, anyApp)), 0)
	}},
	{"what is held again during a release stays so", func(f *fixture) {
		e := f.endpoint()
		f.flood(e, many)
		f.hold(e, f.claim(e, many)...)
		e.URL += "/new"
		e = f.save(e)
		tries := 0
		for range many {
			c := f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Retries: true, Limit: 100})
			tries += len(c.Work)
			f.hold(e, c.Work...)
			if c.NextRetry.IsZero() {
				break
			}
		}
		same(f, "tried", tries, many)
		same(f, "held", f.held(e.ID, anyApp)[e.ID], int64(many))
	}},
	{"ReleaseHeld lets some go, or all", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		first, second, third := f.publish(e), f.publish(e), f.publish(e)
		f.hold(e, f.claim(e, 10)...)
		same(f, "of another endpoint", f.releaseHeld(other, ids(first)...), 0)
		same(f, "released", f.releaseHeld(e, append(ids(second), ids(second)...)...), 1)
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(second))
		f.releaseHeld(e)
		same(f, "claimed of all", deliveryIDs(f.claim(e, 10)), ids(first, third))
		_, err := f.s.ReleaseHeld(f.Context(), 42, nil, f.now)
		same(f, "of an endpoint that is gone", bellhop.CodeOf(err), bellhop.CodeNotFound)
	}},
	{"a release is not begun anew while it is under way, or was a moment ago", func(f *fixture) {
		e := f.endpoint()
		same(f, "of none", f.releaseHeld(e), 0)
		f.flood(e, many)
		f.hold(e, f.claim(e, many)...)
		same(f, "released", f.releaseHeld(e), many)
		claim := func() []bellhop.Work {
			f.Helper()
			return f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Retries: true, Limit: 100}).Work
		}
		first := claim()
		f.hold(e, first...)
		tries := len(first)
		for range many {
			f.pass(time.Minute)
			if f.held(e.ID, anyApp)[e.ID] > int64(tries) {
				same(f, "while it is under way", f.releaseHeld(e), 0)
			}
			work := claim()
			if tries += len(work); len(work) == 0 {
				break
			}
			f.hold(e, work...)
		}
		same(f, "tried", tries, many)
		same(f, "released once more", f.releaseHeld(e), many)
		for work := claim(); len(work) > 0; work = claim() {
			f.hold(e, work...)
			same(f, "a moment ago", f.releaseHeld(e), 0)
		}
		f.pass(time.Minute)
		same(f, "released later", f.releaseHeld(e), many)
	}},
	{"an order waits behind what is held, and no other does", func(f *fixture) {
		e := ordered(f, bellhop.OrderingSubject)
		of := func(subject string) bellhop.NewEvent {
			n := f.event(e)
			n.Event.Subject = subject
			n.Deliveries[0].OrderKey = e.Ordering.OrderKey(&n.Event)
			f.enqueue(n)
			return n
		}
		first, next, other := of("a"), of("a"), of("b")
		work := f.claim(e, 10)
		same(f, "claimed", deliveryIDs(work), ids(first, other))
		f.hold(e, work[0])
		f.record(f.attempt(work[1].Delivery, bellhop.AttemptSucceeded))
		same(f, "behind", deliveryIDs(f.claim(e, 10)), nil)
		otherNext := of("b")
		same(f, "beside", deliveryIDs(f.claim(e, 10)), ids(otherNext))
		e.Ordering = bellhop.OrderingEndpoint // which makes nothing due that is held
		e = f.save(e)
		same(f, "all wait", deliveryIDs(f.claim(e, 10)), nil)
		f.record(f.attempt(f.get(otherNext.Deliveries[0].ID), bellhop.AttemptSucceeded))
		same(f, "all still wait", deliveryIDs(f.claim(e, 10)), nil)
		e.URL += "/new"
		e = f.save(e)
		same(f, "released", deliveryIDs(f.claim(e, 10)), ids(first))
		f.finishOne(first)
		same(f, "and then the next", deliveryIDs(f.claim(e, 10)), ids(next))
	}},
	{"what is held does not end by its age, until it is let go", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		f.hold(e, f.claim(e, 1)...)
		f.pass(30 * 24 * time.Hour)
		same(f, "old", f.oldest(time.Hour), nil)
		same(f, "ended", f.endOld(e, time.Hour, 10), 0)
		f.releaseHeld(e)
		same(f, "ended when young again", f.endOld(e, time.Hour, 10), 0)
		f.pass(2 * time.Hour)
		same(f, "old", len(f.oldest(time.Hour)), 1)
		same(f, "ended", f.endOld(e, time.Hour, 10), 1)
	}},
	{"what waits behind one that is held is young again when it is let go", func(f *fixture) {
		for name, letGo := range map[string]func(*bellhop.Endpoint, bellhop.DeliveryID){
			"by a change": func(e *bellhop.Endpoint, _ bellhop.DeliveryID) {
				e.URL += "/new"
				*e = f.save(*e)
			},
			"all":  func(e *bellhop.Endpoint, _ bellhop.DeliveryID) { f.releaseHeld(*e) },
			"some": func(e *bellhop.Endpoint, d bellhop.DeliveryID) { f.releaseHeld(*e, d) },
		} {
			e := ordered(f, bellhop.OrderingEndpoint)
			first := f.publish(e)
			f.hold(e, f.claim(e, 1)...)
			f.publish(e)
			f.pass(30 * 24 * time.Hour)
			v := f.version()
			letGo(&e, first.Deliveries[0].ID)
			same(f, "resumed: "+name, f.stored(e.ID).ResumedAt, f.now)
			if f.version() == v {
				f.Errorf("%s: nobody hears of it", name)
			}
			same(f, "revision: "+name, f.stored(e.ID).Revision, e.Revision)
			same(f, "ended by whoever has not heard of it: "+name, f.endOld(e, time.Hour, 10), 0)
			f.pass(time.Hour + time.Millisecond)
			same(f, "ended when they are old again: "+name, f.endOld(e, time.Hour, 10) > 0, true)
			f.now = f.now.Add(-time.Hour - time.Millisecond)
			without := ordered(f, bellhop.OrderingEndpoint)
			letGo(&without, 0)
			same(f, "where nothing is held: "+name, f.stored(without.ID).ResumedAt, time.Time{})
			none := f.endpoint()
			f.publish(none)
			f.hold(none, f.claim(none, 1)...)
			letGo(&none, 0)
			same(f, "where there is no order: "+name, f.stored(none.ID).ResumedAt, time.Time{})
		}
	}},
	{"an event stays while a delivery of it is held, unless its endpoint is disabled", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		f.hold(e, f.claim(e, 1)...)
		f.pass(90 * 24 * time.Hour)
		expire := func() {
			_, err := f.s.Expire(f.Context(), f.now.Add(-time.Hour), 100, f.now)
			f.must(err)
		}
		expire()
		same(f, "held", f.get(n.Deliveries[0].ID).Held, true)
		e.Status = bellhop.EndpointDisabled
		f.save(e)
		expire()
		same(f, "pending", f.pending(0), 0)
		same(f, "counted", len(f.held(0, anyApp)), 0)
	}},
	{"what is held is canceled with its event or its endpoint", func(f *fixture) {
		f.app("acme")
		e, gone := f.endpoint("acme", "globex"), f.endpoint()
		erased, deleted, dropped := f.publish(e), f.publish(gone), f.publish(e)
		f.hold(e, f.claim(e, 10)...)
		f.hold(gone, f.claim(gone, 10)...)
		f.erase(erased)
		f.releaseHeld(e, ids(erased)...)
		same(f, "claimed of an erased event", len(f.claim(e, 10)), 0)
		f.must(f.s.DeleteEndpoint(f.Context(), gone.ID, nil, f.now))
		same(f, "swept", f.sweep(), 2)
		same(f, "of the event", f.log(erased.Deliveries[0].ID)[0].Reason, bellhop.ReasonErased)
		same(f, "of the endpoint", f.log(deleted.Deliveries[0].ID)[0].Reason, bellhop.ReasonDeleted)
		same(f, "counted", f.held(0, anyApp), map[bellhop.EndpointID]int64{e.ID: 1})
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		same(f, "counted after the app", len(f.held(0, anyApp)), 0)
		_, err := f.s.Delivery(f.Context(), dropped.Deliveries[0].ID)
		same(f, "of the app", bellhop.CodeOf(err), bellhop.CodeNotFound)
	}},
	{"lists and counts tell what is held from what waits", func(f *fixture) {
		e := f.endpoint("acme", "globex")
		held, waits := f.publish(e), f.event(e)
		f.hold(e, f.claim(e, 1)...)
		waits.Event.App = "globex"
		f.enqueue(waits)
		for status, want := range map[bellhop.DeliveryStatus]bellhop.NewEvent{bellhop.DeliveryHeld: held, bellhop.DeliveryPending: waits} {
			for _, filter := range []bellhop.DeliveryFilter{
				{Scope: anyApp}, {Scope: bellhop.Only("acme", "globex")}, {Scope: anyApp, Endpoint: e.ID}, {Scope: anyApp, Event: want.Event.ID},
			} {
				filter.Status, filter.Limit = status, 10
				list, err := f.s.Deliveries(f.Context(), filter)
				f.must(err)
				if len(list) != 1 || list[0].ID != want.Deliveries[0].ID || list[0].Status != status {
					f.Errorf("%+v lists %+v", filter, list)
				}
			}
		}
		e.Status = bellhop.EndpointPaused
		e = f.save(e)
		for itself, want := range map[bool][]bellhop.DeliveryID{true: ids(held), false: ids(waits, held)} {
			for _, filter := range []bellhop.DeliveryFilter{{Scope: anyApp}, {Scope: bellhop.Only("acme", "globex")}, {Scope: anyApp, Endpoint: e.ID}} {
				filter.Status, filter.Itself, filter.Limit = bellhop.DeliveryHeld, itself, 10
				list, err := f.s.Deliveries(f.Context(), filter)
				f.must(err)
				var got []bellhop.DeliveryID
				for i := range list {
					got = append(got, list[i].ID)
				}
				same(f, "held while paused", got, want)
			}
		}
		same(f, "of one app", f.held(e.ID, bellhop.Only("acme")), map[bellhop.EndpointID]int64{e.ID: 1})
		same(f, "of the other", len(f.held(0, bellhop.Only("globex"))), 0)
		standings, err := f.s.Standings(f.Context(), bellhop.StandingFilter{Event: held.Event.ID, Limit: 1})
		f.must(err)
		same(f, "standing", standings[0].Delivery.Status, bellhop.DeliveryHeld)
		same(f, "and why", standings[0].Last.Reason, bellhop.ReasonTransform)
	}},
	{"a replay leaves out what is held", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		f.hold(e, f.claim(e, 1)...)
		for _, status := range []bellhop.ReplayStatus{bellhop.ReplayFailed, bellhop.ReplayMissing} {
			list, _, err := f.s.Candidates(f.Context(), bellhop.ReplayFilter{Endpoint: e.ID, Apps: []string{"acme"}, Status: status, Limit: 10, Scan: 10})
			f.must(err)
			same(f, "candidates", len(list), 0)
		}
		again := f.delivery(&n.Event, &e)
		done, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: []bellhop.Delivery{again}, SkipWaiting: true}, f.now)
		f.must(err)
		same(f, "waiting", done.Waiting, 1)
	}},
}

// finishOne records that the only delivery of an event, which is owned, has succeeded.
func (f *fixture) finishOne(n bellhop.NewEvent) {
	f.Helper()
	f.record(f.attempt(f.get(n.Deliveries[0].ID), bellhop.AttemptSucceeded))
}
