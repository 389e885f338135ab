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

	"github.com/bellhop/bellhop/internal/stage"
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

	// The request.
	u       *url.URL
	request Request
	// writes is what is in use for as long as another goroutine writes the request.
	writes *scratch
	// lent says that a dial has seen it, and may do so when it is over.
	lent bool
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
func (x *exchange) finish(out *Response, err error) {
	if err != nil {
		out.Reason, out.Detail = x.explain(err)
		out.Detail = tidy(out.Detail)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	out.RemoteAddr, out.Reused, out.Refused = x.remote, x.reused, x.refused
	out.Duration = time.Since(x.start)
}

// failed is the Response of an exchange that came to nothing.
func (x *exchange) failed(err error) (out Response) {
	x.finish(&out, err)
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

// do sends the request and reads the response, in the goroutine of the caller:
// handing the work to others and back costs more than the work. Whatever it waits
// for ends at the connection's deadline, which a cancellation moves to the past.
//
// stale says that the kept connection it went over was of no use any more, and that
// there is time for another one.
func (x *exchange) do(out *Response) (stale bool) {
	err := x.caller.Err()
	if err == nil {
		var k *conn
		if k, err = x.ask(); err == nil {
			return x.hear(k, out)
		}
	}
	x.finish(out, err)
	return false
}

// ask writes the request, and waits until something comes or the time is over: for most
// of an exchange's time, in which it has no buffers, and little on the stack.
func (x *exchange) ask() (*conn, error) {
	for {
		k, err := x.client.connect(x)
		if err != nil {
			return nil, err
		}
		k.x, k.asked = x, false
		// If it fails once the request is written, the reading will as well.
		_ = k.wire.attend(k.attends)
		if k.x = nil; k.asked {
			return k, nil
		}
		x.client.pool.discard(k) // it was closed, or something had come that nobody asked for
	}
}

// send writes the request. It tells whether there is an answer to wait for.
func (x *exchange) send(k *conn) bool {
	defer stage.Send.Begin().End(1)
	c := x.client
	x.got(k)
	s := c.scratches.Get().(*scratch)
	w := k.write(s, c.head(s, x.u, x.request), x.request.Body, x.reused)
	if w.done != nil {
		x.writes = s
		return true
	}
	c.scratches.Put(s)
	return w.err == nil
}

// written waits until the request is.
func (x *exchange) written(w *writing) {
	w.wait()
	if x.writes != nil {
		x.client.scratches.Put(x.writes)
		x.writes = nil
	}
}

// hear reads the response, and decides whether the connection can be used again.
func (x *exchange) hear(k *conn, out *Response) (stale bool) {
	c, w := x.client, &k.writing
	s := c.scratches.Get().(*scratch)
	defer c.scratches.Put(s)
	defer s.in.br.Reset(nil)
	s.in.reset(k)

	var (
		more bool
		err  error
	)
	*out, more, err = x.receive(&s.in, w, x.request)
	if k.wire.unheeded {
		*out, err = Response{}, errNobody
	}
	if err != nil || x.broken {
		// Where it is broken, nothing more is to be had. The receiver may be waiting for
		// us, so it is not waited for.
		if err == nil {
			x.finish(out, nil)
		}
		k.abort()
		x.written(w)
		c.pool.release(k.host)
		switch {
		case err == nil:
			return false
		case x.stale(w, err):
			return true
		}
		if w.err == nil {
			x.enter(phaseWait)
		}
		x.finish(out, err)
		return false
	}

	x.finish(out, nil)
	if more || w.unfinished() {
		k.SetDeadline(earlier(x.deadline, time.Now().Add(c.drainTime)))
	}
	if more {
		drain(&s.in, out)
	}
	x.written(w)
	k.keepAlive(out.Header)
	// A cancellation that has begun may have moved the deadline.
	if x.caller.Err() == nil && w.err == nil && s.in.clean() && k.drained() {
		c.pool.put(k, x.start.Add(out.Duration))
	} else {
		c.pool.discard(k)
	}
	return false
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
