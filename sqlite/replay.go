package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// notPending and noAttempt hold of an event e and an endpoint (?1).
const (
	notPending = " AND NOT EXISTS (SELECT 1 FROM pending p INDEXED BY pending_event WHERE p.event = e.id AND p.endpoint = ?1)"
	noAttempt  = " AND NOT EXISTS (SELECT 1 FROM attempts a INDEXED BY attempts_event WHERE a.event = e.id AND a.endpoint = ?1)"
	// The newest finished delivery is the one with the highest id, whichever
	// ended last.
	newestFailed = ` AND (SELECT status FROM attempts a INDEXED BY attempts_event
		WHERE a.event = e.id AND a.endpoint = ?1 AND a.final = 1 ORDER BY a.delivery DESC LIMIT 1) = 1`
)

// Candidates lists events that a replay may cover, oldest first.
func (s *Store) Candidates(ctx context.Context, f bellhop.ReplayFilter) ([]bellhop.Event, error) {
	var list []bellhop.Event
	err := s.read(ctx, "list events for a replay", func(c *sqlite.Conn) error {
		list = nil
		for _, q := range candidateQueries(&f) {
			err := each(c, func(st *sqlite.Stmt) { list = append(list, scanEvent(st)) }, q.index, q.where.args...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return oldest(list, f.Limit), err
}

func oldest(list []bellhop.Event, limit int) []bellhop.Event {
	return newest(list, limit, func(e *bellhop.Event) int64 { return -int64(e.ID) })
}

// candidateQueries gives whole statements. Failed deliveries are rare and have an
// index in the order of events; otherwise the events are gone through.
func candidateQueries(f *bellhop.ReplayFilter) []query {
	after := int64(f.After) + 1
	const wanted = " AND e.erased = 0 AND e.test = 0"
	columns := "e.id, e.app, e.type, e.subject, e.external_id, e.deliver_at, e.deliveries, e.erased, e.test, e.data"
	if f.Status == bellhop.ReplayFailed {
		w := where{args: []any{int64(f.Endpoint)}}
		w.add("x.endpoint = ?1 AND x.final = 1 AND x.status = 1 AND x.event >= ?", after)
		w.span("x.event", f.Since, f.Until, 0)
		w.among("e.app", f.Apps)
		sql := "SELECT " + columns + " FROM attempts x INDEXED BY attempts_exhausted CROSS JOIN events e ON e.id = x.event" +
			w.String() + wanted + notPending + newestFailed + " GROUP BY x.event ORDER BY x.event LIMIT ?"
		return []query{{sql, where{args: append(w.args, max(f.Limit, 0))}}}
	}
	return perApp(f.Apps, func(app string) query {
		w := where{args: []any{int64(f.Endpoint)}}
		w.add("?1 IS NOT NULL") // it comes first, so that it is the first parameter
		index := "NOT INDEXED"
		if app != "" {
			index = "INDEXED BY events_app"
			w.add("e.app = ?", app)
		}
		w.add("e.id >= ?", after)
		w.span("e.id", f.Since, f.Until, 0)
		sql := "SELECT " + columns + " FROM events e " + index + w.String() + wanted
		if f.Status != bellhop.ReplayAll {
			sql += notPending + noAttempt
		}
		return query{sql + " ORDER BY e.id LIMIT ?", where{args: append(w.args, max(f.Limit, 0))}}
	})
}
