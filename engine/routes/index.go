package routes

import (
	"cmp"
	"slices"
	"strings"
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
	// channels has them, ordered by id, by the channels that they name, and open those that
	// name none.
	channels map[string][]*Route
	open     []*Route
}

// Listening gives those of the app's routes, ordered by id, of which some may want an event
// of the type in these channels: all others do not. They are looked up by the type or by the
// channels, whichever leaves fewer.
func (r *Routes) Listening(app, eventType string, channels []string) []*Route {
	list := r.Of(app)
	if len(list) < indexFrom || r.indexes == nil {
		return list
	}
	x := r.indexes.get(app, list)
	named := x.named[eventType]
	if len(x.channels) > 0 && !strings.HasPrefix(eventType, OwnTypes) {
		lists, n := [][]*Route{x.open}, len(x.open)
		for _, c := range channels {
			list := x.channels[c]
			lists, n = append(lists, list), n+len(list)
		}
		if n < len(named)+len(x.others) {
			return merged(lists...)
		}
	}
	return merged(named, x.others)
}

// merged gives the routes of several lists, each of which is ordered by id, once and in that
// order.
func merged(lists ...[]*Route) []*Route {
	lists = slices.DeleteFunc(lists, func(list []*Route) bool { return len(list) == 0 })
	switch len(lists) {
	case 0:
		return nil
	case 1:
		return lists[0]
	}
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b *Route) int { return cmp.Compare(a.ID, b.ID) })
	return slices.Compact(all)
}

func (x *indexes) get(app string, list []*Route) *index {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known := x.of[app]; known != nil && len(known.list) == len(list) && &known.list[0] == &list[0] && known.last == list[len(list)-1] {
		return known // a list is never changed in place, but at its end
	}
	made := &index{list: list, last: list[len(list)-1], named: map[string][]*Route{}, channels: map[string][]*Route{}}
	for _, r := range list {
		if len(r.Channels) == 0 {
			made.open = append(made.open, r)
		}
		for _, c := range r.Channels {
			made.channels[c] = append(made.channels[c], r)
		}
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
	for c, list := range made.channels {
		made.channels[c] = slices.Clip(list)
	}
	made.others, made.open = slices.Clip(made.others), slices.Clip(made.open)
	if len(x.of) >= maxIndexes {
		clear(x.of)
	}
	x.of[app] = made
	return made
}
