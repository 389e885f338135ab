package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Wipe has nothing to do: there are no files.
func (s *Store) Wipe(ctx context.Context) error {
	return s.step(ctx, func() error { return nil })
}

// Expire deletes at most limit old rows of each log.
func (s *Store) Expire(ctx context.Context, before time.Time, limit int, now time.Time) (int, error) {
	total := 0
	err := s.step(ctx, func() error {
		total = s.expireEvents(before, limit, now) + s.expireAttempts(before, limit)
		n := 0
		for n < len(s.audit) && n < limit && s.audit[n].At().Before(before) {
			n++
		}
		s.audit = s.audit[n:]
		total += n
		n = 0
		for n < len(s.samples) && n < limit && s.samples[n].at.Before(before) {
			n++
		}
		s.samples = s.samples[n:]
		total += n
		total += s.forgetRefused(limit, func(e *bellhop.RefusedEntry) bool { return e.RefusedAt.Before(before) })
		return nil
	})
	return total, err
}

func (s *Store) expireEvents(before time.Time, limit int, now time.Time) int {
	var old []*event
	for _, e := range s.events {
		if !e.CreatedAt().Before(before) || len(old) == limit {
			break
		}
		if s.expires(e) {
			old = append(old, e)
		}
	}
	for _, e := range old {
		for _, d := range s.dropPendingOf(e.ID) {
			s.promote(d.Endpoint, d.OrderKey, now)
		}
		s.dropEvent(e)
	}
	return len(old)
}

// expires tells whether nothing can be delivered of the event any more.
func (s *Store) expires(e *event) bool {
	if len(s.later[e.ID]) > 0 {
		return false
	}
	for _, d := range s.waiting[e.ID] {
		if s.endpoints[d.Endpoint].Status != bellhop.EndpointDisabled {
			return false
		}
	}
	return true
}

func (s *Store) expireAttempts(before time.Time, limit int) int {
	n := 0
	for n < len(s.attempts) && n < limit && s.attempts[n].StartedAt().Before(before) {
		a := s.attempts[n]
		delete(s.latencies, a.ID)
		s.logOf[a.Event] = slices.DeleteFunc(s.logOf[a.Event], func(x *bellhop.Attempt) bool { return x == a })
		if len(s.logOf[a.Event]) == 0 {
			delete(s.logOf, a.Event)
		}
		n++
	}
	s.attempts = slices.Delete(s.attempts, 0, n)
	return n
}

func (s *Store) dropPendingOf(e bellhop.EventID) []*bellhop.Delivery {
	dropped := slices.Clone(s.waiting[e])
	for _, d := range dropped {
		s.removePending(d)
	}
	return dropped
}

func (s *Store) dropEvent(e *event) {
	s.events = slices.DeleteFunc(s.events, func(x *event) bool { return x == e })
	delete(s.byID, e.ID)
	delete(s.later, e.ID)
	if e.ExternalID != "" {
		delete(s.external, externalKey{e.App, e.ExternalID})
	}
}
