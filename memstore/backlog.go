package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// sample is how much is pending from a time on.
type sample struct {
	at      time.Time
	pending int64
	oldest  bellhop.DeliveryID
}

// SampleBacklog notes how much is pending, unless that is as it was; what a clock
// that was ahead has noted is still to come.
func (s *Store) SampleBacklog(ctx context.Context, now time.Time) error {
	return s.step(ctx, func() error {
		n := len(s.samples) // those until now
		for n > 0 && s.samples[n-1].at.After(now) {
			n--
		}
		var last sample
		if n > 0 {
			last = s.samples[n-1]
		}
		next := sample{now, int64(len(s.pending)), 0}
		for id := range s.pending {
			if next.oldest == 0 || id < next.oldest {
				next.oldest = id
			}
		}
		switch {
		case next.pending == last.pending && next.oldest == last.oldest:
		case n > 0 && last.at.Equal(now):
			s.samples[n-1] = next
		default:
			s.samples = slices.Insert(s.samples, n, next)
		}
		return nil
	})
}

// BacklogSamples gives samples, thinned out to f.Points.
func (s *Store) BacklogSamples(ctx context.Context, f bellhop.BacklogFilter) ([]bellhop.BacklogSample, error) {
	thin := bellhop.BacklogThinner{Filter: f}
	err := s.step(ctx, func() error {
		i := 0
		for i < len(s.samples) && s.samples[i].at.Before(f.Since) {
			i++
		}
		if i > 0 {
			thin.Before(bellhop.SampleOf(f.Since, s.samples[i-1].pending, s.samples[i-1].oldest))
		}
		for ; i < len(s.samples) && s.samples[i].at.Before(f.Until); i++ {
			thin.Add(bellhop.SampleOf(s.samples[i].at, s.samples[i].pending, s.samples[i].oldest))
		}
		return nil
	})
	return thin.Samples, err
}
