package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// change is one line of the feed: which object was saved or deleted.
type change struct {
	version int64
	kind    kind
	name    string // of an app or event type
	id      int64  // of an endpoint or key
}

type kind int

const (
	kindApp kind = iota
	kindEventType
	kindEndpoint
	kindKey
)

// maxFeed bounds the feed; who is further behind loads everything.
const maxFeed = 1000

func (s *Store) changed(c change) {
	s.version++
	c.version = s.version
	s.feed = append(s.feed, c)
	if len(s.feed) > maxFeed {
		s.feed = s.feed[len(s.feed)-maxFeed:]
	}
}

// Routes gives the configuration, or what has changed of it.
func (s *Store) Routes(ctx context.Context, since int64) (bellhop.RouteChanges, error) {
	var r bellhop.RouteChanges
	err := s.step(ctx, func() error {
		r.Version = s.version
		if since <= 0 || since > s.version || since < s.version-int64(len(s.feed)) {
			s.allRoutes(&r)
			return nil
		}
		seen := map[change]bool{}
		for _, c := range s.feed {
			if c.version <= since {
				continue
			}
			c.version = 0
			if !seen[c] {
				seen[c] = true
				s.addRoute(&r, c)
			}
		}
		return nil
	})
	return r, err
}

func (s *Store) allRoutes(r *bellhop.RouteChanges) {
	r.Full = true
	for _, name := range sortedKeys(s.apps) {
		s.addRoute(r, change{kind: kindApp, name: name})
	}
	for _, name := range sortedKeys(s.types) {
		s.addRoute(r, change{kind: kindEventType, name: name})
	}
	for _, id := range sortedKeys(s.endpoints) {
		s.addRoute(r, change{kind: kindEndpoint, id: int64(id)})
	}
	for _, id := range sortedKeys(s.keys) {
		s.addRoute(r, change{kind: kindKey, id: int64(id)})
	}
}

func (s *Store) addRoute(r *bellhop.RouteChanges, c change) {
	switch c.kind {
	case kindApp:
		if a, ok := s.apps[c.name]; ok {
			r.Apps = append(r.Apps, cloneApp(a))
		} else {
			r.DeletedApps = append(r.DeletedApps, c.name)
		}
	case kindEventType:
		if t, ok := s.types[c.name]; ok {
			r.EventTypes = append(r.EventTypes, cloneEventType(t))
		} else {
			r.DeletedEventTypes = append(r.DeletedEventTypes, c.name)
		}
	case kindEndpoint:
		if e, ok := s.endpoints[bellhop.EndpointID(c.id)]; ok {
			r.Endpoints = append(r.Endpoints, cloneEndpoint(e))
		} else {
			r.DeletedEndpoints = append(r.DeletedEndpoints, bellhop.EndpointID(c.id))
		}
	case kindKey:
		if k, ok := s.keys[bellhop.KeyID(c.id)]; ok {
			r.Keys = append(r.Keys, cloneKey(k))
		} else {
			r.DeletedKeys = append(r.DeletedKeys, bellhop.KeyID(c.id))
		}
	}
}

// SaveApp creates or replaces an app.
func (s *Store) SaveApp(ctx context.Context, a bellhop.App, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		s.apps[a.ID] = cloneApp(a)
		s.changed(change{kind: kindApp, name: a.ID})
		s.addAudit(audit)
		return nil
	})
}

// DeleteApp removes an app and what belongs to it alone.
func (s *Store) DeleteApp(ctx context.Context, app string, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if _, ok := s.apps[app]; !ok {
			return notFound("app", app)
		}
		delete(s.apps, app)
		s.changed(change{kind: kindApp, name: app})
		s.dropFromEndpoints(app)
		s.dropFromKeys(app)
		s.dropEvents(app)
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
		e.Apps = without(e.Apps, app)
		if len(e.Apps) == 0 {
			s.dropEndpoint(id)
			continue
		}
		e.Revision++
		s.endpoints[id] = e
		s.changed(change{kind: kindEndpoint, id: int64(id)})
	}
}

// dropFromKeys must not leave a key with an empty list: that would let it see
// every app.
func (s *Store) dropFromKeys(app string) {
	for _, id := range sortedKeys(s.keys) {
		k := s.keys[id]
		if !slices.Contains(k.Apps, app) {
			continue
		}
		if k.Apps = without(k.Apps, app); len(k.Apps) == 0 {
			delete(s.keys, id)
		} else {
			s.keys[id] = k
		}
		s.changed(change{kind: kindKey, id: int64(id)})
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
		}
		return a.App == app
	})
}

func without(list []string, x string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == x })
}

// dropEndpoint forgets an endpoint and what was pending to it.
func (s *Store) dropEndpoint(id bellhop.EndpointID) {
	for _, d := range s.queues[id] {
		s.removePending(d)
	}
	delete(s.endpoints, id)
	s.changed(change{kind: kindEndpoint, id: int64(id)})
}

// SaveEventType creates or replaces an entry of the catalogue.
func (s *Store) SaveEventType(ctx context.Context, t bellhop.EventType, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		s.types[t.Name] = cloneEventType(t)
		s.changed(change{kind: kindEventType, name: t.Name})
		s.addAudit(audit)
		return nil
	})
}

// DeleteEventType removes an entry of the catalogue; its events stay.
func (s *Store) DeleteEventType(ctx context.Context, name string, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if _, ok := s.types[name]; !ok {
			return notFound("event type", name)
		}
		delete(s.types, name)
		s.changed(change{kind: kindEventType, name: name})
		s.addAudit(audit)
		return nil
	})
}

// SaveEndpoint creates or replaces an endpoint.
func (s *Store) SaveEndpoint(ctx context.Context, e bellhop.Endpoint, audit *bellhop.AuditEntry, now time.Time) error {
	return s.step(ctx, func() error {
		old, exists := s.endpoints[e.ID]
		if e.Revision != old.Revision { // a new one has 0
			return bellhop.ErrRevision
		}
		e = cloneEndpoint(e)
		e.Revision++
		e.FailingSince = old.FailingSince
		activated := e.Status == bellhop.EndpointActive && old.Status != bellhop.EndpointActive
		if activated || e.URL != old.URL {
			e.FailingSince = time.Time{}
		}
		s.endpoints[e.ID] = e
		if exists && e.Ordering != old.Ordering {
			s.reorder(&e, now)
		}
		s.changed(change{kind: kindEndpoint, id: int64(e.ID)})
		s.addAudit(audit)
		return nil
	})
}

// reorder carries a change of ordering over to the pending deliveries. All that
// waited become due; Claim finds out which of them wait under the new order.
func (s *Store) reorder(e *bellhop.Endpoint, now time.Time) {
	for _, d := range s.queues[e.ID] {
		d.OrderKey = e.Ordering.OrderKey(s.byID[d.Event].Event)
		if d.Due.IsZero() {
			d.Due = now
		}
	}
}

// DeleteEndpoint removes an endpoint and cancels its pending deliveries.
func (s *Store) DeleteEndpoint(ctx context.Context, e bellhop.EndpointID, ids func() bellhop.AttemptID, audit *bellhop.AuditEntry, now time.Time) error {
	return s.step(ctx, func() error {
		if _, ok := s.endpoints[e]; !ok {
			return notFound("endpoint", e.String())
		}
		for _, id := range sortedKeys(s.queues[e]) {
			s.cancel(s.pending[id], ids(), "endpoint_deleted", "The endpoint was deleted before the event was delivered.", now)
		}
		s.dropEndpoint(e)
		s.addAudit(audit)
		return nil
	})
}

// SaveKey creates or replaces a key.
func (s *Store) SaveKey(ctx context.Context, k bellhop.Key, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		s.keys[k.ID] = cloneKey(k)
		s.changed(change{kind: kindKey, id: int64(k.ID)})
		s.addAudit(audit)
		return nil
	})
}

// DeleteKey removes a key and the sessions of it.
func (s *Store) DeleteKey(ctx context.Context, k bellhop.KeyID, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if _, ok := s.keys[k]; !ok {
			return notFound("key", k.String())
		}
		s.dropKeys(func(x bellhop.Key) bool { return x.ID == k || x.Session == k })
		s.addAudit(audit)
		return nil
	})
}

// ExpireKeys removes portal links and sessions that have expired.
func (s *Store) ExpireKeys(ctx context.Context, now time.Time, limit int) (int, error) {
	expired := 0
	err := s.step(ctx, func() error {
		s.dropKeys(func(k bellhop.Key) bool {
			if expired == limit || !k.Portal && k.Session == 0 || k.ExpiresAt.IsZero() || k.ExpiresAt.After(now) {
				return false
			}
			expired++
			return true
		})
		return nil
	})
	return expired, err
}

func (s *Store) dropKeys(drop func(bellhop.Key) bool) {
	for _, id := range sortedKeys(s.keys) {
		if drop(s.keys[id]) {
			delete(s.keys, id)
			s.changed(change{kind: kindKey, id: int64(id)})
		}
	}
}

func (s *Store) addAudit(a *bellhop.AuditEntry) {
	if a == nil {
		return
	}
	entry := *a
	entry.Apps = slices.Clone(a.Apps)
	entry.Detail = slices.Clone(a.Detail)
	s.audit = insertByID(s.audit, entry, func(a bellhop.AuditEntry) int64 { return int64(a.ID) })
}

// The clones keep callers from changing what is stored through what they gave or
// got.

func cloneApp(a bellhop.App) bellhop.App {
	a.Metadata = maps.Clone(a.Metadata)
	return a
}

func cloneEventType(t bellhop.EventType) bellhop.EventType {
	t.Schema, t.Example = slices.Clone(t.Schema), slices.Clone(t.Example)
	return t
}

func cloneEndpoint(e bellhop.Endpoint) bellhop.Endpoint {
	e.Apps, e.Events, e.Subjects = slices.Clone(e.Apps), slices.Clone(e.Events), slices.Clone(e.Subjects)
	e.Filter = slices.Clone(e.Filter)
	e.Headers, e.Metadata = maps.Clone(e.Headers), maps.Clone(e.Metadata)
	e.Retry.Delays = slices.Clone(e.Retry.Delays)
	e.Secrets = slices.Clone(e.Secrets)
	if e.RateLimit != nil {
		r := *e.RateLimit
		e.RateLimit = &r
	}
	return e
}

func cloneKey(k bellhop.Key) bellhop.Key {
	k.Apps = slices.Clone(k.Apps)
	return k
}

func cloneAttempt(a *bellhop.Attempt) bellhop.Attempt {
	c := *a
	c.RequestHeader, c.ResponseHeader = a.RequestHeader.Clone(), a.ResponseHeader.Clone()
	c.ResponseBody = slices.Clone(a.ResponseBody)
	return c
}
