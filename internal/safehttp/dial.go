package safehttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// connect finds a connection for an exchange: one that was kept, or a new one. Its
// deadline is set, and ends with the caller's context.
func (c *Client) connect(x *exchange) (*conn, error) {
	for {
		k, h, err := c.pool.take(x.caller, x.target, x.afresh, x.deadline)
		if err != nil {
			return nil, err
		}
		if k != nil && (k.expired(x.start) || x.start.Sub(k.idleSince) >= c.pool.idleTimeout) {
			c.pool.discard(k) // each round uses up an idle connection, so this ends
			continue
		}
		kept := k != nil
		if !kept {
			if k, err = c.dialIn(x, h); err != nil {
				return nil, err
			}
		}
		// In this order: see watches.
		c.watches.follow(k, x.caller)
		err = k.setDeadline(x.deadline)
		if ended := x.caller.Err(); ended != nil {
			c.pool.discard(k)
			return nil, ended
		}
		if err == nil {
			return k, nil
		}
		c.pool.discard(k)
		if !kept {
			return nil, fmt.Errorf("set the deadline of a connection: %w", err)
		}
	}
}

// dialIn makes a connection in the place that a host has for it, or gives that back.
//
// A goroutine of its own does so: dialing and shaking hands take a deep stack, which would
// otherwise stay with whoever waits for the answer.
func (c *Client) dialIn(x *exchange, h *host) (k *conn, err error) {
	var (
		done   = make(chan struct{})
		broken any
	)
	c.pool.dials(1)
	go func() {
		defer close(done)
		defer func() { broken = recover() }()
		if k, err = c.dial(x); err != nil && exhausted(err) != nil && c.pool.shed() {
			k, err = c.dial(x)
		}
	}()
	<-done
	c.pool.dials(-1)
	if broken != nil {
		c.pool.release(h)
		panic(broken) // where there may be somebody who expects it
	}
	if err != nil {
		c.pool.release(h)
		x.veil(err)
		return nil, err
	}
	k.host = h
	return k, nil
}

// veil has names that lead nowhere take equally long, whether they exist or not: else
// the time would tell what the words do not.
func (x *exchange) veil(err error) {
	x.mu.Lock()
	nowhere := x.leadsNowhere(err)
	x.mu.Unlock()
	if !nowhere {
		return
	}
	rest := time.NewTimer(min(x.client.veilTime-time.Since(x.start), time.Until(x.deadline)))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-x.caller.Done():
	}
}

// dial opens a connection to the exchange's target, on its time.
func (c *Client) dial(x *exchange) (*conn, error) {
	ctx, cancel := context.WithDeadline(context.WithValue(x.caller, exchangeKey{}, x), x.deadline)
	defer cancel()

	x.lent = true
	x.enter(phaseDNS)
	dialed, err := c.dialer.DialContext(ctx, "tcp", x.target.addr)
	if err != nil {
		return nil, err
	}
	tcp, ok := dialed.(*net.TCPConn)
	if !ok {
		dialed.Close()
		return nil, errors.New("dialed something else than TCP")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		tcp.Close()
		return nil, fmt.Errorf("look below a connection: %w", err)
	}
	w := newWire(tcp, raw)
	k := &conn{
		Conn: w, wire: w, target: x.target,
		remote: tcp.RemoteAddr().String(), born: time.Now(), expires: maxConnAge,
	}
	k.attends = k.attend
	x.connected(k.remote)
	if x.target.secure {
		if err := c.secure(ctx, x, k); err != nil {
			tcp.Close()
			return nil, err
		}
	}
	return k, nil
}

// secure puts TLS over a connection.
func (c *Client) secure(ctx context.Context, x *exchange, k *conn) error {
	host, _, err := net.SplitHostPort(k.target.addr)
	if err != nil {
		return fmt.Errorf("split %q: %w", k.target.addr, err)
	}
	// A resumed session goes on speaking for the one it was made for, so an identity has
	// sessions of its own. Those of all others, who show no certificate, are shared.
	config := c.tlsFor(x)
	config.ServerName = strings.TrimSuffix(host, ".")
	t := tls.Client(k.wire, config)
	k.Conn, k.secure = t, true
	x.enter(phaseTLS)
	return t.HandshakeContext(ctx)
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
