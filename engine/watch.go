package engine

import (
	"sync"
	"sync/atomic"

	"github.com/bellhop/bellhop"
)

// watchers are told of attempts as they are recorded on this node.
type watchers struct {
	mu     sync.RWMutex
	all    map[*Watcher]struct{}
	closed bool
}

// Watcher is one follower of the attempts.
type Watcher struct {
	of     *watchers
	filter bellhop.AttemptFilter
	ch     chan bellhop.Attempt
	lost   atomic.Int64
}

// watchBuffer is how far a watcher may fall behind before it loses attempts:
// delivering never waits for whoever looks on.
const watchBuffer = 256

// Watch gives the attempts as they are recorded on this node, without headers and
// bodies, until Close or the end of Run. Of the filter, Scope, Endpoint, Event,
// Delivery, Type and Status count.
func (e *Engine) Watch(f bellhop.AttemptFilter) *Watcher {
	w := &Watcher{of: &e.watchers, filter: f, ch: make(chan bellhop.Attempt, watchBuffer)}
	e.watchers.mu.Lock()
	defer e.watchers.mu.Unlock()
	if e.watchers.closed {
		close(w.ch)
		return w
	}
	if e.watchers.all == nil {
		e.watchers.all = map[*Watcher]struct{}{}
	}
	e.watchers.all[w] = struct{}{}
	return w
}

// C gives the attempts; it is closed when there are no more.
func (w *Watcher) C() <-chan bellhop.Attempt { return w.ch }

// Lost counts the attempts that were missed since the last call, because the
// watcher was too slow.
func (w *Watcher) Lost() int64 { return w.lost.Swap(0) }

// Close ends the watcher.
func (w *Watcher) Close() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	if _, ok := w.of.all[w]; ok {
		delete(w.of.all, w)
		close(w.ch)
	}
}

func (ws *watchers) send(a *bellhop.Attempt) {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	for w := range ws.all {
		if !w.filter.Matches(a) {
			continue
		}
		line := *a
		line.RequestHeader, line.ResponseHeader, line.ResponseBody = nil, nil, nil
		select {
		case w.ch <- line:
		default:
			w.lost.Add(1)
		}
	}
}

func (ws *watchers) closeAll() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.closed = true
	for w := range ws.all {
		close(w.ch)
	}
	ws.all = nil
}
