package memstore

import (
	"context"
	"math"
	"time"

	"github.com/bellhop/bellhop"
)

// Erase removes the data of events, and what was captured of their attempts.
func (s *Store) Erase(ctx context.Context, sel bellhop.EraseSelector, audit *bellhop.AuditEntry, _ time.Time) ([]bellhop.EventID, error) {
	var erased []bellhop.EventID
	err := s.step(ctx, func() error {
		for _, e := range s.events {
			if e.Erased || e.ID <= sel.After || !selected(sel, e.Event) {
				continue
			}
			if sel.Limit > 0 && len(erased) == sel.Limit {
				break
			}
			bare := *e.Event
			bare.Data, bare.Erased = nil, true
			e.Event, e.digest = &bare, [32]byte{}
			for _, a := range s.logOf[e.ID] {
				a.Forget()
			}
			s.sweepEvents[e.ID] = true
			s.dropRequests(func(r *bellhop.InboxRequest) bool { return r.Event == e.ID })
			erased = append(erased, e.ID)
		}
		if sel.Event == 0 && sel.App != "" && sel.Subject != "" && sel.After == 0 {
			s.forgetRefused(math.MaxInt, func(e *bellhop.RefusedEntry) bool { return e.App == sel.App && e.Subject == sel.Subject })
		}
		if len(erased) > 0 {
			s.erasures++
		}
		s.addAudit(audit)
		return nil
	})
	return erased, err
}

// selected: an empty selector, or a subject without its app, selects nothing.
func selected(sel bellhop.EraseSelector, e *bellhop.Event) bool {
	if sel.Event != 0 {
		return e.ID == sel.Event
	}
	if !sel.ExpiredBy.IsZero() {
		return e.DataExpiresAt != nil && !e.DataExpiresAt.After(sel.ExpiredBy)
	}
	return sel.App != "" && sel.Subject != "" && e.App == sel.App && e.Subject == sel.Subject
}

// Erased gives those of the events that are erased or gone.
func (s *Store) Erased(ctx context.Context, events []bellhop.EventID) (erased []bellhop.EventID, err error) {
	err = s.step(ctx, func() error {
		for _, id := range events {
			if e := s.byID[id]; e == nil || e.Erased {
				erased = append(erased, id)
			}
		}
		return nil
	})
	return erased, err
}

// ForgetAttempt removes what was captured of one attempt.
func (s *Store) ForgetAttempt(ctx context.Context, id bellhop.AttemptID, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		for _, a := range s.attempts {
			if a.ID == id {
				a.Forget()
				s.addAudit(audit)
				return nil
			}
		}
		return bellhop.NotFound("attempt", id.String())
	})
}
