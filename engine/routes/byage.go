package routes

import (
	"cmp"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// AppPlace is a place in the order of apps by their age: when one was made, and its id
// where several were made at once. The zero place is before all of them.
type AppPlace struct {
	CreatedAt time.Time
	ID        string
}

func (p AppPlace) compare(o AppPlace) int {
	return cmp.Or(p.CreatedAt.Compare(o.CreatedAt), cmp.Compare(p.ID, o.ID))
}

// PlaceOf is that of an app.
func PlaceOf(a *bellhop.App) AppPlace { return AppPlace{a.CreatedAt, a.ID} }

// AppsByAge lists as many apps of a scope as limit, oldest first or (newest) newest first:
// those behind a place in that order, or from its beginning (nil). Of those that keep
// refuses, none.
func (r *Routes) AppsByAge(s bellhop.Scope, behind *AppPlace, newest bool, limit int, keep func(a *bellhop.App, endpoints []*Route) bool) []bellhop.App {
	order := func(x, y *bellhop.App) int {
		c := PlaceOf(x).compare(PlaceOf(y))
		if newest {
			c = -c
		}
		return c
	}
	list := first(func(yield func(*bellhop.App) bool) {
		for a := range r.apps.all() {
			if !s.Sees(a.ID) {
				continue
			}
			if behind != nil {
				if c := PlaceOf(a).compare(*behind); c == 0 || (c > 0) == newest {
					continue
				}
			}
			if keep(a, r.Of(a.ID)) && !yield(a) {
				return
			}
		}
	}, limit, order)
	apps := make([]bellhop.App, len(list))
	for i, a := range list {
		apps[i] = *a
	}
	return apps
}

// ByAge lists as many endpoints of an app as limit, oldest first or (newest) newest first:
// those behind an id in that order, or (0) from its beginning.
func (r *Routes) ByAge(app string, behind bellhop.EndpointID, newest bool, limit int) []*Route {
	list := r.Of(app)
	at, found := slices.BinarySearchFunc(list, behind, compareID)
	if !newest {
		if behind != 0 && found {
			at++
		}
		return slices.Clone(list[at:min(len(list), at+limit)])
	}
	if behind == 0 {
		at = len(list)
	}
	list = slices.Clone(list[max(0, at-limit):at])
	slices.Reverse(list)
	return list
}
