package safehttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(beReceiver) != "" {
		receive()
		return
	}
	if urls := strings.Fields(os.Getenv(runShort)); len(urls) == 2 {
		beShort(urls[0], urls[1])
		return
	}
	log.SetOutput(io.Discard) // net/http's servers log what we do out of turn
	goleak.VerifyTestMain(m)
}

// slack is what a loaded test machine may add to a deadline.
const slack = 2 * time.Second

// rawReceiver runs serve for each connection, as a receiver that does not care
// for HTTP. Connections are closed when the test ends.
func rawReceiver(t *testing.T, serve func(c *net.TCPConn)) (url string, conns *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		open []net.Conn
	)
	conns = new(atomic.Int64)
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() { serve(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "http://" + l.Addr().String() + "/hooks", conns
}

// readRequest reads one request with a short body up to its end.
func readRequest(c net.Conn) bool {
	_, ok := readRequestOf(c)
	return ok
}

// readRequestOf is readRequest with what was read.
func readRequestOf(c net.Conn) (request string, ok bool) {
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte("{}")) {
		n, err := c.Read(buf)
		if err != nil {
			return "", false
		}
		got = append(got, buf[:n]...)
	}
	return string(got), true
}

var dev = Policy{Dev: true}

func post(url string) Request {
	return Request{URL: url, Body: []byte("{}"), Timeout: 20 * time.Second}
}

func TestDo(t *testing.T) {
	type seen struct {
		method, path, body string
		header             http.Header
		length             int64
	}
	got := make(chan seen, 1)
	r := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.Method, r.RequestURI, string(body), r.Header, r.ContentLength}
		w.Header().Set("X-Answer", "42")
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "thanks")
	})
	c := newClient(t, Options{Policy: dev, UserAgent: "Bellhop/1"})
	header := http.Header{
		"X-Own": {"1", "2"}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Expect": {"100-continue"}, "Transfer-Encoding": {"chunked"}, "host": {"other"}, "Te": {"trailers"},
	}
	res := c.Do(t.Context(), Request{URL: "http://" + r.addr + "/a%2Fb?x=%20", Header: header, Body: []byte(`{"a":1}`)})
	if res.Status != 202 || string(res.Body) != "thanks" || res.Truncated || res.Reason != "" ||
		res.Header.Get("X-Answer") != "42" || res.RemoteAddr != r.addr || res.Reused || res.Duration <= 0 {
		t.Errorf("response %+v", res)
	}
	s := <-got
	if s.method != "POST" || s.path != "/a%2Fb?x=%20" || s.body != `{"a":1}` || s.length != 7 {
		t.Errorf("request %+v", s)
	}
	if fmt.Sprint(s.header) != "map[Content-Length:[7] User-Agent:[Bellhop/1] X-Own:[1 2]]" {
		t.Errorf("request headers %v", s.header)
	}
	if len(header) != 7 {
		t.Errorf("the caller's headers were changed: %v", header)
	}

	res = c.Do(t.Context(), Request{URL: "http://" + r.addr + "/", Header: http.Header{"user-agent": {"x"}}})
	if s := <-got; res.Status != 202 || !res.Reused || s.length != 0 || s.header.Get("User-Agent") != "x" || s.header.Get("Cookie") != "" {
		t.Errorf("empty body: %+v, response %+v", s, res)
	}
}

// Fields shows what is written, in the order in which it is.
func TestFields(t *testing.T) {
	c := New(Options{UserAgent: "Mine"})
	r := Request{
		URL: "https://Bücher.example:8443/a?b", Method: http.MethodPost, Body: []byte("four"),
		Header: http.Header{"webhook-id": {"1"}, "X-B": {" padded "}, "A": {"1", "2"}, "Connection": {"upgrade"}, "Content-Length": {"9"}},
	}
	u, err := c.policy.parseURL(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	want := string(c.head(newScratch().(*scratch), u, r))
	fields, err := c.Fields(r)
	if err != nil {
		t.Fatal(err)
	}
	got := "POST /a?b HTTP/1.1\r\n"
	for _, f := range fields {
		got += f.Name + ": " + f.Value + "\r\n"
	}
	if got += "\r\n"; got != want {
		t.Errorf("shown:\n%swritten:\n%s", got, want)
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	c := newClient(t, Options{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("something was sent")
		return nil, io.EOF
	})})
	tests := []struct {
		r    Request
		want Reason
	}{
		{Request{URL: "http://example.com/"}, ReasonURL},
		{Request{URL: "https://u:hunter2@example.com/"}, ReasonURL},
		{Request{URL: "https://10.0.0.1/"}, ReasonAddress},
		{Request{URL: "https://localhost/"}, ReasonAddress},
		{Request{URL: "https://example.com/", Method: "GET /"}, ReasonRequest},
		{Request{URL: "https://example.com/", Method: "CONNECT"}, ReasonRequest},
		{Request{URL: "https://example.com/", Header: http.Header{"X\r\nY": {"z"}}}, ReasonRequest},
		{Request{URL: "https://example.com/", Header: http.Header{"X": {"hunter2\r\nY: z"}}}, ReasonRequest},
	}
	for _, tt := range tests {
		res := c.Do(t.Context(), tt.r)
		if res.Reason != tt.want || res.Detail == "" || strings.Contains(res.Detail, "hunter2") {
			t.Errorf("%+v: %+v", tt.r, res)
		}
	}
}

// TestMisbehavior has one receiver for each way to misbehave. All answer within
// the deadline of the request plus slack, and none leaves a goroutine behind.
func TestMisbehavior(t *testing.T) {
	say := func(s string) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			if readRequest(c) {
				io.WriteString(c, s)
				io.Copy(io.Discard, c)
			}
		}
	}
	sayAndClose := func(s string) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			if readRequest(c) {
				io.WriteString(c, s)
			}
			c.Close()
		}
	}
	// drip says s, then what again and again until nobody listens.
	drip := func(s, what string, pause time.Duration) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			if !readRequest(c) {
				return
			}
			io.WriteString(c, s)
			for {
				if _, err := io.WriteString(c, what); err != nil {
					return
				}
				time.Sleep(pause)
			}
		}
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Length: "
	tests := []struct {
		name    string
		timeout time.Duration // 0: must not need it
		serve   func(*net.TCPConn)
		reason  Reason
		status  int
		detail  string
	}{
		{"hang", 100 * time.Millisecond, say(""), ReasonTimeout, 0, "sent the request, but no response headers came"},
		{"half a header", 100 * time.Millisecond, say("HTTP/1.1 200 OK\r\nX: "), ReasonTimeout, 0, "response headers did not end"},
		{"trickled header", 150 * time.Millisecond, drip("HTTP/1.1 200 OK\r\nX: ", "x", 5*time.Millisecond), ReasonTimeout, 0, "response headers did not end"},
		{"trickled body", 150 * time.Millisecond, drip(head+"9999\r\n\r\n", "x", 5*time.Millisecond), "", 200, "its body did not end within 150ms"},
		{"trickled chunks", 150 * time.Millisecond, drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 5*time.Millisecond), "", 200, "its body did not end within 150ms"},
		{"body that stops", 100 * time.Millisecond, say(head + "10\r\n\r\n12345"), "", 200, "its body did not end within 100ms"},
		{"slow 1xx", 150 * time.Millisecond, drip("", "HTTP/1.1 103 Early Hints\r\n\r\n", 5*time.Millisecond), ReasonTimeout, 0, "response headers did not end"},
		{"endless body", 0, drip("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 4096), 0), "", 200, ""},
		{"endless chunks", 0, drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "400\r\n"+strings.Repeat("x", 1024)+"\r\n", 0), "", 200, ""},
		{"full, then trickled", 0, drip("HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 16<<10), "x", 5*time.Millisecond), "", 200, ""},
		{"endless headers", 0, drip("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("x", 1024)+"\r\n", 0), ReasonProtocol, 0, "exceeded"},
		{"one endless header", 0, drip("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 1024), 0), ReasonProtocol, 0, "exceeded"},
		{"1xx flood", 0, drip("", "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", 0), ReasonProtocol, 0, "exceeded"},
		{"endless chunk extension", 0, drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", strings.Repeat("x", 1024), 0), "", 200, "its body cannot be read"},
		{"unasked upgrade", 0, say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), ReasonProtocol, 101, "101"},
		{"bare 101", 0, say("HTTP/1.1 101 Switching Protocols\r\n\r\n"), ReasonProtocol, 101, "101"},
		{"garbage", 0, say("SSH-2.0-OpenSSH_9.2p1\r\n\x1b[2J\r\n"), ReasonProtocol, 0, "not usable"},
		{"bad length", 0, say(head + "x\r\n\r\n"), "", 200, "cannot be read, so that its body was not read"},
		{"two lengths", 0, say(head + "1\r\nContent-Length: 2\r\n\r\nab"), "", 200, "several values of Content-Length"},
		{"bad chunk", 0, say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "", 200, "its body cannot be read"},
		{"close at once", 0, func(c *net.TCPConn) { c.Close() }, ReasonReset, 0, "closed the connection"},
		{"close after request", 0, sayAndClose(""), ReasonReset, 0, "closed the connection"},
		{"length promises too much", 0, sayAndClose(head + "10\r\n\r\n12345"), "", 200, "its body broke off"},
		{"length promises too little", 0, say(head + "5\r\n\r\n12345 and more"), "", 200, ""},
		{"reset", 0, func(c *net.TCPConn) { readRequest(c); c.SetLinger(0); c.Close() }, ReasonReset, 0, "closed the connection"},
		{"reset in body", 0, func(c *net.TCPConn) {
			if readRequest(c) {
				io.WriteString(c, head+"10\r\n\r\n12345")
				c.SetLinger(0)
			}
			c.Close()
		}, ReasonReset, -1, "closed the connection"}, // a reset may overtake the headers
		{"redirect inside", 0, say("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n"), "", 307, ""},
		{"no content", 0, say("HTTP/1.1 204 No Content\r\n\r\n"), "", 204, ""},
		{"HTTP/1.0", 0, sayAndClose("HTTP/1.0 200 OK\r\n\r\nold"), "", 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, conns := rawReceiver(t, tt.serve)
			c := newClient(t, Options{Policy: dev})
			r := post(url)
			limit := tt.timeout + slack
			r.Timeout = tt.timeout
			if tt.timeout == 0 {
				r.Timeout = 2 * slack
			}
			start := time.Now()
			res := c.Do(t.Context(), r)
			if took := time.Since(start); took > limit {
				t.Errorf("took %s", took)
			}
			if tt.status < 0 && res.Status == 200 {
				tt.reason, tt.status, tt.detail = "", 200, "its body broke off"
			}
			said := res.Detail + res.Remark
			if res.Reason != tt.reason || tt.status >= 0 && res.Status != tt.status || !strings.Contains(said, tt.detail) {
				t.Errorf("%q, status %d, %q", res.Reason, res.Status, said)
			}
			if (res.Detail == "") != (res.Reason == "") || strings.ContainsAny(said, "\r\n\x1b") || len(said) > maxDetail+3 {
				t.Errorf("%q", said)
			}
			if res.Remark != "" != (res.Reason == "" && tt.detail != "") || res.Remark != "" && !res.Truncated {
				t.Errorf("%+v", res)
			}
			if len(res.Body) > defaultMaxBody || conns.Load() != 1 || res.RemoteAddr == "" {
				t.Errorf("%d bytes, %d connections, to %q", len(res.Body), conns.Load(), res.RemoteAddr)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	const limit = 1000
	r := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		if r.FormValue("chunked") == "" {
			w.Header().Set("Content-Length", strconv.Itoa(n))
		} else {
			w.(http.Flusher).Flush()
		}
		w.Write(bytes.Repeat([]byte("x"), n))
	})
	c := newClient(t, Options{Policy: dev})
	c.drainTime = slack
	for _, chunked := range []string{"", "1"} {
		for _, n := range []int{0, 1, 511, 512, 513, limit - 1, limit, limit + 1, limit + drainBytes} {
			res := c.Do(t.Context(), Request{
				URL:     fmt.Sprintf("http://%s/?n=%d&chunked=%s", r.addr, n, chunked),
				MaxBody: limit, Timeout: 5 * time.Second,
			})
			if res.Reason != "" || len(res.Body) != min(n, limit) || res.Truncated != (n > limit) {
				t.Errorf("n=%d chunked=%q: %d bytes, truncated %v, %s", n, chunked, len(res.Body), res.Truncated, res.Detail)
			}
		}
	}
	if n := r.conns.Load(); n != 1 {
		t.Errorf("%d connections; what was not kept should have been drained", n)
	}
}

func TestGzipBombIsKeptFolded(t *testing.T) {
	var bomb bytes.Buffer
	zw := gzip.NewWriter(&bomb)
	zw.Write(make([]byte, 1<<20))
	zw.Close()
	r := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("asked for a compressed body")
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	c := newClient(t, Options{Policy: dev})
	res := c.Do(t.Context(), post("http://"+r.addr+"/"))
	if !bytes.Equal(res.Body, bomb.Bytes()) || res.Header.Get("Content-Encoding") != "gzip" || res.Truncated {
		t.Errorf("%d bytes of %d, headers %v", len(res.Body), bomb.Len(), res.Header)
	}
}

// A receiver that refuses a large request without reading it must be heard.
func TestEarlyResponse(t *testing.T) {
	url, _ := rawReceiver(t, func(c *net.TCPConn) {
		c.Read(make([]byte, 100))
		io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big")
		c.Close() // unread data makes this a reset
	})
	c := newClient(t, Options{Policy: dev})
	r := post(url)
	r.Body = make([]byte, 8<<20)
	res := c.Do(t.Context(), r)
	if res.Status != 413 || string(res.Body) != "too big" || res.Reason != "" {
		t.Errorf("%+v", res)
	}
	clear(r.Body) // the race detector objects if somebody still reads it
}

func TestReceiverThatDoesNotRead(t *testing.T) {
	url, _ := rawReceiver(t, func(*net.TCPConn) {})
	c := newClient(t, Options{Policy: dev})
	r := post(url)
	r.Body, r.Timeout = make([]byte, 32<<20), 150*time.Millisecond
	res := c.Do(t.Context(), r)
	if res.Reason != ReasonTimeout || !strings.Contains(res.Detail, "did not take the whole request") || res.Duration > slack {
		t.Errorf("%+v", res)
	}
	clear(r.Body)
}

func TestConnectRefused(t *testing.T) {
	c := newClient(t, Options{Policy: dev})
	res := c.Do(t.Context(), post("http://127.0.0.1:"+closedPort(t)+"/"))
	if res.Reason != ReasonConnect || !strings.Contains(res.Detail, "connection refused") {
		t.Errorf("%+v", res)
	}
}

func TestCancel(t *testing.T) {
	inside := make(chan struct{}, 1)
	url, _ := rawReceiver(t, func(c *net.TCPConn) {
		readRequest(c)
		inside <- struct{}{}
	})
	c := newClient(t, Options{Policy: dev})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-inside; cancel() }()
	if res := c.Do(ctx, post(url)); res.Reason != ReasonCanceled || res.Duration > slack {
		t.Errorf("canceled under way: %+v", res)
	}
	if res := c.Do(ctx, post(url)); res.Reason != ReasonCanceled {
		t.Errorf("canceled before: %+v", res)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if res := c.Do(ctx, post(url)); res.Reason != ReasonTimeout {
		t.Errorf("the caller's deadline: %+v", res)
	}
}

func TestReuse(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0", ok)
	c := newClient(t, Options{Policy: dev})
	for range 20 {
		if res := c.Do(t.Context(), post("http://"+r.addr+"/")); res.Reason != "" {
			t.Fatalf("%+v", res)
		}
	}
	if n := r.conns.Load(); n != 1 {
		t.Errorf("%d connections for 20 requests", n)
	}

	// Many at a time keep as many connections, not net/http's default of two.
	const parallel = 32
	var barrier sync.WaitGroup
	barrier.Add(parallel)
	together := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/together" {
			barrier.Done()
			barrier.Wait()
		}
	})
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			if res := c.Do(t.Context(), post("http://"+together.addr+"/together")); res.Reason != "" {
				t.Error(res.Detail)
			}
		})
	}
	wg.Wait()
	for range parallel {
		wg.Go(func() { c.Do(t.Context(), post("http://"+together.addr+"/")) })
	}
	wg.Wait()
	if n := together.conns.Load(); n != parallel {
		t.Errorf("%d connections for %d parallel requests, twice", n, parallel)
	}
}

// A connection may speak for somebody by itself, so it serves nobody else, however
// many are idle.
func TestCredentialsDoNotShareConnections(t *testing.T) {
	var mu sync.Mutex
	speakers := map[string]string{} // by the connection's address
	r := newReceiver(t, "127.0.0.1:0", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		who := r.Header.Get("X-Who")
		if before, ok := speakers[r.RemoteAddr]; ok && before != who {
			t.Errorf("a connection of %q was used for %q", before, who)
		}
		speakers[r.RemoteAddr] = who
	})
	c := newClient(t, Options{Policy: dev})
	for round := range 3 {
		for _, who := range []string{"", "cert_a", "cert_b"} {
			req := post("http://" + r.addr + "/")
			req.Header, req.Credentials = http.Header{"X-Who": {who}}, who
			if res := c.Do(t.Context(), req); res.Status != 200 || res.Reused != (round > 0) {
				t.Errorf("round %d, %q: %+v", round, who, res)
			}
		}
	}
	if n := r.conns.Load(); n != 3 {
		t.Errorf("%d connections for 3 credentials", n)
	}
}

// A receiver that closes its connections without having said so costs no attempt,
// whether it does so at once, in a while, or as the next request arrives: that is sent
// once more, over a new connection.
func TestClosedKeptConnection(t *testing.T) {
	for name, receiver := range map[string]func(c net.Conn, tcp *net.TCPConn, took func()){
		"at once": func(c net.Conn, _ *net.TCPConn, took func()) {
			if readRequest(c) {
				took()
				io.WriteString(c, okAnswer)
			}
		},
		"as the next one comes": func(c net.Conn, _ *net.TCPConn, took func()) {
			if readRequest(c) {
				took()
				io.WriteString(c, okAnswer)
				c.Read(make([]byte, 1))
			}
		},
		"having read the next one": func(c net.Conn, _ *net.TCPConn, took func()) {
			if readRequest(c) {
				took()
				io.WriteString(c, okAnswer)
				readRequest(c)
			}
		},
		"by a reset": func(c net.Conn, tcp *net.TCPConn, took func()) {
			if readRequest(c) {
				took()
				io.WriteString(c, okAnswer)
				c.Read(make([]byte, 1))
				tcp.SetLinger(0)
				tcp.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var taken atomic.Int64
			overBoth(t, func(c net.Conn, tcp *net.TCPConn) {
				receiver(c, tcp, func() { taken.Add(1) })
				c.Close()
			}, func(t *testing.T, c *Client, url string, _ *atomic.Int64) {
				taken.Store(0)
				n := 60
				if strings.HasPrefix(url, "https") {
					n = 15
				}
				for i := range n {
					if res := c.Do(t.Context(), post(url)); res.Status != 200 || res.Reason != "" {
						t.Fatalf("%d of %d: %+v", i, n, res)
					}
				}
				if got := taken.Load(); got != int64(n) {
					t.Errorf("%d of %d were answered", got, n)
				}
			})
		})
	}
}

// Once more is once: a new connection that is closed is a failure, and so is a kept one
// that is closed in the middle of an answer, or when the time is over.
func TestSentOnceMoreOnly(t *testing.T) {
	var requests atomic.Int64
	url, conns := rawReceiver(t, func(c *net.TCPConn) {
		defer c.Close()
		for readRequest(c) {
			if requests.Add(1) > 1 {
				return
			}
			io.WriteString(c, okAnswer)
		}
	})
	c := newClient(t, Options{Policy: dev})
	if res := c.Do(t.Context(), post(url)); res.Status != 200 {
		t.Fatalf("first: %+v", res)
	}
	res := c.Do(t.Context(), post(url))
	if res.Reason != ReasonReset || res.Reused || requests.Load() != 3 || conns.Load() != 2 {
		t.Errorf("%d requests on %d connections: %+v", requests.Load(), conns.Load(), res)
	}
	if res = c.Do(t.Context(), post(url)); res.Reason != ReasonReset || requests.Load() != 4 {
		t.Errorf("on a new connection: %d requests, %+v", requests.Load(), res)
	}

	for name, second := range map[string]string{"half a status line": "HTTP/1.1 2", "half a head": okLine + "X: "} {
		requests.Store(0)
		url, _ := rawReceiver(t, func(c *net.TCPConn) {
			defer c.Close()
			for readRequest(c) {
				if requests.Add(1) > 1 {
					io.WriteString(c, second)
					return
				}
				io.WriteString(c, okAnswer)
			}
		})
		c.Do(t.Context(), post(url))
		if res := c.Do(t.Context(), post(url)); res.Reason != ReasonReset || !res.Reused || requests.Load() != 2 {
			t.Errorf("%s: %d requests, %+v", name, requests.Load(), res)
		}
	}
}

// The time of a request is that of both its connections.
func TestSentOnceMoreOnTheSameTime(t *testing.T) {
	var requests atomic.Int64
	url, _ := rawReceiver(t, func(c *net.TCPConn) {
		for readRequest(c) {
			switch requests.Add(1) {
			case 1:
				io.WriteString(c, okAnswer)
			case 2:
				c.Close()
				return
			}
		}
	})
	c := newClient(t, Options{Policy: dev})
	c.Do(t.Context(), post(url))
	r := post(url)
	r.Timeout = 200 * time.Millisecond
	res := c.Do(t.Context(), r)
	if res.Reason != ReasonTimeout || res.Duration < r.Timeout || res.Duration > r.Timeout+slack || requests.Load() != 3 {
		t.Errorf("%d requests, %+v", requests.Load(), res)
	}
}

// What the receiver sent before it had any of the request is nobody's answer. Here the
// kernel acknowledges at once, so the count is made up.
func TestAnswerBeforeTheRequest(t *testing.T) {
	var requests atomic.Int64
	serve := func(c net.Conn, _ *net.TCPConn) {
		for readRequest(c) {
			requests.Add(1)
			io.WriteString(c, okAnswer)
		}
	}
	overBoth(t, serve, func(t *testing.T, c *Client, url string, conns *atomic.Int64) {
		for _, missing := range []int64{0, -1} {
			requests.Store(0)
			before := conns.Load()
			c.Do(t.Context(), post(url))
			c.pool.mu.Lock()
			k := c.pool.idle.Front().Value.(*conn)
			c.pool.mu.Unlock()
			if n := k.wire.outstanding(); n != 0 {
				t.Errorf("%d bytes outstanding after an answer", n)
			}
			k.wire.outstanding = func() int64 { return k.wire.written + missing }
			res := c.Do(t.Context(), post(url))
			if unheeded := missing == 0; res.Status != 200 || res.Reused == unheeded || unheeded != (requests.Load() == 3) || unheeded != (conns.Load() == before+2) {
				t.Errorf("all but %d bytes outstanding: %d requests, %+v", -missing, requests.Load(), res)
			}
			c.Close()
			c.pool.closed = false
		}
	})
}

// Of what a receiver does not read, some is never acknowledged.
func TestUnacknowledged(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	url, _ := rawReceiver(t, func(*net.TCPConn) {})
	c := newClient(t, Options{Policy: dev})
	u, err := c.policy.parseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(slack)
	k, err := c.dial(&exchange{client: c, caller: t.Context(), target: targetOf(u, Request{}), deadline: deadline})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	k.SetWriteDeadline(time.Now().Add(goodbye))
	k.Write(make([]byte, 64<<20))
	if n := k.wire.outstanding(); n <= 0 {
		t.Errorf("%d bytes outstanding", n)
	}
}

// Requests of one app never meet an answer that another app's made the receiver send,
// nor do those with other credentials, over TLS or not. The receiver answers
// /poison twice, the second time a little later, and never /mute.
func TestLateSecondAnswer(t *testing.T) {
	const rounds = 8
	serve := func(c net.Conn, _ *net.TCPConn) {
		for {
			request, ok := readRequestOf(c)
			if !ok {
				return
			}
			if strings.Contains(request, "/mute") {
				c.Close()
				return
			}
			io.WriteString(c, okAnswer)
			if strings.Contains(request, "/poison") {
				time.Sleep(2 * time.Millisecond)
				if _, err := io.WriteString(c, okAnswer); err != nil {
					return
				}
			}
		}
	}
	overBoth(t, serve, func(t *testing.T, c *Client, url string, _ *atomic.Int64) {
		base := strings.TrimSuffix(url, "/hooks")
		to := func(path, app, credentials string) Response {
			r := post(base + path)
			r.App, r.Credentials = app, credentials
			return c.Do(t.Context(), r)
		}
		for i := range rounds {
			for _, other := range [][2]string{{"victim", ""}, {"victim", "key_1"}, {"attacker", "key_2"}} {
				// So that there is a kept connection that might be taken.
				if res := to("/fine", other[0], other[1]); res.Status != 200 {
					t.Fatalf("fine: %+v", res)
				}
				if res := to("/poison", "attacker", ""); res.Status != 200 {
					t.Fatalf("poison: %+v", res)
				}
				time.Sleep(time.Duration(i%4) * time.Millisecond) // before, with and after the second answer
				if res := to("/mute", other[0], other[1]); res.Status != 0 || res.Reason != ReasonReset {
					t.Fatalf("counts as delivered, but was not answered: %+v", res)
				}
			}
		}
	})
}

// What was answered while this process was stopped is no timeout.
func TestAnswerThatWaited(t *testing.T) {
	overBoth(t, func(c net.Conn, _ *net.TCPConn) {
		readRequest(c)
		io.WriteString(c, okAnswer)
		c.Read(make([]byte, 1))
	}, func(t *testing.T, c *Client, url string, _ *atomic.Int64) {
		u, err := c.policy.parseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		x := &exchange{client: c, caller: t.Context(), target: targetOf(u, Request{}), deadline: time.Now().Add(slack)}
		k, err := c.dial(x)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		x.got(k)
		s := newScratch().(*scratch)
		s.in.reset(k)
		r := post(url)
		r.Method, r.MaxBody = http.MethodPost, 10
		w := k.write(s, c.head(s, u, r), r.Body, false)
		for k.wire.quiet(x.deadline) { // the answer is on its way
			runtime.Gosched()
		}
		k.SetDeadline(longAgo)
		out, _, err := x.receive(&s.in, w, r)
		if err != nil || out.Status != 200 || string(out.Body) != "ok" || out.Remark != "" {
			t.Errorf("%+v, %v", out, err)
		}
		// And where nothing waits, the time is over.
		if _, err := k.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nothing is there: %v", err)
		}
	})
}

// A connection that has aged is given up before anything is sent on it.
func TestOldConnectionIsReplaced(t *testing.T) {
	var requests atomic.Int64
	r := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("Keep-Alive", r.Header.Get("X-Hint"))
	})
	c := newClient(t, Options{Policy: dev})
	for i, hint := range []string{"timeout=60, max=100", "timeout=0", "timeout=0", "", "timeout=x"} {
		req := post("http://" + r.addr + "/")
		req.Header = http.Header{"X-Hint": {hint}}
		if res := c.Do(t.Context(), req); res.Status != 200 || res.Reused != (i == 1 || i == 4) {
			t.Errorf("%d: %+v", i, res)
		}
	}
	if requests.Load() != 5 || r.conns.Load() != 3 {
		t.Errorf("%d requests on %d connections", requests.Load(), r.conns.Load())
	}
}

func TestKeepAliveHint(t *testing.T) {
	for hint, want := range map[string]time.Duration{
		"timeout=5": 4 * time.Second, "timeout=5, max=100": 4 * time.Second, "max=100,timeout=1": 500 * time.Millisecond,
		"timeout=600": maxConnAge, "timeout=-1": maxConnAge, "": maxConnAge, "max=5": maxConnAge,
	} {
		k := &conn{born: time.Now(), expires: maxConnAge}
		k.keepAlive(http.Header{"Keep-Alive": {hint}})
		if got := k.expires; got < want || got > want+slack {
			t.Errorf("%q: %s, want %s", hint, got, want)
		}
	}
}

func TestTLS(t *testing.T) {
	ts := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	ts.Config.ErrorLog = log.New(io.Discard, "", 0)
	ts.StartTLS()
	defer ts.Close()
	_, port, _ := net.SplitHostPort(ts.Listener.Addr().String())
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	dns := newNameserver(t, map[string][]string{"example.com": {"127.0.0.1"}, "other.test": {"127.0.0.1"}})

	policy := plainHTTP(dns.addr)
	trusting := newClient(t, Options{Policy: policy, RootCAs: roots})
	for i, host := range []string{"example.com", "example.com", "127.0.0.1", "EXAMPLE.com."} {
		res := trusting.Do(t.Context(), post("https://"+host+":"+port+"/"))
		if res.Status != 200 || res.RemoteAddr != ts.Listener.Addr().String() || res.Reused != (i == 1) {
			t.Errorf("%s: %+v", host, res)
		}
	}
	res := trusting.Do(t.Context(), post("https://other.test:"+port+"/"))
	if res.Reason != ReasonTLS || !strings.Contains(res.Detail, "certificate") || res.RemoteAddr == "" {
		t.Errorf("wrong name: %+v", res)
	}
	res = newClient(t, Options{Policy: policy}).Do(t.Context(), post("https://example.com:"+port+"/"))
	if res.Reason != ReasonTLS || !strings.Contains(res.Detail, "certificate") {
		t.Errorf("unknown authority: %+v", res)
	}
}

func TestTLSMisbehavior(t *testing.T) {
	tests := []struct {
		name   string
		serve  func(c *net.TCPConn)
		reason Reason
		detail string
	}{
		{"hang", func(*net.TCPConn) {}, ReasonTimeout, "TLS handshake did not finish"},
		{"plain", func(c *net.TCPConn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, ReasonTLS, "TLS handshake"},
		{"close", func(c *net.TCPConn) { c.Close() }, ReasonTLS, "TLS handshake"},
		{"old version", func(c *net.TCPConn) {
			tls.Server(c, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}).Handshake()
		}, ReasonTLS, "version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, _ := rawReceiver(t, tt.serve)
			r := post(strings.Replace(url, "http", "https", 1))
			if tt.reason == ReasonTimeout {
				r.Timeout = 100 * time.Millisecond
			}
			res := newClient(t, Options{Policy: dev}).Do(t.Context(), r)
			if res.Reason != tt.reason || !strings.Contains(res.Detail, tt.detail) || res.RemoteAddr == "" || res.Duration > slack {
				t.Errorf("%+v", res)
			}
		})
	}
}

// net.Pipe has no buffer: the goodbye of TLS blocks until its deadline.
func TestTLSGoodbyeIsShort(t *testing.T) {
	ts := httptest.NewUnstartedServer(nil)
	ts.StartTLS()
	defer ts.Close()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	server := tls.Server(theirs, ts.TLS)
	done := make(chan error)
	go func() { done <- server.Handshake() }()
	// Up to TLS 1.2 the server's handshake ends with a read, so it leaves nothing unread.
	client := tls.Client(&wire{Conn: ours}, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	client.Close()
	if took := time.Since(start); took > slack {
		t.Errorf("Close took %s", took)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestReplacedTransport(t *testing.T) {
	var answer func(*http.Request) (*http.Response, error)
	c := newClient(t, Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) { return answer(r) })})
	tests := []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		want   Reason
	}{
		{"answer", func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			return &http.Response{StatusCode: 200, ContentLength: -1, Body: io.NopCloser(bytes.NewReader(body))}, nil
		}, ""},
		{"no body", func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }, ""},
		{"hang", func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, ReasonTimeout},
		{"refused", func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }, ReasonConnect},
		{"reset", func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET }, ReasonReset},
		{"descriptors", func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}
		}, ReasonResources},
		{"dns", func(*http.Request) (*http.Response, error) { return nil, &net.DNSError{Err: "no such host"} }, ReasonDNS},
		{"address", func(*http.Request) (*http.Response, error) { return nil, &AddrError{} }, ReasonDNS},
	}
	for _, tt := range tests {
		answer = tt.answer
		r := post("https://example.com/")
		r.Timeout = 50 * time.Millisecond
		if res := c.Do(t.Context(), r); res.Reason != tt.want || (tt.name == "answer" && string(res.Body) != "{}") {
			t.Errorf("%s: %+v", tt.name, res)
		}
	}
}

// After Close, what is still under way leaves no idle connection behind.
func TestNoGoroutineOutlivesAnExchange(t *testing.T) {
	url, _ := rawReceiver(t, func(*net.TCPConn) {})
	c := newClient(t, Options{Policy: dev})
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for range 20 {
		for _, u := range []string{url, strings.Replace(url, "http", "https", 1)} {
			wg.Go(func() {
				r := post(u)
				r.Timeout = 100 * time.Millisecond
				if res := c.Do(context.Background(), r); res.Reason != ReasonTimeout {
					t.Errorf("%+v", res)
				}
			})
		}
	}
	wg.Wait()
	c.Close()
	// The receiver's goroutines end by themselves; only ours are looked for.
	for deadline := time.Now().Add(slack); ; runtime.Gosched() {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !bytes.Contains(stacks, []byte("safehttp.(*Client).")) && !bytes.Contains(stacks, []byte("safehttp.(*conn).")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, still running:\n%s", before, stacks)
		}
	}
}
