package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/memstore"
)

// tens makes a configuration of n endpoints of app big, in the store alone.
func tens(t testing.TB, e *engine.Engine, n int, change ...func(*bellhop.Endpoint)) {
	t.Helper()
	now := e.Now()
	for i := range n {
		x := bellhop.Endpoint{
			ID: id.Next[id.Endpoint](e.IDs(), now), Apps: []string{"big"}, URL: fmt.Sprintf("https://b%d.example/", i),
			Dialect: "raw", Status: bellhop.EndpointActive, Timeout: bellhop.Duration(time.Second), Concurrency: 8, Ordering: bellhop.OrderingNone,
		}
		for _, f := range change {
			f(&x)
		}
		if err := e.Store().SaveEndpoint(context.Background(), x, e.AuditEntry(bellhop.System, "endpoint.create", x.ID.String(), nil, nil), now); err != nil {
			t.Fatal(err)
		}
	}
	e.RefreshRoutes(context.Background())
}

func batch(n int) (ps []engine.Publication) {
	for i := range n {
		ps = append(ps, engine.Publication{App: "big", Type: "t", Data: bellhop.JSON(fmt.Sprint(i))})
	}
	return ps
}

func TestALargeFanOutIsMadeInPieces(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		store := &counting{Store: memstore.New()}
		h := openOn(t, store)
		h.app("big")
		tens(t, h.Engine, 300)
		receipts, err := h.PublishBatch(t.Context(), batch(50))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range receipts {
			if r.Deliveries != 300 {
				t.Errorf("%+v", r)
			}
		}
		if n := store.atOnce.Load(); n > engine.MaxAtOnce {
			t.Errorf("%d deliveries were made in one transaction", n)
		}
		wait(4 * time.Second) // and no heartbeat
		arrived := 0
		for i := range 300 {
			var got []string
			for _, r := range h.net.at(fmt.Sprintf("b%d.example", i)) {
				got = append(got, r.body)
			}
			if arrived += len(got); len(got) != 50 {
				t.Errorf("%d of 50 events arrived at endpoint %d", len(got), i)
			}
		}
		if arrived != 15000 {
			t.Errorf("%d requests", arrived)
		}
	})
}

// counting counts what Enqueue is given.
type counting struct {
	bellhop.Store
	atOnce atomic.Int64 // the most deliveries
	stale  atomic.Int64
	// swallow makes large batches vanish.
	swallow bool
}

func (s *counting) Enqueue(ctx context.Context, l bellhop.Lease, version int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	n := 0
	for _, e := range events {
		n += len(e.Deliveries)
	}
	s.atOnce.Store(max(s.atOnce.Load(), int64(n)))
	if s.swallow && len(events) > 1 {
		receipts := make([]bellhop.Receipt, len(events))
		for i := range receipts {
			receipts[i].Duplicate = true // nothing is sent
		}
		return receipts, nil
	}
	receipts, err := s.Store.Enqueue(ctx, l, version, events, now)
	if err == bellhop.ErrStaleRoutes {
		s.stale.Add(1)
	}
	return receipts, err
}

// Of an ordered endpoint, what was left for later keeps its place.
func TestALargeFanOutKeepsTheOrder(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("big")
		tens(t, h.Engine, 100, func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingEndpoint })
		for range 2 {
			if _, err := h.PublishBatch(t.Context(), batch(60)); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Minute)
		var want []string
		for i := range 120 {
			want = append(want, fmt.Sprint(i%60))
		}
		for i := range 100 {
			var got []string
			for _, r := range h.net.at(fmt.Sprintf("b%d.example", i)) {
				got = append(got, r.body)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("endpoint %d got %v", i, got)
			}
		}
	})
}

func TestTheListsOfABatchAreShared(t *testing.T) {
	b := newBench(t, "big")
	e := newEngine(t, b.store)
	tens(t, e, 999)
	if err := b.table.LoadRoutes(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.lanes.room = false
	a := engine.NewAcceptance(b.lanes, batch(1000)...)
	b.fanOut(a)
	made, all := 0, 0
	lists := map[*bellhop.EndpointID]bool{}
	for _, ne := range a.Request().Events {
		made += len(ne.Deliveries)
		all += ne.Event.Deliveries
		if len(ne.Deliveries)+len(ne.Later) != 1000 || !slices.IsSorted(ne.Later) {
			t.Fatalf("%d now and %d later", len(ne.Deliveries), len(ne.Later))
		}
		if len(ne.Later) > 0 {
			lists[&ne.Later[0]] = true
		}
	}
	if made != engine.MaxAtOnce || all != 1_000_000 || len(lists) != 1 {
		t.Errorf("%d deliveries at once, of %d, %d lists", made, all, len(lists))
	}
}

// A batch of a thousand events for a thousand endpoints is its publisher's own affair:
// it takes little memory, and whoever publishes or looks up a key beside it does not
// wait for it.
func TestALargeBatchIsNobodyElsesAffair(t *testing.T) {
	testlong.Only(t) // it measures
	store := &counting{Store: memstore.New(), swallow: true}
	e := newEngine(t, store, func(c *engine.Config) { c.Logger = slog.New(slog.DiscardHandler) })
	app(t, e, "acme")
	app(t, e, "big")
	tens(t, e, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	ps := batch(1000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	if _, err := e.PublishBatch(ctx, ps); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 50<<20 {
		t.Errorf("the batch allocated %d MiB", made>>20)
	}

	measure := func() (publish, lookUp time.Duration) {
		var publishes, lookUps []time.Duration
		for range 300 {
			began := time.Now()
			if _, err := e.Publish(ctx, engine.Publication{App: "acme", Type: "t", Data: bellhop.JSON(`1`)}); err != nil {
				t.Fatal(err)
			}
			publishes = append(publishes, time.Since(began))
			began = time.Now()
			e.Routes().Access().Find([32]byte{1}, began)
			lookUps = append(lookUps, time.Since(began))
			time.Sleep(100 * time.Microsecond)
		}
		slices.Sort(publishes)
		slices.Sort(lookUps)
		return publishes[len(publishes)*9/10], lookUps[len(lookUps)*9/10]
	}
	quietPublish, quietLookUp := measure()
	var batches sync.WaitGroup
	var stop atomic.Bool
	n := 0
	batches.Go(func() {
		for ; !stop.Load(); n++ {
			if _, err := e.PublishBatch(ctx, ps); err != nil {
				t.Error(err)
				return
			}
		}
	})
	publish, lookUp := measure()
	stop.Store(true)
	batches.Wait()
	t.Logf("a batch takes %v (%d beside); a publish %v, and %v beside batches; a look-up %v, and %v", took, n, quietPublish, publish, quietLookUp, lookUp)
	// With a lock, they would wait for about half a batch.
	if bound := max(10*quietPublish, took/4, 5*time.Millisecond); publish > bound {
		t.Errorf("one publish in ten took %v and more beside large batches, and %v without", publish, quietPublish)
	}
	if bound := max(10*quietLookUp, time.Millisecond); lookUp > bound {
		t.Errorf("one look-up in ten took %v and more beside large batches, and %v without", lookUp, quietLookUp)
	}
}

func TestChangesOfKeysDisturbNoPublish(t *testing.T) {
	simulate(t, func(t *testing.T) {
		store := &counting{Store: memstore.New()}
		h := openOn(t, store)
		h.endpoint("a.example")
		stop := make(chan struct{})
		var changes sync.WaitGroup
		changes.Go(func() {
			for n := uint16(0); ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				k := bellhop.Key{ID: id.Next[id.Key](h.IDs(), time.Now()), Role: bellhop.RoleViewer, Portal: true, Hash: [32]byte{byte(n), byte(n >> 8), 1}}
				if err := h.store.SaveKey(context.Background(), k, h.AuditEntry(bellhop.System, "key.create", k.ID.String(), nil, nil)); err != nil {
					t.Error(err)
				}
				if n%2 == 0 {
					h.RefreshAccess(context.Background())
				}
			}
		})
		for range 500 {
			h.publish(`1`)
			time.Sleep(time.Millisecond)
		}
		close(stop)
		changes.Wait()
		if n := store.stale.Load(); n != 0 {
			t.Errorf("%d publishes found their routes out of date", n)
		}
	})
}

// Others' changes of configuration neither starve a publish nor make it dearer.
func TestPublishingUnderSteadyChanges(t *testing.T) {
	simulate(t, func(t *testing.T) {
		store := &counting{Store: memstore.New()}
		h := openOn(t, store)
		h.app("other")
		h.endpoint("a.example")
		stop := make(chan struct{})
		var changes sync.WaitGroup
		changes.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				a, ok := h.Routes().Routes().App("other")
				if !ok {
					a = bellhop.App{ID: "other"}
				}
				a.Name = time.Now().String()
				// As on another node: this one does not hear of it.
				if err := h.store.SaveApp(context.Background(), a, h.AuditEntry(bellhop.System, "app.update", "other", nil, nil)); err != nil {
					h.RefreshRoutes(context.Background())
				}
			}
		})
		for range 300 {
			h.publish(`1`)
			time.Sleep(time.Millisecond)
		}
		close(stop)
		changes.Wait()
		wait(time.Second)
		if n := len(h.net.at("a.example")); n != 300 || store.stale.Load() == 0 {
			t.Errorf("%d of 300 arrived; %d times the routes were out of date", n, store.stale.Load())
		}
	})
}

func BenchmarkFanOut(b *testing.B) {
	store := memstore.New()
	e, err := engine.New(context.Background(), store, engine.Config{Sealer: sealer(b), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	if err := store.SaveApp(context.Background(), bellhop.App{ID: "big"}, e.AuditEntry(bellhop.System, "app.create", "big", nil, nil)); err != nil {
		b.Fatal(err)
	}
	tens(b, e, 1000)
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n, " events"), func(b *testing.B) {
			ps := batch(n)
			b.ReportAllocs()
			for b.Loop() {
				a := engine.NewAcceptance(noLanes{}, ps...)
				a.FanOut(e.Routes().Routes(), e.Lease(), e.IDs(), time.Now())
			}
		})
	}
}

// noLanes are lanes without room.
type noLanes struct{}

func (noLanes) Reserve(*routes.Route, int) bool   { return false }
func (noLanes) Unreserve(bellhop.EndpointID, int) {}
func (noLanes) Admit(...bellhop.Work)             {}
func (noLanes) NoteDue(bellhop.Backlog)           {}
