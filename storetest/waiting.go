package storetest

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
)

// waitingTests are about how much may wait, and how much does.
var waitingTests = []test{
	{"CountWaiting says what each delivery waits for, piece by piece", func(f *fixture) {
		e, ordered := f.endpoint(), f.endpoint()
		ordered.Ordering = bellhop.OrderingEndpoint
		ordered = f.save(ordered)
		f.publish(e)
		f.hold(e, f.claim(e, 1)...)
		f.publish(e)
		f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Hour))
		first := f.now
		f.publish(e) // due
		f.pass(time.Minute)
		f.publish(e)
		later := f.event(e)
		at := f.now.Add(time.Hour)
		later.Event.DeliverAt, later.Deliveries[0].Due = &at, at
		f.enqueue(later)
		f.publish(ordered)
		f.publish(ordered)
		f.claim(ordered, 2) // finds that the second one waits for the first
		count := func(limit int) map[bellhop.EndpointID]bellhop.Waiting {
			sums := map[bellhop.EndpointID]*bellhop.Waiting{}
			for after, pieces := bellhop.DeliveryID(0), 0; ; pieces++ {
				next, err := f.s.CountWaiting(f.Context(), sums, after, limit, f.now)
				f.must(err)
				if after = next; next == 0 {
					break
				}
				if pieces > 10 {
					f.Fatal("it does not end")
				}
			}
			all := map[bellhop.EndpointID]bellhop.Waiting{}
			for e, sum := range sums {
				all[e] = *sum
			}
			return all
		}
		want := map[bellhop.EndpointID]bellhop.Waiting{
			e.ID:       {Held: 1, Scheduled: 1, Retrying: 1, Due: 2, OldestDue: first},
			ordered.ID: {Owned: 1, Ordered: 1, OldestDue: f.now},
		}
		same(f, "at once", count(100), want)
		same(f, "one by one", count(1), want)
		same(f, "two at a time", count(2), want)
	}},
	{"CountOwed counts what Spread has still to make, piece by piece", func(f *fixture) {
		later := f.endpoints(5)
		a, b, c := f.laterEvent(later, f.endpoint()), f.laterEvent(later), f.laterOf("globex", later[:2])
		f.enqueue(a, b, c)
		owed := func(want int64) {
			for _, limit := range []int{1, 2, 100} {
				all := int64(0)
				for after, pieces := bellhop.EventID(0), 0; ; pieces++ {
					n, next, err := f.s.CountOwed(f.Context(), after, limit)
					f.must(err)
					if all, after = all+n, next; next == 0 {
						break
					}
					if pieces > 5 {
						f.Fatal("it does not end")
					}
				}
				same(f, "owed", all, want)
			}
		}
		owed(12)
		f.spread(4)
		owed(8)
		f.spread(100)
		owed(0)
	}},
	{"Redeliver leaves out what waits already, if it is told to", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		waits, owned, done, later := f.publish(e), f.publish(e), f.publish(e), f.laterEvent([]bellhop.Endpoint{e})
		f.enqueue(later)
		work := f.claim(e, 3)
		f.must(f.s.Release(f.Context(), f.lease, ids(waits), f.now))
		f.record(f.attempt(work[2].Delivery, bellhop.AttemptFailed))
		var list []bellhop.Delivery
		for _, n := range []bellhop.NewEvent{waits, owned, done, later, done} {
			list = append(list, f.again(&n.Event, &e))
		}
		list = append(list, f.again(&waits.Event, &other))
		ask := func() bellhop.Redelivered {
			f.Helper()
			r, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: list, SkipWaiting: true}, f.now)
			f.must(err)
			return r
		}
		// One of the event that has ended, and one to the other endpoint; the second
		// one of the same event then waits itself.
		same(f, "done", ask(), bellhop.Redelivered{Added: 2, Waiting: 4})
		same(f, "done again", ask(), bellhop.Redelivered{Added: 2, Waiting: 4})
		same(f, "pending", f.pending(e.ID), 3)
		same(f, "pending there", f.pending(other.ID), 1)
		for range 5 { // a loop adds nothing
			for i := range list {
				list[i] = f.again(&bellhop.Event{ID: list[i].Event, App: "acme"}, &e)
			}
			same(f, "in a loop", ask().Added, 0)
		}
	}},
	{"of replays at the same time, one sends each event", func(f *fixture) {
		for _, status := range []bellhop.ReplayStatus{bellhop.ReplayMissing, bellhop.ReplayFailed} {
			e := f.endpoint()
			var list []bellhop.NewEvent
			for range 4 {
				if status == bellhop.ReplayMissing {
					list = append(list, f.publish())
					continue
				}
				list = append(list, f.publish(e))
				f.finish(e, bellhop.AttemptFailed)
			}
			filter := bellhop.ReplayFilter{Endpoint: e.ID, Apps: e.Apps, Status: status, After: list[0].Event.ID - 1, Limit: 3, Scan: 10}
			replay := func(still bellhop.ReplayFilter, events ...bellhop.Event) bellhop.Redelivered {
				var again []bellhop.Delivery
				for i := range events {
					again = append(again, f.again(&events[i], &e))
				}
				done, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: again, SkipWaiting: true, Still: &still}, f.now)
				f.must(err)
				return done
			}
			looked, next, err := f.s.Candidates(f.Context(), filter)
			f.must(err)
			same(f, "candidates", len(looked), 3)
			same(f, "the first adds two", replay(filter, looked[:2]...), bellhop.Redelivered{Added: 2})
			f.finish(e, bellhop.AttemptSucceeded)
			same(f, "who looked before adds the third", replay(filter, looked...), bellhop.Redelivered{Added: 1, Changed: 2})
			same(f, "and then none", replay(filter, looked...), bellhop.Redelivered{Waiting: 1, Changed: 2})
			f.finish(e, bellhop.AttemptSucceeded)
			same(f, "nor once it has arrived", replay(filter, looked...), bellhop.Redelivered{Changed: 3})
			every := filter
			every.Status = bellhop.ReplayAll
			same(f, "one of all events does", replay(every, looked[0]), bellhop.Redelivered{Added: 1})
			f.finish(e, bellhop.AttemptSucceeded)

			filter.After = next
			var crowd sync.WaitGroup
			var added atomic.Int64
			for range 6 {
				crowd.Go(func() {
					looked, _, err := f.s.Candidates(f.Context(), filter)
					if err != nil {
						f.Error(err)
						return
					}
					again := make([]bellhop.Delivery, len(looked))
					for i := range looked {
						again[i] = f.again(&looked[i], &e)
					}
					done, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: again, SkipWaiting: true, Still: &filter}, f.now)
					if err != nil {
						f.Error(err)
					}
					added.Add(int64(done.Added))
				})
			}
			crowd.Wait()
			same(f, "added by all", added.Load(), 1)
			same(f, "pending", f.pending(e.ID), 1)
		}
	}},
	{"Redeliver stops at its bounds, and goes on when there is room", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint("acme", "globex")
		var events []bellhop.NewEvent
		for range 6 {
			events = append(events, f.publish())
		}
		f.publish(e) // what was published does not count for the endpoint
		list := make([]bellhop.Delivery, len(events))
		for i := range events {
			list[i] = f.again(&events[i].Event, &e)
		}
		ask := func(what string, b bellhop.BacklogBounds, want bellhop.Redelivered) {
			f.Helper()
			r, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: list, Bounds: b}, f.now)
			f.must(err)
			same(f, what, r, want)
		}
		ask("to the bound", bellhop.BacklogBounds{Endpoint: 4}, bellhop.Redelivered{Added: 4, Full: bellhop.FullEndpoint, Left: 2})
		ask("repeated", bellhop.BacklogBounds{Endpoint: 4}, bellhop.Redelivered{Added: 4, Full: bellhop.FullEndpoint, Left: 2})
		same(f, "pending", f.pending(e.ID), 5)
		f.claim(e, 2) // what is under way still waits
		ask("while under way", bellhop.BacklogBounds{Endpoint: 4}, bellhop.Redelivered{Added: 4, Full: bellhop.FullEndpoint, Left: 2})
		f.finish(e, bellhop.AttemptSucceeded)
		ask("after some have ended", bellhop.BacklogBounds{Endpoint: 4}, bellhop.Redelivered{Added: 6})
		for i := range list {
			list[i] = f.again(&events[i].Event, &other)
		}
		pending := f.pending(0)
		ask("the app's bound", bellhop.BacklogBounds{App: pending + 1}, bellhop.Redelivered{Added: 1, Full: bellhop.FullApp, Left: 5})
		for i := range list {
			list[i].ID = f.again(&events[i].Event, &other).ID
		}
		audits := len(f.audits())
		r, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: list, Audit: f.audit("acme"), Bounds: bellhop.BacklogBounds{App: 1}}, f.now)
		f.must(err)
		same(f, "full", r, bellhop.Redelivered{Full: bellhop.FullApp, Left: 6})
		same(f, "what did nothing leaves no line", len(f.audits()), audits)
		same(f, "pending in the end", f.pending(0), pending+1)
	}},
	{"Enqueue refuses what is beyond the app's bound, and nothing else", func(f *fixture) {
		e := f.endpoint("acme", "globex")
		first := external(f.event(e), "x")
		first.MaxPending = 2
		f.enqueue(first)
		second := f.event(e)
		second.MaxPending = 2
		f.enqueue(second)
		for _, n := range []bellhop.NewEvent{f.event(e), f.event()} {
			n.MaxPending = 2
			repeated, elsewhere := first, f.event(e)
			repeated.Event.ID = f.event().Event.ID
			elsewhere.Event.App, elsewhere.MaxPending = "globex", 2
			batch := []bellhop.NewEvent{f.event(), n, repeated, elsewhere, n}
			batch[4].Event.ID = f.event().Event.ID
			_, err := f.s.Enqueue(f.Context(), f.lease, f.version(), batch, f.now)
			if bellhop.CodeOf(err) != bellhop.CodeBacklogFull {
				f.Errorf("beyond the bound: %v", err)
			}
			same(f, "those without room", bellhop.BacklogFullAt(err), []int{1, 4})
			if _, err := f.s.Event(f.Context(), batch[0].Event.ID); !bellhop.IsNotFound(err) {
				f.Errorf("a part of the batch is stored: %v", err)
			}
		}
		repeated := first
		repeated.Event.ID = f.event().Event.ID
		same(f, "a duplicate", f.enqueue(repeated)[0].Duplicate, true)
		elsewhere := f.event(e)
		elsewhere.Event.App, elsewhere.MaxPending = "globex", 2
		f.enqueue(elsewhere)
		f.finish(e, bellhop.AttemptSucceeded)
		again := f.event(e)
		again.MaxPending = 2
		f.enqueue(again)
	}},
	{"Pending counts what waits, whatever has happened to it", func(f *fixture) {
		a, b := f.endpoint("acme", "globex"), f.endpoint("acme")
		check := func(what string, s bellhop.Scope, e bellhop.EndpointID) {
			f.Helper()
			list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: s, Endpoint: e, Limit: 1000})
			f.must(err)
			count, oldest := int64(0), bellhop.DeliveryID(0)
			for _, d := range list {
				if d.Status == bellhop.DeliveryPending || d.Status == bellhop.DeliveryHeld {
					count, oldest = count+1, d.ID
				}
			}
			got, first, err := f.s.Pending(f.Context(), s, e)
			f.must(err)
			same(f, what+": count", got, count)
			same(f, what+": oldest", first, oldest)
		}
		all := func(what string) {
			f.Helper()
			for name, s := range map[string]bellhop.Scope{"all": anyApp, "acme": bellhop.Only("acme"), "globex": bellhop.Only("globex"), "both": bellhop.Only("globex", "acme"), "none": {}} {
				for _, e := range []bellhop.EndpointID{0, a.ID, b.ID} {
					check(what+", "+name, s, e)
				}
			}
		}
		all("nothing")
		var events []bellhop.NewEvent
		for i := range 9 {
			n := f.event(a, b)
			if n.Event.App = []string{"acme", "globex"}[i%2]; i%2 == 1 {
				n.Deliveries = n.Deliveries[:1]
			}
			for j := range n.Deliveries {
				n.Deliveries[j].App = n.Event.App
			}
			f.enqueue(n)
			events = append(events, n)
		}
		all("published")
		work := f.claim(a, 4)
		all("claimed")
		f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded), f.attempt(work[1].Delivery, bellhop.AttemptFailed), f.retry(work[2].Delivery, time.Hour))
		f.record(f.attempt(work[0].Delivery, bellhop.AttemptSucceeded)) // late
		all("recorded")
		f.redeliver(nil, f.again(&events[0].Event, &a), f.again(&events[0].Event, &b))
		all("sent again")
		f.enqueue(f.laterEvent([]bellhop.Endpoint{b}))
		f.spread(10)
		all("spread")
		f.erase(events[8])
		f.sweep()
		all("erased")
		f.must(f.s.DeleteEndpoint(f.Context(), b.ID, nil, f.now))
		f.sweep()
		all("endpoint deleted")
		a.Status = bellhop.EndpointDisabled
		a = f.save(a)
		f.pass(24 * time.Hour)
		_, err := f.s.Expire(f.Context(), f.now.Add(-time.Hour), 1000, f.now)
		f.must(err)
		all("expired")
		a.Status = bellhop.EndpointActive
		a = f.save(a)
		f.app("globex")
		f.publish(a)
		f.must(f.s.DeleteApp(f.Context(), "globex", nil))
		all("app deleted")
	}},
	{"how an event stands at endpoints", func(f *fixture) {
		const succeeded, failed, canceled, pending = bellhop.DeliverySucceeded, bellhop.DeliveryFailed, bellhop.DeliveryCanceled, bellhop.DeliveryPending
		type chain []bellhop.DeliveryStatus // of one endpoint's deliveries, oldest first
		cases := []struct {
			chain chain
			ends  []int // the order in which they end; the others do not
			want  int
		}{
			{chain{succeeded}, []int{0}, 0},
			{chain{failed}, []int{0}, 0},
			{chain{pending}, nil, 0},
			{chain{failed, succeeded}, []int{0, 1}, 1},
			{chain{failed, succeeded}, []int{1, 0}, 1}, // the older chain ends later
			{chain{succeeded, failed}, []int{0, 1}, 1},
			{chain{succeeded, failed}, []int{1, 0}, 1},
			{chain{pending, succeeded}, []int{1}, 1},
			{chain{pending, failed}, []int{1}, 0}, // it is still on its way
			{chain{failed, pending}, []int{0}, 1},
			{chain{succeeded, pending}, []int{0}, 1},
			{chain{pending, succeeded, failed}, []int{1, 2}, 0},
			{chain{failed, failed, succeeded}, []int{2, 1, 0}, 2},
			{chain{pending, pending, failed}, []int{2}, 1},
		}
		n := f.publish()
		endpoints := f.endpoints(len(cases) + 1) // the last one has none
		want := map[bellhop.EndpointID]bellhop.DeliveryID{}
		for i, tc := range cases {
			e := &endpoints[i]
			var list []bellhop.Delivery
			for range tc.chain {
				list = append(list, f.again(&n.Event, e))
			}
			same(f, "added", f.redeliver(nil, list...), len(list))
			f.claim(*e, len(list))
			for _, j := range tc.ends {
				f.pass(time.Second)
				f.record(f.attempt(f.get(list[j].ID), map[bellhop.DeliveryStatus]bellhop.AttemptStatus{succeeded: bellhop.AttemptSucceeded, failed: bellhop.AttemptFailed}[tc.chain[j]]))
			}
			want[e.ID] = list[tc.want].ID
		}
		var got []bellhop.Standing
		for before := bellhop.EndpointID(0); ; {
			page, err := f.s.Standings(f.Context(), bellhop.StandingFilter{Event: n.Event.ID, Before: before, Limit: 4})
			f.must(err)
			if got = append(got, page...); len(page) < 4 {
				break
			}
			before = page[3].Delivery.Endpoint
		}
		same(f, "endpoints", len(got), len(cases))
		for i, s := range got {
			tc := cases[len(cases)-1-i] // newest endpoints first
			same(f, "endpoint", s.Delivery.Endpoint, endpoints[len(cases)-1-i].ID)
			if s.Delivery.ID != want[s.Delivery.Endpoint] {
				f.Errorf("%v that ended in the order %v: delivery %v tells, want number %d", tc.chain, tc.ends, s.Delivery.ID, tc.want)
			}
			same(f, "delivery", s.Delivery, f.get(s.Delivery.ID))
			same(f, "last attempt", s.Last.ID, s.Delivery.LastAttempt)
			// A replay of what failed takes the same ones.
			list, _, err := f.s.Candidates(f.Context(), bellhop.ReplayFilter{Endpoint: s.Delivery.Endpoint, Apps: []string{"acme"}, Status: bellhop.ReplayFailed, Limit: 10})
			f.must(err)
			replayed := slices.ContainsFunc(list, func(e bellhop.Event) bool { return e.ID == n.Event.ID })
			if replayed != (s.Delivery.Status == failed) {
				f.Errorf("%v that ended in the order %v stands as %s, and a replay of what failed takes it: %v", tc.chain, tc.ends, s.Delivery.Status, replayed)
			}
		}
	}},
}

// again makes a delivery of an event that is stored.
func (f *fixture) again(e *bellhop.Event, to *bellhop.Endpoint) bellhop.Delivery {
	d := f.delivery(e, to)
	d.Trigger, d.OrderPos = bellhop.TriggerReplay, d.ID
	return d
}
