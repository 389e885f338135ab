package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

const (
	newestSample = "SELECT pending, oldest FROM bellhop.backlog WHERE at <= $1 ORDER BY at DESC LIMIT 1"
	sampleBefore = "SELECT at, pending, oldest FROM bellhop.backlog WHERE at < $1 ORDER BY at DESC LIMIT 1"
	samples      = "SELECT at, pending, oldest FROM bellhop.backlog WHERE at >= $1 AND at < $2 ORDER BY at"
	anyOldSample = "SELECT EXISTS (SELECT 1 FROM bellhop.backlog WHERE at < $1)"
	oldSamples   = "DELETE FROM bellhop.backlog WHERE at IN (SELECT at FROM bellhop.backlog WHERE at < $1 ORDER BY at LIMIT $2::bigint)"
	addSample    = "INSERT INTO bellhop.backlog (at, pending, oldest) VALUES ($1, $2, $3) ON CONFLICT (at) DO UPDATE SET pending = excluded.pending, oldest = excluded.oldest"
)

// SampleBacklog notes how much is pending, unless that is as it was; what a clock that was
// ahead has noted is still to come.
func (s *Store) SampleBacklog(ctx context.Context, now time.Time) error {
	pending, oldest, err := s.pendingFor(ctx, forUpkeep, bellhop.Everything(), 0)
	if err != nil {
		return err
	}
	same := pending == 0 // and if there never was a sample, none is needed
	err = s.readFor(ctx, forUpkeep, "read the newest sample of the backlog", func(q *reading) error {
		var n, first int64
		return q.each(scan(func() { same = n == pending && first == int64(oldest) }, &n, &first), newestSample, micros(now))
	})
	if err != nil || same {
		return err
	}
	return s.write(ctx, upkeep, "sample the backlog", func(t *txn) error {
		_, err := t.exec(addSample, micros(now), pending, int64(oldest))
		return err
	})
}

// BacklogSamples gives samples, thinned out to f.Points.
func (s *Store) BacklogSamples(ctx context.Context, f bellhop.BacklogFilter) ([]bellhop.BacklogSample, error) {
	var thin bellhop.BacklogThinner
	err := s.read(ctx, "read samples of the backlog", func(q *reading) error {
		thin = bellhop.BacklogThinner{Filter: f}
		var at, pending, oldest int64
		_, err := q.one(scan(func() { thin.Before(bellhop.SampleOf(f.Since, pending, bellhop.DeliveryID(oldest))) }, &at, &pending, &oldest),
			sampleBefore, micros(f.Since))
		if err != nil {
			return err
		}
		return q.each(scan(func() { thin.Add(bellhop.SampleOf(moment(at), pending, bellhop.DeliveryID(oldest))) }, &at, &pending, &oldest),
			samples, micros(f.Since), micros(f.Until))
	})
	return thin.Samples, err
}

func (t *txn) expireSamples(before time.Time, limit int, deleted *int) error {
	n, err := t.exec(oldSamples, micros(before), limit)
	*deleted += int(n)
	return err
}
