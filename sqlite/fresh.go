package sqlite

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// A delivery is fresh as long as it is known to its event's row and to the memory of this
// process alone: it has no row in pending. Most never get one: they succeed at once, and all
// that is written is the event and one attempt. Nothing of that is changed or deleted later.
//
// A row in pending is made when a delivery leaves the fast lane: it failed and is tried
// again, was given back, or takes longer than spillAfter (spill.go). Whatever was fresh when
// the process died is found by the events from its mark on (recoverFresh).

// fresh has the fresh deliveries of this process.
type fresh struct {
	// mu is held while a transaction is committed and what it did is applied: a read that
	// holds it begins with the rows and the fresh deliveries of one moment. Only the writer
	// changes of and events.
	mu     sync.RWMutex
	of     map[bellhop.DeliveryID]*freshDelivery
	events map[bellhop.EventID]*freshEvent

	// came and left are what the transaction at hand does. The writer alone sees them.
	came      []*freshEvent
	left      []*freshDelivery
	committed bool // mu is held for the end of the transaction
}

// freshEvent is an event with its deliveries that were born fresh.
type freshEvent struct {
	id         bellhop.EventID
	app, kind  string
	trigger    bellhop.Trigger
	deliverAt  *time.Time
	owner      bellhop.NodeID
	since      time.Time // when it was stored
	deliveries []freshDelivery
	open       int // how many of them are fresh still
}

// freshDelivery is one of them.
type freshDelivery struct {
	*freshEvent
	id       bellhop.DeliveryID
	endpoint bellhop.EndpointID
	due      time.Time
	pos      bellhop.DeliveryID
	// gone says that the transaction at hand has taken it away. The writer alone sees it.
	gone bool
}

func newFresh() *fresh {
	return &fresh{of: map[bellhop.DeliveryID]*freshDelivery{}, events: map[bellhop.EventID]*freshEvent{}}
}

// delivery is what its row would say.
func (d *freshDelivery) delivery() bellhop.Delivery {
	return bellhop.Delivery{
		ID: d.id, Event: d.freshEvent.id, Endpoint: d.endpoint, App: d.app, Type: d.kind, Trigger: d.trigger,
		Status: bellhop.DeliveryPending, Owner: d.owner, Due: d.due, OrderPos: d.pos,
	}
}

// bornFresh tells whether an event's row and the time say all of a delivery.
func bornFresh(d *bellhop.Delivery, e *bellhop.Event, owner bellhop.NodeID, now time.Time) bool {
	return owner != 0 && d.Owner == owner && d.OrderKey == "" && d.Trigger == triggerOf(e.Test) && d.Attempts == 0 && d.LastAttempt == 0 &&
		!d.Due.After(now) && d.OrderPos == freshPosition(e.ID, d.Trigger, d.ID)
}

// freshPosition is the place in the order that a fresh delivery has: what was scheduled, and
// has another one, gets a row.
func freshPosition(e bellhop.EventID, t bellhop.Trigger, d bellhop.DeliveryID) bellhop.DeliveryID {
	return bellhop.OrderPosition(&bellhop.Event{ID: e}, t, d, d.Time())
}

// triggerOf is that of the deliveries that an event is accepted with.
func triggerOf(test bool) bellhop.Trigger {
	if test {
		return bellhop.TriggerTest
	}
	return bellhop.TriggerPublish
}

// add notes that the transaction stores a delivery of an event, which is the last one added.
func (e *freshEvent) add(d *bellhop.Delivery, now time.Time) {
	due := d.Due
	if due.IsZero() {
		due = now
	}
	e.deliveries = append(e.deliveries, freshDelivery{freshEvent: e, id: d.ID, endpoint: d.Endpoint, due: due, pos: d.OrderPos})
}

// freshColumn is how an event's row has its fresh deliveries: for each, the step from the
// event's id to its own and, of 8 bytes, the endpoint.
func freshColumn(e *freshEvent) []byte {
	b := make([]byte, 0, len(e.deliveries)*(binary.MaxVarintLen16+8))
	for i := range e.deliveries {
		d := &e.deliveries[i]
		b = binary.AppendVarint(b, int64(d.id)-int64(e.id))
		b = binary.LittleEndian.AppendUint64(b, uint64(d.endpoint))
	}
	return b
}

// readFreshColumn gives what freshColumn wrote, as far as it can be read.
func readFreshColumn(e bellhop.EventID, b []byte) (list []bellhop.Delivery) {
	for len(b) > 0 {
		step, n := binary.Varint(b)
		if n <= 0 || len(b) < n+8 {
			return list
		}
		list = append(list, bellhop.Delivery{ID: bellhop.DeliveryID(int64(e) + step), Endpoint: bellhop.EndpointID(binary.LittleEndian.Uint64(b[n:]))})
		b = b[n+8:]
	}
	return list
}

// owned gives a fresh delivery of a node, or nil.
func (f *fresh) owned(d bellhop.DeliveryID, node bellhop.NodeID) *freshDelivery {
	is := f.of[d]
	if is == nil || is.gone || is.owner != node {
		return nil
	}
	return is
}

// leave takes a delivery away with the transaction at hand.
func (f *fresh) leave(d *freshDelivery) {
	d.gone = true
	f.left = append(f.left, d)
}

// all gives the fresh deliveries that are wanted, as the transaction at hand sees them, in
// the order of their ids.
func (f *fresh) all(wanted func(*freshDelivery) bool) (list []*freshDelivery) {
	for _, d := range f.of {
		if !d.gone && wanted(d) {
			list = append(list, d)
		}
	}
	for _, e := range f.came {
		list = append(list, e.these(wanted)...)
	}
	slices.SortFunc(list, func(a, b *freshDelivery) int { return cmp.Compare(a.id, b.id) })
	return list
}

// ofEvent is all for the deliveries of one event.
func (f *fresh) ofEvent(id bellhop.EventID) []*freshDelivery {
	e := f.events[id]
	if e == nil {
		if i := slices.IndexFunc(f.came, func(e *freshEvent) bool { return e.id == id }); i >= 0 {
			e = f.came[i]
		}
	}
	return e.these(func(*freshDelivery) bool { return true })
}

// these gives deliveries of an event that are fresh to the transaction at hand.
func (e *freshEvent) these(wanted func(*freshDelivery) bool) (list []*freshDelivery) {
	if e == nil {
		return nil
	}
	for i := range e.deliveries {
		if d := &e.deliveries[i]; !d.gone && wanted(d) {
			list = append(list, d)
		}
	}
	return list
}

// committing comes before the COMMIT of a transaction, ended after its end.
func (f *fresh) committing() {
	f.mu.Lock()
	f.committed = true
}

// ended applies what the transaction did, if it was committed.
func (f *fresh) ended(committed bool) {
	switch {
	case committed:
		f.apply()
	default:
		for _, d := range f.left {
			d.gone = false
		}
	}
	clear(f.came)
	clear(f.left)
	f.came, f.left = f.came[:0], f.left[:0]
	if f.committed {
		f.committed = false
		f.mu.Unlock()
	}
}

func (f *fresh) apply() {
	for _, e := range f.came {
		f.events[e.id], e.open = e, len(e.deliveries)
		for i := range e.deliveries {
			f.of[e.deliveries[i].id] = &e.deliveries[i]
		}
	}
	for _, d := range f.left {
		delete(f.of, d.id)
		if d.open--; d.open == 0 {
			delete(f.events, d.freshEvent.id)
		}
	}
}

// view begins a read: it gives the fresh deliveries that are wanted, of one event or (0) of
// all, at the moment of which the connection sees the rows from here on.
func (f *fresh) view(c *sqlite.Conn, event bellhop.EventID, wanted func(*freshDelivery) bool) (list []bellhop.Delivery, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := each(c, func(*sqlite.Stmt) {}, "SELECT 1 FROM nodes LIMIT 1"); err != nil {
		return nil, err
	}
	if event == 0 {
		for _, d := range f.of {
			if wanted(d) {
				list = append(list, d.delivery())
			}
		}
	} else if e := f.events[event]; e != nil {
		for i := range e.deliveries {
			if d := &e.deliveries[i]; f.of[d.id] == d && wanted(d) {
				list = append(list, d.delivery())
			}
		}
	}
	return list, nil
}

// low is the lowest event that has a fresh delivery, but no higher than one of a time.
func (f *fresh) low(at time.Time) bellhop.EventID {
	low := id.First[id.Event](at)
	for e := range f.events {
		low = min(low, e)
	}
	return low
}
