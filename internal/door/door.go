// Package door is where connections to Bellhop come in: a listener that lets nobody
// hold anything for long who has not shown who he is.
//
// A process has a bounded number of files, and deliveries and the database need theirs
// whatever strangers do. So there are so many connections at most, and when one more
// comes, the one goes that has the least claim to stay: the stranger that has been here
// longest, or else, of whoever holds most, the one that has been idle longest or that has
// waited longest for its client. Nobody may hold more than half. What package net/http
// leaves open gets a deadline: a response that nobody reads, and everything once the
// server stops.
//
// net/http also lets a request pass whose length is said in two ways, which proxies in
// front may understand otherwise (RFC 9112, section 6.1). framing.go looks out for it.
package door

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Door is a listener that bounds its connections. Give it to an http.Server with
// [Door.Attend].
type Door struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[*conn]struct{}
	// of counts those of each holder.
	of map[any]int
	// strangers are the open connections of whom nobody is known, the oldest first.
	strangers list.List
	// closing is set once the server stops.
	closing atomic.Bool
}

// The waits of a connection.
const (
	// readPace is how slowly, in bytes a second, a response may be read…
	readPace = 16 << 10
	// readPatience …once this has passed, which any response may take.
	readPatience = 30 * time.Second
	// strangerPatience is how long a stranger may read nothing of one.
	strangerPatience = 10 * time.Second
	// stuck is from when on a response is one that is not being read.
	stuck = time.Second
	// closingPatience is for whoever is still sending or reading when the server
	// stops.
	closingPatience = 2 * time.Second
)

// sendBuffer bounds what the system keeps of a response that nobody reads, in bytes; it
// counts its own expenses, too, and allows twice as much. By itself it lets this grow to
// some megabytes for each connection.
const sendBuffer = 64 << 10

// arriving is the part of all connections, one in so many, that is kept for those whose
// first request is still to come: were there no such part, they would push out each
// other while others who are known hold all the rest.
const arriving = 8

// New makes a door of a listener with room for so many connections.
func New(l net.Listener, most int) *Door {
	return &Door{Listener: l, most: most, open: map[*conn]struct{}{}, of: map[any]int{}}
}

// Attend sets the hooks of a server that is going to serve at the door.
func (d *Door) Attend(s *http.Server) {
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, visitor{}, within(c))
	}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if c := within(c); c != nil {
			c.turn(state)
		}
	}
	s.RegisterOnShutdown(d.hurry)
	s.HTTP2, s.Handler = Bound(), paced(s.Handler)
}

// visitor is the key of the connection in the context of its requests: there is no
// other way from a request to its connection.
type visitor struct{}

// Known says who makes the request of this context: connections count for their holder,
// which may be any value that can be compared. It tells whether he may hold this one:
// nobody may hold more than half of all, unless one of his is dispensable. On other
// listeners it does nothing.
func Known(ctx context.Context, holder any) bool {
	c, ok := ctx.Value(visitor{}).(*conn)
	if !ok || c == nil || c.heldBy(holder) {
		return true
	}
	leaves, ok := c.door.know(c, holder)
	if leaves != nil {
		_ = leaves.Close()
	}
	return ok
}

// Moved notes that a request which lasts as long as its client likes has come further: it
// has not been waited for since it began.
func Moved(ctx context.Context) {
	if c, ok := ctx.Value(visitor{}).(*conn); ok && c != nil && c.underSince.Load() != 0 {
		c.underSince.Store(time.Now().UnixNano())
	}
}

// Stats are the connections of a [Door].
type Stats struct {
	Strangers int // of whom nobody is known
	Busy      int // with a request of somebody who is known
	Idle      int // that somebody keeps who is known
	Max       int // how many there may be in all
}

// Stats says how many connections there are now.
func (d *Door) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{Strangers: d.strangers.Len(), Max: d.most}
	for c := range d.open {
		switch {
		case c.place != nil:
		case c.idleSince.Load() != 0:
			s.Idle++
		default:
			s.Busy++
		}
	}
	return s
}

// Accept gives the next connection. Where there is no room and nobody to take it from,
// connections are told so and closed.
func (d *Door) Accept() (net.Conn, error) {
	c, err := d.next(func(c net.Conn) {
		_ = c.SetWriteDeadline(time.Now().Add(time.Second)) // it fits into an empty buffer
		_, _ = c.Write(busy)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// next gives the next connection that may stay; others are refused and closed.
func (d *Door) next(refuse func(net.Conn)) (*conn, error) {
	for {
		accepted, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if tcp, ok := accepted.(interface{ SetWriteBuffer(int) error }); ok {
			_ = tcp.SetWriteBuffer(sendBuffer) // if it cannot be, only the bound is missing
		}
		c := &conn{Conn: accepted, wire: accepted, door: d}
		leaves, ok := d.admit(c)
		if leaves != nil {
			_ = leaves.Close()
		}
		if ok {
			return c, nil
		}
		refuse(accepted)
		_ = accepted.Close()
	}
}

// admit makes room for a connection, if there can be some.
func (d *Door) admit(c *conn) (leaves *conn, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.open) >= d.most {
		if leaves = d.dispensable(); leaves == nil {
			return nil, false
		}
		d.forget(leaves)
	}
	d.open[c] = struct{}{}
	c.place = d.strangers.PushBack(c)
	return leaves, true
}

// dispensable is the connection with the least claim to stay, if any may be closed.
func (d *Door) dispensable() *conn {
	oldest := d.strangers.Front()
	if oldest == nil || d.strangers.Len() < d.most/arriving {
		if c := d.spare(func(*conn) bool { return true }); c != nil {
			return c
		}
	}
	if oldest == nil {
		return nil
	}
	return oldest.Value.(*conn)
}

// spare is, of the known connections that are meant, one on which nothing is being
// worked: of the holder who has most, rather one that is idle, and the longest so.
func (d *Door) spare(meant func(*conn) bool) (best *conn) {
	var most int
	var bestIdle bool
	var longest int64
	now := time.Now()
	for c := range d.open {
		if c.holder == nil || d.of[c.holder] < most || !meant(c) {
			continue
		}
		since, idle := c.spareSince(now)
		switch n := d.of[c.holder]; {
		case since == 0:
		case n > most, idle && !bestIdle, idle == bestIdle && since < longest:
			best, most, bestIdle, longest = c, n, idle, since
		}
	}
	return best
}

// know counts a connection for its holder, if he may have one more, or has one to spare.
func (d *Door) know(c *conn, holder any) (leaves *conn, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, open := d.open[c]; !open {
		return nil, true // it had to make room
	}
	if d.of[holder] >= max(1, d.most/2) {
		if leaves = d.spare(func(c *conn) bool { return c.holder == holder }); leaves == nil {
			return nil, false
		}
		d.forget(leaves)
	}
	d.release(c)
	c.hold(holder)
	d.of[holder]++
	return leaves, true
}

// forget takes a connection off the books.
func (d *Door) forget(c *conn) {
	if _, open := d.open[c]; open {
		delete(d.open, c)
		d.release(c)
	}
}

// release counts a connection no more for whose it is.
func (d *Door) release(c *conn) {
	if c.place != nil {
		d.strangers.Remove(c.place)
		c.place = nil
	} else if d.of[c.holder]--; d.of[c.holder] == 0 {
		delete(d.of, c.holder)
	}
}

// hurry ends, as the server stops, what would hold it up: connections on which no
// request is under way are closed, and others have little time left to send or read.
func (d *Door) hurry() {
	d.closing.Store(true)
	d.mu.Lock()
	open := make([]*conn, 0, len(d.open))
	for c := range d.open {
		open = append(open, c)
	}
	d.mu.Unlock()
	for _, c := range open {
		c.hurry()
	}
}
