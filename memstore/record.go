package memstore

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// Record logs attempts and moves their deliveries on.
func (s *Store) Record(ctx context.Context, node bellhop.NodeID, results []bellhop.Result, now time.Time) error {
	return s.step(ctx, func() error {
		for i := range results {
			s.record(node, &results[i], now)
		}
		return nil
	})
}

func (s *Store) record(node bellhop.NodeID, r *bellhop.Result, now time.Time) {
	if s.attempt(r.Attempt.ID) != nil {
		return // the delivery may have moved on since, and be owned again
	}
	a := cloneAttempt(&r.Attempt)
	if d := s.pending[a.Delivery]; d != nil && d.Owner == node && node != 0 {
		s.moveOn(d, &a, r.Due, now)
	} else {
		s.recordLate(&a, r.Due)
	}
	if e, ok := s.endpoints[a.Endpoint]; ok && r.Failing != nil {
		e.FailingSince = *r.Failing
		s.endpoints[e.ID] = e
	}
}

// moveOn ends the delivery, or sets its next attempt.
func (s *Store) moveOn(d *bellhop.Delivery, a *bellhop.Attempt, scheduled, now time.Time) {
	s.addAttempt(a, scheduled)
	if a.Final {
		s.removePending(d)
		s.promote(d.Endpoint, d.OrderKey, now)
	} else {
		d.Attempts, d.LastAttempt, d.Due, d.Owner = a.Number, a.ID, a.NextAt, 0
		if d.Due.IsZero() {
			d.Due = now
		}
	}
}

// recordLate logs an attempt of a delivery that its node no longer owns. Whatever
// came of it, it did not end the delivery: each delivery has one final line.
func (s *Store) recordLate(a *bellhop.Attempt, scheduled time.Time) {
	e := s.byID[a.Event]
	if e == nil {
		return
	}
	a.Final, a.NextAt = false, time.Time{}
	if e.Erased {
		forget(a)
	}
	s.addAttempt(a, scheduled)
}

// forget drops what was captured of an attempt. What is said of a redirect may
// quote where it leads, which was captured too.
func forget(a *bellhop.Attempt) {
	dropCaptured(a)
	if a.ResponseStatus >= 300 && a.ResponseStatus <= 399 {
		a.Detail = ""
	}
}

func dropCaptured(a *bellhop.Attempt) {
	a.RequestHeader, a.ResponseHeader, a.ResponseBody = nil, nil, nil
}

// promote wakes the first delivery of an order, if it was found waiting.
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
	if first != nil && first.Due.IsZero() {
		first.Due = now
	}
}

// cancel ends a delivery with a last line in the log.
func (s *Store) cancel(d *bellhop.Delivery, id bellhop.AttemptID, reason, detail string, now time.Time) {
	s.addAttempt(&bellhop.Attempt{
		ID: id, Delivery: d.ID, Event: d.Event, Endpoint: d.Endpoint, App: d.App, Type: d.Type,
		Trigger: d.Trigger, Number: d.Attempts + 1,
		Status: bellhop.AttemptCanceled, Final: true, Reason: reason, Detail: detail,
	}, time.Time{})
	s.removePending(d)
	s.promote(d.Endpoint, d.OrderKey, now)
}
