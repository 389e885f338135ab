package routes

import (
	"cmp"
	"slices"
	"sync"
)

// indexFrom is from how many routes of an app on a type is looked up, rather than each of
// them asked.
const indexFrom = 64

// maxIndexes bounds for how many apps there is an index: most apps need none.
const maxIndexes = 1024

// indexes find the routes of apps by type. They are made when somebody asks, and hold for
// every snapshot in which the app's routes are the same.
type indexes struct {
	mu sync.Mutex
	of map[string]*index
}

// index has the routes of an app, those ordered by id that name a type, and the others, which
// have patterns or want all.
type index struct {
	list   []*Route
	last   *Route // of the list, whose array later ones may share
	named  map[string][]*Route
	others []*Route
}

// Listening gives those of the app's routes, ordered by id, of which some may want an event
// of the type: all others do not.
func (r *Routes) Listening(app, eventType string) []*Route {
	list := r.Of(app)
	if len(list) < indexFrom || r.indexes == nil {
		return list
	}
	x := r.indexes.get(app, list)
	named := x.named[eventType]
	switch {
	case len(named) == 0:
		return x.others
	case len(x.others) == 0:
		return named
	}
	both := slices.Concat(named, x.others)
	slices.SortFunc(both, func(a, b *Route) int { return cmp.Compare(a.ID, b.ID) })
	return both
}

func (x *indexes) get(app string, list []*Route) *index {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known := x.of[app]; known != nil && len(known.list) == len(list) && &known.list[0] == &list[0] && known.last == list[len(list)-1] {
		return known // a list is never changed in place, but at its end
	}
	made := &index{list: list, last: list[len(list)-1], named: map[string][]*Route{}}
	for _, r := range list {
		names, only := r.of(app).types.Names()
		if !only {
			made.others = append(made.others, r)
			continue
		}
		for _, name := range names {
			made.named[name] = append(made.named[name], r)
		}
	}
	for name, named := range made.named {
		made.named[name] = slices.Clip(named)
	}
	made.others = slices.Clip(made.others)
	if len(x.of) >= maxIndexes {
		clear(x.of)
	}
	x.of[app] = made
	return made
}
