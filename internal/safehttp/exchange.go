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
	start    time.Time
	timeout  time.Duration
	deadline time.Time

	// While it dials, several addresses may be tried at a time, and the last of
	// them be given up a moment after the dial has returned.
	mu      sync.Mutex
	phase   phase
	remote  string       // address being tried or connected to
	refused []netip.Addr // addresses the guard refused

	// Set once a connection is ours.
	reused bool  // it had served a request before
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

// errUnsent is a kept connection that turned out closed before one byte of the
// request was written. Only then is it certain that repeating it sends it once.
var errUnsent = errors.New("nothing was sent")

// do sends a request and reads the response, in the goroutine of the caller:
// handing the work to others and back costs more than the work. Whatever it waits
// for ends at the connection's deadline, which a cancellation moves to the past.
func (x *exchange) do(u *url.URL, r Request) (Response, error) {
	c := x.client
	if err := x.caller.Err(); err != nil {
		return x.finish(Response{}, err), nil
	}
	k, err := c.connect(x)
	if err != nil {
		return x.finish(Response{}, err), nil
	}
	x.got(k)
	uncancel := k.cancelWith(x.caller)
	s := c.scratches.Get().(*scratch)
	defer c.scratches.Put(s)
	defer s.in.br.Reset(nil)
	s.in.reset(k)

	w := k.write(s, c.head(s, u, r), r.Body)
	out, more, err := x.receive(&s.in, w, r)
	if err != nil {
		uncancel()
		k.abort()
		w.wait()
		c.pool.release(k.target)
		if x.reused && w.n == 0 && x.caller.Err() == nil && time.Now().Before(x.deadline) {
			return Response{}, errUnsent
		}
		if w.err == nil {
			x.enter(phaseWait)
		}
		return x.finish(out, err), nil
	}

	out = x.finish(out, nil)
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
	return out, nil
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
	more, err = x.keep(&out, in, in.length, r.MaxBody)
	return out, more, err
}

// keep reads the kept part of a body.
func (x *exchange) keep(out *Response, body io.Reader, length, limit int64) (more bool, err error) {
	x.enter(phaseBody)
	if out.Status < 200 {
		// 101 would hand us the raw connection, for something we did not ask for.
		return false, fmt.Errorf("unasked status %d", out.Status)
	}
	var full bool
	out.Body, full, err = keep(body, length, limit)
	out.Truncated = err != nil || full && length != limit
	return full && length-limit <= drainBytes, err
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
