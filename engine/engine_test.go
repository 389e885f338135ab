package engine_test

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
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receivers is the network of a simulation: hosts and how they answer.
type receivers struct {
	mu    sync.Mutex
	hosts map[string]func(*http.Request, received) answer
	log   []received
	seen  map[[2]string]int // by host and id
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
	return &receivers{hosts: map[string]func(*http.Request, received) answer{}, seen: map[[2]string]int{}}
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
	rs.seen[[2]string{r.host, r.id}]++
	r.n = rs.seen[[2]string{r.host, r.id}]
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

// house is a running Engine in a simulation.
type house struct {
	*engine.Engine
	t      *testing.T
	store  bellhop.Store
	net    *receivers
	config engine.Config
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

// open starts an Engine on a memory store inside a synctest bubble.
func open(t *testing.T, change ...func(*engine.Config)) *house {
	t.Helper()
	return openOn(t, memstore.New(), change...)
}

// seldom lets days of heartbeats pass quickly.
func seldom(c *engine.Config) { c.Lease = 2 * time.Minute }

// openOn is open on a store.
func openOn(t *testing.T, store bellhop.Store, change ...func(*engine.Config)) *house {
	t.Helper()
	h := &house{t: t, store: store, net: newReceivers()}
	h.config = engine.Config{
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
	e, err := engine.New(h.t.Context(), h.store, h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	h.Engine = e
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
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
	app(h.t, h.Engine, name)
}

// endpoint creates an endpoint of app acme at https://HOST/hook.
func (h *house) endpoint(host string, change ...func(*bellhop.EndpointChange)) bellhop.Endpoint {
	h.t.Helper()
	c := bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://" + host + "/hook")}
	for _, f := range change {
		f(&c)
	}
	return endpoint(h.t, h.Engine, c)
}

func (h *house) set(e bellhop.EndpointID, c bellhop.EndpointChange) bellhop.Endpoint {
	h.t.Helper()
	return set(h.t, h.Engine, e, c)
}

// app, endpoint and set do what a desk does for people, without its checks.
func app(t *testing.T, e *engine.Engine, name string) {
	t.Helper()
	now := e.Now()
	a := bellhop.App{ID: name, CreatedAt: now, UpdatedAt: now}
	if err := e.Store().SaveApp(t.Context(), a, e.AuditEntry(bellhop.System, "app.create", name, []string{name}, nil)); err != nil {
		t.Fatal(err)
	}
	e.RefreshRoutes(t.Context())
}

func endpoint(t *testing.T, e *engine.Engine, c bellhop.EndpointChange) bellhop.Endpoint {
	t.Helper()
	now := e.Now()
	n := bellhop.Endpoint{
		ID: id.Next[id.Endpoint](e.IDs(), now), Status: bellhop.EndpointActive, Dialect: "standard", Timeout: bellhop.Duration(15 * time.Second),
		Concurrency: 32, Ordering: bellhop.OrderingNone, CreatedAt: now,
	}
	change(&n, c)
	secret := c.Secret.Value
	if d := e.Routes().Dialect(n.Dialect); secret == "" && d != nil {
		var err error
		if secret, err = d.NewSecret(); err != nil {
			t.Fatal(err)
		}
	}
	n.Secrets = []bellhop.Secret{{Sealed: e.Config().Sealer.Seal([]byte(secret), n.ID.String()), CreatedAt: now}}
	return save(t, e, n)
}

func set(t *testing.T, e *engine.Engine, i bellhop.EndpointID, c bellhop.EndpointChange) bellhop.Endpoint {
	t.Helper()
	r := e.Routes().Routes().Endpoint(i)
	if r == nil {
		t.Fatalf("there is no endpoint %s", i)
	}
	changed := r.Endpoint
	change(&changed, c)
	return save(t, e, changed)
}

func change(e *bellhop.Endpoint, c bellhop.EndpointChange) {
	given(c.Apps, &e.Apps)
	given(c.URL, &e.URL)
	given(c.Name, &e.Name)
	given(c.Events, &e.Events)
	given(c.Subjects, &e.Subjects)
	given(c.Channels, &e.Channels)
	given(c.Filter, &e.Filter)
	given(c.Dialect, &e.Dialect)
	given(c.Headers, &e.Headers)
	given(c.Timeout, &e.Timeout)
	given(c.Retry, &e.Retry)
	given(c.RateLimit, &e.RateLimit)
	given(c.Concurrency, &e.Concurrency)
	e.ExactConcurrency = e.ExactConcurrency || c.Concurrency.Set
	given(c.Ordering, &e.Ordering)
	given(c.Metadata, &e.Metadata)
	if c.Status.Set {
		e.Status, e.DisabledReason = c.Status.Value, ""
	}
}

func given[T any](f bellhop.Field[T], to *T) {
	if f.Set {
		*to = f.Value
	}
}

func save(t *testing.T, e *engine.Engine, n bellhop.Endpoint) bellhop.Endpoint {
	t.Helper()
	now := e.Now()
	n.UpdatedAt = now
	entry := e.AuditEntry(bellhop.System, "endpoint.save", n.ID.String(), n.Apps, nil)
	if err := e.Store().SaveEndpoint(t.Context(), n, entry, now); err != nil {
		t.Fatal(err)
	}
	e.RefreshRoutes(t.Context())
	return e.Routes().Routes().Endpoint(n.ID).Endpoint
}

// Endpoint gives an endpoint as it is now.
func (h *house) Endpoint(e bellhop.EndpointID) (bellhop.Endpoint, error) {
	r := h.Routes().Routes().Endpoint(e)
	if r == nil {
		return bellhop.Endpoint{}, bellhop.NotFound("endpoint", e.String())
	}
	return r.Endpoint, nil
}

// remove deletes an endpoint.
func (h *house) remove(e bellhop.EndpointID) {
	h.t.Helper()
	entry := h.AuditEntry(bellhop.System, "endpoint.delete", e.String(), nil, nil)
	if err := h.store.DeleteEndpoint(h.t.Context(), e, entry, h.Now()); err != nil {
		h.t.Fatal(err)
	}
	h.RefreshRoutes(h.t.Context())
}

// erase does what a desk does to erase.
func (h *house) erase(sel bellhop.EraseSelector) []bellhop.EventID {
	h.t.Helper()
	entry := h.AuditEntry(bellhop.System, "event.erase", "", nil, nil)
	gone, err := h.store.Erase(h.t.Context(), sel, entry, h.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	events := map[bellhop.EventID]bool{}
	for _, e := range gone {
		events[e] = true
	}
	h.Forget(events, "")
	if err := h.SweepAll(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return gone
}

func (h *house) publish(data string, change ...func(*engine.Publication)) bellhop.EventID {
	h.t.Helper()
	p := engine.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(data)}
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
	f.Scope, f.Limit = bellhop.Everything(), 1000
	list, err := h.store.Attempts(h.t.Context(), f)
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Reverse(list) // oldest first
	return list
}

func (h *house) deliveries(f bellhop.DeliveryFilter) []bellhop.Delivery {
	h.t.Helper()
	f.Scope = bellhop.Everything()
	if f.Limit == 0 {
		f.Limit = 1000
	}
	list, err := h.store.Deliveries(h.t.Context(), f)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
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
