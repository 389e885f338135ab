package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

const (
	// nodesByAge has the number that has been free the longest first.
	nodesByAge = "SELECT id, held FROM bellhop.nodes ORDER BY lease_until, id"
	// takeNew takes a number that nobody has held before. Of two that ask for the same, one
	// waits and gets nothing.
	takeNew = `INSERT INTO bellhop.nodes (id, epoch, held, lease_until, mark, joined, name, version, started)
		SELECT $1, 1, 1, c.now + $2, 0, c.now, $3, $4, $5 FROM (SELECT bellhop.clock() AS now) c
		ON CONFLICT (id) DO NOTHING RETURNING epoch, joined, lease_until`
	takeAgain = `UPDATE bellhop.nodes SET epoch = epoch + 1, held = 1, lease_until = c.now + $2, mark = 0, joined = c.now,
			name = $3, version = $4, started = $5, status = NULL
		FROM (SELECT bellhop.clock() AS now) c WHERE id = $1 AND held = 0 RETURNING epoch, joined, lease_until`

	renewLease = `UPDATE bellhop.nodes SET lease_until = c.now + $3, mark = greatest(mark, $4), status = coalesce($5, status)
		FROM (SELECT bellhop.clock() AS now) c WHERE id = $1 AND epoch = $2 AND held = 1 RETURNING c.now`
	nodeColumns = "SELECT id, epoch, name, version, started, joined, lease_until, status FROM bellhop.nodes"
	listNodes   = nodeColumns + " WHERE held = 1 AND started <> 0 ORDER BY id"

	// lockNode waits for the transactions that hold the lease.
	lockNode = "SELECT 1 FROM bellhop.nodes WHERE id = $1 FOR UPDATE"
	// endDead and endOwn end a lease: nothing is committed under it any more.
	endDead = "UPDATE bellhop.nodes SET held = 2 WHERE id = $1 AND held = 1 AND lease_until <= bellhop.clock() RETURNING epoch"
	endOwn  = "UPDATE bellhop.nodes SET held = 2, lease_until = bellhop.clock() WHERE id = $1 AND held = 1 AND epoch = $2 RETURNING epoch"

	endingNode = "SELECT epoch, mark FROM bellhop.nodes WHERE id = $1 AND held = 2 FOR UPDATE"
	moveMark   = "UPDATE bellhop.nodes SET mark = $2 WHERE id = $1"
	freeNode   = "UPDATE bellhop.nodes SET held = 0 WHERE id = $1"

	overNodes = nodeColumns + " WHERE held = 2 OR held = 1 AND lease_until <= bellhop.clock() ORDER BY id"
)

// Join registers a process under a free node number.
func (s *Store) Join(ctx context.Context, about bellhop.NodeAbout, length time.Duration, now time.Time) (bellhop.Node, error) {
	var n bellhop.Node
	for {
		number, used, err := s.freeNumber(ctx)
		if err != nil {
			return n, s.writeError(ctx, "join", err)
		}
		taken := false
		err = s.write(ctx, asked, "join", func(t *txn) error {
			taken = false
			take := takeNew
			if used {
				take = takeAgain
			}
			var epoch, joined, until int64
			found, err := t.one(into(&epoch, &joined, &until), take, int(number), length.Microseconds(), about.Name, about.Version, micros(about.Started))
			if err != nil || !found {
				return err // another node was faster
			}
			taken = true
			n = bellhop.Node{Lease: bellhop.Lease{Node: number, Epoch: epoch}, Until: moment(until), Now: moment(joined)}
			if n.Floor, err = t.highestID(number, now); err == nil {
				_, err = t.exec(moveMark, int(number), n.Floor+1)
			}
			return err
		})
		if err == nil && taken {
			s.fresh.begun(n.Lease, bellhop.EventID(n.Floor))
		}
		if err != nil || taken {
			return n, err
		}
	}
}

// freeNumber gives a number that is free, and whether it was used before. What was owned
// under its last lease is released. It prefers the number that has been free the longest, so
// that the ids of two processes differ even if one's clock is behind.
func (s *Store) freeNumber(ctx context.Context) (number bellhop.NodeID, used bool, err error) {
	type node struct{ number, held int64 }
	var known []node
	err = s.readFor(ctx, forFlow, "list the nodes", func(q *reading) error {
		known = nil
		var n node
		return q.each(scan(func() { known = append(known, n) }, &n.number, &n.held), nodesByAge)
	})
	if err != nil {
		return 0, false, err
	}
	taken := map[int64]bool{}
	for _, n := range known {
		taken[n.number] = true
	}
	for n := int64(1); n <= id.MaxNode; n++ {
		if !taken[n] {
			return bellhop.NodeID(n), false, nil
		}
	}
	for _, n := range known {
		if n.held != 0 {
			if _, err := s.endNode(ctx, bellhop.NodeID(n.number), endDead); err != nil {
				return 0, false, err
			}
		}
		free := false
		err := s.readFor(ctx, forFlow, "look at a node", func(q *reading) error {
			_, err := q.one(into(&free), "SELECT held = 0 FROM bellhop.nodes WHERE id = $1", n.number)
			return err
		})
		if err != nil || free {
			return bellhop.NodeID(n.number), true, err
		}
	}
	return 0, false, errNoNode
}

// highestIDs is the highest below $1, or from there on of those that node $2 has made.
const highestIDs = `SELECT greatest(
	(SELECT max(id) FROM bellhop.events WHERE id < $1), (SELECT max(id) FROM bellhop.attempts WHERE id < $1),
	(SELECT max(id) FROM bellhop.pending WHERE id < $1), (SELECT max(id) FROM bellhop.audit WHERE id < $1),
	(SELECT max(id) FROM bellhop.endpoints WHERE id < $1), (SELECT max(id) FROM bellhop.keys WHERE id < $1),
	(SELECT max(id) FROM bellhop.events WHERE id >= $1 AND id >> 12 & 511 = $2), (SELECT max(id) FROM bellhop.attempts WHERE id >= $1 AND id >> 12 & 511 = $2),
	(SELECT max(id) FROM bellhop.pending WHERE id >= $1 AND id >> 12 & 511 = $2), (SELECT max(id) FROM bellhop.audit WHERE id >= $1 AND id >> 12 & 511 = $2),
	(SELECT max(id) FROM bellhop.endpoints WHERE id >= $1 AND id >> 12 & 511 = $2), (SELECT max(id) FROM bellhop.keys WHERE id >= $1 AND id >> 12 & 511 = $2), 0) /* all apps */`

// highestID is the highest that a number may have made. What is further ahead than
// ClockSlack counts if the number has made it: its leases do not say that, since they end by
// a clock that was set back meanwhile.
func (t *txn) highestID(number bellhop.NodeID, now time.Time) (highest int64, err error) {
	_, err = t.one(into(&highest), highestIDs, int64(id.First[id.Event](now.Add(bellhop.ClockSlack))), int(number))
	return highest, err
}

// Renew extends the lease, and writes the node's mark.
func (s *Store) Renew(ctx context.Context, l bellhop.Lease, status *bellhop.NodeStatus, length time.Duration, now time.Time) (time.Time, error) {
	var said any
	if status != nil {
		said = toJSON(status)
	}
	var at int64
	err := s.write(ctx, beating, "renew the lease", func(t *txn) error {
		held, err := t.one(into(&at), renewLease, int(l.Node), l.Epoch, length.Microseconds(), int64(s.fresh.low(l, now)), said)
		if err == nil && !held {
			err = bellhop.ErrLeaseLost
		}
		return err
	})
	if errors.Is(err, bellhop.ErrLeaseLost) {
		s.leaseOver(l)
	}
	if err != nil {
		return time.Time{}, err
	}
	s.tend(ctx, l, length, now)
	return moment(at), nil
}

// tend does what there is to do with each heartbeat, and is no part of the lease. What does
// not fit into a small part of that is left for the next one, which must not come late.
func (s *Store) tend(ctx context.Context, l bellhop.Lease, length time.Duration, now time.Time) {
	tending, cancel := context.WithTimeout(ctx, length/3)
	defer cancel()
	ends := time.Now().Add(length / 10)
	err := errors.Join(s.spill(tending, l, now, ends), s.makeDaysAhead(tending, now), s.foldWaits(tending, ends))
	if ctx.Err() != nil {
		return
	}
	if failed := err != nil; s.upkeepFails.Swap(failed) != failed && failed { // once, until it is done
		s.log.Warn("upkeep with the heartbeat: it is tried again", "error", err)
	}
}

// Nodes lists who holds a lease.
func (s *Store) Nodes(ctx context.Context) ([]bellhop.NodeInfo, error) {
	return s.nodes(ctx, "list the nodes", listNodes)
}

func (s *Store) nodes(ctx context.Context, what, sql string) (nodes []bellhop.NodeInfo, err error) {
	err = s.readFor(ctx, forFlow, what, func(q *reading) error {
		nodes = nil
		var n bellhop.NodeInfo
		var started, joined, until int64
		var status *string
		return q.each(scan(func() {
			n.Started, n.Joined, n.Until, n.Status = moment(started), moment(joined), moment(until), bellhop.NodeStatus{}
			_ = fromJSON(status, &n.Status)
			nodes = append(nodes, n)
		}, (*int)(&n.Lease.Node), &n.Lease.Epoch, &n.Name, &n.Version, &started, &joined, &until, &status), sql)
	})
	return nodes, err
}

// Leave ends the lease and releases what is owned under it.
func (s *Store) Leave(ctx context.Context, l bellhop.Lease, now time.Time) error {
	_, err := s.endNode(ctx, l.Node, endOwn, l.Epoch)
	if err == nil {
		s.leaseOver(l)
	}
	return err
}

// leaseOver forgets what this process knows of a lease.
func (s *Store) leaseOver(l bellhop.Lease) {
	s.fresh.forget(l)
	s.doubts.drop(l)
}

// TakeOver ends leases that ran out. It looks first, because it is called often and
// nearly always finds none.
func (s *Store) TakeOver(ctx context.Context, now time.Time) (ended []bellhop.NodeInfo, err error) {
	over, err := s.nodes(ctx, "look for dead nodes", overNodes)
	if err != nil {
		return nil, err
	}
	for _, n := range over {
		was, err := s.endNode(ctx, n.Lease.Node, endDead)
		if was {
			ended = append(ended, n)
		}
		if err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// endNode ends a lease, and releases what is owned under it: in the same transaction if
// that is little, and otherwise piece by piece after it, which whoever takes over next goes
// on with if this process ends meanwhile. It answers whether it was this call that ended
// the lease.
func (s *Store) endNode(ctx context.Context, node bellhop.NodeID, end string, args ...any) (ended bool, err error) {
	for done := false; !done; {
		err := s.write(ctx, asked, "end a lease", func(t *txn) error {
			was := false
			if !ended {
				var one, epoch int64
				if found, err := t.one(into(&one), lockNode, int(node)); err != nil || !found {
					done = true
					return err
				}
				var err error
				if was, err = t.one(into(&epoch), end, append([]any{int(node)}, args...)...); err != nil {
					return err
				}
			}
			over, err := t.releasePiece(node)
			t.afterCommit(func() { ended = ended || was })
			done = over
			return err
		})
		if err != nil {
			return ended, err
		}
	}
	return ended, nil
}

const (
	// orphanChunk is how many deliveries of a lease that is over one transaction releases.
	orphanChunk = 2000

	// orphansOf are the events that may have some, from the mark on, as many as have
	// orphanChunk deliveries, about.
	eventsOfLease = `SELECT e.id, coalesce(cardinality(e.fresh_ids), 0) FROM bellhop.events e
		WHERE e.id >= $3 AND e.node = $1 AND e.epoch = $2 ORDER BY e.id LIMIT $4 /* all apps */`
	// orphansOf are the deliveries of a lease that were fresh when it ended: those without a
	// final attempt and without a row. Their order is that of their endpoint now.
	orphansOf = `SELECT n.id, n.event, n.endpoint, n.app, e.test, e.deliver_at, coalesce(` + orderKeyNow + `, ''), coalesce(` + arrivedSince + `, 0)
		FROM bellhop.events e
		CROSS JOIN LATERAL (SELECT d.id, d.endpoint, e.id AS event, e.app FROM unnest(e.fresh_ids, e.fresh_endpoints) d (id, endpoint)) n
		LEFT JOIN bellhop.endpoints x ON x.id = n.endpoint
		WHERE e.id >= $3 AND e.id <= $4 AND e.node = $1 AND e.epoch = $2
			AND NOT EXISTS (SELECT 1 FROM bellhop.attempts a WHERE a.app = n.app AND a.event = n.event AND a.endpoint = n.endpoint AND a.id >= n.event AND a.delivery = n.id AND a.final)
			AND NOT EXISTS (SELECT 1 FROM bellhop.pending p WHERE p.app = n.app AND p.id = n.id)
		ORDER BY n.id /* all apps */`

	ownedByNode   = "SELECT " + ownedColumns + " FROM bellhop.pending WHERE owner = $1 ORDER BY endpoint, id LIMIT $2 FOR UPDATE /* all apps */"
	disownPending = "UPDATE bellhop.pending SET owner = NULL WHERE (app = ANY($1)) IS TRUE AND id = ANY($2)"
)

// releasePiece releases some of what is owned under a lease that is over, and answers
// whether that was all: then its number is free.
func (t *txn) releasePiece(node bellhop.NodeID) (done bool, err error) {
	var epoch, mark int64
	ending, err := t.one(into(&epoch, &mark), endingNode, int(node))
	if err != nil || !ending {
		return true, err
	}
	var id, last int64
	var n, sum, events int
	err = t.each(scan(func() {
		if events++; sum < orphanChunk {
			sum, last = sum+max(n, 1), id
		}
	}, &id, &n), eventsOfLease, int(node), epoch, mark, orphanChunk)
	if err != nil {
		return false, err
	}
	if events > 0 {
		if err := t.releaseOrphans(node, epoch, mark, last); err != nil {
			return false, err
		}
		if _, err := t.exec(moveMark, int(node), last+1); err != nil {
			return false, err
		}
		if sum >= orphanChunk {
			return false, nil
		}
	}
	list, err := t.owned(ownedByNode, int(node), orphanChunk)
	if err != nil {
		return false, err
	}
	if err := t.giveBack(list, time.Time{}); err != nil {
		return false, err
	}
	if len(list) == orphanChunk {
		return false, nil
	}
	_, err = t.exec(freeNode, int(node))
	return true, err
}

// releaseOrphans gives rows to what was fresh of the events from mark to last.
func (t *txn) releaseOrphans(node bellhop.NodeID, epoch, mark, last int64) error {
	var list []newPending
	var settled []bellhop.Delivery
	var d bellhop.Delivery
	var test bool
	var deliverAt int64
	err := t.each(scan(func() {
		d.Trigger = bellhop.TriggerPublish
		if test {
			d.Trigger = bellhop.TriggerTest
		}
		e := bellhop.Event{ID: d.Event}
		if deliverAt != 0 {
			at := moment(deliverAt)
			e.DeliverAt = &at
		}
		born := bellhop.Born(&d, &e)
		d.Due, d.OrderPos = born, freshPosition(d.Event, d.Trigger, d.ID)
		list = append(list, newPending{d, born})
		if d.Settled != 0 {
			settled = append(settled, d)
		}
	}, (*int64)(&d.ID), (*int64)(&d.Event), (*int64)(&d.Endpoint), &d.App, &test, &deliverAt, &d.OrderKey, (*int64)(&d.Settled)),
		orphansOf, int(node), epoch, mark, last)
	if err == nil {
		err = t.addPending(list, time.Time{})
	}
	if err == nil {
		err = t.oweSettled(settled)
	}
	return err
}

// giveBack releases rows that were locked, and lets the first of each one's order go, which
// may have come meanwhile and be waiting. Where nobody told the time, it is the database's.
func (t *txn) giveBack(list []bellhop.Delivery, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	if now.IsZero() {
		var clock int64
		if _, err := t.one(into(&clock), "SELECT bellhop.clock()"); err != nil {
			return err
		}
		now = moment(clock)
	}
	apps, ids := appsAndIDs(list)
	if _, err := t.exec(disownPending, apps, ids); err != nil {
		return err
	}
	return t.promoteAll(list, now)
}

const (
	// overdueEndpoints goes from endpoint to endpoint of each bucket, instead of over all
	// their rows.
	overdueEndpoints = `WITH RECURSIVE o (bucket, endpoint) AS (
			SELECT b.bucket, (SELECT p.endpoint FROM bellhop.pending p WHERE p.owner IS NULL AND p.due IS NOT NULL AND p.bucket = b.bucket ORDER BY p.bucket, p.endpoint, least(p.attempts, 1) LIMIT 1)
			FROM unnest($1::smallint[]) b (bucket)
			UNION ALL SELECT o.bucket, (SELECT p.endpoint FROM bellhop.pending p WHERE p.owner IS NULL AND p.due IS NOT NULL AND p.bucket = o.bucket AND p.endpoint > o.endpoint ORDER BY p.bucket, p.endpoint, least(p.attempts, 1) LIMIT 1)
			FROM o WHERE o.endpoint IS NOT NULL)
		SELECT o.endpoint, ` + earliestOfBoth + ` FROM o WHERE o.endpoint IS NOT NULL /* all apps */`
	// earliestOfBoth is when the earliest first attempt and the earliest retry of o.endpoint
	// are due; 0 if there is none.
	earliestOfBoth = `coalesce((SELECT p.due FROM bellhop.pending p WHERE p.owner IS NULL AND p.due IS NOT NULL AND p.bucket = o.bucket AND p.endpoint = o.endpoint AND least(p.attempts, 1) = 0 ORDER BY p.due LIMIT 1), 0),
		coalesce((SELECT p.due FROM bellhop.pending p WHERE p.owner IS NULL AND p.due IS NOT NULL AND p.bucket = o.bucket AND p.endpoint = o.endpoint AND least(p.attempts, 1) = 1 ORDER BY p.due LIMIT 1), 0)`
	earliestOfEndpoint = "SELECT " + earliestOfBoth + " FROM (SELECT $1::smallint AS bucket, $2::bigint AS endpoint) o /* all apps */"
	releasingSince     = "SELECT endpoint, since FROM bellhop.releases"
)

// Overdue lists endpoints with unowned deliveries.
func (s *Store) Overdue(ctx context.Context, of []bellhop.Bucket, until time.Time) ([]bellhop.Backlog, error) {
	var list []bellhop.Backlog
	buckets := make([]int16, 0, bellhop.Buckets)
	wanted := [bellhop.Buckets]bool{}
	for _, b := range of {
		wanted[b] = true
	}
	for b := range bellhop.Buckets {
		if of == nil || wanted[b] {
			buckets, wanted[b] = append(buckets, int16(b)), true
		}
	}
	err := s.readFor(ctx, forFlow, "list the backlog", func(q *reading) error {
		list = nil
		var endpoint, since, first, retry int64
		reordering, releasing := map[int64]int64{}, map[int64]int64{}
		err := q.each(scan(func() { reordering[endpoint] = since }, &endpoint, &since), waitingToReorder)
		if err == nil {
			err = q.each(scan(func() { releasing[endpoint] = since }, &endpoint, &since), releasingSince)
		}
		if err != nil {
			return err
		}
		add := func(endpoint int64, retries bool, due int64) {
			if !wanted[bellhop.BucketOf(bellhop.EndpointID(endpoint))] {
				return
			}
			if at := moment(due); due != 0 && (until.IsZero() || at.Before(until)) {
				list = append(list, bellhop.Backlog{Endpoint: bellhop.EndpointID(endpoint), Retries: retries, Due: at})
			}
		}
		earlier := func(due int64, carried map[int64]int64) int64 {
			if since, ok := carried[endpoint]; ok && (due == 0 || since < due) {
				due = since
			}
			delete(carried, endpoint)
			return due
		}
		err = q.each(scan(func() {
			add(endpoint, false, earlier(first, reordering))
			add(endpoint, true, earlier(retry, releasing))
		}, &endpoint, &first, &retry), overdueEndpoints, buckets)
		for endpoint, since := range releasing {
			add(endpoint, true, since)
		}
		for endpoint, since := range reordering {
			add(endpoint, false, since)
		}
		return err
	})
	slices.SortStableFunc(list, func(a, b bellhop.Backlog) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return list, err
}
