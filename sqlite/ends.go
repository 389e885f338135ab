package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const (
	nextIdle      = "SELECT endpoint FROM pending INDEXED BY pending_age WHERE owner IS NULL AND held = 0 AND endpoint > ? ORDER BY endpoint LIMIT 1"
	bornFirst     = "SELECT born FROM pending INDEXED BY pending_age WHERE owner IS NULL AND held = 0 AND endpoint = ? ORDER BY born LIMIT 1"
	oldOfEndpoint = selectPending + " INDEXED BY pending_age WHERE p.owner IS NULL AND p.held = 0 AND p.endpoint = ? AND p.born < ? ORDER BY p.born, p.id LIMIT ? + 0"
)

// Oldest lists endpoints with unowned deliveries that are old.
func (s *Store) Oldest(ctx context.Context, before time.Time) ([]bellhop.Aged, error) {
	var list []bellhop.Aged
	err := s.read(ctx, "look for what is old", func(c *sqlite.Conn) error {
		list = nil
		for endpoint := int64(0); ; {
			// From endpoint to endpoint, instead of over all their rows.
			found, err := one(c, func(st *sqlite.Stmt) { endpoint = st.ColumnInt64(0) }, nextIdle, endpoint)
			if err != nil || !found {
				return err
			}
			_, err = one(c, func(st *sqlite.Stmt) {
				if born := moment(st.ColumnInt64(0)); born.Before(before) {
					list = append(list, bellhop.Aged{Endpoint: bellhop.EndpointID(endpoint), Born: born})
				}
			}, bornFirst, endpoint)
			if err != nil {
				return err
			}
		}
	})
	return list, err
}

// EndOld ends deliveries that have become too old.
func (s *Store) EndOld(ctx context.Context, o bellhop.EndOld, ids []bellhop.AttemptID, now time.Time) (int, error) {
	total := 0
	for done := false; !done && total < len(ids); {
		chunk := ids[total:min(len(ids), total+sweepChunk)]
		ended := 0
		err := s.tidy(ctx, "end old deliveries", 2*rowWeight*len(chunk), func(w *writer) (err error) {
			ended, err = w.endOld(o, chunk, now)
			return err
		})
		if err != nil {
			return total, err
		}
		total += ended
		done = ended < len(chunk)
	}
	return total, nil
}

func (w *writer) endOld(o bellhop.EndOld, given []bellhop.AttemptID, now time.Time) (int, error) {
	ids, err := w.unused(given)
	if err != nil {
		return 0, err
	}
	current := false
	_, err = one(w.conn, func(st *sqlite.Stmt) {
		current = st.ColumnInt64(0) == o.Revision && st.ColumnInt64(1) <= micros(o.Before)
	},
		"SELECT revision, resumed_at FROM endpoints WHERE id = ?", int64(o.Endpoint))
	if err != nil || !current {
		return 0, err
	}
	var list []bellhop.Delivery
	err = each(w.conn, func(st *sqlite.Stmt) { list = append(list, scanPending(st)) }, oldOfEndpoint, int64(o.Endpoint), micros(o.Before), len(ids))
	for i := 0; err == nil && i < len(list); i++ {
		d, erased := &list[i], false
		if w.state.erasing {
			_, err = one(w.conn, func(st *sqlite.Stmt) { erased = st.ColumnBool(0) }, eventErased, int64(d.Event))
		}
		line := bellhop.ExpiredLine(d, ids[i], o.Detail)
		if erased {
			line = bellhop.LastLine(d, ids[i], bellhop.ReasonErased)
		}
		if err == nil {
			err = w.end(d, &line)
		}
		if err == nil {
			err = w.react(&line, o.Tells)
		}
		if err == nil {
			err = w.promote(d.Endpoint, d.OrderKey, now)
		}
	}
	return len(list) + len(given) - len(ids), err
}

// end ends a delivery with a last line in the log.
func (w *writer) end(d *bellhop.Delivery, line *bellhop.Attempt) error {
	if err := w.addAttempt(line, time.Time{}); err != nil {
		return err
	}
	return w.gone(d.ID)
}

// unused leaves out ids that have a line already, because the step is repeated.
func (w *writer) unused(given []bellhop.AttemptID) (ids []bellhop.AttemptID, err error) {
	for _, a := range given {
		used, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM attempts WHERE id = ?", int64(a))
		if err != nil {
			return nil, err
		}
		if !used {
			ids = append(ids, a)
		}
	}
	return ids, nil
}
