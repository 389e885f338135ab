package postgres

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// maxBlocked bounds how many deliveries one Claim finds that it cannot give out, so that a
// long ordered backlog does not hold up others. Each that waits for an earlier one is found
// once, and the rest by the next Claim.
const maxBlocked = 1000

// orderTries is how often a Claim looks at an order that others move on meanwhile. It holds
// its endpoint's row, so that it may not look for ever; the next Claim looks again.
const orderTries = 10

// claiming is a Claim on its way.
type claiming struct {
	ctx     context.Context
	turn    groupcommit.Turn
	request bellhop.ClaimRequest
	now     time.Time
	claimed bellhop.Claimed
	err     error
}

// Claim makes a lease the owner of due deliveries of one endpoint.
func (s *Store) Claim(ctx context.Context, r bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	leave, err := s.enter()
	if err != nil {
		return bellhop.Claimed{}, err
	}
	defer leave()
	c := &claiming{ctx: ctx, turn: groupcommit.Turn{Of: r.Turn}, request: r, now: now}
	if err := s.claims.Do(ctx, c); err != nil {
		return bellhop.Claimed{}, s.writeError(ctx, "claim", err)
	}
	return c.claimed, c.err
}

// startClaims has claims wait for each other in turn: one app's endpoints may ask for many.
func (s *Store) startClaims(ctx context.Context) {
	s.claims = groupcommit.New(1, nil, func(list []*claiming) error {
		for _, c := range list {
			c.claimed, c.err = s.claim(c.ctx, c.request, c.now)
		}
		return nil
	})
	s.claims.InTurns(func(c *claiming) groupcommit.Turn { return c.turn }, 1)
	s.claims.Writers(2)
	s.running.Go(func() { s.claims.Run(ctx) })
}

func (s *Store) claim(ctx context.Context, r bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	var claimed bellhop.Claimed
	err := s.write(ctx, lanes, "claim", func(t *txn) error {
		claimed = bellhop.Claimed{}
		if err := t.lease(r.Lease); err != nil {
			return err
		}
		if err := t.bucket(r.Lease, bellhop.BucketOf(r.Endpoint), r.BucketEpoch); err != nil {
			return err
		}
		is, exists, err := t.readyToClaim(r.Endpoint)
		if err != nil || !exists {
			return err // what is pending to one that is gone is for Sweep
		}
		if !is.ordered {
			claimed.Next, claimed.NextRetry = now, now
			return nil
		}
		if _, err := t.exec(stepByIndex); err != nil {
			return err
		}
		c := claim{txn: t, request: r, apps: is.apps, events: map[bellhop.EventID]*bellhop.Event{}, fanouts: map[string]int64{}, keys: map[string]orderState{}}
		if err := c.fill(now); err != nil {
			return err
		}
		claimed.Work = c.work
		var next, retry int64
		if _, err := t.one(into(&next, &retry), earliestOfEndpoint,
			int(bellhop.BucketOf(r.Endpoint)), int64(r.Endpoint)); err != nil {
			return err
		}
		claimed.Next, claimed.NextRetry = moment(next), moment(retry)
		if c.heldBack && !c.full {
			*claimed.NextOf(r.Retries) = now.Add(bellhop.SpreadWait)
		}
		if !is.released {
			claimed.NextRetry = now
		}
		return nil
	})
	if err != nil {
		return bellhop.Claimed{}, err
	}
	return claimed, nil
}

// endpointToClaim keeps two claims of one endpoint from each other: where there is an
// order, neither may give out what the other one does.
const endpointToClaim = `SELECT e.ordering, e.apps, EXISTS (SELECT 1 FROM bellhop.reorders r WHERE r.endpoint = e.id), EXISTS (SELECT 1 FROM bellhop.releases r WHERE r.endpoint = e.id)
	FROM bellhop.endpoints e WHERE e.id = $1 FOR NO KEY UPDATE`

// readiness says whether an endpoint's deliveries have the ordering that it has, and
// whether those that were held are let go; and, where the order is that of the whole
// endpoint, the apps that it listens to.
type readiness struct {
	ordered, released bool
	apps              []string
}

// readyToClaim looks the endpoint up, and goes on with its changes if there are some. It
// answers whether there is such an endpoint.
func (t *txn) readyToClaim(e bellhop.EndpointID) (is readiness, exists bool, err error) {
	var ordering, apps string
	var reordering, releasing bool
	exists, err = t.one(into(&ordering, &apps, &reordering, &releasing), endpointToClaim, int64(e))
	if err != nil || !exists {
		return is, exists, err
	}
	is.ordered, is.released = true, true
	if bellhop.Ordering(ordering) == bellhop.OrderingEndpoint {
		_ = fromJSON(&apps, &is.apps) // an endpoint whose apps cannot be read is disabled
	}
	if reordering {
		is.ordered, err = t.reorder(e)
	}
	if err == nil && is.ordered && releasing {
		is.released, err = t.goOnReleasing(e)
	}
	return is, true, err
}

// claim is one Claim at work.
type claim struct {
	*txn
	request bellhop.ClaimRequest
	work    []bellhop.Work
	events  map[bellhop.EventID]*bellhop.Event
	bytes   int
	// blocked is how many were found that cannot be given out.
	blocked int
	// full says that there may be more to give out; heldBack, that some wait for a
	// fan-out.
	full, heldBack bool
	// apps are those that the endpoint listens to, fanouts the oldest unfinished ones
	// of each app looked up, keys what is known of the orders met.
	apps    []string
	fanouts map[string]int64
	keys    map[string]orderState
}

// orderState is what comes first of an order, and what of it is under way; 0 if nothing.
type orderState struct{ first, busy bellhop.DeliveryID }

// fill reads due rows in rounds, each from where the last one ended.
func (c *claim) fill(now time.Time) error {
	due, id := int64(math.MinInt64), int64(0)
	if c.request.Newest {
		due, id = micros(now), math.MaxInt64
	}
	for c.blocked < maxBlocked {
		if c.full = len(c.work) >= c.request.Limit; c.full {
			return nil
		}
		rows, err := c.due(due, id, c.request.Limit-len(c.work), now)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := c.takeAll(rows, now); err != nil || c.full {
			return err
		}
		last := &rows[len(rows)-1]
		due, id = micros(last.Due), int64(last.ID)
	}
	return nil
}

const (
	dueOfKind = `SELECT id, event, endpoint, app, trigger, due, attempts, last_attempt, order_key, order_pos, holds, released, settled
		FROM bellhop.pending WHERE owner IS NULL AND due IS NOT NULL AND bucket = $1 AND endpoint = $2 AND least(attempts, 1) = $3::integer AND due <= $4 `
	oldestDue = dueOfKind + "AND (due, id) > ($5, $6) ORDER BY due, id LIMIT $7 /* all apps */"
	newestDue = dueOfKind + "AND (due, id) < ($5, $6) ORDER BY due DESC, id DESC LIMIT $7 /* all apps */"
)

func (c *claim) due(due, id int64, limit int, now time.Time) (rows []bellhop.Delivery, err error) {
	sql := oldestDue
	if c.request.Newest {
		sql = newestDue
	}
	var d bellhop.Delivery
	var trigger string
	var at, released int64
	err = c.each(scan(func() {
		d.Trigger, d.Status, d.Due, d.ReleasedAt = bellhop.Trigger(trigger), bellhop.DeliveryPending, moment(at), moment(released)
		rows = append(rows, d)
	}, (*int64)(&d.ID), (*int64)(&d.Event), (*int64)(&d.Endpoint), &d.App, &trigger, &at, &d.Attempts, (*int64)(&d.LastAttempt),
		(*zeronull.Text)(&d.OrderKey), (*int64)(&d.OrderPos), &d.Uncounted, &released, (*int64)(&d.Settled)),
		sql, int(bellhop.BucketOf(c.request.Endpoint)), int64(c.request.Endpoint), oneIf(c.request.Retries), micros(now), due, id, limit)
	return rows, err
}

const (
	// ordersOf says of each order what comes first and what is under way, which blocks
	// whatever its position: it may have been claimed before the other was stored. The first
	// is that of promoteAll: two deliveries may have the same position.
	ordersOf = `SELECT o.key, coalesce((SELECT p.id FROM bellhop.pending p WHERE p.endpoint = $1 AND p.order_key = o.key ORDER BY p.order_pos, p.id LIMIT 1), 0),
			coalesce((SELECT p.id FROM bellhop.pending p WHERE p.endpoint = $1 AND p.order_key = o.key AND p.owner IS NOT NULL LIMIT 1), 0)
		FROM unnest($2::text[]) o (key) /* all apps */`
	// lockBlockers keeps what others wait for as it is: who ends or releases it wakes them
	// after they were set aside, or has done so before, and then they do not wait for it.
	lockBlockers = "SELECT id, order_key, owner IS NOT NULL FROM bellhop.pending WHERE endpoint = $1 AND id = ANY($2) ORDER BY id FOR SHARE /* all apps */"

	ownThese      = "UPDATE bellhop.pending SET owner = $1 WHERE (app = ANY($2)) IS TRUE AND id = ANY($3) AND owner IS NULL RETURNING id"
	setAside      = "UPDATE bellhop.pending SET due = NULL WHERE (app = ANY($1)) IS TRUE AND id = ANY($2) AND owner IS NULL"
	eventSizes    = "SELECT id, erased, coalesce(octet_length(data), 0) FROM bellhop.events WHERE (app = ANY($1)) IS TRUE AND id = ANY($2)"
	claimedEvents = "SELECT " + eventColumns + ", e.data FROM bellhop.events e WHERE (e.app = ANY($1)) IS TRUE AND e.id = ANY($2)"
)

// readOrders reads what is to be known of the orders of some rows, and keeps what they wait
// for as it is. Nothing is known in the end of an order that goes on moving, nor of one of
// which nothing is left: its rows were deleted after they were found to be due.
func (c *claim) readOrders(rows []bellhop.Delivery) error {
	var ask []string
	for i := range rows {
		if key := rows[i].OrderKey; key != "" && !slices.Contains(ask, key) {
			if _, known := c.keys[key]; !known {
				ask = append(ask, key)
			}
		}
	}
	for try := 0; len(ask) > 0 && try < orderTries; try++ {
		found, err := c.statesOf(ask)
		if err != nil || len(found) == 0 {
			return err
		}
		if ask, err = c.keep(found); err != nil {
			return err
		}
	}
	return nil
}

// statesOf looks orders up; those of which nothing is left are not among them.
func (c *claim) statesOf(keys []string) (map[string]orderState, error) {
	found := map[string]orderState{}
	var key string
	var state orderState
	err := c.each(scan(func() {
		if state.first != 0 {
			found[key] = state
		}
	}, &key, (*int64)(&state.first), (*int64)(&state.busy)), ordersOf, int64(c.request.Endpoint), keys)
	return found, err
}

// keep keeps what others wait for in some orders as it is, and gives those in which it was
// not what was found any more.
func (c *claim) keep(found map[string]orderState) (moved []string, err error) {
	var blockers []int64
	for _, state := range found {
		blockers = append(blockers, int64(cmp.Or(state.busy, state.first)))
	}
	type blocker struct {
		key   string
		owned bool
	}
	are := map[bellhop.DeliveryID]blocker{}
	var id bellhop.DeliveryID
	var is blocker
	if err := c.each(scan(func() { are[id] = is }, (*int64)(&id), (*zeronull.Text)(&is.key), &is.owned), lockBlockers, int64(c.request.Endpoint), blockers); err != nil {
		return nil, err
	}
	for key, state := range found {
		if are[cmp.Or(state.busy, state.first)] != (blocker{key, state.busy != 0}) {
			moved = append(moved, key)
			continue
		}
		c.keys[key] = state
	}
	return moved, nil
}

// takeAll claims deliveries, or sets them aside: if an earlier one of its order is
// unfinished or still to be made, if another one is under way, or if it is for Sweep.
func (c *claim) takeAll(rows []bellhop.Delivery, now time.Time) error {
	if err := c.readOrders(rows); err != nil {
		return err
	}
	sizes, err := c.sizes(rows)
	if err != nil {
		return err
	}
	var take, aside []bellhop.Delivery
	for i := range rows {
		d := &rows[i]
		state, known := c.keys[d.OrderKey]
		if d.OrderKey != "" && !known {
			c.blocked++ // nobody would wake it: it stays due, if it is still there
			continue
		}
		if d.Settled != 0 || d.OrderKey != "" && (state.busy != 0 || state.first != d.ID) {
			c.blocked++
			aside = append(aside, *d)
			continue
		}
		if back, err := c.overtakes(d); err != nil {
			return err
		} else if back {
			c.heldBack = true
			c.blocked++
			continue
		}
		size, there := sizes[d.Event]
		switch {
		case !there || size < 0: // gone, or erased: Sweep ends it
			c.blocked++
			aside = append(aside, *d)
			if err := c.oweEvent(d.App, d.Event); err != nil {
				return err
			}
			continue
		}
		if c.bytes += size; c.request.MaxBytes > 0 && c.bytes > c.request.MaxBytes && len(c.work)+len(take) > 0 {
			c.full = true
			break
		}
		take = append(take, *d)
		if d.OrderKey != "" {
			c.keys[d.OrderKey] = orderState{first: d.ID, busy: d.ID}
		}
	}
	if len(aside) > 0 {
		apps, ids := appsAndIDs(aside)
		if _, err := c.exec(setAside, apps, ids); err != nil {
			return err
		}
	}
	return c.own(take)
}

// sizes are how many bytes the events of some deliveries have; less than 0 if one is erased.
func (c *claim) sizes(rows []bellhop.Delivery) (map[bellhop.EventID]int, error) {
	apps, ids := appsAndEvents(rows)
	sizes := map[bellhop.EventID]int{}
	var id bellhop.EventID
	var erased bool
	var size int
	err := c.each(scan(func() {
		if sizes[id] = size; erased {
			sizes[id] = -1
		}
	}, (*int64)(&id), &erased, &size), eventSizes, apps, ids)
	return sizes, err
}

// appsAndEvents are columns of deliveries; each is named once.
func appsAndEvents(list []bellhop.Delivery) (apps []string, events []int64) {
	for i := range list {
		apps, events = append(apps, list[i].App), append(events, int64(list[i].Event))
	}
	slices.Sort(apps)
	slices.Sort(events)
	return slices.Compact(apps), slices.Compact(events)
}

// own loads the events, and makes the lease the owner. What was erased or deleted since its
// size was read is left as it is, for the next Claim to find.
func (c *claim) own(take []bellhop.Delivery) error {
	if len(take) == 0 {
		return nil
	}
	load := slices.DeleteFunc(slices.Clone(take), func(d bellhop.Delivery) bool { return c.events[d.Event] != nil })
	if len(load) > 0 {
		apps, events := appsAndEvents(load)
		err := c.each(func(r row) error {
			e, err := scanEvent(r)
			if !e.Erased {
				c.events[e.ID] = &e
			}
			return err
		}, claimedEvents, apps, events)
		if err != nil {
			return err
		}
	}
	take = slices.DeleteFunc(take, func(d bellhop.Delivery) bool { return c.events[d.Event] == nil })
	apps, ids := appsAndIDs(take)
	var id bellhop.DeliveryID
	owned := map[bellhop.DeliveryID]bool{}
	if err := c.each(scan(func() { owned[id] = true }, (*int64)(&id)), ownThese, int(c.request.Lease.Node), apps, ids); err != nil {
		return err
	}
	for i := range take {
		d := take[i]
		if !owned[d.ID] {
			continue
		}
		e := c.events[d.Event]
		d.Type, d.Owner = e.Type, c.request.Lease.Node
		c.work = append(c.work, bellhop.Work{Delivery: d, Event: e, Lease: c.request.Lease})
	}
	return nil
}

// overtakes tells whether an ordered delivery would go before one that Spread has not made
// yet. That there is an earlier event whose fan-out goes on is enough: it does not take
// long.
func (c *claim) overtakes(d *bellhop.Delivery) (bool, error) {
	if d.OrderKey == "" {
		return false, nil
	}
	for _, app := range bellhop.HeldBackBy(d, c.apps) {
		oldest, known := c.fanouts[app]
		if !known {
			oldest = math.MaxInt64
			if _, err := c.one(into(&oldest), oldestFanoutOf, app, int64(d.Endpoint)); err != nil {
				return false, err
			}
			c.fanouts[app] = oldest
		}
		if oldest < int64(d.OrderPos) {
			return true, nil
		}
	}
	return false, nil
}

const (
	ownedAt    = "SELECT " + ownedColumns + " FROM bellhop.pending WHERE owner = $1 AND endpoint = $2 AND id <> ALL($3) ORDER BY id FOR UPDATE /* all apps */"
	ownedOfAll = "SELECT " + ownedColumns + " FROM bellhop.pending WHERE owner = $1 AND id = ANY($2) ORDER BY id FOR UPDATE /* all apps */"
)

// Disown releases what is owned under the lease and none of known. It waits for claims
// whose answer was lost: what they have claimed can be seen then.
func (s *Store) Disown(ctx context.Context, l bellhop.Lease, e bellhop.EndpointID, known []bellhop.DeliveryID, now time.Time) error {
	if err := s.settleDoubts(ctx); err != nil {
		return s.writeError(ctx, "disown", err)
	}
	keep := make(map[bellhop.DeliveryID]bool, len(known))
	for _, d := range known {
		keep[d] = true
	}
	held := s.fresh.atEndpoint(l, e, keep)
	return s.giveUp(ctx, l, "disown", held, now, func(t *txn) ([]bellhop.Delivery, error) {
		return t.owned(ownedAt, int(l.Node), int64(e), numbers(known))
	})
}

// Release gives deliveries owned under the lease back, due as they were.
func (s *Store) Release(ctx context.Context, l bellhop.Lease, deliveries []bellhop.DeliveryID, now time.Time) error {
	if len(deliveries) == 0 {
		return nil
	}
	var held []*freshDelivery
	for _, d := range deliveries {
		if f := s.fresh.hold(l, d); f != nil {
			held = append(held, f)
		}
	}
	return s.giveUp(ctx, l, "release", held, now, func(t *txn) ([]bellhop.Delivery, error) {
		return t.owned(ownedOfAll, int(l.Node), numbers(deliveries))
	})
}

// giveUp releases deliveries that are fresh, which get rows, and such as have rows.
func (s *Store) giveUp(ctx context.Context, l bellhop.Lease, what string, held []*freshDelivery, now time.Time, find func(*txn) ([]bellhop.Delivery, error)) error {
	leaving := make([]leaver, len(held))
	for i, d := range held {
		due := d.Due
		if due.IsZero() {
			due = d.since
		}
		leaving[i] = leaver{freshDelivery: d, due: due}
	}
	err := s.write(ctx, lanes, what, func(t *txn) error {
		if err := t.lease(l); err != nil {
			return err
		}
		list, err := find(t)
		if err == nil {
			err = t.giveBack(list, now)
		}
		if err == nil {
			err = t.leaveFastLane(leaving)
		}
		return err
	})
	if err == nil {
		s.fresh.left(l, held)
		return nil
	}
	for _, d := range held {
		s.fresh.letGo(d, isUnknown(err))
	}
	return err
}
