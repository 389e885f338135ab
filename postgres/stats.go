package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/timeslice"
)

// Stats counts attempts in buckets of time. It reads what was rolled up of the range, in
// the widest slices that fit the buckets, with what was logged late of it, and for the
// rest, the attempts.
func (s *Store) Stats(ctx context.Context, f bellhop.StatsFilter) (bellhop.Stats, error) {
	var c counter
	err := s.read(ctx, "count attempts", func(q *reading) error {
		c = counter{q: q}
		c.Counter = timeslice.Counter{Filter: f, Attempts: c.countAttempts, Slices: c.countSlices}
		if empty(f.Scope) {
			return nil
		}
		marks, err := readMarks(q)
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
	q *reading
}

// countedColumns are what is counted of an attempt, a.
const countedColumns = "a.id, a.status, a.final, a.duration, a.latency"

// counted is what countedColumns are read into. A latency of -1 says that statistics leave
// it out (Attempt.Counts).
type counted struct {
	id, duration, latency int64
	status                int
	final                 bool
}

func (a *counted) into() []any { return []any{&a.id, &a.status, &a.final, &a.duration, &a.latency} }

func (a *counted) millis() int64 { return a.id >> milli }

func (a *counted) addTo(t *bellhop.Tally) {
	if a.latency >= 0 {
		t.Add(column.StatusOf(a.status), a.final, time.Duration(a.duration)*time.Microsecond, time.Duration(a.latency)*time.Microsecond)
	}
}

func (c *counter) countAttempts(from, to int64) error {
	sql, args := attemptsToCount(&c.Filter, span{low: timeslice.FirstID(from), high: timeslice.FirstID(to)})
	return c.add(sql, args)
}

func (c *counter) add(sql string, args []any) error {
	var a counted
	return c.q.each(scan(func() {
		if a.latency >= 0 {
			a.addTo(c.Bucket(a.millis()))
		}
	}, a.into()...), sql, args...)
}

// attemptsToCount finds attempts in the order of the index that has the fewest others in
// the range.
func attemptsToCount(f *bellhop.StatsFilter, s span) (sql string, args []any) {
	var w where
	rest := func() {
		w.named("a.type", f.Type)
		w.add(s.partitions("a.id"))
	}
	switch {
	case f.Endpoint != 0:
		w.within("a.endpoint, a.id", s, w.arg(int64(f.Endpoint)))
		w.ofApps("a.app", f.Scope)
		rest()
		return selectFrom(countedColumns, "bellhop.attempts a", &w) + " ORDER BY a.endpoint, a.id /* all apps */", w.args
	case !f.Scope.All:
		apps := w.arg(appsOf(f.Scope))
		w.within("a.app, a.id", s, "s.app")
		rest()
		return "SELECT x.* FROM unnest(" + apps + "::text[]) AS s (app) CROSS JOIN LATERAL (" +
			selectFrom(countedColumns, "bellhop.attempts a", &w) + " ORDER BY a.app, a.id) AS x", w.args
	}
	w.add("a.id >= ? AND a.id < ?", s.low, s.high)
	rest()
	return selectFrom(countedColumns, "bellhop.attempts a", &w) + " ORDER BY a.id /* all apps */", w.args
}

// lateToCount finds attempts that are not part of their slices yet.
func lateToCount(f *bellhop.StatsFilter, s span) (sql string, args []any) {
	var w where
	w.add("a.id >= ? AND a.id < ?", s.low, s.high)
	optional(&w, "a.endpoint", int64(f.Endpoint))
	w.scope("a.app", f.Scope)
	return selectFrom(countedColumns, "bellhop.late_attempts a", &w) + " /* all apps */", w.args
}

func (c *counter) countSlices(width, from, to int64) error {
	sql, args := slicesToCount(&c.Filter, width, from, to)
	var slice int64
	var sum timeslice.Sum
	err := c.q.each(func(r row) error {
		err := r.Scan(append([]any{&slice}, intoSum(&sum)...)...)
		if err == nil {
			err = sum.AddTo(c.Bucket(slice))
		}
		return err
	}, sql, args...)
	if err == nil {
		sql, args = lateToCount(&c.Filter, span{low: timeslice.FirstID(from), high: timeslice.FirstID(to)})
		err = c.add(sql, args)
	}
	return err
}

// slicesToCount finds an app's slices by app, and an endpoint's or those of all apps by
// endpoint (0).
func slicesToCount(f *bellhop.StatsFilter, width, from, to int64) (sql string, args []any) {
	var w where
	if f.Endpoint == 0 && !f.Scope.All {
		apps := w.arg(appsOf(f.Scope))
		w.add("r.app = s.app AND r.endpoint = 0 AND r.width = ? AND r.slice >= ? AND r.slice < ?", width, from, to)
		return "SELECT x.* FROM unnest(" + apps + "::text[]) AS s (app) CROSS JOIN LATERAL (" +
			selectFrom("r.slice, "+tallyColumns, "bellhop.rollups r", &w) + ") AS x", w.args
	}
	w.add("r.endpoint = ? AND r.width = ? AND r.slice >= ? AND r.slice < ?", int64(f.Endpoint), width, from, to)
	w.scope("r.app", f.Scope)
	return selectFrom("r.slice, "+tallyColumns, "bellhop.rollups r", &w) + " /* all apps */", w.args
}

const tallyColumns = "r.succeeded, r.failed, r.exhausted, r.duration, r.longest, r.durations, r.latencies"

// intoSum gives where tallyColumns are read into.
func intoSum(s *timeslice.Sum) []any {
	return []any{&s.Succeeded, &s.Failed, &s.Exhausted, &s.DurationMS, &s.LongestMS, &s.Durations, &s.Latencies}
}
