package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Enqueue stores accepted events with their deliveries.
func (s *Store) Enqueue(ctx context.Context, l bellhop.Lease, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	var receipts []bellhop.Receipt
	err := s.step(ctx, func() (err error) {
		receipts, err = s.enqueue(l, routes, events, l.Node, now)
		return err
	})
	return receipts, err
}

// enqueue stores events. Deliveries may be owned by owner, and nobody else.
func (s *Store) enqueue(l bellhop.Lease, routes int64, events []bellhop.NewEvent, owner bellhop.NodeID, now time.Time) ([]bellhop.Receipt, error) {
	if err := s.holds(l); err != nil {
		return nil, err
	}
	if routes != s.routes.version {
		return nil, bellhop.ErrStaleRoutes
	}
	receipts, err := bellhop.Receipts(events, s.firstPublish)
	if err != nil {
		return nil, err
	}
	if err := bellhop.FirstsWithoutRoom(events, receipts, func(i int) bool {
		return s.full(bellhop.BacklogBounds{App: events[i].MaxPending}, 0, events[i].Event.App) != ""
	}); err != nil {
		return nil, err
	}
	for i := range events {
		if !receipts[i].Duplicate {
			s.accept(l, &events[i], owner, now)
		}
	}
	return receipts, nil
}

func (s *Store) firstPublish(app, externalID string) (bellhop.FirstPublish, bool, error) {
	e := s.external[externalKey{app, externalID}]
	if e == nil {
		return bellhop.FirstPublish{}, false, nil
	}
	return bellhop.FirstPublish{Event: e.ID, Deliveries: e.Deliveries, Digest: e.digest, Erased: e.Erased}, true, nil
}

func (s *Store) accept(l bellhop.Lease, n *bellhop.NewEvent, owner bellhop.NodeID, now time.Time) {
	e := n.Event
	e.Data = append(bellhop.JSON(nil), e.Data...)
	stored := &event{Event: &e, digest: n.Digest}
	s.addEvent(stored)
	for _, d := range n.Deliveries {
		s.addDelivery(d, &e, owner, now)
	}
	if owner != 0 {
		s.keepFresh(l, stored, n)
	}
	if len(n.Later) > 0 {
		s.later[e.ID] = slices.Compact(slices.Sorted(slices.Values(n.Later)))
	}
}

func (s *Store) addDelivery(d bellhop.Delivery, e *bellhop.Event, owner bellhop.NodeID, now time.Time) {
	d.Event, d.App, d.Type, d.Status = e.ID, e.App, e.Type, bellhop.DeliveryPending
	if d.Owner != owner {
		d.Owner = 0 // who has no lease here would never release it
	}
	if d.Due.IsZero() {
		// It may be the first of its order, and then nothing would ever wake
		// it; if it is not, Claim will find out.
		d.Due = now
	}
	if d.OrderPos == 0 {
		d.OrderPos = d.ID
	}
	s.addPending(&d)
}

// Resolve finds out whether these events were stored. What was not can no longer
// arrive.
func (s *Store) Resolve(ctx context.Context, l bellhop.Lease, events []bellhop.NewEvent, _ time.Time) (receipts []bellhop.Receipt, stored bool, err error) {
	err = s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		has := func(id bellhop.EventID) (bool, error) { return s.byID[id] != nil, nil }
		receipts, stored, err = bellhop.StoredReceipts(events, has, s.firstPublish)
		return err
	})
	return receipts, stored, err
}

// stored tells whether there is such a delivery of the event, unfinished or ended.
func (s *Store) stored(d *bellhop.Delivery) bool {
	return s.pending[d.ID] != nil || slices.ContainsFunc(s.logOf[d.Event], func(a *bellhop.Attempt) bool {
		return a.Delivery == d.ID && a.Final
	})
}

// Redeliver adds deliveries of stored events. Their order is that of the endpoint
// now, whatever it was when the caller looked.
func (s *Store) Redeliver(ctx context.Context, l bellhop.Lease, r bellhop.Redelivery, now time.Time) (bellhop.Redelivered, error) {
	var done bellhop.Redelivered
	err := s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		for i, d := range r.Deliveries {
			if s.stored(&d) { // the step is repeated
				done.Added++
				continue
			}
			e := s.byID[d.Event]
			to, ok := s.endpoints[d.Endpoint]
			if e == nil || e.Erased || !ok {
				continue
			}
			if r.SkipWaiting && s.waitsAt(d.Event, d.Endpoint) {
				done.Waiting++
				continue
			}
			if r.Still != nil && !s.covers(r.Still, d.Event) {
				done.Changed++
				continue
			}
			if done.Full = s.full(r.Bounds, d.Endpoint, e.App); done.Full != "" {
				done.Left = len(r.Deliveries) - i
				break
			}
			d.OrderKey = to.Ordering.OrderKey(e.Event)
			s.addDelivery(d, e.Event, l.Node, now)
			done.Added++
		}
		if done.Added > 0 || done.Full == "" {
			s.addAudit(r.Audit)
		}
		return nil
	})
	return done, err
}

// waitsAt tells whether an event waits at an endpoint, or will when its fan-out comes
// to it.
func (s *Store) waitsAt(event bellhop.EventID, endpoint bellhop.EndpointID) bool {
	return slices.Contains(s.later[event], endpoint) ||
		slices.ContainsFunc(s.waiting[event], func(d *bellhop.Delivery) bool { return d.Endpoint == endpoint })
}

// full tells which bound leaves no room for one more delivery.
func (s *Store) full(b bellhop.BacklogBounds, e bellhop.EndpointID, app string) bellhop.BacklogBound {
	if b.Endpoint > 0 {
		again := int64(0)
		for _, d := range s.queues[e] {
			if d.Trigger.Again() {
				again++
			}
		}
		if again >= b.Endpoint {
			return bellhop.FullEndpoint
		}
	}
	if b.App > 0 && s.countOf(bellhop.Only(app), s.pending) >= b.App {
		return bellhop.FullApp
	}
	return ""
}

func (s *Store) countOf(scope bellhop.Scope, rows map[bellhop.DeliveryID]*bellhop.Delivery) (n int64) {
	for _, d := range rows {
		if scope.Sees(d.App) {
			n++
		}
	}
	return n
}
