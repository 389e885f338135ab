package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// Stats counts attempts in buckets of time. It reads what was rolled up of the range, in
// the widest slices that fit the buckets, with what was logged late of it, and for the
// rest, the attempts.
func (s *Store) Stats(ctx context.Context, f bellhop.StatsFilter) (bellhop.Stats, error) {
	var c counter
	err := s.read(ctx, "count attempts", func(q *reading) error {
		c = counter{q: q, filter: f, width: max(f.Bucket, time.Second).Milliseconds(), buckets: map[int64]*bellhop.Tally{}}
		return c.run()
	})
	return c.stats(), err
}

// counter is one Stats under way. Times are milliseconds since 1970.
type counter struct {
	q       *reading
	filter  bellhop.StatsFilter
	width   int64 // of a bucket
	rolled  rolled
	buckets map[int64]*bellhop.Tally
}

// endOfTime is the first millisecond that no id can carry.
const endOfTime = 1 << 42

func (c *counter) run() error {
	var err error
	if empty(c.filter.Scope) {
		return nil
	}
	if c.rolled, err = readRolled(c.q); err != nil {
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

func firstID(ms int64) int64 { return int64(id.First[id.Attempt](time.UnixMilli(ms))) }

// cover counts the range from slices of a width and, before and after those, from narrower
// ones, and at last from attempts.
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

// bucket gives the tally of the bucket that a time is in. Buckets begin at whole multiples
// of their width since 1970, so that two pages of a chart agree.
func (c *counter) bucket(ms int64) *bellhop.Tally {
	start := ms / c.width * c.width
	t := c.buckets[start]
	if t == nil {
		t = &bellhop.Tally{}
		c.buckets[start] = t
	}
	return t
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
		t.Add(statusName(a.status), a.final, time.Duration(a.duration)*time.Microsecond, time.Duration(a.latency)*time.Microsecond)
	}
}

func (c *counter) countAttempts(from, to int64) error {
	sql, args := attemptsToCount(&c.filter, span{firstID(from), firstID(to)})
	return c.add(sql, args)
}

func (c *counter) add(sql string, args []any) error {
	var a counted
	return c.q.each(scan(func() {
		if a.latency >= 0 {
			a.addTo(c.bucket(a.millis()))
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
	sql, args := slicesToCount(&c.filter, width, from, to)
	var slice int64
	var t tallyRow
	err := c.q.each(func(r row) error {
		err := r.Scan(append([]any{&slice}, t.into()...)...)
		if err == nil {
			err = t.addTo(c.bucket(slice))
		}
		return err
	}, sql, args...)
	if err == nil {
		sql, args = lateToCount(&c.filter, span{firstID(from), firstID(to)})
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

const tallyColumns = "r.succeeded, r.failed, r.exhausted, r.duration, r.longest, r.durations, r.latencies"

// tallyRow is what tallyColumns are read into.
type tallyRow struct {
	succeeded, failed, exhausted, duration, longest int64
	durations, latencies                            []byte
}

func (t *tallyRow) into() []any {
	return []any{&t.succeeded, &t.failed, &t.exhausted, &t.duration, &t.longest, &t.durations, &t.latencies}
}

func (t *tallyRow) addTo(to *bellhop.Tally) error {
	to.Succeeded += t.succeeded
	to.Failed += t.failed
	to.Exhausted += t.exhausted
	to.DurationMS += t.duration
	to.LongestMS = max(to.LongestMS, t.longest)
	err := to.Durations.MergeEncoded(t.durations)
	if err == nil {
		err = to.Latencies.MergeEncoded(t.latencies)
	}
	if err != nil {
		return fmt.Errorf("a row of rollups: %w", err)
	}
	return nil
}
