package routes

import (
	"iter"
	"maps"
	"math"
	"slices"
)

// layered is a map that never changes. An edit of it gives another one that shares
// the base with it and differs in the layer over it: so that a change costs about
// what has changed, while whoever reads the map as it was is not disturbed.
type layered[K comparable, V any] struct {
	base map[K]V // shared with earlier maps and later ones
	over map[K]layer[V]
}

// layer is what an edit put over the base.
type layer[V any] struct {
	value V
	gone  bool
}

// minLayer is how many changes lie over even the smallest base. More make each
// change dearer, since they are copied with it; fewer, that the base is copied more
// often.
const minLayer = 256

func (m *layered[K, V]) get(k K) (V, bool) {
	if l, ok := m.over[k]; ok {
		return l.value, !l.gone
	}
	v, ok := m.base[k]
	return v, ok
}

// all gives the values, in no order.
func (m *layered[K, V]) all() iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, l := range m.over {
			if !l.gone && !yield(l.value) {
				return
			}
		}
		for k, v := range m.base {
			if _, covered := m.over[k]; !covered && !yield(v) {
				return
			}
		}
	}
}

// edit is a map being made out of another one, which stays as it is.
type edit[K comparable, V any] struct {
	layered[K, V]
	// What is owned was made by this edit, and nobody else sees it yet.
	ownsBase, ownsOver bool
}

func (m *layered[K, V]) edit() *edit[K, V] {
	return &edit[K, V]{layered: *m}
}

func (e *edit[K, V]) set(k K, v V) {
	if e.ownsBase {
		e.base[k] = v
	} else {
		e.cover(k, layer[V]{value: v})
	}
}

func (e *edit[K, V]) remove(k K) {
	if e.ownsBase {
		delete(e.base, k)
	} else {
		e.cover(k, layer[V]{gone: true})
	}
}

func (e *edit[K, V]) cover(k K, l layer[V]) {
	if !e.ownsOver {
		e.over, e.ownsOver = maps.Clone(e.over), true
		if e.over == nil {
			e.over = map[K]layer[V]{}
		}
	}
	e.over[k] = l
	if len(e.over) > max(minLayer, int(math.Sqrt(float64(len(e.base))))) {
		e.merge()
	}
}

// merge makes a base of all there is. What the edit still has to do, however much
// that is, it does there.
func (e *edit[K, V]) merge() {
	base := maps.Clone(e.base)
	if base == nil {
		base = map[K]V{}
	}
	for k, l := range e.over {
		if l.gone {
			delete(base, k)
		} else {
			base[k] = l.value
		}
	}
	e.base, e.ownsBase, e.over = base, true, nil
}

// done gives the map. The edit is over.
func (e *edit[K, V]) done() layered[K, V] { return e.layered }

// first sorts values and gives as many as limit, or with 0 all. It never remembers
// many more than these, however many there are.
func first[V any](values iter.Seq[V], limit int, order func(x, y V) int) []V {
	var list []V
	full := false // the first limit of list are the first so far, in order
	for v := range values {
		if full && order(v, list[limit-1]) >= 0 {
			continue
		}
		list = append(list, v)
		if limit > 0 && len(list) == 2*limit {
			slices.SortFunc(list, order)
			list, full = list[:limit], true
		}
	}
	slices.SortFunc(list, order)
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return list
}
