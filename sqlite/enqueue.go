package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Enqueue stores accepted events with their deliveries.
func (s *Store) Enqueue(ctx context.Context, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	weight := 0
	for i := range events {
		weight += rowWeight*(1+len(events[i].Deliveries)) + len(events[i].Event.Data)
	}
	var receipts []bellhop.Receipt
	err := s.write(ctx, "enqueue", weight, func(w *writer) error {
		if routes != w.state.version {
			return bellhop.ErrStaleRoutes
		}
		var err error
		if receipts, err = w.receipts(events); err != nil {
			return err
		}
		for i := range events {
			if receipts[i].Duplicate {
				continue
			}
			if err := w.enqueue(&events[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

type externalKey struct{ app, id string }

// firstPublish is what is known of the first event under an external id.
type firstPublish struct {
	receipt bellhop.Receipt
	digest  [32]byte
	erased  bool // and with the data its digest
}

// receipts looks up which events are repeated.
func (w *writer) receipts(events []bellhop.NewEvent) ([]bellhop.Receipt, error) {
	receipts := make([]bellhop.Receipt, len(events))
	var batch map[externalKey]firstPublish
	for i := range events {
		n := &events[i]
		receipts[i] = bellhop.Receipt{Event: n.Event.ID, Deliveries: n.Event.Deliveries}
		if n.Event.ExternalID == "" {
			continue
		}
		key := externalKey{n.Event.App, n.Event.ExternalID}
		first, repeated := batch[key]
		if !repeated {
			var err error
			if first, repeated, err = w.published(key); err != nil {
				return nil, err
			}
		}
		switch {
		case !repeated:
			if batch == nil {
				batch = map[externalKey]firstPublish{}
			}
			batch[key] = firstPublish{receipt: receipts[i], digest: n.Digest}
		case !first.erased && first.digest != n.Digest:
			return nil, idConflict(i, len(events), first.receipt.Event)
		default:
			receipts[i] = first.receipt
			receipts[i].Duplicate = true
		}
	}
	return receipts, nil
}

func (w *writer) published(key externalKey) (first firstPublish, found bool, err error) {
	found, err = one(w.conn, func(st *sqlite.Stmt) {
		first.receipt = bellhop.Receipt{Event: bellhop.EventID(st.ColumnInt64(0)), Deliveries: st.ColumnInt(1)}
		first.erased = st.ColumnBool(2)
		st.ColumnBytes(3, first.digest[:])
	}, "SELECT id, deliveries, erased, digest FROM events WHERE external_id = ? AND external_id IS NOT NULL AND app = ?", key.id, key.app)
	return first, found, err
}

func idConflict(i, n int, first bellhop.EventID) error {
	field := "id"
	if n > 1 {
		field = fmt.Sprintf("events[%d].id", i)
	}
	return &bellhop.Error{
		Code:   bellhop.CodeIDConflict,
		Detail: "The id was used before in this app, for different content",
		Fields: []bellhop.FieldError{{
			Field: field, Code: string(bellhop.CodeIDConflict),
			Detail: "belongs to event " + first.String() + "; give each event its own id",
		}},
	}
}

func (w *writer) enqueue(n *bellhop.NewEvent, now time.Time) error {
	e := &n.Event
	var digest []byte
	if e.ExternalID != "" {
		digest = n.Digest[:]
	}
	var deliverAt int64
	if e.DeliverAt != nil {
		deliverAt = micros(*e.DeliverAt)
	}
	err := exec(w.conn, `INSERT INTO events
			(id, app, type, subject, external_id, digest, deliver_at, deliveries, erased, test, data)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
		int64(e.ID), e.App, e.Type, e.Subject, orNull(e.ExternalID), digest, deliverAt, e.Deliveries, e.Test, []byte(e.Data))
	if err != nil {
		return err
	}
	for i := range n.Deliveries {
		if err := w.addDelivery(&n.Deliveries[i], e.ID, e.App, now); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) addDelivery(d *bellhop.Delivery, event bellhop.EventID, app string, now time.Time) error {
	owner := d.Owner
	if !w.state.nodes[owner] {
		owner = 0 // it lost its lease: nobody would ever release this one
	}
	due := d.Due
	if due.IsZero() {
		// It may be the first of its order, and then nothing would ever wake
		// it; if it is not, Claim will find out.
		due = now
	}
	pos := d.OrderPos
	if pos == 0 {
		pos = d.ID
	}
	return exec(w.conn, `INSERT INTO pending
			(id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_key, order_pos)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(d.ID), int64(event), int64(d.Endpoint), app, string(d.Trigger), orNull(int64(owner)), micros(due),
		d.Attempts, int64(d.LastAttempt), orNull(d.OrderKey), int64(pos))
}

// Redeliver adds deliveries of stored events.
func (s *Store) Redeliver(ctx context.Context, deliveries []bellhop.Delivery, audit *bellhop.AuditEntry, now time.Time) (int, error) {
	added := 0
	err := s.write(ctx, "redeliver", rowWeight*(1+len(deliveries)), func(w *writer) error {
		added = 0
		for i := range deliveries {
			d := &deliveries[i]
			app := ""
			// An endpoint that was deleted meanwhile would keep it for ever.
			found, err := one(w.conn, func(st *sqlite.Stmt) { app = st.ColumnText(0) },
				`SELECT app FROM events WHERE id = ? AND erased = 0 AND EXISTS (SELECT 1 FROM endpoints WHERE id = ?)`,
				int64(d.Event), int64(d.Endpoint))
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			if err := w.addDelivery(d, d.Event, app, now); err != nil {
				return err
			}
			added++
		}
		return w.addAudit(audit)
	})
	return added, err
}
