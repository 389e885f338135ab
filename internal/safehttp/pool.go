package safehttp

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"
)

// target is what connections are kept by: only a request to the very same
// target may go over one.
type target struct {
	secure bool   // https
	addr   string // host:port to dial
}

// pool keeps connections between requests and counts those in use. It starts no
// goroutine: who comes looks after what has become too old, and a timer, which
// only runs while connections are idle, does it when nobody comes.
type pool struct {
	maxPerHost     int // 0 = unlimited
	maxIdle        int
	maxIdlePerHost int
	idleTimeout    time.Duration

	mu      sync.Mutex
	closed  bool
	hosts   map[target]*host
	idle    list.List   // of *conn, the longest idle first
	janitor *time.Timer // nil while nothing is idle
}

// host is what the pool knows of one target.
type host struct {
	open    int          // connections, busy, idle and being dialed
	idle    []*conn      // the longest idle first
	waiting []chan *conn // for a connection or, with nil, the right to dial one; each has room for it
}

// take returns the idle connection used last, which is the least likely to have
// been closed meanwhile, or nil if the caller may dial one and must release it.
// With MaxConnsPerHost connections in use, it waits for either.
func (p *pool) take(ctx context.Context, t target, deadline time.Time) (*conn, error) {
	p.mu.Lock()
	h := p.hosts[t]
	if h == nil {
		h = new(host)
		p.hosts[t] = h
	}
	if n := len(h.idle); n > 0 {
		k := h.idle[n-1]
		p.unlist(h, n-1)
		p.mu.Unlock()
		return k, nil
	}
	if p.maxPerHost <= 0 || h.open < p.maxPerHost {
		h.open++
		p.mu.Unlock()
		return nil, nil
	}
	turn := make(chan *conn, 1)
	h.waiting = append(h.waiting, turn)
	p.mu.Unlock()

	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case k := <-turn:
		return k, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	if i := slices.Index(h.waiting, turn); i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
		p.mu.Unlock()
		return nil, ctx.Err()
	}
	p.mu.Unlock()
	if k := <-turn; k != nil { // our turn came too late
		p.put(k)
	} else {
		p.release(t)
	}
	return nil, ctx.Err()
}

// put takes a connection back that may be used again.
func (p *pool) put(k *conn) {
	k.idleSince = time.Now()
	p.mu.Lock()
	h := p.hosts[k.target]
	switch {
	case len(h.waiting) > 0:
		h.next() <- k
		p.mu.Unlock()
		return
	case p.closed || len(h.idle) >= p.maxIdlePerHost:
		p.mu.Unlock()
		p.discard(k)
		return
	}
	h.idle = append(h.idle, k)
	k.place = p.idle.PushBack(k)
	if p.janitor == nil {
		p.janitor = time.AfterFunc(p.idleTimeout, p.clean)
	}
	var surplus *conn
	if p.idle.Len() > p.maxIdle {
		surplus = p.unlistOldest()
	}
	p.mu.Unlock()
	if surplus != nil {
		p.discard(surplus)
	}
}

// discard closes a connection that is not idle.
func (p *pool) discard(k *conn) {
	k.Close()
	p.release(k.target)
}

// release gives up the right to have a connection open.
func (p *pool) release(t target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[t]
	if len(h.waiting) > 0 {
		h.next() <- nil
		return
	}
	if h.open--; h.open == 0 {
		delete(p.hosts, t)
	}
}

// clean closes what has been idle for too long.
func (p *pool) clean() {
	var old []*conn
	p.mu.Lock()
	p.janitor = nil
	for p.idle.Len() > 0 {
		age := time.Since(p.idle.Front().Value.(*conn).idleSince)
		if age < p.idleTimeout {
			p.janitor = time.AfterFunc(p.idleTimeout-age, p.clean)
			break
		}
		old = append(old, p.unlistOldest())
	}
	p.mu.Unlock()
	for _, k := range old {
		p.discard(k)
	}
}

// close closes the idle connections, and has the busy ones closed later.
func (p *pool) close() {
	var all []*conn
	p.mu.Lock()
	p.closed = true
	if p.janitor != nil {
		p.janitor.Stop()
		p.janitor = nil
	}
	for p.idle.Len() > 0 {
		all = append(all, p.unlistOldest())
	}
	p.mu.Unlock()
	for _, k := range all {
		p.discard(k)
	}
}

func (p *pool) unlistOldest() *conn {
	k := p.idle.Front().Value.(*conn)
	p.unlist(p.hosts[k.target], 0) // both lists are in the same order
	return k
}

func (p *pool) unlist(h *host, i int) {
	p.idle.Remove(h.idle[i].place)
	h.idle = slices.Delete(h.idle, i, i+1)
}

// next is who has been waiting longest, and waits no more.
func (h *host) next() chan *conn {
	turn := h.waiting[0]
	h.waiting = slices.Delete(h.waiting, 0, 1)
	return turn
}
