package routes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPartsHaveVersionsOfTheirOwn(t *testing.T) {
	f := setUp(t)
	f.store.save(bellhop.App{ID: "acme"}, endpoint(1, "acme"), bellhop.EventType{Name: "x"}, key(1, "ada", bellhop.Everything()))
	f.load()
	check := func(what string, routes, catalogue, access int64) {
		t.Helper()
		r, c, a := f.Table.Routes(), f.Table.Catalogue(), f.Table.Access()
		f.load()
		if f.Table.Routes().Version() != routes || f.Table.Catalogue().Version() != catalogue || f.Table.Access().Version() != access {
			t.Errorf("%s: versions %d, %d, %d", what, f.Table.Routes().Version(), f.Table.Catalogue().Version(), f.Table.Access().Version())
		}
		if (f.Table.Routes() == r) != (r.Version() == routes) || (f.Table.Catalogue() == c) != (c.Version() == catalogue) || (f.Table.Access() == a) != (a.Version() == access) {
			t.Errorf("%s: a part that did not change was made anew", what)
		}
	}
	check("nothing", 2, 1, 1)
	f.store.save(key(2, "bob", bellhop.Only("acme")))
	check("a key", 2, 1, 2)
	f.store.save(bellhop.EventType{Name: "y"})
	check("an event type", 2, 2, 2)
	f.store.save(endpoint(1, "acme"))
	check("an endpoint", 3, 2, 2)
	f.store.save(noApp("acme"))
	check("an app", 4, 2, 2)

	f.store.save(key(3, "eve", bellhop.Everything()), endpoint(9, "acme"), bellhop.EventType{Name: "z"})
	if err := errors.Join(f.LoadAccess(t.Context())); err != nil || f.Table.Access().Version() != 3 || f.Table.Routes().Version() != 4 || f.Table.Catalogue().Version() != 2 {
		t.Errorf("keys alone: %v", err)
	}
}

func TestWhatIsLoadedInFullReplacesAll(t *testing.T) {
	f := setUp(t)
	var told []string
	f.OnChange(func(changed []*Route, gone []bellhop.EndpointID) {
		told = append(told, fmt.Sprint(ids(changed), len(gone), gone))
		for _, e := range gone {
			if f.Table.Routes().Endpoint(e) != nil {
				t.Error("told that an endpoint is gone that readers still have")
			}
		}
		for _, r := range changed {
			if f.Table.Routes().Endpoint(r.ID) != r {
				t.Error("told of a route that readers do not have")
			}
		}
	})
	f.store.save(bellhop.App{ID: "a"}, bellhop.App{ID: "b"}, endpoint(1, "a"), endpoint(2, "a", "b"), endpoint(3, "b"),
		bellhop.EventType{Name: "x"}, bellhop.EventType{Name: "y"}, key(1, "ada", bellhop.Everything()), key(2, "bob", bellhop.Everything()))
	f.load()
	f.store.save(noApp("b"), bellhop.EndpointID(1), bellhop.EndpointID(3), endpoint(2, "a"), endpoint(4, "a"), noType("x"), bellhop.KeyID(1))
	f.store.forgets = true
	f.load()
	r, e1, e3 := f.Table.Routes(), bellhop.EndpointID(1), bellhop.EndpointID(3)
	same(t, "of a", ids(r.Of("a")), []int{2, 4})
	same(t, "of b", ids(r.Of("b")), []int{})
	if len(r.Apps(bellhop.Everything(), "", 0)) != 1 || r.Endpoint(1) != nil || r.Endpoint(3) != nil {
		t.Error("what is gone is there")
	}
	if got := f.Table.Catalogue().Types(bellhop.Owner(), "", 0); len(got) != 1 || got[0].Name != "y" {
		t.Errorf("%+v", got)
	}
	f.knows("a key that is gone", "ada", false)
	f.knows("a key that stays", "bob", true)
	f.store.forgets = false
	f.store.save(bellhop.EndpointID(4), bellhop.EndpointID(555), bellhop.App{ID: "c"})
	f.load()
	f.store.save(bellhop.App{ID: "d"})
	f.load()
	same(t, "told", told, []string{
		"[1 2 3] 0 []", fmt.Sprintf("[2 4] 2 [%s %s]", e1, e3),
		fmt.Sprintf("[] 2 [%s %s]", bellhop.EndpointID(4), bellhop.EndpointID(555)),
	})
}

func TestStoreThatFails(t *testing.T) {
	f := setUp(t)
	f.store.save(bellhop.App{ID: "acme"}, endpoint(1, "acme"), bellhop.EventType{Name: "x"}, key(1, "ada", bellhop.Everything()))
	f.load()
	before := *f.current.Load()
	f.store.save(bellhop.EndpointID(1), noType("x"), bellhop.KeyID(1))
	f.store.then(func(context.Context) error { return bellhop.ErrUnavailable })
	err := f.Load(t.Context())
	if !errors.Is(err, bellhop.ErrUnavailable) {
		t.Error(err)
	}
	for _, what := range []string{"load the routes: ", "load the catalogue: ", "load the keys: "} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v does not say %q", err, what)
		}
	}
	if *f.current.Load() != before {
		t.Error("a load that failed changed something")
	}
	f.store.then(nil)
	f.load()
	if f.Table.Routes().Endpoint(1) != nil || len(f.Table.Catalogue().Types(bellhop.Owner(), "", 0)) != 0 {
		t.Error("a load after one that failed missed something")
	}

	broken := true
	f.store.save(endpoint(2, "acme"), key(2, "bob", bellhop.Everything()))
	f.store.then(func(context.Context) error {
		if broken {
			broken = false
			return bellhop.ErrUnavailable
		}
		return nil
	})
	if err := f.Load(t.Context()); !errors.Is(err, bellhop.ErrUnavailable) || f.Table.Routes().Endpoint(2) != nil {
		t.Error(err)
	}
	f.knows("a key, although the routes could not be loaded", "bob", true)
}

// Whoever reads is not held up by a load that the store holds up, and neither is a
// load of another part.
func TestReadersDoNotWaitForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setUp(t)
		f.store.save(bellhop.App{ID: "acme"}, endpoint(1, "acme"), bellhop.EventType{Name: "x"}, key(1, "ada", bellhop.Everything()))
		f.load()
		f.store.save(endpoint(2, "acme"))
		entered, release := f.store.stuck()
		defer release()
		var done sync.WaitGroup
		done.Go(func() {
			if err := f.LoadRoutes(t.Context()); err != nil {
				t.Error(err)
			}
		})
		<-entered
		f.store.then(nil)

		// Nothing else runs that could release a lock: to wait for one would be a
		// deadlock, which synctest reports.
		r := f.Table.Routes()
		same(t, "of acme", ids(r.Of("acme")), []int{1})
		same(t, "listed", ids(r.Endpoints(bellhop.EndpointFilter{Scope: bellhop.Everything()})), []int{1})
		if _, ok := r.App("acme"); !ok || !r.Endpoint(1).Live() || len(f.Table.Catalogue().Types(bellhop.Owner(), "", 0)) != 1 {
			t.Error("something is missing")
		}
		f.store.save(key(2, "bob", bellhop.Everything()), bellhop.EventType{Name: "y"})
		if err := errors.Join(f.LoadAccess(t.Context()), f.LoadCatalogue(t.Context())); err != nil {
			t.Error(err)
		}
		f.knows("a new key", "bob", true)
		if f.Table.Routes() != r {
			t.Error("the routes have changed")
		}
		release()
		done.Wait()
		same(t, "of acme", ids(f.Table.Routes().Of("acme")), []int{1, 2})
	})
}

// A crowd that asks while a load is under way is served by one more, for that one
// may have read the store before they came.
func TestLoadsCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setUp(t)
		_, release := f.store.stuck()
		var done sync.WaitGroup
		done.Go(func() {
			if err := f.LoadRoutes(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		f.store.save(bellhop.App{ID: "acme"}, endpoint(1, "acme")) // the load has looked already
		for range 1000 {
			done.Go(func() {
				if err := f.LoadRoutes(t.Context()); err != nil {
					t.Error(err)
				}
				if f.Table.Routes().Version() < 2 {
					t.Errorf("version %d is older than the change before the call", f.Table.Routes().Version())
				}
			})
		}
		synctest.Wait()
		release()
		done.Wait()
		if n := f.store.reads.Load(); n != 2 {
			t.Errorf("%d reads of the store, want 2", n)
		}
	})
}

// What came of a load is news for all who wait for it, unless its caller alone gave
// it up.
func TestLoadsThatFailAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setUp(t)
		_, release := f.store.stuck()
		var done sync.WaitGroup
		done.Go(func() { _ = f.LoadRoutes(t.Context()) })
		synctest.Wait()
		for range 100 {
			done.Go(func() {
				if err := f.LoadRoutes(t.Context()); !errors.Is(err, bellhop.ErrUnavailable) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		release()
		f.store.then(func(context.Context) error { return bellhop.ErrUnavailable })
		done.Wait()
		if n := f.store.reads.Load(); n != 2 {
			t.Errorf("%d reads of the store, want 2", n)
		}
	})
}

func TestCallersThatGoAwayGoAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setUp(t)
		f.store.save(bellhop.App{ID: "acme"})
		_, release := f.store.stuck()
		first, leave := context.WithCancel(t.Context())
		second, leaveToo := context.WithCancel(t.Context())
		var done sync.WaitGroup
		goesAway := func(ctx context.Context) {
			done.Go(func() {
				if err := f.LoadRoutes(ctx); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		goesAway(first)  // reads the store
		goesAway(second) // waits for its turn
		for range 10 {
			done.Go(func() {
				if err := f.LoadRoutes(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		leaveToo()
		synctest.Wait()
		leave()
		synctest.Wait()
		release()
		done.Wait()
		if n := f.store.reads.Load(); n != 2 || f.Table.Routes().Version() != 1 {
			t.Errorf("%d reads of the store, version %d", n, f.Table.Routes().Version())
		}
	})
}

// A load that others wait for, and whose caller goes away, is made good by the next
// of them.
func TestWhoWaitsForOneThatGoesAwayLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setUp(t)
		_, release := f.store.stuck()
		ctx, leave := context.WithCancel(t.Context())
		var done sync.WaitGroup
		for i, ctx := range []context.Context{t.Context(), ctx, t.Context(), t.Context()} {
			done.Go(func() {
				if err := f.LoadRoutes(ctx); (err != nil) != (i == 1) {
					t.Errorf("caller %d: %v", i, err)
				}
			})
			synctest.Wait() // the first reads the store, the others wait in this order
		}
		f.store.save(bellhop.App{ID: "acme"})
		release()
		_, release = f.store.stuck()
		synctest.Wait() // the second reads
		leave()
		synctest.Wait()
		release()
		done.Wait()
		if n := f.store.reads.Load(); n != 3 || f.Table.Routes().Version() != 1 {
			t.Errorf("%d reads of the store, version %d", n, f.Table.Routes().Version())
		}
	})
}

// Many change and load at once, while others read and hold what they read. What is
// held stays as it is; who has loaded finds what it had saved; and OnChange is told
// in the order of versions.
func TestConcurrentLoadsAndReads(t *testing.T) {
	f := setUp(t)
	const writers, changes = 8, 150
	apps := []string{"a", "b", "c"}
	last, told := int64(0), map[bellhop.EndpointID]*Route{}
	f.OnChange(func(changed []*Route, gone []bellhop.EndpointID) {
		v := f.Table.Routes().Version()
		if v <= last {
			t.Errorf("told of version %d after %d", v, last)
		}
		last = v
		for _, r := range changed {
			told[r.ID] = r
		}
		for _, e := range gone {
			delete(told, e)
		}
	})

	reading, stop := context.WithCancel(t.Context())
	defer stop()
	var readers, writing sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			type held struct {
				r    *Routes
				seen string
			}
			var all []held
			for i := 0; reading.Err() == nil; i++ {
				r := f.Table.Routes()
				h := held{r, r.seen(apps)}
				if len(all) < 50 {
					all = append(all, h)
				} else {
					all[i%50] = h
				}
				f.Table.Access().Keys(f.now())
			}
			for _, h := range all {
				if h.r.seen(apps) != h.seen {
					t.Error("a snapshot that was held has changed")
				}
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			for i := range changes {
				id := 1 + w + writers*(i%60)
				if i%7 == 3 {
					v := f.store.save(bellhop.EndpointID(id), key(id, fmt.Sprint(w, i), bellhop.Everything()))
					if err := f.Load(t.Context()); err != nil {
						t.Error(err)
					}
					if r := f.Table.Routes(); r.Endpoint(bellhop.EndpointID(id)) != nil || f.Table.Access().Version() < v {
						t.Errorf("endpoint %d is there although it was deleted", id)
					}
					continue
				}
				e := endpoint(id, apps[i%3:]...)
				e.Revision = int64(i)
				v := f.store.save(e)
				if err := f.LoadRoutes(t.Context()); err != nil {
					t.Error(err)
				}
				if r := f.Table.Routes(); r.Version() < v || r.Endpoint(e.ID) == nil || r.Endpoint(e.ID).Revision != e.Revision {
					t.Errorf("version %d, want %d at least, with endpoint %d", r.Version(), v, id)
				}
			}
		})
	}
	writing.Wait()
	stop()
	readers.Wait()
	n := 0
	for r := range f.Table.Routes().All() {
		if told[r.ID] != r {
			t.Errorf("nobody was told of endpoint %d as it is", r.ID)
		}
		n++
	}
	if n != len(told) || last != f.Table.Routes().Version() {
		t.Errorf("%d routes of version %d; told of %d up to %d", n, f.Table.Routes().Version(), len(told), last)
	}
}

// seen writes down all that there is to be seen of the routes.
func (r *Routes) seen(apps []string) string {
	var b strings.Builder
	for _, app := range apps {
		for _, route := range r.Of(app) {
			fmt.Fprint(&b, app, int64(route.ID), route.Revision, r.Endpoint(route.ID) == route, " ")
		}
	}
	var all []int64
	for route := range r.All() {
		all = append(all, int64(route.ID))
	}
	slices.Sort(all)
	fmt.Fprint(&b, r.Version(), all)
	return b.String()
}
