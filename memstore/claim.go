package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Claim makes a lease the owner of due deliveries of one endpoint.
func (s *Store) Claim(ctx context.Context, r bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	var claimed bellhop.Claimed
	err := s.step(ctx, func() error {
		if err := s.holds(r.Lease); err != nil {
			return err
		}
		if err := s.owns(r.Lease, r.Endpoint, r.BucketEpoch); err != nil {
			return err
		}
		e, ok := s.endpoints[r.Endpoint]
		if !ok {
			return nil // what is pending to it is for Sweep
		}
		if !s.reorder(&e) {
			claimed.Next, claimed.NextRetry = now, now
			return nil
		}
		releasing := !s.goOnReleasing(r.Endpoint)
		full, heldBack := s.fill(&claimed, r, now)
		claimed.Next, claimed.NextRetry = s.nextDue(r.Endpoint, false), s.nextDue(r.Endpoint, true)
		if heldBack && !full {
			*claimed.NextOf(r.Retries) = now.Add(bellhop.SpreadWait)
		}
		if releasing {
			claimed.NextRetry = now
		}
		return nil
	})
	return claimed, err
}

// fill claims what it may. It answers whether the claim is full, and whether
// something is held back by a fan-out that goes on.
func (s *Store) fill(claimed *bellhop.Claimed, r bellhop.ClaimRequest, now time.Time) (full, heldBack bool) {
	size := 0
	for _, d := range s.due(&r, now) {
		if len(claimed.Work) >= r.Limit {
			return true, heldBack
		}
		e := s.byID[d.Event].Event
		switch {
		case s.blocked(d), d.Settled != 0: // which is for Sweep, whatever holds it back
			d.Due = time.Time{}
			continue
		case s.overtakes(d):
			heldBack = true
			continue
		case e.Erased:
			d.Due = time.Time{} // it is for Sweep
			continue
		}
		size += len(e.Data)
		if r.MaxBytes > 0 && size > r.MaxBytes && len(claimed.Work) > 0 {
			return true, heldBack
		}
		d.Owner = r.Lease.Node
		claimed.Work = append(claimed.Work, bellhop.Work{Delivery: *d, Event: e, Lease: r.Lease})
	}
	return len(claimed.Work) >= r.Limit, heldBack
}

// due lists the endpoint's unowned, due deliveries that a claim asks for.
func (s *Store) due(r *bellhop.ClaimRequest, now time.Time) []*bellhop.Delivery {
	var list []*bellhop.Delivery
	for _, d := range s.queues[r.Endpoint] {
		if d.Owner == 0 && d.IsRetry() == r.Retries && !d.Due.IsZero() && !d.Due.After(now) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *bellhop.Delivery) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	if r.Newest {
		slices.Reverse(list)
	}
	return list
}

// blocked tells whether an earlier delivery of its order is unfinished, or another
// one is under way, which may have been claimed before this one was stored.
func (s *Store) blocked(d *bellhop.Delivery) bool {
	if d.OrderKey == "" {
		return false
	}
	for _, other := range s.queues[d.Endpoint] {
		if other.OrderKey == d.OrderKey && (before(other, d) || other.Owner != 0) {
			return true
		}
	}
	return false
}

// before orders the deliveries of one order: two may have the same position.
func before(a, b *bellhop.Delivery) bool {
	return cmp.Or(cmp.Compare(a.OrderPos, b.OrderPos), cmp.Compare(a.ID, b.ID)) < 0
}

// nextDue is when the earliest of the endpoint's unowned deliveries is due, of its
// retries or of its first attempts; zero if there is none.
func (s *Store) nextDue(e bellhop.EndpointID, retries bool) time.Time {
	var next time.Time
	for _, d := range s.queues[e] {
		if d.Owner == 0 && d.IsRetry() == retries && !d.Due.IsZero() && (next.IsZero() || d.Due.Before(next)) {
			next = d.Due
		}
	}
	return next
}

// Disown releases what is owned under the lease and none of known.
func (s *Store) Disown(ctx context.Context, l bellhop.Lease, e bellhop.EndpointID, known []bellhop.DeliveryID, now time.Time) error {
	return s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		for id, d := range s.queues[e] {
			if d.Owner == l.Node && !slices.Contains(known, id) {
				s.giveBack(d, now)
			}
		}
		return nil
	})
}

// Release gives deliveries back, due as they were.
func (s *Store) Release(ctx context.Context, l bellhop.Lease, deliveries []bellhop.DeliveryID, now time.Time) error {
	if len(deliveries) == 0 {
		return nil
	}
	return s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		for _, id := range deliveries {
			if d := s.pending[id]; d != nil && d.Owner == l.Node {
				s.giveBack(d, now)
			}
		}
		return nil
	})
}

// giveBack releases a delivery, and lets the first of its order go, which may have
// come meanwhile and be waiting.
func (s *Store) giveBack(d *bellhop.Delivery, now time.Time) {
	s.leave(d)
	d.Owner = 0
	s.promote(d.Endpoint, d.OrderKey, now)
}
