package engine

import (
	"sync"
	"sync/atomic"

	"github.com/bellhop/bellhop"
)

// watchers are told of attempts as they are recorded on this node, or seen to have been on
// others (watchothers.go). A delivery hands its
// attempt over and goes on: one goroutine looks who may see it, while there are watchers.
type watchers struct {
	// watching is how many there are, for those who do not lock.
	watching atomic.Int32
	news     chan *Seen
	// began tells that there is a watcher.
	began chan struct{}
	// missed counts what did not fit into news.
	missed atomic.Int64

	mu  sync.Mutex
	all map[*Watcher]struct{}
	// everywhere are those who see all apps, and of those who see an app, so that
	// whoever cannot see an attempt is not asked.
	everywhere map[*Watcher]struct{}
	of         map[string]map[*Watcher]struct{}
	// stop ends the goroutine; nil while there is none.
	stop   chan struct{}
	closed bool
}

// Seen is an attempt, without headers and bodies, as all of its watchers see it: they
// must not change it.
type Seen struct {
	bellhop.Attempt
	once  sync.Once
	shown []byte
}

// Shown is what render makes of the attempt, which it is asked for once, whoever asks:
// what is the same for many readers is not made for each.
func (s *Seen) Shown(render func(bellhop.Attempt) []byte) []byte {
	s.once.Do(func() { s.shown = render(s.Attempt) })
	return s.shown
}

// Watcher is one follower of the attempts.
type Watcher struct {
	watchers *watchers
	filter   bellhop.AttemptFilter
	ch       chan *Seen
	lost     atomic.Int64
	closed   bool
}

const (
	// watchBuffer is how far a watcher may fall behind before it loses attempts:
	// delivering never waits for whoever looks on.
	watchBuffer = 256
	// newsBuffer is how far they all may, where a lot happens at once.
	newsBuffer = 4096
)

func newWatchers() *watchers {
	return &watchers{
		news: make(chan *Seen, newsBuffer), began: make(chan struct{}, 1), all: map[*Watcher]struct{}{},
		everywhere: map[*Watcher]struct{}{}, of: map[string]map[*Watcher]struct{}{},
	}
}

// Watch gives the attempts as they are recorded, without headers and bodies, until Close or
// the end of Run: those of this node at once, and those of others some moments later. Of the filter, Scope, Endpoint, Event,
// Delivery, Type and Status count.
func (e *Engine) Watch(f bellhop.AttemptFilter) *Watcher {
	ws := e.watchers
	w := &Watcher{watchers: ws, filter: f, ch: make(chan *Seen, watchBuffer)}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed {
		w.close()
		return w
	}
	ws.all[w] = struct{}{}
	if f.Scope.All {
		ws.everywhere[w] = struct{}{}
	}
	for _, app := range w.apps() {
		if ws.of[app] == nil {
			ws.of[app] = map[*Watcher]struct{}{}
		}
		ws.of[app][w] = struct{}{}
	}
	if ws.watching.Store(int32(len(ws.all))); len(ws.all) == 1 {
		ws.stop = make(chan struct{})
		wake(ws.began)
		go ws.spread(ws.stop)
	}
	return w
}

// apps are those that it is listed under.
func (w *Watcher) apps() []string {
	if w.filter.Scope.All {
		return nil
	}
	return w.filter.Scope.Apps
}

// C gives the attempts; it is closed when there are no more.
func (w *Watcher) C() <-chan *Seen { return w.ch }

// Lost counts the attempts that were missed since the last call, because the
// watcher was too slow.
func (w *Watcher) Lost() int64 { return w.lost.Swap(0) }

// Close ends the watcher.
func (w *Watcher) Close() {
	ws := w.watchers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w.closed {
		return
	}
	w.close()
	delete(ws.all, w)
	delete(ws.everywhere, w)
	for _, app := range w.apps() {
		if delete(ws.of[app], w); len(ws.of[app]) == 0 {
			delete(ws.of, app)
		}
	}
	if ws.watching.Store(int32(len(ws.all))); len(ws.all) == 0 {
		close(ws.stop)
	}
}

func (w *Watcher) close() {
	w.closed = true
	close(w.ch)
}

// send tells of an attempt, without waiting for anybody.
func (ws *watchers) send(a *bellhop.Attempt) {
	if ws.watching.Load() == 0 {
		return
	}
	s := &Seen{Attempt: *a}
	s.RequestHeader, s.RequestBody, s.ResponseHeader, s.ResponseBody, s.Captured = nil, nil, nil, nil, nil
	select {
	case ws.news <- s:
	default:
		ws.missed.Add(1)
	}
}

// spread tells the watchers, until there are none.
func (ws *watchers) spread(stop <-chan struct{}) {
	for {
		select {
		case s := <-ws.news:
			ws.tell(s)
		case <-stop:
			return
		}
	}
}

func (ws *watchers) tell(s *Seen) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if missed := ws.missed.Swap(0); missed > 0 {
		// Nobody knows whose they were.
		for w := range ws.all {
			w.lost.Add(missed)
		}
	}
	for w := range ws.everywhere {
		w.offer(s)
	}
	for w := range ws.of[s.App] {
		w.offer(s)
	}
}

func (w *Watcher) offer(s *Seen) {
	if !w.filter.Matches(&s.Attempt) {
		return
	}
	select {
	case w.ch <- s:
	default:
		w.lost.Add(1)
	}
}

func (ws *watchers) closeAll() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.closed = true
	if len(ws.all) > 0 {
		close(ws.stop)
	}
	ws.watching.Store(0)
	for w := range ws.all {
		w.close()
	}
	clear(ws.all)
	clear(ws.everywhere)
	clear(ws.of)
}
