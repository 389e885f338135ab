package memstore

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// reorderChunk is how many deliveries one step carries over to a new ordering.
const reorderChunk = 500

// carrying is a change of an endpoint on its way through its pending deliveries, in the
// order of their ids.
type carrying struct {
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
	ids := s.queuedAfter(e.ID, r.after)
	for _, id := range ids[:min(len(ids), reorderChunk)] {
		d := s.pending[id]
		d.OrderKey = e.Ordering.OrderKey(s.byID[d.Event].Event)
		if d.Due.IsZero() && !d.Held {
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

// queuedAfter are an endpoint's pending deliveries after one, in the order of their ids.
func (s *Store) queuedAfter(e bellhop.EndpointID, after bellhop.DeliveryID) []bellhop.DeliveryID {
	ids := sortedKeys(s.queues[e])
	first, found := slices.BinarySearch(ids, after)
	if found {
		first++
	}
	return ids[first:]
}
