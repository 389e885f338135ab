package script

import (
	"context"
	"slices"
	"sync"
)

// slots bound how many scripts run at once: in all, and of one app. Where more want to,
// they take turns by the work that they have done, the least first: people and deliveries,
// of each the apps, and of an app the endpoints. So slow scripts of one endpoint keep
// others, and the person who corrects them, waiting for about as long as one of them runs.
type slots struct {
	total, perApp int

	mu      sync.Mutex
	running int
	// apps are how many of each run.
	apps map[string]int
	all  party
}

// turn is whose turn a run takes.
type turn struct {
	people   bool
	app      string
	endpoint int64
}

// party takes turns with others of its kind: people with deliveries, apps, endpoints.
type party struct {
	key  any
	done int64
	// here are those that run or wait, of which so many wait.
	here, queued int
	// within are the parties that it consists of, and began is the work with which one
	// begins that comes now: that of the one which went last.
	within map[any]*party
	began  int64
	// waiting are those of an endpoint.
	waiting []chan struct{}
}

func newSlots(total int) *slots {
	return &slots{total: total, perApp: max(total/2, 1)}
}

// path are the parties of a turn, from all to the endpoint.
type path [4]*party

func (s *slots) path(t turn) (way path) {
	n := &s.all
	way[0] = n
	for i, key := range []any{t.people, t.app, t.endpoint} {
		c := n.within[key]
		if c == nil {
			c = &party{key: key, done: n.began}
			if n.within == nil {
				n.within = map[any]*party{}
			}
			n.within[key] = c
		}
		way[i+1], n = c, c
	}
	return way
}

// add counts in who comes or goes, and who waits or no longer does. Parties are forgotten
// when nobody of theirs is there. Others begin where they ended, so that those who come and
// go do not pass those who stay; people owe nothing when they come back.
func (w *path) add(here, queued int) {
	for i, n := range slices.Backward(w[:]) {
		n.here += here
		n.queued += queued
		if n.here == 0 && i > 0 {
			up := w[i-1]
			delete(up.within, n.key)
			if n.key != true {
				up.began = max(up.began, n.done)
			}
		}
	}
}

// take waits for a slot. It fails if ctx ends first.
func (s *slots) take(ctx context.Context, t turn) error {
	s.mu.Lock()
	way := s.path(t)
	if s.running < s.total && s.apps[t.app] < s.perApp { // then nobody waits who could go
		way.add(1, 0)
		s.start(t.app)
		s.mu.Unlock()
		return nil
	}
	mine, last := make(chan struct{}), way[3]
	last.waiting = append(last.waiting, mine)
	way.add(1, 1)
	s.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	if i := slices.Index(last.waiting, mine); i >= 0 {
		last.waiting = slices.Delete(last.waiting, i, i+1)
		way.add(-1, -1)
		s.mu.Unlock()
		return ctx.Err()
	}
	s.mu.Unlock() // it was given a moment ago
	s.give(t, 0)
	return ctx.Err()
}

func (s *slots) start(app string) {
	if s.apps == nil {
		s.apps = map[string]int{}
	}
	s.running++
	s.apps[app]++
}

// give returns a slot, after so much work.
func (s *slots) give(t turn, work int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.apps[t.app]--; s.apps[t.app] == 0 {
		delete(s.apps, t.app)
	}
	way := s.path(t)
	for _, n := range way {
		n.done += work
	}
	way.add(-1, 0)
	for s.running < s.total {
		var next path
		if !s.next(&s.all, 0, &next) {
			return
		}
		for i, n := range next[1:] {
			next[i].began = max(next[i].began, n.done)
		}
		s.start(next[2].key.(string))
		last := next[3]
		close(last.waiting[0])
		last.waiting = last.waiting[1:]
		next.add(0, -1)
	}
}

// next finds the way to the endpoint whose turn it is; false if none can go.
func (s *slots) next(n *party, depth int, way *path) bool {
	way[depth] = n
	if depth == len(way)-1 {
		return true
	}
	var best *party
	for _, c := range n.within {
		app, _ := c.key.(string)
		switch {
		case c.queued == 0, depth == 1 && s.apps[app] >= s.perApp:
		case best != nil && (c.done > best.done || c.done == best.done && c.key != true):
		default:
			if found := *way; s.next(c, depth+1, &found) {
				best, *way = c, found
			}
		}
	}
	return best != nil
}

// peopleKey marks what people wait for.
type peopleKey struct{}

// ForPeople says that somebody waits for what is run with this context, or its outcome:
// it does not stand in line with the events of deliveries.
func ForPeople(ctx context.Context) context.Context {
	return context.WithValue(ctx, peopleKey{}, true)
}

func forPeople(ctx context.Context) bool { return ctx.Value(peopleKey{}) != nil }
