package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Spread makes deliveries to endpoints that events were accepted with for later.
func (s *Store) Spread(ctx context.Context, l bellhop.Lease, ids []bellhop.DeliveryID, now time.Time) ([]bellhop.Backlog, error) {
	var list []bellhop.Backlog
	err := s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		sp := spread{Store: s, events: map[string][]bellhop.EventID{}, got: map[bellhop.EndpointID]time.Time{}}
		if len(s.later) > 0 {
			sp.skipUsed(ids, now)
		}
		for _, e := range sortedKeys(s.later) {
			app := s.byID[e].App
			sp.events[app] = append(sp.events[app], e)
		}
		for len(sp.ids) > 0 && len(sp.events) > 0 {
			sp.round(now)
		}
		for _, e := range sortedKeys(sp.got) {
			list = append(list, bellhop.Backlog{Endpoint: e, Due: sp.got[e]})
		}
		return nil
	})
	return list, err
}

// spread is one Spread at work.
type spread struct {
	*Store
	ids []bellhop.DeliveryID
	// events are those whose fan-out goes on, by app, oldest first.
	events map[string][]bellhop.EventID
	got    map[bellhop.EndpointID]time.Time
}

// skipUsed leaves out ids that have a delivery: the step is repeated, and its answer
// is due once more.
func (s *spread) skipUsed(ids []bellhop.DeliveryID, now time.Time) {
	used := map[bellhop.DeliveryID]bool{}
	for _, id := range ids {
		if d := s.pending[id]; d != nil {
			used[id] = true
			s.answer(d.Endpoint, cmp.Or(d.Due, now))
		}
	}
	for _, a := range s.attempts {
		if a.Final && slices.Contains(ids, a.Delivery) {
			used[a.Delivery] = true
			s.answer(a.Endpoint, now)
		}
	}
	s.ids = slices.DeleteFunc(slices.Clone(ids), func(id bellhop.DeliveryID) bool { return used[id] })
}

func (s *spread) answer(to bellhop.EndpointID, due time.Time) {
	if first, ok := s.got[to]; !ok || due.Before(first) {
		s.got[to] = due
	}
}

// round gives the next few apps a share of the ids: what they do not need the others
// get.
func (s *spread) round(now time.Time) {
	apps := s.turns()
	for i, app := range apps {
		if len(s.ids) == 0 {
			return
		}
		s.serve(app, bellhop.SpreadShare(len(s.ids), len(apps)-i), now)
		s.turn = app
	}
}

// turns gives the apps whose turn it is: from the one served last on by name, and
// round again.
func (s *spread) turns() []string {
	apps := sortedKeys(s.events)
	first, found := slices.BinarySearch(apps, s.turn)
	if found {
		first++
	}
	apps = slices.Concat(apps[first:], apps[:first])
	return apps[:min(len(apps), bellhop.SpreadApps)]
}

// serve makes at most share deliveries of the app's oldest events.
func (s *spread) serve(app string, share int, now time.Time) {
	for share > 0 && len(s.events[app]) > 0 {
		event := s.events[app][0]
		to := s.later[event]
		n := min(share, len(to))
		for i := range n {
			s.answer(to[i], s.makeDelivery(s.byID[event].Event, to[i], s.ids[i], now))
		}
		s.ids, share = s.ids[n:], share-n
		if s.later[event] = to[n:]; n == len(to) {
			delete(s.later, event)
			s.events[app] = s.events[app][1:]
		}
	}
	if len(s.events[app]) == 0 {
		delete(s.events, app)
	}
}

// makeDelivery makes one delivery. One that can never be made is made all the same, for
// Sweep to end it: the log says why it did not go.
func (s *Store) makeDelivery(e *bellhop.Event, to bellhop.EndpointID, id bellhop.DeliveryID, now time.Time) (due time.Time) {
	d := bellhop.Delivery{
		ID: id, Event: e.ID, Endpoint: to, App: e.App, Type: e.Type,
		Trigger: bellhop.TriggerPublish, Status: bellhop.DeliveryPending,
		Due: bellhop.SpreadDue(e, now), OrderPos: bellhop.SpreadPosition(e, id),
	}
	if endpoint, ok := s.endpoints[to]; ok {
		d.OrderKey = endpoint.Ordering.OrderKey(e)
	} else {
		s.sweepEndpoints[to] = true
	}
	if e.Erased {
		s.sweepEvents[e.ID] = true
	}
	s.addPending(&d)
	return d.Due
}

// overtakes tells whether an ordered delivery would go before one that Spread has
// not made yet. That there is an earlier event whose fan-out goes on is enough: it
// does not take long.
func (s *Store) overtakes(d *bellhop.Delivery) bool {
	return s.heldBack(d, s.endpoints[d.Endpoint].Apps)
}

func (s *Store) heldBack(d *bellhop.Delivery, apps []string) bool {
	if d.OrderKey == "" {
		return false
	}
	by := bellhop.HeldBackBy(d, apps)
	for event := range s.later {
		if bellhop.DeliveryID(event) < d.OrderPos && slices.Contains(by, s.byID[event].App) {
			return true
		}
	}
	return false
}

// HeldBack tells whether an ordered delivery waits for a fan-out.
func (s *Store) HeldBack(ctx context.Context, d bellhop.Delivery, apps []string) (held bool, err error) {
	err = s.step(ctx, func() error {
		held = s.heldBack(&d, apps)
		return nil
	})
	return held, err
}

// Later gives the endpoints whose deliveries are still to be made.
func (s *Store) Later(ctx context.Context, id bellhop.EventID) ([]bellhop.EndpointID, error) {
	var list []bellhop.EndpointID
	err := s.step(ctx, func() error {
		list = slices.Clone(s.later[id])
		return nil
	})
	return list, err
}
