package storetest

import (
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var clockTests = []test{
	{"the time is noted", func(f *fixture) {
		m, err := f.s.Clock(f.Context())
		f.must(err)
		same(f, "before anything is noted: the end of the newest lease", m, bellhop.ClockMark{At: f.now.Add(365 * 24 * time.Hour)})
		for _, want := range []bellhop.ClockMark{
			{At: f.now},
			{
				At: f.now.Add(time.Hour), Turned: &bellhop.Turn{At: f.now, By: 3 * time.Second},
				Doubts: []bellhop.Doubt{{From: f.now, By: time.Hour, Left: time.Minute}, {From: f.now.Add(time.Hour), By: 1, Left: 2}},
			},
			{At: f.now.Add(-time.Hour)},
		} {
			f.must(f.s.NoteClock(f.Context(), want))
			got, err := f.s.Clock(f.Context())
			f.must(err)
			same(f, "noted", got, want)
		}
	}},
	{"ids that are ahead are no floor for a new number", func(f *fixture) {
		e := f.endpoint()
		near := f.publish(e)
		f.pass(bellhop.ClockSlack / 2)
		slack := f.publish(e) // as a clock that goes on a little is ahead
		f.pass(365 * 24 * time.Hour)
		f.publish(e)
		f.pass(-365*24*time.Hour - bellhop.ClockSlack/2)
		n := f.join()
		if floor := n.Floor; floor < int64(slack.Deliveries[0].ID) || floor < int64(near.Event.ID) || id.ID[id.Event](floor).Time().After(f.now.Add(bellhop.ClockSlack)) {
			f.Errorf("the floor is of %v, want that of %v", id.ID[id.Event](floor).Time(), slack.Deliveries[0].ID.Time())
		}
	}},
	{"ids that are ahead are a floor for the number that may have made them", func(f *fixture) {
		f.pass(365 * 24 * time.Hour)
		f.useUpNumbers()
		late := f.publish(f.endpoint())
		f.must(f.s.Leave(f.Context(), f.lease, f.now))
		f.pass(-365 * 24 * time.Hour)
		if n := f.join(); n.Floor < int64(late.Deliveries[0].ID) {
			f.Errorf("the floor is of %v, although the number was in use at %v", id.ID[id.Event](n.Floor).Time(), late.Event.ID.Time())
		}
	}},
	{"ids that are ahead are a floor though the lease was renewed after the clock was set back", func(f *fixture) {
		f.pass(365 * 24 * time.Hour)
		f.useUpNumbers()
		late := f.publish(f.endpoint())
		f.pass(-365 * 24 * time.Hour)
		f.renew(f.lease)
		f.must(f.s.Leave(f.Context(), f.lease, f.now))
		n := f.join()
		same(f, "the number", n.Lease.Node, f.lease.Node)
		if n.Floor < int64(late.Deliveries[0].ID) {
			f.Errorf("the floor is of %v, although the number was in use at %v", id.ID[id.Event](n.Floor).Time(), late.Event.ID.Time())
		}
	}},
	{"what was planned by a clock that was ahead is planned anew", func(f *fixture) {
		e, ordered := f.endpoint(), f.endpoint()
		ordered.Ordering = bellhop.OrderingEndpoint
		ordered = f.save(ordered)
		early := f.publish(e)
		f.pass(time.Second)
		earlyRetry := f.publish(e)
		f.own(earlyRetry)
		f.record(f.retry(earlyRetry.Deliveries[0], 3*time.Hour))

		const ahead = 365 * 24 * time.Hour
		right := f.now
		f.pass(ahead)
		fresh, again := f.publish(e), f.publish(e)
		f.own(again)
		f.record(f.retry(again.Deliveries[0], 2*time.Hour))
		scheduled := func(at time.Time) bellhop.NewEvent {
			n := f.event(e)
			n.Event.DeliverAt = &at
			n.Deliveries[0].Due = bellhop.SpreadDue(&n.Event, f.now)
			n.Deliveries[0].OrderPos = bellhop.OrderPosition(&n.Event, bellhop.TriggerPublish, n.Deliveries[0].ID, f.now)
			f.enqueue(n)
			return n
		}
		soon, far := scheduled(right.Add(24*time.Hour)), scheduled(right.Add(ahead+24*time.Hour))
		first := f.publish(ordered)
		f.pass(time.Minute)
		second := f.publish(ordered)
		f.pass(10*time.Minute - ahead)

		turn := bellhop.Turn{At: f.now, By: ahead}
		dues := map[bellhop.DeliveryID]time.Time{
			early.Deliveries[0].ID: right.Add(-time.Second), earlyRetry.Deliveries[0].ID: right.Add(3 * time.Hour),
			fresh.Deliveries[0].ID: f.now, again.Deliveries[0].ID: f.now.Add(2 * time.Hour),
			soon.Deliveries[0].ID: right.Add(24 * time.Hour), far.Deliveries[0].ID: right.Add(ahead + 24*time.Hour),
			first.Deliveries[0].ID: f.now, second.Deliveries[0].ID: f.now,
		}
		for pass, want := range []int{5, 0} { // to repeat it changes nothing
			total, looked, after := 0, 0, bellhop.DeliveryID(0)
			for more := true; more; looked++ {
				next, changed, err := f.s.Replan(f.Context(), turn, after, 3)
				f.must(err)
				after, more = next, next != 0
				total += changed
			}
			if looked != 3 {
				f.Errorf("%d deliveries in steps of 3 took %d steps", len(dues), looked)
			}
			if total != want {
				f.Errorf("pass %d changed %d", pass, total)
			}
		}
		for d, want := range dues {
			same(f, "due of "+d.String(), f.get(d).Due, want)
		}
		// What is made now comes after it.
		third := f.publish(ordered)
		for _, n := range []bellhop.NewEvent{first, second, third} {
			w := f.claim(ordered, 10)
			same(f, "claimed", deliveryIDs(w), []bellhop.DeliveryID{n.Deliveries[0].ID})
			f.record(f.attempt(w[0].Delivery, bellhop.AttemptSucceeded))
		}
	}},
}

// useUpNumbers has every number but that of the fixture be used once, which makes the ids
// from then on.
func (f *fixture) useUpNumbers() {
	f.Helper()
	f.ids = id.NewGenerator(int(f.node), 0)
	var all sync.WaitGroup // some at once, to share transactions; too many want the same number
	some := make(chan struct{}, 8)
	for range id.MaxNode - 1 {
		some <- struct{}{}
		all.Go(func() {
			defer func() { <-some }()
			n, err := f.s.Join(f.Context(), f.about(), time.Hour, f.now)
			if err == nil {
				err = f.s.Leave(f.Context(), n.Lease, f.now)
			}
			if err != nil {
				f.Error(err)
			}
		})
	}
	all.Wait()
}

// own has the node own the one delivery of an event.
func (f *fixture) own(n bellhop.NewEvent) {
	f.Helper()
	c, err := f.claimAs(bellhop.ClaimRequest{Lease: f.lease, Endpoint: n.Deliveries[0].Endpoint, Limit: 100})
	f.must(err)
	for _, w := range c.Work {
		if w.Delivery.ID != n.Deliveries[0].ID {
			f.must(f.s.Release(f.Context(), f.lease, []bellhop.DeliveryID{w.Delivery.ID}, f.now))
		}
	}
}
