package sqlite

import (
	"context"
	"errors"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// DeleteApp removes an app and what belongs to it alone. First it goes as such, so
// that nothing is published to it any more; then whatever names it, and its rows, in
// steps, so that the other callers' steps need not wait for all of them. Should that
// be interrupted, the next Wipe goes on.
func (s *Store) DeleteApp(ctx context.Context, app string, audit *bellhop.AuditEntry) error {
	err := s.write(ctx, "delete the app", rowWeight, func(w *writer) error {
		err := exec(w.conn, "DELETE FROM apps WHERE id = ?", app)
		if err == nil && w.conn.Changes() == 0 {
			return bellhop.NotFound("app", app)
		}
		if err == nil {
			err = exec(w.conn, "DELETE FROM notice_settings WHERE app = ?", app)
		}
		if err == nil {
			err = w.oweRows(app)
		}
		return w.finish(err, audit, partRoutes, app, 0)
	})
	if err != nil {
		return err
	}
	if err := s.dropRows(ctx, app); err != nil {
		s.log.Warn("a deleted app has left rows behind; they are deleted later", "app", app, "error", err)
	}
	return nil
}

// nameChunk bounds the endpoints or keys that one step takes a deleted app off.
const nameChunk = 500

// These list what names an app. A row that is not JSON names nothing.
const (
	endpointsNaming = "SELECT id FROM endpoints WHERE CASE WHEN json_valid(apps) THEN ? IN (SELECT value FROM json_each(apps)) END ORDER BY id"
	keysNaming      = "SELECT id FROM keys WHERE CASE WHEN json_valid(apps) THEN ? IN (SELECT value FROM json_each(apps)) END ORDER BY id"
)

// dropNames takes a deleted app off endpoints or keys. They are looked for beside the
// writer, because no index finds them.
func (s *Store) dropNames(ctx context.Context, app, list string, drop func(w *writer, id int64, app string) (bool, error)) error {
	for again := true; again; {
		var ids []int64
		err := s.readFor(ctx, forUpkeep, "look for what names the app", func(c *sqlite.Conn) error {
			ids = nil
			return each(c, func(st *sqlite.Stmt) { ids = append(ids, st.ColumnInt64(0)) }, list, app)
		})
		if err != nil {
			return err
		}
		again = false // unless one may have come since
		for len(ids) > 0 {
			n := min(len(ids), nameChunk)
			err := s.tidy(ctx, "take the app off", rowWeight*n, func(w *writer) error {
				left, err := w.leaving(app)
				for i := 0; err == nil && left && i < n; i++ {
					var dropped bool
					dropped, err = drop(w, ids[i], app)
					again = again || dropped
				}
				return err
			})
			if err != nil {
				return err
			}
			ids = ids[n:]
		}
	}
	return nil
}

func (w *writer) dropFromEndpoint(id int64, app string) (dropped bool, err error) {
	var e bellhop.Endpoint
	var unread error
	found, err := one(w.conn, func(st *sqlite.Stmt) {
		_ = fromJSON(st, 0, &e.Apps)
		if e.Terms, unread = scanTerms(st, 1); unread == nil {
			unread = fromJSON(st, 2, &e.Subjects)
		}
	}, "SELECT apps, terms, subjects FROM endpoints WHERE id = ?", id)
	if err != nil || !found || !slices.Contains(e.Apps, app) {
		return false, err
	}
	e.Leave(app)
	switch {
	case len(e.Apps) == 0:
		err = w.dropEndpoint(bellhop.EndpointID(id)) // other apps may still have deliveries to it
	case unread != nil: // it stays as it is, to be read as such
		err = exec(w.conn, "UPDATE endpoints SET apps = ?, revision = revision + 1 WHERE id = ?", listJSON(e.Apps), id)
	default:
		err = exec(w.conn, "UPDATE endpoints SET apps = ?, terms = ?, subjects = coalesce(?, 'null'), revision = revision + 1 WHERE id = ?",
			listJSON(e.Apps), column.Terms(e.Terms), toJSON(e.Subjects), id)
	}
	if err == nil {
		err = exec(w.conn, "DELETE FROM endpoint_names WHERE endpoint = ? AND app = ?", id, app)
	}
	if err == nil {
		err = w.changed(partRoutes, "", id)
	}
	return true, err
}

func (w *writer) dropFromKey(id int64, app string) (dropped bool, err error) {
	var apps []string
	found, err := one(w.conn, func(st *sqlite.Stmt) { _ = fromJSON(st, 0, &apps) }, "SELECT apps FROM keys WHERE id = ?", id)
	if err != nil || !found || !slices.Contains(apps, app) {
		return false, err
	}
	if apps = without(apps, app); len(apps) == 0 {
		err = exec(w.conn, "DELETE FROM keys WHERE id = ?", id)
	} else {
		err = exec(w.conn, "UPDATE keys SET apps = ? WHERE id = ?", listJSON(apps), id)
	}
	if err == nil {
		err = w.changed(partAccess, "", id)
	}
	return true, err
}

func without(list []string, x string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == x })
}

// errLeaving says that a deleted app still has rows.
var errLeaving = errors.New("the app is still being deleted")

func (w *writer) oweRows(app string) error {
	if err := w.owe("app", app); err != nil {
		return err
	}
	return w.owe("wipe", "")
}

func (w *writer) leaving(app string) (bool, error) {
	return one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM owed WHERE what = 'app' AND name = ?", app)
}

// dropChunk bounds the rows of one step of dropRows; maxBatch bounds their data.
const dropChunk = 1000

// dropRows deletes what is left of a deleted app. Any number of callers may do so
// at once.
func (s *Store) dropRows(ctx context.Context, app string) error {
	if err := s.dropNames(ctx, app, endpointsNaming, (*writer).dropFromEndpoint); err != nil {
		return err
	}
	if err := s.dropNames(ctx, app, keysNaming, (*writer).dropFromKey); err != nil {
		return err
	}
	for done := false; !done; {
		err := s.tidy(ctx, "delete the app's rows", maxBatch, func(w *writer) error {
			left, err := w.leaving(app)
			if done = !left; err != nil || done {
				return err
			}
			return w.dropSome(app)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	reactionsLeft = "SELECT attempt, 0 FROM reactions INDEXED BY reactions_app WHERE app = ? LIMIT ? + 0"
	fanoutsOfApp  = "SELECT event, 0 FROM fanouts INDEXED BY fanouts_app WHERE app = ? LIMIT ? + 0"
	pendingOfApp  = `SELECT id, 0 FROM pending INDEXED BY pending_idle_app WHERE owner IS NULL AND app = ?1
		UNION ALL SELECT id, 0 FROM pending INDEXED BY pending_owner WHERE owner IS NOT NULL AND app = ?1 LIMIT ?2 + 0`
	eventsOfApp   = "SELECT id, coalesce(length(data), 0) FROM events INDEXED BY events_app WHERE listed = 1 AND app = ?1 UNION ALL SELECT id, coalesce(length(data), 0) FROM events NOT INDEXED WHERE " + tailOfEvents + " AND app = ?1 LIMIT ?2 + 0"
	refusedOfApp  = "SELECT id, coalesce(length(data), 0) FROM outbox_refused INDEXED BY outbox_refused_app WHERE app = ? LIMIT ? + 0"
	attemptsOfApp = "SELECT id, coalesce(length(response_body), 0) + coalesce(length(request_body), 0) FROM attempts INDEXED BY attempts_app WHERE listed = 1 AND app = ?1 UNION ALL SELECT id, coalesce(length(response_body), 0) + coalesce(length(request_body), 0) FROM attempts NOT INDEXED WHERE " + tailOfAttempts + " AND app = ?1 LIMIT ?2 + 0"
)

// dropSome is one step. What is pending or will be goes first, since it could be
// sent; it may be joined by a resend as long as there are events, and so may attempts.
func (w *writer) dropSome(app string) error {
	if err := w.writeDownApp(app); err != nil {
		return err
	}
	for _, kind := range []struct {
		list string
		drop func(id int64) error
	}{
		{fanoutsOfApp, w.dropFanout},
		{pendingOfApp, w.dropPending},
		{eventsOfApp, w.dropEvent},
		{reactionsLeft, func(id int64) error { return exec(w.conn, "DELETE FROM reactions WHERE attempt = ?", id) }},
		{refusedOfApp, func(id int64) error { return exec(w.conn, "DELETE FROM outbox_refused WHERE id = ?", id) }},
		{attemptsOfApp, func(id int64) error { return exec(w.conn, "DELETE FROM attempts WHERE id = ?", id) }},
	} {
		var ids []int64
		bytes := 0
		err := each(w.conn, func(st *sqlite.Stmt) {
			if bytes < maxBatch {
				ids = append(ids, st.ColumnInt64(0))
				bytes += st.ColumnInt(1)
			}
		}, kind.list, app, dropChunk)
		for i := 0; err == nil && i < len(ids); i++ {
			err = kind.drop(ids[i])
		}
		if err != nil || len(ids) > 0 {
			w.state.disturbed = true // what is being rolled up must not bring them back
			return err
		}
	}
	if n, err := w.dropSlices(slicesOfApp, app, dropChunk); err != nil || n > 0 {
		w.state.disturbed = true
		return err
	}
	// Last, since what is still on its way is kept as long as its event is there.
	if err := w.dropInboxes(app); err != nil {
		return err
	}
	return exec(w.conn, "DELETE FROM owed WHERE what = 'app' AND name = ?", app)
}

func (w *writer) dropFanout(event int64) error {
	var list int64
	_, err := one(w.conn, func(st *sqlite.Stmt) { list = st.ColumnInt64(0) }, "SELECT list FROM fanouts WHERE event = ?", event)
	if err != nil {
		return err
	}
	return w.endFanout(bellhop.EventID(event), list)
}

func (w *writer) dropPending(id int64) error {
	var endpoint int64
	var orderKey string
	_, err := one(w.conn, func(st *sqlite.Stmt) {
		endpoint, orderKey = st.ColumnInt64(0), st.ColumnText(4)
		w.noteGone(st)
	}, "DELETE FROM pending WHERE id = ? RETURNING endpoint, app, trigger, held, order_key", id)
	if err != nil {
		return err
	}
	// Nobody told the time: whoever is next has been due since this one came.
	return w.promote(bellhop.EndpointID(endpoint), orderKey, bellhop.DeliveryID(id).Time())
}
