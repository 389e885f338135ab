package e2e

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop/dialect"
)

// request is what a receiver got.
type request struct {
	at     time.Time
	method string
	path   string
	header http.Header
	body   []byte
}

// receiver notes every request and then behaves in its own way.
type receiver struct {
	*httptest.Server
	// closing ends whatever behaviour is still going on.
	closing chan struct{}

	mu  sync.Mutex
	got []request
}

// behaviour is how a receiver answers once it has read the request, whose body can
// be read again.
type behaviour func(r *receiver, w http.ResponseWriter, req *http.Request)

func newReceiver(t testing.TB, b behaviour) *receiver {
	t.Helper()
	return newReceiverAt(t, "127.0.0.1:0", b)
}

// newReceiverAt listens at an address.
func newReceiverAt(t testing.TB, address string, b behaviour) *receiver {
	t.Helper()
	r := unstarted(t, address, b)
	r.Start()
	return r
}

func unstarted(t testing.TB, address string, b behaviour) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{closing: make(chan struct{})}
	r.Server = &httptest.Server{Listener: l, Config: &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return // the sender was killed in the middle
			}
			r.mu.Lock()
			r.got = append(r.got, request{time.Now(), req.Method, req.RequestURI, req.Header.Clone(), body})
			r.mu.Unlock()
			req.Body = io.NopCloser(bytes.NewReader(body))
			b(r, w, req)
		}),
		ErrorLog: log.New(io.Discard, "", 0), // what the other side does out of turn is tested elsewhere
	}}
	t.Cleanup(func() {
		close(r.closing)
		r.Server.CloseClientConnections()
		r.Server.Close()
	})
	return r
}

// requests are those that came so far.
func (r *receiver) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.got...)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// wait waits for n requests, and gives all there are.
func (r *receiver) wait(t testing.TB, n int) []request {
	t.Helper()
	eventually(t, fmt.Sprintf("the receiver got %d requests", n), func() bool { return r.count() >= n })
	return r.requests()
}

// verify checks a request as its receiver would.
func (q request) verify(t testing.TB, dialectName string, secrets ...string) {
	t.Helper()
	if err := dialect.Verify(dialectName, q.header, q.body, secrets...); err != nil {
		t.Errorf("%s: %v\n%v\n%s", dialectName, err, q.header, q.body)
	}
}

// carries checks that data arrived byte for byte.
func (q request) carries(t testing.TB, data string) {
	t.Helper()
	if !bytes.Contains(q.body, []byte(data)) {
		t.Errorf("the data did not arrive byte for byte:\n%s\nwanted\n%s", q.body, data)
	}
}

// dump is the request as a receiver would capture it.
func (q request) dump() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", q.method, q.path)
	_ = q.header.Write(&b)
	b.WriteString("\r\n")
	b.Write(q.body)
	return b.String()
}

// answers gives each request the same status.
func answers(status int) behaviour {
	return func(_ *receiver, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// echoes answers 200 and the request's body, so that the log captures it.
func echoes(_ *receiver, w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) }

// failsFirst answers the first n requests with 500 and the others well.
func failsFirst(n int64) behaviour {
	var count atomic.Int64
	return func(_ *receiver, w http.ResponseWriter, _ *http.Request) {
		if count.Add(1) <= n {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "out of order")
		}
	}
}

// hangs never answers.
func hangs(r *receiver, _ http.ResponseWriter, req *http.Request) {
	select {
	case <-r.closing:
	case <-req.Context().Done():
	}
}

// holds answers 200 once release is closed.
func holds(release <-chan struct{}) behaviour {
	return func(r *receiver, w http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-r.closing:
		case <-req.Context().Done():
		}
	}
}

// trickles answers 200 at once, and then a byte a second for a minute.
func trickles(r *receiver, w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Length", "60")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range 60 {
		if _, err := w.Write([]byte(".")); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-tick.C:
		case <-r.closing:
			return
		case <-req.Context().Done():
			return
		}
	}
}

// neverEnds answers 200 and a body without an end, as fast as it is taken.
func neverEnds(r *receiver, w http.ResponseWriter, _ *http.Request) {
	page := bytes.Repeat([]byte("x"), 4096)
	for {
		select {
		case <-r.closing:
			return
		default:
		}
		if _, err := w.Write(page); err != nil {
			return
		}
	}
}

// redirects answers a status of the 3xx and a Location.
func redirects(status int, to string) behaviour {
	return func(_ *receiver, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

// asksToWait answers the first request with 503 and a Retry-After, and the others
// well.
func asksToWait(retryAfter func() string) behaviour {
	var count atomic.Int64
	return func(_ *receiver, w http.ResponseWriter, _ *http.Request) {
		if count.Add(1) == 1 {
			w.Header().Set("Retry-After", retryAfter())
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
}

// resets takes the request and breaks the connection without an answer.
func resets(_ *receiver, w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// babbles answers something that is not HTTP.
func babbles(_ *receiver, w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, "220 mail.example.com ESMTP\r\n\r\n")
	_ = c.Close()
}

// failsOnce answers 500 and closes the connection, so that the next request needs
// a new one and with it a new look at the DNS; later requests are answered well.
func failsOnce() behaviour {
	var count atomic.Int64
	return func(_ *receiver, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		if count.Add(1) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
}
