package memstore

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/lowwater"
)

// A store for many nodes writes little for what succeeds at once: the event names the
// deliveries that its node has in memory, and these have no row of their own as long as
// they are fresh. When the lease is over, they are found by its events from the node's
// low-water mark on. This store does alike, and does lose what would be lost, so that
// simulations find what is wrong with that.

// freshness is what nodes know of their fresh deliveries, and what the store does.
type freshness struct {
	// of are the fresh deliveries, and what they were accepted under.
	of map[bellhop.DeliveryID]bellhop.Lease
	// marks are in the memory of the nodes, written is what Renew wrote of them.
	marks   map[bellhop.Lease]*lowwater.Mark
	written map[bellhop.Lease]bellhop.EventID
	// begun counts the deliveries of events that are on their way to be stored; 0 where
	// they need rows.
	begun map[bellhop.EventID]int
}

func newFreshness() freshness {
	return freshness{
		of: map[bellhop.DeliveryID]bellhop.Lease{}, marks: map[bellhop.Lease]*lowwater.Mark{},
		written: map[bellhop.Lease]bellhop.EventID{}, begun: map[bellhop.EventID]int{},
	}
}

// Begin tells a node's part of the store that an Enqueue of these events is about to set
// out. NotStored tells that it was not done and never will be. Whoever calls Enqueue alone
// may leave both out: nothing is between setting out and being done then.
func (s *Store) Begin(l bellhop.Lease, events []bellhop.NewEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range events {
		s.begin(l, &events[i])
	}
}

func (s *Store) begin(l bellhop.Lease, n *bellhop.NewEvent) {
	mark := s.fresh.marks[l]
	if mark == nil {
		return // the lease is over
	}
	count := 0
	for i := range n.Deliveries {
		if !mayBeFresh(&n.Deliveries[i], l) {
			continue
		}
		if !mark.Begin(n.Event.ID) {
			count = 0
			break
		}
		count++
	}
	s.fresh.begun[n.Event.ID] = count
}

// NotStored is described with Begin.
func (s *Store) NotStored(l bellhop.Lease, events []bellhop.NewEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range events {
		s.notStored(l, events[i].Event.ID)
	}
}

func (s *Store) notStored(l bellhop.Lease, e bellhop.EventID) {
	for range s.fresh.begun[e] {
		if mark := s.fresh.marks[l]; mark != nil {
			mark.End(e)
		}
	}
	delete(s.fresh.begun, e)
}

func mayBeFresh(d *bellhop.Delivery, l bellhop.Lease) bool {
	return d.Owner != 0 && d.Owner == l.Node && d.OrderKey == ""
}

// keepFresh notes which of the deliveries of an event that was stored are fresh.
func (s *Store) keepFresh(l bellhop.Lease, e *event, n *bellhop.NewEvent) {
	if _, begun := s.fresh.begun[e.ID]; !begun {
		s.begin(l, n)
	}
	count := s.fresh.begun[e.ID]
	delete(s.fresh.begun, e.ID)
	if count == 0 {
		return
	}
	e.lease = l
	for i := range n.Deliveries {
		if d := &n.Deliveries[i]; mayBeFresh(d, l) {
			s.fresh.of[d.ID] = l
			e.fresh = append(e.fresh, *s.pending[d.ID])
		}
	}
}

// leave ends it that a delivery is fresh: it is done, or has a row now.
func (s *Store) leave(d *bellhop.Delivery) {
	l, is := s.fresh.of[d.ID]
	if !is {
		return
	}
	delete(s.fresh.of, d.ID)
	if mark := s.fresh.marks[l]; mark != nil {
		mark.End(d.Event)
	}
}

// writeMark goes with a node's heartbeat.
func (s *Store) writeMark(l bellhop.Lease) {
	if mark := s.fresh.marks[l]; mark != nil {
		s.fresh.written[l] = max(s.fresh.written[l], mark.Low())
	}
}

// orphans gives rows to what was fresh under a lease that is over: what the events from
// the mark on name and has neither ended nor got a row. Nobody finds the rest.
func (s *Store) orphans(l bellhop.Lease, now time.Time) {
	for _, e := range s.events {
		if e.lease != l || e.ID < s.fresh.written[l] {
			continue
		}
		for _, d := range e.fresh {
			if s.hasEnded(&d) || s.hasRow(&d) {
				continue
			}
			found := s.pending[d.ID]
			if found == nil {
				found = &d
				s.addPending(found)
			}
			delete(s.fresh.of, d.ID)
			s.Orphans++
			s.giveBack(found, now)
		}
	}
	for d, of := range s.fresh.of {
		if of == l {
			delete(s.fresh.of, d)
			s.removePending(s.pending[d])
		}
	}
	delete(s.fresh.marks, l)
	delete(s.fresh.written, l)
}

// hasRow tells whether a delivery has a row of its own.
func (s *Store) hasRow(d *bellhop.Delivery) bool {
	_, fresh := s.fresh.of[d.ID]
	return s.pending[d.ID] != nil && !fresh
}

func (s *Store) hasEnded(d *bellhop.Delivery) bool {
	return slices.ContainsFunc(s.logOf[d.Event], func(a *bellhop.Attempt) bool { return a.Delivery == d.ID && a.Final })
}

// UseNumbers has nodes get none but the first numbers, so that they are used again soon.
func (s *Store) UseNumbers(most bellhop.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers = min(most, id.MaxNode)
}
