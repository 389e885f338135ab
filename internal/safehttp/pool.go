package safehttp

import (
	"context"
	"errors"
	"math"
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

// pool keeps connections between requests, and counts them all. It starts no goroutine:
// who comes looks after what has become too old, and a timer, which only runs while
// connections are idle, does it when nobody comes.
type pool struct {
	max            int // connections in all
	maxIdle        int
	maxIdlePerHost int
	idleTimeout    time.Duration

	mu      sync.Mutex
	closed  bool
	open    int // connections, busy, idle and being dialed
	dialing int // of these
	hosts   map[target]*host
	idle    conns           // the longest idle first
	waiting []chan struct{} // for a connection to end; the one who came first is the first
	janitor *time.Timer     // nil while nothing is idle
}

// host is what the pool knows of one target.
type host struct {
	target target
	open   int     // connections, busy, idle and being dialed: at 0, it is forgotten
	idle   []*conn // the longest idle first
}

// take returns the idle connection used last, which is the least likely to have
// been closed meanwhile. Without one, or if a new one is wanted (afresh), there is none,
// and a place among the host's connections for one that the caller dials: he must release
// the host if that fails. At the bound of all connections, the one that is idle for
// longest makes way, whosever it is, and where none is idle, the caller waits until the
// deadline: errAllTaken says that there was none to be had until then.
func (p *pool) take(ctx context.Context, t target, afresh bool, deadline time.Time) (*conn, *host, error) {
	p.mu.Lock()
	for woken := false; ; woken = true {
		if h := p.hosts[t]; h != nil && !afresh && len(h.idle) > 0 {
			k := h.idle[len(h.idle)-1]
			p.unlist(k)
			if woken {
				p.wake() // this one took no place
			}
			p.mu.Unlock()
			return k, h, nil
		}
		switch {
		case p.open < p.max && (woken || len(p.waiting) == 0):
			h := p.reserve(t)
			p.mu.Unlock()
			return nil, h, nil
		case p.idle.Len() > 0:
			k := p.unlistOldest()
			p.mu.Unlock()
			p.discard(k)
			p.mu.Lock()
			continue
		}
		turn := make(chan struct{})
		if woken { // somebody else was faster
			p.waiting = slices.Insert(p.waiting, 0, turn)
		} else {
			p.waiting = append(p.waiting, turn)
		}
		p.mu.Unlock()
		err := p.wait(ctx, turn, deadline)
		p.mu.Lock()
		if err == nil {
			continue
		}
		if i := slices.Index(p.waiting, turn); i >= 0 {
			p.waiting = slices.Delete(p.waiting, i, i+1)
		} else {
			p.wake() // it was his turn: the next one's, then
		}
		p.mu.Unlock()
		return nil, nil, err
	}
}

// errAllTaken says that all connections that there may be were busy.
var errAllTaken = errors.New("as many connections are open as are allowed, and none was free in time")

// wait waits for a turn.
func (p *pool) wait(ctx context.Context, turn chan struct{}, deadline time.Time) error {
	end := time.NewTimer(time.Until(deadline))
	defer end.Stop()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-end.C:
		return errAllTaken
	}
}

// reserveFor is take for a connection that is never idle.
func (p *pool) reserveFor(ctx context.Context, t target, deadline time.Time) (*host, error) {
	_, h, err := p.take(ctx, t, true, deadline)
	return h, err
}

// Stats are the connections of a [Client].
type Stats struct {
	Busy    int // with a request
	Idle    int // kept for the next request
	Dialing int // being made
	Max     int // how many there may be in all; 0 = no bound
	Waiting int // requests that wait for one, since there are as many as there may be
}

// Stats says how many connections there are now.
func (c *Client) Stats() Stats {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Busy: p.open - p.idle.Len() - p.dialing, Idle: p.idle.Len(), Dialing: p.dialing, Max: p.max, Waiting: len(p.waiting)}
	if s.Max == math.MaxInt {
		s.Max = 0
	}
	return s
}

// wake gives his turn to who has waited longest.
func (p *pool) wake() {
	if len(p.waiting) > 0 {
		close(p.waiting[0])
		p.waiting = slices.Delete(p.waiting, 0, 1)
	}
}

// reserve makes a place for a connection.
func (p *pool) reserve(t target) *host {
	h := p.hosts[t]
	if h == nil {
		h = &host{target: t}
		p.hosts[t] = h
	}
	h.open++
	p.open++
	return h
}

// put takes a connection back that may be used again, at a time.
func (p *pool) put(k *conn, now time.Time) {
	k.idleSince = now
	p.mu.Lock()
	h := k.host
	if p.closed || len(h.idle) >= p.maxIdlePerHost {
		p.mu.Unlock()
		p.discard(k)
		return
	}
	h.idle = append(h.idle, k)
	p.idle.PushBack(k)
	if p.janitor == nil {
		p.janitor = time.AfterFunc(p.idleTimeout, p.clean)
	}
	var surplus *conn
	if p.idle.Len() > p.maxIdle {
		surplus = p.unlistOldest()
	}
	p.wake()
	p.mu.Unlock()
	if surplus != nil {
		p.discard(surplus)
	}
}

// discard closes a connection that is not idle.
func (p *pool) discard(k *conn) {
	k.Close()
	p.release(k.host)
}

// release notes that a connection is no more, or could not be made.
func (p *pool) release(h *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if h.open--; h.open == 0 {
		delete(p.hosts, h.target)
	}
	p.wake()
}

// dials counts the connections that are being made.
func (p *pool) dials(delta int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing += delta
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
	p.unlist(k)
	return k
}

func (p *pool) unlist(k *conn) {
	p.idle.Remove(k)
	h := k.host
	if last := len(h.idle) - 1; h.idle[last] == k {
		h.idle[last] = nil
		h.idle = h.idle[:last]
		return
	}
	i := slices.Index(h.idle, k)
	h.idle = slices.Delete(h.idle, i, i+1)
}

// conns is a list of connections. An element of package container/list would be garbage of
// every request.
type conns struct {
	first, last *place
	n           int
}

// place is a connection's own in the list.
type place struct {
	Value         any // the *conn
	before, after *place
}

func (l *conns) Len() int      { return l.n }
func (l *conns) Front() *place { return l.first }

func (l *conns) PushBack(k *conn) {
	at := &k.place
	at.Value, at.before = k, l.last
	if l.last != nil {
		l.last.after = at
	} else {
		l.first = at
	}
	l.last = at
	l.n++
}

func (l *conns) Remove(k *conn) {
	at := &k.place
	if at.before != nil {
		at.before.after = at.after
	} else {
		l.first = at.after
	}
	if at.after != nil {
		at.after.before = at.before
	} else {
		l.last = at.before
	}
	k.place = place{}
	l.n--
}
