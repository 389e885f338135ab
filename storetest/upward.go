package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

var upwardTests = []test{
	{"lists oldest first are those newest first, the other way round", func(f *fixture) {
		event := crowd(f)
		scopes := []bellhop.Scope{anyApp, bellhop.Only("acme"), bellhop.Only("acme", "globex")}
		types := []string{"", "a.one", "a.*"}
		for _, scope := range scopes {
			for _, typ := range types {
				for _, subject := range []string{"", "s:1", "s:*"} {
					upward(f, fmt.Sprintf("events of %v, %q, %q", scope, typ, subject), idOfEvent, func(before, after bellhop.EventID, limit int) ([]bellhop.Event, error) {
						return f.s.Events(f.Context(), bellhop.EventFilter{
							Scope: scope, Type: typ, Subject: subject, Before: before, After: after, Limit: limit,
						})
					})
				}
			}
		}
		for _, of := range []struct {
			endpoint bellhop.EndpointID
			event    bellhop.EventID
		}{{}, {endpoint: event.Deliveries[0].Endpoint}, {event: event.Event.ID}} {
			for _, scope := range scopes {
				for _, typ := range []string{"", "a.*"} {
					for _, status := range []bellhop.AttemptStatus{"", bellhop.AttemptSucceeded, bellhop.AttemptFailed} {
						upward(f, fmt.Sprintf("attempts of %v, %+v, %q, %s", scope, of, typ, status), idOfAttempt, func(before, after bellhop.AttemptID, limit int) ([]bellhop.Attempt, error) {
							return f.s.Attempts(f.Context(), bellhop.AttemptFilter{
								Scope: scope, Endpoint: of.endpoint, Event: of.event, Type: typ, Status: status, Before: before, After: after, Limit: limit,
							})
						})
					}
					for _, status := range []bellhop.DeliveryStatus{"", bellhop.DeliveryPending, bellhop.DeliveryHeld, bellhop.DeliverySucceeded, bellhop.DeliveryFailed} {
						upward(f, fmt.Sprintf("deliveries of %v, %+v, %q, %s", scope, of, typ, status), idOfDelivery, func(before, after bellhop.DeliveryID, limit int) ([]bellhop.Delivery, error) {
							return f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{
								Scope: scope, Endpoint: of.endpoint, Event: of.event, Type: typ, Status: status, Before: before, After: after, Limit: limit,
							})
						})
					}
				}
			}
		}
	}},
}

// crowd publishes events to two endpoints, of which one holds all at last, several of them
// in a millisecond. What becomes of them does so at once or after up to 8 seconds. It gives
// one of them.
func crowd(f *fixture) bellhop.NewEvent {
	f.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	a, b := f.endpoint("acme", "globex"), f.endpoint("acme", "globex")
	var all []bellhop.NewEvent
	var work []bellhop.Delivery
	for range 20 {
		for range 1 + r.IntN(4) {
			n := f.event(a, b)
			n.Event.App, n.Event.Type = []string{"acme", "globex"}[r.IntN(2)], []string{"a.one", "a.two", "b"}[r.IntN(3)]
			n.Event.Subject = []string{"", "s:1", "s:2"}[r.IntN(3)]
			fresh := r.IntN(2) == 0
			for i := range n.Deliveries {
				d := &n.Deliveries[i]
				d.App, d.Type = n.Event.App, n.Event.Type
				if fresh {
					d.Owner = f.node
					work = append(work, *d)
				}
			}
			f.enqueue(n)
			all = append(all, n)
		}
		f.pass([]time.Duration{time.Millisecond, 300 * time.Millisecond, 3 * time.Second}[r.IntN(3)])
	}
	for _, e := range []bellhop.Endpoint{a, b} {
		for _, w := range f.claim(e, 1000) {
			work = append(work, w.Delivery)
		}
	}
	took := []time.Duration{0, 2 * time.Millisecond, 900 * time.Millisecond, 1100 * time.Millisecond, 4900 * time.Millisecond, 8 * time.Second}
	type end struct {
		of bellhop.Delivery
		at time.Time
	}
	var ends []end
	for _, d := range work {
		ends = append(ends, end{d, d.ID.Time().Add(took[r.IntN(len(took))])})
	}
	slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	now := f.now
	for _, x := range ends {
		f.now = x.at
		switch r.IntN(6) {
		case 0, 1, 2:
			f.record(f.attempt(x.of, bellhop.AttemptSucceeded))
		case 3:
			f.record(f.attempt(x.of, bellhop.AttemptFailed))
		case 4:
			f.record(f.retry(x.of, 24*time.Hour))
		}
	}
	f.now = now
	b.Status = bellhop.EndpointPaused
	f.save(b)
	return all[len(all)/2]
}

// upward compares a list of two orders with itself.
func upward[T any, K ~int64](f *fixture, what string, id func(*T) K, page func(before, after K, limit int) ([]T, error)) {
	f.Helper()
	want, err := page(0, 0, 1000)
	f.must(err)
	slices.Reverse(want)
	for _, limit := range []int{7, 1000} {
		walkBy(f, fmt.Sprintf("%s by %d", what, limit), limit, 1, want, id, func(after K, limit int) ([]T, error) { return page(0, after, limit) })
	}
	if len(want) > 2 { // between two of them
		list, err := page(id(&want[len(want)-1]), id(&want[0]), 1000)
		f.must(err)
		same(f, what+", between", list, want[1:len(want)-1])
	}
}
