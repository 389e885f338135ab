package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const (
	countPending   = "SELECT count(*), coalesce(min(id), 0) FROM pending"
	newestSample   = "SELECT pending, oldest FROM backlog WHERE at = (SELECT max(at) FROM backlog WHERE at <= ?)"
	sampleBefore   = "SELECT at, pending, oldest FROM backlog WHERE at < ? ORDER BY at DESC LIMIT 1"
	samplesWithin  = "SELECT at, pending, oldest FROM backlog WHERE at >= ? AND at < ? ORDER BY at"
	expiredSamples = "SELECT at FROM backlog WHERE at < ? ORDER BY at LIMIT ?"
)

// SampleBacklog notes how much is pending, unless that is as it was; what a clock
// that was ahead has noted is still to come. It counts beside the writer, so that a large backlog does not hold up commits.
func (s *Store) SampleBacklog(ctx context.Context, now time.Time) error {
	var pending, oldest int64
	same := false
	err := s.read(ctx, "count deliveries", func(c *sqlite.Conn) error {
		err := each(c, func(st *sqlite.Stmt) { pending, oldest = st.ColumnInt64(0), st.ColumnInt64(1) }, countPending)
		if err != nil {
			return err
		}
		same = pending == 0 // and if there never was a sample, none is needed
		return each(c, func(st *sqlite.Stmt) { same = st.ColumnInt64(0) == pending && st.ColumnInt64(1) == oldest }, newestSample, micros(now))
	})
	if err != nil || same {
		return err
	}
	return s.write(ctx, "sample the backlog", rowWeight, func(w *writer) error {
		return exec(w.conn, "INSERT OR REPLACE INTO backlog (at, pending, oldest) VALUES (?, ?, ?)", micros(now), pending, oldest)
	})
}

// BacklogSamples gives samples, thinned out to f.Points.
func (s *Store) BacklogSamples(ctx context.Context, f bellhop.BacklogFilter) ([]bellhop.BacklogSample, error) {
	var list []bellhop.BacklogSample
	err := s.read(ctx, "read samples of the backlog", func(c *sqlite.Conn) error {
		list = nil
		_, err := one(c, func(st *sqlite.Stmt) { list = append(list, scanSample(st, f.Since)) }, sampleBefore, micros(f.Since))
		if err != nil {
			return err
		}
		part := max(f.Until.Sub(f.Since)/time.Duration(max(f.Points-len(list), 1))+1, 1)
		last := time.Duration(-1)
		return each(c, func(st *sqlite.Stmt) {
			sample := scanSample(st, time.Time{})
			switch now := sample.At.Sub(f.Since) / part; {
			case now != last:
				list, last = append(list, sample), now
			case sample.Pending >= list[len(list)-1].Pending:
				list[len(list)-1] = sample
			}
		}, samplesWithin, micros(f.Since), micros(f.Until))
	})
	return list, err
}

// scanSample reads at, pending and oldest; the zero time leaves at as it is.
func scanSample(st *sqlite.Stmt, at time.Time) bellhop.BacklogSample {
	if at.IsZero() {
		at = moment(st.ColumnInt64(0))
	}
	b := bellhop.BacklogSample{At: at, Pending: st.ColumnInt64(1)}
	if oldest := bellhop.DeliveryID(st.ColumnInt64(2)); oldest != 0 {
		b.OldestAgeMS = max(at.Sub(oldest.Time()).Milliseconds(), 0)
	}
	return b
}

func (w *writer) expireSamples(before time.Time, limit int, deleted *int) error {
	err := exec(w.conn, "DELETE FROM backlog WHERE at IN ("+expiredSamples+")", micros(before), limit)
	*deleted += w.conn.Changes()
	return err
}
