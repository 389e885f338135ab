package safehttp

import (
	"container/list"
	"slices"
	"sync"
	"time"
)

// target is what connections are kept by: only a request to the very same
// target may go over one.
type target struct {
	secure      bool   // https
	addr        string // host:port to dial
	app         string // Request.App
	credentials string // Request.Credentials
	identity    *Identity
}

// pool keeps connections between requests. It starts no goroutine: who comes looks
// after what has become too old, and a timer, which only runs while connections are
// idle, does it when nobody comes.
type pool struct {
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
	open int     // connections, busy, idle and being dialed: at 0, it is forgotten
	idle []*conn // the longest idle first
}

// take returns the idle connection used last, which is the least likely to have
// been closed meanwhile, or nil: the caller may then dial one, and must release the
// target if that fails.
func (p *pool) take(t target) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.host(t)
	n := len(h.idle)
	if n == 0 {
		h.open++
		return nil
	}
	k := h.idle[n-1]
	p.unlist(h, n-1)
	return k
}

// reserve is take for a caller who wants a new connection.
func (p *pool) reserve(t target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.host(t).open++
}

func (p *pool) host(t target) *host {
	h := p.hosts[t]
	if h == nil {
		h = new(host)
		p.hosts[t] = h
	}
	return h
}

// put takes a connection back that may be used again.
func (p *pool) put(k *conn) {
	k.idleSince = time.Now()
	p.mu.Lock()
	h := p.hosts[k.target]
	if p.closed || len(h.idle) >= p.maxIdlePerHost {
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

// release notes that a connection is no more, or could not be made.
func (p *pool) release(t target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[t]
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

// shed closes the idle connections that were used longest ago, half of them, since
// somebody needs their descriptors more. It tells whether there were any.
func (p *pool) shed() bool {
	var old []*conn
	p.mu.Lock()
	for n := (p.idle.Len() + 1) / 2; n > 0; n-- {
		old = append(old, p.unlistOldest())
	}
	p.mu.Unlock()
	for _, k := range old {
		p.discard(k)
	}
	return len(old) > 0
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
