package safehttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	okAnswer     = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	teapotAnswer = "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 6\r\n\r\npoison"
)

// overBoth runs a test with a raw receiver that speaks plainly, and with one over
// TLS. serve gets the plain connection as well.
func overBoth(t *testing.T, serve func(c net.Conn, tcp *net.TCPConn), test func(t *testing.T, c *Client, url string, conns *atomic.Int64)) {
	t.Run("plain", func(t *testing.T) {
		url, conns := rawReceiver(t, func(c *net.TCPConn) { serve(c, c) })
		test(t, newClient(t, Options{Policy: dev}), url, conns)
	})
	ts := httptest.NewUnstartedServer(nil)
	ts.StartTLS()
	defer ts.Close()
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			url, conns := rawReceiver(t, func(c *net.TCPConn) {
				s := tls.Server(c, &tls.Config{Certificates: ts.TLS.Certificates, MaxVersion: version})
				if s.Handshake() == nil {
					serve(s, c)
				}
			})
			c := newClient(t, Options{Policy: dev, RootCAs: roots})
			test(t, c, strings.Replace(url, "http", "https", 1), conns)
		})
	}
}

// What follows a response is never taken for the answer to the next request:
// neither in the same packet, nor in the same buffer, nor later.
func TestUnsolicitedResponse(t *testing.T) {
	// Of this, the reader's buffer takes all but the second response.
	long := "HTTP/1.1 200 OK\r\nContent-Length: " + "4050" + "\r\n\r\n"
	long += strings.Repeat("x", 4050)
	for name, say := range map[string]func(c net.Conn){
		"pipelined":           func(c net.Conn) { io.WriteString(c, okAnswer+teapotAnswer) },
		"apart":               func(c net.Conn) { io.WriteString(c, okAnswer); io.WriteString(c, teapotAnswer) },
		"one byte":            func(c net.Conn) { io.WriteString(c, okAnswer+"H") },
		"beyond the buffer":   func(c net.Conn) { io.WriteString(c, long+teapotAnswer) },
		"at the buffer's end": func(c net.Conn) { io.WriteString(c, long+strings.Repeat("y", 4096-len(long))+teapotAnswer) },
		"204 with a body": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 204 No Content\r\nContent-Length: 80\r\n\r\n"+teapotAnswer)
		},
		"after the chunks": func(c net.Conn) { io.WriteString(c, chunked+"0\r\n\r\n"+teapotAnswer) },
	} {
		t.Run(name, func(t *testing.T) {
			said := make(chan struct{}, 10)
			serve := func(c net.Conn, _ *net.TCPConn) {
				for readRequest(c) {
					say(c)
					said <- struct{}{}
				}
			}
			overBoth(t, serve, func(t *testing.T, c *Client, url string, conns *atomic.Int64) {
				for i := range 3 {
					res := c.Do(t.Context(), post(url))
					if res.Status/100 != 2 || res.Reason != "" || res.Reused || conns.Load() != int64(i+1) {
						t.Fatalf("%d: %+v on %d connections", i, res, conns.Load())
					}
					<-said
				}
			})
		})
	}
}

// A connection that the receiver closed while it was idle costs a new one and
// nothing else.
func TestStaleConnection(t *testing.T) {
	closed := make(chan struct{}, 10)
	serve := func(c net.Conn, _ *net.TCPConn) {
		if readRequest(c) {
			io.WriteString(c, okAnswer)
		}
		c.Close()
		closed <- struct{}{}
	}
	overBoth(t, serve, func(t *testing.T, c *Client, url string, conns *atomic.Int64) {
		for i := range 3 {
			if res := c.Do(t.Context(), post(url)); res.Status != 200 || res.Reused || conns.Load() != int64(i+1) {
				t.Fatalf("%d: %+v on %d connections", i, res, conns.Load())
			}
			<-closed
		}
	})
}

// A receiver that refuses a large request, but neither reads on nor hangs up, is
// heard at once.
func TestEarlyResponseOnAnOpenConnection(t *testing.T) {
	serve := func(c net.Conn, tcp *net.TCPConn) {
		c.Read(make([]byte, 100))
		io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big")
	}
	overBoth(t, serve, func(t *testing.T, c *Client, url string, conns *atomic.Int64) {
		for range 2 {
			r := post(url)
			r.Body = make([]byte, 32<<20)
			res := c.Do(t.Context(), r)
			if res.Status != 413 || string(res.Body) != "too big" || res.Reason != "" || res.Reused || res.Duration > slack {
				t.Fatalf("%+v", res)
			}
			clear(r.Body) // the race detector objects if somebody still reads it
		}
	})
}

// Large requests use a goroutine of their own, and connections again.
func TestLargeRequests(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if n != r.ContentLength {
			t.Errorf("%d bytes of %d", n, r.ContentLength)
		}
	})
	c := newClient(t, Options{Policy: dev})
	for i, n := range []int{wholeRequest - 300, wholeRequest - 1, wholeRequest, wholeRequest + 1, 1 << 20} {
		if res := c.Do(t.Context(), Request{URL: "http://" + r.addr + "/", Body: make([]byte, n)}); res.Status != 200 || res.Reused != (i > 0) {
			t.Errorf("%d bytes: %+v", n, res)
		}
	}
}

func TestHugeContentLength(t *testing.T) {
	url, _ := rawReceiver(t, func(c *net.TCPConn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nx")
		c.Close()
	})
	c := newClient(t, Options{Policy: dev})
	if res := c.Do(t.Context(), post(url)); res.Status != 200 || res.Reason != "" || !strings.Contains(res.Remark, "broke off") || !res.Truncated || string(res.Body) != "x" {
		t.Errorf("%+v", res)
	}
}

// A cancellation that comes as its exchange ends must not reach the connection's
// next exchange.
func TestCancelHitsNobodyElse(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0", ok)
	c := newClient(t, Options{Policy: dev})
	c.Do(t.Context(), post("http://"+r.addr+"/"))
	ctx, cancel := context.WithCancel(t.Context())
	k := c.pool.idle.Front().Value.(*conn)
	k.Conn = cancelingConn{k.Conn, cancel}
	if res := c.Do(ctx, post("http://"+r.addr+"/")); res.Status != 200 || !res.Reused {
		t.Errorf("%+v", res)
	}
	if len(c.pool.hosts) != 0 {
		t.Error("the connection was kept")
	}
}

// cancelingConn cancels an exchange once it has its response.
type cancelingConn struct {
	net.Conn
	cancel func()
}

func (c cancelingConn) Read(p []byte) (int, error) {
	defer c.cancel()
	return c.Conn.Read(p)
}

func TestCancelInBody(t *testing.T) {
	inside := make(chan struct{}, 1)
	serve := func(c net.Conn, _ *net.TCPConn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
		inside <- struct{}{}
	}
	overBoth(t, serve, func(t *testing.T, c *Client, url string, _ *atomic.Int64) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-inside; cancel() }()
		if res := c.Do(ctx, post(url)); res.Status != 200 || res.Reason != "" || !strings.Contains(res.Remark, "canceled") || res.Duration > slack {
			t.Errorf("%+v", res)
		}
	})
}

// The bytes on the wire are those that net/http would send.
func TestWire(t *testing.T) {
	c := New(Options{Policy: dev})
	body := []byte(`{"a":1}`)
	for _, r := range []Request{
		{URL: "https://example.com", Body: body},
		{URL: "https://example.com:8443/a%2Fb%0d%0aX:%20y/ü?x=%20&y=ü;\"", Body: body},
		{URL: "https://[2001:4860::1]:8443/?", Method: "GET"},
		{URL: "https://example.com/", Method: "DELETE", Body: body},
		{URL: "https://example.com/", Method: "PATCH"},
		{URL: "https://example.com/", Method: "POST"},
		{URL: "https://example.com//", Header: http.Header{"webhook-id": {"msg_1"}, "X-B": {" 1\t", "2"}, "X-A": {""}, "x-c": nil}},
		{URL: "https://example.com/", Header: http.Header{"user-agent": {"x", "y"}, "Accept-Encoding": {"br"}}},
		{URL: "https://example.com/", Header: http.Header{"User-Agent": {}}},
		{URL: "https://example.com/", Header: http.Header{"host": {"x"}, "Content-length": {"5"}, "TRANSFER-ENCODING": {"chunked"}, "te": {"x"}}},
	} {
		u, problem := c.check(r)
		if problem != nil {
			t.Errorf("%s: %+v", r.URL, problem)
			continue
		}
		r.Method = orDefault(r.Method, http.MethodPost)
		ours := string(c.head(newScratch().(*scratch), u, r)) + string(r.Body)

		x := &exchange{client: c}
		var theirs bytes.Buffer
		if err := x.newRequest(t.Context(), u, r, &payload{rest: r.Body}).Write(&theirs); err != nil {
			t.Fatal(err)
		}
		if ours != theirs.String() {
			t.Errorf("%q, net/http %q", ours, theirs.String())
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add("https://example.com/a?b", "POST", "X-A", "b")
	f.Add("https://example.com/%0d%0aX:y", "GET", "X\r\nA", "b\r\nC: d")
	f.Fuzz(func(t *testing.T, rawURL, method, name, value string) {
		c := New(Options{Policy: dev})
		r := Request{URL: rawURL, Method: method, Header: http.Header{name: {value}}}
		u, problem := c.check(r)
		if problem != nil {
			return
		}
		r.Method = orDefault(method, http.MethodPost)
		head := string(c.head(newScratch().(*scratch), u, r))
		lines := strings.Split(head, "\r\n")
		if len(lines) > 7 || strings.ContainsAny(strings.Join(lines, ""), "\r\n\x00") || strings.Count(lines[0], " ") != 2 {
			t.Errorf("%q", head)
		}
	})
}

func TestIdleLimits(t *testing.T) {
	var barrier sync.WaitGroup
	serve := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/together" {
			barrier.Done()
			barrier.Wait()
		}
	}
	a, b := newReceiver(t, "127.0.0.1:0", serve), newReceiver(t, "127.0.0.1:0", serve)
	together := func(c *Client, n int, rs ...*receiver) {
		barrier.Add(n * len(rs))
		var wg sync.WaitGroup
		for _, r := range rs {
			for range n {
				wg.Go(func() {
					if res := c.Do(context.Background(), post("http://"+r.addr+"/together")); res.Reason != "" {
						t.Error(res.Detail)
					}
				})
			}
		}
		wg.Wait()
	}
	count := func(c *Client, r *receiver) (open, idle int) {
		c.pool.mu.Lock()
		defer c.pool.mu.Unlock()
		if h := c.pool.hosts[target{addr: r.addr}]; h != nil {
			return h.open, len(h.idle)
		}
		return 0, 0
	}
	expect := func(c *Client, r *receiver, want int) {
		t.Helper()
		if open, idle := count(c, r); open != want || idle != want {
			t.Errorf("%d open, %d idle; want %d", open, idle, want)
		}
	}

	c := newClient(t, Options{Policy: dev, MaxIdleConnsPerHost: 3})
	together(c, 5, a, b)
	expect(c, a, 3)
	expect(c, b, 3)

	c = newClient(t, Options{Policy: dev, MaxIdleConns: 4})
	together(c, 3, a)
	expect(c, a, 3)
	together(c, 3, b)
	expect(c, a, 1) // the oldest had to go
	expect(c, b, 3)
	c.Close()
	expect(c, a, 0)
	expect(c, b, 0)
	if res := c.Do(t.Context(), post("http://"+a.addr+"/")); res.Status != 200 {
		t.Errorf("after Close: %+v", res)
	}
	expect(c, a, 0)

	c = newClient(t, Options{Policy: dev, IdleTimeout: 20 * time.Millisecond})
	together(c, 3, a)
	for deadline := time.Now().Add(slack); ; time.Sleep(time.Millisecond) {
		c.pool.mu.Lock()
		hosts, janitor := len(c.pool.hosts), c.pool.janitor
		c.pool.mu.Unlock()
		if hosts == 0 && janitor == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d hosts are still known, janitor %v", hosts, janitor)
		}
	}
}

// The pool forgets a host with its last connection, however that ended.
func TestHostsAreForgotten(t *testing.T) {
	for _, connection := range []string{"keep-alive", "close"} {
		r := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", connection)
		})
		c := newClient(t, Options{Policy: dev})
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				q := post("http://" + r.addr + "/")
				if i%4 == 0 {
					q.Timeout = time.Duration(i) * 20 * time.Microsecond
				}
				if res := c.Do(context.Background(), q); res.Status != 200 && (i%4 != 0 || res.Reason != ReasonTimeout) {
					t.Errorf("%+v", res)
				}
			})
		}
		wg.Wait()
		c.Close()
		if len(c.pool.hosts) != 0 {
			t.Errorf("%s: %d hosts left", connection, len(c.pool.hosts))
		}
	}

	c := newClient(t, Options{Policy: dev})
	url := "http://127.0.0.1:" + closedPort(t) + "/"
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if res := c.Do(context.Background(), post(url)); res.Reason != ReasonConnect {
				t.Errorf("%+v", res)
			}
		})
	}
	wg.Wait()
	if len(c.pool.hosts) != 0 {
		t.Errorf("after failed dials: %d hosts left", len(c.pool.hosts))
	}
}

// A kept connection that fails in another way than by having been closed has the
// request repeated only if nothing of it was written.
func TestRepeatedIfUnsent(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0", ok)
	for _, tt := range []struct {
		n    int
		err  error
		want bool // to be sent, on a new connection
	}{
		{0, &net.OpError{Op: "write", Err: errors.New("x")}, true},
		{1, &net.OpError{Op: "write", Err: errors.New("x")}, false},
	} {
		c := newClient(t, Options{Policy: dev})
		c.Do(t.Context(), post("http://"+r.addr+"/"))
		c.pool.mu.Lock()
		k := c.pool.idle.Front().Value.(*conn)
		k.Conn = brokenConn{k.Conn, tt.n, tt.err}
		c.pool.mu.Unlock()
		res := c.Do(t.Context(), post("http://"+r.addr+"/"))
		if tt.want != (res.Status == 200) || tt.want == res.Reused {
			t.Errorf("%d bytes written: %+v", tt.n, res)
		}
	}
}

type brokenConn struct {
	net.Conn
	n   int
	err error
}

func (c brokenConn) Write([]byte) (int, error) { return c.n, c.err }

func TestTargets(t *testing.T) {
	for raw, want := range map[string]target{
		"https://example.com/":          {true, "example.com:443", "acme", "k", nil},
		"https://example.com:443/":      {true, "example.com:443", "acme", "k", nil},
		"http://example.com:443/":       {false, "example.com:443", "acme", "k", nil},
		"http://example.com":            {false, "example.com:80", "acme", "k", nil},
		"https://[2001:4860::1]/":       {true, "[2001:4860::1]:443", "acme", "k", nil},
		"https://[2001:4860::1]:8443/x": {true, "[2001:4860::1]:8443", "acme", "k", nil},
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := targetOf(u, Request{App: "acme", Credentials: "k"}); got != want {
			t.Errorf("%s: %+v, want %+v", raw, got, want)
		}
	}
}
