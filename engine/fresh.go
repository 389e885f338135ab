package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
)

// How often a node looks at the store for what others did, while there may be others. All
// of it is found sooner where the store can wake its nodes.
const (
	// dueEvery is about how often it looks for what is due to the endpoints that it owns.
	// A look that takes long is followed by a rest dueRest times as long, up to dueMost.
	dueEvery = 150 * time.Millisecond
	dueRest  = 10
	dueMost  = 2 * time.Second
	// versionsEvery is how often, at least, it looks for changes of the configuration.
	versionsEvery = 400 * time.Millisecond
	// listenAgain is how long a node that cannot be woken waits before it tries anew.
	listenAgain = 30 * time.Second
	// askPause is how long what is missing in memory waits at least for the next look at
	// the store for it, so that nobody can keep the store busy with what there is not.
	askPause = 20 * time.Millisecond
	// asksPerSecond is how often that is looked for in the long run, and askBurst how often
	// in one go: what another node has just made is found that soon, whatever else is asked.
	asksPerSecond = 10
	askBurst      = 20
)

// heard is what other nodes told and was not seen to yet.
type heard struct {
	mu   sync.Mutex
	what bellhop.Wakeup
	some chan struct{}
}

func (h *heard) add(w bellhop.Wakeup) {
	h.mu.Lock()
	h.what.Add(w)
	h.mu.Unlock()
	wake(h.some)
}

func (h *heard) take() bellhop.Wakeup {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.what
	h.what = bellhop.Wakeup{}
	return w
}

// alone tells whether there are no other nodes.
func (e *Engine) alone() bool { return e.store.Alone() }

// tell wakes the other nodes, if there are any.
func (e *Engine) tell(w bellhop.Wakeup) {
	if !e.alone() {
		e.store.Wake(w)
	}
}

// listen hears what other nodes tell, until ctx ends.
func (e *Engine) listen(ctx context.Context) {
	said := false
	for ctx.Err() == nil {
		err := e.store.Wakeups(ctx, e.heard.add)
		if ctx.Err() != nil {
			return
		}
		if !said {
			said = true
			e.log.Info("this node cannot be woken by others: it looks at the database a few times a second instead", "err", err)
		}
		if pause(ctx, listenAgain) != nil {
			return
		}
	}
}

// keepUp follows what other nodes do, until ctx ends: when it is told, and else by looking,
// while there are any.
func (e *Engine) keepUp(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	for versionsAt := time.Duration(0); ; {
		var what bellhop.Wakeup
		look := false
		select {
		case <-ctx.Done():
			return
		case <-e.heard.some:
			what = e.heard.take()
		case <-e.resharing:
			what.Nodes = true
		case <-next.C:
			look = true
		}
		began := e.cfg.Elapsed()
		if look && !e.alone() && began >= versionsAt {
			e.failed(ctx, "looking for changes", e.freshen(ctx))
			versionsAt = began + versionsEvery
		}
		rest := e.seeTo(ctx, what, look && !e.alone())
		if look && !e.alone() {
			next.Reset(rest)
		} else if what.Nodes {
			next.Reset(dueEvery) // there may be others by now
		}
	}
}

// seeTo does what follows from a wakeup, and looks for what is due if asked to. It answers
// when to look again.
func (e *Engine) seeTo(ctx context.Context, w bellhop.Wakeup, look bool) (rest time.Duration) {
	// Jitter, so that nodes do not ask at the same time.
	rest = dueEvery*2/3 + time.Duration(e.cfg.Random()*float64(dueEvery)*2/3)
	if w.Routes || w.Catalogue || w.Access || w.Erased || w.Hastened {
		e.failed(ctx, "looking for changes", e.freshen(ctx))
	}
	if w.Nodes || look && e.uneven.Load() {
		even, err := e.share(ctx)
		e.uneven.Store(!even)
		e.failed(ctx, "sharing the endpoints out", err)
	}
	var own []bellhop.Bucket
	if look || len(w.Buckets) > 0 {
		own = e.ownBuckets()
	}
	if !look {
		own = slices.DeleteFunc(own, func(b bellhop.Bucket) bool { return !slices.Contains(w.Buckets, b) })
	}
	if len(own) > 0 {
		began := e.cfg.Elapsed()
		e.failed(ctx, "looking for what is due", e.noteDue(ctx, own, e.cfg.Now().Add(time.Millisecond)))
		rest = max(rest, min(dueRest*(e.cfg.Elapsed()-began), dueMost))
	}
	if w.Answers {
		wake(e.answered)
	}
	if len(w.Buckets) > 0 && slices.Contains(w.Buckets, 0) {
		wake(e.owing)
	}
	return rest
}

// freshen brings into memory what has changed since it was read.
func (e *Engine) freshen(ctx context.Context) error {
	v, err := e.store.Versions(ctx)
	if err != nil {
		return err
	}
	if v.Routes != e.table.Routes().Version() {
		err = errors.Join(err, e.table.LoadRoutes(ctx))
	}
	if v.Catalogue != e.table.Catalogue().Version() {
		err = errors.Join(err, e.table.LoadCatalogue(ctx))
	}
	if v.Access != e.table.Access().Version() {
		err = errors.Join(err, e.table.LoadAccess(ctx))
	}
	if old := e.erased.Swap(v.Erased); old != v.Erased {
		err = errors.Join(err, e.forgetErased(ctx))
		// What was being loaded meanwhile is in memory a moment later.
		e.eraseAgain.Store(true)
	} else if e.eraseAgain.Swap(false) {
		err = errors.Join(err, e.forgetErased(ctx))
	}
	if old := e.hastened.Swap(v.Hastened); old != v.Hastened {
		if failed := e.hastenSince(ctx, old); failed != nil {
			e.hastened.CompareAndSwap(v.Hastened, old)
			err = errors.Join(err, failed)
		}
	}
	if old := e.nodesSeen.Swap(&v.Nodes); old == nil || *old != v.Nodes {
		wake(e.resharing)
	}
	return err
}

// hastenSince has the endpoints tried that some node hastened since a version. One that was
// seen to work, by a test at that node, works: its circuit closes.
func (e *Engine) hastenSince(ctx context.Context, version int64) error {
	endpoints, err := e.store.Hastened(ctx, version)
	if err != nil {
		return err
	}
	var open []bellhop.EndpointID
	for _, endpoint := range endpoints {
		if e.Owns(endpoint) && e.lanes.Load(endpoint).Open {
			open = append(open, endpoint)
		}
	}
	var stored map[bellhop.EndpointID]bellhop.Vitals
	if len(open) > 0 {
		if stored, err = e.store.Vitals(ctx, open); err != nil {
			return err
		}
	}
	for _, endpoint := range endpoints {
		if v, r := stored[endpoint], e.table.Routes().Endpoint(endpoint); r != nil && v.Taken && v.OpenSince.IsZero() && v.Revision == r.Vitals.Revision {
			e.lanes.Vouch(r)
		}
		e.lanes.Hasten(endpoint)
	}
	return nil
}

// erasedPiece bounds one question.
const erasedPiece = 1000

// forgetErased drops what waits in memory of events that another node has erased.
func (e *Engine) forgetErased(ctx context.Context) error {
	for some := range slices.Chunk(e.lanes.Events(), erasedPiece) {
		erased, err := e.store.Erased(ctx, some)
		if err != nil {
			return err
		}
		if len(erased) == 0 {
			continue
		}
		events := make(map[bellhop.EventID]bool, len(erased))
		for _, id := range erased {
			events[id] = true
		}
		e.lanes.Forget(lane.Gone{Events: events})
	}
	return nil
}

// Missed is asked when something is not in memory, before anybody is told that there is no
// such thing: another node may just have made it. It tells whether to look again. That is so
// also where nothing new was found: what was missing may have been loaded between the look
// and this question. Where it cannot be known its error is ErrUnavailable, and nobody is to
// be told so.
func (e *Engine) Missed(ctx context.Context) (again bool, err error) {
	if e.alone() {
		return false, nil
	}
	if err := e.asks.do(ctx, e.stopping, e.freshen); err != nil {
		if !errors.Is(err, context.DeadlineExceeded) { // or each caller would have its line
			e.failed(ctx, "looking for what another node may have made", err)
		}
		return false, fmt.Errorf("look for what another node may have made: %w: %w", bellhop.ErrUnavailable, err)
	}
	return true, nil
}

// Alone tells whether there are no other nodes, which might have made something.
func (e *Engine) Alone() bool { return e.alone() }

// asks lets one question be asked at a time, and with a pause after each: callers share
// them. A caller is content with one that began after it came.
type asks struct {
	mu      sync.Mutex
	next    *ask // not asked yet
	running bool
	limit   *rate.Limiter
}

type ask struct {
	done chan struct{}
	err  error
}

func (a *asks) do(ctx context.Context, stop <-chan struct{}, question func(context.Context) error) error {
	a.mu.Lock()
	if a.next == nil {
		a.next = &ask{done: make(chan struct{})}
	}
	if a.limit == nil {
		a.limit = rate.NewLimiter(asksPerSecond, askBurst)
	}
	q := a.next
	if !a.running {
		a.running = true
		go a.run(context.WithoutCancel(ctx), stop, question)
	}
	a.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// askPatience is how long a question may take.
const askPatience = 5 * time.Second

func (a *asks) run(ctx context.Context, stop <-chan struct{}, question func(context.Context) error) {
	for {
		a.mu.Lock()
		q := a.next
		if a.next = nil; q == nil {
			a.running = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, askPatience)
		q.err = question(asking)
		cancel()
		close(q.done)
		rest := time.NewTimer(max(askPause, a.limit.Reserve().Delay()))
		select {
		case <-rest.C:
		case <-stop:
			rest.Stop()
		}
	}
}
