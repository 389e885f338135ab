package sqlite

import (
	"cmp"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// reorderChunk is how many deliveries one step carries over to a new ordering.
const reorderChunk = 500

const (
	idleOfEndpoint  = selectPending + " INDEXED BY pending_idle_endpoint WHERE p.owner IS NULL AND p.endpoint = ? AND p.id > ? ORDER BY p.id LIMIT ? + 0"
	ownedOfEndpoint = selectPending + " INDEXED BY pending_owner WHERE p.owner = ? AND p.endpoint = ? AND p.id > ? ORDER BY p.id LIMIT ? + 0"
	pendingOfEvent  = selectPending + " INDEXED BY pending_event WHERE p.event = ? ORDER BY p.endpoint, p.id LIMIT ? + 0"
)

// pendingOf gives the first of an endpoint's pending deliveries, owned or not, in
// the order of their ids.
func (w *writer) pendingOf(endpoint, after int64, limit int) ([]bellhop.Delivery, error) {
	var list []bellhop.Delivery
	add := func(st *sqlite.Stmt) { list = append(list, scanPending(st)) }
	err := each(w.conn, add, idleOfEndpoint, endpoint, after, limit)
	for node := range w.state.leases {
		if err == nil {
			err = each(w.conn, add, ownedOfEndpoint, int(node), endpoint, after, limit)
		}
	}
	slices.SortFunc(list, func(a, b bellhop.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	return list[:min(len(list), limit)], err
}

// beginReorder notes that an endpoint's ordering was changed; a change that is under
// way begins anew.
func (w *writer) beginReorder(e *bellhop.Endpoint, now time.Time) error {
	if err := w.writeDownEndpoint(e.ID); err != nil {
		return err
	}
	err := exec(w.conn, "INSERT OR REPLACE INTO reorders (endpoint, after, since) VALUES (?, 0, ?)", int64(e.ID), micros(now))
	if err == nil {
		_, err = w.reorder(e.ID, e.Ordering, 0, micros(now)) // mostly this is all
	}
	return err
}

// reorder carries a change of ordering over to a piece of the pending deliveries,
// and answers whether that is done. All that waited become due; Claim finds out
// which of them wait under the new order.
func (w *writer) reorder(e bellhop.EndpointID, o bellhop.Ordering, after, since int64) (done bool, err error) {
	list, err := w.pendingOf(int64(e), after, reorderChunk)
	if err != nil {
		return false, err
	}
	for i := range list {
		d := &list[i]
		event := bellhop.Event{ID: d.Event, App: d.App}
		_, err := one(w.conn, func(st *sqlite.Stmt) { event.Subject = st.ColumnText(0) }, "SELECT subject FROM events WHERE id = ?", int64(d.Event))
		if err == nil {
			err = exec(w.conn, "UPDATE pending SET order_key = ?, due = CASE WHEN held = 1 THEN NULL ELSE coalesce(due, ?) END WHERE id = ?",
				orNull(o.OrderKey(&event)), since, int64(d.ID))
		}
		if err != nil {
			return false, err
		}
		after = int64(d.ID)
	}
	if len(list) < reorderChunk {
		return true, exec(w.conn, "DELETE FROM reorders WHERE endpoint = ?", int64(e))
	}
	return false, exec(w.conn, "UPDATE reorders SET after = ? WHERE endpoint = ?", after, int64(e))
}
