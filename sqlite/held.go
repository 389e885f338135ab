package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// releaseChunk is how many held deliveries one step lets go.
const releaseChunk = 250

const (
	heldOfEndpoint = "SELECT id, app FROM pending INDEXED BY pending_held WHERE held = 1 AND endpoint = ? AND id > ? ORDER BY id LIMIT ? + 0"
	letOneGo       = "UPDATE pending SET held = 0, due = ?1, released = ?1, born = ?1 WHERE id = ?2 AND held = 1 AND endpoint = ?3 RETURNING app"
	holdOne        = `UPDATE pending SET attempts = ?, last_attempt = ?, due = NULL, owner = NULL, held = 1, holds = holds + 1
		WHERE id = ? AND owner = ? RETURNING endpoint, app, trigger, held, order_key`
	// missedHold is for one whose endpoint was changed meanwhile.
	missedHold = `UPDATE pending SET attempts = ?, last_attempt = ?, due = ?, owner = NULL, holds = holds + 1
		WHERE id = ? AND owner = ? RETURNING endpoint, app, trigger, held, order_key`
)

// beginRelease notes that an endpoint's held deliveries may go; a release that is under
// way begins anew.
func (w *writer) beginRelease(e bellhop.EndpointID, now time.Time) error {
	err := exec(w.conn, "INSERT OR REPLACE INTO releases (endpoint, after, since) VALUES (?, 0, ?)", int64(e), micros(now))
	if err == nil {
		_, err = w.goOnReleasing(e, 0, micros(now)) // mostly this is all
	}
	return err
}

// goOnReleasing lets a piece of an endpoint's held deliveries go, and answers whether
// that was all. One that is held again meanwhile stays so.
func (w *writer) goOnReleasing(e bellhop.EndpointID, after, since int64) (done bool, err error) {
	var ids []int64
	err = each(w.conn, func(st *sqlite.Stmt) { ids = append(ids, st.ColumnInt64(0)) }, heldOfEndpoint, int64(e), after, releaseChunk)
	for i := 0; err == nil && i < len(ids); i++ {
		_, err = w.letGo(e, ids[i], since)
		after = ids[i]
	}
	switch {
	case err != nil:
		return false, err
	case len(ids) < releaseChunk:
		return true, exec(w.conn, "DELETE FROM releases WHERE endpoint = ?", int64(e))
	}
	return false, exec(w.conn, "UPDATE releases SET after = ? WHERE endpoint = ?", after, int64(e))
}

func (w *writer) letGo(e bellhop.EndpointID, delivery, at int64) (was bool, err error) {
	return one(w.conn, func(st *sqlite.Stmt) {
		w.state.waits = append(w.state.waits, waits{endpoint: e, app: st.ColumnText(0), held: -1})
	}, letOneGo, at, delivery, int64(e))
}

// ReleaseHeld lets held deliveries of an endpoint go.
func (s *Store) ReleaseHeld(ctx context.Context, e bellhop.EndpointID, only []bellhop.DeliveryID, now time.Time) (released int, err error) {
	err = s.tidy(ctx, "release held deliveries", rowWeight*(1+len(only)), func(w *writer) error {
		released = 0
		if err := w.exists(e); err != nil {
			return err
		}
		if len(only) == 0 {
			var err error
			if released, err = w.mayRelease(e, now); err != nil || released == 0 {
				return err
			}
		}
		if err := w.reviveBehind(e, now); err != nil {
			return err
		}
		if len(only) == 0 {
			return w.beginRelease(e, now)
		}
		for _, d := range only {
			was, err := w.letGo(e, int64(d), micros(now))
			if err != nil {
				return err
			}
			if was {
				released++
			}
		}
		return nil
	})
	return released, err
}

const (
	underRelease = "SELECT 1 FROM releases WHERE endpoint = ?"
	oldestHeld   = "SELECT released FROM pending INDEXED BY pending_held WHERE held = 1 AND endpoint = ? ORDER BY id LIMIT 1"
)

// mayRelease answers how many held deliveries of an endpoint may be let go: none if that
// is under way, or was done a moment ago.
func (w *writer) mayRelease(e bellhop.EndpointID, now time.Time) (held int, err error) {
	going, err := one(w.conn, func(*sqlite.Stmt) {}, underRelease, int64(e))
	if err != nil || going {
		return 0, err
	}
	var last time.Time
	holds, err := one(w.conn, func(st *sqlite.Stmt) { last = moment(st.ColumnInt64(0)) }, oldestHeld, int64(e))
	if err != nil || !holds {
		return 0, err
	}
	n := w.waiting.countHeld(bellhop.Everything(), e)[e]
	for _, x := range w.state.waits {
		if x.endpoint == e {
			n += x.held
		}
	}
	if bellhop.JustReleased(last, n, now) {
		return 0, nil
	}
	return int(n), nil
}

func (w *writer) anyHeld(e bellhop.EndpointID) (bool, error) {
	return one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM pending INDEXED BY pending_held WHERE held = 1 AND endpoint = ? LIMIT 1", int64(e))
}

// reviveBehind makes what waits behind held deliveries in their order young again, as
// Resumed does.
func (w *writer) reviveBehind(e bellhop.EndpointID, now time.Time) error {
	holds, err := w.anyHeld(e)
	if err != nil || !holds {
		return err
	}
	revived, err := one(w.conn, func(*sqlite.Stmt) {}, "UPDATE endpoints SET resumed_at = ? WHERE id = ? AND ordering <> ? RETURNING id",
		micros(now), int64(e), string(bellhop.OrderingNone))
	if err != nil || !revived {
		return err
	}
	return w.changed(partRoutes, "", int64(e))
}

// exists fails with a CodeNotFound error if there is no such endpoint.
func (w *writer) exists(e bellhop.EndpointID) error {
	found, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM endpoints WHERE id = ?", int64(e))
	if err == nil && !found {
		err = bellhop.NotFound("endpoint", e.String())
	}
	return err
}

// hold moves a delivery on whose request cannot be made. The row tells what moveOn
// reads.
func (w *writer) hold(node bellhop.NodeID, r *bellhop.Result, moved func(*sqlite.Stmt), now time.Time) (owned bool, err error) {
	a := &r.Attempt
	revision, err := w.revisionOf(a.Endpoint)
	if err != nil {
		return false, err
	}
	if !r.CanHold(revision) {
		return one(w.conn, moved, missedHold, a.Number, int64(a.ID), micros(now), int64(a.Delivery), int(node))
	}
	return one(w.conn, func(st *sqlite.Stmt) {
		moved(st)
		w.state.waits = append(w.state.waits, waits{endpoint: bellhop.EndpointID(st.ColumnInt64(0)), app: st.ColumnText(1), held: 1})
	}, holdOne, a.Number, int64(a.ID), int64(a.Delivery), int(node))
}

// revisionOf is an endpoint's revision; 0 if it is gone.
func (w *writer) revisionOf(e bellhop.EndpointID) (revision int64, err error) {
	_, err = one(w.conn, func(st *sqlite.Stmt) { revision = st.ColumnInt64(0) }, "SELECT revision FROM endpoints WHERE id = ?", int64(e))
	return revision, err
}

// Held counts held deliveries by endpoint.
func (s *Store) Held(ctx context.Context, scope bellhop.Scope, e bellhop.EndpointID) (map[bellhop.EndpointID]int64, error) {
	var held map[bellhop.EndpointID]int64
	err := s.read(ctx, "count held deliveries", func(*sqlite.Conn) error {
		held = s.writer.waiting.countHeld(scope, e)
		return nil
	})
	return held, err
}
