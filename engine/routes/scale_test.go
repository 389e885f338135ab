//go:build !race

package routes

import (
	"context"
	"encoding/base64"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/memstore"
)

// The bounds here are generous, since tests share their machine with others. They
// tell a cost that grows with what there is from one that does not.

// costs fails the test unless f takes at most so many times what base takes, each at
// its best: what else runs can only add to that, and there are several rounds for a
// quiet moment.
func costs(t *testing.T, what string, times float64, f, base func()) (best time.Duration) {
	t.Helper()
	took, based := time.Duration(1<<63-1), time.Duration(1<<63-1)
	for range 6 {
		based, took = min(based, duration(base)), min(took, duration(f))
		if float64(took) <= times*float64(based) {
			t.Logf("%s: %v, which is %.2f times what it is compared with", what, took, float64(took)/float64(based))
			return took
		}
	}
	t.Errorf("%s: %v, more than %g times %v", what, took, times, based)
	return took
}

func duration(f func()) time.Duration {
	runtime.GC() // or f would pay for what was before it
	began := time.Now()
	f()
	return time.Since(began)
}

// crowd is 42 000 endpoints of one app, such as a platform has that sees its
// customers as endpoints, each with a secret.
var crowd = sync.OnceValue(func() []bellhop.Endpoint {
	secret := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	list := make([]bellhop.Endpoint, 42_000)
	for i := range list {
		e := endpoint(i+1, "acme")
		e.Events, e.Subjects = []string{"ticket.*", "invoice.paid"}, []string{fmt.Sprintf("customer:%d:*", i)}
		e.Secrets = []bellhop.Secret{{Sealed: new(sealer).Seal([]byte(secret), e.ID.String()), CreatedAt: start}}
		list[i] = e
	}
	return list
})

// patience is how long the slowest machine may take for what takes a tenth of a
// second on a common one that has nothing else to do.
const patience = 15 * time.Second

// one is a store that answers with what it holds, so that its own work is not
// measured.
type one struct {
	bellhop.ConfigStore
	routes    bellhop.RouteChanges
	catalogue bellhop.CatalogueChanges
	access    bellhop.AccessChanges
}

func (o *one) Routes(context.Context, int64) (bellhop.RouteChanges, error) { return o.routes, nil }

func (o *one) Catalogue(context.Context, int64) (bellhop.CatalogueChanges, error) {
	return o.catalogue, nil
}

func (o *one) Access(context.Context, int64) (bellhop.AccessChanges, error) { return o.access, nil }

func TestManyEndpointsOfOneAppLoadQuickly(t *testing.T) {
	f := setUp(t)
	all := crowd()[:40_000]
	load := func(n int) func() {
		return func() {
			table := f.over(bellhop.RouteChanges{Version: 1, Full: true, Apps: []bellhop.App{{ID: "acme"}}, Endpoints: all[:n]})
			if got := len(table.Routes().Of("acme")); got != n {
				t.Fatalf("%d routes", got)
			}
		}
	}
	best := costs(t, "40 000 endpoints, compared with 10 000", 8, load(40_000), load(10_000))
	if best > patience {
		t.Errorf("40 000 endpoints load in %v", best)
	}
	costs(t, "40 000 endpoints, compared with compiling them", 8, load(40_000), func() {
		kept := make([]*Route, len(all))
		for i := range all {
			kept[i] = f.Compile(all[i])
			if why := kept[i].check(start); why != "" {
				t.Fatal(why)
			}
		}
	})

	table := f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: all})
	costs(t, "40 000 endpoints again, compared with the first time", 8, func() {
		f.change(table, bellhop.RouteChanges{Version: 2, Full: true, Endpoints: all[1:]})
	}, load(40_000))
	costs(t, "40 000 changes at once, compared with the first time", 8, func() {
		f.change(table, bellhop.RouteChanges{Version: 3, Endpoints: all})
	}, load(40_000))
	if n := len(table.Routes().Of("acme")); n != 40_000 {
		t.Errorf("%d routes", n)
	}
}

// over is a table that has loaded the one thing.
func (f *fixture) over(c bellhop.RouteChanges) *Table {
	table := New(Options{Dialects: f.dialects, Sealer: f.sealer, Now: f.now})
	f.change(table, c)
	return table
}

func (f *fixture) change(table *Table, c bellhop.RouteChanges) {
	f.t.Helper()
	table.store = &one{routes: c}
	if err := table.LoadRoutes(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// churn saves endpoints one by one.
func (f *fixture) churn(table *Table, es []bellhop.Endpoint) {
	for i := range es {
		f.change(table, bellhop.RouteChanges{Version: table.Routes().Version() + 1, Endpoints: es[i : i+1]})
	}
}

func TestManyEndpointsLoadQuicklyFromAStore(t *testing.T) {
	f := setUp(t)
	store := memstore.New()
	f.Table.store = store
	if err := store.SaveApp(t.Context(), bellhop.App{ID: "acme"}, &bellhop.AuditEntry{ID: 1}); err != nil {
		t.Fatal(err)
	}
	for i, e := range crowd()[:40_000] {
		e.Revision = 0
		if err := store.SaveEndpoint(t.Context(), e, &bellhop.AuditEntry{ID: bellhop.AuditID(i + 2)}, start); err != nil {
			t.Fatal(err)
		}
	}
	took := duration(func() { f.load() })
	t.Logf("40 000 endpoints from the store: %v", took)
	if r := f.Table.Routes(); len(r.Of("acme")) != 40_000 || r.Version() != 40_001 || took > patience {
		t.Errorf("%d routes of version %d in %v", len(r.Of("acme")), r.Version(), took)
	}
}

func TestChangeOfOneEndpointCostsLittle(t *testing.T) {
	f := setUp(t)
	all := crowd()
	full := func() { f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: all[:40_000]}) }
	table := f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: all[:40_000]})
	// If each were to cost what a load of all does, 200 would cost 200 times as much.
	costs(t, "200 changes among 40 000, compared with a load of all", 8, func() { f.churn(table, all[20_000:20_200]) }, full)
	from := 40_000
	costs(t, "200 new endpoints among 40 000, compared with changes", 0.3, func() {
		f.churn(table, all[from:from+200])
		from += 200
	}, func() { f.churn(table, all[20_000:20_200]) })

	// In another app, the crowd is not felt.
	alone := f.over(bellhop.RouteChanges{Version: 1, Full: true})
	few := make([]bellhop.Endpoint, 1000)
	for i := range few {
		few[i] = endpoint(100_000+i%100, fmt.Sprint("app", i%10))
	}
	costs(t, "1000 changes in another app, compared with those without the crowd", 10,
		func() { f.churn(table, few) }, func() { f.churn(alone, few) })
}

// links are n portal links as they come, each in a change of its own, on top of what
// the table has.
func links(from, n int) []bellhop.AccessChanges {
	list := make([]bellhop.AccessChanges, n)
	for i := range list {
		k := key(from+i, fmt.Sprint("link ", from+i), bellhop.Only(fmt.Sprint("app", i)))
		k.Portal, k.ExpiresAt = true, start.Add(time.Hour)
		list[i] = bellhop.AccessChanges{Version: int64(from + i), Keys: []bellhop.Key{k}}
	}
	return list
}

func TestPortalLinkAmongManyCostsAboutWhatOneCosts(t *testing.T) {
	f := setUp(t)
	table := func(n int) *Table {
		all := bellhop.AccessChanges{Version: int64(n), Full: true}
		for _, c := range links(1, n) {
			all.Keys = append(all.Keys, c.Keys...)
		}
		table := New(Options{Now: f.now})
		table.store = &one{access: all}
		if err := table.LoadAccess(t.Context()); err != nil {
			t.Fatal(err)
		}
		return table
	}
	add := func(table *Table, cs []bellhop.AccessChanges) {
		for _, c := range cs {
			table.store = &one{access: c}
			if err := table.LoadAccess(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	more := links(100_001, 1000)
	empty, full := table(0), table(10_000)
	costs(t, "1000 portal links among 10 000, compared with those in an empty table", 8,
		func() { add(full, more) }, func() { add(empty, more) })
	if n := len(full.Access().Keys(f.now())); n != 11_000 {
		t.Errorf("%d keys", n)
	}
}

func TestPageOfAnAppLooksAtLittle(t *testing.T) {
	f := setUp(t)
	r := f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: crowd()[:40_000]}).Routes()
	page := func(scope bellhop.Scope) func() {
		return func() {
			for range 10 {
				if n := len(r.Endpoints(bellhop.EndpointFilter{Scope: scope, Before: 20_000, Limit: 50})); n != 50 {
					t.Errorf("%d routes", n)
				}
			}
		}
	}
	costs(t, "10 pages of an app, compared with those of everything", 0.03, page(bellhop.Only("acme")), page(bellhop.Everything()))
}

func BenchmarkLoad40000(b *testing.B) {
	f := setUp(b)
	all := crowd()[:40_000]
	b.ReportAllocs()
	for b.Loop() {
		f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: all})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/40_000, "ns/endpoint")
}

// BenchmarkLoadSealed40000 is BenchmarkLoad40000 with secrets that are encrypted.
func BenchmarkLoadSealed40000(b *testing.B) {
	f := setUp(b)
	sealer, err := bellhop.NewSealer(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	all := slices.Clone(crowd()[:40_000])
	for i := range all {
		id := all[i].ID.String()
		plain, err := f.sealer.Open(all[i].Secrets[0].Sealed, id)
		if err != nil {
			b.Fatal(err)
		}
		all[i].Secrets = []bellhop.Secret{{Sealed: sealer.Seal(plain, id), CreatedAt: start}}
	}
	for b.Loop() {
		table := New(Options{Dialects: f.dialects, Sealer: sealer, Now: f.now})
		f.change(table, bellhop.RouteChanges{Version: 1, Full: true, Endpoints: all})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/40_000, "ns/endpoint")
}

func BenchmarkCompile(b *testing.B) {
	f := setUp(b)
	e := crowd()[0]
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Compile(e)
		}
	})
	e.Filter = bellhop.JSON(`{"status": ["paid", {"prefix": "part"}], "customer": {"country": ["CH", null]}}`)
	b.Run("filter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Compile(e)
		}
	})
	b.Run("schema", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := CompileSchema(bellhop.JSON(ticketSchema)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkChangeAmong40000(b *testing.B) {
	f := setUp(b)
	for name, first := range map[string]int{"changed": 20_000, "new": 40_001} {
		b.Run(name, func(b *testing.B) {
			table := f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: crowd()[:40_000]})
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				id := first + i
				if name == "changed" {
					id = first + i%1000
				}
				f.churn(table, []bellhop.Endpoint{endpoint(id, "acme")})
				i++
			}
		})
	}
}

func BenchmarkPortalLinkAmong10000(b *testing.B) {
	f := setUp(b)
	table := New(Options{Now: f.now})
	all := bellhop.AccessChanges{Version: 1, Full: true}
	for _, c := range links(1, 10_000) {
		all.Keys = append(all.Keys, c.Keys...)
	}
	table.store = &one{access: all}
	if err := table.LoadAccess(b.Context()); err != nil {
		b.Fatal(err)
	}
	more := links(10_001, 10_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		// Each replaces one that was there, once they have been through.
		c := more[i%len(more)]
		c.Version = int64(10_001 + i)
		table.store = &one{access: c}
		if err := table.LoadAccess(b.Context()); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkRead(b *testing.B) {
	f := setUp(b)
	table := f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: crowd()[:40_000]})
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			if table.Routes().Endpoint(bellhop.EndpointID(1+i%40_000)) == nil {
				b.Error("missing")
			}
		}
	})
}

// An event for one of very many channels costs about what its endpoints do, whatever types
// they all listen to.
func TestChannelsAreLookedUp(t *testing.T) {
	f := setUp(t)
	var all []bellhop.Endpoint
	for i := range 20_000 {
		e := bellhop.Endpoint{ID: bellhop.EndpointID(i + 1), Apps: []string{"acme"}, Events: []string{"a.*"}}
		for c := range 10 {
			e.Channels = append(e.Channels, fmt.Sprintf("project:%d", i*10+c))
		}
		all = append(all, e)
	}
	few := f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: all[:1000]}).Routes()
	many := f.over(bellhop.RouteChanges{Version: 1, Full: true, Endpoints: all}).Routes()
	for _, channels := range [][]string{nil, {"nobody"}, {"project:77"}, {"project:77", "project:78", "project:81"}} {
		want := map[int]int{0: 0, 1: 0, 3: 2}[len(channels)]
		if len(channels) == 1 && channels[0] != "nobody" {
			want = 1
		}
		for _, r := range []*Routes{few, many} {
			if got := len(r.Listening("acme", "a.b", channels)); got != want {
				t.Errorf("%q is looked at by %d, want %d", channels, got, want)
			}
		}
	}
	look := func(r *Routes) func() {
		return func() {
			for range 20_000 {
				r.Listening("acme", "a.b", []string{"project:77", "project:81"})
			}
		}
	}
	costs(t, "20 000 endpoints with channels, compared with 1000", 4, look(many), look(few))
}
