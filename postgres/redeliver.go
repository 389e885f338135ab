package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/idlist"
)

const (
	// lockReplayed keeps two that leave out what the other one adds apart, on all nodes. It
	// comes first: what decides is read by later statements, which see what was waited for.
	lockReplayed      = "SELECT 1 FROM bellhop.endpoints WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"
	eventsToRedeliver = `SELECT a.n, e.app, e.subject, x.ordering FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY a (event, endpoint, n)
		JOIN bellhop.events e ON e.id = a.event AND NOT e.erased JOIN bellhop.endpoints x ON x.id = a.endpoint /* all apps */`
	// waitingAlready tells which events wait at which endpoints, or are in a node's memory on
	// their way there.
	waitingAlready = `SELECT a.n FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY a (event, endpoint, n)
		WHERE EXISTS (SELECT 1 FROM bellhop.pending p WHERE p.event = a.event AND p.endpoint = a.endpoint)
		OR EXISTS (SELECT 1 FROM bellhop.fresh f WHERE f.event = a.event AND f.endpoint = a.endpoint) /* all apps */`
	laterOfThese   = `SELECT f.event, l.endpoints, f.done FROM bellhop.fanouts f JOIN bellhop.fanout_lists l ON l.app = f.app AND l.id = f.list WHERE f.event = ANY($1) /* all apps */`
	againAtThese   = `SELECT endpoint, sum(n)::bigint FROM bellhop.waiting_now WHERE again AND endpoint = ANY($1) GROUP BY endpoint /* all apps */`
	waitingOfThese = `SELECT app, sum(n)::bigint FROM bellhop.waiting_now WHERE app = ANY($1) GROUP BY app
		UNION ALL SELECT app, count(*) FROM bellhop.fresh WHERE app = ANY($1) GROUP BY app`
)

// Redeliver adds deliveries of stored events. Their order is that of the endpoint
// now, whatever it was when the caller looked.
func (s *Store) Redeliver(ctx context.Context, l bellhop.Lease, r bellhop.Redelivery, now time.Time) (bellhop.Redelivered, error) {
	var done bellhop.Redelivered
	if r.Bounds != (bellhop.BacklogBounds{}) || r.SkipWaiting {
		// Of two that look at the same time, neither would see what the other adds. What this
		// node does takes turns here: none holds a connection meanwhile.
		select {
		case s.redelivering <- struct{}{}:
			defer func() { <-s.redelivering }()
		case <-ctx.Done():
			return done, ctx.Err()
		}
	}
	var added map[string]int64
	err := s.write(ctx, upkeep, "redeliver", func(t *txn) error {
		if err := t.lease(l); err != nil {
			return err
		}
		g := redelivery{txn: t, Redelivery: &r, lease: l}
		if err := g.look(); err != nil {
			return err
		}
		var list []newPending
		for i := range r.Deliveries {
			if g.one(i, &list); g.done.Full != "" {
				break
			}
		}
		done, added = g.done, g.apps
		if done.Added == 0 && done.Full != "" {
			return nil // nothing was done that the audit log could tell of
		}
		if err := t.addPending(list, now); err != nil {
			return err
		}
		return t.addAudit(r.Audit)
	})
	if err != nil {
		return bellhop.Redelivered{}, err
	}
	s.rooms.add(added)
	return done, nil
}

// pair is an event and an endpoint.
type pair struct{ event, endpoint int64 }

// redelivery is one Redeliver at work.
type redelivery struct {
	*txn
	*bellhop.Redelivery
	lease bellhop.Lease
	done  bellhop.Redelivered
	// stored are the deliveries that are there, or were and have ended; waiting the events
	// that wait at an endpoint; later the endpoints that fan-outs still come to.
	stored map[bellhop.DeliveryID]storedDelivery
	// still are those that Still selects.
	waiting map[pair]bool
	still   map[bellhop.EventID]bool
	later   map[bellhop.EventID][]bellhop.EndpointID
	// events are those of the deliveries, and orderings the orderings of their endpoints; nil
	// where one of the two is gone.
	events    []*bellhop.Event
	orderings []bellhop.Ordering
	// again and all count what waits, as far as there are bounds; apps is what was added.
	again map[bellhop.EndpointID]int64
	all   map[string]int64
	apps  map[string]int64
}

// look reads all that decides.
func (g *redelivery) look() (err error) {
	ids, events, endpoints := make([]bellhop.DeliveryID, len(g.Deliveries)), make([]int64, len(g.Deliveries)), make([]int64, len(g.Deliveries))
	for i := range g.Deliveries {
		d := &g.Deliveries[i]
		ids[i], events[i], endpoints[i] = d.ID, int64(d.Event), int64(d.Endpoint)
	}
	if g.SkipWaiting || g.Still != nil {
		if err := g.each(func(row) error { return nil }, lockReplayed, slices.Compact(slices.Sorted(slices.Values(endpoints)))); err != nil {
			return err
		}
	}
	if g.stored, err = g.storedDeliveries(ids); err != nil {
		return err
	}
	g.events, g.orderings = make([]*bellhop.Event, len(ids)), make([]bellhop.Ordering, len(ids))
	var n int64
	var app, subject, ordering string
	err = g.each(scan(func() {
		g.events[n-1] = &bellhop.Event{ID: bellhop.EventID(events[n-1]), App: app, Subject: subject}
		g.orderings[n-1] = bellhop.Ordering(ordering)
	}, &n, &app, &subject, &ordering), eventsToRedeliver, events, endpoints)
	if err == nil && g.SkipWaiting {
		err = g.lookForWaiting(events, endpoints)
	}
	if err == nil {
		err = g.count(endpoints)
	}
	if err == nil && g.Still != nil && len(ids) > 0 {
		err = g.lookForStill() // after what waits: what has ended in between is seen by one of them
	}
	return err
}

func (g *redelivery) lookForWaiting(events, endpoints []int64) error {
	g.waiting, g.later = map[pair]bool{}, map[bellhop.EventID][]bellhop.EndpointID{}
	var n, event, done int64
	err := g.each(scan(func() { g.waiting[pair{events[n-1], endpoints[n-1]}] = true }, &n), waitingAlready, events, endpoints)
	if err != nil {
		return err
	}
	var encoded []byte
	return g.each(scan(func() {
		all, _ := idlist.Decode[bellhop.EndpointID](encoded)
		g.later[bellhop.EventID(event)] = slices.DeleteFunc(all, func(e bellhop.EndpointID) bool { return e <= bellhop.EndpointID(done) })
	}, &event, &encoded, &done), laterOfThese, events)
}

func (g *redelivery) lookForStill() error {
	f, last := g.Recheck()
	f.Apps = appsOf(bellhop.Only(f.Apps...))
	of := spanOf(f.Since, f.Until, 0, 0)
	of.low, of.high = max(of.low, int64(f.After)+1), min(of.high, int64(last)+1)
	g.still = map[bellhop.EventID]bool{}
	if len(f.Apps) == 0 && f.Status != bellhop.ReplayFailed || of.low >= of.high {
		return nil
	}
	if _, err := g.exec(planByShape); err != nil {
		return err
	}
	var id int64
	sql, args := candidatesOf(&f, of, "e.id")
	return g.each(scan(func() { g.still[bellhop.EventID(id)] = true }, &id), sql, args...)
}

func (g *redelivery) count(endpoints []int64) error {
	g.again, g.all, g.apps = map[bellhop.EndpointID]int64{}, map[string]int64{}, map[string]int64{}
	var e, n int64
	var app string
	if g.Bounds.Endpoint > 0 {
		slices.Sort(endpoints)
		err := g.each(scan(func() { g.again[bellhop.EndpointID(e)] = n }, &e, &n), againAtThese, slices.Compact(endpoints))
		if err != nil {
			return err
		}
	}
	if g.Bounds.App == 0 {
		return nil
	}
	var apps []string
	for _, e := range g.events {
		if e != nil && !slices.Contains(apps, e.App) {
			apps = append(apps, e.App)
		}
	}
	return g.each(scan(func() { g.all[app] += n }, &app, &n), waitingOfThese, apps)
}

// one adds one delivery, unless it is there, waits, is wanted no more, or finds no room.
func (g *redelivery) one(i int, list *[]newPending) {
	d, e := g.Deliveries[i], g.events[i]
	if _, stored := g.stored[d.ID]; stored { // the step is repeated
		g.done.Added++
		return
	}
	if e == nil {
		return
	}
	at := pair{int64(d.Event), int64(d.Endpoint)}
	if g.SkipWaiting && (g.waiting[at] || slices.Contains(g.later[d.Event], d.Endpoint)) {
		g.done.Waiting++
		return
	}
	if g.Still != nil && !g.still[d.Event] {
		g.done.Changed++
		return
	}
	switch {
	case g.Bounds.Endpoint > 0 && g.again[d.Endpoint] >= g.Bounds.Endpoint:
		g.done.Full = bellhop.FullEndpoint
	case g.Bounds.App > 0 && g.all[e.App] >= g.Bounds.App:
		g.done.Full = bellhop.FullApp
	}
	if g.done.Full != "" {
		g.done.Left = len(g.Deliveries) - i
		return
	}
	g.done.Added++
	g.stored[d.ID] = storedDelivery{endpoint: d.Endpoint}
	if g.waiting != nil {
		g.waiting[at] = true
	}
	if d.Trigger.Again() {
		g.again[d.Endpoint]++
	}
	g.all[e.App]++
	g.apps[e.App]++
	d.App, d.OrderKey = e.App, g.orderings[i].OrderKey(e)
	if d.Owner != g.lease.Node {
		d.Owner = 0 // who has no lease here would never release it
	}
	*list = append(*list, newPending{Delivery: d, born: bellhop.Born(&d, e)})
}
