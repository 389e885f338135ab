package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

const (
	// rowWeight is what a row weighs besides its data, in bytes, about.
	rowWeight = 512
	// maxBatch bounds the data that one transaction adds or deletes, so that nobody waits long.
	maxBatch = 4 << 20
)

// pendingRowColumns are what is read of a row of pending, p. The event may have expired.
const pendingRowColumns = `p.id, p.event, p.endpoint, p.app, coalesce((SELECT e.type FROM bellhop.events e WHERE e.app = p.app AND e.id = p.event), ''), p.trigger,
	coalesce(p.owner, 0), coalesce(p.due, 0), p.attempts, p.last_attempt, coalesce(p.order_key, ''), p.order_pos, p.held, p.holds, p.released, p.settled`

// pendingRow is what pendingRowColumns are read into.
type pendingRow struct {
	id, event, endpoint, due, lastAttempt, orderPos, released, settled int64
	app, kind, trigger, orderKey                                       string
	owner, attempts, holds                                             int
	held                                                               bool
}

func (p *pendingRow) into() []any {
	return []any{
		&p.id, &p.event, &p.endpoint, &p.app, &p.kind, &p.trigger, &p.owner, &p.due, &p.attempts, &p.lastAttempt, &p.orderKey, &p.orderPos,
		&p.held, &p.holds, &p.released, &p.settled,
	}
}

func (p *pendingRow) delivery() bellhop.Delivery {
	return bellhop.Delivery{
		ID: bellhop.DeliveryID(p.id), Event: bellhop.EventID(p.event), Endpoint: bellhop.EndpointID(p.endpoint), App: p.app, Type: p.kind,
		Trigger: bellhop.Trigger(p.trigger), Status: bellhop.DeliveryPending, Owner: bellhop.NodeID(p.owner), Due: moment(p.due),
		Attempts: p.attempts, LastAttempt: bellhop.AttemptID(p.lastAttempt), OrderKey: p.orderKey, OrderPos: bellhop.DeliveryID(p.orderPos),
		Held: p.held, Uncounted: p.holds, ReleasedAt: moment(p.released), Settled: bellhop.DeliveryID(p.settled),
	}
}

// newPending is a delivery on its way into pending.
type newPending struct {
	bellhop.Delivery
	born time.Time // since when its age counts
}

const addPending = `INSERT INTO bellhop.pending (id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_key, order_pos, born, settled, bucket)
	SELECT id, event, endpoint, app, trigger, nullif(owner, 0), due, attempts, last_attempt, nullif(order_key, ''), order_pos, born, settled, bucket
	FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::smallint[])
	AS p (id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_key, order_pos, born, settled, bucket)`

// addPending stores deliveries. One without a due is due now: it may be the first of its
// order, and then nothing would ever wake it; if it is not, Claim will find out.
func (t *txn) addPending(list []newPending, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	for i := range list {
		d := &list[i]
		if d.Due.IsZero() {
			d.Due = now
		}
		t.counted(waits{app: d.App, endpoint: d.Endpoint, again: d.Trigger.Again(), n: 1})
	}
	_, err := t.exec(addPending, rowsOfPending(list)...)
	return err
}

// rowsOfPending are the columns of addPending.
func rowsOfPending(list []newPending) []any {
	n := len(list)
	ids, events, endpoints, owners, dues := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	attempts, last, pos, born := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	apps, triggers, keys := make([]string, n), make([]string, n), make([]string, n)
	settled, buckets := make([]int64, n), make([]int16, n)
	for i := range list {
		d := &list[i]
		ids[i], events[i], endpoints[i], owners[i] = int64(d.ID), int64(d.Event), int64(d.Endpoint), int64(d.Owner)
		dues[i], attempts[i], last[i], pos[i], born[i] = micros(d.Due), int64(d.Attempts), int64(d.LastAttempt), int64(d.OrderPos), micros(d.born)
		apps[i], triggers[i], keys[i] = d.App, string(d.Trigger), d.OrderKey
		settled[i], buckets[i] = int64(d.Settled), int16(bellhop.BucketOf(d.Endpoint))
		if d.OrderPos == 0 {
			pos[i] = int64(d.ID)
		}
	}
	return []any{ids, events, endpoints, apps, triggers, owners, dues, attempts, last, keys, pos, born, settled, buckets}
}

// Deliveries are ended in two statements: one that finds them (app, id, endpoint and
// order_key), and one that deletes those that are still as they were found. In between, the
// first of each of their orders is locked: of two that end deliveries of one order, one
// waits before it has locked any.
const (
	takeIdle    = takeThese + " AND p.owner IS NULL" + takes
	takeSettled = takeThese + " AND p.owner IS NULL AND p.settled <> 0" + takes
	takeOld     = takeThese + " AND p.owner IS NULL AND NOT p.held AND p.born < $3" + takes
	takeAny     = takeThese + takes

	takeThese = "WITH mine AS (SELECT p.app, p.id FROM bellhop.pending p WHERE (p.app = ANY($1)) IS TRUE AND p.id = ANY($2)"
	takes     = " ORDER BY p.id FOR UPDATE) DELETE FROM bellhop.pending p USING mine m WHERE p.app = m.app AND p.id = m.id RETURNING " + pendingRowColumns
)

// found are deliveries that are to be ended.
type found struct {
	apps   []string
	ids    []int64
	orders []order
}

// find runs a statement that finds deliveries.
func (t *txn) find(sql string, args ...any) (f found, err error) {
	var app, key string
	var id, endpoint int64
	err = t.each(scan(func() {
		f.apps, f.ids = append(f.apps, app), append(f.ids, id)
		if key != "" {
			f.orders = append(f.orders, order{bellhop.EndpointID(endpoint), key})
		}
	}, &app, &id, &endpoint, &key), sql, args...)
	slices.Sort(f.apps)
	f.apps = slices.Compact(f.apps)
	return f, err
}

// take deletes deliveries that were found, by one of the statements above, and gives them
// in the order of their ids.
func (t *txn) take(f found, sql string, args ...any) (list []bellhop.Delivery, err error) {
	if len(f.ids) == 0 {
		return nil, nil
	}
	if _, err := t.firstOf(f.orders); err != nil {
		return nil, err
	}
	var p pendingRow
	err = t.each(scan(func() {
		d := p.delivery()
		w := waits{app: d.App, endpoint: d.Endpoint, again: d.Trigger.Again(), n: -1}
		if d.Held {
			w.held = -1
		}
		list = append(list, d)
		t.counted(w)
	}, p.into()...), sql, append([]any{f.apps, f.ids}, args...)...)
	slices.SortFunc(list, func(a, b bellhop.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}

// storedDelivery is a delivery that is stored, or was and has ended.
type storedDelivery struct {
	endpoint bellhop.EndpointID
	due      time.Time // zero once it has ended, and while it waits in its order
}

const pendingOfThese = "SELECT id, endpoint, coalesce(due, 0) FROM bellhop.pending WHERE id = ANY($1) /* all apps */"

var endedOfThese = "SELECT d.id, x.endpoint, 0::bigint FROM unnest($1::bigint[]) AS d (id) CROSS JOIN LATERAL (" + finalAttempt("a.endpoint", "d.id") + ") AS x /* all apps */"

// storedDeliveries finds those of some deliveries that are stored, unfinished or ended.
func (t *txn) storedDeliveries(ids []bellhop.DeliveryID) (map[bellhop.DeliveryID]storedDelivery, error) {
	stored := map[bellhop.DeliveryID]storedDelivery{}
	if len(ids) == 0 {
		return stored, nil
	}
	var of, endpoint, due int64
	add := scan(func() {
		stored[bellhop.DeliveryID(of)] = storedDelivery{bellhop.EndpointID(endpoint), moment(due)}
	}, &of, &endpoint, &due)
	err := t.each(add, pendingOfThese, numbers(ids))
	if err == nil && len(stored) < len(ids) {
		err = t.each(add, endedOfThese, numbers(ids))
	}
	return stored, err
}

const (
	// firstInOrders locks the first of each order: of two that end what is before it, one
	// waits for the other, so that one of them sees that it is the first. What is first by
	// now is seen by a statement of its own.
	firstInOrders = `SELECT f.app, f.id, o.endpoint, o.key FROM unnest($1::bigint[], $2::text[]) o (endpoint, key)
		CROSS JOIN LATERAL (SELECT p.app, p.id FROM bellhop.pending p WHERE p.endpoint = o.endpoint AND p.order_key = o.key
			ORDER BY p.order_pos, p.id LIMIT 1 FOR UPDATE) f /* all apps */`
	wakeThese = "UPDATE bellhop.pending SET due = $1 WHERE (app = ANY($2)) IS TRUE AND id = ANY($3) AND due IS NULL AND NOT held"
)

// order is a group of deliveries of an endpoint that go one after the other.
type order struct {
	endpoint bellhop.EndpointID
	key      string
}

// firstOf locks the first delivery of each of some orders.
func (t *txn) firstOf(orders []order) (f found, err error) {
	if len(orders) == 0 {
		return f, nil
	}
	slices.SortFunc(orders, func(a, b order) int { return cmp.Or(cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.key, b.key)) })
	orders = slices.Compact(orders)
	endpoints, keys := make([]int64, len(orders)), make([]string, len(orders))
	for i, o := range orders {
		endpoints[i], keys[i] = int64(o.endpoint), o.key
	}
	return t.find(firstInOrders, endpoints, keys)
}

// promoteAll wakes the first delivery of each order that some deliveries were of, if it
// waits. Should another one still be under way, Claim will find out.
func (t *txn) promoteAll(list []bellhop.Delivery, now time.Time) error {
	var orders []order
	for i := range list {
		if d := &list[i]; d.OrderKey != "" {
			orders = append(orders, order{d.Endpoint, d.OrderKey})
		}
	}
	first, err := t.firstOf(orders)
	if err != nil || len(first.ids) == 0 {
		return err
	}
	_, err = t.exec(wakeThese, micros(now), first.apps, first.ids)
	return err
}

// dayOf is the day that an id was made on, counted from 1970.
func dayOf(id int64) int64 { return bellhop.EventID(id).Time().Unix() / (24 * 60 * 60) }

// firstOfDay is the lowest id of a day, which is counted from 1970.
func firstOfDay(day int64) int64 {
	return int64(id.First[id.Event](time.Unix(day*24*60*60, 0)))
}
