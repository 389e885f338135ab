package sim

import (
	"time"

	"github.com/bellhop/bellhop"
)

// list reads the deliveries of an endpoint, or all, page by page, while rows move. Each
// that exists throughout must be on one of the pages.
func (w *world) list() {
	f := bellhop.DeliveryFilter{Scope: bellhop.Everything()}
	if d := w.anyEndpoint(); d != nil && w.chance(0.5) {
		f.Endpoint = d.id
	}
	if w.chance(0.3) {
		f.Status = bellhop.DeliveryPending
	}
	var wanted []*delivery
	for _, e := range w.ledger.inOrder {
		for _, d := range e.deliveries {
			if !e.gone && (f.Endpoint == 0 || d.door.id == f.Endpoint) {
				wanted = append(wanted, d)
			}
		}
	}
	f.Limit = max(w.number(1, 4), len(wanted)/20)
	began, seen := w.at, map[bellhop.DeliveryID]bool{}
	w.log("list", int64(f.Endpoint), 0, string(f.Status))
	var page func()
	page = func() {
		rows, err := w.store.Deliveries(ctx, f)
		w.must(err)
		for _, d := range rows {
			seen[d.ID], f.Before = true, d.ID
		}
		if len(rows) == f.Limit {
			w.after(w.wait(300*time.Millisecond), "next page", int64(f.Before), page)
			return
		}
		w.listed(wanted, seen, f.Status, began)
	}
	page()
}

// listed: what there was from the first page to the last one is on one of them.
func (w *world) listed(wanted []*delivery, seen map[bellhop.DeliveryID]bool, status bellhop.DeliveryStatus, began time.Duration) {
	for _, d := range wanted {
		if d.event.gone {
			continue
		}
		if status == bellhop.DeliveryPending && (d.ended || d.held || d.released >= began || d.door.deleted || d.door.changed >= began || d.door.now.Status != bellhop.EndpointActive) {
			continue
		}
		if !seen[d.id] {
			w.broken("4 nothing silent", "a list that was read page by page from %s on has no %s", began, w.trace.of(int64(d.id)))
		}
		if d.moved > began {
			w.reached("rows moved while a list was read by pages")
		}
	}
}
