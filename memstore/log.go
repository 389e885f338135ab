package memstore

import (
	"context"
	"slices"

	"github.com/bellhop/bellhop"
)

// Event gives one event.
func (s *Store) Event(ctx context.Context, id bellhop.EventID) (bellhop.Event, error) {
	var found bellhop.Event
	err := s.step(ctx, func() error {
		e := s.byID[id]
		if e == nil {
			return notFound("event", id.String())
		}
		found = *e.Event
		return nil
	})
	return found, err
}

// Events lists events, newest first.
func (s *Store) Events(ctx context.Context, f bellhop.EventFilter) ([]bellhop.Event, error) {
	var list []bellhop.Event
	err := s.step(ctx, func() error {
		for _, e := range slices.Backward(s.events) {
			if len(list) >= f.Limit {
				break
			}
			if (f.Before != 0 && e.ID >= f.Before) || !eventMatches(&f, e.Event) {
				continue
			}
			found := *e.Event
			if !f.WithData {
				found.Data = nil
			}
			list = append(list, found)
		}
		return nil
	})
	return list, err
}

func eventMatches(f *bellhop.EventFilter, e *bellhop.Event) bool {
	return among(f.Apps, e.App) && matches(f.Type, e.Type) && matches(f.Subject, e.Subject) &&
		(f.ExternalID == "" || f.ExternalID == e.ExternalID) &&
		within(e.CreatedAt(), f.Since, f.Until)
}

// Attempt gives one attempt.
func (s *Store) Attempt(ctx context.Context, id bellhop.AttemptID) (bellhop.Attempt, error) {
	var found bellhop.Attempt
	err := s.step(ctx, func() error {
		a := s.attempt(id)
		if a == nil {
			return notFound("attempt", id.String())
		}
		found = cloneAttempt(a)
		return nil
	})
	return found, err
}

// Attempts lists attempts, newest first.
func (s *Store) Attempts(ctx context.Context, f bellhop.AttemptFilter) ([]bellhop.Attempt, error) {
	var list []bellhop.Attempt
	err := s.step(ctx, func() error {
		for _, a := range slices.Backward(s.attempts) {
			if len(list) >= f.Limit {
				break
			}
			if (f.Before != 0 && a.ID >= f.Before) || !attemptMatches(&f, a) {
				continue
			}
			found := cloneAttempt(a)
			if !f.WithBodies {
				dropCaptured(&found)
			}
			list = append(list, found)
		}
		return nil
	})
	return list, err
}

func attemptMatches(f *bellhop.AttemptFilter, a *bellhop.Attempt) bool {
	return among(f.Apps, a.App) && matches(f.Type, a.Type) &&
		(f.Endpoint == 0 || f.Endpoint == a.Endpoint) &&
		(f.Event == 0 || f.Event == a.Event) &&
		(f.Delivery == 0 || f.Delivery == a.Delivery) &&
		(f.Status == "" || f.Status == a.Status) &&
		within(a.StartedAt(), f.Since, f.Until)
}

// Candidates lists events that a replay may cover, oldest first.
func (s *Store) Candidates(ctx context.Context, f bellhop.ReplayFilter) ([]bellhop.Event, error) {
	var list []bellhop.Event
	err := s.step(ctx, func() error {
		for _, e := range s.events {
			if len(list) >= f.Limit {
				break
			}
			if e.ID > f.After && !e.Erased && !e.Test && among(f.Apps, e.App) &&
				within(e.CreatedAt(), f.Since, f.Until) && s.covers(f.Status, e.ID, f.Endpoint) {
				list = append(list, *e.Event)
			}
		}
		return nil
	})
	return list, err
}

// covers tells whether the event's deliveries to the endpoint are as status says.
func (s *Store) covers(status bellhop.ReplayStatus, event bellhop.EventID, endpoint bellhop.EndpointID) bool {
	if status == bellhop.ReplayAll {
		return true
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

// Pending counts unfinished deliveries.
func (s *Store) Pending(ctx context.Context, e bellhop.EndpointID) (count int64, oldest bellhop.DeliveryID, err error) {
	err = s.step(ctx, func() error {
		rows := s.pending
		if e != 0 {
			rows = s.queues[e]
		}
		for id := range rows {
			count++
			if oldest == 0 || id < oldest {
				oldest = id
			}
		}
		return nil
	})
	return count, oldest, err
}

// Audit lists audit entries, newest first.
func (s *Store) Audit(ctx context.Context, f bellhop.AuditFilter) ([]bellhop.AuditEntry, error) {
	var list []bellhop.AuditEntry
	err := s.step(ctx, func() error {
		for _, a := range slices.Backward(s.audit) {
			if len(list) >= f.Limit {
				break
			}
			if (f.Before == 0 || a.ID < f.Before) && auditMatches(&f, &a) {
				list = append(list, a)
			}
		}
		return nil
	})
	return list, err
}

func auditMatches(f *bellhop.AuditFilter, a *bellhop.AuditEntry) bool {
	concerns := len(f.Apps) == 0 || slices.ContainsFunc(a.Apps, func(app string) bool { return slices.Contains(f.Apps, app) })
	return concerns && (f.Actor == "" || f.Actor == a.Actor) &&
		(f.Action == "" || f.Action == a.Action) && (f.Object == "" || f.Object == a.Object) &&
		within(a.At(), f.Since, f.Until)
}
