package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// maxBlocked bounds how many deliveries one Claim finds that it cannot give out, so
// that a long ordered backlog does not hold up the writer. Each that waits for an
// earlier one is found once, and the rest by the next Claim.
const maxBlocked = 1000

// Claim makes a lease the owner of due deliveries of one endpoint.
func (s *Store) Claim(ctx context.Context, r bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	var claimed bellhop.Claimed
	err := s.inTurn(ctx, groupcommit.Turn{Rank: upkeep, Of: r.Turn}, "claim", rowWeight*(1+max(r.Limit, 0)), func(w *writer) error {
		claimed = bellhop.Claimed{}
		if err := w.holds(r.Lease); err != nil {
			return err
		}
		if err := w.owns(r.Lease, bellhop.BucketOf(r.Endpoint), r.BucketEpoch); err != nil {
			return err
		}
		ready, exists, err := w.readyToClaim(r.Endpoint)
		if err != nil || !exists {
			return err // what is pending to one that is gone is for Sweep
		}
		if !ready.ordered {
			claimed.Next, claimed.NextRetry = now, now
			return nil
		}
		c := claim{writer: w, request: r, apps: ready.apps, events: map[bellhop.EventID]*bellhop.Event{}, fanouts: map[string]int64{}}
		if err := c.fill(now); err != nil {
			return err
		}
		claimed.Work = c.work
		claimed.Next, err = nextDue(w.conn, int64(r.Endpoint), false)
		if err == nil {
			claimed.NextRetry, err = nextDue(w.conn, int64(r.Endpoint), true)
		}
		if c.heldBack && !c.full {
			*claimed.NextOf(r.Retries) = now.Add(bellhop.SpreadWait)
		}
		if !ready.released {
			claimed.NextRetry = now
		}
		return err
	})
	return claimed, err
}

const earliestOfEndpoint = `SELECT due FROM pending INDEXED BY pending_due
	WHERE owner IS NULL AND due IS NOT NULL AND endpoint = ? AND (attempts > 0) = ? ORDER BY due LIMIT 1`

// nextDue is when the earliest of an endpoint's unowned deliveries is due, of its
// retries or of its first attempts; zero if there is none.
func nextDue(c *sqlite.Conn, endpoint int64, retries bool) (next time.Time, err error) {
	_, err = one(c, func(st *sqlite.Stmt) { next = moment(st.ColumnInt64(0)) }, earliestOfEndpoint, endpoint, retries)
	return next, err
}

const endpointToClaim = `SELECT e.ordering, r.after, r.since, h.after, h.since, e.apps FROM endpoints e
	LEFT JOIN reorders r ON r.endpoint = e.id LEFT JOIN releases h ON h.endpoint = e.id WHERE e.id = ?`

// readiness says whether an endpoint's deliveries have the ordering that it has, and
// whether those that were held are let go; and, where the order is that of the whole
// endpoint, the apps that it listens to.
type readiness struct {
	ordered, released bool
	apps              []string
}

// readyToClaim looks the endpoint up, and goes on with its changes if there are some. It
// answers whether there is such an endpoint.
func (w *writer) readyToClaim(e bellhop.EndpointID) (is readiness, exists bool, err error) {
	var ordering bellhop.Ordering
	var reorder, release struct{ after, since int64 }
	exists, err = one(w.conn, func(st *sqlite.Stmt) {
		ordering, is.ordered, is.released = bellhop.Ordering(st.ColumnText(0)), st.ColumnIsNull(1), st.ColumnIsNull(3)
		reorder.after, reorder.since = st.ColumnInt64(1), st.ColumnInt64(2)
		release.after, release.since = st.ColumnInt64(3), st.ColumnInt64(4)
		if ordering == bellhop.OrderingEndpoint {
			_ = fromJSON(st, 5, &is.apps) // an endpoint whose apps cannot be read is disabled
		}
	}, endpointToClaim, int64(e))
	if err != nil || !exists {
		return is, exists, err
	}
	if !is.ordered {
		is.ordered, err = w.reorder(e, ordering, reorder.after, reorder.since)
	}
	if err == nil && is.ordered && !is.released {
		is.released, err = w.goOnReleasing(e, release.after, release.since)
	}
	return is, true, err
}

// claim is one Claim at work.
type claim struct {
	*writer
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
	// of each app looked up.
	apps    []string
	fanouts map[string]int64
}

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
		for i := range rows {
			if err := c.take(&rows[i]); err != nil || c.full {
				return err
			}
		}
		last := &rows[len(rows)-1]
		due, id = micros(last.Due), int64(last.ID)
	}
	return nil
}

const (
	dueOfKind = `SELECT id, event, endpoint, app, '', trigger, owner, due, attempts, last_attempt, order_key, order_pos, held, holds, released, settled
		FROM pending INDEXED BY pending_due
		WHERE owner IS NULL AND due IS NOT NULL AND endpoint = ? AND (attempts > 0) = ? AND due <= ? `
	oldestDue = dueOfKind + "AND (due, id) > (?, ?) ORDER BY due, id LIMIT ? + 0"
	newestDue = dueOfKind + "AND (due, id) < (?, ?) ORDER BY due DESC, id DESC LIMIT ? + 0"
)

func (c *claim) due(due, id int64, limit int, now time.Time) ([]bellhop.Delivery, error) {
	var rows []bellhop.Delivery
	sql := oldestDue
	if c.request.Newest {
		sql = newestDue
	}
	err := each(c.conn, func(st *sqlite.Stmt) { rows = append(rows, scanPending(st)) },
		sql, int64(c.request.Endpoint), c.request.Retries, micros(now), due, id, limit)
	return rows, err
}

// blockedInOrder and firstInOrder agree on what comes first: two deliveries may have
// the same position. The index ends with the id by itself, as all of them do. What is
// under way blocks whatever its position: it may have been claimed before the other
// was stored.
const (
	blockedInOrder = `SELECT 1 WHERE EXISTS (SELECT 1 FROM pending INDEXED BY pending_order
		WHERE endpoint = ?1 AND order_key = ?2 AND (order_pos, id) < (?3, ?4))
		OR EXISTS (SELECT 1 FROM pending INDEXED BY pending_busy
		WHERE owner IS NOT NULL AND endpoint = ?1 AND order_key = ?2)`
	firstInOrder = `SELECT id FROM pending INDEXED BY pending_order
		WHERE endpoint = ? AND order_key = ? ORDER BY order_pos, id LIMIT 1`
)

// take claims a delivery, or sets it aside: if an earlier one of its order is
// unfinished or still to be made, if another one is under way, or if it is for Sweep.
func (c *claim) take(d *bellhop.Delivery) error {
	waits, err := c.waits(d)
	if err != nil {
		return err
	}
	if waits || d.Settled != 0 {
		return c.setAside(d)
	}
	if back, err := c.overtakes(d); err != nil || back {
		c.heldBack = c.heldBack || back
		c.blocked++
		return err
	}
	e, err := c.event(d.Event)
	if err != nil {
		return err
	}
	if e.Erased {
		return c.setAside(d)
	}
	c.bytes += len(e.Data)
	if c.request.MaxBytes > 0 && c.bytes > c.request.MaxBytes && len(c.work) > 0 {
		c.full = true
		return nil
	}
	d.Type, d.Owner = e.Type, c.request.Lease.Node
	c.work = append(c.work, bellhop.Work{Delivery: *d, Event: e, Lease: c.request.Lease})
	return exec(c.conn, "UPDATE pending SET owner = ? WHERE id = ?", int(d.Owner), int64(d.ID))
}

func (c *claim) waits(d *bellhop.Delivery) (bool, error) {
	if d.OrderKey == "" {
		return false, nil
	}
	return one(c.conn, func(*sqlite.Stmt) {}, blockedInOrder, int64(d.Endpoint), d.OrderKey, int64(d.OrderPos), int64(d.ID))
}

// overtakes tells whether an ordered delivery would go before one that Spread has
// not made yet. That there is an earlier event whose fan-out goes on is enough: it
// does not take long.
func (c *claim) overtakes(d *bellhop.Delivery) (bool, error) {
	if d.OrderKey == "" {
		return false, nil
	}
	for _, app := range bellhop.HeldBackBy(d, c.apps) {
		oldest, known := c.fanouts[app]
		if !known {
			oldest = math.MaxInt64
			_, err := one(c.conn, func(st *sqlite.Stmt) { oldest = st.ColumnInt64(0) }, oldestFanoutOf, app, int64(d.Endpoint))
			if err != nil {
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

// HeldBack tells whether an ordered delivery waits for a fan-out.
func (s *Store) HeldBack(ctx context.Context, d bellhop.Delivery, apps []string) (held bool, err error) {
	if d.OrderKey == "" {
		return false, nil
	}
	err = s.read(ctx, "look for what holds a delivery back", func(c *sqlite.Conn) error {
		held = false
		for _, app := range bellhop.HeldBackBy(&d, apps) {
			_, err := one(c, func(st *sqlite.Stmt) { held = held || st.ColumnInt64(0) < int64(d.OrderPos) }, oldestFanoutOf, app, int64(d.Endpoint))
			if err != nil || held {
				return err
			}
		}
		return nil
	})
	return held, err
}

func (c *claim) setAside(d *bellhop.Delivery) error {
	c.blocked++
	return exec(c.conn, "UPDATE pending SET due = NULL WHERE id = ?", int64(d.ID))
}

func (c *claim) event(id bellhop.EventID) (*bellhop.Event, error) {
	if e := c.events[id]; e != nil {
		return e, nil
	}
	e := &bellhop.Event{}
	found, err := one(c.conn, func(st *sqlite.Stmt) { *e = scanEvent(st) },
		"SELECT "+eventColumns+", data FROM events WHERE id = ?", int64(id))
	if err == nil && !found {
		err = fmt.Errorf("event %v is gone, but has a pending delivery", id)
	}
	c.events[id] = e
	return e, err
}

const ownedIDs = "SELECT id FROM pending INDEXED BY pending_owner WHERE owner = ? AND endpoint = ?"

// Disown releases what is owned under the lease and none of known.
func (s *Store) Disown(ctx context.Context, l bellhop.Lease, e bellhop.EndpointID, known []bellhop.DeliveryID, now time.Time) error {
	keep := make(map[bellhop.DeliveryID]bool, len(known))
	for _, d := range known {
		keep[d] = true
	}
	return s.tidy(ctx, "disown", rowWeight, func(w *writer) error {
		if err := w.holds(l); err != nil {
			return err
		}
		var unknown []bellhop.DeliveryID
		err := each(w.conn, func(st *sqlite.Stmt) {
			if d := bellhop.DeliveryID(st.ColumnInt64(0)); !keep[d] {
				unknown = append(unknown, d)
			}
		}, ownedIDs, int(l.Node), int64(e))
		if err != nil {
			return err
		}
		for _, d := range w.fresh.all(func(d *freshDelivery) bool { return d.endpoint == e && d.owner == l.Node && !keep[d.id] }) {
			if err := w.leaveFastLane(d, leaving{due: d.due}); err != nil {
				return err
			}
		}
		return w.giveBack(l, unknown, now)
	})
}

// Release gives deliveries back, due as they were.
func (s *Store) Release(ctx context.Context, l bellhop.Lease, deliveries []bellhop.DeliveryID, now time.Time) error {
	if len(deliveries) == 0 {
		return nil
	}
	return s.tidy(ctx, "release", rowWeight*len(deliveries), func(w *writer) error {
		if err := w.holds(l); err != nil {
			return err
		}
		return w.giveBack(l, deliveries, now)
	})
}

const giveBackOne = "UPDATE pending SET owner = NULL WHERE id = ? AND owner = ? RETURNING endpoint, order_key"

// giveBack releases deliveries, and lets the first of each one's order go, which may
// have come meanwhile and be waiting.
func (w *writer) giveBack(l bellhop.Lease, deliveries []bellhop.DeliveryID, now time.Time) error {
	for _, d := range deliveries {
		if fresh := w.fresh.owned(d, l.Node); fresh != nil {
			if err := w.leaveFastLane(fresh, leaving{due: fresh.due}); err != nil {
				return err
			}
			continue
		}
		var endpoint int64
		var orderKey string
		_, err := one(w.conn, func(st *sqlite.Stmt) { endpoint, orderKey = st.ColumnInt64(0), st.ColumnText(1) },
			giveBackOne, int64(d), int(l.Node))
		if err == nil {
			err = w.promote(bellhop.EndpointID(endpoint), orderKey, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
