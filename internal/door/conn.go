package door

import (
	"bytes"
	"container/list"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one connection at the door.
type conn struct {
	net.Conn
	door *Door
	// place is that among the strangers; the door's mutex guards it.
	place *list.Element

	known atomic.Bool
	// under says that a request is under way: its header is complete.
	under atomic.Bool
	// idleSince is when the last request was done, in nanoseconds; 0 while one is
	// under way, and before the first.
	idleSince atomic.Int64

	mu sync.Mutex
	// readBy and writeBy are the deadlines that net/http and the handlers asked for.
	readBy, writeBy time.Time

	framing framing
}

// turn keeps up with what net/http does. A connection is active once a request's header
// was read, not while one arrives.
func (c *conn) turn(state http.ConnState) {
	switch state {
	case http.StateActive:
		c.idleSince.Store(0)
		c.under.Store(true)
	case http.StateIdle:
		c.under.Store(false)
		c.idleSince.Store(time.Now().UnixNano())
	}
}

// Read reads, and breaks a header that says its length twice, so that net/http refuses
// it.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.framing.see(b[:n])
	return n, err
}

// Write gives whoever reads so much time as the length allows. Package net/http has a
// deadline for all that a request takes, or none.
func (c *conn) Write(b []byte) (int, error) {
	if c.framing.broken && bytes.Equal(b, badRequest) {
		n, err := c.Conn.Write(twoLengths)
		return min(n, len(b)), err
	}
	patience := readPatience + time.Duration(len(b))*time.Second/readPace
	if c.door.closing.Load() {
		patience = closingPatience
	}
	by := time.Now().Add(patience)
	c.mu.Lock()
	if !c.writeBy.IsZero() && c.writeBy.Before(by) {
		by = c.writeBy
	}
	c.mu.Unlock()
	if err := c.Conn.SetWriteDeadline(by); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// SetWriteDeadline bounds writes further.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.writeBy = t
	c.mu.Unlock()
	if t.IsZero() {
		return nil // each write sets its own
	}
	return c.Conn.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, and further once the server stops. Without one, nobody
// is waiting for what is read: net/http only looks whether the client is still there.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	if !t.IsZero() && c.door.closing.Load() {
		if last := time.Now().Add(closingPatience); last.Before(t) {
			t = last
		}
	}
	return c.Conn.SetReadDeadline(t)
}

// hurry is Door.hurry for one connection.
func (c *conn) hurry() {
	if !c.under.Load() {
		_ = c.Close()
		return
	}
	last := time.Now().Add(closingPatience)
	_ = c.Conn.SetWriteDeadline(last)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.readBy.IsZero() && last.Before(c.readBy) {
		_ = c.Conn.SetReadDeadline(last)
	}
}

// Close closes the connection and frees its place.
func (c *conn) Close() error {
	c.door.mu.Lock()
	c.door.forget(c)
	c.door.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite is what net/http does before it closes a connection on which a client may
// still be sending, so that the client gets to read the answer.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}
