package safehttp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Dialing asks for a connection that something else than HTTP is spoken over.
type Dialing struct {
	Addr     string // host:port, from [Policy.CheckMailURL]
	Secure   bool   // TLS from the first byte
	Identity *Identity
	Timeout  time.Duration // from now to the end of all; 0 = 15 s
	MaxRead  int64         // bytes that are read at most; 0 = 1 MiB
}

// Link is a connection past the guard. Its deadline is set, and stays.
type Link struct {
	net.Conn
	x        *exchange
	tcp      net.Conn
	config   *tls.Config
	left     int64
	uncancel func() bool
	end      func() // counts it no more
}

// Dial makes a Link. If it cannot, what came of it is the Response, with a Reason.
func (c *Client) Dial(ctx context.Context, d Dialing) (*Link, Response) {
	start := time.Now()
	deadline := start.Add(orDefault(max(d.Timeout, 0), defaultTimeout))
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	host, _, err := net.SplitHostPort(d.Addr)
	x := &exchange{
		client: c, caller: ctx, host: d.Addr, target: target{addr: d.Addr, secure: d.Secure, identity: d.Identity},
		start: start, timeout: deadline.Sub(start).Round(time.Millisecond), deadline: deadline,
	}
	if err != nil {
		return nil, Response{Reason: ReasonURL, Detail: "the address of the server cannot be read", Duration: time.Since(start)}
	}
	config := c.tlsFor(x)
	config.NextProtos, config.ClientSessionCache = nil, nil
	config.ServerName = host

	place, err := c.pool.reserveFor(ctx, x.target, deadline)
	if err != nil {
		return nil, x.failed(err)
	}
	dialing, cancel := context.WithDeadline(context.WithValue(ctx, exchangeKey{}, x), deadline)
	defer cancel()
	x.enter(phaseDNS)
	c.pool.dials(1)
	tcp, err := c.dialer.DialContext(dialing, "tcp", d.Addr)
	if err != nil && exhausted(err) != nil && c.pool.shed() {
		tcp, err = c.dialer.DialContext(dialing, "tcp", d.Addr)
	}
	c.pool.dials(-1)
	if err != nil {
		c.pool.release(place)
		x.veil(err)
		return nil, x.failed(err)
	}
	x.connected(tcp.RemoteAddr().String())
	l := &Link{Conn: tcp, tcp: tcp, x: x, config: config, left: orDefault(max(d.MaxRead, 0), 1<<20)}
	l.end = sync.OnceFunc(func() { c.pool.release(place) })
	if err := tcp.SetDeadline(deadline); err != nil {
		tcp.Close()
		l.end()
		return nil, x.failed(err)
	}
	l.uncancel = context.AfterFunc(ctx, func() { tcp.SetDeadline(longAgo) })
	if d.Secure {
		x.enter(phaseTLS)
		secured := tls.Client(bounded{l}, config)
		if err := secured.HandshakeContext(dialing); err != nil {
			out := x.failed(err)
			l.Close()
			return nil, out
		}
		l.Conn = secured
	}
	x.enter(phaseSend)
	return l, Response{}
}

// TLSConfig is for whoever puts TLS over the link in the middle of a conversation.
func (l *Link) TLSConfig() *tls.Config { return l.config.Clone() }

// Wire is the connection to speak over: TLS itself if there is some.
func (l *Link) Wire() net.Conn {
	if l.Conn == l.tcp {
		return bounded{l}
	}
	return l.Conn
}

// Securing says whether what may fail next is a TLS handshake.
func (l *Link) Securing(now bool) {
	l.x.mu.Lock()
	defer l.x.mu.Unlock()
	l.x.phase = phaseSend
	if now {
		l.x.phase = phaseTLS
	}
}

// Hurry leaves the other side no more than d from now on.
func (l *Link) Hurry(d time.Duration) {
	if end := time.Now().Add(d); end.Before(l.x.deadline) {
		l.tcp.SetDeadline(end)
	}
}

// errTalkative is a server that says more than anybody would read.
var errTalkative = errors.New("the server sent more than any conversation needs")

// bounded is a Link that reads so much and no more, and whose deadline nobody moves.
type bounded struct{ *Link }

func (b bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTalkative
	}
	n, err := b.tcp.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (b bounded) Write(p []byte) (int, error)      { return b.tcp.Write(p) }
func (b bounded) SetDeadline(time.Time) error      { return nil }
func (b bounded) SetReadDeadline(time.Time) error  { return nil }
func (b bounded) SetWriteDeadline(time.Time) error { return nil }

// Close ends the link without waiting for the other side.
func (l *Link) Close() error {
	l.uncancel()
	defer l.end()
	return l.tcp.Close()
}

// Peer is the address of the other side.
func (l *Link) Peer() string { return l.x.peer() }

// Fail makes a Response of an error on the link. Doing completes "the server did not …"
// and "the server ended the connection when it was to …", such as "greet".
func (l *Link) Fail(err error, doing string) Response {
	l.x.mu.Lock()
	phase := l.x.phase
	l.x.mu.Unlock()
	if phase == phaseTLS {
		return l.x.failed(err)
	}
	out := l.x.failed(nil)
	switch {
	case errors.Is(l.x.caller.Err(), context.Canceled):
		out.Reason, out.Detail = ReasonCanceled, "the request was canceled before it was answered"
	case errors.Is(err, errTalkative):
		out.Reason, out.Detail = ReasonProtocol, l.Peer()+" sent more than any conversation needs when it was to "+doing
	case errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(l.x.deadline):
		out.Reason, out.Detail = ReasonTimeout, "no answer within "+l.x.timeout.String()+": connected to "+l.Peer()+", which did not "+doing
	case isReset(err), errors.Is(err, io.ErrClosedPipe):
		out.Reason, out.Detail = ReasonReset, l.Peer()+" ended the connection when it was to "+doing+": "+plain(err)
	default:
		out.Reason, out.Detail = ReasonProtocol, "the answer of "+l.Peer()+" when it was to "+doing+" is not usable: "+plain(err)
	}
	out.Detail = tidy(out.Detail)
	return out
}

// Took is the Response of a conversation that came to an end.
func (l *Link) Took() Response { return l.x.failed(nil) }
