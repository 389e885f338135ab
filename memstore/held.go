package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// releaseChunk is how many held deliveries one step lets go.
const releaseChunk = 250

// beginRelease notes that an endpoint's held deliveries may go; a release that is under
// way begins anew.
func (s *Store) beginRelease(e bellhop.EndpointID, now time.Time) {
	s.releases[e] = carrying{since: now}
	s.goOnReleasing(e) // mostly this is all
}

// goOnReleasing lets a piece of an endpoint's held deliveries go, and answers whether
// that was all. One that is held again meanwhile stays so.
func (s *Store) goOnReleasing(e bellhop.EndpointID) (done bool) {
	r, ok := s.releases[e]
	if !ok {
		return true
	}
	n := 0
	for _, id := range s.queuedAfter(e, r.after) {
		if d := s.pending[id]; d.Held {
			s.letGo(d, r.since)
			r.after = id
			n++
		}
		if n == releaseChunk {
			s.releases[e] = r
			return false
		}
	}
	delete(s.releases, e)
	return true
}

func (s *Store) anyHeld(e bellhop.EndpointID) bool {
	for _, d := range s.queues[e] {
		if d.Held {
			return true
		}
	}
	return false
}

// mayRelease answers how many held deliveries of an endpoint may be let go: none if that
// is under way, or was done a moment ago.
func (s *Store) mayRelease(e bellhop.EndpointID, now time.Time) int {
	if _, going := s.releases[e]; going {
		return 0
	}
	var oldest *bellhop.Delivery
	held := 0
	for _, d := range s.queues[e] {
		if d.Held {
			held++
			if oldest == nil || d.ID < oldest.ID {
				oldest = d
			}
		}
	}
	if held > 0 && bellhop.JustReleased(oldest.ReleasedAt, int64(held), now) {
		return 0
	}
	return held
}

func (s *Store) letGo(d *bellhop.Delivery, at time.Time) {
	d.Held, d.Due, d.ReleasedAt = false, at, at
}

// ReleaseHeld lets held deliveries of an endpoint go.
func (s *Store) ReleaseHeld(ctx context.Context, e bellhop.EndpointID, only []bellhop.DeliveryID, now time.Time) (int, error) {
	released := 0
	err := s.step(ctx, func() error {
		to, ok := s.endpoints[e]
		if !ok {
			return bellhop.NotFound("endpoint", e.String())
		}
		if len(only) == 0 {
			if released = s.mayRelease(e, now); released == 0 {
				return nil
			}
		}
		if to.Ordering != bellhop.OrderingNone && s.anyHeld(e) {
			to.ResumedAt = now
			s.endpoints[e] = to
			s.routes.changed(change{id: int64(e)})
		}
		if len(only) == 0 {
			s.beginRelease(e, now)
		}
		for _, id := range only {
			if d := s.pending[id]; d != nil && d.Held && d.Endpoint == e {
				s.letGo(d, now)
				released++
			}
		}
		return nil
	})
	return released, err
}

// Held counts held deliveries by endpoint.
func (s *Store) Held(ctx context.Context, scope bellhop.Scope, e bellhop.EndpointID) (map[bellhop.EndpointID]int64, error) {
	held := map[bellhop.EndpointID]int64{}
	err := s.step(ctx, func() error {
		for _, d := range s.pending {
			if d.Held && scope.Sees(d.App) && (e == 0 || e == d.Endpoint) {
				held[d.Endpoint]++
			}
		}
		return nil
	})
	return held, err
}

// Token gives an endpoint's token.
func (s *Store) Token(ctx context.Context, e bellhop.EndpointID) (t bellhop.Token, err error) {
	err = s.step(ctx, func() error {
		t = s.tokens[e]
		t.Sealed = slices.Clone(t.Sealed)
		return nil
	})
	return t, err
}

// SaveToken creates or replaces an endpoint's token.
func (s *Store) SaveToken(ctx context.Context, e bellhop.EndpointID, t bellhop.Token) (version int64, err error) {
	err = s.step(ctx, func() error {
		if _, ok := s.endpoints[e]; !ok {
			return bellhop.NotFound("endpoint", e.String())
		}
		if t.Version != s.tokens[e].Version {
			return bellhop.ErrRevision
		}
		t.Version++
		t.Sealed, version = slices.Clone(t.Sealed), t.Version
		s.tokens[e] = t
		return nil
	})
	return version, err
}

// Reactions gives the oldest of one app.
func (s *Store) Reactions(ctx context.Context, after string, limit int) ([]bellhop.Reaction, error) {
	var list []bellhop.Reaction
	err := s.step(ctx, func() error {
		of := map[string][]bellhop.Reaction{}
		for _, a := range sortedKeys(s.reactions) {
			app := s.reactions[a]
			of[app] = append(of[app], bellhop.Reaction{Attempt: a, App: app})
		}
		if apps := sortedKeys(of); len(apps) > 0 {
			next, found := slices.BinarySearch(apps, after)
			if found {
				next++
			}
			list = of[apps[next%len(apps)]]
		}
		list = list[:min(len(list), limit)]
		return nil
	})
	return list, err
}

// EndReactions takes reactions away.
func (s *Store) EndReactions(ctx context.Context, attempts []bellhop.AttemptID) error {
	return s.step(ctx, func() error {
		for _, a := range attempts {
			delete(s.reactions, a)
		}
		return nil
	})
}

// ClaimToken tells whether by may ask for the endpoint's next token.
func (s *Store) ClaimToken(ctx context.Context, e bellhop.EndpointID, by string, lasts time.Duration, now time.Time) (free bool, err error) {
	err = s.step(ctx, func() error {
		maps.DeleteFunc(s.tokenClaims, func(_ bellhop.EndpointID, c bellhop.TokenClaim) bool { return !c.Until.After(now) })
		c, taken := s.tokenClaims[e]
		if free = !taken || c.By == by; free {
			s.tokenClaims[e] = bellhop.TokenClaim{By: by, Until: now.Add(lasts)}
		}
		return nil
	})
	return free, err
}

// FreeToken ends a claim.
func (s *Store) FreeToken(ctx context.Context, e bellhop.EndpointID, by string) error {
	return s.step(ctx, func() error {
		if s.tokenClaims[e].By == by {
			delete(s.tokenClaims, e)
		}
		return nil
	})
}
