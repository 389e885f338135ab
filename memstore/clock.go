package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Clock gives what was noted last of the time.
func (s *Store) Clock(ctx context.Context) (bellhop.ClockMark, error) {
	var m bellhop.ClockMark
	err := s.step(ctx, func() error {
		if s.clock != nil {
			m = s.clock.Clone()
			return nil
		}
		for _, l := range s.nodes {
			if l.until.After(m.At) {
				m.At = l.until
			}
		}
		return nil
	})
	return m, err
}

// NoteClock notes the time.
func (s *Store) NoteClock(ctx context.Context, m bellhop.ClockMark) error {
	return s.step(ctx, func() error {
		m = m.Clone()
		s.clock = &m
		return nil
	})
}

// Replan makes good what a step back of the clock has done.
func (s *Store) Replan(ctx context.Context, t bellhop.Turn, after bellhop.DeliveryID, limit int) (next bellhop.DeliveryID, changed int, err error) {
	err = s.step(ctx, func() error {
		ids := sortedKeys(s.pending)
		i, found := slices.BinarySearch(ids, after)
		if found {
			i++
		}
		ids = ids[i:]
		if len(ids) > limit {
			ids = ids[:limit]
			next = ids[limit-1]
		}
		for _, d := range ids {
			d := s.pending[d]
			var at *time.Time
			if e := s.byID[d.Event]; e != nil {
				at = e.DeliverAt
			}
			if t.Replanned(d, at) {
				changed++
			}
		}
		return nil
	})
	return next, changed, err
}
