package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Claim makes a node the owner of due deliveries of one endpoint.
func (s *Store) Claim(ctx context.Context, c bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	var claimed bellhop.Claimed
	err := s.step(ctx, func() error {
		// What a node without a lease owns would never be released.
		if !s.nodes[c.Node].held {
			return bellhop.ErrLeaseLost
		}
		size := 0
		for _, d := range s.due(c.Endpoint, now) {
			if len(claimed.Work) >= c.Limit {
				break
			}
			if s.blocked(d) {
				d.Due = time.Time{}
				continue
			}
			e := s.byID[d.Event].Event
			size += len(e.Data)
			if c.MaxBytes > 0 && size > c.MaxBytes && len(claimed.Work) > 0 {
				break
			}
			d.Owner = c.Node
			claimed.Work = append(claimed.Work, bellhop.Work{Delivery: *d, Event: e})
		}
		claimed.Next = s.nextDue(c.Endpoint)
		return nil
	})
	return claimed, err
}

// due lists the endpoint's unowned, due deliveries, earliest first.
func (s *Store) due(e bellhop.EndpointID, now time.Time) []*bellhop.Delivery {
	var list []*bellhop.Delivery
	for _, d := range s.queues[e] {
		if d.Owner == 0 && !d.Due.IsZero() && !d.Due.After(now) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *bellhop.Delivery) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// blocked tells whether an earlier delivery of its order is unfinished.
func (s *Store) blocked(d *bellhop.Delivery) bool {
	if d.OrderKey == "" {
		return false
	}
	for _, other := range s.queues[d.Endpoint] {
		if other.OrderKey == d.OrderKey && before(other, d) {
			return true
		}
	}
	return false
}

// before orders the deliveries of one order: two may have the same position.
func before(a, b *bellhop.Delivery) bool {
	return cmp.Or(cmp.Compare(a.OrderPos, b.OrderPos), cmp.Compare(a.ID, b.ID)) < 0
}

// nextDue is the earliest due of the endpoint's unowned deliveries; zero if none.
func (s *Store) nextDue(e bellhop.EndpointID) time.Time {
	var next time.Time
	for _, d := range s.queues[e] {
		if d.Owner == 0 && !d.Due.IsZero() && (next.IsZero() || d.Due.Before(next)) {
			next = d.Due
		}
	}
	return next
}

// Release gives deliveries back, due as they were.
func (s *Store) Release(ctx context.Context, node bellhop.NodeID, deliveries []bellhop.DeliveryID, _ time.Time) error {
	return s.step(ctx, func() error {
		for _, id := range deliveries {
			if d := s.pending[id]; d != nil && d.Owner == node {
				d.Owner = 0
			}
		}
		return nil
	})
}
