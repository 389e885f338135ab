package safehttp

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// maxConnAge is how long a connection is used at most. A busy endpoint would
	// otherwise keep its first connection for ever and never notice that its
	// name has moved, say to the healthy half of a failover.
	maxConnAge = 5 * time.Minute

	// goodbye is how long the closing of a connection may wait for the receiver.
	goodbye = 100 * time.Millisecond
)

// longAgo is a deadline that ends whatever is under way.
var longAgo = time.Unix(1, 0)

// conn is a connection to a target. It belongs to one exchange or to the pool.
type conn struct {
	net.Conn // the wire, or TLS over it

	wire   *wire
	secure bool // there is TLS

	target   target
	remote   string
	born     time.Time
	expires  time.Duration                // age after which it takes no new request
	attends  func(fd uintptr) (done bool) // attend, made once
	used     bool                         // it has served a request before
	received int64                        // bytes of the response, inside TLS

	// Of the exchange under way.
	x       *exchange
	asked   bool // its request was written, or is being written
	writing writing
	first   [1]byte // of the response, if it was read ahead
	ahead   bool

	watch *watch    // whose end ends it
	until time.Time // its deadline, if that is known

	// The pool's.
	host      *host
	idleSince time.Time
	place     place
}

// SetDeadline is that of the wire. What sets it here is not what an exchange begins with.
func (k *conn) SetDeadline(t time.Time) error {
	k.until = time.Time{}
	return k.Conn.SetDeadline(t)
}

func (k *conn) Read(p []byte) (int, error) {
	if k.ahead && len(p) > 0 {
		k.ahead = false
		k.received++
		return copy(p, k.first[:]), nil
	}
	n, err := k.Conn.Read(p)
	k.received += int64(n)
	return n, err
}

// Close ends the connection, in the words of TLS if there is any.
func (k *conn) Close() error {
	k.watch.leave(k)
	k.watch = nil
	return k.Conn.Close()
}

// late is by how much an exchange may outlast its deadline, so that a busy connection does
// not have its own moved with each. None ends early.
const late = 5 * time.Millisecond

// setDeadline sets a deadline, or leaves one that is a little later.
func (k *conn) setDeadline(t time.Time) error {
	if !k.until.Before(t) && k.until.Sub(t) <= late {
		return nil
	}
	until := t.Add(late)
	if err := k.SetDeadline(until); err != nil {
		return err
	}
	k.until = until
	return nil
}

// abort closes the connection without a word, since the receiver may not listen.
func (k *conn) abort() {
	k.watch.leave(k)
	k.watch = nil
	k.wire.Close()
}

// attend is called, in the place where the connection is read, when its exchange begins:
// it writes the request, and tells whether there is nothing to wait for. Then it is called
// when something has come, and tells whether that is for the exchange.
//
// What comes after it was called first is not missed. What was there before is: so it is
// looked for here, on a kept connection right before the request is written, and on a new
// one right after that.
func (k *conn) attend(fd uintptr) (done bool) {
	if k.asked {
		return !k.secure || k.spoken()
	}
	fresh := !k.used
	if !fresh && !k.wire.look(fd, k.x.deadline) {
		return true
	}
	k.asked = true
	switch {
	case !k.x.send(k):
		return true
	case !fresh:
		return false
	case k.secure:
		return k.spoken()
	}
	return k.wire.there(fd)
}

// spoken tells whether TLS has something for the exchange, or has ended: what comes at
// first are most often tickets, which are its own.
func (k *conn) spoken() bool {
	k.wire.instant = true
	n, err := k.Conn.Read(k.first[:])
	k.wire.instant = false
	k.ahead = n > 0
	return k.ahead || !errors.Is(err, os.ErrDeadlineExceeded)
}

// expired reports whether the connection is too old for another request at a time.
func (k *conn) expired(now time.Time) bool { return now.Sub(k.born) >= k.expires }

// drained reports whether TLS has nothing left that it had read ahead. Those
// bytes the kernel no longer knows of.
func (k *conn) drained() bool {
	if !k.secure {
		return true
	}
	k.wire.dry = true
	defer func() { k.wire.dry = false }()
	n, err := k.Conn.Read(k.wire.one[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// keepAlive heeds a receiver that says when it will close an idle connection
// (Keep-Alive: timeout=5, as Node.js and Apache do). A request sent just as the
// receiver closes is lost without anybody knowing whether it was taken, so the
// connection is given up a moment earlier.
func (k *conn) keepAlive(h http.Header) {
	hint := h["Keep-Alive"]
	if len(hint) == 0 {
		return
	}
	for field := range strings.SplitSeq(hint[0], ",") {
		value, ok := strings.CutPrefix(strings.TrimSpace(field), "timeout=")
		if !ok {
			continue
		}
		seconds, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return
		}
		idle := time.Duration(seconds) * time.Second
		idle -= min(time.Second, idle/2)
		k.expires = min(maxConnAge, time.Since(k.born)+idle)
		return
	}
}

// wire is a connection itself, below TLS if there is any.
type wire struct {
	net.Conn // TCP
	raw      syscall.RawConn
	probes
	counter
	dry bool    // reads find nothing, as if their time were over
	one [1]byte // for reads that should find nothing

	instant bool // reads do not wait

	// Of the exchange under way. Only one whose request is written at once has
	// written right while it is read.
	written   int64 // bytes of the request
	heard     bool  // something came since begin
	unheeded  bool  // what came first was sent before the receiver had any of the request
	listening bool  // watch for that

	// outstanding is how many of the bytes written the receiver has not acknowledged.
	outstanding func() int64
}

func newWire(tcp net.Conn, raw syscall.RawConn) *wire {
	w := &wire{Conn: tcp, raw: raw}
	w.makeProbes()
	w.makeCounter()
	w.outstanding = w.unacknowledged
	return w
}

// begin is called before an exchange on the connection. watch says that what comes
// before the receiver can have read the request is to be noted.
func (w *wire) begin(watch bool) {
	w.written, w.heard, w.unheeded, w.listening = 0, false, false, watch
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.written += int64(n)
	return n, err
}

func (w *wire) Read(p []byte) (int, error) {
	if w.dry {
		return 0, os.ErrDeadlineExceeded // which does not break a TLS connection
	}
	var (
		n   int
		err error
	)
	if w.instant {
		n, err = w.readInstant(p)
	} else if n, err = w.Conn.Read(p); errors.Is(err, os.ErrDeadlineExceeded) {
		// If this process was stopped for a while, or did not get to run, an answer
		// that came in time has been waiting. Whoever goes on sending gains little:
		// all that is read is bounded.
		if now, nowErr, there := w.readNow(p); there {
			n, err = now, nowErr
		}
	}
	if n > 0 && !w.heard {
		w.heard = true
		// Whatever is sent by somebody who has the request acknowledges it.
		w.unheeded = w.listening && w.written > 0 && w.outstanding() >= w.written
	}
	return n, err
}

// SetWriteDeadline shortens the five seconds that tls.Conn.Close allows itself to
// send its goodbye, so that a receiver that stopped reading cannot hold us past
// the deadline.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if latest := time.Now().Add(goodbye); t.After(latest) {
		t = latest
	}
	return w.Conn.SetWriteDeadline(t)
}
