package door

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// patience is how long anything that must happen may take on a slow machine.
const patience = 20 * time.Second

// house is a server at a door. Whoever sends a key is known; /slow waits to be let go.
type house struct {
	t       *testing.T
	address string
	door    *Door
	server  *http.Server
	calls   atomic.Int32
	slow    chan struct{}
}

func open(t *testing.T, most int) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, address: l.Addr().String(), door: New(l, most), slow: make(chan struct{})}
	h.server = &http.Server{
		ReadHeaderTimeout: time.Hour, // here, nobody goes by himself
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get("Authorization")
			known := key == "" || Known(r.Context(), key)
			h.calls.Add(1)
			if !known {
				w.Header().Set("Connection", "close")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			switch r.URL.Path {
			case "/slow":
				<-h.slow
			case "/large":
				_, _ = w.Write(large)
			case "/body": // as the API does when it reads a body
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Hour))
			}
			_, _ = io.Copy(w, r.Body)
		}),
	}
	h.door.Attend(h.server)
	go func() { _ = h.server.Serve(h.door) }()
	t.Cleanup(func() { _ = h.server.Close() })
	return h
}

// large is an answer of which no system takes all.
var large = make([]byte, 16<<20)

type guest struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (h *house) enter() *guest {
	h.t.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &guest{h.t, c, bufio.NewReader(c)}
}

func (g *guest) send(text string) {
	if _, err := io.WriteString(g, text); err != nil {
		g.t.Error(err)
	}
}

// status reads an answer, and gives 0 if the connection was closed instead.
func (g *guest) status() int {
	resp, err := http.ReadResponse(g.in, nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (g *guest) ask(path string) int {
	g.send("GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: k\r\n\r\n")
	return g.status()
}

// called waits until so many requests have come.
func (h *house) called(n int32) {
	h.t.Helper()
	for until := time.Now().Add(patience); h.calls.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			h.t.Fatalf("%d requests came, want %d", h.calls.Load(), n)
		}
	}
}

// opened waits until so many connections are open.
func (h *house) opened(n int) {
	h.t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		h.door.mu.Lock()
		open := len(h.door.open)
		h.door.mu.Unlock()
		if open == n {
			return
		}
		if time.Now().After(until) {
			h.t.Fatalf("%d connections are open, want %d", open, n)
		}
	}
}

// rests waits until some connection is idle: the server notes it after the answer is out.
func (h *house) rests() {
	h.t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		h.door.mu.Lock()
		for c := range h.door.open {
			if c.idleSince.Load() != 0 {
				h.door.mu.Unlock()
				return
			}
		}
		h.door.mu.Unlock()
		if time.Now().After(until) {
			h.t.Fatal("no connection is idle")
		}
	}
}

// TestStrangersMakeRoom: those who hold connections and show nothing lose them, the
// oldest first, to whoever comes; those who are known keep theirs.
func TestStrangersMakeRoom(t *testing.T) {
	h := open(t, 10)
	known := h.enter()
	if status := known.ask("/"); status != 200 {
		t.Fatal(status)
	}
	var strangers []*guest
	for i := range 200 {
		s := h.enter()
		s.send([]string{"", "GET", "GET / HTTP/1.1\r\nHost: x\r\n"}[i%3])
		strangers = append(strangers, s)
	}
	if status := h.enter().ask("/"); status != 200 {
		t.Errorf("a newcomer among strangers is answered %d", status)
	}
	if status := known.ask("/"); status != 200 {
		t.Errorf("one who is known lost the connection to strangers: %d", status)
	}
	if strangers[0].status() != 0 {
		t.Error("the oldest stranger is still there")
	}
	h.opened(10)
	last := strangers[len(strangers)-2] // has sent nothing yet
	last.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if last.status() != 200 {
		t.Error("one of the newest strangers lost the connection")
	}
}

// TestFullOfRequests: where every connection has a request under way, the next is told
// to come again, and where one is idle, the one that is so for longest goes.
func TestFullOfRequests(t *testing.T) {
	h := open(t, 3)
	var busyOnes []*guest
	for i := range 3 {
		g := h.enter()
		if i < 2 {
			fmt.Fprintf(g, "GET /slow HTTP/1.1\r\nHost: x\r\nAuthorization: %d\r\n\r\n", i)
		} else if g.ask("/") != 200 {
			t.Fatal("no answer")
		}
		busyOnes = append(busyOnes, g)
	}
	h.called(3)
	h.rests()
	next := h.enter()
	next.send("GET /slow HTTP/1.1\r\nHost: x\r\nAuthorization: next\r\n\r\n")
	if busyOnes[2].status() != 0 {
		t.Error("the idle one is still there")
	}
	h.called(4)
	resp, err := http.ReadResponse(h.enter().in, nil)
	if err != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%v %+v", err, resp)
	}
	close(h.slow)
	for _, g := range []*guest{busyOnes[0], busyOnes[1], next} {
		if status := g.status(); status != 200 {
			t.Errorf("a request under way was answered %d", status)
		}
	}
}

// TestWhoHoldsMost: one who lets requests wait for their bodies, or answers for a reader,
// has half of the connections at most, makes room for others first, and never loses a
// request that is being worked on.
func TestWhoHoldsMost(t *testing.T) {
	h := open(t, 16)
	knock := func(key, path string, more string) *guest {
		g, n := h.enter(), h.calls.Load()
		g.send("POST " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + key + "\r\n" + more)
		h.called(n + 1)
		return g
	}
	const half = "Content-Length: 1000\r\n\r\n{"
	holds := func(key string, want int) {
		t.Helper()
		for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			h.door.mu.Lock()
			n := h.door.of[key]
			waiting := 0
			for c := range h.door.open {
				if since, _ := c.spareSince(time.Now()); since != 0 && c.holder == key {
					waiting++
				}
			}
			h.door.mu.Unlock()
			if n == want && waiting >= want-1 { // one of them may be working
				return
			}
			if time.Now().After(until) {
				t.Fatalf("%s holds %d, of which %d wait, want %d", key, n, waiting, want)
			}
		}
	}
	working := knock("evil", "/slow", "\r\n")
	var waiting []*guest
	for i := range 20 {
		waiting = append(waiting, knock("evil", "/body", half))
		holds("evil", min(i+2, 8))
	}
	if waiting[0].status() != 0 {
		t.Error("the one that waited longest is still there")
	}
	for range 5 {
		knock("worse", "/large", "\r\n")
	}
	var others []*guest
	for range 6 { // three more than there is room for
		others = append(others, knock("good", "/slow", "\r\n"))
	}
	holds("evil", 5)
	holds("worse", 5)
	for i := range 4 {
		others = append(others, knock(fmt.Sprint("good", i), "/slow", "\r\n"))
	}
	close(h.slow)
	for _, g := range append(others, working) {
		if status := g.status(); status != 200 {
			t.Errorf("a request that is being worked on got %d", status)
		}
	}
}

// TestHalfIsBusy: one whose requests are all being worked on gets no more than half.
func TestHalfIsBusy(t *testing.T) {
	h := open(t, 6)
	var working []*guest
	for i := range 3 {
		g := h.enter()
		g.send("GET /slow HTTP/1.1\r\nHost: x\r\nAuthorization: k\r\n\r\n")
		h.called(int32(i + 1))
		working = append(working, g)
	}
	if status := h.enter().ask("/"); status != 429 {
		t.Errorf("one more than half got %d", status)
	}
	close(h.slow)
	for _, g := range working {
		if status := g.status(); status != 200 {
			t.Errorf("a request that is being worked on got %d", status)
		}
	}
	if status := h.enter().ask("/"); status != 200 {
		t.Errorf("with idle ones to spare, one more got %d", status)
	}
	h.opened(3)
}

// TestUnread: of an answer that nobody reads, the system keeps little.
func TestUnread(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reader, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	_ = reader.(*net.TCPConn).SetReadBuffer(4 << 10)
	c, err := New(l, 4).Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // all that it takes is taken at once
	if n, err := c.Write(large); err == nil || n > 512<<10 {
		t.Errorf("%d bytes were taken: %v", n, err)
	}
}

// TestPatience: a stranger may pause for ten seconds and read slowly, but not as slowly
// as he likes; who is known may pause for longer.
func TestPatience(t *testing.T) {
	for _, tt := range []struct {
		name   string
		holder any
		pause  time.Duration
		want   time.Duration // until the answer is given up, 0 if it is read
	}{
		{"a stranger who reads nothing", nil, 0, strangerPatience},
		{"a stranger who reads", nil, strangerPatience / 20, 0},
		{"a stranger who reads slowly", nil, strangerPatience / 2, 94 * time.Second},
		{"one who is known and reads nothing", "k", 0, 94 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe() // keeps nothing that is not read
				var reading sync.WaitGroup
				defer reading.Wait()
				defer there.Close()
				c := &conn{Conn: here, wire: here, door: New(nil, 4), holder: tt.holder}
				if tt.pause > 0 {
					reading.Go(func() {
						for b := make([]byte, piece); ; {
							time.Sleep(tt.pause)
							if _, err := there.Read(b); err != nil {
								return
							}
						}
					})
				}
				began := time.Now()
				n, err := c.Write(large[:1<<20])
				if took := time.Since(began); tt.want == 0 && err != nil || tt.want > 0 && (err == nil || took != tt.want) {
					t.Errorf("%d bytes in %v: %v", n, took, err)
				}
			})
		})
	}
}

// TestTwoLengths: the request is refused with a reason, and what is behind it is not
// taken for another one.
func TestTwoLengths(t *testing.T) {
	h := open(t, 10)
	for _, header := range []string{
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "transfer-encoding:chunked\r\ncontent-length:5\r\n",
	} {
		h.calls.Store(0)
		g := h.enter()
		g.send("POST / HTTP/1.1\r\nHost: x\r\n" + header + "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(g.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || !strings.Contains(string(body), `"code":"invalid_framing"`) || !resp.Close {
			t.Errorf("%s %s", resp.Status, body)
		}
		if g.status() != 0 || h.calls.Load() != 0 {
			t.Errorf("%d requests were taken", h.calls.Load())
		}
	}
}

// TestLargeHeader: what is too large is refused in JSON, as all else, with the remedy, also
// behind a request that was answered.
func TestLargeHeader(t *testing.T) {
	h := open(t, 10)
	for _, before := range []int{0, 1} {
		g := h.enter()
		for range before {
			if status := g.ask("/"); status != 200 {
				t.Fatal(status)
			}
		}
		g.send("GET /?iterator=" + strings.Repeat("a", http.DefaultMaxHeaderBytes+8<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(g.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 431 || resp.Header.Get("Content-Type") != "application/problem+json" || !json.Valid(body) ||
			!strings.Contains(string(body), `"code":"header_too_large"`) || !resp.Close {
			t.Errorf("%s %s", resp.Status, body)
		}
	}
}

// TestUnreadableHeader: what net/http refuses by itself is answered as all else is.
func TestUnreadableHeader(t *testing.T) {
	h := open(t, 10)
	for request, code := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n":            "invalid_host",
		"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n":   "invalid_request",
		"GET / HTTP/1.1\r\n\r\n":                         "invalid_host",
		"GET / HTTP/1.1\r\nHost: x\r\nX-\x01: y\r\n\r\n": "invalid_request",
		"GET / HTTP/1.1\r\nHost: x\r\nX: \x01\r\n\r\n":   "invalid_request",
		"GET / \r\nHost: x\r\n\r\n":                      "invalid_request",
	} {
		g := h.enter()
		g.send(request)
		resp, err := http.ReadResponse(g.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || resp.Header.Get("Content-Type") != "application/problem+json" || !json.Valid(body) ||
			!strings.Contains(string(body), `"code":"`+code+`"`) || !resp.Close {
			t.Errorf("%q: %s %s", request, resp.Status, body)
		}
	}
}

// TestStuckAtTheEnd: connections on which no request is under way, and those whose
// clients neither send nor read, do not keep the server from ending; a request that is
// being worked on does, and is answered.
func TestStuckAtTheEnd(t *testing.T) {
	h := open(t, 10)
	h.enter()
	h.enter().send("POST / HT")
	idle := h.enter()
	idle.ask("/")
	sender := h.enter()
	sender.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	working := h.enter()
	working.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	h.called(3)
	h.opened(5)
	h.door.mu.Lock()
	for c := range h.door.open { // as the API does when it reads a body
		if c.underSince.Load() != 0 && c.RemoteAddr().String() == sender.LocalAddr().String() {
			_ = c.SetReadDeadline(time.Now().Add(time.Hour))
		}
	}
	h.door.mu.Unlock()
	done := make(chan error)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { done <- h.server.Shutdown(ctx) }()
	h.opened(1)
	close(h.slow)
	if status := working.status(); status != 200 {
		t.Errorf("the request under way was answered %d", status)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// BenchmarkSee is what looking at a usual publish costs.
func BenchmarkSee(b *testing.B) {
	request := []byte("POST /v1/events HTTP/1.1\r\nHost: hooks.example.com\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: 1024\r\nAuthorization: Bearer bh_0123456789012345678901234567890123456789\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n" + strings.Repeat("x", 1024))
	var f framing
	b.ReportAllocs()
	for b.Loop() {
		f.see(request)
	}
	if f.part != startLine || f.blind {
		b.Fatalf("%+v", f)
	}
}
