package bellhop

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	filter AttemptFilter
	ch     chan Attempt
	lost   atomic.Int64
}

// watchBuffer is how far a watcher may fall behind before it loses attempts:
// delivering never waits for whoever looks on.
const watchBuffer = 256

// Watch gives the attempts as they are recorded on this node, without headers and
// bodies, until Close or the end of Run. Of the filter, Apps, Endpoint, Event,
// Delivery, Type and Status count.
func (b *Bellhop) Watch(f AttemptFilter) *Watcher {
	w := &Watcher{of: &b.watchers, filter: f, ch: make(chan Attempt, watchBuffer)}
	b.watchers.mu.Lock()
	defer b.watchers.mu.Unlock()
	if b.watchers.closed {
		close(w.ch)
		return w
	}
	if b.watchers.all == nil {
		b.watchers.all = map[*Watcher]struct{}{}
	}
	b.watchers.all[w] = struct{}{}
	return w
}

// C gives the attempts; it is closed when there are no more.
func (w *Watcher) C() <-chan Attempt { return w.ch }

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

func (ws *watchers) send(a *Attempt) {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	for w := range ws.all {
		if !w.filter.matches(a) {
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

// matches tells whether the attempt is selected, by what does not depend on time.
func (f *AttemptFilter) matches(a *Attempt) bool {
	return (f.Apps == nil || slices.Contains(f.Apps, a.App)) &&
		(f.Endpoint == 0 || f.Endpoint == a.Endpoint) &&
		(f.Event == 0 || f.Event == a.Event) &&
		(f.Delivery == 0 || f.Delivery == a.Delivery) &&
		(f.Status == "" || f.Status == a.Status) &&
		MatchName(f.Type, a.Type)
}

// MatchName tells whether name is selected by a filter: "" selects everything, a
// trailing "*" everything that begins so, and anything else itself.
func MatchName(filter, name string) bool {
	if filter == "" {
		return true
	}
	if prefix, ok := strings.CutSuffix(filter, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return filter == name
}
