package memstore

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// reorderChunk is how many deliveries one step carries over to a new ordering.
const reorderChunk = 500

// reordering is a change of ordering on its way through an endpoint's pending
// deliveries, in the order of their ids.
type reordering struct {
	after bellhop.DeliveryID
	since time.Time
}

// reorder carries a change of ordering over to a piece of the pending deliveries,
// and answers whether that is done. All that waited become due; Claim finds out
// which of them wait under the new order.
func (s *Store) reorder(e *bellhop.Endpoint) (done bool) {
	r, ok := s.reorders[e.ID]
	if !ok {
		return true
	}
	ids := sortedKeys(s.queues[e.ID])
	first, found := slices.BinarySearch(ids, r.after)
	if found {
		first++
	}
	ids = ids[first:]
	for _, id := range ids[:min(len(ids), reorderChunk)] {
		d := s.pending[id]
		d.OrderKey = e.Ordering.OrderKey(s.byID[d.Event].Event)
		if d.Due.IsZero() {
			d.Due = r.since
		}
		r.after = id
	}
	if len(ids) <= reorderChunk {
		delete(s.reorders, e.ID)
		return true
	}
	s.reorders[e.ID] = r
	return false
}
