package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/memstore"
)

// ledger is the lanes of a test: it keeps account of the room.
type ledger struct {
	room     bool // whether there is any
	reserved map[bellhop.EndpointID]int
	admitted []bellhop.Work
	noted    []bellhop.EndpointID
}

func (l *ledger) Reserve(r *routes.Route, bytes int) bool {
	if l.room {
		l.reserved[r.ID] += bytes
	}
	return l.room
}

func (l *ledger) Unreserve(e bellhop.EndpointID, bytes int) { l.reserved[e] -= bytes }

func (l *ledger) Admit(ws ...bellhop.Work) {
	for _, w := range ws {
		l.reserved[w.Delivery.Endpoint] -= len(w.Event.Data)
		l.admitted = append(l.admitted, w)
	}
}

func (l *ledger) NoteDue(b bellhop.Backlog) { l.noted = append(l.noted, b.Endpoint) }

func (l *ledger) held() (bytes int) {
	for _, n := range l.reserved {
		bytes += n
	}
	return bytes
}

// bench is an acceptance on its own: a table, ids, a store for the configuration.
type bench struct {
	t     *testing.T
	store *memstore.Store
	table *routes.Table
	lanes *ledger
	ids   *id.Generator
	lease bellhop.Lease
	now   time.Time
}

func newBench(t *testing.T, apps ...string) *bench {
	t.Helper()
	b := &bench{
		t: t, store: memstore.New(), lanes: &ledger{room: true, reserved: map[bellhop.EndpointID]int{}},
		ids: id.NewGenerator(1, 0), lease: bellhop.Lease{Node: 1, Epoch: 1}, now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC),
	}
	e := newEngine(t, b.store)
	b.table = e.Routes()
	for _, a := range apps {
		app(t, e, a)
		endpoint(t, e, to(a))
	}
	return b
}

// newEngine gives an Engine that does not run.
func newEngine(t *testing.T, store bellhop.Store, change ...func(*engine.Config)) *engine.Engine {
	t.Helper()
	c := engine.Config{Sealer: sealer(t), Transport: newReceivers()}
	for _, f := range change {
		f(&c)
	}
	e, err := engine.New(t.Context(), store, c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func to(app string) bellhop.EndpointChange {
	return bellhop.EndpointChange{Apps: bellhop.Of([]string{app}), URL: bellhop.Of("https://" + app + ".example/hook")}
}

func (b *bench) accept(apps ...string) *engine.Acceptance {
	var ps []engine.Publication
	for _, a := range apps {
		ps = append(ps, engine.Publication{App: a, Type: "t", Data: bellhop.JSON(`"12345678"`)})
	}
	return engine.NewAcceptance(b.lanes, ps...)
}

func (b *bench) fanOut(a *engine.Acceptance) {
	a.FanOut(b.table.Routes(), b.lease, b.ids, b.now)
}

// configure adds an endpoint to an app.
func (b *bench) configure(app string) {
	b.t.Helper()
	now := b.now
	e := bellhop.Endpoint{
		ID: id.Next[id.Endpoint](b.ids, now), Apps: []string{app}, URL: "https://new.example/", Dialect: "raw", Status: bellhop.EndpointActive,
	}
	entry := &bellhop.AuditEntry{ID: id.Next[id.Audit](b.ids, now), Action: "endpoint.create"}
	if err := b.store.SaveEndpoint(b.t.Context(), e, entry, now); err != nil {
		b.t.Fatal(err)
	}
	if err := b.table.LoadRoutes(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func eventIDs(a *engine.Acceptance) (ids []bellhop.EventID) {
	for _, e := range a.Request().Events {
		ids = append(ids, e.Event.ID)
	}
	return ids
}

func receipts(a *engine.Acceptance) (list []bellhop.Receipt) {
	for _, e := range a.Request().Events {
		list = append(list, bellhop.Receipt{Event: e.Event.ID, Deliveries: e.Event.Deliveries})
	}
	return list
}

func TestAcceptance(t *testing.T) {
	next := func(t *testing.T, a *engine.Acceptance, want engine.Step) {
		t.Helper()
		if got := a.Next(); got != want {
			t.Fatalf("the next step is %d, want %d (%v)", got, want, a.Err())
		}
	}
	const size = len(`"12345678"`)
	for name, play := range map[string]func(*testing.T, *bench){
		"stored": func(t *testing.T, b *bench) {
			a := b.accept("one", "two")
			next(t, a, engine.StepFanOut)
			b.fanOut(a)
			next(t, a, engine.StepEnqueue)
			if b.lanes.held() != 2*size {
				t.Errorf("%d bytes are reserved", b.lanes.held())
			}
			a.Enqueued(receipts(a), nil)
			next(t, a, engine.StepDone)
			if later := a.Settle(); later || len(b.lanes.admitted) != 2 || b.lanes.admitted[0].Lease != b.lease {
				t.Errorf("later %v, admitted %+v", later, b.lanes.admitted)
			}
		},
		"a duplicate takes no room": func(t *testing.T, b *bench) {
			a := b.accept("one", "two")
			b.fanOut(a)
			r := receipts(a)
			r[0].Duplicate = true
			a.Enqueued(r, nil)
			a.Settle()
			if len(b.lanes.admitted) != 1 || b.lanes.admitted[0].Event.App != "two" {
				t.Errorf("admitted %+v", b.lanes.admitted)
			}
		},
		"without room the lanes are told": func(t *testing.T, b *bench) {
			b.lanes.room = false
			a := b.accept("one", "one", "one", "two")
			b.fanOut(a)
			a.Enqueued(receipts(a), nil)
			a.Settle()
			if len(b.lanes.admitted) != 0 || len(b.lanes.noted) != 2 {
				t.Errorf("admitted %+v, noted %v", b.lanes.admitted, b.lanes.noted)
			}
		},
		"another app's change costs no fan-out": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			before, version := eventIDs(a), a.Request().Routes
			b.configure("two")
			a.Enqueued(nil, bellhop.ErrStaleRoutes)
			next(t, a, engine.StepLoadRoutes)
			a.Loaded(nil)
			next(t, a, engine.StepFanOut)
			b.fanOut(a)
			next(t, a, engine.StepEnqueue)
			if !slices.Equal(before, eventIDs(a)) || a.Request().Routes <= version || b.lanes.held() != size {
				t.Errorf("%v then %v, from version %d then %d, %d bytes reserved", before, eventIDs(a), version, a.Request().Routes, b.lanes.held())
			}
			a.Enqueued(receipts(a), nil)
			a.Settle()
		},
		"the app's own change does": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			b.configure("one")
			a.Enqueued(nil, bellhop.ErrStaleRoutes)
			a.Loaded(nil)
			b.fanOut(a)
			if n := len(a.Request().Events[0].Deliveries); n != 2 || b.lanes.held() != 2*size {
				t.Errorf("%d deliveries, %d bytes reserved", n, b.lanes.held())
			}
			a.Enqueued(receipts(a), nil)
			a.Settle()
		},
		"routes that never stand still": func(t *testing.T, b *bench) {
			a := b.accept("one")
			for range 1000 {
				if b.fanOut(a); a.Next() == engine.StepFailed {
					break
				}
				b.configure("one")
				a.Enqueued(nil, bellhop.ErrStaleRoutes)
				a.Loaded(nil)
			}
			if next(t, a, engine.StepFailed); bellhop.CodeOf(a.Err()) != bellhop.CodeUnavailable {
				t.Errorf("err: %v", a.Err())
			}
		},
		"the routes cannot be loaded": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			a.Enqueued(nil, bellhop.ErrStaleRoutes)
			a.Loaded(errDead)
			if next(t, a, engine.StepFailed); !errors.Is(a.Err(), errDead) {
				t.Errorf("err: %v", a.Err())
			}
		},
		"an app that is not there": func(t *testing.T, b *bench) {
			a := b.accept("one", "nobody")
			b.fanOut(a)
			var e *bellhop.Error
			if next(t, a, engine.StepFailed); !errors.As(a.Err(), &e) || e.Code != bellhop.CodeUnknownApp || e.Fields[0].Field != "events[1].app" {
				t.Errorf("err: %v", a.Err())
			}
		},
		"unavailable": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			a.Enqueued(nil, bellhop.ErrUnavailable)
			if next(t, a, engine.StepFailed); !errors.Is(a.Err(), bellhop.ErrUnavailable) {
				t.Errorf("err: %v", a.Err())
			}
		},
		"the lease is lost": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			a.Enqueued(nil, bellhop.ErrLeaseLost)
			if next(t, a, engine.StepAwaitLease); b.lanes.held() != 0 || a.Request().Lease != b.lease {
				t.Errorf("%d bytes reserved, waits for another lease than %+v", b.lanes.held(), a.Request().Lease)
			}
			b.lease.Epoch++
			a.Joined(nil)
			b.fanOut(a)
			if a.Request().Lease != b.lease {
				t.Errorf("under %+v", a.Request().Lease)
			}
			a.Enqueued(receipts(a), nil)
			a.Settle()
		},
		"the lease changed while the routes were loaded": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			before := eventIDs(a)
			a.Enqueued(nil, bellhop.ErrStaleRoutes)
			b.lease = bellhop.Lease{Node: 2, Epoch: 1}
			a.Loaded(nil)
			b.fanOut(a)
			if r := a.Request(); r.Lease != b.lease || r.Events[0].Deliveries[0].Owner != 2 || slices.Equal(before, eventIDs(a)) {
				t.Errorf("%+v", r)
			}
			a.Enqueued(receipts(a), nil)
			a.Settle()
		},
		"no other lease": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			a.Enqueued(nil, bellhop.ErrLeaseLost)
			a.Joined(context.Canceled)
			next(t, a, engine.StepFailed)
		},
		"unknown, and it was stored": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			a.Enqueued(nil, bellhop.ErrUnknown)
			if next(t, a, engine.StepResolve); b.lanes.held() != size {
				t.Errorf("%d bytes reserved while it is not known", b.lanes.held())
			}
			a.Resolved(b.lease, nil, false, bellhop.ErrUnavailable)
			next(t, a, engine.StepResolve)
			a.Resolved(b.lease, receipts(a), true, nil)
			next(t, a, engine.StepDone)
			if a.Settle(); len(b.lanes.admitted) != 1 {
				t.Errorf("admitted %+v", b.lanes.admitted)
			}
		},
		"unknown, and it was not stored": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			before := eventIDs(a)
			a.Enqueued(nil, bellhop.ErrUnknown)
			a.Resolved(b.lease, nil, false, nil)
			next(t, a, engine.StepFanOut)
			b.fanOut(a)
			if slices.Equal(before, eventIDs(a)) || b.lanes.held() != size {
				t.Errorf("the ids %v are used again, %d bytes reserved", before, b.lanes.held())
			}
			a.Enqueued(receipts(a), nil)
			a.Settle()
		},
		"unknown, and it was stored under a lease that is over": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			a.Enqueued(nil, bellhop.ErrUnknown)
			a.Resolved(bellhop.Lease{Node: 2, Epoch: 7}, receipts(a), true, nil)
			next(t, a, engine.StepDone)
			if a.Settle(); len(b.lanes.admitted) != 0 || len(b.lanes.noted) != 1 {
				t.Errorf("admitted %+v, noted %v", b.lanes.admitted, b.lanes.noted)
			}
		},
		"nobody waits for it any more": func(t *testing.T, b *bench) {
			a := b.accept("one")
			b.fanOut(a)
			a.Enqueued(nil, bellhop.ErrUnknown)
			a.Abandon()
			a.Abandon()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "one", "two")
			play(t, b)
			if n := b.lanes.held(); n != 0 {
				t.Errorf("%d bytes stay reserved", n)
			}
		})
	}
}

// doubtful is a store that loses answers: that of an Enqueue, whether it was done or
// not, and then some of those that ask.
type doubtful struct {
	bellhop.Store
	mu   sync.Mutex
	rand *rand.Rand
	off  atomic.Bool
	// mute makes Resolve fail until it is unset.
	mute atomic.Bool
}

func (s *doubtful) chance(of float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.off.Load() && s.rand.Float64() < of
}

func (s *doubtful) Enqueue(ctx context.Context, l bellhop.Lease, version int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	if s.chance(0.25) {
		return nil, fmt.Errorf("not done: %w", bellhop.ErrUnknown)
	}
	r, err := s.Store.Enqueue(ctx, l, version, events, now)
	if err == nil && s.chance(0.33) {
		return nil, fmt.Errorf("done: %w", bellhop.ErrUnknown)
	}
	return r, err
}

func (s *doubtful) Resolve(ctx context.Context, l bellhop.Lease, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, bool, error) {
	if s.mute.Load() || s.chance(0.5) {
		return nil, false, bellhop.ErrUnavailable
	}
	return s.Store.Resolve(ctx, l, events, now)
}

func TestLostAnswersLoseAndRepeatNothing(t *testing.T) {
	for seed := range uint64(20) {
		simulate(t, func(t *testing.T) {
			store := &doubtful{Store: memstore.New(), rand: rand.New(rand.NewPCG(seed, 0))}
			h := openOn(t, store)
			h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("raw") })
			h.endpoint("ordered.example", func(c *bellhop.EndpointChange) {
				c.Dialect, c.Ordering = bellhop.Of("raw"), bellhop.Of(bellhop.OrderingEndpoint)
			})
			var mu sync.Mutex
			acknowledged := map[bellhop.EventID]bool{}
			var publishers sync.WaitGroup
			for p := range 5 {
				publishers.Go(func() {
					for n := range 20 {
						r, err := h.Publish(t.Context(), engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(fmt.Sprintf(`"%d-%d"`, p, n))})
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						if acknowledged[r.Event] {
							t.Errorf("%s was acknowledged twice", r.Event)
						}
						acknowledged[r.Event] = true
						mu.Unlock()
						time.Sleep(time.Millisecond)
					}
				})
			}
			publishers.Wait()
			wait(time.Minute)
			stored, err := h.store.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 1000})
			if err != nil || len(stored) != len(acknowledged) {
				t.Errorf("%d events are stored, %d were acknowledged: %v", len(stored), len(acknowledged), err)
			}
			for _, host := range []string{"a.example", "ordered.example"} {
				times := map[string]int{}
				for _, r := range h.net.at(host) {
					times[r.body]++
				}
				if len(times) != 100 {
					t.Errorf("%d of 100 events arrived at %s", len(times), host)
				}
				for body, n := range times {
					if n > 1 {
						t.Errorf("%s arrived %d times at %s", body, n, host)
					}
				}
			}
			if n := h.HeldBytes(); n != 0 {
				t.Errorf("the lanes hold %d bytes although nothing is left to do", n)
			}
		})
	}
}

// A publisher that goes away while it is not known what came of its event is told so;
// and what came of it is found out all the same.
func TestAPublisherThatDoesNotWaitForTheAnswer(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprint("stored: ", stored), func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				lost := &losing{Store: memstore.New(), done: stored}
				store := &doubtful{Store: lost, rand: rand.New(rand.NewPCG(1, 1))}
				store.off.Store(true)
				h := openOn(t, store)
				h.endpoint("a.example")
				lost.on.Store(true)
				store.mute.Store(true)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				data := []byte(`"as it was published"`)
				_, err := h.Publish(ctx, engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(data)})
				if !errors.Is(err, bellhop.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("err: %v", err)
				}
				copy(data, strings.Repeat("x", len(data))) // it is the publisher's again
				lost.on.Store(false)
				wait(time.Minute)
				if h.HeldBytes() == 0 {
					t.Error("no room is reserved for what may be stored")
				}
				store.mute.Store(false)
				wait(time.Minute)
				got := h.net.at("a.example")
				if want := map[bool]int{true: 1, false: 0}[stored]; len(got) != want {
					t.Fatalf("it was sent %d times, want %d", len(got), want)
				}
				if stored && !strings.Contains(got[0].body, "as it was published") {
					t.Errorf("sent %s", got[0].body)
				}
				if n := h.HeldBytes(); n != 0 {
					t.Errorf("the lanes hold %d bytes", n)
				}
			})
		})
	}
}

// losing is a store that, while it is on, does an Enqueue or not and answers nothing.
type losing struct {
	bellhop.Store
	on   atomic.Bool
	done bool
}

func (s *losing) Enqueue(ctx context.Context, l bellhop.Lease, version int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	if !s.on.Load() {
		return s.Store.Enqueue(ctx, l, version, events, now)
	}
	if s.done {
		if _, err := s.Store.Enqueue(ctx, l, version, events, now); err != nil {
			return nil, err
		}
	}
	return nil, bellhop.ErrUnknown
}

// late is a store whose answers take their time: what they say is past by then.
type late struct {
	bellhop.Store
	by time.Duration
}

func (s late) Enqueue(ctx context.Context, l bellhop.Lease, version int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	defer time.Sleep(s.by)
	return s.Store.Enqueue(ctx, l, version, events, now)
}

func (s late) Claim(ctx context.Context, c bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	defer time.Sleep(s.by)
	return s.Store.Claim(ctx, c, now)
}

func (s late) Record(ctx context.Context, l bellhop.Lease, r []bellhop.Result, now time.Time) error {
	defer time.Sleep(s.by)
	return s.Store.Record(ctx, l, r, now)
}

// publishing publishes beside the test, and gives the event's id when that is done.
func (h *house) publishing(p engine.Publication) <-chan bellhop.EventID {
	done := make(chan bellhop.EventID, 1)
	go func() {
		r, err := h.Publish(h.t.Context(), p)
		if err != nil {
			h.t.Error(err)
		}
		done <- r.Event
	}()
	return done
}

func TestWhatIsErasedWhileItIsStoredIsNotSent(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, late{memstore.New(), 50 * time.Millisecond})
		h.endpoint("a.example")
		done := h.publishing(engine.Publication{App: "acme", Type: "t", Subject: "person:7", Data: bellhop.JSON(`"private"`)})
		wait(10 * time.Millisecond)
		if gone := h.erase(bellhop.EraseSelector{App: "acme", Subject: "person:7"}); len(gone) != 1 {
			t.Fatalf("erased %v", gone)
		}
		e := <-done
		wait(time.Minute)
		if n := len(h.net.at("a.example")); n != 0 {
			t.Error("erased data was sent")
		}
		if d := h.deliveries(bellhop.DeliveryFilter{Event: e}); len(d) != 1 || d[0].Status != bellhop.DeliveryCanceled {
			t.Errorf("deliveries: %+v", d)
		}
		if n := h.HeldBytes(); n != 0 {
			t.Errorf("the lanes hold %d bytes", n)
		}
		after := h.publish(`"public"`, func(p *engine.Publication) { p.Subject = "person:7" })
		wait(time.Second)
		if got := h.net.at("a.example"); len(got) != 1 || got[0].id != after.String() {
			t.Errorf("what came after the erasure: %v", got)
		}
	})
}

func TestWhatIsErasedWhileItIsClaimedIsNotSent(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, late{memstore.New(), 50 * time.Millisecond})
		e := h.endpoint("a.example")
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		ev := h.publish(`"private"`)
		h.publish(`"public"`)
		wait(time.Second)
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(10 * time.Millisecond) // claimed, and not answered yet
		h.erase(bellhop.EraseSelector{Event: ev})
		wait(time.Minute)
		if got := h.net.at("a.example"); len(got) != 1 || strings.Contains(got[0].body, "private") {
			t.Errorf("sent %v", got)
		}
		if n := h.HeldBytes(); n != 0 {
			t.Errorf("the lanes hold %d bytes", n)
		}
	})
}

func TestAnAppDeletedWhileItsEventIsStored(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, late{memstore.New(), 50 * time.Millisecond})
		h.app("other")
		h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of([]string{"acme", "other"}) })
		done := h.publishing(engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`"private"`)})
		wait(10 * time.Millisecond)
		if err := h.store.DeleteApp(t.Context(), "acme", h.AuditEntry(bellhop.System, "app.delete", "acme", nil, nil)); err != nil {
			t.Fatal(err)
		}
		h.Forget(nil, "acme")
		h.RefreshRoutes(t.Context())
		<-done
		wait(time.Minute)
		if n := len(h.net.at("a.example")); n != 0 {
			t.Error("data of a deleted app was sent")
		}
		if n := h.HeldBytes(); n != 0 {
			t.Errorf("the lanes hold %d bytes", n)
		}
	})
}

func TestAnEndpointDeletedWhileItsEventIsStored(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, late{memstore.New(), 50 * time.Millisecond})
		e := h.endpoint("a.example")
		done := h.publishing(engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`"some data"`)})
		wait(10 * time.Millisecond)
		h.remove(e.ID)
		ev := <-done
		wait(time.Minute)
		if n := len(h.net.at("a.example")); n != 0 {
			t.Errorf("%d requests to a deleted endpoint", n)
		}
		if d := h.deliveries(bellhop.DeliveryFilter{Event: ev}); len(d) != 1 || d[0].Status != bellhop.DeliveryCanceled {
			t.Errorf("deliveries: %+v", d)
		}
		if n := h.HeldBytes(); n != 0 {
			t.Errorf("the lanes hold %d bytes", n)
		}
	})
}

func TestALostLease(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: time.Second} })
		h.endpoint("slow.example", func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		for range 20 {
			h.publish(`1`)
		}
		wait(500 * time.Millisecond) // one is in flight, the others are in memory
		lost, ids := h.Lease(), h.IDs()
		if err := h.store.Leave(t.Context(), lost, time.Now()); err != nil { // as if its time had run out
			t.Fatal(err)
		}
		began := time.Now()
		h.publish(`1`)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("publishing took %v with a lease that was lost", took)
		}
		if h.Lease() == lost || h.IDs() == ids {
			t.Errorf("lease %+v after %+v, the same ids: %v", h.Lease(), lost, h.IDs() == ids)
		}
		wait(time.Minute)
		times := map[string]int{}
		for _, r := range h.net.at("slow.example") {
			times[r.id]++
		}
		twice := 0
		for _, n := range times {
			if n > 1 {
				twice++
			}
		}
		if len(times) != 21 || twice > 1 {
			t.Errorf("%d of 21 events arrived, %d of them twice; what was in flight may be", len(times), twice)
		}
		if d := h.deliveries(bellhop.DeliveryFilter{Status: bellhop.DeliverySucceeded}); len(d) != 21 {
			t.Errorf("%d deliveries succeeded", len(d))
		}
		if n := h.HeldBytes(); n != 0 {
			t.Errorf("the lanes hold %d bytes", n)
		}
	})
}

// A program may take its time between New and Run.
func TestALeaseThatRanOutBeforeRun(t *testing.T) {
	simulate(t, func(t *testing.T) {
		store := memstore.New()
		e := newEngine(t, store)
		app(t, e, "acme")
		time.Sleep(time.Hour)
		if _, err := store.TakeOver(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Publish(t.Context(), engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`1`)}); err != nil {
			t.Errorf("publish: %v", err)
		}
	})
}

// While the store cannot give another lease, publishers are told so in time.
func TestNoOtherLease(t *testing.T) {
	simulate(t, func(t *testing.T) {
		store := &unjoinable{Store: memstore.New()}
		h := openOn(t, store)
		store.full.Store(true)
		if err := h.store.Leave(t.Context(), h.Lease(), time.Now()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := h.Publish(t.Context(), engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`1`)})
		if bellhop.CodeOf(err) != bellhop.CodeUnavailable || time.Since(began) > 15*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		store.full.Store(false)
		wait(10 * time.Second)
		h.publish(`1`)
	})
}

type unjoinable struct {
	bellhop.Store
	full atomic.Bool
}

func (s *unjoinable) Join(ctx context.Context, about bellhop.NodeAbout, length time.Duration, now time.Time) (bellhop.Node, error) {
	if s.full.Load() {
		return bellhop.Node{}, bellhop.ErrUnavailable
	}
	return s.Store.Join(ctx, about, length, now)
}

func TestPublishInATransaction(t *testing.T) {
	simulate(t, func(t *testing.T) {
		store := memstore.New()
		h := openOn(t, store)
		h.endpoint("a.example")
		p := engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`1`)}
		err := store.Transact(t.Context(), func(tx *memstore.Tx) error {
			if _, err := h.PublishIn(t.Context(), tx, p, p); err != nil {
				return err
			}
			if n := len(h.net.at("a.example")); n != 0 {
				t.Errorf("%d events were sent before the commit", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wait(100 * time.Millisecond) // the next heartbeat would be too late
		if n := len(h.net.at("a.example")); n != 2 {
			t.Errorf("%d events were sent after the commit, want 2", n)
		}

		err = store.Transact(t.Context(), func(tx *memstore.Tx) error {
			if _, err := h.PublishIn(t.Context(), tx, p); err != nil {
				return err
			}
			return errDead
		})
		if !errors.Is(err, errDead) {
			t.Errorf("err: %v", err)
		}
		wait(time.Minute)
		if n := len(h.net.at("a.example")); n != 2 {
			t.Errorf("%d events of a transaction that was rolled back were sent", n-2)
		}

		if _, err := h.PublishIn(t.Context(), nil, engine.Publication{App: "acme", Type: "bad type"}); bellhop.CodeOf(err) != bellhop.CodeInvalid {
			t.Errorf("an event that is not valid: %v", err)
		}
	})
}

// outside is a transaction of somebody who may read beside it, as in a database.
type outside struct {
	bellhop.Store
	first error // the answer to the first Enqueue
	after []func()
}

func (tx *outside) Enqueue(l bellhop.Lease, version int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	if err := tx.first; err != nil {
		tx.first = nil
		return nil, err
	}
	return tx.Store.Enqueue(context.Background(), l, version, events, now)
}

func (tx *outside) AfterCommit(f func()) { tx.after = append(tx.after, f) }

func TestPublishInATransactionOnStaleRoutes(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example")
		// Another node's change, which this one has not heard of.
		gone := h.AuditEntry(bellhop.System, "endpoint.delete", e.ID.String(), nil, nil)
		if err := h.store.DeleteEndpoint(t.Context(), e.ID, gone, time.Now()); err != nil {
			t.Fatal(err)
		}
		tx := &outside{Store: h.store}
		r, err := h.PublishIn(t.Context(), tx, engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`1`)})
		if err != nil || len(r) != 1 || r[0].Deliveries != 0 || len(tx.after) != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		for _, lost := range []error{bellhop.ErrLeaseLost, bellhop.ErrUnknown} {
			tx := &outside{Store: h.store, first: lost}
			began := time.Now()
			_, err = h.PublishIn(t.Context(), tx, engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`1`)})
			if bellhop.CodeOf(err) != bellhop.CodeUnavailable || time.Since(began) > 0 || len(tx.after) != 0 {
				t.Errorf("%v: %v after %v", lost, err, time.Since(began))
			}
		}
	})
}

// crowd publishes from many sides at once, so that the race detector has something to
// look at.
func TestManyPublishersAndChanges(t *testing.T) {
	h := &house{t: t, store: memstore.New(), net: newReceivers()}
	e := newEngine(t, h.store, func(c *engine.Config) { c.Transport = h.net })
	app(t, e, "acme")
	endpoint(t, e, to("acme"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if _, err := e.Publish(ctx, engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`1`)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for range 20 {
			endpoint(t, e, to("acme"))
		}
	})
	all.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// forgetful is a store that loses the answer to every other Redeliver, having done it.
type forgetful struct {
	bellhop.Store
	n int
}

func (s *forgetful) Redeliver(ctx context.Context, l bellhop.Lease, r bellhop.Redelivery, now time.Time) (bellhop.Redelivered, error) {
	n, err := s.Store.Redeliver(ctx, l, r, now)
	if s.n++; err == nil && s.n%2 == 1 {
		return bellhop.Redelivered{}, bellhop.ErrUnknown
	}
	return n, err
}

func TestRedeliverOutlivesALeaseAndALostAnswer(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, &forgetful{Store: memstore.New()})
		e := h.endpoint("a.example")
		ev := h.publish(`1`)
		wait(time.Second)
		h.resend(ev, e.ID)
		wait(time.Second)
		if n := len(h.net.at("a.example")); n != 2 {
			t.Errorf("sent %d times although an answer was lost, want 2", n)
		}
		if err := h.store.Leave(t.Context(), h.Lease(), time.Now()); err != nil {
			t.Fatal(err)
		}
		h.resend(ev, e.ID)
		wait(time.Second)
		if n := len(h.net.at("a.example")); n != 3 {
			t.Errorf("sent %d times although the lease was lost, want 3", n)
		}
	})
}
