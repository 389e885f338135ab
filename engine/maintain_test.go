package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/memstore"
)

func TestConfigIsChecked(t *testing.T) {
	good := func() engine.Config { return engine.Config{Sealer: sealer(t)} }
	for field, change := range map[string]func(*engine.Config){
		"Sealer":       func(c *engine.Config) { c.Sealer = nil },
		"MaxInFlight":  func(c *engine.Config) { c.MaxInFlight = -1 },
		"MaxTrials":    func(c *engine.Config) { c.MaxTrials = -1 },
		"QueueBytes":   func(c *engine.Config) { c.QueueBytes = -1 },
		"MaxData":      func(c *engine.Config) { c.MaxData = -1 },
		"MaxBody":      func(c *engine.Config) { c.MaxBody = -1 },
		"Retention":    func(c *engine.Config) { c.Retention = -time.Hour },
		"DisableAfter": func(c *engine.Config) { c.DisableAfter = -time.Hour },
		"DrainTimeout": func(c *engine.Config) { c.DrainTimeout = -time.Second },
		"Lease":        func(c *engine.Config) { c.Lease = time.Millisecond },
		"UserAgent":    func(c *engine.Config) { c.UserAgent = "Bell\r\nhop" },
		"DNS":          func(c *engine.Config) { c.DNS = "192.0.2.53" },
		"Dialects":     func(c *engine.Config) { c.Dialects = []dialect.Definition{{Name: "raw"}} },
		"InboxURL":     func(c *engine.Config) { c.InboxURL = "not a URL" },
	} {
		t.Run(field, func(t *testing.T) {
			c := good()
			change(&c)
			store := memstore.New()
			_, err := engine.New(t.Context(), store, c)
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.TrimSuffix(strings.ToLower(field), "s")) && field != "InboxURL" {
				t.Errorf("err: %v", err)
			}
			if n, err := store.Join(t.Context(), bellhop.NodeAbout{}, time.Minute, time.Now()); err != nil || n.Lease.Node != 1 {
				t.Errorf("a node was left behind: %+v, %v", n, err)
			}
		})
	}
	e, err := engine.New(t.Context(), memstore.New(), good())
	if err != nil {
		t.Fatal(err)
	}
	c := e.Config()
	if c.MaxInFlight != 4096 || c.MaxTrials != 32 || c.MaxData != 256<<10 || c.MaxBody != 16<<10 || c.QueueBytes != 128<<20 ||
		c.DisableAfter != 8*24*time.Hour || c.Lease != 15*time.Second || c.Logger == nil || c.Now == nil {
		t.Errorf("defaults: %+v", c)
	}
}

func TestOneRegistryForEnginesOneAfterTheOther(t *testing.T) {
	simulate(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		h := open(t, func(c *engine.Config) { c.Metrics = registry })
		h.endpoint("a.example")
		for range 3 {
			h.publish(`1`)
			wait(time.Second)
			families, err := registry.Gather()
			accepted := 0.0
			for _, f := range families {
				if f.GetName() == "bellhop_events_accepted_total" {
					for _, m := range f.Metric {
						accepted += m.GetCounter().GetValue()
					}
				}
			}
			if err != nil || accepted != 1 {
				t.Errorf("%v events accepted, %v", accepted, err)
			}
			h.stop()
			if families, err := registry.Gather(); err != nil || len(families) != 0 {
				t.Errorf("after the end of Run: %d metrics, %v", len(families), err)
			}
			h.start()
		}
		// Two at once are told so, and the second leaves no node behind.
		store := memstore.New()
		if _, err := engine.New(t.Context(), store, h.config); err == nil || !strings.Contains(err.Error(), "Config.Metrics") {
			t.Errorf("two at once: %v", err)
		}
		if n, err := store.TakeOver(t.Context(), time.Now().Add(time.Hour)); err != nil || len(n) != 0 {
			t.Errorf("%v were left behind, %v", n, err)
		}
		if families, err := registry.Gather(); err != nil || len(families) == 0 {
			t.Errorf("the first: %d metrics, %v", len(families), err)
		}
	})
}

// hanging is a store in which a step of maintenance takes very long.
type hanging struct {
	bellhop.Store
	obeys bool // the step ends with its context
	left  atomic.Pointer[time.Time]
}

func (s *hanging) Expire(ctx context.Context, _ time.Time, _ int, _ time.Time) (int, error) {
	if s.obeys {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	time.Sleep(time.Hour)
	return 0, nil
}

func (s *hanging) Leave(ctx context.Context, l bellhop.Lease, now time.Time) error {
	at := time.Now()
	s.left.Store(&at)
	return s.Store.Leave(ctx, l, now)
}

func TestMaintenanceDoesNotHoldUpDraining(t *testing.T) {
	for _, obeys := range []bool{true, false} {
		simulate(t, func(t *testing.T) {
			store := &hanging{Store: memstore.New(), obeys: obeys}
			h := openOn(t, store)
			h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 5 * time.Second} })
			h.endpoint("slow.example", func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
			h.publish(`1`)
			h.publish(`2`)
			wait(time.Second)
			stopped := time.Now()
			h.stop()
			took := time.Since(stopped)
			if left := store.left.Load(); left == nil || left.Sub(stopped) > 5*time.Second {
				t.Errorf("obeys %v: left the store %v after it was to stop", obeys, left)
			}
			if obeys && took > 5*time.Second {
				t.Errorf("stopping took %v", took)
			}
			done := h.deliveries(bellhop.DeliveryFilter{Status: bellhop.DeliverySucceeded})
			if n := len(h.net.at("slow.example")); n != 1 || len(done) != 1 {
				t.Errorf("%d requests, %d recorded: what was in flight ends, and nothing new begins", n, len(done))
			}
			store.left.Store(nil)
		})
	}
}

// blind is a store that takes long to say what is overdue.
type blind struct{ bellhop.Store }

func (s blind) Overdue(ctx context.Context, of []bellhop.Bucket, until time.Time) ([]bellhop.Backlog, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Minute):
		return s.Store.Overdue(ctx, of, until)
	}
}

func TestLookingAroundDoesNotCostTheLease(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, blind{memstore.New()})
		for range 300 {
			wait(time.Second)
			if n, err := h.store.TakeOver(t.Context(), time.Now()); err != nil || len(n) != 0 {
				t.Fatalf("the leases of %v ran out, %v", n, err)
			}
		}
	})
}

func TestAPanicWhileSendingIsAnAttempt(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("bug.example", func(r received) answer {
			if r.n == 1 {
				panic("a bug")
			}
			return answer{status: 200}
		})
		e := h.endpoint("bug.example")
		h.endpoint("a.example")
		h.publish(`1`)
		wait(time.Second)
		a := h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})
		if len(a) != 1 || a[0].Reason != bellhop.ReasonPanic || a[0].Status != bellhop.AttemptFailed || a[0].Final || a[0].NextAt.IsZero() {
			t.Errorf("the log: %+v", a)
		}
		if s, _ := h.LaneState(t.Context(), e.ID); s.ConsecutiveFailures != 0 {
			t.Errorf("it was held against the receiver: %+v", s)
		}
		wait(time.Minute)
		if a := h.attempts(bellhop.AttemptFilter{Endpoint: e.ID}); len(a) != 2 || a[1].Status != bellhop.AttemptSucceeded {
			t.Errorf("the log: %+v", a)
		}
		if n := len(h.net.at("a.example")); n != 1 {
			t.Errorf("the other endpoint got %d events", n)
		}
		if a, err := h.Try(t.Context(), e.ID, engine.Publication{App: "acme", Type: "webhook.test", Data: bellhop.JSON(`1`)}); err != nil || a.Reason != bellhop.ReasonPanic {
			t.Errorf("a test: %+v, %v", a, err)
		}
		if n := h.HeldBytes(); n != 0 {
			t.Errorf("the lanes hold %d bytes", n)
		}
	})
}

// stubborn is a store that refuses to save endpoints, or is slow to.
type stubborn struct {
	bellhop.Store
	refuses atomic.Int64 // so many saves
	with    error
	takes   time.Duration
}

func (s *stubborn) SaveEndpoint(ctx context.Context, e bellhop.Endpoint, a *bellhop.AuditEntry, now time.Time) error {
	if e.Status != bellhop.EndpointDisabled {
		return s.Store.SaveEndpoint(ctx, e, a, now)
	}
	time.Sleep(s.takes)
	if s.refuses.Add(-1) >= 0 {
		if s.with == nil {
			if err := s.Store.SaveEndpoint(ctx, e, a, now); err != nil {
				return err
			}
			return bellhop.ErrUnknown
		}
		return s.with
	}
	return s.Store.SaveEndpoint(ctx, e, a, now)
}

func TestAVerdictIsCarriedOut(t *testing.T) {
	for name, c := range map[string]struct {
		refuses int64
		with    error
		want    bool // at the first failure
	}{
		"at once":                              {0, nil, true},
		"although the answer was lost":         {1, nil, true},
		"at the next failure: unavailable":     {1, bellhop.ErrUnavailable, false},
		"at the next failure: changed":         {1, bellhop.ErrRevision, false},
		"at the next failure: nobody knows":    {1, errDead, false},
		"at the next failure: perhaps, but no": {1, bellhop.ErrUnknown, false},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				store := &stubborn{Store: memstore.New(), with: c.with}
				store.refuses.Store(c.refuses)
				h := openOn(t, store)
				h.net.on("gone.example", status(410))
				e := h.endpoint("gone.example")
				h.endpoint("owner.example", func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"bellhop.*"}) })
				h.publish(`1`)
				wait(time.Second)
				if got, _ := h.Endpoint(e.ID); (got.Status == bellhop.EndpointDisabled) != c.want {
					t.Errorf("after the first failure: %s", got.Status)
				}
				if !c.want {
					h.publish(`2`)
					wait(time.Second)
				}
				if got, _ := h.Endpoint(e.ID); got.Status != bellhop.EndpointDisabled || got.DisabledReason == "" {
					t.Errorf("after all: %s", got.Status)
				}
				if n := len(h.net.at("owner.example")); n != 1 {
					t.Errorf("the owner was told %d times", n)
				}
				entries, err := h.store.Audit(t.Context(), bellhop.AuditFilter{Scope: bellhop.Everything(), Action: "endpoint.disable", Limit: 10})
				if err != nil || len(entries) != 1 || entries[0].Actor != bellhop.System || entries[0].Object != e.ID.String() {
					t.Errorf("the audit log: %+v, %v", entries, err)
				}
			})
		})
	}
}

func TestAVerdictHoldsUpNobody(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, &stubborn{Store: memstore.New(), takes: time.Hour})
		h.net.on("gone.example", status(410))
		h.endpoint("gone.example")
		h.endpoint("a.example")
		for range 20 {
			h.publish(`1`)
			wait(10 * time.Millisecond)
		}
		if n := len(h.net.at("a.example")); n != 20 {
			t.Errorf("%d of 20 events arrived beside a verdict that takes long", n)
		}
	})
}

// Whoever mends an endpoint is not undone by what was seen before.
func TestAVerdictOnAnEndpointThatWasChanged(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("old.example", func(received) answer { return answer{status: 410, after: time.Second} })
		e := h.endpoint("old.example")
		h.publish(`1`)
		wait(500 * time.Millisecond)
		h.set(e.ID, bellhop.EndpointChange{Name: bellhop.Of("mended")})
		wait(2 * time.Second)
		if got, _ := h.Endpoint(e.ID); got.Status != bellhop.EndpointActive {
			t.Errorf("%s: %s", got.Status, got.DisabledReason)
		}
	})
}

func TestWhatAnErasureOwesIsSwept(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example")
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		for range 1500 { // more than one step
			h.publish(`1`)
		}
		h.remove(e.ID)
		wait(10 * time.Second) // of heartbeats
		if d := h.deliveries(bellhop.DeliveryFilter{Status: bellhop.DeliveryCanceled, Limit: 5000}); len(d) != 1500 {
			t.Errorf("%d of 1500 deliveries to an endpoint that is gone were ended", len(d))
		}
	})
}

func TestASecondNodeTakesOver(t *testing.T) {
	simulate(t, func(t *testing.T) {
		store := memstore.New()
		h := openOn(t, &mortal{Store: store})
		h.net.on("a.example", func(received) answer { return answer{status: 200, after: 2 * time.Second} })
		h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		for range 5 {
			h.publish(`1`)
		}
		wait(time.Second)
		h.store.(*mortal).dead.Store(true)
		other := newEngine(t, store, func(c *engine.Config) { c.Transport = h.net })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- other.Run(ctx) }()
		wait(time.Minute)
		if d := h.deliveries(bellhop.DeliveryFilter{Status: bellhop.DeliverySucceeded}); len(d) != 5 {
			t.Errorf("%d of 5 deliveries of a dead node were made", len(d))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestReady(t *testing.T) {
	simulate(t, func(t *testing.T) {
		store := &doubtful{Store: memstore.New()}
		store.off.Store(true)
		h := openOn(t, store)
		if err := h.Ready(); err != nil {
			t.Errorf("running: %v", err)
		}
		_ = h.Wrote("try", bellhop.ErrUnavailable)
		if err := h.Ready(); !errors.Is(err, bellhop.ErrUnavailable) {
			t.Errorf("the store is full: %v", err)
		}
		h.publish(`1`)
		if err := h.Ready(); err != nil {
			t.Errorf("it takes writes again: %v", err)
		}
		h.stop()
		if err := h.Ready(); err == nil {
			t.Error("ready although it has stopped")
		}
		if err := h.Run(t.Context()); err == nil {
			t.Error("Run can be called twice")
		}
		if _, err := h.Publish(t.Context(), engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`1`)}); bellhop.CodeOf(err) != bellhop.CodeUnavailable {
			t.Errorf("publishing after the end: %v", err)
		}
	})
}

func TestExpiredPortalLinksAreDeleted(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		k := bellhop.Key{ID: id.Next[id.Key](h.IDs(), time.Now()), Role: bellhop.RoleViewer, Portal: true, ExpiresAt: time.Now().Add(time.Minute), Hash: [32]byte{1}}
		if err := h.store.SaveKey(t.Context(), k, h.AuditEntry(bellhop.System, "key.create", "", nil, nil)); err != nil {
			t.Fatal(err)
		}
		h.RefreshAccess(t.Context())
		if _, ok := h.Routes().Access().Find([32]byte{1}, time.Now()); !ok {
			t.Error("it is not known")
		}
		wait(2 * time.Hour)
		c, err := h.store.Access(t.Context(), 0)
		if err != nil || len(c.Keys) != 0 {
			t.Errorf("keys: %+v, %v", c.Keys, err)
		}
	})
}
