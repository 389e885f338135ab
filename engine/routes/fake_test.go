package routes

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
)

// fake is a store of configuration that can be slow, fail and be counted.
type fake struct {
	bellhop.ConfigStore // nil: only what is below may be called

	mu        sync.Mutex
	apps      items[string, bellhop.App]
	endpoints items[bellhop.EndpointID, bellhop.Endpoint]
	types     items[string, bellhop.EventType]
	keys      items[bellhop.KeyID, bellhop.Key]
	// The versions are those of the parts.
	routes, catalogue, access int64
	forgets                   bool // always gives everything

	reads atomic.Int64
	// after, if not nil, is called with what was read before that is given.
	after func(ctx context.Context) error
}

type items[K cmp.Ordered, V any] map[K]item[V]

type item[V any] struct {
	version int64
	value   V
	gone    bool
}

// since gives what was saved and deleted after a version, in the order of the keys.
func (m items[K, V]) since(version int64) (saved []V, gone []K) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		switch i := m[k]; {
		case i.version <= version:
		case !i.gone:
			saved = append(saved, i.value)
		case version > 0:
			gone = append(gone, k)
		}
	}
	return saved, gone
}

func newFake() *fake {
	return &fake{
		apps: items[string, bellhop.App]{}, endpoints: items[bellhop.EndpointID, bellhop.Endpoint]{},
		types: items[string, bellhop.EventType]{}, keys: items[bellhop.KeyID, bellhop.Key]{},
	}
}

// save keeps apps, endpoints, event types and keys, and takes their ids for
// deletions. It gives the version of the part that changed last.
func (f *fake) save(objects ...any) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	version := int64(0)
	next := func(v *int64) int64 { *v++; version = *v; return version }
	for _, o := range objects {
		switch o := o.(type) {
		case bellhop.App:
			f.apps[o.ID] = item[bellhop.App]{next(&f.routes), o, false}
		case noApp:
			f.apps[string(o)] = item[bellhop.App]{version: next(&f.routes), gone: true}
		case bellhop.Endpoint:
			f.endpoints[o.ID] = item[bellhop.Endpoint]{next(&f.routes), o, false}
		case bellhop.EndpointID:
			f.endpoints[o] = item[bellhop.Endpoint]{version: next(&f.routes), gone: true}
		case bellhop.EventType:
			f.types[o.Name] = item[bellhop.EventType]{next(&f.catalogue), o, false}
		case noType:
			f.types[string(o)] = item[bellhop.EventType]{version: next(&f.catalogue), gone: true}
		case bellhop.Key:
			f.keys[o.ID] = item[bellhop.Key]{next(&f.access), o, false}
		case bellhop.KeyID:
			f.keys[o] = item[bellhop.Key]{version: next(&f.access), gone: true}
		default:
			panic(fmt.Sprintf("cannot save %T", o))
		}
	}
	return version
}

type (
	noApp  string // deletes an app
	noType string // deletes an event type
)

// read looks at the store, and answers what it saw when after lets it.
func read[C any](f *fake, ctx context.Context, since int64, look func(since int64) C) (C, error) {
	f.mu.Lock()
	f.reads.Add(1)
	if f.forgets {
		since = 0
	}
	c, after := look(since), f.after
	f.mu.Unlock()
	if after != nil {
		if err := after(ctx); err != nil {
			var none C
			return none, err
		}
	}
	return c, nil
}

func (f *fake) then(after func(ctx context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after = after
}

func (f *fake) Routes(ctx context.Context, since int64) (bellhop.RouteChanges, error) {
	return read(f, ctx, since, func(since int64) bellhop.RouteChanges {
		c := bellhop.RouteChanges{Version: f.routes, Full: since == 0}
		c.Apps, c.DeletedApps = f.apps.since(since)
		c.Endpoints, c.DeletedEndpoints = f.endpoints.since(since)
		return c
	})
}

func (f *fake) Catalogue(ctx context.Context, since int64) (bellhop.CatalogueChanges, error) {
	return read(f, ctx, since, func(since int64) bellhop.CatalogueChanges {
		c := bellhop.CatalogueChanges{Version: f.catalogue, Full: since == 0}
		c.EventTypes, c.DeletedEventTypes = f.types.since(since)
		return c
	})
}

func (f *fake) Access(ctx context.Context, since int64) (bellhop.AccessChanges, error) {
	return read(f, ctx, since, func(since int64) bellhop.AccessChanges {
		c := bellhop.AccessChanges{Version: f.access, Full: since == 0}
		c.Keys, c.DeletedKeys = f.keys.since(since)
		return c
	})
}

// stuck makes reads of the store wait until release is called; entered gets one
// value for each read that waits.
func (f *fake) stuck() (entered chan struct{}, release func()) {
	entered, gate := make(chan struct{}, 1000), make(chan struct{})
	f.then(func(ctx context.Context) error {
		entered <- struct{}{}
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return entered, sync.OnceFunc(func() { f.then(nil); close(gate) })
}

// sealer keeps secrets in the open, with what they are bound to, and can fail.
type sealer struct {
	opened atomic.Int64
	fail   atomic.Int64 // how many of the next calls fail
}

var errSealer = errors.New("the key server is away")

func (s *sealer) Seal(plain []byte, context string) []byte {
	return []byte(context + "\x00" + string(plain))
}

func (s *sealer) Open(sealed []byte, context string) ([]byte, error) {
	s.opened.Add(1)
	if s.fail.Add(-1) >= 0 {
		return nil, errSealer
	}
	s.fail.Store(0)
	plain, ok := strings.CutPrefix(string(sealed), context+"\x00")
	if !ok {
		return nil, errors.New("sealed for another place")
	}
	return []byte(plain), nil
}

// fixture is a table over a fake store, with a clock that the test moves.
type fixture struct {
	*Table
	t      testing.TB
	store  *fake
	sealer *sealer
	clock  atomic.Pointer[time.Time]
	logged strings.Builder
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func setUp(t testing.TB) *fixture {
	f := &fixture{t: t, store: newFake(), sealer: &sealer{}}
	f.clock.Store(&start)
	f.Table = New(Options{
		Store: f.store, Sealer: f.sealer, Dialects: builtin(t), Now: f.now,
		Logger: slog.New(slog.NewTextHandler(&f.logged, nil)),
	})
	return f
}

func (f *fixture) now() time.Time { return *f.clock.Load() }

func (f *fixture) wait(d time.Duration) {
	later := f.now().Add(d)
	f.clock.Store(&later)
}

func (f *fixture) load() {
	f.t.Helper()
	if err := f.Load(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

func builtin(t testing.TB) []*dialect.Dialect {
	t.Helper()
	var list []*dialect.Dialect
	for _, d := range dialect.Builtin() {
		compiled, err := dialect.Compile(d)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, compiled)
	}
	return list
}

// endpoint is one that listens to everything in the apps.
func endpoint(id int, apps ...string) bellhop.Endpoint {
	return bellhop.Endpoint{
		ID: bellhop.EndpointID(id), Apps: apps, URL: "https://example.com/hook", Dialect: "standard",
		Status: bellhop.EndpointActive, Revision: 1,
	}
}

// key is one whose token is the name.
func key(id int, name string, scope bellhop.Scope) bellhop.Key {
	return bellhop.Key{
		ID: bellhop.KeyID(id), Name: name, Role: bellhop.RoleEditor, Scope: scope, CreatedAt: start, Hash: hash(name),
	}
}

func hash(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// ids are the ids of routes, in their order.
func ids(rs []*Route) []int {
	list := []int{}
	for _, r := range rs {
		list = append(list, int(r.ID))
	}
	return list
}

func same[T any](t testing.TB, what string, got, want []T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
