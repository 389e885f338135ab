package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Hasten makes deliveries due now that wait for a later retry.
func (s *Store) Hasten(ctx context.Context, e bellhop.EndpointID, deliveries []bellhop.DeliveryID, now time.Time) (int, error) {
	moved := 0
	err := s.step(ctx, func() error {
		for _, id := range deliveries {
			if d := s.pending[id]; d != nil && d.Endpoint == e && d.Owner == 0 && !d.Held && d.Attempts > 0 && d.Due.After(now) {
				d.Due, d.Uncounted = now, min(d.Uncounted+1, d.Attempts)
				moved++
			}
		}
		s.hastened = append(s.hastened, e)
		return nil
	})
	return moved, err
}

// Hastened gives the endpoints that were hastened since a version.
func (s *Store) Hastened(ctx context.Context, since int64) (endpoints []bellhop.EndpointID, err error) {
	err = s.step(ctx, func() error {
		endpoints = slices.Clone(s.hastened[min(int(since), len(s.hastened)):])
		slices.Sort(endpoints)
		endpoints = slices.Compact(endpoints)
		return nil
	})
	return endpoints, err
}

// idle lists the deliveries of an endpoint that nobody owns, oldest first.
func (s *Store) idle(e bellhop.EndpointID) []bellhop.DeliveryID {
	return slices.DeleteFunc(sortedKeys(s.queues[e]), func(d bellhop.DeliveryID) bool { return s.pending[d].Owner != 0 })
}

// Retrying lists deliveries that failed and wait.
func (s *Store) Retrying(ctx context.Context, f bellhop.RetryingFilter) (list []bellhop.DeliveryID, next bellhop.DeliveryID, err error) {
	err = s.step(ctx, func() error {
		looked := 0
		for _, id := range s.idle(f.Endpoint) {
			if id <= f.After {
				continue
			}
			if looked == f.Scan {
				return nil
			}
			looked++
			next = id
			d, last := s.pending[id], bellhop.Attempt{}
			if a := s.attempt(d.LastAttempt); a != nil {
				last = *a
			}
			e := &bellhop.Event{Type: d.Type}
			if kept := s.byID[d.Event]; kept != nil {
				e = kept.Event
			}
			if f.Wants(d, e, last.Reason, last.ResponseStatus) {
				list = append(list, id)
			}
		}
		if looked < f.Scan {
			next = 0
		}
		return nil
	})
	return list, next, err
}

// Failures adds up what failed.
func (s *Store) Failures(ctx context.Context, f bellhop.FailureFilter) (bellhop.Failures, error) {
	var out bellhop.Failures
	err := s.step(ctx, func() error {
		var counter bellhop.FailureCounter
		left := f.All
		for _, e := range f.Endpoints {
			if left <= 0 {
				out.Partial = true
				break
			}
			looked, most := 0, min(f.Each, left)
			for _, id := range slices.Backward(s.idle(e)) {
				if looked == most {
					break
				}
				looked++
				d := s.pending[id]
				if last := s.attempt(d.LastAttempt); last != nil && d.Attempts > 0 && !d.Held && f.Scope.Sees(d.App) {
					counter.Add(last, true, d.Due)
				}
			}
			out.Partial = out.Partial || looked == most
			left -= looked
			looked, most = 0, min(f.Each, max(left, 0))
			for _, a := range s.gaveUp(e, f.Since) {
				if looked == most {
					break
				}
				looked++
				ended := s.deliveriesOf(a.Event)[e]
				if a.Trigger != bellhop.TriggerTest && f.Scope.Sees(a.App) && len(ended) > 0 &&
					!slices.ContainsFunc(ended, func(d bellhop.Delivery) bool { return d.ID > a.Delivery }) &&
					!slices.ContainsFunc(s.waiting[a.Event], func(d *bellhop.Delivery) bool { return d.Endpoint == e }) {
					counter.Add(a, false, time.Time{})
				}
			}
			out.Partial = out.Partial || looked == most
			left -= looked
		}
		out.List = counter.List()
		return nil
	})
	return out, err
}

// gaveUp are the final failures of an endpoint, those of the newest deliveries first.
func (s *Store) gaveUp(e bellhop.EndpointID, since time.Time) (list []*bellhop.Attempt) {
	for _, a := range s.attempts {
		if a.Endpoint == e && a.Final && a.Status == bellhop.AttemptFailed && within(a.StartedAt(), since, time.Time{}) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(x, y *bellhop.Attempt) int { return cmp.Compare(y.Delivery, x.Delivery) })
	return list
}

// WaitsAt counts what waits at an endpoint.
func (s *Store) WaitsAt(ctx context.Context, e bellhop.EndpointID, now time.Time) (due, later int64, next time.Time, err error) {
	err = s.step(ctx, func() error {
		for _, id := range s.idle(e) {
			switch d := s.pending[id]; {
			case d.Due.IsZero():
			case !d.Due.After(now):
				due++
			default:
				later++
				if next.IsZero() || d.Due.Before(next) {
					next = d.Due
				}
			}
		}
		return nil
	})
	return due, later, next, err
}
