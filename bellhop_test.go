package bellhop_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receivers is the network of a simulation: hosts and how they answer.
type receivers struct {
	mu    sync.Mutex
	hosts map[string]func(*http.Request, received) answer
	log   []received
}

// received is one request as its receiver saw it.
type received struct {
	at     time.Time
	host   string
	id     string // webhook-id
	header http.Header
	body   string
	n      int // counts the requests of this host with this id, from 1
}

// answer is what a receiver does.
type answer struct {
	status int
	header http.Header
	after  time.Duration // how long it takes
	fail   error
}

func newReceivers() *receivers {
	return &receivers{hosts: map[string]func(*http.Request, received) answer{}}
}

func (rs *receivers) on(host string, h func(received) answer) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.hosts[host] = func(_ *http.Request, r received) answer { return h(r) }
}

// RoundTrip implements http.RoundTripper.
func (rs *receivers) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	header := http.Header{} // canonical, as a server reads it
	for name, values := range req.Header {
		for _, v := range values {
			header.Add(name, v)
		}
	}
	rs.mu.Lock()
	r := received{at: time.Now(), host: req.URL.Hostname(), header: header, body: string(body), id: header.Get("webhook-id")}
	for _, x := range rs.log {
		if x.host == r.host && x.id == r.id {
			r.n++
		}
	}
	r.n++
	rs.log = append(rs.log, r)
	h := rs.hosts[r.host]
	rs.mu.Unlock()
	a := answer{status: 204}
	if h != nil {
		a = h(req, r)
	}
	if a.after > 0 {
		t := time.NewTimer(a.after)
		defer t.Stop()
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-t.C:
		}
	}
	if a.fail != nil {
		return nil, a.fail
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	return &http.Response{
		StatusCode: a.status, Status: strconv.Itoa(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(bytes.NewReader(nil)), Request: req,
	}, nil
}

// at gives what a host received, in order.
func (rs *receivers) at(host string) []received {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var list []received
	for _, r := range rs.log {
		if r.host == host {
			list = append(list, r)
		}
	}
	return list
}

// house is a running Bellhop in a simulation.
type house struct {
	*bellhop.Bellhop
	t      *testing.T
	store  bellhop.Store
	net    *receivers
	config bellhop.Config
	stop   func()
}

func sealer(t testing.TB) bellhop.Sealer {
	t.Helper()
	s, err := bellhop.NewSealer(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open starts a Bellhop on a memory store inside a synctest bubble.
func open(t *testing.T, change ...func(*bellhop.Config)) *house {
	t.Helper()
	h := &house{t: t, store: memstore.New(), net: newReceivers()}
	h.config = bellhop.Config{
		Sealer: sealer(t), Transport: h.net, Logger: slog.New(slog.DiscardHandler),
		Random: func() float64 { return 0.5 },
	}
	for _, c := range change {
		c(&h.config)
	}
	h.start()
	t.Cleanup(func() {
		h.stop()
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
	h.app("acme")
	return h
}

func (h *house) start() {
	h.t.Helper()
	b, err := bellhop.New(h.t.Context(), h.store, h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	h.Bellhop = b
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
}

func (h *house) app(name string) {
	h.t.Helper()
	if _, _, err := h.SaveApp(h.t.Context(), "test", bellhop.App{ID: name}); err != nil {
		h.t.Fatal(err)
	}
}

// endpoint creates an endpoint of app acme at https://HOST/hook.
func (h *house) endpoint(host string, change ...func(*bellhop.EndpointChange)) bellhop.Endpoint {
	h.t.Helper()
	c := bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://" + host + "/hook")}
	for _, f := range change {
		f(&c)
	}
	e, _, err := h.CreateEndpoint(h.t.Context(), "test", c)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func (h *house) publish(data string, change ...func(*bellhop.Publication)) bellhop.EventID {
	h.t.Helper()
	p := bellhop.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(data)}
	for _, f := range change {
		f(&p)
	}
	r, err := h.Publish(h.t.Context(), p)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Event
}

func (h *house) attempts(f bellhop.AttemptFilter) []bellhop.Attempt {
	h.t.Helper()
	if f.Limit == 0 {
		f.Limit = 1000
	}
	list, err := h.Logs().Attempts(h.t.Context(), f)
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Reverse(list) // oldest first
	return list
}

func (h *house) deliveries(f bellhop.DeliveryFilter) []bellhop.Delivery {
	h.t.Helper()
	if f.Limit == 0 {
		f.Limit = 1000
	}
	list, err := h.Logs().Deliveries(h.t.Context(), f)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *house) set(e bellhop.EndpointID, c bellhop.EndpointChange) bellhop.Endpoint {
	h.t.Helper()
	saved, err := h.UpdateEndpoint(h.t.Context(), "test", e, c)
	if err != nil {
		h.t.Fatal(err)
	}
	return saved
}

func status(s int) func(received) answer {
	return func(received) answer { return answer{status: s} }
}

var errReset = errors.New("connection reset by peer")

func simulate(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// wait lets simulated time pass until everything that is to happen by then has.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
