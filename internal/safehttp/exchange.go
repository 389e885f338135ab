package safehttp

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"
)

// exchange is what is known about one request under way: enough to say, when it
// fails, in which phase and with whom. Its dial may go on in another goroutine
// after the request has found a free connection, hence the lock.
type exchange struct {
	caller   context.Context // of Do; a dial ends with it
	host     string
	timeout  time.Duration
	deadline time.Time

	mu      sync.Mutex
	phase   phase
	remote  string       // address being tried or connected to
	refused []netip.Addr // addresses the guard refused

	// Set once a connection is ours.
	conn           *conn // nil with a replaced transport
	reused         bool  // the connection had served a request before
	sent, received int64 // counters of conn at that time
}

type exchangeKey struct{}

// phase says how far an exchange has come. It only goes forward.
type phase int

const (
	phaseQueue   phase = iota // waiting for a connection, none being dialed for it
	phaseDNS                  // looking up the name
	phaseConnect              // connecting to an address
	phaseTLS                  // shaking hands
	phaseSend                 // sending the request
	phaseWait                 // waiting for response headers
	phaseBody                 // reading the response body
)

func (x *exchange) enter(p phase) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.phase = max(x.phase, p)
}

// dialed records the progress of a dial, unless the exchange has gone on without it.
func (x *exchange) dialed(p phase, remote string) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.phase < phaseSend {
		x.phase, x.remote = max(x.phase, p), remote
	}
}

func (x *exchange) trying(remote string)    { x.dialed(phaseConnect, remote) }
func (x *exchange) connected(remote string) { x.dialed(phaseConnect, remote) }

func (x *exchange) refuse(a netip.Addr) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refused = append(x.refused, a)
}

func (x *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: x.gotConn, WroteRequest: x.wroteRequest}
}

func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	k, ok := info.Conn.(*conn)
	if !ok {
		return
	}
	if info.Reused && k.expired() {
		// Too old to be trusted with a request. The closed connection makes
		// net/http fail before it has written anything, so Do goes on to the next.
		k.Close()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.phase, x.remote = phaseSend, k.remote
	x.conn, x.reused, x.sent, x.received = k, info.Reused, k.sent.Load(), k.received.Load()
}

func (x *exchange) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err == nil {
		x.enter(phaseWait)
	}
}

// unsent reports whether a request failed on a connection that had been idle
// without a byte of it having been written: the receiver had hung up, or the
// connection was too old. Only then is it certain that repeating it sends it once.
func (x *exchange) unsent() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.reused && x.conn.sent.Load() == x.sent
}

// payload is a request's body. It cannot be rewound, so net/http never sends it
// twice, and it lets go of the caller's bytes when the exchange is over, though
// net/http may still be writing after an early response.
type payload struct {
	mu   sync.Mutex
	rest []byte
	gone bool
}

var errGone = errors.New("the exchange is over")

func (b *payload) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return 0, errGone
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	if len(b.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

func (b *payload) Close() error { return nil }

func (b *payload) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest, b.gone = nil, true
}
