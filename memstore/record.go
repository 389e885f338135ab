package memstore

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// Record logs attempts and moves their deliveries on.
func (s *Store) Record(ctx context.Context, l bellhop.Lease, results []bellhop.Result, now time.Time) error {
	if len(results) == 0 {
		return nil
	}
	return s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		for i := range results {
			s.record(l, &results[i], now)
		}
		return nil
	})
}

func (s *Store) record(l bellhop.Lease, r *bellhop.Result, now time.Time) {
	if s.attempt(r.Attempt.ID) != nil {
		return // the delivery may have moved on since, and be owned again
	}
	a := cloneAttempt(&r.Attempt)
	if e := s.byID[a.Event]; e != nil {
		if e.Erased {
			a.Forget()
		}
		if d := s.pending[a.Delivery]; d != nil && d.Owner == l.Node && r.Lease == l {
			s.moveOn(d, r, &a, now)
		} else {
			a.MakeLate()
			s.addAttempt(&a, r.Due)
		}
	}
	if e, ok := s.endpoints[a.Endpoint]; ok && r.Vitals != nil && r.Vitals.Revision == e.Vitals.Revision {
		e.Vitals = *r.Vitals
		s.endpoints[e.ID] = e
	}
}

// moveOn ends the delivery, or sets its next attempt; either may let another one of
// its order go.
func (s *Store) moveOn(d *bellhop.Delivery, r *bellhop.Result, a *bellhop.Attempt, now time.Time) {
	s.addAttempt(a, r.Due)
	if (&bellhop.Result{Attempt: *a, Tells: r.Tells}).Reacts() {
		s.reactions[a.ID] = a.App
	}
	if a.Final {
		s.removePending(d)
		if r.Settles() {
			s.settleCopies(d)
		}
	} else {
		s.leave(d)
		d.Attempts, d.LastAttempt, d.Due, d.Owner = a.Number, a.ID, a.NextAt, 0
		if d.Due.IsZero() {
			d.Due = now
		}
		if r.Held {
			d.Uncounted++
		}
		if r.CanHold(s.endpoints[d.Endpoint].Revision) {
			d.Held, d.Due = true, time.Time{}
		}
	}
	s.promote(d.Endpoint, d.OrderKey, now)
}

// settleCopies has the older deliveries of an event to an endpoint be sent no more, since
// a later one has arrived.
func (s *Store) settleCopies(by *bellhop.Delivery) {
	for _, d := range s.waiting[by.Event] {
		if d.Endpoint == by.Endpoint && d.ID < by.ID && d.Settled == 0 && d.Trigger != bellhop.TriggerTest {
			d.Settled = by.ID
			s.sweepSettled[d.Event] = true
		}
	}
}

// promote wakes the first delivery of an order, if it was found waiting. Should
// another one still be under way, Claim will find out.
func (s *Store) promote(e bellhop.EndpointID, orderKey string, now time.Time) {
	if orderKey == "" {
		return
	}
	var first *bellhop.Delivery
	for _, d := range s.queues[e] {
		if d.OrderKey == orderKey && (first == nil || before(d, first)) {
			first = d
		}
	}
	if first != nil && first.Due.IsZero() && !first.Held {
		first.Due = now
	}
}
