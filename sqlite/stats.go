package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Stats counts attempts in buckets of time. It reads what was rolled up of the
// range, in the widest slices that fit the buckets, and for the rest, the two
// indexes that hold all it needs.
func (s *Store) Stats(ctx context.Context, f bellhop.StatsFilter) (bellhop.Stats, error) {
	var c counter
	err := s.read(ctx, "count attempts", func(conn *sqlite.Conn) error {
		c = counter{conn: conn, filter: f, width: max(f.Bucket, time.Second).Milliseconds(), buckets: map[int64]*bellhop.Tally{}}
		return c.run()
	})
	return c.stats(), err
}

// counter is one Stats under way. Times are milliseconds since 1970.
type counter struct {
	conn    *sqlite.Conn
	filter  bellhop.StatsFilter
	width   int64 // of a bucket
	rolled  rolled
	buckets map[int64]*bellhop.Tally
	apps    []string // whose attempts are read; found when first needed
}

// endOfTime is the first millisecond that no id can carry.
const endOfTime = 1 << 42

func (c *counter) run() error {
	var err error
	if c.rolled, err = readRolled(c.conn); err != nil {
		return err
	}
	from, to := int64(0), int64(endOfTime)
	if !c.filter.Since.IsZero() {
		from = ceilMilli(c.filter.Since)
	}
	if !c.filter.Until.IsZero() {
		to = ceilMilli(c.filter.Until)
	}
	return c.cover(max(from, c.rolled.expired), to, len(widths)-1)
}

// ceilMilli: a partial millisecond belongs to the one after it, as in ids.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return min(max(ms, 0), endOfTime)
}

// cover counts the range from slices of a width and, before and after those, from
// narrower ones, and at last from attempts.
func (c *counter) cover(from, to int64, level int) error {
	if from >= to {
		return nil
	}
	if level < 0 {
		return c.countAttempts(from, to)
	}
	w := widths[level]
	// Slices carry no type.
	if c.width%w != 0 || c.filter.Type != "" {
		return c.cover(from, to, level-1)
	}
	first, last := (from+w-1)/w*w, min(to, c.rolled.until[level])/w*w
	if first >= last {
		return c.cover(from, to, level-1)
	}
	err := c.cover(from, first, level-1)
	if err == nil {
		err = c.countSlices(w, first, last)
	}
	if err == nil {
		err = c.cover(last, to, level-1)
	}
	return err
}

// bucket gives the tally of the bucket that a time is in. Buckets begin at whole
// multiples of their width since 1970, so that two pages of a chart agree.
func (c *counter) bucket(ms int64) *bellhop.Tally {
	start := ms / c.width * c.width
	t := c.buckets[start]
	if t == nil {
		t = &bellhop.Tally{}
		c.buckets[start] = t
	}
	return t
}

const countedColumns = "id, status, final, duration, latency, type"

func (c *counter) countAttempts(from, to int64) error {
	f := c.filter
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
	for _, q := range statsQueries(&f) {
		var wrong error
		err := each(c.conn, func(st *sqlite.Stmt) {
			if f.Type == "" || bellhop.MatchName(f.Type, st.ColumnText(5)) {
				if st.ColumnInt64(4) == uncounted {
					return
				}
				wrong = cmp.Or(wrong, count(c.bucket(bellhop.AttemptID(st.ColumnInt64(0)).Time().UnixMilli()), c.conn, st))
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
			"SELECT app FROM attempts INDEXED BY attempts_app WHERE app > ? ORDER BY app LIMIT 1", app)
		if err != nil {
			return nil, err
		}
		if found {
			apps = append(apps, app)
		}
	}
	return apps, nil
}

// statsQueries finds the index that holds what is counted of an endpoint or of
// apps.
func statsQueries(f *bellhop.StatsFilter) []query {
	if f.Endpoint != 0 {
		q := query{index: "attempts_endpoint"}
		q.where.add("endpoint = ?", int64(f.Endpoint))
		q.where.span("id", f.Since, f.Until, 0)
		q.where.scope("app", f.Scope)
		return []query{q}
	}
	return perApp(f.Scope, func(app string) query {
		q := query{index: "attempts_app"}
		q.where.add("app = ?", app)
		q.where.span("id", f.Since, f.Until, 0)
		return q
	})
}

const slicesFrom = "SELECT slice, " + tallyColumns + " FROM rollups"

func (c *counter) countSlices(width, from, to int64) error {
	for _, q := range sliceQueries(&c.filter, width, from, to) {
		var wrong error
		err := each(c.conn, func(st *sqlite.Stmt) {
			wrong = cmp.Or(wrong, mergeRow(c.bucket(st.ColumnInt64(0)), st, 1))
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

func (c *counter) stats() bellhop.Stats {
	var total bellhop.Tally
	var s bellhop.Stats
	for start, t := range c.buckets {
		total.Merge(t)
		s.Buckets = append(s.Buckets, t.Bucket(time.UnixMilli(start).UTC()))
	}
	slices.SortFunc(s.Buckets, func(a, b bellhop.StatsBucket) int { return a.Start.Compare(b.Start) })
	s.Total = total.Bucket(c.filter.Since)
	return s
}

// uncounted is the latency of what Stats does not count (Attempt.Counts): the indexes
// that it reads have the column.
const uncounted = -1

// count adds an attempt, of which st has countedColumns, to a tally.
func count(t *bellhop.Tally, c *sqlite.Conn, st *sqlite.Stmt) error {
	a := bellhop.Attempt{
		ID: bellhop.AttemptID(st.ColumnInt64(0)), Status: statusName(st.ColumnInt(1)), Final: st.ColumnBool(2),
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
	t.Succeeded += st.ColumnInt64(at)
	t.Failed += st.ColumnInt64(at + 1)
	t.Exhausted += st.ColumnInt64(at + 2)
	t.DurationMS += st.ColumnInt64(at + 3)
	t.LongestMS = max(t.LongestMS, st.ColumnInt64(at+4))
	err := t.Durations.MergeEncoded(blob(st, at+5))
	if err == nil {
		err = t.Latencies.MergeEncoded(blob(st, at+6))
	}
	if err != nil {
		return fmt.Errorf("a row of rollups: %w", err)
	}
	return nil
}
