package safehttp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// exchange is what is known about one request under way: enough to say, when it
// fails, in which phase and with whom.
type exchange struct {
	client   *Client
	caller   context.Context // of Do
	host     string
	target   target
	afresh   bool // no kept connection will do
	start    time.Time
	timeout  time.Duration
	deadline time.Time

	// While it dials, several addresses may be tried at a time, and the last of
	// them be given up a moment after the dial has returned.
	mu      sync.Mutex
	phase   phase
	remote  string       // address being tried or connected to
	refused []netip.Addr // addresses the guard refused
	asked   asked        // for our certificate

	// Set once a connection is ours.
	reused bool  // it had served a request before
	broken bool  // the body has no end that could be waited for
	conn   *conn // nil with a replaced transport
}

type exchangeKey struct{}

// phase says how far an exchange has come. It only goes forward.
type phase int

const (
	phaseBegin   phase = iota // no connection yet, and none being dialed
	phaseDNS                  // looking up the name
	phaseConnect              // connecting to an address
	phaseTLS                  // shaking hands
	phaseSend                 // sending the request
	phaseWait                 // waiting for response headers
	phaseBody                 // reading the response body
)

// asked says whether a receiver asked for a client certificate.
type asked int

const (
	notAsked asked = iota
	askedInVain
	askedAndGot
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
	if x.phase < phaseTLS {
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

// got records that the exchange has its connection.
func (x *exchange) got(k *conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.phase, x.remote, x.conn, x.reused = phaseSend, k.remote, k, k.used
	k.used, k.received = true, 0
}

// finish completes a Response with what is known about its exchange.
func (x *exchange) finish(out Response, err error) Response {
	if err != nil {
		out.Reason, out.Detail = x.explain(err)
		out.Detail = tidy(out.Detail)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	out.RemoteAddr, out.Reused, out.Refused = x.remote, x.reused, x.refused
	out.Duration = time.Since(x.start)
	return out
}

// scratch is the memory of one exchange, for the next one to use.
type scratch struct {
	out   []byte   // the request or, if that is large, its head
	names []string // of its headers
	in    responseReader
}

func newScratch() any {
	return &scratch{in: responseReader{br: bufio.NewReaderSize(nil, 4<<10)}}
}

// errNobody is an answer on a kept connection that was sent before the receiver had
// any of the request: whatever it answers, it is not that.
var errNobody = errors.New("an answer came before the receiver had the request")

// do sends a request and reads the response, in the goroutine of the caller:
// handing the work to others and back costs more than the work. Whatever it waits
// for ends at the connection's deadline, which a cancellation moves to the past.
//
// stale says that the kept connection it went over was of no use any more, and that
// there is time for another one.
func (x *exchange) do(u *url.URL, r Request) (out Response, stale bool) {
	c := x.client
	if err := x.caller.Err(); err != nil {
		return x.finish(Response{}, err), false
	}
	k, err := c.connect(x)
	if err != nil {
		return x.finish(Response{}, err), false
	}
	x.got(k)
	uncancel := k.cancelWith(x.caller)
	s := c.scratches.Get().(*scratch)
	defer c.scratches.Put(s)
	defer s.in.br.Reset(nil)
	s.in.reset(k)

	w := k.write(s, c.head(s, u, r), r.Body, x.reused)
	out, more, err := x.receive(&s.in, w, r)
	if k.wire.unheeded {
		out, err = Response{}, errNobody
	}
	if err != nil {
		uncancel()
		k.abort()
		w.wait()
		c.pool.release(k.target)
		if x.stale(w, err) {
			return Response{}, true
		}
		if w.err == nil {
			x.enter(phaseWait)
		}
		return x.finish(out, err), false
	}

	out = x.finish(out, nil)
	if x.broken {
		// Nothing more is to be had. It may be waiting for us, so it is not waited for.
		uncancel()
		k.abort()
		w.wait()
		c.pool.release(k.target)
		return out, false
	}
	if more || w.unfinished() {
		k.SetDeadline(earlier(x.deadline, time.Now().Add(c.drainTime)))
	}
	if more {
		drain(&s.in, &out)
	}
	w.wait()
	k.keepAlive(out.Header)
	// A cancellation that has begun may still move the deadline when another
	// exchange has the connection.
	if uncancel() && w.err == nil && s.in.clean() && k.drained() {
		c.pool.put(k)
	} else {
		c.pool.discard(k)
	}
	return out, false
}

// stale tells whether a failed exchange says nothing but that its kept connection
// had been closed, or belonged to an older answer: then nobody has answered the
// request, and it is sent once more, over a new connection. The receiver may have
// read it all the same. That is what its event id is for.
func (x *exchange) stale(w *writing, err error) bool {
	if !x.reused || x.caller.Err() != nil || !time.Now().Before(x.deadline) {
		return false
	}
	return err == errNobody || w.n == 0 || x.conn.received == 0 && isReset(err)
}

// receive reads the kept part of the response. more says that the rest is worth
// reading, so that the connection can be used again.
func (x *exchange) receive(in *responseReader, w *writing, r Request) (out Response, more bool, err error) {
	switch {
	case w.done != nil: // it is still being written
	case w.err == nil:
		x.enter(phaseWait)
	case w.n == 0 && x.reused, !hungUp(w.err):
		return out, false, w.err
	}
	out.Status, out.Header, err = in.readHead(r.Method)
	if err != nil {
		return out, false, err
	}
	if out.Status < 200 {
		return out, false, unasked(out.Status)
	}
	out.Remark = tidy(in.remarks())
	if in.unframed != "" {
		x.broken, out.Truncated = true, true
		return out, false, nil
	}
	return out, x.keep(&out, in, in.length, r.MaxBody), nil
}

// unasked is the error of a 101, which would hand us the raw connection, for something
// that we did not ask for.
func unasked(status int) error { return fmt.Errorf("unasked status %d", status) }

// keep reads the kept part of a body.
// That it breaks off or does not end in time is no failure: what the response means
// is in its head.
func (x *exchange) keep(out *Response, body io.Reader, length, limit int64) (more bool) {
	x.enter(phaseBody)
	var (
		full bool
		err  error
	)
	out.Body, full, err = keep(body, length, limit)
	out.Truncated = err != nil || full && length != limit
	if err != nil {
		x.broken, out.Remark = true, tidy(x.shortfall(err))
	}
	return err == nil && full && length-limit <= drainBytes
}

// drain reads on for as long as drainBytes and the body's deadline allow.
func drain(body io.Reader, out *Response) {
	n, err := io.CopyN(io.Discard, body, drainBytes+1)
	if n == 0 && err == io.EOF {
		out.Truncated = false // it was exactly as long as the limit
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
