package sqlite

import (
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// Enqueue stores accepted events with their deliveries.
func (s *Store) Enqueue(ctx context.Context, l bellhop.Lease, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	lists, weight := weigh(events)
	var receipts []bellhop.Receipt
	err := s.inTurn(ctx, turnOfEvents(events), "enqueue", weight, func(w *writer) (err error) {
		receipts, err = w.enqueue(l, routes, events, lists, l.Node, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

// weigh prepares what can be prepared outside of the writer: the lists of endpoints
// for later, and about how many bytes all will take.
func weigh(events []bellhop.NewEvent) ([]*fanoutList, int) {
	lists, weight := fanoutLists(events)
	for i := range events {
		weight += rowWeight*(1+len(events[i].Deliveries)) + len(events[i].Event.Data)
	}
	return lists, weight
}

// enqueue stores events. Deliveries may be owned by owner, and nobody else.
func (w *writer) enqueue(l bellhop.Lease, routes int64, events []bellhop.NewEvent, lists []*fanoutList, owner bellhop.NodeID, now time.Time) ([]bellhop.Receipt, error) {
	if err := w.holds(l); err != nil {
		return nil, err
	}
	if routes != w.state.versions[partRoutes] {
		return nil, bellhop.ErrStaleRoutes
	}
	receipts, err := bellhop.Receipts(events, w.firstPublish)
	if err != nil {
		return nil, err
	}
	if err := bellhop.FirstsWithoutRoom(events, receipts, func(i int) bool {
		return w.waiting.full(bellhop.BacklogBounds{App: events[i].MaxPending}, 0, events[i].Event.App, w.state.waits) != ""
	}); err != nil {
		return nil, err
	}
	for _, list := range lists {
		if list != nil {
			list.row = 0
		}
	}
	atOnce := alike(events)
	for i := range events {
		if receipts[i].Duplicate {
			continue
		}
		if err := w.accept(&events[i], owner, now, atOnce); err != nil {
			return nil, err
		}
		if lists != nil && lists[i] != nil {
			if err := w.addFanout(&events[i].Event, lists[i]); err != nil {
				return nil, err
			}
		}
	}
	return receipts, nil
}

func (w *writer) firstPublish(app, externalID string) (first bellhop.FirstPublish, found bool, err error) {
	found, err = one(w.conn, func(st *sqlite.Stmt) {
		first = bellhop.FirstPublish{Event: bellhop.EventID(st.ColumnInt64(0)), Deliveries: st.ColumnInt(1), Erased: st.ColumnBool(2)}
		st.ColumnBytes(3, first.Digest[:])
	}, "SELECT id, deliveries, erased, digest FROM events WHERE external_id = ? AND external_id IS NOT NULL AND app = ?", externalID, app)
	return first, found, err
}

const intoEvents = `events
	(id, app, type, subject, external_id, digest, deliver_at, deliveries, erased, test, data, fresh, listed, channels, tags, data_expires_at)`

// accept stores an event, and lists it at once if it is told to.
func (w *writer) accept(n *bellhop.NewEvent, owner bellhop.NodeID, now time.Time, listed bool) error {
	e := &n.Event
	var digest []byte
	if e.ExternalID != "" {
		digest = n.Digest[:]
	}
	var deliverAt int64
	if e.DeliverAt != nil {
		deliverAt = micros(*e.DeliverAt)
	}
	fresh := w.freshOf(n, owner, now)
	b := w.events.next(w.state.gathered.events)
	b.int(int64(e.ID))
	b.text(e.App)
	b.text(e.Type)
	b.text(e.Subject)
	b.textOrNull(e.ExternalID)
	b.bytes(digest)
	b.int(deliverAt)
	b.int(int64(e.Deliveries))
	b.bool(false) // erased
	b.bool(e.Test)
	b.bytes(e.Data)
	if fresh != nil {
		b.bytes(freshColumn(fresh))
	} else {
		b.bytes(nil)
	}
	b.bool(w.state.tails.events.add(int64(e.ID)) || listed)
	b.textOrNull(column.Labels(e.Channels))
	b.textOrNull(column.Labels(e.Tags))
	b.timeOrNull(e.DataExpiresAt)
	if err := w.events.bound(&w.state.gathered.events); err != nil {
		return err
	}
	if e.DataExpiresAt != nil {
		if err := exec(w.conn, "INSERT INTO expiring (at, event, app) VALUES (?, ?, ?)", micros(*e.DataExpiresAt), int64(e.ID), e.App); err != nil {
			return err
		}
	}
	rows := n.Deliveries
	if fresh != nil {
		w.fresh.came = append(w.fresh.came, fresh)
		rows = rows[len(fresh.deliveries):]
		for i := range fresh.deliveries {
			w.state.waits = append(w.state.waits, waits{endpoint: fresh.deliveries[i].endpoint, app: e.App, n: 1})
		}
	}
	for i := range rows {
		if err := w.addDelivery(&rows[i], e, owner, now); err != nil {
			return err
		}
	}
	return nil
}

// freshOf gives the event with its first deliveries, as far as they are born fresh; nil if
// none are. Below the mark nobody would look for them.
func (w *writer) freshOf(n *bellhop.NewEvent, owner bellhop.NodeID, now time.Time) *freshEvent {
	e := &n.Event
	count := 0
	for count < len(n.Deliveries) && int64(e.ID) >= w.state.mark && bornFresh(&n.Deliveries[count], e, owner, now) {
		count++
	}
	if count == 0 {
		return nil
	}
	fresh := &freshEvent{
		id: e.ID, app: e.App, kind: e.Type, trigger: triggerOf(e.Test), deliverAt: e.DeliverAt, owner: owner, since: now,
		deliveries: make([]freshDelivery, 0, count),
	}
	for i := range count {
		fresh.add(&n.Deliveries[i], now)
	}
	return fresh
}

func (w *writer) addDelivery(d *bellhop.Delivery, e *bellhop.Event, owner bellhop.NodeID, now time.Time) error {
	if d.Owner != owner {
		owner = 0 // who has no lease here would never release it
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
	w.state.waits = append(w.state.waits, waits{endpoint: d.Endpoint, app: e.App, again: d.Trigger.Again(), n: 1})
	return exec(w.conn, `INSERT INTO pending
			(id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_key, order_pos, born)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(d.ID), int64(e.ID), int64(d.Endpoint), e.App, string(d.Trigger), orNull(int64(owner)), micros(due),
		d.Attempts, int64(d.LastAttempt), orNull(d.OrderKey), int64(pos), micros(bellhop.Born(d, e)))
}

// Resolve finds out whether these events were stored. There is one writer, and what
// it has given up it does not write later: what is not there will not arrive.
func (s *Store) Resolve(ctx context.Context, l bellhop.Lease, events []bellhop.NewEvent, _ time.Time) (receipts []bellhop.Receipt, stored bool, err error) {
	err = s.write(ctx, "look for the events", rowWeight, func(w *writer) (err error) {
		if err := w.holds(l); err != nil {
			return err
		}
		has := func(id bellhop.EventID) (bool, error) {
			return one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM events WHERE id = ?", int64(id))
		}
		receipts, stored, err = bellhop.StoredReceipts(events, has, w.firstPublish)
		return err
	})
	return receipts, stored, err
}

// storedDelivery finds a delivery, unfinished or ended.
const storedDelivery = `SELECT endpoint, due FROM pending WHERE id = ?1
	UNION ALL SELECT endpoint, NULL FROM attempts INDEXED BY attempts_delivery WHERE delivery = ?1 AND final = 1 LIMIT 1`

// turnOfEvents is whose turn it is to enqueue events: that of their app.
func turnOfEvents(events []bellhop.NewEvent) groupcommit.Turn {
	if len(events) == 0 {
		return turnOf(nil)
	}
	return turnOf([]string{events[0].Event.App})
}

// turnOfDeliveries is whose turn it is to send again: that of the app.
func turnOfDeliveries(deliveries []bellhop.Delivery) string {
	if len(deliveries) == 0 {
		return ""
	}
	return deliveries[0].App
}

// Redeliver adds deliveries of stored events. Their order is that of the endpoint
// now, whatever it was when the caller looked.
func (s *Store) Redeliver(ctx context.Context, l bellhop.Lease, r bellhop.Redelivery, now time.Time) (bellhop.Redelivered, error) {
	var done bellhop.Redelivered
	weight := rowWeight * (1 + len(r.Deliveries))
	err := s.inTurn(ctx, groupcommit.Turn{Rank: upkeep, Of: turnOfDeliveries(r.Deliveries)}, "redeliver", weight, func(w *writer) error {
		done = bellhop.Redelivered{}
		if err := w.holds(l); err != nil {
			return err
		}
		still, err := stillSelected(w.conn, &r)
		if err != nil {
			return err
		}
		for i := range r.Deliveries {
			if err := w.redeliver(l, &r, i, still, &done, now); err != nil {
				return err
			}
			if done.Full != "" {
				break
			}
		}
		if done.Added == 0 && done.Full != "" {
			return nil // nothing was done that the audit log could tell of
		}
		return w.addAudit(r.Audit)
	})
	return done, err
}

const (
	eventToRedeliver  = "SELECT e.app, e.subject, x.ordering FROM events e JOIN endpoints x ON x.id = ? WHERE e.id = ? AND e.erased = 0"
	waitingAtEndpoint = "SELECT 1 FROM pending INDEXED BY pending_event WHERE event = ? AND endpoint = ? LIMIT 1"
)

// redeliver adds one delivery, unless it is there, waits, is wanted no more, or finds no room.
func (w *writer) redeliver(l bellhop.Lease, r *bellhop.Redelivery, i int, still map[bellhop.EventID]bool, done *bellhop.Redelivered, now time.Time) error {
	d := r.Deliveries[i]
	stored, err := one(w.conn, func(*sqlite.Stmt) {}, storedDelivery, int64(d.ID))
	if err != nil {
		return err
	}
	if stored { // the step is repeated
		done.Added++
		return nil
	}
	e := bellhop.Event{ID: d.Event}
	found, err := one(w.conn, func(st *sqlite.Stmt) {
		e.App, e.Subject = st.ColumnText(0), st.ColumnText(1)
		d.OrderKey = bellhop.Ordering(st.ColumnText(2)).OrderKey(&e)
	}, eventToRedeliver, int64(d.Endpoint), int64(d.Event))
	if err != nil || !found {
		return err
	}
	if r.SkipWaiting {
		waits, err := w.waitsAt(d.Event, d.Endpoint)
		if err != nil {
			return err
		}
		if waits {
			done.Waiting++
			return nil
		}
	}
	if r.Still != nil && !still[d.Event] {
		done.Changed++
		return nil
	}
	if done.Full = w.waiting.full(r.Bounds, d.Endpoint, e.App, w.state.waits); done.Full != "" {
		done.Left = len(r.Deliveries) - i
		return nil
	}
	done.Added++
	return w.addDelivery(&d, &e, l.Node, now)
}

// waitsAt tells whether an event waits at an endpoint, or will when its fan-out comes
// to it.
func (w *writer) waitsAt(e bellhop.EventID, endpoint bellhop.EndpointID) (bool, error) {
	for _, d := range w.fresh.ofEvent(e) {
		if d.endpoint == endpoint {
			return true, nil
		}
	}
	waits, err := one(w.conn, func(*sqlite.Stmt) {}, waitingAtEndpoint, int64(e), int64(endpoint))
	if err != nil || waits {
		return waits, err
	}
	to, err := later(w.conn, e)
	return slices.Contains(to, endpoint), err
}
