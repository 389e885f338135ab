package bellhop

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// dispatcher holds the lanes and what they share: the right to send at all, the
// process's bound on requests in flight, and its bound on memory.
type dispatcher struct {
	b     *Bellhop
	slots slots
	// heldBytes is the event data that all lanes hold: reserved, being claimed,
	// queued, in flight.
	heldBytes atomic.Int64

	mu    sync.RWMutex
	lanes map[EndpointID]*lane

	run struct {
		sync.Mutex
		started, stopping bool
		// busy counts the goroutines that work for lanes; idle is closed when
		// the last one ends after stopping.
		busy int
		idle chan struct{}
	}
	// sending is the context of requests and their records; it ends when
	// draining took too long.
	sending context.Context
}

func newDispatcher(b *Bellhop) *dispatcher {
	d := &dispatcher{b: b, lanes: map[EndpointID]*lane{}, slots: slots{max: b.cfg.MaxInFlight}}
	d.run.idle = make(chan struct{})
	return d
}

// lane gives the lane of an endpoint.
func (d *dispatcher) lane(r *route) *lane {
	d.mu.RLock()
	l := d.lanes[r.ID]
	d.mu.RUnlock()
	if l != nil {
		return l
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if l = d.lanes[r.ID]; l == nil {
		l = newLane(d, r)
		d.lanes[r.ID] = l
	}
	return l
}

func (d *dispatcher) existing(e EndpointID) *lane {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.lanes[e]
}

func (d *dispatcher) all() []*lane {
	d.mu.RLock()
	defer d.mu.RUnlock()
	lanes := make([]*lane, 0, len(d.lanes))
	for _, l := range d.lanes {
		lanes = append(lanes, l)
	}
	return lanes
}

// update tells an endpoint's lane of its new settings.
func (d *dispatcher) update(r *route) { d.lane(r).setRoute(r) }

// remove ends the lane of a deleted endpoint.
func (d *dispatcher) remove(e EndpointID) {
	d.mu.Lock()
	l := d.lanes[e]
	delete(d.lanes, e)
	d.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// forget drops queued work that no longer exists in the store: erased or deleted.
func (d *dispatcher) forget(gone func(*Work) bool) {
	for _, l := range d.all() {
		l.forget(gone)
	}
}

// start lets the lanes send.
func (d *dispatcher) start(sending context.Context) {
	d.sending = sending
	d.run.Lock()
	d.run.started = true
	d.run.Unlock()
	for _, l := range d.all() {
		l.wake()
	}
}

func (d *dispatcher) isRunning() bool {
	d.run.Lock()
	defer d.run.Unlock()
	return d.run.started && !d.run.stopping
}

// spawn runs work on behalf of a lane, unless the dispatcher is not running.
func (d *dispatcher) spawn(work func()) bool {
	d.run.Lock()
	defer d.run.Unlock()
	if !d.run.started || d.run.stopping {
		return false
	}
	d.run.busy++
	go func() {
		defer d.ended()
		work()
	}()
	return true
}

func (d *dispatcher) ended() {
	d.run.Lock()
	defer d.run.Unlock()
	if d.run.busy--; d.run.busy == 0 && d.run.stopping {
		close(d.run.idle)
	}
}

// drain lets nothing new begin and waits for what is going on; after the timeout
// it aborts it. It returns how many were cut off.
func (d *dispatcher) drain(timeout time.Duration, abort func()) int {
	d.run.Lock()
	d.run.stopping = true
	busy := d.run.busy
	d.run.Unlock()
	for _, l := range d.all() {
		l.stopTimer()
	}
	if busy == 0 {
		return 0
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-d.run.idle:
		return 0
	case <-t.C:
	}
	d.run.Lock()
	busy = d.run.busy
	d.run.Unlock()
	abort()
	<-d.run.idle
	return busy
}

// persist repeats a write until it succeeds: what it records has happened, and
// forgetting it would mean doing it twice. It gives up when draining took too
// long.
func (d *dispatcher) persist(doing string, step func(context.Context) error) bool {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := step(d.sending)
		if d.b.wrote(doing, err) == nil {
			return true
		}
		if d.sending.Err() != nil {
			return false
		}
		if !errors.Is(err, ErrUnavailable) { // that is logged once, by wrote
			d.b.log.Warn("writing to the store failed; trying again", "doing", doing, "err", err, "in", wait)
		}
		t := time.NewTimer(wait)
		select {
		case <-d.sending.Done():
			t.Stop()
			return false
		case <-t.C:
		}
	}
}

// standing is what is known of a lane when it asks for a slot.
type standing int

const (
	proven   standing = iota // its endpoint answered, lately
	unproven                 // it never did since the start, but nothing speaks against it
	failing                  // its latest request failed, or takes long
	standings
)

// slots bound the requests in flight of the whole process, in such a way that
// endpoints that hang cannot use them up: failing lanes share at most half of them,
// and those together with unproven ones three quarters. When more than half are
// taken, a lane's share shrinks the more it has.
type slots struct {
	mu    sync.Mutex
	max   int
	inUse int
	used  [standings]int
	// waiting lanes are woken as slots are returned, in the order they came.
	waiting [standings][]*lane
}

// room tells whether a lane of that standing may have one of the slots.
func (s *slots) room(of standing) bool {
	switch half := max(s.max/2, 1); {
	case s.inUse >= s.max:
		return false
	case of == failing && s.used[failing] >= half:
		return false
	case of != proven && s.used[failing]+s.used[unproven] >= max(s.max*3/4, 1):
		return false
	}
	return true
}

// take asks for one more slot for a lane that has inFlight of its limit in use. A
// lane that is refused is woken when it may ask again.
func (s *slots) take(l *lane, of standing, inFlight, limit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	half := max(s.max/2, 1)
	share := limit
	if s.inUse >= half {
		share = max(1, min(limit, half)*(s.max-s.inUse)/half)
	}
	if s.room(of) && inFlight < share {
		s.inUse++
		s.used[of]++
		return true
	}
	if !l.starved {
		l.starved = true
		s.waiting[of] = append(s.waiting[of], l)
	}
	return false
}

// give returns a slot that was taken by a lane of the given standing, and wakes
// waiting lanes until one makes use of it: a lane may have stopped waiting, or have
// nothing to send any more.
func (s *slots) give(of standing) {
	s.mu.Lock()
	s.inUse--
	s.used[of]--
	tries := 0
	for _, w := range s.waiting {
		tries += len(w)
	}
	s.mu.Unlock()
	for range tries {
		l := s.next()
		if l == nil || l.wakeForSlot() {
			return
		}
	}
}

// next gives the lane that has waited longest of those that may have a slot.
func (s *slots) next() *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of := range standings {
		if w := s.waiting[of]; len(w) > 0 && s.room(of) {
			l := w[0]
			w[0] = nil
			s.waiting[of] = w[1:]
			l.starved = false
			return l
		}
	}
	return nil
}
