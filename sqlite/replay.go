package sqlite

import (
	"cmp"
	"context"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// notPending and noAttempt hold of an event e and an endpoint (?1).
const (
	notPending = " AND NOT EXISTS (SELECT 1 FROM pending p INDEXED BY pending_event WHERE p.event = e.id AND p.endpoint = ?1)"
	noAttempt  = " AND NOT EXISTS (SELECT 1 FROM attempts a INDEXED BY attempts_event WHERE a.event = e.id AND a.endpoint = ?1)"
	// The newest finished delivery is the one with the highest id, whichever
	// ended last; or it is one that succeeded.
	lastEnded = ` AND (SELECT status FROM attempts a INDEXED BY attempts_event
		WHERE a.event = e.id AND a.endpoint = ?1 AND a.final = 1 ORDER BY ? AND a.status = 0 DESC, a.delivery DESC LIMIT 1) = ?`
	lastEndedFor = ` AND (SELECT (? = '' OR reason = ?) AND response_status BETWEEN ? AND ? FROM attempts a INDEXED BY attempts_event
		WHERE a.event = e.id AND a.endpoint = ?1 AND a.final = 1 ORDER BY ? AND a.status = 0 DESC, a.delivery DESC LIMIT 1)`
)

// endless is a horizon beyond all events.
const endless = bellhop.EventID(math.MaxInt64)

// Candidates lists events that a replay may cover, oldest first. How far it looks is
// found first, from an index alone.
func (s *Store) Candidates(ctx context.Context, f bellhop.ReplayFilter) (list []bellhop.Event, next bellhop.EventID, err error) {
	if f.Limit <= 0 {
		return nil, 0, nil
	}
	f.Apps = slices.Compact(slices.Sorted(slices.Values(f.Apps)))
	covered := endless
	err = s.read(ctx, "list events for a replay", func(c *sqlite.Conn) (err error) {
		list = nil
		fresh, err := s.writer.fresh.view(c, 0, func(d *freshDelivery) bool { return f.Status != bellhop.ReplayAll && d.endpoint == f.Endpoint })
		if err != nil {
			return err
		}
		if covered, err = horizon(c, &f); err != nil {
			return err
		}
		for _, q := range candidateQueries(&f, covered, candidateColumns) {
			rows := 0
			err := each(c, func(st *sqlite.Stmt) { list, rows = append(list, scanEvent(st)), rows+1 }, q.index, q.where.args...)
			if err != nil {
				return err
			}
			if rows >= f.Limit && rows > 0 {
				covered = min(covered, list[len(list)-1].ID)
			}
		}
		list = slices.DeleteFunc(list, func(e bellhop.Event) bool {
			return slices.ContainsFunc(fresh, func(d bellhop.Delivery) bool { return d.Event == e.ID })
		})
		return leaveOutLater(c, &f, &list)
	})
	list = slices.DeleteFunc(list, func(e bellhop.Event) bool { return e.ID > covered })
	slices.SortFunc(list, func(a, b bellhop.Event) int { return cmp.Compare(a.ID, b.ID) })
	if len(list) > f.Limit {
		list = list[:f.Limit]
		covered = list[f.Limit-1].ID
	}
	if covered != endless {
		next = covered
	}
	return list, next, err
}

// stillSelected gives the events that a Redelivery's filter still selects, of those within
// the range of its deliveries; what waits is not looked at.
func stillSelected(c *sqlite.Conn, r *bellhop.Redelivery) (map[bellhop.EventID]bool, error) {
	if r.Still == nil || len(r.Deliveries) == 0 {
		return nil, nil
	}
	f, last := r.Recheck()
	f.Apps = slices.Compact(slices.Sorted(slices.Values(f.Apps)))
	still := map[bellhop.EventID]bool{}
	for _, q := range candidateQueries(&f, last, "e.id") {
		if err := each(c, func(st *sqlite.Stmt) { still[bellhop.EventID(st.ColumnInt64(0))] = true }, q.index, q.where.args...); err != nil {
			return nil, err
		}
	}
	return still, nil
}

// leaveOutLater leaves out events whose delivery to the endpoint is still to be made:
// it is as good as pending.
func leaveOutLater(c *sqlite.Conn, f *bellhop.ReplayFilter, list *[]bellhop.Event) error {
	if f.Status == bellhop.ReplayAll {
		return nil
	}
	if any, err := one(c, func(*sqlite.Stmt) {}, "SELECT 1 FROM fanouts LIMIT 1"); err != nil || !any {
		return err
	}
	var wrong error
	*list = slices.DeleteFunc(*list, func(e bellhop.Event) bool {
		to, err := later(c, e.ID)
		wrong = cmp.Or(wrong, err)
		return slices.Contains(to, f.Endpoint)
	})
	return wrong
}

// horizon is the last event that may be looked at.
func horizon(c *sqlite.Conn, f *bellhop.ReplayFilter) (bellhop.EventID, error) {
	last := endless
	if f.Scan <= 0 {
		return last, nil
	}
	for _, q := range horizonQueries(f) {
		_, err := one(c, func(st *sqlite.Stmt) { last = min(last, bellhop.EventID(st.ColumnInt64(0))) }, q.index, q.where.args...)
		if err != nil {
			return 0, err
		}
	}
	return last, nil
}

// horizonQueries gives whole statements. Each app has an equal share of the events.
func horizonQueries(f *bellhop.ReplayFilter) []query {
	if f.Status == bellhop.ReplayFailed {
		w := exhaustedWhere(f)
		sql := "SELECT x.event FROM attempts x INDEXED BY attempts_exhausted" + w.String() + " GROUP BY x.event ORDER BY x.event LIMIT 1 OFFSET ?"
		return []query{{sql, where{args: append(w.args, f.Scan-1)}}}
	}
	share := max(f.Scan/max(len(f.Apps), 1), 1)
	one := func(from string, w where) query {
		w.add("id > ?", int64(f.After))
		w.span("id", f.Since, f.Until, 0, 0)
		return query{from + w.String() + " ORDER BY id LIMIT 1 OFFSET ?", where{args: append(w.args, share-1)}}
	}
	list := perApp(bellhop.Only(f.Apps...), func(app string) query {
		var w where
		w.add("listed = 1 AND app = ?", app)
		return one("SELECT id FROM events INDEXED BY events_app", w)
	})
	var tail where
	tail.add(tailOfEvents)
	tail.scope("app", bellhop.Only(f.Apps...))
	return append(list, one("SELECT id FROM events NOT INDEXED", tail))
}

// exhaustedWhere finds the attempts that ended a delivery to the endpoint (?1) in
// failure, in the order of their events.
func exhaustedWhere(f *bellhop.ReplayFilter) where {
	w := where{args: []any{int64(f.Endpoint)}}
	w.add("x.endpoint = ?1 AND x.final = 1 AND x.status = 1 AND x.event > ?", int64(f.After))
	w.span("x.event", f.Since, f.Until, 0, 0)
	return w
}

// labelled leaves events e that have a channel and a tag.
func labelled(w *where, f bellhop.LabelFilter) {
	if f.Channel != "" {
		w.add("instr(e.channels, ?) > 0", column.Label(f.Channel))
	}
	if f.Tag != "" {
		w.add("instr(e.tags, ?) > 0", column.Label(f.Tag))
	}
}

// ended leaves events by their newest finished delivery to the endpoint. Its arguments come
// last.
func ended(w *where, f *bellhop.ReplayFilter) (sql string) {
	if status, one := f.Status.Ended(); one {
		sql += lastEnded
		w.args = append(w.args, f.Arrived, column.Ended(status))
	}
	if f.Cause != (bellhop.Cause{}) || f.Response != "" {
		low, high := f.Answer()
		sql += lastEndedFor
		w.args = append(w.args, f.Cause.Reason, f.Cause.Reason, low, high, f.Arrived)
	}
	return sql
}

const candidateColumns = "e.id, e.app, e.type, e.subject, e.external_id, e.deliver_at, e.deliveries, e.erased, e.test, e.channels, e.tags, e.data_expires_at, e.data"

// candidateQueries gives whole statements. Failed deliveries are rare and have an
// index in the order of events; otherwise the events are gone through.
func candidateQueries(f *bellhop.ReplayFilter, until bellhop.EventID, columns string) []query {
	const wanted = " AND e.erased = 0 AND e.test = 0"
	if f.Status == bellhop.ReplayFailed {
		w := exhaustedWhere(f)
		w.add("x.event <= ?", int64(until))
		w.scope("e.app", bellhop.Only(f.Apps...))
		w.types("e.type", f.Types)
		labelled(&w, f.LabelFilter)
		sql := "SELECT " + columns + " FROM attempts x INDEXED BY attempts_exhausted CROSS JOIN events e ON e.id = x.event" +
			w.String() + wanted + notPending + ended(&w, f) + " GROUP BY x.event ORDER BY x.event LIMIT ? + 0"
		return []query{{sql, where{args: append(w.args, f.Limit)}}}
	}
	some := func(index string, w where) query {
		w.add("e.id > ? AND e.id <= ?", int64(f.After), int64(until))
		w.span("e.id", f.Since, f.Until, 0, 0)
		w.types("e.type", f.Types)
		labelled(&w, f.LabelFilter)
		sql := "SELECT " + columns + " FROM events e " + index + w.String() + wanted
		if f.Status != bellhop.ReplayAll {
			sql += notPending
		}
		if f.Status == bellhop.ReplayMissing {
			sql += noAttempt
		} else {
			sql += ended(&w, f)
		}
		return query{sql + " ORDER BY e.id LIMIT ? + 0", where{args: append(w.args, f.Limit)}}
	}
	list := perApp(bellhop.Only(f.Apps...), func(app string) query {
		w := where{args: []any{int64(f.Endpoint)}}
		w.add("?1 IS NOT NULL") // it comes first, so that it is the first parameter
		w.add("e.listed = 1 AND e.app = ?", app)
		return some("INDEXED BY events_app", w)
	})
	tail := where{args: []any{int64(f.Endpoint)}}
	tail.add("?1 IS NOT NULL")
	tail.add("e." + tailOfEvents)
	tail.scope("e.app", bellhop.Only(f.Apps...))
	return append(list, some("NOT INDEXED", tail))
}
