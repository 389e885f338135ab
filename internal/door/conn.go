package door

import (
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

	// holder is who made the last request, nil while nobody is known. It is set with the
	// door's mutex and mu, since the requests of HTTP/2 run side by side.
	holder any

	// Since when, in nanoseconds; 0 if it is not so.
	//
	// underSince is when the header of the request under way was complete, idleSince
	// when the last one was done.
	underSince, idleSince atomic.Int64
	// bodySince is since when a request is under way whose body is being waited for,
	// and stuckSince since when the next piece of a response is being written.
	bodySince, stuckSince atomic.Int64
	// unread says that a response, or some of it, was not read in time.
	unread atomic.Bool

	// wire is the TCP connection, below TLS where there is some.
	wire net.Conn

	mu sync.Mutex
	// readBy and writeBy are the deadlines that net/http and the handlers asked for.
	readBy, writeBy time.Time
	// readSet and writeSet are those that the connection below has, and reading says that
	// somebody reads: for each request net/http and the handlers set several deadlines
	// that no read ever meets, since the body came with the header.
	readSet, writeSet time.Time
	reading           bool

	// framing is what readers know of what comes; misframed tells those who write that it
	// has broken a header. A stream is answered while it is read.
	framing   framing
	misframed atomic.Bool
}

// turn keeps up with what net/http does. A connection is active once a request's header
// was read, not while one arrives.
func (c *conn) turn(state http.ConnState) {
	switch state {
	case http.StateActive:
		c.idleSince.Store(0)
		c.underSince.Store(time.Now().UnixNano())
	case http.StateIdle:
		c.underSince.Store(0)
		c.idleSince.Store(time.Now().UnixNano())
	}
}

// spareSince is since when nobody here works for the connection: it is idle, or its
// client is being waited for to send a request's body or to read a response. 0 means
// that somebody does.
func (c *conn) spareSince(now time.Time) (since int64, idle bool) {
	if since := c.idleSince.Load(); since != 0 {
		return since, true
	}
	if since := c.bodySince.Load(); since != 0 {
		return since, false
	}
	if since := c.stuckSince.Load(); since != 0 && since < now.Add(-stuck).UnixNano() {
		return since, false
	}
	return 0, false
}

// Read reads, and breaks a header that says its length twice, so that net/http refuses
// it.
func (c *conn) Read(b []byte) (int, error) {
	awaited, err := c.beginRead()
	if err != nil {
		return 0, err
	}
	if awaited && c.framing.inBody() {
		c.bodySince.Store(c.underSince.Load())
		defer c.bodySince.Store(0)
	}
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
	c.framing.see(b[:n])
	if c.framing.broken {
		c.misframed.Store(true)
	}
	return n, err
}

// beginRead sets the deadline that was asked for, and tells whether somebody is waiting
// for what is read.
func (c *conn) beginRead() (awaited bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.setRead(); err != nil {
		return false, err
	}
	c.reading = true
	return !c.readBy.IsZero(), nil
}

// setRead sets the deadline of the connection below, unless it has it; mu is held.
func (c *conn) setRead() error {
	if c.readSet.Equal(c.readBy) {
		return nil
	}
	c.readSet = c.readBy
	return c.Conn.SetReadDeadline(c.readBy)
}

// Write gives whoever reads so much time as the length allows, and a stranger little to
// go on reading. Package net/http has a deadline for all that a request takes, or none.
func (c *conn) Write(b []byte) (int, error) {
	if answer := insteadOf(b, c.misframed.Load()); answer != nil {
		n, err := c.Conn.Write(answer)
		return min(n, len(b)), err
	}
	defer c.stuckSince.Store(0)
	now := time.Now()
	by := now.Add(readPatience + time.Duration(len(b))*time.Second/readPace)
	hurried := false
	for done := 0; ; now = time.Now() {
		if !hurried && c.door.closing.Load() {
			hurried, by = true, earlier(by, now.Add(closingPatience))
		}
		until := by
		c.mu.Lock()
		if c.holder == nil {
			until = earlier(by, now.Add(strangerPatience))
		}
		if !c.writeBy.IsZero() {
			until = earlier(until, c.writeBy)
		}
		if late := until.Sub(c.writeSet); hurried || late < 0 || late > deadlineSlack || until.Sub(now) < 2*deadlineSlack {
			if err := c.Conn.SetWriteDeadline(until); err != nil {
				c.mu.Unlock()
				return done, err
			}
			c.writeSet = until
		}
		c.mu.Unlock()
		c.stuckSince.Store(now.UnixNano())
		n, err := c.Conn.Write(b[done:min(len(b), done+piece)])
		if done += n; err != nil {
			c.unread.Store(true)
			return done, err
		}
		if done == len(b) {
			return done, nil
		}
	}
}

// piece is how much of a response is written at once, in bytes: small enough to see
// whether it is being read at all.
const piece = 16 << 10

// deadlineSlack is by how much a long deadline of a write may be early: short answers
// that follow each other share one.
const deadlineSlack = time.Second

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// SetWriteDeadline bounds writes further.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeBy = t
	if t.IsZero() {
		return nil // each write sets its own
	}
	c.writeSet = t
	return c.Conn.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, and further once the server stops. Without one, nobody
// is waiting for what is read: net/http only looks whether the client is still there.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.IsZero() && c.door.closing.Load() {
		t = earlier(t, time.Now().Add(closingPatience))
	}
	c.readBy = t
	if !c.reading {
		return nil // the next read sets it
	}
	return c.setRead()
}

// hurry is Door.hurry for one connection.
func (c *conn) hurry() {
	if c.underSince.Load() == 0 {
		_ = c.Close()
		return
	}
	last := time.Now().Add(closingPatience)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeSet = last
	_ = c.wire.SetWriteDeadline(last)
	if !c.readBy.IsZero() && last.Before(c.readBy) {
		c.readBy, c.readSet = last, last
		_ = c.wire.SetReadDeadline(last)
	}
}

// Close closes the connection and frees its place. What was not read in time goes with
// it: else the system would offer it for minutes more, and keep it in memory.
func (c *conn) Close() error {
	c.door.mu.Lock()
	c.door.forget(c)
	c.door.mu.Unlock()
	if tcp, ok := c.wire.(interface{ SetLinger(int) error }); ok && (c.unread.Load() || c.stuckSince.Load() != 0) {
		_ = tcp.SetLinger(0)
	}
	return c.wire.Close()
}

// heldBy tells whether the last request was made by this holder.
func (c *conn) heldBy(holder any) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holder == holder
}

// hold says who makes a request; the door's mutex is held.
func (c *conn) hold(holder any) {
	c.mu.Lock()
	c.holder = holder
	c.mu.Unlock()
}

// CloseWrite is what net/http does before it closes a connection on which a client may
// still be sending, so that the client gets to read the answer.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}
