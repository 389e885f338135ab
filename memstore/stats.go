package memstore

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// Stats counts attempts in buckets of time.
func (s *Store) Stats(ctx context.Context, f bellhop.StatsFilter) (bellhop.Stats, error) {
	var stats bellhop.Stats
	err := s.step(ctx, func() error {
		var total bellhop.Tally
		var starts []time.Time
		var tallies []*bellhop.Tally
		for _, a := range s.attempts {
			at := a.StartedAt()
			if !a.Counts() || !f.Scope.Sees(a.App) || !bellhop.MatchName(f.Type, a.Type) || !within(at, f.Since, f.Until) ||
				(f.Endpoint != 0 && f.Endpoint != a.Endpoint) {
				continue
			}
			// Buckets begin at whole multiples of their width since 1970, so
			// that two pages of a chart agree.
			width := max(f.Bucket, time.Second).Milliseconds()
			start := time.UnixMilli(at.UnixMilli() / width * width).UTC()
			if n := len(starts); n == 0 || !starts[n-1].Equal(start) {
				starts, tallies = append(starts, start), append(tallies, &bellhop.Tally{})
			}
			for _, t := range []*bellhop.Tally{tallies[len(tallies)-1], &total} {
				t.Add(a.Status, a.Final, time.Duration(a.Duration), s.latencies[a.ID])
			}
		}
		stats.Total = total.Bucket(f.Since)
		for i, t := range tallies {
			stats.Buckets = append(stats.Buckets, t.Bucket(starts[i]))
		}
		return nil
	})
	return stats, err
}

// RollUp has nothing to do: Stats counts what is in memory.
func (s *Store) RollUp(ctx context.Context, before time.Time) (more bool, err error) {
	return false, s.step(ctx, func() error { return nil })
}
