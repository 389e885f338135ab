package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// SaveApp creates or replaces an app.
func (s *Store) SaveApp(ctx context.Context, a bellhop.App, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if old, ok := s.apps[a.ID]; !sameObject(ok, old.Revision, a.Revision, old.CreatedAt, a.CreatedAt) {
			return bellhop.ErrRevision
		}
		for id, other := range s.apps {
			switch {
			case id == a.ID:
			case a.UID != "" && (other.UID == a.UID || id == a.UID):
				return bellhop.AppNameTaken("uid", a.UID)
			case a.Revision == 0 && other.UID == a.ID:
				return bellhop.AppNameTaken("id", a.ID)
			}
		}
		a.Revision++
		s.apps[a.ID] = cloneApp(a)
		s.routes.changed(change{name: a.ID})
		s.addAudit(audit)
		return nil
	})
}

// sameObject tells whether what is stored, if it exists, is what a save was made from; what is
// new has revision 0.
func sameObject(exists bool, stored, revision int64, madeAt, createdAt time.Time) bool {
	return stored == revision && (!exists || madeAt.Equal(createdAt))
}

// SaveEventType creates or replaces an entry of the catalogue.
func (s *Store) SaveEventType(ctx context.Context, t bellhop.EventType, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if old, ok := s.types[t.Name]; !sameObject(ok, old.Revision, t.Revision, old.CreatedAt, t.CreatedAt) {
			return bellhop.ErrRevision
		}
		t.Revision++
		s.types[t.Name] = cloneEventType(t)
		s.catalogue.changed(change{name: t.Name})
		s.addAudit(audit)
		return nil
	})
}

// DeleteEventType removes an entry of the catalogue; its events stay.
func (s *Store) DeleteEventType(ctx context.Context, name string, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if _, ok := s.types[name]; !ok {
			return bellhop.NotFound("event type", name)
		}
		delete(s.types, name)
		s.catalogue.changed(change{name: name})
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
		if err := s.freeNames(&e); err != nil {
			return err
		}
		e = cloneEndpoint(e)
		e.Revision++
		e.Vitals, e.Health = bellhop.Renew(&old, &e, now), nil
		e.ResumedAt = bellhop.Resumed(&old, &e, s.anyHeld(e.ID), now)
		s.endpoints[e.ID] = e
		if exists && e.Ordering != old.Ordering {
			s.reorders[e.ID] = carrying{since: now}
			s.reorder(&e) // mostly this is all
		}
		if exists && bellhop.Releases(&old, &e) {
			s.beginRelease(e.ID, now)
		}
		s.routes.changed(change{id: int64(e.ID)})
		s.addAudit(audit)
		return nil
	})
}

// freeNames refuses an endpoint one of whose names belongs to another one of its apps.
func (s *Store) freeNames(e *bellhop.Endpoint) error {
	for _, name := range e.Names() {
		for _, id := range sortedKeys(s.endpoints) {
			other := s.endpoints[id]
			if id == e.ID || !slices.Contains(other.Names(), name) {
				continue
			}
			for _, app := range e.Apps {
				if slices.Contains(other.Apps, app) {
					return bellhop.NameTaken(e, app, name)
				}
			}
		}
	}
	return nil
}

// DeleteEndpoint removes an endpoint and leaves its pending deliveries to Sweep.
func (s *Store) DeleteEndpoint(ctx context.Context, e bellhop.EndpointID, audit *bellhop.AuditEntry, _ time.Time) error {
	return s.step(ctx, func() error {
		if _, ok := s.endpoints[e]; !ok {
			return bellhop.NotFound("endpoint", e.String())
		}
		s.dropEndpoint(e)
		s.addAudit(audit)
		return nil
	})
}

// Vitals gives what is stored of the receivers of endpoints.
func (s *Store) Vitals(ctx context.Context, endpoints []bellhop.EndpointID) (map[bellhop.EndpointID]bellhop.Vitals, error) {
	vitals := map[bellhop.EndpointID]bellhop.Vitals{}
	err := s.step(ctx, func() error {
		for _, id := range endpoints {
			if e, ok := s.endpoints[id]; ok {
				vitals[id] = e.Vitals
			}
		}
		return nil
	})
	return vitals, err
}

// SaveKey creates or replaces a key.
func (s *Store) SaveKey(ctx context.Context, k bellhop.Key, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		for id, other := range s.keys {
			if k.Hash != [32]byte{} && other.Hash == k.Hash && id != k.ID {
				return bellhop.KeyTaken()
			}
		}
		s.keys[k.ID] = cloneKey(k)
		s.access.changed(change{id: int64(k.ID)})
		s.addAudit(audit)
		return nil
	})
}

// DeleteKey removes a key and the sessions of it.
func (s *Store) DeleteKey(ctx context.Context, k bellhop.KeyID, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if _, ok := s.keys[k]; !ok {
			return bellhop.NotFound("key", k.String())
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
			delete(s.keyUses, id)
			s.access.changed(change{id: int64(id)})
		}
	}
}

// NoteKeyUses keeps when keys were last used.
func (s *Store) NoteKeyUses(ctx context.Context, uses []bellhop.KeyUse) error {
	return s.step(ctx, func() error {
		for _, u := range uses {
			if _, ok := s.keys[u.Key]; ok && u.At.After(s.keyUses[u.Key]) {
				s.keyUses[u.Key] = u.At
			}
		}
		return nil
	})
}

// KeyUses gives when the keys were last used.
func (s *Store) KeyUses(ctx context.Context) (uses []bellhop.KeyUse, err error) {
	err = s.step(ctx, func() error {
		for _, k := range sortedKeys(s.keyUses) {
			uses = append(uses, bellhop.KeyUse{Key: k, At: s.keyUses[k]})
		}
		return nil
	})
	return uses, err
}

// AddAudit writes an entry for what changes nothing else.
func (s *Store) AddAudit(ctx context.Context, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		s.addAudit(audit)
		return nil
	})
}

func (s *Store) addAudit(a *bellhop.AuditEntry) {
	if a == nil || slices.ContainsFunc(s.audit, func(x bellhop.AuditEntry) bool { return x.ID == a.ID }) {
		return // it is there already if its step is repeated
	}
	entry := *a
	entry.Apps = slices.Clone(a.Apps)
	entry.Detail = slices.Clone(a.Detail)
	s.audit = insertByID(s.audit, entry, func(a bellhop.AuditEntry) int64 { return int64(a.ID) })
}

// The clones keep callers from changing what is stored through what they gave or
// got.

func cloneApp(a bellhop.App) bellhop.App {
	a.Metadata, a.Dialects = maps.Clone(a.Metadata), slices.Clone(a.Dialects)
	a.DialectOptions = maps.Clone(a.DialectOptions)
	for dialect, options := range a.DialectOptions {
		a.DialectOptions[dialect] = maps.Clone(options)
	}
	a.RateLimit = cloneRateLimit(a.RateLimit)
	return a
}

func cloneEventType(t bellhop.EventType) bellhop.EventType {
	t.Schema, t.Example = slices.Clone(t.Schema), slices.Clone(t.Example)
	t.EarlierSchemas = maps.Clone(t.EarlierSchemas)
	for version, schema := range t.EarlierSchemas {
		t.EarlierSchemas[version] = slices.Clone(schema)
	}
	t.FeatureFlags = slices.Clone(t.FeatureFlags)
	return t
}

func cloneEndpoint(e bellhop.Endpoint) bellhop.Endpoint {
	e.Apps, e.Events, e.Subjects = slices.Clone(e.Apps), slices.Clone(e.Events), slices.Clone(e.Subjects)
	e.Channels, e.Filter = slices.Clone(e.Channels), slices.Clone(e.Filter)
	e.Terms = slices.Clone(e.Terms)
	for i := range e.Terms {
		t := &e.Terms[i]
		t.Events, t.Subjects, t.Filter = slices.Clone(t.Events), slices.Clone(t.Subjects), slices.Clone(t.Filter)
	}
	e.Headers, e.Metadata = maps.Clone(e.Headers), maps.Clone(e.Metadata)
	e.Notify = slices.Clone(e.Notify)
	e.DialectOptions = maps.Clone(e.DialectOptions)
	e.Retry.Delays = slices.Clone(e.Retry.Delays)
	e.Secrets = slices.Clone(e.Secrets)
	e.Making, e.Sealed = e.Making.Clone(), maps.Clone(e.Sealed)
	e.RateLimit = cloneRateLimit(e.RateLimit)
	return e
}

func cloneRateLimit(r *bellhop.RateLimit) *bellhop.RateLimit {
	if r == nil {
		return nil
	}
	c := *r
	return &c
}

func cloneKey(k bellhop.Key) bellhop.Key {
	k.Scope.Apps = slices.Clone(k.Scope.Apps)
	k.FeatureFlags = slices.Clone(k.FeatureFlags)
	return k
}

func cloneAttempt(a *bellhop.Attempt) bellhop.Attempt {
	c := *a
	c.RequestHeader, c.ResponseHeader = a.RequestHeader.Clone(), a.ResponseHeader.Clone()
	c.RequestBody, c.ResponseBody = slices.Clone(a.RequestBody), slices.Clone(a.ResponseBody)
	c.Captured = maps.Clone(a.Captured)
	return c
}
