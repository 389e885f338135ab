package postgres

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/lowwater"
)

// A delivery is fresh as long as it is known to its event's row and to the memory of the
// node that accepted it alone: it has no row in pending. Most never get one: they succeed
// at once, and all that is written is the event and one attempt. Nothing of that is changed
// or deleted later, so there is nothing to vacuum.
//
// A row in pending is made when a delivery leaves the fast lane: it failed and is tried
// again, was given back, or takes longer than spillAfter. Whatever is fresh when its lease
// ends is found by the events of the lease from its mark on (orphans, in node.go).

const (
	// spillAfter is how long a delivery stays fresh, at most about: until the heartbeat
	// after that.
	spillAfter = 5 * time.Second
	// spillChunk is how many one transaction writes down.
	spillChunk = 1000
)

// fresh has the fresh deliveries of the leases that this process holds.
type fresh struct {
	mu     sync.Mutex
	moved  sync.Cond // a delivery is not being spilled any more
	leases map[bellhop.Lease]*freshOfLease
}

type freshOfLease struct {
	mark lowwater.Mark
	of   map[bellhop.DeliveryID]*freshDelivery
}

// freshDelivery is one of them.
type freshDelivery struct {
	bellhop.Delivery
	born time.Time
	// since is when it was stored.
	since time.Time
	// busy counts the steps that are about to move it on; while there is one it is not
	// spilled.
	busy int
	// spilling says that its row is being written.
	spilling bool
	// doubtful says that a step may have moved it on whose answer was lost. It is not
	// spilled until that step was repeated.
	doubtful bool
}

func (f *fresh) init() {
	f.moved.L = &f.mu
	f.leases = map[bellhop.Lease]*freshOfLease{}
}

// begun notes a lease that this process has got: all its events are above a floor.
func (f *fresh) begun(l bellhop.Lease, floor bellhop.EventID) {
	o := &freshOfLease{of: map[bellhop.DeliveryID]*freshDelivery{}}
	if floor > 0 {
		o.mark.Begin(floor)
		o.mark.End(floor)
		o.mark.Low()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leases[l] = o
}

// markOf gives the mark of a lease, or nil if it is over, or not this process's.
func (f *fresh) markOf(l bellhop.Lease) *lowwater.Mark {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o := f.leases[l]; o != nil {
		return &o.mark
	}
	return nil
}

// forget drops what is known of a lease that is over.
func (f *fresh) forget(l bellhop.Lease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.leases, l)
	f.moved.Broadcast()
}

// mayBeFresh tells whether an event's row and the time say all of a delivery.
func mayBeFresh(d *bellhop.Delivery, e *bellhop.Event, l bellhop.Lease, now time.Time) bool {
	trigger := bellhop.TriggerPublish
	if e.Test {
		trigger = bellhop.TriggerTest
	}
	// Its due and its place are those that its id says. The id may be a little ahead.
	due := d.Due.IsZero() || !d.Due.After(now) && d.ID.Time().Sub(d.Due) < freshSlack
	place := d.OrderPos == freshPosition(e.ID, trigger, d.ID)
	return d.Owner == l.Node && d.OrderKey == "" && d.Trigger == trigger && d.Attempts == 0 && d.LastAttempt == 0 && due && place
}

// freshPosition is the place in the order that a fresh delivery has: what was scheduled, and
// has another one, gets a row.
func freshPosition(e bellhop.EventID, t bellhop.Trigger, d bellhop.DeliveryID) bellhop.DeliveryID {
	return bellhop.OrderPosition(&bellhop.Event{ID: e}, t, d, d.Time())
}

// freshSlack is by how much an id may be ahead of when its delivery is due: as many are made
// in a millisecond as there can be, and then some.
const freshSlack = time.Second

// begin notes that an event's fresh deliveries are about to be stored. It answers false if
// they must have rows of their own, since nobody would look for them so far back.
func (f *fresh) begin(l bellhop.Lease, e bellhop.EventID, deliveries int) bool {
	mark := f.markOf(l)
	if mark == nil {
		return false
	}
	for n := range deliveries {
		if !mark.Begin(e) {
			for range n {
				mark.End(e)
			}
			return false
		}
	}
	return true
}

// stored notes that what was begun is stored.
func (f *fresh) stored(l bellhop.Lease, list []freshDelivery) {
	if len(list) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.leases[l]
	if o == nil {
		return // it is over
	}
	for i := range list {
		o.of[list[i].ID] = &list[i]
	}
}

// notStored notes that what was begun is not stored, and never will be.
func (f *fresh) notStored(l bellhop.Lease, list []freshDelivery) {
	if len(list) == 0 {
		return
	}
	mark := f.markOf(l)
	if mark == nil {
		return
	}
	for i := range list {
		mark.End(list[i].Event)
	}
}

// hold gives a fresh delivery to a step that is about to move it on, or nil if it is not
// fresh. While its row is being written it waits for that. letGo or left follows.
func (f *fresh) hold(l bellhop.Lease, d bellhop.DeliveryID) *freshDelivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		o := f.leases[l]
		if o == nil {
			return nil
		}
		is := o.of[d]
		if is == nil || !is.spilling {
			if is != nil {
				is.busy++
			}
			return is
		}
		f.moved.Wait()
	}
}

// letGo says that a step has not moved a delivery on or, doubtful, that nobody knows.
func (f *fresh) letGo(d *freshDelivery, doubtful bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d.busy--
	d.doubtful = d.doubtful || doubtful
}

// left says that deliveries are not fresh any more: they are done, or have a row.
func (f *fresh) left(l bellhop.Lease, list []*freshDelivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.leases[l]
	for _, d := range list {
		d.busy--
		if o != nil && o.of[d.ID] == d {
			delete(o.of, d.ID)
			o.mark.End(d.Event)
		}
	}
}

// atEndpoint holds the lease's fresh deliveries of an endpoint that are none of known.
func (f *fresh) atEndpoint(l bellhop.Lease, e bellhop.EndpointID, known map[bellhop.DeliveryID]bool) (list []*freshDelivery) {
	f.mu.Lock()
	var ids []bellhop.DeliveryID
	if o := f.leases[l]; o != nil {
		for id, d := range o.of {
			if d.Endpoint == e && !known[id] {
				ids = append(ids, id)
			}
		}
	}
	f.mu.Unlock()
	slices.Sort(ids)
	for _, id := range ids {
		if d := f.hold(l, id); d != nil {
			list = append(list, d)
		}
	}
	return list
}

// spill gives deliveries that have been fresh since before or longer, for their rows to be
// written; spilled follows. Those that a step is about to move on are left out.
func (f *fresh) spill(l bellhop.Lease, before time.Time, limit int) (list []*freshDelivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.leases[l]
	if o == nil {
		return nil
	}
	for _, d := range o.of {
		if d.busy == 0 && !d.spilling && !d.doubtful && !d.since.After(before) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *freshDelivery) int { return cmp.Compare(a.ID, b.ID) })
	list = list[:min(len(list), limit)]
	for _, d := range list {
		d.spilling = true
	}
	return list
}

// spillAt is spill for those of an endpoint, of every lease that is held here.
func (f *fresh) spillAt(e bellhop.EndpointID) map[bellhop.Lease][]*freshDelivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[bellhop.Lease][]*freshDelivery{}
	for l, o := range f.leases {
		for _, d := range o.of {
			if d.Endpoint == e && d.busy == 0 && !d.spilling && !d.doubtful {
				d.spilling = true
				all[l] = append(all[l], d)
			}
		}
		slices.SortFunc(all[l], func(a, b *freshDelivery) int { return cmp.Compare(a.ID, b.ID) })
	}
	return all
}

// spilled ends what spill began: the rows are written, or not.
func (f *fresh) spilled(l bellhop.Lease, list []*freshDelivery, written bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.leases[l]
	for _, d := range list {
		d.spilling = false
		if written && o != nil && o.of[d.ID] == d {
			delete(o.of, d.ID)
			o.mark.End(d.Event)
		}
	}
	f.moved.Broadcast()
}

// markLag is how far the mark of a node stays behind the time that accepts nothing: events
// whose ids were made longer ago than that get rows of their own.
const markLag = 10 * time.Second

// low is the mark of a lease; 0 if it is not known. It moves on with the time, too: or what is looked for above the
// mark of a node that accepts nothing would be all that the others have accepted since.
func (f *fresh) low(l bellhop.Lease, now time.Time) bellhop.EventID {
	mark := f.markOf(l)
	if mark == nil {
		return 0
	}
	if e := id.First[id.Event](now.Add(-markLag)); mark.Begin(e) {
		mark.End(e)
	}
	return mark.Low()
}
