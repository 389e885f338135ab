package memstore

import (
	"context"
	"iter"
	"slices"

	"github.com/bellhop/bellhop"
)

// Event gives one event.
func (s *Store) Event(ctx context.Context, id bellhop.EventID) (bellhop.Event, error) {
	var found bellhop.Event
	err := s.step(ctx, func() error {
		e := s.byID[id]
		if e == nil {
			return bellhop.NotFound("event", id.String())
		}
		found = *e.Event
		return nil
	})
	return found, err
}

// Events lists events, newest first or, after one, oldest first.
func (s *Store) Events(ctx context.Context, f bellhop.EventFilter) ([]bellhop.Event, error) {
	var list []bellhop.Event
	err := s.step(ctx, func() error {
		for _, e := range inOrder(s.events, f.After != 0) {
			if len(list) >= f.Limit {
				break
			}
			if (f.Before != 0 && e.ID >= f.Before) || e.ID <= f.After || !f.Selects(e.Event) {
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

// inOrder goes through a list whose oldest is the first: newest first or (up) oldest first.
func inOrder[T any](list []T, up bool) iter.Seq2[int, T] {
	if up {
		return slices.All(list)
	}
	return slices.Backward(list)
}

// SearchEvents lists events by their outcome, and by their data.
func (s *Store) SearchEvents(ctx context.Context, f bellhop.EventSearch) (bellhop.EventPage, error) {
	var page bellhop.EventPage
	err := s.step(ctx, func() error {
		for _, e := range slices.Backward(s.events) {
			if (f.Before != 0 && e.ID >= f.Before) || !f.Selects(e.Event) || !f.Labelled(e.Event) ||
				f.Outcome != "" && s.outcomeOf(e.ID).State != f.Outcome || f.Outcome == bellhop.EventFailed && e.Test ||
				f.Meets != nil && (e.Data == nil || !f.Meets(e.Data)) {
				continue
			}
			if len(page.Events) >= f.Limit {
				page.Next = page.Events[len(page.Events)-1].ID
				break
			}
			found := *e.Event
			if !f.WithData {
				found.Data = nil
			}
			page.Events = append(page.Events, found)
		}
		return nil
	})
	return page, err
}

// Labelled tells whether events have labels.
func (s *Store) Labelled(ctx context.Context, events []bellhop.EventID, f bellhop.LabelFilter) ([]bool, error) {
	list := make([]bool, len(events))
	err := s.step(ctx, func() error {
		for i, id := range events {
			e := s.byID[id]
			list[i] = e != nil && f.Labelled(e.Event)
		}
		return nil
	})
	return list, err
}

// Outcomes says how events stand.
func (s *Store) Outcomes(ctx context.Context, events []bellhop.EventID) ([]bellhop.EventOutcome, error) {
	list := make([]bellhop.EventOutcome, len(events))
	err := s.step(ctx, func() error {
		for i, e := range events {
			list[i] = s.outcomeOf(e)
		}
		return nil
	})
	return list, err
}

func (s *Store) outcomeOf(e bellhop.EventID) bellhop.EventOutcome {
	var all []bellhop.Delivery
	for _, list := range s.deliveriesOf(e) {
		for _, d := range list {
			if d.Settled == 0 {
				all = append(all, d)
			}
		}
	}
	return bellhop.OutcomeOf(all, len(s.later[e]))
}

// Attempt gives one attempt.
func (s *Store) Attempt(ctx context.Context, id bellhop.AttemptID) (bellhop.Attempt, error) {
	var found bellhop.Attempt
	err := s.step(ctx, func() error {
		a := s.attempt(id)
		if a == nil {
			return bellhop.NotFound("attempt", id.String())
		}
		found = cloneAttempt(a)
		return nil
	})
	return found, err
}

// Attempts lists attempts, newest first or, after one, oldest first.
func (s *Store) Attempts(ctx context.Context, f bellhop.AttemptFilter) ([]bellhop.Attempt, error) {
	var list []bellhop.Attempt
	err := s.step(ctx, func() error {
		for _, a := range inOrder(s.attempts, f.After != 0) {
			if len(list) >= f.Limit {
				break
			}
			if (f.Before != 0 && a.ID >= f.Before) || a.ID <= f.After || !f.Matches(a) || !within(a.StartedAt(), f.Since, f.Until) {
				continue
			}
			found := cloneAttempt(a)
			if !f.WithBodies {
				withoutBodies(&found)
			}
			list = append(list, found)
		}
		return nil
	})
	return list, err
}

// Pending counts unfinished deliveries, and finds the oldest.
func (s *Store) Pending(ctx context.Context, scope bellhop.Scope, e bellhop.EndpointID) (count int64, oldest bellhop.DeliveryID, err error) {
	err = s.step(ctx, func() error {
		rows := s.pending
		if e != 0 {
			rows = s.queues[e]
		}
		count = s.countOf(scope, rows)
		for id, d := range rows {
			if scope.Sees(d.App) && (oldest == 0 || id < oldest) {
				oldest = id
			}
		}
		return nil
	})
	return count, oldest, err
}

// Audit lists audit entries, newest first or, after one, oldest first.
func (s *Store) Audit(ctx context.Context, f bellhop.AuditFilter) ([]bellhop.AuditEntry, error) {
	var list []bellhop.AuditEntry
	err := s.step(ctx, func() error {
		for _, a := range inOrder(s.audit, f.After != 0) {
			if len(list) >= f.Limit {
				break
			}
			if (f.Before == 0 || a.ID < f.Before) && a.ID > f.After && auditMatches(&f, &a) {
				list = append(list, a)
			}
		}
		return nil
	})
	return list, err
}

func auditMatches(f *bellhop.AuditFilter, a *bellhop.AuditEntry) bool {
	return f.Scope.SeesAny(a.Apps) && (f.Actor == "" || f.Actor == a.Actor) &&
		(f.Action == "" || f.Action == a.Action) && (f.Object == "" || f.Object == a.Object) &&
		within(a.At(), f.Since, f.Until)
}

// withoutBodies leaves out what a list does not show.
func withoutBodies(a *bellhop.Attempt) {
	a.RequestHeader, a.RequestBody, a.ResponseHeader, a.ResponseBody, a.Captured = nil, nil, nil, nil, nil
	a.Dialect, a.Proof = "", bellhop.BodyProof{}
}
