package sqlite

import (
	"context"
	"errors"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// DeleteApp removes an app and what belongs to it alone. First it goes as such, so
// that nothing is published to it any more; then its rows, in steps, so that the
// other callers' steps need not wait for all of them. Should that be interrupted,
// the next Wipe goes on.
func (s *Store) DeleteApp(ctx context.Context, app string, audit *bellhop.AuditEntry) error {
	err := s.write(ctx, "delete the app", rowWeight, func(w *writer) error {
		err := exec(w.conn, "DELETE FROM apps WHERE id = ?", app)
		if err == nil && w.conn.Changes() == 0 {
			return notFound("app", app)
		}
		for _, drop := range []func(string) error{w.dropFromEndpoints, w.dropFromKeys, w.oweRows} {
			if err == nil {
				err = drop(app)
			}
		}
		return w.finish(err, audit, kindApp, app, 0)
	})
	if err != nil {
		return err
	}
	if err := s.dropRows(ctx, app); err != nil {
		s.log.Warn("a deleted app has left rows behind; they are deleted later", "app", app, "error", err)
	}
	return nil
}

// dropFromEndpoints leaves what is pending of the app itself to dropRows.
func (w *writer) dropFromEndpoints(app string) error {
	var list []bellhop.Endpoint
	err := each(w.conn, func(st *sqlite.Stmt) { list = append(list, scanEndpoint(st)) },
		selectEndpoints+" WHERE ? IN (SELECT value FROM json_each(apps)) ORDER BY id", app)
	for i := 0; err == nil && i < len(list); i++ {
		e := &list[i]
		if e.Apps = without(e.Apps, app); len(e.Apps) == 0 {
			err = exec(w.conn, "DELETE FROM pending WHERE app <> ? AND "+ofEndpoint, app, int64(e.ID), int64(e.ID))
			if err == nil {
				err = exec(w.conn, "DELETE FROM endpoints WHERE id = ?", int64(e.ID))
			}
		} else {
			e.Revision++
			err = w.putEndpoint(e)
		}
		if err == nil {
			err = w.changed(kindEndpoint, "", int64(e.ID))
		}
	}
	return err
}

// dropFromKeys must not leave a key with an empty list: that would let it see
// every app.
func (w *writer) dropFromKeys(app string) error {
	var list []bellhop.Key
	err := each(w.conn, func(st *sqlite.Stmt) { list = append(list, scanKey(st)) },
		selectKeys+" WHERE apps IS NOT NULL AND ? IN (SELECT value FROM json_each(apps)) ORDER BY id", app)
	for i := 0; err == nil && i < len(list); i++ {
		k := &list[i]
		if k.Apps = without(k.Apps, app); len(k.Apps) == 0 {
			err = exec(w.conn, "DELETE FROM keys WHERE id = ?", int64(k.ID))
		} else {
			err = exec(w.conn, "UPDATE keys SET apps = ? WHERE id = ?", toJSON(k.Apps), int64(k.ID))
		}
		if err == nil {
			err = w.changed(kindKey, "", int64(k.ID))
		}
	}
	return err
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
	for done := false; !done; {
		err := s.write(ctx, "delete the app's rows", maxBatch, func(w *writer) error {
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
	pendingOfApp = `SELECT id, 0 FROM pending INDEXED BY pending_idle_app WHERE owner IS NULL AND app = ?1
		UNION ALL SELECT id, 0 FROM pending INDEXED BY pending_owner WHERE owner IS NOT NULL AND app = ?1 LIMIT ?2`
	eventsOfApp   = "SELECT id, coalesce(length(data), 0) FROM events INDEXED BY events_app WHERE app = ? LIMIT ?"
	attemptsOfApp = "SELECT id, coalesce(length(response_body), 0) FROM attempts INDEXED BY attempts_app WHERE app = ? LIMIT ?"
)

// dropSome is one step. What is pending goes first, since it could be sent; it may
// be joined by a resend as long as there are events, and so may attempts.
func (w *writer) dropSome(app string) error {
	for _, kind := range []struct {
		list string
		drop func(id int64) error
	}{
		{pendingOfApp, w.dropPending},
		{eventsOfApp, func(id int64) error { return exec(w.conn, "DELETE FROM events WHERE id = ?", id) }},
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
	return exec(w.conn, "DELETE FROM owed WHERE what = 'app' AND name = ?", app)
}

func (w *writer) dropPending(id int64) error {
	var endpoint int64
	var orderKey string
	_, err := one(w.conn, func(st *sqlite.Stmt) { endpoint, orderKey = st.ColumnInt64(0), st.ColumnText(1) },
		"DELETE FROM pending WHERE id = ? RETURNING endpoint, order_key", id)
	if err != nil {
		return err
	}
	// Nobody told the time: whoever is next has been due since this one came.
	return w.promote(bellhop.EndpointID(endpoint), orderKey, bellhop.DeliveryID(id).Time())
}
