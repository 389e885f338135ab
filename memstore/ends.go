package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Oldest lists endpoints with unowned deliveries that are old.
func (s *Store) Oldest(ctx context.Context, before time.Time) ([]bellhop.Aged, error) {
	var list []bellhop.Aged
	err := s.step(ctx, func() error {
		for _, e := range sortedKeys(s.queues) {
			if old := s.old(e, before); len(old) > 0 {
				list = append(list, bellhop.Aged{Endpoint: e, Born: s.born(old[0])})
			}
		}
		return nil
	})
	return list, err
}

// EndOld ends deliveries that have become too old.
func (s *Store) EndOld(ctx context.Context, o bellhop.EndOld, ids []bellhop.AttemptID, now time.Time) (int, error) {
	ended := 0
	err := s.step(ctx, func() error {
		given := len(ids)
		ids = s.unused(ids)
		ended = given - len(ids)
		if e, ok := s.endpoints[o.Endpoint]; !ok || e.Revision != o.Revision || e.ResumedAt.After(o.Before) {
			return nil
		}
		old := s.old(o.Endpoint, o.Before)
		for i, d := range old[:min(len(old), len(ids))] {
			line := bellhop.ExpiredLine(d, ids[i], o.Detail)
			if s.byID[d.Event].Erased {
				line = bellhop.LastLine(d, ids[i], bellhop.ReasonErased)
			}
			s.end(d, &line, now)
			if (&bellhop.Result{Attempt: line, Tells: o.Tells}).Reacts() {
				s.reactions[line.ID] = line.App
			}
			ended++
		}
		return nil
	})
	return ended, err
}

func (s *Store) born(d *bellhop.Delivery) time.Time { return bellhop.Born(d, s.byID[d.Event].Event) }

// old lists the endpoint's unowned deliveries born before a time and not held, oldest
// first.
func (s *Store) old(e bellhop.EndpointID, before time.Time) (list []*bellhop.Delivery) {
	for _, d := range s.queues[e] {
		if d.Owner == 0 && !d.Held && s.born(d).Before(before) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *bellhop.Delivery) int {
		return cmp.Or(s.born(a).Compare(s.born(b)), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// end ends a delivery with a last line in the log.
func (s *Store) end(d *bellhop.Delivery, line *bellhop.Attempt, now time.Time) {
	s.addAttempt(line, time.Time{})
	s.removePending(d)
	s.promote(d.Endpoint, d.OrderKey, now)
}

// unused leaves out ids that have a line already, because the step is repeated.
func (s *Store) unused(ids []bellhop.AttemptID) []bellhop.AttemptID {
	return slices.DeleteFunc(slices.Clone(ids), func(id bellhop.AttemptID) bool { return s.attempt(id) != nil })
}
