package routes

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// Routes are the apps and endpoints of one version: what fan-out is made against.
// They never change, and what they give must not be changed either.
type Routes struct {
	version   int64
	hold      bellhop.Hold
	apps      layered[string, *bellhop.App]
	uids      layered[string, *bellhop.App] // those that have one
	endpoints layered[bellhop.EndpointID, *Route]
	// byApp holds the routes of each app, ordered by id. A later snapshot may keep
	// more of them in the same array, behind the end of the slice.
	byApp layered[string, []*Route]
	// byName holds the routes by their Names, in each of their apps.
	byName layered[appName, *Route]
	// indexes are shared with later snapshots.
	indexes *indexes
}

// appName is a name that an endpoint has in an app.
type appName struct{ app, name string }

// Version is what the store compares a fan-out with.
func (r *Routes) Version() int64 { return r.version }

// Hold says whether the sending to all endpoints is held.
func (r *Routes) Hold() bellhop.Hold { return r.hold }

// App gives an app.
func (r *Routes) App(id string) (bellhop.App, bool) {
	a, ok := r.apps.get(id)
	if !ok {
		return bellhop.App{}, false
	}
	return *a, true
}

// AppNamed gives the app of an id or, where there is none, of a uid.
func (r *Routes) AppNamed(name string) (bellhop.App, bool) {
	a, ok := r.apps.get(name)
	if !ok {
		a, ok = r.uids.get(name)
	}
	if !ok {
		return bellhop.App{}, false
	}
	return *a, true
}

// AppOfUID gives the app that has a uid.
func (r *Routes) AppOfUID(uid string) (bellhop.App, bool) {
	a, ok := r.uids.get(uid)
	if !ok {
		return bellhop.App{}, false
	}
	return *a, true
}

// Has tells whether events can be of an app: one that there is, or AllApps.
func (r *Routes) Has(id string) bool {
	_, ok := r.apps.get(id)
	return ok || id == bellhop.AllApps
}

// Apps lists the apps of a scope in the order of their ids, after the given id ("":
// from the first): as many as limit, or with 0 all.
func (r *Routes) Apps(scope bellhop.Scope, after string, limit int) []bellhop.App {
	candidates := r.apps.all()
	if !scope.All {
		candidates = func(yield func(*bellhop.App) bool) {
			names := slices.Sorted(slices.Values(scope.Apps))
			for _, name := range slices.Compact(names) {
				if a, ok := r.apps.get(name); ok && !yield(a) {
					return
				}
			}
		}
	}
	list := first(func(yield func(*bellhop.App) bool) {
		for a := range candidates {
			if a.ID > after && !yield(a) {
				return
			}
		}
	}, limit, func(x, y *bellhop.App) int { return cmp.Compare(x.ID, y.ID) })
	apps := make([]bellhop.App, len(list))
	for i, a := range list {
		apps[i] = *a
	}
	return apps
}

// Endpoint gives the route of an endpoint, or nil if there is none.
func (r *Routes) Endpoint(id bellhop.EndpointID) *Route {
	route, _ := r.endpoints.get(id)
	return route
}

// EndpointNamed gives the route of the endpoint of an app that has a name there: of that id
// or, where there is none, of that UID or FormerID; nil if there is none. No name that
// somebody has chosen stands before an endpoint's own id.
func (r *Routes) EndpointNamed(app, name string) *Route {
	if i, err := id.Parse[id.Endpoint](name); err == nil {
		if route := r.Endpoint(i); route != nil && slices.Contains(route.Apps, app) {
			return route
		}
	}
	return r.EndpointOf(app, name)
}

// EndpointOf gives the route of an endpoint of an app by its UID or FormerID, or nil if there
// is none.
func (r *Routes) EndpointOf(app, name string) *Route {
	route, _ := r.byName.get(appName{app, name})
	return route
}

// Of gives the routes that listen to an app, ordered by id.
func (r *Routes) Of(app string) []*Route {
	list, _ := r.byApp.get(app)
	// What somebody appends to it must not get into the array that is shared.
	return slices.Clip(list)
}

// All gives every route, in no order.
func (r *Routes) All() iter.Seq[*Route] { return r.endpoints.all() }

// ShortestSchedule is the least that one of the retry schedules lasts: no delivery is too
// old before that age.
func (r *Routes) ShortestSchedule() time.Duration {
	shortest := bellhop.RetryPolicy{}.Lasts()
	for route := range r.All() {
		shortest = min(shortest, route.Retry.Lasts())
	}
	return time.Duration(shortest)
}

// Endpoints lists the routes that a filter selects, newest first.
func (r *Routes) Endpoints(f bellhop.EndpointFilter) []*Route {
	candidates := r.All()
	if !f.Scope.All {
		candidates = r.newest(f)
	}
	list := first(func(yield func(*Route) bool) {
		for route := range candidates {
			if selected(&f, route) && !yield(route) {
				return
			}
		}
	}, f.Limit, func(x, y *Route) int { return cmp.Compare(y.ID, x.ID) })
	return slices.Compact(list)
}

// newest gives the newest that f selects of each app of its scope, and not more
// than f asks for: what other apps have is not looked at. Those that listen to
// several of the apps are given once.
func (r *Routes) newest(f bellhop.EndpointFilter) iter.Seq[*Route] {
	return func(yield func(*Route) bool) {
		several := len(f.Scope.Apps) > 1
		given := map[bellhop.EndpointID]bool{}
		for _, app := range f.Scope.Apps {
			n := 0
			list := r.Of(app)
			if f.UID != "" {
				list = nil
				if route := r.EndpointOf(app, f.UID); route != nil {
					list = []*Route{route}
				}
			}
			if f.Before != 0 {
				i, _ := slices.BinarySearchFunc(list, f.Before, compareID)
				list = list[:i]
			}
			for _, route := range slices.Backward(list) {
				if f.Limit > 0 && n == f.Limit {
					break
				}
				if !selected(&f, route) {
					continue
				}
				n++
				if several {
					if given[route.ID] {
						continue
					}
					given[route.ID] = true
				}
				if !yield(route) {
					return
				}
			}
		}
	}
}

func selected(f *bellhop.EndpointFilter, r *Route) bool {
	return (f.Before == 0 || r.ID < f.Before) && (f.Status == "" || r.Status == f.Status) &&
		(f.UID == "" || slices.Contains(r.Names(), f.UID)) &&
		(f.Text == "" || containsFold(r.Name, f.Text) || containsFold(r.URL, f.Text) || r.ID.String() == f.Text)
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

func compareID(r *Route, id bellhop.EndpointID) int { return cmp.Compare(r.ID, id) }

// names are the apps that a change may take away.
func (r *Routes) names(c *bellhop.RouteChanges) []string {
	if !c.Full {
		return c.DeletedApps
	}
	var names []string
	for a := range r.apps.all() {
		names = append(names, a.ID)
	}
	return names
}

// limitsAfter gives the rate limits that apps have after a change.
func (r *Routes) limitsAfter(c *bellhop.RouteChanges) func(app string) *bellhop.RateLimit {
	changed := make(map[string]*bellhop.RateLimit, len(c.Apps))
	for i := range c.Apps {
		changed[c.Apps[i].ID] = c.Apps[i].RateLimit
	}
	for _, app := range c.DeletedApps {
		changed[app] = nil
	}
	return func(app string) *bellhop.RateLimit {
		limit, known := changed[app]
		if !known && !c.Full {
			if a, ok := r.apps.get(app); ok {
				limit = a.RateLimit
			}
		}
		return limit
	}
}

// bounded lists the endpoints that a change leaves as they are, but for the limit of one of
// their apps, by which they are other routes.
func (r *Routes) bounded(c *bellhop.RouteChanges, limits func(app string) *bellhop.RateLimit) (list []bellhop.Endpoint) {
	if c.Full {
		return nil // all of them are made anew
	}
	done := map[bellhop.EndpointID]bool{}
	for i := range c.Endpoints {
		done[c.Endpoints[i].ID] = true
	}
	for _, id := range c.DeletedEndpoints {
		done[id] = true
	}
	for i := range c.Apps {
		app := c.Apps[i].ID
		var was *bellhop.RateLimit
		if old, ok := r.apps.get(app); ok {
			was = old.RateLimit
		}
		if sameLimit(was, limits(app)) {
			continue
		}
		for _, route := range r.Of(app) {
			if !done[route.ID] {
				done[route.ID] = true
				list = append(list, route.Endpoint)
			}
		}
	}
	return list
}

func sameLimit(x, y *bellhop.RateLimit) bool {
	return x == y || x != nil && y != nil && *x == *y
}

// with gives the routes after a change, and the endpoints that are gone with it.
// It is called once for each Routes at most: the next one goes on in its arrays.
func (r *Routes) with(c *bellhop.RouteChanges, compiled []*Route) (next *Routes, gone []bellhop.EndpointID) {
	from := r
	if c.Full {
		from = &Routes{}
	}
	apps, uids, endpoints, byApp, byName := from.apps.edit(), from.uids.edit(), from.endpoints.edit(), from.byApp.edit(), from.byName.edit()
	forget := func(id string) { // first of all apps: a uid may have gone from one to another
		if old, ok := apps.get(id); ok && old.UID != "" {
			uids.remove(old.UID)
		}
	}
	for _, a := range c.DeletedApps {
		forget(a)
		apps.remove(a)
	}
	for i := range c.Apps {
		forget(c.Apps[i].ID)
	}
	for i := range c.Apps {
		a := &c.Apps[i]
		apps.set(a.ID, a)
		if a.UID != "" {
			uids.set(a.UID, a)
		}
	}

	moved := map[string][]move{}
	replace := func(id bellhop.EndpointID, by *Route) {
		if old, ok := endpoints.get(id); ok {
			for _, app := range old.Apps {
				moved[app] = append(moved[app], move{id, nil})
				for _, name := range old.Names() {
					// Another endpoint may have got it by the same change.
					if of, ok := byName.get(appName{app, name}); ok && of.ID == id {
						byName.remove(appName{app, name})
					}
				}
			}
		}
		if by == nil {
			endpoints.remove(id)
			return
		}
		endpoints.set(id, by)
		for _, app := range by.Apps {
			moved[app] = append(moved[app], move{id, by})
			for _, name := range by.Names() {
				byName.set(appName{app, name}, by)
			}
		}
	}
	for _, id := range c.DeletedEndpoints {
		replace(id, nil)
	}
	for _, route := range compiled {
		replace(route.ID, route)
	}
	for app, moves := range moved {
		list, _ := byApp.get(app)
		if list = rebuilt(list, moves); len(list) > 0 {
			byApp.set(app, list)
		} else {
			byApp.remove(app)
		}
	}

	next = &Routes{
		version: c.Version, hold: c.Hold, apps: apps.done(), uids: uids.done(), endpoints: endpoints.done(),
		byApp: byApp.done(), byName: byName.done(), indexes: r.indexes,
	}
	gone = slices.Clone(c.DeletedEndpoints)
	if c.Full {
		for route := range r.All() {
			gone = append(gone, route.ID)
		}
	}
	gone = slices.DeleteFunc(gone, func(id bellhop.EndpointID) bool { return next.Endpoint(id) != nil })
	slices.Sort(gone)
	return next, slices.Compact(gone)
}

// move says that a route is to be put in the place of that of an endpoint, or with
// nil that there is to be none.
type move struct {
	id bellhop.EndpointID
	by *Route
}

// rebuilt gives an app's list after all its moves, of which the last counts for
// each endpoint, in one go: the list may be long, and so may the moves be.
func rebuilt(list []*Route, moves []move) []*Route {
	slices.SortStableFunc(moves, func(x, y move) int { return cmp.Compare(x.id, y.id) })
	var next, rest []*Route
	if len(list) > 0 && list[len(list)-1].ID < moves[0].id {
		// Only new endpoints, which come last. Whoever reads the list as it was
		// does not look behind its end: so the array can be shared, or else to
		// create n endpoints one by one would copy n² of them.
		next = list
	} else {
		next, rest = make([]*Route, 0, len(list)+len(moves)), list
	}
	for i, m := range moves {
		if i+1 < len(moves) && moves[i+1].id == m.id {
			continue
		}
		at, found := slices.BinarySearchFunc(rest, m.id, compareID)
		next, rest = append(next, rest[:at]...), rest[at:]
		if found {
			rest = rest[1:]
		}
		if m.by != nil {
			next = append(next, m.by)
		}
	}
	return append(next, rest...)
}
