package routes

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bellhop/bellhop"
)

func TestRoutesFollowTheStore(t *testing.T) {
	f := setUp(t)
	if r := f.Table.Routes(); r.Version() != 0 || r.Endpoint(1) != nil || r.Of("a") != nil {
		t.Error("a new table is not empty")
	}
	f.store.save(bellhop.App{ID: "a", Name: "Old"}, bellhop.App{ID: "b"}, endpoint(2, "a"), endpoint(1, "a", "b"), endpoint(3, "b"))
	f.load()
	r := f.Table.Routes()
	same(t, "of a", ids(r.Of("a")), []int{1, 2})
	same(t, "of b", ids(r.Of("b")), []int{1, 3})
	same(t, "of none", ids(r.Of("c")), []int{})
	if r.Version() != 5 || r.Endpoint(1).URL != "https://example.com/hook" || r.Endpoint(4) != nil {
		t.Errorf("version %d, %+v", r.Version(), r.Endpoint(1))
	}

	moved := endpoint(1, "b", "c")
	moved.Revision, moved.Name = 2, "moved"
	f.store.save(bellhop.App{ID: "a", Name: "New"}, moved, bellhop.EndpointID(3), noApp("b"), endpoint(9, "b"), endpoint(7, "b"))
	f.load()
	later := f.Table.Routes()
	same(t, "of a", ids(later.Of("a")), []int{2})
	same(t, "of b", ids(later.Of("b")), []int{1, 7, 9})
	same(t, "of c", ids(later.Of("c")), []int{1})
	if later.Of("b")[0] != later.Endpoint(1) || later.Endpoint(1).Name != "moved" || later.Endpoint(3) != nil {
		t.Error("a list and the endpoints disagree")
	}
	if later.Endpoint(2) != r.Endpoint(2) {
		t.Error("what did not change was made anew")
	}
	if a, ok := later.App("a"); !ok || a.Name != "New" {
		t.Errorf("%+v, %v", a, ok)
	}
	if _, ok := later.App("b"); ok {
		t.Error("a deleted app is there")
	}

	same(t, "of a, held", ids(r.Of("a")), []int{1, 2})
	same(t, "of b, held", ids(r.Of("b")), []int{1, 3})
	if a, _ := r.App("a"); a.Name != "Old" || r.Endpoint(1).Name != "" {
		t.Error("a snapshot that was held has changed")
	}
	n := 0
	for route := range r.All() {
		if r.Endpoint(route.ID) != route {
			t.Error("a route of no endpoint")
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d routes, want 3", n)
	}
	f.store.save(endpoint(9, "b", "b"), endpoint(11, "b", "b"))
	f.load()
	same(t, "of an app that endpoints name twice", ids(f.Table.Routes().Of("b")), []int{1, 7, 9, 11})
	f.store.save(bellhop.EndpointID(2))
	f.load()
	if got := f.Table.Routes().Of("a"); got != nil {
		t.Errorf("of an app without endpoints: %v", got)
	}
}

// What is appended to a list goes on in the array of the one before.
func TestListsThatShareAnArrayDoNotDisturbEachOther(t *testing.T) {
	f := setUp(t)
	var held [][]*Route
	for i := range 100 {
		f.store.save(endpoint(i+1, "a"))
		f.load()
		held = append(held, f.Table.Routes().Of("a"))
		if i > 0 {
			_ = append(held[i-1], f.Compile(endpoint(1000+i, "a"))) // a reader's own
		}
	}
	f.store.save(bellhop.EndpointID(50), endpoint(70, "a"))
	f.load()
	for i, list := range held {
		if len(list) != i+1 {
			t.Fatalf("%d routes, want %d", len(list), i+1)
		}
		for j, r := range list {
			if r.ID != bellhop.EndpointID(j+1) {
				t.Fatalf("list %d has %d at %d", i, r.ID, j)
			}
		}
	}
	if got := f.Table.Routes().Of("a"); len(got) != 99 || got[68] == held[99][69] {
		t.Errorf("%d routes", len(got))
	}
}

func TestListsOfAppsAndEndpoints(t *testing.T) {
	f := setUp(t)
	for _, a := range []string{"c", "a", "d", "b"} {
		f.store.save(bellhop.App{ID: a})
	}
	for i := 1; i <= 9; i++ {
		e := endpoint(i, []string{"a", "b", "c"}[i%3])
		if i%2 == 0 {
			e.Apps = append(e.Apps, "d")
			e.Status = bellhop.EndpointPaused
		}
		f.store.save(e)
	}
	f.load()
	r := f.Table.Routes()

	for _, c := range []struct {
		scope bellhop.Scope
		after string
		limit int
		want  []string
	}{
		{bellhop.Everything(), "", 0, []string{"a", "b", "c", "d"}},
		{bellhop.Everything(), "a", 2, []string{"b", "c"}},
		{bellhop.Everything(), "d", 2, nil},
		{bellhop.Only("d", "none", "b", "d"), "", 0, []string{"b", "d"}},
		{bellhop.Only("d", "b"), "b", 5, []string{"d"}},
		{bellhop.Only("d", "b"), "", 1, []string{"b"}},
		{bellhop.Scope{}, "", 0, nil},
	} {
		var got []string
		for _, a := range r.Apps(c.scope, c.after, c.limit) {
			got = append(got, a.ID)
		}
		same(t, "apps", got, c.want)
	}

	scopes := []bellhop.Scope{
		bellhop.Everything(), {}, bellhop.Only("a"), bellhop.Only("a", "d"), bellhop.Only("d", "c", "d", "none"), bellhop.Only("none"),
	}
	for _, scope := range scopes {
		for _, status := range []bellhop.EndpointStatus{"", bellhop.EndpointActive, bellhop.EndpointPaused} {
			for before := range 11 {
				for limit := range 10 {
					got := r.Endpoints(bellhop.EndpointFilter{Scope: scope, Status: status, Before: bellhop.EndpointID(before), Limit: limit})
					want := []int{}
					for i := 9; i >= 1; i-- {
						route := r.Endpoint(bellhop.EndpointID(i))
						if (before == 0 || i < before) && (limit == 0 || len(want) < limit) &&
							(status == "" || route.Status == status) && scope.SeesAny(route.Apps) {
							want = append(want, i)
						}
					}
					if !slices.Equal(ids(got), want) {
						t.Fatalf("%+v, %q, before %d, %d: %v, want %v", scope, status, before, limit, ids(got), want)
					}
				}
			}
		}
	}
}

// A random history is followed change by change, in leaps and by loading all, and
// whoever is told of changes knows the same in the end.
func TestRoutesAgreeAfterAnyHistory(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	apps := []string{"a", "b", "c", "d", "e"}
	f := setUp(t)
	told := map[bellhop.EndpointID]*Route{}
	f.OnChange(func(changed []*Route, gone []bellhop.EndpointID) {
		for _, r := range changed {
			told[r.ID] = r
		}
		for _, e := range gone {
			delete(told, e)
		}
	})
	for step := range 1500 {
		for range 1 + random.IntN(4) {
			if id := 1 + random.IntN(700); random.IntN(4) == 0 {
				f.store.save(bellhop.EndpointID(id))
			} else {
				from := random.IntN(len(apps))
				f.store.save(endpoint(id, apps[from:from+1+random.IntN(len(apps)-from)]...))
			}
		}
		if random.IntN(3) == 0 {
			continue
		}
		f.store.forgets = random.IntN(50) == 0
		f.load()
		if step%20 == 0 || step > 1490 {
			fresh := New(Options{Store: f.store, Dialects: f.Dialects(), Sealer: f.sealer})
			if err := fresh.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, want := f.Table.Routes(), fresh.Routes()
			for _, app := range apps {
				if !slices.Equal(ids(got.Of(app)), ids(want.Of(app))) {
					t.Fatalf("step %d: of %s: %v, want %v", step, app, ids(got.Of(app)), ids(want.Of(app)))
				}
				for _, r := range got.Of(app) {
					if got.Endpoint(r.ID) != r || told[r.ID] != r {
						t.Fatalf("step %d: endpoint %d is not that of the list, or nobody was told", step, r.ID)
					}
				}
			}
			n := 0
			for r := range got.All() {
				if want.Endpoint(r.ID) == nil {
					t.Fatalf("step %d: endpoint %d is gone", step, r.ID)
				}
				n++
			}
			if n != len(told) {
				t.Fatalf("step %d: %d routes, %d told", step, n, len(told))
			}
		}
	}
}

// TestLimitsOfApps bound each route of the app, whatever changes.
func TestLimitsOfApps(t *testing.T) {
	f := setUp(t)
	told := 0
	f.Table.OnChange(func(changed []*Route, _ []bellhop.EndpointID) { told += len(changed) })
	app := func(id string, perSecond float64, burst int) bellhop.App {
		if perSecond == 0 {
			return bellhop.App{ID: id}
		}
		return bellhop.App{ID: id, RateLimit: &bellhop.RateLimit{PerSecond: perSecond, Burst: burst}}
	}
	own := endpoint(2, "a")
	own.RateLimit = &bellhop.RateLimit{PerSecond: 5, Burst: 2}
	limits := func(want ...bellhop.RateLimit) {
		t.Helper()
		for i, w := range want {
			r := f.Table.Routes().Endpoint(bellhop.EndpointID(i + 1))
			switch got := r.Limit(); {
			case w.PerSecond == 0 && (got != nil || r.Exact()):
				t.Errorf("endpoint %d has the limit %v", i+1, got)
			case w.PerSecond != 0 && (got == nil || *got != w || !r.Exact()):
				t.Errorf("endpoint %d has the limit %v, want %v", i+1, got, w)
			}
		}
	}
	step := func(tells int, objects ...any) {
		t.Helper()
		told = 0
		f.store.save(objects...)
		f.load()
		if told != tells {
			t.Errorf("%d routes were told of, want %d", told, tells)
		}
	}
	none, mine := bellhop.RateLimit{}, *own.RateLimit
	step(3, app("a", 0, 0), app("b", 0, 0), endpoint(1, "a"), own, endpoint(3, "a", "b"))
	limits(none, mine, none)
	step(3, app("a", 10, 1))
	limits(bellhop.RateLimit{PerSecond: 10, Burst: 1}, bellhop.RateLimit{PerSecond: 5, Burst: 1}, bellhop.RateLimit{PerSecond: 10, Burst: 1})
	if own.RateLimit.Burst != 2 || f.Table.Routes().Endpoint(2).RateLimit.Burst != 2 {
		t.Error("the endpoint's own limit has changed")
	}
	step(0, app("a", 10, 1)) // saved anew, with the same limit
	step(1, app("b", 3, 9))
	limits(bellhop.RateLimit{PerSecond: 10, Burst: 1}, bellhop.RateLimit{PerSecond: 5, Burst: 1}, bellhop.RateLimit{PerSecond: 3, Burst: 1})
	moved := endpoint(1, "b")
	moved.Revision = 2
	step(3, app("a", 0, 0), moved)
	limits(bellhop.RateLimit{PerSecond: 3, Burst: 9}, mine, bellhop.RateLimit{PerSecond: 3, Burst: 9})
	left := endpoint(3, "a")
	left.Revision = 2
	step(2, noApp("b"), left, bellhop.EndpointID(1), endpoint(4, "a"))
	if r := f.Table.Routes().Endpoint(3); r.Limit() != nil || r.Exact() {
		t.Errorf("of an app that is gone: %v", r.Limit())
	}
	step(3, app("a", 7, 7))
	f.store.forgets = true // everything is read anew
	step(3, app("b", 1, 1))
	if r := f.Table.Routes().Endpoint(4); r.Limit() == nil || r.Limit().PerSecond != 7 {
		t.Errorf("after everything was read: %v", r.Limit())
	}
}
