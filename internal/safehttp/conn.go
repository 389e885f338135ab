package safehttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
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

// dial opens a connection for the exchange in ctx. It works on the exchange's
// time: net/http takes the dial's ctx off the request's cancellation, and without
// a deadline of its own a hanging handshake would outlive the request.
func (c *Client) dial(ctx context.Context, addr string, secure bool) (net.Conn, error) {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("dial outside of an exchange")
	}
	ctx, cancel := context.WithDeadline(ctx, x.deadline)
	defer cancel()
	defer context.AfterFunc(x.caller, cancel)()

	x.enter(phaseDNS)
	tcp, err := c.dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	k := &conn{Conn: tcp, remote: tcp.RemoteAddr().String(), born: time.Now()}
	k.expires.Store(int64(maxConnAge))
	x.connected(k.remote)
	if !secure {
		return k, nil
	}

	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		tcp.Close()
		return nil, fmt.Errorf("split %q: %w", addr, err)
	}
	config := c.tls.Clone()
	config.ServerName = strings.TrimSuffix(host, ".")
	t := tls.Client(impatientConn{tcp}, config)
	x.enter(phaseTLS)
	if err := t.HandshakeContext(ctx); err != nil {
		tcp.Close()
		return nil, err
	}
	k.Conn = t
	return k, nil
}

// resolver asks the given DNS server or, with "", the system's.
func resolver(server string) *net.Resolver {
	return &net.Resolver{
		PreferGo: server != "", // the C library's resolver would not ask Dial
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if server != "" {
				address = server
			}
			k, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			// The resolver waits for an answer for five seconds and asks again,
			// even when nobody wants to know any more.
			context.AfterFunc(ctx, func() { k.SetDeadline(time.Unix(1, 0)) })
			return k, nil
		},
	}
}

// guard is the net.Dialer.ControlContext: it sees each address after DNS, right
// before connect(2). An error moves the dialer on to the name's next address.
func (c *Client) guard(ctx context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("refused to dial network %q", network)
	}
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("refused to dial an address that cannot be read: %w", err)
	}
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if err := c.policy.CheckAddr(target.Addr()); err != nil {
		x.refuse(target.Addr())
		return err
	}
	x.trying(target.String())
	return nil
}

// conn is a connection that knows what went over it and how long it may be used.
type conn struct {
	net.Conn // TCP, or TLS over it

	remote  string
	born    time.Time
	expires atomic.Int64 // age (time.Duration) after which it takes no new request

	sent, received atomic.Int64 // bytes inside TLS
}

func (k *conn) Read(p []byte) (int, error) {
	n, err := k.Conn.Read(p)
	k.received.Add(int64(n))
	return n, err
}

// Write leaves it to Read to find out that the receiver has hung up. A receiver
// may answer before it has read all (413, 401) and then close; net/http would
// report the failed write and drop the answer that is waiting to be read.
func (k *conn) Write(p []byte) (int, error) {
	n, err := k.Conn.Write(p)
	k.sent.Add(int64(n))
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return len(p), nil
	}
	return n, err
}

// expired reports whether the connection is too old for another request.
func (k *conn) expired() bool {
	return int64(time.Since(k.born)) >= k.expires.Load()
}

// keepAlive heeds a receiver that says when it will close an idle connection
// (Keep-Alive: timeout=5, as Node.js and Apache do). A request sent just as the
// receiver closes is lost without anybody knowing whether it was taken, so the
// connection is given up a moment earlier.
func (k *conn) keepAlive(h http.Header) {
	for _, field := range strings.Split(h.Get("Keep-Alive"), ",") {
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
		k.expires.Store(int64(min(maxConnAge, time.Since(k.born)+idle)))
		return
	}
}

// impatientConn sits below TLS. tls.Conn.Close allows itself five seconds to
// send its goodbye, so a receiver that stopped reading could hold us past the
// deadline.
type impatientConn struct{ net.Conn }

func (c impatientConn) SetWriteDeadline(t time.Time) error {
	if latest := time.Now().Add(goodbye); t.After(latest) {
		t = latest
	}
	return c.Conn.SetWriteDeadline(t)
}
