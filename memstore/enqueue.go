package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
)

// Enqueue stores accepted events with their deliveries.
func (s *Store) Enqueue(ctx context.Context, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	var receipts []bellhop.Receipt
	err := s.step(ctx, func() error {
		if routes != s.version {
			return bellhop.ErrStaleRoutes
		}
		var err error
		if receipts, err = s.receipts(events); err != nil {
			return err
		}
		for i := range events {
			if !receipts[i].Duplicate {
				s.enqueue(&events[i], now)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

// receipts looks up which events are repeated.
func (s *Store) receipts(events []bellhop.NewEvent) ([]bellhop.Receipt, error) {
	receipts := make([]bellhop.Receipt, len(events))
	batch := map[externalKey]*bellhop.NewEvent{}
	for i := range events {
		n := &events[i]
		receipts[i] = bellhop.Receipt{Event: n.Event.ID, Deliveries: n.Event.Deliveries}
		if n.Event.ExternalID == "" {
			continue
		}
		key := externalKey{n.Event.App, n.Event.ExternalID}
		first, digest := (*bellhop.Event)(nil), [32]byte{}
		if e := s.external[key]; e != nil {
			first, digest = e.Event, e.digest
		} else if b := batch[key]; b != nil {
			first, digest = &b.Event, b.Digest
		} else {
			batch[key] = n
			continue
		}
		if !first.Erased && digest != n.Digest { // erasing forgets the digest
			return nil, idConflict(i, len(events), first)
		}
		receipts[i] = bellhop.Receipt{Event: first.ID, Deliveries: first.Deliveries, Duplicate: true}
	}
	return receipts, nil
}

func idConflict(i, n int, first *bellhop.Event) error {
	field := "id"
	if n > 1 {
		field = fmt.Sprintf("events[%d].id", i)
	}
	return &bellhop.Error{
		Code:   bellhop.CodeIDConflict,
		Detail: "The id was used before in this app, for different content",
		Fields: []bellhop.FieldError{{
			Field: field, Code: string(bellhop.CodeIDConflict),
			Detail: "belongs to event " + first.ID.String() + "; give each event its own id",
		}},
	}
}

func (s *Store) enqueue(n *bellhop.NewEvent, now time.Time) {
	e := n.Event
	e.Data = append(bellhop.JSON(nil), e.Data...)
	s.addEvent(&event{Event: &e, digest: n.Digest})
	for _, d := range n.Deliveries {
		s.addDelivery(d, &e, now)
	}
}

func (s *Store) addDelivery(d bellhop.Delivery, e *bellhop.Event, now time.Time) {
	d.Event, d.App, d.Type = e.ID, e.App, e.Type
	d.Status, d.Owner = bellhop.DeliveryPending, s.ownerOf(&d)
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

// Redeliver adds deliveries of stored events.
func (s *Store) Redeliver(ctx context.Context, deliveries []bellhop.Delivery, audit *bellhop.AuditEntry, now time.Time) (int, error) {
	added := 0
	err := s.step(ctx, func() error {
		for _, d := range deliveries {
			e := s.byID[d.Event]
			if e == nil || e.Erased {
				continue
			}
			// An endpoint that was deleted meanwhile would keep it for ever.
			if _, ok := s.endpoints[d.Endpoint]; !ok {
				continue
			}
			s.addDelivery(d, e.Event, now)
			added++
		}
		s.addAudit(audit)
		return nil
	})
	return added, err
}
