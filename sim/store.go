package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/memstore"
)

// store is a memstore at the end of a line that fails. A step sets out, takes effect at
// one moment, and is answered at a later one. It may not be done at all
// (ErrUnavailable), or its answer be lost (ErrUnknown): then it was done, or it was
// not, or it will be, after its caller was told that nobody knows.
type store struct {
	*memstore.Store
	w *world
	// late are steps whose commits are still on their way. Where there is one writer, no
	// other step can write before; else none that is about the same.
	late []*lateStep
	// Until then nothing can be written, and many answers are lost.
	down, storm time.Duration
}

type lateStep struct{ writing }

// ctx is that of all steps: what a caller's going away means is decided by the world.
var ctx = context.Background()

var errLine = errors.New("the line is broken")

// longestWay is how long the way from here to there takes where nothing is slow, and
// longestPause how long a thread may have to wait before it goes on.
const longestWay, longestPause = 5 * time.Millisecond, 10 * time.Millisecond

// transit is how long it takes to get from here to there.
func (w *world) transit() time.Duration {
	if w.chance(w.plan.slow) {
		return w.long()
	}
	return w.between(50*time.Microsecond, longestWay)
}

// transitOf is transit for a step of the store.
func (w *world) transitOf(what string) time.Duration {
	if what == w.plan.tardy && w.chance(0.4) {
		return w.long()
	}
	return w.transit()
}

func (w *world) long() time.Duration {
	d := w.between(10*time.Millisecond, 3*time.Second)
	w.disturbed = max(w.disturbed, w.at+d)
	return d
}

// writing describes a step that writes.
type writing struct {
	what     string
	endpoint bellhop.EndpointID
	of       int64
	// first is the first event, if it is an Enqueue: Resolve decides what came of it.
	first bellhop.EventID
	// alone says that it waits for all others: it takes a lease for itself.
	alone bool
	// meddle says that somebody may do something before the answer comes.
	meddle bool
	// off, if not nil, says that the caller has gone away.
	off func() bool
	do  func() error
}

// write has the store do a step, and tells what came of it.
func (n *node) write(step writing, told func(error)) {
	w := n.w
	w.after(w.transitOf(step.what), step.what, step.of, func() {
		if n.dead && w.chance(0.5) {
			return // it was never on its way
		}
		var err error
		if step.off != nil && step.off() {
			err = context.Canceled
		} else {
			err = w.store.take(step)
		}
		n.log(step.what, int64(step.endpoint), step.of, word(err))
		if err != nil && !errors.Is(err, bellhop.ErrStaleRoutes) {
			w.disturbed = max(w.disturbed, w.at)
		}
		back := w.transitOf(step.what)
		if step.meddle && w.chance(w.plan.meddle) {
			w.meddle(w.ledger.doors[step.endpoint])
			back += w.long()
		}
		n.after(back, "told "+step.what, step.of, func() { told(err) })
	})
}

// read is write for a step that changes nothing.
func (n *node) read(what string, f func() error, told func(error)) {
	w := n.w
	w.after(w.transitOf(what), what, 0, func() {
		err := errLine
		if !w.chance(w.plan.unreadable) {
			err = f()
		} else {
			w.disturbed = max(w.disturbed, w.at)
		}
		n.after(w.transitOf(what), what, 0, func() { told(err) })
	})
}

// take does a step, or not.
func (s *store) take(step writing) error {
	w := s.w
	if w.at < s.down || w.chance(w.plan.unavailable) {
		return bellhop.ErrUnavailable
	}
	lost := w.chance(w.plan.unknown) || w.at < s.storm && w.chance(0.5)
	if lost && w.chance(0.3) {
		return bellhop.ErrUnknown // it never was done
	}
	s.settle(&step)
	if !lost {
		return step.do()
	}
	if w.chance(0.5) {
		_ = step.do()
		return bellhop.ErrUnknown
	}
	late := &lateStep{step}
	s.late = append(s.late, late)
	w.after(w.between(time.Millisecond, 3*time.Second), "late "+step.what, step.of, func() {
		if slices.Contains(s.late, late) {
			s.commitLate(late)
		}
	})
	return bellhop.ErrUnknown
}

// settle has what is late take effect, since another step is about to write. If that
// one asks about the late one (first is its first event), it may as well never happen.
func (s *store) settle(step *writing) {
	for _, late := range slices.Clone(s.late) {
		switch {
		case step.first != 0 && step.first == late.first && s.w.chance(0.5):
			s.w.log("late, given up", 0, int64(step.first), late.what)
			s.w.reached("a late commit was given up")
			s.late = slices.DeleteFunc(s.late, func(x *lateStep) bool { return x == late })
		case s.w.alone() || step.alone || step.first != 0 && step.first == late.first || step.endpoint == late.endpoint:
			s.commitLate(late)
		default:
			s.w.reached("a step was done while another's commit was late")
		}
	}
}

func (s *store) commitLate(late *lateStep) {
	s.late = slices.DeleteFunc(s.late, func(x *lateStep) bool { return x == late })
	err := late.do()
	s.w.log("late", 0, 0, late.what+" "+word(err))
	if err == nil {
		s.w.reached("a commit took effect late")
	}
}

// word says in a word how a step went.
func word(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, bellhop.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, bellhop.ErrUnknown):
		return "unknown"
	case errors.Is(err, bellhop.ErrLeaseLost):
		return "lease lost"
	case errors.Is(err, bellhop.ErrStaleRoutes):
		return "stale routes"
	}
	return err.Error()
}

// all gives every pending delivery.
func (s *store) all() []bellhop.Delivery { return s.unfinished(bellhop.DeliveryFilter{}) }

func (s *store) unfinished(f bellhop.DeliveryFilter) (list []bellhop.Delivery) {
	f.Scope, f.Limit = bellhop.Everything(), 1<<30
	for _, f.Status = range []bellhop.DeliveryStatus{bellhop.DeliveryPending, bellhop.DeliveryHeld} {
		some, err := s.Deliveries(ctx, f)
		s.w.must(err)
		list = append(list, some...)
	}
	slices.SortFunc(list, func(a, b bellhop.Delivery) int { return int(a.ID - b.ID) })
	return list
}

// owned counts the deliveries of an endpoint that a lease's node owns.
func (s *store) owned(e bellhop.EndpointID, l bellhop.Lease) (count int) {
	for _, d := range s.unfinished(bellhop.DeliveryFilter{Endpoint: e}) {
		if d.Owner == l.Node {
			count++
		}
	}
	return count
}

// ownedAt tells whether a node owns the delivery.
func (s *store) ownedAt(d bellhop.DeliveryID) bool {
	row, err := s.Delivery(ctx, d)
	return err == nil && row.Owner != 0
}
