package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// rooms keep events out of an app that has as many unfinished deliveries as it may. What
// this process adds is counted exactly; what other nodes do is seen when the counts are
// read again, which far from the bound is seldom.
type rooms struct {
	mu  sync.Mutex
	app map[string]*room
}

// room is what is known of one app.
type room struct {
	// counted is how many deliveries waited when that was read last, at at.
	counted int64
	at      time.Time
	// added are those of this process since, at most; underway of them may not be
	// committed yet, in so many transactions.
	added, underway int64
	going           int
	// counting is not nil while somebody reads; it is closed at the end.
	counting chan struct{}
	// idle is not nil while somebody waits for the transactions under way.
	idle chan struct{}
}

const (
	// roomNear and roomFar are for how long a count is good enough, near the bound and
	// far from it.
	roomNear = time.Second
	roomFar  = 30 * time.Second
)

// admission is what rooms said of the events of one Enqueue.
type admission struct {
	rooms *rooms
	// full says of each event whether its app has no room for it; nil: all have.
	full  []bool
	added map[string]int64
}

// admit tells which events there is no room for, beside those that the same transaction
// has added before. Done must be called on the answer when the transaction has ended.
func (s *Store) admit(ctx context.Context, events []bellhop.NewEvent, before ...admission) (a admission, err error) {
	a.rooms = &s.rooms
	for i := range events {
		n := &events[i]
		if n.MaxPending <= 0 {
			continue
		}
		if a.added == nil {
			a.added = map[string]int64{}
		}
		app := n.Event.App
		mine := a.added[app]
		for i := range before {
			mine += before[i].added[app]
		}
		fits, err := s.rooms.fits(ctx, app, mine, n.MaxPending, s.countOf)
		if err != nil {
			a.done()
			return admission{}, err
		}
		if !fits {
			if a.full == nil {
				a.full = make([]bool, len(events))
			}
			a.full[i] = true
			continue
		}
		first := a.added[app] == 0
		more := int64(len(n.Deliveries))
		a.added[app] += more
		s.rooms.begin(app, more, first && more > 0)
	}
	return a, nil
}

// isFull tells whether there is no room for event i.
func (a *admission) isFull(i int) bool { return a.full != nil && a.full[i] }

// done is called once the transaction has ended, one way or the other.
func (a *admission) done() {
	for app, n := range a.added {
		if n > 0 {
			a.rooms.end(app, n)
		}
	}
	a.added = nil
}

func (r *rooms) of(app string) *room {
	if r.app == nil {
		r.app = map[string]*room{}
	}
	if r.app[app] == nil {
		r.app[app] = &room{}
	}
	return r.app[app]
}

// add notes deliveries that were added beside.
func (r *rooms) add(apps map[string]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for app, n := range apps {
		if o := r.app[app]; o != nil {
			o.added += n
		}
	}
}

func (r *rooms) begin(app string, n int64, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.of(app)
	o.added, o.underway = o.added+n, o.underway+n
	if first {
		o.going++
	}
}

func (r *rooms) end(app string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.of(app)
	o.underway -= n
	if o.going--; o.going == 0 && o.idle != nil {
		close(o.idle)
		o.idle = nil
	}
}

// fits tells whether an app has room for one more event; mine are the deliveries that the
// caller adds already. What is known may be too high, since it does not say what has
// ended: then it is read again, while nothing of this process is under way.
func (r *rooms) fits(ctx context.Context, app string, mine, most int64, count func(context.Context, string) (int64, error)) (bool, error) {
	for {
		r.mu.Lock()
		o := r.of(app)
		known := o.counted + o.added
		age := time.Since(o.at)
		switch {
		case !o.at.IsZero() && known < most && (age < roomNear || known < most/2 && age < roomFar):
			r.mu.Unlock()
			return true, nil
		case o.counting != nil:
			wait := o.counting
			r.mu.Unlock()
			if mine > 0 {
				// Whoever counts may wait for this caller.
				return known < most, nil
			}
			if err := waitFor(ctx, wait); err != nil {
				return false, err
			}
			continue
		}
		counting := make(chan struct{})
		o.counting = counting
		r.mu.Unlock()
		n, err := r.recount(ctx, app, mine, count)
		r.mu.Lock()
		o.counting = nil
		close(counting)
		if err == nil {
			o.counted, o.at = n, time.Now()
			o.added = o.underway
		}
		fits := n+o.added < most
		r.mu.Unlock()
		return fits, err
	}
}

// recount reads how many wait, if it can when all that this process adds is committed or
// given up. Who has added something himself does not wait for others, who may wait for him;
// nor does anybody wait long: what is under way counts as added.
func (r *rooms) recount(ctx context.Context, app string, mine int64, count func(context.Context, string) (int64, error)) (int64, error) {
	patience := time.NewTimer(roomNear)
	defer patience.Stop()
	for waited := mine > 0; !waited; {
		r.mu.Lock()
		o := r.of(app)
		if o.going == 0 {
			r.mu.Unlock()
			break
		}
		if o.idle == nil {
			o.idle = make(chan struct{})
		}
		idle := o.idle
		r.mu.Unlock()
		select {
		case <-idle:
		case <-patience.C:
			waited = true
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return count(ctx, app)
}

func waitFor(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const waitingOfApp = `SELECT (SELECT coalesce(sum(n), 0) FROM bellhop.waiting_now WHERE app = $1)::bigint
	+ (SELECT count(*) FROM bellhop.fresh WHERE app = $1)`

// countOf is how many deliveries of an app are unfinished.
func (s *Store) countOf(ctx context.Context, app string) (n int64, err error) {
	err = s.readFor(ctx, forFlow, "count what waits", func(q *reading) error {
		_, err := q.one(into(&n), waitingOfApp, app)
		return err
	})
	return n, err
}
