package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/bellhop/bellhop"
)

// listener hears wakeups: what has come since the last time, and that there is some.
type listener struct {
	heard bellhop.Wakeup
	some  chan struct{}
}

// Alone tells whether one node at most holds a lease.
func (s *Store) Alone() bool { return s.present.Load() <= 1 }

// setNode keeps what is known of a node number.
func (s *Store) setNode(number bellhop.NodeID, l lease) {
	s.nodes[number] = l
	present := int32(0)
	for _, n := range s.nodes {
		if n.held && !n.about.Started.IsZero() {
			present++
		}
	}
	s.present.Store(present)
}

// Wake tells all who listen.
func (s *Store) Wake(w bellhop.Wakeup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		l.heard.Add(w)
		select {
		case l.some <- struct{}{}:
		default:
		}
	}
}

// Wakeups calls f for what Wake tells, until ctx ends.
func (s *Store) Wakeups(ctx context.Context, f func(bellhop.Wakeup)) error {
	l := &listener{some: make(chan struct{}, 1)}
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listeners = slices.DeleteFunc(s.listeners, func(x *listener) bool { return x == l })
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.some:
		}
		s.mu.Lock()
		heard := l.heard
		l.heard = bellhop.Wakeup{}
		s.mu.Unlock()
		f(heard)
	}
}

// Versions gives the present versions.
func (s *Store) Versions(ctx context.Context) (v bellhop.Versions, err error) {
	err = s.step(ctx, func() error {
		v = bellhop.Versions{Routes: s.routes.version, Catalogue: s.catalogue.version, Access: s.access.version, Erased: s.erasures, Hastened: int64(len(s.hastened))}
		for _, number := range sortedKeys(s.nodes) {
			if n := s.nodes[number]; n.held {
				v.Nodes += fmt.Sprintln(number, n.epoch, n.status.Listened)
			}
		}
		return nil
	})
	return v, err
}
