package memstore

import (
	"context"

	"github.com/bellhop/bellhop"
)

// change is one line of a feed: which object was saved or deleted.
type change struct {
	name string // of an app or event type
	id   int64  // of an endpoint or key
}

// feed is the version of one part of the configuration, and what its last changes
// touched.
type feed struct {
	version int64
	lines   []change
}

// maxFeed bounds a feed; who is further behind loads everything.
const maxFeed = 1000

func (f *feed) changed(c change) {
	f.version++
	f.lines = append(f.lines, c)
	if len(f.lines) > maxFeed {
		f.lines = f.lines[len(f.lines)-maxFeed:]
	}
}

// everything moves the version on and has whoever asks load everything.
func (f *feed) everything() {
	f.version++
	f.lines = nil
}

// since gives what changed after a version, each once; false if that is not known.
func (f *feed) since(version int64) ([]change, bool) {
	behind := f.version - version
	if version <= 0 || behind < 0 || behind > int64(len(f.lines)) {
		return nil, false
	}
	seen := map[change]bool{}
	var list []change
	for _, c := range f.lines[len(f.lines)-int(behind):] {
		if !seen[c] {
			seen[c] = true
			list = append(list, c)
		}
	}
	return list, true
}

// Routes gives apps and endpoints, or what has changed of them.
func (s *Store) Routes(ctx context.Context, since int64) (bellhop.RouteChanges, error) {
	var r bellhop.RouteChanges
	err := s.step(ctx, func() error {
		r.Version, r.Hold = s.routes.version, s.hold
		list, known := s.routes.since(since)
		if !known {
			r.Full = true
			for _, name := range sortedKeys(s.apps) {
				list = append(list, change{name: name})
			}
			for _, id := range sortedKeys(s.endpoints) {
				list = append(list, change{id: int64(id)})
			}
		}
		for _, c := range list {
			s.addRoute(&r, c)
		}
		return nil
	})
	return r, err
}

func (s *Store) addRoute(r *bellhop.RouteChanges, c change) {
	if c.id == 0 {
		if a, ok := s.apps[c.name]; ok {
			r.Apps = append(r.Apps, cloneApp(a))
		} else {
			r.DeletedApps = append(r.DeletedApps, c.name)
		}
		return
	}
	if e, ok := s.endpoints[bellhop.EndpointID(c.id)]; ok {
		r.Endpoints = append(r.Endpoints, cloneEndpoint(e))
	} else {
		r.DeletedEndpoints = append(r.DeletedEndpoints, bellhop.EndpointID(c.id))
	}
}

// Catalogue gives the event types, or what has changed of them.
func (s *Store) Catalogue(ctx context.Context, since int64) (bellhop.CatalogueChanges, error) {
	var r bellhop.CatalogueChanges
	err := s.step(ctx, func() error {
		r.Version = s.catalogue.version
		list, known := s.catalogue.since(since)
		if !known {
			r.Full = true
			for _, name := range sortedKeys(s.types) {
				list = append(list, change{name: name})
			}
		}
		for _, c := range list {
			if t, ok := s.types[c.name]; ok {
				r.EventTypes = append(r.EventTypes, cloneEventType(t))
			} else {
				r.DeletedEventTypes = append(r.DeletedEventTypes, c.name)
			}
		}
		return nil
	})
	return r, err
}

// Access gives the keys, or what has changed of them.
func (s *Store) Access(ctx context.Context, since int64) (bellhop.AccessChanges, error) {
	var r bellhop.AccessChanges
	err := s.step(ctx, func() error {
		r.Version = s.access.version
		list, known := s.access.since(since)
		if !known {
			r.Full = true
			for _, id := range sortedKeys(s.keys) {
				list = append(list, change{id: int64(id)})
			}
		}
		for _, c := range list {
			if k, ok := s.keys[bellhop.KeyID(c.id)]; ok {
				r.Keys = append(r.Keys, cloneKey(k))
			} else {
				r.DeletedKeys = append(r.DeletedKeys, bellhop.KeyID(c.id))
			}
		}
		return nil
	})
	return r, err
}
