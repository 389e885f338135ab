package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const (
	newestSample   = "SELECT pending, oldest FROM backlog WHERE at = (SELECT max(at) FROM backlog WHERE at <= ?)"
	sampleBefore   = "SELECT at, pending, oldest FROM backlog WHERE at < ? ORDER BY at DESC LIMIT 1"
	samplesWithin  = "SELECT at, pending, oldest FROM backlog WHERE at >= ? AND at < ? ORDER BY at"
	expiredSamples = "SELECT at FROM backlog WHERE at < ? ORDER BY at LIMIT ? + 0"
)

// SampleBacklog notes how much is pending, unless that is as it was; what a clock
// that was ahead has noted is still to come. It counts beside the writer, so that a
// large backlog does not hold up commits.
func (s *Store) SampleBacklog(ctx context.Context, now time.Time) error {
	var pending, oldest int64
	same := false
	err := s.readFor(ctx, forUpkeep, "count deliveries", func(c *sqlite.Conn) error {
		pending = s.writer.waiting.count(anyApp, 0)
		fresh, err := s.writer.fresh.view(c, 0, func(*freshDelivery) bool { return true })
		if err == nil {
			err = each(c, func(st *sqlite.Stmt) { oldest = st.ColumnInt64(0) }, oldestOf)
		}
		if err != nil {
			return err
		}
		for i := range fresh {
			if d := int64(fresh[i].ID); oldest == 0 || d < oldest {
				oldest = d
			}
		}
		same = pending == 0 // and if there never was a sample, none is needed
		return each(c, func(st *sqlite.Stmt) { same = st.ColumnInt64(0) == pending && st.ColumnInt64(1) == oldest }, newestSample, micros(now))
	})
	if err != nil || same {
		return err
	}
	return s.tidy(ctx, "sample the backlog", rowWeight, func(w *writer) error {
		return exec(w.conn, "INSERT OR REPLACE INTO backlog (at, pending, oldest) VALUES (?, ?, ?)", micros(now), pending, oldest)
	})
}

// BacklogSamples gives samples, thinned out to f.Points.
func (s *Store) BacklogSamples(ctx context.Context, f bellhop.BacklogFilter) ([]bellhop.BacklogSample, error) {
	var thin bellhop.BacklogThinner
	err := s.read(ctx, "read samples of the backlog", func(c *sqlite.Conn) error {
		thin = bellhop.BacklogThinner{Filter: f}
		_, err := one(c, func(st *sqlite.Stmt) {
			thin.Before(bellhop.SampleOf(f.Since, st.ColumnInt64(1), bellhop.DeliveryID(st.ColumnInt64(2))))
		}, sampleBefore, micros(f.Since))
		if err != nil {
			return err
		}
		return each(c, func(st *sqlite.Stmt) {
			thin.Add(bellhop.SampleOf(moment(st.ColumnInt64(0)), st.ColumnInt64(1), bellhop.DeliveryID(st.ColumnInt64(2))))
		}, samplesWithin, micros(f.Since), micros(f.Until))
	})
	return thin.Samples, err
}

func (w *writer) expireSamples(before time.Time, limit int, deleted *int) error {
	err := exec(w.conn, "DELETE FROM backlog WHERE at IN ("+expiredSamples+")", micros(before), limit)
	*deleted += w.conn.Changes()
	return err
}
