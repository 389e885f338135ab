package door

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// handshakePatience is how long a stranger may take to agree on TLS.
const handshakePatience = 10 * time.Second

// Secure is the door with TLS: a listener for the same server. Handshakes run side by
// side, and each holds a place meanwhile, as any stranger does. The config's NextProtos
// decides about HTTP/2.
func (d *Door) Secure(config *tls.Config) net.Listener {
	return &secureDoor{Door: d, config: config, agreed: make(chan net.Conn), failed: make(chan error), done: make(chan struct{})}
}

type secureDoor struct {
	*Door
	config *tls.Config
	begin  sync.Once
	end    sync.Once
	agreed chan net.Conn
	failed chan error
	done   chan struct{}
}

// Accept gives the next connection that has agreed on TLS.
func (s *secureDoor) Accept() (net.Conn, error) {
	s.begin.Do(func() { go s.receive() })
	select {
	case c := <-s.agreed:
		return c, nil
	case err := <-s.failed:
		return nil, err
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close stops listening; connections that are still agreeing are closed when they have.
func (s *secureDoor) Close() error {
	s.end.Do(func() { close(s.done) })
	return s.Listener.Close()
}

func (s *secureDoor) receive() {
	for {
		c, err := s.next(func(net.Conn) {}) // it could not be told without a handshake
		if err == nil {
			go s.agree(c)
			continue
		}
		select {
		case s.failed <- err: // taken once the server has waited as it thinks right
		case <-s.done:
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// agree makes the handshake and hands the connection to the server. What net/http reads
// of HTTP/1.1 is looked at as it is without TLS; HTTP/2 says each length once, and only
// its bytes on the wire are watched over.
func (s *secureDoor) agree(c *conn) {
	below := &below{Conn: c.wire}
	over := tls.Server(below, s.config)
	ctx, cancel := context.WithTimeout(context.Background(), handshakePatience)
	defer cancel()
	if err := over.HandshakeContext(ctx); err != nil {
		if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && isHTTP(plain.RecordHeader) {
			_ = c.wire.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(c.wire, plainRequest)
		}
		_ = c.Close()
		return
	}
	var agreed net.Conn
	if over.ConnectionState().NegotiatedProtocol == "h2" {
		c.framing.blind, below.Conn, agreed = true, c, over
	} else {
		c.Conn, agreed = over, &secured{c, over}
	}
	select {
	case s.agreed <- agreed:
	case <-s.done:
		_ = c.Close()
	}
}

const plainRequest = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"This address speaks https: ask for the same with https://\n"

// isHTTP knows the beginning of a request without TLS.
func isHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET":
		return true
	}
	return false
}

// below is what TLS reads and writes: the wire until the handshake is done, and for
// HTTP/2 the watched connection from then on.
type below struct{ net.Conn }

// secured is a connection that speaks HTTP/1.1 over TLS.
type secured struct {
	*conn
	over *tls.Conn
}

// ConnectionState tells net/http of the TLS that it cannot see.
func (s *secured) ConnectionState() tls.ConnectionState { return s.over.ConnectionState() }

// Close says farewell, so that nobody takes the end for a broken connection, unless what
// was said before was not read either.
func (s *secured) Close() error {
	if !s.unread.Load() && s.stuckSince.Load() == 0 {
		_ = s.wire.SetWriteDeadline(time.Now().Add(time.Second))
		_ = s.over.CloseWrite()
	}
	return s.conn.Close()
}

// within is the door's connection of one that the server has, nil if it has none.
func within(c net.Conn) *conn {
	switch c := c.(type) {
	case *conn:
		return c
	case *secured:
		return c.conn
	case *tls.Conn:
		if b, ok := c.NetConn().(*below); ok {
			own, _ := b.Conn.(*conn)
			return own
		}
	}
	return nil
}

// Bound keeps HTTP/2 within what a connection of HTTP/1.1 may ask for: requests that run
// at once, and what is taken of bodies that nobody reads.
func Bound() *http.HTTP2Config {
	return &http.HTTP2Config{MaxConcurrentStreams: 32, MaxReceiveBufferPerConnection: 256 << 10, MaxReceiveBufferPerStream: 64 << 10}
}

// paced gives whoever reads an answer of HTTP/2 as much time as conn.Write gives one of
// HTTP/1.1. The connection cannot tell: in HTTP/2 a client may keep it going and leave
// one answer unread.
func paced(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			h.ServeHTTP(w, r)
			return
		}
		c, _ := r.Context().Value(visitor{}).(*conn)
		answer := &answer{ResponseWriter: w, control: http.NewResponseController(w), conn: c}
		h.ServeHTTP(answer, r)
		answer.within(0) // what is left of it is written when this has returned
	})
}

type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	conn    *conn
	// by is the deadline that the handler asked for.
	by time.Time
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// within bounds what is written next, so many bytes.
func (a *answer) within(bytes int) {
	until := time.Now().Add(readPatience + time.Duration(bytes)*time.Second/readPace)
	if a.conn != nil && a.conn.heldBy(nil) {
		until = earlier(until, time.Now().Add(strangerPatience))
	}
	if !a.by.IsZero() {
		until = earlier(until, a.by)
	}
	_ = a.control.SetWriteDeadline(until)
}

// SetWriteDeadline bounds writes further; it is for http.ResponseController.
func (a *answer) SetWriteDeadline(t time.Time) error {
	a.by = t
	return a.control.SetWriteDeadline(t)
}

func (a *answer) Write(b []byte) (done int, err error) {
	defer func() { _ = a.control.SetWriteDeadline(a.by) }()
	for done < len(b) && err == nil {
		var n int
		part := b[done:min(len(b), done+piece)]
		a.within(len(part))
		n, err = a.ResponseWriter.Write(part)
		done += n
	}
	return done, err
}

// FlushError is for http.ResponseController.
func (a *answer) FlushError() error {
	a.within(piece)
	defer func() { _ = a.control.SetWriteDeadline(a.by) }()
	return a.control.Flush()
}
