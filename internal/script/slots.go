package script

import (
	"context"
	"sync"
)

// slots bound how many scripts run at once: in all, and of one app. Where more want to,
// the app that has done the least work goes first, so that slow scripts of one keep those
// of others waiting for no longer than one of them runs.
type slots struct {
	total, perApp int

	mu      sync.Mutex
	running int
	apps    map[string]*turn
	// done is the work of the app that went last, where those begin that come now.
	done int64
}

// turn is an app that runs scripts or wants to.
type turn struct {
	running int
	done    int64
	waiting []chan struct{}
}

func newSlots(total int) *slots {
	return &slots{total: total, perApp: max(total/2, 1), apps: map[string]*turn{}}
}

// take waits for a slot. It fails if ctx ends first.
func (s *slots) take(ctx context.Context, app string) error {
	s.mu.Lock()
	t := s.apps[app]
	if t == nil {
		t = &turn{done: s.done}
		s.apps[app] = t
	}
	if len(t.waiting) == 0 && s.running < s.total && t.running < s.perApp {
		s.running++
		t.running++
		s.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.waiting = append(t.waiting, mine)
	s.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for i, c := range t.waiting {
		if c == mine {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
			s.forget(app, t)
			s.mu.Unlock()
			return ctx.Err()
		}
	}
	s.mu.Unlock() // it was given a moment ago
	s.give(app, 0)
	return ctx.Err()
}

// give returns a slot, after so much work.
func (s *slots) give(app string, work int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.apps[app]
	s.running--
	t.running--
	t.done += work
	for s.running < s.total {
		next := s.next()
		if next == nil {
			break
		}
		s.done = max(s.done, next.done)
		s.running++
		next.running++
		close(next.waiting[0])
		next.waiting = next.waiting[1:]
	}
	s.forget(app, t)
}

// next is the app whose turn it is; nil if none can go.
func (s *slots) next() (next *turn) {
	for _, t := range s.apps {
		if len(t.waiting) > 0 && t.running < s.perApp && (next == nil || t.done < next.done) {
			next = t
		}
	}
	return next
}

func (s *slots) forget(app string, t *turn) {
	if t.running == 0 && len(t.waiting) == 0 {
		delete(s.apps, app)
	}
}
