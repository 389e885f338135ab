// Package routes keeps the configuration in memory: apps and endpoints made ready
// for fan-out, the catalogue of event types, and the keys.
//
// Whoever reads takes a snapshot and may keep it: it never changes, no lock guards
// it, and no load, however slow the store, makes a reader wait. Each of the three
// parts has a version of its own, and is loaded by itself: a new portal link leaves
// the routes that publishing depends on as they are.
package routes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/recipe"
)

// OwnTypes is how the names of Bellhop's own event types begin.
const OwnTypes = "bellhop."

// Options are what a Table works with.
type Options struct {
	// Store is where the configuration is loaded from. It may be nil in a table
	// that only compiles.
	Store bellhop.ConfigStore
	// Sealer opens the secrets of endpoints. It is called when a secret is needed
	// for the first time, and by loads, to tell of secrets that cannot be opened.
	Sealer bellhop.Sealer
	// Dialects are those that endpoints can have, each name once.
	Dialects []*dialect.Dialect
	// Away, if not nil, says why nothing can be sent to an endpoint that somebody has to
	// listen at, or "". It is asked often.
	Away func(id bellhop.EndpointID, url string) string
	// Recipes are those that endpoints can have, each name once.
	Recipes []*recipe.Recipe
	// Logger is told about endpoints and event types that cannot be used as they
	// are. The default says nothing.
	Logger *slog.Logger
	// Now is the clock. The default is time.Now.
	Now func() time.Time
}

// Table is the configuration in memory: as new as its versions say, for the store
// refuses a commit that was made from old routes. It is safe for concurrent use.
type Table struct {
	store    bellhop.ConfigStore
	sealer   bellhop.Sealer
	dialects []*dialect.Dialect
	byName   map[string]*dialect.Dialect
	recipes  []*recipe.Recipe
	log      *slog.Logger
	now      func() time.Time
	away     func(id bellhop.EndpointID, url string) string
	changed  func(changed []*Route, gone []bellhop.EndpointID)
	appGone  func(app string)

	current atomic.Pointer[snapshot]
	// swapping lets loads of different parts put theirs into current one after the
	// other. Readers know nothing of it.
	swapping sync.Mutex

	routes, catalogue, access *loads
}

// snapshot is all three parts at one moment.
type snapshot struct {
	routes    *Routes
	catalogue *Catalogue
	access    *Access
}

// New makes an empty table: Load fills it.
func New(o Options) *Table {
	t := &Table{
		store: o.Store, sealer: o.Sealer, dialects: slices.Clone(o.Dialects), byName: map[string]*dialect.Dialect{},
		recipes: slices.Clone(o.Recipes),
		away:    o.Away, log: o.Logger, now: o.Now, routes: newLoads(), catalogue: newLoads(), access: newLoads(),
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.now == nil {
		t.now = time.Now
	}
	for _, d := range t.dialects {
		t.byName[d.Name()] = d
	}
	t.current.Store(&snapshot{&Routes{indexes: &indexes{of: map[string]*index{}}}, &Catalogue{}, &Access{}})
	return t
}

// OnChange sets who is told of routes that are new, and of endpoints that are gone,
// once before the first Load. It is called after the readers have got them, in the
// order of versions, one call at a time; a load is over only when it has returned,
// so it must not load itself.
func (t *Table) OnChange(f func(changed []*Route, gone []bellhop.EndpointID)) { t.changed = f }

// OnAppGone sets who is told of apps that are gone, in the same way.
func (t *Table) OnAppGone(f func(app string)) { t.appGone = f }

// Routes gives the apps and endpoints as they are now.
func (t *Table) Routes() *Routes { return t.current.Load().routes }

// Catalogue gives the event types as they are now.
func (t *Table) Catalogue() *Catalogue { return t.current.Load().catalogue }

// Access gives the keys as they are now.
func (t *Table) Access() *Access { return t.current.Load().access }

// Dialect gives the dialect of that name, or nil.
func (t *Table) Dialect(name string) *dialect.Dialect { return t.byName[name] }

// Dialects lists the dialects in the order in which they were given.
func (t *Table) Dialects() []*dialect.Dialect { return slices.Clone(t.dialects) }

// Recipe gives the recipe of that name, or nil.
func (t *Table) Recipe(name string) *recipe.Recipe {
	if i := slices.IndexFunc(t.recipes, func(r *recipe.Recipe) bool { return r.Name() == name }); i >= 0 {
		return t.recipes[i]
	}
	return nil
}

// Recipes lists the recipes in the order in which they were given.
func (t *Table) Recipes() []*recipe.Recipe { return slices.Clone(t.recipes) }

// Load brings all three parts up to date, as far as that is possible: if one cannot
// be loaded, the others still are.
func (t *Table) Load(ctx context.Context) error {
	return errors.Join(t.LoadRoutes(ctx), t.LoadCatalogue(ctx), t.LoadAccess(ctx))
}

// LoadRoutes brings the apps and endpoints up to date with what was stored when it
// was called. Many callers at once share a few reads of the store; one whose ctx
// ends goes alone.
func (t *Table) LoadRoutes(ctx context.Context) error {
	err := t.routes.do(ctx, func() error {
		old := t.Routes()
		c, err := t.store.Routes(ctx, old.version)
		if err != nil || c.Version == old.version && !c.Full {
			return err
		}
		limits := old.limitsAfter(&c)
		list := slices.Concat(c.Endpoints, old.bounded(&c, limits))
		compiled := make([]*Route, len(list))
		for i, e := range list {
			compiled[i] = t.Compile(e)
			compiled[i].bound(limits)
			compiled[i].obey(c.Hold)
		}
		before := old.names(&c)
		next, gone := old.with(&c, compiled)
		t.swap(func(s *snapshot) { s.routes = next })
		for _, app := range before {
			if t.appGone != nil && !next.Has(app) {
				t.appGone(app)
			}
		}
		if t.changed != nil && len(compiled)+len(gone) > 0 {
			t.changed(compiled, gone)
		}
		t.logBroken(compiled)
		return nil
	})
	return loading("routes", err)
}

// logBroken tells the operator what is held although nobody asked for that.
func (t *Table) logBroken(rs []*Route) {
	now := t.now()
	for _, r := range rs {
		if r.Status != bellhop.EndpointActive {
			continue
		}
		if why := r.check(now); why != "" {
			t.log.Error("deliveries to an endpoint are held", "endpoint", r.ID.String(), "why", why)
		}
	}
}

// LoadCatalogue does for the event types what LoadRoutes does for routes.
func (t *Table) LoadCatalogue(ctx context.Context) error {
	err := t.catalogue.do(ctx, func() error {
		old := t.Catalogue()
		c, err := t.store.Catalogue(ctx, old.version)
		if err != nil || c.Version == old.version && !c.Full {
			return err
		}
		compiled := make([]*Type, len(c.EventTypes))
		for i, et := range c.EventTypes {
			compiled[i] = t.compileType(et, old)
		}
		next := old.with(&c, compiled)
		t.swap(func(s *snapshot) { s.catalogue = next })
		return nil
	})
	return loading("catalogue", err)
}

// LoadAccess does for the keys what LoadRoutes does for routes.
func (t *Table) LoadAccess(ctx context.Context) error {
	err := t.access.do(ctx, func() error {
		old := t.Access()
		c, err := t.store.Access(ctx, old.version)
		if err != nil || c.Version == old.version && !c.Full {
			return err
		}
		next := old.with(&c)
		t.swap(func(s *snapshot) { s.access = next })
		return nil
	})
	return loading("keys", err)
}

func loading(what string, err error) error {
	if err != nil {
		return fmt.Errorf("load the %s: %w", what, err)
	}
	return nil
}

func (t *Table) swap(put func(*snapshot)) {
	t.swapping.Lock()
	defer t.swapping.Unlock()
	next := *t.current.Load()
	put(&next)
	t.current.Store(&next)
}

// loads lets one load at a time be made, and callers share it: a caller is content
// with a load by somebody else if that began after the caller came. With one that
// had begun before it is not, for that may have read the store too early to see
// what the caller has just stored.
type loads struct {
	turn  chan struct{} // holds one token: whoever takes it is on
	begun atomic.Int64  // how many loads have begun
	last  ended         // guarded by turn
}

type ended struct {
	number int64
	err    error
	// alone says that the load ended because its caller went away: what came of it
	// says nothing to others.
	alone bool
}

func newLoads() *loads {
	l := &loads{turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

func (l *loads) do(ctx context.Context, load func() error) error {
	seen := l.begun.Load()
	select {
	case <-l.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { l.turn <- struct{}{} }()
	if l.last.number > seen && !l.last.alone {
		return l.last.err
	}
	number := l.begun.Add(1)
	err := load()
	l.last = ended{number: number, err: err, alone: err != nil && ctx.Err() != nil}
	return err
}
