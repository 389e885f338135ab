package sqlite

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var errNoNode = errors.New("all node numbers are taken: stop a node, or wait until the lease of a dead one runs out")

// holds fails with ErrLeaseLost if the lease is over.
func (w *writer) holds(l bellhop.Lease) error {
	if epoch, held := w.state.leases[l.Node]; !held || epoch != l.Epoch {
		return bellhop.ErrLeaseLost
	}
	return nil
}

// setLease notes that a number is held under an epoch or, at 0, by nobody.
func (w *writer) setLease(n bellhop.NodeID, epoch int64) {
	w.state.leases = maps.Clone(w.state.leases)
	if epoch != 0 {
		w.state.leases[n] = epoch
	} else {
		delete(w.state.leases, n)
	}
}

// Join registers a process under a free node number.
func (s *Store) Join(ctx context.Context, about bellhop.NodeAbout, length time.Duration, now time.Time) (bellhop.Node, error) {
	var n bellhop.Node
	err := s.write(ctx, "join", rowWeight, func(w *writer) error {
		if err := w.writeDownAll(); err != nil { // for highestID
			return err
		}
		number, epoch, err := w.freeNode(now)
		if err != nil {
			return err
		}
		floor, err := w.highestID(number, now)
		if err != nil {
			return err
		}
		epoch++
		n = bellhop.Node{Lease: bellhop.Lease{Node: number, Epoch: epoch}, Floor: floor, Until: now.Add(length), Now: now}
		if err := w.releaseNode(number, now); err != nil {
			return err
		}
		w.setLease(number, epoch)
		return exec(w.conn, "INSERT OR REPLACE INTO nodes (id, lease_until, held, epoch, name, version, started, joined, mark) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)",
			int(number), micros(n.Until), epoch, about.Name, about.Version, micros(about.Started), micros(now), w.moveMark(now))
	})
	return n, err
}

// freeNode gives a number and its last epoch. It prefers the number that has been free the
// longest, so that the ids of two processes differ even if one's clock is behind.
func (w *writer) freeNode(now time.Time) (longest bellhop.NodeID, epoch int64, err error) {
	used := map[bellhop.NodeID]bool{}
	ended := micros(now)
	err = each(w.conn, func(st *sqlite.Stmt) {
		number := bellhop.NodeID(st.ColumnInt(0))
		used[number] = true
		if longest == 0 && (!st.ColumnBool(2) || st.ColumnInt64(1) <= ended) {
			longest, epoch = number, st.ColumnInt64(3)
		}
	}, "SELECT id, lease_until, held, epoch FROM nodes ORDER BY lease_until, id")
	if err != nil {
		return 0, 0, err
	}
	for number := bellhop.NodeID(1); number <= id.MaxNode; number++ {
		if !used[number] {
			return number, 0, nil
		}
	}
	if longest == 0 {
		return 0, 0, errNoNode
	}
	return longest, epoch, nil
}

// highestIDs is the highest below ?1, or from there on of those that node ?2 has made.
const highestIDs = `SELECT max(coalesce((SELECT max(id) FROM events WHERE id < ?1), 0), coalesce((SELECT max(id) FROM attempts WHERE id < ?1), 0),
	coalesce((SELECT max(id) FROM pending WHERE id < ?1), 0), coalesce((SELECT max(id) FROM audit WHERE id < ?1), 0),
	coalesce((SELECT max(id) FROM endpoints WHERE id < ?1), 0), coalesce((SELECT max(id) FROM keys WHERE id < ?1), 0),
	coalesce((SELECT max(id) FROM events WHERE id >= ?1 AND id >> 12 & 511 = ?2), 0), coalesce((SELECT max(id) FROM attempts WHERE id >= ?1 AND id >> 12 & 511 = ?2), 0),
	coalesce((SELECT max(id) FROM pending WHERE id >= ?1 AND id >> 12 & 511 = ?2), 0), coalesce((SELECT max(id) FROM audit WHERE id >= ?1 AND id >> 12 & 511 = ?2), 0),
	coalesce((SELECT max(id) FROM endpoints WHERE id >= ?1 AND id >> 12 & 511 = ?2), 0), coalesce((SELECT max(id) FROM keys WHERE id >= ?1 AND id >> 12 & 511 = ?2), 0))`

// highestID is the highest that a number may have made. What is further ahead than
// ClockSlack counts if the number has made it: its leases do not say that, since they end by
// a clock that was set back meanwhile.
func (w *writer) highestID(number bellhop.NodeID, now time.Time) (highest int64, err error) {
	_, err = one(w.conn, func(st *sqlite.Stmt) { highest = st.ColumnInt64(0) },
		highestIDs, int64(id.First[id.Event](now.Add(bellhop.ClockSlack))), int(number))
	return highest, err
}

// Renew extends the lease, and writes down what has been under way for a while.
func (s *Store) Renew(ctx context.Context, l bellhop.Lease, status *bellhop.NodeStatus, length time.Duration, now time.Time) (time.Time, error) {
	err := s.write(ctx, "renew the lease", rowWeight, func(w *writer) error {
		if err := w.holds(l); err != nil {
			return err
		}
		mark := w.moveMark(now)
		if status == nil {
			return exec(w.conn, "UPDATE nodes SET lease_until = ?, mark = ? WHERE id = ?", micros(now.Add(length)), mark, int(l.Node))
		}
		return exec(w.conn, "UPDATE nodes SET lease_until = ?, mark = ?, status = ? WHERE id = ?", micros(now.Add(length)), mark, toJSON(status), int(l.Node))
	})
	if err != nil {
		return now, err
	}
	if err := s.spill(ctx, now); err != nil && ctx.Err() == nil {
		s.log.Info("what is under way for long is written down later", "error", err)
	}
	return now, nil
}

// Nodes lists who holds a lease.
func (s *Store) Nodes(ctx context.Context) (list []bellhop.NodeInfo, err error) {
	err = s.readFor(ctx, forFlow, "list the nodes", func(c *sqlite.Conn) error {
		list, err = nodes(c, "started <> 0")
		return err
	})
	return list, err
}

// nodes lists those who hold a lease and for whom a condition holds.
func nodes(c *sqlite.Conn, condition string, args ...any) (list []bellhop.NodeInfo, err error) {
	err = each(c, func(st *sqlite.Stmt) {
		n := bellhop.NodeInfo{
			Lease:     bellhop.Lease{Node: bellhop.NodeID(st.ColumnInt(0)), Epoch: st.ColumnInt64(1)},
			NodeAbout: bellhop.NodeAbout{Name: st.ColumnText(2), Version: st.ColumnText(3), Started: moment(st.ColumnInt64(4))},
			Joined:    moment(st.ColumnInt64(5)), Until: moment(st.ColumnInt64(6)),
		}
		_ = fromJSON(st, 7, &n.Status)
		list = append(list, n)
	}, "SELECT id, epoch, name, version, started, joined, lease_until, status FROM nodes WHERE held = 1 AND "+condition+" ORDER BY id", args...)
	return list, err
}

// Leave ends the lease and releases what is owned under it.
func (s *Store) Leave(ctx context.Context, l bellhop.Lease, now time.Time) error {
	return s.write(ctx, "leave", rowWeight, func(w *writer) error {
		if w.holds(l) != nil {
			return nil // it is over already: what it owned is released
		}
		if err := exec(w.conn, "UPDATE nodes SET lease_until = ? WHERE id = ?", micros(now), int(l.Node)); err != nil {
			return err
		}
		return w.releaseNode(l.Node, now)
	})
}

// releaseNode gives back all that the node owns, and its number.
func (w *writer) releaseNode(node bellhop.NodeID, now time.Time) error {
	w.setLease(node, 0)
	for _, d := range w.fresh.all(func(d *freshDelivery) bool { return d.owner == node }) {
		if err := w.leaveFastLane(d, leaving{due: d.due}); err != nil {
			return err
		}
	}
	if err := w.releaseAll(now, releaseOwned+" = ?"+released, int(node)); err != nil {
		return err
	}
	return exec(w.conn, "UPDATE nodes SET held = 0 WHERE id = ?", int(node))
}

const (
	releaseOwned = "UPDATE pending SET owner = NULL WHERE owner"
	released     = " RETURNING id, endpoint, order_key"
)

// releaseAll runs a statement that releases deliveries, and lets the first of each
// one's order go. Where nobody told the time, that has been due since the other came.
func (w *writer) releaseAll(now time.Time, sql string, args ...any) error {
	type order struct {
		endpoint bellhop.EndpointID
		key      string
	}
	free := map[order]time.Time{}
	err := each(w.conn, func(st *sqlite.Stmt) {
		if st.ColumnIsNull(2) {
			return
		}
		due := now
		if due.IsZero() {
			due = bellhop.DeliveryID(st.ColumnInt64(0)).Time()
		}
		free[order{bellhop.EndpointID(st.ColumnInt64(1)), st.ColumnText(2)}] = due
	}, sql, args...)
	for o, due := range free {
		if err == nil {
			err = w.promote(o.endpoint, o.key, due)
		}
	}
	return err
}

const leaseOver = "lease_until <= ?"

// TakeOver ends leases that ran out. It looks first, because it is called often and
// nearly always finds none.
func (s *Store) TakeOver(ctx context.Context, now time.Time) (dead []bellhop.NodeInfo, err error) {
	err = s.readFor(ctx, forFlow, "look for dead nodes", func(c *sqlite.Conn) error {
		dead, err = nodes(c, leaseOver, micros(now))
		return err
	})
	if err != nil || len(dead) == 0 {
		return nil, err
	}
	err = s.write(ctx, "take over from dead nodes", rowWeight, func(w *writer) error {
		var err error
		dead, err = nodes(w.conn, leaseOver, micros(now))
		for _, n := range dead {
			if err == nil {
				err = w.releaseNode(n.Lease.Node, now)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return dead, nil
}

const (
	nextOverdue = `SELECT endpoint FROM pending INDEXED BY pending_due
		WHERE owner IS NULL AND due IS NOT NULL AND endpoint > ? ORDER BY endpoint LIMIT 1`
	// What waits at an endpoint whose ordering was changed has been due since then.
	waitingToReorder = `SELECT endpoint, since FROM reorders r WHERE EXISTS
		(SELECT 1 FROM pending p INDEXED BY pending_idle_endpoint WHERE p.owner IS NULL AND p.endpoint = r.endpoint) ORDER BY endpoint`
)

// Overdue lists endpoints with unowned deliveries.
func (s *Store) Overdue(ctx context.Context, of []bellhop.Bucket, until time.Time) ([]bellhop.Backlog, error) {
	var list []bellhop.Backlog
	err := s.readFor(ctx, forFlow, "list the backlog", func(c *sqlite.Conn) error {
		list = nil
		due := map[int64]time.Time{}
		err := each(c, func(st *sqlite.Stmt) { due[st.ColumnInt64(0)] = moment(st.ColumnInt64(1)) }, waitingToReorder)
		releasing := map[int64]time.Time{}
		if err == nil {
			err = each(c, func(st *sqlite.Stmt) { releasing[st.ColumnInt64(0)] = moment(st.ColumnInt64(1)) }, "SELECT endpoint, since FROM releases")
		}
		add := func(endpoint int64, retries bool, at time.Time) {
			if of != nil && !slices.Contains(of, bellhop.BucketOf(bellhop.EndpointID(endpoint))) {
				return
			}
			if !at.IsZero() && (until.IsZero() || at.Before(until)) {
				list = append(list, bellhop.Backlog{Endpoint: bellhop.EndpointID(endpoint), Retries: retries, Due: at})
			}
		}
		// From endpoint to endpoint, instead of over all their rows.
		after, found := int64(0), err == nil
		for err == nil && found {
			if found, err = one(c, func(st *sqlite.Stmt) { after = st.ColumnInt64(0) }, nextOverdue, after); err != nil || !found {
				break
			}
			for _, retries := range []bool{false, true} {
				at, err := nextDue(c, after, retries)
				if err != nil {
					return err
				}
				carried := due
				if retries {
					carried = releasing
				}
				if since, ok := carried[after]; ok && (at.IsZero() || since.Before(at)) {
					at = since
				}
				add(after, retries, at)
			}
			delete(due, after)
			delete(releasing, after)
		}
		for endpoint, since := range releasing {
			add(endpoint, true, since)
		}
		for endpoint, since := range due {
			add(endpoint, false, since)
		}
		return err
	})
	slices.SortStableFunc(list, func(a, b bellhop.Backlog) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return list, err
}
