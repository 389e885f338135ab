package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/timeslice"
)

// Stats counts attempts in buckets of time. It reads what was rolled up of the
// range, in the widest slices that fit the buckets, and for the rest, the two
// indexes that hold all it needs, and the tail.
func (s *Store) Stats(ctx context.Context, f bellhop.StatsFilter) (bellhop.Stats, error) {
	var c counter
	err := s.read(ctx, "count attempts", func(conn *sqlite.Conn) error {
		c = counter{conn: conn}
		c.Counter = timeslice.Counter{Filter: f, Attempts: c.countAttempts, Slices: c.countSlices}
		marks, err := readMarks(conn)
		if err != nil {
			return err
		}
		return c.Run(marks)
	})
	return c.Stats(), err
}

// counter is one Stats under way.
type counter struct {
	timeslice.Counter
	conn *sqlite.Conn
	apps []string // whose attempts are read; found when first needed
}

const countedColumns = "id, status, final, duration, latency, type"

func (c *counter) countAttempts(from, to int64) error {
	f := c.Filter
	f.Since, f.Until = time.UnixMilli(from), time.UnixMilli(to)
	if f.Endpoint == 0 && f.Scope.All {
		if c.apps == nil {
			var err error
			if c.apps, err = appsWithAttempts(c.conn); err != nil {
				return err
			}
		}
		f.Scope = bellhop.Only(c.apps...)
	}
	for _, q := range append(statsQueries(&f), statsTail(&f)) {
		var wrong error
		err := each(c.conn, func(st *sqlite.Stmt) {
			if f.Type == "" || bellhop.MatchName(f.Type, st.ColumnText(5)) {
				if st.ColumnInt64(4) == uncounted {
					return
				}
				wrong = cmp.Or(wrong, count(c.Bucket(bellhop.AttemptID(st.ColumnInt64(0)).Time().UnixMilli()), c.conn, st))
			}
		}, q.sql(countedColumns, "attempts"), q.where.args...)
		if err = cmp.Or(err, wrong); err != nil {
			return err
		}
	}
	return nil
}

// appsWithAttempts goes from app to app in the index, instead of over all rows.
func appsWithAttempts(c *sqlite.Conn) ([]string, error) {
	apps := []string{}
	for app, found := "", true; found; {
		var err error
		found, err = one(c, func(st *sqlite.Stmt) { app = st.ColumnText(0) },
			"SELECT app FROM attempts INDEXED BY attempts_app WHERE listed = 1 AND app > ? ORDER BY app LIMIT 1", app)
		if err != nil {
			return nil, err
		}
		if found {
			apps = append(apps, app)
		}
	}
	err := each(c, func(st *sqlite.Stmt) {
		if app := st.ColumnText(0); !slices.Contains(apps, app) {
			apps = append(apps, app)
		}
	}, "SELECT DISTINCT app FROM attempts NOT INDEXED WHERE "+tailOfAttempts)
	return apps, err
}

// statsTail is for the attempts that are not listed yet.
func statsTail(f *bellhop.StatsFilter) query {
	var q query
	q.where.add(tailOfAttempts)
	optional(&q.where, "endpoint", int64(f.Endpoint))
	q.where.span("id", f.Since, f.Until, 0, 0)
	q.where.scope("app", f.Scope)
	return q
}

// statsQueries finds the index that holds what is counted of an endpoint or of
// apps.
func statsQueries(f *bellhop.StatsFilter) []query {
	if f.Endpoint != 0 {
		q := query{index: "attempts_endpoint"}
		q.where.add("endpoint = ?", int64(f.Endpoint))
		q.where.span("id", f.Since, f.Until, 0, 0)
		q.where.scope("app", f.Scope)
		return []query{q}
	}
	return perApp(f.Scope, func(app string) query {
		q := query{index: "attempts_app"}
		q.where.add("app = ?", app)
		q.where.span("id", f.Since, f.Until, 0, 0)
		return q
	})
}

const slicesFrom = "SELECT slice, " + tallyColumns + " FROM rollups"

func (c *counter) countSlices(width, from, to int64) error {
	for _, q := range sliceQueries(&c.Filter, width, from, to) {
		var wrong error
		err := each(c.conn, func(st *sqlite.Stmt) {
			wrong = cmp.Or(wrong, mergeRow(c.Bucket(st.ColumnInt64(0)), st, 1))
		}, slicesFrom+q.index+q.where.String(), q.where.args...)
		if err = cmp.Or(err, wrong); err != nil {
			return err
		}
	}
	return nil
}

// sliceQueries reads an app's slices by an index, and an endpoint's or those of all
// apps in the order of the table, where they are next to each other.
func sliceQueries(f *bellhop.StatsFilter, width, from, to int64) []query {
	if f.Endpoint == 0 && !f.Scope.All {
		return perApp(f.Scope, func(app string) query {
			q := query{index: " INDEXED BY rollups_app"}
			q.where.add("app = ? AND endpoint = 0", app)
			q.where.add("width = ? AND slice >= ? AND slice < ?", width, from, to)
			return q
		})
	}
	var q query
	q.where.add("width = ? AND endpoint = ? AND slice >= ? AND slice < ?", width, int64(f.Endpoint), from, to)
	q.where.scope("app", f.Scope)
	return []query{q}
}

// uncounted is the latency of what Stats does not count (Attempt.Counts): the indexes
// that it reads have the column.
const uncounted = -1

// count adds an attempt, of which st has countedColumns, to a tally.
func count(t *bellhop.Tally, c *sqlite.Conn, st *sqlite.Stmt) error {
	a := bellhop.Attempt{
		ID: bellhop.AttemptID(st.ColumnInt64(0)), Status: column.StatusOf(st.ColumnInt(1)), Final: st.ColumnBool(2),
		Duration: bellhop.Duration(st.ColumnInt64(3) * 1000),
	}
	latency := time.Duration(st.ColumnInt64(4)) * time.Microsecond
	if a.Status == bellhop.AttemptSucceeded && a.Final && st.ColumnIsNull(4) {
		// It is older than the column, and from when a delivery was made at once with
		// its event.
		_, err := one(c, func(st *sqlite.Stmt) { a.Delivery = bellhop.DeliveryID(st.ColumnInt64(0)) },
			"SELECT delivery FROM attempts WHERE id = ?", int64(a.ID))
		if err != nil {
			return err
		}
		latency = bellhop.Latency(&a, time.Time{})
	}
	t.Add(a.Status, a.Final, time.Duration(a.Duration), latency)
	return nil
}

const tallyColumns = "succeeded, failed, exhausted, duration, longest, durations, latencies"

// mergeRow adds tallyColumns, which begin at a column of st, to a tally.
func mergeRow(t *bellhop.Tally, st *sqlite.Stmt, at int) error {
	sum := timeslice.Sum{
		Succeeded: st.ColumnInt64(at), Failed: st.ColumnInt64(at + 1), Exhausted: st.ColumnInt64(at + 2),
		DurationMS: st.ColumnInt64(at + 3), LongestMS: st.ColumnInt64(at + 4), Durations: blob(st, at+5), Latencies: blob(st, at+6),
	}
	return sum.AddTo(t)
}
