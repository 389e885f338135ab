package sqlite

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Stats counts attempts in buckets of time. It reads two indexes that hold all it
// needs, and no row.
func (s *Store) Stats(ctx context.Context, f bellhop.StatsFilter) ([]bellhop.StatsBucket, error) {
	t := tally{filter: &f, buckets: map[int64]*bellhop.StatsBucket{}}
	err := s.read(ctx, "count attempts", func(c *sqlite.Conn) error {
		queries, err := statsQueries(c, &f)
		if err != nil {
			return err
		}
		for i := range queries {
			q := &queries[i]
			if err := each(c, t.add, q.sql("id, status, final, duration, type", "attempts"), q.where.args...); err != nil {
				return err
			}
		}
		return nil
	})
	return t.list(), err
}

func statsQueries(c *sqlite.Conn, f *bellhop.StatsFilter) ([]query, error) {
	if f.Endpoint != 0 {
		q := query{index: "attempts_endpoint"}
		q.where.add("endpoint = ?", int64(f.Endpoint))
		q.where.span("id", f.Since, f.Until, 0)
		q.where.among("app", f.Apps)
		return []query{q}, nil
	}
	apps := f.Apps
	if len(apps) == 0 {
		// From app to app, so that each one's range of time is found at once.
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
		if len(apps) == 0 {
			return nil, nil
		}
	}
	return perApp(apps, func(app string) query {
		q := query{index: "attempts_app"}
		q.where.add("app = ?", app)
		q.where.span("id", f.Since, f.Until, 0)
		return q
	}), nil
}

type tally struct {
	filter  *bellhop.StatsFilter
	buckets map[int64]*bellhop.StatsBucket
}

// add counts an attempt. The line of a cancellation is no request: it counts only
// as a delivery that ended without success.
func (t *tally) add(st *sqlite.Stmt) {
	if t.filter.Type != "" && !matches(t.filter.Type, st.ColumnText(4)) {
		return
	}
	// Buckets begin at whole multiples of their width since 1970, so that two
	// pages of a chart agree.
	width := max(t.filter.Bucket, time.Second).Milliseconds()
	start := bellhop.AttemptID(st.ColumnInt64(0)).Time().UnixMilli() / width * width
	b := t.buckets[start]
	if b == nil {
		b = &bellhop.StatsBucket{Start: time.UnixMilli(start).UTC()}
		t.buckets[start] = b
	}
	status := st.ColumnInt(1)
	switch status {
	case succeeded:
		b.Succeeded++
	case failed:
		b.Failed++
	}
	if status != succeeded && st.ColumnBool(2) {
		b.Exhausted++
	}
	ms := st.ColumnInt64(3) / 1000
	b.DurationMS += ms
	b.MaxDurationMS = max(b.MaxDurationMS, ms)
}

func (t *tally) list() []bellhop.StatsBucket {
	var list []bellhop.StatsBucket
	for _, b := range t.buckets {
		list = append(list, *b)
	}
	slices.SortFunc(list, func(a, b bellhop.StatsBucket) int { return cmp.Compare(a.Start.UnixMilli(), b.Start.UnixMilli()) })
	return list
}

func matches(pattern, s string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(s, prefix)
	}
	return pattern == s
}
