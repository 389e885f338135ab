package safehttp

import (
	"context"
	"sync"
	"time"
)

// watches end what waits for receivers when the context of its request ends. Requests
// with the same context, as all deliveries are, share one watch, and a connection stays
// with its watch between them: so most requests have nothing to do for being cancelable.
type watches struct {
	mu sync.Mutex
	of map[<-chan struct{}]*watch // by the channel of their contexts
}

// watch has the connections that end with a context, or would if they were busy. An idle
// one comes to no harm: whoever takes it follows his own context, and then sets its
// deadline.
type watch struct {
	all   *watches
	done  <-chan struct{}
	stop  func() bool
	conns map[*conn]struct{}
}

// follow has what a connection waits for end when ctx does. Its deadline is set after
// that, and ctx's error asked for after the deadline is set: else the end of ctx might
// be overwritten.
func (w *watches) follow(k *conn, ctx context.Context) {
	done := ctx.Done()
	if k.watch == nil && done == nil || k.watch != nil && k.watch.done == done {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	k.until = time.Time{} // the other watch may have moved its deadline
	k.watch.drop(k)
	if k.watch = nil; done == nil {
		return
	}
	to := w.of[done]
	if to == nil {
		to = &watch{all: w, done: done, conns: map[*conn]struct{}{}}
		to.stop = context.AfterFunc(ctx, func() { w.end(to) })
		w.of[done] = to
	}
	to.conns[k] = struct{}{}
	k.watch = to
}

// leave is for a connection that is no more.
func (w *watch) leave(k *conn) {
	if w != nil {
		w.all.mu.Lock()
		defer w.all.mu.Unlock()
		w.drop(k)
	}
}

// drop takes a connection from its watch, if it has one, which ends with its last one.
func (w *watch) drop(k *conn) {
	if w == nil {
		return
	}
	if delete(w.conns, k); len(w.conns) == 0 {
		w.stop()
		delete(w.all.of, w.done)
	}
}

// end ends what the connections of a watch wait for. Whoever has followed another context
// before is not among them, and whoever does so now waits, and sets his deadline then.
func (w *watches) end(of *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := range of.conns {
		k.Conn.SetDeadline(longAgo)
	}
}
