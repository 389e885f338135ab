package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// enqueueing is an Enqueue on its way.
type enqueueing struct {
	routes   int64
	events   []bellhop.NewEvent
	lists    []*fanoutList
	room     *admission
	receipts []bellhop.Receipt
}

// Enqueue stores accepted events with their deliveries.
func (s *Store) Enqueue(ctx context.Context, l bellhop.Lease, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	shard, err := s.shardOf(ctx, len(events), func(i int) string { return events[i].Event.App })
	if err != nil {
		return nil, s.writeError(ctx, "enqueue", err)
	}
	room, err := s.admit(ctx, events)
	if err != nil {
		return nil, s.writeError(ctx, "enqueue", err)
	}
	defer room.done()
	lists, weight := weigh(events)
	e := &enqueueing{routes: routes, events: events, lists: lists, room: &room}
	err = s.do(ctx, "enqueue", &step{turn: turnOfEvents(events), weight: weight, shard: shard, lease: l, now: now, enqueue: e})
	if err != nil {
		return nil, err
	}
	return e.receipts, nil
}

// enqueueIn is Enqueue as a part of a transaction of the caller's. No delivery has an
// owner: nobody knows yet whether there will be any.
func (s *Store) enqueueIn(t *txn, l bellhop.Lease, routes int64, events []bellhop.NewEvent, room *admission, now time.Time) ([]bellhop.Receipt, error) {
	lists, _ := fanoutLists(events)
	st := &step{lease: l, now: now, enqueue: &enqueueing{routes: routes, events: events, lists: lists, room: room}}
	if err := s.haveDays(t.ctx, daysOfSteps([]*step{st})); err != nil {
		return nil, err
	}
	if err := t.lease(l); err != nil {
		return nil, err
	}
	g := &group{store: s, t: t, steps: []*step{st}, ownerless: true}
	p := &pipeline{t: t}
	p.each(into(&g.routes), routesVersion)
	g.readFirsts(p)
	if err := p.run(); err != nil {
		return nil, err
	}
	if err := g.accept(st); err != nil {
		return nil, err
	}
	p = &pipeline{t: t}
	g.rows.queue(p)
	return st.enqueue.receipts, p.run()
}

// weigh prepares what can be prepared beside the writers: the lists of endpoints for
// later, and about how many bytes all will take.
func weigh(events []bellhop.NewEvent) ([]*fanoutList, int) {
	lists, weight := fanoutLists(events)
	for i := range events {
		weight += rowWeight*(1+len(events[i].Deliveries)) + len(events[i].Event.Data)
	}
	return lists, weight
}

// turnOfEvents is whose turn it is to enqueue events: that of their app.
func turnOfEvents(events []bellhop.NewEvent) groupcommit.Turn {
	if len(events) == 0 {
		return groupcommit.Turn{Rank: rankAsked, Of: "all apps"}
	}
	return groupcommit.Turn{Rank: rankAsked, Of: "app " + events[0].Event.App}
}

const firstPublishes = `SELECT x.app, x.external_id, x.event, x.deliveries, x.erased, x.digest
	FROM unnest($1::text[], $2::text[]) k (app, external_id)
	JOIN bellhop.external_ids x ON x.app = k.app AND x.external_id = k.external_id`

// readFirsts reads which events were published before under the same ids.
func (g *group) readFirsts(p *pipeline) {
	g.firsts = map[[2]string]bellhop.FirstPublish{}
	var apps, ids []string
	for _, st := range g.steps {
		if st.enqueue == nil {
			continue
		}
		for i := range st.enqueue.events {
			if e := &st.enqueue.events[i].Event; e.ExternalID != "" {
				apps, ids = append(apps, e.App), append(ids, e.ExternalID)
			}
		}
	}
	if len(ids) == 0 {
		return
	}
	var app, external string
	var event int64
	var first bellhop.FirstPublish
	var digest []byte
	p.each(scan(func() {
		first.Event = bellhop.EventID(event)
		copy(first.Digest[:], digest)
		g.firsts[[2]string{app, external}] = first
	}, &app, &external, &event, &first.Deliveries, &first.Erased, &digest), firstPublishes, apps, ids)
}

func (g *group) firstPublish(app, externalID string) (bellhop.FirstPublish, bool, error) {
	first, found := g.firsts[[2]string{app, storable(externalID)}]
	return first, found, nil
}

// accepted is an event's fresh deliveries, on their way.
type accepted struct {
	lease bellhop.Lease
	event bellhop.EventID
	fresh []freshDelivery
}

// accept makes rows of a step's events, if all is as it must be. A rejection leaves
// nothing behind.
func (g *group) accept(st *step) error {
	q := st.enqueue
	if q.routes != g.routes {
		return bellhop.ErrStaleRoutes
	}
	receipts, err := bellhop.Receipts(q.events, g.firstPublish)
	if err != nil {
		return err
	}
	if err := bellhop.FirstsWithoutRoom(q.events, receipts, q.room.isFull); err != nil {
		return err
	}
	for _, list := range q.lists {
		if list != nil {
			list.first = 0
		}
	}
	q.receipts = receipts
	for i := range q.events {
		n := &q.events[i]
		if receipts[i].Duplicate {
			continue
		}
		if id := n.Event.ExternalID; id != "" {
			first := bellhop.FirstPublish{Event: n.Event.ID, Deliveries: n.Event.Deliveries, Digest: n.Digest}
			g.firsts[[2]string{n.Event.App, storable(id)}] = first
			g.rows.external.add(n)
		}
		g.acceptOne(st, n)
		if q.lists != nil && q.lists[i] != nil {
			g.rows.addFanout(&n.Event, q.lists[i])
		}
	}
	return nil
}

// acceptOne makes rows of one event.
func (g *group) acceptOne(st *step, n *bellhop.NewEvent) {
	owner := st.lease.Node
	if g.ownerless {
		owner = 0
	}
	var fresh []freshDelivery
	for i := range n.Deliveries {
		if d := &n.Deliveries[i]; owner != 0 && mayBeFresh(d, &n.Event, st.lease, st.now) {
			fresh = append(fresh, freshDelivery{Delivery: *d, born: bellhop.Born(d, &n.Event), since: st.now})
		}
	}
	if len(fresh) > 0 && !g.store.fresh.begin(st.lease, n.Event.ID, len(fresh)) {
		fresh = nil
	}
	if fresh != nil {
		g.accepted = append(g.accepted, accepted{st.lease, n.Event.ID, fresh})
	}
	if len(fresh) < len(n.Deliveries) {
		for i, next := 0, 0; i < len(n.Deliveries); i++ {
			d := n.Deliveries[i]
			if next < len(fresh) && fresh[next].ID == d.ID {
				next++
				continue
			}
			if d.Owner != owner {
				d.Owner = 0 // who has no lease here would never release it
			}
			if d.Due.IsZero() {
				// It may be the first of its order, and then nothing would ever wake it; if it
				// is not, Claim will find out.
				d.Due = st.now
			}
			d.App = n.Event.App
			g.rows.pending = append(g.rows.pending, newPending{d, bellhop.Born(&d, &n.Event)})
			g.t.counted(waits{endpoint: d.Endpoint, app: d.App, again: d.Trigger.Again(), n: 1})
		}
	}
	g.rows.addEvent(n, st.lease, fresh)
}

// externals are rows of external_ids.
type externals struct {
	events, deliveries []int64
	apps, ids          []string
	digests            [][]byte
}

func (x *externals) add(n *bellhop.NewEvent) {
	e := &n.Event
	x.events, x.deliveries = append(x.events, int64(e.ID)), append(x.deliveries, int64(e.Deliveries))
	x.apps, x.ids, x.digests = append(x.apps, e.App), append(x.ids, e.ExternalID), append(x.digests, n.Digest[:])
}

const addExternals = `INSERT INTO bellhop.external_ids (event, deliveries, erased, app, external_id, digest)
	SELECT event, deliveries, false, app, external_id, digest
	FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[]) x (event, deliveries, app, external_id, digest)
	ORDER BY app, external_id`

// newEvents are rows of events.
type newEvents struct {
	ids, epochs, deliverAt, nodes, deliveries []int64
	tests                                     []bool
	apps, types, subjects, externalIDs        []string
	freshIDs, freshEndpoints                  []string
	data                                      [][]byte
	// Where the rest have none, these are shorter.
	channels, tags []string
	dataExpiresAt  []int64
}

const addEvents = `INSERT INTO bellhop.events (id, epoch, deliver_at, node, deliveries, erased, test, app, type, subject, external_id, fresh_ids, fresh_endpoints, data, channels, tags, data_expires_at)
	SELECT id, epoch, deliver_at, node, deliveries, false, test, app, type, subject, nullif(external_id, ''), nullif(fresh_ids, '')::bigint[], nullif(fresh_endpoints, '')::bigint[], data, nullif(channels, ''), nullif(tags, ''), nullif(data_expires_at, 0)
	FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::text[], $15::text[], $16::bigint[])
		e (id, epoch, deliver_at, node, deliveries, test, app, type, subject, external_id, fresh_ids, fresh_endpoints, data, channels, tags, data_expires_at)`

// addEvent adds an event with its fresh deliveries.
func (r *rows) addEvent(n *bellhop.NewEvent, l bellhop.Lease, fresh []freshDelivery) {
	e, x := &n.Event, &r.events
	var deliverAt int64
	if e.DeliverAt != nil {
		deliverAt = micros(*e.DeliverAt)
	}
	var ids, endpoints string
	if len(fresh) == 0 {
		l = bellhop.Lease{}
	} else {
		ids = arrayOf(fresh, func(d *freshDelivery) int64 { return int64(d.ID) })
		endpoints = arrayOf(fresh, func(d *freshDelivery) int64 { return int64(d.Endpoint) })
	}
	x.ids, x.epochs, x.nodes = append(x.ids, int64(e.ID)), append(x.epochs, l.Epoch), append(x.nodes, int64(l.Node))
	x.deliverAt, x.deliveries, x.tests = append(x.deliverAt, deliverAt), append(x.deliveries, int64(e.Deliveries)), append(x.tests, e.Test)
	x.apps, x.types, x.subjects = append(x.apps, e.App), append(x.types, e.Type), append(x.subjects, e.Subject)
	x.externalIDs, x.freshIDs, x.freshEndpoints = append(x.externalIDs, e.ExternalID), append(x.freshIDs, ids), append(x.freshEndpoints, endpoints)
	data := []byte(e.Data)
	if data == nil {
		data = []byte{}
	}
	x.data = append(x.data, data)
	if len(e.Channels) > 0 {
		x.channels = append(padded(x.channels, len(x.ids)-1), column.Labels(e.Channels))
	}
	if len(e.Tags) > 0 {
		x.tags = append(padded(x.tags, len(x.ids)-1), column.Labels(e.Tags))
	}
	if e.DataExpiresAt != nil {
		x.dataExpiresAt = append(padded(x.dataExpiresAt, len(x.ids)-1), micros(*e.DataExpiresAt))
		r.expiring.add(e)
	}
}

// padded gives a list of n, with zero values at its end.
func padded[T any](list []T, n int) []T { return append(list, make([]T, n-len(list))...) }

// expiring are rows of expiring.
type expiring struct {
	at, events []int64
	apps       []string
}

func (x *expiring) add(e *bellhop.Event) {
	x.at, x.events, x.apps = append(x.at, micros(*e.DataExpiresAt)), append(x.events, int64(e.ID)), append(x.apps, e.App)
}

const addExpiring = "INSERT INTO bellhop.expiring (at, event, app) SELECT at, event, app FROM unnest($1::bigint[], $2::bigint[], $3::text[]) x (at, event, app)"

// arrayOf writes an array as PostgreSQL reads it.
func arrayOf(list []freshDelivery, of func(*freshDelivery) int64) string {
	b := make([]byte, 0, 20*len(list)+2)
	for i := range list {
		b = strconv.AppendInt(append(b, ','), of(&list[i]), 10)
	}
	b[0] = '{'
	return string(append(b, '}'))
}

// fanouts are rows of fanouts and their lists.
type fanouts struct {
	events, lists, listIDs []int64
	apps, listApps         []string
	endpoints              [][]byte
}

const (
	addFanoutLists = "INSERT INTO bellhop.fanout_lists (id, app, endpoints) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])"
	addFanouts     = "INSERT INTO bellhop.fanouts (event, app, list, done) SELECT event, app, list, 0 FROM unnest($1::bigint[], $2::text[], $3::bigint[]) f (event, app, list)"
)

// addFanout notes the endpoints that Spread makes deliveries to.
func (r *rows) addFanout(e *bellhop.Event, list *fanoutList) {
	f := &r.fanouts
	if list.first == 0 {
		list.first = e.ID
		f.listIDs, f.listApps, f.endpoints = append(f.listIDs, int64(e.ID)), append(f.listApps, e.App), append(f.endpoints, list.encoded)
	}
	f.events, f.apps, f.lists = append(f.events, int64(e.ID)), append(f.apps, e.App), append(f.lists, int64(list.first))
}

// rows are what a transaction adds with its last trip.
type rows struct {
	events    newEvents
	external  externals
	expiring  expiring
	pending   []newPending
	fanouts   fanouts
	attempts  []bellhop.Result
	vitals    map[bellhop.EndpointID]*bellhop.Vitals
	reactions []bellhop.Result
}

func (r *rows) none() bool {
	return len(r.events.ids) == 0 && len(r.attempts) == 0 && len(r.vitals) == 0
}

// queue adds the statements.
func (r *rows) queue(p *pipeline) {
	if x := &r.events; len(x.ids) > 0 {
		p.exec(addEvents, x.ids, x.epochs, x.deliverAt, x.nodes, x.deliveries, x.tests, x.apps, x.types, x.subjects, x.externalIDs, x.freshIDs, x.freshEndpoints, x.data, x.channels, x.tags, x.dataExpiresAt)
	}
	if x := &r.expiring; len(x.events) > 0 {
		p.exec(addExpiring, x.at, x.events, x.apps)
	}
	if x := &r.external; len(x.ids) > 0 {
		p.exec(addExternals, x.events, x.deliveries, x.apps, x.ids, x.digests)
	}
	if len(r.pending) > 0 {
		p.exec(addPending, rowsOfPending(r.pending)...)
	}
	if f := &r.fanouts; len(f.events) > 0 {
		p.exec(addFanoutLists, f.listIDs, f.listApps, f.endpoints)
		p.exec(addFanouts, f.events, f.apps, f.lists)
	}
	if len(r.attempts) > 0 {
		p.exec(addAttempts, attemptRows(r.attempts)...)
		p.exec(addLate, lateRows(r.attempts)...)
	}
	if len(r.vitals) > 0 {
		p.exec(setVitals, vitalsColumns(r.vitals)...)
	}
	if len(r.reactions) > 0 {
		apps, ids := reactionsOf(r.reactions)
		p.exec(addReactions, apps, ids)
	}
}
