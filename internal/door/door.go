// Package door is where connections to Bellhop come in: a listener that lets nobody
// hold anything for long who has not shown who he is.
//
// A process has a bounded number of files, and deliveries and the database need theirs
// whatever strangers do. So there are so many connections at most, and when one more
// comes, the one goes that has the least claim to stay: the stranger that has been here
// longest, or else whoever has been idle longest. What package net/http leaves open gets
// a deadline: a response that nobody reads, and everything once the server stops.
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
	// closingPatience is for whoever is still sending or reading when the server
	// stops.
	closingPatience = 2 * time.Second
)

// New makes a door of a listener with room for so many connections.
func New(l net.Listener, most int) *Door {
	return &Door{Listener: l, most: most, open: map[*conn]struct{}{}}
}

// Attend sets the hooks of a server that is going to serve at the door.
func (d *Door) Attend(s *http.Server) {
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, visitor{}, c)
	}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ok := c.(*conn); ok {
			c.turn(state)
		}
	}
	s.RegisterOnShutdown(d.hurry)
}

// visitor is the key of the connection in the context of its requests: there is no
// other way from a request to its connection.
type visitor struct{}

// Known says that whoever makes the request of this context has shown who he is. On
// other listeners it does nothing.
func Known(ctx context.Context) {
	if c, ok := ctx.Value(visitor{}).(*conn); ok && !c.known.Load() {
		c.door.know(c)
	}
}

// Accept gives the next connection. Where there is no room and nobody to take it from,
// connections are told so and closed.
func (d *Door) Accept() (net.Conn, error) {
	for {
		accepted, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: accepted, door: d}
		leaves, ok := d.admit(c)
		if leaves != nil {
			_ = leaves.Close()
		}
		if ok {
			return c, nil
		}
		_ = accepted.SetWriteDeadline(time.Now().Add(time.Second)) // it fits into an empty buffer
		_, _ = accepted.Write(busy)
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
	if oldest := d.strangers.Front(); oldest != nil {
		return oldest.Value.(*conn)
	}
	var longest *conn
	for c := range d.open {
		if since := c.idleSince.Load(); since != 0 && (longest == nil || since < longest.idleSince.Load()) {
			longest = c
		}
	}
	return longest
}

func (d *Door) know(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.known.Store(true)
	if c.place != nil {
		d.strangers.Remove(c.place)
		c.place = nil
	}
}

// forget takes a connection off the books.
func (d *Door) forget(c *conn) {
	delete(d.open, c)
	if c.place != nil {
		d.strangers.Remove(c.place)
		c.place = nil
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
