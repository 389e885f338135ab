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
			if !e.Erased && !e.Test && bellhop.MatchNames(f.Types, e.Type) && s.covers(f.Status, e.ID, f.Endpoint) {
				list = append(list, *e.Event)
			}
		}
		next = 0
		return nil
	})
	return list, next, err
}

// covers tells whether the event's deliveries to the endpoint are as status says.
func (s *Store) covers(status bellhop.ReplayStatus, event bellhop.EventID, endpoint bellhop.EndpointID) bool {
	if status == bellhop.ReplayAll {
		return true
	}
	if slices.Contains(s.later[event], endpoint) {
		return false // it is as good as pending
	}
	for _, d := range s.waiting[event] {
		if d.Endpoint == endpoint {
			return false
		}
	}
	var newest *bellhop.Attempt
	for _, a := range s.logOf[event] {
		if a.Endpoint != endpoint {
			continue
		}
		if status == bellhop.ReplayMissing {
			return false
		}
		if a.Final && (newest == nil || a.Delivery > newest.Delivery) {
			newest = a
		}
	}
	if status == bellhop.ReplayMissing {
		return true
	}
	return newest != nil && newest.Status == bellhop.AttemptFailed
}
