package memstore

import (
	"context"
	"slices"

	"github.com/bellhop/bellhop"
)

// Candidates lists events that a replay may cover, oldest first.
func (s *Store) Candidates(ctx context.Context, f bellhop.ReplayFilter) (list []bellhop.Event, next bellhop.EventID, err error) {
	err = s.step(ctx, func() error {
		looked := 0
		for _, e := range s.events {
			if e.ID <= f.After || !slices.Contains(f.Apps, e.App) || !within(e.CreatedAt(), f.Since, f.Until) {
				continue
			}
			if len(list) >= f.Limit || f.Scan > 0 && looked == f.Scan {
				return nil
			}
			looked++
			next = e.ID
			if !e.Erased && !e.Test && bellhop.MatchNames(f.Types, e.Type) && f.Labelled(e.Event) && s.covers(&f, e.ID) {
				list = append(list, *e.Event)
			}
		}
		next = 0
		return nil
	})
	return list, next, err
}

// covers tells whether the event's deliveries to the endpoint are as status says.
func (s *Store) covers(f *bellhop.ReplayFilter, event bellhop.EventID) bool {
	status, endpoint := f.Status, f.Endpoint
	if status == bellhop.ReplayAll && f.Response == "" {
		return true
	}
	if status != bellhop.ReplayAll && s.waitsAt(event, endpoint) {
		return false
	}
	if status == bellhop.ReplayMissing {
		return !slices.ContainsFunc(s.logOf[event], func(a *bellhop.Attempt) bool { return a.Endpoint == endpoint })
	}
	ended := slices.DeleteFunc(slices.Clone(s.deliveriesOf(event)[endpoint]), func(d bellhop.Delivery) bool {
		return d.Status == bellhop.DeliveryPending || d.Status == bellhop.DeliveryHeld
	})
	if len(ended) == 0 {
		return false
	}
	latest := bellhop.Latest(ended...)
	if f.Arrived {
		latest = bellhop.ArrivedOrLatest(ended...)
	}
	last := s.attempt(latest.LastAttempt)
	wanted, one := status.Ended()
	return (!one || latest.Status == wanted) && f.Cause.Matches(last.Reason, last.ResponseStatus) && f.Response.Has(last.ResponseStatus)
}
