package safehttp

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// At the bound of all connections, the one that is idle for longest makes way, and then
// requests wait for one: none fails, and there are never more.
func TestConnectionsAreBounded(t *testing.T) {
	const most = 3
	var open, peak atomic.Int64
	serve := func(c *net.TCPConn) {
		peak.Store(max(peak.Load(), open.Add(1)))
		for readRequest(c) {
			time.Sleep(time.Millisecond)
			io.WriteString(c, okAnswer)
		}
		open.Add(-1)
		c.Close()
	}
	a, connsA := rawReceiver(t, serve)
	b, connsB := rawReceiver(t, serve)
	c := newClient(t, Options{Policy: dev, MaxConns: most})
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			for _, url := range []string{a, b}[i%2:] {
				if res := c.Do(context.Background(), post(url)); res.Status != 200 {
					t.Errorf("%+v", res)
				}
				if s := c.Stats(); s.Busy+s.Idle+s.Dialing > most || s.Max != most {
					t.Errorf("%+v", s)
				}
			}
		})
	}
	wg.Wait()
	// The receiver learns of an end a moment later than we do.
	if peak.Load() > 2*most || connsA.Load() == 0 || connsB.Load() == 0 {
		t.Errorf("%d connections at once", peak.Load())
	}
	if s := c.Stats(); s.Busy != 0 || s.Dialing != 0 || s.Waiting != 0 || s.Idle == 0 {
		t.Errorf("afterwards: %+v", s)
	}
	c.Close()
	if s := c.Stats(); s != (Stats{Max: most}) {
		t.Errorf("after Close: %+v", s)
	}
}

// Who waits for a connection waits as long as he has time, and gives way when he is
// canceled; that there is none is nobody's fault but this machine's.
func TestWaitingForAConnection(t *testing.T) {
	url, _ := rawReceiver(t, func(c *net.TCPConn) { io.Copy(io.Discard, c) })
	free := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {})
	c := newClient(t, Options{Policy: dev, MaxConns: 2})
	hanging, release := context.WithCancel(t.Context())
	defer release()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { c.Do(hanging, post(url)) })
	}
	until := func(what string, ok func(Stats) bool) {
		t.Helper()
		for end := time.Now().Add(slack); !ok(c.Stats()); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, c.Stats())
			}
		}
	}
	until("both hang", func(s Stats) bool { return s.Busy == 2 })

	r := post("http://" + free.addr + "/")
	r.Timeout = 50 * time.Millisecond
	if res := c.Do(t.Context(), r); res.Reason != ReasonResources || !strings.Contains(res.Detail, "as many connections are open") || res.Duration < r.Timeout {
		t.Errorf("without a free one: %+v", res)
	}
	ctx, cancel := context.WithCancel(t.Context())
	canceled := make(chan Response)
	go func() { canceled <- c.Do(ctx, post("http://"+free.addr+"/")) }()
	until("one waits", func(s Stats) bool { return s.Waiting == 1 })
	if _, res := c.Dial(t.Context(), Dialing{Addr: free.addr, Timeout: 20 * time.Millisecond}); res.Reason != ReasonResources {
		t.Errorf("another kind of connection: %+v", res)
	}
	cancel()
	if res := <-canceled; res.Reason != ReasonCanceled {
		t.Errorf("canceled: %+v", res)
	}
	waiting := make(chan Response)
	go func() { waiting <- c.Do(t.Context(), post("http://"+free.addr+"/")) }()
	until("one waits", func(s Stats) bool { return s.Waiting == 1 })
	release()
	wg.Wait()
	if res := <-waiting; res.Status != 200 {
		t.Errorf("once one is free: %+v", res)
	}
	l, res := c.Dial(t.Context(), Dialing{Addr: free.addr, Timeout: patience})
	if l == nil {
		t.Fatalf("%+v", res)
	}
	if s := c.Stats(); s.Busy != 1 {
		t.Errorf("with a link: %+v", s)
	}
	l.Close()
	l.Close()
	if s := c.Stats(); s.Busy != 0 {
		t.Errorf("after it: %+v", s)
	}
}

// Requests of one context share its watch, and connections that are no more leave it.
func TestWatches(t *testing.T) {
	url, _ := rawReceiver(t, func(c *net.TCPConn) {
		for readRequest(c) {
			io.WriteString(c, okAnswer)
		}
	})
	c := newClient(t, Options{Policy: dev})
	shared, end := context.WithCancel(t.Context())
	defer end()
	type key struct{}
	for i := range 3 {
		if res := c.Do(context.WithValue(shared, key{}, i), post(url)); res.Status != 200 || res.Reused != (i > 0) {
			t.Errorf("%+v", res)
		}
	}
	for range 3 { // each with a context of its own, on the same connection
		own, cancel := context.WithCancel(t.Context())
		if res := c.Do(own, post(url)); res.Status != 200 || !res.Reused {
			t.Errorf("%+v", res)
		}
		cancel()
	}
	if res := c.Do(context.Background(), post(url)); res.Status != 200 || !res.Reused {
		t.Errorf("after canceled ones: %+v", res)
	}
	if n := len(c.watches.of); n != 0 {
		t.Errorf("%d watches for a context that never ends", n)
	}
	if res := c.Do(shared, post(url)); res.Status != 200 || len(c.watches.of) != 1 {
		t.Errorf("%+v, %d watches", res, len(c.watches.of))
	}
	c.Close()
	if n := len(c.watches.of); n != 0 {
		t.Errorf("%d watches are left without connections", n)
	}
}

// A URL is remembered for the policy that let it pass, unless there is a secret in it.
func TestAddressesAreRemembered(t *testing.T) {
	open := New(Options{Policy: dev})
	strict := *open
	strict.policy.Dev = false
	r := Request{URL: "http://example.com/"}
	if _, problem := open.check(r); problem != nil {
		t.Error(problem)
	}
	if _, problem := strict.check(r); problem == nil {
		t.Error("what another policy let pass, passes")
	}
	if _, problem := open.check(Request{URL: "https://example.com/?key=k", Private: true}); problem != nil || len(open.addresses.of) != 1 {
		t.Errorf("%v, %d remembered", problem, len(open.addresses.of))
	}
	for i := range maxAddresses / 1000 {
		r.URL = "https://example.com/" + strings.Repeat("x", 300+i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i%100)
		if _, problem := open.check(r); problem != nil {
			t.Fatal(problem)
		}
		if open.addresses.bytes > maxAddresses {
			t.Fatalf("%d bytes", open.addresses.bytes)
		}
	}
}

// An answer that is there before the request, on a new connection, is heard at once, and
// so is one that comes in pieces: also inside TLS, which has things of its own to say first.
func TestAnswersAreHeardAtOnce(t *testing.T) {
	for name, serve := range map[string]func(c net.Conn, tcp *net.TCPConn){
		"before the request": func(c net.Conn, _ *net.TCPConn) { io.WriteString(c, okAnswer); readRequest(c) },
		"in pieces": func(c net.Conn, _ *net.TCPConn) {
			for readRequest(c) {
				for _, b := range []byte(okAnswer) {
					c.Write([]byte{b})
				}
			}
		},
		"after a while": func(c net.Conn, _ *net.TCPConn) {
			for readRequest(c) {
				time.Sleep(30 * time.Millisecond) // what TLS says at first has been read
				io.WriteString(c, okAnswer)
			}
		},
		"a reset": func(c net.Conn, tcp *net.TCPConn) {
			readRequest(c)
			time.Sleep(30 * time.Millisecond)
			tcp.SetLinger(0)
			tcp.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, serve, func(t *testing.T, c *Client, url string, _ *atomic.Int64) {
				for range 2 {
					r := post(url)
					r.Once = name == "before the request"
					res := c.Do(t.Context(), r)
					if name == "a reset" && (res.Reason != ReasonReset || !strings.Contains(res.Detail, "connection reset")) ||
						name != "a reset" && (res.Status != 200 || string(res.Body) != "ok") || res.Duration > slack {
						t.Errorf("%+v", res)
					}
				}
			})
		})
	}
}
