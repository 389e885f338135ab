package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// Expire deletes at most limit old rows of each log. What to delete is looked up
// beside the writer, who may then have to skip over any number of kept events.
func (s *Store) Expire(ctx context.Context, before time.Time, limit int, now time.Time) (int, error) {
	bound := int64(id.First[id.Event](before))
	events, others := []int64(nil), false
	err := s.readFor(ctx, forUpkeep, "look for old rows", func(c *sqlite.Conn) error {
		err := each(c, func(st *sqlite.Stmt) { events = append(events, st.ColumnInt64(0)) },
			"SELECT e.id FROM events e NOT INDEXED WHERE e.id < ?"+noLongerPending+" ORDER BY e.id LIMIT ? + 0", bound, limit)
		if err != nil {
			return err
		}
		if others, err = oldCounts(c, before, now); err != nil || others {
			return err
		}
		return each(c, func(st *sqlite.Stmt) { others = st.ColumnBool(0) },
			"SELECT EXISTS (SELECT 1 FROM attempts WHERE id < ?1) OR EXISTS (SELECT 1 FROM audit WHERE id < ?1) OR EXISTS (SELECT 1 FROM outbox_refused WHERE refused_at < ?2)",
			bound, micros(before))
	})
	if err != nil || (len(events) == 0 && !others) {
		return 0, err
	}
	deleted := 0
	err = s.tidy(ctx, "expire", rowWeight*limit, func(w *writer) error {
		deleted = 0
		held := limit // how many held deliveries may go as well
		for _, e := range events {
			if err := w.expireEvent(e, now, &held, &deleted); err != nil {
				return err
			}
			if held <= 0 {
				break
			}
		}
		if err := w.expireSlices(before, limit, now, &deleted); err != nil {
			return err
		}
		if err := w.expireSamples(before, limit, &deleted); err != nil {
			return err
		}
		if err := w.expireRefused(before, limit, &deleted); err != nil {
			return err
		}
		return w.expireOthers(bound, limit, &deleted)
	})
	return deleted, err
}

// noLongerPending holds of an event e of which nothing can be delivered any more.
const noLongerPending = ` AND NOT EXISTS (SELECT 1 FROM fanouts f WHERE f.event = e.id) AND NOT EXISTS (SELECT 1 FROM pending p INDEXED BY pending_event
	LEFT JOIN endpoints x ON x.id = p.endpoint WHERE p.event = e.id AND coalesce(x.status, '') <> 'disabled')`

// expireEvent deletes an event with what is held of it. If that is more than may go
// now, the event goes later, with the rest.
func (w *writer) expireEvent(event int64, now time.Time, budget, deleted *int) error {
	if err := w.writeDownEvent(bellhop.EventID(event)); err != nil {
		return err
	}
	// It may have been sent again since it was looked up.
	old, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM events e WHERE e.id = ?"+noLongerPending, event)
	if err != nil || !old {
		return err
	}
	var held []bellhop.Delivery
	err = each(w.conn, func(st *sqlite.Stmt) { held = append(held, scanPending(st)) }, pendingOfEvent, event, *budget+1)
	more := len(held) > *budget
	held = held[:min(len(held), *budget)]
	*budget -= len(held)
	for i := 0; err == nil && i < len(held); i++ {
		d := &held[i]
		if err = w.gone(d.ID); err == nil {
			err = w.promote(d.Endpoint, d.OrderKey, now)
		}
	}
	if more {
		*budget = 0
	} else if err == nil {
		err = w.dropEvent(event)
	}
	*deleted++
	return err
}

// dropEvent deletes an event, of which nothing is pending.
func (w *writer) dropEvent(event int64) error {
	err := exec(w.conn, dropExpiring, event)
	if err == nil {
		err = exec(w.conn, "DELETE FROM events WHERE id = ?", event)
	}
	return err
}

func (w *writer) expireOthers(bound int64, limit int, deleted *int) error {
	for _, sql := range []string{
		"DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE id < ? ORDER BY id LIMIT ? + 0)",
		"DELETE FROM audit_apps WHERE (app, audit) IN (SELECT j.value, a.id FROM (SELECT id, apps FROM audit WHERE id < ? ORDER BY id LIMIT ? + 0) a, json_each(a.apps) j)",
		"DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ? + 0)",
	} {
		if err := exec(w.conn, sql, bound, limit); err != nil {
			return err
		}
		// The side table's rows are not entries of their own.
		if n := w.conn.Changes(); sql[:22] != "DELETE FROM audit_apps" {
			*deleted += n
		}
	}
	return nil
}
