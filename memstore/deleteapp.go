package memstore

import (
	"context"
	"math"
	"slices"

	"github.com/bellhop/bellhop"
)

// DeleteApp removes an app and what belongs to it alone.
func (s *Store) DeleteApp(ctx context.Context, app string, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if _, ok := s.apps[app]; !ok {
			return bellhop.NotFound("app", app)
		}
		delete(s.apps, app)
		delete(s.keeping.settings, app)
		s.routes.changed(change{name: app})
		s.dropEvents(app)
		s.dropInboxes(app)
		s.dropFromEndpoints(app)
		s.dropFromKeys(app)
		s.forgetRefused(math.MaxInt, func(e *bellhop.RefusedEntry) bool { return e.App == app })
		s.addAudit(audit)
		return nil
	})
}

func (s *Store) dropFromEndpoints(app string) {
	for _, id := range sortedKeys(s.endpoints) {
		e := s.endpoints[id]
		if !slices.Contains(e.Apps, app) {
			continue
		}
		e.Leave(app)
		if len(e.Apps) == 0 {
			s.dropEndpoint(id) // other apps may still have deliveries to it
			continue
		}
		e.Revision++
		s.endpoints[id] = e
		s.routes.changed(change{id: int64(id)})
	}
}

func (s *Store) dropFromKeys(app string) {
	for _, id := range sortedKeys(s.keys) {
		k := s.keys[id]
		if k.Scope.All || !slices.Contains(k.Scope.Apps, app) {
			continue
		}
		if k.Scope = bellhop.Only(without(k.Scope.Apps, app)...); len(k.Scope.Apps) == 0 {
			delete(s.keys, id)
		} else {
			s.keys[id] = k
		}
		s.access.changed(change{id: int64(id)})
	}
}

func (s *Store) dropEvents(app string) {
	for _, e := range slices.Clone(s.events) {
		if e.App != app {
			continue
		}
		for _, d := range s.dropPendingOf(e.ID) {
			// Nobody told the time: whoever is next has been due since it came.
			s.promote(d.Endpoint, d.OrderKey, d.ID.Time())
		}
		s.dropEvent(e)
	}
	s.attempts = slices.DeleteFunc(s.attempts, func(a *bellhop.Attempt) bool {
		if a.App == app {
			delete(s.logOf, a.Event)
			delete(s.latencies, a.ID)
			delete(s.reactions, a.ID)
		}
		return a.App == app
	})
}

func without(list []string, x string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == x })
}
