package door

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
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
			h.calls.Add(1)
			if r.Header.Get("Authorization") != "" {
				Known(r.Context())
			}
			if r.URL.Path == "/slow" {
				<-h.slow
			}
			_, _ = io.Copy(w, r.Body)
		}),
	}
	h.door.Attend(h.server)
	go func() { _ = h.server.Serve(h.door) }()
	t.Cleanup(func() { _ = h.server.Close() })
	return h
}

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
			g.send("GET /slow HTTP/1.1\r\nHost: x\r\nAuthorization: k\r\n\r\n")
		} else if g.ask("/") != 200 {
			t.Fatal("no answer")
		}
		busyOnes = append(busyOnes, g)
	}
	for until := time.Now().Add(patience); h.calls.Load() < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the requests did not arrive")
		}
	}
	next := h.enter()
	next.send("GET /slow HTTP/1.1\r\nHost: x\r\nAuthorization: k\r\n\r\n")
	if busyOnes[2].status() != 0 {
		t.Error("the idle one is still there")
	}
	for until := time.Now().Add(patience); h.calls.Load() < 4; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the next request did not arrive")
		}
	}
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
	for until := time.Now().Add(patience); h.calls.Load() < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the requests did not arrive")
		}
	}
	h.opened(5)
	h.door.mu.Lock()
	for c := range h.door.open { // as the API does when it reads a body
		if c.under.Load() && c.RemoteAddr().String() == sender.LocalAddr().String() {
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
