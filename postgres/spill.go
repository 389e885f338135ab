package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop/bellhop"
)

// leaver is a delivery that leaves the fast lane, and gets a row.
type leaver struct {
	*freshDelivery
	owner bellhop.NodeID
	due   time.Time
	// attempt is the one that was made of it, if any.
	attempt *bellhop.Attempt
	// heldNow says that no request could be made of it, held that it is held for that.
	held, heldNow bool
}

// leaveRows writes rows of deliveries that were fresh. Their order is that of the endpoint
// now: it may have been changed since they were accepted. Where the event was sent again to
// the endpoint meanwhile, and has arrived, they are settled. Where it went with its app, they
// go, too.
const leaveRows = `INSERT INTO bellhop.pending (id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_key, order_pos, born, held, holds, settled, bucket)
	SELECT n.id, n.event, n.endpoint, n.app, n.trigger, nullif(n.owner, 0), CASE WHEN n.held THEN NULL ELSE n.due END, n.attempts, n.last_attempt,
		` + orderKeyNow + `, n.pos, n.born, n.held, n.holds, coalesce(` + arrivedSince + `, 0), n.bucket
	FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::boolean[], $13::bigint[], $14::smallint[])
		n (id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, pos, born, held, holds, bucket)
	LEFT JOIN bellhop.endpoints x ON x.id = n.endpoint
	JOIN bellhop.events e ON e.app = n.app AND e.id = n.event
	ORDER BY n.id
	ON CONFLICT DO NOTHING RETURNING id, app, event, endpoint, held, settled`

const (
	// orderKeyNow is Ordering.OrderKey, of endpoint x and event e.
	orderKeyNow = `CASE x.ordering WHEN 'endpoint' THEN '*' WHEN 'subject' THEN CASE WHEN e.subject <> '' THEN n.app || '/' || e.subject END END`
	// arrivedSince is the latest delivery of the same event to the same endpoint, sent
	// again, that has arrived.
	arrivedSince = `(SELECT max(a.delivery) FROM bellhop.attempts a WHERE a.app = n.app AND a.event = n.event AND a.endpoint = n.endpoint
		AND a.id >= n.event AND a.delivery > n.id AND a.final AND a.status = 0 AND a.trigger IN ('resend', 'replay'))`
)

// leaveFastLane writes rows of deliveries that were fresh.
func (t *txn) leaveFastLane(list []leaver) error {
	if len(list) == 0 {
		return nil
	}
	t.wrote = true
	n := len(list)
	ids, events, endpoints, owners, dues := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	attempts, last, pos, born, holds := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	apps, triggers, held, buckets := make([]string, n), make([]string, n), make([]bool, n), make([]int16, n)
	for i := range list {
		x := &list[i]
		ids[i], events[i], endpoints[i], owners[i], dues[i] = int64(x.ID), int64(x.Event), int64(x.Endpoint), int64(x.owner), micros(x.due)
		if x.attempt != nil {
			attempts[i], last[i] = int64(x.attempt.Number), int64(x.attempt.ID)
		}
		pos[i], born[i], holds[i] = int64(x.OrderPos), micros(x.born), oneIf(x.heldNow)
		apps[i], triggers[i], held[i], buckets[i] = x.App, string(x.Trigger), x.held, int16(bellhop.BucketOf(x.Endpoint))
	}
	var settled []bellhop.Delivery
	var id, event, endpoint, by int64
	var app string
	var isHeld bool
	err := t.each(scan(func() {
		t.counted(waits{endpoint: bellhop.EndpointID(endpoint), app: app, n: 1, held: oneIf(isHeld)})
		if by != 0 {
			settled = append(settled, bellhop.Delivery{App: app, Event: bellhop.EventID(event)})
		}
	}, &id, &app, &event, &endpoint, &isHeld, &by), leaveRows, ids, events, endpoints, apps, triggers, owners, dues, attempts, last, pos, born, held, holds, buckets)
	if err != nil {
		return err
	}
	return t.oweSettled(settled)
}

// oweSettled notes that deliveries are settled, for Sweep.
func (t *txn) oweSettled(list []bellhop.Delivery) error {
	owed := map[bellhop.EventID]bool{}
	for i := range list {
		d := &list[i]
		if owed[d.Event] {
			continue
		}
		owed[d.Event] = true
		if err := t.owe(owedSettled, d.App, name(d.Event)); err != nil {
			return err
		}
	}
	return nil
}

// spill writes rows of what has been fresh for a while: slow receivers must not keep a
// node's mark down, nor what it has in memory alone grow. After ends it begins no more.
func (s *Store) spill(ctx context.Context, l bellhop.Lease, now, ends time.Time) error {
	for {
		list := s.fresh.spill(l, now.Add(-spillAfter), spillChunk)
		if len(list) == 0 {
			return nil
		}
		err := s.spillThese(ctx, l, list)
		if err != nil || len(list) < spillChunk || time.Now().After(ends) {
			return err
		}
	}
}

func (s *Store) spillThese(ctx context.Context, l bellhop.Lease, list []*freshDelivery) error {
	leaving := make([]leaver, len(list))
	for i, d := range list {
		due := d.Due
		if due.IsZero() {
			due = d.since
		}
		leaving[i] = leaver{freshDelivery: d, owner: l.Node, due: due}
	}
	write := func() error {
		return s.write(ctx, upkeep, "write down what takes long", func(t *txn) error {
			if err := t.lease(l); err != nil {
				return err
			}
			return t.leaveFastLane(leaving)
		})
	}
	err := write()
	for try := 1; errors.Is(err, bellhop.ErrUnknown) && try < tries; try++ {
		// What is there already is left as it is.
		if err = s.settleDoubts(ctx); err == nil {
			err = write()
		}
	}
	s.fresh.spilled(l, list, err == nil)
	return err
}

// spillAt writes rows of what is fresh of an endpoint whose order was changed: what waits in
// the new one waits for them, too. What other nodes have in memory is written down by their
// next heartbeats, and is under way until then, as what was accepted without an order.
func (s *Store) spillAt(ctx context.Context, e bellhop.EndpointID) {
	for l, list := range s.fresh.spillAt(e) {
		if len(list) == 0 {
			continue
		}
		if err := s.spillThese(ctx, l, list); err != nil && ctx.Err() == nil {
			s.log.Info("what is under way to an endpoint is written down later", "endpoint", e, "error", err)
		}
	}
}
