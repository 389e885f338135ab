package desk_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// owner asks in nobody else's name.
var owner = bellhop.Owner()

// as is somebody with this role who is limited to these apps.
func as(role bellhop.Role, apps ...string) bellhop.Principal {
	return bellhop.Principal{Role: role, Scope: bellhop.Only(apps...), Actor: string(role)}
}

// receivers is the network of a simulation: hosts and how they answer.
type receivers struct {
	mu    sync.Mutex
	hosts map[string]func(received) answer
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
	body   string
	after  time.Duration // how long it takes
}

func (rs *receivers) on(host string, h func(received) answer) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.hosts[host] = h
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
		a = h(r)
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
	return &http.Response{
		StatusCode: a.status, Status: strconv.Itoa(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: req,
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

// house is a running engine with a desk, in a simulation.
type house struct {
	*desk.Desk
	e       *engine.Engine
	t       testing.TB
	store   bellhop.Store
	net     *receivers
	config  engine.Config
	options desk.Options
	stop    func()
}

func sealer(t testing.TB) bellhop.Sealer {
	t.Helper()
	s, err := bellhop.NewSealer(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open starts an engine with a desk on a memory store inside a synctest bubble.
func open(t *testing.T, change ...func(*engine.Config)) *house {
	t.Helper()
	return openOn(t, memstore.New(), desk.Options{}, change...)
}

// openOn is open on a store.
func openOn(t *testing.T, store bellhop.Store, o desk.Options, change ...func(*engine.Config)) *house {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	h := &house{t: t, store: store, net: &receivers{hosts: map[string]func(received) answer{}}, options: o}
	h.config = engine.Config{
		Sealer: sealer(t), Transport: h.net, Logger: o.Logger,
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
	h.e, h.Desk = e, desk.New(e, h.options)
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
	if _, err := h.CreateApp(h.t.Context(), owner, name, desk.AppChange{}); err != nil {
		h.t.Fatal(err)
	}
}

// endpoint creates an endpoint of app acme at https://HOST/hook.
func (h *house) endpoint(host string, change ...func(*bellhop.EndpointChange)) bellhop.Endpoint {
	h.t.Helper()
	e, _, err := h.CreateEndpoint(h.t.Context(), owner, hook(host, change...))
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// hook asks for an endpoint of app acme at https://HOST/hook.
func hook(host string, change ...func(*bellhop.EndpointChange)) bellhop.EndpointChange {
	c := bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://" + host + "/hook")}
	for _, f := range change {
		f(&c)
	}
	return c
}

// of makes an endpoint listen to these apps.
func of(apps ...string) func(*bellhop.EndpointChange) {
	return func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of(apps) }
}

// wanting makes an endpoint listen to these types.
func wanting(types ...string) func(*bellhop.EndpointChange) {
	return func(c *bellhop.EndpointChange) { c.Events = bellhop.Of(types) }
}

// all gives all endpoints.
func (h *house) all() []bellhop.Endpoint {
	h.t.Helper()
	list, err := h.Endpoints(h.t.Context(), owner, "", bellhop.EndpointFilter{})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *house) publish(data string, change ...func(*engine.Publication)) bellhop.EventID {
	h.t.Helper()
	p := engine.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(data)}
	for _, f := range change {
		f(&p)
	}
	r, err := h.Publish(h.t.Context(), owner, p)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Event
}

func ofType(t string) func(*engine.Publication) {
	return func(p *engine.Publication) { p.Type = t }
}

func (h *house) attempts(f bellhop.AttemptFilter) []bellhop.Attempt {
	h.t.Helper()
	if f.Limit == 0 {
		f.Limit = 1000
	}
	list, err := h.Attempts(h.t.Context(), owner, "", f)
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
	list, err := h.Deliveries(h.t.Context(), owner, "", f)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *house) set(e bellhop.EndpointID, c bellhop.EndpointChange) bellhop.Endpoint {
	h.t.Helper()
	saved, err := h.UpdateEndpoint(h.t.Context(), owner, e, c)
	if err != nil {
		h.t.Fatal(err)
	}
	return saved
}

func status(s int) func(received) answer {
	return func(received) answer { return answer{status: s} }
}

// code fails the test unless err has the code and, if given, names the field.
func code(t *testing.T, what string, err error, want bellhop.Code, field ...string) {
	t.Helper()
	e, ok := errors.AsType[*bellhop.Error](err)
	if !ok || e.Code != want || len(field) > 0 && (len(e.Fields) != 1 || e.Fields[0].Field != field[0]) {
		t.Errorf("%s: %v, want code %s %v", what, err, want, field)
	}
}

func simulate(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// wait lets simulated time pass until everything that is to happen by then has.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// meddled is a store during whose steps something else happens: before each one is
// told its name, and may fail it, or with errLost have its answer lost.
type meddled struct {
	bellhop.Store
	before func(ctx context.Context, step string) error
	later  []bellhop.EndpointID // whose deliveries are still to be made
}

// errLost has a step done, and its caller told that nobody knows.
var errLost = errors.New("lost")

func meddle(before func(ctx context.Context, step string) error) *meddled {
	return &meddled{Store: memstore.New(), before: before}
}

func (m *meddled) step(ctx context.Context, name string, do func() error) error {
	switch err := m.before(ctx, name); {
	case errors.Is(err, errLost):
		if err := do(); err != nil {
			return err
		}
		return bellhop.ErrUnknown
	case err != nil:
		return err
	}
	return do()
}

func (m *meddled) Spread(ctx context.Context, l bellhop.Lease, ids []bellhop.DeliveryID, now time.Time) (made []bellhop.Backlog, err error) {
	err = m.step(ctx, "Spread", func() error {
		made, err = m.Store.Spread(ctx, l, ids, now)
		return err
	})
	return made, err
}

func (m *meddled) SaveApp(ctx context.Context, a bellhop.App, audit *bellhop.AuditEntry) error {
	return m.step(ctx, "SaveApp "+a.ID, func() error { return m.Store.SaveApp(ctx, a, audit) })
}

func (m *meddled) DeleteApp(ctx context.Context, app string, audit *bellhop.AuditEntry) error {
	return m.step(ctx, "DeleteApp", func() error { return m.Store.DeleteApp(ctx, app, audit) })
}

func (m *meddled) SaveEventType(ctx context.Context, t bellhop.EventType, audit *bellhop.AuditEntry) error {
	return m.step(ctx, "SaveEventType "+t.Name, func() error { return m.Store.SaveEventType(ctx, t, audit) })
}

func (m *meddled) DeleteEventType(ctx context.Context, name string, audit *bellhop.AuditEntry) error {
	return m.step(ctx, "DeleteEventType", func() error { return m.Store.DeleteEventType(ctx, name, audit) })
}

func (m *meddled) SaveEndpoint(ctx context.Context, e bellhop.Endpoint, audit *bellhop.AuditEntry, now time.Time) error {
	return m.step(ctx, "SaveEndpoint "+e.URL, func() error { return m.Store.SaveEndpoint(ctx, e, audit, now) })
}

func (m *meddled) DeleteEndpoint(ctx context.Context, e bellhop.EndpointID, audit *bellhop.AuditEntry, now time.Time) error {
	return m.step(ctx, "DeleteEndpoint", func() error { return m.Store.DeleteEndpoint(ctx, e, audit, now) })
}

func (m *meddled) SaveKey(ctx context.Context, k bellhop.Key, audit *bellhop.AuditEntry) error {
	return m.step(ctx, "SaveKey", func() error { return m.Store.SaveKey(ctx, k, audit) })
}

func (m *meddled) DeleteKey(ctx context.Context, k bellhop.KeyID, audit *bellhop.AuditEntry) error {
	return m.step(ctx, "DeleteKey", func() error { return m.Store.DeleteKey(ctx, k, audit) })
}

func (m *meddled) TakeOver(ctx context.Context, now time.Time) (n []bellhop.NodeInfo, err error) {
	err = m.step(ctx, "TakeOver", func() error { n, err = m.Store.TakeOver(ctx, now); return err })
	return n, err
}

func (m *meddled) Sweep(ctx context.Context, ids []bellhop.AttemptID, now time.Time) (n int, err error) {
	err = m.step(ctx, "Sweep", func() error { n, err = m.Store.Sweep(ctx, ids, now); return err })
	return n, err
}

func (m *meddled) Redeliver(ctx context.Context, l bellhop.Lease, r bellhop.Redelivery, now time.Time) (n bellhop.Redelivered, err error) {
	err = m.step(ctx, "Redeliver", func() error { n, err = m.Store.Redeliver(ctx, l, r, now); return err })
	return n, err
}

func (m *meddled) Candidates(ctx context.Context, f bellhop.ReplayFilter) (list []bellhop.Event, next bellhop.EventID, err error) {
	err = m.step(ctx, "Candidates", func() error { list, next, err = m.Store.Candidates(ctx, f); return err })
	return list, next, err
}

func (m *meddled) Labelled(ctx context.Context, events []bellhop.EventID, f bellhop.LabelFilter) (has []bool, err error) {
	err = m.step(ctx, "Labelled", func() (err error) { has, err = m.Store.Labelled(ctx, events, f); return err })
	return has, err
}

func (m *meddled) Later(ctx context.Context, id bellhop.EventID) ([]bellhop.EndpointID, error) {
	later, err := m.Store.Later(ctx, id)
	return append(later, m.later...), err
}

// Erase, done again after its answer was lost, answers the events that it has not
// erased before.
func (m *meddled) Erase(ctx context.Context, sel bellhop.EraseSelector, audit *bellhop.AuditEntry, now time.Time) (gone []bellhop.EventID, err error) {
	err = m.step(ctx, "Erase", func() error { gone, err = m.Store.Erase(ctx, sel, audit, now); return err })
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// nothing happens.
func nothing(context.Context, string) error { return nil }
