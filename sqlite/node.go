package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var errNoNode = errors.New("all node numbers are taken: stop a node, or wait until the lease of a dead one runs out")

// Join registers a process under a free node number.
func (s *Store) Join(ctx context.Context, length time.Duration, now time.Time) (bellhop.Node, error) {
	var n bellhop.Node
	err := s.write(ctx, "join", rowWeight, func(w *writer) error {
		number, err := w.freeNode(now)
		if err != nil {
			return err
		}
		floor, err := w.highestID()
		if err != nil {
			return err
		}
		n = bellhop.Node{ID: number, Floor: floor, LeaseUntil: now.Add(length)}
		if err := w.releaseNode(number); err != nil {
			return err
		}
		w.setNode(number, true)
		return exec(w.conn, "INSERT OR REPLACE INTO nodes (id, lease_until, held) VALUES (?, ?, 1)", int(number), micros(n.LeaseUntil))
	})
	return n, err
}

// freeNode prefers the number that has been free the longest: a process that
// wakes after a long sleep and renews must not find its old number in somebody
// else's hands.
func (w *writer) freeNode(now time.Time) (bellhop.NodeID, error) {
	used := map[bellhop.NodeID]bool{}
	longest, held := bellhop.NodeID(0), micros(now)
	err := each(w.conn, func(st *sqlite.Stmt) {
		number := bellhop.NodeID(st.ColumnInt(0))
		used[number] = true
		if longest == 0 && (!st.ColumnBool(2) || st.ColumnInt64(1) <= held) {
			longest = number
		}
	}, "SELECT id, lease_until, held FROM nodes ORDER BY lease_until, id")
	if err != nil {
		return 0, err
	}
	for number := bellhop.NodeID(1); number <= id.MaxNode; number++ {
		if !used[number] {
			return number, nil
		}
	}
	if longest == 0 {
		return 0, errNoNode
	}
	return longest, nil
}

func (w *writer) highestID() (highest int64, err error) {
	_, err = one(w.conn, func(st *sqlite.Stmt) { highest = st.ColumnInt64(0) },
		`SELECT max(coalesce((SELECT max(id) FROM events), 0), coalesce((SELECT max(id) FROM attempts), 0),
			coalesce((SELECT max(id) FROM pending), 0), coalesce((SELECT max(id) FROM audit), 0),
			coalesce((SELECT max(id) FROM endpoints), 0), coalesce((SELECT max(id) FROM keys), 0))`)
	return highest, err
}

// Renew extends the lease.
func (s *Store) Renew(ctx context.Context, node bellhop.NodeID, length time.Duration, now time.Time) error {
	return s.write(ctx, "renew the lease", rowWeight, func(w *writer) error {
		if !w.state.nodes[node] {
			return bellhop.ErrLeaseLost
		}
		return exec(w.conn, "UPDATE nodes SET lease_until = ? WHERE id = ?", micros(now.Add(length)), int(node))
	})
}

// Leave releases what the node owns, and its number.
func (s *Store) Leave(ctx context.Context, node bellhop.NodeID, now time.Time) error {
	return s.write(ctx, "leave", rowWeight, func(w *writer) error {
		if !w.state.nodes[node] {
			return nil // taken over already: what it owned is released
		}
		if err := exec(w.conn, "UPDATE nodes SET lease_until = ? WHERE id = ?", micros(now), int(node)); err != nil {
			return err
		}
		return w.releaseNode(node)
	})
}

// releaseNode gives back all that the node owns, and its number.
func (w *writer) releaseNode(node bellhop.NodeID) error {
	w.setNode(node, false)
	if err := exec(w.conn, "UPDATE pending SET owner = NULL WHERE owner = ?", int(node)); err != nil {
		return err
	}
	return exec(w.conn, "UPDATE nodes SET held = 0 WHERE id = ?", int(node))
}

// Backlog takes over from dead nodes and lists endpoints with unowned deliveries.
func (s *Store) Backlog(ctx context.Context, now time.Time) ([]bellhop.Backlog, error) {
	if err := s.takeOver(ctx, now); err != nil {
		return nil, err
	}
	var list []bellhop.Backlog
	err := s.read(ctx, "list the backlog", func(c *sqlite.Conn) error {
		// From endpoint to endpoint, instead of over all their rows.
		after, found := int64(0), true
		for found {
			var err error
			found, err = one(c, func(st *sqlite.Stmt) {
				after = st.ColumnInt64(0)
				list = append(list, bellhop.Backlog{Endpoint: bellhop.EndpointID(after), Due: moment(st.ColumnInt64(1))})
			}, `SELECT endpoint, due FROM pending INDEXED BY pending_due
				WHERE owner IS NULL AND due IS NOT NULL AND endpoint > ? ORDER BY endpoint, due LIMIT 1`, after)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

const deadNodes = "SELECT id FROM nodes WHERE held = 1 AND lease_until <= ?"

// takeOver releases the deliveries of dead nodes. It looks first, because it is
// called often and nearly always finds none.
func (s *Store) takeOver(ctx context.Context, now time.Time) error {
	dead := false
	err := s.read(ctx, "look for dead nodes", func(c *sqlite.Conn) error {
		return each(c, func(*sqlite.Stmt) { dead = true }, deadNodes, micros(now))
	})
	if err != nil || !dead {
		return err
	}
	return s.write(ctx, "take over from dead nodes", rowWeight, func(w *writer) error {
		var list []bellhop.NodeID
		if err := each(w.conn, func(st *sqlite.Stmt) { list = append(list, bellhop.NodeID(st.ColumnInt(0))) }, deadNodes, micros(now)); err != nil {
			return err
		}
		for _, n := range list {
			if err := w.releaseNode(n); err != nil {
				return err
			}
		}
		return nil
	})
}
