package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/histogram"
)

// Stats counts attempts in buckets of time.
func (s *Store) Stats(ctx context.Context, f bellhop.StatsFilter) (bellhop.Stats, error) {
	var stats bellhop.Stats
	err := s.step(ctx, func() error {
		var total tally
		var tallies []*tally
		for _, a := range s.attempts {
			at := a.StartedAt()
			if !among(f.Apps, a.App) || !matches(f.Type, a.Type) || !within(at, f.Since, f.Until) ||
				(f.Endpoint != 0 && f.Endpoint != a.Endpoint) {
				continue
			}
			// Buckets begin at whole multiples of their width since 1970, so
			// that two pages of a chart agree.
			width := max(f.Bucket, time.Second).Milliseconds()
			start := time.UnixMilli(at.UnixMilli() / width * width).UTC()
			if n := len(tallies); n == 0 || !tallies[n-1].Start.Equal(start) {
				tallies = append(tallies, &tally{StatsBucket: bellhop.StatsBucket{Start: start}})
			}
			tallies[len(tallies)-1].add(a, s.latencies[a.ID])
			total.add(a, s.latencies[a.ID])
		}
		total.Start = f.Since
		stats.Total = total.bucket()
		for _, t := range tallies {
			stats.Buckets = append(stats.Buckets, t.bucket())
		}
		return nil
	})
	return stats, err
}

// tally is what attempts add up to.
type tally struct {
	bellhop.StatsBucket
	durations, latencies histogram.Histogram // in microseconds
}

// add counts an attempt. The line of a cancellation is no request: it counts only
// as a delivery that ended without success.
func (t *tally) add(a *bellhop.Attempt, latency time.Duration) {
	duration := time.Duration(a.Duration)
	switch a.Status {
	case bellhop.AttemptSucceeded:
		t.Succeeded++
		if a.Final {
			t.latencies.Add(latency.Microseconds())
		}
	case bellhop.AttemptFailed:
		t.Failed++
	}
	if a.Final && a.Status != bellhop.AttemptSucceeded {
		t.Exhausted++
	}
	if duration.Microseconds() > 0 { // else there was no exchange
		t.durations.Add(duration.Microseconds())
	}
	t.DurationMS += duration.Milliseconds()
	t.MaxDurationMS = max(t.MaxDurationMS, duration.Milliseconds())
}

func (t *tally) bucket() bellhop.StatsBucket {
	b := t.StatsBucket
	b.Duration, b.Latency = percentiles(&t.durations), percentiles(&t.latencies)
	return b
}

func percentiles(h *histogram.Histogram) bellhop.Percentiles {
	ms := func(q float64) float64 { return float64(h.Quantile(q)) / 1000 }
	return bellhop.Percentiles{P50: ms(0.5), P95: ms(0.95), P99: ms(0.99)}
}

// latencyOf is how long a delivery took that ended with the attempt.
func latencyOf(a *bellhop.Attempt, scheduled time.Time) time.Duration {
	due := a.Delivery.Time()
	if scheduled.After(due) {
		due = scheduled
	}
	return max(a.StartedAt().Sub(due)+time.Duration(a.Duration), 0)
}

// RollUp has nothing to do: Stats counts what is in memory.
func (s *Store) RollUp(ctx context.Context, before time.Time) (more bool, err error) {
	return false, s.step(ctx, func() error { return nil })
}

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
	var list []bellhop.BacklogSample
	err := s.step(ctx, func() error {
		i := 0
		for i < len(s.samples) && s.samples[i].at.Before(f.Since) {
			i++
		}
		if i > 0 {
			list = append(list, s.samples[i-1].shown(f.Since))
		}
		part := max(f.Until.Sub(f.Since)/time.Duration(max(f.Points-len(list), 1))+1, 1)
		last := time.Duration(-1)
		for ; i < len(s.samples) && s.samples[i].at.Before(f.Until); i++ {
			b := s.samples[i].shown(s.samples[i].at)
			switch now := b.At.Sub(f.Since) / part; {
			case now != last:
				list, last = append(list, b), now
			case b.Pending >= list[len(list)-1].Pending:
				list[len(list)-1] = b
			}
		}
		return nil
	})
	return list, err
}

func (s sample) shown(at time.Time) bellhop.BacklogSample {
	b := bellhop.BacklogSample{At: at.UTC(), Pending: s.pending}
	if s.oldest != 0 {
		b.OldestAgeMS = max(at.Sub(s.oldest.Time()).Milliseconds(), 0)
	}
	return b
}
